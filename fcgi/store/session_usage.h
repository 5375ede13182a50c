/*
 * session_usage.h - what sessions' containers used, as the daemon saw it now and then.
 */
#ifndef CODESET_STORE_SESSION_USAGE_H
#define CODESET_STORE_SESSION_USAGE_H

#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

/* A daemon keeps fewer, whatever the session's age. The newest are shown. */
#define SESSION_USAGE_MAX 2000

struct session_usage {
    int64_t at;
    int64_t memory_bytes, disk_bytes, processes;
    int64_t cpu_us, oom_kills; /* since the container was started */
};

/* Adds a sample, of now, to a session that is ready; to another nothing. */
int store_session_usage_add(struct db *db, const struct id *session_id,
                            const struct session_usage *usage, struct error *err);

/* Calls each with the session's samples, the oldest first. user_id NULL: whoever's session.
 * Code SESSION_NOT_FOUND (ERROR_NOT_FOUND). *ret_status: enum session_status. */
int store_session_usage_list(struct db *db, const struct id *user_id, const struct id *session_id,
                             void (*each)(const struct session_usage *usage, void *arg), void *arg,
                             int *ret_status, struct error *err);

/* A ready session, and what it used between its last two samples. */
struct session_load {
    struct id session_id;
    const char *user; /* the e-mail address, or the id */
    const char *dataset, *sample_id;
    int64_t age_seconds;
    struct session_usage usage; /* at 0: there is no sample yet */
    double cores;               /* processors in use */
};

/* The one that computes most first. */
int store_session_loads(struct db *db, void (*each)(const struct session_load *load, void *arg),
                        void *arg, struct error *err);

#endif
