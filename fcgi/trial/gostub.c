#include "trial/gostub.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"
#include "trial/copy.h"

#include "base/banned.h"

#define TESTS_END "_test.go"
#define BOM "\xef\xbb\xbf" /* only at the very begin of a file */

/* The preparation has files of the same packages and imports: as this makes a difference, what was
 * compiled from them is never taken for what is to be compiled from the tests. */
#define MARK "// The compiler gets this file from elsewhere.\n"

/* --- comments that are read ------------------------------------------------------------------ */

static bool begins(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* Is it a comment for the go command, before the package? "// +build" is the old form. */
static bool is_constraint(const char *comment)
{
    return begins(comment, "//go:") || begins(comment + 2 + strspn(comment + 2, " \t"), "+build");
}

static bool is_embed(const char *comment)
{
    return begins(comment, "//go:embed ") || begins(comment, "//go:embed\t");
}

static bool begins_line(const struct gotext *go, size_t at)
{
    while (at > 0 && strchr(" \t", go->text[at - 1]))
        at--;
    return at == 0 || go->text[at - 1] == '\n' || (at == strlen(BOM) && begins(go->text, BOM));
}

/* In the part of the text, each in its own line. */
static void add_comments(const struct gotext *go, size_t start, size_t end,
                         bool (*is_meant)(const char *comment), struct buf *stub)
{
    size_t comment;

    for (size_t at = start; gotext_next_comment(go, &at, &comment) && comment < end;) {
        size_t length = strcspn(go->text + comment, "\r\n");

        if (begins_line(go, comment) && is_meant(go->text + comment))
            buf_addf(stub, "%.*s\n", (int)length, go->text + comment);
    }
}

/* --- imports --------------------------------------------------------------------------------- */

struct importing {
    struct buf *stub;
    bool is_sure;
};

static void add_import(void *arg, const char *path, size_t length)
{
    struct importing *importing = arg;

    if (length < 3 || path[length - 1] != path[0] || (length == 3 && path[1] == 'C'))
        importing->is_sure = false;
    buf_addf(importing->stub, "import _ %.*s\n", (int)length, path);
}

static bool begins_code_line(const struct gotext *go, size_t at)
{
    return at > 0 && go->text[at - 1] == '\n';
}

/* Each declaration must be where gotext_each_import looks for it, and none behind it in its line.
 */
static bool add_imports(const struct gotext *go, struct buf *stub)
{
    struct importing importing = {stub, true};
    size_t at = 0;

    while ((at = gotext_find_word(go, at, go->length, "import")) < go->length) {
        if (!begins_code_line(go, at))
            return false;
        at += strlen("import");
    }
    gotext_each_import(go, add_import, &importing);
    return importing.is_sure;
}

/* --- functions ------------------------------------------------------------------------------- */

/* Would the go command look at a function of this name? */
static bool is_test(const struct gotext *go, size_t name)
{
    static const char *const words[] = {"Test", "Benchmark", "Fuzz", "Example"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (begins(go->code + name, words[i]) &&
            !islower((unsigned char)go->code[name + strlen(words[i])]))
            return true;
    return false;
}

static size_t count_tests(const struct gotext *go)
{
    size_t count = 0, at = 0;

    while ((at = gotext_find_word(go, at, go->length, "func")) < go->length) {
        size_t name = gotext_skip_blanks(go, at + strlen("func"));

        count += gotext_word_length(go, name) > 0 && is_test(go, name);
        at += strlen("func");
    }
    return count;
}

/* The last comment of an example says what it prints. */
static bool add_output(const struct gotext *go, const struct gotext_function *function,
                       struct buf *stub)
{
    _cleanup_(free_ptr) char *body = NULL;
    size_t at = function->close, length;

    while (isspace((unsigned char)go->code[at - 1]))
        at--;
    length = function->close - at;
    if (strspn(go->text + at, " \t\r\n") < length) {
        buf_addf(stub, "%.*s", (int)length, go->text + at);
        return true;
    }
    body = xstrndup(go->text + function->open, at - function->open);
    return !strcasestr(body, "output:");
}

static bool add_functions(const struct gotext *go, struct buf *stub)
{
    struct gotext_function function;
    size_t count = 0;

    for (size_t at = 0; gotext_next_function(go, &at, &function);) {
        if (function.is_method || !is_test(go, function.name))
            continue;
        buf_addf(stub, "%.*s", (int)(function.open + 1 - function.start),
                 go->text + function.start);
        if (begins(go->code + function.name, "Example") && !add_output(go, &function, stub))
            return false;
        buf_add_str(stub, "}\n");
        count++;
    }
    return count == count_tests(go);
}

/* --- the file -------------------------------------------------------------------------------- */

/* Does a word stand in the rest of the line? */
static bool is_in_line(const struct gotext *go, size_t at)
{
    return gotext_word_length(go, at + strspn(go->code + at, " \t")) > 0;
}

char *trial_gostub_new(const struct gotext *go)
{
    _cleanup_(buf_release) struct buf stub = BUF_INIT;
    _cleanup_(free_ptr) char *package = gotext_package(go);
    size_t clause = gotext_find_word(go, 0, go->length, "package");

    if (!package[0] || !is_in_line(go, clause + strlen("package")))
        return NULL;
    add_comments(go, 0, clause, is_constraint, &stub);
    buf_addf(&stub, "\npackage %s\n", package);
    if (!add_imports(go, &stub))
        return NULL;
    add_comments(go, clause, go->length, is_embed, &stub);
    if (!add_functions(go, &stub))
        return NULL;
    buf_add_str(&stub, MARK);
    return buf_take(&stub);
}

/* --- those that are not compiled ------------------------------------------------------------- */

struct adding {
    struct trial_writing *writing;
    json_object *run;
    const struct gotests *tests;
};

static bool is_test_file(const char *path)
{
    size_t length = strlen(path), end = strlen(TESTS_END);

    return length >= end && strcmp(path + length - end, TESTS_END) == 0;
}

static bool is_used(const struct gotests *tests, const char *path)
{
    for (size_t i = 0; i < tests->file_count; i++)
        if (tests->files[i].is_used && strcmp(tests->files[i].path, path) == 0)
            return true;
    return false;
}

/* One that can't be read as a text stays as it is. */
static enum walk_next add_thing(void *arg, const struct walk_thing *thing, struct error *err)
{
    const struct adding *adding = arg;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(gotext_release) struct gotext go = {0};
    _cleanup_(free_ptr) char *stub = NULL;
    struct error ignored = ERROR_INIT;

    if (S_ISDIR(thing->st->st_mode))
        return strcmp(thing->name, "testdata") == 0 ? WALK_OVER : WALK_ON;
    if (!S_ISREG(thing->st->st_mode) || !is_test_file(thing->path) ||
        is_used(adding->tests, thing->path) ||
        file_read(thing->dir_fd, thing->name, TRIAL_SOURCE_MOST, &text, &ignored) < 0 ||
        text.length == 0 || memchr(text.data, 0, text.length))
        return WALK_ON;
    gotext_read(&go, text.data);
    stub = trial_gostub_new(&go);
    return !stub || trial_file_add(adding->writing, adding->run, thing->path, stub, err) == 0
               ? WALK_ON
               : WALK_STOP;
}

int trial_gostub_add_unused(struct trial_writing *writing, json_object *run,
                            const struct gotests *tests, struct error *err)
{
    _cleanup_(close_fd) int fd =
        openat(writing->plan_fd, TRIAL_TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct adding adding = {writing, run, tests};

    return fd < 0 ? error_errno(err, errno, "cannot open the folder of the tests")
                  : walk(fd, add_thing, &adding, err);
}
