/*
 * jobs.h - agent jobs, and the results that come by PUT.
 *
 *     pending -> starting -> running -> completed | error
 *
 * A job is paid for when it is created, in the same database transaction; one that ends in error is
 * paid back, in the transaction that writes this end. The keys of the ledger are "job:<id>" and
 * "job_refund:<id>". The first end counts; what comes later changes nothing.
 *
 * The first third is for the API's workers, the second for runners by the job's secret, the last
 * for the daemon. Every write of a daemon names its claim: run and attempt.
 */
#ifndef CODESET_STORE_JOBS_H
#define CODESET_STORE_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/id.h"
#include "store/runs.h"

struct db;

enum agent_job_status {
    AGENT_JOB_PENDING,
    AGENT_JOB_STARTING,
    AGENT_JOB_RUNNING,
    AGENT_JOB_COMPLETED,
    AGENT_JOB_ERROR
};

const char *agent_job_status_name(enum agent_job_status status);
static inline bool agent_job_ended(enum agent_job_status status)
{
    return status >= AGENT_JOB_COMPLETED;
}

struct agent_job {
    struct id job_id, user_id;
    char *agent_id, *repo, *ref; /* ref NULL: the default branch */
    enum agent_job_status status;
    int64_t created_at, started_at, completed_at; /* the last two: 0 is null */
    int64_t now;                                  /* the database's clock */
    int64_t progress_pct;                         /* 0 to 100 */
    char *progress_stage;                         /* NULL: none yet */
    char *error_code, *error_message;             /* NULL: no error */
    bool result_available; /* it is completed, and its result was not removed */
    int64_t result_bytes;  /* also of one that has not ended, by PUT; 0: none, or removed */
    char *result_parts;    /* JSON: [{"name", "offset", "length"}]; not in a list */
    int64_t price_cents;
};

void agent_job_release(struct agent_job *job);

/* A job's secret: "cjs_" and 43 random base62 digits. Only its SHA-256 is stored. */
#define JOB_SECRET_LENGTH (4 + 43)
struct job_secret {
    char text[JOB_SECRET_LENGTH + 1];
};
struct job_secret job_secret_new(void);

struct new_agent_job {
    struct id job_id; /* made by the caller, the same for the same request */
    struct id user_id;
    const struct id *key_id; /* that asks; NULL: a token */
    const char *agent_id;
    const char *repo, *ref;  /* ref NULL: the default branch */
    int64_t installation_id; /* 0: public, no token */
    int64_t price_cents;     /* of an agent without a price of its own; 0: billing is off */
    int64_t open_max;        /* a user's jobs that have not ended */
    int64_t creates_per_minute, cents_per_day, key_cents_per_day; /* as struct new_session's */
};

/* Charges and creates. Codes: AGENT_NOT_FOUND, JOB_LIMIT, JOB_RATE_LIMIT, SPENDING_LIMIT,
 * INSUFFICIENT_CREDITS, OUTCOME_UNKNOWN. Again with the same id: the first one's success again. */
int store_job_create(struct db *db, const struct new_agent_job *job, struct error *err);

/* Code AGENT_JOB_NOT_FOUND: none, or somebody else's. user_id NULL: an operator asks. */
int store_job_get(struct db *db, const struct id *user_id, const char *job_id,
                  struct agent_job *ret_job, struct error *err);

/* Newest first. cursor: what the call before gave, or NULL; one that is none: ERROR_INVALID,
 * INVALID_CURSOR. *ret_next is the caller's; NULL: there are no more. user_id as above. */
int store_job_list(struct db *db, const struct id *user_id, const char *cursor, int64_t limit,
                   void (*each)(const struct agent_job *job, void *arg), void *arg, char **ret_next,
                   struct error *err);

/* The end of what its agent printed. *ret_log is the caller's; NULL: nothing yet. Code as get's. */
int store_job_log(struct db *db, const struct id *user_id, const char *job_id, char **ret_log,
                  size_t *ret_length, int64_t *ret_total, struct error *err);

/* --- by its secret --------------------------------------------------------------------------- */

/*
 * hash: SHA-256 of the secret that the caller gave; compared in constant time. All have the codes
 * AGENT_JOB_NOT_FOUND and JOB_SECRET_REFUSED (wrong, or the job has ended).
 */
int store_job_progress(struct db *db, const char *job_id, const unsigned char hash[SHA256_SIZE],
                       int64_t pct, const char *stage, struct error *err);

/*
 * completed: the runner elsewhere is done, and its result is the job's: RESULT_MISSING
 * (ERROR_CONFLICT) where there is none. Of a job that runs here: its agent is to be ended and the
 * result packed; status stays `running`. Else it ends in error with error_message (NULL: a
 * sentence), and is paid back. To a job that has ended, whose last secret this is: *ret_status says
 * how, nothing changes.
 */
int store_job_complete(struct db *db, const char *job_id, const unsigned char hash[SHA256_SIZE],
                       bool completed, const char *error_message, enum agent_job_status *ret_status,
                       struct error *err);

/* May a result be PUT? To be asked before its body is read. */
int store_job_upload_check(struct db *db, const char *job_id, const unsigned char hash[SHA256_SIZE],
                           struct error *err);

/* The file (upload_id is its name) is complete and synced; the daemon is to check it. */
int store_job_upload_create(struct db *db, const struct id *upload_id, const char *job_id,
                            const unsigned char hash[SHA256_SIZE], int64_t bytes,
                            struct error *err);

