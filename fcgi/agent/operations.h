/*
 * operations.h - what the agent was asked to do, by id, and has not been told to forget: commands
 * and file operations.
 *
 * An id is never begun twice: whoever asks for it again waits for the same end, or is told the
 * outcome at once. An operation is remembered from operations_add until operation_forget, or until
 * there are AGENT_OPERATIONS_MOST: then the least lately answered makes room. One that nobody was
 * answered about is never forgotten so.
 *
 * struct operation is the first member of a command or an edit; its kind says which.
 */
#ifndef CODESET_AGENT_OPERATIONS_H
#define CODESET_AGENT_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/error.h"
#include "wire/agent_protocol.h"

struct evhttp_request;
struct operation;
struct operations;
struct waiter;

struct operation_kind {
    /* Answers a request with the outcome of an operation that has ended. */
    void (*answer)(struct operation *operation, struct evhttp_request *req);

    /* It was forgotten before its end: what it does may be ended, and operation_end follows. */
    void (*abandon)(struct operation *operation);

    /* The table lets go of it; it is not looked for any more. */
    void (*unlisted)(struct operation *operation);

    /* No reference is left. */
    void (*free)(struct operation *operation);
};

struct operation {
    TAILQ_ENTRY(operation) links;
    struct operations *operations;
    const struct operation_kind *kind;
    char id[AGENT_ID_MOST + 1];
    int references;
    bool listed;   /* in the table */
    bool known;    /* there under its id */
    bool ended;    /* its outcome is there */
    bool answered; /* somebody was told */
    SLIST_HEAD(, waiter) waiters;
};

struct operations *operations_new(void); /* lives as long as the process */

/* 1 to AGENT_ID_MOST of A-Z a-z 0-9 . _ - */
bool operation_id_valid(const char *id);

/* NULL if there is none. */
struct operation *operations_find(struct operations *operations, const char *id);

/* Forgets one where there are too many. ERROR_UNAVAILABLE: none may be. */
int operations_make_room(struct operations *operations, struct error *err);

/* Sets up an operation that is all zero, with one reference, the caller's. */
void operation_init(struct operation *operation, const struct operation_kind *kind, const char *id);

/* The table takes a reference of its own. There is room, and no other of this id. */
void operations_add(struct operations *operations, struct operation *operation);

/* Removes it at once from what operations_find knows. */
void operation_forget(struct operation *operation);

/* Answers the request when the operation has ended, at once if it has. */
void operation_wait(struct operation *operation, struct evhttp_request *req);

/* It has ended, once. keep: its outcome is remembered; else nothing was done, and its id is free.
 */
void operation_end(struct operation *operation, bool keep);

struct operation *operation_ref(struct operation *operation);
void operation_unref(struct operation *operation);

#endif
