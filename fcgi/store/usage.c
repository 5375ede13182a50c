/*
 * usage.c - balances and pages of transactions (usage.h).
 *
 * A user's transactions are numbered as they come, and their times do not go back, so that days are
 * ranges of numbers. For each thousand numbers ledger_counts says how many there are of each type
 * and what they come to: their sum is the total, and a page begins in the thousand where the sum
 * from the newest on passes its offset. Where a range begins or ends within a thousand, its
 * part is counted by an index that has all that is counted.
 */
#include "store/usage.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "store/credential.h"
#include "store/db.h"

#include "base/banned.h"

#define CHUNK 1000 /* as sql/0007 has it */
#define NUMBER_MOST INT64_C(4294967295)

static const char *const type_names[] = {
    [USAGE_DEPOSIT] = "deposit",
    [USAGE_REFUND] = "refund",
    [USAGE_SESSION] = "session_usage",
    [USAGE_AGENT_JOB] = "agent_job_usage",
    [USAGE_AGENT_JOB_REFUND] = "agent_job_refund",
};

const char *usage_type_name(enum usage_type type)
{
    return type_names[type];
}

/* --- balances -------------------------------------------------------------------------------- */

#define BALANCE_COLUMNS                                                                            \
    "u.user_id, IFNULL(b.balance_cents, 0), IFNULL(b.paid_cents, 0), "                             \
    "IFNULL(b.total_deposited_cents, 0), IFNULL(b.total_spent_cents, 0), "                         \
    "IFNULL(b.updated_at, u.created_at), IFNULL(c.customer_id, '') "
#define BALANCE_OF_USER                                                                            \
    "LEFT JOIN balances b ON b.user_id=u.user_id "                                                 \
    "LEFT JOIN stripe_customers c ON c.user_id=u.user_id "

static void read_balance(const struct db_rows *rows, unsigned first, struct balance *balance)
{

    *balance = (struct balance){
        .user_id = db_row_id(rows, first),
        .balance_cents = db_row_int(rows, first + 1),
        .paid_cents = db_row_int(rows, first + 2),
        .granted_cents = db_row_int(rows, first + 1) - db_row_int(rows, first + 2),
        .total_deposited_cents = db_row_int(rows, first + 3),
        .total_spent_cents = db_row_int(rows, first + 4),
        .updated_at = db_row_time(rows, first + 5),
    };
    snprintf(balance->stripe_customer_id, sizeof(balance->stripe_customer_id), "%s",
             db_row_text(rows, first + 6));
}

int store_balance_get_as(struct db *db, const struct credential *credential,
                         struct balance *ret_balance, struct caller *ret_caller, struct error *err)
{
    static const struct query by_key = {
        "SELECT " KEY_COLUMNS ", " BALANCE_COLUMNS KEY_FROM BALANCE_OF_USER "WHERE " KEY_IS};
    static const struct query by_token = {
        "SELECT " TOKEN_COLUMNS ", " BALANCE_COLUMNS TOKEN_FROM BALANCE_OF_USER "WHERE " TOKEN_IS};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, credential->by_key ? &by_key : &by_token, err, credential_value(credential));

    if (!rows || credential_read(db, credential, rows, ret_caller, err) < 0)
        return -1;
    read_balance(rows, CREDENTIAL_COLUMN_COUNT, ret_balance);
    return 0;
}

int store_balance_get(struct db *db, const struct id *user_id, struct balance *ret_balance,
                      struct error *err)
{
    static const struct query query = {"SELECT " BALANCE_COLUMNS "FROM users u " BALANCE_OF_USER
                                       "WHERE u.user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(user_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "USER_NOT_FOUND", "there is no such user");
    read_balance(rows, 0, ret_balance);
    return 0;
}

/* --- which numbers --------------------------------------------------------------------------- */

/* Numbers from first to last; none where last < first. */
struct range {
    int64_t first, last;
};

static int find_number(struct db *db, const struct query *query, const struct usage_query *wanted,
                       int64_t when, int64_t none, int64_t *ret_number, struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, query, err, db_id(&wanted->user_id), db_time(when ? when : 1));

    if (!rows)
        return -1;
    *ret_number = db_next(rows) ? db_row_int(rows, 0) : none;
    return 0;
}

