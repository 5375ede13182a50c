/*
 * engine.h - where containers come from, as the daemon sees it: a table of functions, and one row
 * for each kind of engine.
 *
 * An engine starts, stops, lists, describes and watches containers, nothing else: running commands
 * and touching files is the agent's work (agent_client/agent_client.h). `oci` (engine/oci.h) asks
 * codeset-engined, which starts them on this host; the tests have a scripted one.
 *
 * All functions belong to the thread of the event loop that the engine was made with. Nothing
 * blocks. What takes a callback calls it back exactly once, also on failure, from the loop and
 * never from within the call; after `free` nobody is called back any more. err is NULL on success.
 * A callback may call any function but `free`.
 *
 * A container outlives the daemon and the engine's own processes. The daemon that comes after finds
 * it by `list` or in the database, and asks for it by `describe`.
 */
#ifndef CODESET_ENGINE_ENGINE_H
#define CODESET_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "wire/container.h"

struct engine;
struct engine_watch;

struct engine_limits {
    int64_t memory_bytes; /* without swap */
    int64_t disk_bytes;   /* what the container may write */
    int64_t disk_inodes;
    int64_t processes;      /* threads count */
    int64_t cpu_millicores; /* 1000 is one core */
};

/* The engine copies what it needs of this before the call returns. */
struct engine_start {
    enum container_kind kind;
    struct id id;
    const char *image; /* a name of the image store */
    struct engine_limits limits;
};

/* Lives, with all its texts, until the callback returns. */
struct engine_description {
    const char *address;     /* what the agent is reached by: "unix:/path"; at most 127 bytes */
    int64_t image_time;      /* when the image was complete (microseconds since 1970): a file in a
                              * container of it with a later ctime was made or changed there; 0: not
                              * known, and any file may have been changed */
    const char *environment; /* of the image: a JSON array of "NAME=value"; "[]" where it is gone */
    const char *workdir;     /* of the image; absolute */
    const char *profile;     /* how the image wants commands to be run: a JSON object with members
                              * AGENT_PROFILE_... (wire/agent_protocol.h) */
    bool running;            /* false: pid 1 is gone, the container wants `stop` */
    const char *ended_code;  /* why the engine itself ended it, such as HOST_DISK_FULL, or NULL */
    const char *ended_message; /* for the session's owner; NULL where ended_code is NULL */

    /* What it uses. After a start, which has not looked, all are 0. */
    int64_t memory_bytes, processes, cpu_us;
    int64_t oom_kills;  /* since its start */
    int64_t disk_bytes; /* what its writable layer takes on the host's disk */
};

typedef void engine_done(const struct error *err, void *arg);
typedef void engine_described(const struct error *err, const struct engine_description *description,
                              void *arg);

/* A descriptor that is the callee's from then on; -1 on failure. */
typedef void engine_opened(const struct error *err, int fd, void *arg);

/* The array lives until the callback returns. */
typedef void engine_listed(const struct error *err, const struct container_ref *containers,
                           size_t count, void *arg);

/* code is NULL when it ended by itself; else it, a literal or a text that lives until the callback
 * returns, says why the engine ended it, and message says it to the session's owner. */
typedef void engine_ended(const char *code, const char *message, void *arg);

struct engine_functions {
    const char *name; /* "oci"; what a container's row says */

    /*
     * Starts a container whose root is a fresh, writable layer over the image, with the agent as
     * pid 1. One that runs already is success (a daemon that died half-way tries again). Codes of
     * errors: IMAGE_MISSING (the store has no such image), IMAGE_REFUSED (no container is started
     * from it); ERROR_UNAVAILABLE when the host is short of something: DISK_SHORT,
     * LOOP_DEVICES_SHORT, ID_RANGES_SHORT, or without a code. After a
     * failure nothing of it is left.
     */
    void (*start)(struct engine *engine, const struct engine_start *start, engine_described *done,
                  void *arg);

    /* Kills everything in the container and removes every trace. One that is not there: success. */
    void (*stop)(struct engine *engine, enum container_kind kind, const struct id *id,
                 engine_done *done, void *arg);

    /* Kills everything in the container but its agent. ERROR_NOT_FOUND: it is not there. */
    void (*clear)(struct engine *engine, enum container_kind kind, const struct id *id,
                  engine_done *done, void *arg);

