/*
 * plants.h - failures that can be planted in a text, in whatever language it is, and the text
 * with them in it. Pure but for chance.
 *
 * Whoever reads the language finds them: trial/plant.h does so in C.
 */
#ifndef CODESET_TRIAL_PLANTS_H
#define CODESET_TRIAL_PLANTS_H

#include <stdbool.h>
#include <stddef.h>

struct trial_plant {
    const char *kind;  /* "expected", "negated", "begins", "ends" or "status" */
    size_t start, end; /* the part of the text that is replaced; may be empty */
    char *text;        /* by this */
    bool is_new;       /* in a function that the former text has otherwise, or has not */
    size_t shown; /* in the assertion that fails by it, which must not be left out; SIZE_MAX: in
                     none but where it is planted */
};

/* An assertion that is surely executed. */
struct trial_assertion {
    size_t start, end;
    char *thinned; /* what stands in its place where it is left out */
};

/* Zeros at first. */
struct trial_plants {
    struct trial_plant *items;
    size_t count, room;
    struct trial_assertion *assertions;
    size_t assertion_count, assertion_room;
};

/* They take the last text. */
void trial_plants_add(struct trial_plants *plants, const char *kind, bool is_new, size_t start,
                      size_t end, char *text);
void trial_plants_add_assertion(struct trial_plants *plants, size_t start, size_t end,
                                char *thinned);
void trial_plants_release(struct trial_plants *plants);

/* --- what is drawn --------------------------------------------------------------------------- */

size_t trial_draw(size_t below);
void trial_draw_word(char *word, size_t length); /* of small letters; and a NUL behind them */

/* Another literal of the same length and kind, which is to free(): a string, quotes included, with
 * one letter or digit exchanged; a whole number. NULL: the text is no such literal, or there is
 * none like it. */
char *trial_near_string(const char *text, size_t length);
char *trial_near_number(const char *text, size_t length);

/* --- the text -------------------------------------------------------------------------------- */

struct trial_edit {
    size_t start, end;
    const char *text; /* borrowed */
};

/* Zeros at first. No two of them may overlap. */
struct trial_edits {
    struct trial_edit *items;
    size_t count, room;
};

void trial_edits_add(struct trial_edits *edits, size_t start, size_t end, const char *text);

/*
 * Adds the failure (NULL: none). is_thinned: half of the other assertions, drawn by chance, are
 * left out, so that how many fail says nothing of whether one is planted: else code that fails one
 * would know a second one for what it is.
 */
void trial_edits_plant(struct trial_edits *edits, const struct trial_plants *plants,
                       const struct trial_plant *plant, bool is_thinned);
void trial_edits_release(struct trial_edits *edits);

/* The text with all edits, and with a comment at the end that makes its length say little; to
 * free(). Sorts the edits; those at one place keep their order. */
char *trial_edits_apply(struct trial_edits *edits, const char *text);

#endif
