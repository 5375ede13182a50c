#include "dataset/patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

struct line {
    const char *text;
    size_t length; /* with its end */
};

static bool next_line(const char **at, struct line *ret_line)
{
    size_t length = strcspn(*at, "\n");

    if (!**at)
        return false;
    *ret_line = (struct line){*at, length + ((*at)[length] == '\n')};
    *at += ret_line->length;
    return true;
}

static bool begins(const struct line *line, const char *word)
{
    return line->length >= strlen(word) && memcmp(line->text, word, strlen(word)) == 0;
}

/* --- hunks ----------------------------------------------------------------------------------- */

struct hunk {
    long old_start, old_left, new_start, new_left;
    size_t heading; /* where in the line what is behind the second @@ begins */
};

/* "12,3" or "12", which means one line. */
static const char *take_range(const char *at, long *ret_start, long *ret_count)
{
    char *end;

    *ret_start = strtol(at, &end, 10);
    *ret_count = 1;
    if (end == at)
        return NULL;
    if (*end == ',') {
        at = end + 1;
        *ret_count = strtol(at, &end, 10);
        if (end == at)
            return NULL;
    }
    return *ret_start < 0 || *ret_count < 0 ? NULL : end;
}

static bool take_hunk(const struct line *line, struct hunk *ret_hunk)
{
    struct hunk hunk;
    const char *at;

    if (!begins(line, "@@ -"))
        return false;
    at = take_range(line->text + 4, &hunk.old_start, &hunk.old_left);
    if (!at || strncmp(at, " +", 2) != 0)
        return false;
    at = take_range(at + 2, &hunk.new_start, &hunk.new_left);
    if (!at || strncmp(at, " @@", 3) != 0)
        return false;
    hunk.heading = (size_t)(at + 3 - line->text);
    *ret_hunk = hunk;
    return true;
}

/* Lines that a reversed hunk takes away come before those that it adds, as is the custom. */
struct run {
    struct buf taken, added;
    struct buf *last; /* where the line before went; NULL: straight out */
};

static void end_run(struct run *run, struct buf *out)
{
    buf_add(out, run->taken.data, run->taken.length);
    buf_add(out, run->added.data, run->added.length);
    buf_clear(&run->taken);
    buf_clear(&run->added);
    run->last = NULL;
}

static bool take_hunk_line(struct hunk *hunk, struct run *run, const struct line *line,
                           struct buf *out)
{
    switch (line->text[0]) {
    case '-':
        buf_add_char(&run->added, '+');
        run->last = &run->added;
        hunk->old_left--;
        break;
    case '+':
        buf_add_char(&run->taken, '-');
        run->last = &run->taken;
        hunk->new_left--;
        break;
    case '\\': /* "No newline at end of file", of the line before */
        buf_add(run->last ? run->last : out, line->text, line->length);
        return true;
    case ' ':
    case '\n': /* an empty line whose blank was lost on the way */
        end_run(run, out);
        buf_add(out, line->text, line->length);
        hunk->old_left--;
        hunk->new_left--;
        return true;
    default:
        return false;
    }
    buf_add(run->last, line->text + 1, line->length - 1);
    return true;
}

static int reverse_hunk(const struct line *head, struct hunk hunk, const char **at, struct buf *out,
                        struct error *err)
{
    struct run run = {.taken = BUF_INIT, .added = BUF_INIT};
    struct line line;
    int status = 0;

    buf_addf(out, "@@ -%ld,%ld +%ld,%ld @@", hunk.new_start, hunk.new_left, hunk.old_start,
             hunk.old_left);
    buf_add(out, head->text + hunk.heading, head->length - hunk.heading);
    while (status == 0 && (hunk.old_left > 0 || hunk.new_left > 0 || **at == '\\')) {
        if (!next_line(at, &line) || !take_hunk_line(&hunk, &run, &line, out))
            status = error_set(err, ERROR_INVALID, NULL, "the patch is cut off in a hunk");
    }
    end_run(&run, out);
    buf_release(&run.taken);
    buf_release(&run.added);
    return status;
}

/* --- heads ----------------------------------------------------------------------------------- */

static void add_name(struct buf *out, const char *prefix, const char *side, const struct line *line)
{
    const char *name = line->text + 4;
    size_t length = line->length - 4;

    buf_add_str(out, prefix);
    if (length > 2 && (memcmp(name, "a/", 2) == 0 || memcmp(name, "b/", 2) == 0)) {
        buf_add_str(out, side);
        name += 2;
        length -= 2;
    }
    buf_add(out, name, length);
}

