#include "trial/rust_plant.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "trial/rust_macros.h"

#include "base/banned.h"

#define DRAWS_MOST 50
#define NESTED_MOST 20 /* values in values */
#define DIGITS_MOST 6  /* of a fraction, that surely count */
#define HELPER 12      /* letters of its name */
#define BLANKS "                                        "

/* All that planting looks at. */
struct planting {
    const struct source *source;
    const struct rust_test *test;
    struct rust_plants *plants;
    uint64_t defined; /* macros */
    bool is_new;
    char helper[HELPER + 1]; /* the function that panics */
};

static void plant(struct planting *planting, const char *kind, size_t start, size_t end, char *text)
{
    trial_plants_add(&planting->plants->plants, kind, planting->is_new, start, end, text);
}

/* It takes the texts. */
static void add_form(struct planting *planting, const struct rust_form *form)
{
    struct rust_plants *plants = planting->plants;

    if (plants->form_count == plants->form_room) {
        plants->form_room += plants->form_room / 2 + 16;
        plants->forms = xrealloc(plants->forms, plants->form_room * sizeof(*plants->forms));
    }
    plants->forms[plants->form_count++] = *form;
}

/* Plants a failure that stands in place of the form. */
static void plant_form(struct planting *planting, const char *kind, struct rust_form form,
                       char *planted)
{
    form.plant = planting->plants->plants.count;
    plant(planting, kind, form.start, form.end, planted);
    add_form(planting, &form);
}

static bool has_text(const struct source *source, size_t at, const char *text)
{
    return strncmp(source->code + at, text, strlen(text)) == 0;
}

/* --- literals -------------------------------------------------------------------------------- */

struct span {
    size_t start, end;
};

/* A whole number or a fraction, with what tells its type. */
static size_t skip_number(const char *code, size_t at)
{
    size_t end = at + strspn(code + at, "0123456789_");

    if (end == at || strspn(code + at, "_") > 0)
        return at;
    if (code[end] == '.' && isdigit((unsigned char)code[end + 1]))
        end += 1 + strspn(code + end + 1, "0123456789_");
    return end;
}

/* Behind a string or a character; `at` itself where none begins. */
static size_t skip_quoted(const char *code, size_t at)
{
    size_t start = at, hashes;

    at += code[at] == 'b';
    if (code[at] == '\'' && strchr(code + at + 1, '\''))
        return at + 2 + strcspn(code + at + 1, "'");
    at += code[at] == 'r';
    hashes = strspn(code + at, "#");
    at += hashes;
    if (code[at] != '"' || (hashes > 0 && code[at - hashes - 1] != 'r'))
        return start;
    at += 1 + strcspn(code + at + 1, "\"");
    at += code[at] == '"';
    return at + strspn(code + at, "#");
}

/* How much of a number counts, whatever its type can hold. */
static size_t counting_length(const char *text, size_t length)
{
    size_t at = strspn(text, "0_."), digits = 0;

    for (; at < length && digits < DIGITS_MOST; at++)
        digits += isdigit((unsigned char)text[at]) != 0;
    return at < length ? at : length;
}

/* A number that fits wherever the old one does: no greater, or one more than a 1 with zeros. */
static char *near_number(const char *text, size_t length)
{
    char *near = xstrndup(text, length);
    bool has_point = memchr(text, '.', length) != NULL;
    size_t counting = has_point || text[length] == 'f' ? counting_length(text, length) : length;

    for (size_t tries = 0; tries < DRAWS_MOST; tries++) {
        size_t at = trial_draw(counting);
        int least = at == 0 && length > 1 ? '1' : '0';

        if (!isdigit((unsigned char)near[at]))
            continue;
        if (has_point)
            near[at] = (char)('0' + trial_draw(10));
        else if (near[at] > least)
            near[at] = (char)(least + (int)trial_draw((size_t)(near[at] - least)));
        if (near[at] != text[at])
            return near;
    }
    near[counting - 1] = '1'; /* of 0, 10, 100 */
    if (memcmp(near, text, length) == 0)
        free_ptr(&near);
    return near;
}

/* No letter of an escape: \n, \x41, \u{1F600}. */
static bool is_plain(const char *text, size_t at)
{
    for (size_t back = 1; back <= at && back <= 10; back++)
        if (text[at - back] == '\\')
            return false;
    return true;
}

