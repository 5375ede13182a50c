/*
 * error.h - what went wrong, as a value.
 *
 * Functions that can fail take a last argument `struct error *err`, return 0 or -1 (or a pointer
 * or NULL) and fill *err on failure only. err is never NULL. Messages are for
 * whoever must act: a client if `code` is set, otherwise whoever reads the log. Nothing is
 * allocated.
 */
#ifndef CODESET_BASE_ERROR_H
#define CODESET_BASE_ERROR_H

#include <stdbool.h>

enum error_kind {
    ERROR_NONE,
    ERROR_INVALID,     /* what was given can't be right; trying again is pointless */
    ERROR_NOT_FOUND,   /* the thing named does not exist */
    ERROR_CONFLICT,    /* the thing is in a state that forbids it */
    ERROR_LIMIT,       /* a limit was reached */
    ERROR_UNAVAILABLE, /* a part is down or busy; trying again later may help */
    ERROR_INTERNAL,    /* a fault of ours or of the host */
};

struct error {
    enum error_kind kind;
    int sys_errno;    /* errno behind it, or 0 */
    const char *code; /* UPPER_SNAKE code for API clients: a string literal, or NULL */
    char message[512];
};

#define ERROR_INIT                                                                                 \
    {                                                                                              \
        .kind = ERROR_NONE                                                                         \
    }

/* Each returns -1, so that `return error_set(...)` reads as what it is. */
int error_set(struct error *err, enum error_kind kind, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* As error_set with kind ERROR_INTERNAL (ERROR_UNAVAILABLE for a full disk or no memory or
 * descriptors), no code, and ": strerror" appended. */
int error_errno(struct error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message that is there already. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

void error_clear(struct error *err);

bool error_has_code(const struct error *err, const char *code);

/* "invalid", "not found", ... for logs. */
const char *error_kind_name(enum error_kind kind);

#endif
