#include "dataset/parquet_values.h"

#include "base/cleanup.h"

#include "base/banned.h"

static bool give_scratch(struct parquet_values *values, uint64_t number, struct bytes *ret)
{
    memcpy(values->scratch, &number, sizeof(number));
    *ret = (struct bytes){values->scratch, values->leaf->width};
    return true;
}

/* --- PLAIN ----------------------------------------------------------------------------------- */

static bool next_plain(struct parquet_values *values, struct bytes *ret)
{
    uint32_t length = (uint32_t)values->leaf->width;

    return (length > 0 || bytes_take_32(&values->in, &length)) &&
           bytes_take(&values->in, length, ret);
}

static bool next_plain_boolean(struct parquet_values *values, struct bytes *ret)
{
    uint64_t bit;

    return bits_take(&values->bits, 1, &bit) && give_scratch(values, bit, ret);
}

static bool begin_plain(struct parquet_values *values, int64_t most)
{
    (void)most;
    values->bits = (struct bit_reader){.in = values->in};
    values->next = values->leaf->type == PARQUET_BOOLEAN ? next_plain_boolean : next_plain;
    return true;
}

/* --- RLE, of booleans alone ------------------------------------------------------------------ */

static bool next_rle(struct parquet_values *values, struct bytes *ret)
{
    uint32_t bit;

    return hybrid_next(&values->hybrid, &bit) && give_scratch(values, bit & 1, ret);
}

static bool begin_rle(struct parquet_values *values, int64_t most)
{
    struct bytes runs;
    uint32_t length;

    (void)most;
    values->next = next_rle;
    if (values->leaf->type != PARQUET_BOOLEAN || !bytes_take_32(&values->in, &length) ||
        !bytes_take(&values->in, length, &runs))
        return false;
    hybrid_begin(&values->hybrid, runs, 1);
    return true;
}

/* --- a dictionary ---------------------------------------------------------------------------- */

static bool next_of_dictionary(struct parquet_values *values, struct bytes *ret)
{
    uint32_t index;

    if (!hybrid_next(&values->hybrid, &index) || index >= values->dictionary->count)
        return false;
    *ret = values->dictionary->entries[index];
    return true;
}

static bool begin_of_dictionary(struct parquet_values *values, int64_t most)
{
    struct bytes width;

    (void)most;
    values->next = next_of_dictionary;
    if (!values->dictionary->entries || !bytes_take(&values->in, 1, &width) || *width.at > 32)
        return false;
    hybrid_begin(&values->hybrid, values->in, *width.at);
    return true;
}

/* --- differences ----------------------------------------------------------------------------- */

static bool next_number(struct parquet_values *values, struct bytes *ret)
{
    uint64_t number;

    return delta_next(&values->numbers, &number) && give_scratch(values, number, ret);
}

static bool begin_numbers(struct parquet_values *values, int64_t most)
{
    (void)most;
    values->next = next_number;
    return (values->leaf->type == PARQUET_INT32 || values->leaf->type == PARQUET_INT64) &&
           delta_begin(&values->numbers, values->in);
}

/* Of lengths, which are before what they are of: `in` goes on behind them. */
static bool begin_lengths(struct parquet_values *values, struct delta *lengths, int64_t most)
{
    struct delta passed;
    uint64_t ignored;

    if (!delta_begin(lengths, values->in) || lengths->left > (uint64_t)most)
        return false;
    passed = *lengths;
    while (passed.left > 0)
        if (!delta_next(&passed, &ignored))
            return false;
    values->in = passed.in;
    return true;
}

static bool next_of_lengths(struct parquet_values *values, struct bytes *ret)
{
    uint64_t length;

    return delta_next(&values->numbers, &length) && length <= values->in.length &&
           bytes_take(&values->in, (size_t)length, ret);
}

static bool begin_of_lengths(struct parquet_values *values, int64_t most)
{
    values->next = next_of_lengths;
    return values->leaf->type == PARQUET_BYTE_ARRAY &&
           begin_lengths(values, &values->numbers, most);
}

/* The beginning of the value before, and what is new. */
static bool next_of_prefixes(struct parquet_values *values, struct bytes *ret)
{
    struct buf *text = &values->text;
    uint64_t prefix;
    struct bytes rest;

    if (!delta_next(&values->prefixes, &prefix) || prefix > text->length ||
        !next_of_lengths(values, &rest))
        return false;
    buf_truncate(text, (size_t)prefix);
    buf_add(text, rest.at, rest.length);
    *ret = (struct bytes){(const unsigned char *)text->data, text->length};
    return values->leaf->width == 0 || text->length == values->leaf->width;
}

static bool begin_of_prefixes(struct parquet_values *values, int64_t most)
{
    values->next = next_of_prefixes;
    return (values->leaf->type == PARQUET_BYTE_ARRAY || values->leaf->type == PARQUET_FIXED) &&
           begin_lengths(values, &values->prefixes, most) &&
           begin_lengths(values, &values->numbers, most);
}

/* --- BYTE_STREAM_SPLIT ----------------------------------------------------------------------- */

static bool next_of_streams(struct parquet_values *values, struct bytes *ret)
{
    size_t width = values->leaf->width, count = values->in.length / width;

    if (values->done == count)
        return false;
    buf_clear(&values->text);
    for (size_t i = 0; i < width; i++)
        buf_add_char(&values->text, (char)values->in.at[i * count + values->done]);
    values->done++;
    *ret = (struct bytes){(const unsigned char *)values->text.data, width};
    return true;
}

static bool begin_of_streams(struct parquet_values *values, int64_t most)
{
    (void)most;
    values->next = next_of_streams;
    return values->leaf->width > 1 && values->in.length % values->leaf->width == 0;
}

/* --- which of them --------------------------------------------------------------------------- */

int parquet_values_begin(struct parquet_values *values, const struct parquet_node *leaf,
                         int32_t encoding, struct bytes in, int64_t most,
                         const struct parquet_dictionary *dictionary, struct error *err)
{
    static bool (*const begin[])(struct parquet_values * values, int64_t most) = {
        [PARQUET_ENCODING_PLAIN] = begin_plain,
        [PARQUET_ENCODING_PLAIN_DICTIONARY] = begin_of_dictionary,
        [PARQUET_ENCODING_RLE] = begin_rle,
        [PARQUET_ENCODING_DELTA_BINARY_PACKED] = begin_numbers,
        [PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY] = begin_of_lengths,
        [PARQUET_ENCODING_DELTA_BYTE_ARRAY] = begin_of_prefixes,
        [PARQUET_ENCODING_RLE_DICTIONARY] = begin_of_dictionary,
        [PARQUET_ENCODING_BYTE_STREAM_SPLIT] = begin_of_streams,
    };

    if (encoding < 0 || (size_t)encoding >= ARRAY_SIZE(begin) || !begin[encoding])
        return error_set(err, ERROR_INVALID, NULL, "its encoding %d is not known", (int)encoding);
    values->leaf = leaf;
    values->dictionary = dictionary;
    values->in = in;
    values->done = 0;
    buf_clear(&values->text);
    /* A page of nulls may have no byte. */
    if (in.length > 0 ? begin[encoding](values, most) : begin_plain(values, most))
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "a page is damaged: it does not begin as its "
                     "encoding %d does",
                     (int)encoding);
}

void parquet_values_release(struct parquet_values *values)
{
    buf_release(&values->text);
}

int parquet_values_next(struct parquet_values *values, struct bytes *ret, struct error *err)
{
    return values->next(values, ret)
               ? 0
               : error_set(err, ERROR_INVALID, NULL,
                           "a page is damaged: it has fewer values than it says, or wrong ones");
}
