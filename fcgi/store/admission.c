#include "store/admission.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "money/money.h"
#include "store/db.h"
#include "store/ledger.h"
#include "store/metered.h"

#include "base/banned.h"

/* --- limits ---------------------------------------------------------------------------------- */

/* A column of his own limits; 0 takes a limit away. */
static void own_limit(const struct db_rows *rows, unsigned column, int64_t *limit)
{
    if (!db_is_null(rows, column))
        *limit = db_row_int(rows, column);
}

#define OWN(column) "(SELECT l." column " FROM user_limits l WHERE l.user_id=u.user_id)"

static int lock_user(struct db *db, struct admission *wanted, struct error *err)
{
    static const struct query query = {
        "SELECT " OWN("sessions") ", " OWN("creates_per_minute") ", " OWN("cents_per_day") ", " OWN(
            "key_cents_per_day") " FROM users u WHERE u.user_id=? FOR UPDATE"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(&wanted->user_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "USER_NOT_FOUND", "there is no such user");
    own_limit(rows, 0, &wanted->open_max);
    own_limit(rows, 1, &wanted->creates_per_minute);
    own_limit(rows, 2, &wanted->cents_per_day);
    own_limit(rows, 3, &wanted->key_cents_per_day);
    return 0;
}

/* The time of the one that was so many ago; was that more than a minute ago? */
static int check_rate(struct db *db, const struct admission *wanted, struct error *err)
{
    static const struct query queries[] = {
        [ADMIT_SESSION] =
            {"SELECT requested_at > NOW(6) - INTERVAL 1 MINUTE FROM sessions WHERE user_id=? "
             "ORDER BY user_seq DESC LIMIT 1 OFFSET ?"},
        [ADMIT_JOB] =
            {"SELECT created_at > NOW(6) - INTERVAL 1 MINUTE FROM agent_jobs WHERE user_id=? "
             "ORDER BY created_at DESC, job_id DESC LIMIT 1 OFFSET ?"},
    };
    bool job = wanted->kind == ADMIT_JOB;
    int64_t limit = wanted->creates_per_minute;
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (limit == 0)
        return 0;
    rows = DB_SELECT(db, &queries[wanted->kind], err, db_id(&wanted->user_id), db_int(limit - 1));
    if (!rows)
        return -1;
    if (!db_next(rows) || !db_row_int(rows, 0))
        return 0;
    return error_set(err, ERROR_LIMIT, job ? "JOB_RATE_LIMIT" : "SESSION_RATE_LIMIT",
                     "the limit of new %s per user is %lld a minute and %lld were created in "
                     "the last minute; try again later",
                     job ? "agent jobs" : "sessions", (long long)limit, (long long)limit);
}

/* --- money ----------------------------------------------------------------------------------- */

static int over_limit(const struct admission *wanted, const char *whose, int64_t limit,
                      int64_t spent, struct error *err)
{
    return error_set(err, ERROR_LIMIT, "SPENDING_LIMIT",
                     "%s may spend %lld cents a day (UTC) and has spent %lld today; %s costs %lld. "
                     "Try again tomorrow, or ask the operator for a higher limit",
                     whose, (long long)limit, (long long)spent,
                     wanted->kind == ADMIT_JOB ? "the agent job" : "a minute of a session",
                     (long long)wanted->price_cents);
}

static int check_day(struct db *db, const struct admission *wanted,
                     const struct metered_list *metered, struct error *err)
{
    static const struct query query = {
        "SELECT IFNULL(SUM(cents), 0), IFNULL(SUM(IF(key_id=?, cents, 0)), 0) FROM spending "
        "WHERE user_id=? AND day=DATE(NOW(6))"};
    const char *key = wanted->key_id ? wanted->key_id->text : NULL;
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    int64_t by_user, by_key;

    if (wanted->cents_per_day == 0 && (wanted->key_cents_per_day == 0 || !key))
        return 0;
    rows = DB_SELECT(db, &query, err, db_text(key), db_id(&wanted->user_id));
    if (!rows || !db_next(rows))
        return -1;
    by_user = db_row_int(rows, 0) + metered_cost(metered, NULL);
    by_key = db_row_int(rows, 1) + (key ? metered_cost(metered, wanted->key_id) : 0);
    if (wanted->cents_per_day > 0 && by_user + wanted->price_cents > wanted->cents_per_day)
        return over_limit(wanted, "this user", wanted->cents_per_day, by_user, err);
    if (key && wanted->key_cents_per_day > 0 &&
        by_key + wanted->price_cents > wanted->key_cents_per_day)
        return over_limit(wanted, "this API key", wanted->key_cents_per_day, by_key, err);
    return 0;
}

static int too_little(const struct admission *wanted, int64_t balance, int64_t needed,
                      struct error *err)
{
    if (wanted->kind == ADMIT_JOB)
        return error_set(err, ERROR_LIMIT, "INSUFFICIENT_CREDITS",
                         "your balance is %lld cents, and the agent job needs %lld: its price "
                         "(%lld) and what your sessions have used, at least a minute each; deposit "
                         "money or close sessions",
                         (long long)balance, (long long)needed, (long long)wanted->price_cents);
    return error_set(err, ERROR_LIMIT, "INSUFFICIENT_CREDITS",
                     "your balance is %lld cents, and another session needs %lld: a minute of it "
                     "(%lld) and what your other sessions have used, at least a minute each; "
                     "deposit money or close sessions",
                     (long long)balance, (long long)needed, (long long)wanted->price_cents);
}

/* What is left of grants that are over but were not taken back yet: no job is paid with it. Of
 * sessions it bears what they had used by then, so it counts for them. */
static int read_expired(struct db *db, const struct admission *wanted, int64_t *ret_cents,
                        struct error *err)
{
    static const struct query query = {
        "SELECT IFNULL(SUM(remaining_cents), 0) FROM credit_grants WHERE user_id=? AND live AND "
        "expires_at <= NOW(6)"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    *ret_cents = 0;
    if (wanted->kind != ADMIT_JOB)
        return 0;
    rows = DB_SELECT(db, &query, err, db_id(&wanted->user_id));
    if (!rows || !db_next(rows))
        return -1;
    *ret_cents = db_row_int(rows, 0);
    return 0;
}

static int check_funds(struct db *db, const struct admission *wanted, struct error *err)
{
    _cleanup_(metered_list_release) struct metered_list metered = {0};
    int64_t balance, needed, expired;

    if (store_ledger_lock(db, &wanted->user_id, &balance, err) < 0 ||
        metered_of_user(db, &wanted->user_id, false, &metered, err) < 0 ||
        check_day(db, wanted, &metered, err) < 0 || read_expired(db, wanted, &expired, err) < 0)
        return -1;
    needed = money_needed(metered.sessions, metered.count, wanted->price_cents);
    if (needed <= balance && wanted->price_cents <= balance - expired)
        return 0;
    return too_little(wanted, balance - expired, needed, err);
}

int admit(struct db *db, struct admission *wanted, struct error *err)
{
    if (lock_user(db, wanted, err) < 0 || check_rate(db, wanted, err) < 0)
        return -1;
    return wanted->price_cents > 0 ? check_funds(db, wanted, err) : 0;
}
