/*
 * test_names.h - which of a data set's names can be no test's, so that a sample that waits for them
 * can never succeed. Pure.
 */
#ifndef CODESET_DATASET_TEST_NAMES_H
#define CODESET_DATASET_TEST_NAMES_H

#include <stdbool.h>

/* Is it known what names of tests in the language look like? */
bool test_names_known(const char *language);

/* "is a sentence and no test's name", or NULL for a name that may be a test's. */
const char *test_name_fault(const char *language, const char *name);

/* Of a name that finds tests, but perhaps others as well; NULL: there is nothing to say. */
const char *test_name_remark(const char *language, const char *name);

#endif
