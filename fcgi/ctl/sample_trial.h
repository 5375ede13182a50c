/*
 * sample_trial.h - a sample's `trial`: which of the server's own runners tests it, and with what
 * (docs/verdicts.md).
 */
#ifndef CODESET_CTL_SAMPLE_TRIAL_H
#define CODESET_CTL_SAMPLE_TRIAL_H

#include <json-c/json.h>

#include "base/error.h"

#define SAMPLE_TRIAL_MOST 16384 /* bytes, as JSON */

/* Checks the field of a sample's line. *ret_trial: its JSON, to be freed; NULL: the line has none.
 * ERROR_INVALID. */
int sample_trial_read(json_object *line, char **ret_trial, struct error *err);

#endif
