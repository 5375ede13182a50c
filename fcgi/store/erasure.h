/*
 * erasure.h - deleting a user: what is known of the person goes, the books stay.
 *
 * The row of the user stays, because the ledger's rows refer to it, but without name, e-mail
 * address and account at GitHub; an empty e-mail address is what marks it, for nobody else has
 * one. Ledger, balance and deposits stay as they are. Every step can be done again: whatever is
 * interrupted is completed by doing all of them once more.
 */
#ifndef CODESET_STORE_ERASURE_H
#define CODESET_STORE_ERASURE_H

#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

#define STRIPE_CUSTOMER_MOST 255

/* What there is of a user. */
struct user_holdings {
    int64_t sessions, open_sessions;
    int64_t jobs, open_jobs; /* agent jobs */
    int64_t active_keys;
    int64_t open_deposits; /* payment pages that can still be paid */
    int64_t balance_cents, transactions;
    char stripe_customer[STRIPE_CUSTOMER_MOST + 1]; /* "": none */
};

int store_user_holdings(struct db *db, const struct id *user_id, struct user_holdings *ret_holdings,
                        struct error *err);

/* The user is locked out and has no name any more: keys are revoked and lose their names, refresh
 * tokens and limits are deleted. ERROR_NOT_FOUND. */
int store_user_erase(struct db *db, const struct id *user_id, struct error *err);

/*
 * Of the user's sessions that are over, deletes up to `limit` with all that was done in them. Over
 * is one that has ended and is charged, whose work has ended and whose container is gone: the
 * daemon sees to it within seconds. *ret_left: how many sessions the user still has.
 */
int store_user_sessions_delete(struct db *db, const struct id *user_id, int64_t limit,
                               int64_t *ret_deleted, int64_t *ret_left, struct error *err);

/*
 * The same for the user's agent jobs. Those that have not ended are ended and paid back; what names
 * a repository, and what the agent printed, goes at once; the row goes when the daemon has removed
 * the result, which it does soon.
 */
int store_user_jobs_delete(struct db *db, const struct id *user_id, int64_t limit,
                           int64_t *ret_deleted, int64_t *ret_left, struct error *err);

/* What Stripe told of this customer's person (name, addresses, card) is taken out of its events,
 * and the customer's id is forgotten. */
int store_user_stripe_erase(struct db *db, const struct id *user_id, struct error *err);

#endif
