/*
 * parquet_file.h - the footer of a Parquet file, which says where its columns are
 * (apache/parquet-format: README.md, "File format"; parquet.thrift). Pure.
 */
#ifndef CODESET_DATASET_PARQUET_FILE_H
#define CODESET_DATASET_PARQUET_FILE_H

#include <stdint.h>

#include "base/error.h"
#include "dataset/bytes.h"
#include "dataset/parquet_schema.h"

/* A column's part of a row group. */
struct parquet_chunk {
    int32_t codec;
    int64_t values;     /* with nulls */
    struct bytes pages; /* no others are among them */
};

struct parquet_file {
    struct parquet_schema schema;
    /* The row group that was read last. */
    size_t group; /* from 1 */
    int64_t rows;
    struct parquet_chunk *chunks; /* as the leaves of the schema */

    /* for parquet_file_next */
    struct bytes data;
    struct thrift footer;
    size_t left;
    int64_t rows_said, all_rows, all_values;
    bool is_old; /* of a writer whose sizes leave out the dictionary */
};

/* bytes: the whole file, which must live as long. ERROR_INVALID: it can't be read. *ret_file:
 * released by parquet_file_release, after a failure too. */
int parquet_file_open(struct bytes bytes, struct parquet_file *ret_file, struct error *err);
void parquet_file_release(struct parquet_file *file);

/* The next row group. 1; 0 behind the last, unless there were more or fewer rows than the footer
 * says; -1.
 */
int parquet_file_next(struct parquet_file *file, struct error *err);

#endif
