#include "dataset/parquet_schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "dataset/parquet_element.h"

#include "base/banned.h"

#define ELEMENTS_MOST 4096
#define DEPTH_MOST 32
#define NAME_MOST 255        /* bytes */
#define PATH_MOST 100        /* bytes */
#define WIDTH_MOST (1 << 20) /* bytes of a FIXED_LEN_BYTE_ARRAY */
#define SCALE_MOST 38        /* as 16 bytes hold */

struct builder {
    const struct parquet_element *elements;
    size_t count, at; /* at: the next one */
    const struct parquet_node **leaves;
    size_t leaf_count;
};

/* Where in the tree something is. */
struct place {
    unsigned defined, depth, nested;
};

static int contradicts(struct error *err)
{
    return error_set(err, ERROR_INVALID, NULL, "its schema contradicts itself");
}

static int name_node(struct parquet_node *node, struct bytes name, struct error *err)
{
    const char *text = (const char *)name.at;

    if (name.length > NAME_MOST ||
        (name.length > 0 && (memchr(text, '\0', name.length) || !utf8_valid(text, name.length))))
        return error_set(err, ERROR_INVALID, NULL,
                         "a column's name is not text, or longer than %d bytes", NAME_MOST);
    free(node->name);
    node->name = name.length > 0 ? xstrndup(text, name.length) : xstrdup("");
    return 0;
}

static void add_children(struct parquet_node *node, size_t count)
{
    node->children = xcalloc(count, sizeof(*node->children));
    node->count = count;
    for (size_t i = 0; i < count; i++)
        node->children[i].parent = node;
}

/* What an annotation says where it fits the type; elsewhere the type alone counts. */
static bool is_meant(const struct parquet_element *element, enum parquet_type type)
{
    bool is_int = type == PARQUET_INT32 || type == PARQUET_INT64;
    bool is_bytes = type == PARQUET_BYTE_ARRAY || type == PARQUET_FIXED;
    bool is_fraction = element->digits == 3 || element->digits == 6 || element->digits == 9;

    switch (element->meaning) {
    case PARQUET_TEXT:
        return is_bytes;
    case PARQUET_UNSIGNED:
        return is_int;
    case PARQUET_DECIMAL:
        return is_int || is_bytes;
    case PARQUET_DATE:
        return type == PARQUET_INT32;
    case PARQUET_TIME:
        return is_int && is_fraction;
    case PARQUET_TIMESTAMP:
        return type == PARQUET_INT64 && is_fraction;
    case PARQUET_UUID:
        return type == PARQUET_FIXED && element->width == 16;
    case PARQUET_HALF:
        return type == PARQUET_FIXED && element->width == 2;
    case PARQUET_BYTES:
        return is_bytes;
    default:
        return false;
    }
}

/* What would become a value that is not meant. */
static int check_meaning(const struct parquet_node *node, const struct parquet_element *element,
                         struct error *err)
{
    if (element->meaning == PARQUET_INTERVAL)
        return error_set(err, ERROR_INVALID, NULL, "column %s is an INTERVAL, which is not read",
                         node->name);
    if (node->meaning == PARQUET_DECIMAL && (element->scale < 0 || element->scale > SCALE_MOST))
        return error_set(err, ERROR_INVALID, NULL,
                         "column %s is a decimal with the scale %d; between 0 and %d are read",
                         node->name, (int)element->scale, SCALE_MOST);
    return 0;
}

static int build_leaf(struct builder *builder, struct parquet_node *node,
                      const struct parquet_element *element, struct error *err)
{
    static const size_t widths[] = {
        [PARQUET_BOOLEAN] = 1, [PARQUET_INT32] = 4,  [PARQUET_INT64] = 8,      [PARQUET_INT96] = 12,
        [PARQUET_FLOAT] = 4,   [PARQUET_DOUBLE] = 8, [PARQUET_BYTE_ARRAY] = 0, [PARQUET_FIXED] = 0,
    };

    if (element->type < 0 || element->type > PARQUET_FIXED)
        return error_set(err, ERROR_INVALID, NULL, "column %s has a type that is not known",
                         node->name);
    node->shape = PARQUET_LEAF;
    node->type = (enum parquet_type)element->type;
    node->width = widths[node->type];
    if (node->type == PARQUET_FIXED) {
        if (element->width < 1 || element->width > WIDTH_MOST)
            return contradicts(err);
        node->width = (size_t)element->width;
    }
    if (is_meant(element, node->type)) {
        node->meaning = element->meaning;
        node->digits =
            (unsigned)(element->meaning == PARQUET_DECIMAL ? element->scale : element->digits);
    }
    builder->leaves[builder->leaf_count++] = node;
    return check_meaning(node, element, err);
}