enum upload_status { UPLOAD_PENDING, UPLOAD_ACCEPTED, UPLOAD_REFUSED };
struct job_upload {
    struct id upload_id, job_id;
    int64_t bytes, attempt;
    enum upload_status status;
    char *error_code, *message; /* of a refused one */
};
void job_upload_release(struct job_upload *upload);
int store_job_upload_get(struct db *db, const char *upload_id, struct job_upload *ret_upload,
                         struct error *err);

/* --- a runner elsewhere, by codesetctl ------------------------------------------------------- */

/* Takes the oldest pending job of this agent, which runs elsewhere: running, with this secret.
 * ERROR_NOT_FOUND: there is none now. */
int store_job_take(struct db *db, const char *agent_id, const unsigned char hash[SHA256_SIZE],
                   struct agent_job *ret_job, int64_t *ret_installation_id, struct error *err);

/* --- an operator ends a job --------------------------------------------------------------------
 */

/* In error (JOB_CANCELLED), paid back. AGENT_JOB_NOT_FOUND; *ret_changed false: it had ended. */
int store_job_cancel(struct db *db, const char *job_id, bool *ret_changed, struct error *err);

/* --- for the daemon -------------------------------------------------------------------------- */

struct agent_job_work {
    struct id job_id, user_id;
    int64_t attempt;
    char *agent_id, *repo, *ref;
    int64_t installation_id; /* 0: public */
    char *image, *command, *egress, *secrets;
    int64_t timeout;      /* seconds */
    int64_t seconds_left; /* of it, since this attempt's container was begun; not below 0 */
    bool asked_to_end;
    /* A container of this job that runs on this node, its agent started by an earlier run of this
     * daemon: to be attached to. container_id "": none, make one. */
    struct id container_id;
    char *container_address; /* NULL: ask the engine */
};
void agent_job_work_release(struct agent_job_work *work);

/*
 * Of jobs that run here. As store_verification_claim; a new attempt has no secret yet, and begins
 * its time anew. One whose container another node still has is that node's, until it is lost.
 * attempts_max: one whose daemon died with it so often ends in error here and now
 * (JOB_RUNNER_LOST), is paid back, and is ERROR_NOT_FOUND. A daemon that ends politely
 * (store_run_end) does not count.
 */
int store_job_claim(struct db *db, const struct run *run, const struct id *id, int64_t user_max,
                    int64_t attempts_max, struct agent_job_work *ret_work, struct error *err);
int store_job_claimable(struct db *db, const struct run *run, int64_t user_max, int64_t limit,
                        void (*each)(const struct id *id, void *arg), void *arg, struct error *err);

/* A new container for it, and its secret (hash of it): what an agent before said of its end does
 * not count any more. The same id again is no error.
 * ERROR_NOT_FOUND, here and below: the claim is no longer
 * ours, or the job has ended. */
int store_job_container(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                        const struct id *container_id, const char *image,
                        const unsigned char hash[SHA256_SIZE], struct error *err);

/* starting -> running: its agent is about to be started. */
int store_job_running(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                      const char *container_name, const char *address, struct error *err);

/* What its agent printed last (replaces; log NULL: no news), and progress where stage is not NULL.
 * Of a job that has ended, too, while the claim is still ours, so that its log is whole.
 * *ret_asked_to_end: the agent, or its owner, wants it to end. */
int store_job_note(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                   const char *log, size_t log_length, int64_t total_bytes, int64_t pct,
                   const char *stage, bool *ret_asked_to_end, struct error *err);

struct job_result {
    int64_t bytes;
    const char *parts; /* JSON, as above */
};

/* The end; the container has ended. result NULL: error with code and message, paid back; but for
 * JOB_NO_RESULT of a job whose agent PUT a result: that is its result, and it is completed. The
 * same again is no error. */
int store_job_finish(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                     const struct job_result *result, const char *error_code,
                     const char *error_message, struct error *err);

/* Jobs elsewhere whose time is over, or for which no runner came within it, end in error
 * (JOB_TIMEOUT), and are paid back; at most limit. */
int store_jobs_overdue(struct db *db, int64_t limit, int64_t *ret_count, struct error *err);

/* Uploads: claim, and what came of it: result NULL: refused. An accepted one is the job's result.
 * Not found as above. Then the file may go. */
int store_job_upload_claim(struct db *db, const struct run *run, const struct id *upload_id,
                           struct job_upload *ret_upload, struct error *err);
int store_job_upload_claimable(struct db *db, const struct run *run, int64_t limit,
                               void (*each)(const struct id *id, void *arg), void *arg,
                               struct error *err);
int store_job_upload_finish(struct db *db, const struct run *run, const struct id *upload_id,
                            int64_t attempt, const struct job_result *result,
                            const char *error_code, const char *message, struct error *err);

/* Ended jobs whose results are older than `days` (0: for ever), or nobody's, as the job ended in
 * error or its user was deleted, and have not been removed; the files are to be removed before
 * store_job_result_removed. */
int store_job_results_due(struct db *db, const char *node, int64_t days, int64_t limit,
                          void (*each)(const struct id *job_id, void *arg), void *arg,
                          struct error *err);
int store_job_result_removed(struct db *db, const struct id *job_id, struct error *err);

#endif
