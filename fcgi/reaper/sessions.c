#include "reaper/sessions.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "reaper/await.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/registry.h"
#include "reaper/rounds.h"
#include "reaper/setup.h"
#include "reaper/usage.h"
#include "reaper/way_out.h"
#include "settings.h"
#include "store/containers.h"
#include "store/sessions.h"

#include "base/banned.h"

#define ATTEMPTS_MAX 5
/* Claims under way at once. What comes above is found by a round, in an order that is fair between
 * users; so a user's thousand doorbells are not before another's one. */
#define CLAIMS_MAX 32
#define AGAIN_MS 2000 /* before a claim or an end that the database refused is tried again */

enum phase { CLAIMING, STARTING, ATTACHING, READY, ENDING };

/* How it ends: what is written. */
struct ending {
    const char *code; /* NULL: the row has ended already */
    char *message;
    bool declined; /* another host may have it */
};

struct live_session {
    struct id id; /* first */
    struct sessions *sessions;
    enum phase phase;
    struct id container_id;
    struct container *container;
    struct session_work work; /* from the claim; of an adopted one attempt, user and egress only */
    struct ending ending;
    struct id_list settled;
    struct event *timer;
    struct usage *usage; /* NULL: it is not ready */
    struct way_out *way; /* NULL: it has none */
    struct setup *setup; /* NULL: none runs */
    int64_t since;       /* monotonic: of the claim */
    bool database_busy;  /* a thread may read this */
    bool was_ready;
    bool end_wanted; /* the row ended while the claim or `ready` was being written */
};

struct sessions {
    struct context *context;
    struct registry all;
    int64_t per_user; /* starts at once */
    size_t claims;
    size_t ready;
    bool passed_over; /* one was not taken, as there were so many claims */
    bool limited;     /* one was not claimed, as its user had so many being started */
};

static const struct container_events events;

static void end_step(struct live_session *session);

struct live_session *sessions_find(struct sessions *sessions, const struct id *id)
{
    return registry_find(&sessions->all, id);
}

struct container *session_container(const struct live_session *session)
{
    return session->phase == READY ? session->container : NULL;
}

bool session_is_ending(const struct live_session *session)
{
    return session->phase == ENDING || session->end_wanted;
}

static struct live_session *new_session(struct sessions *sessions, const struct id *id,
                                        const struct id *container_id, enum phase phase)
{
    struct live_session *session = xcalloc(1, sizeof(*session));

    session->id = *id;
    session->sessions = sessions;
    session->phase = phase;
    session->since = clock_monotonic();
    session->container_id = *container_id;
    session->container = container_new(sessions->context, CONTAINER_SESSION, &session->container_id,
                                       &events, session);
    registry_insert(&sessions->all, session);
    return session;
}

/* The container is somebody else's by now, or discarded. */
static void free_session(struct live_session *session)
{
    if (session->timer)
        event_free(session->timer);
    usage_end(session->usage);
    registry_remove(&session->sessions->all, session);
    session->sessions->ready -= session->was_ready;
    way_out_free(session->way);
    setup_end(session->setup);
    session_work_release(&session->work);
    id_list_release(&session->settled);
    free(session->ending.message);
    free(session);
}

static int64_t took_ms(const struct live_session *session)
{
    return (clock_monotonic() - session->since) / 1000;
}

/* --- the end --------------------------------------------------------------------------------- */

static int write_settle(struct db *db, void *arg, struct error *err)
{
    struct live_session *session = arg;

    return store_session_settle(db, &session->id, id_list_add, &session->settled, err);
}

static void settle_written(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    struct context *context = session->sessions->context;

    if (err)
        log_error("session_settle_failed", err); /* a later look at all rows does it */
    kinds_drop(&context->kinds, &session->id);
    container_stop(TAKE_PTR(session->container));
    for (size_t i = 0; i < session->settled.count; i++)
        await_wake(context->await, &session->settled.ids[i]);
    await_wake(context->await, &session->id);
    if (!session->ending.declined)
        log_event(LOG_INFO, "session_ended", "session=%s", session->id.text);
    free_session(session);
    rounds_soon(context);
}

