/*
 * numbers.h - how the whole installation stands, in a few numbers for whoever watches it.
 *
 * Each is read by an index, and costs as much as there is work that is not done.
 */
#ifndef CODESET_STORE_NUMBERS_H
#define CODESET_STORE_NUMBERS_H

#include <stdint.h>

#include "base/error.h"

struct db;

struct store_queue {
    int64_t length;
    int64_t age_us; /* of the oldest; 0: none waits */
};

struct store_numbers {
    int64_t creating, ready; /* sessions */
    struct store_queue sessions, interactions, verifications, stripe_events, agent_jobs;
    int64_t quarantined;   /* events of Stripe's */
    int64_t ledger_lag_us; /* since the end of the oldest session that is not charged; 0: none */
    int64_t low_balances;  /* below their user's threshold */
    int64_t audit_age_us;  /* since the last audit of the ledger; -1: there was none */
    int64_t audit_findings;
};

/* low_balance_cents: the threshold of users without one of their own; 0: none. */
int store_numbers_read(struct db *db, int64_t low_balance_cents, struct store_numbers *ret_numbers,
                       struct error *err);

/* An audit of the ledger has ended. The administrator's. */
int store_audit_note(struct db *db, int64_t findings, struct error *err);

#endif
