#include "store/status.h"

#include "base/cleanup.h"
#include "store/changes.h"
#include "store/db.h"

#include "base/banned.h"

static int read_connections(struct db *db, const char *api_user, const char *reaper_user,
                            struct server_status *status, struct error *err)
{
    static const struct query query = {
        "SELECT COUNT(*), @@max_connections, IFNULL(SUM(user=?), 0), IFNULL(SUM(user=?), 0) "
        "FROM information_schema.processlist WHERE command <> 'Daemon'"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(api_user), db_text(reaper_user));

    if (!rows || !db_next(rows))
        return -1;
    status->connections = db_row_int(rows, 0);
    status->connections_max = db_row_int(rows, 1);
    status->worker_connections = db_row_int(rows, 2);
    status->daemon_connections = db_row_int(rows, 3);
    return 0;
}

/* Rows of a query: waiting, running, oldest. */
static int read_queue(struct db *db, const struct query *query, struct status_queue *queue,
                      struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, query, NULL, 0, err);

    if (!rows || !db_next(rows))
        return -1;
    queue->waiting = db_row_int(rows, 0);
    queue->running = db_row_int(rows, 1);
    queue->oldest_seconds = db_row_int(rows, 2);
    return 0;
}

#define AGE(expression) "IFNULL(MAX(TIMESTAMPDIFF(SECOND, " expression ", NOW(6))), 0) "

static int read_queues(struct db *db, struct server_status *status, struct error *err)
{
    static const struct query starts = {
        "SELECT IFNULL(SUM(owner IS NULL), 0), IFNULL(SUM(owner IS NOT NULL), 0), " AGE(
            "IF(owner IS NULL, requested_at, NULL)") "FROM sessions WHERE status='creating'"};
    static const struct query commands = {
        "SELECT IFNULL(SUM(status='pending'), 0), IFNULL(SUM(status='processing'), 0), " AGE(
            "IF(status='pending', created_at, NULL)") "FROM interactions "
                                                      "WHERE status IN ('pending','processing')"};
    static const struct query verifications = {
        "SELECT IFNULL(SUM(status='pending'), 0), IFNULL(SUM(status<>'pending'), 0), " AGE(
            "IF(status='pending', created_at, NULL)") "FROM verifications "
                                                      "WHERE status IN "
                                                      "('pending','starting','running')"};
    static const struct query agent_jobs = {
        "SELECT IFNULL(SUM(status='pending'), 0), IFNULL(SUM(status<>'pending'), 0), " AGE(
            "IF(status='pending', created_at, NULL)") "FROM agent_jobs "
                                                      "WHERE status IN "
                                                      "('pending','starting','running')"};
    static const struct query charges = {
        "SELECT COUNT(*), 0, " AGE("ended_at") "FROM sessions WHERE unsettled=TRUE AND "
                                               "ended_at IS NOT NULL"};
    static const struct query stripe_events = {
        "SELECT COUNT(*), 0, " AGE("received_at") "FROM stripe_events WHERE state='due'"};

    if (read_queue(db, &starts, &status->starts, err) < 0 ||
        read_queue(db, &commands, &status->commands, err) < 0 ||
        read_queue(db, &verifications, &status->verifications, err) < 0 ||
        read_queue(db, &agent_jobs, &status->agent_jobs, err) < 0 ||
        read_queue(db, &charges, &status->charges, err) < 0)
        return -1;
    return read_queue(db, &stripe_events, &status->stripe_events, err);
}

static int read_sessions(struct db *db, struct server_status *status, struct error *err)
{
    static const struct query query = {
        "SELECT (SELECT COUNT(*) FROM sessions WHERE status='ready'), COUNT(*), "
        "IFNULL(SUM(status='error'), 0) FROM sessions WHERE outputs_pruned IN (FALSE, TRUE) AND "
        "ended_at > NOW(6) - INTERVAL 1 DAY"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows || !db_next(rows))
        return -1;
    status->sessions_ready = db_row_int(rows, 0);
    status->sessions_ended_today = db_row_int(rows, 1);
    status->sessions_failed_today = db_row_int(rows, 2);
    return 0;
}

static int read_money(struct db *db, struct server_status *status, struct error *err)
{
    static const struct query query = {
        "SELECT (SELECT COUNT(*) FROM users WHERE is_active), "
        "IFNULL(SUM(paid_cents), 0), IFNULL(SUM(granted_cents), 0), "
        "IFNULL(SUM(balance_cents < 0), 0), IFNULL(-SUM(LEAST(balance_cents, 0)), 0), "
        "(SELECT IFNULL(SUM(cents), 0) FROM spending WHERE day=DATE(NOW(6))), "
        "(SELECT COUNT(*) FROM stripe_events WHERE state='quarantined') FROM balances"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows || !db_next(rows))
        return -1;
    status->users = db_row_int(rows, 0);
    status->paid_cents = db_row_int(rows, 1);
    status->granted_cents = db_row_int(rows, 2);
    status->debtors = db_row_int(rows, 3);
    status->debt_cents = db_row_int(rows, 4);
    status->spent_today_cents = db_row_int(rows, 5);
    status->stripe_quarantined = db_row_int(rows, 6);
    return 0;
}

int store_status(struct db *db, const char *api_user, const char *reaper_user,
                 struct server_status *ret_status, struct error *err)
{
    _cleanup_(db_end_snapshot) struct db *snapshot = db_snapshot(db, err);
    struct server_status status = {0};
    struct changes_kept kept;

    if (!snapshot || read_connections(snapshot, api_user, reaper_user, &status, err) < 0 ||
        read_sessions(snapshot, &status, err) < 0 || read_queues(snapshot, &status, err) < 0 ||
        read_money(snapshot, &status, err) < 0 || store_changes_count(snapshot, &kept, err) < 0)
        return -1;
    status.changes_kept = kept.count;
    status.changes_bytes = kept.bytes;
    *ret_status = status;
    return 0;
}
