/*
 * utf8.h - what is UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF) and how
 * to replace what is not.
 */
#ifndef CODESET_BASE_UTF8_H
#define CODESET_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Length in bytes (1 to 4) of the valid character at text[0], 0 if there is none. length > 0. */
size_t utf8_char(const char *text, size_t length);

bool utf8_valid(const char *text, size_t length);

/* The number of bytes before the first that is not UTF-8; length when all is. */
size_t utf8_valid_length(const char *text, size_t length);

/* Appends text, each byte that belongs to no valid character as U+FFFD. */
void utf8_sanitize(struct buf *out, const char *text, size_t length);

/* Appends text for a terminal, which obeys control characters: those of C0 and C1 and what is not
 * UTF-8 become '?'. */
void utf8_printable(struct buf *out, const char *text, size_t length);

/* The number of characters in valid text. */
size_t utf8_count(const char *text, size_t length);

#endif
