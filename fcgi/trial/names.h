/*
 * names.h - how the tests of a trial's frameworks are named. Pure.
 */
#ifndef CODESET_TRIAL_NAMES_H
#define CODESET_TRIAL_NAMES_H

#include <stddef.h>

#include "base/buf.h"

enum trial_names {
    /* FILE::CLASS::FUNCTION[PARAMETERS]: a function has a test for each of its parameters. In a
     * report: FILE.CLASS without ".py", FUNCTION[PARAMETERS], as pytest writes it. */
    TRIAL_NAMES_PYTEST,
    /* FILE::TITLE: the first "::" ends the file. In a report: FILE, TITLE. */
    TRIAL_NAMES_TITLED,
    /* NAME, whatever is in it. In a report: NAME, NAME, as ctest writes it. */
    TRIAL_NAMES_WHOLE,
};

/* A test against a function of the plan, with whatever parameters, as strcmp(3) orders them. */
int trial_names_compare(enum trial_names names, const char *test, const char *function);

/* A test against a file, in the same way: 0 if the test is in it. */
int trial_names_compare_file(enum trial_names names, const char *test, const char *file);

/* Appends the class's name that a report has; *ret_name: the test's own, within `test`. */
void trial_names_split(enum trial_names names, const char *test, struct buf *class_name,
                       const char **ret_name);

#endif
