/*
 * ctest.h - what is to be built and run of a project of CMake's with tests of ctest's.
 *
 * Tests are programs, each of which passes by its exit status. Which there are, is asked of CMake
 * and ctest in a copy of the image's repository with the trial's tests in it: what the session says
 * of its tests does not count. The session's own instructions to CMake do count, as a fix may add
 * files; whoever runs them is the run's user, as is whoever compiles.
 *
 * What is the same in all runs is built once, with a source in place of each listed test's that
 * can't be compiled: so nothing of that build knows the tests as they are. Then each run builds the
 * listed tests anew, some with a failure planted (trial/plant.h). Some of the tests that must go on
 * to pass are drawn into a few of these runs.
 *
 * BUGS: of the properties of a test only WORKING_DIRECTORY, ENVIRONMENT, TIMEOUT, WILL_FAIL,
 * SKIP_RETURN_CODE and DISABLED are followed; a test with others that decide is not run. A listed
 * test that has no source among the trial's tests, or shares its program with another test, has no
 * failure planted. Tests run one after another.
 */
#ifndef CODESET_TRIAL_CTEST_H
#define CODESET_TRIAL_CTEST_H

#include "trial/kinds.h"

/* trial/kinds.h: plan. */
int trial_ctest_plan(const struct trial_kind *kind, json_object *trial);

#endif
