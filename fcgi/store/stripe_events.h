/*
 * stripe_events.h - what Stripe told, whether by a webhook or when it was asked.
 *
 * An event is kept under Stripe's id, once, before anybody is answered. It is `due` until what it
 * says was applied in the same database transaction that says so: applied; ignored (nothing of this
 * server's); or quarantined (a person must look), until somebody retries or dismisses it.
 */
#ifndef CODESET_STORE_STRIPE_EVENTS_H
#define CODESET_STORE_STRIPE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

enum stripe_state {
    STRIPE_DUE,
    STRIPE_APPLIED,
    STRIPE_IGNORED,
    STRIPE_QUARANTINED,
    STRIPE_DISMISSED,
};
const char *stripe_state_name(enum stripe_state state);

/* Texts belong to the caller of whatever takes or gives one. */
struct stripe_event_row {
    struct id row_id;
    const char *event_id;
    const char *type;
    int64_t created_at; /* by Stripe */
    int64_t received_at, settled_at, due_at;
    enum stripe_state state;
    const char *reason; /* NULL: none */
    int64_t attempts;
    const char *payload; /* NULL in a list */
    /* What it is about, as far as the daemon found out: */
    struct id checkout_id; /* "": no deposit of this server's */
    const char *email;     /* of the deposit's user; NULL: none */
    int64_t amount_cents;  /* that it speaks of; -1: none */
    int64_t moved_cents;   /* to the user, when it was applied */
};

/* What came of an event, and what it is about. */
struct stripe_outcome {
    enum stripe_state state;
    const char *reason;           /* NULL: none */
    const struct id *checkout_id; /* NULL: unknown */
    int64_t amount_cents;         /* -1: it speaks of none */
    int64_t moved_cents;
};

/* Keeps it, due at once; row_id, event_id, type, created_at and payload are read. *ret_new: false
 * where it was there already, and nothing was changed. */
int store_stripe_event_add(struct db *db, const struct stripe_event_row *event,
                           size_t payload_length, bool *ret_new, struct error *err);

/* Those that are due now, the oldest first. */
int store_stripe_event_find(struct db *db, int64_t limit,
                            void (*each)(const struct id *row_id, void *arg), void *arg,
                            struct error *err);

/* Within a transaction: locks it. *ret_payload (to free) is NULL where there is none or it is not
 * due; *ret_age: seconds since it was received, or retried by the operator. */
int store_stripe_event_lock(struct db *db, const struct id *row_id, char **ret_payload,
                            int64_t *ret_age, struct error *err);

/* No more due. Nothing happens to one that is not due. */
int store_stripe_event_settle(struct db *db, const struct id *row_id,
                              const struct stripe_outcome *outcome, struct error *err);

/* Applying it failed or has to wait: due again in a second, later the older it is, up to an
 * hour. */
int store_stripe_event_postpone(struct db *db, const struct id *row_id, const char *reason,
                                struct error *err);

/* Those that were put off are due at once: what they waited for may have come. */
int store_stripe_event_hasten(struct db *db, struct error *err);

/* Is it no more due? */
int store_stripe_event_settled(struct db *db, const struct id *row_id, bool *ret_settled,
                               struct error *err);

/* --- the operator's -------------------------------------------------------------------------- */

/* The newest first. state -1: all. */
int store_stripe_event_list(struct db *db, int state, int64_t limit,
                            void (*each)(const struct stripe_event_row *event, void *arg),
                            void *arg, struct error *err);

/* Calls each once, with the payload; ERROR_NOT_FOUND. event_id: Stripe's. */
int store_stripe_event_get(struct db *db, const char *event_id,
                           void (*each)(const struct stripe_event_row *event, void *arg), void *arg,
                           struct error *err);

/* Due again, at once; refused (ERROR_CONFLICT) for one that was applied. */
int store_stripe_event_retry(struct db *db, const char *event_id, struct error *err);

/* Somebody has seen to it otherwise: it is not applied. Refused (ERROR_CONFLICT) for one that was.
 */
int store_stripe_event_dismiss(struct db *db, const char *event_id, struct error *err);

/* --- asking ---------------------------------------------------------------------------------- */

/* Is it this daemon's turn to ask, as nobody has for so many seconds? *ret_since: up to when the
 * list of events was read. */
int store_stripe_turn(struct db *db, int64_t seconds, bool *ret_mine, int64_t *ret_since,
                      struct error *err);

/* The list was read up to then; it never goes back. */
int store_stripe_read_until(struct db *db, int64_t when, struct error *err);

#endif
