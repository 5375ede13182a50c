#include "reaper/setup.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/mem.h"
#include "reaper/admission.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/diagnosis.h"
#include "reaper/overtime.h"
#include "settings.h"

#include "base/banned.h"

#define QUOTED_MOST 400 /* bytes of each output that the log quotes */
#define TRIES_MAX 3     /* of a call to an agent that lives but can't be reached */
#define RETRY_MS 250

struct setup {
    struct context *context;
    struct container *container;
    struct setup_command command;
    struct agent_call *call;
    struct event *timer; /* of the next try */
    int tries;
    struct admission admission;
    struct overtime overtime;
    setup_done *done;
    void *arg;
};

static int judge(const struct setup *setup, const struct agent_result *result, struct error *err)
{
    long long limit = setup->context->settings->setup_timeout_seconds;
    size_t out = diagnosis_tail(result->out, result->out_length, QUOTED_MOST);
    size_t told = diagnosis_tail(result->err, result->err_length, QUOTED_MOST);

    if (result->end == AGENT_END_FAILED)
        return error_set(err, ERROR_INTERNAL, "SETUP_FAILED", "it could not be started: %s",
                         result->message ? result->message : "no reason");
    if (result->end == AGENT_END_TIMEOUT)
        return error_set(err, ERROR_LIMIT, "SETUP_FAILED", "it did not end within %lld s", limit);
    if (result->exit_status != 0)
        return error_set(err, ERROR_INVALID, "SETUP_FAILED",
                         "it ended with status %d; the end of its stderr: %s; of its stdout: %.*s",
                         result->exit_status, result->err + told, (int)(result->out_length - out),
                         result->out + out);
    return 0;
}

static void run(struct setup *setup);

static void run_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run(arg);
}

/* An agent that is only slow is asked again, which starts nothing twice. */
static bool is_tried_again(struct setup *setup, const struct error *err)
{
    if (!err || !err->code || strcmp(err->code, "AGENT_UNREACHABLE") != 0 ||
        ++setup->tries > TRIES_MAX)
        return false;
    context_timer(setup->context, &setup->timer, RETRY_MS, run_again, setup);
    container_suspect(setup->container);
    return true;
}

static void ran(const struct error *err, const struct agent_result *result, void *arg)
{
    struct setup *setup = ((struct admission *)arg)->owner;
    struct agent_result judged;
    struct error why = ERROR_INIT;

    setup->call = NULL;
    overtime_end(&setup->overtime);
    if (is_tried_again(setup, err))
        return;
    agent_forget(setup->context->agents, container_address(setup->container),
                 container_id(setup->container)->text);
    if (!err) {
        judged = overtime_judge(&setup->overtime, result);
        if (judge(setup, &judged, &why) < 0)
            err = &why;
    }
    setup->done(err, setup->arg);
}

/* The container's id is no interaction's: the agent has nothing else of that name. */
static void run(struct setup *setup)
{
    struct context *context = setup->context;
    const struct container *container = setup->container;
    int64_t limit = context->settings->setup_timeout_seconds;
    const struct agent_command command = {
        .id = container_id(container)->text,
        .command = setup->command.command,
        .command_length = strlen(setup->command.command),
        .workdir = setup->command.folder,
        .env_json = container_environment(container),
        .profile_json = container_profile(container),
        .timeout_seconds = (int)limit,
    };

    setup->call = agent_run(context->agents, container_address(container), &command, false, ran,
                            &setup->admission);
    overtime_begin(&setup->overtime, context, CONTAINER_SESSION, container_id(container),
                   setup->call, limit);
}

struct setup *setup_begin(struct context *context, struct container *container,
                          const struct setup_command *command, setup_done *done, void *arg)
{
    struct setup *setup = xcalloc(1, sizeof(*setup));

    *setup = (struct setup){
        .context = context, .container = container, .command = *command, .done = done, .arg = arg};
    setup->admission =
        (struct admission){.budget = context->budget, .user = &setup->command.user, .owner = setup};
    run(setup);
    return setup;
}

void setup_end(struct setup *setup)
{
    if (!setup)
        return;
    if (setup->call) {
        agent_call_cancel(setup->call);
        overtime_end(&setup->overtime);
    }
    if (setup->timer)
        event_free(setup->timer);
    admission_return(&setup->admission);
    free(setup);
}
