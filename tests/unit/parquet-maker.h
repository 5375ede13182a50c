/*
 * parquet-maker.h - small Parquet files, made byte by byte: of schemas that no writer of today
 * makes, and of lies. One row group; a page of PLAIN values for each column, not compressed.
 */
#ifndef CODESET_TESTS_PARQUET_MAKER_H
#define CODESET_TESTS_PARQUET_MAKER_H

#include <libdeflate.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

enum { MAKER_GROUP = -1, MAKER_REQUIRED = 0, MAKER_OPTIONAL, MAKER_REPEATED };
enum { MAKER_UTF8 = 0, MAKER_MAP = 1, MAKER_MAP_KEY_VALUE = 2, MAKER_LIST = 3, MAKER_NOTHING = -1 };

struct parquet_maker {
    struct buf file, schema, columns;
    int elements, column_count;

    /* Lies, where they are not 0. */
    int codec, encoding, level_encoding;
    int own_headers; /* of a page, beside the one; -1: not even that */
    bool has_crc;    /* of the page's bytes, and crc more */
    uint32_t crc;
    int64_t page_size, page_values, chunk_values, chunk_size, chunk_at, dictionary_at;
    int64_t footer_size, rows;
    const char *writer;
    bool without_rows; /* the footer does not say how many */
};

#define PARQUET_MAKER_INIT                                                                         \
    {                                                                                              \
        .file = BUF_INIT, .schema = BUF_INIT, .columns = BUF_INIT                                  \
    }

static inline void maker_release(struct parquet_maker *maker)
{
    buf_release(&maker->file);
    buf_release(&maker->schema);
    buf_release(&maker->columns);
}

/* --- Thrift ---------------------------------------------------------------------------------- */

static inline void put_varint(struct buf *out, uint64_t number)
{
    for (; number > 0x7f; number >>= 7)
        buf_add_char(out, (char)(number | 0x80));
    buf_add_char(out, (char)number);
}

/* A field that is `step` behind the one before. */
static inline void put_int(struct buf *out, int step, int64_t number)
{
    buf_add_char(out, (char)(step << 4 | 6));
    put_varint(out, ((uint64_t)number << 1) ^ (uint64_t)(number >> 63));
}

static inline void put_text(struct buf *out, int step, const char *text)
{
    buf_add_char(out, (char)(step << 4 | 8));
    put_varint(out, strlen(text));
    buf_add_str(out, text);
}

static inline void put_structs(struct buf *out, int step, int count, const struct buf *structs)
{
    buf_add_char(out, (char)(step << 4 | 9));
    buf_add_char(out, (char)0xfc);
    put_varint(out, (uint64_t)count);
    buf_add(out, structs->data, structs->length);
}

static inline void put_struct(struct buf *out, int step)
{
    buf_add_char(out, (char)(step << 4 | 12));
}

static inline void put_end(struct buf *out)
{
    buf_add_char(out, 0);
}

/* --- the schema ------------------------------------------------------------------------------ */

/* The root comes first. type: parquet.thrift's, or MAKER_GROUP. */
static inline void maker_add_element(struct parquet_maker *maker, const char *name, int repetition,
                                     int type, int children, int converted)
{
    struct buf *out = &maker->schema;

    if (type != MAKER_GROUP)
        put_int(out, 1, type);
    put_int(out, type != MAKER_GROUP ? 2 : 3, repetition);
    put_text(out, 1, name);
    if (children > 0)
        put_int(out, 1, children);
    if (converted != MAKER_NOTHING)
        put_int(out, children > 0 ? 1 : 2, converted);
    put_end(out);
    maker->elements++;
}

/* 32 bits without a sign, as the newer annotation alone says it. */
static inline void maker_add_unsigned(struct parquet_maker *maker, const char *name)
{
    static const char annotation[] = "\x6c\xac\x13\x20\x12\0\0";

    put_int(&maker->schema, 1, 1);
    put_int(&maker->schema, 2, MAKER_REQUIRED);
    put_text(&maker->schema, 1, name);
    buf_add(&maker->schema, annotation, sizeof(annotation));
    maker->elements++;
}

/* type: of `width` bytes, where that is not 0. */
static inline void put_leaf(struct parquet_maker *maker, const char *name, int type, int width)
{
    struct buf *out = &maker->schema;

    put_int(out, 1, type);
    if (width > 0)
        put_int(out, 1, width);
    put_int(out, width > 0 ? 1 : 2, MAKER_REQUIRED);
    put_text(out, 1, name);
    maker->elements++;
}

static inline void maker_add_converted(struct parquet_maker *maker, const char *name, int type,
                                       int width, int converted, int scale)
{
    put_leaf(maker, name, type, width);
    put_int(&maker->schema, 2, converted);
    put_int(&maker->schema, 1, scale);
    put_end(&maker->schema);
}

