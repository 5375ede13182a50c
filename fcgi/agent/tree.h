/*
 * tree.h - the processes below a process, and how to end them all.
 */
#ifndef CODESET_AGENT_TREE_H
#define CODESET_AGENT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A /proc of our own: what is mounted over it later does not matter. -1 if there is none. */
int tree_open(void);

/*
 * Sends the signal to every living process below `root` that is not, and is not below, one of
 * `spared`. Returns how many those were; with SIGSTOP, how many had not stopped yet. -1 where
 * /proc can't be read.
 */
int tree_signal(int proc_fd, pid_t root, const pid_t *spared, size_t spared_count, int signal);

/*
 * Ends everything below the caller, which is a child subreaper, and reaps it. Processes are
 * stopped first, so that they hold their places under the limit of processes while they are
 * counted. What outruns that (a chain of processes each of which forks and exits) is ended by
 * kill(-1), in one step, where that reaches no further than the container: in_container says so.
 * Returns when none is left, or after 10 seconds.
 */
void tree_end(int proc_fd, bool in_container);

#endif
