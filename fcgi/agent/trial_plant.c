#include "agent/trial_plant.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/random.h"

#include "base/banned.h"

#define NOISE_MOST 2000 /* bytes of a comment */
#define NESTED_MOST 100 /* statements within statements */
#define NUMBER_MOST 9   /* digits: another number of as many is another int */
#define DRAWS_MOST 50
#define HIDDEN '\1' /* within #if: may be there, or not */

/* A text, and the same with blanks in place of comments and directives, and with nothing that has a
 * meaning in strings. */
struct source {
    const char *text;
    char *code;
    size_t length;
};

static size_t draw(size_t below)
{
    unsigned drawn;

    random_bytes(&drawn, sizeof(drawn));
    return drawn % below;
}

static void draw_word(char *word, size_t length)
{
    for (size_t i = 0; i < length; i++)
        word[i] = (char)('a' + draw(26));
    word[length] = '\0';
}

/* --- what is code ---------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_directive(const char *text, size_t at, const char *name)
{
    size_t length = strlen(name);

    at += strspn(text + at, "# \t");
    return strncmp(text + at, name, length) == 0 && !is_word(text[at + length]);
}

static size_t line_end(const char *text, size_t at)
{
    for (; text[at] && text[at] != '\n'; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return at;
}

/* Behind a comment, a string or a character; `at` itself where none of them begins. */
static size_t skip_opaque(const char *text, size_t at)
{
    const char *end;
    char quote = text[at];

    if (text[at] == '/' && text[at + 1] == '/')
        return line_end(text, at);
    if (text[at] == '/' && text[at + 1] == '*') {
        end = strstr(text + at + 2, "*/");
        return end ? (size_t)(end - text) + 2 : strlen(text);
    }
    if (quote != '"' && quote != '\'')
        return at;
    for (at++; text[at] && text[at] != quote && text[at] != '\n'; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return text[at] ? at + 1 : at;
}

static void mask(struct source *source, size_t start, size_t end, char by)
{
    for (size_t i = start; i < end; i++)
        if (source->code[i] != '\n')
            source->code[i] = by;
}

static void source_read(struct source *source, const char *text)
{
    size_t depth = 0;
    bool fresh = true; /* nothing but blanks on this line so far */

    source->text = text;
    source->length = strlen(text);
    source->code = xstrdup(text);
    for (size_t at = 0; at < source->length;) {
        size_t end = skip_opaque(text, at);

        if (fresh && text[at] == '#') {
            end = line_end(text, at);
            depth += is_directive(text, at, "if") || is_directive(text, at, "ifdef") ||
                     is_directive(text, at, "ifndef");
            if (is_directive(text, at, "endif") && depth > 0)
                depth--;
            mask(source, at, end, ' ');
        } else if (end == at) {
            fresh = text[at] == '\n' || (fresh && isspace((unsigned char)text[at]));
            end = at + 1;
            if (depth > 0)
                mask(source, at, end, HIDDEN);
        } else if (text[at] == '/') {
            mask(source, at, end, depth > 0 ? HIDDEN : ' ');
        } else {
            mask(source, at + 1, end - 1, depth > 0 ? HIDDEN : 'x');
            fresh = false;
        }
        at = end;
    }
}

static void source_release(struct source *source)
{
    free(source->code);
}

static size_t skip_blanks(const struct source *source, size_t at)
{
    while (isspace((unsigned char)source->code[at]))
        at++;
    return at;
}

static size_t word_length(const struct source *source, size_t at)
{
    size_t length = 0;

    while (is_word(source->code[at + length]))
        length++;
    return length;
}

static bool has_word(const struct source *source, size_t at, const char *word)
{
    size_t length = word_length(source, at);

    return length == strlen(word) && strncmp(source->code + at, word, length) == 0;
}

/* Where what opens here closes; 0: nowhere before `end`. */
static size_t match(const struct source *source, size_t at, size_t end)
{
    size_t depth = 0;

    for (; at < end; at++) {
        if (strchr("({[", source->code[at]))
            depth++;
        else if (strchr(")}]", source->code[at]) && --depth == 0)
            return at;
    }
    return 0;
}

/* --- functions ------------------------------------------------------------------------------- */

struct function {
    size_t name, name_length;
    size_t open, close; /* its braces */
};

/* The name before the parameters that end just before a brace. */
static bool read_head(const struct source *source, size_t brace, struct function *function)
{
    const char *code = source->code;
    size_t at = brace, depth = 0;

    while (at > 0 && isspace((unsigned char)code[at - 1]))
        at--;
    if (at == 0 || code[at - 1] != ')')
        return false;
    do {
        at--;
        depth += code[at] == ')';
        depth -= code[at] == '(';
    } while (at > 0 && depth > 0);
    while (at > 0 && isspace((unsigned char)code[at - 1]))
        at--;
    function->name = at;
    while (function->name > 0 && is_word(code[function->name - 1]))
        function->name--;
    function->name_length = at - function->name;
    return function->name_length > 0;
}

/* The next function from *at on. */
static bool next_function(const struct source *source, size_t *at, struct function *ret_function)
{
    while (*at < source->length) {
        struct function function = {.open = *at};

        if (source->code[(*at)++] != '{')
            continue;
        function.close = match(source, function.open, source->length);
        if (function.close == 0)
            return false;
        *at = function.close + 1;
        if (!read_head(source, function.open, &function))
            continue;
        *ret_function = function;
        return true;
    }
    return false;
}

static bool find_function(const struct source *source, const char *name, size_t length,
                          struct function *ret_function)
{
    for (size_t at = 0; next_function(source, &at, ret_function);)
        if (ret_function->name_length == length &&
            strncmp(source->text + ret_function->name, name, length) == 0)
            return true;
    return false;
}

static bool is_same(const struct source *source, const struct function *function,
                    const struct source *former)
{
    struct function other;
    size_t length = function->close - function->open;

    return find_function(former, source->text + function->name, function->name_length, &other) &&
           other.close - other.open == length &&
           memcmp(source->text + function->open, former->text + other.open, length) == 0;
}

/* --- statements ------------------------------------------------------------------------------ */

struct statement {
    size_t start, end; /* behind its semicolon or brace */
    bool is_simple;    /* ends with a semicolon, and holds no other statement */
};

static size_t skip_statement(const struct source *source, size_t at, size_t end, size_t nested);

static size_t skip_simple(const struct source *source, size_t at, size_t end)
{
    for (; at < end && source->code[at] != HIDDEN; at++) {
        if (source->code[at] == ';')
            return at + 1;
        if (strchr("({[", source->code[at]) && (at = match(source, at, end)) == 0)
            return 0;
    }
    return 0;
}

/* `if`, `for`, `while` and `switch`, with what follows the parentheses. */
static size_t skip_controlled(const struct source *source, size_t at, size_t end, size_t nested)
{
    bool is_if = has_word(source, at, "if");

    at = skip_blanks(source, at + word_length(source, at));
    if (source->code[at] != '(' || (at = match(source, at, end)) == 0 ||
        (at = skip_statement(source, at + 1, end, nested + 1)) == 0)
        return 0;
    if (is_if && has_word(source, skip_blanks(source, at), "else"))
        return skip_statement(source, skip_blanks(source, at) + strlen("else"), end, nested + 1);
    return at;
}

static bool is_controlled(const struct source *source, size_t at)
{
    return has_word(source, at, "if") || has_word(source, at, "for") ||
           has_word(source, at, "while") || has_word(source, at, "switch");
}

/* 0: it can't be told where it ends. */
static size_t skip_statement(const struct source *source, size_t at, size_t end, size_t nested)
{
    at = skip_blanks(source, at);
    if (at >= end || nested > NESTED_MOST)
        return 0;
    if (source->code[at] == '{') {
        size_t close = match(source, at, end);

        return close ? close + 1 : 0;
    }
    if (is_controlled(source, at))
        return skip_controlled(source, at, end, nested);
    if (has_word(source, at, "do")) {
        at = skip_statement(source, at + strlen("do"), end, nested + 1);
        return at ? skip_simple(source, at, end) : 0;
    }
    return skip_simple(source, at, end);
}

static bool next_statement(const struct source *source, size_t *at, size_t end,
                           struct statement *ret_statement)
{
    size_t start = skip_blanks(source, *at), stop = skip_statement(source, start, end, 0);

    if (stop == 0)
        return false;
    *ret_statement = (struct statement){
        .start = start,
        .end = stop,
        .is_simple = source->code[start] != '{' && !is_controlled(source, start) &&
                     !has_word(source, start, "do"),
    };
    *at = stop;
    return true;
}

/* May what follows not be executed, though this is? */
static bool may_leave(const struct source *source, size_t start, size_t end)
{
    static const char *const leaving[] = {"return",
                                          "goto",
                                          "exit",
                                          "_exit",
                                          "_Exit",
                                          "quick_exit",
                                          "abort",
                                          "longjmp",
                                          "siglongjmp",
                                          "TEST_IGNORE",
                                          "TEST_IGNORE_MESSAGE",
                                          "TEST_PASS",
                                          "TEST_PASS_MESSAGE",
                                          "TEST_ABORT",
                                          "TEST_FAIL",
                                          "TEST_FAIL_MESSAGE",
                                          "TEST_PROTECT"};

    for (size_t at = start; at < end; at++) {
        size_t length = word_length(source, at);

        if (source->code[at] == HIDDEN)
            return true;
        for (size_t i = 0; length > 0 && i < ARRAY_SIZE(leaving); i++)
            if (has_word(source, at, leaving[i]))
                return true;
        at += length > 0 ? length - 1 : 0;
    }
    return false;
}

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
    call.name_length = word_length(source, call.name);
    call.open = skip_blanks(source, call.name + call.name_length);
    if (call.name_length == 0 || source->code[call.open] != '(')
        return false;
    call.close = match(source, call.open, statement->end);
    if (call.close == 0 || skip_blanks(source, call.close + 1) != statement->end - 1)
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
    struct trial_plants *plants = planting->plants;

    if (plants->count == plants->room) {
        plants->room += plants->room / 2 + 16;
        plants->items = xrealloc(plants->items, plants->room * sizeof(*plants->items));
    }
    plants->items[plants->count++] = (struct trial_plant){kind, start, end, text, is_new};
}

