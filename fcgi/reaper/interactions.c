#include "reaper/interactions.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "reaper/await.h"
#include "reaper/budget.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/interaction.h"
#include "reaper/rounds.h"
#include "reaper/sessions.h"
#include "settings.h"

#include "base/banned.h"

/* Claims under way at once. What comes above is found by a round, in an order that is fair between
 * users; so a user's thousand doorbells are not before another's one. */
#define CLAIMS_MAX 32
#define AGAIN_MS 2000 /* before a claim or an end that the database refused is tried again */

struct context *interaction_context(const struct running *running)
{
    return running->interactions->context;
}

static bool on_thread(const struct running *running)
{
    return running->phase == RUNNING_CLAIMING || running->phase == RUNNING_READING ||
           running->phase == RUNNING_WRITING;
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
    interaction_drop_content(running);
    interaction_work_release(&running->work);
    admission_return(&running->admission); /* others may get it at once, and the place */
    user_limit_return(&interactions->commands, &running->place);
    free(running);
}

bool interaction_is_dropped(struct running *running)
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

    return store_interaction_finish(db, interaction_context(running)->run, &running->id,
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

void interaction_fail(struct running *running, const char *message)
{
    outcome_release(&running->outcome);
    admission_return(&running->admission);
    outcome_of_failure(message, &running->outcome);
    interaction_finish(running);
}

void interaction_fail_unknown(struct running *running)
{
    admission_return(&running->admission);
    outcome_of_unknown(&running->outcome);
    interaction_finish(running);
}

static void finish_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    interaction_finish(arg);
}

/* NOT_FOUND: a first try was written and its answer lost, or the session's end wrote it. */
static void finish_written(const struct error *err, void *arg)
{
    struct running *running = arg;
    struct context *context = interaction_context(running);
    const struct container *container;

    await_wake(context->await, &running->id);
    if (interaction_is_dropped(running))
        return;
    if (err && err->kind != ERROR_NOT_FOUND) {
        log_error("interaction_refused", err);
        if (!running->reduced) {
            running->reduced = true;
            interaction_fail(running, "the result could not be recorded");
        } else { /* a row without an end would be waited for as long as its session lives */
            context_timer(context, &running->timer, AGAIN_MS, finish_again, running);
        }
        return;
    }
    log_finish(running);
    container = interaction_container(running);
    if (container)
        agent_forget(context->agents, container_address(container), running->id.text);
    free_running(running);
}

void interaction_finish(struct running *running)
{
    size_t size = outcome_size(&running->outcome);

    running->phase = RUNNING_WRITING;
    user_limit_return(&running->interactions->commands, &running->place);
    db_pool_insist(interaction_context(running)->pool, size > DB_SMALL_BYTES ? DB_LARGE : DB_SMALL,
                   &running->work.user_id, write_finish, finish_written, running);
}

/* --- the claim ------------------------------------------------------------------------------- */

static int claim(struct db *db, void *arg, struct error *err)
{
    struct running *running = arg;

    interaction_work_release(&running->work); /* of a try whose answer broke off */
    return store_interaction_claim(db, interaction_context(running)->run, &running->id,
                                   &running->work, err);
}

static void claimed(const struct error *err, void *arg);

static void claim_again(evutil_socket_t fd, short what, void *arg)
{
    struct running *running = arg;

    (void)fd;
    (void)what;
    db_pool_insist(interaction_context(running)->pool, DB_SMALL, NULL, claim, claimed, running);
}

static void not_claimed(struct running *running, const struct error *err)
{
    struct context *context = interaction_context(running);

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
    struct context *context = interaction_context(running);
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
        interaction_hold_texts(running);
    running->phase = RUNNING_WAITING;
    if (running->work.attempt > context->settings->interaction_attempts_max)
        interaction_fail(running,
                         "given up after several attempts (ATTEMPTS_EXHAUSTED), as the server "
                         "failed each time");
    else
        interaction_begin(running);
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
    return running->phase != RUNNING_CLAIMING &&
           memcmp(&running->work.session_id, session_id, sizeof(*session_id)) == 0;
}

static void session_is_ready(void *room, const struct id *session_id)
{
    struct interactions *interactions = room;
    struct running *running, *following;

    for (running = TAILQ_FIRST(&interactions->list); running; running = following) {
        following = TAILQ_NEXT(running, next);
        if (running->phase == RUNNING_WAITING && belongs_to(running, session_id) &&
            !interaction_is_in_line(running))
            interaction_begin(running);
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
        if (running->phase == RUNNING_CALLING && running->work.type != INTERACTION_EXEC)
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
