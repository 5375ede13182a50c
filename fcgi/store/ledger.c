#include "store/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "money/money.h"
#include "store/db.h"

#include "base/banned.h"

/* Of the user's two accounts, which one bears it. */
enum bearer {
    BY_PAID,
    BY_BOTH,   /* granted first */
    BY_ORIGIN, /* as the transaction that it gives back */
    BY_GRANT,  /* one: a new one, or the one that expires */
};

struct kind {
    const char *name;
    const char *counter_account; /* where the money comes from, or goes to */
    int sign;
    enum bearer bearer;
    bool deposited, spent; /* counts as that */
    bool zero_too;
    unsigned origins; /* bits of enum ledger_kind; 0: it gives back nothing */
};

#define BIT(kind) (1U << (kind))
#define CHARGES (BIT(LEDGER_SESSION_USAGE) | BIT(LEDGER_AGENT_JOB_USAGE))

static const struct kind kinds[] = {
    [LEDGER_DEPOSIT] = {"deposit", "stripe", 1, BY_PAID, .deposited = true},
    [LEDGER_REFUND] = {"refund", "revenue", 1, BY_ORIGIN, .spent = true, .origins = CHARGES},
    [LEDGER_SESSION_USAGE] = {"session_usage", "revenue", -1, BY_BOTH, .spent = true,
                              .zero_too = true},
    [LEDGER_AGENT_JOB_USAGE] = {"agent_job_usage", "revenue", -1, BY_BOTH, .spent = true},
    [LEDGER_AGENT_JOB_REFUND] = {"agent_job_refund", "revenue", 1, BY_ORIGIN, .spent = true,
                                 .origins = BIT(LEDGER_AGENT_JOB_USAGE)},
    [LEDGER_PROMOTION] = {"promotion", "promotion", 1, BY_GRANT},
    [LEDGER_CARD_REFUND] = {"card_refund", "stripe", -1, BY_PAID, .origins = BIT(LEDGER_DEPOSIT)},
    [LEDGER_DISPUTE] = {"dispute", "stripe", -1, BY_PAID, .origins = BIT(LEDGER_DEPOSIT)},
    [LEDGER_DISPUTE_WON] = {"dispute_won", "stripe", 1, BY_PAID, .origins = BIT(LEDGER_DEPOSIT)},
    [LEDGER_EXPIRY] = {"expiry", "promotion", -1, BY_GRANT},
};

const char *ledger_kind_name(enum ledger_kind kind)
{
    return kinds[kind].name;
}

/* A movement on its way: under the balance's lock. */
struct posting {
    const struct ledger_movement *movement;
    const struct kind *kind;
    struct id transaction_id;
    struct id origin_id; /* "": none */
    int64_t balance_cents;
    int64_t own_threshold_cents; /* -1: the user has none of their own */
    struct id *grants;           /* in the order in which they are used */
    struct money_share *shares;
    size_t grant_count;
    int64_t paid_cents, granted_cents; /* to the user */
};

static void posting_release(struct posting *posting)
{
    free(posting->grants);
    free(posting->shares);
}

/* --- the balance ----------------------------------------------------------------------------- */

/* *ret_threshold_cents -1: the user has none of their own. */
static int lock_balance(struct db *db, const struct id *user_id, int64_t *ret_balance_cents,
                        int64_t *ret_threshold_cents, struct error *err)
{
    static const struct query ensure = {
        "INSERT INTO balances (user_id) VALUES (?) ON DUPLICATE KEY UPDATE user_id=user_id"};
    static const struct query select_balance = {
        "SELECT b.balance_cents, IFNULL(l.low_balance_cents, -1) FROM balances b "
        "LEFT JOIN user_limits l ON l.user_id=b.user_id WHERE b.user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (DB_RUN(db, &ensure, NULL, err, db_id(user_id)) < 0)
        return -1;
    rows = DB_SELECT(db, &select_balance, err, db_id(user_id));
    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_INTERNAL, NULL, "a balance that was made can't be found");
    *ret_balance_cents = db_row_int(rows, 0);
    *ret_threshold_cents = db_row_int(rows, 1);
    return 0;
}

