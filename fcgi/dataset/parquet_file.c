#include "dataset/parquet_file.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define MAGIC 4 /* bytes, at both ends */
#define FOOTER_MOST (256U << 20)
#define ROWS_MOST (INT64_C(1) << 26)
/* Values of all columns, with nulls, which may take no byte: a bound on the time. */
#define VALUES_MOST (INT64_C(1) << 28)
#define HEADER_SLACK 100 /* bytes of a dictionary's header, as Arrow has it */

static int damaged(struct error *err)
{
    return error_set(err, ERROR_INVALID, NULL, "its footer is damaged");
}

/* "PAR1" data, footer, the footer's length in 4 bytes, "PAR1". */
static int find_footer(struct bytes bytes, struct parquet_file *file, struct error *err)
{
    struct bytes end;
    uint32_t length = 0;

    if (bytes.length < 3 * MAGIC || memcmp(bytes.at, "PAR1", MAGIC) != 0)
        return error_set(err, ERROR_INVALID, NULL, "the Parquet file is cut off");
    end = (struct bytes){bytes.at + bytes.length - 2 * MAGIC, 2 * MAGIC};
    bytes_take_32(&end, &length);
    if (memcmp(end.at, "PARE", MAGIC) == 0)
        return error_set(err, ERROR_INVALID, NULL, "the Parquet file is encrypted");
    if (memcmp(end.at, "PAR1", MAGIC) != 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "the Parquet file is cut off: its end is missing");
    if (length > FOOTER_MOST || length > bytes.length - 3 * MAGIC)
        return damaged(err);
    file->data = (struct bytes){bytes.at, bytes.length - 2 * MAGIC - length};
    file->footer.in = (struct bytes){file->data.at + file->data.length, length};
    return 0;
}

/* parquet-mr until 1.2.8 leaves the dictionary's header out of a column's size (PARQUET-816), and
 * fastparquet of old its page, too. */
static bool is_old_writer(struct bytes name)
{
    static const char *const old[] = {"fastparquet", "parquet-mr (", "parquet-mr version 1.0.",
                                      "parquet-mr version 1.1.", "parquet-mr version 1.2."};

    for (size_t i = 0; i < ARRAY_SIZE(old); i++)
        if (name.length >= strlen(old[i]) && memcmp(name.at, old[i], strlen(old[i])) == 0)
            return true;
    return false;
}

int parquet_file_open(struct bytes bytes, struct parquet_file *ret_file, struct error *err)
{
    struct thrift thrift, groups = {0};
    struct thrift_field field = {0}, groups_field = {0};

    *ret_file = (struct parquet_file){.rows_said = -1};
    if (find_footer(bytes, ret_file, err) < 0)
        return -1;
    thrift = ret_file->footer;
    while (thrift_next(&thrift, &field)) {
        if (field.id == 2 && !ret_file->schema.leaves) {
            if (parquet_schema_read(&thrift, &field, &ret_file->schema, err) < 0)
                return -1;
            continue;
        }
        if (field.id == 8)
            return error_set(err, ERROR_INVALID, NULL, "the Parquet file is encrypted");
        if (field.id == 4) {
            groups = thrift;
            groups_field = field;
        }
        if (field.id == 3)
            ret_file->rows_said = thrift_int(&thrift, &field);
        else if (field.id == 6)
            ret_file->is_old = is_old_writer(thrift_binary(&thrift, &field));
        else
            thrift_skip(&thrift, &field);
    }
    if (thrift.failed || !ret_file->schema.leaves || !groups_field.id || ret_file->rows_said < 0)
        return damaged(err);
    ret_file->left = thrift_structs(&groups, &groups_field);
    ret_file->footer = groups;
    return groups.failed ? damaged(err) : 0;
}

void parquet_file_release(struct parquet_file *file)
{
    parquet_schema_release(&file->schema);
    free(file->chunks);
    *file = (struct parquet_file){0};
}

/* --- a row group ----------------------------------------------------------------------------- */

struct column {
    bool elsewhere, encrypted, has_data;
    int32_t type, codec;
    int64_t values, size, data_at, dictionary_at;
};

static void read_meta(struct thrift *thrift, struct column *column)
{
    struct thrift_field field = {0};

    column->has_data = true;
    while (thrift_next(thrift, &field)) {
        if (field.id == 1)
            column->type = thrift_int32(thrift, &field);
        else if (field.id == 4)
            column->codec = thrift_int32(thrift, &field);
        else if (field.id == 5)
            column->values = thrift_int(thrift, &field);
        else if (field.id == 7)
            column->size = thrift_int(thrift, &field);
        else if (field.id == 9)
            column->data_at = thrift_int(thrift, &field);
        else if (field.id == 11)
            column->dictionary_at = thrift_int(thrift, &field);
        else
            thrift_skip(thrift, &field);
    }
}

