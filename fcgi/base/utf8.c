#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/banned.h"

static bool continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_char(const char *text, size_t length)
{
    const unsigned char *c = (const unsigned char *)text;

    if (c[0] < 0x80)
        return 1;
    if (c[0] >= 0xc2 && c[0] <= 0xdf)
        return length >= 2 && continues(c[1]) ? 2 : 0;
    if (c[0] >= 0xe0 && c[0] <= 0xef) {
        unsigned char low = c[0] == 0xe0 ? 0xa0 : 0x80;
        unsigned char high = c[0] == 0xed ? 0x9f : 0xbf;

        return length >= 3 && c[1] >= low && c[1] <= high && continues(c[2]) ? 3 : 0;
    }
    if (c[0] >= 0xf0 && c[0] <= 0xf4) {
        unsigned char low = c[0] == 0xf0 ? 0x90 : 0x80;
        unsigned char high = c[0] == 0xf4 ? 0x8f : 0xbf;

        return length >= 4 && c[1] >= low && c[1] <= high && continues(c[2]) && continues(c[3]) ? 4
                                                                                                : 0;
    }
    return 0;
}

/* How many bytes of ASCII there are, in whole words: most of a text. */
static size_t skip_ascii(const char *text, size_t length)
{
    size_t at = 0;

    for (uint64_t word; length - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

size_t utf8_valid_length(const char *text, size_t length)
{
    size_t at = 0;

    for (size_t step; at < length; at += step) {
        step = skip_ascii(text + at, length - at);
        if (step == 0)
            step = utf8_char(text + at, length - at);
        if (step == 0)
            break;
    }
    return at;
}

bool utf8_valid(const char *text, size_t length)
{
    return utf8_valid_length(text, length) == length;
}

void utf8_sanitize(struct buf *out, const char *text, size_t length)
{
    size_t start = 0, at = 0;

    buf_reserve(out, length);
    while (at < length) {
        size_t step = utf8_char(text + at, length - at);

        if (step == 0) {
            buf_add(out, text + start, at - start);
            buf_add_str(out, "\xef\xbf\xbd");
            start = ++at;
        } else {
            at += step;
        }
    }
    buf_add(out, text + start, length - start);
}

void utf8_printable(struct buf *out, const char *text, size_t length)
{
    buf_reserve(out, length);
    for (size_t at = 0; at < length;) {
        unsigned char c = (unsigned char)text[at];
        size_t step = utf8_char(text + at, length - at);
        bool c1 = step == 2 && c == 0xc2 && (unsigned char)text[at + 1] < 0xa0;

        if (step == 0 || c < 0x20 || c == 0x7f || c1)
            buf_add_char(out, '?');
        else
            buf_add(out, text + at, step);
        at += step ? step : 1;
    }
}

size_t utf8_count(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += !continues((unsigned char)text[i]);
    return count;
}
