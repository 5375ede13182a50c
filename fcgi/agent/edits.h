/*
 * edits.h - file operations under way, and their outcomes: each by its id, carried out once.
 *
 * An edit is an operation (operations.h). It goes on when its client goes; what it came to is told
 * to whoever asks by its id. One that was killed is told apart by what its child had said before:
 * nothing, then nothing was done, the answer is AGENT_STATUS_BUSY and the id may be used again;
 * that it was about to put the file into its place, then it may have been, the answer is
 * AGENT_STATUS_LOST and stays so.
 */
#ifndef CODESET_AGENT_EDITS_H
#define CODESET_AGENT_EDITS_H

#include <sys/types.h>

#include "agent/worker.h"

struct edits;
struct operations;

struct edits *edits_new(struct event_base *base, struct operations *operations);

/* A child was waited for; its pid may name another process from now on. */
void edits_reaped(struct edits *edits, pid_t pid);

/* Carries the request out, unless its id was met before, and answers it. */
void edits_request(struct edits *edits, struct evhttp_request *req, worker_run *run);

#endif
