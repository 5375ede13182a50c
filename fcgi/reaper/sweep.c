#include "reaper/sweep.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "reaper/await.h"
#include "reaper/db_pool.h"
#include "reaper/doorbell.h"
#include "reaper/interactions.h"
#include "reaper/sessions.h"
#include "reaper/verify.h"
#include "settings.h"
#include "store/containers.h"
#include "store/interactions.h"
#include "store/retention.h"
#include "store/sessions.h"
#include "store/verifications.h"
#include "wire/container.h"

#include "base/banned.h"

#define CHECK_MS 1000
#define LEASE_MS 2000
#define FOUND_MAX 256
/* A container that nobody wants is stopped at the second look: a job that an earlier run left may
 * just be about to be claimed. */
#define ORPHANS_FIRST_MS 3000
#define ORPHANS_MS 30000
/* What one user may have running here, so that others get their turn. */
#define VERIFICATIONS_PER_USER 3
#define INTERACTIONS_PER_USER 256
#define PRUNE_ROWS 200

/* Containers that have ended, and what they were made for. */
struct ended_list {
    struct ended {
        struct id container_id, work_id;
        enum container_kind kind;
    } * list;
    size_t count;
};

static void ended_add(const struct container_row *row, void *arg)
{
    struct ended_list *ended = arg;

    ended->list = xrealloc(ended->list, (ended->count + 1) * sizeof(*ended->list));
    ended->list[ended->count++] = (struct ended){row->container_id, row->work_id, row->kind};
}

/* One round's questions and answers. Made for the thread, which touches nothing else. */
struct sweep_round {
    struct daemon *daemon;
    int64_t session_room, job_room;
    struct id_list expired, sessions, interactions, jobs;
    struct ended_list ended;
    int64_t *attempts; /* of adopted sessions; their containers are in `interactions` */
};

struct orphan {
    struct orphan *next;
    bool seen;
    char name[ENGINE_NAME_MAX + 1];
};

struct sweep {
    struct daemon *daemon;
    struct event *timer, *check_timer, *lease_timer, *orphan_timer;
    bool round_busy, round_again, lease_busy;
    struct id_list cleaned; /* while the round was asking; containers */
    struct id_list open;    /* this node's containers, as of the last look */
    struct orphan *orphans;
};

static void begin_round(struct sweep *sweep);

static void round_free(struct sweep_round *round)
{
    id_list_release(&round->expired);
    free(round->ended.list);
    free(round->attempts);
    id_list_release(&round->sessions);
    id_list_release(&round->interactions);
    id_list_release(&round->jobs);
    free(round);
}

static int ask(struct db *db, void *arg, struct error *err)
{
    struct sweep_round *round = arg;
    const struct run *run = &round->daemon->run;

    if (store_session_expire(db, FOUND_MAX, id_list_add, &round->expired, err) < 0 ||
        store_container_ended(db, run, FOUND_MAX, ended_add, &round->ended, err) < 0 ||
        store_interaction_claimable(db, run, INTERACTIONS_PER_USER, FOUND_MAX, id_list_add,
                                    &round->interactions, err) < 0)
        return -1;
    if (round->session_room > 0 && store_session_claimable(db, run, round->session_room,
                                                           id_list_add, &round->sessions, err) < 0)
        return -1;
    return round->job_room > 0
               ? store_verification_claimable(db, run, VERIFICATIONS_PER_USER, round->job_room,
                                              id_list_add, &round->jobs, err)
               : 0;
}

void sweep_take(struct daemon *daemon, int kind, const struct id *id)
{
    switch ((enum work_kind)kind) {
    case WORK_SESSION:
        if (sessions_find(daemon, id))
            sweep_soon(daemon); /* closed, most likely */
        else
            sessions_claim(daemon, id);
        return;
    case WORK_INTERACTION:
        interactions_claim(daemon, id);
        return;
    case WORK_VERIFICATION:
        verify_claim(daemon, id);
        return;
    }
}

void sweep_cleaned(struct daemon *daemon, const struct id *id)
{
    if (daemon->sweep && daemon->sweep->round_busy)
        id_list_add(id, &daemon->sweep->cleaned);
}

/* --- containers that have ended and that nobody here holds ------------------------------------ */

struct leftover {
    struct daemon *daemon;
    struct id container_id;
};

