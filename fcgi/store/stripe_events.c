#include "store/stripe_events.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

static const char *const state_names[] = {
    [STRIPE_DUE] = "due",
    [STRIPE_APPLIED] = "applied",
    [STRIPE_IGNORED] = "ignored",
    [STRIPE_QUARANTINED] = "quarantined",
    [STRIPE_DISMISSED] = "dismissed",
};

const char *stripe_state_name(enum stripe_state state)
{
    return state_names[state];
}

static enum stripe_state state_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
        if (strcmp(state_names[i], name) == 0)
            return (enum stripe_state)i;
    }
    abort(); /* the column has no other */
}

int store_stripe_event_add(struct db *db, const struct stripe_event_row *event,
                           size_t payload_length, bool *ret_new, struct error *err)
{
    static const struct query query = {
        "INSERT INTO stripe_events (row_id, event_id, type, created_at, payload) "
        "VALUES (?, ?, ?, ?, ?)"};
    int failed = DB_RUN(db, &query, NULL, err, db_id(&event->row_id), db_text(event->event_id),
                        db_text(event->type), db_time(event->created_at),
                        db_bytes(event->payload, payload_length));

    if (failed && err->kind != ERROR_CONFLICT)
        return -1;
    error_clear(err);
    *ret_new = !failed;
    return 0;
}

int store_stripe_event_find(struct db *db, int64_t limit,
                            void (*each)(const struct id *row_id, void *arg), void *arg,
                            struct error *err)
{
    static const struct query query = {
        "SELECT row_id FROM stripe_events WHERE state='due' AND due_at <= NOW(6) "
        "ORDER BY due_at LIMIT ?"};
    struct db_rows *rows = DB_SELECT(db, &query, err, db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

int store_stripe_event_lock(struct db *db, const struct id *row_id, char **ret_payload,
                            int64_t *ret_age, struct error *err)
{
    static const struct query query = {"SELECT payload, TIMESTAMPDIFF(SECOND, COALESCE(retried_at, "
                                       "received_at), NOW(6)) FROM stripe_events "
                                       "WHERE row_id=? AND state='due' FOR UPDATE"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(row_id));

    if (!rows)
        return -1;
    *ret_payload = NULL;
    if (db_next(rows)) {
        *ret_payload = db_row_copy(rows, 0);
        *ret_age = db_row_int(rows, 1);
    }
    return 0;
}

int store_stripe_event_settle(struct db *db, const struct id *row_id,
                              const struct stripe_outcome *outcome, struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_events SET state=?, reason=?, checkout_id=?, amount_cents=?, moved_cents=?, "
        "settled_at=NOW(6), attempts=attempts+1 WHERE row_id=? AND state='due'"};

    return DB_RUN(db, &query, NULL, err, db_text(state_names[outcome->state]),
                  db_text(outcome->reason),
                  db_text(outcome->checkout_id ? outcome->checkout_id->text : NULL),
                  outcome->amount_cents < 0 ? db_null() : db_int(outcome->amount_cents),
                  db_int(outcome->moved_cents), db_id(row_id));
}

int store_stripe_event_postpone(struct db *db, const struct id *row_id, const char *reason,
                                struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_events SET reason=?, "
        "due_at=NOW(6) + INTERVAL GREATEST(1, LEAST(3600, "
        "TIMESTAMPDIFF(SECOND, COALESCE(retried_at, received_at), NOW(6)) DIV 4)) SECOND, "
        "attempts=attempts+1 WHERE row_id=? AND state='due'"};

    return DB_RUN(db, &query, NULL, err, db_text(reason), db_id(row_id));
}

int store_stripe_event_hasten(struct db *db, struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_events SET due_at=NOW(6) WHERE state='due' AND due_at > NOW(6)"};

    return db_run(db, &query, NULL, 0, NULL, err);
}

int store_stripe_event_settled(struct db *db, const struct id *row_id, bool *ret_settled,
                               struct error *err)
{
    static const struct query query = {
        "SELECT 1 FROM stripe_events WHERE row_id=? AND state='due'"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(row_id));

    if (!rows)
        return -1;
    *ret_settled = !db_next(rows);
    return 0;
}

/* --- the operator's -------------------------------------------------------------------------- */

#define COLUMNS                                                                                    \
    "e.row_id, e.event_id, e.type, e.created_at, e.received_at, e.settled_at, e.due_at, e.state, " \
    "e.reason, e.attempts, e.checkout_id, u.email, IFNULL(e.amount_cents, -1), e.moved_cents"
#define FROM_EVENTS                                                                                \
    " FROM stripe_events e LEFT JOIN stripe_checkouts c ON c.checkout_id=e.checkout_id "           \
    "LEFT JOIN users u ON u.user_id=c.user_id "

