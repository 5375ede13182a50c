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
 * Passes of SIGKILL over the processes below one, and the memory of whom they have met: a process
 * that was sent the signal once makes no child any more, however long its end takes (2 GiB are not
 * given back in an instant). Only where new ones turn up in pass after pass are processes born
 * faster than they can be killed. Starts as zeros.
 */
struct tree_kill {
    struct tree_victim *victims; /* by pid: who was alive in the last pass */
    size_t count;
    int fresh_passes; /* that met somebody new, or could not look */
    int quiet_passes; /* the last ones in a row that met nobody */
};

void tree_kill_release(struct tree_kill *state);

/* One pass, as tree_signal. Returns how many were alive, those that are dying already included. */
int tree_kill_pass(struct tree_kill *state, int proc_fd, pid_t root, const pid_t *spared,
                   size_t spared_count);
bool tree_kill_too_slow(const struct tree_kill *state); /* they are born faster */

/*
 * Ends everything below the caller, which is a child subreaper, and reaps it. Processes are
 * stopped first, so that they hold their places under the limit of processes while they are
 * counted. What is born faster than that (a chain of processes each of which forks and exits) is
 * ended by kill(-1), in one step, where that reaches no further than the container: then `before`
 * is given, and called just before each. Returns when none is left, or after 10 seconds.
 */
typedef void tree_before_kill_all(void *arg);
void tree_end(int proc_fd, tree_before_kill_all *before, void *arg);

#endif
