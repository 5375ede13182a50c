/*
 * admission.h - a result is received from an agent when the budget (reaper/budget.h) has room for
 * it: the agent keeps it until then.
 *
 * Whoever runs a command gives agent_run the address of an admission of its own as `arg`, so that
 * the client's request, which only knows what the call knows, finds it.
 */
#ifndef CODESET_REAPER_ADMISSION_H
#define CODESET_REAPER_ADMISSION_H

#include "base/id.h"
#include "reaper/budget.h"

struct agent_call;
struct agent_client;

struct admission {
    struct budget *budget;
    const struct id *user;     /* whose result it is */
    struct budget_share share; /* held from the question to admission_return */
    struct agent_call *call;   /* that waits */
    void *owner;               /* for the callback of agent_run */
};

/* All results that this client receives are asked for. */
void admission_set(struct agent_client *client);

/* The result is written, or is not wanted. */
void admission_return(struct admission *admission);

#endif
