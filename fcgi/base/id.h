/*
 * id.h - UUIDs, version 7 (RFC 9562, section 5.7), in their lower-case text form.
 *
 * An id is made by whoever creates the row. Ids made by one process sort in the order in which
 * they were made, to the microsecond.
 */
#ifndef CODESET_BASE_ID_H
#define CODESET_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_LENGTH 36
#define ID_TIME_LENGTH 13 /* of it: the milliseconds, "xxxxxxxx-xxxx" */
#define ID_BITS_SIZE 10   /* bytes that hold the other bits */

struct id {
    char text[ID_LENGTH + 1];
};

struct id id_new(void);

/* The id of that time (ms since 1970) with those bits, where a UUID has random ones: the same
 * arguments give the same id. */
struct id id_of_bits(int64_t ms, const unsigned char bits[ID_BITS_SIZE]);

/* Have both the same bits, whatever their times? */
bool id_same_bits(const struct id *a, const struct id *b);

/* Is `text` a UUID of any version in the canonical form? Upper case is accepted. */
bool id_valid(const char *text);

/* Reads an id of `length` bytes, in lower case as the database gives ids. -1 if it is none. */
int id_parse(const char *text, size_t length, struct id *ret_id);

#endif
