#include "images/image_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define IMAGE_NAME_MAX 63
#define IMAGE_JSON_MAX (1 << 20)

void image_layers_release(struct image_layers *layers)
{
    for (int i = 0; i < layers->count; i++)
        free(layers->paths[i]);
    layers->count = 0;
}

bool image_name_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length <= IMAGE_NAME_MAX && strchr("._-", name[0]) == NULL &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

static int missing(struct error *err, const char *name)
{
    return error_set(err, ERROR_NOT_FOUND, "IMAGE_MISSING", "there is no image '%.80s'", name);
}

int image_time(const char *image_dir, const char *name, int64_t *ret_when, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s/complete", image_dir, name);
    struct stat st;

    if (!image_name_valid(name) || lstat(path, &st) < 0)
        return missing(err, name);
    *ret_when = st.st_ctim.tv_sec * CLOCK_SECOND + st.st_ctim.tv_nsec / 1000;
    return 0;
}

int image_describe(const char *image_dir, const char *name, json_object **ret_object,
                   struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s/image.json", image_dir, name);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *object = NULL;
    int64_t when;

    if (image_time(image_dir, name, &when, err) < 0)
        return -1;
    if (file_read(AT_FDCWD, path, IMAGE_JSON_MAX, &text, err) < 0)
        return err->sys_errno == ENOENT ? missing(err, name) : -1;
    if (json_parse(text.data, text.length, &object, NULL, err) < 0)
        return error_wrap(err, "%s", path);
    *ret_object = object;
    return 0;
}

int image_layers_find(const char *image_dir, const char *name, struct image_layers *ret_layers,
                      struct error *err)
{
    _cleanup_(image_layers_release) struct image_layers layers = {.count = 0};
    _cleanup_(free_ptr) char *at = xstrdup(name);

    while (at != NULL) {
        _cleanup_(json_release) json_object *object = NULL;
        char *base;

        if (layers.count == MOUNTS_LAYERS_MAX)
            return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                             "image '%s' has more than %d layers", name, MOUNTS_LAYERS_MAX);
        if (image_describe(image_dir, at, &object, err) < 0)
            return -1;
        layers.paths[layers.count++] = xasprintf("%s/%s/rootfs", image_dir, at);
        base = xstrdup(json_get_text(object, "base"));
        free(at);
        at = base;
    }
    *ret_layers = layers;
    layers.count = 0;
    return 0;
}

char *image_dependant(const char *image_dir, const char *name)
{
    DIR *dir = opendir(image_dir);
    char *found = NULL;

    if (dir == NULL)
        return NULL;
    for (struct dirent *entry; found == NULL && (entry = readdir(dir)) != NULL;) {
        _cleanup_(json_release) json_object *object = NULL;
        struct error ignored;
        const char *base;

        if (!image_name_valid(entry->d_name) ||
            image_describe(image_dir, entry->d_name, &object, &ignored) < 0)
            continue;
        base = json_get_text(object, "base");
        if (base != NULL && strcmp(base, name) == 0)
            found = xstrdup(entry->d_name);
    }
    closedir(dir);
    return found;
}

/* 1: a folder, 0: nothing, -1: something else, or nobody knows. */
static int look_in_layer(const char *layer, const char *path)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
    _cleanup_(close_fd) int root = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
    struct stat st;

    if (root < 0)
        return -1;
    fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 1 : -1;
}

bool image_lacks_folder(const char *image_dir, const char *name, const char *path)
{
    _cleanup_(image_layers_release) struct image_layers layers = {0};
    struct error ignored = ERROR_INIT;

    if (image_layers_find(image_dir, name, &layers, &ignored) < 0)
        return false;
    for (int i = 0; i < layers.count; i++) {
        if (look_in_layer(layers.paths[i], path) != 0)
            return false;
    }
    return layers.count > 0;
}
