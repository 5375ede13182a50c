/*
 * child.h - a program that does part of a backup, and the pipe to or from it.
 *
 * Its standard error is the caller's. It is not waited for by anybody else, and is killed where its
 * handle is released before its end.
 */
#ifndef CODESET_BACKUP_CHILD_H
#define CODESET_BACKUP_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

#define CHILD_FILE_FD 3 /* where a program finds the file that it was given */

struct child {
    const char *name;
    pid_t pid; /* 0: there is none */
    int fd;    /* of the pipe; -1: closed */
};

/* argv[0] is looked for in PATH. takes_input: the pipe is its standard input, else its output.
 * file: a descriptor for CHILD_FILE_FD; -1: none. argv must outlive the child. */
int child_start(struct child *child, const char *const argv[], bool takes_input, int file,
                struct error *err);

/* Closes the pipe and waits. An exit status above `most` is an error. */
int child_end(struct child *child, int most, struct error *err);

void child_release(struct child *child);

#endif
