/*
 * go.h - what is to be built and run of a Go module's tests.
 *
 * `go test` makes a program of each package with tests. Here each test is started as a process of
 * its own, in its package's folder, and passes by its exit status, and by saying that it passed
 * (trial/said.h). Which tests there are, is read in the trial's files and in the image's: test
 * files of the session are not there in the runs (trial/gosettle.h).
 *
 * What is the same in all runs is compiled once, with test files that have nothing but their
 * imports. Then each run builds the programs of its packages anew, with failures planted in the
 * tests (trial/goplant.h). Some of the tests that must go on to pass are drawn into a few of them.
 *
 * BUGS: examples and fuzz tests are run, the latter with what their files give them, but have no
 * failures planted. Tests run one after another.
 */
#ifndef CODESET_TRIAL_GO_H
#define CODESET_TRIAL_GO_H

#include "trial/kinds.h"

/* trial/kinds.h: plan. */
int trial_go_plan(const struct trial_kind *kind, json_object *trial);

#endif