/* One letter or digit exchanged. */
static char *near_quoted(const char *text, size_t length)
{
    static const char digits[] = "0123456789", small[] = "abcdefghijklmnopqrstuvwxyz";
    size_t open = strcspn(text, "\"'") + 1;
    char *near = xstrndup(text, length);

    for (size_t tries = 0; open < length && tries < DRAWS_MOST; tries++) {
        size_t at = open + trial_draw(length - open);
        char old = near[at];

        if (!isalnum((unsigned char)old) || !is_plain(text, at))
            continue;
        do
            near[at] = isdigit((unsigned char)old)   ? digits[trial_draw(10)]
                       : islower((unsigned char)old) ? small[trial_draw(26)]
                                                     : (char)toupper(small[trial_draw(26)]);
        while (near[at] == old);
        return near;
    }
    free_ptr(&near);
    return NULL;
}

/* --- values ---------------------------------------------------------------------------------- */

#define LITERALS_MOST 32

/* A value that is made of literals alone: with another one among them it is another value. */
struct value {
    struct span literals[LITERALS_MOST];
    size_t count;
    bool is_whole; /* what makes it may not look at one of them: all are to be others */
};

static size_t read_value(const struct source *source, size_t at, size_t end, struct value *value,
                         size_t nested);

static size_t read_values(const struct source *source, size_t open, size_t end, struct value *value,
                          size_t nested)
{
    size_t close = source_match(source, open, end), at = open + 1;

    if (close == 0)
        return 0;
    while ((at = source_skip_blanks(source, at)) < close) {
        at = read_value(source, at, close, value, nested + 1);
        if (at == 0 || (at < close && source->code[at] != ','))
            return 0;
        at += at < close;
    }
    return close + 1;
}

/* Some(...), Ok(...), String::from(...), vec![...] */
static size_t read_made(const struct source *source, size_t at, size_t end, struct value *value,
                        size_t nested)
{
    static const char *const makers[] = {"Some(", "Ok(", "Err(", "String::from(", "vec!["};

    for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
        if (has_text(source, at, makers[i]))
            return read_values(source, at + strlen(makers[i]) - 1, end, value, nested);
    return 0;
}

static bool is_upper(const struct source *source, size_t at)
{
    return isupper((unsigned char)source->code[at]) != 0;
}

/* { x: 1, y: 2 } */
static size_t read_fields(const struct source *source, size_t open, size_t end, struct value *value,
                          size_t nested)
{
    size_t close = source_match(source, open, end), at = open + 1;

    if (close == 0)
        return 0;
    while ((at = source_skip_blanks(source, at)) < close) {
        size_t length = source_word_length(source, at);

        at = source_skip_blanks(source, at + length);
        if (length == 0 || source->code[at] != ':' || source->code[at + 1] == ':')
            return 0;
        at = read_value(source, source_skip_blanks(source, at + 1), close, value, nested + 1);
        if (at == 0 || (at < close && source->code[at] != ','))
            return 0;
        at += at < close;
    }
    return close + 1;
}

/* Money(5), Point { x: 1, y: 2 }, money::Money::new(5); 0: it is none of these. */
static size_t read_constructed(const struct source *source, size_t at, size_t end,
                               struct value *value, size_t nested)
{
    size_t length = source_word_length(source, at), open;
    bool is_of_type = false, is_type = length > 0 && is_upper(source, at);

    while (length > 0 && has_text(source, at + length, "::")) {
        at += length + 2;
        length = source_word_length(source, at);
        is_of_type = is_type;
        is_type = length > 0 && is_upper(source, at);
    }
    if (!is_type && (!is_of_type || (!source_has_word(source, at, "new") &&
                                     strncmp(source->code + at, "from", strlen("from")) != 0)))
        return 0;
    open = at + length;
    value->is_whole = true;
    if (source->code[open] == '(')
        return read_values(source, open, end, value, nested);
    open = source_skip_blanks(source, open);
    return is_type && source->code[open] == '{' ? read_fields(source, open, end, value, nested) : 0;
}

