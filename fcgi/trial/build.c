#include "trial/build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/walk.h"
#include "trial/lay.h"

#include "base/banned.h"

#define KEPT "kept"
#define FOLDER_MODE 01777 /* a test may have files of its own beside what was built */

int trial_build_make(int place_fd, uid_t owner, struct error *err)
{
    struct stat st;

    if (fstatat(place_fd, KEPT, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return trial_lay(place_fd, KEPT, place_fd, TRIAL_BUILD, owner, TRIAL_LAY_TIMES, err);
    if (trial_build_remove(place_fd, err) < 0)
        return -1;
    if (mkdirat(place_fd, TRIAL_BUILD, 0755) < 0 ||
        fchownat(place_fd, TRIAL_BUILD, owner, owner, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(err, errno, "cannot make the folder of a build");
    return 0;
}

int trial_build_keep(int place_fd, struct error *err)
{
    if (remove_tree_at(place_fd, KEPT, err) < 0)
        return -1;
    if (renameat(place_fd, TRIAL_BUILD, place_fd, KEPT) < 0 ||
        fchownat(place_fd, KEPT, 0, 0, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(place_fd, KEPT, 0700, 0) < 0)
        return error_errno(err, errno, "cannot keep what was built");
    return 0;
}

struct sealing {
    bool is_private;
    int kept_fd; /* -1: nothing was kept */
};

static int seal(int dir_fd, const char *name, mode_t mode, mode_t wanted)
{
    if (fchownat(dir_fd, name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (S_ISLNK(mode))
        return 0;
    if (!S_ISDIR(mode) && !S_ISREG(mode))
        wanted = 0;
    return fchmodat(dir_fd, name, wanted, 0);
}

/* Everybody's to read. */
static mode_t mode_of(mode_t mode)
{
    return S_ISDIR(mode) ? FOLDER_MODE : (mode & 0755) | 0444;
}

static bool is_kept(const struct sealing *sealing, const char *path)
{
    return sealing->kept_fd >= 0 &&
           faccessat(sealing->kept_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int seal_one(const struct sealing *sealing, const struct walk_thing *thing)
{
    mode_t mode = thing->st->st_mode;

    if (!sealing->is_private || S_ISDIR(mode) || is_kept(sealing, thing->path))
        return seal(thing->dir_fd, thing->name, mode, mode_of(mode));
    return mode & S_IXUSR ? seal(thing->dir_fd, thing->name, mode, 0111)
                          : unlinkat(thing->dir_fd, thing->name, 0);
}

static enum walk_next seal_thing(void *arg, const struct walk_thing *thing, struct error *err)
{
    if (seal_one(arg, thing) == 0)
        return WALK_ON;
    error_errno(err, errno, "cannot seal %.200s", thing->path);
    return WALK_STOP;
}

static int seal_all(const struct sealing *sealing, int dir_fd, const char *name, struct error *err)
{
    _cleanup_(close_fd) int fd = -1;
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        seal(dir_fd, name, st.st_mode, mode_of(st.st_mode)) < 0)
        return error_errno(err, errno, "cannot seal %.200s", name);
    if (!S_ISDIR(st.st_mode))
        return 0;
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? error_errno(err, errno, "cannot seal %.200s", name)
                  : walk(fd, seal_thing, (void *)sealing, err);
}

int trial_build_seal(int place_fd, bool is_private, struct error *err)
{
    _cleanup_(close_fd) int kept_fd =
        openat(place_fd, KEPT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const struct sealing sealing = {is_private, kept_fd};

    return seal_all(&sealing, place_fd, TRIAL_BUILD, err);
}

int trial_build_seal_at(int root_fd, const char *path, struct error *err)
{
    static const struct sealing readable = {.is_private = false, .kept_fd = -1};
    struct walk_cursor cursor;
    const char *name;
    int dir_fd, failed;

    walk_cursor_init(&cursor, root_fd);
    dir_fd = walk_cursor_parent(&cursor, path, false, &name);
    failed = dir_fd >= 0 && faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0
                 ? seal_all(&readable, dir_fd, name, err)
                 : 0;
    walk_cursor_release(&cursor);
    return failed;
}

int trial_build_remove(int place_fd, struct error *err)
{
    return remove_tree_at(place_fd, TRIAL_BUILD, err);
}
