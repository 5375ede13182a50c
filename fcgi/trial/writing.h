/*
 * writing.h - the plan of a trial with programs (trial/plan.h), as a planner of this program
 * writes it.
 */
#ifndef CODESET_TRIAL_WRITING_H
#define CODESET_TRIAL_WRITING_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "trial/plants.h"

/* Lists of texts; NULL is an empty one. */
size_t trial_list_count(json_object *list);
const char *trial_list_at(json_object *list, size_t at);
void trial_list_add(json_object *list, const char *text);

/* Where a plan is written. */
struct trial_writing {
    int plan_fd;       /* the planner's folder */
    size_t file_count; /* beside plan.json; 0 at first */
};

/* Without tests, commands and files. */
json_object *trial_run_new(bool all);

/* A command without arguments, at the run's end; the run's. folder: NULL: the repository's. */
json_object *trial_command_add(json_object *run, const char *folder);
json_object *trial_command_argv(json_object *command);

/* The run's file at `path` in the repository has this text. */
int trial_file_add(struct trial_writing *writing, json_object *run, const char *path,
                   const char *text, struct error *err);

/* The same of a file that only builds see, in a folder of this name beside theirs; one that can be
 * executed. */
int trial_hidden_add(struct trial_writing *writing, json_object *run, const char *folder,
                     const char *path, const char *text, struct error *err);

/* From when the first test is started the tests are root's. What is returned is the run's. */
json_object *trial_run_settle(json_object *run);

/* And the file at `path` has this text then. */
int trial_settled_add(struct trial_writing *writing, json_object *run, const char *path,
                      const char *text, struct error *err);

/* The run has the test, with the failure (NULL: as it should be). */
void trial_slot_add(json_object *run, size_t function, const char *id,
                    const struct trial_plant *plant);

/* Copies what the session can't replace (paths below from_fd) into the planner's folder, for the
 * plan's member `kept`. */
int trial_kept_lay(const struct trial_writing *writing, int from_fd, json_object *paths,
                   struct error *err);

/* With the paths of the trial's tests, and all other lists empty. */
json_object *trial_plan_new(json_object *trial);
int trial_plan_write(const struct trial_writing *writing, json_object *plan, struct error *err);

#endif
