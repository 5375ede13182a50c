#include "reaper/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/await.h"
#include "reaper/db_pool.h"
#include "reaper/environment.h"
#include "reaper/interactions.h"
#include "reaper/sweep.h"
#include "reaper/verify.h"
#include "settings.h"
#include "store/containers.h"

#include "base/banned.h"

#define ATTEMPTS_MAX 5
#define HELLO_MS 30000
#define ADOPTED_HELLO_MS 4000
#define SUSPECT_HELLO_MS 2000
#define SILENT_HELLO_MS 30000

static void end_step(struct live_session *session);
static void sessions_refuse(struct live_session *session, const char *code, const char *message,
                            bool decline);

struct live_session *sessions_find(struct daemon *daemon, const struct id *id)
{
    return daemon_find(daemon->sessions, id);
}

static struct live_session *new_session(struct daemon *daemon, const struct id *id,
                                        const struct id *container_id, enum live_phase phase)
{
    struct live_session *session = xcalloc(1, sizeof(*session));

    session->id = *id;
    session->daemon = daemon;
    session->phase = phase;
    session->since = clock_monotonic();
    session->container_id = *container_id;
    container_name(CONTAINER_SESSION, container_id, session->name);
    engine_socket(daemon->engine, session->name, session->socket);
    LIST_INIT(&session->interactions);
    LIST_INIT(&session->jobs);
    daemon_insert(&daemon->sessions, session);
    TAILQ_INSERT_TAIL(&daemon->session_list, session, next);
    daemon->session_count++;
    return session;
}

static void free_session(struct live_session *session)
{
    struct daemon *daemon = session->daemon;

    if (session->hello)
        agent_call_cancel(session->hello);
    daemon_remove(&daemon->sessions, session);
    TAILQ_REMOVE(&daemon->session_list, session, next);
    daemon->session_count--;
    session_work_release(&session->work);
    free(session);
}

static int64_t took_ms(const struct live_session *session)
{
    return (clock_monotonic() - session->since) / 1000;
}

/* --- the way to ready ------------------------------------------------------------------------ */

/* What a user is told of a failed start. The reason in full is the operator's, in the log. */
static const char *start_failure(const struct error *err, const char **ret_message)
{
    if (err->code && strcmp(err->code, "IMAGE_MISSING") == 0) {
        *ret_message = "the sample's image is not on this host; ask the operator to import it";
        return "IMAGE_MISSING";
    }
    if (err->code && strcmp(err->code, "IMAGE_REFUSED") == 0) {
        *ret_message = "the sample's image was refused: it holds what no container is started from";
        return "IMAGE_REFUSED";
    }
    if (err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_LIMIT) {
        *ret_message = "the host is short of disk, memory or another resource; try again later";
        return "HOST_FULL";
    }
    *ret_message = "the container could not be started; the operator finds the reason in the log";
    return "CONTAINER_START_FAILED";
}

static void start_failed(struct live_session *session, const struct error *err)
{
    const char *message;
    const char *code = start_failure(err, &message);

    log_event(LOG_ERROR, "session_start_failed", "session=%s code=%s reason=\"%s\"",
              session->id.text, code, err->message);
    sessions_refuse(session, code, message,
                    strcmp(code, "HOST_FULL") == 0 || strcmp(code, "IMAGE_MISSING") == 0);
}

struct ready_write {
    struct live_session *session;
    const struct run *run;
    struct id id;
    int64_t attempt;
    const char *name;
    char address[ENGINE_SOCKET_SIZE + 5];
};

static int write_ready(struct db *db, void *arg, struct error *err)
{
    struct ready_write *write = arg;

    return store_session_ready(db, write->run, &write->id, write->attempt, write->name,
                               write->address, err);
}

static void ready_written(const struct error *err, void *arg)
{
    struct ready_write *write = arg;
    struct live_session *session = write->session;
    struct daemon *daemon = session->daemon;

    free(write);
    session->database_busy = false;
    if (session->phase == LIVE_ENDING) {
        end_step(session);
        return;
    }
    if (err) { /* closed meanwhile, or the claim is somebody else's */
        log_event(LOG_INFO, "session_not_made_ready", "session=%s reason=\"%s\"", session->id.text,
                  err->message);
        sessions_end(daemon, &session->id, &session->container_id);
        return;
    }
    session->phase = LIVE_READY;
    log_event(LOG_INFO, "session_ready", "session=%s attempt=%lld took_ms=%lld", session->id.text,
              (long long)session->work.attempt, (long long)took_ms(session));
    await_wake(daemon->await, &session->id);
}

static void started_hello(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    struct daemon *daemon = session->daemon;
    struct ready_write *write;

    session->hello = NULL;
    if (err) {
        start_failed(session, err);
        return;
    }
    write = xcalloc(1, sizeof(*write));
    write->session = session;
    write->run = &daemon->run;
    write->id = session->id;
    write->attempt = session->work.attempt;
    write->name = session->name;
    snprintf(write->address, sizeof(write->address), "unix:%s", session->socket);
    session->database_busy = true;
    db_pool_insist(daemon->pool, write_ready, ready_written, write);
}

