#include "reaper/rounds.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "reaper/await.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/registry.h"
#include "settings.h"
#include "store/containers.h"
#include "store/retention.h"
#include "store/runs.h"
#include "store/sessions.h"

#include "base/banned.h"

#define FOUND_MAX 256
#define HOST_FIRST_ROUNDS 3 /* to the first look at the whole host */
#define HOST_ROUNDS 30
/* Rounds that come further apart tell of a database, or a daemon, that was away. */
#define ROUNDS_GAP (10 * CLOCK_SECOND)
#define PRUNE_ROWS 200
#define PRUNE_SOON_MS 1000 /* behind a step that removed something */
#define PRUNE_LATER_MS 60000
#define PRUNE_WAITS 5 /* for a quiet moment, and no longer: a host may never have one */

struct rounds {
    struct context *context;
    const struct retention *retention;
    struct event *timer, *host_timer, *prune_timer;
    bool again;                          /* another round when this one is over */
    int64_t answered_at, answered_since; /* monotonic: the last answer, the first without a gap */

    /* What is under way; NULL: nothing. */
    struct adoption *adoption;
    struct round *round;
    struct host_look *look;
    struct prune_step *step;
    int prune_waits;
};

/* --- a round --------------------------------------------------------------------------------- */

struct container_list {
    struct container_ref *refs;
    size_t count;
};

/* One round's questions and answers. Made for the thread, which touches nothing else. */
struct round {
    struct context *context;
    struct kind_search searches[KINDS_MAX];
    struct id_list found[KINDS_MAX];
    struct id_list expired;
    struct container_list ended;
};

static void begin_round(struct rounds *rounds);

static void round_free(struct round *round)
{
    for (size_t i = 0; i < KINDS_MAX; i++)
        id_list_release(&round->found[i]);
    id_list_release(&round->expired);
    free(round->ended.refs);
    free(round);
}

static void container_list_add(const struct container_row *row, void *arg)
{
    struct container_list *list = arg;

    list->refs = xrealloc(list->refs, (list->count + 1) * sizeof(*list->refs));
    list->refs[list->count++] = (struct container_ref){.kind = row->kind, .id = row->container_id};
}

static int ask(struct db *db, void *arg, struct error *err)
{
    struct round *round = arg;
    const struct run *run = round->context->run;
    const struct kinds *kinds = &round->context->kinds; /* whose table does not change */

    if (store_session_expire(db, FOUND_MAX, id_list_add, &round->expired, err) < 0 ||
        store_container_ended(db, run, FOUND_MAX, container_list_add, &round->ended, err) < 0)
        return -1;
    for (size_t i = 0; i < kinds->count; i++) {
        if (round->searches[i].limit > 0 && kinds->rows[i]->find(db, &round->searches[i], err) < 0)
            return -1;
    }
    return 0;
}

static void note_answer(struct rounds *rounds, const struct error *err)
{
    int64_t now = clock_monotonic();
    int64_t gap = ROUNDS_GAP + rounds->context->settings->sweep_ms * 1000;

    if ((err && err->kind == ERROR_UNAVAILABLE) || now - rounds->answered_at > gap)
        rounds->answered_since = now;
    rounds->answered_at = now;
}

/* When the database comes back, every host has been silent. So that hosts are not taken for lost
 * that are about to say that they live, others are judged only when the database has been there
 * for as long as a living daemon may be silent. */
static bool may_judge_others(const struct rounds *rounds)
{
    return rounds->answered_at - rounds->answered_since >=
           rounds->context->settings->lease_seconds * CLOCK_SECOND;
}

static void answered(const struct error *err, void *arg)
{
    struct round *round = arg;
    struct context *context = round->context;
    struct rounds *rounds = context->rounds;

    rounds->round = NULL;
    note_answer(rounds, err);
    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("round_failed", err);
    /* What was found before a fault is true all the same. */
    for (size_t i = 0; i < round->expired.count; i++) {
        log_event(LOG_INFO, "session_expired", "session=%s", round->expired.ids[i].text);
        await_wake(context->await, &round->expired.ids[i]);
    }
    for (size_t i = 0; i < round->ended.count; i++)
        containers_unwanted(context, round->ended.refs[i].kind, &round->ended.refs[i].id);
    for (size_t kind = 0; kind < context->kinds.count; kind++) {
        for (size_t i = 0; i < round->found[kind].count; i++)
            context->kinds.rows[kind]->take(context->kinds.rooms[kind], &round->found[kind].ids[i]);
    }
    round_free(round);
    if (rounds->again)
        begin_round(rounds);
}

static struct round *new_round(struct context *context)
{
    struct round *round = xcalloc(1, sizeof(*round));

    round->context = context;
    for (size_t i = 0; i < context->kinds.count; i++) {
        const struct kind *kind = context->kinds.rows[i];
        const void *room = context->kinds.rooms[i];
        int64_t space = kind->space(room);

        round->searches[i] = (struct kind_search){
            .run = context->run,
            .limit = space > FOUND_MAX ? FOUND_MAX : space,
            .per_user = kind->per_user ? kind->per_user(room) : INT64_MAX,
            .each = id_list_add,
            .arg = &round->found[i],
        };
    }
    return round;
}

