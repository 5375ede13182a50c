#include "reaper/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/agent_protocol.h"
#include "wire/egress.h"
#include "wire/profile.h"

#include "base/banned.h"

#define HOME_OF_ROOT "HOME=/root"

static const char *const defaults[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME_OF_ROOT,
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

char *environment_merge(json_object *image_env, bool is_root)
{
    _cleanup_(json_release) json_object *merged = json_object_new_array();
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        if (!is_named(image_env, defaults[i]) &&
            (is_root || strcmp(defaults[i], HOME_OF_ROOT) != 0))
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

/* An object or array of a text; of one that can't be read, an empty one. */
static json_object *read_json(const char *text, enum json_type type)
{
    json_object *value = NULL;
    struct error err = ERROR_INIT;

    if (json_parse(text, strlen(text), &value, NULL, &err) == 0 && json_object_is_type(value, type))
        return value;
    json_object_put(value);
    log_event(LOG_WARNING, "image_environment_unknown", "reason=\"%s\"", err.message);
    return type == json_type_array ? json_object_new_array() : json_object_new_object();
}

static void set_all(json_object *environment, json_object *variables)
{
    for (size_t i = 0; i < json_object_array_length(variables); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(variables, i));
        const char *value = text ? strchr(text, '=') : NULL;
        _cleanup_(free_ptr) char *name = value ? xstrndup(text, (size_t)(value - text)) : NULL;

        if (name && *name)
            environment_set(environment, name, value + 1);
    }
}

void environment_of_container(const char *image_env, const char *image_profile, const char *own,
                              char **ret_environment, char **ret_profile)
{
    _cleanup_(json_release) json_object *environment = read_json(image_env, json_type_array);
    _cleanup_(json_release) json_object *profile = read_json(image_profile, json_type_object);
    _cleanup_(json_release) json_object *mine = read_json(own, json_type_object);
    struct buf text = BUF_INIT;

    json_object_object_foreach (mine, name, value) {
        if (strcmp(name, PROFILE_ENV) != 0)
            json_add(profile, name, json_object_get(value));
        else if (json_object_is_type(value, json_type_array))
            set_all(environment, value);
    }
    *ret_environment =
        environment_merge(environment, json_get_text(profile, AGENT_PROFILE_USER) == NULL);
    json_write(&text, profile);
    *ret_profile = buf_take(&text);
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
