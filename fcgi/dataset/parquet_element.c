#include "dataset/parquet_element.h"

#include "base/cleanup.h"

#include "base/banned.h"

enum { LOGICAL_TIME = 7, LOGICAL_TIMESTAMP = 8 };

static void skip_struct(struct thrift *thrift)
{
    struct thrift_field field = {0};

    while (thrift_next(thrift, &field))
        thrift_skip(thrift, &field);
}

/* TimeUnit: the field that is there says it. */
static int32_t read_unit(struct thrift *thrift)
{
    struct thrift_field field = {0};
    int32_t digits = 0;

    while (thrift_next(thrift, &field)) {
        digits = 3 * field.id;
        thrift_skip(thrift, &field);
    }
    return digits;
}

/* DecimalType's first field is the scale, TimestampType's and TimeType's second one the unit. */
static void read_digits(struct thrift *thrift, int16_t kind, struct parquet_element *element)
{
    bool is_time = kind == LOGICAL_TIME || kind == LOGICAL_TIMESTAMP;
    struct thrift_field field = {0};

    while (thrift_next(thrift, &field)) {
        if (!is_time && field.id == 1)
            element->scale = thrift_int32(thrift, &field);
        else if (is_time && field.id == 2 && thrift_struct(thrift, &field))
            element->digits = read_unit(thrift);
        else
            thrift_skip(thrift, &field);
    }
}

static void read_sign(struct thrift *thrift, struct parquet_element *element)
{
    struct thrift_field field = {0};

    while (thrift_next(thrift, &field)) {
        if (field.id == 2)
            element->meaning = thrift_bool(thrift, &field) ? PARQUET_PLAIN : PARQUET_UNSIGNED;
        else
            thrift_skip(thrift, &field);
    }
}

/* A union: its field's number is the kind. It counts more than the older ConvertedType, which
 * comes before it. */
static void read_logical(struct thrift *thrift, struct parquet_element *element)
{
    enum {
        STRING = 1,
        MAP,
        LIST,
        ENUM,
        DECIMAL,
        DATE,
        INTERVAL = 9,
        INTEGER,
        JSON = 12,
        BSON,
        UUID,
        FLOAT16
    };
    static const enum parquet_meaning meanings[] = {
        [STRING] = PARQUET_TEXT,       [ENUM] = PARQUET_TEXT,
        [DECIMAL] = PARQUET_DECIMAL,   [DATE] = PARQUET_DATE,
        [LOGICAL_TIME] = PARQUET_TIME, [LOGICAL_TIMESTAMP] = PARQUET_TIMESTAMP,
        [INTERVAL] = PARQUET_INTERVAL, [JSON] = PARQUET_TEXT,
        [BSON] = PARQUET_BYTES,        [UUID] = PARQUET_UUID,
        [FLOAT16] = PARQUET_HALF,
    };
    struct thrift_field field = {0};

    while (thrift_next(thrift, &field)) {
        if (!thrift_struct(thrift, &field))
            return;
        element->is_list |= field.id == LIST;
        element->is_map |= field.id == MAP;
        if (field.id > 0)
            element->meaning =
                (size_t)field.id < ARRAY_SIZE(meanings) ? meanings[field.id] : PARQUET_BYTES;
        if (field.id == DECIMAL || field.id == LOGICAL_TIME || field.id == LOGICAL_TIMESTAMP)
            read_digits(thrift, field.id, element);
        else if (field.id == INTEGER)
            read_sign(thrift, element);
        else
            skip_struct(thrift);
    }
}

static void set_converted(struct parquet_element *element, int32_t converted)
{
    static const struct {
        int32_t converted;
        enum parquet_meaning meaning;
        int32_t digits;
    } table[] = {
        {0, PARQUET_TEXT, 0},      {4, PARQUET_TEXT, 0},       {5, PARQUET_DECIMAL, 0},
        {6, PARQUET_DATE, 0},      {7, PARQUET_TIME, 3},       {8, PARQUET_TIME, 6},
        {9, PARQUET_TIMESTAMP, 3}, {10, PARQUET_TIMESTAMP, 6}, {11, PARQUET_UNSIGNED, 0},
        {12, PARQUET_UNSIGNED, 0}, {13, PARQUET_UNSIGNED, 0},  {14, PARQUET_UNSIGNED, 0},
        {19, PARQUET_TEXT, 0},     {20, PARQUET_BYTES, 0},     {21, PARQUET_INTERVAL, 0},
    };

    element->is_map = converted == 1 || converted == 2;
    element->is_list = converted == 3;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (table[i].converted != converted)
            continue;
        element->meaning = table[i].meaning;
        element->digits = table[i].digits;
    }
}

void parquet_element_read(struct thrift *thrift, struct parquet_element *ret)
{
    struct thrift_field field = {0};

    *ret = (struct parquet_element){.type = -1};
    while (thrift_next(thrift, &field)) {
        if (field.id == 1)
            ret->type = thrift_int32(thrift, &field);
        else if (field.id == 2)
            ret->width = thrift_int32(thrift, &field);
        else if (field.id == 3)
            ret->repetition = thrift_int32(thrift, &field);
        else if (field.id == 4)
            ret->name = thrift_binary(thrift, &field);
        else if (field.id == 5)
            ret->children = thrift_int32(thrift, &field);
        else if (field.id == 6)
            set_converted(ret, thrift_int32(thrift, &field));
        else if (field.id == 7)
            ret->scale = thrift_int32(thrift, &field);
        else if (field.id == 10 && thrift_struct(thrift, &field))
            read_logical(thrift, ret);
        else
            thrift_skip(thrift, &field);
    }
}