static void begin_round(struct rounds *rounds)
{
    rounds->again = rounds->round != NULL;
    if (rounds->round || !context_takes(rounds->context))
        return;
    rounds->round = new_round(rounds->context);
    db_pool_submit(rounds->context->pool, DB_SMALL, NULL, ask, answered, rounds->round);
}

void rounds_soon(struct context *context)
{
    if (context->rounds)
        begin_round(context->rounds);
}

static void on_round(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin_round(arg);
}

/* --- the whole host -------------------------------------------------------------------------- */

/* The engine's containers, then the rows that this node has: what is only among the former, and
 * was not made since, nobody wants. */
struct host_look {
    struct context *context;
    struct container_list listed;
    struct registry open;
    struct id_list ids, settled;
    bool judges; /* other hosts, too */
};

static void look_free(struct host_look *look)
{
    void *entry;

    while ((entry = registry_any(&look->open)))
        registry_remove(&look->open, entry);
    id_list_release(&look->ids);
    id_list_release(&look->settled);
    free(look->listed.refs);
    free(look);
}

static void node_lost(const char *node, void *arg)
{
    (void)arg;
    log_event(LOG_WARNING, "node_lost", "node=%s", node);
}

/* Each end of a session settles its own; this is for what arrived at the same time, and for the
 * sessions of lost hosts and those that nobody ever claimed. */
static int look_at_rows(struct db *db, void *arg, struct error *err)
{
    struct host_look *look = arg;
    const struct context *context = look->context;

    if (store_container_open(db, context->run, id_list_add, &look->ids, err) < 0 ||
        (look->judges &&
         (store_runs_lost(db, context->run, context->settings->node_lost_seconds, node_lost, NULL,
                          err) < 0 ||
          store_session_give_up(db, context->run, id_list_add, &look->settled, err) < 0)))
        return -1;
    return store_session_settle(db, NULL, id_list_add, &look->settled, err);
}

static void stop_orphans(struct host_look *look)
{
    struct context *context = look->context;

    for (size_t i = 0; i < look->ids.count; i++) {
        if (!registry_find(&look->open, &look->ids.ids[i]))
            registry_insert(&look->open, &look->ids.ids[i]);
    }
    for (size_t i = 0; i < look->listed.count; i++) {
        const struct container_ref *ref = &look->listed.refs[i];
        char name[CONTAINER_NAME_SIZE];

        if (registry_find(&look->open, &ref->id) || containers_know(context, &ref->id))
            continue;
        log_event(LOG_WARNING, "orphan_stopped", "container=%s",
                  container_name(ref->kind, &ref->id, name));
        containers_unwanted(context, ref->kind, &ref->id);
    }
}

static void rows_seen(const struct error *err, void *arg)
{
    struct host_look *look = arg;
    struct context *context = look->context;

    context->rounds->look = NULL;
    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("look_at_host_failed", err);
    for (size_t i = 0; i < look->settled.count; i++)
        await_wake(context->await, &look->settled.ids[i]);
    if (!err && context_takes(context))
        stop_orphans(look);
    look_free(look);
}

static void listed(const struct error *err, const struct container_ref *containers, size_t count,
                   void *arg)
{
    struct host_look *look = arg;

    if (err) {
        log_error("engine_list_failed", err); /* the rows are looked at all the same */
    } else if (count > 0) {
        look->listed.refs = xmemdup(containers, count * sizeof(*containers));
        look->listed.count = count;
    }
    db_pool_submit(look->context->pool, DB_SMALL, NULL, look_at_rows, rows_seen, look);
}

static void on_host(evutil_socket_t fd, short what, void *arg)
{
    struct rounds *rounds = arg;

    (void)fd;
    (void)what;
    context_timer(rounds->context, &rounds->host_timer,
                  HOST_ROUNDS * rounds->context->settings->sweep_ms, on_host, rounds);
    if (rounds->look || !context_takes(rounds->context))
        return;
    rounds->look = xcalloc(1, sizeof(*rounds->look));
    rounds->look->context = rounds->context;
    rounds->look->judges = may_judge_others(rounds);
    engine_list(rounds->context->engine, listed, rounds->look);
}

/* --- pruning --------------------------------------------------------------------------------- */

struct prune_step {
    struct context *context;
    const struct retention *retention;
    int64_t removed;
};

static void on_prune(evutil_socket_t fd, short what, void *arg);

static int prune(struct db *db, void *arg, struct error *err)
{
    struct prune_step *step = arg;

    return store_prune(db, step->retention, PRUNE_ROWS, &step->removed, err);
}