static char near_char(char old)
{
    char drawn = old;

    while (drawn == old)
        drawn = (char)(isdigit((unsigned char)old)   ? '0' + draw(10)
                       : islower((unsigned char)old) ? 'a' + draw(26)
                                                     : 'A' + draw(26));
    return drawn;
}

/* No letter or digit of a number that follows a backslash (\x41, \101), nor one right behind one.
 */
static bool is_plain(const char *literal, size_t at)
{
    for (size_t back = 1; back <= at && back <= 9; back++)
        if (literal[at - back] == '\\')
            return back > 1 && !strchr("xuU01234567", literal[at - back + 1]);
    return true;
}

/* A string of the same length, with one letter or digit exchanged; NULL: it is none, or has none.
 */
static char *near_string(const struct source *source, size_t start, size_t end)
{
    char *text;

    if (end - start < 3 || source->code[start] != '"' || source->code[end - 1] != '"' ||
        memchr(source->code + start + 1, '"', end - start - 2))
        return NULL;
    text = xstrndup(source->text + start, end - start);
    for (size_t tries = 0; tries < DRAWS_MOST; tries++) {
        size_t at = 1 + draw(end - start - 2);

        if (isalnum((unsigned char)text[at]) && is_plain(text, at)) {
            text[at] = near_char(text[at]);
            return text;
        }
    }
    free(text);
    return NULL;
}

