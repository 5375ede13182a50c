/*
 * cargo.h - the planner for projects of Rust that cargo tests.
 *
 * As with ctest (trial/ctest.h), what all runs have in common is built once, and a test is a
 * process of its own: the program of its file, told to run that test alone. Its status tells. All
 * tests of a file are one program, so a run has the file with the failures of several.
 */
#ifndef CODESET_TRIAL_CARGO_H
#define CODESET_TRIAL_CARGO_H

#include <json-c/json.h>

struct trial_kind;

/* See trial/kinds.h. */
int trial_cargo_plan(const struct trial_kind *kind, json_object *trial);

#endif