int store_ledger_lock(struct db *db, const struct id *user_id, int64_t *ret_balance_cents,
                      struct error *err)
{
    int64_t threshold;

    return lock_balance(db, user_id, ret_balance_cents, &threshold, err);
}

/* By difference, never by value. */
static int change_balance(struct db *db, const struct posting *posting, struct error *err)
{
    static const struct query change = {
        "UPDATE balances SET balance_cents=balance_cents+?, paid_cents=paid_cents+?, "
        "total_deposited_cents=total_deposited_cents+?, total_spent_cents=total_spent_cents+?, "
        "updated_at=NOW(6) WHERE user_id=?"};
    int64_t amount = posting->movement->amount_cents;

    return DB_RUN(db, &change, NULL, err, db_int(amount), db_int(posting->paid_cents),
                  db_int(posting->kind->deposited ? amount : 0),
                  db_int(posting->kind->spent ? -amount : 0), db_id(&posting->movement->user_id));
}

/* For the limits a day; what is given back is spent all the same. */
static int count_spending(struct db *db, const struct posting *posting, struct error *err)
{
    static const struct query add = {
        "INSERT INTO spending (user_id, day, key_id, cents) "
        "VALUES (?, DATE(NOW(6)), IFNULL(?, '00000000-0000-0000-0000-000000000000'), ?) "
        "ON DUPLICATE KEY UPDATE cents=cents+VALUE(cents)"};
    const struct ledger_movement *movement = posting->movement;

    if (posting->kind->bearer != BY_BOTH || movement->amount_cents == 0)
        return 0;
    return DB_RUN(db, &add, NULL, err, db_id(&movement->user_id),
                  db_text(movement->key_id ? movement->key_id->text : NULL),
                  db_int(-movement->amount_cents));
}

/* --- who is told ----------------------------------------------------------------------------- */

/* A user's balance before and behind a transaction. */
struct change {
    struct id user_id;
    int64_t before, after, threshold;
};

void store_ledger_watch(struct db *db, const struct ledger_watch *watch)
{
    db_set_watch(db, watch);
}

static void tell_change(struct db *db, void *note)
{
    const struct ledger_watch *watch = db_watch(db);
    const struct change *change = note;

    if (watch && change->threshold > 0 && change->before >= change->threshold &&
        change->after < change->threshold)
        watch->low(&change->user_id, change->after, change->threshold, watch->arg);
}

/* What takes and gives in one transaction counts by what it comes to. */
static void note_change(struct db *db, const struct posting *posting)
{
    const struct ledger_movement *movement = posting->movement;
    const struct ledger_watch *watch = db_watch(db);
    struct change *change = db_noted(db, tell_change);
    int64_t threshold = posting->own_threshold_cents;

    if (!watch)
        return;
    if (threshold < 0)
        threshold = watch->low_balance_cents;
    if (!change || strcmp(change->user_id.text, movement->user_id.text) != 0) {
        change = xcalloc(1, sizeof(*change));
        *change = (struct change){movement->user_id, posting->balance_cents, 0, threshold};
        db_after_commit(db, tell_change, change);
    }
    change->after = posting->balance_cents + movement->amount_cents;
}

/* --- what it gives back ---------------------------------------------------------------------- */

static int wrong_origin(const struct posting *posting, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "LEDGER_ORIGIN",
                     "this user has no transaction '%s' that a %s could be of",
                     posting->movement->of_event ? posting->movement->of_event : "",
                     posting->kind->name);
}

static bool is_origin(const struct posting *posting, const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, kind) == 0)
            return (posting->kind->origins & BIT(i)) != 0;
    }
    return false;
}

