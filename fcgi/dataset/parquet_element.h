/*
 * parquet_element.h - one line of a Parquet schema as it is written in the footer
 * (apache/parquet-format: parquet.thrift, SchemaElement, LogicalType, ConvertedType). Pure.
 */
#ifndef CODESET_DATASET_PARQUET_ELEMENT_H
#define CODESET_DATASET_PARQUET_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataset/parquet_schema.h"
#include "dataset/thrift.h"

enum parquet_repetition { PARQUET_REQUIRED, PARQUET_OPTIONAL, PARQUET_REPEATED };

struct parquet_element {
    struct bytes name;
    int32_t type; /* -1: none */
    int32_t width;
    int32_t repetition;
    int32_t children;
    bool is_list, is_map;
    enum parquet_meaning meaning;
    int32_t scale;  /* of a decimal: digits behind the point */
    int32_t digits; /* of a time: those of the second's fraction */
};

/* thrift->failed tells. */
void parquet_element_read(struct thrift *thrift, struct parquet_element *ret);

#endif
