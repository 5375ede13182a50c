/*
 * compiled.h - the repository's modules, compiled once for all runs: of an interpreter that would
 * compile them in each, as a run leaves nothing for the next.
 *
 * The kind's script compiles them of the image's sources. What it made holds for these very bytes
 * (PEP 552: a checked hash), so of a module that the session changed it is not used.
 */
#ifndef CODESET_TRIAL_COMPILED_H
#define CODESET_TRIAL_COMPILED_H

#include <json-c/json.h>

#include "base/error.h"
#include "trial/judge.h"

/* Paths of modules below the repository, to json_object_put(): what any of the runs had to compile.
 */
json_object *trial_compiled_of(const struct trial_end *ends, size_t count);

/* The script's input, modules.json in the plan's folder. */
int trial_compiled_ask(int plan_fd, json_object *modules, struct error *err);

/* Lays what the script made, compiled.json, beside those sources that are still there. Root's; no
 * link is followed. As trial_kind.settle. */
int trial_compiled_lay(json_object *plan, int plan_fd, int root_fd, struct error *err);

#endif
