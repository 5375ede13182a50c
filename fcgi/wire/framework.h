/*
 * framework.h - the test frameworks that a trial can run (docs/verdicts.md), and what the programs
 * must know of them: which there are, and who runs them.
 */
#ifndef CODESET_WIRE_FRAMEWORK_H
#define CODESET_WIRE_FRAMEWORK_H

#include <stdbool.h>
#include <stddef.h>

/* Who runs it; as bits, so that several can be meant. */
enum framework_family {
    FRAMEWORK_PYTEST = 1 << 0,
    FRAMEWORK_CTEST = 1 << 1,
    FRAMEWORK_NODE = 1 << 2, /* the frameworks of JavaScript */
    FRAMEWORK_GO = 1 << 3,
    FRAMEWORK_CARGO = 1 << 4,
};

struct framework {
    const char *name; /* the trial's `framework` */
    enum framework_family family;
    /* Only the lists of a sample tell which files have tests: none of these may be left out,
     * however many they name. Other frameworks find tests by themselves. */
    bool lists_name_files;
};

/* By their numbers, from 0 on; NULL: there are no more. */
const struct framework *framework_at(size_t number);

/* NULL: there is none of that name, or there is no name. */
const struct framework *framework_find(const char *name);

#endif
