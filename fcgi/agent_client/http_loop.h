/*
 * http_loop.h - curl's multi interface on a libevent loop: HTTP transfers that never block.
 */
#ifndef CODESET_AGENT_CLIENT_HTTP_LOOP_H
#define CODESET_AGENT_CLIENT_HTTP_LOOP_H

#include <curl/curl.h>

#include "base/error.h"

struct event_base;
struct http_loop;
struct http_transfer;

/* On the loop's thread, never from within http_loop_start. The transfer is not the loop's any
 * more: it may be started again or freed. */
typedef void http_transfer_done(struct http_transfer *transfer, CURLcode outcome);

/* The caller's, usually a member of something larger; stays until it is done or stopped. */
struct http_transfer {
    CURL *easy; /* the caller's; CURLOPT_PRIVATE and CURLOPT_NOSIGNAL are the loop's */
    http_transfer_done *done;
};

/* Keeps at most `idle_most` connections that nobody uses. */
struct http_loop *http_loop_new(struct event_base *base, int idle_most, struct error *err);

/* Every transfer must have been done or stopped. */
void http_loop_free(struct http_loop *loop);

void http_loop_start(struct http_loop *loop, struct http_transfer *transfer);

/* Ends a transfer that was started and is not done; `done` is not called. */
void http_loop_stop(struct http_loop *loop, struct http_transfer *transfer);

/* Of a transfer that is under way: which of CURLPAUSE_RECV and CURLPAUSE_SEND stay paused. Not from
 * within a callback of curl's. May call `done`, where the receiver refuses what was held back. */
void http_loop_go_on(struct http_loop *loop, struct http_transfer *transfer, int paused);

#endif
