/*
 * overtime.h - the end of a command's time, kept from outside of its container.
 *
 * The agent holds commands to their limits. Should it come to nothing against its own guest, the
 * engine ends everything in the container but the agent (engine_clear), a second and a half after
 * the limit and so less than two over it. Other commands of that container end as well, since
 * nothing outside tells whose a process is; their results say why. What an answer under way, or a
 * daemon that was asleep, makes late is not taken for that.
 */
#ifndef CODESET_REAPER_OVERTIME_H
#define CODESET_REAPER_OVERTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "agent_client/agent_client.h"
#include "base/id.h"
#include "wire/container.h"

struct context;
struct event;

/* Zeros: nothing is watched. */
struct overtime {
    struct context *context;
    const struct agent_call *call;
    enum container_kind kind;
    struct id container;
    struct event *timer;
    bool looked;             /* since the limit: once more, then it is over */
    bool ended_by_engine;    /* the engine was asked to end the command */
    bool ended_with_another; /* it was asked for another command of the container */
    LIST_ENTRY(overtime) next;
};

/* From now on the call runs a command of so many seconds. Both end by overtime_end. */
void overtime_begin(struct overtime *overtime, struct context *context, enum container_kind kind,
                    const struct id *container, const struct agent_call *call, int64_t seconds);

/* The call is over or cancelled. */
void overtime_end(struct overtime *overtime);

/*
 * A copy of what the agent says, to be looked at after overtime_end: a command that the engine has
 * ended for its time has timed out, and was not killed by somebody; one that was ended along with
 * it is told so.
 */
struct agent_result overtime_judge(const struct overtime *overtime,
                                   const struct agent_result *result);

#endif
