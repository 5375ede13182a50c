#include "dataset/parquet_column.h"

#include <stdlib.h>

#include "base/cleanup.h"

#include "base/banned.h"

static int damaged(struct error *err)
{
    return error_set(err, ERROR_INVALID, NULL, "a page is damaged: its levels are cut off");
}

void parquet_column_begin(struct parquet_column *column, const struct parquet_node *leaf,
                          const struct parquet_chunk *chunk, struct parquet_memory *memory)
{
    *column = (struct parquet_column){.leaf = leaf,
                                      .codec = chunk->codec,
                                      .pages = chunk->pages,
                                      .left = chunk->values,
                                      .values = {.memory = memory},
                                      .memory = memory};
}

void parquet_column_release(struct parquet_column *column)
{
    if (!column->leaf)
        return;
    parquet_values_release(&column->values);
    parquet_room_release(&column->page, column->memory);
    parquet_room_release(&column->dictionary_page, column->memory);
    parquet_room_release(&column->entries, column->memory);
    *column = (struct parquet_column){0};
}

/* --- a page of the dictionary ---------------------------------------------------------------- */

static int read_entries(struct parquet_column *column, struct bytes bytes, size_t count,
                        struct error *err)
{
    _cleanup_(parquet_values_release) struct parquet_values values = {.memory = column->memory};
    struct bytes *entries = (struct bytes *)(void *)column->entries.data;

    if (parquet_values_begin(&values, column->leaf, PARQUET_ENCODING_PLAIN, bytes, (int64_t)count,
                             &column->dictionary, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (parquet_values_next(&values, &entries[i], err) < 0)
            return -1;
    column->dictionary = (struct parquet_dictionary){entries, count};
    return 0;
}

static int take_dictionary(struct parquet_column *column, const struct parquet_page *page,
                           struct error *err)
{
    size_t count = (size_t)page->values, least = column->leaf->width ? column->leaf->width : 4;
    struct bytes bytes;

    if (column->dictionary.entries || column->leaf->type == PARQUET_BOOLEAN)
        return error_set(err, ERROR_INVALID, NULL, "it has a dictionary that it may not have");
    if (page->encoding != PARQUET_ENCODING_PLAIN &&
        page->encoding != PARQUET_ENCODING_PLAIN_DICTIONARY)
        return error_set(err, ERROR_INVALID, NULL,
                         "its dictionary has the encoding %s, which is not read",
                         parquet_encoding_name(page->encoding));
    if (parquet_page_open(page, column->codec, &column->dictionary_page, column->memory, &bytes,
                          err) < 0)
        return -1;
    if (count > bytes.length / least)
        return error_set(err, ERROR_INVALID, NULL, "its dictionary is damaged");
    if (parquet_room_make(&column->entries, column->memory, (count + 1) * sizeof(struct bytes),
                          err) < 0 ||
        parquet_work(column->memory, count * sizeof(struct bytes), err) < 0)
        return -1;
    return read_entries(column, bytes, count, err);
}

/* --- a page of entries ----------------------------------------------------------------------- */

static unsigned width_of(unsigned level)
{
    unsigned width = 0;

    for (; level > 0; level >>= 1)
        width++;
    return width;
}

/* Levels that are all 0 are not written. */
static int begin_levels(struct hybrid *levels, struct bytes *bytes, unsigned most, int32_t encoding,
                        struct error *err)
{
    struct bytes own = {0};
    uint32_t length;

    if (most > 0) {
        if (encoding != PARQUET_ENCODING_RLE)
            return error_set(err, ERROR_INVALID, NULL,
                             "its levels have the encoding %s, which is not read",
                             parquet_encoding_name(encoding));
        if (!bytes_take_32(bytes, &length) || !bytes_take(bytes, length, &own))
            return damaged(err);
    }
    hybrid_begin(levels, own, width_of(most));
    return 0;
}

static int begin_page(struct parquet_column *column, const struct parquet_page *page,
                      struct bytes *bytes, struct error *err)
{
    const struct parquet_node *leaf = column->leaf;

    return begin_levels(&column->depths, bytes, leaf->depth, page->depth_encoding, err) < 0 ||
                   begin_levels(&column->definitions, bytes, leaf->defined, page->defined_encoding,
                                err) < 0
               ? -1
               : 0;
}

static void begin_page_2(struct parquet_column *column, const struct parquet_page *page)
{
    struct bytes in = page->bytes, levels = {0};

    bytes_take(&in, (size_t)page->depth_size, &levels);
    hybrid_begin(&column->depths, levels, width_of(column->leaf->depth));
    bytes_take(&in, (size_t)page->defined_size, &levels);
    hybrid_begin(&column->definitions, levels, width_of(column->leaf->defined));
}

static int take_page(struct parquet_column *column, const struct parquet_page *page,
                     struct error *err)
{
    struct bytes bytes;

    if (page->values > column->left)
        return error_set(err, ERROR_INVALID, NULL, "its pages have more values than it has");
    if (parquet_page_open(page, column->codec, &column->page, column->memory, &bytes, err) < 0)
        return -1;
    if (page->kind == PARQUET_PAGE_DATA_2)
        begin_page_2(column, page);
    else if (begin_page(column, page, &bytes, err) < 0)
        return -1;
    if (parquet_values_begin(&column->values, column->leaf, page->encoding, bytes, page->values,
                             &column->dictionary, err) < 0)
        return -1;
    column->left -= page->values;
    column->left_in_page = page->values;
    return 0;
}

static int next_page(struct parquet_column *column, struct error *err)
{
    struct parquet_page page;

    if (column->pages.length == 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "its pages have fewer values than the footer says");
    if (parquet_page_next(&column->pages, column->memory, &page, err) < 0)
        return -1;
    switch (page.kind) {
    case PARQUET_PAGE_DATA:
    case PARQUET_PAGE_DATA_2:
        return take_page(column, &page, err);
    case PARQUET_PAGE_DICTIONARY:
        return take_dictionary(column, &page, err);
    default:
        return 0;
    }
}

/* --- entries --------------------------------------------------------------------------------- */

int parquet_column_look(struct parquet_column *column, struct error *err)
{
    if (column->is_seen)
        return 1;
    while (column->left_in_page == 0) {
        if (column->left == 0)
            return 0;
        if (next_page(column, err) < 0)
            return -1;
    }
    if (!hybrid_next(&column->depths, &column->depth) ||
        !hybrid_next(&column->definitions, &column->defined))
        return damaged(err);
    if (column->depth > column->leaf->depth || column->defined > column->leaf->defined)
        return error_set(err, ERROR_INVALID, NULL, "a page is damaged: its levels are too high");
    column->is_seen = true;
    return 1;
}

int parquet_column_take(struct parquet_column *column, struct bytes *ret, struct error *err)
{
    parquet_column_pass(column);
    return parquet_values_next(&column->values, ret, err);
}

void parquet_column_pass(struct parquet_column *column)
{
    column->is_seen = false;
    column->left_in_page--;
}
