/*
 * verification.h - a verification under way: what the files of verifications.h share, and
 * nobody else uses.
 */
#ifndef CODESET_REAPER_VERIFICATION_H
#define CODESET_REAPER_VERIFICATION_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "agent_client/agent_client.h"
#include "base/error.h"
#include "base/id.h"
#include "reaper/admission.h"
#include "reaper/grader.h"
#include "reaper/overtime.h"
#include "reaper/places.h"
#include "reaper/registry.h"
#include "reaper/rehearsals.h"
#include "store/verifications.h"
#include "wire/container.h"

struct agent_call;
struct agent_result;
struct buf;
struct container;
struct context;
struct db;
struct event;
struct listings;

#define TRIES_MAX 3 /* of a call to an agent that lives but can't be reached */
#define RETRY_MS 250

enum job_phase {
    JOB_CLAIMING,
    JOB_WORKING, /* container, changes, run, reports */
    JOB_WRITING, /* its end is being written */
    JOB_OVER,    /* nothing is to be written any more */
};

/* Why a run came to no verdict, and what that run did, while another run shows whose doing it is.
 */
struct job_fault {
    const char *code; /* a literal; NULL: none */
    char *reason, *message;
    struct verifier_run run;
    char *run_texts, *found;
    int64_t files_from;
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
    struct freezing *freezing; /* of the session, while its changes are read; NULL: it goes on */
    bool changes_wait;         /* for the session to be ready on this host */
    int database_busy;         /* how many writes are under way: a thread may read this */
    struct agent_call *call;
    struct id run_id;         /* of the verifier's run, for the agent */
    struct overtime overtime; /* of the verifier */
    struct event *timer;
    int64_t since; /* monotonic: of the claim */
    bool is_laid;  /* nobody but the verifier changes its container's files any more */
    bool is_told;  /* its row says that it runs, and where */
    int tries;
    bool again; /* a fault that may be the platform's has been met once, and the job begun anew */
    bool begins_anew;               /* in a new container, as soon as no thread uses the job */
    bool control;                   /* the verifier runs on the unchanged repository */
    struct id plan_id;              /* of the command that prepares a trial */
    struct rehearsal_key rehearsal; /* of that */
    bool takes_over;                /* it was given what was rehearsed before */

    struct job_fault fault;
    struct admission admission, control_admission; /* of the runs' outputs */
    struct verifier_run run;
    char *run_texts; /* what its out and err lie in; NULL: the verifier has not ended */
    const char
        *planted; /* in run_texts: what a trial's supervisor tells the operator alone; NULL */
    size_t planted_length;
    /* Of the verifier, by the clock of files: a report counts if its ctime is not before this. What
     * was laid before is older (docs/agent-protocol.md). */
    int64_t files_from;

    struct admission look_admission;
    struct error no_report;  /* why there is no verdict, while it is looked into; else ERROR_NONE */
    char *found;             /* what that look said */
    char *kept_back;         /* of the changes, what does not count: for the result; NULL */
    int64_t kept_back_count; /* paths */
    char *crossed;           /* of the changes, what is easily overlooked; likewise */
    char *crossed_counts;    /* the same without paths */
    struct agent_kept kept;  /* the changes: on their way to the database, or from there */
    struct agent_kept listed;  /* what the grading container listed */
    bool reads_ahead;          /* the call reads the changes before that container is up */
    int64_t listed_image_time; /* of the image whose listing it does that by */
    bool keeps;                /* a thread writes them */
    bool end_waits;            /* its end is written when they are */

    struct grader *grader;
    int reports_fd; /* where they go to, while they do */
    struct grader_verdict verdict;
    const char *error_code; /* a literal; NULL: there is a verdict */
    char *error_message;
    char *reason; /* of the error, for the operator; NULL: the message tells */
};

/* A session that is held still while its files are read, so that they fit together. */
struct freezing {
    LIST_ENTRY(freezing) next;
    struct job *job; /* NULL: it does not wait for it any more */
    int fd;          /* closed: the session goes on; -1: it was not frozen yet, or could not be */
    bool answered;
};

void freezing_free(struct freezing *freezing);

