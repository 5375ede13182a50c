/*
 * parquet_numbers.h - runs of integers as Parquet packs them (apache/parquet-format: Encodings.md,
 * "RLE / Bit-Packing Hybrid" and "Delta Encoding"). They are unpacked one by one, so what a file
 * says about their number takes no memory. Pure.
 */
#ifndef CODESET_DATASET_PARQUET_NUMBERS_H
#define CODESET_DATASET_PARQUET_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataset/bytes.h"

/* Numbers of some bits each, the lowest bit first. */
struct bit_reader {
    struct bytes in;
    uint64_t held;
    unsigned bits; /* in held */
};

/* width: 0 to 64. false: there are no more. */
bool bits_take(struct bit_reader *reader, unsigned width, uint64_t *ret);

/* Levels and indices of dictionaries. */
struct hybrid {
    struct bytes in;
    unsigned width;
    uint64_t left; /* of the run */
    bool is_packed;
    uint64_t value; /* of a run of equal ones */
    struct bit_reader packed;
};

/* width: 0 (then all are 0, and no bytes are needed) to 32. */
void hybrid_begin(struct hybrid *hybrid, struct bytes in, unsigned width);
bool hybrid_next(struct hybrid *hybrid, uint32_t *ret);

struct delta {
    struct bytes in; /* what follows the numbers, once all are read */
    uint64_t left;
    uint64_t value, least; /* the one before; the block's least difference */
    uint64_t a_block, a_miniblock, left_in_block, left_in_miniblock;
    struct bytes widths; /* of the block's miniblocks that are still to come */
    unsigned width;
    struct bit_reader packed;
    bool is_first;
};

/* false: it does not begin so. `left` is how many there are to be. */
bool delta_begin(struct delta *delta, struct bytes in);
bool delta_next(struct delta *delta, uint64_t *ret);

#endif
