#include "agent/trial_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/trial_lay.h"
#include "agent/walk.h"
#include "base/cleanup.h"
#include "base/file.h"

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

static bool is_kept(const struct sealing *sealing, const char *path)
{
    return sealing->kept_fd >= 0 &&
           faccessat(sealing->kept_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int seal_file(const struct sealing *sealing, const struct walk_thing *thing)
{
    mode_t mode = thing->st->st_mode;

    if (!sealing->is_private || is_kept(sealing, thing->path))
        return seal(thing->dir_fd, thing->name, mode, (mode & 0755) | 0444);
    return mode & S_IXUSR ? seal(thing->dir_fd, thing->name, mode, 0111)
                          : unlinkat(thing->dir_fd, thing->name, 0);
}

static enum walk_next seal_thing(void *arg, const struct walk_thing *thing, struct error *err)
{
    mode_t mode = thing->st->st_mode;
    int failed =
        S_ISDIR(mode) ? seal(thing->dir_fd, thing->name, mode, FOLDER_MODE) : seal_file(arg, thing);

    if (failed == 0)
        return WALK_ON;
    error_errno(err, errno, "cannot seal %.200s", thing->path);
    return WALK_STOP;
}

int trial_build_seal(int place_fd, bool is_private, struct error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_(close_fd) int fd = openat(place_fd, TRIAL_BUILD, flags);
    _cleanup_(close_fd) int kept_fd = openat(place_fd, KEPT, flags);
    struct sealing sealing = {is_private, kept_fd};

    if (fd < 0 || seal(place_fd, TRIAL_BUILD, S_IFDIR, FOLDER_MODE) < 0)
        return error_errno(err, errno, "cannot seal the folder of a build");
    return walk(fd, seal_thing, &sealing, err);
}

int trial_build_remove(int place_fd, struct error *err)
{
    return remove_tree_at(place_fd, TRIAL_BUILD, err);
}