struct verifications {
    struct context *context;
    struct registry all;
    LIST_HEAD(job_list, job) list;
    struct places *places; /* they change by being looked at, which does not change the room */
    int64_t per_user;      /* the setting; 0: half of the places */
    struct control_list *controls;
    LIST_HEAD(freezing_list, freezing) freezings;
    struct listings *listings;
    struct rehearsals *rehearsals;
};

struct context *job_context(const struct job *job);

/* Cancels what is under way and lets the container go; the job itself stays. */
void job_halt(struct job *job);

/* The session goes on, if it was held still. */
void job_thaw(struct job *job);

/* Is it a repetition, of changes that were kept? Then it has no session. */
bool job_is_regrade(const struct job *job);

/* Frees it, as soon as no thread uses it. Nothing is written. */
void job_over(struct job *job);

/* Writes its end: an error if error_code is set, else the verdict. If the changes are being kept,
 * it waits for that; a session that ends meanwhile takes the job along. */
void job_write(struct job *job);

/* The end itself, on a thread of the pool: what the verifier did, for the operator, then the row's
 * end. */
int job_write_end(struct db *db, struct job *job, struct error *err);

/* Writes that it ends in `error`, as job_give_up's. */
void job_write_error(struct job *job, const char *code, const char *reason, const char *message);

/* In a new container, from the beginning. */
void job_start_over(struct job *job);

/* Forgets how the verifier ended. */
void job_forget_run(struct job *job);

/* The admission of the run that is under way, or was the last. */
struct admission *job_admission(struct job *job);

/* --- whose doing it is (verification_blame.c) --- */

/* A run came to no verdict. True: something else is under way now (the job is begun anew, the
 * verifier runs on the unchanged repository, a failed verdict is made). False: it is an error. */
bool job_settle(struct job *job, const char *code, const char *reason, const char *message);

/* The verifier's run on the unchanged repository is over. good: it left what can be graded. */
void job_control_ended(struct job *job, bool good);

void job_fault_release(struct job_fault *fault);

struct control_list *control_list_new(void);
void control_list_free(struct control_list *list);

/* A run came to no verdict. Whose doing it was decides what follows: the job is begun anew, or
 * fails, or ends in `error`. code: a literal. message: for whoever asked for the verdict, copied,
 * and completed by what is known of the verifier's run; reason: for the log and the operator, NULL:
 * the message. Nothing happens if it has its end already. */
void job_give_up(struct job *job, const char *code, const char *reason, const char *message);

/* The steps from a fresh claim, or with the container that the claim named. */
void job_run(struct job *job);

/* The tests of a trial are prepared: the session's changes come next. */
void job_prepared(struct job *job);

/* --- trials (verification_trial.c): samples that are tested by one of the server's own runners ---
 */

bool job_is_trial(const struct job *job);

/* Has the tests prepared in the grading container, where nothing of the session is yet. */
void job_prepare(struct job *job);

/* The request of a trial's step. */
void job_trial_request(const struct job *job, const char *step, struct buf *request);

/* What it tells the operator of planted failures leaves the run's outputs, which others may see. */
void job_take_planted(struct job *job);

/* The trial's supervisor could not do its part: then the job has been given up. */
bool job_trial_broke(struct job *job);

/* What the result's stdout begins with where the tests were deceived. */
void job_tell_tampered(const struct job *job, struct buf *out);

/* Copies the changes, of the session or kept, into the container, which is up; job_laid follows. */
void job_copy(struct job *job);

/* Its container is about to be made: begins to read the session's changes, if the listing of such a
 * container is known. job_copy goes on with it. */
void job_read_ahead(struct job *job);

/* They are laid, or there are none. */
void job_laid(struct job *job);

/* The session is ready on this host (again). */
void job_session_ready(struct job *job);

/* At the start of what a thread calls back: has the job ended, or been begun anew, in between? Then
 * that goes on. */
bool job_is_over(struct job *job);

/* The verifier has ended by itself: fetches its reports and has them graded. */
void job_grade(struct job *job);

/* What the result's stdout begins with where some of the changes do not count, or are easily
 * overlooked. */
void job_tell_changes(const struct job *job, struct buf *out);

/* The patterns of its reports, at most `most`: the sample's, or its language's. The texts live as
 * long as *ret_array. */
size_t job_report_patterns(const struct job *job, const char **patterns, size_t most,
                           json_object **ret_array);

#endif
