#include "reaper/context.h"

#include <event2/event.h>
#include <sys/sysinfo.h>

#include "agent_client/agent_client.h"
#include "reaper/admission.h"
#include "reaper/await.h"
#include "reaper/budget.h"
#include "reaper/containers.h"
#include "reaper/db_pool.h"
#include "reaper/grader.h"
#include "reaper/result_grader.h"
#include "reaper/rounds.h"
#include "reaper/usage.h"
#include "reaper/verifications.h"
#include "reaper/way_out.h"
#include "settings.h"

#include "base/banned.h"

int context_open(struct context *context, const struct context_parts *parts, struct error *err)
{
    const struct reaper_settings *settings = parts->settings;

    *context = (struct context){
        .base = parts->base,
        .settings = settings,
        .jobs = parts->jobs,
        .accounts = parts->accounts,
        .job_folder = parts->job_folder ? parts->job_folder : CONTEXT_JOB_FOLDER,
        .run = parts->run,
        .limits = parts->limits,
        .engine = parts->engine,
        .budget = budget_new(settings->results_bytes),
        .containers = containers_new(),
    };
    context->agents = agent_client_new(parts->base, err);
    if (!context->agents)
        return -1;
    admission_set(context->agents);
    context->graders =
        graders_new(parts->base, parts->agent_path, (size_t)verifications_most(settings), err);
    if (!context->graders)
        return -1;
    context->result_graders =
        result_graders_new(parts->base, parts->agent_path, (size_t)get_nprocs(), err);
    if (!context->result_graders)
        return -1;
    context->pool =
        db_pool_new(parts->base, parts->database, parts->watch, (size_t)settings->db_threads, err);
    if (!context->pool)
        return -1;
    way_outs_open(context);
    kinds_open(context, parts->kinds, parts->kind_count);
    context->await = await_new(parts->base, settings->await_socket, settings->holds_max,
                               context->pool, &context->kinds, err);
    return context->await ? 0 : -1;
}

/* Threads first, for they use what follows; the engine and the agents call back no more once they
 * are gone. */
void context_close(struct context *context)
{
    context->stopping = true;
    if (context->budget)
        budget_stop(context->budget);
    db_pool_free(context->pool);
    kinds_close(context);
    way_outs_close(context);
    graders_free(context->graders);
    result_graders_free(context->result_graders);
    containers_free(context->containers);
    agent_client_free(context->agents);
    engine_free(context->engine);
    usage_close(context);
    rounds_free(context->rounds);
    await_free(context->await);
    budget_free(context->budget);
    *context = (struct context){.stopping = true};
}

void context_timer(const struct context *context, struct event **timer, int64_t ms,
                   void (*callback)(int fd, short what, void *arg), void *arg)
{
    struct timeval pause = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    /* Another step may have used it before, with a callback of its own. */
    if (*timer)
        event_free(*timer);
    *timer = evtimer_new(context->base, callback, arg);
    evtimer_add(*timer, &pause);
}
