/*
 * job_ends.c - how agent jobs end, whoever ends them, and what runners say by the job's secret
 * (jobs.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/claims.h"
#include "store/job_rows.h"
#include "store/ledger.h"

#include "base/banned.h"

/* --- the end --------------------------------------------------------------------------------- */

struct paid {
    struct id user_id;
    int64_t cents;
    char *agent_id, *repo;
};

static void paid_release(struct paid *paid)
{
    free(paid->agent_id);
    free(paid->repo);
}

/* What never changes of a job. */
static int read_paid(struct db *db, const struct id *job_id, struct paid *ret_paid,
                     struct error *err)
{
    static const struct query query = {
        "SELECT user_id, price_cents, agent_id, repo FROM agent_jobs WHERE job_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(job_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return job_not_found(err);
    *ret_paid = (struct paid){
        .user_id = db_row_id(rows, 0),
        .cents = db_row_int(rows, 1),
        .agent_id = db_row_copy(rows, 2),
        .repo = db_row_copy(rows, 3),
    };
    return 0;
}

/* Less what an operator gave back already. */
static int read_left(struct db *db, const char *event, int64_t *ret_cents, struct error *err)
{
    static const struct query query = {
        "SELECT -t.amount_cents - IFNULL(SUM(r.amount_cents), 0) FROM ledger_transactions t "
        "LEFT JOIN ledger_transactions r ON r.of_transaction=t.transaction_id "
        "WHERE t.event_key=? GROUP BY t.transaction_id"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(event));

    if (!rows)
        return -1;
    *ret_cents = db_next(rows) ? db_row_int(rows, 0) : 0;
    return 0;
}

static int pay_back(struct db *db, const struct id *job_id, const struct paid *paid,
                    struct error *err)
{
    _cleanup_(free_ptr) char *charge = xasprintf("job:%s", job_id->text);
    _cleanup_(free_ptr) char *event = xasprintf("job_refund:%s", job_id->text);
    _cleanup_(free_ptr) char *description =
        xasprintf("%s on %s ended in error", paid->agent_id, paid->repo);
    struct ledger_movement movement = {
        .event_key = event,
        .kind = LEDGER_AGENT_JOB_REFUND,
        .user_id = paid->user_id,
        .description = description,
        .of_event = charge,
        .job_id = job_id,
    };

    if (read_left(db, charge, &movement.amount_cents, err) < 0)
        return -1;
    return movement.amount_cents > 0 ? store_ledger_move(db, &movement, NULL, err) : 0;
}

/* A condition that is NULL is none. A result is never the database's to make up: completed without
 * one, only where there is one already. */
#define CONDITIONS                                                                                 \
    "(? IS NULL OR (owner=? AND attempt=?)) AND (? IS NULL OR secret_hash=?) AND "                 \
    "(NOT ? OR (elsewhere AND started_at <=> ?)) AND " JOB_UNFINISHED

static int write_end(struct db *db, const struct job_end *end, int64_t *ret_changed,
                     struct error *err)
{
    static const struct query completed = {
        "UPDATE agent_jobs SET status='completed', completed_at=NOW(6), progress_pct=100, "
        "result_parts=IFNULL(?, result_parts), result_bytes=IFNULL(?, result_bytes) "
        "WHERE job_id=? AND (? IS NOT NULL OR result_bytes IS NOT NULL) AND " CONDITIONS};
    static const struct query failed = {
        "UPDATE agent_jobs SET status='error', completed_at=NOW(6), error_code=?, "
        "error_message=? WHERE job_id=? AND " CONDITIONS};
    struct db_value owner = db_text(end->run ? end->run->run_id.text : NULL);
    struct db_value hash = end->hash ? db_bytes(end->hash, SHA256_SIZE) : db_null();
    struct db_value bytes = end->result ? db_int(end->result->bytes) : db_null();

