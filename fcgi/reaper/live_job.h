/*
 * live_job.h - an agent job under way: what the files of jobs.h share, and nobody else uses.
 */
#ifndef CODESET_REAPER_LIVE_JOB_H
#define CODESET_REAPER_LIVE_JOB_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "base/id.h"
#include "reaper/admission.h"
#include "reaper/job_log.h"
#include "reaper/masks.h"
#include "reaper/overtime.h"
#include "reaper/places.h"
#include "reaper/registry.h"
#include "store/jobs.h"
#include "wire/container.h"
#include "wire/result.h"

struct agent_call;
struct container;
struct context;
struct db;
struct event;
struct live_job;
struct result_grader;
struct way_out;

enum live_phase {
    LIVE_CLAIMING,
    LIVE_WORKING, /* all steps up to the result's file */
    LIVE_WRITING, /* its end is being written */
    LIVE_OVER,    /* nothing is to be written any more */
};

/* The container's way out. */
struct live_egress {
    struct way_out *way; /* NULL: none yet */
    struct id container; /* whose it is */
    void (*then)(struct live_job *job);
    bool lost; /* codeset-egress was, and with it the container's connections */
};

struct live_job {
    struct id id; /* first */
    struct jobs *jobs;
    LIST_ENTRY(live_job) next;
    enum live_phase phase;
    int64_t user_most; /* of its user at once; read by the thread that claims */
    struct agent_job_work work;
    int database_busy; /* how many threads may read this */
    int engine_busy;   /* how many calls of the engine come back to this */
    int64_t since;     /* monotonic, as the next: of the claim */
    int64_t deadline;  /* of the whole, up to the agent's end */
    int tries;         /* of the step at hand */
    int losses;        /* of containers */

    /* What job_prepare.c reads, on a thread. */
    struct error unprepared; /* why it could not; ERROR_NONE: it could */
    json_object *secrets;    /* an array of "NAME=value" */
    struct masks masks;
    char *token; /* of GitHub's; NULL: none, or not any more */
    bool wants_token;
    void (*prepared)(struct live_job *job);

    struct id container_id;
    struct container *container;              /* NULL: none, or let go */
    char name[CONTAINER_NAME_SIZE], *address; /* the container's, for the thread that writes them */
    bool attached;                            /* the container is one of an earlier run */
    struct job_secret secret;                 /* of a container of ours */
    unsigned char secret_hash[SHA256_SIZE];
    struct live_egress egress;
    LIST_HEAD(, clearing) clearings; /* calls of the engine that come back to job_run.c */
    char *clone_failure; /* for its user, while the way out is asked whether it was lost */
    struct agent_call *call;
    struct admission admission; /* of the outputs of commands */
    struct overtime overtime;
    struct event *timer; /* of the step at hand */
    struct event *limit; /* of the whole, until the agent runs */

    /* The agent's output. */
    struct job_log log;
    struct agent_call *tail;
    struct event *tail_timer;
    bool watched;
    struct note *note; /* that is being written, or NULL */
    bool agent_ended, asked_to_end;
    void (*then)(struct live_job *job); /* when the last of it is written */

    /* How the agent ended. */
    bool timed_out, out_of_memory;
    int exit_status;

    /* The result. */
    struct result_grader *grader;
    int archive_fd, file_fd; /* where the archive goes to; the file */
    int64_t result_bytes;
    struct result_parts parts;
    const char *error_code; /* a literal; NULL: there is a result */
    char *error_message;
};

struct jobs {
    struct context *context;
    struct registry all;
    LIST_HEAD(live_job_list, live_job) list;
    struct places *places; /* they change by being looked at, which does not change the room */
};

/* --- jobs.c ---------------------------------------------------------------------------------- */

struct context *live_job_context(const struct live_job *job);

/* From now on the job ends when the time for all that comes before its agent is over. */
void live_job_limit(struct live_job *job);

/* Seconds that are left of the whole, at least 0. */
int64_t live_job_seconds_left(const struct live_job *job);

/* At the start of what a thread, or the engine, calls back: has the job ended in between? */
bool live_job_is_over(struct live_job *job, int *busy);

/* Cancels what is under way and lets the container go; the job itself stays. */
void live_job_halt(struct live_job *job);

/* Frees it, as soon as nobody uses it. Nothing is written. */
void live_job_over(struct live_job *job);

/* It ends in error. code: a literal. message: for its user, copied, secrets are masked; reason: for
 * the log, NULL: the message. Nothing happens if it has its end already. */
void live_job_fail(struct live_job *job, const char *code, const char *reason, const char *message);

/* Its result is in the file: writes that it is completed. */
void live_job_complete(struct live_job *job);

/* The claim is not ours any more, or the job has ended (true, and so has this), or err is NULL.
 * Another error is taken for a failure of the server's. */
bool live_job_is_lost(struct live_job *job, const struct error *err, const char *event);

/* --- job_prepare.c --------------------------------------------------------------------------- */

/* Reads the secrets, and gets a token where one is needed; then `then`, or the job fails. */
void live_job_prepare(struct live_job *job, bool token, void (*then)(struct live_job *job));

void live_job_forget_token(struct live_job *job);

/* --- job_egress.c ---------------------------------------------------------------------------- */

/* Sets the container's policy, now and whenever codeset-egress forgets it; then `then`, or the job
 * fails. NULL: nobody waits. */
void live_job_egress(struct live_job *job, const char *policy, void (*then)(struct live_job *job));
void live_job_egress_halt(struct live_job *job);
void live_job_egress_free(struct live_job *job);

/* --- job_run.c ------------------------------------------------------------------------------- */

/* The steps from a fresh claim, or with the container that the claim named. */
void live_job_run(struct live_job *job);

/* Ends all processes in the container but the platform's, then `then`. NULL: nobody waits. */
void live_job_clear(struct live_job *job, void (*then)(struct live_job *job));

/* The engine is about to go, and comes back to none of them. */
void live_job_clear_free(struct live_job *job);

/* The container is gone, or is not to be trusted: another one, if there is a try left. */
void live_job_lost_container(struct live_job *job, const struct error *err);

/* --- job_watch.c ----------------------------------------------------------------------------- */

/* The agent runs: looks at its output from time to time. */
void live_job_watch(struct live_job *job);

/* No thread writes any more, and none comes back. */
void live_job_watch_free(struct live_job *job);
void live_job_look(struct live_job *job); /* at once, if it is watched */

/* It has ended: what it printed last is looked at and written, then `then`. */
void live_job_watch_end(struct live_job *job, void (*then)(struct live_job *job));
void live_job_watch_halt(struct live_job *job);

/* What the agent said last, for a message: masked, the caller's. */
char *live_job_last_line(const struct live_job *job);

/* --- job_pack.c ------------------------------------------------------------------------------ */

/* The agent has ended well: what it left becomes the result. */
void live_job_pack(struct live_job *job);

/* On a thread: the end, with the file. */
int live_job_write_end(struct db *db, struct live_job *job, struct error *err);

#endif
