#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/image_store.h"
#include "images/images.h"
#include "images/layout_stream.h"
#include "images/unpack.h"
#include "images/unpacker.h"
#include "images/workplace.h"
#include "settings.h"
#include "wire/agent_protocol.h"
#include "wire/profile.h"

#include "base/banned.h"

/* The value, else the base's of that name. The caller's; NULL: there is neither. */
static json_object *or_of_base(json_object *value, json_object *base, const char *name)
{
    json_object *of_base = NULL;

    if (value != NULL)
        return json_object_get(value);
    json_object_object_get_ex(base, name, &of_base);
    return json_object_get(of_base);
}

static void add_text_or(json_object *object, const char *name, const char *text, json_object *base)
{
    json_add_text(object, name, text != NULL ? text : json_get_text(base, name));
}

/* A copy of the environment in which the options' variables take the place of others. */
static json_object *environment_of(json_object *env, json_object *options)
{
    json_object *merged = json_object_new_array(), *own = NULL;

    json_object_object_get_ex(options, PROFILE_ENV, &own);
    for (size_t i = 0; env != NULL && i < json_object_array_length(env); i++) {
        json_object *item = json_object_array_get_idx(env, i);
        const char *text = json_object_get_string(item);
        bool replaced = false;

        for (size_t k = 0; own != NULL && k < json_object_array_length(own); k++) {
            const char *variable = json_object_get_string(json_object_array_get_idx(own, k));

            replaced = replaced || strncmp(text, variable, strcspn(variable, "=") + 1) == 0;
        }
        if (!replaced)
            json_object_array_add(merged, json_object_get(item));
    }
    for (size_t k = 0; own != NULL && k < json_object_array_length(own); k++)
        json_object_array_add(merged, json_object_get(json_object_array_get_idx(own, k)));
    return merged;
}

