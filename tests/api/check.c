#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"

#include "base/banned.h"

bool check_true(bool held, const char *file, unsigned line, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CU_assertImplementation(held, line, text, file, "", CU_FALSE);
    return held;
}

bool check_status(const struct answer *answer, long status, const char *file, unsigned line)
{
    return check_true(answer->status == status, file, line, "status %ld, not %ld: %s%.600s",
                      answer->status, status, answer->failure, answer->body.data);
}

bool check_refused(const struct answer *answer, long status, const char *code, const char *file,
                   unsigned line)
{
    const char *message = answer_text(answer, "detail.message");

    return check_status(answer, status, file, line) &&
           check_shape(answer->json, "detail:o", file, line) &&
           check_shape(answer_at(answer, "detail"), "code:s message:s", file, line) &&
           check_text(answer, "detail.code", code, file, line) &&
           check_true(strlen(message) > 10 && message[strlen(message) - 1] == '.', file, line,
                      "the message is no sentence: %s", message);
}

/* "body.dataset" of ["body", "dataset"]. */
static void fault_location(json_object *fault, struct buf *out)
{
    json_object *loc = json_at(fault, "loc");

    for (size_t i = 0; loc && i < json_object_array_length(loc); i++)
        buf_addf(out, "%s%s", i ? "." : "",
                 json_object_get_string(json_object_array_get_idx(loc, i)));
}

static bool fault_is(json_object *fault, const char *wanted, size_t length)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    fault_location(fault, &text);
    buf_addf(&text, " %s", json_get_text(fault, "type"));
    if (memchr(wanted, ':', length))
        buf_addf(&text, ": %s", json_get_text(fault, "msg"));
    return text.length == length && memcmp(text.data, wanted, length) == 0;
}

static bool has_fault(json_object *detail, const char *wanted, size_t length)
{
    for (size_t i = 0; i < json_object_array_length(detail); i++)
        if (fault_is(json_object_array_get_idx(detail, i), wanted, length))
            return true;
    return false;
}

bool check_faults(const struct answer *answer, const char *faults, const char *file, unsigned line)
{
    json_object *detail = answer_at(answer, "detail");
    size_t wanted = 0;

    if (!check_status(answer, 422, file, line) ||
        !check_true(json_object_is_type(detail, json_type_array), file, line,
                    "detail is no list: %.600s", answer->body.data))
        return false;
    for (size_t i = 0; i < json_object_array_length(detail); i++)
        check_shape(json_object_array_get_idx(detail, i), "loc:a msg:s type:s", file, line);
    for (const char *next = faults; next; wanted++) {
        const char *end = strstr(next, "; ");
        size_t length = end ? (size_t)(end - next) : strlen(next);

        if (!check_true(has_fault(detail, next, length), file, line, "no fault '%.*s' in %.600s",
                        (int)length, next, answer->body.data))
            return false;
        next = end ? end + 2 : NULL;
    }
    return check_true(wanted == json_object_array_length(detail), file, line,
                      "other faults than '%s': %.600s", faults, answer->body.data);
}

static bool is_time(const char *text)
{
    int64_t when;

    return strlen(text) >= 20 && text[strlen(text) - 1] == 'Z' && text[10] == 'T' &&
           clock_parse(text, &when) == 0;
}

static bool has_type(json_object *value, char type)
{
    const char *text =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

    switch (type) {
    case 's':
        return text != NULL;
    case 't':
        return text && is_time(text);
    case 'u':
        return text && id_valid(text);
    case 'i':
        return json_object_is_type(value, json_type_int);
    case 'n':
        return json_object_is_type(value, json_type_int) ||
               json_object_is_type(value, json_type_double);
    case 'b':
        return json_object_is_type(value, json_type_boolean);
    case 'o':
        return json_object_is_type(value, json_type_object);
    default:
        return json_object_is_type(value, json_type_array);
    }
}

bool check_shape(json_object *object, const char *spec, const char *file, unsigned line)
{
    int members = 0;

    if (!check_true(json_object_is_type(object, json_type_object), file, line,
                    "not an object: %.300s", json_object_to_json_string(object)))
        return false;
    for (const char *next = spec; *next; members++) {
        size_t length = strcspn(next, ":");
        char name[64];
        json_object *value = NULL;
        bool nullable = next[length + 2] == '?';

        snprintf(name, sizeof(name), "%.*s", (int)length, next);
        if (!check_true(json_object_object_get_ex(object, name, &value), file, line,
                        "no member %s in %.600s", name, json_object_to_json_string(object)) ||
            !check_true((nullable && !value) || has_type(value, next[length + 1]), file, line,
                        "%s is no '%c': %.300s", name, next[length + 1],
                        json_object_to_json_string(value)))
            return false;
        next += strcspn(next, " ");
        next += strspn(next, " ");
    }
    return check_true(members == json_object_object_length(object), file, line,
                      "members beside '%s': %.900s", spec, json_object_to_json_string(object));
}

bool check_text(const struct answer *answer, const char *path, const char *expected,
                const char *file, unsigned line)
{
    return check_true(strcmp(answer_text(answer, path), expected) == 0, file, line,
                      "%s is not '%.200s': %ld %s%.600s", path, expected, answer->status,
                      answer->failure, answer->body.data);
}

bool check_int(const struct answer *answer, const char *path, int64_t expected, const char *file,
               unsigned line)
{
    return check_true(answer_int(answer, path) == expected, file, line,
                      "%s is not %lld: %ld %s%.600s", path, (long long)expected, answer->status,
                      answer->failure, answer->body.data);
}

/* The header lines without those that differ from answer to answer. */
static void stable_headers(const struct answer *answer, struct buf *out)
{
    static const char *const changing[] = {"Date:", "X-Request-Id:", "Connection:", "Keep-Alive:"};

    for (const char *line = answer->headers.data; *line;) {
        size_t length = strcspn(line, "\n") + (strchr(line, '\n') != NULL);
        bool keep = true;

        for (size_t i = 0; i < ARRAY_SIZE(changing); i++)
            keep = keep && strncasecmp(line, changing[i], strlen(changing[i])) != 0;
        if (keep)
            buf_add(out, line, length);
        line += length;
    }
}

bool check_same(const struct answer *one, const struct answer *other, const char *file,
                unsigned line)
{
    _cleanup_(buf_release) struct buf left = BUF_INIT, right = BUF_INIT;

    stable_headers(one, &left);
    stable_headers(other, &right);
    return check_true(one->status == other->status, file, line, "status %ld and %ld", one->status,
                      other->status) &&
           check_true(strcmp(left.data, right.data) == 0, file, line,
                      "headers differ: %.400s and %.400s", left.data, right.data) &&
           check_true(one->body.length == other->body.length &&
                          memcmp(one->body.data, other->body.data, one->body.length) == 0,
                      file, line, "bodies differ: %.400s and %.400s", one->body.data,
                      other->body.data);
}
