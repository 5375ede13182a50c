/*
 * plant.h - failures planted in the source text of a C test program.
 *
 * Each is one edit of a place that is surely executed whenever the test is, so that the program
 * ends with another status than 0, whatever the code does that it tests. What can't be told to be
 * so is left alone: what stands within `if`, loops and #if, behind what may leave a function, in
 * functions that main does not call by a statement of its own.
 *
 * Known are Unity's assertions (of a program that returns UNITY_END()), assert(3), and, of any
 * program, the status that main returns.
 */
#ifndef CODESET_TRIAL_PLANT_H
#define CODESET_TRIAL_PLANT_H

#include <stdbool.h>

#include "trial/plants.h"

/* former: the text that the repository has of the same program; NULL: none. asserts: assert(3) is
 * not compiled away. Values and words are drawn by chance. */
void trial_plants_find(const char *text, const char *former, bool asserts,
                       struct trial_plants *ret_plants);

/* The text with the failure in it (NULL: as it is), to free(): trial_edits_plant. Of an assertion
 * that is left out the arguments stay, as what they do may be needed later. */
char *trial_plant_apply(const char *text, const struct trial_plants *plants,
                        const struct trial_plant *plant, bool is_thinned);

#endif
