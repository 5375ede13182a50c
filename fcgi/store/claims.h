/*
 * claims.h - what the tables of sessions, interactions and verifications do alike; for store/ only.
 */
#ifndef CODESET_STORE_CLAIMS_H
#define CODESET_STORE_CLAIMS_H

#include "store/db.h"
#include "store/sessions.h"

/* Runs `claim` (its values: lease seconds, node, owner, id, node) and reads the row by `select`
 * (id, owner). Returns the rows at their first, or NULL; ERROR_NOT_FOUND: nothing to claim. */
struct db_rows *claim_row(struct db *db, const struct claimant *claimant, const struct id *id,
                          const struct query *claim, const struct query *select, struct error *err);

/* Calls each with the ids that `select` (node, owner, limit) finds. */
int claimable_rows(struct db *db, const struct claimant *claimant, const struct query *select,
                   int64_t limit, void (*each)(const struct id *id, void *arg), void *arg,
                   struct error *err);

/* Why a session took no new work: SESSION_NOT_FOUND, SESSION_NOT_READY, SESSION_CLOSED, or, being
 * ready, limit_code. what: the work's plural, for the message. Returns -1. */
int work_refused(struct db *db, const struct id *user_id, const char *session_id,
                 const char *limit_code, const char *what, int64_t unfinished_max,
                 struct error *err);

#endif
