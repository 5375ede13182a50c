/*
 * golist.h - what the go command says of a module: its packages, and how it is set up.
 *
 * It is asked in a copy of the image's repository with the trial's tests in it, as the container's
 * root, before anything of the session is there. All paths that it tells are those which the same
 * will have in the runs.
 *
 * Source: `go help list`, `go help environment`.
 */
#ifndef CODESET_TRIAL_GOLIST_H
#define CODESET_TRIAL_GOLIST_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A package of the repository's. Texts and lists belong to the project's document. */
struct trial_package {
    const char *path;   /* by which it is imported */
    const char *folder; /* from the repository's; "." is that itself */
    json_object *files; /* names of its test files, those of package NAME_test, too */
};

struct trial_gomodule {
    json_object *trial;     /* the sample's; borrowed */
    const char *repository; /* absolute; borrowed */
    char *folder;           /* of the module, below the repository; "." is that itself */
    char *build;            /* absolute: the build folder */
    char *copy;             /* absolute: the repository's copy; it is there until it is removed */
    char *program;          /* the go command */
    long version;           /* of it: 19 for go1.19; 0: it is not told */
    char *flags;            /* that the image gives it */
    bool has_workspace;
    json_object *environment; /* of all runs: "NAME=value" */
    json_object *modules;     /* folders with a go.mod, from the repository's */
    json_object *kept;        /* what a session can't replace, from the repository's folder */
    json_object *vendored;    /* folders of packages that only tests need, the same */
    struct trial_package *packages;
    size_t package_count;
    json_object *document;
};

/* In the planner's folder, which then has the copy. The project is to be released in any case. */
int trial_gomodule_read(struct trial_gomodule *module, struct error *err);

/* Removes the copy. */
int trial_gomodule_close(const struct trial_gomodule *module, struct error *err);
void trial_gomodule_release(struct trial_gomodule *module);

#endif
