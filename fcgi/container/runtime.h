/*
 * runtime.h - the runtime that a start becomes, and what it says when it fails.
 *
 * Its complaints are in the log that it is told to write, or on its standard error where it did not
 * come that far (a library is missing, a setting of the host forbids it to run). Standard error is
 * a memory file of RUNTIME_ERRORS_SIZE bytes, which keeps what came first. The agent inherits it,
 * and what it says before it ends is there, too. Of both, an error has the last words.
 */
#ifndef CODESET_CONTAINER_RUNTIME_H
#define CODESET_CONTAINER_RUNTIME_H

#include "base/error.h"

struct container_job;

#define RUNTIME_ERRORS_SIZE (64 << 10)

/* A descriptor of an empty file for its standard error, or -1. */
int runtime_errors_new(struct error *err);

/* Nobody writes it any more: before the container counts as running. */
int runtime_errors_seal(int errors_fd, struct error *err);

/* In the child: becomes the runtime. Returns on failure only. */
int runtime_become(const struct container_job *job, const char *folder, int socket_fd,
                   int errors_fd, struct error *err);

/* What the runtime said, in one line. status: its wait status, or -1 where its time was up, which
 * are milliseconds. Returns -1. */
int runtime_failed(const struct container_job *job, const char *folder, int errors_fd, int status,
                   int timeout_ms, struct error *err);

/* It has ended well, and the agent, which it started, as well. Returns -1. */
int runtime_agent_ended(int errors_fd, struct error *err);

#endif
