#include "trial/goliteral.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "trial/plants.h"

#include "base/banned.h"

#define DRAWS_MOST 50

struct goliteral_part goliteral_trimmed(const struct gotext *go, size_t start, size_t end)
{
    start = gotext_skip_blanks(go, start);
    while (end > start && isspace((unsigned char)go->code[end - 1]))
        end--;
    return (struct goliteral_part){start, end > start ? end : start};
}

static bool is_word_of(const struct gotext *go, struct goliteral_part part, const char *word)
{
    return part.end - part.start == strlen(word) && gotext_has_word(go, part.start, word);
}

/* --- single ones ----------------------------------------------------------------------------- */

/* The most that surely fits where `number` does, or below 0 where what it stands for does. */
static long most_beside(long number, bool is_negative)
{
    static const long most[] = {127, 255, 32767, 65535, 2147483647};
    static const long least[] = {128, 32768, 2147483648};
    size_t count = is_negative ? ARRAY_SIZE(least) : ARRAY_SIZE(most);

    for (size_t i = 0; i < count; i++)
        if (number <= (is_negative ? least : most)[i])
            return (is_negative ? least : most)[i];
    return number;
}

static char *near_number(const char *text, size_t length, bool is_negative)
{
    _cleanup_(free_ptr) char *old = xstrndup(text, length);

    for (size_t tries = 0; tries < DRAWS_MOST; tries++) {
        char *near = trial_near_number(text, length);

        if (near && strtol(near, NULL, 10) <= most_beside(strtol(old, NULL, 10), is_negative))
            return near;
        free(near);
    }
    return NULL;
}

/* What is between the quotes, as that of a string. */
static char *near_raw(const char *text, size_t length)
{
    _cleanup_(free_ptr) char *quoted = NULL;
    char *near;

    if (length < 3 || memchr(text, '\\', length) || memchr(text, '"', length))
        return NULL;
    quoted = xstrndup(text, length);
    quoted[0] = quoted[length - 1] = '"';
    near = trial_near_string(quoted, length);
    if (near)
        near[0] = near[length - 1] = text[0];
    return near;
}

static char *near_single(const struct gotext *go, struct goliteral_part part)
{
    const char *text = go->text + part.start;
    size_t length = part.end - part.start;
    char first = length > 0 ? text[0] : '\0';

    if (first == '"')
        return trial_near_string(text, length);
    if (first == '`' && memchr(text + 1, '`', length - 1) == text + length - 1)
        return near_raw(text, length);
    if (first == '\'' && length == 3)
        return near_raw(text, length);
    if (is_word_of(go, part, "true"))
        return xstrdup("false");
    if (is_word_of(go, part, "false"))
        return xstrdup("true");
    return near_number(text, length, false);
}

/* --- expressions ----------------------------------------------------------------------------- */

/* uint8(5), []byte("a"): the parentheses' content; else the part itself. */
static struct goliteral_part inside_conversion(const struct gotext *go, struct goliteral_part part)
{
    static const char *const types[] = {"[]byte", "[]rune", "string", "byte",    "rune",   "int",
                                        "int8",   "int16",  "int32",  "int64",   "uint",   "uint8",
                                        "uint16", "uint32", "uint64", "float32", "float64"};

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        size_t open = part.start + strlen(types[i]);

        if (open < part.end && strncmp(go->code + part.start, types[i], strlen(types[i])) == 0 &&
            go->code[open] == '(' && gotext_match(go, open, part.end) == part.end - 1)
            return goliteral_trimmed(go, open + 1, part.end - 1);
    }
    return part;
}

/* One of several, drawn by chance. */
struct chosen {
    char *near; /* NULL: there is none */
    struct goliteral_part *literal;
    size_t count;
};

/* It takes the text, NULL included. */
static void choose(struct chosen *chosen, char *near, struct goliteral_part literal)
{
    if (near && trial_draw(++chosen->count) == 0) {
        free(chosen->near);
        chosen->near = near;
        *chosen->literal = literal;
    } else {
        free(near);
    }
}

/* One of the plain elements of `[]T{1, 2}`, drawn by chance. */
static char *near_element(const struct gotext *go, struct goliteral_part part,
                          struct goliteral_part *ret_literal)
{
    size_t open = gotext_find_char(go, part.start, part.end, "{"), end;
    struct chosen chosen = {.literal = ret_literal};

    if (open == part.end || go->code[part.start] != '[' || go->code[part.start + 1] != ']' ||
        gotext_match(go, open, part.end) != part.end - 1)
        return NULL;
    for (size_t start = open + 1; start < part.end - 1; start = end + 1) {
        struct goliteral_part element;

        end = gotext_find_char(go, start, part.end - 1, ",");
        element = goliteral_trimmed(go, start, end);
        choose(&chosen, near_single(go, element), element);
    }
    return chosen.near;
}