/* What the origin and all that refers to it come to lies between its amount and 0. */
static int check_origin(struct db *db, struct posting *posting, struct error *err)
{
    static const struct query select_origin = {
        "SELECT t.transaction_id, t.kind, t.amount_cents, (SELECT IFNULL(SUM(r.amount_cents), 0) "
        "FROM ledger_transactions r WHERE r.of_transaction=t.transaction_id) "
        "FROM ledger_transactions t WHERE t.event_key=? AND t.user_id=?"};
    const struct ledger_movement *movement = posting->movement;
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    int64_t amount, left;

    if (!posting->kind->origins)
        return 0;
    rows =
        DB_SELECT(db, &select_origin, err, db_text(movement->of_event), db_id(&movement->user_id));
    if (!rows)
        return -1;
    if (!db_next(rows) || !is_origin(posting, db_row_text(rows, 1)))
        return wrong_origin(posting, err);
    amount = db_row_int(rows, 2);
    left = amount + db_row_int(rows, 3) + movement->amount_cents;
    if (amount > 0 ? left < 0 || left > amount : left > 0 || left < amount)
        return error_set(err, ERROR_CONFLICT, "LEDGER_EXCEEDED",
                         "a %s of %lld cents is more than what is left of '%s' (%lld cents)",
                         posting->kind->name, (long long)movement->amount_cents, movement->of_event,
                         (long long)(amount + db_row_int(rows, 3)));
    posting->origin_id = db_row_id(rows, 0);
    return 0;
}

/* --- which money ----------------------------------------------------------------------------- */

static void make_room(struct posting *posting, const struct db_rows *rows)
{
    size_t count = (size_t)db_rows_count(rows) + 1;

    posting->grants = xcalloc(count, sizeof(*posting->grants));
    posting->shares = xcalloc(count, sizeof(*posting->shares));
}

#define ORDER_OF_USE "ORDER BY g.expires_at IS NULL, g.expires_at, g.created_at, g.grant_id"

/* Of a grant that has expired a session takes what it had used by then, less what earlier grants
 * bear of it; that much was left for it (store_grant_expire). *borne: by those so far. */
static int64_t usable(const struct db_rows *rows, int64_t *borne)
{
    int64_t remaining = db_row_int(rows, 1), used;

    if (!db_row_int(rows, 2))
        return remaining;
    used = money_session_cost(db_row_int(rows, 3), db_row_int(rows, 4)) - *borne;
    if (remaining > used)
        remaining = used > 0 ? used : 0;
    *borne += remaining;
    return remaining;
}

static int bear_by_both(struct db *db, struct posting *posting, struct error *err)
{
    static const struct query select_grants = {
        "SELECT g.grant_id, g.remaining_cents, IFNULL(g.expires_at <= NOW(6), FALSE), "
        "TIMESTAMPDIFF(SECOND, s.created_at, LEAST(g.expires_at, s.ended_at)), s.price_cents "
        "FROM credit_grants g LEFT JOIN sessions s ON s.session_id=? WHERE g.user_id=? AND g.live "
        "AND (g.expires_at IS NULL OR g.expires_at > NOW(6) OR s.created_at < "
        "g.expires_at) " ORDER_OF_USE};
    const struct ledger_movement *movement = posting->movement;
    const char *session_id = movement->session_id ? movement->session_id->text : NULL;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_grants, err, db_text(session_id), db_id(&movement->user_id));
    int64_t borne = 0;

    if (!rows)
        return -1;
    for (make_room(posting, rows); db_next(rows); posting->grant_count++) {
        posting->grants[posting->grant_count] = db_row_id(rows, 0);
        posting->shares[posting->grant_count].available = usable(rows, &borne);
    }
    posting->paid_cents =
        -money_take(posting->shares, posting->grant_count, -movement->amount_cents);
    for (size_t i = 0; i < posting->grant_count; i++)
        posting->shares[i].cents = -posting->shares[i].cents;
    return 0;
}

#define OF_ORIGIN                                                                                  \
    "JOIN ledger_transactions t USING (transaction_id) "                                           \
    "WHERE (t.transaction_id=? OR t.of_transaction=?) "

