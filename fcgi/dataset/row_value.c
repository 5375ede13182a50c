#include "dataset/row_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/python_literal.h"

#include "base/banned.h"

json_object *row_opened(json_object *value)
{
    struct error ignored = ERROR_INIT;
    json_object *inner = NULL;
    const char *text;
    size_t length;

    if (!json_object_is_type(value, json_type_string))
        return json_object_get(value);
    text = json_object_get_string(value);
    length = (size_t)json_object_get_string_len(value);
    if (text[strspn(text, " \t\r\n")] && strchr("[{(", text[strspn(text, " \t\r\n")]) &&
        (json_parse(text, length, &inner, NULL, &ignored) == 0 ||
         python_literal_parse(text, length, &inner, &ignored) == 0))
        return inner;
    return json_object_get(value);
}

json_object *row_value(json_object *row, const char *path)
{
    _cleanup_(json_release) json_object *object = json_object_get(row);

    while (object) {
        size_t length = strcspn(path, ".");
        _cleanup_(free_ptr) char *name = xstrndup(path, length);
        json_object *member = NULL;

        if (json_object_is_type(object, json_type_object))
            json_object_object_get_ex(object, name, &member);
        if (!path[length])
            return json_object_get(member);
        path += length + 1;
        member = row_opened(member);
        json_object_put(object);
        object = member;
    }
    return NULL;
}

bool row_has(json_object *row, const char *path)
{
    _cleanup_(json_release) json_object *value = row_value(row, path);

    return value != NULL;
}

char *row_text(json_object *row, const char *path)
{
    _cleanup_(json_release) json_object *value = row_value(row, path);

    return json_object_is_type(value, json_type_string) && json_object_get_string_len(value) > 0
               ? xstrdup(json_object_get_string(value))
               : NULL;
}

json_object *dataset_list(json_object *row, const char *field, struct error *err)
{
    _cleanup_(json_release) json_object *value = row_value(row, field);
    json_object *list = NULL;

    if (json_object_is_type(value, json_type_string)) {
        const char *text = json_object_get_string(value);
        size_t length = (size_t)json_object_get_string_len(value);
        struct error ignored = ERROR_INIT;

        if (length == 0)
            return json_object_new_array();
        if (json_parse(text, length, &list, NULL, &ignored) < 0 &&
            python_literal_parse(text, length, &list, err) < 0) {
            error_wrap(err, "%s: the text holds no list", field);
            return NULL;
        }
    } else {
        list = json_object_get(value);
    }
    if (!list)
        return json_object_new_array();
    if (json_object_is_type(list, json_type_object)) {
        json_object *keys = json_object_new_array();

        json_object_object_foreach (list, key, ignored) {
            (void)ignored;
            json_object_array_add(keys, json_object_new_string(key));
        }
        json_object_put(list);
        return keys;
    }
    if (!json_object_is_type(list, json_type_array)) {
        json_object_put(list);
        error_set(err, ERROR_INVALID, NULL, "%s: must be a list", field);
        return NULL;
    }
    return list;
}

char *row_commands(json_object *row, const char *path)
{
    _cleanup_(json_release) json_object *value = row_value(row, path);
    _cleanup_(json_release) json_object *list = row_opened(value);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (!json_object_is_type(list, json_type_array))
        return row_text(row, path);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_string))
            buf_addf(&text, "%s%s", text.length ? "\n" : "", json_object_get_string(item));
    }
    return text.length ? buf_take(&text) : NULL;
}
