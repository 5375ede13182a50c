#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/clock.h"
#include "base/log.h"
#include "reaper/budget.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/interaction.h"
#include "reaper/sessions.h"

#include "base/banned.h"

#define TRIES_MAX 3 /* of a call to an agent that lives but can't be reached */
#define RETRY_MS 250

static void want_text(struct running *running);
static void not_known(struct running *running);

struct container *interaction_container(const struct running *running)
{
    const struct live_session *session =
        sessions_find(interaction_context(running)->sessions, &running->work.session_id);

    return session ? session_container(session) : NULL;
}

void interaction_drop_content(struct running *running)
{
    free(running->content.bytes);
    running->content = (struct text){NULL, 0};
    running->has_content = false;
}

void interaction_drop_text(struct running *running)
{
    free(running->work.command.bytes);
    running->work.command = (struct text){NULL, 0};
}

void interaction_hold_texts(struct running *running)
{
    const struct interaction_work *work = &running->work;

    budget_force(
        interaction_context(running)->budget, &running->admission.share,
        (int64_t)(work->command.length + work->str_to_replace.length + work->str_to_insert.length));
}

/* --- the way there --------------------------------------------------------------------------- */

static void try_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    interaction_begin(arg);
}

/* A session whose container is gone ends, and takes this along; an agent that is only slow is
 * asked again, which starts nothing twice. */
static void call_failed(struct running *running, const struct error *err)
{
    struct container *container = interaction_container(running);
    bool unreachable = error_has_code(err, "AGENT_UNREACHABLE");

    log_event(LOG_WARNING, "agent_call_failed", "interaction=%s code=%s reason=\"%s\"",
              running->id.text, err->code ? err->code : "-", err->message);
    running->phase = RUNNING_WAITING;
    if (error_has_code(err, "AGENT_OUTCOME_UNKNOWN") ||
        (unreachable && running->tries >= TRIES_MAX && running->work.type != INTERACTION_EXEC)) {
        interaction_fail_unknown(running);
        return;
    }
    if (!unreachable) {
        /* A message with a code is meant for clients; others may name paths of the host. */
        interaction_fail(running, err->code && !error_has_code(err, "AGENT_PROTOCOL")
                                      ? err->message
                                      : "the container's agent could not do it");
        return;
    }
    if (++running->tries > TRIES_MAX) {
        interaction_fail(running, "the container's agent could not be reached");
        return;
    }
    context_timer(interaction_context(running), &running->timer, RETRY_MS, try_again, running);
    if (container)
        container_suspect(container);
}

static void command_ended(const struct error *err, const struct agent_result *result, void *arg)
{
    struct running *running = ((struct admission *)arg)->owner;
    const struct container *container = interaction_container(running);
    struct outcome_limits limits = {0};
    struct agent_result judged;

    running->call = NULL;
    overtime_end(&running->overtime);
    if (err && running->attaching && err->kind == ERROR_NOT_FOUND) {
        not_known(running);
        return;
    }
    if (err) {
        admission_return(&running->admission);
        call_failed(running, err);
        return;
    }
    judged = overtime_judge(&running->overtime, result);
    limits.seconds = running->work.command_timeout;
    limits.processes = interaction_context(running)->limits.processes;
    if (container) {
        limits.oom_kills = container_oom_kills(container) - running->oom_before;
        limits.refusals = container_refusals(container) - running->refusals_before;
    }
    outcome_of_command(&judged, &limits, &running->outcome);
    interaction_finish(running);
}

static void file_done(const struct error *err, bool success, const char *message,
                      int64_t size_bytes, void *arg)
{
    struct running *running = arg;
    double seconds = (double)(clock_monotonic() - running->since) / CLOCK_SECOND;

    running->call = NULL;
    if (running->work.type == INTERACTION_UPLOAD) {
        interaction_drop_content(running);
        admission_return(&running->admission);
    }
    if (err) {
        call_failed(running, err);
        return;
    }
    outcome_of_file(success, message, size_bytes, seconds, &running->outcome);
    interaction_finish(running);
}

static void text_is_sent(void *arg)
{
    struct running *running = ((struct admission *)arg)->owner;

    admission_return(&running->admission);
}

/* Once it is sent, its text is the agent's and the database's. */
static struct agent_call *run_command(struct running *running, const struct container *container)
{
    struct context *context = interaction_context(running);
    const struct interaction_work *work = &running->work;
    const struct agent_command command = {
        .id = running->id.text,
        .command = work->command.bytes,
        .command_length = work->command.length,
        .workdir = work->repo_path,
        .env_json = container_environment(container),
        .profile_json = container_profile(container),
        .timeout_seconds = (int)work->command_timeout,
        .sent = text_is_sent,
    };
    struct agent_call *call;

    if (!running->begun) { /* not when it is attached to again */
        running->oom_before = container_oom_kills(container);
        running->refusals_before = container_refusals(container);
    }
    running->begun = true;
    running->attaching = !work->command.bytes;
    call = agent_run(context->agents, container_address(container), &command, running->attaching,
                     command_ended, &running->admission);
    interaction_drop_text(running);
    overtime_begin(&running->overtime, context, CONTAINER_SESSION, container_id(container), call,
                   work->command_timeout);
    return call;
}

static struct agent_call *replace(struct running *running, const struct container *container)
{
    const struct interaction_work *work = &running->work;
    const struct agent_replacement replacement = {
        .id = running->id.text,
        .path = work->file_path.bytes,
        .workdir = work->repo_path,
        .old_text = work->str_to_replace.bytes,
        .old_length = work->str_to_replace.length,
        .new_text = work->str_to_insert.bytes,
        .new_length = work->str_to_insert.length,
    };