static int find_range(struct db *db, const struct usage_query *wanted, struct range *ret_range,
                      struct error *err)
{
    static const struct query first_since = {
        "SELECT user_seq FROM ledger_transactions WHERE user_id=? AND created_at >= ? "
        "ORDER BY created_at, user_seq LIMIT 1"};
    static const struct query last_before = {
        "SELECT user_seq FROM ledger_transactions WHERE user_id=? AND created_at < ? "
        "ORDER BY created_at DESC, user_seq DESC LIMIT 1"};
    struct range range = {0, NUMBER_MOST};

    if (wanted->from >= 0 &&
        find_number(db, &first_since, wanted, wanted->from, NUMBER_MOST, &range.first, err) < 0)
        return -1;
    if (wanted->before >= 0 &&
        find_number(db, &last_before, wanted, wanted->before, -1, &range.last, err) < 0)
        return -1;
    *ret_range = range;
    return 0;
}

/* --- counting -------------------------------------------------------------------------------- */

static void add_summary(struct usage_summary *total, const struct usage_summary *part,
                        unsigned types)
{
    for (int type = 0; type < USAGE_TYPES; type++) {
        if (!(types & 1U << type))
            continue;
        total->count[type] += part->count[type];
        total->transactions += part->count[type];
    }
    if (types & 1U << USAGE_SESSION) {
        total->session_cents += part->session_cents;
        total->session_seconds += part->session_seconds;
    }
    if (types & 1U << USAGE_AGENT_JOB)
        total->agent_job_cents += part->agent_job_cents;
}

/* Of a part of a chunk. */
static int count_part(struct db *db, const struct id *user_id, const struct range *part,
                      struct usage_summary *ret_summary, struct error *err)
{
    static const struct query query = {
        "SELECT type, COUNT(*), SUM(amount_cents), SUM(IFNULL(seconds, 0)) "
        "FROM ledger_transactions FORCE INDEX (by_type) WHERE user_id=? AND "
        "type IN (0,1,2,3,4) AND user_seq BETWEEN ? AND ? GROUP BY type"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(user_id), db_int(part->first), db_int(part->last));
    struct usage_summary summary = {0};

    if (!rows)
        return -1;
    while (db_next(rows)) {
        int64_t type = db_row_int(rows, 0);

        summary.count[type] = db_row_int(rows, 1);
        if (type == USAGE_SESSION) {
            summary.session_cents = db_row_int(rows, 2);
            summary.session_seconds = db_row_int(rows, 3);
        } else if (type == USAGE_AGENT_JOB) {
            summary.agent_job_cents = db_row_int(rows, 2);
        }
    }
    *ret_summary = summary;
    return 0;
}

static struct usage_summary summary_of_chunk(const struct db_rows *rows)
{
    struct usage_summary summary = {
        .session_cents = db_row_int(rows, 1 + USAGE_TYPES),
        .agent_job_cents = db_row_int(rows, 2 + USAGE_TYPES),
        .session_seconds = db_row_int(rows, 3 + USAGE_TYPES),
    };

    for (int type = 0; type < USAGE_TYPES; type++)
        summary.count[type] = db_row_int(rows, 1 + (unsigned)type);
    return summary;
}

/* The part of the range that lies in the chunk. *ret_whole: that is all of the chunk. */
static struct range part_of(const struct range *range, int64_t chunk, bool *ret_whole)
{
    struct range part = {chunk * CHUNK, chunk * CHUNK + CHUNK - 1};

    *ret_whole = range->first <= part.first && range->last >= part.last;
    if (range->first > part.first)
        part.first = range->first;
    if (range->last < part.last)
        part.last = range->last;
    return part;
}

/* Where a page begins: at the newest `skip` behind `last`. */
struct page {
    int64_t last, skip;
};

static int count(struct db *db, const struct usage_query *wanted, const struct range *range,
                 struct usage_summary *ret_summary, struct page *ret_page, struct error *err)
{
    static const struct query query = {
        "SELECT chunk, n_deposit, n_refund, n_session_usage, n_agent_job_usage, "
        "n_agent_job_refund, session_usage_cents, agent_job_usage_cents, session_seconds "
        "FROM ledger_counts WHERE user_id=? AND chunk BETWEEN ? AND ? ORDER BY chunk DESC"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(&wanted->user_id), db_int(range->first / CHUNK),
                  db_int(range->last / CHUNK));
    struct usage_summary total = {0};
    bool found = false;

    if (!rows)
        return -1;
    while (db_next(rows)) {
        bool whole;
        struct range part = part_of(range, db_row_int(rows, 0), &whole);
        struct usage_summary summary = summary_of_chunk(rows);
        int64_t before = total.transactions;

        if (!whole && count_part(db, &wanted->user_id, &part, &summary, err) < 0)
            return -1;
        add_summary(&total, &summary, wanted->types);
        if (!found && total.transactions > wanted->offset) {
            *ret_page = (struct page){.last = part.last, .skip = wanted->offset - before};
            found = true;
        }
    }
    *ret_summary = total;
    return 0;
}

