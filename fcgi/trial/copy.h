/*
 * copy.h - what a planner asks the image's own tools of: a copy of the image's repository,
 * with the trial's tests in it, while nothing of the session is there.
 */
#ifndef CODESET_TRIAL_COPY_H
#define CODESET_TRIAL_COPY_H

#include <json-c/json.h>
#include <stddef.h>

#include "base/error.h"

#define TRIAL_SOURCE_MOST ((size_t)4 << 20) /* bytes of a test's file */

/* In the planner's folder. */
#define TRIAL_TREE "tree" /* the tests as they are to lie */
#define TRIAL_COPY "copy" /* the repository, with these, but without .git */

/* Makes both. tests: the trial's member. */
int trial_copy_make(const char *repository, json_object *tests, struct error *err);

/* The same, but without the repository's folders that are marked as caches (CACHEDIR.TAG). */
int trial_copy_make_clean(const char *repository, json_object *tests, struct error *err);

/* The text of a file at `path` below the folder, to be freed. NULL: it is not there, empty, too
 * large or no text, or the path leads out of the folder. */
char *trial_copy_read(const char *folder, const char *path);

/* Runs a program of the image's in the folder; what it writes goes to the file `to` in the
 * planner's (NULL: to stderr). ERROR_INVALID: its status was not 0. */
int trial_copy_ask(const char *folder, char *const *argv, const char *to, struct error *err);

#endif
