/*
 * cargo_kept.h - what of a session's files may not decide how Rust's tests are built: it is
 * the image's (the plan's member `kept`, trial/plan.h), or not there.
 */
#ifndef CODESET_TRIAL_CARGO_KEPT_H
#define CODESET_TRIAL_CARGO_KEPT_H

#include <json-c/json.h>

#include "base/error.h"
#include "trial/crate.h"

/* In the planner's folder, which has the project's copy (TRIAL_COPY). */
int trial_cargo_keep(const struct crate_project *project, json_object *plan, struct error *err);

#endif
