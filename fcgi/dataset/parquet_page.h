/*
 * parquet_page.h - the pages of a Parquet column: what their headers say, and their bytes,
 * decompressed (apache/parquet-format: parquet.thrift, PageHeader; README.md, "Data Pages"). Pure.
 */
#ifndef CODESET_DATASET_PARQUET_PAGE_H
#define CODESET_DATASET_PARQUET_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "dataset/bytes.h"

enum parquet_page_kind {
    PARQUET_PAGE_DATA, /* levels and values are one piece */
    PARQUET_PAGE_INDEX,
    PARQUET_PAGE_DICTIONARY,
    PARQUET_PAGE_DATA_2, /* levels come first, and are not compressed */
};

struct parquet_page {
    int32_t kind;                             /* enum parquet_page_kind, or a number that is none */
    int32_t size;                             /* bytes, decompressed */
    int32_t values;                           /* with nulls */
    int32_t encoding;                         /* of the values */
    int32_t depth_encoding, defined_encoding; /* of levels: PARQUET_PAGE_DATA only */
    int32_t depth_size, defined_size;         /* bytes: PARQUET_PAGE_DATA_2 only */
    bool has_crc;
    uint32_t crc;       /* of `bytes`, as gzip has it */
    bool is_plain;      /* PARQUET_PAGE_DATA_2: what follows the levels is not compressed */
    struct bytes bytes; /* as it is in the file */
};

/*
 * What a file may take. The memory of the pages and dictionaries that are in use, together, is
 * bounded: a page says how large it is before it is seen. So is the work of reading the file, in
 * bytes: many columns may be said to be at one place, and small pages become large ones.
 */
struct parquet_memory {
    size_t left;
    uint64_t work_left;
};

int parquet_work(struct parquet_memory *memory, uint64_t bytes, struct error *err);

/* The page that begins at the front of *pages, which goes on behind it. No size or number is
 * negative, and the levels of PARQUET_PAGE_DATA_2 are within its bytes. */
int parquet_page_next(struct bytes *pages, struct parquet_memory *memory,
                      struct parquet_page *ret_page, struct error *err);

struct parquet_room {
    unsigned char *data; /* NULL: there is none */
    size_t size;
};

/* Room for so many bytes; what was in it is lost. */
int parquet_room_make(struct parquet_room *room, struct parquet_memory *memory, size_t size,
                      struct error *err);
void parquet_room_release(struct parquet_room *room, struct parquet_memory *memory);

/* The page's bytes, decompressed, but for the levels of PARQUET_PAGE_DATA_2; in the room, or as
 * they are in the file. codec: of its column. */
int parquet_page_open(const struct parquet_page *page, int32_t codec, struct parquet_room *room,
                      struct parquet_memory *memory, struct bytes *ret, struct error *err);

#endif
