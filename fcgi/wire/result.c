#include "wire/result.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "wire/head.h"

#include "base/banned.h"

#define MESSAGE_MAX 1500
#define CODE_MAX 64

static int senseless(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, NULL, "the %s is not what was agreed", what);
}

bool result_name_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length = strlen(name);

    return length > 0 && length <= RESULT_NAME_MAX && strspn(name, letters) == length &&
           name[0] != '_' && name[0] != '-';
}

/* --- the limits ------------------------------------------------------------------------------ */

void result_limits_write(const struct result_limits *limits,
                         char texts[RESULT_ARGUMENTS][RESULT_ARGUMENT_SIZE])
{
    const int64_t numbers[RESULT_ARGUMENTS] = {limits->packed, limits->unpacked, limits->entries};

    for (int i = 0; i < RESULT_ARGUMENTS; i++)
        snprintf(texts[i], RESULT_ARGUMENT_SIZE, "%" PRId64, numbers[i]);
}

int result_limits_parse(char *const texts[RESULT_ARGUMENTS], struct result_limits *ret_limits)
{
    int64_t numbers[RESULT_ARGUMENTS];

    for (int i = 0; i < RESULT_ARGUMENTS; i++) {
        char *end;

        errno = 0;
        numbers[i] = strtoll(texts[i], &end, 10);
        if (errno || *end || numbers[i] < 1 || numbers[i] > INT64_MAX / 4)
            return -1;
    }
    if (numbers[2] > RESULT_ENTRIES_MAX)
        return -1;
    *ret_limits =
        (struct result_limits){.packed = numbers[0], .unpacked = numbers[1], .entries = numbers[2]};
    return 0;
}

/* --- the answer ------------------------------------------------------------------------------ */

const char *result_code(const char *text, enum error_kind *ret_kind)
{
    static const struct {
        const char *code;
        enum error_kind kind;
    } codes[] = {
        {"JOB_RESULT_REFUSED", ERROR_INVALID},
        {"JOB_RESULT_TOO_LARGE", ERROR_LIMIT},
        {"JOB_NO_RESULT", ERROR_NOT_FOUND},
        {"RESULT_FAILED", ERROR_INTERNAL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (strcmp(text, codes[i].code) == 0) {
            *ret_kind = codes[i].kind;
            return codes[i].code;
        }
    }
    return NULL;
}

void result_answer_write_error(struct buf *out, const struct error *error)
{
    _cleanup_(json_release) json_object *head = json_object_new_object();
    enum error_kind ignored;

    json_add_text(head, "code",
                  error->code && result_code(error->code, &ignored) ? error->code
                                                                    : "RESULT_FAILED");
    head_add_sanitized(head, "message", error->message, MESSAGE_MAX);
    head_add(out, head);
}

static json_object *parts_array(const struct result_parts *parts)
{
    json_object *array = json_object_new_array();

    for (size_t i = 0; i < parts->count; i++) {
        json_object *part = json_object_new_object();

        json_add_text(part, "name", parts->parts[i].name);
        json_add_int(part, "offset", parts->parts[i].offset);
        json_add_int(part, "length", parts->parts[i].length);
        json_object_array_add(array, part);
    }
    return array;
}

char *result_parts_json(const struct result_parts *parts)
{
    _cleanup_(json_release) json_object *array = parts_array(parts);
    struct buf text = BUF_INIT;

    json_write(&text, array);
    return buf_take(&text);
}

void result_answer_write_parts(struct buf *out, int64_t bytes, const struct result_parts *parts)
{
    _cleanup_(json_release) json_object *head = json_object_new_object();

    json_add_int(head, "bytes", bytes);
    json_add(head, "parts", parts_array(parts));
    head_add(out, head);
}

static int parse_error(struct head_reader *reader, struct result_answer *answer, struct error *err)
{
    const char *code = head_text(reader, "code", CODE_MAX);
    const char *message = head_text(reader, "message", MESSAGE_MAX);
    enum error_kind kind;

    code = result_code(code, &kind);
    if (!code || !head_all_read(reader))
        return senseless(err, "grader's answer");
    error_set(&answer->error, kind, code, "%s", message);
    return 0;
}

static bool is_known(const struct result_parts *parts, const char *name)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (strcmp(parts->parts[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Takes one of the parts; *offset is where it must begin. */
static bool take_part(struct result_parts *parts, json_object *object, bool last, int64_t *offset)
{
    struct head_reader reader = {.head = object};
    struct result_part *part = &parts->parts[parts->count];
    const char *name;

    if (!json_object_is_type(object, json_type_object))
        return false;
    name = head_text(&reader, "name", RESULT_NAME_MAX);
    part->offset = head_int(&reader, "offset", *offset, *offset);
    part->length = head_int(&reader, "length", 1, INT64_MAX / 4 - *offset);
    if (!head_all_read(&reader) || (last ? name[0] != '\0' : !result_name_valid(name)) ||
        is_known(parts, name))
        return false;
    memcpy(part->name, name, strlen(name) + 1);
    *offset += part->length;
    parts->count++;
    return true;
}

static int parse_parts(struct head_reader *reader, struct result_answer *answer, struct error *err)
{
    json_object *array = head_member(reader, "parts", json_type_array);
    size_t count = array ? json_object_array_length(array) : 0;
    int64_t offset = 0;

    answer->bytes = head_int(reader, "bytes", 1, INT64_MAX / 4);
    if (!head_all_read(reader) || count < 2 || count > RESULT_PARTS_MAX)
        return senseless(err, "grader's answer");
    for (size_t i = 0; i < count; i++) {
        if (!take_part(&answer->parts, json_object_array_get_idx(array, i), i == count - 1,
                       &offset))
            return senseless(err, "grader's answer");
    }
    return offset == answer->bytes ? 0 : senseless(err, "grader's answer");
}

int result_answer_parse(const char *head, size_t length, struct result_answer *ret_answer,
                        struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;
    struct head_reader reader = {0};

    memset(ret_answer, 0, sizeof(*ret_answer));
    if (head_parse(head, length, &object) < 0)
        return senseless(err, "grader's answer");
    reader.head = object;
    return json_object_object_get(object, "code") ? parse_error(&reader, ret_answer, err)
                                                  : parse_parts(&reader, ret_answer, err);
}
