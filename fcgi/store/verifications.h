/*
 * verifications.h - verification jobs:
 * pending -> starting -> running -> completed | error | cancelled.
 */
#ifndef CODESET_STORE_VERIFICATIONS_H
#define CODESET_STORE_VERIFICATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "store/interactions.h"
#include "store/sessions.h"

enum job_status {
    JOB_PENDING,
    JOB_STARTING,
    JOB_RUNNING,
    JOB_COMPLETED,
    JOB_ERROR,
    JOB_CANCELLED,
};

const char *job_status_name(enum job_status status);

struct verification {
    struct id job_id, session_id;
    char *sample_id;
    enum job_status status;
    int64_t created_at, started_at, completed_at; /* 0: null */
    int64_t now;
    struct text result; /* JSON of the TestSuiteResult; bytes NULL: none */
    char *error_code, *error_message;
    char *container_name, *location; /* of the grading container; NULL before it runs */
    int64_t expires_at;              /* the session's */
};

void verification_release(struct verification *verification);

/* job_id is the caller's, the same for the same request. Codes and repetition as with
 * store_interaction_create; VERIFICATION_LIMIT. */
int store_verification_create(struct db *db, const struct id *job_id, const struct id *user_id,
                              const char *session_id, int64_t unfinished_max,
                              int64_t *ret_created_at, struct error *err);

/* Code VERIFICATION_NOT_FOUND. */
int store_verification_get(struct db *db, const struct id *user_id, const char *session_id,
                           const char *job_id, struct verification *ret_verification,
                           struct error *err);

/* How many waiting verifications will be taken before this one, as far as is known now: those of
 * the same host, in the order of store_verification_claimable. 0 as well for one that is not
 * waiting. */
int store_verification_ahead(struct db *db, const struct id *id, int64_t *ret_count,
                             struct error *err);

/* --- for the operator ------------------------------------------------------------------------ */

/* A verification with all that is known of it. Texts are NULL where they are not known. */
struct verification_report {
    struct id job_id, session_id, user_id;
    struct id regrade_of; /* the one whose verdict this is reached again; "": none */
    char *dataset, *sample_id;
    int64_t version, attempt;
    enum job_status status;
    int64_t created_at, started_at, completed_at; /* 0: null */
    int is_success;                               /* -1: no verdict */
    char *error_code;

    /* Not in a list. */
    char *error_message;
    struct text result;                         /* as struct verification's */
    char *image, *repo_path, *verifier_command; /* of the sample */
    bool is_trial;                              /* that one of the server's own runners tests */
    int exit_status;                            /* of the verifier; -1: none */
    bool timed_out;                             /* it was */
    double seconds;                             /* it ran; -1: it did not */
    char *reason;                               /* why no success, or no verdict */
    char *report_paths;                         /* JSON array: what was looked for */
    char *found;                                /* what a look into its container found */
    struct text out, err; /* the ends of its outputs; bytes NULL: the result has all of them */
};

void verification_report_release(struct verification_report *report);

/* Newest first. status -1: all; session_id NULL: of all sessions. */
int store_verification_list(struct db *db, int status, const char *session_id, int64_t limit,
                            void (*each)(const struct verification_report *report, void *arg),
                            void *arg, struct error *err);

/* ERROR_NOT_FOUND, no code. */
int store_verification_report(struct db *db, const char *job_id,
                              struct verification_report *ret_report, struct error *err);

/* -1: no status has this name. */
int job_status_parse(const char *name, enum job_status *ret_status);

/* --- for the daemon -------------------------------------------------------------------------- */

struct verification_work {
    struct id job_id, session_id, user_id;
    struct id regrade_of; /* whose kept changes are verified again, without the session; "": none */
    int64_t attempt;
    char *image, *verifier_image; /* verifier_image: never NULL */
    char *language, *verifier;
    char *repo_path, *verifier_command;
    char *report_paths;                               /* JSON array */
    char *fail_to_pass, *pass_to_pass, *fail_to_fail; /* JSON arrays */
    char *held_out;         /* the same; tests that nobody but the operator is shown */
    char *restore;          /* the same; patterns (grade/restore_rules.h) */
    char *test_patch;       /* NULL: the sample has none */
    int64_t verify_timeout; /* 0: the setting */
    bool hide_output;       /* of the verifier, from the API's users */
    bool hide_lists;        /* from the same: what the lists name */
    char *log_parser;       /* NULL: reports only */
    char *trial;            /* JSON (docs/verdicts.md); NULL: the verifier_command decides */
    char *profile;          /* of the data set (wire/profile.h) */
    bool exact_outcomes;    /* what fail_to_fail names must fail */
    /* A container of this job that runs on this node, its verifier started by an earlier run of
     * this daemon: to be attached to. container_id "": none, make one. */
    struct id container_id;
    char *container_address; /* NULL: ask the engine */
};

void verification_work_release(struct verification_work *work);

/* As store_interaction_claim. ERROR_LIMIT: it is to be claimed, but its user has user_max
 * verifications under way on this run already; nothing was changed. */
int store_verification_claim(struct db *db, const struct run *run, const struct id *id,
                             int64_t user_max, struct verification_work *ret_work,
                             struct error *err);

/* Those that are to be claimed now; fair and capped as store_interaction_claimable's. */
int store_verification_claimable(struct db *db, const struct run *run, int64_t user_max,
                                 int64_t limit, void (*each)(const struct id *id, void *arg),
                                 void *arg, struct error *err);

/* A new grading container, whose id the caller made: its row, starting; the job's one before has
 * ended. The same id again is no error. ERROR_NOT_FOUND: the claim is no longer ours, or the job is
 * finished. */
int store_verification_container(struct db *db, const struct run *run, const struct id *id,
                                 int64_t attempt, const struct id *container_id, const char *image,
                                 struct error *err);

/* starting -> running, and the container too. The same again is no error. ERROR_NOT_FOUND as
 * below. */
int store_verification_running(struct db *db, const struct run *run, const struct id *id,
                               int64_t attempt, const char *container_name, const char *address,
                               struct error *err);

/* What the verifier did. Texts are UTF-8; those that may be NULL say so. */
struct verifier_trace {
    bool ran;       /* false: the next three say nothing */
    bool timed_out; /* then it has no exit status */
    int exit_status;
    double seconds;
    const char *reason;       /* why there is no success, or no verdict; NULL */
    const char *report_paths; /* the patterns that were looked for, a JSON array; NULL */
    const char *found;        /* what a look into the grading container found; NULL */
    const char *out, *err;    /* the ends of its outputs; NULL: the result has them */
    size_t out_length, err_length;
};

/* For the operator, written before the job's end; the same again replaces it. ERROR_NOT_FOUND as
 * below. */
int store_verification_trace(struct db *db, const struct run *run, const struct id *id,
                             int64_t attempt, const struct verifier_trace *trace,
                             struct error *err);

/* result_json: completed; NULL: error with code and message. The container has ended.
 * ERROR_NOT_FOUND: the claim is no longer ours, or the job was cancelled; nothing was written. */
int store_verification_finish(struct db *db, const struct run *run, const struct id *id,
                              int64_t attempt, const char *result_json, size_t result_length,
                              bool is_success, const char *error_code, const char *error_message,
                              struct error *err);

#endif
