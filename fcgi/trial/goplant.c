#include "trial/goplant.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "trial/goblock.h"
#include "trial/gofailing.h"
#include "trial/goliteral.h"

#include "base/banned.h"

struct planting {
    const struct trial_goplant *test;
    const struct gotext *go;
    struct goscope scope;
    struct trial_plants *plants;
    struct gotext_function function;
    bool is_new;
    size_t part_count;                /* calls of Run in the function */
    size_t inside_open, inside_close; /* of the sub-tests that are run; 0: there is none */
};

/* What a loop goes through: a literal in the function. */
struct gotable {
    size_t name, name_length; /* of the variable that has one entry at a time */
    struct goliteral_table entries;
    size_t open, close; /* the loop's body */
};

static bool is_same_word(const struct gotext *go, size_t at, size_t word, size_t length)
{
    return gotext_word_length(go, at) == length &&
           strncmp(go->code + at, go->code + word, length) == 0;
}

static char *text_of(const struct gotext *go, size_t start, size_t end)
{
    return xstrndup(go->text + start, end - start);
}

/* Is it a call of a method of T that is among these? */
static bool is_method(const struct planting *planting, const struct goblock *block,
                      const struct gotext_statement *statement, const char *const *names)
{
    struct gocall call;

    if (!gocall_read(planting->go, statement, &call) ||
        !goblock_is_t(&planting->scope, block, call.owner))
        return false;
    for (; *names; names++)
        if (gocall_is_named(planting->go, &call, *names))
            return true;
    return false;
}

/* --- what is planted ------------------------------------------------------------------------- */

static void add(struct planting *planting, const char *kind, size_t start, size_t end, char *text)
{
    trial_plants_add(planting->plants, kind, planting->is_new, start, end, text);
}

/* shown: where the assertion stands. */
static void add_expected(struct planting *planting, struct goliteral_part part, char *text,
                         size_t shown)
{
    add(planting, "expected", part.start, part.end, text);
    planting->plants->items[planting->plants->count - 1].shown = shown;
}

static char *failing_assertion(const struct planting *planting, const struct goblock *block,
                               size_t at)
{
    _cleanup_(free_ptr) char *t = text_of(planting->go, block->t, block->t + block->t_length);
    const struct trial_gofailing where = {block->open, block->close, at, t};

    return trial_gofailing_new(planting->go, &planting->function, &where);
}

static void plant_begin(struct planting *planting, const struct goblock *block)
{
    size_t at = block->open + 1;
    _cleanup_(free_ptr) char *assertion = failing_assertion(planting, block, at);

    add(planting, "begins", at, at, xasprintf(" %s", assertion));
}

static void plant_end(struct planting *planting, const struct goblock *block)
{
    _cleanup_(free_ptr) char *assertion = failing_assertion(planting, block, block->close);

    add(planting, "ends", block->close, block->close, xasprintf("; %s", assertion));
}

/* --- expected values ------------------------------------------------------------------------- */

/* Where a comparison stands, and what only tells of it. */
struct comparison {
    const struct goblock *block;
    size_t start;            /* of its statement */
    size_t tells, tells_end; /* what is executed when it fails; may be empty */
    struct goliteral_part condition;
};

/* How often the words stand one behind another in the part, but for what only tells. */
static size_t count_uses(const struct gotext *go, size_t start, size_t end,
                         const struct comparison *comparison, struct goliteral_part words)
{
    size_t length = words.end - words.start, count = 0;

    for (size_t at = start; at + length <= end; at++) {
        if (at >= comparison->tells && at < comparison->tells_end)
            continue;
        count += gotext_word_length(go, at) > 0 &&
                 strncmp(go->code + at, go->code + words.start, length) == 0 &&
                 !gotext_is_word(go->code[at + length]);
    }
    return count;
}

/* `want := 5` before the statement, in the same block. */
static bool find_declared(const struct planting *planting, const struct goblock *block,
                          size_t before, struct goliteral_part name,
                          struct goliteral_part *ret_value)
{
    const struct gotext *go = planting->go;
    struct gotext_statement statement;
    size_t at = block->open + 1;
    bool broken;

