/*
 * gzip.h - a gzip stream (RFC 1952) put together from pieces that were deflated one by one.
 *
 * A piece is raw deflate blocks that end on a byte boundary, none of them final, and that refer
 * to nothing before them, with the length and CRC-32 of what it decompresses to.
 */
#ifndef CODESET_HTTP_GZIP_H
#define CODESET_HTTP_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct gzip {
    struct buf *out;
    uint32_t crc32;
    uint32_t length; /* modulo 2^32, as the trailer has it */
};

void gzip_begin(struct gzip *gzip, struct buf *out);
void gzip_add(struct gzip *gzip, const void *piece, size_t size, uint32_t length, uint32_t crc32);
void gzip_end(struct gzip *gzip);

/* Does Accept-Encoding (RFC 9110, section 12.5.3) allow gzip? NULL: no. */
bool gzip_accepted(const char *accept_encoding);

#endif
