/*
 * call.h - one request to an agent and its answer, as the rooms of the client make them.
 *
 * A kind of call says what happens to the body of a 200 answer and how the call ends. Its struct
 * begins with a struct agent_call. Between call_new and call_start the caller sets it up; from then
 * on it ends by itself (end, release) or is cancelled (release alone).
 *
 * A transfer pauses when a kind's function returns CURL_WRITEFUNC_PAUSE or CURL_READFUNC_PAUSE and
 * goes on after call_go_on, which may be called from anywhere: it takes effect from the loop.
 */
#ifndef CODESET_AGENT_CLIENT_CALL_H
#define CODESET_AGENT_CLIENT_CALL_H

#include <sys/queue.h>

#include "agent_client/agent_client.h"
#include "agent_client/answer.h"
#include "agent_client/http_loop.h"
#include "base/buf.h"

struct call_kind {
    size_t size; /* of the kind's struct */

    /* Takes a piece of a 200 answer's body: how many bytes, or a pause; or 0 with call->failure.
     * NULL: what comes is gathered in call->body, at most ANSWER_JSON_MOST bytes. */
    size_t (*take)(struct agent_call *call, const char *bytes, size_t length);

    /* Gives a piece of the request's body, as CURLOPT_READFUNCTION. NULL: call_send is used. */
    size_t (*give)(struct agent_call *call, char *bytes, size_t most);

    /* The transfer has ended, with err->kind ERROR_NONE if its answer is a whole one of status 200.
     * True: not yet, the kind goes on by itself and calls call_end later. NULL: it is over. */
    bool (*linger)(struct agent_call *call, CURLcode outcome);

    /* Calls back. err may be changed. */
    void (*end)(struct agent_call *call, struct error *err);

    void (*release)(struct agent_call *call); /* what else the kind's struct owns; or NULL */
};

struct agent_call {
    struct http_transfer transfer; /* first: a transfer's address is its call's */
    LIST_ENTRY(agent_call) links;
    struct agent_client *client;
    const struct call_kind *kind;
    bool started; /* curl has it */
    bool ending;  /* calling back: it can't be cancelled any more */
    int paused;   /* CURLPAUSE_RECV, CURLPAUSE_SEND */
    int to_go_on; /* which of them end soon */
    struct event *go_on;
    struct event *deadline;
    struct curl_slist *headers;
    struct buf request;   /* the body that is sent, where it is in our memory */
    size_t request_given; /* how much of it curl has, where it is freed when it is sent */
    void (*request_sent)(struct agent_call *call);
    struct answer answer;
    struct buf body;
    struct error failure; /* what our own reading or writing found wrong */
    void *arg;            /* the caller's */
};

struct agent_client {
    struct event_base *base;
    struct http_loop *loop;
    LIST_HEAD(, agent_call) calls;
    char *token;
    agent_admit *admit;
    void *admit_arg;
};

/* target: path and query. An address that is none makes a call that fails. NULL: call_address
 * says both before the call is started. */
struct agent_call *call_new(struct agent_client *client, const struct call_kind *kind,
                            const char *address, const char *method, const char *target, void *arg);
void call_address(struct agent_call *call, const char *address, const char *target);

/* The request's body: bytes that stay until the call ends; what kind->give says, `size` bytes or,
 * with -1, until it says that there is no more. */
void call_send(struct agent_call *call, const void *bytes, size_t size);

/* The body in call->request, which is freed when it has been sent, and `sent` (or NULL) called.
 * Small ones stay until the call ends: they cost little, and curl can send them again by itself
 * where a connection that is used again turns out to be closed. A large one that must be sent again
 * ends the call with AGENT_UNREACHABLE. */
#define CALL_REQUEST_KEPT 4096
void call_send_request(struct agent_call *call, void (*sent)(struct agent_call *call));

void call_send_given(struct agent_call *call, int64_t size);

void call_start(struct agent_call *call);

/* From now on so much time is left; -1: any. */
void call_limit(struct agent_call *call, int64_t ms);

/* Lets a paused direction go on. */
void call_go_on(struct agent_call *call, int direction);

/* Ends a call that lingers: kind->end, then it is gone. */
void call_end(struct agent_call *call, CURLcode outcome);

/* Texts of a target, percent-encoded. */
void call_add_escaped(struct buf *target, const char *text);
void call_add_field(struct buf *target, const char *name, const char *value);

#endif
