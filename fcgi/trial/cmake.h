/*
 * cmake.h - what CMake and ctest say of a project: its programs and its tests.
 *
 * They are asked in a copy of the image's repository with the trial's tests in it, as the
 * container's root, before anything of the session is there. All paths that they tell are those
 * which the same will have in the runs.
 *
 * Source: cmake-file-api(7), "codemodel"; ctest(1), --show-only=json-v1; cmake-properties(7).
 */
#ifndef CODESET_TRIAL_CMAKE_H
#define CODESET_TRIAL_CMAKE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A program that CMake builds. */
struct trial_target {
    char *name, *program; /* absolute */
    json_object *sources; /* paths, relative to the folder of CMake's instructions */
    bool asserts;         /* assert(3) is not compiled away */
    bool is_default;      /* it is surely built where no target is named */
};

/* A test of ctest's. Texts and lists belong to the project's document. */
struct trial_test {
    const char *name;
    json_object *command;
    struct trial_target *target; /* NULL: its program is not built by CMake */
    const char *folder;          /* in which it runs */
    json_object *environment;    /* NULL: none of its own */
    int64_t seconds, skip_status;
    bool will_fail;
    bool depends;        /* it may need what another test does before it */
    const char *refused; /* the property for which it can't be run; NULL: it can */
};

struct trial_project {
    json_object *trial;     /* the sample's; borrowed */
    const char *repository; /* absolute; borrowed */
    char *folder;           /* of CMake's instructions, below the repository: "" or "sub/" */
    char *build, *copy;     /* absolute: the build folder, the repository's copy */
    const char *keep_going; /* the option of what builds; NULL: unknown */
    struct trial_target *targets;
    size_t target_count;
    struct trial_test *tests;
    size_t test_count;
    json_object *document;
};

/* In the planner's folder, which then has the tests in TRIAL_TREE (trial/copy.h). Nothing else is
 * left. The project is to be released in any case. */
int trial_project_read(struct trial_project *project, struct error *err);
void trial_project_release(struct trial_project *project);

/* Appends cmake and its arguments; source: the repository, or what stands for it. */
void trial_project_configure(const struct trial_project *project, const char *source,
                             json_object *argv);

#endif