static int build_next(struct builder *builder, struct parquet_node *node, struct place place,
                      struct error *err);
static int build_content(struct builder *builder, struct parquet_node *node,
                         const struct parquet_element *element, struct place place,
                         struct error *err);

static int build_struct(struct builder *builder, struct parquet_node *node,
                        const struct parquet_element *element, struct place place,
                        struct error *err)
{
    if (element->children < 1 || (size_t)element->children > builder->count - builder->at)
        return contradicts(err);
    node->shape = PARQUET_STRUCT;
    add_children(node, (size_t)element->children);
    for (size_t i = 0; i < node->count; i++)
        if (build_next(builder, &node->children[i], place, err) < 0)
            return -1;
    return 0;
}

/* The group's only field, which is repeated; NULL where it has others. */
static const struct parquet_element *repeated_of(const struct builder *builder,
                                                 const struct parquet_element *element)
{
    const struct parquet_element *next = builder->elements + builder->at;

    return element->children == 1 && builder->at < builder->count &&
                   next->repetition == PARQUET_REPEATED
               ? next
               : NULL;
}

static bool is_named(const struct parquet_element *element, const char *name)
{
    return element->name.length == strlen(name) &&
           memcmp(element->name.at, name, strlen(name)) == 0;
}

/* "Backward-compatibility rules" of lists: the repeated field is the element, or only around it. */
static bool is_element(const struct builder *builder, const struct parquet_node *list,
                       const struct parquet_element *repeated)
{
    _cleanup_(free_ptr) char *tuple = xasprintf("%s_tuple", list->name);
    size_t after = builder->at + 1;

    return repeated->children != 1 || is_named(repeated, "array") || is_named(repeated, tuple) ||
           (after < builder->count && builder->elements[after].repetition == PARQUET_REPEATED);
}

static struct place become_list(struct parquet_node *node, enum parquet_shape shape,
                                struct place place)
{
    place.defined++;
    place.depth++;
    node->shape = shape;
    node->filled = place.defined;
    node->depth = place.depth;
    return place;
}

static int build_list(struct builder *builder, struct parquet_node *node, bool is_around,
                      struct place place, struct error *err)
{
    const struct parquet_element *repeated = builder->elements + builder->at;

    place = become_list(node, PARQUET_LIST, place);
    builder->at++;
    add_children(node, 1);
    if (is_around)
        return build_next(builder, node->children, place, err);
    return name_node(node->children, repeated->name, err) < 0
               ? -1
               : build_content(builder, node->children, repeated, place, err);
}

/* Keys that are not bytes make it a list of pairs; without values it is the list of its keys. */
static int build_map(struct builder *builder, struct parquet_node *node,
                     const struct parquet_element *repeated, struct place place, struct error *err)
{
    const struct parquet_element *key = repeated + 1;

    if (repeated->children != 2 || builder->at + 1 >= builder->count || key->children > 0 ||
        key->type != PARQUET_BYTE_ARRAY || key->repetition == PARQUET_REPEATED)
        return build_list(builder, node, repeated->children == 1, place, err);
    place = become_list(node, PARQUET_MAP, place);
    builder->at++;
    add_children(node, 2);
    return build_next(builder, node->children, place, err) < 0
               ? -1
               : build_next(builder, node->children + 1, place, err);
}

/* What the element is, however often it is there. */
static int build_content(struct builder *builder, struct parquet_node *node,
                         const struct parquet_element *element, struct place place,
                         struct error *err)
{
    const struct parquet_element *repeated = repeated_of(builder, element);
    int status;

