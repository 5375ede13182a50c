/*
 * crate.h - what cargo says of a project, and which tests its files have.
 *
 * It is asked in a copy of the image's repository with the trial's tests in it (trial/copy.h). Only
 * tests in files that the trial names are told: all others are the session's own. So is a program
 * of which one file is the session's: it is compiled together with the tests, and can have their
 * text in it.
 *
 * Source: cargo-metadata(1), `--format-version 1`; The Rust Reference, "Modules".
 */
#ifndef CODESET_TRIAL_CRATE_H
#define CODESET_TRIAL_CRATE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "trial/rust.h"

/* A program with tests that cargo builds. */
struct crate_target {
    char *name;
    const char *option; /* of cargo's, by which it is chosen: "--test", "--bin" or "--lib" */
    char *root;         /* its first file, in the repository */
    char *manifest;     /* absolute, in the repository */
    char *folder;       /* the package's, in which its tests run */
    const char *package;
    char *refused; /* why its tests can't be listed; NULL: they can */
};

/* A file of the trial's with tests. */
struct crate_file {
    char *path; /* in the repository */
    char *text;
    struct source source;
    const struct crate_target **targets; /* of which it is a part, if under several names twice */
    size_t target_count;
    uint64_t macros; /* whose names mean others there than the standard library's */
};

struct crate_test {
    const struct crate_target *target;
    size_t file; /* of the project's */
    struct rust_test function;
    char *name;     /* "sums::outer::adds": behind its target's */
    bool is_double; /* its target has two of this name: it can't be told which of them counts */
};

struct crate_paths {
    char **items; /* in the repository */
    size_t count;
};

struct crate_project {
    json_object *trial;     /* the sample's; borrowed */
    const char *repository; /* absolute; borrowed */
    char *folder;           /* in the repository, in which cargo is run: "" or "sub/" */
    char *build, *copy;     /* absolute: the build folder, the repository's copy */
    char *lock;             /* Cargo.lock, in the repository */
    struct crate_paths scripts, script_modules; /* of its packages: build scripts, their modules */
    uint64_t macros;                            /* that the trial's files define (trial/rust.h) */
    struct crate_target *targets;
    size_t target_count;
    struct crate_file *files;
    size_t file_count;
    struct crate_test *tests; /* sorted by name */
    size_t test_count;
    json_object *document;
};

/* In the planner's folder, which then has the tests in TRIAL_TREE, and the copy. The project is to
 * be released in any case. */
int crate_project_read(struct crate_project *project, struct error *err);
void crate_project_release(struct crate_project *project);

/* A test by a name that a list may have: "outer::adds", "sums::outer::adds",
 * "calc::sums::outer::adds". *ret_test: NULL: there is none. ERROR_INVALID: there are several. */
int crate_test_find(const struct crate_project *project, const char *id,
                    struct crate_test **ret_test, struct error *err);

#endif
