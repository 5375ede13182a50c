/*
 * bytes.h - a run of bytes that is read from its front and never past its end. What is given out
 * points into it. Numbers are little endian, as the host is.
 */
#ifndef CODESET_DATASET_BYTES_H
#define CODESET_DATASET_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const unsigned char *at;
    size_t length;
};

/* false: there are fewer; nothing is taken. */
static inline bool bytes_take(struct bytes *from, size_t length, struct bytes *ret)
{
    if (length > from->length)
        return false;
    *ret = (struct bytes){from->at, length};
    from->at += length;
    from->length -= length;
    return true;
}

static inline bool bytes_take_32(struct bytes *from, uint32_t *ret)
{
    struct bytes four;

    if (!bytes_take(from, sizeof(*ret), &four))
        return false;
    memcpy(ret, four.at, sizeof(*ret));
    return true;
}

/* ULEB128: seven bits a byte, the lowest first; 10 bytes at most. */
static inline bool bytes_take_varint(struct bytes *from, uint64_t *ret)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < 10 && i < from->length; i++) {
        number |= (uint64_t)(from->at[i] & 0x7f) << (7 * i);
        if (from->at[i] & 0x80)
            continue;
        from->at += i + 1;
        from->length -= i + 1;
        *ret = number;
        return true;
    }
    return false;
}

/* The sign is in the lowest bit. */
static inline bool bytes_take_zigzag(struct bytes *from, uint64_t *ret)
{
    uint64_t number;

    if (!bytes_take_varint(from, &number))
        return false;
    *ret = (number >> 1) ^ (~(number & 1) + 1);
    return true;
}

#endif
