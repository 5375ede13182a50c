#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

int fd_read_all(int fd, size_t most, struct buf *out, struct error *err)
{
    const size_t before = out->length;

    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "cannot read");
        if (got == 0)
            return 0;
        if (out->length - before + (size_t)got > most)
            return error_set(err, ERROR_LIMIT, NULL, "larger than %zu bytes", most);
        buf_add(out, chunk, (size_t)got);
    }
}

int file_read(int dir_fd, const char *path, size_t most, struct buf *out, struct error *err)
{
    _cleanup_(close_fd) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    return fd_read_all(fd, most, out, err) < 0 ? error_wrap(err, "%s", path) : 0;
}

int file_read_secret(const char *path, struct buf *out, struct error *err)
{
    size_t before = out->length;

    if (file_read(AT_FDCWD, path, FILE_SECRET_MOST, out, err) < 0)
        return -1;
    while (out->length > before &&
           (out->data[out->length - 1] == '\n' || out->data[out->length - 1] == '\r'))
        buf_truncate(out, out->length - 1);
    if (out->length == before)
        return error_set(err, ERROR_INVALID, NULL, "%s is empty, but must contain the secret",
                         path);
    return 0;
}

int fd_write_all(int fd, const void *bytes, size_t size, struct error *err)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t put = write(fd, at, size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_errno(err, errno, "cannot write");
        at += put;
        size -= (size_t)put;
    }
    return 0;
}

long fd_send(int to, const void *bytes, size_t size, const int *fds, size_t count, int flags)
{
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FD_SEND_MOST * sizeof(int))];
    } control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (count > FD_SEND_MOST) {
        errno = EINVAL;
        return -1;
    }
    if (count > 0) {
        struct cmsghdr *head;

        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    }
    return sendmsg(to, &message, MSG_NOSIGNAL | flags);
}

static int write_file(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode,
                      bool synced, struct error *err)
{
    _cleanup_(free_ptr) char *temporary = xasprintf("%s.%d.tmp", path, (int)getpid());
    _cleanup_(close_fd) int fd =
        openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

    if (fd < 0)
        return error_errno(err, errno, "cannot create %s", temporary);
    if (fd_write_all(fd, bytes, size, err) < 0) {
        unlinkat(dir_fd, temporary, 0);
        return error_wrap(err, "%s", path);
    }
    if ((synced && fsync(fd) < 0) || renameat(dir_fd, temporary, dir_fd, path) < 0) {
        error_errno(err, errno, "cannot replace %s", path);
        unlinkat(dir_fd, temporary, 0);
        return -1;
    }
    return 0;
}

int file_write_atomic(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode,
                      struct error *err)
{
    return write_file(dir_fd, path, bytes, size, mode, true, err);
}

int file_write_unsynced(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode,
                        struct error *err)
{
    return write_file(dir_fd, path, bytes, size, mode, false, err);
}

bool path_is_below(const char *path)
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

int make_dirs(const char *path, mode_t mode, struct error *err)
{
    _cleanup_(free_ptr) char *copy = xstrdup(path);

    for (char *slash = copy + 1;; slash++) {
        char kept = *slash;

        if (kept != '/' && kept != '\0')
            continue;
        *slash = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return error_errno(err, errno, "cannot make folder %s", copy);
        if (kept == '\0')
            return 0;
        *slash = kept;
    }
}

/* A folder that is being emptied, and the number for the next one that is lifted into it. */
struct removal {
    int top;
    dev_t device;
    unsigned next;
};

/* A folder deep in the tree goes to the top, where its turn comes. An empty one that is there
 * already under that name may be replaced. */
static int lift(struct removal *removal, int from, const char *name)
{
    char lifted[32];
    int rc;

    do {
        snprintf(lifted, sizeof(lifted), ".lifted-%u", removal->next++);
        rc = renameat(from, name, removal->top, lifted);
    } while (rc < 0 && (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR));
    return rc;
}

/* Calls `each` for the folders in it, removes all else. Returns how many folders there were. */
static int clear_folder(struct removal *removal, int fd,
                        int (*each)(struct removal *removal, int at, const char *name))
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    int folders = dir != NULL ? 0 : -1, failure = errno;

    for (struct dirent *entry; folders >= 0 && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(fd, name, 0) == 0 ||
            errno == ENOENT)
            continue;
        folders = errno == EISDIR && each(removal, fd, name) == 0 ? folders + 1 : -1;
        failure = errno;
    }
    if (dir != NULL)
        closedir(dir);
    else
        close_fd(&copy);
    errno = failure;
    return folders;
}

static int remove_folder(struct removal *removal, int at, const char *name)
{
    _cleanup_(close_fd) int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (st.st_dev != removal->device) {
        errno = EXDEV;
        return -1;
    }
    return clear_folder(removal, fd, lift) < 0 ? -1 : unlinkat(at, name, AT_REMOVEDIR);
}

/* No path of the tree is ever resolved, and no more than a few descriptors are open, however deep
 * it is: trees of strangers are deeper than a path may be long. */
static int clear_below(int top)
{
    struct removal removal = {.top = top};
    struct stat st;
    int folders;

    if (fstat(top, &st) < 0)
        return -1;
    removal.device = st.st_dev;
    do
        folders = clear_folder(&removal, top, remove_folder);
    while (folders > 0);
    return folders;
}

int remove_tree_at(int at, const char *path, struct error *err)
{
    _cleanup_(close_fd) int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 ? clear_below(fd) == 0 && unlinkat(at, path, AT_REMOVEDIR) == 0
                : errno != EMFILE && unlinkat(at, path, 0) == 0)
        return 0;
    return errno == ENOENT ? 0 : error_errno(err, errno, "cannot remove %.200s", path);
}

int remove_tree(const char *path, struct error *err)
{
    return remove_tree_at(AT_FDCWD, path, err);
}

int clear_tree_at(int at, const char *path, struct error *err)
{
    _cleanup_(close_fd) int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 ? clear_below(fd) == 0 : errno == ENOENT)
        return 0;
    return error_errno(err, errno, "cannot clear %.200s", path);
}

int clear_tree(const char *path, struct error *err)
{
    return clear_tree_at(AT_FDCWD, path, err);
}
