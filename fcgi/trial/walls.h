/*
 * walls.h - what a run of a trial can't write, and what it can't leave to the next one.
 *
 * For the container's root. Where nothing else runs, and so nothing changes what is walked over.
 */
#ifndef CODESET_TRIAL_WALLS_H
#define CODESET_TRIAL_WALLS_H

#include <sys/types.h>

#include "base/error.h"

/* Takes from everybody the right to write what the image lets everybody write, but for folders of
 * temporary files (trial_leftovers_remove). `spared`: a folder that is left out. */
int trial_walls_close(const char *spared, struct error *err);

/* Only root may look at it. It must be there, and no link. */
int trial_walls_hide(int dir_fd, const char *path, struct error *err);

/* Of the repository's folder: root's, to be read by everybody and written by nobody else; its .git
 * is hidden. */
int trial_walls_seal(int root_fd, struct error *err);

/* The container's folders of temporary files, NULL at the end. */
extern const char *const trial_walls_temporary[];

struct trial_leftovers;

/* Remembers what lies in these folders, at most 4, NULL at the end; they are the caller's. */
struct trial_leftovers *trial_leftovers_new(const char *const *folders);
void trial_leftovers_free(struct trial_leftovers *leftovers);

/* Removes what was not there then. */
int trial_leftovers_remove(const struct trial_leftovers *leftovers, struct error *err);

/* System V's shared memory, semaphores and queues of the caller's effective user. */
void trial_walls_forget_ipc(void);

#endif
