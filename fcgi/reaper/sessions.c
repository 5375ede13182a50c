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

#include "base/banned.h"

#define ATTEMPTS_MAX 5
#define HELLO_MS 30000
#define ADOPTED_HELLO_MS 4000
#define SUSPECT_HELLO_MS 2000
#define SILENT_HELLO_MS 30000

static void end_step(struct live_session *session);

struct live_session *sessions_find(struct daemon *daemon, const struct id *id)
{
    return daemon_find(daemon->sessions, id);
}

static struct live_session *new_session(struct daemon *daemon, const struct id *id,
                                        enum live_phase phase)
{
    struct live_session *session = xcalloc(1, sizeof(*session));

    session->id = *id;
    session->daemon = daemon;
    session->phase = phase;
    session->since = clock_monotonic();
    container_name(CONTAINER_SESSION, id, session->name);
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
    engine_unwatch(session->watch);
    free(session->environment);
    session_work_release(&session->work);
    free(session);
}

static int64_t took_ms(const struct live_session *session)
{
    return (clock_monotonic() - session->since) / 1000;
}

/* --- the container --------------------------------------------------------------------------- */

static void container_lost(struct live_session *session, const char *reason)
{
    log_event(LOG_WARNING, "session_container_lost", "session=%s reason=\"%s\"", session->id.text,
              reason);
    sessions_fail(session, "CONTAINER_LOST",
                  "the session's container ended by itself; what was in it is gone");
}

/* Its first process is gone. */
static void ended(const char *code, const char *message, void *arg)
{
    struct live_session *session = arg;

    if (session->phase == LIVE_ENDING)
        return;
    if (session->database_busy) { /* it is being made ready: ready_written goes on */
        session->lost = true;
        return;
    }
    if (code)
        sessions_fail(session, code, message);
    else
        container_lost(session, "its first process is gone");
}

const char *sessions_socket_of(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? address + 5 : "";
}

static void keep_description(struct live_session *session,
                             const struct engine_description *description)
{
    snprintf(session->socket, sizeof(session->socket), "%s",
             sessions_socket_of(description->address));
    free(session->environment);
    session->environment = environment_of(description->environment);
    session->image_time = description->image_time;
    if (!session->watch)
        session->watch =
            engine_watch(session->daemon->engine, CONTAINER_SESSION, &session->id, ended, session);
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
    sessions_fail(session, code, message);
}

struct ready_write {
    struct live_session *session;
    const struct claimant *claimant;
    struct id id;
    int64_t attempt;
    const char *name;
    const char *location;
    int tries;
};

struct search_for {
    struct id id;
    bool found;
};

static void look_for(const struct id *id, void *arg)
{
    struct search_for *search = arg;

    if (strcmp(id->text, search->id.text) == 0)
        search->found = true;
}

/* Ran before and lost its answer: then the session may be ready already, by this very write. */
static int write_ready(struct db *db, void *arg, struct error *err)
{
    struct ready_write *write = arg;
    struct search_for search = {.id = write->id};
    struct error ignored;

    if (store_session_ready(db, write->claimant, &write->id, write->attempt, write->name,
                            write->location, err) == 0)
        return 0;
    if (err->kind == ERROR_NOT_FOUND && write->tries > 0 &&
        store_session_adopt(db, write->claimant, look_for, &search, &ignored) == 0 && search.found)
        return 0;
    write->tries++;
    return -1;
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
    if (!err && session->lost) {
        container_lost(session, "its first process is gone");
        return;
    }
    if (err) { /* closed meanwhile, or the claim is somebody else's */
        log_event(LOG_INFO, "session_not_made_ready", "session=%s reason=\"%s\"", session->id.text,
                  err->message);
        sessions_end(daemon, &session->id);
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
    write->claimant = &daemon->claimant;
    write->id = session->id;
    write->attempt = session->work.attempt;
    write->name = session->name;
    write->location = daemon->settings->reaper.location;
    session->database_busy = true;
    db_pool_insist(daemon->pool, write_ready, ready_written, write);
}

static void started(const struct error *err, const struct engine_description *description,
                    void *arg)
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
    keep_description(session, description);
    interactions_begin(session);
    verify_begin(session);
    session->hello = agent_hello(daemon->agents, session->socket, HELLO_MS, started_hello, session);
}

static int claim(struct db *db, void *arg, struct error *err)
{
    struct live_session *session = arg;

    return store_session_claim(db, &session->daemon->claimant, &session->id, &session->work, err);
}

static void claimed(const struct error *err, void *arg)
{
    struct live_session *session = arg;
    struct daemon *daemon = session->daemon;
    struct engine_start start;

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
    start = (struct engine_start){.kind = CONTAINER_SESSION,
                                  .id = session->id,
                                  .image = session->work.image,
                                  .limits = daemon->limits};
    session->phase = LIVE_STARTING;
    session->engine_busy = true;
    engine_start(daemon->engine, &start, started, session);
}