    while (gotext_next_statement(go, &at, before, &statement, &broken)) {
        bool is_long = gotext_has_word(go, statement.start, "var") ||
                       gotext_has_word(go, statement.start, "const");
        size_t word =
            is_long
                ? gotext_skip_blanks(go, statement.start + gotext_word_length(go, statement.start))
                : statement.start;
        size_t sign = gotext_find_char(go, word, statement.end, "=");

        if (statement.kind != GOTEXT_SIMPLE || sign == statement.end ||
            !is_same_word(go, word, name.start, name.end - name.start) ||
            (!is_long &&
             goliteral_trimmed(go, word, sign - 1).end != word + (name.end - name.start)))
            continue;
        *ret_value = goliteral_trimmed(go, sign + 1, statement.end);
        return is_long || go->code[sign - 1] == ':';
    }
    return false;
}

/* Does an entry name the field, itself and not within a value? Then it is no method. */
static bool has_field(const struct gotext *go, const struct gotable *table, size_t word)
{
    size_t length = gotext_word_length(go, word), depth = 0;

    for (size_t at = table->entries.open; length > 0 && at < table->entries.close; at++) {
        if (strchr("({[", go->code[at]))
            depth++;
        else if (strchr(")}]", go->code[at]))
            depth--;
        else if (depth == 2 && is_same_word(go, at, word, length) &&
                 go->code[gotext_skip_blanks(go, at + length)] == ':')
            return true;
    }
    return false;
}

/* Behind the entry's variable that stands there, if nothing is done with it but to look at one of
 * its fields, or to copy it to a variable of its name; 0: something else may be. A struct that
 * stands in the loop has no methods. */
static size_t skip_field(const struct gotext *go, const struct gotable *table, size_t at)
{
    size_t behind = at + table->name_length, sign = gotext_skip_blanks(go, behind), copied;

    if (go->code[behind] == '.') {
        bool is_bare = table->entries.fields_open > 0;

        return gotext_word_length(go, behind + 1) > 0 &&
                       (is_bare || has_field(go, table, behind + 1))
                   ? behind
                   : 0;
    }
    copied = gotext_skip_blanks(go, sign + 2);
    if (strncmp(go->code + sign, ":=", 2) != 0 ||
        !is_same_word(go, copied, table->name, table->name_length))
        return 0;
    behind = copied + table->name_length;
    behind += strspn(go->code + behind, " \t\r");
    return strchr("\n;", go->code[behind]) ? behind : 0;
}

/* Does the loop look at single fields of an entry only? With the whole of it the code under test
 * gets the awaited value, too, and may give back the changed one. What only tells is left out. */
static bool is_by_fields(const struct gotext *go, const struct gotable *table,
                         const struct comparison *comparison)
{
    for (size_t at = table->open; at < table->close; at++) {
        bool tells = at >= comparison->tells && at < comparison->tells_end;

        if (tells || (at > 0 && go->code[at - 1] == '.') ||
            !is_same_word(go, at, table->name, table->name_length))
            continue;
        if ((at = skip_field(go, table, at)) == 0)
            return false;
    }
    return true;
}

/* One of the values that an entry of the table has for the field. */
static bool plant_entry(struct planting *planting, const struct comparison *comparison,
                        struct goliteral_part operand)
{
    const struct gotable *table = comparison->block->table;
    const struct gotext *go = planting->go;
    struct goliteral_part field = {operand.start + (table ? table->name_length : 0) + 1,
                                   operand.end};
    struct goliteral_part value;
    char *near;

    if (!table || !is_same_word(go, operand.start, table->name, table->name_length) ||
        go->code[field.start - 1] != '.' ||
        gotext_word_length(go, field.start) != field.end - field.start ||
        count_uses(go, table->open, table->close, comparison, operand) != 1 ||
        !is_by_fields(go, table, comparison))
        return false;
    near = goliteral_near_in_table(go, &table->entries, field, &value);
    if (near)
        add_expected(planting, value, near, comparison->condition.start);
    return near != NULL;
}

