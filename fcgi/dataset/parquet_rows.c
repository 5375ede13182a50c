#include "dataset/parquet_rows.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/parquet_column.h"
#include "dataset/parquet_file.h"
#include "dataset/parquet_json.h"

#include "base/banned.h"

/* Of all columns' pages and dictionaries together. */
#define MEMORY_MOST ((size_t)512 << 20)
#define NUMBER_LENGTH 8 /* bytes of text, about */
#define NESTED_ROOM 64  /* what an object or an array takes, however short its text is */

struct parquet_rows {
    struct parquet_file file;
    struct parquet_memory memory;
    struct parquet_column *columns; /* as the leaves of the schema */
    int64_t left;                   /* in the row group */
    int64_t number;
    size_t most;

    /* The row that is read. */
    json_object *object;
    size_t room; /* bytes that it may still have */
    bool too_long, is_bad;
    struct error bad;
};

struct parquet_rows *parquet_rows_open(const void *bytes, size_t length, size_t most,
                                       uint64_t all_most, struct error *err)
{
    struct parquet_rows *rows = xcalloc(1, sizeof(*rows));

    rows->memory = (struct parquet_memory){.left = MEMORY_MOST, .work_left = all_most};
    rows->most = most;
    if (parquet_file_open((struct bytes){bytes, length}, &rows->file, err) < 0) {
        parquet_rows_free(rows);
        return NULL;
    }
    rows->columns = xcalloc(rows->file.schema.root.leaves, sizeof(*rows->columns));
    return rows;
}

static void release_columns(struct parquet_rows *rows)
{
    for (size_t i = 0; rows->columns && i < rows->file.schema.root.leaves; i++)
        parquet_column_release(&rows->columns[i]);
}

void parquet_rows_free(struct parquet_rows *rows)
{
    if (!rows)
        return;
    release_columns(rows);
    free(rows->columns);
    json_object_put(rows->object);
    parquet_file_release(&rows->file);
    free(rows);
}

/* --- columns --------------------------------------------------------------------------------- */

static int wrong(const struct parquet_rows *rows, const struct parquet_column *column,
                 struct error *err)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    parquet_node_short_path(column->leaf, &path);
    return error_wrap(err, "row group %zu, column %s", rows->file.group, path.data);
}

static int contradicts(const struct parquet_rows *rows, const struct parquet_column *column,
                       struct error *err)
{
    error_set(err, ERROR_INVALID, NULL, "its levels contradict the schema or other columns");
    return wrong(rows, column, err);
}

static int look(const struct parquet_rows *rows, struct parquet_column *column, struct error *err)
{
    int seen = parquet_column_look(column, err);

    return seen < 0 ? wrong(rows, column, err) : seen;
}

/* The next entry must be there, at this depth. */
static int expect(const struct parquet_rows *rows, struct parquet_column *column, unsigned depth,
                  struct error *err)
{
    int seen = look(rows, column, err);

    if (seen < 0)
        return -1;
    return seen == 0 || column->depth != depth ? contradicts(rows, column, err) : 0;
}

/* Whether the node's part of the row is there from this level on: its first column says so, and
 * the others are checked when their values are read. */
static int is_defined(struct parquet_rows *rows, const struct parquet_node *node, unsigned depth,
                      unsigned defined, struct error *err)
{
    struct parquet_column *first = &rows->columns[node->first_leaf];

    return expect(rows, first, depth, err) < 0 ? -1 : first->defined >= defined;
}

/* Each column of what is not there has an entry that says so. */
static int pass(struct parquet_rows *rows, const struct parquet_node *node, unsigned depth,
                unsigned defined, struct error *err)
{
    for (size_t i = 0; i < node->leaves; i++) {
        struct parquet_column *column = &rows->columns[node->first_leaf + i];

        if (expect(rows, column, depth, err) < 0)
            return -1;
        if (column->defined != defined)
            return contradicts(rows, column, err);
        parquet_column_pass(column);
    }
    return 0;
}

/* --- values ---------------------------------------------------------------------------------- */

/* Of a row that is not given out, nothing more is made; its entries are passed. */
static bool is_wanted(const struct parquet_rows *rows)
{
    return !rows->too_long && !rows->is_bad;
}

static bool has_room(struct parquet_rows *rows, size_t length)
{
    rows->too_long |= length > rows->room;
    rows->room -= rows->too_long ? 0 : length;
    return is_wanted(rows);
}

static size_t length_of_null(const json_object *value)
{
    return value ? 0 : strlen("null");
}

static int read_value(struct parquet_rows *rows, const struct parquet_node *leaf, unsigned depth,
                      unsigned defined, json_object **ret, struct error *err)
{
    struct parquet_column *column = &rows->columns[leaf->first_leaf];
    struct bytes value;

    if (expect(rows, column, depth, err) < 0)
        return -1;
    if (column->defined != defined)
        return contradicts(rows, column, err);
    if (parquet_column_take(column, &value, err) < 0)
        return wrong(rows, column, err);
    if (!has_room(rows, leaf->width ? NUMBER_LENGTH + leaf->width : value.length + 2))
        return 0;
    if (parquet_json(leaf, value, ret, &rows->bad) < 0) {
        wrong(rows, column, &rows->bad);
        rows->is_bad = true;
    }
    return 0;
}

static int read_node(struct parquet_rows *rows, const struct parquet_node *node, unsigned depth,
                     json_object **ret, struct error *err);