    return agent_replace(interaction_context(running)->agents, container_address(container),
                         &replacement, file_done, running);
}

static struct agent_call *upload(struct running *running, const struct container *container)
{
    const struct interaction_work *work = &running->work;
    const struct agent_upload upload = {
        .id = running->id.text,
        .path = work->file_path.bytes,
        .workdir = work->repo_path,
        .executable = work->make_executable,
        .bytes = running->content.bytes,
        .size = running->content.length,
    };

    return agent_upload(interaction_context(running)->agents, container_address(container), &upload,
                        file_done, running);
}

/* --- what is read when it is needed ---------------------------------------------------------- */

/* At the start of what a thread calls back. False: there is nothing to go on with. */
static bool is_read(struct running *running, const struct error *err)
{
    if (interaction_is_dropped(running))
        return false;
    running->phase = RUNNING_WAITING;
    if (!err)
        return true;
    if (err->kind != ERROR_NOT_FOUND)
        log_error("interaction_unreadable", err);
    interaction_fail(running, running->work.type == INTERACTION_EXEC
                                  ? "the command could not be read"
                                  : "the content of the file could not be read");
    return false;
}

static int read_content(struct db *db, void *arg, struct error *err)
{
    struct running *running = arg;

    return store_interaction_content(db, &running->id, &running->content, err);
}

static void content_read(const struct error *err, void *arg)
{
    struct running *running = arg;

    if (!is_read(running, err))
        return;
    running->has_content = true;
    interaction_begin(running);
}

static void content_may_come(void *arg)
{
    struct running *running = arg;

    running->phase = RUNNING_READING;
    db_pool_insist(interaction_context(running)->pool,
                   running->work.content_bytes > DB_SMALL_BYTES ? DB_LARGE : DB_SMALL,
                   &running->work.user_id, read_content, content_read, running);
}

static void want_content(struct running *running)
{
    admission_return(&running->admission); /* of a try before */
    if (budget_ask(interaction_context(running)->budget, &running->admission.share,
                   &running->work.user_id, running->work.content_bytes, content_may_come, running))
        content_may_come(running);
}

/* --- a command's turn, and its text ---------------------------------------------------------- */

static int read_command(struct db *db, void *arg, struct error *err)
{
    struct running *running = arg;

    interaction_drop_text(running); /* of a try whose answer broke off */
    return store_interaction_command(db, interaction_context(running)->run, &running->id,
                                     &running->work.command, err);
}

static void command_read(const struct error *err, void *arg)
{
    struct running *running = arg;

    if (!is_read(running, err))
        return;
    interaction_hold_texts(running);
    interaction_begin(running);
}

static void want_text(struct running *running)
{
    running->phase = RUNNING_READING;
    running->begun = running->attaching = false;
    db_pool_insist(interaction_context(running)->pool, DB_SMALL, &running->work.user_id,
                   read_command, command_read, running);
}

static void turn_has_come(void *arg)
{
    want_text(arg);
}

static bool has_place(struct running *running)
{
    return running->place.held || user_limit_ask(&running->interactions->commands, &running->place,
                                                 &running->work.user_id, turn_has_come, running);
}

/*
 * False: its user has so many running. Its text waits in the database. What a daemon before this
 * one may have started is looked for first: it runs, whoever waits for a place now, and would be
 * one too many beside the next one.
 */
static bool may_run(struct running *running)
{
    if (running->work.attempt > 1 && !running->looked) {
        running->looking = running->looked = true;
        user_limit_take(&running->interactions->commands, &running->place, &running->work.user_id);
    } else if (has_place(running)) {
        return true;
    }
    interaction_drop_text(running);
    admission_return(&running->admission);
    return running->place.held;
}

/* What was sent before has not arrived, or nothing was. */
static void not_known(struct running *running)
{
    running->phase = RUNNING_WAITING;
    if (running->looking) {
        running->looking = false;
        user_limit_return(&running->interactions->commands, &running->place);
        if (!has_place(running))
            return;
    }
    want_text(running);
}

bool interaction_is_in_line(const struct running *running)
{
    return running->admission.share.item.turn || (running->place.user && !running->place.held);
}

/* An agent of the release before knows no ids of file operations: what was sent before it would do
 * again. */
static bool may_be_done_twice(const struct running *running, const struct container *container)
{
    bool sent_before = running->work.attempt > 1 || running->tries > 0;

    return sent_before && running->work.type != INTERACTION_EXEC && !container_knows_ids(container);
}

void interaction_begin(struct running *running)
{
    const struct container *container = interaction_container(running);

    running->phase = RUNNING_WAITING;
    if (running->timer)
        event_del(running->timer);
    if (!container)
        return;
    if (may_be_done_twice(running, container)) {
        interaction_fail_unknown(running);
        return;
    }
    if (running->work.type == INTERACTION_UPLOAD && !running->has_content) {
        want_content(running);
        return;
    }
    if (running->work.type == INTERACTION_EXEC && !may_run(running))
        return;
    running->phase = RUNNING_CALLING;
    switch (running->work.type) {
    case INTERACTION_EXEC:
        running->call = run_command(running, container);
        return;
    case INTERACTION_REPLACE:
        running->call = replace(running, container);
        return;
    case INTERACTION_UPLOAD:
        running->call = upload(running, container);
        return;
    }
}