    if (end->completed)
        return DB_RUN(db, &completed, ret_changed, err,
                      db_text(end->result ? end->result->parts : NULL), bytes, db_id(&end->job_id),
                      bytes, owner, owner, db_int(end->attempt), hash, hash, db_int(end->overdue),
                      db_time(end->started_at));
    return DB_RUN(db, &failed, ret_changed, err, db_text(end->code), db_text(end->message),
                  db_id(&end->job_id), owner, owner, db_int(end->attempt), hash, hash,
                  db_int(end->overdue), db_time(end->started_at));
}

/* The balance is locked before the job's row, as everywhere. */
static int end_locked(struct db *db, const struct job_end *end, bool *ret_ended, struct error *err)
{
    _cleanup_(paid_release) struct paid paid = {.cents = 0};
    int64_t balance, changed;
    bool owed;

    if (read_paid(db, &end->job_id, &paid, err) < 0)
        return -1;
    owed = !end->completed && paid.cents > 0;
    if ((owed && store_ledger_lock(db, &paid.user_id, &balance, err) < 0) ||
        write_end(db, end, &changed, err) < 0)
        return -1;
    *ret_ended = changed > 0;
    return changed > 0 && owed ? pay_back(db, &end->job_id, &paid, err) : 0;
}

int job_end(struct db *db, const struct job_end *end, bool *ret_ended, struct error *err)
{
    if (db_begin(db, err) < 0)
        return -1;
    if (end_locked(db, end, ret_ended, err) == 0 && db_commit(db, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

/* --- who ends a job --------------------------------------------------------------------------- */

static int is_ended_by(struct db *db, const struct job_end *end, struct error *err)
{
    static const struct query query = {
        "SELECT status FROM agent_jobs WHERE job_id=? AND owner=? AND attempt=? AND status=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(&end->job_id), db_id(&end->run->run_id),
                  db_int(end->attempt), db_text(end->completed ? "completed" : "error"));

    return rows ? fenced(0, db_next(rows), "agent job", err) : -1;
}

int store_job_finish(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                     const struct job_result *result, const char *error_code,
                     const char *error_message, struct error *err)
{
    struct job_end end = {
        .job_id = *id,
        .completed = result != NULL,
        .result = result,
        .code = error_code,
        .message = error_message,
        .run = run,
        .attempt = attempt,
    };
    bool ended = false;

    if (!result && error_code && strcmp(error_code, "JOB_NO_RESULT") == 0) {
        end.completed = true; /* with what its agent PUT */
        if (job_end(db, &end, &ended, err) < 0)
            return -1;
        if (ended)
            return 0;
        end.completed = false;
    }
    if (job_end(db, &end, &ended, err) < 0)
        return -1;
    return ended ? 0 : is_ended_by(db, &end, err);
}

int store_job_cancel(struct db *db, const char *job_id, bool *ret_changed, struct error *err)
{
    struct job_end end = {
        .code = "JOB_CANCELLED",
        .message = "the operator ended this job; its price was paid back",
    };

    if (!id_valid(job_id) || id_parse(job_id, strlen(job_id), &end.job_id) < 0)
        return job_not_found(err);
    return job_end(db, &end, ret_changed, err);
}

/* *ret_count: of those that this call ended. */
int store_jobs_overdue(struct db *db, int64_t limit, int64_t *ret_count, struct error *err)
{
    static const struct query query = {
        "SELECT j.job_id, j.started_at, a.timeout_seconds FROM agent_jobs j "
        "JOIN agents a USING (agent_id) WHERE j.elsewhere AND j." JOB_UNFINISHED " AND "
        "IFNULL(j.started_at, j.created_at) < NOW(6) - INTERVAL a.timeout_seconds SECOND LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_int(limit));
    int64_t count = 0;

    if (!rows)
        return -1;
    while (db_next(rows)) {
        bool started = !db_is_null(rows, 1), ended;
        _cleanup_(free_ptr) char *message = xasprintf(
            started ? "its runner did not end it within %lld s, which is the agent's time limit"
                    : "no runner took it within %lld s; try again later, or ask the operator",
            (long long)db_row_int(rows, 2));
        const struct job_end end = {
            .job_id = db_row_id(rows, 0),
            .code = "JOB_TIMEOUT",
            .message = message,
            .overdue = true,
            .started_at = db_row_time(rows, 1),
        };

        if (job_end(db, &end, &ended, err) < 0)
            return -1;
        count += ended;
    }
    *ret_count = count;
    return 0;
}

/* --- by its secret --------------------------------------------------------------------------- */

struct job_by_secret {
    struct id job_id;
    enum { SECRET_OPEN, SECRET_COMPLETED, SECRET_ERROR } state;
    bool elsewhere, has_result;
};

static int refused(struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "JOB_SECRET_REFUSED",
                     "this is not the job's secret, or the job has ended");
}

/* The job whose secret this is, or was last. */
static int find_by_secret(struct db *db, const char *job_id, const unsigned char hash[SHA256_SIZE],
                          struct job_by_secret *ret_job, struct error *err)
{
    static const struct query query = {
        "SELECT secret_hash, status, elsewhere, result_bytes IS NOT NULL FROM agent_jobs "
        "WHERE job_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    struct job_by_secret job = {.state = SECRET_OPEN};
    const char *status;

    *ret_job = job;
    if (!id_valid(job_id) || id_parse(job_id, strlen(job_id), &job.job_id) < 0)
        return job_not_found(err);
    rows = DB_SELECT(db, &query, err, db_id(&job.job_id));
    if (!rows)
        return -1;
    if (!db_next(rows))
        return job_not_found(err);
    if (db_row_length(rows, 0) != SHA256_SIZE ||
        !equal_in_constant_time(db_row_text(rows, 0), hash, SHA256_SIZE))
        return refused(err);
    status = db_row_text(rows, 1);
    if (strcmp(status, "completed") == 0)
        job.state = SECRET_COMPLETED;
    else if (strcmp(status, "error") == 0)
        job.state = SECRET_ERROR;
    job.elsewhere = db_row_int(rows, 2) != 0;
    job.has_result = db_row_int(rows, 3) != 0;
    *ret_job = job;
    return 0;
}

static int find_open(struct db *db, const char *job_id, const unsigned char hash[SHA256_SIZE],
                     struct job_by_secret *ret_job, struct error *err)
{
    if (find_by_secret(db, job_id, hash, ret_job, err) < 0)
        return -1;
    return ret_job->state == SECRET_OPEN ? 0 : refused(err);
}

int store_job_progress(struct db *db, const char *job_id, const unsigned char hash[SHA256_SIZE],
                       int64_t pct, const char *stage, struct error *err)
{
    static const struct query query = {
        "UPDATE agent_jobs SET progress_pct=?, progress_stage=IFNULL(?, progress_stage) "
        "WHERE job_id=? AND secret_hash=? AND " JOB_UNFINISHED};
    struct job_by_secret job;
    int64_t changed;

    if (find_open(db, job_id, hash, &job, err) < 0 ||
        DB_RUN(db, &query, &changed, err, db_int(pct), db_text(stage), db_id(&job.job_id),
               db_bytes(hash, SHA256_SIZE)) < 0)
        return -1;
    return changed > 0 ? 0 : refused(err);
}

static int ask_to_end(struct db *db, const struct id *job_id, const unsigned char hash[SHA256_SIZE],
                      struct error *err)
{
    static const struct query query = {"UPDATE agent_jobs SET asked_to_end=TRUE WHERE job_id=? AND "
                                       "secret_hash=? AND " JOB_UNFINISHED};

    return DB_RUN(db, &query, NULL, err, db_id(job_id), db_bytes(hash, SHA256_SIZE));
}

static int end_by_secret(struct db *db, const struct job_by_secret *job,
                         const unsigned char hash[SHA256_SIZE], bool completed,
                         const char *error_message, struct error *err)
{
    const struct job_end end = {
        .job_id = job->job_id,
        .completed = completed,
        .code = "JOB_AGENT_REPORTED",
        .message = error_message ? error_message : "the agent reported an error without a reason",
        .hash = hash,
    };
    bool ended;

    if (!completed || job->elsewhere) {
        if (completed && !job->has_result)
            return error_set(err, ERROR_CONFLICT, "RESULT_MISSING",
                             "the job has no result yet; PUT it to /agent-jobs/%s/result first",
                             job->job_id.text);
        return job_end(db, &end, &ended, err);
    }
    return ask_to_end(db, &job->job_id, hash, err);
}

int store_job_complete(struct db *db, const char *job_id, const unsigned char hash[SHA256_SIZE],
                       bool completed, const char *error_message, enum agent_job_status *ret_status,
                       struct error *err)
{
    static const enum agent_job_status statuses[] = {
        [SECRET_OPEN] = AGENT_JOB_RUNNING,
        [SECRET_COMPLETED] = AGENT_JOB_COMPLETED,
        [SECRET_ERROR] = AGENT_JOB_ERROR,
    };
    struct job_by_secret job;

    if (find_by_secret(db, job_id, hash, &job, err) < 0)
        return -1;
    if (job.state == SECRET_OPEN &&
        (end_by_secret(db, &job, hash, completed, error_message, err) < 0 ||
         find_by_secret(db, job_id, hash, &job, err) < 0))
        return -1;
    *ret_status = statuses[job.state];
    return 0;
}

int store_job_upload_check(struct db *db, const char *job_id, const unsigned char hash[SHA256_SIZE],
                           struct error *err)
{
    struct job_by_secret job;

    return find_open(db, job_id, hash, &job, err);
}

/* --- a runner elsewhere ---------------------------------------------------------------------- */

/* By the secret, which is new, it is known again when this is sent once more. */
int store_job_take(struct db *db, const char *agent_id, const unsigned char hash[SHA256_SIZE],
                   struct agent_job *ret_job, int64_t *ret_installation_id, struct error *err)
{
    static const struct query take = {DB_ATOMIC_SELECT(
        "DECLARE taken UUID; ",
        "SELECT job_id INTO taken FROM agent_jobs WHERE agent_id=? AND elsewhere AND "
        "status='running' AND secret_hash=?; "
        "IF taken IS NULL THEN "
        "SELECT job_id INTO taken FROM agent_jobs WHERE agent_id=? AND elsewhere AND "
        "status='pending' ORDER BY created_at, job_id LIMIT 1 FOR UPDATE SKIP LOCKED; "
        "UPDATE agent_jobs SET status='running', started_at=NOW(6), attempt=attempt+1, "
        "secret_hash=? WHERE job_id=taken; END IF;",
        "SELECT " JOB_COLUMNS ", j.installation_id FROM agent_jobs j WHERE j.job_id=taken;")};
    struct db_value secret = db_bytes(hash, SHA256_SIZE);
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &take, err, db_text(agent_id), secret, db_text(agent_id), secret);

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL,
                         "no job of the agent '%s' waits for a runner elsewhere", agent_id);
    job_read(rows, ret_job);
    *ret_installation_id = db_row_int(rows, JOB_COLUMN_COUNT);
    return 0;
}
