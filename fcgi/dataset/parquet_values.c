#include "dataset/parquet_values.h"

#include "base/cleanup.h"

#include "base/banned.h"

#define A_TYPE(type) (1U << PARQUET_##type)
#define NUMBERS (A_TYPE(INT32) | A_TYPE(INT64))
#define BYTES (A_TYPE(BYTE_ARRAY) | A_TYPE(FIXED))
#define FRACTIONS (A_TYPE(FLOAT) | A_TYPE(DOUBLE))
#define ALL_TYPES (A_TYPE(BOOLEAN) | NUMBERS | A_TYPE(INT96) | FRACTIONS | BYTES)

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
    if (!bytes_take_32(&values->in, &length) || !bytes_take(&values->in, length, &runs))
        return false;
    hybrid_begin(&values->hybrid, runs, 1);
    return true;
}

/* --- a dictionary ---------------------------------------------------------------------------- */

static bool next_of_dictionary(struct parquet_values *values, struct bytes *ret)
{
    uint32_t index;

    if (!values->dictionary->entries) {
        values->fault = "its dictionary is missing";
        return false;
    }
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
    if (!bytes_take(&values->in, 1, &width) || *width.at > 32)
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
    return delta_begin(&values->numbers, values->in);
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
    return begin_lengths(values, &values->numbers, most);
}

/* Room for a value of so many bytes, of which the first ones are those of the value before. */
static bool make_room(struct parquet_values *values, size_t kept, size_t length)
{
    struct parquet_room larger = {0};
    struct error ignored;

    if (length <= values->room.size)
        return true;
    if (parquet_room_make(&larger, values->memory, length + length / 2, &ignored) < 0) {
        values->fault = "its values take too much memory";
        return false;
    }
    if (kept > 0)
        memcpy(larger.data, values->room.data, kept);
    parquet_room_release(&values->room, values->memory);
    values->room = larger;
    return true;
}

/* The beginning of the value before, and what is new. */
static bool next_of_prefixes(struct parquet_values *values, struct bytes *ret)
{
    uint64_t prefix;
    struct bytes rest;
    size_t length;

    if (!delta_next(&values->prefixes, &prefix) || prefix > values->length ||
        !next_of_lengths(values, &rest))
        return false;
    length = (size_t)prefix + rest.length;
    if (!make_room(values, (size_t)prefix, length))
        return false;
    if (rest.length > 0)
        memcpy(values->room.data + prefix, rest.at, rest.length);
    values->length = length;
    *ret = (struct bytes){values->room.data, length};
    return values->leaf->width == 0 || length == values->leaf->width;
}

static bool begin_of_prefixes(struct parquet_values *values, int64_t most)
{
    values->next = next_of_prefixes;
    return begin_lengths(values, &values->prefixes, most) &&
           begin_lengths(values, &values->numbers, most);
}

/* --- BYTE_STREAM_SPLIT ----------------------------------------------------------------------- */

static bool next_of_streams(struct parquet_values *values, struct bytes *ret)
{
    size_t width = values->leaf->width, count = values->in.length / width;

    if (values->done == count || !make_room(values, 0, width))
        return false;
    for (size_t i = 0; i < width; i++)
        values->room.data[i] = values->in.at[i * count + values->done];
    values->done++;
    *ret = (struct bytes){values->room.data, width};
    return true;
}

static bool begin_of_streams(struct parquet_values *values, int64_t most)
{
    (void)most;
    values->next = next_of_streams;
    return values->in.length % values->leaf->width == 0;
}

/* --- which of them --------------------------------------------------------------------------- */

/* types: of a column; begin: NULL, it is not read. */
static const struct encoding {
    const char *name;
    unsigned types;
    bool (*begin)(struct parquet_values *values, int64_t most);
} encodings[] = {
    [PARQUET_ENCODING_PLAIN] = {"PLAIN", ALL_TYPES, begin_plain},
    [PARQUET_ENCODING_PLAIN_DICTIONARY] = {"PLAIN_DICTIONARY", ALL_TYPES, begin_of_dictionary},
    [PARQUET_ENCODING_RLE] = {"RLE", A_TYPE(BOOLEAN), begin_rle},
    [PARQUET_ENCODING_BIT_PACKED] = {"BIT_PACKED", 0, NULL},
    [PARQUET_ENCODING_DELTA_BINARY_PACKED] = {"DELTA_BINARY_PACKED", NUMBERS, begin_numbers},
    [PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY] = {"DELTA_LENGTH_BYTE_ARRAY", A_TYPE(BYTE_ARRAY),
                                                  begin_of_lengths},
    [PARQUET_ENCODING_DELTA_BYTE_ARRAY] = {"DELTA_BYTE_ARRAY", BYTES, begin_of_prefixes},
    [PARQUET_ENCODING_RLE_DICTIONARY] = {"RLE_DICTIONARY", ALL_TYPES, begin_of_dictionary},
    [PARQUET_ENCODING_BYTE_STREAM_SPLIT] = {"BYTE_STREAM_SPLIT",
                                            NUMBERS | FRACTIONS | A_TYPE(FIXED), begin_of_streams},
    [PARQUET_ENCODING_ALP] = {"ALP", 0, NULL},
};

static const struct encoding *encoding_of(int32_t number)
{
    bool is_known = number >= 0 && (size_t)number < ARRAY_SIZE(encodings) && encodings[number].name;

    return is_known ? &encodings[number] : NULL;
}

const char *parquet_encoding_name(int32_t number)
{
    const struct encoding *encoding = encoding_of(number);

    return encoding ? encoding->name : "one that is not known";
}

static int check_encoding(const struct parquet_node *leaf, int32_t number, struct error *err)
{
    const struct encoding *encoding = encoding_of(number);

    if (!encoding || !encoding->begin)
        return error_set(err, ERROR_INVALID, NULL, "its encoding is %s, which is not read",
                         parquet_encoding_name(number));
    if (!(encoding->types >> leaf->type & 1))
        return error_set(err, ERROR_INVALID, NULL, "its encoding %s does not fit its type",
                         encoding->name);
    return 0;
}

int parquet_values_begin(struct parquet_values *values, const struct parquet_node *leaf,
                         int32_t encoding, struct bytes in, int64_t most,
                         const struct parquet_dictionary *dictionary, struct error *err)
{
    if (check_encoding(leaf, encoding, err) < 0)
        return -1;
    values->leaf = leaf;
    values->dictionary = dictionary;
    values->in = in;
    values->done = values->length = 0;
    values->fault = NULL;
    /* A page of nulls may have no byte. */
    if (in.length > 0 ? encodings[encoding].begin(values, most) : begin_plain(values, most))
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "a page is damaged: it does not begin as its encoding %s does",
                     encodings[encoding].name);
}

void parquet_values_release(struct parquet_values *values)
{
    parquet_room_release(&values->room, values->memory);
}

int parquet_values_next(struct parquet_values *values, struct bytes *ret, struct error *err)
{
    static const char damaged[] =
        "a page is damaged: it has fewer values than it says, or wrong ones";

    return values->next(values, ret)
               ? 0
               : error_set(err, ERROR_INVALID, NULL, "%s", values->fault ? values->fault : damaged);
}
