#include "trial/plant.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "trial/source.h"

#include "base/banned.h"

/* --- assertions ------------------------------------------------------------------------------ */

#define MESSAGE "_MESSAGE" /* at the end of a name: one more argument, which is told */

static const struct assertion {
    const char *name;
    const char *negated; /* NULL: there is no opposite of which that is sure */
    bool compares;       /* its first two arguments, exactly */
} assertions[] = {
    {"TEST_ASSERT", "TEST_ASSERT_FALSE", false},
    {"TEST_ASSERT_TRUE", "TEST_ASSERT_FALSE", false},
    {"TEST_ASSERT_FALSE", "TEST_ASSERT_TRUE", false},
    {"TEST_ASSERT_UNLESS", "TEST_ASSERT_TRUE", false},
    {"TEST_ASSERT_NULL", "TEST_ASSERT_NOT_NULL", false},
    {"TEST_ASSERT_NOT_NULL", "TEST_ASSERT_NULL", false},
    {"TEST_ASSERT_EQUAL_PTR", "TEST_ASSERT_NOT_EQUAL", false},
    {"TEST_ASSERT_EQUAL", NULL, true},
    {"TEST_ASSERT_EQUAL_INT", NULL, true},
    {"TEST_ASSERT_EQUAL_INT32", NULL, true},
    {"TEST_ASSERT_EQUAL_INT64", NULL, true},
    {"TEST_ASSERT_EQUAL_UINT", NULL, true},
    {"TEST_ASSERT_EQUAL_UINT32", NULL, true},
    {"TEST_ASSERT_EQUAL_UINT64", NULL, true},
    {"TEST_ASSERT_EQUAL_size_t", NULL, true},
    {"TEST_ASSERT_EQUAL_STRING", NULL, true},
};

/* A statement that is a call and nothing else. */
struct call {
    size_t name, name_length;
    size_t open, close; /* its parentheses */
};

static bool read_call(const struct source *source, const struct statement *statement,
                      struct call *ret_call)
{
    struct call call = {.name = statement->start};

    if (!statement->is_simple)
        return false;
    call.name_length = source_word_length(source, call.name);
    call.open = source_skip_blanks(source, call.name + call.name_length);
    if (call.name_length == 0 || source->code[call.open] != '(')
        return false;
    call.close = source_match(source, call.open, statement->end);
    if (call.close == 0 || source_skip_blanks(source, call.close + 1) != statement->end - 1)
        return false;
    *ret_call = call;
    return true;
}

static bool is_named(const struct source *source, const struct call *call, const char *name,
                     const char *more)
{
    size_t length = strlen(name);

    return call->name_length == length + strlen(more) &&
           strncmp(source->code + call->name, name, length) == 0 &&
           strncmp(source->code + call->name + length, more, strlen(more)) == 0;
}

static const struct assertion *assertion_of(const struct source *source, const struct call *call,
                                            const char **ret_more)
{
    for (size_t i = 0; i < ARRAY_SIZE(assertions); i++) {
        *ret_more = is_named(source, call, assertions[i].name, MESSAGE) ? MESSAGE : "";
        if (is_named(source, call, assertions[i].name, *ret_more))
            return &assertions[i];
    }
    return NULL;
}

/* --- what is planted ------------------------------------------------------------------------- */

/* All that planting looks at. */
struct planting {
    struct source source;
    bool is_unity; /* main returns what UNITY_END() says */
    bool asserts;
    struct trial_plants *plants;
};

static void add(struct planting *planting, const char *kind, size_t start, size_t end, char *text,
                bool is_new)
{
    trial_plants_add(planting->plants, kind, is_new, start, end, text);
}

/* Another literal in place of one that stands there; NULL: none does. */
static char *near_literal(const struct source *source, size_t start, size_t end)
{
    char *near = trial_near_string(source->text + start, end - start);

    return near ? near : trial_near_number(source->text + start, end - start);
}

static size_t argument_end(const struct source *source, size_t at, size_t end)
{
    for (; at < end && source->code[at] != ','; at++)
        if (strchr("({[", source->code[at]) && (at = source_match(source, at, end)) == 0)
            return end;
    return at;
}

