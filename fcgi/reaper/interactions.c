#include "reaper/interactions.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent_client/agent_client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "reaper/admission.h"
#include "reaper/await.h"
#include "reaper/budget.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/outcome.h"
#include "reaper/overtime.h"
#include "reaper/registry.h"
#include "reaper/rounds.h"
#include "reaper/sessions.h"
#include "reaper/user_limit.h"
#include "settings.h"
#include "store/interactions.h"

#include "base/banned.h"

/* Claims under way at once. What comes above is found by a round, in an order that is fair between
 * users; so a user's thousand doorbells are not before another's one. */
#define CLAIMS_MAX 32
#define TRIES_MAX 3 /* of a call to an agent that lives but can't be reached */
#define RETRY_MS 250
#define AGAIN_MS 2000 /* before a claim or an end that the database refused is tried again */

enum phase {
    CLAIMING,
    WAITING, /* for its session's container, its user's turn, a share of the budget, the next try */
    READING, /* a command's text or an upload's content is read */
    CALLING,
    WRITING,
};

struct running {
    struct id id; /* first */
    struct interactions *interactions;
    TAILQ_ENTRY(running) next;
    enum phase phase;
    struct interaction_work work; /* with a command's text only until that is sent */
    struct text content;          /* of an upload, while it is sent */
    struct admission admission;   /* of the text or the content, then of the result */
    struct user_place place;      /* of a command */
    struct agent_call *call;
    struct overtime overtime; /* of a command */
    struct event *timer;      /* before the next try */
    int64_t since;            /* monotonic: of the claim */
    int64_t oom_before;
    int tries;
    bool begun;
    bool attaching;       /* the agent was asked for the end of a command that it may not know */
    bool looking, looked; /* so, because a daemon before this one may have started it */
    bool has_content;
    bool reduced; /* the result was refused by the database; a failure is written instead */
    bool dropped; /* the session ended while a thread may read this */
    struct outcome outcome;
};

struct interactions {
    struct context *context;
    struct registry all;
    TAILQ_HEAD(running_list, running) list; /* in the order of their claims */
    struct user_limit commands;
    size_t claims;
    bool passed_over; /* there was no room for one that was announced */
};

static void begin(struct running *running);
static void finish(struct running *running);
static void want_text(struct running *running);
static void not_known(struct running *running);

static struct context *context_of(const struct running *running)
{
    return running->interactions->context;
}

/* NULL: not now. */
static struct container *container_of_session(const struct running *running)
{
    const struct live_session *session =
        sessions_find(context_of(running)->sessions, &running->work.session_id);

    return session ? session_container(session) : NULL;
}

static bool on_thread(const struct running *running)
{
    return running->phase == CLAIMING || running->phase == READING || running->phase == WRITING;
}

static void let_go_of_content(struct running *running)
{
    free(running->content.bytes);
    running->content = (struct text){NULL, 0};
    running->has_content = false;
}

static void drop_text(struct running *running)
{
    free(running->work.command.bytes);
    running->work.command = (struct text){NULL, 0};
}

static void free_running(struct running *running)
{
    struct interactions *interactions = running->interactions;

    overtime_end(&running->overtime);
    agent_call_cancel(running->call);
    if (running->timer)
        event_free(running->timer);
    TAILQ_REMOVE(&interactions->list, running, next);
    registry_remove(&interactions->all, running);
    outcome_release(&running->outcome);
    let_go_of_content(running);
    interaction_work_release(&running->work);
    admission_return(&running->admission); /* others may get it at once, and the place */
    user_limit_return(&interactions->commands, &running->place);
    free(running);
}

/* At the start of what a thread calls back: has the session ended in between? */
static bool is_dropped(struct running *running)
{
    if (!running->dropped)
        return false;
    free_running(running);
    return true;
}

/* --- the end --------------------------------------------------------------------------------- */

