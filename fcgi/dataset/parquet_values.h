/*
 * parquet_values.h - the values of one page of a Parquet column, in any of its encodings
 * (apache/parquet-format: Encodings.md). One by one; each is the bytes that PLAIN would have, but
 * that a boolean is a byte, 0 or 1, and bytes have no length before them. Pure.
 */
#ifndef CODESET_DATASET_PARQUET_VALUES_H
#define CODESET_DATASET_PARQUET_VALUES_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "dataset/parquet_numbers.h"
#include "dataset/parquet_schema.h"

/* Numbers of parquet.thrift, Encoding. */
enum {
    PARQUET_ENCODING_PLAIN = 0,
    PARQUET_ENCODING_PLAIN_DICTIONARY = 2,
    PARQUET_ENCODING_RLE = 3,
    PARQUET_ENCODING_BIT_PACKED = 4,
    PARQUET_ENCODING_DELTA_BINARY_PACKED = 5,
    PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
    PARQUET_ENCODING_DELTA_BYTE_ARRAY = 7,
    PARQUET_ENCODING_RLE_DICTIONARY = 8,
    PARQUET_ENCODING_BYTE_STREAM_SPLIT = 9,
};

struct parquet_dictionary {
    struct bytes *entries; /* NULL: there is none */
    size_t count;
};

struct parquet_values {
    const struct parquet_node *leaf;
    const struct parquet_dictionary *dictionary;
    bool (*next)(struct parquet_values *values, struct bytes *ret);
    struct bytes in;
    struct hybrid hybrid;
    struct bit_reader bits;
    struct delta numbers, prefixes;
    struct buf text; /* DELTA_BYTE_ARRAY: the value before */
    size_t done;
    unsigned char scratch[8];
};

#define PARQUET_VALUES_INIT                                                                        \
    {                                                                                              \
        .text = BUF_INIT                                                                           \
    }

/* values: PARQUET_VALUES_INIT, or used before. encoding: any number. in: the page's values, of
 * which there are `most` at most; it and the dictionary must live as long. */
int parquet_values_begin(struct parquet_values *values, const struct parquet_node *leaf,
                         int32_t encoding, struct bytes in, int64_t most,
                         const struct parquet_dictionary *dictionary, struct error *err);
void parquet_values_release(struct parquet_values *values);

/* *ret lives until the next call. */
int parquet_values_next(struct parquet_values *values, struct bytes *ret, struct error *err);

#endif
