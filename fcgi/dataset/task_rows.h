/*
 * task_rows.h - tasks that are folders, as lines of ours. Whoever gathered a folder's files
 * (ctl/task_folder.h) makes a row of their texts; what is in them is read here. Pure.
 *
 * A row of our own form has task_folder (the folder's name), task_json, and perhaps problem,
 * solution_patch and solution_script. One of Harbor's (also terminal-bench's) has task_folder,
 * task_toml and test_script, and perhaps problem, dockerfile, and solution_files, an object of
 * paths with their contents in base64.
 */
#ifndef CODESET_DATASET_TASK_ROWS_H
#define CODESET_DATASET_TASK_ROWS_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/* The fields of task.json are those of a line; lines of it that begin with // are comments. Where
 * it does not say itself, the files say the problem and the solution. */
int task_row_own(json_object *row, json_object *line, struct error *err);

/*
 * The task's test is that tests/test.sh leaves a reward of 1 in /logs/verifier/reward.txt or
 * reward.json; a reward that is not 1 is a failure, none is no report. The sample's solution is
 * solution/solve.sh with the files beside it.
 */
int task_row_harbor(json_object *row, json_object *line, struct error *err);

/* Appends the value of a key in a table ("" before the first) of a TOML document: of a plain string
 * its text, of anything else that stands in one line what stands there. Returns whether it is
 * there. */
bool toml_value(const char *text, const char *table, const char *key, struct buf *ret_value);

#endif