/* The value of a variable that only this comparison looks at. */
static bool plant_variable(struct planting *planting, const struct comparison *comparison,
                           struct goliteral_part operand)
{
    const struct gotext *go = planting->go;
    const struct gotext_function *function = &planting->function;
    struct goliteral_part value, literal;
    char *near;

    if (gotext_word_length(go, operand.start) != operand.end - operand.start ||
        count_uses(go, function->open, function->close, comparison, operand) != 2 ||
        !find_declared(planting, comparison->block, comparison->start, operand, &value))
        return false;
    near = goliteral_near(go, value, &literal);
    if (near)
        add_expected(planting, literal, near, comparison->condition.start);
    return near != NULL;
}

/* Another value in place of the only one of the two that is known. */
static void plant_expected(struct planting *planting, const struct comparison *comparison,
                           const struct goliteral_part operands[2])
{
    struct goliteral_part literals[2];
    char *near[2];

    for (size_t i = 0; i < 2; i++)
        near[i] = goliteral_near(planting->go, operands[i], &literals[i]);
    if (!near[0] != !near[1]) {
        size_t known = near[0] ? 0 : 1;

        add_expected(planting, literals[known], near[known], comparison->condition.start);
        return;
    }
    if (near[0]) { /* it compares two values that it knows */
        free(near[0]);
        free(near[1]);
        return;
    }
    for (size_t i = 0; i < 2; i++)
        if (plant_variable(planting, comparison, operands[i]) ||
            plant_entry(planting, comparison, operands[i]))
            return;
}

/* --- `if` ------------------------------------------------------------------------------------ */

/* `got != 5`, or `!reflect.DeepEqual(got, want)`. */
static bool read_comparison(const struct gotext *go, struct goliteral_part part,
                            struct goliteral_part operands[2])
{
    static const char *const equal[] = {"reflect.DeepEqual", "bytes.Equal", "slices.Equal",
                                        "maps.Equal"};
    size_t sign = gotext_find_char(go, part.start, part.end, "!<>=&|"), first;

    if (sign == part.end || go->code[sign] != '!')
        return false;
    if (go->code[sign + 1] == '=') {
        operands[0] = goliteral_trimmed(go, part.start, sign);
        operands[1] = goliteral_trimmed(go, sign + 2, part.end);
        return gotext_find_char(go, sign + 2, part.end, "!<>=&|") == part.end;
    }
    first = gotext_skip_blanks(go, part.start + 1);
    for (size_t i = 0; sign == part.start && i < ARRAY_SIZE(equal); i++) {
        size_t open = first + strlen(equal[i]);
        struct gocall call = {.open = open};

        if (strncmp(go->code + first, equal[i], strlen(equal[i])) != 0 || go->code[open] != '(')
            continue;
        call.close = gotext_match(go, open, part.end);
        return call.close == part.end - 1 && gocall_argument(go, &call, 0, &operands[0]) &&
               gocall_argument(go, &call, 1, &operands[1]);
    }
    return false;
}

/* Of what `||` joins each is enough to fail. */
static void plant_condition(struct planting *planting, const struct comparison *comparison)
{
    const struct gotext *go = planting->go;
    struct goliteral_part all = comparison->condition, operands[2];

    for (size_t start = all.start, end; start < all.end; start = end + 2) {
        end = gotext_find_char(go, start, all.end, "|");
        if (end < all.end && go->code[end + 1] != '|')
            return;
        if (read_comparison(go, goliteral_trimmed(go, start, end), operands))
            plant_expected(planting, comparison, operands);
    }
}

/* Does the body call one of these, whatever it does besides? */
static bool does_call(const struct planting *planting, const struct goblock *block, size_t open,
                      size_t close, const char *const *names)
{
    struct gotext_statement statement;
    size_t at = open + 1;
    bool broken;

    while (gotext_next_statement(planting->go, &at, close, &statement, &broken)) {
        if (is_method(planting, block, &statement, names))
            return true;
        if (goblock_may_leave(&planting->scope, block, statement.start, statement.end))
            return false;
    }
    return false;
}

static const char *const failing[] = {"Error", "Errorf",  "Fatal", "Fatalf",
                                      "Fail",  "FailNow", NULL};
