/*
 * stripe.c - codesetctl stripe.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "routes/doorbell.h"
#include "store/checkouts.h"
#include "store/stripe_events.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MOST 1000000

/* --- stripe events --------------------------------------------------------------------------- */

/* -1: null. */
static void json_add_cents(json_object *object, const char *name, int64_t cents)
{
    if (cents < 0)
        json_add_text(object, name, NULL);
    else
        json_add_int(object, name, cents);
}

static json_object *event_object(const struct stripe_event_row *event)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "event_id", event->event_id);
    json_add_text(object, "type", event->type);
    json_add_text(object, "state", stripe_state_name(event->state));
    json_add_text(object, "reason", event->reason);
    json_add_time(object, "created_at", event->created_at);
    json_add_time(object, "received_at", event->received_at);
    json_add_time(object, "settled_at", event->settled_at);
    json_add_time(object, "due_at", event->state == STRIPE_DUE ? event->due_at : 0);
    json_add_int(object, "attempts", event->attempts);
    json_add_text(object, "checkout_id",
                  event->checkout_id.text[0] ? event->checkout_id.text : NULL);
    json_add_text(object, "user", event->email);
    json_add_cents(object, "amount_cents", event->amount_cents);
    json_add_int(object, "moved_cents", event->moved_cents);
    return object;
}

static void add_event(const struct stripe_event_row *event, void *arg)
{
    json_object_array_add(arg, event_object(event));
}

int ctl_stripe_events(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"EVENT ID", "event_id"},    {"TYPE", "type"},    {"STATE", "state"},
        {"RECEIVED", "received_at"}, {"USER", "user"},    {"CENTS", "amount_cents"},
        {"MOVED", "moved_cents"},    {"REASON", "reason"}};
    bool quarantined = ctl_option(ctl, "quarantined") != NULL;
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    struct error err = ERROR_INIT;
    struct db *db;
    int64_t limit;

    if (ctl_option_int(ctl, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &limit) != CTL_OK)
        return CTL_USAGE;
    db = ctl_db(ctl, &err);
    if (!db || store_stripe_event_list(db, quarantined ? STRIPE_QUARANTINED : -1, limit, add_event,
                                       rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                quarantined ? "no event is quarantined" : "Stripe has told nothing yet");
    return CTL_OK;
}

/* What is kept of an event, in full where it is shown. */
struct looked_up {
    json_object *object;
    struct id row_id;
    bool in_full;
};

static void look_up(const struct stripe_event_row *event, void *arg)
{
    struct looked_up *found = arg;
    json_object *payload = NULL;
    struct error ignored;

    found->object = event_object(event);
    found->row_id = event->row_id;
    if (found->in_full &&
        json_parse(event->payload, strlen(event->payload), &payload, NULL, &ignored) == 0)
        json_add(found->object, "payload", payload);
}

static int show(struct ctl *ctl, struct db *db, const char *event_id, struct error *err)
{
    struct looked_up found = {.in_full = true};
    _cleanup_(json_release) json_object *object = NULL;

    if (store_stripe_event_get(db, event_id, look_up, &found, err) < 0)
        return ctl_fail(ctl, err);
    object = found.object;
    output_object(ctl_json(ctl), object);
    return CTL_OK;
}

static int change(struct ctl *ctl, struct db *db, const char *event_id,
                  int (*store)(struct db *db, const char *event_id, struct error *err),
                  const char *done, struct error *err)
{
    _cleanup_(doorbell_release) struct doorbell bell =
        DOORBELL_INIT(ctl_settings(ctl)->api.doorbell_socket);
    struct looked_up found = {.in_full = false};
    _cleanup_(json_release) json_object *object = NULL;

    if (store(db, event_id, err) < 0 ||
        store_stripe_event_get(db, event_id, look_up, &found, err) < 0)
        return ctl_fail(ctl, err);
    object = found.object;
    doorbell_ring(&bell, WORK_STRIPE_EVENT, &found.row_id);
    output_done(ctl_json(ctl), object, "event %s %s", event_id, done);
    return CTL_OK;
}

int ctl_stripe_event(struct ctl *ctl)
{
    const char *verb = ctl_argument(ctl, 0);
    const char *event_id = ctl_argument(ctl, 1);
    struct error err = ERROR_INIT;
    struct db *db;

    if (strcmp(verb, "show") != 0 && strcmp(verb, "retry") != 0 && strcmp(verb, "dismiss") != 0)
        return ctl_usage(ctl, "unknown verb '%s': it must be show, retry or dismiss", verb);
    db = ctl_db(ctl, &err);
    if (!db)
        return ctl_fail(ctl, &err);
    if (strcmp(verb, "show") == 0)
        return show(ctl, db, event_id, &err);
    if (strcmp(verb, "retry") == 0)
        return change(ctl, db, event_id, store_stripe_event_retry, "is due again", &err);
    return change(ctl, db, event_id, store_stripe_event_dismiss, "was dismissed", &err);
}

/* --- stripe deposits ------------------------------------------------------------------------- */

static void add_deposit(const struct checkout_row *row, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "checkout_id", row->checkout_id.text);
    json_add_text(object, "user_id", row->user_id.text);
    json_add_text(object, "user", row->email);
    json_add_text(object, "state", checkout_state_name(row->state));
    json_add_int(object, "amount_cents", row->amount_cents);
    json_add_cents(object, "total_cents", row->total_cents);
    json_add_cents(object, "credited_cents", row->credited_cents);
    json_add_int(object, "refunded_cents", row->refunded_cents);
    json_add_int(object, "taken_back_cents", row->taken_cents);
    json_add_text(object, "stripe_session", row->stripe_session);
    json_add_text(object, "payment_intent", row->payment_intent);
    json_add_time(object, "created_at", row->created_at);
    json_add_time(object, "expires_at", row->expires_at);
    json_object_array_add(arg, object);
}

/* *ret_state -1: all. */
static int read_state(struct ctl *ctl, int *ret_state)
{
    const char *word = ctl_option(ctl, "state");

    *ret_state = word ? checkout_state_parse(word) : -1;
    if (!word || *ret_state >= 0)
        return CTL_OK;
    return ctl_usage(ctl,
                     "unknown state '%s': it must be creating, open, processing, paid, failed or "
                     "expired",
                     word);
}

int ctl_stripe_deposits(struct ctl *ctl)
{
    static const struct output_column columns[] = {{"CREATED", "created_at"},
                                                   {"USER", "user"},
                                                   {"STATE", "state"},
                                                   {"CENTS", "amount_cents"},
                                                   {"CREDITED", "credited_cents"},
                                                   {"TAKEN BACK", "taken_back_cents"},
                                                   {"STRIPE SESSION", "stripe_session"}};
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    const char *who = ctl_option(ctl, "user");
    struct error err = ERROR_INIT;
    struct user user;
    struct db *db;
    int64_t limit;
    int state;

    if (ctl_option_int(ctl, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &limit) != CTL_OK ||
        read_state(ctl, &state) != CTL_OK)
        return CTL_USAGE;
    db = who ? ctl_find_user(ctl, who, &user, &err) : ctl_db(ctl, &err);
    if (!db || store_checkout_list(db, state, who ? &user.user_id : NULL, limit, add_deposit, rows,
                                   &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns), "no deposit matches");
    return CTL_OK;
}
