#include "store/numbers.h"

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

#define AGE(column) "IFNULL(GREATEST(0, TIMESTAMPDIFF(MICROSECOND, MIN(" column "), NOW(6))), 0)"
#define QUEUE_OF(table, status, column)                                                            \
    "SELECT COUNT(*), " AGE(column) " FROM " table " WHERE " status

static int read_queue(struct db *db, const struct query *query, struct store_queue *ret_queue,
                      struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, query, NULL, 0, err);

    if (!rows || !db_next(rows))
        return -1;
    *ret_queue = (struct store_queue){db_row_int(rows, 0), db_row_int(rows, 1)};
    return 0;
}

static int read_queues(struct db *db, struct store_numbers *numbers, struct error *err)
{
    static const struct query sessions = {
        QUEUE_OF("sessions", "status='creating'", "requested_at")};
    static const struct query interactions = {
        QUEUE_OF("interactions", "status='pending'", "created_at")};
    static const struct query verifications = {
        QUEUE_OF("verifications", "status='pending'", "created_at")};
    static const struct query events = {QUEUE_OF("stripe_events", "state='due'", "received_at")};
    static const struct query agent_jobs = {
        QUEUE_OF("agent_jobs", "status='pending'", "created_at")};

    if (read_queue(db, &sessions, &numbers->sessions, err) < 0 ||
        read_queue(db, &interactions, &numbers->interactions, err) < 0 ||
        read_queue(db, &verifications, &numbers->verifications, err) < 0 ||
        read_queue(db, &events, &numbers->stripe_events, err) < 0 ||
        read_queue(db, &agent_jobs, &numbers->agent_jobs, err) < 0)
        return -1;
    numbers->creating = numbers->sessions.length;
    return 0;
}

static int read_rest(struct db *db, int64_t low_balance_cents, struct store_numbers *numbers,
                     struct error *err)
{
    static const struct query query = {
        "SELECT (SELECT COUNT(*) FROM sessions WHERE status='ready'), "
        "(SELECT COUNT(*) FROM stripe_events WHERE state='quarantined'), "
        "(SELECT " AGE("ended_at") " FROM sessions WHERE unsettled=TRUE AND ended_at > 0), "
                                   "(SELECT COUNT(*) FROM balances b LEFT JOIN user_limits l ON "
                                   "l.user_id=b.user_id "
                                   "WHERE b.balance_cents < IFNULL(l.low_balance_cents, ?)), "
                                   "(SELECT IFNULL(TIMESTAMPDIFF(MICROSECOND, MAX(ended_at), "
                                   "NOW(6)), -1) FROM "
                                   "ledger_audits), "
                                   "IFNULL((SELECT findings FROM ledger_audits ORDER BY ended_at "
                                   "DESC LIMIT 1), 0)"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_int(low_balance_cents));

    if (!rows || !db_next(rows))
        return -1;
    numbers->ready = db_row_int(rows, 0);
    numbers->quarantined = db_row_int(rows, 1);
    numbers->ledger_lag_us = db_row_int(rows, 2);
    numbers->low_balances = db_row_int(rows, 3);
    numbers->audit_age_us = db_row_int(rows, 4);
    numbers->audit_findings = db_row_int(rows, 5);
    return 0;
}

int store_numbers_read(struct db *db, int64_t low_balance_cents, struct store_numbers *ret_numbers,
                       struct error *err)
{
    struct store_numbers numbers = {0};

    if (read_queues(db, &numbers, err) < 0 || read_rest(db, low_balance_cents, &numbers, err) < 0)
        return -1;
    *ret_numbers = numbers;
    return 0;
}

int store_audit_note(struct db *db, int64_t findings, struct error *err)
{
    static const struct query insert = {"INSERT INTO ledger_audits (findings) VALUES (?)"};
    static const struct query forget = {
        "DELETE FROM ledger_audits WHERE ended_at < NOW(6) - INTERVAL 400 DAY"};

    if (DB_RUN(db, &insert, NULL, err, db_int(findings)) < 0)
        return -1;
    return db_run(db, &forget, NULL, 0, NULL, err);
}
