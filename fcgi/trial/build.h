/*
 * build.h - the folder in which a trial's programs are built, always under the same path.
 *
 * What all runs have in common is built once, by a user of its own, and kept. Each run gets a copy
 * of that as its own, with the files' times, by which make tells what is to be built. Before a test
 * program is started, all that was built becomes root's: programs can be read and executed, and new
 * files be made beside them, but nothing that is there can be changed.
 */
#ifndef CODESET_TRIAL_BUILD_H
#define CODESET_TRIAL_BUILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

#define TRIAL_BUILD "build" /* in the trial's place */

/* place_fd: the trial's folder. The build folder is the owner's then: empty, or a copy of what was
 * kept. */
int trial_build_make(int place_fd, uid_t owner, struct error *err);

/* Keeps what is in the build folder. */
int trial_build_keep(int place_fd, struct error *err);

/* is_private: what was built of this run's own can't be read: programs can only be executed, and
 * everything else but what was kept is removed. */
int trial_build_seal(int place_fd, bool is_private, struct error *err);

/* A file or folder at `path` (below root_fd), if it is there and no link leads to it: root's, for
 * everybody to read. */
int trial_build_seal_at(int root_fd, const char *path, struct error *err);

int trial_build_remove(int place_fd, struct error *err);

#endif
