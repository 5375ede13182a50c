/*
 * trial.h - a sample tried in a session as any user's: its verifier runs on the unchanged
 * repository, which must fail, then with the sample's own solution, which must pass; either as
 * often as is asked for.
 *
 * A trial never waits: trial_step does what can be done now, so that one program has many.
 */
#ifndef CODESET_CTL_TRIAL_H
#define CODESET_CTL_TRIAL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "store/sample_checks.h"
#include "store/samples.h"

struct doorbell;
struct settings;
struct user;

#define TRIAL_REPEAT_MOST 100
#define TRIAL_AT_ONCE_MOST 64

/* What trials share; it outlives them. */
struct trial_world {
    struct db *db; /* the administrator's */
    struct doorbell *bell;
    const struct settings *settings;
    const struct user *user; /* whose sessions they are */
    int64_t repeat;          /* how often each half is verified; up to TRIAL_REPEAT_MOST */
    int64_t at_once;         /* verifications of a trial that may run at the same time */
    int64_t trials;          /* that may run at the same time: verifications wait for one another */
};

enum trial_half_name { TRIAL_UNCHANGED, TRIAL_PATCHED, TRIAL_HALVES };

/* What the runs of a half came to. Texts are NULL where there are none, and the trial's. */
struct trial_half {
    int64_t started, ended; /* runs */
    int64_t passed, failed, errors;
    double seconds[TRIAL_REPEAT_MOST]; /* of the verifier; sorted when the trial has ended */
    int64_t timed;                     /* how many of them there are */
    char *reason;                      /* why it is no success: the first run's */
    char *error_code, *error_message;  /* why there is no verdict: the first such run's */
    bool reasons_differ;
    struct id job_id;       /* the last run's, of which `codesetctl verification show` tells */
    json_object *outcomes;  /* of the first run: id -> text */
    json_object *differing; /* keys: ids of tests that did not come out the same each time */
};

struct trial;

/* Opens a session of the sample's latest version. NULL: ERROR_NOT_FOUND (code SAMPLE_NOT_FOUND),
 * ERROR_LIMIT (SESSION_LIMIT and others of store_session_create), or the database's. A sample
 * without an image is a trial that has ended. */
struct trial *trial_new(const struct trial_world *world, const char *dataset, const char *sample_id,
                        struct error *err);

/* Closes its session; NULL is fine. */
void trial_free(struct trial *trial);

/* Goes on. 1: it has ended; 0: not yet, ask again soon; -1: no trial can go on (the database, or
 * nothing happens because no daemon runs). */
int trial_step(struct trial *trial, struct error *err);

/* How many verifications have ended. */
int64_t trial_verified(const struct trial *trial);

const struct sample_summary *trial_sample(const struct trial *trial);
const struct id *trial_session(const struct trial *trial);
const struct trial_half *trial_half(const struct trial *trial, enum trial_half_name name);

/* The verdict that each run of a half must have. */
bool trial_expected(enum trial_half_name name);

/* Of one that has ended: did it come to something, or did the server fail (then *ret_reason)? */
bool trial_judged(const struct trial *trial, const char **ret_reason);

/* Of one that was judged. *ret_reason: NULL where it is good. */
enum sample_state trial_state(const struct trial *trial, const char **ret_reason);

/* Has it a solution, by which could be seen that a right answer passes? */
bool trial_has_solution(const struct trial *trial);

/* What became of it, for machines and to be stored with the sample. Bounded: 100 tests, texts cut.
 */
json_object *trial_object(const struct trial *trial);

/* What became of the failures planted in its tests while it had its solution (ctl/planted.h). NULL:
 * its verifier is no trial, or it never came so far. */
json_object *trial_planted(const struct trial *trial);

#endif