static struct stripe_event_row row_of(const struct db_rows *rows)
{
    return (struct stripe_event_row){
        .row_id = db_row_id(rows, 0),
        .event_id = db_row_text(rows, 1),
        .type = db_row_text(rows, 2),
        .created_at = db_row_time(rows, 3),
        .received_at = db_row_time(rows, 4),
        .settled_at = db_row_time(rows, 5),
        .due_at = db_row_time(rows, 6),
        .state = state_parse(db_row_text(rows, 7)),
        .reason = db_row_text(rows, 8),
        .attempts = db_row_int(rows, 9),
        .checkout_id = db_row_id(rows, 10),
        .email = db_row_text(rows, 11),
        .amount_cents = db_row_int(rows, 12),
        .moved_cents = db_row_int(rows, 13),
    };
}

int store_stripe_event_list(struct db *db, int state, int64_t limit,
                            void (*each)(const struct stripe_event_row *event, void *arg),
                            void *arg, struct error *err)
{
    static const struct query all = {"SELECT " COLUMNS FROM_EVENTS
                                     "ORDER BY e.received_at DESC LIMIT ?"};
    static const struct query some = {"SELECT " COLUMNS FROM_EVENTS
                                      "WHERE e.state=? ORDER BY e.received_at DESC LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        state < 0 ? DB_SELECT(db, &all, err, db_int(limit))
                  : DB_SELECT(db, &some, err, db_text(state_names[state]), db_int(limit));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct stripe_event_row row = row_of(rows);

        each(&row, arg);
    }
    return 0;
}

static int unknown(const char *event_id, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, NULL,
                     "there is no event '%s' of Stripe's; list them with 'codesetctl stripe "
                     "events'",
                     event_id);
}

int store_stripe_event_get(struct db *db, const char *event_id,
                           void (*each)(const struct stripe_event_row *event, void *arg), void *arg,
                           struct error *err)
{
    static const struct query query = {"SELECT " COLUMNS ", e.payload" FROM_EVENTS
                                       "WHERE e.event_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(event_id));
    struct stripe_event_row row;

    if (!rows)
        return -1;
    if (!db_next(rows))
        return unknown(event_id, err);
    row = row_of(rows);
    row.payload = db_row_text(rows, 14);
    each(&row, arg);
    return 0;
}

static void keep_state(const struct stripe_event_row *event, void *arg)
{
    *(enum stripe_state *)arg = event->state;
}

/* Runs the change; where it meets no row, says why. */
static int change(struct db *db, const struct query *query, const char *event_id, struct error *err)
{
    enum stripe_state state = STRIPE_DUE;
    int64_t changed = 0;

    if (DB_RUN(db, query, &changed, err, db_text(event_id)) < 0)
        return -1;
    if (changed > 0)
        return 0;
    if (store_stripe_event_get(db, event_id, keep_state, &state, err) < 0)
        return -1;
    return error_set(err, ERROR_CONFLICT, NULL, "the event '%s' is %s; nothing was changed",
                     event_id, state_names[state]);
}

int store_stripe_event_retry(struct db *db, const char *event_id, struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_events SET state='due', due_at=NOW(6), retried_at=NOW(6), attempts=0, "
        "reason=NULL, settled_at=NULL WHERE event_id=? AND state<>'applied'"};

    return change(db, &query, event_id, err);
}

int store_stripe_event_dismiss(struct db *db, const char *event_id, struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_events SET state='dismissed', settled_at=NOW(6) "
        "WHERE event_id=? AND state IN ('due','quarantined','ignored')"};

    return change(db, &query, event_id, err);
}

/* --- asking ---------------------------------------------------------------------------------- */

int store_stripe_turn(struct db *db, int64_t seconds, bool *ret_mine, int64_t *ret_since,
                      struct error *err)
{
    static const struct query take = {"UPDATE stripe_cursor SET asked_at=NOW(6) "
                                      "WHERE one=1 AND asked_at <= NOW(6) - INTERVAL ? SECOND"};
    static const struct query read = {"SELECT events_since FROM stripe_cursor WHERE one=1"};
    int64_t changed = 0;

    if (DB_RUN(db, &take, &changed, err, db_int(seconds)) < 0)
        return -1;
    *ret_mine = changed > 0;
    if (!*ret_mine)
        return 0;
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &read, NULL, 0, err);

    if (!rows)
        return -1;
    *ret_since = db_next(rows) ? db_row_time(rows, 0) : 0;
    return 0;
}

int store_stripe_read_until(struct db *db, int64_t when, struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_cursor SET events_since=GREATEST(events_since, ?) WHERE one=1"};

    return DB_RUN(db, &query, NULL, err, db_time(when));
}
