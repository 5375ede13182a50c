/*
 * runner.h - the main of a black-box program: suites, chosen by name on the command line.
 */
#ifndef CODESET_TESTS_RUNNER_H
#define CODESET_TESTS_RUNNER_H

#include "check.h"

/*
 * Opens client and fixture, runs the suites (those that argv names, or all), calls `end` (may be
 * NULL), closes. The exit status: 0 only if every test ran, none failed and no answer broke
 * docs/openapi.json.
 */
int run_suites(const struct suite *const *suites, size_t count, int argc, char **argv,
               void (*end)(void));

#endif