static char *near_number(const struct source *source, size_t start, size_t end)
{
    char *text;

    if (end == start || end - start > NUMBER_MOST ||
        strspn(source->code + start, "0123456789") < end - start ||
        (end - start > 1 && source->code[start] == '0'))
        return NULL;
    text = xstrndup(source->text + start, end - start);
    do { /* the first digit stays one that is no 0 */
        size_t at = draw(end - start);

        text[at] = near_char(text[at]);
    } while (end - start > 1 && text[0] == '0');
    if (strncmp(text, source->text + start, end - start) != 0)
        return text;
    free(text);
    return NULL;
}

static size_t argument_end(const struct source *source, size_t at, size_t end)
{
    for (; at < end && source->code[at] != ','; at++)
        if (strchr("({[", source->code[at]) && (at = match(source, at, end)) == 0)
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
        starts[i] = skip_blanks(source, at);
        at = ends[i] = argument_end(source, starts[i], call->close);
        while (ends[i] > starts[i] && isspace((unsigned char)source->code[ends[i] - 1]))
            ends[i]--;
        near[i] = near_string(source, starts[i], ends[i]);
        if (!near[i])
            near[i] = near_number(source, starts[i], ends[i]);
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

    draw_word(one, 8);
    do
        draw_word(other, 8);
    while (strcmp(one, other) == 0);
    return planting->is_unity ? xasprintf("TEST_ASSERT_EQUAL_STRING(\"%s\", \"%s\"); ", one, other)
                              : xasprintf("assert(sizeof(\"%s\") == %zu); ", one, 10 + draw(90));
}

static void add_assertion(struct planting *planting, const struct call *call)
{
    struct trial_plants *plants = planting->plants;

    if (plants->assertion_count == plants->assertion_room) {
        plants->assertion_room += plants->assertion_room / 2 + 16;
        plants->assertions =
            xrealloc(plants->assertions, plants->assertion_room * sizeof(*plants->assertions));
    }
    plants->assertions[plants->assertion_count++] =
        (struct trial_assertion){call->name, call->name + call->name_length, call->close + 1};
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
    bool returns = last && last->is_simple && has_word(source, last->start, "return");
    size_t status = 1 + draw(100), at;

    if (!is_main) {
        if (!may_leave(source, function->open + 1, function->close))
            add(planting, "ends", function->close, function->close, failing_assertion(planting),
                is_new);
    } else if (returns) {
        at = last->start + strlen("return");
        add(planting, "status", at, last->end - 1,
            xasprintf(" (%.*s) + %zu", (int)(last->end - 1 - at), source->text + at, status),
            is_new);
    } else if (!last || !may_leave(source, last->start, last->end)) {
        add(planting, "status", function->close, function->close, xasprintf("return %zu; ", status),
            is_new);
    }
}