static size_t read_literal(const struct source *source, size_t at, struct value *value)
{
    static const char *const truths[] = {"true", "false"};
    size_t end = skip_number(source->code, at);

    for (size_t i = 0; end == at && i < ARRAY_SIZE(truths); i++)
        if (source_has_word(source, at, truths[i]))
            end = at + strlen(truths[i]);
    if (end == at)
        end = skip_quoted(source->code, at);
    if (end == at || value->count == LITERALS_MOST)
        return 0;
    value->literals[value->count++] = (struct span){at, end};
    if (!isdigit((unsigned char)source->code[at]) || source_word_length(source, end) == 0)
        return end;
    return strchr("iuf", source->code[end]) /* 5u8, but neither 0xff nor 1e9 */
               ? end + source_word_length(source, end)
               : 0;
}

/* Behind .to_string() and the like. */
static size_t skip_calls(const struct source *source, size_t at)
{
    static const char *const calls[] = {".to_string()", ".to_owned()", ".into()", ".to_vec()"};

    for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
        if (has_text(source, at, calls[i]))
            return at + strlen(calls[i]);
    return at;
}

/* Behind the value and blanks; 0: it is made of something else, too. */
static size_t read_value(const struct source *source, size_t at, size_t end, struct value *value,
                         size_t nested)
{
    size_t made, first = value->count;

    if (nested > NESTED_MOST)
        return 0;
    at += strspn(source->code + at, "&-");
    made = read_made(source, at, end, value, nested);
    if (made == 0 && source_has_word(source, at, "None"))
        made = at + strlen("None");
    if (made == 0)
        made = read_constructed(source, at, end, value, nested);
    if (at < end && strchr("([", source->code[at]))
        at = read_values(source, at, end, value, nested);
    else
        at = made > 0 ? made : read_literal(source, at, value);
    if (at > 0 && value->count > first + 1 && has_text(source, at, ".into()"))
        value->is_whole = true; /* a set, perhaps */
    return at > 0 ? source_skip_blanks(source, skip_calls(source, at)) : 0;
}

/* NULL: there is none like it. */
static char *near_literal(const struct source *source, struct span span)
{
    const char *text = source->text + span.start;
    size_t length = span.end - span.start;

    if (source_has_word(source, span.start, "true"))
        return xstrdup("false");
    if (source_has_word(source, span.start, "false"))
        return xstrdup("true");
    return isdigit((unsigned char)text[0]) ? near_number(text, length) : near_quoted(text, length);
}

/* Another literal in place of one of these, drawn by chance. */
static void plant_one(struct planting *planting, const struct value *value)
{
    size_t first = trial_draw(value->count);

    for (size_t i = 0; i < value->count; i++) {
        struct span span = value->literals[(first + i) % value->count];
        char *near = near_literal(planting->source, span);

        if (!near)
            continue;
        plant(planting, "expected", span.start, span.end, near);
        return;
    }
}

static bool has_literal(const struct source *source, const struct value *value, const char *text)
{
    for (size_t i = 0; i < value->count; i++) {
        struct span span = value->literals[i];

        if (strlen(text) == span.end - span.start &&
            memcmp(source->text + span.start, text, span.end - span.start) == 0)
            return true;
    }
    return false;
}

/* Like one of the literals, and none of the value's: a set of 1 and 0 is one of 0 and 1. */
static char *near_none(const struct source *source, const struct value *value, struct span span)
{
    for (size_t tries = 0; tries < DRAWS_MOST; tries++) {
        char *near = near_literal(source, span);

        if (!near || !has_literal(source, value, near))
            return near;
        free(near);
    }
    return NULL;
}

/* What is between literals. The standard library's macro is called by its whole name, as it is
 * where nothing is planted: it would tell another one of the same name. */
static void add_between(const struct planting *planting, size_t at, size_t end, struct buf *text)
{
    const struct source *source = planting->source;
    uint64_t others = planting->defined | rust_macros_imported(source);
    bool is_std = !(rust_macro_bit("vec") & others);

    for (; at < end; at++) {
        if (is_std && has_text(source, at, "vec!["))
            buf_add_str(text, " ::std::");
        buf_add(text, source->text + at, 1);
    }
}

/* All literals are others, or nothing is planted. */
static void plant_whole(struct planting *planting, const struct value *value)
{
    const struct source *source = planting->source;
    struct span all = {value->literals[0].start, value->literals[value->count - 1].end};
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    size_t at = all.start;

    for (size_t i = 0; i < value->count; i++) {
        struct span span = value->literals[i];
        _cleanup_(free_ptr) char *near = near_none(source, value, span);

        if (!near)
            return;
        add_between(planting, at, span.start, &text);
        buf_add_str(&text, near);
        at = span.end;
    }
    plant(planting, "expected", all.start, all.end, buf_take(&text));
}

