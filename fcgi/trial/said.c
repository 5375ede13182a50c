#include "trial/said.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define LINE_MOST 8192 /* from the mark to the end of a name */

struct name {
    const char *text;
    size_t number;
};

struct trial_said {
    struct name *names; /* sorted */
    enum trial_result *results;
    size_t count;
    struct buf rest; /* what may be the begin of a line that tells something */
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

struct trial_said *trial_said_new(const struct trial_command *command)
{
    struct trial_said *said;

    if (!command->says)
        return NULL;
    said = xcalloc(1, sizeof(*said));
    said->rest = (struct buf)BUF_INIT;
    said->count = command->part_count + 1;
    said->names = xcalloc(said->count, sizeof(*said->names));
    said->results = xcalloc(said->count, sizeof(*said->results));
    for (size_t i = 0; i < said->count; i++) {
        said->names[i] = (struct name){i == 0 ? command->says : command->parts[i - 1].says, i};
        said->results[i] = TRIAL_FAILED;
    }
    qsort(said->names, said->count, sizeof(*said->names), by_text);
    return said;
}

void trial_said_free(struct trial_said *said)
{
    if (!said)
        return;
    free(said->names);
    free(said->results);
    buf_release(&said->rest);
    free(said);
}

static void take(struct trial_said *said, const char *name, size_t length, enum trial_result result)
{
    char *copy = xstrndup(name, length);
    const struct name wanted = {.text = copy}, *found;

    found = bsearch(&wanted, said->names, said->count, sizeof(*said->names), by_text);
    for (; found && found > said->names && strcmp(found[-1].text, copy) == 0; found--)
        ;
    for (; found && found < said->names + said->count && strcmp(found->text, copy) == 0; found++)
        said->results[found->number] = result;
    free(copy);
}

/* What stands in the text from a mark on. False: it is not whole yet. */
static bool read_mark(struct trial_said *said, const char *at, size_t left)
{
    static const struct {
        const char *mark;
        enum trial_result result;
    } marks[] = {{"--- PASS: ", TRIAL_PASSED}, {"--- SKIP: ", TRIAL_SKIPPED}};
    size_t length = strlen(marks[0].mark);

    if (left < length)
        return false;
    for (size_t i = 0; i < 2; i++) {
        const char *end;

        if (strncmp(at, marks[i].mark, length) != 0)
            continue;
        end = memmem(at, left < LINE_MOST ? left : LINE_MOST, " (", 2);
        if (!end)
            return left >= LINE_MOST;
        take(said, at + length, (size_t)(end - at) - length, marks[i].result);
    }
    return true;
}

/* A test may print without a line's end before its mark, which is then within a line. */
void trial_said_hear(struct trial_said *said, const char *text, size_t length)
{
    size_t at = 0;
    const char *mark;

    buf_add(&said->rest, text, length);
    while ((mark = memmem(said->rest.data + at, said->rest.length - at, "---", 3))) {
        at = (size_t)(mark - said->rest.data);
        if (!read_mark(said, mark, said->rest.length - at))
            break;
        at++;
    }
    if (!mark) /* but for what may be the begin of one */
        at = said->rest.length > 2 && said->rest.length - 2 > at ? said->rest.length - 2 : at;
    memmove(said->rest.data, said->rest.data + at, said->rest.length - at);
    buf_truncate(&said->rest, said->rest.length - at);
}

enum trial_result *trial_said_take(struct trial_said *said)
{
    return TAKE_PTR(said->results);
}
