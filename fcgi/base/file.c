#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

int file_read(int dir_fd, const char *path, size_t most, struct buf *out, struct error *err)
{
    _cleanup_(close_fd) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t before = out->length;

    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "cannot read %s", path);
        if (got == 0)
            return 0;
        if (out->length - before + (size_t)got > most)
            return error_set(err, ERROR_LIMIT, NULL, "%s is larger than %zu bytes", path, most);
        buf_add(out, chunk, (size_t)got);
    }
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

int file_write_atomic(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode,
                      struct error *err)
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
    if (fsync(fd) < 0 || renameat(dir_fd, temporary, dir_fd, path) < 0) {
        error_errno(err, errno, "cannot replace %s", path);
        unlinkat(dir_fd, temporary, 0);
        return -1;
    }
    return 0;
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

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

int remove_tree(const char *path, struct error *err)
{
    if (nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT)
        return 0;
    return error_errno(err, errno, "cannot remove %s", path);
}

static int remove_entry_below(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return ftw->level == 0 ? 0 : remove_entry(path, st, type, ftw);
}

int clear_tree(const char *path, struct error *err)
{
    if (nftw(path, remove_entry_below, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 ||
        errno == ENOENT)
        return 0;
    return error_errno(err, errno, "cannot clear %s", path);
}