static const char *const skipping[] = {"Skip", "Skipf", "SkipNow", NULL};

/* A test that is skipped does not pass, and so its end is never reached by `return`. */
static bool is_skipping(const struct planting *planting, const struct goblock *block,
                        const struct gotext_statement *statement)
{
    return !block->is_part && statement->kind == GOTEXT_IF && statement->other == 0 &&
           does_call(planting, block, statement->open, statement->close, skipping);
}

static struct goliteral_part condition_of(const struct gotext *go,
                                          const struct gotext_statement *statement)
{
    size_t semicolon = gotext_find_char(go, statement->head, statement->open, ";");

    return goliteral_trimmed(go, semicolon < statement->open ? semicolon + 1 : statement->head,
                             statement->open);
}

/* True: the statement is an assertion, whose body a test that passes does not execute. */
static bool plant_if(struct planting *planting, const struct goblock *block,
                     const struct gotext_statement *statement)
{
    const struct gotext *go = planting->go;
    struct comparison comparison = {
        block, statement->start, statement->open, statement->close, {0, 0}};
    char *condition;

    comparison.condition = condition_of(go, statement);
    if (goblock_shadows(&planting->scope, block, statement->head, comparison.condition.start) ||
        comparison.condition.end == comparison.condition.start ||
        !does_call(planting, block, statement->open, statement->close, failing))
        return false;
    condition = text_of(go, comparison.condition.start, comparison.condition.end);
    trial_plants_add_assertion(planting->plants, comparison.condition.start,
                               comparison.condition.end, xasprintf("(%s) && false", condition));
    add(planting, "negated", comparison.condition.start, comparison.condition.end,
        xasprintf("!(%s)", condition));
    free(condition);
    plant_condition(planting, &comparison);
    return true;
}

/* --- testify --------------------------------------------------------------------------------- */

static const struct assertion {
    const char *name;
    const char *negated; /* NULL: there is no opposite of which that is sure */
    bool compares;       /* its first two arguments */
} assertions[] = {
    {"Equal", "NotEqual", true},
    {"NotEqual", "Equal", false},
    {"EqualValues", NULL, true},
    {"Exactly", NULL, true},
    {"True", "False", false},
    {"False", "True", false},
    {"Nil", "NotNil", false},
    {"NotNil", "Nil", false},
    {"NoError", "Error", false},
    {"Error", "NoError", false},
    {"Empty", "NotEmpty", false},
    {"NotEmpty", "Empty", false},
    {"Contains", "NotContains", false},
    {"NotContains", "Contains", false},
    {"Zero", "NotZero", false},
    {"NotZero", "Zero", false},
    {"Len", NULL, true},
    {"EqualError", NULL, true},
};

/* Its name may end with "f": then a format follows the values. */
static const struct assertion *assertion_of(const struct gotext *go, const struct gocall *call,
                                            const char **ret_more)
{
    for (size_t i = 0; i < ARRAY_SIZE(assertions); i++) {
        size_t length = strlen(assertions[i].name);
        const char *more = go->code + call->name + length;

        if (strncmp(go->code + call->name, assertions[i].name, length) != 0 ||
            !(call->name_length == length || (call->name_length == length + 1 && *more == 'f')))
            continue;
        *ret_more = call->name_length > length ? "f" : "";
        return &assertions[i];
    }
    return NULL;
}

/* A function of the package, or a method of what its New made. */
static bool is_testify(const struct planting *planting, const struct goblock *block,
                       const struct gocall *call, size_t *ret_first)
{
    static const char *const packages[] = {"assert", "require"};
    const struct gotext *go = planting->go;
    _cleanup_(free_ptr) char *owner = text_of(go, call->owner, call->owner + call->owner_length);
    struct goliteral_part first;
    bool has_t = gocall_argument(go, call, 0, &first) &&
                 goblock_is_t(&planting->scope, block, first.start) &&
                 first.end == first.start + block->t_length;

    *ret_first = has_t ? 1 : 0;
    for (size_t i = 0; i < ARRAY_SIZE(packages); i++) {
        _cleanup_(free_ptr) char *path = xasprintf("github.com/stretchr/testify/%s", packages[i]);
        _cleanup_(free_ptr) char *made = xasprintf("%s := %s.New(", owner, packages[i]);
        const char *found = strstr(go->code + planting->function.open, made);

        if (gotext_imports(go, path) &&
            (has_t ? strcmp(owner, packages[i]) == 0 : found && found < go->code + call->owner))
            return true;
    }
    return false;
}

