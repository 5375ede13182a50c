#include "dataset/python_literal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"

#include "base/banned.h"

struct reader {
    const char *start, *at, *end;
    int depth;
    struct error *err;
};

static int wrong(struct reader *reader, const char *what)
{
    return error_set(reader->err, ERROR_INVALID, NULL, "%s at byte %zu", what,
                     (size_t)(reader->at - reader->start) + 1);
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
        reader->at++;
}

static bool take(struct reader *reader, char c)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* --- strings --------------------------------------------------------------------------------- */

static void add_character(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        buf_add_char(out, (char)(0xc0 | c >> 6));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_add_char(out, (char)(0xe0 | c >> 12));
        buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add_char(out, (char)(0xf0 | c >> 18));
        buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* `least` to `most` digits. */
static int take_number(struct reader *reader, int base, int least, int most, struct buf *out)
{
    uint32_t number = 0;
    int count = 0;

    for (; count < most && reader->at < reader->end && digit_of(*reader->at) < base; count++)
        number = number * (uint32_t)base + (uint32_t)digit_of(*reader->at++);
    if (count < least || number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
        return wrong(reader, "an escape that stands for no character");
    add_character(out, number);
    return 0;
}

/* Behind the backslash. */
static int take_escape(struct reader *reader, struct buf *out)
{
    static const char names[] = "\\'\"abfnrtv", meant[] = "\\'\"\a\b\f\n\r\t\v";
    char c = *reader->at++;
    const char *name = c ? strchr(names, c) : NULL;

    if (name) {
        buf_add_char(out, meant[name - names]);
        return 0;
    }
    switch (c) {
    case '\n':
        return 0;
    case 'x':
        return take_number(reader, 16, 2, 2, out);
    case 'u':
        return take_number(reader, 16, 4, 4, out);
    case 'U':
        return take_number(reader, 16, 8, 8, out);
    case 'N':
        return wrong(reader, "a character by its name (\\N), which is not read");
    default:
        if (c >= '0' && c <= '7') {
            reader->at--;
            return take_number(reader, 8, 1, 3, out);
        }
        buf_add_char(out, '\\'); /* as Python: unknown escapes stand for themselves */
        buf_add_char(out, c);
        return 0;
    }
}

static bool ends(const struct reader *reader, char quote, size_t quotes)
{
    if ((size_t)(reader->end - reader->at) < quotes)
        return false;
    for (size_t i = 0; i < quotes; i++) {
        if (reader->at[i] != quote)
            return false;
    }
    return true;
}

/* At its first quote. */
static int take_string(struct reader *reader, bool raw, json_object **ret_value)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    char quote = *reader->at;
    size_t quotes = ends(reader, quote, 3) ? 3 : 1;

    reader->at += quotes;
    while (!ends(reader, quote, quotes)) {
        char c;

        if (reader->end - reader->at < 2)
            return wrong(reader, "a string without an end");
        c = *reader->at++;
        if (c == '\n' && quotes == 1)
            return wrong(reader, "a string without an end");
        if (c == '\\' && raw) {
            buf_add_char(&text, c);
            buf_add_char(&text, *reader->at++);
        } else if (c == '\\') {
            if (take_escape(reader, &text) < 0)
                return -1;
        } else {
            buf_add_char(&text, c);
        }
    }
    reader->at += quotes;
    *ret_value = json_object_new_string_len(text.data, (int)text.length);
    return 0;
}

/* The prefix's length where a string begins here, -1 where none does. */
static int string_prefix(const struct reader *reader, bool *ret_raw)
{
    int length = 0;

    *ret_raw = false;
    for (; length < 2 && reader->at + length < reader->end; length++) {
        char c = reader->at[length];

        if (c == '\'' || c == '"')
            return length;
        if (!c || !strchr("rRuUbB", c))
            return -1;
        *ret_raw |= c == 'r' || c == 'R';
    }
    return reader->at + length < reader->end &&
                   (reader->at[length] == '\'' || reader->at[length] == '"')
               ? length
               : -1;
}

/* --- the rest -------------------------------------------------------------------------------- */

static int take_value(struct reader *reader, json_object **ret_value);

static int take_word(struct reader *reader, json_object **ret_value)
{
    static const struct {
        const char *word;
        int truth; /* -1: None */
    } words[] = {{"True", 1}, {"False", 0}, {"None", -1}, {"true", 1}, {"false", 0}, {"null", -1}};
    size_t length = 0, left = (size_t)(reader->end - reader->at);

    while (length < left && reader->at[length] && !strchr(" \t\r\n,:()[]{}'\"", reader->at[length]))
        length++;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strlen(words[i].word) == length && memcmp(words[i].word, reader->at, length) == 0) {
            *ret_value = words[i].truth < 0 ? NULL : json_object_new_boolean(words[i].truth);
            reader->at += length;
            return 0;
        }
    }
    /* What JSON takes for a number is one of Python's. */
    if (length == 0 || json_parse(reader->at, length, ret_value, NULL, reader->err) < 0 ||
        !(json_object_is_type(*ret_value, json_type_int) ||
          json_object_is_type(*ret_value, json_type_double)))
        return wrong(reader, "no literal");
    reader->at += length;
    return 0;
}