static int write_finish(struct db *db, void *arg, struct error *err)
{
    struct running *running = arg;

    return store_interaction_finish(db, context_of(running)->run, &running->id,
                                    running->work.attempt, &running->outcome.result, err);
}

/* As fcgi/metrics.c has them: success, failed, platform. */
static size_t outcome_place(const struct interaction_result *result)
{
    return result->platform_failed ? 2 : !result->success;
}

static void log_finish(const struct running *running)
{
    const struct interaction_result *result = &running->outcome.result;
    int64_t took = clock_monotonic() - running->since;
    size_t type = (size_t)running->work.type;

    METRIC_COUNT(INTERACTIONS, type, outcome_place(result));
    metric_observe(INTERACTION_SECONDS, took, METRIC_AT(type));
    log_event(LOG_INFO, "interaction_finished",
              "interaction=%s session=%s type=%d exit_code=%lld attempt=%lld took_us=%lld",
              running->id.text, running->work.session_id.text, (int)running->work.type,
              (long long)result->exit_code, (long long)running->work.attempt, (long long)took);
}

static void fail(struct running *running, const char *message)
{
    outcome_release(&running->outcome);
    admission_return(&running->admission);
    outcome_of_failure(message, &running->outcome);
    finish(running);
}

static void fail_unknown(struct running *running)
{
    admission_return(&running->admission);
    outcome_of_unknown(&running->outcome);
    finish(running);
}

static void finish_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    finish(arg);
}

/* NOT_FOUND: a first try was written and its answer lost, or the session's end wrote it. */
static void finish_written(const struct error *err, void *arg)
{
    struct running *running = arg;
    struct context *context = context_of(running);
    const struct container *container;

    await_wake(context->await, &running->id);
    if (is_dropped(running))
        return;
    if (err && err->kind != ERROR_NOT_FOUND) {
        log_error("interaction_refused", err);
        if (!running->reduced) {
            running->reduced = true;
            fail(running, "the result could not be recorded");
        } else { /* a row without an end would be waited for as long as its session lives */
            context_timer(context, &running->timer, AGAIN_MS, finish_again, running);
        }
        return;
    }
    log_finish(running);
    container = container_of_session(running);
    if (container)
        agent_forget(context->agents, container_address(container), running->id.text);
    free_running(running);
}

static void finish(struct running *running)
{
    size_t size = outcome_size(&running->outcome);

    running->phase = WRITING;
    user_limit_return(&running->interactions->commands, &running->place);
    db_pool_insist(context_of(running)->pool, size > DB_SMALL_BYTES ? DB_LARGE : DB_SMALL,
                   &running->work.user_id, write_finish, finish_written, running);
}

/* --- the way there --------------------------------------------------------------------------- */

static void try_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin(arg);
}

static bool code_is(const struct error *err, const char *code)
{
    return err->code && strcmp(err->code, code) == 0;
}

/* A session whose container is gone ends, and takes this along; an agent that is only slow is
 * asked again, which starts nothing twice. */
static void call_failed(struct running *running, const struct error *err)
{
    struct container *container = container_of_session(running);
    bool unreachable = code_is(err, "AGENT_UNREACHABLE");

    log_event(LOG_WARNING, "agent_call_failed", "interaction=%s code=%s reason=\"%s\"",
              running->id.text, err->code ? err->code : "-", err->message);
    running->phase = WAITING;
    if (code_is(err, "AGENT_OUTCOME_UNKNOWN") ||
        (unreachable && running->tries >= TRIES_MAX && running->work.type != INTERACTION_EXEC)) {
        fail_unknown(running);
        return;
    }
    if (!unreachable) {
        /* A message with a code is meant for clients; others may name paths of the host. */
        fail(running, err->code && !code_is(err, "AGENT_PROTOCOL")
                          ? err->message
                          : "the container's agent could not do it");
        return;
    }
    if (++running->tries > TRIES_MAX) {
        fail(running, "the container's agent could not be reached");
        return;
    }
    context_timer(context_of(running), &running->timer, RETRY_MS, try_again, running);
    if (container)
        container_suspect(container);
}

