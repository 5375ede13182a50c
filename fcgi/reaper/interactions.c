#include "reaper/interactions.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/await.h"
#include "reaper/db_pool.h"
#include "reaper/environment.h"
#include "reaper/outcome.h"
#include "reaper/sessions.h"
#include "reaper/sweep.h"
#include "settings.h"
#include "store/interactions.h"

#include "base/banned.h"

#define CLAIMS_MAX 256 /* under way at once; the sweep brings the rest */
#define TRIES_MAX 3    /* of a call to an agent that lives but can't be reached */
#define RETRY_MS 250
#define PARKED_MS 1000

struct running_interaction {
    struct id id; /* first */
    struct daemon *daemon;
    struct live_session *session; /* NULL while it is claimed */
    LIST_ENTRY(running_interaction) next;
    struct interaction_work work;
    struct text content; /* of an upload */
    struct agent_call *call;
    struct event *timer; /* before the next try */
    int64_t since;       /* monotonic: of the claim */
    int64_t oom_before;
    int tries;
    bool begun;
    struct outcome outcome;
    bool database_busy; /* a thread may read this: not to be freed */
    bool dropped;       /* the session ended meanwhile */
    bool reduced;       /* the result was refused by the database; a failure is written instead */
};

static void begin(struct running_interaction *running);
static void finish(struct running_interaction *running);

static void free_running(struct running_interaction *running)
{
    struct daemon *daemon = running->daemon;

    if (running->call)
        agent_call_cancel(running->call);
    if (running->timer)
        event_free(running->timer);
    if (running->session)
        LIST_REMOVE(running, next);
    daemon_remove(&daemon->interactions, running);
    daemon->kept_bytes -= outcome_size(&running->outcome);
    outcome_release(&running->outcome);
    interaction_work_release(&running->work);
    free(running->content.bytes);
    free(running);
}

static int64_t oom_kills(const struct running_interaction *running)
{
    struct engine_usage usage;
    struct error ignored;

    if (engine_usage(running->daemon->engine, running->session->name, &usage, &ignored) < 0)
        return running->oom_before;
    return usage.oom_kills;
}

/* --- the end --------------------------------------------------------------------------------- */

static int write_finish(struct db *db, void *arg, struct error *err)
{
    struct running_interaction *running = arg;

    return store_interaction_finish(db, &running->daemon->run, &running->id, running->work.attempt,
                                    &running->outcome.result, err);
}

static void log_finish(const struct running_interaction *running)
{
    const struct interaction_result *result = &running->outcome.result;

    log_event(LOG_INFO, "interaction_finished",
              "interaction=%s session=%s type=%d exit_code=%lld attempt=%lld took_us=%lld",
              running->id.text, running->session->id.text, (int)running->work.type,
              (long long)result->exit_code, (long long)running->work.attempt,
              (long long)(clock_monotonic() - running->since));
}

/* NOT_FOUND: a first try was written and its answer lost, or the session's end wrote it. */
static void finish_written(const struct error *err, void *arg)
{
    struct running_interaction *running = arg;
    struct daemon *daemon = running->daemon;

    running->database_busy = false;
    if (err && err->kind != ERROR_NOT_FOUND && !running->dropped) {
        log_error("interaction_refused", err);
        if (!running->reduced) {
            running->reduced = true;
            daemon->kept_bytes -= outcome_size(&running->outcome);
            outcome_release(&running->outcome);
            outcome_of_failure("the result could not be recorded", &running->outcome);
            finish(running);
            return;
        }
    }
    await_wake(daemon->await, &running->id);
    if (running->session && !running->dropped) {
        log_finish(running);
        if (running->work.type == INTERACTION_EXEC)
            agent_forget(daemon->agents, running->session->socket, running->id.text);
    }
    free_running(running);
}

static void retry_parked(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin(arg);
}

static void finish(struct running_interaction *running)
{
    struct daemon *daemon = running->daemon;
    size_t size = outcome_size(&running->outcome);

    if (daemon->kept_bytes + size > KEPT_MAX && running->work.type == INTERACTION_EXEC &&
        !db_pool_available(daemon->pool)) {
        /* The agent still has it: asked again when there is somewhere to write it. */
        outcome_release(&running->outcome);
        daemon_timer(daemon, &running->timer, PARKED_MS, retry_parked, running);
        return;
    }
    daemon->kept_bytes += size;
    running->database_busy = true;
    db_pool_insist(daemon->pool, write_finish, finish_written, running);
}

static void fail(struct running_interaction *running, const char *message)
{
    outcome_of_failure(message, &running->outcome);
    finish(running);
}

/* --- the way there --------------------------------------------------------------------------- */

static void retry_call(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin(arg);
}

/* A session whose container is gone ends, and takes this along; an agent that is only slow is
 * asked again, which starts nothing twice. */
static void call_failed(struct running_interaction *running, const struct error *err)
{
    bool unreachable = err->code && strcmp(err->code, "AGENT_UNREACHABLE") == 0;

    log_event(LOG_WARNING, "agent_call_failed", "interaction=%s code=%s reason=\"%s\"",
              running->id.text, err->code ? err->code : "-", err->message);
    if (!unreachable) {
        /* A message with a code is meant for clients; others may name paths of the host. */
        fail(running, err->code && strcmp(err->code, "AGENT_PROTOCOL") != 0
                          ? err->message
                          : "the container's agent could not carry it out");
        return;
    }
    if (++running->tries > TRIES_MAX) {
        fail(running, "the container's agent could not be reached");
        return;
    }
    daemon_timer(running->daemon, &running->timer, RETRY_MS, retry_call, running);
    sessions_suspect(running->session);
}

