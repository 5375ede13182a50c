#include "dataset/parquet_numbers.h"

#include "base/banned.h"

#define BLOCK_MOST (1U << 20) /* numbers; writers use some hundreds */

/* --- bits ------------------------------------------------------------------------------------ */

static bool take_bits(struct bit_reader *reader, unsigned width, uint64_t *ret)
{
    while (reader->bits < width) {
        if (reader->in.length == 0)
            return false;
        reader->held |= (uint64_t)*reader->in.at << reader->bits;
        reader->in.at++;
        reader->in.length--;
        reader->bits += 8;
    }
    *ret = reader->held & ((UINT64_C(1) << width) - 1);
    reader->held >>= width;
    reader->bits -= width;
    return true;
}

/* In halves, so that what is held does not run over. */
bool bits_take(struct bit_reader *reader, unsigned width, uint64_t *ret)
{
    uint64_t low, high = 0;

    if (!take_bits(reader, width < 32 ? width : 32, &low) ||
        (width > 32 && !take_bits(reader, width - 32, &high)))
        return false;
    *ret = low | high << 32;
    return true;
}

/* --- the hybrid ------------------------------------------------------------------------------ */

void hybrid_begin(struct hybrid *hybrid, struct bytes in, unsigned width)
{
    *hybrid = (struct hybrid){.in = in, .width = width};
}

/* groups of 8 numbers; some writers leave out the last one's padding */
static bool begin_packed(struct hybrid *hybrid, uint64_t groups)
{
    uint64_t length = hybrid->in.length;

    if (groups <= length / hybrid->width)
        length = groups * hybrid->width;
    hybrid->is_packed = true;
    hybrid->packed = (struct bit_reader){0};
    hybrid->left = length * 8 / hybrid->width;
    return bytes_take(&hybrid->in, (size_t)length, &hybrid->packed.in);
}

static bool begin_equal(struct hybrid *hybrid, uint64_t count)
{
    struct bytes value;

    if (!bytes_take(&hybrid->in, (hybrid->width + 7) / 8, &value))
        return false;
    hybrid->is_packed = false;
    hybrid->left = count;
    hybrid->value = 0;
    memcpy(&hybrid->value, value.at, value.length);
    return true;
}

bool hybrid_next(struct hybrid *hybrid, uint32_t *ret)
{
    uint64_t value = hybrid->value;

    while (hybrid->left == 0 && hybrid->width > 0) {
        uint64_t head;

        if (!bytes_take_varint(&hybrid->in, &head) ||
            !(head & 1 ? begin_packed : begin_equal)(hybrid, head >> 1))
            return false;
        value = hybrid->value;
    }
    hybrid->left -= hybrid->width > 0;
    if (hybrid->is_packed && !bits_take(&hybrid->packed, hybrid->width, &value))
        return false;
    *ret = (uint32_t)value;
    return true;
}

/* --- differences ----------------------------------------------------------------------------- */

bool delta_begin(struct delta *delta, struct bytes in)
{
    uint64_t miniblocks;

    *delta = (struct delta){.in = in, .is_first = true};
    if (!bytes_take_varint(&delta->in, &delta->a_block) ||
        !bytes_take_varint(&delta->in, &miniblocks) ||
        !bytes_take_varint(&delta->in, &delta->left) ||
        !bytes_take_zigzag(&delta->in, &delta->value))
        return false;
    if (delta->a_block == 0 || delta->a_block > BLOCK_MOST || miniblocks == 0 ||
        delta->a_block % miniblocks != 0)
        return false;
    delta->a_miniblock = delta->a_block / miniblocks;
    return delta->a_miniblock % 8 == 0;
}

static bool begin_block(struct delta *delta)
{
    delta->left_in_block = delta->a_block;
    return bytes_take_zigzag(&delta->in, &delta->least) &&
           bytes_take(&delta->in, (size_t)(delta->a_block / delta->a_miniblock), &delta->widths);
}

static bool begin_miniblock(struct delta *delta)
{
    struct bytes width;

    if (delta->left_in_block == 0 && !begin_block(delta))
        return false;
    if (!bytes_take(&delta->widths, 1, &width) || *width.at > 64)
        return false;
    delta->width = *width.at;
    delta->packed = (struct bit_reader){0};
    delta->left_in_miniblock = delta->a_miniblock;
    return bytes_take(&delta->in, (size_t)(delta->a_miniblock / 8 * delta->width),
                      &delta->packed.in);
}

/* It may run over, and is meant to. */
bool delta_next(struct delta *delta, uint64_t *ret)
{
    uint64_t difference;

    if (delta->left == 0)
        return false;
    if (!delta->is_first) {
        if (delta->left_in_miniblock == 0 && !begin_miniblock(delta))
            return false;
        if (!bits_take(&delta->packed, delta->width, &difference))
            return false;
        delta->left_in_miniblock--;
        delta->left_in_block--;
        delta->value += delta->least + difference;
    }
    delta->is_first = false;
    delta->left--;
    *ret = delta->value;
    return true;
}
