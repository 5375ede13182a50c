#include "reaper/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/egress.h"

#include "base/banned.h"

static const char *const defaults[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
};

/* Is there one that sets the same name? */
static bool is_named(json_object *image_env, const char *setting)
{
    size_t name_length = strcspn(setting, "=") + 1;

    for (size_t i = 0; image_env && i < json_object_array_length(image_env); i++) {
        json_object *item = json_object_array_get_idx(image_env, i);

        if (json_object_is_type(item, json_type_string) &&
            strncmp(json_object_get_string(item), setting, name_length) == 0)
            return true;
    }
    return false;
}

char *environment_merge(json_object *image_env)
{
    _cleanup_(json_release) json_object *merged = json_object_new_array();
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        if (!is_named(image_env, defaults[i]))
            json_object_array_add(merged, json_object_new_string(defaults[i]));
    }
    for (size_t i = 0; image_env && i < json_object_array_length(image_env); i++) {
        json_object *item = json_object_array_get_idx(image_env, i);
        const char *setting =
            json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";

        if (strchr(setting, '=') && setting[0] != '=')
            json_object_array_add(merged, json_object_get(item));
    }
    json_write(&text, merged);
    return buf_take(&text);
}

char *environment_of_image(const char *image_env)
{
    _cleanup_(json_release) json_object *array = NULL;
    struct error err = ERROR_INIT;

    if (json_parse(image_env, strlen(image_env), &array, NULL, &err) < 0 ||
        !json_object_is_type(array, json_type_array)) {
        log_event(LOG_WARNING, "image_environment_unknown", "reason=\"%s\"", err.message);
        return environment_merge(NULL);
    }
    return environment_merge(array);
}

static bool has_name(json_object *variable, const char *name, size_t length)
{
    const char *text = json_object_get_string(variable);

    return text && strncmp(text, name, length) == 0 && text[length] == '=';
}

void environment_set(json_object *environment, const char *name, const char *value)
{
    _cleanup_(free_ptr) char *text = xasprintf("%s=%s", name, value);

    for (size_t i = json_object_array_length(environment); i-- > 0;) {
        if (has_name(json_object_array_get_idx(environment, i), name, strlen(name)))
            json_object_array_del_idx(environment, i, 1);
    }
    json_object_array_add(environment, json_object_new_string(text));
}

void environment_set_proxy(json_object *environment, bool all)
{
    static const char *const names[] = {"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"};
    static const char *const but_for[] = {"NO_PROXY", "no_proxy"};
    _cleanup_(free_ptr) char *proxy = xasprintf("http://127.0.0.1:%d", EGRESS_PORT);

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        environment_set(environment, names[i], proxy);
    for (size_t i = 0; i < ARRAY_SIZE(but_for); i++)
        environment_set(environment, but_for[i], all ? "" : "127.0.0.1,localhost");
}
