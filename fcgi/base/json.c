#include "base/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "base/banned.h"

DEFINE_CLEANUP(json_tokener *, free_tokener, json_tokener_free)

/* What is wrong in a text that json-c accepts, and where. */
struct fault {
    const char *what; /* NULL: nothing */
    const char *at;
};

#define SPACES " \t\r\n"

/* Takes one byte of the set. */
static bool take(const char **at, const char *end, const char *set)
{
    if (*at == end || !**at || !strchr(set, **at))
        return false;
    ++*at;
    return true;
}

static bool take_all(const char **at, const char *end, const char *set)
{
    const char *start = *at;

    while (take(at, end, set))
        ;
    return *at > start;
}

/* RFC 8259, section 6. */
static bool is_number(const char *at, const char *end)
{
    static const char digits[] = "0123456789";

    take(&at, end, "-");
    if (!take(&at, end, "0") && !take_all(&at, end, digits))
        return false;
    if (take(&at, end, ".") && !take_all(&at, end, digits))
        return false;
    if (take(&at, end, "eE")) {
        take(&at, end, "+-");
        if (!take_all(&at, end, digits))
            return false;
    }
    return at == end;
}

static bool is_scalar(const char *at, const char *end)
{
    static const char *const names[] = {"true", "false", "null"};
    size_t length = (size_t)(end - at);

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strlen(names[i]) == length && memcmp(at, names[i], length) == 0)
            return true;
    }
    return is_number(at, end);
}

/* Skips a string, from after its first quote to after its last. Control bytes must be escaped in it
 * (RFC 8259, section 7). json-c ends a key at its first NUL, so that different keys would become
 * the same: a key with a NUL is a fault. */
static const char *check_string(const char *at, const char *end, struct fault *fault)
{
    const char *nul = NULL, *behind;

    for (; at < end && *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) {
            *fault = (struct fault){"unescaped control character", at};
            return end;
        }
        if (*at != '\\')
            continue;
        if (!nul && end - at >= 6 && memcmp(at, "\\u0000", 6) == 0)
            nul = at;
        at++;
    }
    if (at >= end)
        return end;
    behind = ++at;
    take_all(&behind, end, SPACES);
    if (nul && take(&behind, end, ":")) {
        *fault = (struct fault){"NUL in a key", nul};
        return end;
    }
    return at;
}

/* From behind a comma: there must be another element. */
static bool is_last_comma(const char *at, const char *end)
{
    take_all(&at, end, SPACES);
    return take(&at, end, "]}");
}

/* In a text that json-c has accepted. It is asked to be lax, and all that it is lax in is found
 * here: its version 0.18 is too strict otherwise, and takes neither strings beyond ASCII nor
 * numbers beyond 64 bits. */
static struct fault find_fault(const char *at, const char *end)
{
    struct fault fault = {0};

    while (at < end) {
        const char *start = at;

        if (take_all(&at, end, SPACES "{}[]:"))
            continue;
        if (take(&at, end, ",")) {
            if (!is_last_comma(at, end))
                continue;
            take_all(&at, end, SPACES);
            return (struct fault){"unexpected character", at};
        }
        if (take(&at, end, "\"")) {
            at = check_string(at, end, &fault);
            continue;
        }
        while (at < end && !memchr(SPACES "{}[]:,\"", *at, sizeof(SPACES "{}[]:,\"") - 1))
            at++;
        if (!is_scalar(start, at))
            return (struct fault){"unexpected character", start};
    }
    return fault;
}

/* json-c's own words say what it guessed: "null expected", if a text begins with 'n'. */
static const char *words_of(enum json_tokener_error outcome)
{
    switch (outcome) {
    case json_tokener_continue:
    case json_tokener_error_parse_eof:
        return "unexpected end";
    case json_tokener_error_depth:
        return "nested too deeply";
    case json_tokener_error_parse_array:
        return "expected ',' or ']'";
    case json_tokener_error_parse_object_key_name:
        return "expected a key in quotes";
    case json_tokener_error_parse_object_key_sep:
        return "expected ':'";
    case json_tokener_error_parse_object_value_sep:
        return "expected ',' or '}'";
    case json_tokener_error_parse_string:
        return "invalid string";
    default:
        return "unexpected character";
    }
}