static void command_ended(const struct error *err, const struct agent_result *result, void *arg)
{
    struct running *running = ((struct admission *)arg)->owner;
    const struct container *container = container_of_session(running);
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
    outcome_of_command(&judged, running->work.command_timeout,
                       container ? container_oom_kills(container) - running->oom_before : 0,
                       &running->outcome);
    finish(running);
}

static void file_done(const struct error *err, bool success, const char *message,
                      int64_t size_bytes, void *arg)
{
    struct running *running = arg;
    double seconds = (double)(clock_monotonic() - running->since) / CLOCK_SECOND;

    running->call = NULL;
    if (running->work.type == INTERACTION_UPLOAD) {
        let_go_of_content(running);
        admission_return(&running->admission);
    }
    if (err) {
        call_failed(running, err);
        return;
    }
    outcome_of_file(success, message, size_bytes, seconds, &running->outcome);
    finish(running);
}

static void text_is_sent(void *arg)
{
    struct running *running = ((struct admission *)arg)->owner;

    admission_return(&running->admission);
}

/* Once it is sent, its text is the agent's and the database's. */
static struct agent_call *run_command(struct running *running, const struct container *container)
{
    struct context *context = context_of(running);
    const struct interaction_work *work = &running->work;
    const struct agent_command command = {
        .id = running->id.text,
        .command = work->command.bytes,
        .command_length = work->command.length,
        .workdir = work->repo_path,
        .env_json = container_environment(container),
        .timeout_seconds = (int)work->command_timeout,
        .sent = text_is_sent,
    };
    struct agent_call *call;

    if (!running->begun) /* not when it is attached to again */
        running->oom_before = container_oom_kills(container);
    running->begun = true;
    running->attaching = !work->command.bytes;
    call = agent_run(context->agents, container_address(container), &command, running->attaching,
                     command_ended, &running->admission);
    drop_text(running);
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

    return agent_replace(context_of(running)->agents, container_address(container), &replacement,
                         file_done, running);
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

    return agent_upload(context_of(running)->agents, container_address(container), &upload,
                        file_done, running);
}

/* --- what is read when it is needed ---------------------------------------------------------- */

/* At the start of what a thread calls back. False: there is nothing to go on with. */
static bool is_read(struct running *running, const struct error *err)
{
    if (is_dropped(running))
        return false;
    running->phase = WAITING;
    if (!err)
        return true;
    if (err->kind != ERROR_NOT_FOUND)
        log_error("interaction_unreadable", err);
    fail(running, running->work.type == INTERACTION_EXEC ? "the command could not be read"
                                                         : "the file's content could not be read");
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
    begin(running);
}

static void content_may_come(void *arg)
{
    struct running *running = arg;

    running->phase = READING;
    db_pool_insist(context_of(running)->pool,
                   running->work.content_bytes > DB_SMALL_BYTES ? DB_LARGE : DB_SMALL,
                   &running->work.user_id, read_content, content_read, running);
}

static void want_content(struct running *running)
{
    admission_return(&running->admission); /* of a try before */
    if (budget_ask(context_of(running)->budget, &running->admission.share, &running->work.user_id,
                   running->work.content_bytes, content_may_come, running))
        content_may_come(running);
}

/* --- a command's turn, and its text ---------------------------------------------------------- */

static void hold_texts(struct running *running)
{
    const struct interaction_work *work = &running->work;

    budget_force(
        context_of(running)->budget, &running->admission.share,
        (int64_t)(work->command.length + work->str_to_replace.length + work->str_to_insert.length));
}

static int read_command(struct db *db, void *arg, struct error *err)
{
    struct running *running = arg;

    drop_text(running); /* of a try whose answer broke off */
    return store_interaction_command(db, context_of(running)->run, &running->id,
                                     &running->work.command, err);
}

static void command_read(const struct error *err, void *arg)
{
    struct running *running = arg;

    if (!is_read(running, err))
        return;
    hold_texts(running);
    begin(running);
}

