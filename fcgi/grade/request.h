/*
 * request.h - from the bytes that codeset-grader is given to those that it answers (wire/grader.h).
 * Pure: bytes come from a function and go to buffers.
 */
#ifndef CODESET_GRADE_REQUEST_H
#define CODESET_GRADE_REQUEST_H

#include "base/buf.h"
#include "grade/reports.h"

/* Reads all that the source has, and appends to `head` the answer's length and head, to `result`
 * what follows them. There is an answer whatever was read. */
void request_answer(const struct reports_source *source, struct buf *head, struct buf *result);

#endif
