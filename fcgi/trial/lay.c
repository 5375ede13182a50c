#include "trial/lay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"

#include "base/banned.h"

struct laying {
    struct walk_cursor to; /* below the folder that was made */
    uid_t owner;
    enum trial_lay how;
};

static int copy_bytes(int from, int to)
{
    static char block[65536];
    struct error ignored = ERROR_INIT;
    ssize_t got;

    while ((got = read(from, block, sizeof(block))) > 0)
        if (fd_write_all(to, block, (size_t)got, &ignored) < 0) {
            errno = ignored.sys_errno;
            return -1;
        }
    return got < 0 ? -1 : 0;
}

static mode_t mode_of(const struct stat *st, enum trial_lay how)
{
    mode_t mode = (st->st_mode & 0777) | 0600;

    return how == TRIAL_LAY_OPEN ? mode | 0444 | (mode & S_IXUSR ? 0111 : 0) : mode;
}

static int copy_file(int from_dir, const char *from, const struct stat *st, int dir_fd,
                     const char *name, uid_t owner, enum trial_lay how)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    _cleanup_(close_fd) int in = openat(from_dir, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(close_fd) int out = -1;

    if (in < 0)
        return -1;
    out = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0 || copy_bytes(in, out) < 0)
        return -1;
    if (fchown(out, owner, owner) < 0 || fchmod(out, mode_of(st, how)) < 0)
        return -1;
    return how == TRIAL_LAY_FRESH ? 0 : futimens(out, times);
}

static int copy_link(int from_dir, const char *from, int dir_fd, const char *name, uid_t owner)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(from_dir, from, target, sizeof(target) - 1);

    if (length < 0)
        return -1;
    target[length] = '\0';
    if (symlinkat(target, dir_fd, name) < 0)
        return -1;
    return fchownat(dir_fd, name, owner, owner, AT_SYMLINK_NOFOLLOW);
}

static int copy_thing(int from_dir, const char *from, const struct stat *st, int dir_fd,
                      const char *name, uid_t owner, enum trial_lay how)
{
    if (S_ISREG(st->st_mode))
        return copy_file(from_dir, from, st, dir_fd, name, owner, how);
    if (S_ISLNK(st->st_mode))
        return copy_link(from_dir, from, dir_fd, name, owner);
    if (!S_ISDIR(st->st_mode))
        return 0;
    return mkdirat(dir_fd, name, 0755) < 0
               ? -1
               : fchownat(dir_fd, name, owner, owner, AT_SYMLINK_NOFOLLOW);
}

static enum walk_next lay_thing(void *arg, const struct walk_thing *thing, struct error *err)
{
    struct laying *laying = arg;
    const char *name;
    int dir_fd = walk_cursor_parent(&laying->to, thing->path, false, &name);

    if (dir_fd >= 0 && copy_thing(thing->dir_fd, thing->name, thing->st, dir_fd, name,
                                  laying->owner, laying->how) == 0)
        return WALK_ON;
    error_errno(err, errno, "cannot copy %.200s", thing->path);
    return WALK_STOP;
}

static int lay_below(int from_dir, const char *from, int dir_fd, const char *name, uid_t owner,
                     enum trial_lay how, struct error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_(close_fd) int in = openat(from_dir, from, flags);
    _cleanup_(close_fd) int out = openat(dir_fd, name, flags);
    struct laying laying = {.owner = owner, .how = how};
    int failed;

    if (in < 0 || out < 0)
        return error_errno(err, errno, "cannot open %.200s", from);
    walk_cursor_init(&laying.to, out);
    failed = walk(in, lay_thing, &laying, err);
    walk_cursor_release(&laying.to);
    return failed;
}

static int lay_at(int from_dir, const char *from, int dir_fd, const char *name, uid_t owner,
                  enum trial_lay how, struct error *err)
{
    struct stat st;

    if (remove_tree_at(dir_fd, name, err) < 0)
        return -1;
    if (fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        copy_thing(from_dir, from, &st, dir_fd, name, owner, how) < 0)
        return error_errno(err, errno, "cannot copy %.200s", from);
    return S_ISDIR(st.st_mode) ? lay_below(from_dir, from, dir_fd, name, owner, how, err) : 0;
}

int trial_lay(int from_fd, const char *from, int root_fd, const char *path, uid_t owner,
              enum trial_lay how, struct error *err)
{
    struct walk_cursor cursor;
    const char *name;
    int dir_fd, failed;

    walk_cursor_init(&cursor, root_fd);
    dir_fd = walk_cursor_parent(&cursor, path, true, &name);
    failed = dir_fd < 0 ? error_errno(err, errno, "cannot make the folder of %.200s", path)
                        : lay_at(from_fd, from, dir_fd, name, owner, how, err);
    walk_cursor_release(&cursor);
    return failed;
}

int trial_lay_clear(int root_fd, const char *path, struct error *err)
{
    struct stat st;

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        _cleanup_(free_ptr) char *folder = xasprintf("%.*s", (int)(slash - path), path);

        if (fstatat(root_fd, folder, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT ? 0 : error_errno(err, errno, "cannot reach %.200s", folder);
        if (!S_ISDIR(st.st_mode) && remove_tree_at(root_fd, folder, err) < 0)
            return -1;
    }
    return 0;
}

static int remove_kept(int root_fd, const char *path, struct error *err)
{
    struct walk_cursor cursor;
    const char *name;
    int dir_fd, failed = 0;

    walk_cursor_init(&cursor, root_fd);
    dir_fd = walk_cursor_parent(&cursor, path, false, &name);
    if (dir_fd >= 0)
        failed = remove_tree_at(dir_fd, name, err);
    walk_cursor_release(&cursor);
    return failed;
}

int trial_lay_kept(int from_fd, const char *from, int root_fd, const char *path, struct error *err)
{
    struct stat st;

    if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? remove_kept(root_fd, path, err)
                               : error_errno(err, errno, "cannot copy %.200s", from);
    return trial_lay_clear(root_fd, path, err) < 0
               ? -1
               : trial_lay(from_fd, from, root_fd, path, 0, TRIAL_LAY_OPEN, err);
}
