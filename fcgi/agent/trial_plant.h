/*
 * trial_plant.h - failures planted in the source text of a C test program.
 *
 * Each is one edit of a place that is surely executed whenever the test is, so that the program
 * ends with another status than 0, whatever the code does that it tests. What can't be told to be
 * so is left alone: what stands within `if`, loops and #if, behind what may leave a function, in
 * functions that main does not call by a statement of its own.
 *
 * Known are Unity's assertions (of a program that returns UNITY_END()), assert(3), and, of any
 * program, the status that main returns.
 */
#ifndef CODESET_AGENT_TRIAL_PLANT_H
#define CODESET_AGENT_TRIAL_PLANT_H

#include <stdbool.h>
#include <stddef.h>

struct trial_plant {
    const char *kind;  /* "expected", "negated", "begins", "ends" or "status" */
    size_t start, end; /* the part of the text that is replaced; may be empty */
    char *text;        /* by this */
    bool is_new;       /* in a function that the former text has otherwise, or has not */
};

/* An assertion that is surely executed. */
struct trial_assertion {
    size_t start, end;
    char *thinned; /* its arguments alone, as a statement */
};

struct trial_plants {
    struct trial_plant *items;
    size_t count, room;
    struct trial_assertion *assertions;
    size_t assertion_count, assertion_room;
};

/* former: the text that the repository has of the same program; NULL: none. asserts: assert(3) is
 * not compiled away. Values and words are drawn by chance. */
void trial_plants_find(const char *text, const char *former, bool asserts,
                       struct trial_plants *ret_plants);
void trial_plants_release(struct trial_plants *plants);

/*
 * The text with the failure in it (NULL: as it is), and with a comment at the end that makes its
 * length say little; to free(). is_thinned: of half of the other assertions, drawn by chance, only
 * the arguments are left, so that how many fail says nothing of whether one is planted: else code
 * that fails one would know a second one for what it is.
 */
char *trial_plant_apply(const char *text, const struct trial_plants *plants,
                        const struct trial_plant *plant, bool is_thinned);

#endif
