#include "reaper/usage.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "settings.h"
#include "store/session_usage.h"

#include "base/banned.h"

#define FIRST_MS 1000
#define ROWS_BEFORE_SELDOM 240 /* from then on the pause is a 240th of the session's age */

struct usage {
    LIST_ENTRY(usage) next;
    struct context *context;
    struct id session_id, container_id, user_id;
    int64_t since; /* monotonic */
    struct event *timer;
    struct session_usage sample;
    bool busy; /* the engine or a thread has it */
    bool ended;
};

static void usage_free(struct usage *usage)
{
    LIST_REMOVE(usage, next);
    if (usage->timer)
        event_free(usage->timer);
    free(usage);
}

static void look(evutil_socket_t fd, short what, void *arg);

static void look_later(struct usage *usage)
{
    int64_t pause = usage->context->settings->usage_seconds * 1000;
    int64_t seldom = (clock_monotonic() - usage->since) / 1000 / ROWS_BEFORE_SELDOM;

    usage->busy = false;
    if (usage->ended)
        usage_free(usage);
    else
        context_timer(usage->context, &usage->timer, seldom > pause ? seldom : pause, look, usage);
}

static int write_sample(struct db *db, void *arg, struct error *err)
{
    struct usage *usage = arg;

    return store_session_usage_add(db, &usage->session_id, &usage->sample, err);
}

static void written(const struct error *err, void *arg)
{
    if (err)
        log_error("usage_not_written", err);
    look_later(arg);
}

static void described(const struct error *err, const struct engine_description *description,
                      void *arg)
{
    struct usage *usage = arg;

    if (err || !description->running || usage->ended) { /* its end is told elsewhere */
        look_later(usage);
        return;
    }
    usage->sample = (struct session_usage){
        .memory_bytes = description->memory_bytes,
        .disk_bytes = description->disk_bytes,
        .processes = description->processes,
        .cpu_us = description->cpu_us,
        .oom_kills = description->oom_kills,
    };
    db_pool_submit(usage->context->pool, DB_SMALL, &usage->user_id, write_sample, written, usage);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    struct usage *usage = arg;

    (void)fd;
    (void)what;
    usage->busy = true;
    engine_describe(usage->context->engine, CONTAINER_SESSION, &usage->container_id, NULL,
                    described, usage);
}

struct usage *usage_begin(struct context *context, const struct id *session_id,
                          const struct id *container_id, const struct id *user_id)
{
    struct usage *usage;

    if (context->settings->usage_seconds == 0)
        return NULL;
    usage = xcalloc(1, sizeof(*usage));
    usage->context = context;
    usage->session_id = *session_id;
    usage->container_id = *container_id;
    usage->user_id = *user_id;
    usage->since = clock_monotonic();
    LIST_INSERT_HEAD(&context->usages, usage, next);
    context_timer(context, &usage->timer, FIRST_MS, look, usage);
    return usage;
}

void usage_end(struct usage *usage)
{
    if (!usage)
        return;
    usage->ended = true;
    if (!usage->busy)
        usage_free(usage);
}

void usage_close(struct context *context)
{
    struct usage *usage;

    /* clang-tidy does not see that what is freed leaves the list first. */
    while ((usage = LIST_FIRST(&context->usages)))
        usage_free(usage); // NOLINT
}
