/*
 * splitter.h - the rows of a file as it comes, piece by piece: JSON lines, one JSON array, CSV with
 * a line of names, or Parquet. In bounded memory, which for Parquet is that of the file
 * (dataset/parquet_rows.h); pure.
 */
#ifndef CODESET_DATASET_SPLITTER_H
#define CODESET_DATASET_SPLITTER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* Of a file, decompressed; of a Parquet file, of its pages and rows: a bound on the time. */
#define SPLITTER_BYTES_MOST (INT64_C(64) << 30)

struct csv_parser;

struct split_row {
    int64_t number;   /* of JSON lines the line's, else the row's; from 1 */
    const char *text; /* what is to be a JSON value; NULL where there is `object` */
    size_t length;
    json_object *object; /* of CSV and Parquet; belongs to the reader */
    const char *bad;     /* there is neither: why the row cannot be read */
    bool too_long;       /* there is neither */
};

struct splitter;

/* most: bytes of a row. Returns -1 from each to stop. */
struct splitter *splitter_new(size_t most, int (*each)(const struct split_row *row, void *arg),
                              void *arg);
void splitter_free(struct splitter *splitter);

/* -1: each said so (err is untouched), or the file can't be read on. */
int splitter_take(struct splitter *splitter, const char *bytes, size_t length, struct error *err);
int splitter_end(struct splitter *splitter, struct error *err);

#endif