/* What neither the options nor the archive say is the base's. profile: of the options. */
static json_object *description(const struct image_import *import, json_object *base,
                                json_object *profile, const struct unpacked *unpacked)
{
    json_object *object = json_object_new_object();
    _cleanup_(json_release) json_object *env = or_of_base(unpacked->env, base, "env");
    const char *user = json_get_text(profile, AGENT_PROFILE_USER);
    int64_t now = clock_now();

    json_add_text(object, "name", import->name);
    json_add_time(object, "created_at", now);
    json_add_int(object, "created_us", now);
    json_add_int(object, "size_bytes", unpacked->bytes);
    json_add_int(object, "scrubbed", unpacked->scrubbed);
    json_add_text(object, "base", import->base);
    json_add_text(object, "source", import->origin ? import->origin : import->source);
    json_add(object, "env", environment_of(env, profile));
    add_text_or(object, "workdir", unpacked->workdir, base);
    add_text_or(object, AGENT_PROFILE_USER, user ? user : unpacked->user, base);
    add_text_or(object, AGENT_PROFILE_SHELL, json_get_text(profile, AGENT_PROFILE_SHELL), base);
    json_add(object, AGENT_PROFILE_ENTRYPOINT,
             or_of_base(unpacked->entrypoint, base, AGENT_PROFILE_ENTRYPOINT));
    add_text_or(object, "repo_path", import->options.repo_path, base);
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
        /* What was there before is removed with the workplace. */
        if (replace && renameat2(AT_FDCWD, workplace, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
            break;
        if (replace && errno != ENOENT)
            return error_errno(err, errno, "cannot replace the image %s", name);
    }
    if (store < 0 || fsync(store) < 0)
        return error_errno(err, errno, "cannot write %s to the disk", settings->image_dir);
    return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

/* Folders that codeset-unpack may write to. */
static int make_folder(int folder, const char *name, mode_t mode, int64_t uid_base,
                       struct error *err)
{
    if (mkdirat(folder, name, mode) < 0 || fchmodat(folder, name, mode, 0) < 0 ||
        fchownat(folder, name, (uid_t)uid_base, (gid_t)uid_base, 0) < 0)
        return error_errno(err, errno, "cannot make the import's folder %s", name);
    return 0;
}

static int fill(const struct unpacker_job *job, const struct workplace *workplace,
                struct unpacked *ret_unpacked, struct error *err)
{
    const int64_t uid_base = job->settings->uid_base;
    const char *source = job->source ? job->source : "the archive";

    if (make_folder(workplace->fd, UNPACK_ROOTFS, 0755, uid_base, err) < 0 ||
        make_folder(workplace->fd, UNPACK_SCRATCH, 0700, uid_base, err) < 0)
        return -1;
    if (unpacker_run(job, ret_unpacked, err) < 0)
        return job->is_layout ? -1
                              : error_wrap(err, "%.200s",
                                           strcmp(source, "-") == 0 ? "standard input" : source);
    return remove_tree_at(workplace->fd, UNPACK_SCRATCH, err);
}

/* *ret_layout is left as it is where the source is no folder. */
static int open_layout(const struct image_import *import, struct image_layout *ret_layout,
                       struct error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    struct stat st;

    if (!import->source || strcmp(import->source, "-") == 0 || stat(import->source, &st) < 0 ||
        !S_ISDIR(st.st_mode))
        return 0; /* of what is wrong with it, who opens it says more */
    ret_layout->folder_fd = open(import->source, flags);
    if (ret_layout->folder_fd >= 0)
        ret_layout->blobs_fd = openat(ret_layout->folder_fd, "blobs", flags | O_NOFOLLOW);
    if (ret_layout->blobs_fd >= 0)
        return 0;
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                     "%.200s: the folder is no OCI layout (it has no folder 'blobs'); of a root "
                     "file system make a tar",
                     import->source);
}

/* A layout is read as an archive: what reads it sees no other folder. */
static int fill_of_layout(struct unpacker_job *job, const struct image_import *import,
                          const struct image_layout *layout, const struct workplace *workplace,
                          struct unpacked *ret_unpacked, struct error *err)
{
    const struct image_choice choice = {import->options.tag, import->options.platform};
    const char *shown = import->source ? import->source : import->origin;
    struct layout_stream stream = LAYOUT_STREAM_INIT;
    int status;

    if (layout_stream_start(job->settings, &choice, layout->folder_fd, layout->blobs_fd, &stream,
                            err) < 0)
        return -1;
    job->source = NULL;
    job->source_fd = stream.fd;
    job->is_layout = true;
    status = fill(job, workplace, ret_unpacked, err);
    if (layout_stream_end(&stream, status, err) == 0)
        return 0;
    unpacked_release(ret_unpacked);
    return error_wrap(err, "%.200s", shown);
}

static int fill_of_any(struct unpacker_job *job, const struct image_import *import,
                       const struct workplace *workplace, struct unpacked *ret_unpacked,
                       struct error *err)
{
    struct image_layout opened = {-1, -1};
    int status = open_layout(import, &opened, err);

    if (status == 0 && (import->layout || opened.folder_fd >= 0))
        status = fill_of_layout(job, import, import->layout ? import->layout : &opened, workplace,
                                ret_unpacked, err);
    else if (status == 0)
        status = fill(job, workplace, ret_unpacked, err);
    close_fd(&opened.folder_fd);
    close_fd(&opened.blobs_fd);
    return status;
}

static int import_into(const struct engine_settings *settings, const struct image_import *import,
                       const struct workplace *workplace, struct error *err)
{
    const struct profile_options options = {import->options.env, import->options.user,
                                            import->options.shell};
    _cleanup_(image_layers_release) struct image_layers layers = {.count = 0};
    _cleanup_(json_release) json_object *base = NULL;
    _cleanup_(json_release) json_object *profile = NULL;
    _cleanup_(json_release) json_object *object = NULL;
    _cleanup_(unpacked_release) struct unpacked unpacked = {.bytes = 0};
    struct unpacker_job job = {.settings = settings,
                               .work = import->options.scrub_git ? UNPACKER_SCRUB : UNPACKER_LAY,
                               .source = import->source,
                               .source_fd = import->source_fd,
                               .options = &import->options,
                               .folder = workplace->path,
                               .cgroup = workplace->cgroup,
                               .layers = &layers,
                               .leash_fd = workplace->leash_fd,
                               .progress = import->progress,
                               .arg = import->arg};

    if (profile_make(&options, &profile, err) < 0)
        return -1;
    if (import->base != NULL &&
        (image_layers_find(settings->image_dir, import->base, &layers, err) < 0 ||
         image_describe(settings->image_dir, import->base, &base, err) < 0))
        return -1;
    if (layers.count == MOUNTS_LAYERS_MAX)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "%s already has as many layers as an image may have (%d)", import->base,
                         MOUNTS_LAYERS_MAX);
    if (fill_of_any(&job, import, workplace, &unpacked, err) < 0)
        return -1;
    object = description(import, base, profile, &unpacked);
    return complete(workplace->fd, object, err);
}

