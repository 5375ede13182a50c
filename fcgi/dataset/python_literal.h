/*
 * python_literal.h - a value as Python's repr() writes it, read and never evaluated: lists, tuples,
 * sets, dicts, strings, numbers, True, False, None.
 *
 * Two strings with nothing between them are refused: Python would make one of them, but where NumPy
 * wrote the text they are two.
 */
#ifndef CODESET_DATASET_PYTHON_LITERAL_H
#define CODESET_DATASET_PYTHON_LITERAL_H

#include <json-c/json.h>
#include <stddef.h>

#include "base/error.h"

#define PYTHON_DEPTH_MAX 32

/* Lists, tuples and sets become arrays, dicts objects. Exactly one value; ERROR_INVALID otherwise.
 * *ret_value is json-c's NULL for None. */
int python_literal_parse(const char *text, size_t length, json_object **ret_value,
                         struct error *err);

#endif
