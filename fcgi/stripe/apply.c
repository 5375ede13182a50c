#include "stripe/apply.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "store/checkouts.h"
#include "store/db.h"
#include "store/ledger.h"
#include "stripe/judge.h"

#include "base/banned.h"

static void conclude(struct stripe_applied *applied, enum stripe_state state, const char *reason)
{
    applied->state = state;
    snprintf(applied->reason, sizeof(applied->reason), "%.*s", (int)sizeof(applied->reason) - 1,
             reason);
}

/* --- within a transaction -------------------------------------------------------------------- */

/* More would be taken back than was deposited: a person must look. Other faults may pass. */
static int beyond_the_deposit(struct stripe_applied *applied, struct error *err)
{
    if (!err->code || strcmp(err->code, "LEDGER_EXCEEDED") != 0)
        return -1;
    error_clear(err);
    conclude(applied, STRIPE_QUARANTINED, "refunds and disputes together are more than was paid");
    return 0;
}

/* All or nothing: where `applied` does not say so in the end, the caller rolls back. */
static int make_moves(struct db *db, const struct stripe_judgement *judgement, struct checkout *row,
                      struct stripe_applied *applied, struct error *err)
{
    for (size_t i = 0; i < judgement->count; i++) {
        const struct stripe_move *move = &judgement->moves[i];
        struct ledger_movement movement = {
            .event_key = move->event_key,
            .kind = move->kind,
            .user_id = row->user_id,
            .amount_cents = move->cents,
            .description = move->description,
            .of_event = move->of_event[0] ? move->of_event : NULL,
        };
        bool moved = false;

        if (store_ledger_move(db, &movement, &moved, err) < 0)
            return beyond_the_deposit(applied, err);
        if (moved) {
            applied->moved_cents += move->cents;
            applied->user_id = row->user_id;
        }
    }
    return 0;
}

static int carry_out(struct db *db, const struct stripe_judgement *judgement, struct checkout *row,
                     struct stripe_applied *applied, struct error *err)
{
    switch (judgement->word) {
    case STRIPE_WAIT:
        conclude(applied, STRIPE_DUE, judgement->reason);
        return 0;
    case STRIPE_REFUSE:
        conclude(applied, STRIPE_QUARANTINED, judgement->reason);
        return 0;
    case STRIPE_TAKE:
        break;
    }
    conclude(applied, STRIPE_APPLIED, judgement->reason ? judgement->reason : "");
    if (make_moves(db, judgement, row, applied, err) < 0)
        return -1;
    return applied->state == STRIPE_APPLIED ? store_checkout_save(db, row, err) : 0;
}

/* Of a charge it is what was given back of it. */
static int64_t amount_of(const struct stripe_facts *facts)
{
    return facts->object == STRIPE_CHARGE ? facts->refunded : facts->amount;
}

/* No row: a session or a charge without our key in its metadata is of another shop on the same
 * account. A dispute has no metadata. */
static void without_row(const struct stripe_facts *facts, struct stripe_applied *applied)
{
    if (facts->names_checkout && !facts->checkout_id.text[0])
        conclude(applied, STRIPE_QUARANTINED, "its metadata names no deposit in a readable way");
    else if (facts->names_checkout || facts->object == STRIPE_DISPUTE)
        conclude(applied, STRIPE_DUE, "no deposit of this server is known by its id");
    else
        conclude(applied, STRIPE_IGNORED, "it belongs to no deposit of this server");
}

static int apply_facts(struct db *db, enum stripe_type type, const struct stripe_facts *facts,
                       struct stripe_applied *applied, struct error *err)
{
    _cleanup_(checkout_release) struct checkout row = {0};
    struct stripe_judgement judgement;
    bool found = false;

    applied->amount_cents = amount_of(facts);
    if (store_checkout_lock(db, &facts->checkout_id,
                            facts->object == STRIPE_SESSION ? facts->id : NULL,
                            facts->payment_intent, &row, &found, err) < 0)
        return -1;
    if (!found) {
        without_row(facts, applied);
        return 0;
    }
    applied->checkout_id = row.checkout_id;
    judgement = stripe_judge(type, facts, &row);
    return carry_out(db, &judgement, &row, applied, err);
}

static int apply_payload(struct db *db, const char *payload, struct stripe_applied *applied,
                         struct error *err)
{
    _cleanup_(json_release) json_object *json = NULL;
    struct stripe_event event;

