#include "stripe/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

_Static_assert(sizeof("checkout-promotion:") + STRIPE_ID_MOST + 1 <= 191, "keys fit");
_Static_assert(sizeof("refund:") + STRIPE_ID_MOST + sizeof(":99999999999") <= 191, "keys fit");

static struct stripe_judgement take(void)
{
    return (struct stripe_judgement){.word = STRIPE_TAKE};
}

static struct stripe_judgement hold(const char *reason)
{
    return (struct stripe_judgement){.word = STRIPE_WAIT, .reason = reason};
}

static struct stripe_judgement refuse(const char *reason)
{
    return (struct stripe_judgement){.word = STRIPE_REFUSE, .reason = reason};
}

/* deposit: whose money it is that comes back; NULL: nobody's. */
static void add_move(struct stripe_judgement *judgement, enum ledger_kind kind, int64_t cents,
                     const char *description, const char *prefix, const char *id,
                     const struct checkout *deposit)
{
    struct stripe_move *move;

    if (cents == 0)
        return;
    move = &judgement->moves[judgement->count++];
    move->kind = kind;
    move->cents = cents;
    move->description = description;
    snprintf(move->event_key, sizeof(move->event_key), "%s:%s", prefix, id);
    if (deposit)
        snprintf(move->of_event, sizeof(move->of_event), "checkout:%s", deposit->stripe_session);
}

/* The part of the credit that belongs to a part of what was paid. */
static int64_t share_of(const struct checkout *row, int64_t cents)
{
    return (cents * row->credited_cents + row->total_cents / 2) / row->total_cents;
}

static void replace_text(char **text, const char *with)
{
    free(*text);
    *text = xstrdup(with);
}

/* --- sessions -------------------------------------------------------------------------------- */

/* What has to be true of each session that is this deposit's, paid or not. */
static const char *fault_of_session(const struct stripe_facts *facts, const struct checkout *row)
{
    if (row->stripe_session && strcmp(row->stripe_session, facts->id) != 0)
        return "another session was made for this deposit";
    if (strcmp(facts->mode, "payment") != 0)
        return "the session's mode is not 'payment'";
    if (facts->livemode != row->livemode)
        return "test mode and live mode are mixed";
    if (strcmp(facts->currency, "usd") != 0)
        return "the currency is not 'usd'";
    if (facts->amount != row->amount_cents)
        return "amount_subtotal is not the amount that was asked for";
    return NULL;
}

static const char *fault_of_payment(const struct stripe_facts *facts, const struct checkout *row)
{
    if (facts->total != facts->amount - facts->discount + facts->tax)
        return "amount_total is not the subtotal less the discount plus the tax";
    if (facts->discount > facts->amount || (facts->discount > 0 && !row->allows_promotions))
        return "a discount was given that this deposit does not allow";
    if (facts->tax > 0 && !row->allows_tax)
        return "a tax was added that this deposit does not allow";
    if (strcmp(facts->payment_status, "no_payment_required") == 0 && facts->total != 0)
        return "no payment was required, but amount_total is not 0";
    return NULL;
}

static struct stripe_judgement judge_paid(const struct stripe_facts *facts, struct checkout *row)
{
    struct stripe_judgement judgement = take();
    const char *fault = fault_of_payment(facts, row);

    if (fault)
        return refuse(fault);
    row->state = CHECKOUT_PAID;
    row->total_cents = facts->total;
    row->credited_cents = facts->amount - facts->discount;
    add_move(&judgement, LEDGER_DEPOSIT, row->credited_cents, "Deposit", "checkout", facts->id,
             NULL);
    add_move(&judgement, LEDGER_PROMOTION, facts->discount, "Promotion code", "checkout-promotion",
             facts->id, NULL);
    return judgement;
}

static enum checkout_state state_of_unpaid(enum stripe_type type, const struct stripe_facts *facts,
                                           enum checkout_state before)
{
    if (type == STRIPE_SESSION_FAILED)
        return CHECKOUT_FAILED;
    if (strcmp(facts->status, "expired") == 0)
        return CHECKOUT_EXPIRED;
    if (before == CHECKOUT_FAILED || before == CHECKOUT_EXPIRED)
        return before;
    if (strcmp(facts->status, "complete") == 0)
        return CHECKOUT_PROCESSING;
    return before == CHECKOUT_CREATING ? CHECKOUT_OPEN : before;
}

