/*
 * sample_rows.h - a sample's JSON in rows that were read, wherever it is stored.
 */
#ifndef CODESET_STORE_SAMPLE_ROWS_H
#define CODESET_STORE_SAMPLE_ROWS_H

#include "base/buf.h"
#include "base/error.h"
#include "store/db.h"
#include "store/sample_piece.h"

#define SAMPLE_PIECE "deflated, json_length, json_crc32"

/* The piece whose columns begin there. */
struct sample_piece sample_piece_of_row(const struct db_rows *rows, unsigned column);

/* Appends the object with its answers: sample_answers.json, where it is not NULL, or the piece
 * whose columns are behind it. */
int sample_whole_of_row(const struct db_rows *rows, unsigned column, struct buf *json,
                        struct error *err);

#endif