/* Another value in place of the only literal among the first two arguments. */
static void plant_expected(struct planting *planting, const struct call *call, bool is_new)
{
    const struct source *source = &planting->source;
    size_t starts[2], ends[2], at = call->open + 1;
    char *near[2];

    for (size_t i = 0; i < 2; i++) {
        starts[i] = source_skip_blanks(source, at);
        at = ends[i] = argument_end(source, starts[i], call->close);
        while (ends[i] > starts[i] && isspace((unsigned char)source->code[ends[i] - 1]))
            ends[i]--;
        near[i] = near_literal(source, starts[i], ends[i]);
        at += at < call->close;
    }
    if (near[0] && near[1]) { /* it compares two values that it knows */
        free(near[0]);
        free(near[1]);
    } else if (near[0]) {
        add(planting, "expected", starts[0], ends[0], near[0], is_new);
    } else if (near[1]) {
        add(planting, "expected", starts[1], ends[1], near[1], is_new);
    }
}

static char *failing_assertion(const struct planting *planting)
{
    char one[9], other[9];

    trial_draw_word(one, 8);
    do
        trial_draw_word(other, 8);
    while (strcmp(one, other) == 0);
    return planting->is_unity
               ? xasprintf("TEST_ASSERT_EQUAL_STRING(\"%s\", \"%s\"); ", one, other)
               : xasprintf("assert(sizeof(\"%s\") == %zu); ", one, 10 + trial_draw(90));
}

static bool is_call(const struct source *source, size_t start, size_t end)
{
    size_t name = source_skip_blanks(source, start), length = source_word_length(source, name);
    size_t open = source_skip_blanks(source, name + length), close;

    if (length == 0 || source->code[open] != '(')
        return false;
    close = source_match(source, open, end);
    return close > 0 && source_skip_blanks(source, close + 1) >= end;
}

/* NAME(a, f(b)) becomes (void)(a), (void)!(f(b)): nothing for a compiler to warn of, not even where
 * what f returns must not be ignored. */
static char *only_arguments(const struct source *source, const struct call *call)
{
    struct buf text = BUF_INIT;

    for (size_t start = call->open + 1, end; start <= call->close; start = end + 1) {
        end = argument_end(source, start, call->close);
        buf_addf(&text, "%s(void)%s(%.*s)", start > call->open + 1 ? ", " : "",
                 is_call(source, start, end) ? "!" : "", (int)(end - start), source->text + start);
    }
    return buf_take(&text);
}

static void add_assertion(struct planting *planting, const struct call *call)
{
    trial_plants_add_assertion(planting->plants, call->name, call->close + 1,
                               only_arguments(&planting->source, call));
}

/* True: the statement is an assertion. */
static bool plant_assertion(struct planting *planting, const struct statement *statement,
                            bool is_new)
{
    const struct source *source = &planting->source;
    const struct assertion *assertion;
    const char *more;
    struct call call;

    if (!read_call(source, statement, &call))
        return false;
    if (planting->asserts && is_named(source, &call, "assert", "")) {
        add_assertion(planting, &call);
        add(planting, "negated", call.open + 1, call.close,
            xasprintf("!(%.*s)", (int)(call.close - call.open - 1), source->text + call.open + 1),
            is_new);
        return true;
    }
    assertion = planting->is_unity ? assertion_of(source, &call, &more) : NULL;
    if (!assertion)
        return false;
    add_assertion(planting, &call);
    if (assertion->negated)
        add(planting, "negated", call.name, call.name + call.name_length,
            xasprintf("%s%s", assertion->negated, more), is_new);
    if (assertion->compares)
        plant_expected(planting, &call, is_new);
    return true;
}

/* Behind its last statement, whatever it is; or another status in place of what main returns. */
static void plant_end(struct planting *planting, const struct function *function,
                      const struct statement *last, bool is_main, bool is_new)
{
    const struct source *source = &planting->source;
    bool returns = last && last->is_simple && source_has_word(source, last->start, "return");
    size_t status = 1 + trial_draw(100), at;

    if (!is_main) {
        if (!source_may_leave(source, function->open + 1, function->close))
            add(planting, "ends", function->close, function->close, failing_assertion(planting),
                is_new);
    } else if (returns) {
        at = last->start + strlen("return");
        add(planting, "status", at, last->end - 1,
            xasprintf(" (%.*s) + %zu", (int)(last->end - 1 - at), source->text + at, status),
            is_new);
    } else if (!last || !source_may_leave(source, last->start, last->end)) {
        add(planting, "status", function->close, function->close, xasprintf("return %zu; ", status),
            is_new);
    }
}

