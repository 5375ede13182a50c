/*
 * goplant.h - failures planted in the source text of a Go test.
 *
 * Each is one edit of a place that is surely executed whenever the test passes, so that the test
 * fails, whatever the code does that it tests, and that surely compiles: what does not would take
 * all tests of the package with it. Such places are in the function itself, in loops over literals
 * that are not empty, and in the functions of sub-tests; not behind what may leave them.
 *
 * Known are `if` statements that fail the test by its *testing.T, and testify's assertions.
 */
#ifndef CODESET_TRIAL_GOPLANT_H
#define CODESET_TRIAL_GOPLANT_H

#include "trial/goblock.h"
#include "trial/gotext.h"
#include "trial/plants.h"

struct trial_goplant {
    const struct gotext *go;     /* the test's file */
    const struct gotext *former; /* the file as the repository has it; NULL: none */
    const struct goscope *scope; /* of the package; but for its `go` */
    const char *name;            /* the test's function */
    const char *part; /* of the test that alone is run: "adds/nothing"; NULL: all of it; "": one
                         of several */
    bool is_inside;   /* only in the function of the sub-test that has the part's name */
};

/* Nothing where the function is not there, is no test, or may be started by another. Values and
 * words are drawn by chance. */
void trial_goplant_find(const struct trial_goplant *test, struct trial_plants *ret_plants);

#endif
