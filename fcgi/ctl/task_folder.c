#include "ctl/task_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "images/build.h"
#include "images/folder_tar.h"
#include "images/images.h"
#include "settings.h"
#include "wire/pax.h"

#include "base/banned.h"

#define TASKS_MOST 100000
#define FILES_MOST 1000 /* of a solution */
#define DEPTH_MOST 8
#define SLUG_MOST 36
#define DIGEST_SHOWN 12

/* --- reading --------------------------------------------------------------------------------- */

/* No link on the way. -1 with errno. */
static int open_below(int folder, const char *path, int flags)
{
    const struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

    return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

/* A folder that no link leads to, by a path of `at`. 1: *ret_fd; 0: there is none of that name; -1.
 */
static int open_folder(const struct task_folder *folder, int at, const char *path, int *ret_fd,
                       struct error *err)
{
    *ret_fd = open_below(at, path, O_RDONLY | O_DIRECTORY);
    if (*ret_fd >= 0)
        return 1;
    if (errno == ENOENT)
        return 0;
    if (errno == ELOOP)
        return error_set(err, ERROR_INVALID, NULL,
                         "%s/%s is a link; put the folder itself in its place", folder->path, path);
    return error_errno(err, errno, "cannot open the folder %s/%s", folder->path, path);
}

/* 1: appended; 0: there is no such file; -1. */
static int read_below(const struct task_folder *folder, int at, const char *path, size_t most,
                      struct buf *out, struct error *err)
{
    _cleanup_(close_fd) int fd = open_below(at, path, O_RDONLY);
    _cleanup_(free_ptr) char *name = NULL;
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 && errno == ELOOP)
        return error_set(err, ERROR_INVALID, NULL,
                         "%s/%s is a link; put the file itself in its place", folder->path, path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, errno, "cannot open %s/%s", folder->path, path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, NULL, "%s/%s is not a file", folder->path, path);
    name = xasprintf("/proc/self/fd/%d", fd);
    return file_read(AT_FDCWD, name, most, out, err) < 0
               ? error_wrap(err, "%s/%s", folder->path, path)
               : 1;
}

struct gathering {
    const struct task_folder *folder;
    int fd; /* the folder */
    json_object *row;
    size_t left; /* bytes that it may still take */
    size_t files;
};

/* The file's text as a member of the row, if it is there. */
static int gather(struct gathering *gathering, const char *path, const char *key, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    int found = read_below(gathering->folder, gathering->fd, path, gathering->left, &text, err);

    if (found <= 0)
        return found;
    gathering->left -= text.length;
    json_add(gathering->row, key, json_object_new_string_len(text.data, (int)text.length));
    return 0;
}

static char *base64(const struct buf *bytes)
{
    char *text = xmalloc((bytes->length + 2) / 3 * 4 + 1);

    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes->data, (int)bytes->length);
    return text;
}

static int gather_file(struct gathering *gathering, int at, const char *name, const char *path,
                       json_object *files, struct error *err)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    _cleanup_(free_ptr) char *text = NULL;

    if (++gathering->files > FILES_MOST)
        return error_set(err, ERROR_LIMIT, NULL, "%s/solution has more than %d files",
                         gathering->folder->path, FILES_MOST);
    if (read_below(gathering->folder, at, name, gathering->left / 4 * 3, &bytes, err) < 0)
        return -1;
    text = base64(&bytes);
    gathering->left -= strlen(text) < gathering->left ? strlen(text) : gathering->left;
    json_add_text(files, path, text);
    return 0;
}