    if (json_parse(payload, strlen(payload), &json, NULL, err) < 0 ||
        stripe_envelope_read(json, &event, err) < 0)
        return -1;
    snprintf(applied->event_id, sizeof(applied->event_id), "%s", event.id);
    snprintf(applied->type_name, sizeof(applied->type_name), "%s", event.type_name);
    if (event.type == STRIPE_OTHER) {
        conclude(applied, STRIPE_IGNORED, "there is no work for events of this type");
        return 0;
    }
    if (event.type == STRIPE_REFUND_FAILED) {
        conclude(
            applied, STRIPE_QUARANTINED,
            "a refund failed: give the credit back if it was of this server, and dismiss this");
        return 0;
    }
    if (stripe_event_read(json, &event, err) < 0) {
        conclude(applied, STRIPE_QUARANTINED, err->message);
        error_clear(err);
        return 0;
    }
    return apply_facts(db, event.type, &event.facts, applied, err);
}

static struct stripe_outcome outcome_of(const struct stripe_applied *applied)
{
    return (struct stripe_outcome){
        .state = applied->state,
        .reason = applied->reason[0] ? applied->reason : NULL,
        .checkout_id = applied->checkout_id.text[0] ? &applied->checkout_id : NULL,
        .amount_cents = applied->amount_cents,
        .moved_cents = applied->moved_cents,
    };
}

/* --- transactions ---------------------------------------------------------------------------- */

/* Money and the word "applied" are committed together; any other end takes everything back. */
static int try_event(struct db *db, const struct id *row_id, int64_t *ret_age, bool *ret_due,
                     struct stripe_applied *applied, struct error *err)
{
    _cleanup_(free_ptr) char *payload = NULL;
    struct stripe_outcome outcome;

    if (store_stripe_event_lock(db, row_id, &payload, ret_age, err) < 0)
        return -1;
    *ret_due = payload != NULL;
    if (!payload)
        return 0;
    if (apply_payload(db, payload, applied, err) < 0)
        return -1;
    if (applied->state != STRIPE_APPLIED)
        return 0;
    outcome = outcome_of(applied);
    if (store_stripe_event_settle(db, row_id, &outcome, err) < 0)
        return -1;
    return db_commit(db, err);
}

/* What was not applied: put aside, or put off. */
static int settle_unapplied(struct db *db, const struct id *row_id, int64_t age,
                            struct stripe_applied *applied, struct error *err)
{
    struct stripe_outcome outcome;

    if (applied->state == STRIPE_DUE && age > STRIPE_PATIENCE_SECONDS)
        applied->state = STRIPE_QUARANTINED;
    if (applied->state == STRIPE_DUE)
        return store_stripe_event_postpone(db, row_id, applied->reason, err);
    outcome = outcome_of(applied);
    return store_stripe_event_settle(db, row_id, &outcome, err);
}

/* Others may have waited for what was applied; if they are not told, they come later by themselves.
 */
static void hasten(struct db *db, const struct stripe_applied *applied)
{
    struct error ignored = ERROR_INIT;

    if (applied->moved_cents != 0)
        store_stripe_event_hasten(db, &ignored);
}

int stripe_apply_event(struct db *db, const struct id *row_id, struct stripe_applied *ret_applied,
                       struct error *err)
{
    struct stripe_applied applied = {.state = STRIPE_DUE, .amount_cents = -1};
    struct error ignored = ERROR_INIT;
    int64_t age = 0;
    bool due = false;
    int outcome;

    if (db_begin(db, err) < 0)
        return -1;
    outcome = try_event(db, row_id, &age, &due, &applied, err);
    db_rollback(db); /* does nothing behind the commit */
    if (outcome < 0) {
        conclude(&applied, STRIPE_DUE, err->message);
        store_stripe_event_postpone(db, row_id, applied.reason, &ignored);
        return -1;
    }
    if (applied.state != STRIPE_APPLIED) {
        applied.moved_cents = 0;
        applied.user_id.text[0] = '\0';
        if (due && settle_unapplied(db, row_id, age, &applied, err) < 0)
            return -1;
    }
    hasten(db, &applied);
    *ret_applied = applied;
    return 0;
}

int stripe_apply_session(struct db *db, const struct stripe_facts *facts,
                         struct stripe_applied *ret_applied, struct error *err)
{
    struct stripe_applied applied = {.state = STRIPE_DUE, .amount_cents = -1};
    int outcome;

    if (db_begin(db, err) < 0)
        return -1;
    outcome = apply_facts(db, STRIPE_OTHER, facts, &applied, err);
    if (outcome == 0 && applied.state == STRIPE_APPLIED)
        outcome = db_commit(db, err);
    db_rollback(db);
    if (outcome < 0)
        return -1;
    hasten(db, &applied);
    *ret_applied = applied;
    return 0;
}
