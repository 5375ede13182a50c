/*
 * grader_process.h - codeset-grader as a process: what the rooms that have something graded
 * (grader.h, result_grader.h) share.
 */
#ifndef CODESET_REAPER_GRADER_PROCESS_H
#define CODESET_REAPER_GRADER_PROCESS_H

#include <sys/types.h>

#include "base/error.h"

#define GRADER_NAME "codeset-grader"

/* The program's path, beside the agent's; the caller's. NULL: it can't be run. */
char *grader_path(const char *agent_path, struct error *err);

struct grader_start {
    const char *path;
    char *const *arguments; /* its name first, NULL last */
    int in, out;
    int file; /* becomes RESULT_FD; -1: none */
};

/* Starts it with these descriptors and no other, without an environment. The caller waits for it.
 */
int grader_spawn(const struct grader_start *start, pid_t *ret_pid, struct error *err);

int grader_pipe(int ends[2], struct error *err);

#endif