static void settle(struct live_session *session)
{
    session->database_busy = true;
    db_pool_insist(session->sessions->context->pool, DB_SMALL, &session->work.user_id, write_settle,
                   settle_written, session);
}

static int write_end(struct db *db, void *arg, struct error *err)
{
    struct live_session *session = arg;
    const struct run *run = session->sessions->context->run;
    const struct ending *ending = &session->ending;
    bool ended;

    if (ending->declined)
        return store_session_decline(db, run, &session->id, session->work.attempt, ending->code,
                                     ending->message, &ended, err);
    return store_session_end(db, run, &session->id, session->work.attempt, SESSION_ERROR,
                             ending->code, ending->message, err);
}

static void end_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    end_step(arg);
}

/* Not found: it has ended, or is not ours any more. Then it is let go all the same. One that was
 * let go without would stay as it is until its time to live, and be charged for. */
static void end_written(const struct error *err, void *arg)
{
    struct live_session *session = arg;

    session->database_busy = false;
    if (err && err->kind != ERROR_NOT_FOUND) {
        log_error("session_end_failed", err);
        free(session->ending.message); /* should it be that which is refused */
        session->ending.message = xstrdup("the session could not go on; create another");
        context_timer(session->sessions->context, &session->timer, AGAIN_MS, end_again, session);
        return;
    }
    settle(session);
}

/* The row ends, what it leaves is settled, and then the container goes: so that who asked for
 * something in it hears of the session's end, not of an agent that does not answer. */
static void end_step(struct live_session *session)
{
    if (session->database_busy)
        return;
    if (!session->ending.code) {
        settle(session);
        return;
    }
    session->database_busy = true;
    db_pool_insist(session->sessions->context->pool, DB_SMALL, &session->work.user_id, write_end,
                   end_written, session);
}

/* code: a literal, or NULL where the row has ended already. */
static void end(struct live_session *session, const char *code, const char *message, bool declined)
{
    if (session->phase == ENDING)
        return;
    session->phase = ENDING;
    usage_end(TAKE_PTR(session->usage));
    setup_end(TAKE_PTR(session->setup));
    session->ending =
        (struct ending){.code = code, .message = xstrdup(message), .declined = declined};
    if (code && !session->was_ready)
        METRIC_COUNT(SESSION_STARTS, declined ? 1 : 2);
    if (code)
        log_event(LOG_WARNING, declined ? "session_declined" : "session_failed",
                  "session=%s code=%s", session->id.text, code);
    end_step(session);
}

/* Somebody else has ended the row: the user, its time, another host. */
static void unwanted(void *owner)
{
    struct live_session *session = owner;

    if (session->phase == CLAIMING)
        session->end_wanted = true;
    else
        end(session, NULL, NULL, false);
}

/* A start is over: a round finds what waited for that. When nothing is being started, nothing waits
 * that the round would not find. */
static void start_is_over(struct sessions *sessions)
{
    if (!sessions->limited)
        return;
    sessions->limited = sessions->all.count > sessions->ready;
    rounds_soon(sessions->context);
}

static void is_ready(struct live_session *session)
{
    session->phase = READY;
    session->was_ready = true;
    session->sessions->ready++;
    session->usage = usage_begin(session->sessions->context, &session->id, &session->container_id,
                                 &session->work.user_id);
}

/* --- the way to ready ------------------------------------------------------------------------ */

struct failure {
    const char *reason; /* the engine's code, NULL: none of the others */
    const char *code, *message;
    bool declined; /* another host may do better */
};

