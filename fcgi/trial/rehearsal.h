/*
 * rehearsal.h - which of the tests that must go on to pass count in runs that are not of all: those
 * that came out as they must when such runs were rehearsed on the image's own code.
 *
 * A rehearsal may have been for an earlier plan of the same tests in the same image. Its record is
 * a JSON object: `drawn`, what the planner drew (drawn.json beside the plan; only it reads that),
 * `chosen`, the numbers of the functions that count, `zygote`, whether there was one
 * (trial/zygote.h), and `modules`, what had to be compiled (trial/compiled.h). A planner that takes
 * it over notes by itself what counts.
 */
#ifndef CODESET_TRIAL_REHEARSAL_H
#define CODESET_TRIAL_REHEARSAL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "trial/judge.h"
#include "trial/plan.h"

/*
 * Notes in the plan's folder which functions count: as many as take no more time than is meant for
 * them. ends: one for each rehearsal. Appends the record, if the rehearsals came to their ends,
 * something counts, and it has at most AGENT_TRIAL_REHEARSED_MOST bytes.
 */
int trial_rehearsal_note(const struct trial_plan *plan, const struct trial_end *ends,
                         bool has_zygote, json_object *modules, int plan_fd, struct buf *record,
                         struct error *err);

/* NULL: it has none. */
json_object *trial_rehearsal_modules(json_object *record);

/* Has the planner taken over what was rehearsed before? */
bool trial_rehearsal_is_noted(int plan_fd);

/* The plan loses those that don't count. *ret_count: those that do. */
int trial_rehearsal_heed(struct trial_plan *plan, int plan_fd, size_t *ret_count,
                         struct error *err);

#endif