static void want_text(struct running *running)
{
    running->phase = READING;
    running->begun = running->attaching = false;
    db_pool_insist(context_of(running)->pool, DB_SMALL, &running->work.user_id, read_command,
                   command_read, running);
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
    drop_text(running);
    admission_return(&running->admission);
    return running->place.held;
}

/* What was sent before has not arrived, or nothing was. */
static void not_known(struct running *running)
{
    running->phase = WAITING;
    if (running->looking) {
        running->looking = false;
        user_limit_return(&running->interactions->commands, &running->place);
        if (!has_place(running))
            return;
    }
    want_text(running);
}

/* It begins when somebody says so, and not when its session's container is there. */
static bool is_in_line(const struct running *running)
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

/* In the session's container, or, when there is none now, when it is there again. */
static void begin(struct running *running)
{
    const struct container *container = container_of_session(running);

    running->phase = WAITING;
    if (running->timer)
        event_del(running->timer);
    if (!container)
        return;
    if (may_be_done_twice(running, container)) {
        fail_unknown(running);
        return;
    }
    if (running->work.type == INTERACTION_UPLOAD && !running->has_content) {
        want_content(running);
        return;
    }
    if (running->work.type == INTERACTION_EXEC && !may_run(running))
        return;
    running->phase = CALLING;
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

/* --- the claim ------------------------------------------------------------------------------- */

static int claim(struct db *db, void *arg, struct error *err)
{
    struct running *running = arg;

    interaction_work_release(&running->work); /* of a try whose answer broke off */
    return store_interaction_claim(db, context_of(running)->run, &running->id, &running->work, err);
}

static void claimed(const struct error *err, void *arg);

static void claim_again(evutil_socket_t fd, short what, void *arg)
{
    struct running *running = arg;

    (void)fd;
    (void)what;
    db_pool_insist(context_of(running)->pool, DB_SMALL, NULL, claim, claimed, running);
}

static void not_claimed(struct running *running, const struct error *err)
{
    struct context *context = context_of(running);

    if (err->kind != ERROR_NOT_FOUND) {
        /* It may be ours, and then nobody else takes it. */
        log_error("interaction_claim_failed", err);
        context_timer(context, &running->timer, AGAIN_MS, claim_again, running);
        return;
    }
    await_wake(context->await, &running->id);
    free_running(running);
}

/* One was not taken for want of room: is there room now? */
static void claim_is_over(struct interactions *interactions)
{
    interactions->claims--;
    if (interactions->passed_over && interactions->claims <= CLAIMS_MAX / 2) {
        interactions->passed_over = false;
        rounds_soon(interactions->context);
    }
}

static void claimed(const struct error *err, void *arg)
{
    struct running *running = arg;
    struct context *context = context_of(running);
    const struct live_session *session;

    if (err && err->kind != ERROR_NOT_FOUND) {
        not_claimed(running, err);
        return;
    }
    claim_is_over(running->interactions);
    if (err) {
        not_claimed(running, err);
        return;
    }
    session = sessions_find(context->sessions, &running->work.session_id);
    if (!session || session_is_ending(session)) {
        /* Its end settles this row, or has done so. */
        await_wake(context->await, &running->id);
        free_running(running);
        return;
    }
    if (running->work.type != INTERACTION_UPLOAD)
        hold_texts(running);
    running->phase = WAITING;
    if (running->work.attempt > context->settings->interaction_attempts_max)
        fail(running, "given up after several attempts (ATTEMPTS_EXHAUSTED), as the server "
                      "failed each time");
    else
        begin(running);
}

/* --- the kind of work ------------------------------------------------------------------------ */

static int64_t interactions_space(const void *room)
{
    const struct interactions *interactions = room;

    if (budget_overdrawn(interactions->context->budget))
        return 0;
    return CLAIMS_MAX - (int64_t)interactions->claims;
}

static void interactions_take(void *room, const struct id *id)
{
    struct interactions *interactions = room;
    struct context *context = interactions->context;
    struct running *running;

    if (!context_takes(context) || registry_find(&interactions->all, id))
        return;
    if (interactions_space(interactions) <= 0) {
        interactions->passed_over = true;
        return;
    }
    running = xcalloc(1, sizeof(*running));
    running->id = *id;
    running->interactions = interactions;
    running->since = clock_monotonic();
    running->admission.budget = context->budget;
    running->admission.user = &running->work.user_id;
    running->admission.owner = running;
    interactions->claims++;
    registry_insert(&interactions->all, running);
    TAILQ_INSERT_TAIL(&interactions->list, running, next);
    db_pool_insist(context->pool, DB_SMALL, NULL, claim, claimed, running);
}

static bool interactions_expected(const void *room, const struct id *id)
{
    const struct interactions *interactions = room;

    return registry_find(&interactions->all, id) != NULL;
}

static int interactions_finished(struct db *db, const struct id *id, bool *ret_finished,
                                 struct error *err)
{
    return store_is_finished(db, "interaction", id, ret_finished, err);
}

static int interactions_search(struct db *db, const struct kind_search *search, struct error *err)
{
    return store_interaction_claimable(db, search->run, search->per_user, search->limit,
                                       search->each, search->arg, err);
}

/* Only those that were claimed know their session. */
static bool belongs_to(const struct running *running, const struct id *session_id)
{
    return running->phase != CLAIMING &&
           memcmp(&running->work.session_id, session_id, sizeof(*session_id)) == 0;
}

static void session_is_ready(void *room, const struct id *session_id)
{
    struct interactions *interactions = room;
    struct running *running, *following;

    for (running = TAILQ_FIRST(&interactions->list); running; running = following) {
        following = TAILQ_NEXT(running, next);
        if (running->phase == WAITING && belongs_to(running, session_id) && !is_in_line(running))
            begin(running);
    }
}

static void session_has_ended(void *room, const struct id *session_id)
{
    struct interactions *interactions = room;
    struct running *running, *following;

    for (running = TAILQ_FIRST(&interactions->list); running; running = following) {
        following = TAILQ_NEXT(running, next);
        if (!belongs_to(running, session_id))
            continue;
        await_wake(interactions->context->await, &running->id);
        if (on_thread(running))
            running->dropped = true;
        else
            free_running(running);
    }
}

static size_t interactions_count(const void *room)
{
    const struct interactions *interactions = room;

    return interactions->all.count;
}

/* File operations that an agent is at: they take a second at most, commands go on without us. */
static size_t interactions_brief(const void *room)
{
    const struct interactions *interactions = room;
    const struct running *running;
    size_t brief = 0;

    TAILQ_FOREACH(running, &interactions->list, next)
    {
        if (running->phase == CALLING && running->work.type != INTERACTION_EXEC)
            brief++;
    }
    return brief;
}

static void *interactions_open(struct context *context)
{
    struct interactions *interactions = xcalloc(1, sizeof(*interactions));

    interactions->context = context;
    interactions->commands.most = context->settings->commands_per_user;
    TAILQ_INIT(&interactions->list);
    return interactions;
}

static void interactions_close(void *room)
{
    struct interactions *interactions = room;
    struct running *running;

    interactions->commands.stopped = true;
    /* clang-tidy does not see that what is freed leaves the list first. */
    while ((running = TAILQ_FIRST(&interactions->list)))
        free_running(running); // NOLINT
    free(interactions);
}

const struct kind interaction_kind = {
    .word = WORK_INTERACTION,
    .open = interactions_open,
    .close = interactions_close,
    .take = interactions_take,
    .space = interactions_space,
    .find = interactions_search,
    .expected = interactions_expected,
    .finished = interactions_finished,
    .ready = session_is_ready,
    .drop = session_has_ended,
    .count = interactions_count,
    .brief = interactions_brief,
};