static int is_named(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int gather_tree(struct gathering *gathering, int at, const char *above, int depth,
                       json_object *files, struct error *err);

static int gather_entry(struct gathering *gathering, int at, const char *name, const char *above,
                        int depth, json_object *files, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s%s%s", above, above[0] ? "/" : "", name);
    _cleanup_(close_fd) int fd = open_below(at, name, O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        return gather_file(gathering, at, name, path, files, err);
    if (depth == DEPTH_MOST)
        return error_set(err, ERROR_LIMIT, NULL, "%s/solution has folders more than %d deep",
                         gathering->folder->path, DEPTH_MOST);
    return gather_tree(gathering, fd, path, depth + 1, files, err);
}

static int gather_tree(struct gathering *gathering, int at, const char *above, int depth,
                       json_object *files, struct error *err)
{
    struct dirent **entries;
    int count = scandirat(at, ".", &entries, is_named, alphasort), status = 0;

    if (count < 0)
        return error_errno(err, errno, "cannot read %s/solution", gathering->folder->path);
    for (int i = 0; i < count; i++) {
        if (status == 0)
            status = gather_entry(gathering, at, entries[i]->d_name, above, depth, files, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static int gather_solution(struct gathering *gathering, struct error *err)
{
    _cleanup_(close_fd) int fd = -1;
    json_object *files;
    int found = open_folder(gathering->folder, gathering->fd, "solution", &fd, err);

    if (found <= 0)
        return found;
    files = json_object_new_object();
    json_add(gathering->row, "solution_files", files);
    return gather_tree(gathering, fd, "", 1, files, err);
}

struct task_file {
    const char *path, *key;
};

static int gather_all(struct gathering *gathering, struct error *err)
{
    static const struct task_file own[] = {{"task.json", "task_json"},
                                           {"problem.md", "problem"},
                                           {"solution.patch", "solution_patch"},
                                           {"solution.sh", "solution_script"},
                                           {NULL, NULL}};
    static const struct task_file harbor[] = {{"task.toml", "task_toml"},
                                              {"instruction.md", "problem"},
                                              {"environment/Dockerfile", "dockerfile"},
                                              {"tests/test.sh", "test_script"},
                                              {NULL, NULL}};
    const struct task_folder *folder = gathering->folder;

    json_add_text(gathering->row, "task_folder", folder->name);
    for (const struct task_file *file = folder->is_own ? own : harbor; file->path; file++) {
        if (gather(gathering, file->path, file->key, err) < 0)
            return -1;
    }
    return folder->is_own ? 0 : gather_solution(gathering, err);
}

/* Opened when it is needed: there may be more tasks than a process may have descriptors. */
static int open_task(const struct task_folders *folders, const struct task_folder *folder,
                     struct error *err)
{
    int fd =
        open_below(folders->root_fd, folder->is_root ? "." : folder->name, O_RDONLY | O_DIRECTORY);

    return fd < 0 ? error_errno(err, errno, "cannot open the folder %s", folder->path) : fd;
}

static int write_row(const struct task_folders *folders, const struct task_folder *folder,
                     size_t most, struct error *err)
{
    _cleanup_(json_release) json_object *row = json_object_new_object();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(close_fd) int fd = open_task(folders, folder, err);
    /* Control characters are six in JSON, but texts have few. */
    struct gathering gathering = {.folder = folder, .fd = fd, .row = row, .left = most / 2};

    if (fd < 0 || gather_all(&gathering, err) < 0)
        return -1;
    json_write(&text, row);
    buf_add_char(&text, '\n');
    return fd_write_all(folders->rows_fd, text.data, text.length, err);
}

/* --- finding --------------------------------------------------------------------------------- */

void task_folders_release(struct task_folders *folders)
{
    for (size_t i = 0; i < folders->count; i++) {
        free(folders->list[i].name);
        free(folders->list[i].path);
    }
    free(folders->list);
    close_fd(&folders->root_fd);
    close_fd(&folders->rows_fd);
    *folders = (struct task_folders)TASK_FOLDERS_INIT;
}

/* Whether the folder is a task. If so, it is of the list now. */
static bool take_task(struct task_folders *folders, int fd, const char *name, const char *path,
                      bool is_root)
{
    bool own = faccessat(fd, "task.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

    if (!own && faccessat(fd, "task.toml", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    folders->list = xrealloc(folders->list, (folders->count + 1) * sizeof(*folders->list));
    folders->list[folders->count++] = (struct task_folder){
        .name = xstrdup(name), .path = xstrdup(path), .is_own = own, .is_root = is_root};
    return true;
}

/* What is no folder, or is a link, is no task. */
static int take_below(struct task_folders *folders, const char *path, const char *name,
                      struct error *err)
{
    _cleanup_(close_fd) int fd = open_below(folders->root_fd, name, O_RDONLY | O_DIRECTORY);
    _cleanup_(free_ptr) char *below = xasprintf("%s/%s", path, name);

    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP
                   ? 0
                   : error_errno(err, errno, "cannot open %s", below);
    if (take_task(folders, fd, name, below, false) && folders->count > TASKS_MOST)
        return error_set(err, ERROR_LIMIT, NULL,
                         "%s has more than %d tasks; split it, and import the parts one by one",
                         path, TASKS_MOST);
    return 0;
}

static int take_tasks(struct task_folders *folders, const char *path, struct error *err)
{
    struct dirent **entries;
    int count = scandirat(folders->root_fd, ".", &entries, is_named, alphasort), status = 0;

    if (count < 0)
        return error_errno(err, errno, "cannot read %s", path);
    for (int i = 0; i < count; i++) {
        if (status == 0)
            status = take_below(folders, path, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static int find_tasks(const char *path, struct task_folders *folders, struct error *err)
{
    _cleanup_(free_ptr) char *real = realpath(path, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;

    folders->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!slash || folders->root_fd < 0)
        return error_errno(err, errno, "cannot use the folder %s", path);
    if (take_task(folders, folders->root_fd, slash + 1, path, true))
        return 0;
    if (take_tasks(folders, path, err) < 0)
        return -1;
    return folders->count > 0
               ? 0
               : error_set(err, ERROR_INVALID, NULL,
                           "%s is no task, and has none in it: there is no task.json (see "
                           "'codesetctl task init') and no task.toml",
                           path);
}

int task_folders_open(const char *path, size_t row_most, struct task_folders *ret_folders,
                      struct error *err)
{
    struct task_folders folders = TASK_FOLDERS_INIT;

    if (find_tasks(path, &folders, err) < 0)
        goto failed;
    folders.rows_fd = memfd_create("tasks", MFD_CLOEXEC);
    if (folders.rows_fd < 0) {
        error_errno(err, errno, "cannot make a file in memory");
        goto failed;
    }
    for (size_t i = 0; i < folders.count; i++) {
        if (write_row(&folders, &folders.list[i], row_most, err) < 0)
            goto failed;
    }
    *ret_folders = folders;
    return 0;
failed:
    task_folders_release(&folders);
    return -1;
}

/* --- images ---------------------------------------------------------------------------------- */

void task_images_release(struct task_images *images)
{
    free(images->image);
    free(images->verifier_image);
    free(images->base);
    *images = (struct task_images){0};
}

/* A file without a name, beside the images. */
static int make_file(const struct engine_settings *settings, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/.task-XXXXXX", settings->image_dir);
    int fd;

    if (make_dirs(settings->image_dir, 0700, err) < 0)
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot make a file in %s", settings->image_dir);
    unlink(path);
    return fd;
}

/* Folders of Harbor's that a user other than root could not make: anybody may write there. */
static int add_open_folders(int tar, struct error *err)
{
    static const char *const paths[] = {"logs", "logs/verifier", "logs/agent", "logs/artifacts"};
    _cleanup_(buf_release) struct buf headers = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        pax_write(&headers, &(struct pax_entry){
                                .type = 'd', .path = (char *)(uintptr_t)paths[i], .mode = 01777});
    return fd_write_all(tar, headers.data, headers.length, err);
}

static int add_file(int fd, struct sha256_sum *sum, struct error *err)
{
    char chunk[65536];
    ssize_t got;
    off_t at = 0;

    while ((got = pread(fd, chunk, sizeof(chunk), at)) > 0) {
        sha256_add(sum, chunk, (size_t)got);
        at += got;
    }
    return got < 0 ? error_errno(err, errno, "cannot read the packed folder") : 0;
}

/* "task-NAME-DIGEST": of the image below it and of the packed files. */
static char *name_after(const struct task_folder *folder, const char *base, int tar,
                        struct error *err)
{
    struct sha256_sum *sum = sha256_begin();
    _cleanup_(free_ptr) char *slug = xstrndup(folder->name, strnlen(folder->name, SLUG_MOST));
    char digest[2 * SHA256_SIZE + 1];
    int status;

    sha256_add(sum, base ? base : "", base ? strlen(base) + 1 : 1);
    status = add_file(tar, sum, err);
    sha256_end_hex(sum, digest);
    sha256_free(sum);
    for (char *at = slug; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
        else if (!((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '_'))
            *at = '-';
    }
    return status < 0 ? NULL : xasprintf("task-%s-%.*s", slug, DIGEST_SHOWN, digest);
}

/* A part of a task that becomes an image. */
struct part {
    const struct task_folder *folder;
    int fd;
    const char *member; /* of fd's folder */
    const char *base;   /* the image that it is laid over; NULL: it is built */
    bool network;
    bool is_harbors_tests;
};

static int make_image(struct ctl *ctl, const struct part *part, const char *name, int tar,
                      struct error *err)
{
    const struct engine_settings *settings = &ctl_settings(ctl)->engine;
    _cleanup_(free_ptr) char *source = xasprintf("/proc/self/fd/%d", tar);
    struct image_build build = {
        .folder_fd = part->fd, .origin = part->folder->path, .network = part->network};

    if (!part->base)
        return ctl_build_image(ctl, name, &build, err);
    if (image_import_as(
            settings,
            &(struct image_import){
                .name = name, .source = source, .origin = part->folder->path, .base = part->base},
            err) < 0)
        return -1;
    ctl_record(ctl, "image.imported", name, part->folder->path);
    return 0;
}

/* *ret_made: is it in the store? Only if its base is, where it has one. */
static int part_image(struct ctl *ctl, const struct part *part, bool make, char **ret_name,
                      bool *ret_made, struct error *err)
{
    const struct engine_settings *settings = &ctl_settings(ctl)->engine;
    _cleanup_(close_fd) int tar = make_file(settings, err);
    _cleanup_(free_ptr) char *name = NULL;
    bool ready = true, found;

    if (tar < 0 || (part->is_harbors_tests && add_open_folders(tar, err) < 0) ||
        folder_tar(settings, part->fd, part->member, tar, err) < 0)
        return -1;
    name = name_after(part->folder, part->base, tar, err);
    if (!name || image_is_stored(&ctl_settings(ctl)->engine, name, &found, err) < 0 ||
        (part->base && image_is_stored(&ctl_settings(ctl)->engine, part->base, &ready, err) < 0))
        return -1;
    if (!found && ready && make) {
        if (make_image(ctl, part, name, tar, err) < 0)
            return error_wrap(err, "%s: its image", part->folder->path);
        found = true;
    }
    *ret_made = found;
    *ret_name = TAKE_PTR(name);
    return 0;
}

static bool has_dockerfile(int fd)
{
    return faccessat(fd, "Dockerfile", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
           faccessat(fd, "Containerfile", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A task whose images are named, and made if they are to be. */
struct making {
    struct ctl *ctl;
    const struct task_folder *folder;
    int fd; /* the folder */
    bool make, network;
    struct task_images images;
    bool made; /* so far all are in the store */
};

/* The image of its sessions, if it has one of its own. */
static int session_image(struct making *making, const char *image, struct error *err)
{
    const struct task_folder *folder = making->folder;
    _cleanup_(close_fd) int fd = -1;
    int found = open_folder(folder, making->fd, "environment", &fd, err);
    const bool built = found > 0 && has_dockerfile(fd);
    const struct part part = {.folder = folder,
                              .fd = fd,
                              .member = ".",
                              .base = built ? NULL : image,
                              .network = making->network};

    /* Harbor's environment without a Dockerfile belongs to an image that is there already. */
    if (found <= 0 || (!built && (!image || !folder->is_own)))
        return found < 0 ? -1 : 0;
    making->images.base = xstrdup(part.base);
    return part_image(making->ctl, &part, making->make, &making->images.image, &making->made, err);
}

static int verifier_image(struct making *making, const char *base, struct error *err)
{
    const bool own = making->folder->is_own;
    const char *tests = own ? "verifier" : "tests";
    _cleanup_(close_fd) int fd = -1;
    int found = open_folder(making->folder, making->fd, tests, &fd, err);
    const struct part part = {.folder = making->folder,
                              .fd = own ? fd : making->fd,
                              .member = own ? "." : tests,
                              .base = base,
                              .is_harbors_tests = !own};

    if (found <= 0 || !base)
        return found < 0 ? -1 : 0;
    return part_image(making->ctl, &part, making->make, &making->images.verifier_image,
                      &making->made, err);
}

int task_folder_images(struct ctl *ctl, const struct task_folders *folders, size_t place,
                       const char *image, bool make, bool network, struct task_images *ret_images,
                       struct error *err)
{
    const struct task_folder *folder = &folders->list[place];
    _cleanup_(close_fd) int fd = open_task(folders, folder, err);
    struct making making = {
        .ctl = ctl, .folder = folder, .fd = fd, .make = make, .network = network, .made = true};

    if (fd < 0 || session_image(&making, image, err) < 0 ||
        verifier_image(&making, making.images.image ? making.images.image : image, err) < 0) {
        task_images_release(&making.images);
        return -1;
    }
    making.images.incomplete = !making.made;
    *ret_images = making.images;
    return 0;
}
