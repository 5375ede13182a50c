/*
 * shepherd.h - the process between the agent and one command.
 *
 * It is a child subreaper, so whatever the command leaves stays below it; it waits for the
 * command, holds it to its time limit, and reports over a SOCK_SEQPACKET socket. It ends with
 * the command. A byte or the end of file from the agent's side tells it to kill everything.
 */
#ifndef CODESET_AGENT_SHEPHERD_H
#define CODESET_AGENT_SHEPHERD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/launch.h"

enum shepherd_event {
    SHEPHERD_STARTED = 1, /* pid and times: said by the command itself, just before exec */
    SHEPHERD_FAILED,      /* message, sys_errno: it never ran */
    SHEPHERD_ENDED,       /* status, micros */
    SHEPHERD_TIMEOUT,     /* micros; everything below is dead */
    SHEPHERD_KILLS_ALL,   /* micros, of the monotonic clock: kill(-1) is about to end all else */
};

struct shepherd_report {
    enum shepherd_event event;
    pid_t pid;
    int status; /* as bash gives it */
    int sys_errno;
    int64_t started_at; /* wall clock, microseconds */
    int64_t files_from; /* clock_of_files: nothing that it writes is older */
    int64_t micros;     /* from the fork to the end */
    char message[256];
};

struct shepherd_job {
    const char *command; /* for a shell; of a trial, its request */
    bool is_trial;       /* trial_main, in place of a shell */
    const char *workdir;
    char *const *environment; /* NULL at its end */
    struct launch launch;
    int timeout_seconds;
    int report_fd; /* the shepherd's end */
    int in_fd, out_fd, err_fd;
    int proc_fd;       /* tree_open's */
    bool in_container; /* the agent is pid 1: kill(-1) stays inside */
};

/* In the forked child: never returns. */
_Noreturn void shepherd_run(const struct shepherd_job *job);

#endif
