/*
 * apply.h - what Stripe told becomes money in the ledger: each in one database transaction, in
 * which the deposit's row is locked, the money moves under the key of its business event, and the
 * event says that it was applied. Whoever is killed in between leaves it as it was.
 */
#ifndef CODESET_STRIPE_APPLY_H
#define CODESET_STRIPE_APPLY_H

#include "base/error.h"
#include "base/id.h"
#include "store/stripe_events.h"
#include "stripe/event.h"

struct db;

/* An event that waits for something that never comes is a person's after that. */
#define STRIPE_PATIENCE_SECONDS (24 * 3600)

struct stripe_applied {
    enum stripe_state state; /* STRIPE_DUE: it waits, or was not due any more */
    char event_id[STRIPE_ID_MOST + 1];
    char type_name[STRIPE_TYPE_MOST + 1];
    char reason[256];    /* "" without one */
    int64_t moved_cents; /* the sum of what moved, to the user */
    struct id user_id;   /* whose; "" where nothing moved */
    /* What it is about, whatever came of it: */
    struct id checkout_id; /* the deposit; "": none that is known */
    int64_t amount_cents;  /* that it speaks of; -1: none */
};

/* An event that was kept. -1: it could not be applied now; it stays due, for later and later. Two
 * at once are one after the other, and the second finds it not due. */
int stripe_apply_event(struct db *db, const struct id *row_id, struct stripe_applied *ret_applied,
                       struct error *err);

/* A session as Stripe gives it when it is asked: no event is needed. */
int stripe_apply_session(struct db *db, const struct stripe_facts *facts,
                         struct stripe_applied *ret_applied, struct error *err);

#endif
