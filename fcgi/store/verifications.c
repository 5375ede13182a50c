#include "store/verifications.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/claims.h"
#include "store/db.h"

#include "base/banned.h"

static const char *const status_names[] = {
    [JOB_PENDING] = "pending",     [JOB_STARTING] = "starting", [JOB_RUNNING] = "running",
    [JOB_COMPLETED] = "completed", [JOB_ERROR] = "error",       [JOB_CANCELLED] = "cancelled",
};

const char *job_status_name(enum job_status status)
{
    return status_names[status];
}

static enum job_status status_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
        if (strcmp(status_names[i], name) == 0)
            return (enum job_status)i;
    }
    abort(); /* the schema knows a status that this program does not */
}

void verification_release(struct verification *verification)
{
    free(verification->sample_id);
    free(verification->result.bytes);
    free(verification->error_code);
    free(verification->error_message);
    free(verification->container_name);
    free(verification->location);
    memset(verification, 0, sizeof(*verification));
}

/* --- create and read ------------------------------------------------------------------------- */

static int read_created(struct db *db, const struct id *job_id, int64_t *ret_created_at,
                        struct error *err)
{
    static const struct query select_created = {
        "SELECT created_at FROM verifications WHERE job_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_created, err, db_id(job_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "no such row");
    *ret_created_at = db_row_time(rows, 0);
    return 0;
}

int store_verification_create(struct db *db, const struct id *job_id, const struct id *user_id,
                              const char *session_id, int64_t unfinished_max,
                              int64_t *ret_created_at, struct error *err)
{
    /* Locks the session first and counts then, as store_interaction_create does. */
    static const struct query insert_verification = {
        "INSERT INTO verifications (job_id, session_id) SELECT ?, s.session_id FROM sessions s "
        "WHERE s.session_id=? AND s.user_id=? AND s.status='ready' AND "
        "(SELECT COUNT(*) FROM verifications o WHERE o.session_id=s.session_id AND "
        "o.status IN ('pending','starting','running')) < ? FOR UPDATE"};
    int64_t inserted = 0;

    if (!id_valid(session_id))
        return work_refused(db, user_id, session_id, "VERIFICATION_LIMIT", "verifications",
                            unfinished_max, err);
    if (DB_RUN(db, &insert_verification, &inserted, err, db_id(job_id), db_text(session_id),
               db_id(user_id), db_int(unfinished_max)) < 0) {
        struct error ignored;

        return db_lost(db) && read_created(db, job_id, ret_created_at, &ignored) == 0 ? 0 : -1;
    }
    if (inserted == 0)
        return work_refused(db, user_id, session_id, "VERIFICATION_LIMIT", "verifications",
                            unfinished_max, err);
    return read_created(db, job_id, ret_created_at, err);
}

int store_verification_get(struct db *db, const struct id *user_id, const char *session_id,
                           const char *job_id, struct verification *ret_verification,
                           struct error *err)
{
    static const struct query select_verification = {
        "SELECT v.job_id, v.session_id, s.sample_id, v.status, v.created_at, v.started_at, "
        "v.completed_at, NOW(6), v.result, v.error_code, v.error_message, v.container_name, "
        "v.location, s.expires_at FROM verifications v JOIN sessions s USING (session_id) "
        "WHERE v.job_id=? AND s.session_id=? AND s.user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (id_valid(session_id) && id_valid(job_id)) {
        rows = DB_SELECT(db, &select_verification, err, db_text(job_id), db_text(session_id),
                         db_id(user_id));
        if (!rows)
            return -1;
    }
    if (!rows || !db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "VERIFICATION_NOT_FOUND",
                         "there is no such verification in such a session of yours");
    *ret_verification = (struct verification){
        .job_id = db_row_id(rows, 0),
        .session_id = db_row_id(rows, 1),
        .sample_id = db_row_copy(rows, 2),
        .status = status_of(db_row_text(rows, 3)),
        .created_at = db_row_time(rows, 4),
        .started_at = db_row_time(rows, 5),
        .completed_at = db_row_time(rows, 6),
        .now = db_row_time(rows, 7),
        .result = {db_row_copy(rows, 8), db_row_length(rows, 8)},
        .error_code = db_row_copy(rows, 9),
        .error_message = db_row_copy(rows, 10),
        .container_name = db_row_copy(rows, 11),
        .location = db_row_copy(rows, 12),
        .expires_at = db_row_time(rows, 13),
    };
    return 0;
}

/* --- the daemon's ---------------------------------------------------------------------------- */

void verification_work_release(struct verification_work *work)
{
    free(work->image);
    free(work->verifier_image);
    free(work->language);
    free(work->verifier);
    free(work->repo_path);
    free(work->verifier_command);
    free(work->report_paths);
    free(work->fail_to_pass);
    free(work->pass_to_pass);
    free(work->fail_to_fail);
    memset(work, 0, sizeof(*work));
}

#define WORKABLE "v.status IN ('pending','starting','running') AND s.status='ready' AND s.node=? "
#define FREE_FOR_US WORKABLE "AND (v.owner IS NULL OR v.lease_until < NOW(6) OR v.owner<>?) "

static const struct query select_work = {
    "SELECT v.job_id, v.session_id, v.attempt, p.image, IFNULL(p.verifier_image, p.image), "
    "p.language, p.verifier, p.repo_path, p.verifier_command, p.report_paths, p.fail_to_pass, "
    "p.pass_to_pass, p.fail_to_fail, p.verify_timeout FROM verifications v "
    "JOIN sessions s USING (session_id) "
    "JOIN samples p ON p.dataset=s.dataset AND p.sample_id=s.sample_id AND p.version=s.version "
    "WHERE v.job_id=? AND v.owner=? AND v.status IN ('starting','running')"};

int store_verification_claim(struct db *db, const struct claimant *claimant, const struct id *id,
                             struct verification_work *ret_work, struct error *err)
{
    static const struct query claim = {
        "UPDATE verifications v JOIN sessions s USING (session_id) SET "
        "v.status=IF(v.status='pending', 'starting', v.status), "
        "v.started_at=IFNULL(v.started_at, NOW(6)), v.attempt=v.attempt+1, "
        "v.lease_until=NOW(6) + INTERVAL ? SECOND, v.node=?, v.owner=? "
        "WHERE v.job_id=? AND " WORKABLE};
    _cleanup_(db_rows_release) struct db_rows *rows =
        claim_row(db, claimant, id, &claim, &select_work, err);

