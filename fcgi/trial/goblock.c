#include "trial/goblock.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

/* --- calls ----------------------------------------------------------------------------------- */

bool gocall_read(const struct gotext *go, const struct gotext_statement *statement,
                 struct gocall *ret_call)
{
    struct gocall call = {.owner = statement->start};

    call.owner_length = gotext_word_length(go, call.owner);
    call.name = call.owner + call.owner_length + 1;
    if (statement->kind != GOTEXT_SIMPLE || call.owner_length == 0 ||
        go->code[call.name - 1] != '.')
        return false;
    call.name_length = gotext_word_length(go, call.name);
    call.open = call.name + call.name_length;
    if (call.name_length == 0 || go->code[call.open] != '(')
        return false;
    call.close = gotext_match(go, call.open, statement->end);
    if (call.close == 0 || gotext_skip_blanks(go, call.close + 1) < statement->end)
        return false;
    *ret_call = call;
    return true;
}

bool gocall_argument(const struct gotext *go, const struct gocall *call, size_t number,
                     struct goliteral_part *ret_part)
{
    size_t start = call->open + 1, end = gotext_find_char(go, start, call->close, ",");

    for (; number > 0 && end < call->close; number--) {
        start = end + 1;
        end = gotext_find_char(go, start, call->close, ",");
    }
    *ret_part = goliteral_trimmed(go, start, end);
    return number == 0 && ret_part->end > ret_part->start;
}

bool gocall_is_named(const struct gotext *go, const struct gocall *call, const char *name)
{
    return gotext_has_word(go, call->name, name);
}

/* --- the test's T ---------------------------------------------------------------------------- */

static bool is_same_word(const struct gotext *go, size_t at, const struct gotext *other,
                         size_t word, size_t length)
{
    return gotext_word_length(go, at) == length &&
           strncmp(go->code + at, other->code + word, length) == 0;
}

bool goblock_is_t(const struct goscope *scope, const struct goblock *block, size_t at)
{
    return is_same_word(scope->go, at, scope->go, block->t, block->t_length);
}

bool goblock_shadows(const struct goscope *scope, const struct goblock *block, size_t start,
                     size_t end)
{
    const struct gotext *go = scope->go;
    size_t sign = gotext_find_char(go, start, end, ":=");

    for (size_t at = start; sign < end && at < sign; at++)
        if (goblock_is_t(scope, block, at))
            return true;
    return gotext_has_word(go, start, "var") &&
           goblock_is_t(scope, block, gotext_skip_blanks(go, start + strlen("var")));
}

/* --- what skips ------------------------------------------------------------------------------ */

static const char *const skips[] = {"Skip", "Skipf", "SkipNow", "Goexit"};

/* A function literal with a T of its own has what it leaves by itself. */
static bool is_sub_test(const struct gotext *go, size_t at, size_t open)
{
    return gotext_find_word(go, at, open, "testing") < open;
}

/* Does the word begin a call of what is known never to skip a test? */
static bool is_steady(const struct gotext *go, size_t owner, size_t length)
{
    static const char *const paths[] = {"github.com/stretchr/testify/assert",
                                        "github.com/stretchr/testify/require",
                                        "gotest.tools/v3/assert",
                                        "github.com/golang/mock/gomock",
                                        "go.uber.org/mock/gomock",
                                        "go.uber.org/goleak"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        const char *name = strrchr(paths[i], '/') + 1;

        if (strlen(name) == length && strncmp(go->code + owner, name, length) == 0 &&
            gotext_imports(go, paths[i]))
            return true;
    }
    return false;
}

/* The bracket around a place that opens last before it; false: none does in the part. */
static bool find_around(const struct gotext *go, size_t start, size_t at, size_t *ret_open)
{
    size_t depth = 0;

    while (at-- > start) {
        if (strchr(")}]", go->code[at]))
            depth++;
        else if (strchr("({[", go->code[at]) && depth-- == 0) {
            *ret_open = at;
            return true;
        }
    }
    return false;
}

static size_t word_before(const struct gotext *go, size_t end)
{
    while (end > 0 && gotext_is_word(go->code[end - 1]))
        end--;
    return end;
}

enum giving { GIVING_NOT, GIVING_HELPER, GIVING_UNKNOWN };

/* Who gets the T that stands at `at`, in a part that begins at `start`? Its methods are its own,
 * and a parameter is declared. */
