/*
 * job_rows.h - the columns of a struct agent_job, how they are read, and how a job ends; for store/
 * only.
 */
#ifndef CODESET_STORE_JOB_ROWS_H
#define CODESET_STORE_JOB_ROWS_H

#include "store/db.h"
#include "store/jobs.h"

/* Of agent_jobs j. */
#define JOB_HAS_RESULT                                                                             \
    "(j.status='completed' AND j.result_bytes IS NOT NULL AND NOT j.result_removed)"
#define JOB_COLUMNS                                                                                \
    "j.job_id, j.user_id, j.agent_id, j.repo, j.ref, j.status, j.created_at, j.started_at, "       \
    "j.completed_at, NOW(6), j.progress_pct, j.progress_stage, j.error_code, "                     \
    "j.error_message, " JOB_HAS_RESULT ", IF(j.result_removed, 0, j.result_bytes), j.price_cents "
#define JOB_COLUMN_COUNT 17
#define JOB_UNFINISHED "status IN ('pending','starting','running')"

/* From the row's JOB_COLUMNS, which begin at column 0. */
void job_read(const struct db_rows *rows, struct agent_job *job);

/* ERROR_NOT_FOUND, AGENT_JOB_NOT_FOUND. */
int job_not_found(struct error *err);

/* How a job is to end, and what must hold for it. */
struct job_end {
    struct id job_id;
    bool completed;
    const struct job_result *result; /* of a completed one; NULL: the one that it has */
    const char *code, *message;      /* of one in error */

    const struct run *run; /* this run's claim; NULL: whosever it is */
    int64_t attempt;
    const unsigned char *hash; /* this is its secret; NULL: whatever it is */
    bool overdue;              /* it has started at: */
    int64_t started_at;        /* 0: it has not */
};

/* In a transaction of its own: the end, and what was paid is paid back where it is an error.
 * *ret_ended false: it had ended before, or does not meet the conditions; nothing was changed. */
int job_end(struct db *db, const struct job_end *end, bool *ret_ended, struct error *err);

#endif
