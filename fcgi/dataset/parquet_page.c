#include "dataset/parquet_page.h"

#include <libdeflate.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "dataset/parquet_codec.h"
#include "dataset/thrift.h"

#include "base/banned.h"

enum { NO_KIND = -1, SEVERAL_KINDS = -2 };

#define PAGE_WORK 256 /* of a page without bytes */

int parquet_work(struct parquet_memory *memory, uint64_t bytes, struct error *err)
{
    if (bytes > memory->work_left)
        return error_set(err, ERROR_INVALID, NULL,
                         "reading the file takes too much: its pages and rows are too large "
                         "together; divide it into several");
    memory->work_left -= bytes;
    return 0;
}

static void read_data(struct thrift *thrift, struct parquet_page *page)
{
    struct thrift_field field = {0};

    while (thrift_next(thrift, &field)) {
        if (field.id == 1)
            page->values = thrift_int32(thrift, &field);
        else if (field.id == 2)
            page->encoding = thrift_int32(thrift, &field);
        else if (field.id == 3)
            page->defined_encoding = thrift_int32(thrift, &field);
        else if (field.id == 4)
            page->depth_encoding = thrift_int32(thrift, &field);
        else
            thrift_skip(thrift, &field);
    }
}

static void read_dictionary(struct thrift *thrift, struct parquet_page *page)
{
    struct thrift_field field = {0};

    while (thrift_next(thrift, &field)) {
        if (field.id == 1)
            page->values = thrift_int32(thrift, &field);
        else if (field.id == 2)
            page->encoding = thrift_int32(thrift, &field);
        else
            thrift_skip(thrift, &field);
    }
}

static void read_data_2(struct thrift *thrift, struct parquet_page *page)
{
    struct thrift_field field = {0};

    while (thrift_next(thrift, &field)) {
        if (field.id == 1)
            page->values = thrift_int32(thrift, &field);
        else if (field.id == 4)
            page->encoding = thrift_int32(thrift, &field);
        else if (field.id == 5)
            page->defined_size = thrift_int32(thrift, &field);
        else if (field.id == 6)
            page->depth_size = thrift_int32(thrift, &field);
        else if (field.id == 7)
            page->is_plain = !thrift_bool(thrift, &field);
        else
            thrift_skip(thrift, &field);
    }
}

/* What only pages of one kind have. *ret_kind: which; of several, none. */
static void read_own(struct thrift *thrift, const struct thrift_field *field,
                     struct parquet_page *page, int32_t *ret_kind)
{
    static const struct {
        int16_t id;
        int32_t kind;
        void (*read)(struct thrift *thrift, struct parquet_page *page);
    } headers[] = {
        {5, PARQUET_PAGE_DATA, read_data},
        {7, PARQUET_PAGE_DICTIONARY, read_dictionary},
        {8, PARQUET_PAGE_DATA_2, read_data_2},
    };

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        if (headers[i].id != field->id)
            continue;
        if (thrift_struct(thrift, field))
            headers[i].read(thrift, page);
        *ret_kind = *ret_kind == NO_KIND ? headers[i].kind : SEVERAL_KINDS;
        return;
    }
    thrift_skip(thrift, field);
}

static bool read_header(struct thrift *thrift, struct parquet_page *page, int32_t *ret_size)
{
    struct thrift_field field = {0};
    int32_t own = NO_KIND;
    bool has_own;

    *ret_size = page->kind = page->size = -1;
    while (thrift_next(thrift, &field)) {
        if (field.id == 1) {
            page->kind = thrift_int32(thrift, &field);
        } else if (field.id == 2) {
            page->size = thrift_int32(thrift, &field);
        } else if (field.id == 3) {
            *ret_size = thrift_int32(thrift, &field);
        } else if (field.id == 4) {
            page->crc = (uint32_t)thrift_int32(thrift, &field);
            page->has_crc = true;
        } else {
            read_own(thrift, &field, page, &own);
        }
    }
    has_own = page->kind == PARQUET_PAGE_DATA || page->kind == PARQUET_PAGE_DATA_2 ||
              page->kind == PARQUET_PAGE_DICTIONARY;
    return !thrift->failed && own == (has_own ? page->kind : NO_KIND);
}

static bool is_sane(const struct parquet_page *page)
{
    int64_t levels = (int64_t)page->depth_size + page->defined_size;

    return page->size >= 0 && page->values >= 0 && page->depth_size >= 0 &&
           page->defined_size >= 0 && levels <= page->size && (size_t)levels <= page->bytes.length;
}

int parquet_page_next(struct bytes *pages, struct parquet_memory *memory,
                      struct parquet_page *ret_page, struct error *err)
{
    struct thrift thrift = {.in = *pages};
    struct parquet_page page = {0};
    int32_t size;

    if (!read_header(&thrift, &page, &size) || size < 0 ||
        !bytes_take(&thrift.in, (size_t)size, &page.bytes) || !is_sane(&page))
        return error_set(err, ERROR_INVALID, NULL, "the header of a page is damaged");
    if (parquet_work(memory, PAGE_WORK + pages->length - thrift.in.length, err) < 0)
        return -1;
    *pages = thrift.in;
    *ret_page = page;
    return 0;
}

int parquet_room_make(struct parquet_room *room, struct parquet_memory *memory, size_t size,
                      struct error *err)
{
    if (size <= room->size)
        return 0;
    if (size > memory->left + room->size)
        return error_set(err, ERROR_INVALID, NULL,
                         "its pages take too much memory (one of them %zu bytes); write the file "
                         "with smaller pages, or smaller row groups",
                         size);
    parquet_room_release(room, memory);
    room->data = xmalloc(size);
    room->size = size;
    memory->left -= size;
    return 0;
}

void parquet_room_release(struct parquet_room *room, struct parquet_memory *memory)
{
    memory->left += room->size;
    free(room->data);
    *room = (struct parquet_room){0};
}

int parquet_page_open(const struct parquet_page *page, int32_t codec, struct parquet_room *room,
                      struct parquet_memory *memory, struct bytes *ret, struct error *err)
{
    size_t levels = (size_t)page->depth_size + (size_t)page->defined_size;
    size_t size = (size_t)page->size - levels;
    struct bytes in = page->bytes, ignored;

    bytes_take(&in, levels, &ignored);
    if (page->has_crc && libdeflate_crc32(0, page->bytes.at, page->bytes.length) != page->crc)
        return error_set(err, ERROR_INVALID, NULL, "a page is damaged: its checksum is wrong");
    if (page->is_plain || codec == PARQUET_UNCOMPRESSED || size == 0) {
        *ret = (struct bytes){in.at, size};
        return size <= in.length
                   ? 0
                   : error_set(err, ERROR_INVALID, NULL, "a page is damaged: it is cut off");
    }
    if (parquet_room_make(room, memory, size, err) < 0 || parquet_work(memory, size, err) < 0 ||
        parquet_decompress(codec, in, room->data, size, err) < 0)
        return -1;
    *ret = (struct bytes){room->data, size};
    return 0;
}
