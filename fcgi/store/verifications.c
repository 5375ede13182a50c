#include "store/verifications.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/claims.h"
#include "store/db.h"
#include "store/once.h"
#include "store/sample_rows.h"

#include "base/banned.h"

static const char *const status_names[] = {
    [JOB_PENDING] = "pending",     [JOB_STARTING] = "starting", [JOB_RUNNING] = "running",
    [JOB_COMPLETED] = "completed", [JOB_ERROR] = "error",       [JOB_CANCELLED] = "cancelled",
};

const char *job_status_name(enum job_status status)
{
    return status_names[status];
}

int job_status_parse(const char *name, enum job_status *ret_status)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
        if (strcmp(status_names[i], name) == 0) {
            *ret_status = (enum job_status)i;
            return 0;
        }
    }
    return -1;
}

static enum job_status status_of(const char *name)
{
    enum job_status status = JOB_PENDING;

    if (job_status_parse(name, &status) < 0)
        abort(); /* the schema knows a status that this program does not */
    return status;
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

/* *ret_created_at 0: there is no such row. */
static int read_created(struct db *db, const struct id *job_id, int64_t *ret_created_at,
                        struct error *err)
{
    static const struct query select_created = {
        "SELECT created_at FROM verifications WHERE job_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_created, err, db_id(job_id));

    if (!rows)
        return -1;
    *ret_created_at = db_next(rows) ? db_row_time(rows, 0) : 0;
    return 0;
}

struct creation {
    const struct id *job_id, *user_id;
    const char *session_id;
    int64_t unfinished_max;
    int64_t created_at;
};

static int refused(struct db *db, const struct creation *creation, struct error *err)
{
    return work_refused(db, creation->user_id, creation->session_id, "VERIFICATION_LIMIT",
                        "verifications", creation->unfinished_max, err);
}

static int attempt(struct db *db, void *arg, bool *maybe, struct error *err)
{
    /* Locks the session first and counts then, as store_interaction_create does. */
    static const struct query insert_verification = {
        "INSERT INTO verifications (job_id, session_id) SELECT ?, s.session_id FROM sessions s "
        "WHERE s.session_id=? AND s.user_id=? AND s.status='ready' AND "
        "(SELECT COUNT(*) FROM verifications o WHERE o.session_id=s.session_id AND "
        "o.status IN ('pending','starting','running') AND o.regrade_of IS NULL) < ? FOR UPDATE"};
    struct creation *creation = arg;

    *maybe = true;
    if (DB_RUN(db, &insert_verification, NULL, err, db_id(creation->job_id),
               db_text(creation->session_id), db_id(creation->user_id),
               db_int(creation->unfinished_max)) < 0 &&
        err->kind != ERROR_CONFLICT)
        return -1;
    /* Made now, or by an earlier attempt. */
    if (read_created(db, creation->job_id, &creation->created_at, err) < 0)
        return -1;
    return creation->created_at ? 0 : refused(db, creation, err);
}

int store_verification_create(struct db *db, const struct id *job_id, const struct id *user_id,
                              const char *session_id, int64_t unfinished_max,
                              int64_t *ret_created_at, struct error *err)
{
    struct creation creation = {job_id, user_id, session_id, unfinished_max, 0};

    if (!id_valid(session_id))
        return refused(db, &creation, err);
    if (store_once(db, attempt, &creation, err) < 0)
        return -1;
    *ret_created_at = creation.created_at;
    return 0;
}

int store_verification_get(struct db *db, const struct id *user_id, const char *session_id,
                           const char *job_id, struct verification *ret_verification,
                           struct error *err)
{
    enum {
        THE_JOB,
        THE_SESSION,
        THE_SAMPLE,
        THE_STATUS,
        THE_CREATION,
        THE_START,
        THE_COMPLETION,
        THE_TIME,
        THE_RESULT,
        THE_ERROR,
        THE_MESSAGE,
        THE_CONTAINER,
        THE_LOCATION,
        THE_EXPIRY
    };
    static const struct query select_verification = {
        "SELECT v.job_id, v.session_id, s.sample_id, v.status, v.created_at, v.started_at, "
        "v.completed_at, NOW(6), v.result, v.error_code, v.error_message, v.container_name, "
        "v.location, s.expires_at FROM verifications v JOIN sessions s USING (session_id) "
        "WHERE v.job_id=? AND s.session_id=? AND s.user_id=? AND v.regrade_of IS NULL"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (id_valid(session_id) && id_valid(job_id)) {
        rows = DB_SELECT(db, &select_verification, err, db_text(job_id), db_text(session_id),
                         db_id(user_id));
        if (!rows)
            return -1;
    }
    if (!rows || !db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "VERIFICATION_NOT_FOUND",
                         "you have no session with this verification; check both ids");
    *ret_verification = (struct verification){
        .job_id = db_row_id(rows, THE_JOB),
        .session_id = db_row_id(rows, THE_SESSION),
        .sample_id = db_row_copy(rows, THE_SAMPLE),
        .status = status_of(db_row_text(rows, THE_STATUS)),
        .created_at = db_row_time(rows, THE_CREATION),
        .started_at = db_row_time(rows, THE_START),
        .completed_at = db_row_time(rows, THE_COMPLETION),
        .now = db_row_time(rows, THE_TIME),
        .result = {db_row_copy(rows, THE_RESULT), db_row_length(rows, THE_RESULT)},
        .error_code = db_row_copy(rows, THE_ERROR),
        .error_message = db_row_copy(rows, THE_MESSAGE),
        .container_name = db_row_copy(rows, THE_CONTAINER),
        .location = db_row_copy(rows, THE_LOCATION),
        .expires_at = db_row_time(rows, THE_EXPIRY),
    };
    return 0;
}

int store_verification_ahead(struct db *db, const struct id *id, int64_t *ret_count,
                             struct error *err)
{
    static const struct query count = {
        "WITH mine AS (SELECT s.owner FROM verifications v JOIN sessions s USING (session_id) "
        "WHERE v.job_id=? AND v.status='pending'), "
        "running AS (SELECT t.user_id, COUNT(*) AS n FROM verifications o "
        "JOIN sessions t USING (session_id) JOIN mine ON mine.owner <=> o.owner "
        "WHERE o.status IN ('starting','running') GROUP BY t.user_id), "
        "queue AS (SELECT v.job_id, v.created_at, ROW_NUMBER() OVER (PARTITION BY s.user_id "
        "ORDER BY v.created_at, v.job_id) + IFNULL(r.n, 0) AS place "
        "FROM verifications v JOIN sessions s USING (session_id) "
        "JOIN mine ON mine.owner <=> s.owner LEFT JOIN running r ON r.user_id=s.user_id "
        "WHERE v.status='pending' AND v.regrade_of IS NULL) "
        "SELECT COUNT(*) FROM queue m JOIN queue q ON (q.place, q.created_at, q.job_id) < "
        "(m.place, m.created_at, m.job_id) WHERE m.job_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &count, err, db_id(id), db_id(id));

    if (!rows || !db_next(rows))
        return -1;
    *ret_count = db_row_int(rows, 0);
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
    free(work->log_parser);
    free(work->trial);
    free(work->fail_to_pass);
    free(work->pass_to_pass);
    free(work->fail_to_fail);
    free(work->held_out);
    free(work->restore);
    free(work->test_patch);
    free(work->profile);
    free(work->container_address);
    memset(work, 0, sizeof(*work));
}

/* Claims of a run on verifications are made one after the other (its row's lock), so that the cap
 * holds. */
#define CLAIM                                                                                      \
    "SELECT run_id INTO mine FROM runs WHERE run_id=? FOR UPDATE; "                                \
    "SELECT COUNT(*) INTO under_way FROM verifications o JOIN sessions t USING (session_id) "      \
    "WHERE o.status IN ('starting','running') AND o.owner=mine AND o.job_id<>? AND t.user_id="     \
    "(SELECT s.user_id FROM verifications v JOIN sessions s USING (session_id) "                   \
    "WHERE v.job_id=?); "                                                                          \
    "UPDATE verifications SET status=IF(status='pending', 'starting', status), "                   \
    "started_at=IFNULL(started_at, NOW(6)), attempt=attempt+1, owner=mine WHERE job_id=? AND "     \
    "status IN ('pending','starting','running') AND under_way < ? AND "                            \
    "IF(regrade_of IS NULL, EXISTS (SELECT 1 "                                                     \
    "FROM sessions s WHERE s.session_id=verifications.session_id AND s.status='ready' AND "        \
    "s.owner=mine), owner IS NULL OR owner=mine OR " OWNER_IS_DEAD(                                \
        "verifications.owner") "); SET claimed=ROW_COUNT();"

/* The columns of a claim, and where they are read. */
#define COLUMNS(X)                                                                                 \
    X(CLAIM_JOB, "v.job_id")                                                                       \
    X(CLAIM_SESSION, "v.session_id")                                                               \
    X(CLAIM_USER, "s.user_id")                                                                     \
    X(CLAIM_ATTEMPT, "v.attempt")                                                                  \
    X(CLAIM_IMAGE, "p.image")                                                                      \
    X(CLAIM_VERIFIER_IMAGE, "IFNULL(p.verifier_image, p.image)")                                   \
    X(CLAIM_LANGUAGE, "p.language")                                                                \
    X(CLAIM_VERIFIER, "p.verifier")                                                                \
    X(CLAIM_REPO_PATH, "p.repo_path")                                                              \
    X(CLAIM_VERIFIER_COMMAND, "p.verifier_command")                                                \
    X(CLAIM_REPORT_PATHS, "p.report_paths")                                                        \
    X(CLAIM_FAIL_TO_PASS, "IFNULL(h.fail_to_pass, p.fail_to_pass)")                                \
    X(CLAIM_PASS_TO_PASS, "IFNULL(h.pass_to_pass, p.pass_to_pass)")                                \
    X(CLAIM_FAIL_TO_FAIL, "IFNULL(h.fail_to_fail, p.fail_to_fail)")                                \
    X(CLAIM_VERIFY_TIMEOUT, "p.verify_timeout")                                                    \
    X(CLAIM_CONTAINER, "c.container_id")                                                           \
    X(CLAIM_ADDRESS, "c.address")                                                                  \
    X(CLAIM_HIDE_OUTPUT, "p.hide_verifier_output OR h.held_out IS NOT NULL")                       \
    X(CLAIM_LOG_PARSER, "p.log_parser")                                                            \
    X(CLAIM_TRIAL, "p.trial")                                                                      \
    X(CLAIM_HELD_OUT, "IFNULL(h.held_out, '[]')")                                                  \
    X(CLAIM_RESTORE, "IFNULL(p.restore_list, '[]')")                                               \
    X(CLAIM_HIDE_LISTS, "p.answers_hidden")                                                        \
    X(CLAIM_REGRADE_OF, "v.regrade_of")                                                            \
    X(CLAIM_PROFILE, "d.profile")                                                                  \
    X(CLAIM_EXACT_OUTCOMES, "p.exact_outcomes")

#define COLUMN_NAME(name, sql) name,
#define COLUMN_SQL(name, sql) sql ", "

enum { COLUMNS(COLUMN_NAME) CLAIM_CLAIMED, CLAIM_WHOLE };
#define SELECT_CLAIM "SELECT " COLUMNS(COLUMN_SQL) "claimed, h.json, " SAMPLE_PIECE " "

static struct verification_work work_of(const struct db_rows *rows)
{
    return (struct verification_work){
        .job_id = db_row_id(rows, CLAIM_JOB),
        .session_id = db_row_id(rows, CLAIM_SESSION),
        .user_id = db_row_id(rows, CLAIM_USER),
        .attempt = db_row_int(rows, CLAIM_ATTEMPT),
        .image = db_row_copy(rows, CLAIM_IMAGE),
        .verifier_image = db_row_copy(rows, CLAIM_VERIFIER_IMAGE),
        .language = db_row_copy(rows, CLAIM_LANGUAGE),
        .verifier = db_row_copy(rows, CLAIM_VERIFIER),
        .repo_path = db_row_copy(rows, CLAIM_REPO_PATH),
        .verifier_command = db_row_copy(rows, CLAIM_VERIFIER_COMMAND),
        .report_paths = db_row_copy(rows, CLAIM_REPORT_PATHS),
        .fail_to_pass = db_row_copy(rows, CLAIM_FAIL_TO_PASS),
        .pass_to_pass = db_row_copy(rows, CLAIM_PASS_TO_PASS),
        .fail_to_fail = db_row_copy(rows, CLAIM_FAIL_TO_FAIL),
        .verify_timeout = db_row_int(rows, CLAIM_VERIFY_TIMEOUT),
        .container_id = db_row_id(rows, CLAIM_CONTAINER),
        .container_address = db_row_copy(rows, CLAIM_ADDRESS),
        .hide_output = db_row_int(rows, CLAIM_HIDE_OUTPUT) != 0,
        .log_parser = db_row_copy(rows, CLAIM_LOG_PARSER),
        .trial = db_row_copy(rows, CLAIM_TRIAL),
        .held_out = db_row_copy(rows, CLAIM_HELD_OUT),
        .restore = db_row_copy(rows, CLAIM_RESTORE),
        .hide_lists = db_row_int(rows, CLAIM_HIDE_LISTS) != 0,
        .regrade_of = db_row_id(rows, CLAIM_REGRADE_OF),
        .profile = db_row_copy(rows, CLAIM_PROFILE),
        .exact_outcomes = db_row_int(rows, CLAIM_EXACT_OUTCOMES) != 0,
    };
}

/* *ret_patch: NULL where the sample has none. */
static int read_test_patch(const struct db_rows *rows, char **ret_patch, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(json_release) json_object *sample = NULL;
    const char *patch;

    if (sample_whole_of_row(rows, CLAIM_WHOLE, &text, err) < 0 ||
        json_parse(text.data, text.length, &sample, NULL, err) < 0)
        return -1;
    patch = json_get_text(sample, "test_patch");
    *ret_patch = patch ? xstrdup(patch) : NULL;
    return 0;
}

int store_verification_claim(struct db *db, const struct run *run, const struct id *id,
                             int64_t user_max, struct verification_work *ret_work,
                             struct error *err)
{
    /* A row that is not claimed says that it could be, but for the cap. */
    static const struct query claim = {DB_ATOMIC_SELECT(
        "DECLARE mine UUID; DECLARE under_way, claimed INT DEFAULT 0; ", CLAIM,
        SELECT_CLAIM
        "FROM verifications v "
        "JOIN sessions s USING (session_id) JOIN datasets d ON d.name=s.dataset "
        "JOIN samples p ON p.dataset=s.dataset AND p.sample_id=s.sample_id AND "
        "IF(v.regrade_latest, p.latest, p.version=s.version) "
        "LEFT JOIN sample_answers h ON h.row_id=p.row_id "
        "LEFT JOIN containers c ON c.container_id=v.container_id AND c.state='running' AND "
        "c.node=? "
        "WHERE v.job_id=? AND v.status IN ('pending','starting','running') AND "
        "(claimed > 0 OR v.regrade_of IS NOT NULL OR (s.status='ready' AND s.owner=?));")};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &claim, err, db_id(&run->run_id), db_id(id), db_id(id), db_id(id), db_int(user_max),
        db_int(run->lease_seconds), db_text(run->node), db_id(id), db_id(&run->run_id));
    char *test_patch;

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "nothing to claim");
    if (!db_row_int(rows, CLAIM_CLAIMED))
        return error_set(err, ERROR_LIMIT, NULL,
                         "the user has %lld running verifications, which is the limit",
                         (long long)user_max);
    if (read_test_patch(rows, &test_patch, err) < 0)
        return -1;
    *ret_work = work_of(rows);
    ret_work->test_patch = test_patch;
    return 0;
}

int store_verification_claimable(struct db *db, const struct run *run, int64_t user_max,
                                 int64_t limit, void (*each)(const struct id *id, void *arg),
                                 void *arg, struct error *err)
{
    static const struct query query = {CLAIMABLE("verifications", "job_id", "'starting','running'",
                                                 "'pending','starting','running'")};

    return claimable(db, &query, run, user_max, limit, each, arg, err);
}

#define NEW_CONTAINER                                                                              \
    "SELECT container_id, TRUE INTO earlier, ours FROM verifications WHERE job_id=? AND "          \
    "owner=? AND attempt=? AND status IN ('starting','running') FOR UPDATE; "                      \
    "IF ours AND NOT earlier <=> ? THEN "                                                          \
    "UPDATE verifications SET container_id=? WHERE job_id=?; "                                     \
    "UPDATE containers SET state='ended', ended_at=NOW(6) "                                        \
    "WHERE container_id=earlier AND state IN ('starting','running'); "                             \
    "INSERT INTO containers (container_id, node, run_id, kind, work_id, image) "                   \
    "VALUES (?, ?, ?, 'grading', ?, ?); END IF;"

int store_verification_container(struct db *db, const struct run *run, const struct id *id,
                                 int64_t attempt, const struct id *container_id, const char *image,
                                 struct error *err)
{
    static const struct query new_container = {
        DB_ATOMIC_SELECT("DECLARE ours BOOLEAN DEFAULT FALSE; DECLARE earlier UUID; ",
                         NEW_CONTAINER, "SELECT ours;")};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &new_container, err, db_id(id), db_id(&run->run_id), db_int(attempt),
                  db_id(container_id), db_id(container_id), db_id(id), db_id(container_id),
                  db_text(run->node), db_id(&run->run_id), db_id(id), db_text(image));

