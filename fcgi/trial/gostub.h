/*
 * gostub.h - what of a Go test file lies in the repository while code under test is built and
 * runs: as much as the go command reads there by itself, and no test. The compiler gets the file
 * from elsewhere, so that the code can't read what its tests expect.
 *
 * Source: `go help buildconstraint`, `go help testfunc`; packages embed and testing ("Examples").
 */
#ifndef CODESET_TRIAL_GOSTUB_H
#define CODESET_TRIAL_GOSTUB_H

#include <json-c/json.h>

#include "base/error.h"
#include "trial/gotests.h"
#include "trial/gotext.h"
#include "trial/writing.h"

/* The file with its constraints, package, imports, patterns of embedded files, and tests without
 * statements; examples keep what they are to print. To free(). NULL: it can't be told for sure what
 * the go command would read. Pure. */
char *trial_gostub_new(const struct gotext *go);

/* Adds to the run such a file for each of the trial's test files that no run compiles, as those
 * behind a build tag: they are copied (trial/copy.h), but not among the used ones of `tests`. What
 * is in a folder `testdata` is data. */
int trial_gostub_add_unused(struct trial_writing *writing, json_object *run,
                            const struct gotests *tests, struct error *err);

#endif
