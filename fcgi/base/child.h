/*
 * child.h - the end of a child.
 */
#ifndef CODESET_BASE_CHILD_H
#define CODESET_BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/* Waits for the end of a child, and kills it when so many milliseconds have passed. True: it has
 * ended by itself, *ret_status is waitpid(2)'s. */
bool child_wait(pid_t pid, int milliseconds, int *ret_status);

/* What bash makes of a status of waitpid(2). */
int child_status(int wait_status);

#endif