static int bear_by_origin(struct db *db, struct posting *posting, struct error *err)
{
    static const struct query select_paid = {
        "SELECT IFNULL(-SUM(e.amount_cents), 0) FROM ledger_entries e " OF_ORIGIN
        "AND e.account='user_paid'"};
    static const struct query select_grants = {
        "SELECT g.grant_id, -SUM(m.amount_cents) AS drawn FROM grant_moves m "
        "JOIN credit_grants g USING (grant_id) " OF_ORIGIN "GROUP BY g.grant_id " ORDER_OF_USE};
    struct db_value origin = db_id(&posting->origin_id);
    _cleanup_(db_rows_release) struct db_rows *paid =
        DB_SELECT(db, &select_paid, err, origin, origin);
    _cleanup_(db_rows_release) struct db_rows *rows =
        paid ? DB_SELECT(db, &select_grants, err, origin, origin) : NULL;

    if (!rows || !db_next(paid))
        return -1;
    for (make_room(posting, rows); db_next(rows); posting->grant_count++) {
        posting->grants[posting->grant_count] = db_row_id(rows, 0);
        posting->shares[posting->grant_count].available = db_row_int(rows, 1);
    }
    posting->paid_cents = money_give_back(posting->shares, posting->grant_count,
                                          db_row_int(paid, 0), posting->movement->amount_cents);
    return 0;
}

/* A new grant, which has the transaction's id; or the one that expires. */
static int bear_by_grant(struct db *db, struct posting *posting, struct error *err)
{
    static const struct query make = {
        "INSERT INTO credit_grants (grant_id, user_id, amount_cents, remaining_cents, expires_at) "
        "VALUES (?, ?, ?, 0, ?)"};
    const struct ledger_movement *movement = posting->movement;
    const struct id *grant_id =
        movement->kind == LEDGER_PROMOTION ? &posting->transaction_id : movement->grant_id;

    posting->grants = xmemdup(grant_id, sizeof(*grant_id));
    posting->shares = xcalloc(1, sizeof(*posting->shares));
    posting->shares[0].cents = movement->amount_cents;
    posting->grant_count = 1;
    if (movement->kind != LEDGER_PROMOTION)
        return 0;
    return DB_RUN(db, &make, NULL, err, db_id(grant_id), db_id(&movement->user_id),
                  db_int(movement->amount_cents), db_time(movement->expires_at));
}

static int bear(struct db *db, struct posting *posting, struct error *err)
{
    switch (posting->kind->bearer) {
    case BY_PAID:
        posting->paid_cents = posting->movement->amount_cents;
        return 0;
    case BY_BOTH:
        return bear_by_both(db, posting, err);
    case BY_ORIGIN:
        return bear_by_origin(db, posting, err);
    case BY_GRANT:
        return bear_by_grant(db, posting, err);
    }
    abort();
}

/* --- rows ------------------------------------------------------------------------------------ */

