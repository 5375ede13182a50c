/*
 * expendable.h - children that the kernel ends before the agent when memory runs out.
 */
#ifndef CODESET_AGENT_EXPENDABLE_H
#define CODESET_AGENT_EXPENDABLE_H

#include <sys/types.h>

/*
 * To be called before there is anybody else in the container: makes the agent dumpable, which the
 * caller must undo. Else /proc/self is root's of the host. Keeps its oom_score_adj open: a child
 * can't write its own, but inherits its parent's.
 */
void expendable_prepare(void);

/* fork(2), of a child with the highest oom_score_adj. */
pid_t expendable_fork(void);

#endif