/* logical: the number of an annotation that has no fields; 0: none. */
static inline void maker_add_logical(struct parquet_maker *maker, const char *name, int type,
                                     int width, int logical)
{
    put_leaf(maker, name, type, width);
    if (logical > 0) {
        put_struct(&maker->schema, 6);
        buf_add_char(&maker->schema, 12);
        put_varint(&maker->schema, (uint64_t)logical << 1);
        put_end(&maker->schema);
        put_end(&maker->schema);
    }
    put_end(&maker->schema);
}

/* --- columns --------------------------------------------------------------------------------- */

/* A run of one for each level, which is a digit. */
static inline void put_levels(struct buf *out, const char *levels)
{
    uint32_t length = (uint32_t)strlen(levels) * 2;

    buf_add(out, &length, sizeof(length));
    for (; *levels; levels++) {
        buf_add_char(out, 1 << 1);
        buf_add_char(out, (char)(*levels - '0'));
    }
}

static inline void put_page_header(struct parquet_maker *maker, const struct buf *page,
                                   int64_t values)
{
    struct buf *out = &maker->file;

    put_int(out, 1, 0);
    put_int(out, 1, maker->page_size ? maker->page_size : (int64_t)page->length);
    put_int(out, 1, (int64_t)page->length);
    if (maker->has_crc)
        put_int(out, 1, (int32_t)(libdeflate_crc32(0, page->data, page->length) + maker->crc));
    for (int i = 0; i <= maker->own_headers; i++) {
        put_struct(out, i > 0 ? 0 : maker->has_crc ? 1 : 2);
        if (i > 0)
            put_varint(out, 5 << 1);
        put_int(out, 1, maker->page_values ? maker->page_values : values);
        put_int(out, 1, maker->encoding);
        put_int(out, 1, maker->level_encoding ? maker->level_encoding : 3);
        put_int(out, 1, maker->level_encoding ? maker->level_encoding : 3);
        put_end(out);
    }
    put_end(out);
}

static inline void maker_begin(struct parquet_maker *maker)
{
    if (maker->file.length == 0)
        buf_add_str(&maker->file, "PAR1");
}

/* Before its column. data: PLAIN. */
static inline void maker_add_dictionary(struct parquet_maker *maker, int64_t values, int encoding,
                                        const void *data, size_t length)
{
    struct buf *out = &maker->file;

    maker_begin(maker);
    maker->chunk_at = (int64_t)out->length;
    put_int(out, 1, 2);
    put_int(out, 1, (int64_t)length);
    put_int(out, 1, (int64_t)length);
    put_struct(out, 4);
    put_int(out, 1, values);
    put_int(out, 1, encoding);
    put_end(out);
    put_end(out);
    buf_add(out, data, length);
}

/* levels: "0110", or NULL where there are none. values: with nulls. data: PLAIN. */
static inline void maker_add_column(struct parquet_maker *maker, int type, int64_t values,
                                    const char *depths, const char *defined, const void *data,
                                    size_t length)
{
    struct buf page = BUF_INIT, *out = &maker->columns;
    int64_t start;

    maker_begin(maker);
    start = maker->chunk_at ? maker->chunk_at : (int64_t)maker->file.length;
    if (depths)
        put_levels(&page, depths);
    if (defined)
        put_levels(&page, defined);
    buf_add(&page, data, length);
    put_page_header(maker, &page, values);
    buf_add(&maker->file, page.data, page.length);
    buf_release(&page);

    put_struct(out, 3);
    put_int(out, 1, type);
    put_int(out, 3, maker->codec);
    put_int(out, 1, maker->chunk_values ? maker->chunk_values : values);
    put_int(out, 2, maker->chunk_size ? maker->chunk_size : (int64_t)maker->file.length - start);
    put_int(out, 2, start);
    if (maker->dictionary_at)
        put_int(out, 2, maker->dictionary_at);
    put_end(out);
    put_end(out);
    maker->column_count++;
}

/* The file is maker->file. */
static inline void maker_finish(struct parquet_maker *maker, int64_t rows)
{
    struct buf *out = &maker->file, group = BUF_INIT;
    size_t start;
    uint32_t length;

    maker_begin(maker);
    start = out->length;
    put_structs(&group, 1, maker->column_count, &maker->columns);
    put_int(&group, 2, rows);
    put_end(&group);
    put_int(out, 1, 1);
    put_structs(out, 1, maker->elements, &maker->schema);
    if (!maker->without_rows)
        put_int(out, 1, maker->rows ? maker->rows : rows);
    put_structs(out, maker->without_rows ? 2 : 1, 1, &group);
    if (maker->writer)
        put_text(out, 2, maker->writer);
    put_end(out);
    length = (uint32_t)(maker->footer_size ? (size_t)maker->footer_size : out->length - start);
    buf_add(out, &length, sizeof(length));
    buf_add_str(out, "PAR1");
    buf_release(&group);
}

#endif
