/*
 * result_grader.h - has the result of an agent's job checked and packed by `codeset-grader result`,
 * a process that can do nothing but read the archive and write one file (docs/security.md). What it
 * says is taken for hostile. As grader.h: all on the loop's thread, no function calls back from
 * within.
 */
#ifndef CODESET_REAPER_RESULT_GRADER_H
#define CODESET_REAPER_RESULT_GRADER_H

#include <stddef.h>

#include "base/error.h"
#include "wire/result.h"

struct event_base;
struct result_grader;
struct result_graders;

/* At most so many processes at once; further ones wait. NULL on failure. */
struct result_graders *result_graders_new(struct event_base *base, const char *agent_path,
                                          size_t most, struct error *err);

/* How long one may take: RESULT_SECONDS unless it is set. */
void result_graders_set_limit(struct result_graders *graders, int64_t milliseconds);

/* Those that were started and have not ended. */
size_t result_graders_pending(const struct result_graders *graders);

/* Ends all that run and waits for their ends, which come at once. Calls nobody back. */
void result_graders_free(struct result_graders *graders);

/* fd, which is the receiver's, is where the archive goes to, and its close is the archive's end. It
 * does not block. A write that fails with EPIPE: the grader has made up its mind, `done` tells. */
typedef void result_grader_ready(int fd, void *arg);

/*
 * Exactly once, unless cancelled; the grader is gone then. err is NULL with the file's size and
 * parts; else its code is one of result_code's. With RESULT_FAILED (it could not be started, died,
 * took too long, or said what makes no sense) the message is for the log, with the others for
 * whoever made the archive.
 */
typedef void result_grader_done(const struct error *err, int64_t bytes,
                                const struct result_parts *parts, void *arg);

/* in_fd: a file that holds the archive, or -1: it goes to what `ready` is given. file_fd: the empty
 * file. Both are the caller's, and need not stay. Never NULL. */
struct result_grader *result_grader_start(struct result_graders *graders,
                                          const struct result_limits *limits, int in_fd,
                                          int file_fd, result_grader_ready *ready,
                                          result_grader_done *done, void *arg);

/* NULL: nothing. Nobody is called back. */
void result_grader_cancel(struct result_grader *grader);

#endif