    if (++place.nested > DEPTH_MOST)
        return error_set(err, ERROR_INVALID, NULL, "its columns are nested more than %d deep",
                         DEPTH_MOST);
    node->defined = place.defined;
    node->depth = place.depth;
    node->first_leaf = builder->leaf_count;
    if (element->children == 0)
        status = build_leaf(builder, node, element, err);
    else if (element->is_list && repeated)
        status = build_list(builder, node, !is_element(builder, node, repeated), place, err);
    else if (element->is_map && repeated)
        status = build_map(builder, node, repeated, place, err);
    else
        status = build_struct(builder, node, element, place, err);
    node->leaves = builder->leaf_count - node->first_leaf;
    return status;
}

/* A repeated field without annotation is a list of what it is itself. */
static int build_repeated(struct builder *builder, struct parquet_node *node,
                          const struct parquet_element *element, struct place place,
                          struct error *err)
{
    int status;

    node->defined = place.defined;
    node->first_leaf = builder->leaf_count;
    place = become_list(node, PARQUET_LIST, place);
    add_children(node, 1);
    if (name_node(node->children, element->name, err) < 0)
        return -1;
    status = build_content(builder, node->children, element, place, err);
    node->leaves = builder->leaf_count - node->first_leaf;
    return status;
}

static int build_next(struct builder *builder, struct parquet_node *node, struct place place,
                      struct error *err)
{
    const struct parquet_element *element = builder->elements + builder->at;

    if (builder->at == builder->count)
        return contradicts(err);
    builder->at++;
    if (name_node(node, element->name, err) < 0)
        return -1;
    if (element->repetition == PARQUET_REPEATED)
        return build_repeated(builder, node, element, place, err);
    node->optional = element->repetition == PARQUET_OPTIONAL;
    place.defined += node->optional;
    return build_content(builder, node, element, place, err);
}

static int build(struct builder *builder, struct parquet_schema *schema, struct error *err)
{
    const struct place top = {0};

    schema->leaves = xcalloc(builder->count, sizeof(const struct parquet_node *));
    builder->leaves = schema->leaves;
    builder->at = 1;
    schema->root.name = xstrdup("");
    if (build_struct(builder, &schema->root, builder->elements, top, err) < 0)
        return -1;
    schema->root.leaves = builder->leaf_count;
    return builder->at == builder->count ? 0 : contradicts(err);
}

int parquet_schema_read(struct thrift *thrift, const struct thrift_field *field,
                        struct parquet_schema *ret_schema, struct error *err)
{
    size_t count = thrift_structs(thrift, field);
    _cleanup_(free_ptr) struct parquet_element *elements = NULL;
    struct builder builder = {.count = count};

    if (count < 1 || count > ELEMENTS_MOST)
        return error_set(err, ERROR_INVALID, NULL,
                         "its schema has %zu elements; between 1 and %d are read", count,
                         ELEMENTS_MOST);
    elements = xcalloc(count, sizeof(*elements));
    for (size_t i = 0; i < count; i++)
        parquet_element_read(thrift, &elements[i]);
    if (thrift->failed)
        return error_set(err, ERROR_INVALID, NULL, "its footer is damaged");
    builder.elements = elements;
    return build(&builder, ret_schema, err);
}

static void release_node(struct parquet_node *node)
{
    for (size_t i = 0; i < node->count; i++)
        release_node(&node->children[i]);
    free(node->children);
    free(node->name);
}

void parquet_schema_release(struct parquet_schema *schema)
{
    release_node(&schema->root);
    free(schema->leaves);
    *schema = (struct parquet_schema){0};
}

static void add_path(const struct parquet_node *node, struct buf *out)
{
    if (node->parent && node->parent->parent) {
        add_path(node->parent, out);
        buf_add_char(out, '.');
    }
    buf_add_str(out, node->name);
}

void parquet_node_short_path(const struct parquet_node *node, struct buf *out)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    add_path(node, &path);
    if (path.length > PATH_MOST) {
        buf_truncate(&path, utf8_valid_length(path.data, PATH_MOST));
        buf_add_str(&path, "...");
    }
    buf_add(out, path.data, path.length);
}