static void pruned(const struct error *err, void *arg)
{
    struct prune_step *step = arg;
    struct rounds *rounds = step->context->rounds;

    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("prune_failed", err);
    if (step->removed > 0)
        log_event(LOG_INFO, "pruned", "rows=%lld", (long long)step->removed);
    context_timer(step->context, &rounds->prune_timer,
                  step->removed > 0 ? PRUNE_SOON_MS : PRUNE_LATER_MS, on_prune, rounds);
    rounds->step = NULL;
    free(step);
}

static void on_prune(evutil_socket_t fd, short what, void *arg)
{
    struct rounds *rounds = arg;
    struct context *context = rounds->context;
    struct prune_step *step;

    (void)fd;
    (void)what;
    if (!context_takes(context) ||
        (db_pool_pending(context->pool) > 0 && ++rounds->prune_waits < PRUNE_WAITS)) {
        context_timer(context, &rounds->prune_timer, PRUNE_SOON_MS, on_prune, rounds);
        return;
    }
    rounds->prune_waits = 0;
    rounds->step = step = xcalloc(1, sizeof(*step));
    step->context = context;
    step->retention = rounds->retention;
    db_pool_submit(context->pool, DB_LARGE, NULL, prune, pruned, step);
}

/* --- the beginning --------------------------------------------------------------------------- */

/* What was running here when this run began, as far as work is concerned. */
struct adoption {
    struct context *context;
    struct container_row *rows; /* with texts of their own */
    size_t count;
};

static void adoption_add(const struct container_row *row, void *arg)
{
    struct adoption *adoption = arg;
    struct container_row *copy;

    adoption->rows = xrealloc(adoption->rows, (adoption->count + 1) * sizeof(*adoption->rows));
    copy = &adoption->rows[adoption->count++];
    *copy = *row;
    copy->image = xstrdup(row->image);
    copy->address = xstrdup(row->address);
    copy->egress = xstrdup(row->egress);
    copy->profile = xstrdup(row->profile);
}

static void adoption_clear(struct adoption *adoption)
{
    for (size_t i = 0; i < adoption->count; i++) {
        free((char *)adoption->rows[i].image);
        free((char *)adoption->rows[i].address);
        free((char *)adoption->rows[i].egress);
        free((char *)adoption->rows[i].profile);
    }
    free(adoption->rows);
    adoption->rows = NULL;
    adoption->count = 0;
}

static void adoption_free(struct adoption *adoption)
{
    adoption_clear(adoption);
    free(adoption);
}

static int adopt(struct db *db, void *arg, struct error *err)
{
    struct adoption *adoption = arg;

    adoption_clear(adoption); /* of a try whose answer broke off */
    return store_container_adopt(db, adoption->context->run, adoption_add, adoption, err);
}

static void adopted(const struct error *err, void *arg)
{
    struct adoption *adoption = arg;
    struct context *context = adoption->context;
    size_t sessions = 0;

    if (err) { /* no fault that passes: the operator must see to it, and it is tried again */
        log_error("adoption_failed", err);
        db_pool_insist(context->pool, DB_SMALL, NULL, adopt, adopted, adoption);
        return;
    }
    for (size_t i = 0; i < adoption->count; i++) {
        kinds_adopt(&context->kinds, &adoption->rows[i]);
        if (adoption->rows[i].kind == CONTAINER_SESSION)
            sessions++;
    }
    log_event(LOG_INFO, "adopted", "sessions=%zu", sessions);
    context->rounds->adoption = NULL;
    adoption_free(adoption);
    context->open = true;
    rounds_soon(context);
}

struct rounds *rounds_new(struct context *context, const struct retention *retention)
{
    struct rounds *rounds = xcalloc(1, sizeof(*rounds));
    int64_t pause_ms = context->settings->sweep_ms;
    struct timeval pause = {.tv_sec = pause_ms / 1000, .tv_usec = pause_ms % 1000 * 1000};

    rounds->context = context;
    rounds->retention = retention;
    rounds->answered_at = rounds->answered_since = clock_monotonic();
    rounds->timer = event_new(context->base, -1, EV_PERSIST, on_round, rounds);
    evtimer_add(rounds->timer, &pause);
    context_timer(context, &rounds->host_timer, HOST_FIRST_ROUNDS * pause_ms, on_host, rounds);
    context_timer(context, &rounds->prune_timer, PRUNE_LATER_MS, on_prune, rounds);
    rounds->adoption = xcalloc(1, sizeof(*rounds->adoption));
    rounds->adoption->context = context;
    db_pool_insist(context->pool, DB_SMALL, NULL, adopt, adopted, rounds->adoption);
    return rounds;
}

void rounds_free(struct rounds *rounds)
{
    if (!rounds)
        return;
    event_free(rounds->timer);
    event_free(rounds->host_timer);
    event_free(rounds->prune_timer);
    if (rounds->adoption)
        adoption_free(rounds->adoption);
    if (rounds->round)
        round_free(rounds->round);
    if (rounds->look)
        look_free(rounds->look);
    free(rounds->step);
    free(rounds);
}
