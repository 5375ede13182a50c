/*
 * A Parquet file: it is read within its bounds, its rows have numbers one after the other, what
 * they become is JSON of about the length that a row may have, and what cannot be read is told.
 *
 * fuzz-sources: fcgi/dataset/parquet_codec.c fcgi/dataset/parquet_column.c
 * fuzz-sources: fcgi/dataset/parquet_element.c fcgi/dataset/parquet_file.c
 * fuzz-sources: fcgi/dataset/parquet_json.c fcgi/dataset/parquet_numbers.c
 * fuzz-sources: fcgi/dataset/parquet_page.c fcgi/dataset/parquet_rows.c
 * fuzz-sources: fcgi/dataset/parquet_schema.c fcgi/dataset/parquet_values.c
 * fuzz-sources: fcgi/dataset/thrift.c fcgi/base/json.c fcgi/base/clock.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c
 * fuzz-packages: json-c snappy libzstd libdeflate libcrypto
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "dataset/parquet_rows.h"

#include "base/banned.h"

#define ROW_MOST 4096
#define ALL_MOST (UINT64_C(1) << 30)
#define ROWS_MOST 2000 /* of a file: levels of nulls take few bytes */
/* A byte of text may become six (\u0001); other values are charged about what they take. */
#define LENGTH_MOST (6 * ROW_MOST + 1024)

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_row(const struct parquet_row *row)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(json_release) json_object *again = NULL;
    struct error err = ERROR_INIT;

    if (!row->object)
        return;
    hold_true(!row->bad && json_object_is_type(row->object, json_type_object));
    json_write(&text, row->object);
    hold_true(text.length <= LENGTH_MOST);
    if (json_parse(text.data, text.length, &again, NULL, &err) < 0)
        hold_true(strstr(err.message, "nested too deeply"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    struct parquet_rows *rows = parquet_rows_open(data, size, ROW_MOST, ALL_MOST, &err);
    struct parquet_row row;
    int64_t number = 0;
    int got = rows ? 1 : -1;

    while (got == 1 && number < ROWS_MOST && (got = parquet_rows_next(rows, &row, &err)) == 1) {
        hold_true(row.number == ++number);
        check_row(&row);
    }
    if (got < 0)
        hold_true(err.kind == ERROR_INVALID && err.message[0]);
    parquet_rows_free(rows);
    return 0;
}
