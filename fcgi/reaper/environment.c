#include "reaper/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "images/images.h"

#include "base/banned.h"

struct environment {
    struct environment *next;
    char *image;
    char *json;
};

struct environments {
    const struct engine_settings *settings;
    struct environment *first;
};

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

static char *read_environment(const struct engine_settings *settings, const char *image)
{
    _cleanup_(free_ptr) char *text = NULL;
    _cleanup_(free_ptr) char *workdir = NULL;
    _cleanup_(json_release) json_object *array = NULL;
    struct error err = ERROR_INIT;

    if (image_environment(settings, image, &text, &workdir, &err) < 0 ||
        json_parse(text, strlen(text), &array, NULL, &err) < 0) {
        log_error("image_environment_unknown", &err);
        return environment_merge(NULL);
    }
    return environment_merge(json_object_is_type(array, json_type_array) ? array : NULL);
}

struct environments *environments_new(const struct engine_settings *settings)
{
    struct environments *environments = xcalloc(1, sizeof(*environments));

    environments->settings = settings;
    return environments;
}

const char *environment_of(struct environments *environments, const char *image)
{
    struct environment *environment = environments->first;

    while (environment && strcmp(environment->image, image) != 0)
        environment = environment->next;
    if (!environment) {
        environment = xcalloc(1, sizeof(*environment));
        environment->image = xstrdup(image);
        environment->json = read_environment(environments->settings, image);
        environment->next = environments->first;
        environments->first = environment;
    }
    return environment->json;
}

void environment_forget(struct environments *environments, const char *image)
{
    struct environment **place = &environments->first;

    while (*place && strcmp((*place)->image, image) != 0)
        place = &(*place)->next;
    if (*place) {
        struct environment *environment = *place;

        *place = environment->next;
        free(environment->image);
        free(environment->json);
        free(environment);
    }
}

void environments_free(struct environments *environments)
{
    if (!environments)
        return;
    while (environments->first)
        environment_forget(environments, environments->first->image);
    free(environments);
}
