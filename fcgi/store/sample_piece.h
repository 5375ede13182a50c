/*
 * sample_piece.h - a sample's JSON as it is stored: raw deflate blocks (RFC 1951) that end on a
 * byte boundary, none of them final, and that refer to nothing before them, so that pieces behind
 * one another are a stream (http/gzip.h).
 */
#ifndef CODESET_STORE_SAMPLE_PIECE_H
#define CODESET_STORE_SAMPLE_PIECE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct sample_piece {
    const char *bytes;
    size_t size;
    uint32_t json_length;
    uint32_t json_crc32;
};

/* Compresses text into such a piece, and appends it; also for what stands between the samples. Each
 * thread that calls it keeps what it needs for that until it ends. */
void sample_deflate(const char *text, size_t length, struct buf *ret_piece, uint32_t *ret_crc32);

/* Appends the text. Fails for bytes that are not the piece of a text of that length and sum. */
int sample_inflate(const struct sample_piece *piece, struct buf *text, struct error *err);

#endif
