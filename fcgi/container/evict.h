/*
 * evict.h - ends from outside what a container does to the host: all of it, or all but its agent.
 *
 * A container that takes the disk that the host needs for itself ends as a whole.
 * What the guest has written and the kernel not yet put down would go to the disk even after the
 * guest's death, when its file system is unmounted: up to its whole memory. So its file system is
 * shut (EXT4_IOC_SHUTDOWN, linux/fs/ext4/ioctl.c) and its image loses its blocks, at once.
 */
#ifndef CODESET_CONTAINER_EVICT_H
#define CODESET_CONTAINER_EVICT_H

#include "base/error.h"
#include "container/container.h"

/*
 * First the folder says why (job->ended), so that nobody who sees the container dead can miss it;
 * then pid 1 is killed, then the disk taken. The rest is a stop's. ERROR_UNAVAILABLE: somebody
 * else works on the container; ERROR_NOT_FOUND: there is none. Of a dead one the disk is taken.
 */
int container_evict(const struct container_job *job, struct error *err);

/*
 * Ends everything in the container but its pid 1: for a command that outlives its time limit,
 * against which the agent comes to nothing. job->processes: its limit, at most. Errors as above.
 */
int container_clear(const struct container_job *job, struct error *err);

#endif
