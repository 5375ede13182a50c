/*
 * parquet_rows.h - the rows of a Parquet file (https://parquet.apache.org), as JSON objects. Pure.
 *
 * Read are all columns, with lists, structures and maps; pages of both versions; all encodings but
 * BIT_PACKED, which is deprecated, and ALP; snappy, gzip and zstd. What is not read is refused by
 * name. Beside the file, memory is bounded: a page and a dictionary of each column, and a row. So
 * is time, by the bytes of all pages and all rows.
 */
#ifndef CODESET_DATASET_PARQUET_ROWS_H
#define CODESET_DATASET_PARQUET_ROWS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PARQUET_BYTES_MOST (INT64_C(1) << 30) /* of a file */

struct parquet_row {
    int64_t number;      /* from 1 */
    json_object *object; /* NULL: the row is too long, or bad */
    const char *bad;     /* why; NULL: it is not */
};

struct parquet_rows;

/* bytes: the whole file, which must live as long; what does not begin as a Parquet file is an
 * error, too. most: bytes of a row, about. all_most: bytes of all pages, as they are and
 * decompressed, and of all rows. NULL: it can't be read; ERROR_INVALID. */
struct parquet_rows *parquet_rows_open(const void *bytes, size_t length, size_t most,
                                       uint64_t all_most, struct error *err);
void parquet_rows_free(struct parquet_rows *rows);

/* The next row; what is in it lives until the next call. 1; 0 behind the last; -1 when the file
 * can't be read on. */
int parquet_rows_next(struct parquet_rows *rows, struct parquet_row *ret_row, struct error *err);

#endif
