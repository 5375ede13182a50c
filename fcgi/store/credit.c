#include "store/credit.h"

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/db.h"
#include "store/ledger.h"
#include "store/settlement.h"

#include "base/banned.h"

static int move(struct db *db, const struct ledger_movement *movement, bool *ret_moved,
                struct error *err)
{
    if (db_begin(db, err) < 0)
        return -1;
    if (store_ledger_move(db, movement, ret_moved, err) == 0 && db_commit(db, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

int store_credit_grant(struct db *db, const struct id *user_id, const char *event_key,
                       int64_t cents, int64_t expires_at, const char *description, bool *ret_moved,
                       struct error *err)
{
    const struct ledger_movement movement = {
        .event_key = event_key,
        .kind = LEDGER_PROMOTION,
        .user_id = *user_id,
        .amount_cents = cents,
        .description = description,
        .expires_at = expires_at,
    };

    return move(db, &movement, ret_moved, err);
}

/* --- the end of a grant ---------------------------------------------------------------------- */

static int find_grant(struct db *db, const struct id *grant_id, struct id *ret_user_id,
                      struct error *err)
{
    static const struct query query = {"SELECT user_id FROM credit_grants WHERE grant_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(grant_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "there is no grant %s", grant_id->text);
    *ret_user_id = db_row_id(rows, 0);
    return 0;
}

int store_credit_expire(struct db *db, const struct id *grant_id, int64_t *ret_cents,
                        struct error *err)
{
    static const struct query end = {
        "UPDATE credit_grants SET expires_at=NOW(6) WHERE grant_id=? AND "
        "(expires_at IS NULL OR expires_at > NOW(6))"};
    struct id user_id;
    int64_t balance;

    if (find_grant(db, grant_id, &user_id, err) < 0 || db_begin(db, err) < 0)
        return -1;
    if (store_ledger_lock(db, &user_id, &balance, err) == 0 &&
        DB_RUN(db, &end, NULL, err, db_id(grant_id)) == 0 &&
        store_grant_expire(db, grant_id, &user_id, ret_cents, err) == 0 && db_commit(db, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

/* --- giving back ----------------------------------------------------------------------------- */

/* The charge's owner and event, how often and how much was given back already. */
struct charge {
    struct id user_id;
    char *event_key;
    int64_t left, times;
};

static int find_charge(struct db *db, const struct id *transaction_id, struct charge *ret_charge,
                       struct error *err)
{
    static const struct query query = {
        "SELECT t.user_id, t.event_key, -t.amount_cents - IFNULL(SUM(r.amount_cents), 0), "
        "COUNT(r.transaction_id) FROM ledger_transactions t "
        "LEFT JOIN ledger_transactions r ON r.of_transaction=t.transaction_id "
        "WHERE t.transaction_id=? GROUP BY t.transaction_id"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(transaction_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "LEDGER_ORIGIN", "there is no transaction %s",
                         transaction_id->text);
    *ret_charge = (struct charge){
        .user_id = db_row_id(rows, 0),
        .event_key = db_row_copy(rows, 1),
        .left = db_row_int(rows, 2),
        .times = db_row_int(rows, 3),
    };
    return 0;
}

/* The event is "the n-th refund of this charge", so that of two who give back at once one is told
 * that it has been done. */
int store_credit_refund(struct db *db, const struct id *transaction_id, int64_t cents,
                        const char *description, int64_t *ret_cents, struct error *err)
{
    struct charge charge = {.event_key = NULL};
    _cleanup_(free_ptr) char *charge_key = NULL, *event = NULL;
    struct ledger_movement movement;
    bool moved;

    if (find_charge(db, transaction_id, &charge, err) < 0)
        return -1;
    charge_key = charge.event_key;
    if (charge.left < 0) /* money came in */
        return error_set(err, ERROR_NOT_FOUND, "LEDGER_ORIGIN",
                         "transaction %s is no charge of a session or an agent job; refund a "
                         "payment at Stripe",
                         transaction_id->text);
    if (charge.left == 0)
        return error_set(err, ERROR_CONFLICT, "LEDGER_EXCEEDED",
                         "nothing is left to be given back of transaction %s",
                         transaction_id->text);
    if (cents > charge.left)
        return error_set(err, ERROR_CONFLICT, "LEDGER_EXCEEDED",
                         "only %lld cents are left to be given back of transaction %s, not %lld",
                         (long long)charge.left, transaction_id->text, (long long)cents);
    event = xasprintf("refund:%s:%lld", transaction_id->text, (long long)charge.times);
    movement = (struct ledger_movement){
        .event_key = event,
        .kind = LEDGER_REFUND,
        .user_id = charge.user_id,
        .amount_cents = cents ? cents : charge.left,
        .description = description,
        .of_event = charge_key,
    };
    if (move(db, &movement, &moved, err) < 0)
        return -1;
    if (!moved)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "somebody else gave back of transaction %s at the same time; look at it "
                         "again",
                         transaction_id->text);
    *ret_cents = movement.amount_cents;
    return 0;
}

int store_credit_grants(struct db *db, const struct id *user_id,
                        void (*each)(const struct credit_grant *grant, void *arg), void *arg,
                        struct error *err)
{
    static const struct query query = {
        "SELECT g.grant_id, g.amount_cents, g.remaining_cents, g.created_at, g.expires_at, "
        "t.description FROM credit_grants g JOIN ledger_transactions t "
        "ON t.transaction_id=g.grant_id WHERE g.user_id=? "
        "ORDER BY g.expires_at IS NULL, g.expires_at, g.created_at, g.grant_id"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(user_id));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        const struct credit_grant grant = {
            .grant_id = db_row_id(rows, 0),
            .amount_cents = db_row_int(rows, 1),
            .remaining_cents = db_row_int(rows, 2),
            .created_at = db_row_time(rows, 3),
            .expires_at = db_row_time(rows, 4),
            .description = db_row_text(rows, 5),
        };

        each(&grant, arg);
    }
    return 0;
}
