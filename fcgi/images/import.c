#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/archive_kind.h"
#include "images/extract.h"
#include "images/image_store.h"
#include "images/images.h"
#include "images/oci_archive.h"
#include "images/source.h"
#include "settings.h"

#include "base/banned.h"

/* Removes what interrupted imports left: folders that nobody has locked. */
static void sweep(const char *image_dir)
{
    DIR *dir = opendir(image_dir);

    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *path = xasprintf("%s/%s", image_dir, entry->d_name);
        _cleanup_(close_fd) int fd = -1;
        struct error ignored;

        if (strncmp(entry->d_name, ".import-", 8) != 0 && strncmp(entry->d_name, ".old-", 5) != 0)
            continue;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_tree(path, &ignored);
    }
    closedir(dir);
}

/* A new folder beside the images, locked. Whoever makes one or sweeps holds .lock meanwhile, so
 * that no sweep finds a folder that is not locked yet. */
static int make_workplace(const char *image_dir, char **ret_path, struct error *err)
{
    _cleanup_(free_ptr) char *gate_path = xasprintf("%s/.lock", image_dir);
    _cleanup_(free_ptr) char *path = xasprintf("%s/.import-XXXXXX", image_dir);
    _cleanup_(close_fd) int gate = -1;
    _cleanup_(close_fd) int fd = -1;

    if (make_dirs(image_dir, 0711, err) < 0)
        return -1;
    gate = open(gate_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (gate < 0 || flock(gate, LOCK_EX) < 0)
        return error_errno(err, errno, "cannot lock %s", gate_path);
    sweep(image_dir);
    if (mkdtemp(path) == NULL)
        return error_errno(err, errno, "cannot make a folder in %s", image_dir);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return error_errno(err, errno, "cannot lock %s", path);
    *ret_path = TAKE_PTR(path);
    return TAKE_FD(fd);
}

/* Environment and working directory are an OCI image's own, else the base's. */
static json_object *description(const char *name, const char *source, const char *base,
                                int64_t size, json_object *base_object, const struct image_oci *oci)
{
    json_object *object = json_object_new_object();
    json_object *env = NULL;
    int64_t now = clock_now();

    json_add_text(object, "name", name);
    json_add_time(object, "created_at", now);
    json_add_int(object, "created_us", now);
    json_add_int(object, "size_bytes", size);
    json_add_text(object, "base", base);
    json_add_text(object, "source", source);
    if (oci->env != NULL)
        env = json_object_get(oci->env);
    else if (json_object_object_get_ex(base_object, "env", &env))
        env = json_object_get(env);
    json_add(object, "env", env ? env : json_object_new_array());
    json_add_text(object, "workdir",
                  oci->workdir ? oci->workdir : json_get_text(base_object, "workdir"));
    return object;
}

/* Writes image.json, has everything on the disk, and marks it complete. */
static int complete(int folder, json_object *object, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(close_fd) int fd = -1;

    json_write(&text, object);
    buf_add_char(&text, '\n');
    if (file_write_atomic(folder, "image.json", text.data, text.length, 0644, err) < 0)
        return -1;
    if (syncfs(folder) < 0)
        return error_errno(err, errno, "cannot write the image to the disk");
    fd = openat(folder, "complete", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || fsync(fd) < 0 || fsync(folder) < 0)
        return error_errno(err, errno, "cannot mark the image as complete");
    return 0;
}

/* May there be an image of that name? IMAGE_EXISTS, or IMAGE_IN_USE where others are layers over
 * it. */
static int check_free(const struct engine_settings *settings, const char *name, bool replace,
                      struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", settings->image_dir, name);
    _cleanup_(free_ptr) char *dependant = NULL;
    struct stat st;

    if (lstat(path, &st) < 0)
        return 0;
    if (!replace)
        return error_set(err, ERROR_CONFLICT, "IMAGE_EXISTS", "image '%s' already exists", name);
    dependant = image_dependant(settings->image_dir, name);
    if (dependant != NULL)
        return error_set(err, ERROR_CONFLICT, "IMAGE_IN_USE",
                         "image '%s' cannot be replaced: image '%s' is a layer over it", name,
                         dependant);
    return 0;
}

/* Puts the finished folder at its place; one step, also where it takes another's place. */
static int publish(const struct engine_settings *settings, const char *workplace, const char *name,
                   bool replace, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", settings->image_dir, name);
    _cleanup_(close_fd) int store = open(settings->image_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (;;) {
        if (check_free(settings, name, replace, err) < 0)
            return -1;
        if (renameat2(AT_FDCWD, workplace, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
            break;
        if (errno != EEXIST)
            return error_errno(err, errno, "cannot name the image %s", name);
        if (replace && renameat2(AT_FDCWD, workplace, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
            struct error ignored;

            remove_tree(workplace, &ignored); /* what was there before */
            break;
        }
        if (replace && errno != ENOENT)
            return error_errno(err, errno, "cannot replace the image %s", name);
    }
    if (store < 0 || fsync(store) < 0)
        return error_errno(err, errno, "cannot write %s to the disk", settings->image_dir);
    return 0;
}

/* --- the source ------------------------------------------------------------------------------ */

static int unpack(struct extract *extract, const char *workplace, const char *path,
                  struct image_oci *oci, struct error *err)
{
    enum archive_kind kind;

    if (archive_kind(path, extract_stream_most(extract), &kind, err) < 0)
        return -1;
    if (kind == ARCHIVE_ROOT)
        return extract_tar(extract, path, NULL, err);
    if (extract->base != NULL)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "this is an image archive, which has a root file system of its own; a "
                         "layer over another image must be a plain tar");
    return image_oci_unpack(extract, kind, path, workplace, oci, err);
}

/* source: a path, "-" for standard input. */
static int fill(struct extract *extract, const char *workplace, const char *source,
                struct image_oci *oci, struct error *err)
{
    _cleanup_(source_copy_release) struct source_copy input = {0};
    bool is_input = strcmp(source, "-") == 0;

    if ((is_input && source_copy_input(workplace, extract->bytes_max, extract->progress,
                                       extract->arg, &input, err) < 0) ||
        unpack(extract, workplace, is_input ? input.path : source, oci, err) < 0 ||
        extract_finish(extract, err) < 0)
        return error_wrap(err, "%.200s", is_input ? "standard input" : source);
    return 0;
}

static int make_rootfs(int folder, int64_t uid_base, struct error *err)
{
    _cleanup_(close_fd) int fd = -1;

    if (mkdirat(folder, "rootfs", 0755) < 0 ||
        fchownat(folder, "rootfs", (uid_t)uid_base, (gid_t)uid_base, 0) < 0)
        return error_errno(err, errno, "cannot make the image's root");
    fd = openat(folder, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? TAKE_FD(fd) : error_errno(err, errno, "cannot open the image's root");
}

static int import_into(const struct engine_settings *settings, const char *name, const char *source,
                       const char *base, const char *workplace, int folder,
                       void (*progress)(int64_t bytes, void *arg), void *arg, struct error *err)
{
    _cleanup_(image_layers_release) struct image_layers layers = {.count = 0};
    _cleanup_(json_release) json_object *base_object = NULL;
    _cleanup_(json_release) json_object *object = NULL;
    _cleanup_(image_oci_release) struct image_oci oci = {.env = NULL};
    _cleanup_(close_fd) int root = -1;
    struct extract extract = {.base = base ? &layers : NULL,
                              .uid_base = settings->uid_base,
                              .bytes_max = settings->image_bytes_max,
                              .entries_max = settings->image_entries_max,
                              .progress = progress,
                              .arg = arg};

    if (base != NULL && (image_layers_find(settings->image_dir, base, &layers, err) < 0 ||
                         image_describe(settings->image_dir, base, &base_object, err) < 0))
        return -1;
    if (layers.count == MOUNTS_LAYERS_MAX)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "%s already has as many layers as an image may have (%d)", base,
                         MOUNTS_LAYERS_MAX);
    root = make_rootfs(folder, settings->uid_base, err);
    if (root < 0)
        return -1;
    extract.root_fd = root;
    if (fill(&extract, workplace, source, &oci, err) < 0)
        return -1;
    object = description(name, source, base, extract.bytes, base_object, &oci);
    return complete(folder, object, err);
}

int image_import(const struct engine_settings *settings, const char *name, const char *source,
                 const char *base, bool replace, void (*progress)(int64_t bytes, void *arg),
                 void *arg, struct error *err)
{
    _cleanup_(free_ptr) char *workplace = NULL;
    _cleanup_(close_fd) int folder = -1;
    struct error ignored;

    if (!image_name_valid(name))
        return error_set(err, ERROR_INVALID, NULL,
                         "not a valid image name: '%.80s'; use a-z, 0-9, '.', '_' and '-', "
                         "starting with a letter or digit, at most 63 characters",
                         name);
    if (check_free(settings, name, replace, err) < 0)
        return -1;
    folder = make_workplace(settings->image_dir, &workplace, err);
    if (folder < 0)
        return -1;
    if (fchmod(folder, 0755) == 0 &&
        import_into(settings, name, source, base, workplace, folder, progress, arg, err) == 0 &&
        publish(settings, workplace, name, replace, err) == 0)
        return 0;
    remove_tree(workplace, &ignored);
    return -1;
}
