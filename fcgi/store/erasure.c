#include "store/erasure.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "store/db.h"
#include "store/job_rows.h"

#include "base/banned.h"

int store_user_holdings(struct db *db, const struct id *user_id, struct user_holdings *ret_holdings,
                        struct error *err)
{
    static const struct query query = {
        "SELECT (SELECT COUNT(*) FROM sessions s WHERE s.user_id=u.user_id), "
        "(SELECT COUNT(*) FROM sessions s WHERE s.user_id=u.user_id AND "
        "s.status IN ('creating','ready')), "
        "(SELECT COUNT(*) FROM agent_jobs j WHERE j.user_id=u.user_id), "
        "(SELECT COUNT(*) FROM agent_jobs j WHERE j.user_id=u.user_id AND "
        "j.status IN ('pending','starting','running')), "
        "(SELECT COUNT(*) FROM api_keys k WHERE k.user_id=u.user_id AND k.is_active=TRUE), "
        "(SELECT COUNT(*) FROM stripe_checkouts c WHERE c.user_id=u.user_id AND "
        "c.state IN ('creating','open','processing') AND c.expires_at > NOW(6)), "
        "IFNULL((SELECT balance_cents FROM balances b WHERE b.user_id=u.user_id), 0), "
        "(SELECT COUNT(*) FROM ledger_transactions t WHERE t.user_id=u.user_id), "
        "IFNULL((SELECT customer_id FROM stripe_customers x WHERE x.user_id=u.user_id), '') "
        "FROM users u WHERE u.user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(user_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "USER_NOT_FOUND", "there is no such user");
    *ret_holdings = (struct user_holdings){
        .sessions = db_row_int(rows, 0),
        .open_sessions = db_row_int(rows, 1),
        .jobs = db_row_int(rows, 2),
        .open_jobs = db_row_int(rows, 3),
        .active_keys = db_row_int(rows, 4),
        .open_deposits = db_row_int(rows, 5),
        .balance_cents = db_row_int(rows, 6),
        .transactions = db_row_int(rows, 7),
    };
    snprintf(ret_holdings->stripe_customer, sizeof(ret_holdings->stripe_customer), "%s",
             db_row_text(rows, 8));
    return 0;
}

int store_user_erase(struct db *db, const struct id *user_id, struct error *err)
{
    static const struct query query = {
        DB_ATOMIC("UPDATE users SET name='', email='', github_id=NULL, github_login=NULL, "
                  "last_login_at=NULL, is_active=FALSE WHERE user_id=?;"
                  "UPDATE api_keys SET is_active=FALSE, name=NULL WHERE user_id=?;"
                  "DELETE FROM refresh_tokens WHERE user_id=?;"
                  "DELETE FROM user_limits WHERE user_id=?;")};
    int64_t changed = 0;

    if (DB_RUN(db, &query, &changed, err, db_id(user_id), db_id(user_id), db_id(user_id),
               db_id(user_id)) < 0)
        return -1;
    return changed ? 0 : error_set(err, ERROR_NOT_FOUND, "USER_NOT_FOUND", "there is no such user");
}

/* --- sessions -------------------------------------------------------------------------------- */

#define IS_OVER                                                                                    \
    "s.status IN ('error','closed','terminated') AND s.unsettled IS NULL "                         \
    "AND NOT EXISTS (SELECT 1 FROM containers c WHERE c.container_id=s.container_id "              \
    "AND c.state <> 'gone') "                                                                      \
    "AND NOT EXISTS (SELECT 1 FROM interactions i WHERE i.session_id=s.session_id "                \
    "AND i.status IN ('pending','processing')) "                                                   \
    "AND NOT EXISTS (SELECT 1 FROM verifications v WHERE v.session_id=s.session_id "               \
    "AND v.status IN ('pending','starting','running'))"

/* Outputs, contents, reports and declines go along by their foreign keys. */
static int delete_session(struct db *db, const struct id *id, struct error *err)
{
    static const struct query query = {DB_ATOMIC("DELETE FROM verifications WHERE session_id=?;"
                                                 "DELETE FROM interactions WHERE session_id=?;"
                                                 "DELETE FROM sessions WHERE session_id=?;")};

    return DB_RUN(db, &query, NULL, err, db_id(id), db_id(id), db_id(id));
}

static int count(struct db *db, const struct query *query, const struct id *user_id,
                 int64_t *ret_count, struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, query, err, db_id(user_id));

    if (!rows || !db_next(rows))
        return -1;
    *ret_count = db_row_int(rows, 0);
    return 0;
}