    if (!rows || !db_next(rows))
        return -1;
    return fenced(0, db_row_int(rows, 0), "verification", err);
}

int store_verification_running(struct db *db, const struct run *run, const struct id *id,
                               int64_t attempt, const char *container_name, const char *address,
                               struct error *err)
{
    static const struct query running = {DB_ATOMIC(
        "UPDATE verifications SET status='running', container_name=?, location=? "
        "WHERE job_id=? AND owner=? AND attempt=? AND status IN ('starting','running'); "
        "IF ROW_COUNT() > 0 THEN "
        "UPDATE containers SET state='running', started_at=IFNULL(started_at, NOW(6)), address=? "
        "WHERE container_id=(SELECT v.container_id FROM verifications v WHERE v.job_id=?) AND "
        "state IN ('starting','running'); END IF;")};
    int64_t changed = 0;
    int status =
        DB_RUN(db, &running, &changed, err, db_text(container_name), db_text(run->location),
               db_id(id), db_id(&run->run_id), db_int(attempt), db_text(address), db_id(id));

    return fenced(status, changed, "verification", err);
}

int store_verification_trace(struct db *db, const struct run *run, const struct id *id,
                             int64_t attempt, const struct verifier_trace *trace, struct error *err)
{
    static const struct query insert = {
        "INSERT INTO verifier_runs (job_id, exit_status, timed_out, seconds, reason, "
        "report_paths, found, stdout, stderr) SELECT job_id, ?, ?, ?, ?, ?, ?, ?, ? "
        "FROM verifications WHERE job_id=? AND owner=? AND attempt=? AND "
        "status IN ('starting','running') ON DUPLICATE KEY UPDATE "
        "exit_status=VALUE(exit_status), timed_out=VALUE(timed_out), seconds=VALUE(seconds), "
        "reason=VALUE(reason), report_paths=VALUE(report_paths), found=VALUE(found), "
        "stdout=VALUE(stdout), stderr=VALUE(stderr)"};
    bool has_status = trace->ran && !trace->timed_out;
    int64_t changed = 0;
    int status = DB_RUN(
        db, &insert, &changed, err, has_status ? db_int(trace->exit_status) : db_null(),
        db_int(trace->ran && trace->timed_out), trace->ran ? db_double(trace->seconds) : db_null(),
        db_text(trace->reason), db_text(trace->report_paths), db_text(trace->found),
        trace->out ? db_bytes(trace->out, trace->out_length) : db_null(),
        trace->err ? db_bytes(trace->err, trace->err_length) : db_null(), db_id(id),
        db_id(&run->run_id), db_int(attempt));

    return fenced(status, changed, "verification", err);
}

int store_verification_finish(struct db *db, const struct run *run, const struct id *id,
                              int64_t attempt, const char *result_json, size_t result_length,
                              bool is_success, const char *error_code, const char *error_message,
                              struct error *err)
{
    static const struct query finish = {
        "UPDATE verifications SET status=?, result=?, is_success=?, error_code=?, "
        "error_message=?, completed_at=NOW(6) "
        "WHERE job_id=? AND owner=? AND attempt=? AND status IN ('starting','running')"};
    int64_t changed = 0;
    int status = DB_RUN(db, &finish, &changed, err, db_text(result_json ? "completed" : "error"),
                        result_json ? db_bytes(result_json, result_length) : db_null(),
                        result_json ? db_int(is_success) : db_null(), db_text(error_code),
                        db_text(error_message), db_id(id), db_id(&run->run_id), db_int(attempt));

    return fenced(status, changed, "verification", err);
}