/* --- assertions ------------------------------------------------------------------------------ */

/* A statement that is one of the standard library's, and nothing else. */
struct assertion {
    const char *name;
    size_t start, open, close; /* of its name; its parentheses */
    struct span arguments[2];  /* the first ones, without what is told if it fails */
};

static size_t trim(const struct source *source, size_t start, size_t end)
{
    while (end > start && isspace((unsigned char)source->code[end - 1]))
        end--;
    return end;
}

static bool read_arguments(const struct source *source, struct assertion *assertion, size_t count)
{
    size_t at = assertion->open + 1;

    for (size_t i = 0; i < count; i++) {
        size_t start = source_skip_blanks(source, at);
        size_t end =
            start < assertion->close ? rust_argument_end(source, start, assertion->close) : 0;

        if (end == 0 || source_has_word(source, start, "let"))
            return false;
        assertion->arguments[i] = (struct span){start, trim(source, start, end)};
        if (assertion->arguments[i].end == start || (i + 1 < count && end == assertion->close))
            return false;
        at = end + 1;
    }
    return true;
}

static bool read_assertion(const struct source *source, const struct rust_statement *statement,
                           uint64_t defined, struct assertion *ret_assertion)
{
    static const char *const names[] = {"assert", "assert_eq", "assert_ne"};
    struct assertion assertion = {.start = statement->start};
    size_t end = statement->end;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (statement->is_simple && source_has_word(source, statement->start, names[i]) &&
            !(rust_macro_bit(names[i]) & defined))
            assertion.name = names[i];
    if (!assertion.name)
        return false;
    assertion.open = assertion.start + strlen(assertion.name);
    if (!has_text(source, assertion.open, "!("))
        return false;
    assertion.open++;
    assertion.close = source_match(source, assertion.open, end);
    if (assertion.close == 0 ||
        source_skip_blanks(source, assertion.close + 1) < end - !statement->is_value)
        return false;
    if (!read_arguments(source, &assertion, strcmp(assertion.name, "assert") == 0 ? 1 : 2))
        return false;
    *ret_assertion = assertion;
    return true;
}

/* The line feeds of a part of the text: what comes behind it stays in its line. */
static const char *line_feeds(const struct source *source, size_t start, size_t end,
                              struct buf *buf)
{
    buf_clear(buf);
    buf_add_str(buf, "");
    for (size_t at = start; at < end; at++)
        if (source->text[at] == '\n')
            buf_add_str(buf, "\n");
    return buf->data;
}

static void plant_expected(struct planting *planting, const struct assertion *assertion)
{
    for (size_t i = 2; i > 0; i--) {
        struct span argument = assertion->arguments[i - 1];
        struct value value = {.count = 0};

        if (read_value(planting->source, argument.start, argument.end, &value, 0) < argument.end ||
            value.count == 0)
            continue;
        if (value.is_whole)
            plant_whole(planting, &value);
        else
            plant_one(planting, &value);
        return;
    }
}

static void add_blanks(struct planting *planting, size_t at)
{
    add_form(planting, &(struct rust_form){.start = at, .end = at, .plant = SIZE_MAX});
}

/* assert!(A) is `if  !(A) { HELPER() }`; A may be of any type that `!` makes a bool of. */
static void plant_condition(struct planting *planting, const struct assertion *assertion)
{
    struct span condition = assertion->arguments[0];
    _cleanup_(buf_release) struct buf lines = BUF_INIT;
    struct rust_form head = {.start = assertion->start, .end = condition.start};
    struct rust_form tail = {.start = condition.end,
                             .end = assertion->close + 1,
                             .from = assertion->start,
                             .to = assertion->close + 1,
                             .plant = SIZE_MAX};

    line_feeds(planting->source, head.start, head.end, &lines);
    head.text = xasprintf("%sif  !(", lines.data);
    plant_form(planting, "negated", head, xasprintf("%sif !!(", lines.data));
    line_feeds(planting->source, tail.start, tail.end, &lines);
    tail.text = xasprintf(") {%s %s() }", lines.data, planting->helper);
    tail.left_out = xasprintf(") {%s }", lines.data);
    add_form(planting, &tail);
}