/* What a user is told of a failed start. The reason in full is the operator's, in the log. */
static const struct failure *start_failure(const struct error *err)
{
    static const struct failure failures[] = {
        {"IMAGE_MISSING", "IMAGE_MISSING",
         "the sample's image is not on this host; ask the operator to import it", true},
        {"IMAGE_REFUSED", "IMAGE_REFUSED",
         "the sample's image was refused, as it is not safe to start a container from it", false},
        {"DISK_SHORT", "HOST_FULL", "the host is short of disk space; try again later", true},
        {"LOOP_DEVICES_SHORT", "HOST_FULL",
         "the host has no loop device for another container; try again later", true},
        {"ID_RANGES_SHORT", "HOST_FULL",
         "the host has no range of user ids for another container; try again later", true},
        {NULL, "CONTAINER_START_FAILED",
         "the container could not be started; the operator finds the reason in the log", false},
    };
    static const struct failure full = {
        "", "HOST_FULL",
        "the host is busy, or short of something; the operator finds the reason in the log; try "
        "again later",
        true};
    const struct failure *failure = failures;

    while (failure->reason && (!err->code || strcmp(err->code, failure->reason) != 0))
        failure++;
    return !failure->reason && containers_host_is_full(err) ? &full : failure;
}

/* What the user is told of a container that has ended. */
static void end_with_container(struct live_session *session, const struct error *err)
{
    bool told = container_was_ended(err);

    log_event(LOG_WARNING, "session_container_lost", "session=%s reason=\"%s\"", session->id.text,
              err->message);
    end(session, told ? err->code : CONTAINERS_LOST,
        told ? err->message : "the session's container ended unexpectedly, and its files are lost",
        false);
}

static void container_failed(const struct error *err, void *owner)
{
    struct live_session *session = owner;
    const struct failure *failure = start_failure(err);

    if (session->phase == ATTACHING) {
        end_with_container(session, err);
        return;
    }
    log_event(LOG_ERROR, "session_start_failed", "session=%s code=%s reason=\"%s\"",
              session->id.text, failure->code, err->message);
    end(session, failure->code, failure->message, failure->declined);
}

static void container_was_lost(const struct error *err, void *owner)
{
    end_with_container(owner, err);
}

static int write_ready(struct db *db, void *arg, struct error *err)
{
    struct live_session *session = arg;

    return store_session_ready(db, session->sessions->context->run, &session->id,
                               session->work.attempt, container_text(session->container),
                               container_address(session->container), err);
}

static void ready_written(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    struct context *context = session->sessions->context;

    session->database_busy = false;
    if (session->phase == ENDING) {
        end_step(session);
        return;
    }
    if (err) { /* closed meanwhile, or the claim is somebody else's */
        log_event(LOG_INFO, "session_not_made_ready", "session=%s reason=\"%s\"", session->id.text,
                  err->message);
        end(session, err->kind == ERROR_NOT_FOUND ? NULL : "CONTAINER_START_FAILED",
            "the server could not record that the container was ready", false);
        return;
    }
    is_ready(session);
    log_event(LOG_INFO, "session_ready", "session=%s attempt=%lld took_ms=%lld", session->id.text,
              (long long)session->work.attempt, (long long)took_ms(session));
    METRIC_COUNT(SESSION_STARTS, 0);
    metric_observe(SESSION_START_SECONDS, clock_monotonic() - session->since, METRIC_AT(0));
    await_wake(context->await, &session->id);
    kinds_ready(&context->kinds, &session->id);
    start_is_over(session->sessions);
}

static void record_ready(struct live_session *session)
{
    session->database_busy = true;
    db_pool_insist(session->sessions->context->pool, DB_SMALL, &session->work.user_id, write_ready,
                   ready_written, session);
}

static void set_up(const struct error *err, void *arg)
{
    struct live_session *session = arg;

    setup_end(TAKE_PTR(session->setup));
    if (!err) {
        record_ready(session);
        return;
    }
    log_event(LOG_ERROR, "session_setup_failed", "session=%s reason=\"%s\"", session->id.text,
              err->message);
    if (error_has_code(err, "SETUP_FAILED"))
        end(session, err->code,
            "the sample's setup command failed; the operator finds the reason in the log", false);
    else
        end(session, CONTAINERS_LOST,
            "the session's container ended while it was being set up; create another", false);
}

