/*
 * job_uploads.c - results of agent jobs that come by PUT, and what is kept of results (jobs.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/claims.h"
#include "store/job_rows.h"

#include "base/banned.h"

static const char *const status_names[] = {
    [UPLOAD_PENDING] = "pending",
    [UPLOAD_ACCEPTED] = "accepted",
    [UPLOAD_REFUSED] = "refused",
};

static enum upload_status status_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
        if (strcmp(status_names[i], name) == 0)
            return (enum upload_status)i;
    }
    abort(); /* the schema knows a status that this program does not */
}

void job_upload_release(struct job_upload *upload)
{
    free(upload->error_code);
    free(upload->message);
    memset(upload, 0, sizeof(*upload));
}

/* --- the worker's ---------------------------------------------------------------------------- */

int store_job_upload_create(struct db *db, const struct id *upload_id, const char *job_id,
                            const unsigned char hash[SHA256_SIZE], int64_t bytes, struct error *err)
{
    static const struct query insert = {
        "INSERT INTO agent_job_uploads (upload_id, job_id, bytes) SELECT ?, j.job_id, ? "
        "FROM agent_jobs j WHERE j.job_id=? AND j.secret_hash=? AND j." JOB_UNFINISHED};
    int64_t inserted;

    if (store_job_upload_check(db, job_id, hash, err) < 0)
        return -1;
    if (DB_RUN(db, &insert, &inserted, err, db_id(upload_id), db_int(bytes), db_text(job_id),
               db_bytes(hash, SHA256_SIZE)) < 0) {
        if (err->kind != ERROR_CONFLICT) /* a worker before this one inserted it, and died */
            return -1;
        error_clear(err);
        return 0;
    }
    return inserted > 0 ? 0 : store_job_upload_check(db, job_id, hash, err);
}

#define SELECT_UPLOAD                                                                              \
    "SELECT u.upload_id, u.job_id, u.bytes, u.attempt, u.status, u.error_code, u.message "         \
    "FROM agent_job_uploads u "

static void read_upload(const struct db_rows *rows, struct job_upload *upload)
{
    *upload = (struct job_upload){
        .upload_id = db_row_id(rows, 0),
        .job_id = db_row_id(rows, 1),
        .bytes = db_row_int(rows, 2),
        .attempt = db_row_int(rows, 3),
        .status = status_of(db_row_text(rows, 4)),
        .error_code = db_row_copy(rows, 5),
        .message = db_row_copy(rows, 6),
    };
}

int store_job_upload_get(struct db *db, const char *upload_id, struct job_upload *ret_upload,
                         struct error *err)
{
    static const struct query query = {SELECT_UPLOAD "WHERE u.upload_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (id_valid(upload_id)) {
        rows = DB_SELECT(db, &query, err, db_text(upload_id));
        if (!rows)
            return -1;
    }
    if (!rows || !db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "NOT_FOUND", "There is nothing at this path.");
    read_upload(rows, ret_upload);
    return 0;
}

/* --- the daemon's ---------------------------------------------------------------------------- */

/* Its values: this run's id, its lease_seconds, its node. */
#define UPLOAD_IS_FREE                                                                             \
    "status='pending' AND (owner IS NULL OR owner=? OR " OWNER_IS_DEAD(                            \
        "agent_job_uploads.owner") ") AND (node IS NULL OR node=?)"

int store_job_upload_claim(struct db *db, const struct run *run, const struct id *upload_id,
                           struct job_upload *ret_upload, struct error *err)
{
    static const struct query claim = {DB_ATOMIC_SELECT(
        "DECLARE mine UUID; ",
        "SELECT run_id INTO mine FROM runs WHERE run_id=? AND ended_at IS NULL FOR UPDATE; "
        "UPDATE agent_job_uploads SET owner=mine, attempt=attempt+1 WHERE mine IS NOT NULL AND "
        "upload_id=? AND " UPLOAD_IS_FREE ";",
        SELECT_UPLOAD "WHERE u.upload_id=? AND u.status='pending' AND u.owner=mine;")};
    struct db_value me = db_id(&run->run_id);
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &claim, err, me, db_id(upload_id), me, db_int(run->lease_seconds),
                  db_text(run->node), db_id(upload_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "nothing to claim");
    read_upload(rows, ret_upload);
    return 0;
}

