/*
 * judge.h - what an object of Stripe's means for a deposit: which money moves, or why none may.
 * Pure.
 *
 * The result depends on the deposit's row and the object alone, so that objects may come in any
 * order and any number of times: a payment, the sum of refunds and each dispute are facts that stay
 * true. Tax is never credit. What a promotion code took off becomes credit that was granted, not
 * paid. Where tax was paid, refunds and disputes take their share of the credit, to the nearest
 * cent. That no more is taken back than was deposited is the ledger's to see to.
 */
#ifndef CODESET_STRIPE_JUDGE_H
#define CODESET_STRIPE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/checkouts.h"
#include "store/ledger.h"
#include "stripe/event.h"

enum stripe_word {
    STRIPE_TAKE,   /* move what `moves` lists (maybe nothing), and save the row */
    STRIPE_WAIT,   /* what it builds on has not come yet */
    STRIPE_REFUSE, /* it contradicts what was asked for: for a person */
};

struct stripe_move {
    enum ledger_kind kind;
    int64_t cents; /* to the user; never 0 */
    const char *description;
    char event_key[191]; /* of the business event, whichever object tells of it */
    char of_event[191];  /* the deposit's, of what is taken back or given again; else "" */
};

struct stripe_judgement {
    enum stripe_word word;
    const char *reason; /* of a wait or a refusal; or why nothing moves; NULL: none */
    struct stripe_move moves[2];
    size_t count;
};

/* Changes the row to what is to be saved with the moves; of a wait or a refusal it is to be
 * dropped. */
struct stripe_judgement stripe_judge(enum stripe_type type, const struct stripe_facts *facts,
                                     struct checkout *row);

#endif
