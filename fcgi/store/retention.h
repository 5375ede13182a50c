/*
 * retention.h - what is deleted after so many days, in small steps.
 *
 * Of an ended session go first its interactions' outputs, then, days later, the session itself with
 * its interactions and verifications, unless it is still to be charged. A step deletes at most
 * `limit` rows of a kind, and of outputs and results about 16 MiB in all (more only where a single
 * row is larger). Each kind goes by statements of its own at READ COMMITTED that lock nothing but
 * what they delete: final rows, for which no request waits.
 */
#ifndef CODESET_STORE_RETENTION_H
#define CODESET_STORE_RETENTION_H

#include <stdint.h>

#include "base/error.h"

struct db;

/* Days behind the end; 0: for ever. */
struct retention {
    int64_t outputs_days;  /* stdout and stderr of interactions, whose message then says so, and
                            * of verifiers, where no result has them */
    int64_t sessions_days; /* sessions, with all that belongs to them */
    int64_t verifications_days; /* verification jobs and their results */
    int64_t changes_days;       /* what they were given to verify, behind the time it was kept */
    int64_t tokens_days;        /* refresh tokens, behind their expiry */
    int64_t stripe_events_days; /* events that were applied, ignored or dismissed */
};

/* Idempotency-Keys are kept for IDEMPOTENCY_HOURS. Dead runs and containers that are gone are kept
 * for so many days. */
#define RETENTION_RUNS_DAYS 30

/* What was spent on a day is kept for the limits of that day only. */
#define RETENTION_SPENDING_DAYS 31

/* One step. *ret_removed: rows deleted or emptied; 0: there is nothing left to do for now. The
 * caller comes again soon after a step that removed something, and rarely after one that did not.
 */
int store_prune(struct db *db, const struct retention *retention, int64_t limit,
                int64_t *ret_removed, struct error *err);

#endif
