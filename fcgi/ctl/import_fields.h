/*
 * import_fields.h - fields of an import's lines that nobody knows: remembered, warned of, or a
 * reason to refuse the line.
 */
#ifndef CODESET_CTL_IMPORT_FIELDS_H
#define CODESET_CTL_IMPORT_FIELDS_H

#include <json-c/json.h>
#include <stdint.h>

#include "ctl/ctl.h"
#include "ctl/sample_line.h"

/* seen: an object that the caller keeps for the whole import. */
void import_fields_note(json_object *seen, int64_t line, const struct sample_line *sample);

/* Returns -1 with ERROR_INVALID if the line has a field that nobody knows. */
int import_fields_refuse(const struct sample_line *sample, struct error *err);

/* Of those that are near one that we know: what they say was missed. */
void import_fields_warn(struct ctl *ctl, json_object *seen);

/* An array of {"field", "meant", "first_line", "lines"}; the caller's. */
json_object *import_fields_list(json_object *seen);

#endif