static int add_transaction(struct db *db, const struct posting *posting, struct error *err)
{
    static const struct query insert_transaction = {
        "INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, "
        "amount_cents, description, of_transaction, session_id, seconds, job_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    const struct ledger_movement *movement = posting->movement;
    const struct id *origin = posting->origin_id.text[0] ? &posting->origin_id : NULL;

    return DB_RUN(db, &insert_transaction, NULL, err, db_id(&posting->transaction_id),
                  db_text(movement->event_key), db_text(posting->kind->name),
                  db_id(&movement->user_id), db_int(movement->amount_cents),
                  db_text(movement->description), db_text(origin ? origin->text : NULL),
                  db_text(movement->session_id ? movement->session_id->text : NULL),
                  movement->session_id ? db_int(movement->seconds) : db_null(),
                  db_text(movement->job_id ? movement->job_id->text : NULL));
}

static int add_entry(struct db *db, const struct posting *posting, const char *account,
                     int64_t amount_cents, struct error *err)
{
    static const struct query insert_entry = {
        "INSERT INTO ledger_entries (transaction_id, account, amount_cents) VALUES (?, ?, ?)"};

    if (amount_cents == 0)
        return 0;
    return DB_RUN(db, &insert_entry, NULL, err, db_id(&posting->transaction_id), db_text(account),
                  db_int(amount_cents));
}

static int move_grants(struct db *db, struct posting *posting, struct error *err)
{
    static const struct query change = {
        "UPDATE credit_grants SET remaining_cents=remaining_cents+? "
        "WHERE grant_id=? AND user_id=?"};
    static const struct query insert_move = {
        "INSERT INTO grant_moves (transaction_id, grant_id, amount_cents) VALUES (?, ?, ?)"};

    for (size_t i = 0; i < posting->grant_count; i++) {
        int64_t cents = posting->shares[i].cents, changed;

        if (cents == 0)
            continue;
        if (DB_RUN(db, &change, &changed, err, db_int(cents), db_id(&posting->grants[i]),
                   db_id(&posting->movement->user_id)) < 0)
            return -1;
        if (changed == 0)
            return error_set(err, ERROR_NOT_FOUND, "LEDGER_ORIGIN", "this user has no grant %s",
                             posting->grants[i].text);
        if (DB_RUN(db, &insert_move, NULL, err, db_id(&posting->transaction_id),
                   db_id(&posting->grants[i]), db_int(cents)) < 0)
            return -1;
        posting->granted_cents += cents;
    }
    return 0;
}

/* --- a movement ------------------------------------------------------------------------------ */

static int check_amount(const struct ledger_movement *movement, struct error *err)
{
    const struct kind *kind = &kinds[movement->kind];
    int64_t cents = kind->sign * movement->amount_cents;

    if ((cents > 0 && cents <= MONEY_CENTS_MAX) || (cents == 0 && kind->zero_too))
        return 0;
    return error_set(err, ERROR_INVALID, "LEDGER_AMOUNT", "%lld cents are no amount of a %s",
                     (long long)movement->amount_cents, kind->name);
}

static int is_known(struct db *db, const char *event_key, bool *ret_known, struct error *err)
{
    static const struct query find = {
        "SELECT transaction_id FROM ledger_transactions WHERE event_key=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &find, err, db_text(event_key));

    if (!rows)
        return -1;
    *ret_known = db_next(rows);
    return 0;
}

static int post(struct db *db, struct posting *posting, struct error *err)
{
    if (check_origin(db, posting, err) < 0 || add_transaction(db, posting, err) < 0 ||
        bear(db, posting, err) < 0 || move_grants(db, posting, err) < 0)
        return -1;
    if (add_entry(db, posting, "user_granted", posting->granted_cents, err) < 0 ||
        add_entry(db, posting, "user_paid", posting->paid_cents, err) < 0 ||
        add_entry(db, posting, posting->kind->counter_account, -posting->movement->amount_cents,
                  err) < 0)
        return -1;
    if (change_balance(db, posting, err) < 0)
        return -1;
    return count_spending(db, posting, err);
}

/* That the event is not there is looked at under the lock; the unique key would refuse the row of
 * another user's event as well. */
int store_ledger_move(struct db *db, const struct ledger_movement *movement, bool *ret_moved,
                      struct error *err)
{
    _cleanup_(posting_release) struct posting posting = {
        .movement = movement, .kind = &kinds[movement->kind], .transaction_id = id_new()};
    bool known;

    if (check_amount(movement, err) < 0 ||
        lock_balance(db, &movement->user_id, &posting.balance_cents, &posting.own_threshold_cents,
                     err) < 0 ||
        is_known(db, movement->event_key, &known, err) < 0)
        return -1;
    if (!known) {
        if (post(db, &posting, err) < 0)
            return -1;
        note_change(db, &posting);
    }
    if (ret_moved)
        *ret_moved = !known;
    return 0;
}