static void plant_function(struct planting *planting, const struct function *function, bool is_new)
{
    const struct source *source = &planting->source;
    bool is_main = source_has_word(source, function->name, "main"), begun = false, left = false;
    struct statement statement = {0};
    size_t at = function->open + 1;

    while (!left && source_skip_blanks(source, at) < function->close) {
        if (!source_next_statement(source, &at, function->close, &statement))
            return; /* what follows can't be told */
        left = source_may_leave(source, statement.start, statement.end);
        if (left || !plant_assertion(planting, &statement, is_new) || begun)
            continue;
        begun = true;
        add(planting, "begins", statement.start, statement.start, failing_assertion(planting),
            is_new);
    }
    if (is_main || planting->is_unity || planting->asserts)
        plant_end(planting, function, statement.end ? &statement : NULL, is_main, is_new);
}

/* --- which functions ------------------------------------------------------------------------- */

/* The function that a statement of main's runs: RUN_TEST(name), or name(). */
static bool read_run(const struct planting *planting, const struct statement *statement,
                     struct function *ret_function)
{
    const struct source *source = &planting->source;
    struct call call;
    size_t name, length;

    if (!read_call(source, statement, &call))
        return false;
    name = call.name;
    length = call.name_length;
    if (planting->is_unity && is_named(source, &call, "RUN_TEST", "")) {
        name = source_skip_blanks(source, call.open + 1);
        length = source_word_length(source, name);
    }
    return length > 0 && source_find_function(source, source->text + name, length, ret_function);
}

static bool ends_unity(const struct source *source, const struct function *function)
{
    struct statement statement = {0};
    size_t at = function->open + 1, word;

    while (source_next_statement(source, &at, function->close, &statement))
        if (source_may_leave(source, statement.start, statement.end))
            break;
    if (!statement.is_simple || !source_has_word(source, statement.start, "return"))
        return false;
    word = source_skip_blanks(source, statement.start + strlen("return"));
    return source_has_word(source, word, "UNITY_END");
}

/* main may run a function twice. */
static bool is_planted(const struct planting *planting, const struct function *function)
{
    const struct trial_plants *plants = planting->plants;

    for (size_t i = 0; i < plants->count; i++)
        if (plants->items[i].start > function->open && plants->items[i].start <= function->close)
            return true;
    return false;
}

static void plant_all(struct planting *planting, const struct source *former)
{
    const struct source *source = &planting->source;
    struct function main, function;
    struct statement statement;

    if (!source_find_function(source, "main", strlen("main"), &main))
        return;
    planting->is_unity = ends_unity(source, &main);
    plant_function(planting, &main, !former || !source_is_same(source, &main, former));
    for (size_t at = main.open + 1; source_next_statement(source, &at, main.close, &statement);) {
        if (source_may_leave(source, statement.start, statement.end))
            break;
        if (read_run(planting, &statement, &function) && !is_planted(planting, &function))
            plant_function(planting, &function,
                           !former || !source_is_same(source, &function, former));
    }
}

/* Is assert(3) there, and what it says counts? */
static bool knows_assert(const struct source *source)
{
    return source_calls(source, "assert") && !source_defines(source, "assert") &&
           !source_defines(source, "NDEBUG");
}

void trial_plants_find(const char *text, const char *former, bool asserts,
                       struct trial_plants *ret_plants)
{
    struct planting planting = {.plants = ret_plants};
    struct source other = {0};

    *ret_plants = (struct trial_plants){0};
    if (strstr(text, "R\"")) /* a raw string of C++: what is code in it can't be told */
        return;
    source_read(&planting.source, text);
    planting.asserts = asserts && knows_assert(&planting.source);
    if (former)
        source_read(&other, former);
    plant_all(&planting, former ? &other : NULL);
    source_release(&planting.source);
    source_release(&other);
}

char *trial_plant_apply(const char *text, const struct trial_plants *plants,
                        const struct trial_plant *plant, bool is_thinned)
{
    _cleanup_(trial_edits_release) struct trial_edits edits = {0};

    trial_edits_plant(&edits, plants, plant, is_thinned);
    return trial_edits_apply(&edits, text);
}
