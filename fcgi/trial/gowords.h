/*
 * gowords.h - a set of words of Go files. Pure.
 */
#ifndef CODESET_TRIAL_GOWORDS_H
#define CODESET_TRIAL_GOWORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "trial/gotext.h"

struct goword {
    const char *text; /* borrowed; no NUL ends it */
    size_t length;
};

/* Zeros at first. */
struct gowords {
    struct goword *items;
    size_t count, room;
};

/* After these, gowords_sort is to be called before anything is looked for. */
void gowords_add(struct gowords *words, const char *text, size_t length);
void gowords_add_all(struct gowords *words, const struct gotext *go); /* but for those in strings */

/* Each word is there once then. */
void gowords_sort(struct gowords *words);
bool gowords_has(const struct gowords *words, const char *text, size_t length);
void gowords_release(struct gowords *words);

#endif
