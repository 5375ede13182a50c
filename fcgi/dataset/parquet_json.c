#include "dataset/parquet_json.h"

#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "base/banned.h"

#define DAY 86400 /* seconds */
#define JULIAN_1970 2440588
#define DECIMAL_BYTES_MOST sizeof(__int128)

static json_object *new_text(const struct buf *text)
{
    return json_object_new_string_len(text->data, (int)text->length);
}

/* --- numbers --------------------------------------------------------------------------------- */

static int64_t whole_of(const struct parquet_node *leaf, struct bytes value)
{
    int32_t narrow;
    int64_t wide;

    if (leaf->type == PARQUET_INT32) {
        memcpy(&narrow, value.at, sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, value.at, sizeof(wide));
    return wide;
}

static json_object *unsigned_of(const struct parquet_node *leaf, struct bytes value)
{
    uint64_t number = (uint64_t)whole_of(leaf, value);

    return json_object_new_uint64(leaf->type == PARQUET_INT32 ? (uint32_t)number : number);
}

static json_object *fraction_of(const struct parquet_node *leaf, struct bytes value)
{
    double number;
    float narrow;

    if (leaf->type == PARQUET_FLOAT) {
        memcpy(&narrow, value.at, sizeof(narrow));
        number = (double)narrow;
    } else {
        memcpy(&number, value.at, sizeof(number));
    }
    return isfinite(number) ? json_object_new_double(number) : NULL;
}

/* Two's complement, the highest byte first. */
static __int128 big_endian(struct bytes value)
{
    unsigned __int128 number = value.length > 0 && value.at[0] & 0x80 ? ~(unsigned __int128)0 : 0;

    for (size_t i = 0; i < value.length; i++)
        number = number << 8 | value.at[i];
    return (__int128)number;
}

static json_object *decimal_text(__int128 number, unsigned digits)
{
    unsigned __int128 rest = number < 0 ? -(unsigned __int128)number : (unsigned __int128)number;
    char text[64], *at = text + sizeof(text);

    for (unsigned done = 0; rest > 0 || done <= digits; done++) {
        if (done == digits && done > 0)
            *--at = '.';
        *--at = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (number < 0)
        *--at = '-';
    return json_object_new_string_len(at, (int)(text + sizeof(text) - at));
}

/* Without bytes that only repeat the sign. */
static struct bytes without_sign_bytes(struct bytes value)
{
    while (value.length > 1 && value.at[0] == (value.at[1] & 0x80 ? 0xff : 0)) {
        value.at++;
        value.length--;
    }
    return value;
}

static int decimal_of(const struct parquet_node *leaf, struct bytes value, json_object **ret,
                      struct error *err)
{
    struct bytes digits = without_sign_bytes(value);

    if (digits.length > DECIMAL_BYTES_MOST)
        return error_set(err, ERROR_INVALID, NULL,
                         "its decimal has more than %zu bytes, which is not read",
                         DECIMAL_BYTES_MOST);
    *ret = decimal_text(big_endian(digits), leaf->digits);
    return 0;
}

/* A sign, 5 bits of exponent, 10 of the number. */
static json_object *half_of(struct bytes value)
{
    unsigned bits = value.at[0] | (unsigned)value.at[1] << 8;
    int exponent = (int)(bits >> 10 & 0x1f), number = (int)(bits & 0x3ff);
    double size = exponent ? ldexp(number + 0x400, exponent - 25) : ldexp(number, -24);

    return exponent == 0x1f ? NULL : json_object_new_double(bits & 0x8000 ? -size : size);
}

/* --- times ----------------------------------------------------------------------------------- */

static int64_t unit_of(unsigned digits)
{
    int64_t unit = 1;

    while (digits-- > 0)
        unit *= 10;
    return unit;
}

static void add_fraction(struct buf *text, int64_t fraction, unsigned digits)
{
    if (fraction != 0)
        buf_addf(text, ".%0*" PRId64, (int)digits, fraction);
}

/* An int holds every year of 64 bits of milliseconds. */
static json_object *moment(int64_t seconds, int64_t fraction, unsigned digits)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    time_t when = (time_t)seconds;
    struct tm tm;

    gmtime_r(&when, &tm);
    buf_addf(&text, "%04lld-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900LL, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    add_fraction(&text, fraction, digits);
    buf_add_char(&text, 'Z');
    return new_text(&text);
}

static json_object *timestamp_of(const struct parquet_node *leaf, struct bytes value)
{
    int64_t unit = unit_of(leaf->digits), when = whole_of(leaf, value);
    int64_t seconds = when / unit, fraction = when % unit;

    if (fraction < 0) {
        seconds--;
        fraction += unit;
    }
    return moment(seconds, fraction, leaf->digits);
}

static json_object *time_of_day(const struct parquet_node *leaf, struct bytes value)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    int64_t unit = unit_of(leaf->digits), when = whole_of(leaf, value), seconds = when / unit;

    if (when < 0 || seconds >= DAY)
        return json_object_new_int64(when);
    buf_addf(&text, "%02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
             (int)(seconds % 60));
    add_fraction(&text, when % unit, leaf->digits);
    return new_text(&text);
}

/* Nanoseconds of the day, then the day since the beginning of the Julian period. */
static json_object *old_timestamp_of(struct bytes value)
{
    const int64_t second = 1000000000;
    int64_t nanoseconds;
    uint32_t day;

    memcpy(&nanoseconds, value.at, sizeof(nanoseconds));
    memcpy(&day, value.at + sizeof(nanoseconds), sizeof(day));
    if (nanoseconds < 0 || nanoseconds >= DAY * second)
        return NULL;
    return moment(((int64_t)day - JULIAN_1970) * DAY + nanoseconds / second, nanoseconds % second,
                  9);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static json_object *base64_of(struct bytes value)
{
    _cleanup_(free_ptr) unsigned char *text = xmalloc(value.length / 3 * 4 + 8);
    int length = EVP_EncodeBlock(text, value.at, (int)value.length);

    return json_object_new_string_len((const char *)text, length);
}

static json_object *uuid_of(struct bytes value)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    for (size_t i = 0; i < value.length; i++)
        buf_addf(&text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", value.at[i]);
    return new_text(&text);
}

static int bytes_of(const struct parquet_node *leaf, struct bytes value, json_object **ret,
                    struct error *err)
{
    const char *text = value.length > 0 ? (const char *)value.at : "";
    bool is_text = leaf->meaning != PARQUET_BYTES && utf8_valid(text, value.length) &&
                   (leaf->meaning == PARQUET_TEXT || !memchr(text, '\0', value.length));

    if (leaf->meaning == PARQUET_DECIMAL)
        return decimal_of(leaf, value, ret, err);
    if (leaf->meaning == PARQUET_UUID)
        *ret = uuid_of(value);
    else if (leaf->meaning == PARQUET_HALF)
        *ret = half_of(value);
    else if (is_text)
        *ret = json_object_new_string_len(text, (int)value.length);
    else if (leaf->meaning == PARQUET_TEXT)
        return error_set(err, ERROR_INVALID, NULL, "its text is not UTF-8");
    else
        *ret = base64_of(value);
    return 0;
}

static json_object *int_of(const struct parquet_node *leaf, struct bytes value)
{
    switch (leaf->meaning) {
    case PARQUET_UNSIGNED:
        return unsigned_of(leaf, value);
    case PARQUET_DECIMAL:
        return decimal_text(whole_of(leaf, value), leaf->digits);
    case PARQUET_DATE:
        return moment(whole_of(leaf, value) * DAY, 0, 0);
    case PARQUET_TIME:
        return time_of_day(leaf, value);
    case PARQUET_TIMESTAMP:
        return timestamp_of(leaf, value);
    default:
        return json_object_new_int64(whole_of(leaf, value));
    }
}

int parquet_json(const struct parquet_node *leaf, struct bytes value, json_object **ret,
                 struct error *err)
{
    switch (leaf->type) {
    case PARQUET_BOOLEAN:
        *ret = json_object_new_boolean(*value.at);
        return 0;
    case PARQUET_INT32:
    case PARQUET_INT64:
        *ret = int_of(leaf, value);
        return 0;
    case PARQUET_INT96:
        *ret = old_timestamp_of(value);
        return 0;
    case PARQUET_FLOAT:
    case PARQUET_DOUBLE:
        *ret = fraction_of(leaf, value);
        return 0;
    default:
        return bytes_of(leaf, value, ret, err);
    }
}
