/*
 * judge.h - from how the runs of a trial ended to outcomes of tests and a report. Pure.
 *
 * Nothing that a run says of itself counts alone: a test has passed if it did in each run in which
 * it is as it should be, and if it failed in each run in which a failure was planted. All that a
 * run says may be a lie.
 */
#ifndef CODESET_TRIAL_JUDGE_H
#define CODESET_TRIAL_JUDGE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "trial/plan.h"

enum trial_result { TRIAL_PASSED, TRIAL_SKIPPED, TRIAL_FAILED };

struct trial_outcome {
    char *test; /* its whole name: trial/names.h */
    enum trial_result result;
    double seconds;
    char *message; /* of a failed one; may be empty */
};

/* How a run ended, and what it said. */
struct trial_end {
    bool left_out;   /* it was not needed: see trial_is_decided */
    char *fault;     /* what ended it that is no end of a test run; NULL: it ended by itself */
    int status;      /* of its process, as bash gives it */
    int said_status; /* its last word; -1: none */
    struct trial_outcome *outcomes;
    size_t outcome_count, outcome_room;
    json_object *compiled;   /* modules that it had to compile, below the repository; NULL: none */
    char *collection;        /* why files could not be read; NULL */
    char *printed;           /* the end of what it printed */
    enum trial_result *said; /* of a command that says such things: of its test and its parts */
};

void trial_end_release(struct trial_end *end);

/* Takes in one line of what a run says. False: it is no such line. */
bool trial_end_hear(struct trial_end *end, const char *line, size_t length);

/* Adds an outcome that the supervisor saw itself. */
void trial_end_add(struct trial_end *end, const char *test, enum trial_result result,
                   double seconds, const char *message);

/* Why the run's word does not count: it ended too early, or contradicts itself. NULL: it does. */
const char *trial_end_contradiction(const struct trial_end *end);

/* Do the rehearsals end, and show that all tests of the function, and no others, pass where it is
 * true, and fail where it is planted? *ret_seconds: what they took. ends: one for each rehearsal.
 */
bool trial_was_rehearsed(const struct trial_plan *plan, const struct trial_end *ends,
                         size_t function, double *ret_seconds);

struct trial_verdict {
    enum trial_names names;
    struct trial_outcome *outcomes; /* under the tests' own names, by which they are sorted */
    size_t count, room;
    bool lacks;     /* a listed test did not run */
    char *tampered; /* what shows that the tests were deceived; NULL: nothing does */
};

/* ends: one for each step of the plan. Who deceives in one test is not believed in any. Where the
 * lists are hidden, no outcome tells which tests they name: all have failed where one of those did
 * not run. A test that resembles a listed one comes out no better than that. */
void trial_judge(const struct trial_plan *plan, const struct trial_end *ends,
                 struct trial_verdict *ret_verdict);

/* Do the first `count` runs show that there is no success, whatever the others come to? Then only
 * the run of all tests still has something to tell. */
bool trial_is_decided(const struct trial_plan *plan, const struct trial_end *ends, size_t count);
void trial_verdict_release(struct trial_verdict *verdict);

/* Calls `each` for every test in every run that was not left out, one function after another. end:
 * "passed", "failed", "skipped" or "no result"; of several cases the one that it should not be. */
void trial_each_slot(const struct trial_plan *plan, const struct trial_end *ends,
                     void (*each)(const struct trial_slot *slot, const char *end, void *arg),
                     void *arg);

/* Appends the report, JUnit XML. */
void trial_report(const struct trial_verdict *verdict, struct buf *xml);

#endif
