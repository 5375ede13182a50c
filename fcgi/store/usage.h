/*
 * usage.h - what users read of the ledger: balances, and pages of transactions in bounded time,
 * whatever their number.
 */
#ifndef CODESET_STORE_USAGE_H
#define CODESET_STORE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "store/users.h"

struct db;

struct balance {
    struct id user_id;
    int64_t balance_cents, paid_cents, granted_cents;
    int64_t total_deposited_cents, total_spent_cents;
    char stripe_customer[256]; /* Stripe's id of the user; "": none */
    int64_t updated_at;        /* never 0: of a user without any movement, when he came */
};

/* Is the credential good, whose is it, and what has he? In one query. INVALID_CREDENTIALS. */
int store_balance_get_as(struct db *db, const struct credential *credential,
                         struct balance *ret_balance, struct caller *ret_caller, struct error *err);

int store_balance_get(struct db *db, const struct id *user_id, struct balance *ret_balance,
                      struct error *err);

/* What the API calls a transaction; several kinds of the ledger are one type. */
enum usage_type {
    USAGE_DEPOSIT,
    USAGE_REFUND,
    USAGE_SESSION,
    USAGE_AGENT_JOB,
    USAGE_AGENT_JOB_REFUND,
    USAGE_TYPES
};
#define USAGE_ALL_TYPES ((1U << USAGE_TYPES) - 1)

/* "deposit", "refund", "session_usage", ... */
const char *usage_type_name(enum usage_type type);

struct usage_query {
    struct id user_id;
    unsigned types;       /* bits of enum usage_type */
    int64_t from, before; /* microseconds since 1970: created_at >= from, < before; -1: any */
    int64_t offset, limit;
};

struct usage_transaction {
    struct id transaction_id;
    enum usage_type type;
    const char *kind; /* of the ledger, for people */
    int64_t amount_cents;
    const char *description;
    int64_t created_at;
    const char *session_id, *job_id; /* NULL: none */
    int64_t seconds;                 /* -1: it is of no session */
};

/* Of all that a query selects, not of its page alone. */
struct usage_summary {
    int64_t transactions; /* all of them */
    int64_t count[USAGE_TYPES];
    int64_t session_cents, agent_job_cents; /* usage: negative, or 0 */
    int64_t session_seconds;
};

/* Newest first. The texts that `each` gets are good until it returns. */
int store_usage_list(struct db *db, const struct usage_query *query,
                     void (*each)(const struct usage_transaction *transaction, void *arg),
                     void *arg, struct usage_summary *ret_summary, struct error *err);

#endif
