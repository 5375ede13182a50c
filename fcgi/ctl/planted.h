/*
 * planted.h - what became of the failures planted in tests, over one or more verifications by
 * trials (docs/verdicts.md): each must have failed, and the unchanged test must have passed.
 *
 * The object that is made of it:
 *
 *     {"planted": 4, "failed": 4, "as_expected": true,
 *      "tests": [{"test": "tests/test_a.py::test_b", "planted": {"expected": {"failed": 4}},
 *                 "unchanged": {"passed": 4}, "as_expected": true}],
 *      "unplanted": [], "unrehearsed": [], "more": 0}
 *
 * tests to more are those of trial/planted.h, with sums. A test that was rehearsed in one
 * verification is not among the unrehearsed ones.
 */
#ifndef CODESET_CTL_PLANTED_H
#define CODESET_CTL_PLANTED_H

#include <json-c/json.h>
#include <stddef.h>

#include "base/buf.h"

struct planted;
struct verification_report;

struct planted *planted_new(void);
void planted_free(struct planted *planted); /* NULL is fine */

/* Adds what the verification's supervisor told; nothing where it was none, or told nothing. */
void planted_add(struct planted *planted, const struct verification_report *report);

/* NULL where nothing was added. */
json_object *planted_object(const struct planted *planted);

/* How much of the verifier's stderr is before what the supervisor told; all, where that is nothing.
 */
size_t planted_offset(const struct verification_report *report);

/* Appends in a few words, or in lines, what the object says; "-" where it is NULL, or nothing. */
void planted_tell_shortly(json_object *object, struct buf *out);
void planted_tell(json_object *object, struct buf *out);

#endif