static int take_list(struct reader *reader, char end, json_object **ret_value)
{
    _cleanup_(json_release) json_object *list = json_object_new_array();

    while (!take(reader, end)) {
        json_object *item = NULL;

        if (take_value(reader, &item) < 0)
            return -1;
        json_object_array_add(list, item);
        if (take(reader, ','))
            continue;
        if (!take(reader, end))
            return wrong(reader, "a comma or the end of the list is missing");
        break;
    }
    *ret_value = json_object_get(list);
    return 0;
}

/* A dict or a set. */
static int take_braces(struct reader *reader, json_object **ret_value)
{
    _cleanup_(json_release) json_object *object = json_object_new_object(),
                                        *list = json_object_new_array();

    while (!take(reader, '}')) {
        _cleanup_(json_release) json_object *key = NULL;
        json_object *value = NULL;

        if (take_value(reader, &key) < 0)
            return -1;
        if (!take(reader, ':')) {
            json_object_array_add(list, json_object_get(key));
        } else {
            if (!json_object_is_type(key, json_type_string))
                return wrong(reader, "a key that is no string");
            if (take_value(reader, &value) < 0)
                return -1;
            json_object_object_add(object, json_object_get_string(key), value);
        }
        if (take(reader, ','))
            continue;
        if (!take(reader, '}'))
            return wrong(reader, "a comma or the end of the dict is missing");
        break;
    }
    if (json_object_array_length(list) > 0 && json_object_object_length(object) > 0)
        return wrong(reader, "a dict with entries that have no key");
    *ret_value = json_object_get(json_object_array_length(list) > 0 ? list : object);
    return 0;
}

static int take_value(struct reader *reader, json_object **ret_value)
{
    bool raw;
    int prefix, status;

    skip_blanks(reader);
    if (reader->at == reader->end)
        return wrong(reader, "the text ends too early");
    prefix = string_prefix(reader, &raw);
    if (prefix >= 0) {
        reader->at += prefix;
        return take_string(reader, raw, ret_value);
    }
    if (!strchr("[({", *reader->at) || !*reader->at)
        return take_word(reader, ret_value);
    if (++reader->depth > PYTHON_DEPTH_MAX)
        return wrong(reader, "too many levels");
    switch (*reader->at++) {
    case '[':
        status = take_list(reader, ']', ret_value);
        break;
    case '(':
        status = take_list(reader, ')', ret_value);
        break;
    default:
        status = take_braces(reader, ret_value);
        break;
    }
    reader->depth--;
    return status;
}

int python_literal_parse(const char *text, size_t length, json_object **ret_value,
                         struct error *err)
{
    struct reader reader = {.start = text, .at = text, .end = text + length, .err = err};
    json_object *value = NULL;

    if (take_value(&reader, &value) < 0)
        return -1;
    skip_blanks(&reader);
    if (reader.at != reader.end) {
        json_object_put(value);
        return wrong(&reader, "more text behind the value");
    }
    *ret_value = value;
    return 0;
}
