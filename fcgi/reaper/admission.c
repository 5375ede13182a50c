#include "reaper/admission.h"

#include "agent_client/agent_client.h"

#include "base/banned.h"

static void granted(void *arg)
{
    struct admission *admission = arg;

    agent_call_resume(admission->call);
}

static bool admit(size_t bytes, struct agent_call *call, void *arg)
{
    struct admission *admission = agent_call_arg(call);

    (void)arg;
    admission_return(admission); /* of a try before */
    admission->call = call;
    return budget_ask(admission->budget, &admission->share, admission->user, (int64_t)bytes,
                      granted, admission);
}

void admission_set(struct agent_client *client)
{
    agent_client_set_admit(client, admit, NULL);
}

void admission_return(struct admission *admission)
{
    budget_return(admission->budget, &admission->share);
}