static void started(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    struct daemon *daemon = session->daemon;

    session->engine_busy = false;
    if (session->phase == LIVE_ENDING) {
        end_step(session);
        return;
    }
    if (err) {
        start_failed(session, err);
        return;
    }
    session->hello = agent_hello(daemon->agents, session->socket, HELLO_MS, started_hello, session);
}

static int claim(struct db *db, void *arg, struct error *err)
{
    struct live_session *session = arg;

    return store_session_claim(db, &session->daemon->run, &session->id, &session->container_id,
                               &session->work, err);
}

static void claimed(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    struct daemon *daemon = session->daemon;

    session->database_busy = false;
    if (session->end_wanted) {
        session->phase = LIVE_ENDING;
        end_step(session);
        return;
    }
    if (err) {
        if (err->kind != ERROR_NOT_FOUND)
            log_error("session_claim_failed", err);
        await_wake(daemon->await, &session->id);
        free_session(session);
        return;
    }
    if (session->work.attempt > ATTEMPTS_MAX) {
        sessions_fail(session, "ATTEMPTS_EXHAUSTED",
                      "the container was started several times, and the host failed each time");
        return;
    }
    session->phase = LIVE_STARTING;
    session->engine_busy = true;
    environment_forget(daemon->environments, session->work.image);
    engine_start(daemon->engine, session->name, session->work.image, &daemon->limits, started,
                 session);
}

bool sessions_have_room(const struct daemon *daemon)
{
    return daemon->session_count < (size_t)daemon->settings->reaper.sessions_max;
}

void sessions_claim(struct daemon *daemon, const struct id *id)
{
    struct live_session *session;
    struct id container_id = id_new();

    if (daemon->stopping || !daemon->adopted || !sessions_have_room(daemon) ||
        sessions_find(daemon, id))
        return;
    session = new_session(daemon, id, &container_id, LIVE_CLAIMING);
    session->database_busy = true;
    db_pool_insist(daemon->pool, claim, claimed, session);
}

/* --- watching -------------------------------------------------------------------------------- */

static void container_lost(struct live_session *session, const char *reason)
{
    log_event(LOG_WARNING, "session_container_lost", "session=%s reason=\"%s\"", session->id.text,
              reason);
    sessions_fail(session, "CONTAINER_LOST",
                  "the session's container ended by itself; what was in it is gone");
}

/* Is pid 1 there? A question that could not be answered says nothing about the container. */
static bool container_runs(struct live_session *session)
{
    struct engine_usage usage;
    struct error err = ERROR_INIT;

    if (engine_usage(session->daemon->engine, session->name, &usage, &err) == 0)
        return usage.running;
    if (err.kind == ERROR_NOT_FOUND || err.sys_errno == ENOENT || err.sys_errno == ENODEV)
        return false;
    log_error("engine_usage_failed", &err);
    return true;
}

static void ask(struct live_session *session, int timeout_ms);

/* The agent is pid 1: while the container runs, there is one. If it says nothing, then because its
 * guest or the host starves it, or because the daemon itself was asleep. So it is asked once more,
 * and with patience, before all that is in the container is given up. */
static void answered_hello(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    bool silent = err && err->code && strcmp(err->code, "AGENT_UNREACHABLE") == 0;

    session->hello = NULL;
    if (silent && !session->silent && session->phase == LIVE_READY) {
        log_event(LOG_WARNING, "agent_silent", "session=%s reason=\"%s\"", session->id.text,
                  err->message);
        session->silent = true;
        ask(session, SILENT_HELLO_MS);
        return;
    }
    session->silent = false;
    if (err)
        container_lost(session, err->message);
}

static void ask(struct live_session *session, int timeout_ms)
{
    if (!container_runs(session))
        container_lost(session, "its first process is gone");
    else if (!session->hello)
        session->hello = agent_hello(session->daemon->agents, session->socket, timeout_ms,
                                     answered_hello, session);
}

void sessions_suspect(struct live_session *session)
{
    if (session->phase == LIVE_READY)
        ask(session, SUSPECT_HELLO_MS);
}

void sessions_adopt(struct daemon *daemon, const struct id *id, const struct id *container_id,
                    int64_t attempt)
{
    struct live_session *session;

    if (sessions_find(daemon, id))
        return;
    session = new_session(daemon, id, container_id, LIVE_READY);
    session->work.attempt = attempt;
    log_event(LOG_INFO, "session_adopted", "session=%s", id->text);
    ask(session, ADOPTED_HELLO_MS);
}

void sessions_check(struct daemon *daemon)
{
    size_t share = daemon->session_count / SESSIONS_CHECKS + 1;
    struct live_session *session;

    while (share-- > 0 && (session = TAILQ_FIRST(&daemon->session_list))) {
        TAILQ_REMOVE(&daemon->session_list, session, next);
        TAILQ_INSERT_TAIL(&daemon->session_list, session, next);
        if (session->phase == LIVE_READY && !container_runs(session))
            container_lost(session, "its first process is gone");
    }
}