char *goliteral_near(const struct gotext *go, struct goliteral_part expression,
                     struct goliteral_part *ret_literal)
{
    struct goliteral_part inner = inside_conversion(go, expression);
    bool is_negative = inner.start == expression.start && go->code[inner.start] == '-';
    char *near;

    inner.start += is_negative;
    near = is_negative ? near_number(go->text + inner.start, inner.end - inner.start, true)
                       : near_single(go, inner);
    if (!near)
        return near_element(go, expression, ret_literal);
    *ret_literal = inner;
    return near;
}

/* --- tables ---------------------------------------------------------------------------------- */

bool goliteral_read_table(const struct gotext *go, struct goliteral_part expression,
                          struct goliteral_table *ret_table)
{
    struct goliteral_table table = {0};
    size_t at = expression.start, length;

    if (gotext_has_word(go, at, "map"))
        at += strlen("map");
    if (at >= expression.end || go->code[at] != '[' ||
        (at = gotext_match(go, at, expression.end)) == 0)
        return false;
    at = gotext_skip_blanks(go, at + 1);
    at += go->code[at] == '*';
    if (gotext_has_word(go, at, "struct")) {
        table.fields_open = gotext_skip_blanks(go, at + strlen("struct"));
        table.fields_close = gotext_match(go, table.fields_open, expression.end);
        at = table.fields_close + 1;
    } else {
        while ((length = gotext_word_length(go, at)) > 0)
            at += length + (go->code[at + length] == '.');
    }
    table.open = gotext_skip_blanks(go, at);
    if (table.open >= expression.end || go->code[table.open] != '{' ||
        (table.close = gotext_match(go, table.open, expression.end)) != expression.end - 1 ||
        gotext_skip_blanks(go, table.open + 1) == table.close)
        return false;
    *ret_table = table;
    return true;
}

/* The place of the field among those of the struct; false: it is not told. */
static bool find_field(const struct gotext *go, const struct goliteral_table *table,
                       struct goliteral_part field, size_t *ret_number)
{
    _cleanup_(free_ptr) char *name = xstrndup(go->text + field.start, field.end - field.start);
    size_t number = 0;

    for (size_t at = table->fields_open + 1; at < table->fields_close; at++) {
        at = gotext_skip_blanks(go, at);
        for (size_t length; (length = gotext_word_length(go, at)) > 0; number++) {
            if (gotext_has_word(go, at, name)) {
                *ret_number = number;
                return true;
            }
            at = gotext_skip_blanks(go, at + length);
            if (go->code[at] != ',') {
                number++;
                break;
            }
            at = gotext_skip_blanks(go, at + 1);
        }
        at = gotext_find_char(go, at, table->fields_close, "\n;");
    }
    return false;
}

/* What the entry has for the field, by its name or by its place. */
static bool find_value(const struct gotext *go, const struct goliteral_table *table, size_t open,
                       size_t close, struct goliteral_part field, struct goliteral_part *ret_value)
{
    _cleanup_(free_ptr) char *name = xstrndup(go->text + field.start, field.end - field.start);
    size_t number = 0, wanted = 0, end;
    bool is_told = find_field(go, table, field, &wanted);

    for (size_t start = open + 1; start < close; start = end + 1, number++) {
        size_t colon;

        end = gotext_find_char(go, start, close, ",");
        colon = gotext_find_char(go, start, end, ":");
        if (colon == end && is_told && number == wanted) {
            *ret_value = goliteral_trimmed(go, start, end);
            return true;
        }
        if (colon < end && is_word_of(go, goliteral_trimmed(go, start, colon), name)) {
            *ret_value = goliteral_trimmed(go, colon + 1, end);
            return true;
        }
    }
    return false;
}

char *goliteral_near_in_table(const struct gotext *go, const struct goliteral_table *table,
                              struct goliteral_part field, struct goliteral_part *ret_literal)
{
    struct chosen chosen = {.literal = ret_literal};
    size_t end;

    for (size_t start = table->open + 1; start < table->close; start = end + 1) {
        struct goliteral_part value, literal = {0};
        size_t open;
        char *near = NULL;

        end = gotext_find_char(go, start, table->close, ",");
        open = gotext_find_char(go, start, end, "{");
        if (open < end && find_value(go, table, open, gotext_match(go, open, end), field, &value))
            near = goliteral_near(go, value, &literal);
        choose(&chosen, near, literal);
    }
    return chosen.near;
}
