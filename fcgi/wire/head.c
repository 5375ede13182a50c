#include "wire/head.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

#include "base/banned.h"

int64_t grader_head_length(const char bytes[GRADER_LENGTH_SIZE])
{
    uint32_t length = 0;

    for (int i = 0; i < GRADER_LENGTH_SIZE; i++)
        length = length << 8 | (unsigned char)bytes[i];
    return length <= GRADER_HEAD_MAX ? (int64_t)length : -1;
}

void head_add(struct buf *out, json_object *head)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    json_write(&text, head);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add_char(out, (char)(text.length >> shift & 0xff));
    buf_add(out, text.data, text.length);
}

void head_add_sanitized(json_object *head, const char *key, const char *text, size_t most)
{
    _cleanup_(buf_release) struct buf clean = BUF_INIT;

    utf8_sanitize(&clean, text, strnlen(text, most / 3)); /* a byte may become three */
    json_add_text(head, key, clean.data);
}

int head_parse(const char *head, size_t length, json_object **ret_head)
{
    _cleanup_(json_release) json_object *object = NULL;
    struct error reason = ERROR_INIT;

    if (json_parse(head, length, &object, NULL, &reason) < 0 ||
        !json_object_is_type(object, json_type_object))
        return -1;
    *ret_head = TAKE_PTR(object);
    return 0;
}

json_object *head_member(struct head_reader *reader, const char *key, enum json_type type)
{
    json_object *value = NULL;

    reader->used++;
    if (!json_object_object_get_ex(reader->head, key, &value) ||
        !json_object_is_type(value, type)) {
        reader->failed = true;
        return NULL;
    }
    return value;
}

bool head_bool(struct head_reader *reader, const char *key)
{
    return json_object_get_boolean(head_member(reader, key, json_type_boolean));
}

int64_t head_int(struct head_reader *reader, const char *key, int64_t least, int64_t most)
{
    int64_t number = json_object_get_int64(head_member(reader, key, json_type_int));

    if (number < least || number > most) {
        reader->failed = true;
        return least;
    }
    return number;
}

const char *head_text(struct head_reader *reader, const char *key, size_t most)
{
    json_object *value = head_member(reader, key, json_type_string);
    const char *text = json_object_get_string(value);

    if (!text || strlen(text) != (size_t)json_object_get_string_len(value) || strlen(text) > most) {
        reader->failed = true;
        return "";
    }
    return text;
}

bool head_all_read(const struct head_reader *reader)
{
    return !reader->failed && json_object_object_length(reader->head) == reader->used;
}
