#include "dataset/parquet_codec.h"

#include <libdeflate.h>
#include <snappy-c.h>
#include <stdbool.h>
#include <zstd.h>

#include "base/cleanup.h"

#include "base/banned.h"

static bool from_snappy(struct bytes in, unsigned char *out, size_t size)
{
    const char *bytes = (const char *)in.at;
    size_t length;

    return snappy_uncompressed_length(bytes, in.length, &length) == SNAPPY_OK && length == size &&
           snappy_uncompress(bytes, in.length, (char *)out, &length) == SNAPPY_OK && length == size;
}

DEFINE_CLEANUP(struct libdeflate_decompressor *, free_decompressor, libdeflate_free_decompressor)

/* One member or several (RFC 1952). */
static bool from_gzip(struct bytes in, unsigned char *out, size_t size)
{
    _cleanup_(free_decompressor) struct libdeflate_decompressor *decompressor =
        libdeflate_alloc_decompressor();
    struct bytes member;

    while (decompressor && in.length > 0) {
        size_t used, made;

        if (libdeflate_gzip_decompress_ex(decompressor, in.at, in.length, out, size, &used,
                                          &made) != LIBDEFLATE_SUCCESS ||
            !bytes_take(&in, used, &member))
            return false;
        out += made;
        size -= made;
    }
    return decompressor && size == 0;
}

static bool from_zstd(struct bytes in, unsigned char *out, size_t size)
{
    return ZSTD_decompress(out, size, in.at, in.length) == size;
}

int parquet_decompress(int32_t codec, struct bytes in, unsigned char *out, size_t size,
                       struct error *err)
{
    static const struct {
        const char *name;
        bool (*decompress)(struct bytes in, unsigned char *out, size_t size);
    } codecs[] = {
        [1] = {"SNAPPY", from_snappy},
        {"GZIP", from_gzip},
        {"LZO", NULL},
        {"BROTLI", NULL},
        {"LZ4", NULL},
        {"ZSTD", from_zstd},
        {"LZ4_RAW", NULL},
    };
    bool is_known = codec > 0 && (size_t)codec < ARRAY_SIZE(codecs);

    if (!is_known || !codecs[codec].decompress)
        return error_set(err, ERROR_INVALID, NULL,
                         "its compression is %s, which is not read; write the file with snappy, "
                         "gzip or zstd",
                         is_known ? codecs[codec].name : "one that is not known");
    if (!codecs[codec].decompress(in, out, size))
        return error_set(err, ERROR_INVALID, NULL, "a page is damaged: %s cannot be decompressed",
                         codecs[codec].name);
    return 0;
}
