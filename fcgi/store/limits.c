#include "store/limits.h"

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

static int64_t limit_of(const struct db_rows *rows, unsigned column)
{
    return db_is_null(rows, column) ? -1 : db_row_int(rows, column);
}

static struct db_value value_of(int64_t limit)
{
    return limit < 0 ? db_null() : db_int(limit);
}

int store_user_limits_get(struct db *db, const struct id *user_id, struct user_limits *ret_limits,
                          struct error *err)
{
    static const struct query query = {
        "SELECT sessions, creates_per_minute, cents_per_day, key_cents_per_day, low_balance_cents "
        "FROM user_limits WHERE user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(user_id));
    struct user_limits limits = USER_LIMITS_NONE;

    if (!rows)
        return -1;
    if (db_next(rows))
        limits = (struct user_limits){limit_of(rows, 0), limit_of(rows, 1), limit_of(rows, 2),
                                      limit_of(rows, 3), limit_of(rows, 4)};
    *ret_limits = limits;
    return 0;
}

int store_user_limits_set(struct db *db, const struct id *user_id, const struct user_limits *limits,
                          struct error *err)
{
    static const struct query query = {
        "REPLACE INTO user_limits (user_id, sessions, creates_per_minute, cents_per_day, "
        "key_cents_per_day, low_balance_cents) VALUES (?, ?, ?, ?, ?, ?)"};

    return DB_RUN(db, &query, NULL, err, db_id(user_id), value_of(limits->sessions),
                  value_of(limits->creates_per_minute), value_of(limits->cents_per_day),
                  value_of(limits->key_cents_per_day), value_of(limits->low_balance_cents));
}
