/*
 * rust_plant.h - failures that can be planted in a test of a Rust file. Pure but for chance.
 *
 * As in C (trial/plant.h), each is one edit of a place that is surely executed whenever the test
 * is, so that the test fails, whatever the code does that it tests. All tests of a file are one
 * program, which must also be built where several of its tests have a failure: what is planted, or
 * left out, fits the types that were there.
 *
 * Kinds: "expected", another literal; "negated", the opposite of an assertion; "begins", a failure
 * in any case; "ends", the same wherever the test is left. A test that must panic has another text
 * that is expected of the panic, or need not panic, or returns before it could.
 *
 * Code that is told of a panic must not know a planted failure by it. So all assertions in which
 * one could be planted have another form in small runs, whether one is or not: they call a function
 * that panics, always at the same place and without a word. The lines stay those of the text, and
 * columns change by chance.
 */
#ifndef CODESET_TRIAL_RUST_PLANT_H
#define CODESET_TRIAL_RUST_PLANT_H

#include "trial/plants.h"
#include "trial/rust.h"

/* A part of a test that is another one in small runs. */
struct rust_form {
    size_t start, end;
    char *text;      /* NULL: as many blanks as chance wants */
    char *left_out;  /* in place of it where the assertion is left out; NULL: that can't be */
    size_t from, to; /* the assertion */
    size_t plant;    /* that stands in place of it; SIZE_MAX: none does */
};

/* Of a test. Zeros at first. */
struct rust_plants {
    struct trial_plants plants;
    struct rust_form *forms;
    size_t form_count, form_room;
};

/* Adds what can be planted in the test. former: the text that the repository has of the same file;
 * NULL: none. defined: macros that are not the standard library's. */
void rust_plants_find(const struct source *source, const struct rust_test *test, const char *former,
                      uint64_t defined, struct rust_plants *plants);
void rust_plants_release(struct rust_plants *plants);

/* The test as it is in a small run, with this failure (NULL: none). Half of the other assertions,
 * drawn by chance, are left out, as in trial/plants.h. */
void rust_plants_edit(const struct rust_plants *plants, const struct trial_plant *plant,
                      struct trial_edits *edits);

#endif