/* --- a page ---------------------------------------------------------------------------------- */

#define COLUMNS                                                                                    \
    "SELECT t.transaction_id, t.type, t.kind, t.amount_cents, t.description, t.created_at, "       \
    "t.session_id, t.job_id, t.seconds FROM ("
#define OF_NUMBERS                                                                                 \
    ") p STRAIGHT_JOIN ledger_transactions t ON t.user_id=? AND t.user_seq=p.user_seq "            \
    "ORDER BY t.user_seq DESC"

/* What is skipped comes from an index alone, so that it costs nothing else. */
static struct db_rows *select_all_types(struct db *db, const struct usage_query *wanted,
                                        const struct range *range, const struct page *page,
                                        struct error *err)
{
    static const struct query query = {
        COLUMNS "SELECT user_seq FROM ledger_transactions WHERE user_id=? AND user_seq <= ? AND "
                "user_seq >= ? ORDER BY user_seq DESC LIMIT ? OFFSET ?" OF_NUMBERS};

    return DB_SELECT(db, &query, err, db_id(&wanted->user_id), db_int(page->last),
                     db_int(range->first), db_int(wanted->limit), db_int(page->skip),
                     db_id(&wanted->user_id));
}

#define OF_TYPE(type)                                                                              \
    "(SELECT user_seq FROM ledger_transactions FORCE INDEX (by_type) WHERE ? AND user_id=? AND "   \
    "type=" type " AND user_seq <= ? AND user_seq >= ? ORDER BY user_seq DESC LIMIT ?)"
#define VALUES_OF_TYPE(type)                                                                       \
    db_int((wanted->types & 1U << (type)) != 0), db_id(&wanted->user_id), db_int(page->last),      \
        db_int(range->first), db_int(page->skip + wanted->limit)

/* Each type's newest ones by its own part of the index, and of these the newest: what lies
 * between them of other types is not looked at. */
static struct db_rows *select_types(struct db *db, const struct usage_query *wanted,
                                    const struct range *range, const struct page *page,
                                    struct error *err)
{
    static const struct query query = {
        COLUMNS "SELECT user_seq FROM (" OF_TYPE("0") " UNION ALL " OF_TYPE("1") " UNION ALL " //
        OF_TYPE("2") " UNION ALL " OF_TYPE("3") " UNION ALL " OF_TYPE(
            "4") ") q ORDER BY user_seq DESC LIMIT ? OFFSET ?" OF_NUMBERS};

    return DB_SELECT(db, &query, err, VALUES_OF_TYPE(0), VALUES_OF_TYPE(1), VALUES_OF_TYPE(2),
                     VALUES_OF_TYPE(3), VALUES_OF_TYPE(4), db_int(wanted->limit),
                     db_int(page->skip), db_id(&wanted->user_id));
}

static struct usage_transaction transaction_of(const struct db_rows *rows)
{
    return (struct usage_transaction){
        .transaction_id = db_row_id(rows, 0),
        .type = (enum usage_type)db_row_int(rows, 1),
        .kind = db_row_text(rows, 2),
        .amount_cents = db_row_int(rows, 3),
        .description = db_row_text(rows, 4),
        .created_at = db_row_time(rows, 5),
        .session_id = db_row_text(rows, 6),
        .job_id = db_row_text(rows, 7),
        .seconds = db_is_null(rows, 8) ? -1 : db_row_int(rows, 8),
    };
}

int store_usage_list(struct db *db, const struct usage_query *query,
                     void (*each)(const struct usage_transaction *transaction, void *arg),
                     void *arg, struct usage_summary *ret_summary, struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    struct usage_summary summary = {0};
    struct page page = {0};
    struct range range;

    if (find_range(db, query, &range, err) < 0 ||
        (range.first <= range.last && count(db, query, &range, &summary, &page, err) < 0))
        return -1;
    if (query->offset < summary.transactions && query->limit > 0) {
        rows = query->types == USAGE_ALL_TYPES ? select_all_types(db, query, &range, &page, err)
                                               : select_types(db, query, &range, &page, err);
        if (!rows)
            return -1;
        while (db_next(rows)) {
            struct usage_transaction transaction = transaction_of(rows);

            each(&transaction, arg);
        }
    }
    *ret_summary = summary;
    return 0;
}
