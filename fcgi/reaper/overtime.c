#include "reaper/overtime.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/engine.h"
#include "reaper/context.h"

#include "base/banned.h"

#define OVER_MS 1400     /* after the limit */
#define ONCE_MORE_MS 100 /* what has come meanwhile is read first */
#define STATUS_TIMEOUT 124

static void look(evutil_socket_t fd, short what, void *arg);

static void look_in(struct overtime *overtime, int64_t ms)
{
    context_timer(overtime->context, &overtime->timer, ms, look, overtime);
}

/* The command's end tells whether it helped; the call has a limit of its own. It is asked for once:
 * an engine that is away is asked again by itself when it is back. */
static void cleared(const struct error *err, void *arg)
{
    (void)arg;
    if (err)
        log_error("clear_failed", err);
}

static void tell_others(const struct overtime *late)
{
    struct overtime *other;

    LIST_FOREACH(other, &late->context->overtimes, next)
    {
        if (other != late && other->kind == late->kind &&
            strcmp(other->container.text, late->container.text) == 0)
            other->ended_with_another = true;
    }
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    struct overtime *overtime = arg;

    (void)fd;
    (void)what;
    if (agent_call_is_answered(overtime->call))
        return;
    if (!overtime->looked) {
        overtime->looked = true;
        look_in(overtime, ONCE_MORE_MS);
        return;
    }
    log_event(LOG_WARNING, "command_overtime", "container=%s", overtime->container.text);
    overtime->ended_by_engine = true;
    tell_others(overtime);
    engine_clear(overtime->context->engine, overtime->kind, &overtime->container, cleared, NULL);
}

void overtime_begin(struct overtime *overtime, struct context *context, enum container_kind kind,
                    const struct id *container, const struct agent_call *call, int64_t seconds)
{
    overtime->context = context;
    overtime->kind = kind;
    overtime->container = *container;
    overtime->call = call;
    overtime->looked = overtime->ended_by_engine = overtime->ended_with_another = false;
    LIST_INSERT_HEAD(&context->overtimes, overtime, next);
    look_in(overtime, seconds * 1000 + OVER_MS);
}

void overtime_end(struct overtime *overtime)
{
    if (overtime->timer)
        event_free(TAKE_PTR(overtime->timer));
    if (overtime->context)
        LIST_REMOVE(overtime, next);
    overtime->context = NULL;
    overtime->call = NULL;
}

struct agent_result overtime_judge(const struct overtime *overtime,
                                   const struct agent_result *result)
{
    struct agent_result judged = *result;

    if (judged.end != AGENT_END_EXIT || judged.exit_status != 128 + SIGKILL)
        return judged;
    if (overtime->ended_by_engine) {
        judged.end = AGENT_END_TIMEOUT;
        judged.exit_status = STATUS_TIMEOUT;
        judged.message = NULL;
    } else if (overtime->ended_with_another) {
        judged.message = "killed together with another command of this session, which ran past its "
                         "time limit and could not be ended alone; run it again";
    }
    return judged;
}
