/*
 * goliteral.h - literals in the text of a Go file, and others like them. Pure but for chance.
 *
 * Another one has the same length, and fits into the same types: a number becomes no greater than
 * what every type holds that the first one may have.
 */
#ifndef CODESET_TRIAL_GOLITERAL_H
#define CODESET_TRIAL_GOLITERAL_H

#include <stdbool.h>

#include "trial/gotext.h"

struct goliteral_part {
    size_t start, end; /* in the text */
};

/* Without blanks around it. */
struct goliteral_part goliteral_trimmed(const struct gotext *go, size_t start, size_t end);

/* Another literal in place of one that the expression is, or that decides what it is: that of a
 * conversion to a type of the language's own, or one of the elements of a slice. *ret_literal:
 * where that stands. NULL: there is none; else to free(). */
char *goliteral_near(const struct gotext *go, struct goliteral_part expression,
                     struct goliteral_part *ret_literal);

/* []struct{ a, b int }{{1, 2}, {a: 3}} */
struct goliteral_table {
    size_t open, close;               /* the braces around all entries */
    size_t fields_open, fields_close; /* of the struct; 0: it is declared elsewhere */
};

/* False: the expression is no such literal, or has no entries. */
bool goliteral_read_table(const struct gotext *go, struct goliteral_part expression,
                          struct goliteral_table *ret_table);

/* The same as goliteral_near, of what one of the entries, drawn by chance, has for the field. */
char *goliteral_near_in_table(const struct gotext *go, const struct goliteral_table *table,
                              struct goliteral_part field, struct goliteral_part *ret_literal);

#endif
