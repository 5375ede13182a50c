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

/* The work of this run's ready sessions that is to be claimed, for claimable(). table, id: of the
 * work; under_way: the statuses of what is being done; unfinished: of that and of what waits. */
#define CLAIMABLE(table, id, under_way, unfinished)                                                \
    "WITH running AS (SELECT t.user_id, COUNT(*) AS n FROM " table                                 \
    " o JOIN sessions t USING (session_id) WHERE o.status IN (" under_way ") AND o.owner=? "       \
    "GROUP BY t.user_id) SELECT q." id " FROM (SELECT w." id ", w.created_at, "                    \
    "ROW_NUMBER() OVER (PARTITION BY s.user_id ORDER BY w.created_at, w." id ") + "                \
    "IFNULL(r.n, 0) AS place FROM " table " w JOIN sessions s USING (session_id) "                 \
    "LEFT JOIN running r ON r.user_id=s.user_id WHERE w.status IN (" unfinished ") AND "           \
    "s.status='ready' AND s.owner=? AND (w.owner IS NULL OR w.owner<>?)) q "                       \
    "WHERE q.place <= ? ORDER BY q.place, q.created_at, q." id " LIMIT ?"

/* Calls each with what such a query finds, at most `limit`. Fair: by how much its user has running
 * or waiting before it, at most user_max; then by age. */
int claimable(struct db *db, const struct query *query, const struct run *run, int64_t user_max,
              int64_t limit, void (*each)(const struct id *id, void *arg), void *arg,
              struct error *err);

/* A DB_RUN of a daemon, fenced: where it changed nothing, the claim on `what` is no longer ours. */
int fenced(int status, int64_t changed, const char *what, struct error *err);

/* Why a session took no new work: SESSION_NOT_FOUND, SESSION_NOT_READY, SESSION_CLOSED, or, being
 * ready, limit_code. what: the work's plural, for the message. Returns -1. */
int work_refused(struct db *db, const struct id *user_id, const char *session_id,
                 const char *limit_code, const char *what, int64_t unfinished_max,
                 struct error *err);

#endif
