/*
 * thrift.h - structures in Thrift's compact protocol, as the footer and the page headers of a
 * Parquet file are written (apache/thrift, doc/specs/thrift-compact-protocol.md). Pure.
 *
 * A structure is read field by field; what its reader does not know, it skips:
 *
 *     struct thrift_field field = {0};
 *     while (thrift_next(thrift, &field))
 *         if (field.id == 3)
 *             rows = thrift_int(thrift, &field);
 *         else
 *             thrift_skip(thrift, &field);
 *
 * A fault stays: `failed` is set, every later call gives 0 or nothing, and such loops end.
 */
#ifndef CODESET_DATASET_THRIFT_H
#define CODESET_DATASET_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataset/bytes.h"

enum thrift_type {
    THRIFT_TRUE = 1, /* a field's type is its value; the only boolean type of lists */
    THRIFT_FALSE = 2,
    THRIFT_BYTE = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
    THRIFT_UUID = 13,
};

struct thrift {
    struct bytes in; /* not read yet */
    bool failed;
};

struct thrift_field {
    int16_t id;
    unsigned char type; /* enum thrift_type, or a number that is none */
};

/* field: {0}, or the one before, whose value has been read or skipped. false: that was the last. */
bool thrift_next(struct thrift *thrift, struct thrift_field *field);

/* The field's value; a field of another type is a fault. */
int64_t thrift_int(struct thrift *thrift, const struct thrift_field *field);
int32_t thrift_int32(struct thrift *thrift, const struct thrift_field *field); /* or a fault */
bool thrift_bool(struct thrift *thrift, const struct thrift_field *field);
struct bytes thrift_binary(struct thrift *thrift, const struct thrift_field *field);

/* Whether the field is a structure, whose fields are read next; else a fault. */
bool thrift_struct(struct thrift *thrift, const struct thrift_field *field);

/* How many structures follow in the field's list: no more than there are bytes. */
size_t thrift_structs(struct thrift *thrift, const struct thrift_field *field);

void thrift_skip(struct thrift *thrift, const struct thrift_field *field);

#endif