static enum giving giving_of(const struct goscope *scope, const struct gotext *go, size_t start,
                             size_t at, size_t length)
{
    size_t behind = gotext_skip_blanks(go, at + length), open, word;

    if ((at > 0 && go->code[at - 1] == '.') || strchr(".:*", go->code[behind]))
        return GIVING_NOT;
    if (!find_around(go, start, at, &open) || go->code[open] != '(')
        return GIVING_UNKNOWN;
    word = word_before(go, open);
    if (word == open)
        return GIVING_UNKNOWN;
    if (word > 0 && go->code[word - 1] == '.') {
        size_t owner = word_before(go, word - 1);

        return is_steady(go, owner, word - 1 - owner) ? GIVING_NOT : GIVING_UNKNOWN;
    }
    return gowords_has(&scope->helpers, go->text + word, open - word) ? GIVING_HELPER
                                                                      : GIVING_UNKNOWN;
}

/* The name of the T among the parameters. */
static bool find_parameter(const struct gotext *go, const struct gotext_function *function,
                           size_t *ret_t)
{
    size_t at = gotext_find_word(go, function->params_open, function->params_close, "testing");

    if (at == function->params_close)
        return false;
    while (strchr(" \t*", go->code[at - 1]))
        at--;
    *ret_t = word_before(go, at);
    return *ret_t < at;
}

static bool may_skip(const struct goscope *scope, const struct gotext *go,
                     const struct gotext_function *function)
{
    size_t t, length;

    for (size_t i = 0; i < ARRAY_SIZE(skips); i++)
        if (gotext_find_word(go, function->open, function->close, skips[i]) < function->close)
            return true;
    if (!find_parameter(go, function, &t))
        return false;
    length = gotext_word_length(go, t);
    for (size_t at = function->open; at < function->close; at++)
        if (is_same_word(go, at, go, t, length) &&
            giving_of(scope, go, function->open, at, length) == GIVING_UNKNOWN)
            return true;
    return false;
}

static bool is_helper(const struct gotext *go, const struct gotext_function *function)
{
    return strncmp(go->code + function->name, "Test", strlen("Test")) != 0;
}

static void read_helpers(struct goscope *scope)
{
    for (size_t i = 0; i < scope->file_count; i++) {
        const struct gotext *go = &scope->files[i];
        struct gotext_function function;

        for (size_t at = 0; gotext_next_function(go, &at, &function);)
            if (!function.is_method && is_helper(go, &function))
                gowords_add(&scope->helpers, go->text + function.name, function.name_length);
    }
    gowords_sort(&scope->helpers);
}

/* Those that give the T to each other only are looked at one by one. */
void goscope_read(struct goscope *scope, const struct gotext *files, size_t file_count)
{
    *scope = (struct goscope){.files = files, .file_count = file_count};
    read_helpers(scope);
    for (size_t i = 0; i < file_count && !scope->helpers_skip; i++) {
        const struct gotext *go = &files[i];
        struct gotext_function function;

        for (size_t at = 0; !scope->helpers_skip && gotext_next_function(go, &at, &function);)
            scope->helpers_skip = is_helper(go, &function) && may_skip(scope, go, &function);
    }
}

void goscope_release(struct goscope *scope)
{
    gowords_release(&scope->helpers);
    *scope = (struct goscope){0};
}

/* Does the T that stands there, or something else, get it to one who may skip? */
static bool gives_away(const struct goscope *scope, const struct goblock *block, size_t start,
                       size_t at)
{
    enum giving giving;

    if (!block->is_part || !goblock_is_t(scope, block, at))
        return false;
    giving = giving_of(scope, scope->go, start, at, block->t_length);
    return giving == GIVING_UNKNOWN || (giving == GIVING_HELPER && scope->helpers_skip);
}

bool goblock_may_skip(const struct goscope *scope, const struct goblock *block, size_t start,
                      size_t end)
{
    const struct gotext *go = scope->go;
    size_t open, close;

    for (size_t at = start; at < end; at++) {
        if (gotext_has_word(go, at, "func") && gotext_literal_body(go, at, end, &open, &close) &&
            is_sub_test(go, at, open))
            at = close;
        else if (gives_away(scope, block, start, at))
            return true;
    }
    return false;
}

/* --- what starts others ---------------------------------------------------------------------- */

/* Is the word there the name, or (in a pattern) the first part of it? */
static bool is_name_of(const char *word, const char *name, bool is_pattern)
{
    size_t length = 0;

    while (name[length] && word[length] == name[length])
        length++;
    return !gotext_is_word(word[length]) &&
           (!name[length] || (is_pattern && length > strlen("Test")));
}

