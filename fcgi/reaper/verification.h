/*
 * verification.h - a verification under way: what the four files of verifications.h share, and
 * nobody else uses.
 */
#ifndef CODESET_REAPER_VERIFICATION_H
#define CODESET_REAPER_VERIFICATION_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "base/id.h"
#include "reaper/admission.h"
#include "reaper/grader.h"
#include "reaper/overtime.h"
#include "reaper/places.h"
#include "reaper/registry.h"
#include "store/verifications.h"
#include "wire/container.h"

struct agent_call;
struct agent_result;
struct container;
struct context;
struct db;
struct event;

/* A report counts when its ctime is not before the verifier's start. The kernel stamps files with
 * a clock that moves once a tick (10 ms at HZ=100), so a file may look that much older than it
 * is. And so that none of the copied changes looks new because of this allowance, the verifier is
 * started well after them. */
#define TICK_ALLOWANCE (12 * 1000)
#define RUN_GAP_MS 30

enum job_phase {
    JOB_CLAIMING,
    JOB_WORKING, /* container, changes, run, reports */
    JOB_WRITING, /* its end is being written */
    JOB_OVER,    /* nothing is to be written any more */
};

struct job {
    struct id id; /* first */
    struct verifications *verifications;
    LIST_ENTRY(job) next;
    enum job_phase phase;
    int64_t user_most; /* of its user at once; read by the thread that claims */
    struct verification_work work;
    struct id container_id;
    struct container *container;              /* NULL: none, or let go */
    char name[CONTAINER_NAME_SIZE], *address; /* the container's, for the thread that writes them */
    bool attached;                            /* the container is one of an earlier run */
    bool changes_wait;                        /* for the session to be ready on this host */
    int database_busy; /* how many writes are under way: a thread may read this */
    struct agent_call *call;
    struct overtime overtime; /* of the verifier */
    struct event *timer;
    int64_t since; /* monotonic: of the claim */
    int tries;

    struct admission admission; /* of the run's outputs */
    struct verifier_run run;
    char *run_texts; /* what its out and err lie in; NULL: the verifier has not ended */
    int64_t started_at;

    struct admission look_admission;
    struct error no_report; /* why there is no verdict, while it is looked into; else ERROR_NONE */
    char *found;            /* what that look said */

    struct grader *grader;
    int reports_fd; /* where they go to, while they do */
    struct grader_verdict verdict;
    const char *error_code; /* a literal; NULL: there is a verdict */
    char *error_message;
    char *reason; /* of the error, for the operator; NULL: the message tells */
};

struct verifications {
    struct context *context;
    struct registry all;
    LIST_HEAD(job_list, job) list;
    struct places *places; /* they change by being looked at, which does not change the room */
    int64_t per_user;      /* the setting; 0: half of the places */
};

struct context *job_context(const struct job *job);

/* Cancels what is under way and lets the container go; the job itself stays. */
void job_halt(struct job *job);

/* Frees it, as soon as no thread uses it. Nothing is written. */
void job_over(struct job *job);

/* Writes its end: an error if error_code is set, else the verdict. */
void job_write(struct job *job);

/* The end itself, on a thread of the pool: what the verifier did, for the operator, then the row's
 * end. */
int job_write_end(struct db *db, struct job *job, struct error *err);

/* It ends in `error`. code: a literal. message: for whoever asked for the verdict, copied, and
 * completed by what is known of the verifier's run; reason: for the log and the operator, NULL: the
 * message. Nothing happens if it has its end already. */
void job_give_up(struct job *job, const char *code, const char *reason, const char *message);

/* The steps from a fresh claim, or with the container that the claim named. */
void job_run(struct job *job);

/* The session is ready on this host (again). */
void job_session_ready(struct job *job);

/* The verifier has ended by itself: fetches its reports and has them graded. */
void job_grade(struct job *job);

/* The patterns of its reports, at most `most`: the sample's, or its language's. The texts live as
 * long as *ret_array. */
size_t job_report_patterns(const struct job *job, const char **patterns, size_t most,
                           json_object **ret_array);

#endif
