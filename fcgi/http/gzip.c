#include "http/gzip.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/banned.h"

void gzip_begin(struct gzip *gzip, struct buf *out)
{
    /* Method 8, no flags, no time, unknown system (255). */
    static const unsigned char header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

    gzip->out = out;
    gzip->crc32 = 0;
    gzip->length = 0;
    buf_add(out, header, sizeof(header));
}

void gzip_add(struct gzip *gzip, const void *piece, size_t size, uint32_t length, uint32_t crc32)
{
    buf_add(gzip->out, piece, size);
    gzip->crc32 = (uint32_t)crc32_combine(gzip->crc32, crc32, (z_off_t)length);
    gzip->length += length;
}

static void add_little_endian(struct buf *out, uint32_t number)
{
    unsigned char bytes[4] = {(unsigned char)number, (unsigned char)(number >> 8),
                              (unsigned char)(number >> 16), (unsigned char)(number >> 24)};

    buf_add(out, bytes, sizeof(bytes));
}

void gzip_end(struct gzip *gzip)
{
    /* A final block with fixed codes that holds nothing but its end (RFC 1951, section 3.2.6). */
    static const unsigned char last_block[2] = {0x03, 0x00};

    buf_add(gzip->out, last_block, sizeof(last_block));
    add_little_endian(gzip->out, gzip->crc32);
    add_little_endian(gzip->out, gzip->length);
}

/* ";q=0", ";q=0.000" within the parameters of one coding. */
static bool is_refused(const char *parameters, const char *end)
{
    const char *q = strcasestr(parameters, "q=");

    return q && q < end && strtod(q + 2, NULL) <= 0;
}

bool gzip_accepted(const char *accept_encoding)
{
    bool any = false;

    for (const char *at = accept_encoding; at && *at;) {
        const char *name = at + strspn(at, " \t,");
        size_t length = strcspn(name, " \t;,");
        const char *end = name + strcspn(name, ",");

        if ((length == 4 && strncasecmp(name, "gzip", 4) == 0) ||
            (length == 6 && strncasecmp(name, "x-gzip", 6) == 0))
            return !is_refused(name + length, end);
        if (length == 1 && *name == '*')
            any = !is_refused(name + 1, end);
        at = end;
    }
    return any;
}
