/*
 * plan.h - what is to be run in a trial: plan.json, as the framework's planner leaves it.
 *
 * Either the run's own program tells on descriptor 3 how its tests ended (`argv`), or each test is
 * a program whose status tells (`commands`, "test": its name; one without builds something):
 *
 *     {"tests": ["tests"], "kept": ["node_modules/tape"], "functions": ["tests/test_a.py::test_b"],
 *      "unplanted": ["..."], "listed": ["tests/test_a.py::test_b[1]"],
 *      "files": ["tests/test_a.py"],
 *      "runs": [{"argv": ["python3", ...], "all": true, "files": [["tests/test_a.py", "0"]],
 *                "tests": [{"function": 0, "id": "tests/test_a.py::test_qx", "planted": null}]}],
 *      "mended": 1, "rehearsals": [{"argv": ...}], "zygote": {"argv": ["/usr/bin/python3", ...]}}
 *
 * The last three may be missing. Functions from `mended` on need not be mended, but must go on to
 * pass; the rehearsals, runs like the others, tell which of these count in runs that are not of
 * all. Zygote: trial/zygote.h; then all runs tell by themselves.
 *
 *      "prepare": {"commands": [{"argv": ["cmake", ...], "cwd": "/run/codeset-trial/build"}], ...}
 *      "runs": [{"commands": [{"argv": ["./test_b"], "cwd": "...", "test": "test_b", "seconds": 60,
 *                              "environment": ["A=b"], "will_fail": false, "skip_status": 77}]}]
 *
 * A test program of Go's also says how its test and the parts of that ended (trial/said.h):
 *
 *     {"argv": ["/run/codeset-trial/build/0.test", ...], "test": "example.org/a::TestB",
 *      "says": "TestB", "parts": [["example.org/a::TestB/one", "TestB/one"]]}
 *
 * What only builds are to see lies in a folder of its own beside theirs, until the first test is
 * started: "hidden": {"folder": "NAME", "files": [["tool", "7"]]}, of a run. What such a run builds
 * is private (trial/build.h). Where the tests are root's from then on, some with another text:
 * "settled": {"files": [["tests/a.rs", "8"]]}, of a run.
 *
 * The planner is not a guest's; what is read here is checked all the same.
 */
#ifndef CODESET_TRIAL_PLAN_H
#define CODESET_TRIAL_PLAN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "trial/names.h"

#define TRIAL_RUNS_MOST 64
#define TRIAL_PLAN_MOST ((size_t)64 << 20) /* bytes of plan.json */

/* A test in a run. Texts belong to the plan's document. */
struct trial_slot {
    size_t function;     /* which of the plan's */
    const char *id;      /* what the run calls it */
    const char *planted; /* NULL: it is as it should be; else what kind of failure it has */
};

struct trial_file {
    const char *path; /* in the repository's folder, or in another that is told */
    const char *name; /* beside plan.json */
};

struct trial_part {
    const char *test; /* its name in the run */
    const char *says; /* what the program calls it */
};

struct trial_command {
    char **argv;        /* NULL at its end */
    const char *folder; /* NULL: the repository's */
    char **environment; /* more of it, NULL at its end; NULL: none */
    int seconds;        /* that it may take; 0: what the verification may */
    const char *test;   /* that it is, by its name in the run; NULL: it builds something */
    bool will_fail;     /* the test passes by a status other than 0 */
    int skip_status;    /* by which it is skipped; -1: none */
    const char *says;   /* what the program calls the test; NULL: it tells by its status alone */
    struct trial_part *parts;
    size_t part_count;
};

struct trial_step {
    struct trial_command *commands;
    size_t command_count; /* at least 1 */
    bool is_told;         /* the only command tells how its tests ended; else their status does */
    bool all;             /* all tests, not only those that must be mended */
    struct trial_slot *slots;
    size_t slot_count;
    struct trial_file *files;
    size_t file_count;
    const char *hidden_folder; /* NULL: nothing is hidden */
    struct trial_file *hidden; /* paths in it */
    size_t hidden_count;
    bool is_settled;            /* the tests are root's when the first one is started */
    struct trial_file *settled; /* paths in the repository's folder */
    size_t settled_count;
};

struct trial_plan {
    json_object *document;
    const char **tests; /* paths in the repository's folder: the plan's replace what is there */
    size_t test_count;
    const char *
        *kept; /* the same, once for all runs and root's; one that the plan lacks is removed */
    size_t kept_count;
    const char **functions; /* by their own names */
    size_t function_count;
    size_t mended_count; /* the first of these must be mended */
    const char **listed; /* tests of the functions, as the sample's lists have them */
    size_t listed_count;
    const char **files; /* sorted: all that a test can be in */
    size_t file_count;
    /* Not read; whoever runs it says these: */
    enum trial_names names; /* of all tests here */
    bool is_hidden;         /* nobody may know what the lists name */
    const char **unplanted; /* listed tests in which no failure can be planted */
    size_t unplanted_count;
    struct trial_step prepare; /* what all runs have in common is built once; may have no command */
    struct trial_step *steps;
    size_t step_count; /* at least 1 */
    struct trial_step *rehearsals;
    size_t rehearsal_count;
    char **zygote; /* its command, NULL at its end; NULL: there is none */
};

/* ERROR_INVALID. */
int trial_plan_read(const char *text, size_t length, struct trial_plan *ret_plan,
                    struct error *err);

/* The function's tests run as planned, but count in the runs of all tests only. */
void trial_plan_drop(struct trial_plan *plan, size_t function);
void trial_plan_release(struct trial_plan *plan);

#endif
