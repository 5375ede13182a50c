/*
 * codes.h - every error code that an answer can carry: one table, the same as docs/errors.md.
 */
#ifndef CODESET_HTTP_CODES_H
#define CODESET_HTTP_CODES_H

#include <stddef.h>

#include "base/error.h"

/* X-Should-Retry: false, for libraries that would send the request again by themselves (some do so
 * with every 409). */
#define RETRY_NEVER (-1)

struct code {
    const char *name;
    int status;
    int retry_after;     /* seconds; 0: no Retry-After; or RETRY_NEVER */
    const char *message; /* what the client is told; NULL: the error's own message */
    const char *help;    /* one line for docs/errors.md */
};

extern const struct code codes[];
extern const size_t codes_count;

/* NULL for a name that is none. */
const struct code *code_find(const char *name);

/* The row for an error: its code's, or where it has none, or one that isn't in the table, one by
 * kind. *ret_message: what may be shown; never an internal error's own text. */
const struct code *code_of_error(const struct error *err, const char **ret_message);

#endif
