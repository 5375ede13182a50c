/*
 * A data set's file of any format: it is split and converted within its bounds, however it comes;
 * what a row becomes is a JSON object; and a patch that is turned round twice says what it said.
 *
 * fuzz-sources: fcgi/dataset/splitter.c fcgi/dataset/formats.c fcgi/dataset/finish.c
 * fuzz-sources: fcgi/dataset/parquet_codec.c fcgi/dataset/parquet_column.c
 * fuzz-sources: fcgi/dataset/parquet_element.c fcgi/dataset/parquet_file.c
 * fuzz-sources: fcgi/dataset/parquet_json.c fcgi/dataset/parquet_numbers.c
 * fuzz-sources: fcgi/dataset/parquet_page.c fcgi/dataset/parquet_rows.c
 * fuzz-sources: fcgi/dataset/parquet_schema.c fcgi/dataset/parquet_values.c
 * fuzz-sources: fcgi/dataset/thrift.c
 * fuzz-sources: fcgi/dataset/row_value.c fcgi/dataset/patch.c
 * fuzz-sources: fcgi/dataset/python_literal.c fcgi/dataset/verifier_command.c
 * fuzz-sources: fcgi/dataset/task_rows.c fcgi/dataset/swe_bench.c
 * fuzz-sources: fcgi/grade/log_names.c fcgi/base/json.c fcgi/base/clock.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c
 * fuzz-packages: json-c snappy libzstd libdeflate libcrypto
 * fuzz-libs: -lcsv
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/formats.h"
#include "dataset/patch.h"
#include "dataset/splitter.h"

#include "base/banned.h"

#define ROW_MOST 4096
#define PIECE 7

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

/* A patch that can be turned round is no patch yet, and what comes of it need not be one. */
static void turn_patch_twice(json_object *line)
{
    const char *patch = json_get_text(line, "patch");
    _cleanup_(buf_release) struct buf back = BUF_INIT, forth = BUF_INIT;
    struct error err = ERROR_INIT;

    if (patch && patch_reverse(patch, &back, &err) == 0)
        patch_reverse(back.data, &forth, &err);
}

static int convert(const struct split_row *row, void *arg)
{
    _cleanup_(json_release) json_object *parsed = NULL;
    json_object *object = row->object;
    int64_t *last = arg;

    hold_true(row->number > *last);
    *last = row->number;
    if (row->too_long || row->bad)
        return 0;
    if (!object) {
        struct error err = ERROR_INIT;

        hold_true(row->length <= ROW_MOST);
        if (json_parse(row->text, row->length, &parsed, NULL, &err) < 0)
            return 0;
        object = parsed;
    }
    for (int named = 0; named < 2; named++) {
        const struct dataset_format *format =
            named ? dataset_format_named("swe-gym") : dataset_format_of(object, false);
        _cleanup_(json_release) json_object *line = NULL;
        struct error err = ERROR_INIT;

        if (dataset_convert(format, object, &line, &err) < 0) {
            hold_true(err.kind == ERROR_INVALID && !line);
            continue;
        }
        hold_true(json_object_is_type(line, json_type_object));
        turn_patch_twice(line);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t last = 0;
    struct splitter *splitter = splitter_new(ROW_MOST, convert, &last);
    struct error err = ERROR_INIT;
    int status = 0;

    for (size_t at = 0; status == 0 && at < size; at += PIECE)
        status = splitter_take(splitter, (const char *)data + at,
                               size - at < PIECE ? size - at : PIECE, &err);
    if (status == 0)
        splitter_end(splitter, &err);
    splitter_free(splitter);
    return 0;
}
