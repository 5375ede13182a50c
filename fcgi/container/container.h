/*
 * container.h - the helper process: makes and removes one container, then ends.
 *
 * A start waits for mounts, the runtime and the kernel, so codeset-engined has a process of its
 * own do it: codeset-container, which ends in container_start or container_stop. All that is known
 * of a container is in its folder, <state_dir>/<name>:
 *
 *     config.json  rootfs/  scratch/             the bundle
 *     0/ 1/ 2/...  user                          the image's layers, the user namespace: mounts
 *     image                                      "time name" of the image that it was started from
 *     agent.sock                                 where its agent listens
 *     init                                       "pid start-time" of its pid 1, made last
 *     ended                                      "code message": why it was ended, if it was
 *     oci/  log                                  the runtime's state and complaints
 *
 * and in <scratch_dir>/<name>.img, the image of its writable layer, whose blocks are what it takes
 * of the host's disk.
 *
 * The folder is also the lock: whoever works on the container holds flock(2) on it. It is removed
 * last, and made by whoever orders the start, before the helper runs: a daemon's death can leave
 * a helper that has yet to begin, and a stop by the next daemon removes the folder, without which
 * that helper does nothing. So where there is no folder there is nothing else, nor will be.
 *
 * A crash at any point leaves at most the folder, the cgroup, and processes in that cgroup:
 * mounts and the loop device live in a mount namespace that only those processes hold.
 */
#ifndef CODESET_CONTAINER_CONTAINER_H
#define CODESET_CONTAINER_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "container/mounts.h"

#define CONTAINER_USERNS "user" /* these are in the folder */
#define CONTAINER_IMAGE "image"
#define CONTAINER_ENDED "ended"
#define CONTAINER_SOCKET "agent.sock"

/* What the daemon hands over as arguments, "key=value" each; `layer` repeats, topmost first. */
struct container_job {
    const char *name;
    const char *state_dir;
    const char *cgroup;      /* its path below the hierarchy's root */
    const char *scratch_dir; /* of a stop: NULL where an earlier release orders it */
    /* for a start: */
    const char *runtime;
    const char *image;  /* for the record only; NULL where an earlier release orders the start */
    int64_t image_time; /* when it was complete */
    int64_t memory_bytes;
    int64_t processes;
    int64_t cpu_millicores;
    int64_t disk_bytes;
    int64_t disk_inodes;
    int64_t disk_reserve_bytes;
    int64_t first_id;       /* of the container's range of host ids; its folder's group */
    int64_t image_first_id; /* of the images' owners */
    const char *layers[MOUNTS_LAYERS_MAX];
    int layer_count;
    /* for an eviction: */
    const char *ended; /* what the file of that name is to say */
    /* for the way out: */
    int64_t public_; /* everything that is sent to a public address leaves by itself, too */
};

/* Fills the job with what the arguments say; the texts are theirs. */
int container_job_parse(char **arguments, int count, struct container_job *ret_job,
                        struct error *err);

/*
 * config_fd: where config.json is read from. One that runs already is success; where the folder
 * is gone or somebody else's (its group is not first_id), the container was stopped before this
 * began: ERROR_CONFLICT.
 */
int container_start(const struct container_job *job, int config_fd, struct error *err);

int container_stop(const struct container_job *job, struct error *err);

/* Crun is told more than others: it is in the container's cgroup already, and mounts over any file
 * of /proc. */
bool container_runtime_is_crun(const char *runtime);

/* Does the process of the folder's `init` file still live? *ret_pid may be NULL. */
bool container_runs(const char *folder, pid_t *ret_pid);

/* A pidfd of that process, the caller's, or -1 where it does not live or can't be opened. */
int container_open_init(const char *folder);

/*
 * Opens and locks the folder, for as long as the descriptor is open. ERROR_NOT_FOUND where there is
 * none. flags: 0, or LOCK_NB for ERROR_UNAVAILABLE at once where somebody else holds it.
 */
int container_lock(const char *folder, int flags, struct error *err);

/* The kernel's start time of a process that lives (not a zombie), 0 for one that does not. */
uint64_t process_start_time(pid_t pid);

#endif
