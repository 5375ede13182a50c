/*
 * daemon.h - what the rooms of the daemon share.
 *
 *     doorbell, sweep ──▶ sessions, interactions, verify ──▶ work (SQL), engine, agent
 *                                     └──▶ await (who waits is told)
 *
 * Everything here belongs to the event loop's thread. Only the `run` functions given to work.h
 * run elsewhere, and touch nothing but their own argument.
 */
#ifndef CODESET_REAPER_DAEMON_H
#define CODESET_REAPER_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/id.h"
#include "engine/engine.h"
#include "store/runs.h"

struct agent_client;
struct await;
struct doorbell;
struct environments;
struct event_base;
struct graders;
struct live_session;
struct settings;
struct sweep;
struct db_pool;

TAILQ_HEAD(live_sessions, live_session);

struct daemon {
    struct event_base *base;
    const struct settings *settings;
    struct run run;
    struct engine_limits limits;
    struct db_pool *pool;
    struct graders *graders;
    struct engine *engine;
    struct agent_client *agents;
    struct await *await;
    struct doorbell *doorbell;
    struct sweep *sweep;
    struct environments *environments;

    /* tsearch(3) trees of structs that begin with their struct id */
    void *sessions;
    void *interactions;
    void *jobs;

    struct live_sessions session_list; /* the least lately checked first */
    size_t session_count;
    size_t claims; /* of interactions, under way */
    size_t job_count;
    size_t kept_bytes; /* of results that are not written yet */

    bool adopted;  /* what an earlier run left is known; new work may be taken */
    bool stopping; /* SIGTERM came: nothing new */
};

/* Compares structs that begin with a struct id, for tsearch(3). */
int daemon_compare(const void *a, const void *b);

/* tfind(3) in one of the trees; NULL where there is none. */
void *daemon_find(void *tree, const struct id *id);
void daemon_insert(void **tree, void *entry);
void daemon_remove(void **tree, void *entry);

/* A growing list of ids, to be filled by the `each` of store functions. */
struct id_list {
    struct id *ids;
    size_t count, capacity;
};
void id_list_add(const struct id *id, void *list);
void id_list_release(struct id_list *list);

/* A one-shot timer, in milliseconds; *timer is made when it is NULL. */
struct event;
void daemon_timer(struct daemon *daemon, struct event **timer, int64_t ms,
                  void (*callback)(int fd, short what, void *arg), void *arg);

#endif
