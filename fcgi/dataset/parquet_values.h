/*
 * parquet_values.h - the values of one page of a Parquet column, in any of its encodings
 * (apache/parquet-format: Encodings.md). One by one; each is the bytes that PLAIN would have, but
 * that a boolean is a byte, 0 or 1, and bytes have no length before them. Pure.
 */
#ifndef CODESET_DATASET_PARQUET_VALUES_H
#define CODESET_DATASET_PARQUET_VALUES_H

#include <stdint.h>

#include "base/error.h"
#include "dataset/parquet_numbers.h"
#include "dataset/parquet_page.h"
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
    PARQUET_ENCODING_ALP = 10,
};

struct parquet_dictionary {
    struct bytes *entries; /* NULL: there is none */
    size_t count;
};

struct parquet_values {
    struct parquet_memory *memory;

    /* for the functions here */
    const struct parquet_node *leaf;
    const struct parquet_dictionary *dictionary;
    bool (*next)(struct parquet_values *values, struct bytes *ret);
    struct bytes in;
    struct hybrid hybrid;
    struct bit_reader bits;
    struct delta numbers, prefixes;
    struct parquet_room room; /* a value that is put together */
    size_t length;            /* DELTA_BYTE_ARRAY: of the value before, which is in it */
    size_t done;
    unsigned char scratch[8];
    const char *fault; /* NULL: the page is damaged */
};

/* Or a word for none. */
const char *parquet_encoding_name(int32_t encoding);

/* values: {.memory}, or used before. encoding: any number. in: the page's values, of
 * which there are `most` at most; it and the dictionary must live as long. */
int parquet_values_begin(struct parquet_values *values, const struct parquet_node *leaf,
                         int32_t encoding, struct bytes in, int64_t most,
                         const struct parquet_dictionary *dictionary, struct error *err);
void parquet_values_release(struct parquet_values *values);

/* *ret lives until the next call. */
int parquet_values_next(struct parquet_values *values, struct bytes *ret, struct error *err);

#endif
