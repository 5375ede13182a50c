/*
 * spelling.h - how far a word is from one that was meant, for "did you mean". Pure.
 */
#ifndef CODESET_CTL_SPELLING_H
#define CODESET_CTL_SPELLING_H

#include <stddef.h>

/* Edits (a letter more, less or another) that make b from a. Of a longer word only the first 40
 * characters count. */
size_t spelling_distance(const char *a, const char *b);

/*
 * The one of the names that the word is probably a misspelling of: at most two edits away, at most
 * one from a name of fewer than eight characters. Case does not count, and '-', ' ' and '.' are as
 * good as '_'. The names end with NULL. Returns NULL where none is near.
 */
const char *spelling_nearest(const char *word, const char *const *names);

#endif
