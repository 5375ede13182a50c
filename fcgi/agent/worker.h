/*
 * worker.h - a forked child that carries out one request.
 *
 * What touches the guest's files may be slow, large or hostile, so it happens in a child: the
 * agent's loop goes on, and what runs out of memory or time is the child. It sees the request as
 * the agent read it, and sends its answer through a pipe, from which the agent passes it on as
 * fast as the client takes it. When the client goes, the child is killed.
 */
#ifndef CODESET_AGENT_WORKER_H
#define CODESET_AGENT_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct evbuffer;
struct event_base;
struct evhttp_request;
struct workers;

/* In the child: answers by the calls below, and returns when it has. */
typedef void worker_run(struct evhttp_request *req, int out);

struct workers *workers_new(struct event_base *base); /* lives as long as the process */

/* A descriptor that each child made from now on keeps; all others are closed in it. */
void worker_keep(int fd);

/* A child was waited for; its pid may name another process from now on. */
void workers_reaped(struct workers *workers, pid_t pid);

/* Answers the request, sooner or later, with data of the type if the child sends any; with 503 if
 * no child can be made, or it dies or is killed after `seconds` without having begun its answer. */
void worker_start(struct workers *workers, struct evhttp_request *req, worker_run *run,
                  const char *type, int seconds);

/* For those who listen to a child of their own: makes it, and takes the request's body, of which it
 * has a copy. *ret_fd does not block. */
int worker_fork(struct evhttp_request *req, worker_run *run, pid_t *ret_pid, int *ret_fd,
                struct error *err);

/* Takes a whole answer, or what else a child says by worker_commits, off the front of what came
 * from it; replaces *json, which is on the heap. False if there is none. */
#define WORKER_COMMITS 1
bool worker_frame(struct evbuffer *input, int *ret_status, char **json);

/* The child's side. All end the child when the agent does not listen. */

/* The whole answer: a JSON text, or {"message": ...}. */
void worker_json(int out, int status, const char *json);
void worker_message(int out, int status, const char *message);

/* What was asked for is about to be done, in one step. */
void worker_commits(int out);

/* A piece of a 200 answer of the request's type; then its end. A child that ends without
 * saying so leaves the client with an answer that is visibly cut. */
void worker_data(int out, const void *bytes, size_t length);
void worker_end(int out);

#endif
