/*
 * parquet_codec.h - the compressions of Parquet's pages that public data sets use: snappy, gzip and
 * zstd (apache/parquet-format: Compression.md). The others are refused by name. Pure.
 */
#ifndef CODESET_DATASET_PARQUET_CODEC_H
#define CODESET_DATASET_PARQUET_CODEC_H

#include <stdint.h>

#include "base/error.h"
#include "dataset/bytes.h"

/* The number of parquet.thrift, CompressionCodec, of what is not compressed. */
#define PARQUET_UNCOMPRESSED 0

/* codec: any number but that. It becomes exactly `size` bytes, or that is an error. */
int parquet_decompress(int32_t codec, struct bytes in, unsigned char *out, size_t size,
                       struct error *err);

#endif
