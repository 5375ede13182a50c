/*
 * row_value.h - the values of a row of somebody else's data set, whose members may be texts that
 * hold JSON or Python literals. Pure.
 */
#ifndef CODESET_DATASET_ROW_VALUE_H
#define CODESET_DATASET_ROW_VALUE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/error.h"

/* What a text holds, where it holds an array or an object; else the value itself. The caller's. */
json_object *row_opened(json_object *value);

/* path: "base.sha". NULL where it is absent or null. The caller's. */
json_object *row_value(json_object *row, const char *path);

bool row_has(json_object *row, const char *path);

/* NULL where it is absent, empty or no text. free() it. */
char *row_text(json_object *row, const char *path);

/* A text or a list of them, a line each. free() it; NULL: there are none. */
char *row_commands(json_object *row, const char *path);

/*
 * The list's value as an array: an array, a text that holds one as JSON or as a Python literal, or
 * an object, of which the keys are taken. Absent: an empty one. The caller's.
 */
json_object *dataset_list(json_object *row, const char *field, struct error *err);

#endif