int store_job_upload_claimable(struct db *db, const struct run *run, int64_t limit,
                               void (*each)(const struct id *id, void *arg), void *arg,
                               struct error *err)
{
    static const struct query query = {"SELECT upload_id FROM agent_job_uploads WHERE (owner IS "
                                       "NULL OR owner<>?) AND " UPLOAD_IS_FREE
                                       " ORDER BY created_at, upload_id LIMIT ?"};
    struct db_value me = db_id(&run->run_id);
    struct db_rows *rows = DB_SELECT(db, &query, err, me, me, db_int(run->lease_seconds),
                                     db_text(run->node), db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

/* The job's row is locked first: it does not end in between. A job that has ended takes no result
 * any more. */
#define FINISH                                                                                     \
    "SELECT job_id INTO job FROM agent_job_uploads WHERE upload_id=?; "                            \
    "SELECT TRUE INTO open FROM agent_jobs WHERE job_id=job AND " JOB_UNFINISHED " FOR UPDATE; "   \
    "UPDATE agent_job_uploads SET status=IF(accepted, IF(open, 'accepted', 'refused'), "           \
    "'refused'), error_code=IF(accepted, IF(open, NULL, 'JOB_SECRET_REFUSED'), ?), "               \
    "message=IF(accepted, IF(open, NULL, 'the job ended before its result was checked'), ?), "     \
    "ended_at=NOW(6) WHERE upload_id=? AND owner=? AND attempt=? AND status='pending'; "           \
    "SET ours=ROW_COUNT() > 0; "                                                                   \
    "IF ours AND accepted AND open THEN "                                                          \
    "UPDATE agent_jobs SET result_bytes=?, result_parts=?, node=? WHERE job_id=job; END IF;"

int store_job_upload_finish(struct db *db, const struct run *run, const struct id *upload_id,
                            int64_t attempt, const struct job_result *result,
                            const char *error_code, const char *message, struct error *err)
{
    static const struct query finish = {DB_ATOMIC_SELECT(
        "DECLARE job UUID; DECLARE open, ours BOOLEAN DEFAULT FALSE; DECLARE accepted BOOLEAN "
        "DEFAULT ?; ",
        FINISH,
        "SELECT ours OR EXISTS (SELECT 1 FROM agent_job_uploads u WHERE u.upload_id=? AND "
        "u.owner=? AND u.attempt=? AND u.status<>'pending');")};
    struct db_value upload = db_id(upload_id), me = db_id(&run->run_id);
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &finish, err, db_int(result != NULL), upload, db_text(error_code), db_text(message),
        upload, me, db_int(attempt), result ? db_int(result->bytes) : db_null(),
        db_text(result ? result->parts : NULL), db_text(run->node), upload, me, db_int(attempt));

    if (!rows || !db_next(rows))
        return -1;
    return fenced(0, db_row_int(rows, 0), "result", err);
}

/* --- old results ------------------------------------------------------------------------------ */

int store_job_results_due(struct db *db, const char *node, int64_t days, int64_t limit,
                          void (*each)(const struct id *job_id, void *arg), void *arg,
                          struct error *err)
{
    static const struct query query = {
        "SELECT job_id FROM agent_jobs WHERE NOT result_removed AND result_bytes IS NOT NULL AND "
        "(node IS NULL OR node=?) AND (status='error' OR (status='completed' AND repo='') OR "
        "(? > 0 AND status='completed' AND "
        "completed_at < NOW(6) - INTERVAL ? DAY)) ORDER BY completed_at LIMIT ?"};
    struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(node), db_int(days), db_int(days), db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

int store_job_result_removed(struct db *db, const struct id *job_id, struct error *err)
{
    static const struct query query = {
        "UPDATE agent_jobs SET result_removed=TRUE WHERE job_id=? AND "
        "status IN ('completed','error')"};

    return DB_RUN(db, &query, NULL, err, db_id(job_id));
}
