/*
 * names.h - the names under which a case is known; for the files of this room only.
 *
 * A name is a container (package, file, class, crate, describe blocks) and what it holds. In the
 * container all separators are alike and `.py` is no part of it, so that `tests/test_a.py::TestB`
 * and `tests.test_a.TestB` are one. A case is known under its full container and under each end
 * of it, so `TestB::test_c` finds it too, and so does `test_c`.
 */
#ifndef CODESET_GRADE_NAMES_H
#define CODESET_GRADE_NAMES_H

#include "base/buf.h"
#include "grade/report.h"

/* Appends the canonical form of a container. */
void names_container(struct buf *out, const char *text, size_t length);

/* Enters the cases that are not yet in report->names. */
void names_index(struct test_report *report);

#endif
