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

/* Between container and name in a key. No report can hold it: XML has no such character. */
#define NAMES_KEY_SEPARATOR '\x1f'

#define NAMES_ENDS_MAX 16   /* ends of one container that are names */
#define NAMES_SPLITS_MAX 64 /* readings of one expected name */

/* Appends the canonical form of a container. */
void names_container(struct buf *out, const char *text, size_t length);

/* Where the ends of a canonical container begin, the longest first and the whole always; the
 * number. */
size_t names_ends(const struct buf *container, size_t starts[NAMES_ENDS_MAX + 1]);

/* How an expected name can be read as container and name. Every separator may be the one between;
 * those in a parameter list, behind a bracket, come last. */
struct names_splits {
    size_t count, in_brackets; /* from the latter on they are behind a bracket */
    struct {
        size_t container; /* its length */
        const char *name; /* to the end */
    } at[NAMES_SPLITS_MAX];
};

void names_split(const char *name, size_t length, struct names_splits *ret_splits);

/* Of two cases, either of which may be NULL, the worse; of equals the first. */
const struct test_case *names_worse(const struct test_case *a, const struct test_case *b);

/* Which cases the names of the lists find: begun with none, then each name. For test_report_find.
 */
void names_claim_none(struct test_report *report);
void names_claim(struct test_report *report, const char *name);

/* Would one of the names find the case, were it the report's only one? Not by its title alone. */
bool names_fit(const struct test_case *item, const char *const *names, size_t count);

/* Enters the cases that are not yet in report->names. */
void names_index(struct test_report *report);

#endif
