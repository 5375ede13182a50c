/*
 * lint.h - what tests/tools/lint tells an analyzer, which sees one file at a time, of the others:
 * by error.h's promise these return -1. Included before every file but error.c.
 */
#ifndef CODESET_TESTS_LINT_H
#define CODESET_TESTS_LINT_H

#include "base/error.h"

#define error_set(...) ((error_set)(__VA_ARGS__), -1)
#define error_errno(...) ((error_errno)(__VA_ARGS__), -1)
#define error_wrap(...) ((error_wrap)(__VA_ARGS__), -1)

#endif
