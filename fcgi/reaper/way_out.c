#include "reaper/way_out.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "reaper/context.h"
#include "reaper/egress_client.h"
#include "settings.h"

#include "base/banned.h"

#define PATIENCE (60 * CLOCK_SECOND) /* of somebody who waits for it */
#define AGAIN_MS 1000
#define CONFLICT_AGAIN_MS 60000 /* grows up to it */

struct way_outs {
    LIST_HEAD(, way_out) all;
};

struct way_out {
    LIST_ENTRY(way_out) next;
    struct context *context;
    enum container_kind kind;
    struct id container;
    bool public_;
    void (*lost)(void *arg);
    void *lost_arg;

    struct buf policy; /* empty: none is wanted */
    struct egress_call *call;
    struct event *timer;
    int64_t conflict_ms; /* the last pause after ERROR_CONFLICT; 0: none since it was set */
    int64_t until;       /* monotonic: it is waited for so long, if somebody waits */
    way_out_done *done;
    void *arg;
    uint64_t round; /* what an earlier one asked the engine does not count any more */
    LIST_HEAD(, opening) openings; /* calls of the engine that come back to this */
    bool freed;                    /* goes with the last of them */
    bool known;                    /* codeset-egress has had its socket */
};

static void set(struct way_out *way, int fd);

static void tell(struct way_out *way, const struct error *err)
{
    way_out_done *done = way->done;

    way->done = NULL;
    if (done)
        done(err, way->arg);
}

static void set_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    set(arg, -1);
}

int64_t way_out_conflict_pause(int64_t before)
{
    if (before == 0)
        return AGAIN_MS;
    return before < CONFLICT_AGAIN_MS / 2 ? before * 2 : CONFLICT_AGAIN_MS;
}

static void not_set(struct way_out *way, const struct error *err)
{
    int64_t pause = AGAIN_MS;

    if (err->kind == ERROR_CONFLICT) {
        pause = way->conflict_ms = way_out_conflict_pause(way->conflict_ms);
        log_event(LOG_WARNING, "egress_socket_taken",
                  "container=%s again_seconds=%" PRId64 " reason=\"%s\"", way->container.text,
                  pause / 1000, err->message);
    }
    if (way->done && (clock_monotonic() > way->until || err->kind == ERROR_INVALID))
        tell(way, err);
    else
        context_timer(way->context, &way->timer, pause, set_again, way);
}

/* Which of its policies was meant when the engine was asked. */
struct opening {
    LIST_ENTRY(opening) next;
    struct way_out *way;
    uint64_t round;
};

static void release(struct way_out *way)
{
    struct opening *opening;

    while ((opening = LIST_FIRST(&way->openings)) != NULL) {
        LIST_REMOVE(opening, next);
        free(opening);
    }
    LIST_REMOVE(way, next);
    if (way->timer)
        event_free(way->timer);
    buf_release(&way->policy);
    free(way);
}

static void opened(const struct error *err, int fd, void *arg)
{
    struct opening *opening = arg;
    struct way_out *way = opening->way;
    bool current = !way->freed && opening->round == way->round;

    LIST_REMOVE(opening, next);
    free(opening);
    if (LIST_EMPTY(&way->openings) && way->freed)
        release(way);
    if (!current)
        close_fd(&fd);
    else if (err) /* ERROR_CONFLICT: an earlier one was heard after all */
        not_set(way, err);
    else
        set(way, fd);
}

static void open_socket(struct way_out *way)
{
    struct opening *opening = xcalloc(1, sizeof(*opening));

    opening->way = way;
    opening->round = way->round;
    LIST_INSERT_HEAD(&way->openings, opening, next);
    engine_egress(way->context->engine, way->kind, &way->container, way->public_, opened, opening);
}

static void was_set(const struct error *err, void *arg)
{
    struct way_out *way = arg;

    way->call = NULL;
    if (err && err->kind == ERROR_NOT_FOUND) {
        if (way->known && way->lost)
            way->lost(way->lost_arg);
        way->known = false;
        open_socket(way);
    } else if (err) {
        not_set(way, err);
    } else {
        way->known = true;
        way->conflict_ms = 0;
        tell(way, NULL);
    }
}

static void set(struct way_out *way, int fd)
{
    way->call =
        egress_set(way->context->egress, &way->container, way->policy.data, fd, was_set, way);
}

void way_out_set(struct way_out *way, const char *policy, way_out_done *done, void *arg)
{
    _cleanup_(free_ptr) char *copy = xstrdup(policy); /* it may be the one that is there */

    way_out_halt(way);
    buf_add_str(&way->policy, copy);
    way->done = done;
    way->arg = arg;
    way->until = clock_monotonic() + PATIENCE;
    set(way, -1);
}

void way_out_halt(struct way_out *way)
{
    egress_cancel(TAKE_PTR(way->call));
    if (way->timer)
        event_del(way->timer);
    way->done = NULL;
    way->conflict_ms = 0;
    way->round++;
    buf_clear(&way->policy);
}

void way_out_free(struct way_out *way)
{
    if (!way)
        return;
    way_out_halt(way);
    way->freed = true;
    if (LIST_EMPTY(&way->openings))
        release(way);
}

struct way_out *way_out_new(struct context *context, enum container_kind kind,
                            const struct id *container, bool public_, void (*lost)(void *arg),
                            void *arg)
{
    struct way_out *way = xcalloc(1, sizeof(*way));

    way->context = context;
    way->kind = kind;
    way->container = *container;
    way->public_ = public_;
    way->lost = lost;
    way->lost_arg = arg;
    way->policy = (struct buf)BUF_INIT;
    LIST_INSERT_HEAD(&context->way_outs->all, way, next);
    return way;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* What is on its way hears of it by itself. */
static void egress_was_lost(void *arg)
{
    const struct context *context = arg;
    struct way_out *way;

    LIST_FOREACH(way, &context->way_outs->all, next)
    {
        if (way->policy.length == 0 || way->call)
            continue;
        log_event(LOG_INFO, "egress_set_again", "container=%s", way->container.text);
        if (way->lost)
            way->lost(way->lost_arg);
        way_out_set(way, way->policy.data, way->done, way->arg);
    }
}

void way_outs_open(struct context *context)
{
    context->way_outs = xcalloc(1, sizeof(*context->way_outs));
    LIST_INIT(&context->way_outs->all);
    context->egress =
        egress_client_new(context->base, context->jobs->egress_socket, egress_was_lost, context);
}

/* The engine comes back to none of those that are left: it is about to go. */
void way_outs_close(struct context *context)
{
    if (!context->way_outs)
        return;
    while (!LIST_EMPTY(&context->way_outs->all))
        release(LIST_FIRST(&context->way_outs->all)); // NOLINT
    egress_client_free(TAKE_PTR(context->egress));
    free(TAKE_PTR(context->way_outs));
}