bool sessions_have_room(const struct daemon *daemon)
{
    return daemon->session_count < (size_t)daemon->settings->reaper.sessions_max;
}

void sessions_claim(struct daemon *daemon, const struct id *id)
{
    struct live_session *session;

    if (daemon->stopping || !daemon->adopted || !sessions_have_room(daemon) ||
        sessions_find(daemon, id))
        return;
    session = new_session(daemon, id, LIVE_CLAIMING);
    session->database_busy = true;
    db_pool_insist(daemon->pool, claim, claimed, session);
}

/* --- watching -------------------------------------------------------------------------------- */

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
    if (!session->hello)
        session->hello = agent_hello(session->daemon->agents, session->socket, timeout_ms,
                                     answered_hello, session);
}

void sessions_suspect(struct live_session *session)
{
    if (session->phase == LIVE_READY && session->socket[0])
        ask(session, SUSPECT_HELLO_MS);
}

static void described(const struct error *err, const struct engine_description *description,
                      void *arg)
{
    struct live_session *session = arg;

    session->engine_busy = false;
    if (session->phase == LIVE_ENDING) {
        end_step(session);
        return;
    }
    if (err && err->kind != ERROR_NOT_FOUND) {
        log_error("engine_describe_failed", err); /* sessions_check asks again */
        return;
    }
    if (err) {
        container_lost(session, err->message);
        return;
    }
    if (!description->running) {
        ended(description->ended_code, description->ended_message, session);
        return;
    }
    keep_description(session, description);
    ask(session, ADOPTED_HELLO_MS);
    interactions_begin(session);
    verify_begin(session);
}

bool sessions_known(struct live_session *session, const char *image)
{
    if (session->engine_busy || session->phase == LIVE_CLAIMING || session->phase == LIVE_ENDING)
        return false;
    if (session->socket[0] && (session->image_time || session->image_told || !image))
        return true;
    session->image_told = image != NULL;
    session->engine_busy = true;
    engine_describe(session->daemon->engine, CONTAINER_SESSION, &session->id, image, described,
                    session);
    return false;
}

struct live_session *sessions_adopt(struct daemon *daemon, const struct id *id)
{
    struct live_session *session = sessions_find(daemon, id);

    if (session)
        return session;
    session = new_session(daemon, id, LIVE_READY);
    log_event(LOG_INFO, "session_adopted", "session=%s", id->text);
    sessions_known(session, NULL);
    return session;
}

void sessions_check(struct daemon *daemon)
{
    struct live_session *session;

    TAILQ_FOREACH(session, &daemon->session_list, next)
    {
        if (session->phase == LIVE_READY && !session->socket[0])
            sessions_known(session, NULL);
    }
}

/* --- the end --------------------------------------------------------------------------------- */

struct end_write {
    struct live_session *session;
    struct id id;
    char *code, *message;
};

static int write_end(struct db *db, void *arg, struct error *err)
{
    struct end_write *write = arg;

    return store_session_end(db, &write->id, SESSION_ERROR, write->code, write->message, err);
}

static void end_written(const struct error *err, void *arg)
{
    struct end_write *write = arg;
    struct live_session *session = write->session;

    if (err && err->kind != ERROR_NOT_FOUND)
        log_error("session_end_failed", err);
    free(write->code);
    free(write->message);
    free(write);
    session->database_busy = false;
    end_step(session);
}

void sessions_fail(struct live_session *session, const char *code, const char *message)
{
    struct end_write *write;

    if (session->phase == LIVE_ENDING)
        return;
    session->phase = LIVE_ENDING;
    session->database_busy = true;
    log_event(LOG_WARNING, "session_failed", "session=%s code=%s", session->id.text, code);
    write = xcalloc(1, sizeof(*write));
    write->session = session;
    write->id = session->id;
    write->code = xstrdup(code);
    write->message = xstrdup(message);
    db_pool_insist(session->daemon->pool, write_end, end_written, write);
}

void sessions_end(struct daemon *daemon, const struct id *id)
{
    struct live_session *session = sessions_find(daemon, id);

    if (!session)
        session = new_session(daemon, id, LIVE_ENDING);
    if (session->phase == LIVE_CLAIMING) {
        session->end_wanted = true;
        return;
    }
    session->phase = LIVE_ENDING;
    if (!session->database_busy && !session->engine_busy)
        end_step(session);
}

static int write_cleaned(struct db *db, void *arg, struct error *err)
{
    struct live_session *session = arg;

    return store_session_cleaned(db, &session->id, err);
}

static void cleaned_written(const struct error *err, void *arg)
{
    struct live_session *session = arg;

    if (err)
        log_error("session_cleaned_failed", err); /* the sweep finds the row again */
    else
        log_event(LOG_INFO, "session_cleaned", "session=%s", session->id.text);
    sweep_cleaned(session->daemon, &session->id);
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
    engine_stop(daemon->engine, CONTAINER_SESSION, &session->id, stopped, session);
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
