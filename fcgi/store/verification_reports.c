/*
 * verification_reports.c - what the operator sees of verifications (verifications.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/db.h"
#include "store/verifications.h"

#include "base/banned.h"

void verification_report_release(struct verification_report *report)
{
    free(report->dataset);
    free(report->sample_id);
    free(report->error_code);
    free(report->error_message);
    free(report->result.bytes);
    free(report->image);
    free(report->repo_path);
    free(report->verifier_command);
    free(report->reason);
    free(report->report_paths);
    free(report->found);
    free(report->out.bytes);
    free(report->err.bytes);
    memset(report, 0, sizeof(*report));
}

#define LISTED                                                                                     \
    "SELECT v.job_id, v.session_id, s.user_id, s.dataset, s.sample_id, s.version, v.attempt, "     \
    "v.status, v.created_at, v.started_at, v.completed_at, v.is_success, v.error_code, "           \
    "v.regrade_of"
#define LISTED_COLUMNS 14

static void read_listed(const struct db_rows *rows, struct verification_report *report)
{
    enum job_status status = JOB_PENDING;

    if (job_status_parse(db_row_text(rows, 7), &status) < 0)
        abort(); /* the schema knows a status that this program does not */
    *report = (struct verification_report){
        .job_id = db_row_id(rows, 0),
        .session_id = db_row_id(rows, 1),
        .user_id = db_row_id(rows, 2),
        .dataset = db_row_copy(rows, 3),
        .sample_id = db_row_copy(rows, 4),
        .version = db_row_int(rows, 5),
        .attempt = db_row_int(rows, 6),
        .status = status,
        .created_at = db_row_time(rows, 8),
        .started_at = db_row_time(rows, 9),
        .completed_at = db_row_time(rows, 10),
        .is_success = db_is_null(rows, 11) ? -1 : (int)db_row_int(rows, 11),
        .error_code = db_row_copy(rows, 12),
        .regrade_of = db_row_id(rows, 13),
        .exit_status = -1,
        .seconds = -1,
    };
}

int store_verification_list(struct db *db, int status, const char *session_id, int64_t limit,
                            void (*each)(const struct verification_report *report, void *arg),
                            void *arg, struct error *err)
{
    static const struct query select_page = {
        LISTED " FROM verifications v JOIN sessions s USING (session_id) "
               "WHERE (? IS NULL OR v.status=?) AND (? IS NULL OR v.session_id=?) "
               "ORDER BY v.created_at DESC, v.job_id DESC LIMIT ?"};
    struct db_value word = db_text(status < 0 ? NULL : job_status_name((enum job_status)status));
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (session_id && !id_valid(session_id))
        return 0;
    rows = DB_SELECT(db, &select_page, err, word, word, db_text(session_id), db_text(session_id),
                     db_int(limit));
    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(verification_report_release) struct verification_report report;

        read_listed(rows, &report);
        each(&report, arg);
    }
    return 0;
}

static struct text text_of(const struct db_rows *rows, unsigned column)
{
    return (struct text){db_row_copy(rows, column), db_row_length(rows, column)};
}

static void read_more(const struct db_rows *rows, struct verification_report *report)
{
    unsigned column = LISTED_COLUMNS;

    report->error_message = db_row_copy(rows, column++);
    report->result = text_of(rows, column++);
    report->image = db_row_copy(rows, column++);
    report->repo_path = db_row_copy(rows, column++);
    report->verifier_command = db_row_copy(rows, column++);
    if (!db_is_null(rows, column))
        report->exit_status = (int)db_row_int(rows, column);
    column++;
    report->timed_out = db_row_int(rows, column++) != 0;
    if (!db_is_null(rows, column))
        report->seconds = db_row_double(rows, column);
    column++;
    report->reason = db_row_copy(rows, column++);
    report->report_paths = db_row_copy(rows, column++);
    report->found = db_row_copy(rows, column++);
    report->out = text_of(rows, column++);
    report->err = text_of(rows, column++);
    report->is_trial = db_row_int(rows, column) != 0;
}

int store_verification_report(struct db *db, const char *job_id,
                              struct verification_report *ret_report, struct error *err)
{
    static const struct query select_report = {
        LISTED ", v.error_message, v.result, IFNULL(p.verifier_image, p.image), p.repo_path, "
               "p.verifier_command, r.exit_status, r.timed_out, r.seconds, r.reason, "
               "r.report_paths, r.found, r.stdout, r.stderr, p.trial IS NOT NULL "
               "FROM verifications v JOIN sessions s USING (session_id) "
               "LEFT JOIN samples p ON p.dataset=s.dataset AND p.sample_id=s.sample_id AND "
               "p.version=s.version LEFT JOIN verifier_runs r ON r.job_id=v.job_id "
               "WHERE v.job_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (id_valid(job_id)) {
        rows = DB_SELECT(db, &select_report, err, db_text(job_id));
        if (!rows)
            return -1;
    }
    if (!rows || !db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "there is no verification '%s'", job_id);
    read_listed(rows, ret_report);
    read_more(rows, ret_report);
    return 0;
}
