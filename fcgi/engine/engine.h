/*
 * engine.h - where containers come from.
 *
 * An engine starts, stops, lists and measures containers, nothing else: running commands and
 * touching files is the agent's work (agent_client/agent_client.h). There is one kind now, `oci`;
 * Docker's API or a cluster would be another struct engine_kind.
 *
 * start and stop take tens of milliseconds, so they do not block the caller: they fork a helper
 * process and call back on the event loop that engine_new was given, exactly once, also on
 * failure. All functions belong to that loop's thread.
 *
 * A container outlives the daemon. Its name is the caller's (cs-<session id>, cv-<job id>); the
 * daemon that comes after finds it by engine_list and connects to its agent's socket again.
 */
#ifndef CODESET_ENGINE_ENGINE_H
#define CODESET_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct event_base;
struct engine_settings;
struct engine;

#define ENGINE_NAME_MAX 63

struct engine_limits {
    int64_t memory_bytes; /* without swap */
    int64_t disk_bytes;   /* what the container may write */
    int64_t disk_inodes;
    int64_t processes;      /* threads count */
    int64_t cpu_millicores; /* 1000 is one core */
};

struct engine_usage {
    int64_t memory_bytes;
    int64_t processes;
    int64_t cpu_us;
    int64_t oom_kills; /* since the start; a step up means that the memory limit struck */
    bool running;      /* false: pid 1 is gone, the container wants engine_stop */
};

/* err is NULL on success. The callback's argument is the caller's. */
typedef void engine_done(const struct error *err, void *arg);

/* The store and the folders come from the settings, which must outlive the engine; the helper,
 * codeset-container, is looked for beside the agent's binary. NULL on failure. */
struct engine *engine_new(struct event_base *base, const struct engine_settings *settings,
                          struct error *err);
void engine_free(struct engine *engine); /* leaves the containers running */

/*
 * Starts a container whose root is a fresh, writable layer over the image, with the agent as pid
 * 1, listening on engine_socket(name). Starting a name that runs already is success (a daemon
 * that died half-way tries again). Errors by code: IMAGE_MISSING (the store has no such image),
 * IMAGE_REFUSED (its content is hostile), otherwise without a code; ERROR_UNAVAILABLE when the
 * host is short of disk, memory or loop devices. After a failure nothing of it is left.
 */
void engine_start(struct engine *engine, const char *name, const char *image,
                  const struct engine_limits *limits, engine_done *done, void *arg);

/* Kills everything in the container and removes every trace. A name that is not there: success. */
void engine_stop(struct engine *engine, const char *name, engine_done *done, void *arg);

/* Calls `each` for every container of this engine that is on the host, running or dead. */
int engine_list(struct engine *engine, void (*each)(const char *name, void *arg), void *arg,
                struct error *err);

/* Two or three small reads; does not block. */
int engine_usage(struct engine *engine, const char *name, struct engine_usage *ret_usage,
                 struct error *err);

/* The path of the unix socket on which the container's agent listens. Returns text. */
#define ENGINE_SOCKET_SIZE 108
char *engine_socket(struct engine *engine, const char *name, char text[ENGINE_SOCKET_SIZE]);

/*
 * When the image was complete (microseconds since 1970): a file in a container of it whose ctime
 * is later was made or changed in that container.
 */
int engine_image_time(struct engine *engine, const char *image, int64_t *ret_when,
                      struct error *err);

#endif