int json_parse(const char *text, size_t length, json_object **ret_value, size_t *ret_offset,
               struct error *err)
{
    _cleanup_(free_tokener) json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    _cleanup_(json_release) json_object *value = NULL;
    enum json_tokener_error outcome;
    struct fault fault;
    size_t offset;
    bool all_read;

    /* json-c's own check accepts surrogates and overlong forms. */
    offset = utf8_valid_length(text, length);
    if (offset < length) {
        if (ret_offset)
            *ret_offset = offset;
        return error_set(err, ERROR_INVALID, NULL, "invalid UTF-8 at byte %zu", offset);
    }
    /* The NUL behind the end tells the tokener that a number is complete. */
    value = json_tokener_parse_ex(tokener, text, (int)length);
    outcome = json_tokener_get_error(tokener);
    all_read = outcome == json_tokener_continue;
    if (all_read) {
        value = json_tokener_parse_ex(tokener, "", 1);
        outcome = json_tokener_get_error(tokener);
    }
    /* json-c counts from the beginning of the last call. */
    offset = all_read ? length : json_tokener_get_parse_end(tokener);
    fault.at = text + offset;
    take_all(&fault.at, text + length, SPACES);
    if (outcome == json_tokener_success && fault.at < text + length)
        outcome = json_tokener_error_parse_unexpected;
    if (outcome == json_tokener_success)
        fault = find_fault(text, text + length);
    else
        fault = (struct fault){words_of(outcome), text + offset};
    if (fault.what) {
        offset = (size_t)(fault.at - text);
        if (ret_offset)
            *ret_offset = offset;
        return error_set(err, ERROR_INVALID, NULL, "%s at byte %zu", fault.what, offset);
    }
    *ret_value = TAKE_PTR(value);
    return 0;
}

void json_write(struct buf *out, json_object *value)
{
    size_t length;
    const char *text = json_object_to_json_string_length(
        value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

    buf_add(out, text, length);
}

static const char *escape_of(unsigned char c)
{
    static const char *const named[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};

    if (c == '"')
        return "\\\"";
    if (c == '\\')
        return "\\\\";
    return c < 0x20 ? named[c] : NULL;
}

/* ASCII that stands for itself in a JSON string. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void json_write_string(struct buf *out, const char *text, size_t length)
{
    size_t start = 0, at = 0;

    buf_reserve(out, length + 2);
    buf_add_char(out, '"');
    while (at < length) {
        unsigned char c = (unsigned char)text[at];
        size_t step = is_plain(c) ? 1 : c < 0x80 ? 0 : utf8_char(text + at, length - at);
        const char *escape;

        if (step > 0) {
            at += step;
            continue;
        }
        escape = escape_of(c);
        buf_add(out, text + start, at - start);
        if (c >= 0x80)
            buf_add_str(out, "\xef\xbf\xbd");
        else if (escape)
            buf_add_str(out, escape);
        else
            buf_addf(out, "\\u%04x", c);
        start = ++at;
    }
    buf_add(out, text + start, length - start);
    buf_add_char(out, '"');
}

void json_add(json_object *object, const char *key, json_object *value)
{
    json_object_object_add(object, key, value);
}

void json_add_text(json_object *object, const char *key, const char *text)
{
    json_add(object, key, text ? json_object_new_string(text) : NULL);
}

void json_add_int(json_object *object, const char *key, int64_t number)
{
    json_add(object, key, json_object_new_int64(number));
}

void json_add_bool(json_object *object, const char *key, int truth)
{
    json_add(object, key, json_object_new_boolean(truth));
}

void json_add_double(json_object *object, const char *key, double number)
{
    char text[32];

    snprintf(text, sizeof(text), "%.3f", number);
    json_add(object, key, json_object_new_double_s(number, text));
}

void json_add_time(json_object *object, const char *key, int64_t when)
{
    char text[CLOCK_TEXT_SIZE];

    json_add_text(object, key, when ? clock_format(when, text) : NULL);
}

const char *json_get_text(json_object *object, const char *key)
{
    json_object *value;

    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

int64_t json_get_int(json_object *object, const char *key, int64_t fallback)
{
    json_object *value;

    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_int))
        return fallback;
    return json_object_get_int64(value);
}
