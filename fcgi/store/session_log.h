/*
 * session_log.h - what was done in a session, as the operator reads it: interactions and
 * verifications in one list.
 */
#ifndef CODESET_STORE_SESSION_LOG_H
#define CODESET_STORE_SESSION_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

#define SESSION_EVENT_VERIFICATION "verification"
#define SESSION_EVENT_SUBJECT 200 /* characters */

/* The texts live until `each` returns. */
struct session_event {
    struct id id;     /* of the interaction, or of the verification job */
    const char *kind; /* an interaction_type, or SESSION_EVENT_VERIFICATION */
    const char *status;
    int64_t created_at, started_at, ended_at; /* 0: not yet */
    bool has_exit_code;
    int64_t exit_code;
    int success;         /* -1: null */
    const char *subject; /* the beginning of a command, or a file's path; may hold NUL; or NULL */
    size_t subject_length;
    const char *message; /* NULL: none */
};

/* Calls each with the newest `limit` of them, the oldest of these first. */
int store_session_log(struct db *db, const struct id *session_id, int64_t limit,
                      void (*each)(const struct session_event *event, void *arg), void *arg,
                      struct error *err);

#endif
