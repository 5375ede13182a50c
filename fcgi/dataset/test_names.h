/*
 * test_names.h - which of a data set's names can be no test's, so that a sample that waits for them
 * can never succeed. Pure.
 */
#ifndef CODESET_DATASET_TEST_NAMES_H
#define CODESET_DATASET_TEST_NAMES_H

/* "is cut off in its parameters", "is a sentence and no test's name", or NULL for a name that may
 * be right. language: the sample's; only of Python is known what names look like. */
const char *test_name_fault(const char *language, const char *name);

#endif