/* The arguments stay, and so does what imports the function. Functions among the arguments may do
 * what is needed later. A call that is the only argument may have several results. is_asked:
 * whether it holds. */
static void add_thinned(struct planting *planting, const struct gocall *call, bool is_asked)
{
    const struct gotext *go = planting->go;
    struct goliteral_part only, second;
    char *name, *arguments;

    if (gocall_argument(go, call, 0, &only) && !gocall_argument(go, call, 1, &second) &&
        go->code[only.end - 1] == ')')
        return;
    if (gotext_find_word(go, call->open, call->close, "func") < call->close ||
        memmem(go->code + call->open, call->close - call->open, "...", 3))
        return;
    name = text_of(go, call->owner, call->open);
    arguments = text_of(go, call->open + 1, call->close);
    trial_plants_add_assertion(planting->plants, call->owner, call->close + 1,
                               xasprintf(is_asked
                                             ? "(func(...interface{}) bool { return true })(%s, %s)"
                                             : "func(...interface{}) {}(%s, %s)",
                                         name, arguments));
    free(name);
    free(arguments);
}

/* True: the statement is an assertion. is_asked: it is the condition of another. */
static bool plant_call(struct planting *planting, const struct goblock *block,
                       const struct gotext_statement *statement, bool is_asked)
{
    const struct gotext *go = planting->go;
    const struct assertion *assertion;
    struct goliteral_part operands[2];
    const char *more;
    struct gocall call;
    size_t first;

    if (!gocall_read(go, statement, &call) || !(assertion = assertion_of(go, &call, &more)) ||
        !is_testify(planting, block, &call, &first))
        return false;
    add_thinned(planting, &call, is_asked);
    if (assertion->negated)
        add(planting, "negated", call.name, call.name + call.name_length,
            xasprintf("%s%s", assertion->negated, more));
    if (assertion->compares && gocall_argument(go, &call, first, &operands[0]) &&
        gocall_argument(go, &call, first + 1, &operands[1])) {
        const struct comparison comparison = {
            block, statement->start, 0, 0, {call.owner, call.close + 1}};

        plant_expected(planting, &comparison, operands);
    }
    return true;
}

/* `if !assert.NoError(t, err) { return }`: whatever the body does, the test has failed. */
static bool plant_asked(struct planting *planting, const struct goblock *block,
                        const struct gotext_statement *statement)
{
    const struct gotext *go = planting->go;
    struct goliteral_part condition = condition_of(go, statement);
    struct gotext_statement call = {.kind = GOTEXT_SIMPLE, .end = condition.end};

    call.start = gotext_skip_blanks(go, condition.start + 1);
    return go->code[condition.start] == '!' &&
           !goblock_shadows(&planting->scope, block, statement->head, condition.start) &&
           plant_call(planting, block, &call, true);
}

/* --- loops and sub-tests --------------------------------------------------------------------- */

static bool plant_block(struct planting *planting, const struct goblock *block);

/* `for _, test := range tests {` goes through a literal, which has entries. */
static bool read_loop(const struct planting *planting, const struct goblock *block,
                      const struct gotext_statement *statement, struct gotable *ret_table,
                      bool *ret_changes)
{
    const struct gotext *go = planting->go;
    size_t range = gotext_find_word(go, statement->head, statement->open, "range"), comma;
    struct goliteral_part what, value;
    struct gotable table = {.open = statement->open, .close = statement->close};

    if (range == statement->open ||
        goblock_shadows(&planting->scope, block, statement->head, range))
        return false;
    what = value = goliteral_trimmed(go, range + strlen("range"), statement->open);
    *ret_changes = true;
    if (gotext_word_length(go, what.start) == what.end - what.start) {
        if (!find_declared(planting, block, statement->start, what, &value))
            return false;
        *ret_changes = count_uses(go, planting->function.open, planting->function.close,
                                  &(struct comparison){0}, what) == 2;
        if (!*ret_changes) /* somebody may empty it */
            return false;
    }
    if (!goliteral_read_table(go, value, &table.entries))
        return false;
    comma = gotext_find_char(go, statement->head, range, ",");
    table.name = gotext_skip_blanks(go, comma < range ? comma + 1 : range);
    table.name_length = gotext_word_length(go, table.name);
    *ret_table = table;
    return true;
}