static void command_ended(const struct error *err, const struct agent_result *result, void *arg)
{
    struct running_interaction *running = arg;

    running->call = NULL;
    if (err) {
        call_failed(running, err);
        return;
    }
    outcome_of_command(result, running->work.command_timeout,
                       oom_kills(running) - running->oom_before, &running->outcome);
    finish(running);
}

static void file_done(const struct error *err, bool success, const char *message,
                      int64_t size_bytes, void *arg)
{
    struct running_interaction *running = arg;
    double seconds = (double)(clock_monotonic() - running->since) / CLOCK_SECOND;

    running->call = NULL;
    if (err) {
        call_failed(running, err);
        return;
    }
    outcome_of_file(running->work.type, success, message, size_bytes, seconds,
                    running->work.attempt > 1 || running->tries > 0, &running->outcome);
    finish(running);
}

static struct agent_call *run_command(struct running_interaction *running)
{
    struct daemon *daemon = running->daemon;
    const struct interaction_work *work = &running->work;
    const struct agent_command command = {
        .id = running->id.text,
        .command = work->command.bytes,
        .command_length = work->command.length,
        .workdir = work->repo_path,
        .env_json = environment_of(daemon->environments, work->image),
        .timeout_seconds = (int)work->command_timeout,
    };

    if (!running->begun) /* not when it is attached to again */
        running->oom_before = oom_kills(running);
    running->begun = true;
    return agent_run(daemon->agents, running->session->socket, &command, false, command_ended,
                     running);
}

static void begin(struct running_interaction *running)
{
    struct daemon *daemon = running->daemon;
    const struct interaction_work *work = &running->work;
    const char *socket = running->session->socket;

    switch (work->type) {
    case INTERACTION_EXEC:
        running->call = run_command(running);
        return;
    case INTERACTION_REPLACE:
        running->call = agent_replace(daemon->agents, socket, work->file_path.bytes,
                                      work->repo_path, work->str_to_replace.bytes,
                                      work->str_to_replace.length, work->str_to_insert.bytes,
                                      work->str_to_insert.length, file_done, running);
        return;
    case INTERACTION_UPLOAD:
        running->call = agent_upload(daemon->agents, socket, work->file_path.bytes, work->repo_path,
                                     work->make_executable, running->content.bytes,
                                     running->content.length, file_done, running);
        return;
    }
}

static int claim(struct db *db, void *arg, struct error *err)
{
    struct running_interaction *running = arg;

    if (store_interaction_claim(db, &running->daemon->run, &running->id, &running->work, err) < 0)
        return -1;
    return running->work.type == INTERACTION_UPLOAD
               ? store_interaction_content(db, &running->id, &running->content, err)
               : 0;
}

static void claimed(const struct error *err, void *arg)
{
    struct running_interaction *running = arg;
    struct daemon *daemon = running->daemon;
    struct live_session *session;

    daemon->claims--;
    running->database_busy = false;
    if (err) {
        if (err->kind != ERROR_NOT_FOUND)
            log_error("interaction_claim_failed", err);
        await_wake(daemon->await, &running->id);
        free_running(running);
        return;
    }
    session = sessions_find(daemon, &running->work.session_id);
    if (!session || (session->phase != LIVE_READY && session->phase != LIVE_STARTING)) {
        free_running(running); /* it ends, and its end settles this row */
        return;
    }
    running->session = session;
    LIST_INSERT_HEAD(&session->interactions, running, next);
    if (running->work.attempt > daemon->settings->reaper.interaction_attempts_max)
        fail(running, "given up after several tries (ATTEMPTS_EXHAUSTED): each time the server "
                      "failed before this ended");
    else
        begin(running);
}

void interactions_claim(struct daemon *daemon, const struct id *id)
{
    struct running_interaction *running;

    if (daemon->stopping || !daemon->adopted || daemon->claims >= CLAIMS_MAX ||
        daemon_find(daemon->interactions, id))
        return;
    running = xcalloc(1, sizeof(*running));
    running->id = *id;
    running->daemon = daemon;
    running->since = clock_monotonic();
    running->database_busy = true;
    daemon->claims++;
    daemon_insert(&daemon->interactions, running);
    db_pool_insist(daemon->pool, claim, claimed, running);
}

void interactions_drop(struct live_session *session)
{
    struct running_interaction *running, *following;

    for (running = LIST_FIRST(&session->interactions); running; running = following) {
        following = LIST_NEXT(running, next);
        await_wake(session->daemon->await, &running->id);
        if (!running->database_busy) {
            free_running(running);
            continue;
        }
        running->dropped = true;
        running->session = NULL;
        LIST_REMOVE(running, next);
    }
}

void interactions_free_all(struct daemon *daemon)
{
    /* clang-tidy does not see that what is freed leaves the tree first. */
    while (daemon->interactions)
        free_running(*(struct running_interaction **)daemon->interactions); // NOLINT
}
