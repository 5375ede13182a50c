/*
 * claims.h - what the tables of sessions, interactions and verifications do alike; for store/ only.
 */
#ifndef CODESET_STORE_CLAIMS_H
#define CODESET_STORE_CLAIMS_H

#include "store/db.h"
#include "store/runs.h"

/* Is that owner's run dead? Its one value: run->lease_seconds. */
#define OWNER_IS_DEAD(owner)                                                                       \
    "NOT EXISTS (SELECT 1 FROM runs dr WHERE dr.run_id=" owner " AND dr.ended_at IS NULL AND "     \
    "dr.heartbeat_at > NOW(6) - INTERVAL ? SECOND)"

/* A DB_RUN of a daemon, fenced: where it changed nothing, the claim on `what` is no longer ours. */
int fenced(int status, int64_t changed, const char *what, struct error *err);

/* Why a session took no new work: SESSION_NOT_FOUND, SESSION_NOT_READY, SESSION_CLOSED, or, being
 * ready, limit_code. what: the work's plural, for the message. Returns -1. */
int work_refused(struct db *db, const struct id *user_id, const char *session_id,
                 const char *limit_code, const char *what, int64_t unfinished_max,
                 struct error *err);

#endif
