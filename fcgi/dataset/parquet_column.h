/*
 * parquet_column.h - a column's part of a row group, as a row of entries: each is a value, or says
 * at which level there is none (apache/parquet-format: README.md, "Nested Encoding"). Pure.
 */
#ifndef CODESET_DATASET_PARQUET_COLUMN_H
#define CODESET_DATASET_PARQUET_COLUMN_H

#include "base/error.h"
#include "dataset/parquet_file.h"
#include "dataset/parquet_page.h"
#include "dataset/parquet_values.h"

struct parquet_column {
    const struct parquet_node *leaf;
    /* The entry that parquet_column_look saw. */
    uint32_t depth;   /* its repetition level: at which it goes on; 0: a new row */
    uint32_t defined; /* its definition level; the leaf's: there is a value */

    /* for the functions here */
    bool is_seen;
    int32_t codec;
    struct bytes pages; /* not read yet */
    int64_t left;       /* entries of the chunk that are in them */
    int64_t left_in_page;
    struct hybrid depths, definitions;
    struct parquet_values values;
    struct parquet_room page, dictionary_page, entries;
    struct parquet_dictionary dictionary;
    struct parquet_memory *memory;
};

/* The leaf and the chunk's bytes must live as long, and so must memory. */
void parquet_column_begin(struct parquet_column *column, const struct parquet_node *leaf,
                          const struct parquet_chunk *chunk, struct parquet_memory *memory);
void parquet_column_release(struct parquet_column *column); /* or {0} */

/* Looks at the next entry. 1; 0 behind the last; -1. */
int parquet_column_look(struct parquet_column *column, struct error *err);

/* Goes past the entry that was looked at, which has a value (*ret lives until the next look), or
 * has none. */
int parquet_column_take(struct parquet_column *column, struct bytes *ret, struct error *err);
void parquet_column_pass(struct parquet_column *column);

#endif
