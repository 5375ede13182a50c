/*
 * lay.h - the tests of a run: a copy of their own, as the run's user may do in its folder
 * what it likes.
 */
#ifndef CODESET_TRIAL_LAY_H
#define CODESET_TRIAL_LAY_H

#include <sys/types.h>

#include "base/error.h"

enum trial_lay {
    TRIAL_LAY_TIMES, /* files have the times of what they are copies of */
    TRIAL_LAY_FRESH, /* files are new */
    TRIAL_LAY_OPEN,  /* they have these times, and everybody may read them */
};

/*
 * Copies the file or folder `from` (below from_fd) to `path` (below root_fd), in place of whatever
 * is there. Files, folders and links become the owner's; what else there is, is left out. No link
 * is followed.
 */
int trial_lay(int from_fd, const char *from, int root_fd, const char *path, uid_t owner,
              enum trial_lay how, struct error *err);

/* The same, once for all runs: root's. What is on the way and no folder is replaced by one. Where
 * there is no `from`, what is at `path` is removed, unless a link is on the way. */
int trial_lay_kept(int from_fd, const char *from, int root_fd, const char *path, struct error *err);

/* Removes what leads to the path (below root_fd) and is no folder, as a link. */
int trial_lay_clear(int root_fd, const char *path, struct error *err);

#endif
