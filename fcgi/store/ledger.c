#include "store/ledger.h"

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

struct kind {
    const char *name;
    const char *counter_account; /* where the money comes from, or goes to */
    bool deposited;              /* counts as deposited; else a negative amount counts as spent */
};

static const struct kind kinds[] = {
    [LEDGER_DEPOSIT] = {"deposit", "stripe", true},
    [LEDGER_REFUND] = {"refund", "revenue", false},
    [LEDGER_SESSION_USAGE] = {"session_usage", "revenue", false},
    [LEDGER_AGENT_JOB_USAGE] = {"agent_job_usage", "revenue", false},
    [LEDGER_AGENT_JOB_REFUND] = {"agent_job_refund", "revenue", false},
    [LEDGER_PROMOTION] = {"promotion", "promotion", false},
};

/* The row's lock puts the movements of a user in a line. */
static int lock_balance(struct db *db, const struct id *user_id, struct error *err)
{
    static const struct query ensure = {
        "INSERT INTO balances (user_id) VALUES (?) ON DUPLICATE KEY UPDATE user_id=user_id"};

    return DB_RUN(db, &ensure, NULL, err, db_id(user_id));
}

static int add_entries(struct db *db, const struct id *transaction_id, const char *counter_account,
                       int64_t amount_cents, struct error *err)
{
    static const struct query insert_entries = {
        "INSERT INTO ledger_entries (transaction_id, account, amount_cents) "
        "VALUES (?, 'user', ?), (?, ?, ?)"};

    return DB_RUN(db, &insert_entries, NULL, err, db_id(transaction_id), db_int(amount_cents),
                  db_id(transaction_id), db_text(counter_account), db_int(-amount_cents));
}

static int change_balance(struct db *db, const struct ledger_movement *movement, struct error *err)
{
    static const struct query change = {
        "UPDATE balances SET balance_cents=balance_cents+?, "
        "total_deposited_cents=total_deposited_cents+?, total_spent_cents=total_spent_cents+?, "
        "updated_at=NOW(6) WHERE user_id=?"};
    int64_t amount = movement->amount_cents;
    bool deposited = kinds[movement->kind].deposited;
    /* Usage is negative and spends; what gives it back spends less. */
    bool spends = movement->kind != LEDGER_PROMOTION && !deposited;

    return DB_RUN(db, &change, NULL, err, db_int(amount), db_int(deposited ? amount : 0),
                  db_int(spends ? -amount : 0), db_id(&movement->user_id));
}

/* Inserts the row; *ret_inserted is false where the event is there already. */
static int insert_once(struct db *db, const struct ledger_movement *movement,
                       const struct id *transaction_id, bool *ret_inserted, struct error *err)
{
    static const struct query insert_transaction = {
        "INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, "
        "amount_cents, description) VALUES (?, ?, ?, ?, ?, ?)"};
    int failed = DB_RUN(db, &insert_transaction, NULL, err, db_id(transaction_id),
                        db_text(movement->event_key), db_text(kinds[movement->kind].name),
                        db_id(&movement->user_id), db_int(movement->amount_cents),
                        db_text(movement->description));

    if (failed && err->kind != ERROR_CONFLICT)
        return -1;
    *ret_inserted = !failed;
    return 0;
}

int store_ledger_move(struct db *db, const struct ledger_movement *movement, bool *ret_moved,
                      struct error *err)
{
    struct id transaction_id = id_new();
    bool inserted;

    if (lock_balance(db, &movement->user_id, err) < 0 ||
        insert_once(db, movement, &transaction_id, &inserted, err) < 0)
        return -1;
    if (inserted && (add_entries(db, &transaction_id, kinds[movement->kind].counter_account,
                                 movement->amount_cents, err) < 0 ||
                     change_balance(db, movement, err) < 0))
        return -1;
    if (ret_moved)
        *ret_moved = inserted;
    return 0;
}