    /*
     * Opens a job's container's way out, and gives its end on this side: a TCP socket that listens
     * on 127.0.0.1:EGRESS_PORT (wire/egress.h) of the container's own network. Once only: who holds
     * it has it for as long as the container is there. public_: besides, everything that is sent to
     * an address that is a public one leaves by itself. ERROR_INVALID: not a job's;
     * ERROR_NOT_FOUND: it does not run; ERROR_CONFLICT: something listens there already.
     */
    void (*egress)(struct engine *engine, enum container_kind kind, const struct id *id,
                   bool public_, engine_opened *done, void *arg);

    /*
     * Holds everything in the container still but its agent, until the descriptor is closed, and
     * for at most three seconds. ERROR_UNAVAILABLE: it can't be; ERROR_NOT_FOUND: it does not run.
     */
    void (*freeze)(struct engine *engine, enum container_kind kind, const struct id *id,
                   engine_opened *done, void *arg);

    /* Every container of this engine that is there, running or dead, or half made. */
    void (*list)(struct engine *engine, engine_listed *done, void *arg);

    /* ERROR_NOT_FOUND: it is not there. image: the image that it was started from, for those that
     * an earlier release started and that do not say so themselves; NULL where it is not known. */
    void (*describe)(struct engine *engine, enum container_kind kind, const struct id *id,
                     const char *image, engine_described *done, void *arg);

    /*
     * Given in the callback of a start or a describe that succeeded, or soon after. `ended` is
     * called at most once, when pid 1 is gone; then, as before, unwatch frees the watch.
     */
    struct engine_watch *(*watch)(struct engine *engine, enum container_kind kind,
                                  const struct id *id, engine_ended *ended, void *arg);
    void (*unwatch)(struct engine_watch *watch); /* NULL: nothing */

    /* How often the memory limit killed something in it since its start. If it grows, it happened
     * again. */
    int64_t (*oom_kills)(const struct engine_watch *watch);

    /* The same of the processes (or threads) that the limit of processes kept from being made. */
    int64_t (*refusals)(const struct engine_watch *watch);

    void (*free)(struct engine *engine); /* leaves containers running; after all its watches */
};

/* An engine's own struct begins with this, and its watches with an engine_watch. */
struct engine {
    const struct engine_functions *functions;
};
struct engine_watch {
    struct engine *engine;
};

static inline void engine_start(struct engine *engine, const struct engine_start *start,
                                engine_described *done, void *arg)
{
    engine->functions->start(engine, start, done, arg);
}

static inline void engine_stop(struct engine *engine, enum container_kind kind, const struct id *id,
                               engine_done *done, void *arg)
{
    engine->functions->stop(engine, kind, id, done, arg);
}

static inline void engine_clear(struct engine *engine, enum container_kind kind,
                                const struct id *id, engine_done *done, void *arg)
{
    engine->functions->clear(engine, kind, id, done, arg);
}

static inline void engine_egress(struct engine *engine, enum container_kind kind,
                                 const struct id *id, bool public_, engine_opened *done, void *arg)
{
    engine->functions->egress(engine, kind, id, public_, done, arg);
}

static inline void engine_freeze(struct engine *engine, enum container_kind kind,
                                 const struct id *id, engine_opened *done, void *arg)
{
    engine->functions->freeze(engine, kind, id, done, arg);
}

static inline void engine_list(struct engine *engine, engine_listed *done, void *arg)
{
    engine->functions->list(engine, done, arg);
}

static inline void engine_describe(struct engine *engine, enum container_kind kind,
                                   const struct id *id, const char *image, engine_described *done,
                                   void *arg)
{
    engine->functions->describe(engine, kind, id, image, done, arg);
}

static inline struct engine_watch *engine_watch(struct engine *engine, enum container_kind kind,
                                                const struct id *id, engine_ended *ended, void *arg)
{
    return engine->functions->watch(engine, kind, id, ended, arg);
}

static inline void engine_unwatch(struct engine_watch *watch)
{
    if (watch != NULL)
        watch->engine->functions->unwatch(watch);
}

static inline int64_t engine_oom_kills(const struct engine_watch *watch)
{
    return watch->engine->functions->oom_kills(watch);
}

static inline int64_t engine_refusals(const struct engine_watch *watch)
{
    return watch->engine->functions->refusals(watch);
}

static inline void engine_free(struct engine *engine)
{
    if (engine != NULL)
        engine->functions->free(engine);
}

#endif
