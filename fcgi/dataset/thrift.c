#include "dataset/thrift.h"

#include "base/banned.h"

#define DEPTH_MOST 16 /* of what is skipped */

static void fail(struct thrift *thrift)
{
    thrift->failed = true;
    thrift->in.length = 0;
}

static uint64_t take_varint(struct thrift *thrift)
{
    uint64_t number = 0;

    if (!bytes_take_varint(&thrift->in, &number))
        fail(thrift);
    return number;
}

static int64_t take_int(struct thrift *thrift)
{
    uint64_t number = 0;

    if (!bytes_take_zigzag(&thrift->in, &number))
        fail(thrift);
    return (int64_t)number;
}

static struct bytes take_bytes(struct thrift *thrift, uint64_t length)
{
    struct bytes taken = {0};

    if (length > thrift->in.length || !bytes_take(&thrift->in, (size_t)length, &taken))
        fail(thrift);
    return taken;
}

static unsigned char take_byte(struct thrift *thrift)
{
    struct bytes one = take_bytes(thrift, 1);

    return one.length == 1 ? *one.at : 0;
}

bool thrift_next(struct thrift *thrift, struct thrift_field *field)
{
    unsigned char head = take_byte(thrift);
    int64_t id;

    field->type = head & 0x0f;
    if (thrift->failed || field->type == 0)
        return false;
    id = head >> 4 ? field->id + (head >> 4) : take_int(thrift);
    if (id < INT16_MIN || id > INT16_MAX)
        fail(thrift);
    field->id = thrift->failed ? 0 : (int16_t)id;
    return !thrift->failed;
}

int64_t thrift_int(struct thrift *thrift, const struct thrift_field *field)
{
    switch (field->type) {
    case THRIFT_BYTE:
        return (signed char)take_byte(thrift);
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        return take_int(thrift);
    default:
        fail(thrift);
        return 0;
    }
}

int32_t thrift_int32(struct thrift *thrift, const struct thrift_field *field)
{
    int64_t number = thrift_int(thrift, field);

    if (number >= INT32_MIN && number <= INT32_MAX)
        return (int32_t)number;
    fail(thrift);
    return 0;
}

bool thrift_bool(struct thrift *thrift, const struct thrift_field *field)
{
    if (field->type != THRIFT_TRUE && field->type != THRIFT_FALSE)
        fail(thrift);
    return field->type == THRIFT_TRUE;
}

struct bytes thrift_binary(struct thrift *thrift, const struct thrift_field *field)
{
    if (field->type != THRIFT_BINARY)
        fail(thrift);
    return take_bytes(thrift, take_varint(thrift));
}

bool thrift_struct(struct thrift *thrift, const struct thrift_field *field)
{
    if (field->type != THRIFT_STRUCT)
        fail(thrift);
    return !thrift->failed;
}

/* Each element of a list takes a byte or more. */
static size_t take_list(struct thrift *thrift, unsigned char *ret_type)
{
    unsigned char head = take_byte(thrift);
    uint64_t count = head >> 4 == 15 ? take_varint(thrift) : head >> 4;

    *ret_type = head & 0x0f;
    if (count > thrift->in.length)
        fail(thrift);
    return thrift->failed ? 0 : (size_t)count;
}

size_t thrift_structs(struct thrift *thrift, const struct thrift_field *field)
{
    unsigned char type = 0;
    size_t count = field->type == THRIFT_LIST ? take_list(thrift, &type) : 0;

    if (field->type != THRIFT_LIST || (count > 0 && type != THRIFT_STRUCT))
        fail(thrift);
    return thrift->failed ? 0 : count;
}

static void skip(struct thrift *thrift, unsigned char type, unsigned depth);

static void skip_list(struct thrift *thrift, unsigned depth)
{
    unsigned char type;

    for (size_t left = take_list(thrift, &type); left > 0 && !thrift->failed; left--) {
        if (type == THRIFT_TRUE || type == THRIFT_FALSE)
            take_byte(thrift);
        else
            skip(thrift, type, depth);
    }
}

static void skip_map(struct thrift *thrift, unsigned depth)
{
    uint64_t left = take_varint(thrift);
    unsigned char types = left > 0 ? take_byte(thrift) : 0;
    const unsigned char pair[] = {types >> 4, types & 0x0f};

    for (; left > 0 && !thrift->failed; left--) {
        for (int i = 0; i < 2; i++) {
            if (pair[i] == THRIFT_TRUE || pair[i] == THRIFT_FALSE)
                take_byte(thrift);
            else
                skip(thrift, pair[i], depth);
        }
    }
}

static void skip(struct thrift *thrift, unsigned char type, unsigned depth)
{
    struct thrift_field field = {.type = type};

    if (depth == DEPTH_MOST) {
        fail(thrift);
        return;
    }
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        return;
    case THRIFT_DOUBLE:
        take_bytes(thrift, 8);
        return;
    case THRIFT_UUID:
        take_bytes(thrift, 16);
        return;
    case THRIFT_BINARY:
        thrift_binary(thrift, &field);
        return;
    case THRIFT_LIST:
    case THRIFT_SET:
        skip_list(thrift, depth + 1);
        return;
    case THRIFT_MAP:
        skip_map(thrift, depth + 1);
        return;
    case THRIFT_STRUCT:
        field = (struct thrift_field){0};
        while (thrift_next(thrift, &field))
            skip(thrift, field.type, depth + 1);
        return;
    default:
        thrift_int(thrift, &field);
    }
}

void thrift_skip(struct thrift *thrift, const struct thrift_field *field)
{
    skip(thrift, field->type, 0);
}
