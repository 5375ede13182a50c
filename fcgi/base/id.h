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

#define ID_LENGTH 36

struct id {
    char text[ID_LENGTH + 1];
};

struct id id_new(void);

/* Is `text` a UUID of any version in the canonical form? Upper case is accepted. */
bool id_valid(const char *text);

/* Reads an id of `length` bytes, in lower case as the database gives ids. -1 if it is none. */
int id_parse(const char *text, size_t length, struct id *ret_id);

#endif