int image_import_as(const struct engine_settings *settings, const struct image_import *import,
                    struct error *err)
{
    _cleanup_(workplace_release) struct workplace workplace = WORKPLACE_INIT;

    if (!image_name_valid(import->name))
        return error_set(err, ERROR_INVALID, NULL,
                         "not a valid image name: '%.80s'; use a-z, 0-9, '.', '_' and '-', "
                         "starting with a letter or digit, at most 63 characters",
                         import->name);
    if (check_free(settings, import->name, import->replace, err) < 0 ||
        workplace_make(settings, &workplace, err) < 0)
        return -1;
    if (import_into(settings, import, &workplace, err) < 0)
        return -1;
    return publish(settings, workplace.path, import->name, import->replace, err);
}

int image_import(const struct engine_settings *settings, const char *name, const char *source,
                 const char *base, bool replace, void (*progress)(int64_t bytes, void *arg),
                 void *arg, struct error *err)
{
    const struct image_import import = {.name = name,
                                        .source = source,
                                        .base = base,
                                        .replace = replace,
                                        .progress = progress,
                                        .arg = arg};

    return image_import_as(settings, &import, err);
}

/* --- what is in one -------------------------------------------------------------------------- */

static int lay_samples(const struct buf *samples, struct error *err)
{
    _cleanup_(close_fd) int fd = memfd_create("samples", MFD_CLOEXEC);

    if (fd < 0 || fd_write_all(fd, samples->data, samples->length, err) < 0 ||
        lseek(fd, 0, SEEK_SET) < 0)
        return error_errno(err, errno, "cannot lay the samples aside");
    return TAKE_FD(fd);
}

static int inspect_layer(const struct engine_settings *settings, char *rootfs,
                         const struct buf *samples, json_object *findings, struct error *err)
{
    static const struct image_layers none = {.count = 0};
    static const struct image_options no_options;
    _cleanup_(workplace_release) struct workplace workplace = WORKPLACE_INIT;
    _cleanup_(unpacked_release) struct unpacked unpacked = {.bytes = 0};
    _cleanup_(close_fd) int fd = lay_samples(samples, err);
    char *slash = strrchr(rootfs, '/');

    if (fd < 0 || workplace_make(settings, &workplace, err) < 0)
        return -1;
    *slash = '\0'; /* the image's folder */
    if (unpacker_run(&(struct unpacker_job){.settings = settings,
                                            .work = UNPACKER_INSPECT,
                                            .source_fd = fd,
                                            .options = &no_options,
                                            .folder = rootfs,
                                            .cgroup = workplace.cgroup,
                                            .layers = &none,
                                            .leash_fd = workplace.leash_fd},
                     &unpacked, err) < 0)
        return error_wrap(err, "%.200s", rootfs);
    for (size_t i = 0; unpacked.findings && i < json_object_array_length(unpacked.findings); i++)
        json_object_array_add(findings,
                              json_object_get(json_object_array_get_idx(unpacked.findings, i)));
    return 0;
}

int image_inspect(const struct engine_settings *settings, const char *name,
                  const struct buf *samples, json_object **ret_findings, struct error *err)
{
    _cleanup_(image_layers_release) struct image_layers layers = {.count = 0};
    _cleanup_(json_release) json_object *findings = json_object_new_array();

    if (image_layers_find(settings->image_dir, name, &layers, err) < 0)
        return -1;
    for (int i = 0; i < layers.count; i++)
        if (inspect_layer(settings, layers.paths[i], samples, findings, err) < 0)
            return -1;
    *ret_findings = TAKE_PTR(findings);
    return 0;
}
