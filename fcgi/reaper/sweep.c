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
#include "store/interactions.h"
#include "store/sessions.h"
#include "store/verifications.h"

#include "base/banned.h"

#define CHECK_MS 1000
#define LEASE_MS 2000
#define FOUND_MAX 256
/* A container that nobody wants is stopped at the second look: a job that an earlier run left may
 * just be about to be claimed. */
#define ORPHANS_FIRST_MS 3000
#define ORPHANS_MS 30000

/* One round's questions and answers. Made for the thread, which touches nothing else. */
struct sweep_round {
    struct daemon *daemon;
    int64_t session_room, job_room;
    struct id_list expired, uncleaned, sessions, interactions, jobs;
};

struct orphan {
    struct orphan *next;
    bool seen;
    char name[CONTAINER_NAME_SIZE];
};

struct sweep {
    struct daemon *daemon;
    struct event *timer, *check_timer, *lease_timer, *orphan_timer;
    bool round_busy, round_again, lease_busy;
    struct id_list cleaned; /* while the round was asking */
    struct orphan *orphans;
};

static void begin_round(struct sweep *sweep);

static void round_free(struct sweep_round *round)
{
    id_list_release(&round->expired);
    id_list_release(&round->uncleaned);
    id_list_release(&round->sessions);
    id_list_release(&round->interactions);
    id_list_release(&round->jobs);
    free(round);
}

static int ask(struct db *db, void *arg, struct error *err)
{
    struct sweep_round *round = arg;
    const struct claimant *claimant = &round->daemon->claimant;

    if (store_session_expire(db, claimant, id_list_add, &round->expired, err) < 0 ||
        store_session_uncleaned(db, claimant, FOUND_MAX, id_list_add, &round->uncleaned, err) < 0 ||
        store_interaction_claimable(db, claimant, FOUND_MAX, id_list_add, &round->interactions,
                                    err) < 0)
        return -1;
    if (round->session_room > 0 && store_session_claimable(db, claimant, round->session_room,
                                                           id_list_add, &round->sessions, err) < 0)
        return -1;
    return round->job_room > 0 ? store_verification_claimable(db, claimant, round->job_room,
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

static void end_uncleaned(struct sweep *sweep, const struct id_list *uncleaned)
{
    for (size_t i = 0; i < uncleaned->count; i++) {
        bool known = false;

        for (size_t k = 0; k < sweep->cleaned.count && !known; k++)
            known = strcmp(sweep->cleaned.ids[k].text, uncleaned->ids[i].text) == 0;
        if (!known)
            sessions_end(sweep->daemon, &uncleaned->ids[i]);
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
    for (size_t i = 0; i < round->expired.count; i++) {
        log_event(LOG_INFO, "session_expired", "session=%s", round->expired.ids[i].text);
        sessions_end(daemon, &round->expired.ids[i]);
    }
    end_uncleaned(sweep, &round->uncleaned);
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

/* --- leases ---------------------------------------------------------------------------------- */

static int renew(struct db *db, void *arg, struct error *err)
{
    struct daemon *daemon = arg;

    return store_lease_renew(db, &daemon->claimant, daemon->settings->reaper.location,
                             CODESET_VERSION, err);
}

static void renewed(const struct error *err, void *arg)
{
    struct daemon *daemon = arg;

    daemon->sweep->lease_busy = false;
    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("lease_failed", err);
}

static void on_lease(evutil_socket_t fd, short what, void *arg)
{
    struct sweep *sweep = arg;

    (void)fd;
    (void)what;
    if (sweep->lease_busy)
        return;
    sweep->lease_busy = true;
    db_pool_submit(sweep->daemon->pool, renew, renewed, sweep->daemon);
}

/* --- containers that nobody wants ------------------------------------------------------------ */

static void orphan_stopped(const struct error *err, void *arg)
{
    (void)arg;
    if (err)
        log_error("orphan_stop_failed", err);
}

static void look_at_container(struct sweep *sweep, const struct container_ref *ref)
{
    struct daemon *daemon = sweep->daemon;
    struct orphan *orphan = sweep->orphans;
    char name[CONTAINER_NAME_SIZE];

    if (ref->kind == CONTAINER_JOB ||
        daemon_find(ref->kind == CONTAINER_SESSION ? daemon->sessions : daemon->jobs, &ref->id))
        return;
    container_name(ref->kind, &ref->id, name);
    while (orphan && strcmp(orphan->name, name) != 0)
        orphan = orphan->next;
    if (orphan) {
        log_event(LOG_WARNING, "orphan_stopped", "container=%s", name);
        engine_stop(daemon->engine, ref->kind, &ref->id, orphan_stopped, NULL);
        return; /* seen once more only if it is still there then */
    }
    orphan = xcalloc(1, sizeof(*orphan));
    memcpy(orphan->name, name, sizeof(name));
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

static int settle(struct db *db, void *arg, struct error *err)
{
    struct sweep_round *round = arg;

    return store_session_settle(db, NULL, id_list_add, &round->interactions, err);
}

static void settled(const struct error *err, void *arg)
{
    struct sweep_round *round = arg;

    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("settle_failed", err);
    for (size_t i = 0; i < round->interactions.count; i++)
        await_wake(round->daemon->await, &round->interactions.ids[i]);
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

static void on_orphans(evutil_socket_t fd, short what, void *arg);

static void look_again(struct sweep *sweep)
{
    forget_old_orphans(sweep);
    daemon_timer(sweep->daemon, &sweep->orphan_timer,
                 sweep->orphans || !sweep->daemon->adopted ? ORPHANS_FIRST_MS : ORPHANS_MS,
                 on_orphans, sweep);
}

static void listed(const struct error *err, const struct container_ref *containers, size_t count,
                   void *arg)
{
    struct sweep *sweep = arg;

    if (err)
        log_error("engine_list_failed", err);
    for (size_t i = 0; i < count && !sweep->daemon->stopping; i++)
        look_at_container(sweep, &containers[i]);
    look_again(sweep);
}

static void on_orphans(evutil_socket_t fd, short what, void *arg)
{
    struct sweep *sweep = arg;
    struct daemon *daemon = sweep->daemon;

    (void)fd;
    (void)what;
    if (!daemon->adopted || daemon->stopping) {
        look_again(sweep);
        return;
    }
    settle_all(daemon);
    engine_list(daemon->engine, listed, sweep);
}

/* --- the beginning --------------------------------------------------------------------------- */

static int adopt(struct db *db, void *arg, struct error *err)
{
    struct sweep_round *round = arg;

    if (renew(db, round->daemon, err) < 0)
        return -1;
    return store_session_adopt(db, &round->daemon->claimant, id_list_add, &round->sessions, err);
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
        sessions_adopt(daemon, &round->sessions.ids[i]);
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
    forget_old_orphans(sweep); /* unmarks those of the last look */
    forget_old_orphans(sweep);
    event_free(sweep->timer);
    event_free(sweep->check_timer);
    event_free(sweep->lease_timer);
    event_free(sweep->orphan_timer);
    free(sweep);
}