/* "index 1234..5678 100644" */
static void reverse_index(const struct line *line, struct buf *out)
{
    const char *from = line->text + strlen("index "), *end = line->text + line->length;
    const char *dots = memmem(from, (size_t)(end - from), "..", 2), *to, *rest;

    if (!dots) {
        buf_add(out, line->text, line->length);
        return;
    }
    to = dots + 2;
    rest = to + strcspn(to, " \n");
    buf_addf(out, "index %.*s..%.*s", (int)(rest - to), to, (int)(dots - from), from);
    buf_add(out, rest, (size_t)(end - rest));
}

/* Words of heads that change places; of two lines the first names the second's place. */
static const struct {
    const char *word, *becomes;
    bool first, second;
} head_words[] = {
    {"old mode ", "new mode ", true, false},
    {"new mode ", "old mode ", false, true},
    {"rename from ", "rename to ", true, false},
    {"rename to ", "rename from ", false, true},
    {"new file mode ", "deleted file mode ", false, false},
    {"deleted file mode ", "new file mode ", false, false},
};

/* held: the first of two lines, until the second has come. */
static bool reverse_word(const struct line *line, struct buf *held, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(head_words); i++) {
        size_t length = strlen(head_words[i].word);
        struct buf *to = head_words[i].first ? held : out;

        if (!begins(line, head_words[i].word))
            continue;
        buf_add_str(to, head_words[i].becomes);
        buf_add(to, line->text + length, line->length - length);
        if (head_words[i].second) {
            buf_add(out, held->data, held->length);
            buf_clear(held);
        }
        return true;
    }
    return false;
}

static int reverse_head(const struct line *line, const char **at, struct buf *held, struct buf *out,
                        struct error *err)
{
    struct line other;

    if (begins(line, "GIT binary patch") || begins(line, "Binary files "))
        return error_set(err, ERROR_INVALID, NULL, "the patch holds a binary file");
    if (begins(line, "copy from "))
        return error_set(err, ERROR_INVALID, NULL, "the patch copies a file");
    if (begins(line, "--- ")) {
        if (!next_line(at, &other) || !begins(&other, "+++ "))
            return error_set(err, ERROR_INVALID, NULL, "the patch has a '---' without a '+++'");
        add_name(out, "--- ", "a/", &other);
        add_name(out, "+++ ", "b/", line);
        return 0;
    }
    if (begins(line, "index "))
        reverse_index(line, out);
    else if (!reverse_word(line, held, out))
        buf_add(out, line->text, line->length);
    return 0;
}

int patch_reverse(const char *patch, struct buf *out, struct error *err)
{
    _cleanup_(buf_release) struct buf held = BUF_INIT, reversed = BUF_INIT;
    bool any = false;
    struct line line;
    struct hunk hunk;

    while (next_line(&patch, &line)) {
        bool is_hunk = take_hunk(&line, &hunk);

        any |= is_hunk || begins(&line, "diff --git ");
        if ((is_hunk ? reverse_hunk(&line, hunk, &patch, &reversed, err)
                     : reverse_head(&line, &patch, &held, &reversed, err)) < 0)
            return -1;
    }
    if (!any)
        return error_set(err, ERROR_INVALID, NULL, "the patch is no diff");
    buf_add(out, reversed.data, reversed.length);
    return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

static void skip_hunk(struct hunk hunk, const char **at)
{
    struct line line;

    while ((hunk.old_left > 0 || hunk.new_left > 0) && next_line(at, &line)) {
        hunk.old_left -= line.text[0] != '+' && line.text[0] != '\\';
        hunk.new_left -= line.text[0] != '-' && line.text[0] != '\\';
    }
}

void patch_files(const char *patch, void (*each)(const char *path, bool is_new, void *arg),
                 void *arg)
{
    bool is_new = false;
    struct line line;
    struct hunk hunk;

    while (next_line(&patch, &line)) {
        if (take_hunk(&line, &hunk)) {
            skip_hunk(hunk, &patch);
        } else if (begins(&line, "--- ")) {
            is_new = begins(&line, "--- /dev/null");
        } else if (begins(&line, "+++ ") && !begins(&line, "+++ /dev/null")) {
            const char *name = line.text + 4 + (begins(&line, "+++ b/") ? 2 : 0);
            _cleanup_(free_ptr) char *path = xstrndup(name, strcspn(name, "\t\r\n"));

            each(path, is_new, arg);
        }
    }
}