/* assert_eq!(A, B) is `match (&(A), &(B)) { (l, r) => if !(*l == *r) { HELPER() } }`. So all types
 * are inferred as before. */
static void plant_comparison(struct planting *planting, const struct assertion *assertion)
{
    const char *helper = planting->helper;
    struct span first = assertion->arguments[0], second = assertion->arguments[1];
    bool is_eq = strcmp(assertion->name, "assert_eq") == 0;
    _cleanup_(buf_release) struct buf lines = BUF_INIT;
    struct rust_form head = {.start = assertion->start, .end = first.start, .plant = SIZE_MAX};
    struct rust_form middle = {.start = first.end, .end = second.start, .plant = SIZE_MAX};
    struct rust_form tail = {.start = second.end,
                             .end = assertion->close + 1,
                             .from = assertion->start,
                             .to = assertion->close + 1};
    _cleanup_(free_ptr) char *compared = NULL;

    line_feeds(planting->source, head.start, head.end, &lines);
    head.text = xasprintf("%smatch (&(", lines.data);
    add_form(planting, &head);
    line_feeds(planting->source, middle.start, middle.end, &lines);
    middle.text = xasprintf("),%s &(", lines.data);
    add_form(planting, &middle);
    add_blanks(planting, second.start);
    line_feeds(planting->source, tail.start, tail.end, &lines);
    compared = xasprintf(")) {%s (%sl, %sr) => if", lines.data, helper, helper);
#define COMPARED "%s %c(*%sl == *%sr) { %s%s } }"
    tail.text = xasprintf(COMPARED, compared, is_eq ? '!' : ' ', helper, helper, helper, "()");
    tail.left_out = xasprintf(COMPARED, compared, is_eq ? '!' : ' ', helper, helper, "", "");
    plant_form(planting, "negated", tail,
               xasprintf(COMPARED, compared, is_eq ? ' ' : '!', helper, helper, helper, "()"));
#undef COMPARED
}

static void plant_assertion(struct planting *planting, const struct assertion *assertion)
{
    if (strcmp(assertion->name, "assert") == 0)
        plant_condition(planting, assertion);
    else
        plant_comparison(planting, assertion);
    add_blanks(planting, assertion->arguments[0].start);
    if (strcmp(assertion->name, "assert_eq") == 0)
        plant_expected(planting, assertion);
}

/* --- a test ---------------------------------------------------------------------------------- */

/* Something more at this place, which is blanks where it is not planted. */
static void plant_more(struct planting *planting, const char *kind, size_t at, const char *more)
{
    struct rust_form blanks = {
        .start = at, .end = at, .text = xasprintf("%*s", (int)strlen(more), "")};

    plant_form(planting, kind, blanks, xstrdup(more));
}

/* Behind the brace, and behind #![allow(...)] and the like. */
static size_t body_start(const struct source *source, const struct rust_test *test)
{
    size_t start = test->open + 1, at, close;

    while (has_text(source, at = source_skip_blanks(source, start), "#!") &&
           (close = source_match(source, at + 2, test->close)) > 0)
        start = close + 1;
    return start;
}

static void add_text(struct planting *planting, size_t at, char *text)
{
    add_form(planting,
             &(struct rust_form){.start = at, .end = at, .text = text, .plant = SIZE_MAX});
}

/* The function that panics, and calls of it: here, and wherever the test is left unless it fails.
 * For that it has a value that is dropped there. */
static void plant_around(struct planting *planting, size_t at)
{
    const char *helper = planting->helper;
    _cleanup_(free_ptr) char *call = xasprintf("%s(); ", helper);

    add_text(planting, at,
             xasprintf("fn %s() { ::std::panic!() } struct %s {} impl ::std::ops::Drop for %s "
                       "{ fn drop(&mut self) { if !::std::thread::panicking() { ",
                       helper, helper, helper));
    plant_more(planting, "ends", at, call);
    add_text(planting, at, xasprintf("} } } let %sd = %s {}; ", helper, helper));
    plant_more(planting, "begins", at, call);
    add_blanks(planting, at);
}