/* Its container is up and its way out open: the sample's own command is what is left. */
static void set_up_or_ready(struct live_session *session)
{
    const struct session_work *work = &session->work;
    const struct setup_command command = {
        .command = work->setup_command, .folder = work->repo_path, .user = work->user_id};

    if (work->setup_command)
        session->setup =
            setup_begin(session->sessions->context, session->container, &command, set_up, session);
    else
        record_ready(session);
}

static void way_is_open(const struct error *err, void *arg)
{
    struct live_session *session = arg;

    if (session->phase == ENDING)
        return;
    if (!err) {
        set_up_or_ready(session);
        return;
    }
    log_event(LOG_ERROR, "session_start_failed", "session=%s code=EGRESS_UNAVAILABLE reason=\"%s\"",
              session->id.text, err->message);
    end(session, "EGRESS_UNAVAILABLE",
        "the server's proxy, by which sessions of this data set reach other hosts, does not "
        "answer; try again later",
        true);
}

/* Of one that is ready already nobody waits for it. */
static void open_way(struct live_session *session)
{
    const char *egress = session->work.egress;

    container_has_way_out(session->container);
    session->way = way_out_new(session->sessions->context, CONTAINER_SESSION,
                               &session->container_id, strcmp(egress, "public") == 0, NULL, NULL);
    way_out_set(session->way, egress, session->phase == ATTACHING ? NULL : way_is_open, session);
}

static bool has_way_out(const struct live_session *session)
{
    return session->work.egress && strcmp(session->work.egress, "none") != 0;
}

static void container_is_up(void *owner)
{
    struct live_session *session = owner;
    struct context *context = session->sessions->context;

    if (session->phase == ENDING) /* by its row, and what that leaves is just being settled */
        return;
    if (has_way_out(session))
        open_way(session);
    if (session->phase == ATTACHING) {
        is_ready(session);
        kinds_ready(&context->kinds, &session->id);
        return;
    }
    if (!session->way)
        set_up_or_ready(session);
}

static const struct container_events events = {
    .up = container_is_up,
    .failed = container_failed,
    .lost = container_was_lost,
    .unwanted = unwanted,
};

/* --- the claim ------------------------------------------------------------------------------- */

static int claim(struct db *db, void *arg, struct error *err)
{
    struct live_session *session = arg;

    return store_session_claim(db, session->sessions->context->run, &session->id,
                               &session->container_id, session->sessions->per_user, &session->work,
                               err);
}

static void submit_claim(struct live_session *session);

static void claim_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    submit_claim(arg);
}

static void not_claimed(struct live_session *session, const struct error *err)
{
    struct context *context = session->sessions->context;

    if (err->kind != ERROR_NOT_FOUND && err->kind != ERROR_LIMIT) {
        /* It may be ours, and then nobody else takes it: the same claim is the same claim. */
        log_error("session_claim_failed", err);
        context_timer(context, &session->timer, AGAIN_MS, claim_again, session);
        return;
    }
    if (err->kind == ERROR_LIMIT)
        session->sessions->limited = true;
    else
        await_wake(context->await, &session->id);
    container_discard(session->container);
    free_session(session);
}

/* One was not taken for want of room: is there room now? */
static void claim_is_over(struct sessions *sessions)
{
    sessions->claims--;
    if (sessions->passed_over && sessions->claims <= CLAIMS_MAX / 2) {
        sessions->passed_over = false;
        rounds_soon(sessions->context);
    }
}

static void go_on(struct live_session *session)
{
    session->phase = STARTING;
    if (session->end_wanted)
        end(session, NULL, NULL, false);
    else if (session->work.attempt > ATTEMPTS_MAX)
        end(session, "ATTEMPTS_EXHAUSTED",
            "the container was started several times, and the host failed each time", false);
    else {
        container_set_profile(session->container, session->work.profile);
        container_start(session->container, &session->work.user_id, session->work.image);
    }
}