    if (!rows)
        return -1;
    *ret_work = (struct verification_work){
        .job_id = db_row_id(rows, 0),
        .session_id = db_row_id(rows, 1),
        .attempt = db_row_int(rows, 2),
        .image = db_row_copy(rows, 3),
        .verifier_image = db_row_copy(rows, 4),
        .language = db_row_copy(rows, 5),
        .verifier = db_row_copy(rows, 6),
        .repo_path = db_row_copy(rows, 7),
        .verifier_command = db_row_copy(rows, 8),
        .report_paths = db_row_copy(rows, 9),
        .fail_to_pass = db_row_copy(rows, 10),
        .pass_to_pass = db_row_copy(rows, 11),
        .fail_to_fail = db_row_copy(rows, 12),
        .verify_timeout = db_row_int(rows, 13),
    };
    return 0;
}

int store_verification_claimable(struct db *db, const struct claimant *claimant, int64_t limit,
                                 void (*each)(const struct id *id, void *arg), void *arg,
                                 struct error *err)
{
    static const struct query select_claimable = {
        "SELECT v.job_id FROM verifications v JOIN sessions s USING (session_id) "
        "WHERE " FREE_FOR_US "ORDER BY v.created_at LIMIT ?"};

    return claimable_rows(db, claimant, &select_claimable, limit, each, arg, err);
}

int store_verification_running(struct db *db, const struct claimant *claimant, const struct id *id,
                               int64_t attempt, const char *container_name, const char *location,
                               struct error *err)
{
    static const struct query running = {
        "UPDATE verifications SET status='running', container_name=?, location=? "
        "WHERE job_id=? AND owner=? AND attempt=? AND status IN ('starting','running')"};
    int64_t changed;

    if (DB_RUN(db, &running, &changed, err, db_text(container_name), db_text(location), db_id(id),
               db_id(&claimant->owner), db_int(attempt)) < 0)
        return -1;
    if (changed == 0)
        return error_set(err, ERROR_NOT_FOUND, NULL, "the verification is no longer ours to run");
    return 0;
}

int store_verification_finish(struct db *db, const struct claimant *claimant, const struct id *id,
                              int64_t attempt, const char *result_json, size_t result_length,
                              bool is_success, const char *error_code, const char *error_message,
                              struct error *err)
{
    static const struct query finish = {
        "UPDATE verifications SET status=?, result=?, is_success=?, error_code=?, "
        "error_message=?, completed_at=NOW(6) "
        "WHERE job_id=? AND owner=? AND attempt=? AND status IN ('starting','running')"};
    int64_t changed;

    if (DB_RUN(db, &finish, &changed, err, db_text(result_json ? "completed" : "error"),
               result_json ? db_bytes(result_json, result_length) : db_null(),
               result_json ? db_int(is_success) : db_null(), db_text(error_code),
               db_text(error_message), db_id(id), db_id(&claimant->owner), db_int(attempt)) < 0)
        return -1;
    if (changed == 0)
        return error_set(err, ERROR_NOT_FOUND, NULL,
                         "the verification is no longer ours to finish");
    return 0;
}
