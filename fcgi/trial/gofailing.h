/*
 * gofailing.h - an assertion that can't hold, as it is planted at the beginning and the end
 * of a Go test. Pure but for chance.
 *
 * It fails in the words of one of the function's own assertions, and at the place of that, so that
 * what is printed, and who called, say little of whether a failure is planted. It depends on what
 * only the running test knows.
 *
 * Source: cmd/compile, "Compiler Directives" (of lines; Go 1.11).
 */
#ifndef CODESET_TRIAL_GOFAILING_H
#define CODESET_TRIAL_GOFAILING_H

#include "trial/gotext.h"

/* Where it is to stand. */
struct trial_gofailing {
    size_t open, close; /* the block, whose assertions it is like, if it has any */
    size_t at;
    const char *t; /* the name of the test's T there */
};

/* A statement with its semicolon; to free(). */
char *trial_gofailing_new(const struct gotext *go, const struct gotext_function *function,
                          const struct trial_gofailing *where);

#endif