/* Sub-tests that run later see the last entry, in older versions of the language. */
static bool is_read_at_once(const struct gotext *go, const struct gotable *table)
{
    return gotext_find_word(go, table->open, table->close, "Parallel") == table->close;
}

static void plant_loop(struct planting *planting, const struct goblock *block,
                       const struct gotext_statement *statement)
{
    const struct gotext *go = planting->go;
    struct goblock inner = *block;
    struct gotable table;
    bool changes;

    if (!read_loop(planting, block, statement, &table, &changes))
        return;
    inner.open = statement->open;
    inner.close = statement->close;
    inner.is_loop = true;
    inner.table = NULL;
    if (!planting->test->part && is_read_at_once(go, &table) &&
        !goblock_may_leave(&planting->scope, &inner, statement->open, statement->close))
        inner.table = &table;
    (void)plant_block(planting, &inner);
}

/* Is the sub-test of that name (or of one that the text does not tell) the one that is run? A
 * second one of the name has another in truth ("a#01"). What is in a part is all run with it. */
static bool is_run(const struct planting *planting, const struct goblock *block,
                   struct goliteral_part name)
{
    const char *part = planting->test->part;
    size_t length = part ? strcspn(part, "/") : 0;

    if (!part)
        return true;
    if (block->is_part)
        return part[0] && !part[length];
    if (planting->inside_open)
        return false;
    if (planting->go->code[name.start] != '"')
        return planting->part_count == 1 && !planting->test->is_inside;
    if (name.end - name.start != length + 2)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = planting->go->text[name.start + 1 + i];

        if ((c == ' ' ? '_' : c) != part[i])
            return false;
    }
    return true;
}

/* True: the statement is a sub-test. */
static bool plant_sub_test(struct planting *planting, const struct goblock *block,
                           const struct gotext_statement *statement)
{
    const struct gotext *go = planting->go;
    struct goliteral_part name, body;
    struct goblock inner = {.table = block->table, .is_part = true};
    struct gocall call;
    size_t parameter;

    if (!gocall_read(go, statement, &call) || !goblock_is_t(&planting->scope, block, call.owner) ||
        !gocall_is_named(go, &call, "Run") || !gocall_argument(go, &call, 0, &name) ||
        !gocall_argument(go, &call, 1, &body) || !gotext_has_word(go, body.start, "func") ||
        !gotext_literal_body(go, body.start, body.end, &inner.open, &inner.close))
        return false;
    parameter = gotext_skip_blanks(go, gotext_find_char(go, body.start, body.end, "(") + 1);
    inner.t = parameter;
    inner.t_length = gotext_word_length(go, parameter);
    if (inner.t_length > 0 && !gotext_has_word(go, parameter, "_") &&
        is_run(planting, block, name)) {
        planting->inside_open = planting->inside_open ? planting->inside_open : inner.open;
        planting->inside_close = inner.close;
        plant_begin(planting, &inner);
        if (!plant_block(planting, &inner))
            plant_end(planting, &inner);
    }
    return true;
}

