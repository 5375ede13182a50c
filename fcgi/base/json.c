#include "base/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

#include "base/banned.h"

DEFINE_CLEANUP(json_tokener *, free_tokener, json_tokener_free)

/* The first control byte within a string, which must be escaped there (RFC 8259, section 7) and
 * which json-c lets pass; `length` if there is none. */
static size_t find_control(const char *text, size_t length)
{
    bool in_string = false;

    for (size_t at = 0; at < length; at++) {
        if (in_string && (unsigned char)text[at] < 0x20)
            return at;
        if (in_string && text[at] == '\\')
            at++;
        else if (text[at] == '"')
            in_string = !in_string;
    }
    return length;
}

int json_parse(const char *text, size_t length, json_object **ret_value, size_t *ret_offset,
               struct error *err)
{
    _cleanup_(free_tokener) json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    _cleanup_(json_release) json_object *value = NULL;
    enum json_tokener_error outcome;
    size_t offset;
    bool all_read;

    /* json-c's own check lets surrogates and overlong forms pass. */
    offset = utf8_valid_length(text, length);
    if (offset < length) {
        if (ret_offset)
            *ret_offset = offset;
        return error_set(err, ERROR_INVALID, NULL, "what is not UTF-8 at byte %zu", offset);
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    /* The NUL behind the end tells the tokener that a number is complete. */
    value = json_tokener_parse_ex(tokener, text, (int)length);
    outcome = json_tokener_get_error(tokener);
    all_read = outcome == json_tokener_continue;
    if (all_read) {
        value = json_tokener_parse_ex(tokener, "", 1);
        outcome = json_tokener_get_error(tokener);
    }
    /* It counts from the begin of the last call. */
    offset = all_read ? length : json_tokener_get_parse_end(tokener);
    if (outcome == json_tokener_success && offset < length &&
        strspn(text + offset, " \t\r\n") < length - offset)
        outcome = json_tokener_error_parse_unexpected;
    if (outcome == json_tokener_success && find_control(text, length) < length) {
        outcome = json_tokener_error_parse_string;
        offset = find_control(text, length);
    }
    if (outcome != json_tokener_success) {
        if (ret_offset)
            *ret_offset = offset;
        return error_set(err, ERROR_INVALID, NULL, "%s at byte %zu",
                         outcome == json_tokener_continue ? "unexpected end of data"
                                                          : json_tokener_error_desc(outcome),
                         offset);
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

void json_write_string(struct buf *out, const char *text, size_t length)
{
    size_t start = 0, at = 0;

    buf_reserve(out, length + 2);
    buf_add_char(out, '"');
    while (at < length) {
        unsigned char c = (unsigned char)text[at];
        const char *escape = escape_of(c);
        size_t step = utf8_char(text + at, length - at);

        if (step > 0 && c >= 0x20 && !escape) {
            at += step;
            continue;
        }
        buf_add(out, text + start, at - start);
        if (step == 0)
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
