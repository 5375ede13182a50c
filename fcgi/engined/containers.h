/*
 * containers.h - the containers of this host: starts, stops, lists, describes and ends them.
 *
 * start, stop, evict and clear take tens of milliseconds, so they do not block the caller: a
 * process of codeset-container (engined/helper.h) does the work, and they call back on the event
 * loop that containers_new was given, exactly once, also on failure, never from within the call.
 * All functions belong to that loop's thread.
 *
 * A container outlives whoever started it. Its name is the caller's (wire/container.h); who comes
 * after finds it by containers_list.
 */
#ifndef CODESET_ENGINED_CONTAINERS_H
#define CODESET_ENGINED_CONTAINERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "wire/container.h"

struct commitments;
struct containers;
struct engine_settings;
struct event_base;

#define CONTAINERS_NAME_MAX 63

struct containers_usage {
    int64_t memory_bytes;
    int64_t processes;
    int64_t cpu_us;
    int64_t oom_kills;  /* since the start; if it grows, the memory limit killed something */
    int64_t disk_bytes; /* what its writable layer takes on the host's disk */
    bool running;       /* false: pid 1 is gone, the container wants containers_stop */
};

/* err is NULL on success. The callback's argument is the caller's. */
typedef void containers_done(const struct error *err, void *arg);

/* The store and the folders come from the settings, which must outlive it; the helper,
 * codeset-container, is looked for beside the agent's binary. Removes scratch images that belong to
 * no container, and sets the limits of all containers together. NULL on failure. */
struct containers *containers_new(struct event_base *base, const struct engine_settings *settings,
                                  struct error *err);
void containers_free(struct containers *containers); /* leaves the containers running */

/*
 * Starts a container whose root is a fresh, writable layer over the image, with the agent as pid
 * 1, listening on containers_socket(name). Starting a name that runs already is success (a daemon
 * that died half-way tries again). Errors by code: IMAGE_MISSING (the store has no such image),
 * IMAGE_REFUSED (its content is hostile), or, with ERROR_UNAVAILABLE when the host is short of
 * something, DISK_SHORT, LOOP_DEVICES_SHORT, ID_RANGES_SHORT; otherwise without a code. After a
 * failure nothing of it is left.
 */
void containers_start(struct containers *containers, const char *name, const char *image,
                      const struct container_limits *limits, containers_done *done, void *arg);

/* Kills everything in the container and removes every trace. A name that is not there: success. */
void containers_stop(struct containers *containers, const char *name, containers_done *done,
                     void *arg);

/* Ends it and takes its disk (container/evict.h). ended: "CODE message", what its description says
 * from then on. */
void containers_evict(struct containers *containers, const char *name, const char *ended,
                      containers_done *done, void *arg);

/* Ends everything in it but its agent (container/evict.h). */
void containers_clear(struct containers *containers, const char *name, containers_done *done,
                      void *arg);

/* Opens its way out (container/egress.h). fd: the listening socket, the callee's; -1 on failure. */
typedef void containers_opened(const struct error *err, int fd, void *arg);
void containers_egress(struct containers *containers, const char *name, bool public_,
                       containers_opened *done, void *arg);

/* Holds what runs in it still (container/freeze.h), until fd, the callee's, is closed. */
void containers_freeze(struct containers *containers, const char *name, containers_opened *done,
                       void *arg);

/* Ends each for which the kernel holds more than so many bytes that it counts to nobody
 * (container/kernel_memory.h). ended: as above. err: ERROR_LIMIT says which these were. */
void containers_end_takers(struct containers *containers, int64_t most, const char *ended,
                           containers_done *done, void *arg);

/* Calls `each` for every container that is on the host, running or dead. */
int containers_list(struct containers *containers, void (*each)(const char *name, void *arg),
                    void *arg, struct error *err);

/* A few small reads; does not block. */
int containers_usage(struct containers *containers, const char *name,
                     struct containers_usage *ret_usage, struct error *err);

/* The time of processors that the container has used so far. */
int containers_cpu(struct containers *containers, const char *name, int64_t *ret_us,
                   struct error *err);

/* It has what of the processors the others leave, or is their equal again. ERROR_CONFLICT: it is
 * being frozen, or is frozen, for which it must not come last. */
int containers_set_last(struct containers *containers, const char *name, bool last,
                        struct error *err);

struct containers_description {
    bool running;
    /* Of pid 1, and of the files with the lines "oom_kill N" and "max N"; -1: not running. */
    int pidfd, oom_fd, pids_fd;
    int64_t image_time;
    char *environment, *workdir, *profile; /* NULL where the image is gone */
    char *ended_code, *ended_message;
};
void containers_description_release(struct containers_description *description);

/*
 * What there is to know of a container besides its use. ERROR_NOT_FOUND: it is not there. image is
 * believed where the container itself does not say of which it is: those that an earlier release
 * started; may be NULL. The agent's socket becomes owner's, for that one is to be its client; that
 * of root (0) nobody's but who has it.
 */
int containers_describe(struct containers *containers, const char *name, const char *image,
                        uid_t owner, struct containers_description *ret_description,
                        struct error *err);

/* Which are there, and the disk that they were promised. */
const struct commitments *containers_commitments(const struct containers *containers);

/* The path of the unix socket on which the container's agent listens. Returns text. */
#define CONTAINERS_SOCKET_SIZE 108
char *containers_socket(struct containers *containers, const char *name,
                        char text[CONTAINERS_SOCKET_SIZE]);

#endif
