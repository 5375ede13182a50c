#include "store/settlement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "money/money.h"
#include "store/db.h"
#include "store/ledger.h"
#include "store/metered.h"
#include "store/session_rows.h"

#include "base/banned.h"

#define SESSIONS_A_TRANSACTION 32 /* how long a user's balance is held */

/* A user's step failed; 0 where the others may go on: not while the database is away or busy. */
static int passed_over(struct db *db, const struct id *user_id,
                       const struct settlement_events *events, struct error *err)
{
    db_rollback(db);
    if (err->kind == ERROR_UNAVAILABLE)
        return -1;
    events->failed(user_id, err, events->arg);
    error_clear(err);
    return 0;
}

/* --- charging -------------------------------------------------------------------------------- */

struct due {
    struct id session_id, user_id;
    size_t rank; /* by when it ended */
};

/* Where a session that has ended lies among the others, as the database sorts them. */
struct due_place {
    int64_t ended_at;
    struct id session_id;
};

static int compare_users(const void *one, const void *other)
{
    const struct due *a = one, *b = other;
    int order = strcmp(a->user_id.text, b->user_id.text);

    return order ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

/* What became of one, told when it is committed. */
struct charge {
    struct id session_id;
    bool charged;
    int64_t seconds, cents;
};

static int mark_settled(struct db *db, const struct id *session_id, struct error *err)
{
    static const struct query mark = {"UPDATE sessions SET unsettled=NULL WHERE session_id=?"};

    return DB_RUN(db, &mark, NULL, err, db_id(session_id));
}

static char *describe(const struct db_rows *rows)
{
    return xasprintf("Session of %s", db_row_text(rows, 3));
}

static int charge_session(struct db *db, const struct due *due, struct charge *ret_charge,
                          struct error *err)
{
    /* NULL seconds: it never was ready. */
    static const struct query lock = {
        "SELECT TIMESTAMPDIFF(SECOND, created_at, GREATEST(created_at, ended_at)), price_cents, "
        "key_id, sample_id FROM sessions WHERE session_id=? AND unsettled=TRUE AND "
        "ended_at IS NOT NULL FOR UPDATE"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &lock, err, db_id(&due->session_id));
    _cleanup_(free_ptr) char *event = NULL, *description = NULL;
    struct ledger_movement movement;
    struct charge charge = {.session_id = due->session_id};
    struct id key_id;

    if (!rows)
        return -1;
    *ret_charge = charge;
    if (!db_next(rows))
        return 0; /* another daemon was faster */
    if (db_is_null(rows, 0))
        return mark_settled(db, &due->session_id, err);
    key_id = db_row_id(rows, 2);
    charge.seconds = db_row_int(rows, 0);
    charge.cents = money_session_cost(charge.seconds, db_row_int(rows, 1));
    event = xasprintf("session:%s", due->session_id.text);
    description = describe(rows);
    movement = (struct ledger_movement){
        .event_key = event,
        .kind = LEDGER_SESSION_USAGE,
        .user_id = due->user_id,
        .amount_cents = -charge.cents,
        .description = description,
        .session_id = &due->session_id,
        .seconds = charge.seconds,
        .key_id = key_id.text[0] ? &key_id : NULL,
    };
    if (store_ledger_move(db, &movement, &charge.charged, err) < 0 ||
        mark_settled(db, &due->session_id, err) < 0)
        return -1;
    *ret_charge = charge;
    return 0;
}

/* Sessions of one user. */
static int charge_user(struct db *db, const struct due *due, size_t count,
                       const struct settlement_events *events, struct error *err)
{
    struct charge charges[SESSIONS_A_TRANSACTION];
    int64_t balance;

    if (db_begin(db, err) < 0 || store_ledger_lock(db, &due->user_id, &balance, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (charge_session(db, &due[i], &charges[i], err) < 0)
            return -1;
    }
    if (db_commit(db, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (charges[i].charged)
            events->charged(&charges[i].session_id, charges[i].seconds, charges[i].cents,
                            events->arg);
    }
    return 0;
}

/* How many of the first ones are of one user, and fit into one transaction. */
static size_t run_length(const struct due *due, size_t count)
{
    size_t length = 1;

    while (length < count && length < SESSIONS_A_TRANSACTION &&
           strcmp(due[length].user_id.text, due->user_id.text) == 0)
        length++;
    return length;
}

static int charge_all(struct db *db, const struct due *due, size_t count,
                      const struct settlement_events *events, int64_t *settled, struct error *err)
{
    for (size_t i = 0; i < count;) {
        size_t length = run_length(&due[i], count - i);

        if (charge_user(db, &due[i], length, events, err) == 0)
            *settled += (int64_t)length;
        else if (passed_over(db, &due[i].user_id, events, err) < 0)
            return -1;
        i += length;
    }
    return 0;
}

/* At most `limit` sessions behind `last`, which is moved to the last of them; by users. */
static int find_due(struct db *db, int64_t limit, struct due_place *last, struct due **ret_due,
                    size_t *ret_count, struct error *err)
{
    static const struct query select_due = {
        "SELECT session_id, user_id, ended_at FROM sessions WHERE unsettled=TRUE AND "
        "(ended_at > ? OR ended_at = ? AND session_id > ?) ORDER BY ended_at, session_id LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_due, err, db_time(last->ended_at), db_time(last->ended_at),
                  db_id(&last->session_id), db_int(limit));
    struct due *due;
    size_t count = 0;

    if (!rows)
        return -1;
    due = xcalloc((size_t)db_rows_count(rows) + 1, sizeof(*due));
    for (; db_next(rows); count++) {
        due[count] = (struct due){db_row_id(rows, 0), db_row_id(rows, 1), count};
        *last = (struct due_place){db_row_time(rows, 2), due[count].session_id};
    }
    qsort(due, count, sizeof(*due), compare_users);
    *ret_due = due;
    *ret_count = count;
    return 0;
}

/* Those that fail stay where they are, and must not hide the ones behind them. */
int store_settle(struct db *db, int64_t limit, const struct settlement_events *events,
                 int64_t *ret_settled, struct error *err)
{
    struct due_place last = {1, {"00000000-0000-0000-0000-000000000000"}};
    int64_t settled = 0, wanted;
    size_t count;

    do {
        _cleanup_(free_ptr) struct due *due = NULL;

        wanted = limit - settled;
        if (find_due(db, wanted, &last, &due, &count, err) < 0 ||
            charge_all(db, due, count, events, &settled, err) < 0)
            return -1;
    } while ((int64_t)count == wanted && settled < limit);
    *ret_settled = settled;
    return 0;
}

int store_settle_for_nothing(struct db *db, int64_t limit, int64_t *ret_settled, struct error *err)
{
    static const struct query forgive = {
        "UPDATE sessions SET unsettled=NULL, price_cents=NULL WHERE unsettled=TRUE LIMIT ?"};

    return DB_RUN(db, &forgive, ret_settled, err, db_int(limit));
}

/* --- metering -------------------------------------------------------------------------------- */

struct ended_list {
    struct id *ids;
    size_t count;
};

static void ended_list_release(struct ended_list *list)
{
    free(list->ids);
}

static int end_session(struct db *db, const struct id *session_id, bool *ret_ended,
                       struct error *err)
{
    static const struct query end = {
        "UPDATE sessions SET status='terminated', ended_at=" SESSION_END_NOW ", "
        "error_code='CREDITS_EXHAUSTED', error_message='your credits are used up, so the session "
        "was ended; deposit money before you create another' "
        "WHERE session_id=? AND status='ready' AND unsettled=TRUE"};
    int64_t changed;

    if (DB_RUN(db, &end, &changed, err, db_id(session_id)) < 0)
        return -1;
    *ret_ended = changed > 0;
    return 0;
}

static int meter_locked(struct db *db, const struct id *user_id, int64_t ahead,
                        struct ended_list *ended, struct error *err)
{
    _cleanup_(metered_list_release) struct metered_list list = {0};
    int64_t balance;
    size_t exhausted;

    if (store_ledger_lock(db, user_id, &balance, err) < 0 ||
        metered_of_user(db, user_id, true, &list, err) < 0)
        return -1;
    exhausted = money_exhausted(list.sessions, list.count, balance, ahead);
    ended->ids = xcalloc(exhausted + 1, sizeof(*ended->ids));
    for (size_t i = 0; i < list.count && exhausted > 0; i++) {
        bool did;

        if (!list.sessions[i].open)
            continue;
        exhausted--;
        if (end_session(db, &list.ids[i], &did, err) < 0)
            return -1;
        if (did)
            ended->ids[ended->count++] = list.ids[i];
    }
    return 0;
}

static int meter_user(struct db *db, const struct id *user_id, int64_t ahead,
                      const struct settlement_events *events, struct error *err)
{
    _cleanup_(ended_list_release) struct ended_list ended = {0};

    if (db_begin(db, err) < 0 || meter_locked(db, user_id, ahead, &ended, err) < 0 ||
        db_commit(db, err) < 0)
        return -1;
    for (size_t i = 0; i < ended.count; i++)
        events->exhausted(&ended.ids[i], user_id, events->arg);
    return 0;
}

/* Without a lock: whom it names is looked at again under one. In sixtieths of a cent. */
int store_meter(struct db *db, int64_t ahead, const struct settlement_events *events,
                struct error *err)
{
    static const struct query select_users = {
        "SELECT s.user_id FROM sessions s LEFT JOIN balances b ON b.user_id=s.user_id "
        "WHERE s.unsettled=TRUE AND s.created_at IS NOT NULL GROUP BY s.user_id "
        "HAVING SUM(s.ended_at IS NULL) > 0 AND SUM(s.price_cents * "
        "(TIMESTAMPDIFF(SECOND, s.created_at, IFNULL(s.ended_at, " SESSION_END_NOW ")) + "
        "IF(s.ended_at IS NULL, ?, 0))) > 60 * IFNULL(MAX(b.balance_cents), 0)"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_users, err, db_int(ahead));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct id user_id = db_row_id(rows, 0);

        if (meter_user(db, &user_id, ahead, events, err) < 0 &&
            passed_over(db, &user_id, events, err) < 0)
            return -1;
    }
    return 0;
}

/* --- grants that expire ---------------------------------------------------------------------- */

/* What the user's sessions that are not charged yet had used by the end of the grant, and grants
 * that ended before it do not bear: it is left for them. */
static int used_before(struct db *db, const struct id *grant_id, const struct id *user_id,
                       int64_t *ret_cents, struct error *err)
{
    static const struct query select_used = {
        "SELECT TIMESTAMPDIFF(SECOND, s.created_at, "
        "LEAST(g.expires_at, IFNULL(s.ended_at, g.expires_at))), s.price_cents "
        "FROM credit_grants g JOIN sessions s ON s.user_id=g.user_id AND s.unsettled=TRUE AND "
        "s.created_at < g.expires_at WHERE g.grant_id=?"};
    static const struct query select_borne = {
        "SELECT IFNULL(SUM(e.remaining_cents), 0) FROM credit_grants g JOIN credit_grants e "
        "ON e.user_id=g.user_id AND e.live AND (e.expires_at, e.created_at, e.grant_id) < "
        "(g.expires_at, g.created_at, g.grant_id) WHERE g.grant_id=? AND g.user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *used =
        DB_SELECT(db, &select_used, err, db_id(grant_id));
    _cleanup_(db_rows_release) struct db_rows *borne =
        used ? DB_SELECT(db, &select_borne, err, db_id(grant_id), db_id(user_id)) : NULL;
    int64_t cents;

    if (!borne || !db_next(borne))
        return -1;
    cents = -db_row_int(borne, 0);
    while (db_next(used))
        cents += money_session_cost(db_row_int(used, 0), db_row_int(used, 1));
    *ret_cents = cents > 0 ? cents : 0;
    return 0;
}

/* It may expire more than once, of what sessions did not use in the end and of what is given back
 * to it later: so its moves are counted. */
int store_grant_expire(struct db *db, const struct id *grant_id, const struct id *user_id,
                       int64_t *ret_cents, struct error *err)
{
    static const struct query select_grant = {
        "SELECT g.remaining_cents, (SELECT COUNT(*) FROM grant_moves m WHERE m.grant_id=g.grant_id)"
        " FROM credit_grants g WHERE g.grant_id=? AND g.live AND g.expires_at <= NOW(6)"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    _cleanup_(free_ptr) char *event = NULL;
    struct ledger_movement movement;
    int64_t balance, used, cents;

    *ret_cents = 0;
    if (store_ledger_lock(db, user_id, &balance, err) < 0)
        return -1;
    rows = DB_SELECT(db, &select_grant, err, db_id(grant_id));
    if (!rows)
        return -1;
    if (!db_next(rows))
        return 0;
    if (used_before(db, grant_id, user_id, &used, err) < 0)
        return -1;
    cents = db_row_int(rows, 0) - used;
    if (cents <= 0)
        return 0;
    event = xasprintf("expiry:%s:%lld", grant_id->text, (long long)db_row_int(rows, 1));
    movement = (struct ledger_movement){
        .event_key = event,
        .kind = LEDGER_EXPIRY,
        .user_id = *user_id,
        .amount_cents = -cents,
        .description = "Granted credit expired",
        .grant_id = grant_id,
    };
    *ret_cents = cents;
    return store_ledger_move(db, &movement, NULL, err);
}

static int expire_one(struct db *db, const struct id *grant_id, const struct id *user_id,
                      const struct settlement_events *events, struct error *err)
{
    int64_t cents;

    if (db_begin(db, err) < 0 || store_grant_expire(db, grant_id, user_id, &cents, err) < 0 ||
        db_commit(db, err) < 0)
        return -1;
    if (cents > 0)
        events->expired(grant_id, user_id, cents, events->arg);
    return 0;
}

/* In pieces: those of which something has to be left must not hide the ones behind them. */
int store_grants_expire(struct db *db, int64_t limit, const struct settlement_events *events,
                        struct error *err)
{
    static const struct query select_expired = {
        "SELECT grant_id, user_id, expires_at FROM credit_grants WHERE live=TRUE AND "
        "expires_at <= NOW(6) AND (expires_at > ? OR expires_at = ? AND grant_id > ?) "
        "ORDER BY expires_at, grant_id LIMIT ?"};
    struct id last = {"00000000-0000-0000-0000-000000000000"};
    int64_t until = 1, count;

    do {
        _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
            db, &select_expired, err, db_time(until), db_time(until), db_id(&last), db_int(limit));

        if (!rows)
            return -1;
        count = db_rows_count(rows);
        while (db_next(rows)) {
            struct id user_id = db_row_id(rows, 1);

            last = db_row_id(rows, 0);
            until = db_row_time(rows, 2);
            if (expire_one(db, &last, &user_id, events, err) < 0 &&
                passed_over(db, &user_id, events, err) < 0)
                return -1;
        }
    } while (count == limit);
    return 0;
}
