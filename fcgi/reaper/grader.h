/*
 * grader.h - has reports graded by codeset-grader, a process that can do nothing but read, compute
 * and answer (docs/security.md). One process a verdict; what it says is taken for hostile.
 *
 *     graders = graders_new(base, agent_path, verifications_max, &err);
 *     grader = grader_start(graders, &request, -1, ready, done, job);
 *     ready(fd): write the tar to fd, close it                  (a non-blocking pipe)
 *     done(err, verdict): the end; the grader is gone
 *
 * All on the loop's thread; no function calls back from within.
 */
#ifndef CODESET_REAPER_GRADER_H
#define CODESET_REAPER_GRADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "wire/grader.h"

struct event_base;
struct grader;
struct graders;

/* At most so many processes at once; further ones wait. The program is looked for beside
 * the agent's binary, as the engine's helper is. NULL on failure. */
struct graders *graders_new(struct event_base *base, const char *agent_path, size_t most,
                            struct error *err);

/* How long one may take, from its start to its answer: GRADER_SECONDS unless it is set. */
void graders_set_limit(struct graders *graders, int64_t milliseconds);

/* Those that were started and have not ended. */
size_t graders_pending(const struct graders *graders);

/* Ends all that run and waits for their ends, which come at once. Calls nobody back. */
void graders_free(struct graders *graders);

struct grader_verdict {
    bool success;
    char *reason; /* why there is no success; NULL with one */
    char *result; /* the TestSuiteResult: JSON of the shape that wire/suite_result.h tells */
    size_t result_length;
};

/*
 * The grader has taken what goes before the tar: fd, which is the receiver's, is where the tar goes
 * to, and its close is the tar's end. It does not block. A write that fails with EPIPE says that
 * the grader has made up its mind: `done` will tell, and counts.
 */
typedef void grader_ready(int fd, void *arg);

/*
 * Exactly once, unless cancelled; the grader is gone then. err is NULL with a verdict, whose texts
 * may be taken (TAKE_PTR); what is left is freed. An error always has a code of docs/verdicts.md;
 * with VERDICT_FAILED (it could not be started, died, took too long, or said what makes no sense)
 * the message is for the log, with the others for whoever asked for the verdict.
 */
typedef void grader_done(const struct error *err, struct grader_verdict *verdict, void *arg);

/*
 * request is copied. tar_fd: a file that holds the tar, read from its beginning and the caller's
 * until the end, and then ready is not called; or -1. Never NULL.
 */
struct grader *grader_start(struct graders *graders, const struct grader_request *request,
                            int tar_fd, grader_ready *ready, grader_done *done, void *arg);

/* NULL: nothing. Nobody is called back. A descriptor that `ready` was given stays its receiver's.
 */
void grader_cancel(struct grader *grader);

#endif