static int write_gone(struct db *db, void *arg, struct error *err)
{
    struct leftover *leftover = arg;

    return store_container_gone(db, &leftover->daemon->run, &leftover->container_id, err);
}

static void gone_written(const struct error *err, void *arg)
{
    struct leftover *leftover = arg;

    if (err)
        log_error("container_gone_failed", err); /* the sweep finds the row again */
    sweep_cleaned(leftover->daemon, &leftover->container_id);
    free(leftover);
}

static void leftover_stopped(const struct error *err, void *arg)
{
    struct leftover *leftover = arg;

    if (!err) {
        db_pool_insist(leftover->daemon->pool, write_gone, gone_written, leftover);
        return;
    }
    log_error("container_stop_failed", err); /* the sweep finds the row again */
    free(leftover);
}

static void stop_leftover(struct daemon *daemon, const struct ended *ended)
{
    char name[CONTAINER_NAME_SIZE];
    struct leftover *leftover = xcalloc(1, sizeof(*leftover));

    leftover->daemon = daemon;
    leftover->container_id = ended->container_id;
    log_event(LOG_INFO, "container_ended", "container=%s",
              container_name(ended->kind, &ended->container_id, name));
    engine_stop(daemon->engine, name, leftover_stopped, leftover);
}

static void end_containers(struct sweep *sweep, const struct ended_list *list)
{
    struct daemon *daemon = sweep->daemon;

    for (size_t i = 0; i < list->count; i++) {
        const struct ended *ended = &list->list[i];
        bool known = false;

        for (size_t k = 0; k < sweep->cleaned.count && !known; k++)
            known = strcmp(sweep->cleaned.ids[k].text, ended->container_id.text) == 0;
        if (known ||
            (ended->kind == CONTAINER_GRADING && daemon_find(daemon->jobs, &ended->work_id)))
            continue;
        if (ended->kind != CONTAINER_SESSION ||
            !sessions_end(daemon, &ended->work_id, &ended->container_id))
            stop_leftover(daemon, ended);
    }
    id_list_release(&sweep->cleaned);
}

static void answered(const struct error *err, void *arg)
{
    struct sweep_round *round = arg;
    struct daemon *daemon = round->daemon;
    struct sweep *sweep = daemon->sweep;

    sweep->round_busy = false;
    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("sweep_failed", err);
    /* What was found before a fault is true all the same. */
    for (size_t i = 0; i < round->expired.count; i++)
        log_event(LOG_INFO, "session_expired", "session=%s", round->expired.ids[i].text);
    end_containers(sweep, &round->ended);
    for (size_t i = 0; i < round->sessions.count; i++)
        sessions_claim(daemon, &round->sessions.ids[i]);
    for (size_t i = 0; i < round->interactions.count; i++)
        interactions_claim(daemon, &round->interactions.ids[i]);
    for (size_t i = 0; i < round->jobs.count; i++)
        verify_claim(daemon, &round->jobs.ids[i]);
    round_free(round);
    if (sweep->round_again)
        begin_round(sweep);
}

static void begin_round(struct sweep *sweep)
{
    struct daemon *daemon = sweep->daemon;
    struct sweep_round *round;

    sweep->round_again = sweep->round_busy;
    if (sweep->round_busy || daemon->stopping || !daemon->adopted)
        return;
    round = xcalloc(1, sizeof(*round));
    round->daemon = daemon;
    round->session_room = sessions_have_room(daemon) ? daemon->settings->reaper.sessions_max -
                                                           (int64_t)daemon->session_count
                                                     : 0;
    if (round->session_room > FOUND_MAX)
        round->session_room = FOUND_MAX;
    round->job_room = verify_has_room(daemon)
                          ? daemon->settings->reaper.verifications_max - (int64_t)daemon->job_count
                          : 0;
    sweep->round_busy = true;
    db_pool_submit(daemon->pool, ask, answered, round);
}

void sweep_soon(struct daemon *daemon)
{
    if (daemon->sweep)
        begin_round(daemon->sweep);
}

static void on_round(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin_round(arg);
}

/* --- heartbeat ------------------------------------------------------------------------------- */

static int beat(struct db *db, void *arg, struct error *err)
{
    struct daemon *daemon = arg;
    bool alive;

    if (store_run_beat(db, &daemon->run, &alive, err) < 0)
        return -1;
    if (alive || !daemon->adopted)
        return 0;
    return error_set(err, ERROR_CONFLICT, "RUN_ENDED",
                     "this run was ended by another daemon; it starts anew");
}

