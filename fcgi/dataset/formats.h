/*
 * formats.h - the formats of data sets that others publish, a row of one table each, and how a row
 * of theirs becomes a line of ours (ctl/sample_line.h). Pure.
 */
#ifndef CODESET_DATASET_FORMATS_H
#define CODESET_DATASET_FORMATS_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

struct dataset_format;

/* NULL: there is none of that name. */
const struct dataset_format *dataset_format_named(const char *name);

/* By the fields that only its rows have; the plain format where there are none such. own_images:
 * somebody names the images, so rows of SWE-bench up to 4 are not for those that it publishes. */
const struct dataset_format *dataset_format_of(json_object *row, bool own_images);

/* For another row of a file whose format the first one told: the plain one, where rows of that
 * format are known by all of their fields, and this has others. */
const struct dataset_format *dataset_format_for(const struct dataset_format *told,
                                                json_object *row);

/* Releases before took its rows as plain. */
bool dataset_format_was_plain(const struct dataset_format *format);

const char *dataset_format_name(const struct dataset_format *format);

/* Rows are lines of ours, or SWE-bench's up to 4, as they are. */
bool dataset_format_is_plain(const struct dataset_format *format);

/* Appends all names: "a, b, c". */
void dataset_format_list(struct buf *out);

/*
 * *ret_line: a new object. Its `needs` say what must be done by hand before the sample can be run.
 * ERROR_INVALID: the row lacks what it must have, or holds what can't be read.
 */
int dataset_convert(const struct dataset_format *format, json_object *row, json_object **ret_line,
                    struct error *err);

/* What must be done by hand before the line's sample can be run. One that begins with "image:",
 * "log_parser:" or "scripts:" is met by the option of that name (ctl/import.c). */
void dataset_need(json_object *line, const char *what);

#endif