/* What surely is executed, one statement after another. */
static void plant_body(struct planting *planting)
{
    const struct source *source = planting->source;
    const struct rust_test *test = planting->test;
    struct rust_statement statement = {0};
    struct assertion assertion;
    size_t at = source_skip_blanks(source, body_start(source, test));

    plant_around(planting, at);
    while ((at = source_skip_blanks(source, at)) < test->close) {
        if (!rust_next_statement(source, &at, test->close, &statement) ||
            rust_may_leave(source, statement.start, statement.end))
            return; /* what follows can't be told, or is not sure */
        if (read_assertion(source, &statement, planting->defined, &assertion))
            plant_assertion(planting, &assertion);
    }
}

/* A panic that is told otherwise is none that is expected. */
static void plant_panic(struct planting *planting)
{
    const struct rust_test *test = planting->test;
    size_t start = source_skip_blanks(planting->source, body_start(planting->source, test));
    const char *word = planting->helper;
    _cleanup_(free_ptr) char *returns = xasprintf("if \"%s\".len() == 12 { return; } ", word);

    plant(planting, "expected", test->panic_start, test->panic_end,
          xasprintf("should_panic(expected = \"%s\")", word));
    plant(planting, "negated", test->panic_start, test->panic_end, xstrdup("inline"));
    if (!test->returns)
        plant_more(planting, "begins", start, returns);
}

/* Has the other text the same test, letter by letter? */
static bool is_same(const struct source *source, const struct rust_test *test, const char *former)
{
    return memmem(former, strlen(former), source->text + test->start, test->close - test->start);
}

/* Is it called as a function, by a test that has to go on to pass where a failure is planted here?
 */
static bool is_called(const struct source *source, const struct rust_test *test)
{
    const char *behind = strrchr(test->name, ':'), *name = behind ? behind + 1 : test->name;
    const char *at = source->code;
    size_t length = strlen(name);

    for (; (at = strstr(at, name)); at += length) {
        size_t start = (size_t)(at - source->code), before = start;

        if (before > 0 && (isalnum((unsigned char)at[-1]) || at[-1] == '_'))
            continue;
        while (before > 0 && isspace((unsigned char)source->code[before - 1]))
            before--;
        if (source_has_word(source, start, name) &&
            source->code[source_skip_blanks(source, start + length)] == '(' &&
            !(before >= 2 && memcmp(source->code + before - 2, "fn", 2) == 0) &&
            !(before >= 1 && source->code[before - 1] == '.'))
            return true;
    }
    return false;
}

void rust_plants_find(const struct source *source, const struct rust_test *test, const char *former,
                      uint64_t defined, struct rust_plants *plants)
{
    struct planting planting = {
        .source = source,
        .test = test,
        .plants = plants,
        .defined = defined,
        .is_new = !former || !is_same(source, test, former),
    };

    trial_draw_word(planting.helper, HELPER);
    if (test->may_panic || test->is_const || is_called(source, test))
        return; /* a failure may be what it wants, or can't be compiled, or is another test's, too
                 */
    if (test->panic_end > 0)
        plant_panic(&planting);
    else
        plant_body(&planting);
}

void rust_plants_release(struct rust_plants *plants)
{
    for (size_t i = 0; i < plants->form_count; i++) {
        free(plants->forms[i].text);
        free(plants->forms[i].left_out);
    }
    free(plants->forms);
    trial_plants_release(&plants->plants);
    *plants = (struct rust_plants){0};
}

static bool is_left_out(const struct rust_form *form, const struct trial_plant *plant)
{
    return form->left_out && trial_draw(2) == 0 &&
           (!plant || plant->start < form->from || plant->end > form->to);
}

void rust_plants_edit(const struct rust_plants *plants, const struct trial_plant *plant,
                      struct trial_edits *edits)
{
    static const char blanks[] = BLANKS;
    bool has_form = false;

    for (size_t i = 0; i < plants->form_count; i++) {
        const struct rust_form *form = &plants->forms[i];
        const char *text = is_left_out(form, plant) ? form->left_out : form->text;

        if (plant && form->plant < plants->plants.count &&
            plant == &plants->plants.items[form->plant]) {
            text = plant->text;
            has_form = true;
        }
        trial_edits_add(edits, form->start, form->end,
                        text ? text : blanks + trial_draw(sizeof(blanks)));
    }
    if (plant && !has_form)
        trial_edits_add(edits, plant->start, plant->end, plant->text);
}
