/*
 * planted.h - what became of the planted failures, for the operator. Pure.
 *
 * Appends an object without a line end:
 *
 *     {"tests": [{"test": "tests/test_a.py::test_b", "planted": {"expected": {"failed": 2},
 *                 "begins": {"failed": 2}}, "unchanged": {"passed": 4}}],
 *      "unplanted": ["tests/test_a.py::test_c"], "unrehearsed": [], "not_run": [],
 *      "more": 0}
 *
 * tests: those in which failures were planted, with how often each kind of failure and the
 * unchanged test ended how (trial_each_slot). unplanted: listed tests in which none can be planted.
 * unrehearsed: those in which none was, as they did not come out right in the rehearsal, or there
 * was no time for them. not_run: those whose runs were left out, as another test had failed. more:
 * how many of all these are left out, as all have more than TRIAL_PLANTED_MOST bytes.
 *
 * It names the tests of hidden lists: nobody but the operator may see it.
 */
#ifndef CODESET_TRIAL_PLANTED_H
#define CODESET_TRIAL_PLANTED_H

#include "base/buf.h"
#include "trial/judge.h"
#include "trial/plan.h"

#define TRIAL_PLANTED_MOST ((size_t)64 << 10)

/* ends: one for each step of the plan. */
void trial_planted_write(const struct trial_plan *plan, const struct trial_end *ends,
                         struct buf *json);

#endif