static void read_column(struct thrift *thrift, struct column *column)
{
    struct thrift_field field = {0};

    *column = (struct column){.type = -1};
    while (thrift_next(thrift, &field)) {
        column->elsewhere |= field.id == 1;
        column->encrypted |= field.id == 8;
        if (field.id == 3 && thrift_struct(thrift, &field))
            read_meta(thrift, column);
        else
            thrift_skip(thrift, &field);
    }
}

static int refuse(const struct parquet_file *file, size_t leaf, const char *why, struct error *err)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    parquet_node_short_path(file->schema.leaves[leaf], &path);
    return error_set(err, ERROR_INVALID, NULL, "row group %zu, column %s: %s", file->group,
                     path.data, why);
}

/* false: they lie outside of the file. */
static bool find_pages(const struct parquet_file *file, const struct column *column,
                       struct bytes *ret)
{
    bool first = column->dictionary_at > 0 && column->dictionary_at < column->data_at;
    int64_t start = first ? column->dictionary_at : column->data_at;
    int64_t end = (int64_t)file->data.length, slack;

    if (start < MAGIC || start > end || column->size < 0 || column->size > end - start ||
        column->data_at > end)
        return false;
    slack = file->is_old ? column->data_at - start + HEADER_SLACK : 0;
    if (slack > end - start - column->size)
        slack = end - start - column->size;
    *ret = (struct bytes){file->data.at + start, (size_t)(column->size + slack)};
    return true;
}

static int take_chunk(struct parquet_file *file, size_t leaf, const struct column *column,
                      struct error *err)
{
    struct bytes pages = {0};

    if (column->elsewhere)
        return refuse(file, leaf, "its values are in another file", err);
    if (column->encrypted)
        return refuse(file, leaf, "it is encrypted", err);
    if (!column->has_data || column->type != (int32_t)file->schema.leaves[leaf]->type)
        return refuse(file, leaf, "it contradicts the schema", err);
    if (column->values < 0 || column->values > VALUES_MOST - file->all_values)
        return refuse(file, leaf,
                      "with it the file has more than 268435456 values; divide it into several",
                      err);
    if (column->values > 0 && !find_pages(file, column, &pages))
        return refuse(file, leaf, "it lies outside of the file", err);
    file->all_values += column->values;
    file->chunks[leaf] =
        (struct parquet_chunk){.codec = column->codec, .values = column->values, .pages = pages};
    return 0;
}

static int read_columns(struct parquet_file *file, const struct thrift_field *field,
                        struct error *err)
{
    size_t leaves = file->schema.root.leaves, count = thrift_structs(&file->footer, field);

    if (count != leaves)
        return error_set(err, ERROR_INVALID, NULL,
                         "row group %zu has %zu columns, and the schema %zu", file->group, count,
                         leaves);
    for (size_t i = 0; i < leaves; i++) {
        struct column column;

        read_column(&file->footer, &column);
        if (file->footer.failed)
            return damaged(err);
        if (take_chunk(file, i, &column, err) < 0)
            return -1;
    }
    return 0;
}

/* A column that never repeats has a value in each row, any other one has one or more; without rows
 * there is none. */
static int check_rows(const struct parquet_file *file, struct error *err)
{
    if (file->rows < 0 || file->rows > ROWS_MOST)
        return error_set(err, ERROR_INVALID, NULL,
                         "row group %zu has %" PRId64 " rows; at most %" PRId64 " are read",
                         file->group, file->rows, ROWS_MOST);
    for (size_t i = 0; i < file->schema.root.leaves; i++) {
        int64_t values = file->chunks[i].values;

        if (file->schema.leaves[i]->depth > 0 && file->rows > 0 ? values < file->rows
                                                                : values != file->rows)
            return refuse(file, i, "it has too few or too many values", err);
    }
    return 0;
}

int parquet_file_next(struct parquet_file *file, struct error *err)
{
    struct thrift_field field = {0};
    bool has_columns = false;

    if (file->left == 0 && file->all_rows != file->rows_said)
        return error_set(err, ERROR_INVALID, NULL, "it has %s rows than its footer says",
                         file->all_rows < file->rows_said ? "fewer" : "more");
    if (file->left == 0)
        return 0;
    file->left--;
    file->group++;
    file->rows = -1;
    free(file->chunks);
    file->chunks = xcalloc(file->schema.root.leaves, sizeof(*file->chunks));
    while (thrift_next(&file->footer, &field)) {
        if (field.id == 1 && !has_columns) {
            if (read_columns(file, &field, err) < 0)
                return -1;
            has_columns = true;
        } else if (field.id == 3) {
            file->rows = thrift_int(&file->footer, &field);
        } else {
            thrift_skip(&file->footer, &field);
        }
    }
    if (file->footer.failed || !has_columns)
        return damaged(err);
    if (check_rows(file, err) < 0)
        return -1;
    file->all_rows += file->rows;
    return 1;
}