static void claimed(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    struct sessions *sessions = session->sessions;

    session->database_busy = false;
    if (err)
        not_claimed(session, err);
    else
        go_on(session);
    claim_is_over(sessions);
}

static void submit_claim(struct live_session *session)
{
    session->database_busy = true;
    session->sessions->claims++;
    db_pool_insist(session->sessions->context->pool, DB_SMALL, NULL, claim, claimed, session);
}

/* --- the kind of work ------------------------------------------------------------------------ */

static int64_t sessions_space(const void *room)
{
    const struct sessions *sessions = room;
    const struct context *context = sessions->context;

    int64_t places =
        context->settings->sessions_max - (int64_t)containers_count(context, CONTAINER_SESSION);
    int64_t claims = CLAIMS_MAX - (int64_t)sessions->claims;

    return places < claims ? places : claims;
}

static int64_t sessions_per_user(const void *room)
{
    return ((const struct sessions *)room)->per_user;
}

static void sessions_take(void *room, const struct id *id)
{
    struct sessions *sessions = room;
    struct id container_id;

    if (!context_takes(sessions->context))
        return;
    if (sessions_find(sessions, id)) {
        rounds_soon(sessions->context); /* closed, most likely */
        return;
    }
    if (sessions_space(sessions) <= 0) {
        sessions->passed_over = true;
        return;
    }
    container_id = id_new();
    submit_claim(new_session(sessions, id, &container_id, CLAIMING));
}

static void sessions_adopt(void *room, const struct container_row *row)
{
    struct sessions *sessions = room;
    struct live_session *session;

    if (row->kind != CONTAINER_SESSION || sessions_find(sessions, &row->work_id))
        return;
    session = new_session(sessions, &row->work_id, &row->container_id, ATTACHING);
    session->work.attempt = row->attempt;
    session->work.user_id = row->user_id;
    session->work.egress = xstrdup(row->egress);
    container_set_profile(session->container, row->profile);
    log_event(LOG_INFO, "session_adopted", "session=%s", session->id.text);
    container_attach(session->container, row->image);
}

static bool sessions_expected(const void *room, const struct id *id)
{
    const struct sessions *sessions = room;
    const struct live_session *session = registry_find(&sessions->all, id);

    return session && session->phase <= STARTING;
}

static int sessions_finished(struct db *db, const struct id *id, bool *ret_finished,
                             struct error *err)
{
    return store_is_finished(db, "session", id, ret_finished, err);
}

static int sessions_search(struct db *db, const struct kind_search *search, struct error *err)
{
    return store_session_claimable(db, search->run, search->per_user, search->limit, search->each,
                                   search->arg, err);
}

static size_t sessions_count(const void *room)
{
    const struct sessions *sessions = room;

    return sessions->all.count;
}

static void *sessions_open(struct context *context)
{
    struct sessions *sessions = xcalloc(1, sizeof(*sessions));

    sessions->context = context;
    sessions->per_user = context->settings->starts_per_user;
    if (sessions->per_user == 0)
        sessions->per_user = (int64_t)containers_starts_most() / 2;
    context->sessions = sessions;
    return sessions;
}

static void sessions_close(void *room)
{
    struct sessions *sessions = room;
    struct live_session *session;

    /* clang-tidy does not see that what is freed leaves the registry first. */
    while ((session = registry_any(&sessions->all)))
        free_session(session); // NOLINT
    sessions->context->sessions = NULL;
    free(sessions);
}

const struct kind session_kind = {
    .word = WORK_SESSION,
    .open = sessions_open,
    .close = sessions_close,
    .take = sessions_take,
    .space = sessions_space,
    .per_user = sessions_per_user,
    .find = sessions_search,
    .expected = sessions_expected,
    .finished = sessions_finished,
    .adopt = sessions_adopt,
    .count = sessions_count,
};