bool goscope_is_started(const struct goscope *scope, const struct gotext_function *function)
{
    _cleanup_(free_ptr) char *name =
        xstrndup(scope->go->text + function->name, function->name_length);

    for (size_t i = 0; i < scope->file_count; i++) {
        const struct gotext *file = &scope->files[i];
        bool is_own = file->text == scope->go->text;
        bool is_pattern = strstr(file->text, "test.run") || strstr(file->text, "-run");
        const char *found = file->text;

        for (; (found = strstr(found, "Test")); found++) {
            size_t at = (size_t)(found - file->text);

            if ((!is_own || at < function->start || at > function->close) &&
                file->code[at] == GOTEXT_OPAQUE && is_name_of(found, name, is_pattern))
                return true;
        }
    }
    return false;
}

/* --- what leaves ----------------------------------------------------------------------------- */

/* Behind `owner.`? */
static bool is_of(const struct gotext *go, size_t at, const char *owner)
{
    size_t length = strlen(owner);

    return at > length && go->code[at - 1] == '.' &&
           strncmp(go->code + at - 1 - length, owner, length) == 0 &&
           gotext_has_word(go, at - 1 - length, owner);
}

static bool is_leaving(const struct gotext *go, const struct goblock *block, size_t at,
                       bool in_literal)
{
    static const char *const jumps[] = {"return", "goto"};
    static const char *const rounds[] = {"break", "continue"};
    const char *const *ends = skips + (block->is_part ? 0 : ARRAY_SIZE(skips) - 1);

    for (size_t i = 0; !in_literal && i < ARRAY_SIZE(jumps); i++)
        if (gotext_has_word(go, at, jumps[i]) ||
            (block->is_loop && gotext_has_word(go, at, rounds[i])))
            return true;
    for (size_t i = 0; at > 0 && go->code[at - 1] == '.' && ends + i < skips + ARRAY_SIZE(skips);
         i++)
        if (gotext_has_word(go, at, ends[i]))
            return true;
    return gotext_has_word(go, at, "recover") ||
           (strncmp(go->code + at, "Fatal", strlen("Fatal")) == 0 && is_of(go, at, "log")) ||
           (gotext_has_word(go, at, "Exit") && is_of(go, at, "os"));
}

static bool may_leave(const struct goscope *scope, const struct goblock *block, size_t start,
                      size_t end, bool in_literal)
{
    const struct gotext *go = scope->go;
    size_t open, close;

    for (size_t at = start; at < end; at++) {
        if (gotext_has_word(go, at, "func") && gotext_literal_body(go, at, end, &open, &close)) {
            if (!is_sub_test(go, at, open) && may_leave(scope, block, open + 1, close, true))
                return true;
            at = close;
        } else if (is_leaving(go, block, at, in_literal) || gives_away(scope, block, start, at)) {
            return true;
        }
    }
    return false;
}

bool goblock_may_leave(const struct goscope *scope, const struct goblock *block, size_t start,
                       size_t end)
{
    return may_leave(scope, block, start, end, false);
}

/* Has a function of that name, of the package's tests, something that ends a panic? */
static bool recovers(const struct goscope *scope, size_t word)
{
    _cleanup_(free_ptr) char *name =
        xstrndup(scope->go->text + word, gotext_word_length(scope->go, word));

    for (size_t i = 0; i < scope->file_count; i++) {
        const struct gotext *go = &scope->files[i];
        struct gotext_function function;
        bool may = gotext_find_word(go, 0, go->length, "recover") < go->length;

        for (size_t at = 0; may && gotext_next_function(go, &at, &function);)
            if (gotext_has_word(go, function.name, name) &&
                gotext_find_word(go, function.open, function.close, "recover") < function.close)
                return true;
    }
    return false;
}

/* With what is deferred a panic may end that comes later: then nothing is sure any more. What gets
 * the test's T may do so, but for some that are known. */
bool goblock_defers_recovery(const struct goscope *scope, const struct goblock *block,
                             const struct gotext_statement *statement)
{
    static const char *const harmless[] = {"goleak", "leaktest"};
    const struct gotext *go = scope->go;

    if (!gotext_has_word(go, statement->start, "defer"))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
        if (gotext_find_word(go, statement->start, statement->end, harmless[i]) < statement->end)
            return false;
    for (size_t at = statement->start; at < statement->end; at++) {
        size_t length = gotext_word_length(go, at);

        if (length > 0 && goblock_is_t(scope, block, at) && strchr(",)", go->code[at + length]))
            return true;
        if (length > 0 && go->code[at + length] == '(' && recovers(scope, at))
            return true;
    }
    return false;
}
