/*
 * zygote.h - a process that has loaded what each run of a trial begins with, and becomes the
 * runs by fork(2).
 *
 * It is root's, has loaded nothing of the session, and belongs to no run: a run is another user's
 * and can neither signal nor read it. It learns nothing of the runs: the process that becomes one
 * reads what that is, and nobody before it. Runs have the same layout of memory and seed of hashes
 * as the zygote, and so as one another; what one writes there, no other has.
 *
 * The program has a SOCK_SEQPACKET socket as descriptor 3, on which it says "ready" when it is. For
 * each run it gets one byte with four descriptors: /dev/null, for standard output and error, for
 * what the run tells, and a file with the run: {"folder": "/repo", "uid": 61184, "argv":
 * [...], "environment": {"HOME": ...}}. It forks twice, so that the run becomes the supervisor's
 * child, and the process between answers the run's id, or 0.
 *
 * No call here waits longer than `seconds` for an answer: a zygote that is stopped, or was killed
 * within an answer, is an error and not a run that takes long.
 */
#ifndef CODESET_TRIAL_ZYGOTE_H
#define CODESET_TRIAL_ZYGOTE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct trial_zygote {
    int fd;      /* -1: there is none */
    pid_t pid;   /* a child of the caller; 0: waited for, and the number is not its any more */
    int seconds; /* that an answer may take */
};

#define TRIAL_ZYGOTE_NONE ((struct trial_zygote){.fd = -1})

/* Can it be told, beside a zygote, when the caller has no other children left? (/proc/thread-self/
 * children, which a kernel may lack.) */
bool trial_zygote_is_possible(void);

/*
 * Starts it and waits until it is ready. environment: of the runs, of which it takes nothing but
 * the language and the time zone: what else is there may lead to what a session wrote. argv: the
 * first is absolute. limits: called in its process. ERROR_INVALID: it is not fit for this, and said
 * why on standard error; or what the environment tells the dynamic linker (LD_*) would not hold for
 * a run that is forked.
 */
int trial_zygote_start(char *const *argv, char *const *environment, void (*limits)(void),
                       struct trial_zygote *ret_zygote, struct error *err);

/* It is killed, and waited for. */
void trial_zygote_stop(struct trial_zygote *zygote);

struct trial_zygote_run {
    uid_t uid;
    const char *folder; /* NULL: the caller's */
    char *const *argv, *const *environment;
    int told_fd, printed_fd;
};

/* The process that becomes the run; it is, or soon will be, the caller's child. */
int trial_zygote_fork(const struct trial_zygote *zygote, const struct trial_zygote_run *run,
                      pid_t *ret_pid, struct error *err);

/* Has the caller no child but the zygote? */
bool trial_zygote_is_alone(const struct trial_zygote *zygote);

#endif