/* An operator asks why an event that was applied credited nothing. */
static struct stripe_judgement take_nothing(enum checkout_state state)
{
    struct stripe_judgement judgement = take();

    if (state == CHECKOUT_PROCESSING)
        judgement.reason = "not paid yet";
    else if (state == CHECKOUT_FAILED)
        judgement.reason = "the payment failed";
    else if (state == CHECKOUT_EXPIRED)
        judgement.reason = "the page expired before it was paid";
    return judgement;
}

static struct stripe_judgement judge_session(enum stripe_type type,
                                             const struct stripe_facts *facts, struct checkout *row)
{
    const char *fault = fault_of_session(facts, row);
    bool paid = strcmp(facts->payment_status, "paid") == 0 ||
                (strcmp(facts->payment_status, "no_payment_required") == 0 &&
                 strcmp(facts->status, "complete") == 0);

    if (fault)
        return refuse(fault);
    replace_text(&row->stripe_session, facts->id);
    if (facts->payment_intent[0])
        replace_text(&row->payment_intent, facts->payment_intent);
    if (row->state == CHECKOUT_PAID)
        return take();
    if (paid && type != STRIPE_SESSION_FAILED && type != STRIPE_SESSION_EXPIRED)
        return judge_paid(facts, row);
    row->state = state_of_unpaid(type, facts, row->state);
    return take_nothing(row->state);
}

/* --- what is taken back ---------------------------------------------------------------------- */

static const char *fault_of_return(const struct stripe_facts *facts, const struct checkout *row)
{
    if (facts->livemode != row->livemode)
        return "test mode and live mode are mixed";
    if (strcmp(facts->currency, "usd") != 0)
        return "the currency is not 'usd'";
    if (row->payment_intent && strcmp(row->payment_intent, facts->payment_intent) != 0)
        return "the deposit was paid by another payment intent";
    return NULL;
}

static struct stripe_judgement judge_charge(const struct stripe_facts *facts, struct checkout *row)
{
    struct stripe_judgement judgement = take();
    const char *fault = fault_of_return(facts, row);
    char id[STRIPE_ID_MOST + 24];
    int64_t taken;

    if (fault)
        return refuse(fault);
    if (row->state != CHECKOUT_PAID)
        return hold("the payment that was refunded has not been told of yet");
    if (facts->amount != row->total_cents || facts->refunded > row->total_cents)
        return refuse("more was refunded than was paid, or the charge is of another amount");
    if (facts->refunded <= row->refunded_cents)
        return take();
    taken = share_of(row, facts->refunded);
    snprintf(id, sizeof(id), "%s:%lld", facts->payment_intent, (long long)facts->refunded);
    add_move(&judgement, LEDGER_CARD_REFUND, row->taken_cents - taken, "Refund to the card",
             "refund", id, row);
    row->refunded_cents = facts->refunded;
    row->taken_cents = taken;
    return judgement;
}

/* An inquiry takes no money; a dispute that was prevented ends in a refund. */
static bool takes_money(const char *status)
{
    return strncmp(status, "warning_", 8) != 0 && strcmp(status, "prevented") != 0;
}

static struct stripe_judgement judge_dispute(const struct stripe_facts *facts, struct checkout *row)
{
    struct stripe_judgement judgement = take();
    const char *fault = fault_of_return(facts, row);
    int64_t share;

    if (fault)
        return refuse(fault);
    if (!takes_money(facts->status))
        return judgement;
    if (row->state != CHECKOUT_PAID || row->total_cents == 0)
        return hold("the payment that is disputed has not been told of yet");
    if (facts->amount > row->total_cents)
        return refuse("more is disputed than was paid");
    share = share_of(row, facts->amount);
    add_move(&judgement, LEDGER_DISPUTE, -share, "Disputed payment", "dispute", facts->id, row);
    if (strcmp(facts->status, "won") == 0)
        add_move(&judgement, LEDGER_DISPUTE_WON, share, "Dispute won", "dispute-won", facts->id,
                 row);
    return judgement;
}

struct stripe_judgement stripe_judge(enum stripe_type type, const struct stripe_facts *facts,
                                     struct checkout *row)
{
    switch (facts->object) {
    case STRIPE_SESSION:
        return judge_session(type, facts, row);
    case STRIPE_CHARGE:
        return judge_charge(facts, row);
    case STRIPE_DISPUTE:
        break;
    }
    return judge_dispute(facts, row);
}
