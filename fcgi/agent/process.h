/*
 * process.h - what the agent's processes do to their own capabilities and turns.
 */
#ifndef CODESET_AGENT_PROCESS_H
#define CODESET_AGENT_PROCESS_H

#include <stdbool.h>

/*
 * Gives up what the agent has more than a command (CAP_SETPCAP): then the kernel refuses the
 * caller, and what it becomes, to set priority, policy or processors of the agent and of shepherds
 * (fcgi/container/oci_config.c). An agent that is no container's may have nothing to give up. 0, or
 * -1 with errno.
 */
int process_drop_capability(void);

/*
 * Takes short turns on the processors, or the usual ones again; what is forked takes its parent's.
 * From Linux 6.12 on, a process of short turns that wakes up does not wait for the end of a longer
 * one, as of a neighbour that never waits. It gets no more time in all. Older kernels go on as they
 * were. Source: sched_setattr(2); the kernel's "EEVDF Scheduler", on latency-nice and slices.
 */
void process_short_turns(bool on);

#endif