static void beaten(const struct error *err, void *arg)
{
    struct daemon *daemon = arg;

    daemon->sweep->lease_busy = false;
    if (err && err->kind == ERROR_CONFLICT) {
        log_error("run_ended", err);
        event_base_loopbreak(daemon->base); /* systemd starts the next one */
    } else if (err && err->kind != ERROR_UNAVAILABLE) {
        log_error("heartbeat_failed", err);
    }
}

static void on_lease(evutil_socket_t fd, short what, void *arg)
{
    struct sweep *sweep = arg;

    (void)fd;
    (void)what;
    if (sweep->lease_busy || !sweep->daemon->adopted)
        return;
    sweep->lease_busy = true;
    db_pool_submit(sweep->daemon->pool, beat, beaten, sweep->daemon);
}

/* --- containers that nobody wants ------------------------------------------------------------ */

static void orphan_stopped(const struct error *err, void *arg)
{
    (void)arg;
    if (err)
        log_error("orphan_stop_failed", err);
}

static void look_at_container(const char *name, void *arg)
{
    struct sweep *sweep = arg;
    struct daemon *daemon = sweep->daemon;
    struct orphan *orphan = sweep->orphans;
    enum container_kind kind;
    struct id id;

    if (container_name_parse(name, &kind, &id) < 0)
        return;
    for (size_t i = 0; i < sweep->open.count; i++) {
        if (strcmp(sweep->open.ids[i].text, id.text) == 0)
            return;
    }
    while (orphan && strcmp(orphan->name, name) != 0)
        orphan = orphan->next;
    if (orphan) {
        log_event(LOG_WARNING, "orphan_stopped", "container=%s", name);
        engine_stop(daemon->engine, name, orphan_stopped, NULL);
        return; /* seen once more only if it is still there then */
    }
    orphan = xcalloc(1, sizeof(*orphan));
    memcpy(orphan->name, name, strlen(name));
    orphan->seen = true;
    orphan->next = sweep->orphans;
    sweep->orphans = orphan;
}

/* Keeps those that this look has found for the first time. */
static void forget_old_orphans(struct sweep *sweep)
{
    struct orphan **place = &sweep->orphans;

    while (*place) {
        struct orphan *orphan = *place;

        if (orphan->seen) {
            orphan->seen = false;
            place = &orphan->next;
        } else {
            *place = orphan->next;
            free(orphan);
        }
    }
}

/* --- what ended sessions left ---------------------------------------------------------------- */

static void node_lost(const char *node, void *arg)
{
    (void)arg;
    log_event(LOG_WARNING, "node_lost", "node=%s", node);
}

static int prune(struct db *db, const struct reaper_settings *settings, struct error *err)
{
    const struct retention retention = {
        .outputs_days = settings->outputs_days,
        .sessions_days = settings->sessions_days,
        .verifications_days = settings->verifications_days,
        .tokens_days = settings->tokens_days,
    };
    int64_t removed;

    return store_prune(db, &retention, PRUNE_ROWS, &removed, err);
}

static int settle(struct db *db, void *arg, struct error *err)
{
    struct sweep_round *round = arg;

    /* The containers that this node may have come first: what the engine has is looked at behind.
     */
    if (store_container_open(db, &round->daemon->run, id_list_add, &round->sessions, err) < 0 ||
        store_runs_lost(db, round->daemon->settings->reaper.node_lost_seconds, node_lost, NULL,
                        err) < 0 ||
        store_session_settle(db, NULL, id_list_add, &round->interactions, err) < 0)
        return -1;
    return prune(db, &round->daemon->settings->reaper, err);
}

/* open: this node's containers in the database. */
static void look_for_orphans(struct sweep *sweep, struct id_list *open)
{
    struct error err = ERROR_INIT;

    id_list_release(&sweep->open);
    sweep->open = *open;
    memset(open, 0, sizeof(*open));
    if (!sweep->daemon->stopping &&
        engine_list(sweep->daemon->engine, look_at_container, sweep, &err) < 0)
        log_error("engine_list_failed", &err);
    forget_old_orphans(sweep);
}