/* True: what follows the statement may not be executed. */
static bool plant_statement(struct planting *planting, const struct goblock *block,
                            const struct gotext_statement *statement)
{
    struct goblock inner = *block;
    size_t head_end = statement->kind == GOTEXT_SIMPLE ? statement->end : statement->open;

    if (goblock_may_skip(&planting->scope, block, statement->start, head_end))
        return true;
    if (statement->kind == GOTEXT_IF &&
        (plant_if(planting, block, statement) || plant_asked(planting, block, statement)))
        return statement->other > 0 &&
               goblock_may_leave(&planting->scope, block, statement->other, statement->end);
    if (is_skipping(planting, block, statement))
        return false;
    if (statement->kind == GOTEXT_SIMPLE && (plant_call(planting, block, statement, false) ||
                                             plant_sub_test(planting, block, statement)))
        return false;
    if (statement->kind == GOTEXT_FOR) {
        plant_loop(planting, block, statement);
        inner.is_loop = false; /* it is the inner one that is left by `break` */
        return goblock_may_leave(&planting->scope, &inner, statement->open, statement->close);
    }
    if (statement->kind == GOTEXT_BLOCK) {
        inner.open = statement->open;
        inner.close = statement->close;
        return plant_block(planting, &inner);
    }
    return (statement->kind == GOTEXT_SIMPLE &&
            goblock_shadows(&planting->scope, block, statement->start, statement->end)) ||
           goblock_defers_recovery(&planting->scope, block, statement) ||
           goblock_may_leave(&planting->scope, block, statement->start, statement->end);
}

/* True: it may be left before its end. */
static bool plant_block(struct planting *planting, const struct goblock *block)
{
    struct gotext_statement statement;
    size_t at = block->open + 1;
    bool broken;

    while (gotext_next_statement(planting->go, &at, block->close, &statement, &broken))
        if (plant_statement(planting, block, &statement))
            return true;
    return broken;
}

/* --- the function ---------------------------------------------------------------------------- */

static size_t count_parts(const struct gotext *go, const struct gotext_function *function)
{
    size_t count = 0;

    for (size_t at = function->open; at < function->close; at++)
        count += go->code[at] == '.' && gotext_has_word(go, at + 1, "Run");
    return count;
}

/* func TestX(t *testing.T) */
static bool read_parameter(const struct gotext *go, const struct gotext_function *function,
                           struct goblock *block)
{
    size_t at = gotext_skip_blanks(go, function->params_open + 1);

    block->t = at;
    block->t_length = gotext_word_length(go, at);
    if (block->t_length == 0 || gotext_has_word(go, at, "_"))
        return false;
    at = gotext_skip_blanks(go, at + block->t_length);
    return strncmp(go->code + at, "*testing.T", strlen("*testing.T")) == 0 &&
           gotext_skip_blanks(go, at + strlen("*testing.T")) == function->params_close;
}

static bool is_inside(const struct planting *planting, size_t start, size_t end)
{
    return start > planting->inside_open && end <= planting->inside_close;
}

/* What is outside of the sub-test is what others have, too. */
static void leave_inside(struct planting *planting)
{
    struct trial_plants *plants = planting->plants;
    size_t kept = 0;

    for (size_t i = 0; i < plants->count; i++)
        if (is_inside(planting, plants->items[i].start, plants->items[i].end))
            plants->items[kept++] = plants->items[i];
        else
            free(plants->items[i].text);
    plants->count = kept;
    kept = 0;
    for (size_t i = 0; i < plants->assertion_count; i++)
        if (is_inside(planting, plants->assertions[i].start, plants->assertions[i].end))
            plants->assertions[kept++] = plants->assertions[i];
        else
            free(plants->assertions[i].thinned);
    plants->assertion_count = kept;
}

void trial_goplant_find(const struct trial_goplant *test, struct trial_plants *ret_plants)
{
    struct planting planting = {
        .test = test,
        .go = test->go,
        .scope = *test->scope, /* borrowed */
        .plants = ret_plants,
    };
    struct goblock block = {0};

    planting.scope.go = test->go;
    *ret_plants = (struct trial_plants){0};
    if (!gotext_find_function(test->go, test->name, &planting.function) ||
        !read_parameter(test->go, &planting.function, &block) ||
        goscope_is_started(&planting.scope, &planting.function))
        return;
    block.open = planting.function.open;
    block.close = planting.function.close;
    planting.is_new = !test->former || !gotext_is_same(test->go, &planting.function, test->former);
    planting.part_count = count_parts(test->go, &planting.function);
    plant_begin(&planting, &block);
    if (!plant_block(&planting, &block))
        plant_end(&planting, &block);
    if (test->is_inside)
        leave_inside(&planting);
}
