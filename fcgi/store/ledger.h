/*
 * ledger.h - money: double entry, append-only, integer cents.
 *
 * A movement is one row of ledger_transactions, entries that sum to zero, and the user's cached
 * balance, all in one database transaction. Its event_key names the business event; a key that is
 * there already makes the movement a no-op.
 */
#ifndef CODESET_STORE_LEDGER_H
#define CODESET_STORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

enum ledger_kind {
    LEDGER_DEPOSIT,          /* from stripe */
    LEDGER_REFUND,           /* from revenue */
    LEDGER_SESSION_USAGE,    /* to revenue; the amount is negative */
    LEDGER_AGENT_JOB_USAGE,  /* to revenue; the amount is negative */
    LEDGER_AGENT_JOB_REFUND, /* from revenue */
    LEDGER_PROMOTION,        /* from promotion */
};

struct ledger_movement {
    const char *event_key;
    enum ledger_kind kind;
    struct id user_id;
    int64_t amount_cents; /* to the user */
    const char *description;
};

/* Within the caller's transaction (db_begin). *ret_moved (may be NULL): false where the event had
 * been there already and nothing was changed. */
int store_ledger_move(struct db *db, const struct ledger_movement *movement, bool *ret_moved,
                      struct error *err);

#endif
