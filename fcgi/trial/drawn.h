/*
 * drawn.h - which run of a trial has which test, and which failure in it. Pure but for
 * chance.
 *
 * There are some small runs, and one of all tests at the end. A test that must be mended is in all
 * small runs: in four of seven with a failure. Some of those that must go on to pass are drawn into
 * three of them, in two with a failure. Three of four failures stand in functions that the fix is
 * about, as far as there are any.
 */
#ifndef CODESET_TRIAL_DRAWN_H
#define CODESET_TRIAL_DRAWN_H

#include <stdbool.h>

#include "trial/plants.h"

#define TRIAL_SMALL_RUNS 7
#define TRIAL_ALL_RUN TRIAL_SMALL_RUNS /* the run of all: its number */
#define TRIAL_KEPT_MOST 4              /* tests that must go on to pass, in small runs */

/* In place of a failure's number. */
#define TRIAL_TRUE_ONE (-1) /* the test is as it should be */
#define TRIAL_ABSENT (-2)   /* it is not in the run */

/* Of a test, for each run. */
struct trial_drawn {
    int plants[TRIAL_ALL_RUN + 1]; /* which of its failures */
};

void trial_draw_mended(const struct trial_plants *plants, struct trial_drawn *ret_drawn);
void trial_draw_kept(const struct trial_plants *plants, struct trial_drawn *ret_drawn);

bool trial_is_in(const struct trial_drawn *drawn, int run);

/* NULL: it has none there. */
const struct trial_plant *trial_plant_in(const struct trial_drawn *drawn,
                                         const struct trial_plants *plants, int run);

#endif
