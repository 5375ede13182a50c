#include "images/images.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/image_store.h"
#include "settings.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define USUAL_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void image_release(struct image *image)
{
    free(image->name);
    free(image->base);
    free(image->source);
    free(image->user);
    free(image->shell);
    free(image->workdir);
    free(image->repo_path);
    memset(image, 0, sizeof(*image));
}

static int visible(const struct dirent *entry)
{
    return image_name_valid(entry->d_name);
}

int image_list(const struct engine_settings *settings,
               void (*each)(const struct image *image, void *arg), void *arg, struct error *err)
{
    struct dirent **entries;
    int count = scandir(settings->image_dir, &entries, visible, alphasort);

    if (count < 0 && errno == ENOENT)
        return 0;
    if (count < 0)
        return error_errno(err, errno, "cannot read %s", settings->image_dir);
    for (int i = 0; i < count; i++) {
        _cleanup_(json_release) json_object *object = NULL;
        struct error ignored;

        if (image_describe(settings->image_dir, entries[i]->d_name, &object, &ignored) == 0) {
            struct image image = {.name = xstrdup(entries[i]->d_name),
                                  .base = xstrdup(json_get_text(object, "base")),
                                  .source = xstrdup(json_get_text(object, "source")),
                                  .user = xstrdup(json_get_text(object, AGENT_PROFILE_USER)),
                                  .shell = xstrdup(json_get_text(object, AGENT_PROFILE_SHELL)),
                                  .workdir = xstrdup(json_get_text(object, "workdir")),
                                  .repo_path = xstrdup(json_get_text(object, "repo_path")),
                                  .created_at = json_get_int(object, "created_us", 0),
                                  .size_bytes = json_get_int(object, "size_bytes", 0),
                                  .scrubbed = json_get_int(object, "scrubbed", 0)};

            each(&image, arg);
            image_release(&image);
        }
        free(entries[i]);
    }
    free(entries);
    return 0;
}

struct search {
    const char *name;
    bool found;
};

static void match(const struct image *image, void *arg)
{
    struct search *search = arg;

    search->found |= strcmp(image->name, search->name) == 0;
}

int image_is_stored(const struct engine_settings *settings, const char *name, bool *ret_found,
                    struct error *err)
{
    struct search search = {.name = name};

    if (image_list(settings, match, &search, err) < 0)
        return -1;
    *ret_found = search.found;
    return 0;
}

/* How its commands are run, as agents take it. */
static char *profile_of(json_object *image)
{
    static const char *const members[] = {AGENT_PROFILE_USER, AGENT_PROFILE_SHELL,
                                          AGENT_PROFILE_ENTRYPOINT};
    _cleanup_(json_release) json_object *profile = json_object_new_object();
    json_object *value = NULL;
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        if (json_object_object_get_ex(image, members[i], &value) && value != NULL)
            json_add(profile, members[i], json_object_get(value));
    json_write(&text, profile);
    return buf_take(&text);
}

int image_environment(const struct engine_settings *settings, const char *name,
                      char **ret_environment, char **ret_workdir, char **ret_profile,
                      struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;
    _cleanup_(json_release) json_object *copy = json_object_new_array();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *given = NULL;
    const char *workdir;
    bool has_path = false;

    if (image_describe(settings->image_dir, name, &object, err) < 0)
        return -1;
    json_object_object_get_ex(object, "env", &given);
    for (size_t i = 0;
         json_object_is_type(given, json_type_array) && i < json_object_array_length(given); i++) {
        json_object *item = json_object_array_get_idx(given, i);

        if (!json_object_is_type(item, json_type_string))
            continue;
        has_path = has_path || strncmp(json_object_get_string(item), "PATH=", 5) == 0;
        json_object_array_add(copy, json_object_get(item));
    }
    if (!has_path)
        json_object_array_add(copy, json_object_new_string(USUAL_PATH));
    json_write(&text, copy);
    workdir = json_get_text(object, "workdir");
    *ret_environment = buf_take(&text);
    *ret_profile = profile_of(object);
    *ret_workdir = xstrdup(workdir && *workdir == '/' ? workdir : "/");
    return 0;
}

int image_remove(const struct engine_settings *settings, const char *name, struct error *err)
{
    _cleanup_(free_ptr) char *dependant = NULL;
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", settings->image_dir, name);
    _cleanup_(free_ptr) char *aside = xasprintf("%s/.old-XXXXXX", settings->image_dir);
    struct stat st;

    if (!image_name_valid(name) || lstat(path, &st) < 0)
        return error_set(err, ERROR_NOT_FOUND, "IMAGE_MISSING", "there is no image '%.80s'", name);
    dependant = image_dependant(settings->image_dir, name);
    if (dependant != NULL)
        return error_set(err, ERROR_CONFLICT, "IMAGE_IN_USE",
                         "image '%s' is a layer over '%s'; remove '%s' first", dependant, name,
                         dependant);
    /* It leaves the store in one step, even if removing its files is interrupted. */
    if (mkdtemp(aside) == NULL || rename(path, aside) < 0)
        return error_errno(err, errno, "cannot move %s aside", path);
    return remove_tree(aside, err);
}
