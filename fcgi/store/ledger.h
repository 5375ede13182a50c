/*
 * ledger.h - money: double entry, append-only, integer cents.
 *
 * A movement is one row of ledger_transactions, entries that sum to zero, and the user's cached
 * balance, all in one database transaction. Its event_key names the business event; a key that is
 * there already makes the movement a no-op.
 *
 * A user's money lies in two accounts. Granted money is used first, the grant that expires first
 * before others. Paid money bears the rest, and may fall below zero: that is debt. What is given
 * back goes where it came from.
 *
 * Whoever moves money holds the row of the user's balance until the transaction ends. Before it, if
 * at all, the row of the user is locked; behind it, rows of sessions.
 */
#ifndef CODESET_STORE_LEDGER_H
#define CODESET_STORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

/* The API shows fewer types (docs/money.md): those in brackets. */
enum ledger_kind {
    LEDGER_DEPOSIT,          /* + from stripe to paid [deposit] */
    LEDGER_REFUND,           /* + from revenue, of a charge [refund] */
    LEDGER_SESSION_USAGE,    /* - to revenue; may be 0 [session_usage] */
    LEDGER_AGENT_JOB_USAGE,  /* - to revenue [agent_job_usage] */
    LEDGER_AGENT_JOB_REFUND, /* + from revenue, of the job's charge [agent_job_refund] */
    LEDGER_PROMOTION,        /* + from promotion: a grant [deposit] */
    LEDGER_CARD_REFUND,      /* - from paid back to stripe, of a deposit [refund] */
    LEDGER_DISPUTE,          /* - the same, taken back by the cardholder's bank [refund] */
    LEDGER_DISPUTE_WON,      /* + from stripe: what a dispute of the deposit took [refund] */
    LEDGER_EXPIRY,           /* - from a grant back to promotion [refund] */
};

struct ledger_movement {
    const char *event_key;
    enum ledger_kind kind;
    struct id user_id;
    int64_t amount_cents; /* to the user: + or - as above */
    const char *description;

    /* The event_key of the charge or deposit that this one gives back or takes back: required of
     * LEDGER_REFUND, AGENT_JOB_REFUND, CARD_REFUND, DISPUTE and DISPUTE_WON. */
    const char *of_event;
    int64_t expires_at;          /* of LEDGER_PROMOTION; 0: never */
    const struct id *grant_id;   /* of LEDGER_EXPIRY: the grant */
    const struct id *session_id; /* of LEDGER_SESSION_USAGE; else NULL */
    int64_t seconds;             /* the same */
    const struct id *job_id;     /* of agent jobs; else NULL */
    const struct id *key_id;     /* of usage: the key that it is counted for; NULL: none */
};

/*
 * Within the caller's transaction (db_begin). *ret_moved (may be NULL): false where the event had
 * been there already and nothing was changed.
 *
 * ERROR_INVALID, LEDGER_AMOUNT: a sign that the kind does not have, zero, or too much.
 * ERROR_NOT_FOUND, LEDGER_ORIGIN: there is no such of_event of this user (yet), or it is of a kind
 * that can't be given back so; for an expiry, no such grant.
 * ERROR_CONFLICT, LEDGER_EXCEEDED: more would be given back than was charged, or taken back than
 * was deposited.
 */
int store_ledger_move(struct db *db, const struct ledger_movement *movement, bool *ret_moved,
                      struct error *err);

/* Who hears of what follows from movements. A balance that falls below its user's threshold is told
 * once for each fall, behind the commit, on the thread that moved. */
struct ledger_watch {
    int64_t low_balance_cents; /* of users without a threshold of their own; 0: none */
    void (*low)(const struct id *user_id, int64_t balance_cents, int64_t threshold_cents,
                void *arg);
    void *arg;
};

/* Of all movements on this connection from now on; the watch must outlive it. */
void store_ledger_watch(struct db *db, const struct ledger_watch *watch);

/* Locks the user's balance until the transaction ends, and reads it. */
int store_ledger_lock(struct db *db, const struct id *user_id, int64_t *ret_balance_cents,
                      struct error *err);

/* The name of the kind in the database. */
const char *ledger_kind_name(enum ledger_kind kind);

#endif
