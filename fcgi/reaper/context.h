/*
 * context.h - what the rooms of the daemon share.
 *
 *     doorbell, rounds ──▶ kinds ──▶ sessions, interactions, verifications, jobs ──▶ containers
 *                                          └──▶ db_pool (SQL), budget, await (who waits is told)
 *
 * Arrows are calls. What a room lower down has to say to one further up, it says by a callback
 * or by the table of kinds (reaper/kinds.h). Everything here belongs to the event loop's thread;
 * only the `run` functions given to db_pool.h run elsewhere, and touch nothing but their own
 * argument, the run and the settings.
 */
#ifndef CODESET_REAPER_CONTEXT_H
#define CODESET_REAPER_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "engine/engine.h"
#include "reaper/kinds.h"

struct agent_client;
struct accounts_settings;
struct await;
struct budget;
struct containers;
struct database_settings;
struct db_pool;
struct egress_client;
struct event;
struct event_base;
struct graders;
struct jobs_settings;
struct ledger_watch;
struct overtime;
struct reaper_settings;
struct result_graders;
struct rounds;
struct run;
struct sessions;
struct usage;
struct way_outs;

struct context {
    struct event_base *base;
    const struct reaper_settings *settings;
    const struct jobs_settings *jobs;
    const struct accounts_settings *accounts;
    const char *job_folder; /* of containers of jobs, where their repositories are cloned to */
    const struct run *run;  /* who claims */
    struct engine_limits limits;
    struct db_pool *pool;
    struct budget *budget;
    struct engine *engine;
    struct agent_client *agents;
    struct graders *graders;
    struct result_graders *result_graders;
    struct egress_client *egress;
    struct way_outs *way_outs;
    struct await *await;
    struct rounds *rounds; /* NULL before it has begun */
    struct containers *containers;
    struct sessions *sessions;
    struct kinds kinds;
    LIST_HEAD(overtimes, overtime) overtimes; /* commands that are watched */
    LIST_HEAD(usages, usage) usages;          /* sessions whose use is written down */

    bool open;     /* what an earlier run left is known; work may be taken */
    bool stopping; /* SIGTERM came: nothing new */
};

#define CONTEXT_JOB_FOLDER "/workspace"

/* What a daemon is put together from; all but the engine lives longer than the context. */
struct context_parts {
    struct event_base *base;
    const struct reaper_settings *settings;
    const struct jobs_settings *jobs;
    const struct accounts_settings *accounts;
    const char *job_folder; /* NULL: CONTEXT_JOB_FOLDER */
    const struct database_settings *database;
    const struct ledger_watch *watch; /* NULL: nobody hears of movements of money */
    const struct run *run;
    struct engine_limits limits;
    struct engine *engine;  /* the context's from now on, whatever comes of the call */
    const char *agent_path; /* codeset-grader is looked for beside it */
    const struct kind *const *kinds;
    size_t kind_count;
};

/* Opens all rooms but rounds, which begin with the run. On failure context_close is due as well. */
int context_open(struct context *context, const struct context_parts *parts, struct error *err);

/* The threads end, and no room calls back any more. Nothing is told, nobody is stopped. */
void context_close(struct context *context);

/* May work be taken now? */
static inline bool context_takes(const struct context *context)
{
    return context->open && !context->stopping;
}

/* A one-shot timer, in milliseconds, that is the caller's. What *timer was set for before, with
 * this or another callback, does not come any more. */
void context_timer(const struct context *context, struct event **timer, int64_t ms,
                   void (*callback)(int fd, short what, void *arg), void *arg);

#endif
