/*
 * gosettle.h - what of a session's files decides how Go's tests are built, put right.
 *
 * Test files of a session are removed from the packages that are tested: they could have a main
 * function of the tests (TestMain), or the names of the trial's. A session's go.mod stays if it
 * differs from the image's in nothing but what is required, and in a newer language: else it could
 * put a package of its own in place of one that tests import, or give tests another meaning. One
 * between a package and its module, where the image has none, is removed.
 *
 * Source: Go Modules Reference, "go.mod files".
 */
#ifndef CODESET_TRIAL_GOSETTLE_H
#define CODESET_TRIAL_GOSETTLE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/error.h"

#define TRIAL_GOSETTLE "go"         /* the plan's member, trial_gosettle_new's */
#define TRIAL_GOSETTLE_FILES "mods" /* in the planner's folder: "0/go.mod", "0/go.sum" */

/* All are folders, from the repository's ("." is that itself): of packages that are tested, of
 * packages in which only the image's files are to be, and of modules. Copies the image's files
 * of the modules, below `repository`, into the planner's folder, which is the current one. NULL:
 * see err. */
json_object *trial_gosettle_new(const char *repository, json_object *packages, json_object *emptied,
                                json_object *modules, struct error *err);

/* trial/kinds.h: settle. What is no folder on the way to a package is removed. */
int trial_gosettle(json_object *plan, int plan_fd, int root_fd, struct error *err);

/* Do both go.mod files tell the same, but for what is required, and for a newer language? One that
 * can't be read for sure does harm. */
bool trial_gosettle_is_harmless(const char *text, const char *former);

#endif
