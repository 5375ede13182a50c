/*
 * credit.h - what an operator does with credits: gives, ends and gives back.
 *
 * Each is a database transaction. A call whose answer was lost may be repeated with the same event
 * key.
 */
#ifndef CODESET_STORE_CREDIT_H
#define CODESET_STORE_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

/* expires_at 0: never. *ret_moved false: the event has been there already. */
int store_credit_grant(struct db *db, const struct id *user_id, const char *event_key,
                       int64_t cents, int64_t expires_at, const char *description, bool *ret_moved,
                       struct error *err);

/* Ends a grant now. *ret_cents: what was left of it and is not used yet. ERROR_NOT_FOUND. */
int store_credit_expire(struct db *db, const struct id *grant_id, int64_t *ret_cents,
                        struct error *err);

/* Gives a charge back to the money that bore it, cents of it; 0: all that was not given back yet.
 * ERROR_NOT_FOUND, LEDGER_ORIGIN: it is no charge; ERROR_CONFLICT, LEDGER_EXCEEDED: more than is
 * left of it, or nothing is. */
int store_credit_refund(struct db *db, const struct id *transaction_id, int64_t cents,
                        const char *description, int64_t *ret_cents, struct error *err);

struct credit_grant {
    struct id grant_id;
    int64_t amount_cents, remaining_cents;
    int64_t created_at, expires_at; /* expires_at 0: never */
    const char *description;
};

/* In the order in which they are used; the used up ones, too. */
int store_credit_grants(struct db *db, const struct id *user_id,
                        void (*each)(const struct credit_grant *grant, void *arg), void *arg,
                        struct error *err);

#endif
