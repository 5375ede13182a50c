/*
 * tar_stream.h - the entries of a tar, compressed or not (images/decoder.h).
 */
#ifndef CODESET_IMAGES_TAR_STREAM_H
#define CODESET_IMAGES_TAR_STREAM_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"

struct tar_stream;

/* source_fd: as decoder_open has it. most: bytes of the tar, decompressed. NULL on failure. The
 * caller closes it. */
struct tar_stream *tar_stream_open(int source_fd, int64_t most, bool summed, struct error *err);
void tar_stream_close(struct tar_stream *stream);

/* The next entry's header. Returns 1, 0 at the end, -1. The entry is the stream's. */
int tar_stream_next(struct tar_stream *stream, struct archive_entry **ret_entry, struct error *err);

/* The next block of the entry's content, as archive_read_data_block: returns 1, 0 at the end, -1.
 */
int tar_stream_block(struct tar_stream *stream, const void **ret_block, size_t *ret_size,
                     int64_t *ret_offset, struct error *err);

/* Decompressed bytes that were read so far. */
int64_t tar_stream_bytes(const struct tar_stream *stream);

/* Of a summed one: reads on to the end of the file, and tells the SHA-256 sum of all of it,
 * decompressed. */
int tar_stream_digest(struct tar_stream *stream, char ret_hex[2 * SHA256_SIZE + 1],
                      struct error *err);

/* An entry's name without "./" and doubled and trailing slashes; IMAGE_REFUSED where it is
 * absolute, contains "..", or is too long. The root itself is "". The caller frees it; NULL on
 * failure. */
char *tar_name(const char *raw, struct error *err);

#define TAR_NAME_MAX 3072 /* with the store's own path before it still below PATH_MAX */

#endif
