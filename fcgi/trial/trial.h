/*
 * trial.h - a verifier whose runner is not the code under test.
 *
 * What runs tests of a session's code in a trial is nobody: a user of its own for each run, that
 * can write nothing but a folder of its own. This supervisor, a child of a shepherd's, is the
 * container's root, which loads nothing of the session: it starts the runs, ends whatever they
 * leave, decides what their outcomes are worth, and alone writes the report (docs/verdicts.md).
 *
 *     trial.c       the two steps: the plan, before the session's changes are there, and the runs
 *     kinds.c       families of frameworks: the planner of each, and what it starts
 *     names.c       how the tests of a framework are named
 *     steps.c       the runs, one after another
 *     plan.c        what is to be run, read from what the framework's planner wrote
 *     lay.c         a copy of the tests for each run
 *     build.c       the folder in which programs are built, and how runs share what it has
 *     walls.c       what a run can't write or leave behind
 *     user.c        one run
 *     zygote.c      what runs are forked from, so that they needn't load a framework each
 *     judge.c       from how the runs ended to outcomes and a report; pure
 *     rehearsal.c   which tests count in runs that are not of all
 *     compiled.c    the repository's modules, compiled once for all runs
 *     planted.c     what became of planted failures, for the operator; pure
 *     alike.c       names that may be taken for a listed test's; pure
 *     ctest.c       ctest's planner
 *     cmake.c       what CMake and ctest tell it of a project
 *     copy.c        a copy of the repository, of which planners ask the image's tools
 *     writing.c     the plan, as planners of this program write it
 *     drawn.c       which run has which test and failure; pure but for chance
 *     plants.c      failures in texts of whatever language; pure but for chance
 *     go.c          Go's planner
 *     golist.c      what the go command tells it of a module
 *     gotests.c     which tests the lists mean
 *     goplant.c     failures in Go's source text, with goliteral.c; pure but for chance
 *     gotext.c      what can be read of such a text, with gowords.c; pure
 *     gosettle.c    what of a session's files may not decide how Go's tests are built
 *     said.c        what Go's test programs say; pure
 *     cargo.c       cargo's planner
 *     cargo_kept.c  what of a session's files may not decide how Rust's tests are built
 *     crate.c       what cargo tells it of a project, and which tests its files have
 *     rust_plant.c  failures in Rust's source text; pure but for chance
 *     rust.c        what can be read of such a text, with rust_macros.c; pure
 *     plant.c       those of the source text of C programs; pure but for chance
 *     source.c      what can be read of such a text; pure
 *     pytest_*.py   pytest's planner and compiler, run as root by the image's interpreter before
 *                   the session's changes are laid, its zygote, and its runner, in the process of
 *                   each run
 *     node_*.js     the same of JavaScript's frameworks, but for compiler and zygote
 *
 * BUGS: a run can tell the next one something by how many process ids it used up, by what the
 * kernel keeps of reading (a file's atime) and by how much of the disk is free. It can read what of
 * the image is open to everybody: hidden tests must be named as private.
 */
#ifndef CODESET_TRIAL_TRIAL_H
#define CODESET_TRIAL_TRIAL_H

/*
 * In a command's process, in the repository's folder: does what the request says and returns the
 * exit status. request: a JSON object, `step` ("plan" or "run") and `trial`, the sample's
 * (docs/verdicts.md) with its `fail_to_pass`, `pass_to_pass` and `held_out`, and `hidden`: true
 * where what these name is not to be told; with AGENT_TRIAL_TELLS_PLANTED, true where the second
 * step's last line on stderr is to be what trial/planted.h tells; and the first step may have
 * AGENT_TRIAL_REHEARSED, a record (trial/rehearsal.h) that it printed as its last line on stdout
 * when it was for the same trial in the same image. environment: of the runs, NULL at
 * its end. What goes wrong is said on stderr.
 */
int trial_main(const char *request, char *const *environment);

#endif