static void plant_function(struct planting *planting, const struct function *function, bool is_new)
{
    const struct source *source = &planting->source;
    bool is_main = has_word(source, function->name, "main"), begun = false, left = false;
    struct statement statement = {0};
    size_t at = function->open + 1;

    while (!left && skip_blanks(source, at) < function->close) {
        if (!next_statement(source, &at, function->close, &statement))
            return; /* what follows can't be told */
        left = may_leave(source, statement.start, statement.end);
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
        name = skip_blanks(source, call.open + 1);
        length = word_length(source, name);
    }
    return length > 0 && find_function(source, source->text + name, length, ret_function);
}

static bool ends_unity(const struct source *source, const struct function *function)
{
    struct statement statement = {0};
    size_t at = function->open + 1, word;

    while (next_statement(source, &at, function->close, &statement))
        if (may_leave(source, statement.start, statement.end))
            break;
    if (!statement.is_simple || !has_word(source, statement.start, "return"))
        return false;
    word = skip_blanks(source, statement.start + strlen("return"));
    return has_word(source, word, "UNITY_END");
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

    if (!find_function(source, "main", strlen("main"), &main))
        return;
    planting->is_unity = ends_unity(source, &main);
    plant_function(planting, &main, !former || !is_same(source, &main, former));
    for (size_t at = main.open + 1; next_statement(source, &at, main.close, &statement);) {
        if (may_leave(source, statement.start, statement.end))
            break;
        if (read_run(planting, &statement, &function) && !is_planted(planting, &function))
            plant_function(planting, &function, !former || !is_same(source, &function, former));
    }
}

void trial_plants_find(const char *text, const char *former, bool asserts,
                       struct trial_plants *ret_plants)
{
    struct planting planting = {.asserts = asserts, .plants = ret_plants};
    struct source other = {0};

    *ret_plants = (struct trial_plants){0};
    if (strstr(text, "R\"")) /* a raw string of C++: what is code in it can't be told */
        return;
    source_read(&planting.source, text);
    if (former)
        source_read(&other, former);
    plant_all(&planting, former ? &other : NULL);
    source_release(&planting.source);
    source_release(&other);
}

void trial_plants_release(struct trial_plants *plants)
{
    for (size_t i = 0; i < plants->count; i++)
        free(plants->items[i].text);
    free(plants->items);
    free(plants->assertions);
    *plants = (struct trial_plants){0};
}

/* An edit of the text. */
struct edit {
    size_t start, end;
    const char *text;
};

static int by_place(const void *a, const void *b)
{
    const struct edit *one = a, *other = b;

    if (one->start != other->start)
        return one->start < other->start ? -1 : 1;
    return (one->end > other->end) - (one->end < other->end);
}

/* The arguments stay, as what they do may be needed later: NAME(a, b) becomes (void)(a, b). */
static size_t thin(const struct trial_plants *plants, const struct trial_plant *plant,
                   struct edit *edits)
{
    size_t count = 0;

    for (size_t i = 0; i < plants->assertion_count; i++) {
        const struct trial_assertion *assertion = &plants->assertions[i];

        if (draw(2) == 0 ||
            (plant && plant->end > assertion->start && plant->start < assertion->end))
            continue;
        edits[count++] = (struct edit){assertion->start, assertion->name_end, "(void)"};
    }
    return count;
}

char *trial_plant_apply(const char *text, const struct trial_plants *plants,
                        const struct trial_plant *plant, bool is_thinned)
{
    _cleanup_(free_ptr) struct edit *edits = xcalloc(plants->assertion_count + 1, sizeof(*edits));
    size_t count = is_thinned ? thin(plants, plant, edits) : 0, at = 0;
    struct buf edited = BUF_INIT;
    char noise[NOISE_MOST];

    if (plant)
        edits[count++] = (struct edit){plant->start, plant->end, plant->text};
    qsort(edits, count, sizeof(*edits), by_place);
    for (size_t i = 0; i < count; i++) {
        buf_add(&edited, text + at, edits[i].start - at);
        buf_add_str(&edited, edits[i].text);
        at = edits[i].end;
    }
    draw_word(noise, draw(NOISE_MOST - 1));
    buf_addf(&edited, "%s\n/*%s*/\n", text + at, noise);
    return buf_take(&edited);
}
