#include "agent/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)

DEFINE_CLEANUP(DIR *, close_dir, closedir)

bool walk_path_valid(const char *path)
{
    if (strlen(path) >= PATH_MAX)
        return false;
    for (;;) {
        size_t length = strcspn(path, "/");

        if (length == 0 || length > NAME_MAX || (length == 1 && path[0] == '.') ||
            (length == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        if (path[length] == '\0')
            return true;
        path += length + 1;
    }
}

static int open_length(int root_fd, const char *path, size_t length, bool make)
{
    _cleanup_(close_fd) int fd = openat(root_fd, ".", FOLDER_FLAGS);
    const char *end = path + length;

    while (fd >= 0 && path < end) {
        size_t part = strcspn(path, "/");
        char name[NAME_MAX + 1];
        int next;

        if (part > (size_t)(end - path))
            part = (size_t)(end - path);
        if (part > NAME_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, part);
        name[part] = '\0';
        next = openat(fd, name, FOLDER_FLAGS);
        if (next < 0 && errno == ENOENT && make && mkdirat(fd, name, 0755) == 0)
            next = openat(fd, name, FOLDER_FLAGS);
        close_fd(&fd);
        fd = next;
        path += part + (path + part < end);
    }
    return TAKE_FD(fd);
}

int walk_open_folder(int root_fd, const char *path, bool make)
{
    return open_length(root_fd, path, strlen(path), make);
}

int walk_open_parent(int root_fd, const char *path, bool make, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    int fd = open_length(root_fd, path, slash ? (size_t)(slash - path) : 0, make);

    if (fd >= 0)
        *ret_name = slash ? slash + 1 : path;
    return fd;
}

/* Folders still to be read; the last first, so that few are kept. */
struct pending {
    char **paths;
    size_t count, room;
};

static void pending_add(struct pending *pending, const char *path)
{
    if (pending->count == pending->room) {
        pending->room += pending->room / 2 + 64;
        pending->paths = xrealloc(pending->paths, pending->room * sizeof(*pending->paths));
    }
    pending->paths[pending->count++] = xstrdup(path);
}

static void pending_release(struct pending *pending)
{
    while (pending->count > 0)
        free(pending->paths[--pending->count]);
    free(pending->paths);
}

/* False if it has gone, or something is mounted there. (On an overlay st_dev tells mounts for
 * folders only, so the kernel is asked.) */
static bool look(int dir_fd, const char *name, dev_t device, struct stat *st)
{
    struct statx stx;

    if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (S_ISDIR(st->st_mode) && st->st_dev != device)
        return false;
    if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &stx) == 0 &&
        (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return false;
    return true;
}

static int read_folder(int root_fd, const char *folder, dev_t device, struct pending *pending,
                       walk_visit *visit, void *arg, struct error *err)
{
    int fd = walk_open_folder(root_fd, folder, false);
    _cleanup_(close_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!dir) {
        /* Removed, or made into something else, since it was seen. */
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
            return 0;
        return error_errno(err, errno, "cannot read the folder %.200s", folder);
    }
    while ((entry = readdir(dir))) {
        char path[PATH_MAX];
        struct stat st;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(path, sizeof(path), "%s%s%s", folder, folder[0] ? "/" : "", entry->d_name) >=
                (int)sizeof(path) ||
            !look(fd, entry->d_name, device, &st))
            continue;
        switch (visit(arg, fd, entry->d_name, path, &st, err)) {
        case WALK_STOP:
            return -1;
        case WALK_ON:
            if (S_ISDIR(st.st_mode))
                pending_add(pending, path);
            break;
        case WALK_OVER:
            break;
        }
    }
    return 0;
}

int walk(int root_fd, walk_visit *visit, void *arg, struct error *err)
{
    _cleanup_(pending_release) struct pending pending = {0};
    struct stat root;

    if (fstat(root_fd, &root) < 0)
        return error_errno(err, errno, "cannot look at the folder");
    pending_add(&pending, "");
    while (pending.count > 0) {
        _cleanup_(free_ptr) char *folder = pending.paths[--pending.count];

        if (read_folder(root_fd, folder, root.st_dev, &pending, visit, arg, err) < 0)
            return -1;
    }
    return 0;
}

/* Empties the folder; those below are emptied and removed first, one level of them a round, so
 * that depth costs neither stack nor descriptors. */
static enum walk_next remove_visit(void *arg, int dir_fd, const char *name, const char *path,
                                   const struct stat *st, struct error *err)
{
    struct pending *folders = arg;

    if (S_ISDIR(st->st_mode)) {
        pending_add(folders, path);
        return WALK_ON;
    }
    if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT) {
        error_errno(err, errno, "cannot remove %.200s", path);
        return WALK_STOP;
    }
    return WALK_ON;
}

int walk_remove(int dir_fd, const char *name, struct error *err)
{
    _cleanup_(pending_release) struct pending folders = {0};
    _cleanup_(close_fd) int fd = -1;

    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_errno(err, errno, "cannot remove %.200s", name);
    fd = openat(dir_fd, name, FOLDER_FLAGS);
    if (fd < 0)
        return error_errno(err, errno, "cannot remove %.200s", name);
    if (walk(fd, remove_visit, &folders, err) < 0)
        return -1;
    /* Folders were noted before those in them. */
    while (folders.count > 0) {
        _cleanup_(free_ptr) char *path = folders.paths[--folders.count];
        const char *last;
        _cleanup_(close_fd) int parent = walk_open_parent(fd, path, false, &last);

        if (parent < 0 || unlinkat(parent, last, AT_REMOVEDIR) < 0)
            return error_errno(err, errno, "cannot remove %.200s", path);
    }
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
        return error_errno(err, errno, "cannot remove %.200s", name);
    return 0;
}