int store_user_sessions_delete(struct db *db, const struct id *user_id, int64_t limit,
                               int64_t *ret_deleted, int64_t *ret_left, struct error *err)
{
    static const struct query all = {"SELECT COUNT(*) FROM sessions WHERE user_id=?"};
    static const struct query over = {
        "SELECT s.session_id FROM sessions s WHERE s.user_id=? AND " IS_OVER " LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &over, err, db_id(user_id), db_int(limit));
    int64_t deleted = 0;

    if (!rows)
        return -1;
    for (; db_next(rows); deleted++) {
        const struct id id = db_row_id(rows, 0);

        if (delete_session(db, &id, err) < 0)
            return -1;
    }
    if (count(db, &all, user_id, ret_left, err) < 0)
        return -1;
    *ret_deleted = deleted;
    return 0;
}

/* --- agent jobs ------------------------------------------------------------------------------ */

static int end_jobs(struct db *db, const struct id *user_id, int64_t limit, struct error *err)
{
    static const struct query open = {
        "SELECT job_id FROM agent_jobs WHERE user_id=? AND " JOB_UNFINISHED " LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &open, err, db_id(user_id), db_int(limit));
    bool changed;

    if (!rows)
        return -1;
    while (db_next(rows)) {
        const struct id id = db_row_id(rows, 0);

        if (store_job_cancel(db, id.text, &changed, err) < 0)
            return -1;
    }
    return 0;
}

/* A job without a repository is one whose result is to be removed (store_job_results_due). */
static int empty_jobs(struct db *db, const struct id *user_id, struct error *err)
{
    static const struct query query = {
        DB_ATOMIC("DELETE l FROM agent_job_logs l JOIN agent_jobs j USING (job_id) WHERE "
                  "j.user_id=? AND j.status IN ('completed','error');"
                  "UPDATE agent_jobs SET repo='', ref=NULL, progress_stage=NULL, "
                  "error_message=NULL WHERE user_id=? AND status IN ('completed','error') AND "
                  "repo<>'';")};

    return DB_RUN(db, &query, NULL, err, db_id(user_id), db_id(user_id));
}

static int delete_job(struct db *db, const struct id *id, struct error *err)
{
    static const struct query query = {DB_ATOMIC("DELETE FROM agent_job_logs WHERE job_id=?;"
                                                 "DELETE FROM agent_job_uploads WHERE job_id=?;"
                                                 "DELETE FROM agent_jobs WHERE job_id=?;")};

    return DB_RUN(db, &query, NULL, err, db_id(id), db_id(id), db_id(id));
}

int store_user_jobs_delete(struct db *db, const struct id *user_id, int64_t limit,
                           int64_t *ret_deleted, int64_t *ret_left, struct error *err)
{
    static const struct query all = {"SELECT COUNT(*) FROM agent_jobs WHERE user_id=?"};
    static const struct query over = {
        "SELECT j.job_id FROM agent_jobs j WHERE j.user_id=? AND j.status IN "
        "('completed','error') AND (j.result_bytes IS NULL OR j.result_removed) AND NOT EXISTS "
        "(SELECT 1 FROM containers c WHERE c.work_id=j.job_id AND c.state <> 'gone') AND NOT "
        "EXISTS (SELECT 1 FROM agent_job_uploads u WHERE u.job_id=j.job_id AND "
        "u.status='pending') LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    int64_t deleted = 0;

    if (end_jobs(db, user_id, limit, err) < 0 || empty_jobs(db, user_id, err) < 0 ||
        !(rows = DB_SELECT(db, &over, err, db_id(user_id), db_int(limit))))
        return -1;
    for (; db_next(rows); deleted++) {
        const struct id id = db_row_id(rows, 0);

        if (delete_job(db, &id, err) < 0)
            return -1;
    }
    if (count(db, &all, user_id, ret_left, err) < 0)
        return -1;
    *ret_deleted = deleted;
    return 0;
}

/* --- Stripe ---------------------------------------------------------------------------------- */

/* Read without a lock, for there may be many events, and webhooks are coming in. A session and its
 * charge name the deposit, or at least the customer; a dispute has only the payment. */
static struct db_rows *events_of_user(struct db *db, const struct id *user_id, struct error *err)
{
    static const struct query query = {
        "SELECT e.row_id FROM stripe_events e WHERE "
        "JSON_VALUE(e.payload, '$.data.object.customer') IN "
        "(SELECT customer_id FROM stripe_customers WHERE user_id=?) OR "
        "JSON_VALUE(e.payload, '$.data.object.metadata.codeset_checkout') IN "
        "(SELECT CAST(checkout_id AS CHAR) FROM stripe_checkouts WHERE user_id=?) OR "
        "JSON_VALUE(e.payload, '$.data.object.payment_intent') IN "
        "(SELECT payment_intent FROM stripe_checkouts WHERE user_id=?)"};

    return DB_SELECT(db, &query, err, db_id(user_id), db_id(user_id), db_id(user_id));
}

int store_user_stripe_erase(struct db *db, const struct id *user_id, struct error *err)
{
    /* Nothing of it is read when an event is applied (fcgi/stripe/event.c). */
    static const struct query redact = {
        "UPDATE stripe_events SET payload=JSON_REMOVE(payload, "
        "'$.data.object.customer_details', '$.data.object.customer_email', "
        "'$.data.object.collected_information', '$.data.object.custom_fields', "
        "'$.data.object.shipping', '$.data.object.shipping_details', "
        "'$.data.object.billing_details', '$.data.object.receipt_email', "
        "'$.data.object.payment_method_details', '$.data.object.evidence', "
        "'$.data.previous_attributes') WHERE row_id=?"};
    static const struct query forget = {"DELETE FROM stripe_customers WHERE user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = events_of_user(db, user_id, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        const struct id id = db_row_id(rows, 0);

        if (DB_RUN(db, &redact, NULL, err, db_id(&id)) < 0)
            return -1;
    }
    return DB_RUN(db, &forget, NULL, err, db_id(user_id));
}
