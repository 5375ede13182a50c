/*
 * parquet_json.h - a value of a Parquet column as JSON (apache/parquet-format: LogicalTypes.md).
 * Pure.
 *
 * Texts, booleans and numbers are themselves; a number that JSON has not (NaN) is null. Times and
 * days are texts as JSON lines have them ("2022-03-03T15:14:54Z", a day at its midnight), times of
 * day "15:14:54". Decimals are texts ("12.30"), so that no digit is lost. Bytes about which nothing
 * is said are text where they are UTF-8 without NUL, and else base64; so are those of which is said
 * that they are something else than text.
 */
#ifndef CODESET_DATASET_PARQUET_JSON_H
#define CODESET_DATASET_PARQUET_JSON_H

#include <json-c/json.h>

#include "base/error.h"
#include "dataset/parquet_schema.h"

/* value: of leaf->width bytes, where that is not 0. *ret: the caller's. -1: it is said to be text
 * and is not UTF-8, or is a decimal that is too long. */
int parquet_json(const struct parquet_node *leaf, struct bytes value, json_object **ret,
                 struct error *err);

#endif