static void settled(const struct error *err, void *arg)
{
    struct sweep_round *round = arg;

    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("settle_failed", err);
    for (size_t i = 0; i < round->interactions.count; i++)
        await_wake(round->daemon->await, &round->interactions.ids[i]);
    if (!err)
        look_for_orphans(round->daemon->sweep, &round->sessions);
    round_free(round);
}

/* Each end settles its own; this is for what came in beside one, or was left by a host that is no
 * more. */
static void settle_all(struct daemon *daemon)
{
    struct sweep_round *round = xcalloc(1, sizeof(*round));

    round->daemon = daemon;
    db_pool_submit(daemon->pool, settle, settled, round);
}

static void on_orphans(evutil_socket_t fd, short what, void *arg)
{
    struct sweep *sweep = arg;
    struct daemon *daemon = sweep->daemon;

    (void)fd;
    (void)what;
    if (daemon->adopted && !daemon->stopping)
        settle_all(daemon);
    daemon_timer(daemon, &sweep->orphan_timer,
                 sweep->orphans || !daemon->adopted ? ORPHANS_FIRST_MS : ORPHANS_MS, on_orphans,
                 sweep);
}

/* --- the beginning --------------------------------------------------------------------------- */

static void adopt_container(const struct container_row *row, void *arg)
{
    struct sweep_round *round = arg;

    if (row->kind != CONTAINER_SESSION)
        return; /* its job's claim brings it */
    id_list_add(&row->work_id, &round->sessions);
    id_list_add(&row->container_id, &round->interactions);
    round->attempts = xrealloc(round->attempts, round->sessions.count * sizeof(*round->attempts));
    round->attempts[round->sessions.count - 1] = row->attempt;
}

static int adopt(struct db *db, void *arg, struct error *err)
{
    struct sweep_round *round = arg;

    id_list_release(&round->sessions);
    id_list_release(&round->interactions);
    if (store_run_begin(db, &round->daemon->run, err) < 0)
        return -1;
    return store_container_adopt(db, &round->daemon->run, adopt_container, round, err);
}

static void adopted(const struct error *err, void *arg)
{
    struct sweep_round *round = arg;
    struct daemon *daemon = round->daemon;

    if (err) { /* no fault that passes: the operator must see to it, and it is tried again */
        log_error("adoption_failed", err);
        db_pool_insist(daemon->pool, adopt, adopted, round);
        return;
    }
    for (size_t i = 0; i < round->sessions.count; i++)
        sessions_adopt(daemon, &round->sessions.ids[i], &round->interactions.ids[i],
                       round->attempts[i]);
    log_event(LOG_INFO, "adopted", "sessions=%zu", round->sessions.count);
    round_free(round);
    daemon->adopted = true;
    sweep_soon(daemon);
}

static void on_check(evutil_socket_t fd, short what, void *arg)
{
    struct sweep *sweep = arg;

    (void)fd;
    (void)what;
    sessions_check(sweep->daemon);
}

static struct event *each(struct sweep *sweep, int64_t ms, event_callback_fn callback)
{
    struct timeval pause = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    struct event *timer = event_new(sweep->daemon->base, -1, EV_PERSIST, callback, sweep);

    evtimer_add(timer, &pause);
    return timer;
}

struct sweep *sweep_new(struct daemon *daemon)
{
    struct sweep *sweep = xcalloc(1, sizeof(*sweep));
    struct sweep_round *round = xcalloc(1, sizeof(*round));

    sweep->daemon = daemon;
    sweep->timer = each(sweep, daemon->settings->reaper.sweep_ms, on_round);
    sweep->check_timer = each(sweep, CHECK_MS, on_check);
    sweep->lease_timer = each(sweep, LEASE_MS, on_lease);
    daemon_timer(daemon, &sweep->orphan_timer, ORPHANS_FIRST_MS, on_orphans, sweep);
    round->daemon = daemon;
    db_pool_insist(daemon->pool, adopt, adopted, round);
    return sweep;
}

void sweep_free(struct sweep *sweep)
{
    if (!sweep)
        return;
    id_list_release(&sweep->cleaned);
    id_list_release(&sweep->open);
    forget_old_orphans(sweep); /* unmarks those of the last look */
    forget_old_orphans(sweep);
    event_free(sweep->timer);
    event_free(sweep->check_timer);
    event_free(sweep->lease_timer);
    event_free(sweep->orphan_timer);
    free(sweep);
}