static int read_struct(struct parquet_rows *rows, const struct parquet_node *node, unsigned depth,
                       json_object **ret, struct error *err)
{
    _cleanup_(json_release) json_object *object = json_object_new_object();

    has_room(rows, NESTED_ROOM);
    for (size_t i = 0; i < node->count; i++) {
        const struct parquet_node *child = &node->children[i];
        json_object *member = NULL;

        if (read_node(rows, child, depth, &member, err) < 0)
            return -1;
        if (has_room(rows, strlen(child->name) + strlen("\"\":,") + length_of_null(member)))
            json_object_object_add(object, child->name, member);
        else
            json_object_put(member);
    }
    *ret = TAKE_PTR(object);
    return 0;
}

/* --- lists and maps -------------------------------------------------------------------------- */

static int read_element(struct parquet_rows *rows, const struct parquet_node *list, unsigned depth,
                        json_object *array, struct error *err)
{
    json_object *element = NULL;

    if (read_node(rows, list->children, depth, &element, err) < 0)
        return -1;
    if (has_room(rows, strlen(",") + length_of_null(element)))
        json_object_array_add(array, element);
    else
        json_object_put(element);
    return 0;
}

/* What has no key has no name in an object, and is left out. */
static int read_pair(struct parquet_rows *rows, const struct parquet_node *map, unsigned depth,
                     json_object *object, struct error *err)
{
    _cleanup_(json_release) json_object *key = NULL, *value = NULL;
    const char *name;
    size_t length;

    if (read_node(rows, &map->children[0], depth, &key, err) < 0 ||
        read_node(rows, &map->children[1], depth, &value, err) < 0)
        return -1;
    name = json_object_get_string(key);
    length = name ? (size_t)json_object_get_string_len(key) : 0;
    if (name && strlen(name) != length) {
        error_set(&rows->bad, ERROR_INVALID, NULL, "a key of its map has a NUL");
        wrong(rows, &rows->columns[map->first_leaf], &rows->bad);
        rows->is_bad = true;
    }
    if (name && has_room(rows, strlen("\"\":,") + length_of_null(value)))
        json_object_object_add(object, name, TAKE_PTR(value));
    return 0;
}

/* The first element is at the depth of the list, the others at its own. */
static int read_elements(struct parquet_rows *rows, const struct parquet_node *node, unsigned depth,
                         json_object *out, struct error *err)
{
    struct parquet_column *first = &rows->columns[node->first_leaf];
    int seen;

    do {
        if ((node->shape == PARQUET_MAP ? read_pair : read_element)(rows, node, depth, out, err) <
            0)
            return -1;
        depth = node->depth;
        seen = look(rows, first, err);
    } while (seen == 1 && first->depth == depth);
    return seen < 0 ? -1 : 0;
}

static int read_many(struct parquet_rows *rows, const struct parquet_node *node, unsigned depth,
                     json_object **ret, struct error *err)
{
    _cleanup_(json_release) json_object *out =
        node->shape == PARQUET_MAP ? json_object_new_object() : json_object_new_array();
    int filled = is_defined(rows, node, depth, node->filled, err);

    has_room(rows, NESTED_ROOM);
    if (filled < 0 || (filled ? read_elements(rows, node, depth, out, err)
                              : pass(rows, node, depth, node->filled - 1, err)) < 0)
        return -1;
    *ret = TAKE_PTR(out);
    return 0;
}

/* --- rows ------------------------------------------------------------------------------------ */

/* *ret: NULL where it is null. */
static int read_node(struct parquet_rows *rows, const struct parquet_node *node, unsigned depth,
                     json_object **ret, struct error *err)
{
    if (node->optional) {
        int defined = is_defined(rows, node, depth, node->defined, err);

        if (defined <= 0)
            return defined < 0 ? -1 : pass(rows, node, depth, node->defined - 1, err);
    }
    switch (node->shape) {
    case PARQUET_LEAF:
        return read_value(rows, node, depth, node->defined, ret, err);
    case PARQUET_STRUCT:
        return read_struct(rows, node, depth, ret, err);
    default:
        return read_many(rows, node, depth, ret, err);
    }
}

/* Behind the last row of a group nothing may be left. */
static int end_group(struct parquet_rows *rows, struct error *err)
{
    for (size_t i = 0; rows->columns[0].leaf && i < rows->file.schema.root.leaves; i++) {
        int seen = look(rows, &rows->columns[i], err);

        if (seen != 0)
            return seen < 0 ? -1 : contradicts(rows, &rows->columns[i], err);
    }
    release_columns(rows);
    return 0;
}

/* 1: a row group that has rows; 0: there are no more. */
static int begin_group(struct parquet_rows *rows, struct error *err)
{
    int got;

    if (end_group(rows, err) < 0)
        return -1;
    while ((got = parquet_file_next(&rows->file, err)) == 1 && rows->file.rows == 0)
        ;
    if (got <= 0)
        return got;
    rows->left = rows->file.rows;
    for (size_t i = 0; i < rows->file.schema.root.leaves; i++)
        parquet_column_begin(&rows->columns[i], rows->file.schema.leaves[i], &rows->file.chunks[i],
                             &rows->memory);
    return 1;
}

int parquet_rows_next(struct parquet_rows *rows, struct parquet_row *ret_row, struct error *err)
{
    if (rows->left == 0) {
        int got = begin_group(rows, err);

        if (got <= 0)
            return got;
    }
    json_object_put(rows->object);
    rows->object = NULL;
    rows->room = rows->most;
    rows->too_long = rows->is_bad = false;
    if (read_node(rows, &rows->file.schema.root, 0, &rows->object, err) < 0 ||
        parquet_work(&rows->memory, rows->most - rows->room, err) < 0)
        return -1;
    rows->left--;
    rows->number++;
    *ret_row = (struct parquet_row){.number = rows->number,
                                    .object = is_wanted(rows) ? rows->object : NULL,
                                    .bad = rows->is_bad ? rows->bad.message : NULL};
    return 1;
}
