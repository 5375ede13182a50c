/*
 * mend.h - what makes text that is nearly XML readable. Pure; for the files of this room only.
 */
#ifndef CODESET_GRADE_MEND_H
#define CODESET_GRADE_MEND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Appends the bytes with U+FFFD (in `single_byte` encodings '?') for what XML forbids: control
 * characters, references to them, and bytes that are not UTF-8; and with "&amp;" for an ampersand
 * that begins no reference that can be resolved. */
void mend_bytes(struct buf *out, const char *bytes, size_t size, bool single_byte);

/* Does the document's declaration name an encoding with one byte a character? */
bool mend_single_byte(const char *bytes, size_t size);

/* The characters that the bytes of an encoding which expat does not know stand for, where bytes
 * below 128 are ASCII. Those of windows-1252 are right (true); of any other all above are U+FFFD.
 */
bool mend_encoding(const char *name, int map[256]);

/* Where a document begins: at the first markup if `any`, else at one that declares itself or has
 * the root of a report. NULL: nowhere. */
const char *mend_document(const char *bytes, size_t size, bool any);

#endif