/* --- the end --------------------------------------------------------------------------------- */

struct end_write {
    struct live_session *session;
    const struct run *run;
    struct id id;
    int64_t attempt;
    bool decline;
    const char *code;
    char *message;
};

static int write_end(struct db *db, void *arg, struct error *err)
{
    struct end_write *write = arg;

    bool ended;

    if (write->decline)
        return store_session_decline(db, write->run, &write->id, write->attempt, write->code,
                                     write->message, &ended, err);
    return store_session_end(db, write->run, &write->id, write->attempt, SESSION_ERROR, write->code,
                             write->message, err);
}

static void end_written(const struct error *err, void *arg)
{
    struct end_write *write = arg;
    struct live_session *session = write->session;

    if (err && err->kind != ERROR_NOT_FOUND)
        log_error("session_end_failed", err);
    free(write->message);
    free(write);
    session->database_busy = false;
    end_step(session);
}

static void sessions_refuse(struct live_session *session, const char *code, const char *message,
                            bool decline)
{
    struct end_write *write;

    if (session->phase == LIVE_ENDING)
        return;
    session->phase = LIVE_ENDING;
    session->database_busy = true;
    log_event(LOG_WARNING, "session_failed", "session=%s code=%s", session->id.text, code);
    write = xcalloc(1, sizeof(*write));
    write->session = session;
    write->run = &session->daemon->run;
    write->id = session->id;
    write->attempt = session->work.attempt;
    write->decline = decline;
    write->code = code;
    write->message = xstrdup(message);
    db_pool_insist(session->daemon->pool, write_end, end_written, write);
}

void sessions_fail(struct live_session *session, const char *code, const char *message)
{
    sessions_refuse(session, code, message, false);
}

bool sessions_end(struct daemon *daemon, const struct id *id, const struct id *container_id)
{
    struct live_session *session = sessions_find(daemon, id);

    if (!session || strcmp(session->container_id.text, container_id->text) != 0)
        return false;
    if (session->phase == LIVE_CLAIMING) {
        session->end_wanted = true;
        return true;
    }
    session->phase = LIVE_ENDING;
    if (!session->database_busy && !session->engine_busy)
        end_step(session);
    return true;
}

static int write_cleaned(struct db *db, void *arg, struct error *err)
{
    struct live_session *session = arg;

    return store_container_gone(db, &session->daemon->run, &session->container_id, err);
}

static void cleaned_written(const struct error *err, void *arg)
{
    struct live_session *session = arg;

    if (err)
        log_error("session_cleaned_failed", err); /* the sweep finds the row again */
    else
        log_event(LOG_INFO, "session_cleaned", "session=%s", session->id.text);
    sweep_cleaned(session->daemon, &session->container_id);
    sweep_soon(session->daemon); /* there is room for the next */
    free_session(session);
}

static void stopped(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    struct daemon *daemon = session->daemon;

    session->engine_busy = false;
    if (err) { /* the sweep finds the row uncleaned, and tries again */
        log_event(LOG_ERROR, "session_stop_failed", "session=%s reason=\"%s\"", session->id.text,
                  err->message);
    } else {
        session->database_busy = true;
        db_pool_insist(daemon->pool, write_cleaned, cleaned_written, session);
    }
}

struct settle_write {
    struct live_session *session;
    struct id id;
    struct id_list settled;
};

static int write_settle(struct db *db, void *arg, struct error *err)
{
    struct settle_write *write = arg;

    return store_session_settle(db, &write->id, id_list_add, &write->settled, err);
}

static void settle_written(const struct error *err, void *arg)
{
    struct settle_write *write = arg;
    struct live_session *session = write->session;
    struct daemon *daemon = session->daemon;

    if (err)
        log_error("session_settle_failed", err);
    interactions_drop(session);
    verify_drop(session);
    for (size_t i = 0; i < write->settled.count; i++)
        await_wake(daemon->await, &write->settled.ids[i]);
    await_wake(daemon->await, &session->id);
    id_list_release(&write->settled);
    free(write);
    session->database_busy = false;
    session->engine_busy = true;
    engine_stop(daemon->engine, session->name, stopped, session);
}

/* The row has ended. A container that is just being started is stopped when that is over. */
static void end_step(struct live_session *session)
{
    struct settle_write *write;

    if (session->hello) {
        agent_call_cancel(session->hello);
        session->hello = NULL;
    }
    if (session->engine_busy)
        return;
    write = xcalloc(1, sizeof(*write));
    write->session = session;
    write->id = session->id;
    session->database_busy = true;
    db_pool_insist(session->daemon->pool, write_settle, settle_written, write);
}

void sessions_free_all(struct daemon *daemon)
{
    struct live_session *session;

    /* Their interactions and jobs are gone already. clang-tidy does not see that what is freed
     * leaves the list first. */
    while ((session = TAILQ_FIRST(&daemon->session_list)))
        free_session(session); // NOLINT
}
