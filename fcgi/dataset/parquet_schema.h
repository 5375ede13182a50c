/*
 * parquet_schema.h - the columns of a Parquet file as the tree of the JSON values that they make
 * (apache/parquet-format: parquet.thrift, SchemaElement; LogicalTypes.md, "Nested Types"). Pure.
 *
 * The groups that Parquet puts between a list or a map and its elements are left out, those of
 * writers of old as well. The leaves are the columns that have values, in the file's order.
 */
#ifndef CODESET_DATASET_PARQUET_SCHEMA_H
#define CODESET_DATASET_PARQUET_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "dataset/thrift.h"

/* The numbers of parquet.thrift, Type. */
enum parquet_type {
    PARQUET_BOOLEAN,
    PARQUET_INT32,
    PARQUET_INT64,
    PARQUET_INT96, /* a time, as writers of old wrote it */
    PARQUET_FLOAT,
    PARQUET_DOUBLE,
    PARQUET_BYTE_ARRAY,
    PARQUET_FIXED, /* FIXED_LEN_BYTE_ARRAY */
};

enum parquet_meaning {
    PARQUET_PLAIN, /* what the type says; bytes may be text */
    PARQUET_TEXT,
    PARQUET_UNSIGNED,
    PARQUET_DECIMAL,
    PARQUET_DATE,
    PARQUET_TIME,
    PARQUET_TIMESTAMP,
    PARQUET_UUID,
    PARQUET_HALF,     /* FLOAT16 */
    PARQUET_BYTES,    /* never text */
    PARQUET_INTERVAL, /* of no leaf: it is refused */
};

enum parquet_shape {
    PARQUET_LEAF,
    PARQUET_STRUCT,
    PARQUET_LIST, /* one child: the element */
    PARQUET_MAP,  /* two children: a key, which is bytes, and the value */
};

struct parquet_node {
    const struct parquet_node *parent; /* NULL: the root */
    char *name;
    enum parquet_shape shape;
    bool optional;
    unsigned defined; /* the definition level from which it is not null */
    unsigned filled;  /* list, map: the one from which it is not empty */
    unsigned depth;   /* the repetition level of what is in it; list, map: of its next elements */
    struct parquet_node *children;
    size_t count;
    size_t first_leaf, leaves; /* its columns */

    /* leaf */
    enum parquet_type type;
    size_t width; /* bytes of a value; 0: they differ; a boolean's is 1 */
    enum parquet_meaning meaning;
    unsigned digits; /* decimal: behind the point; time: of the second's fraction (3, 6, 9) */
};

struct parquet_schema {
    struct parquet_node root; /* a struct */
    const struct parquet_node **leaves;
};

/* Reads the field `schema` of the footer. *ret_schema: released by parquet_schema_release, after a
 * failure too. */
int parquet_schema_read(struct thrift *thrift, const struct thrift_field *field,
                        struct parquet_schema *ret_schema, struct error *err);
void parquet_schema_release(struct parquet_schema *schema);

/* Appends "repo" or "tests.element.name"; of a long one the beginning and "...", so that a message
 * has room for what is wrong with it. */
void parquet_node_short_path(const struct parquet_node *node, struct buf *out);

#endif
