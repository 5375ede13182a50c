#include "routes/sample_archive.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "wire/pax.h"

#include "base/banned.h"

#define GZIP_WINDOW (MAX_WBITS + 16) /* zlib's way to ask for gzip in place of its own format */
#define STEP (256 * 1024)            /* by which the archive grows */
#define FORM "1"                     /* another one whenever the same sample gives other bytes */

struct packer {
    z_stream stream;
    struct buf *archive;
};

/* The header has no time and no name (RFC 1952), as zlib makes it. */
static void begin(struct packer *packer, struct buf *archive)
{
    *packer = (struct packer){.archive = archive};
    if (deflateInit2(&packer->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* no memory */
}

static void put(struct packer *packer, const char *bytes, size_t length, int flush)
{
    z_stream *stream = &packer->stream;
    struct buf *out = packer->archive;
    int status;

    stream->next_in = (unsigned char *)(uintptr_t)bytes;
    stream->avail_in = (unsigned)length;
    do {
        buf_reserve(out, STEP);
        stream->next_out = (unsigned char *)out->data + out->length;
        stream->avail_out = STEP;
        status = deflate(stream, flush);
        if (status == Z_STREAM_ERROR)
            abort(); /* not used as zlib says */
        out->length += STEP - stream->avail_out;
    } while (stream->avail_out == 0 || (flush == Z_FINISH && status != Z_STREAM_END));
    out->data[out->length] = '\0';
}

/* when: of all entries. */
static void add_file(struct packer *packer, const char *name, const char *text, size_t length,
                     int64_t when)
{
    static const char zeros[PAX_BLOCK];
    _cleanup_(buf_release) struct buf header = BUF_INIT;
    const struct pax_entry entry = {
        .type = 'f',
        .path = (char *)(uintptr_t)name,
        .mode = 0644,
        .size = (int64_t)length,
        .mtime = {.tv_sec = when / CLOCK_SECOND},
    };

    pax_write(&header, &entry);
    put(packer, header.data, header.length, Z_NO_FLUSH);
    put(packer, text, length, Z_NO_FLUSH);
    put(packer, zeros, pax_padding(entry.size), Z_NO_FLUSH);
}

static void add_texts(struct packer *packer, json_object *sample, int64_t when)
{
    static const struct {
        const char *name, *member;
        bool always;
    } files[] = {
        {"problem_statement.md", "problem_statement", true},
        {"hints.md", "hints_text", false},
        {"patch.diff", "patch", true},
        {"test_patch.diff", "test_patch", true},
        {"non_code_patch.diff", "non_code_patch", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        json_object *text = json_object_object_get(sample, files[i].member);
        size_t length = text ? (size_t)json_object_get_string_len(text) : 0;

        if (files[i].always || length > 0)
            add_file(packer, files[i].name, length > 0 ? json_object_get_string(text) : "", length,
                     when);
    }
}

static void end(struct packer *packer)
{
    _cleanup_(buf_release) struct buf trailer = BUF_INIT;

    pax_write_end(&trailer);
    put(packer, trailer.data, trailer.length, Z_FINISH);
    deflateEnd(&packer->stream);
}

void sample_archive_etag(const struct buf *json, char etag[SAMPLE_ARCHIVE_ETAG_SIZE])
{
    struct sha256_sum *sum = sha256_begin();

    sha256_add(sum, FORM, sizeof(FORM));
    sha256_add(sum, zlibVersion(), strlen(zlibVersion()) + 1);
    sha256_add(sum, json->data, json->length);
    etag[0] = '"';
    sha256_end_hex(sum, etag + 1);
    sha256_free(sum);
    memcpy(etag + 1 + 2 * SHA256_SIZE, "\"", 2);
}

int sample_archive(const struct buf *json, struct buf *archive, struct error *err)
{
    _cleanup_(json_release) json_object *sample = NULL;
    struct error why = ERROR_INIT;
    struct packer packer;
    const char *created_at;
    int64_t when = 0;

    if (json_parse(json->data, json->length, &sample, NULL, &why) < 0)
        return error_set(err, ERROR_INTERNAL, NULL, "a sample's stored JSON: %s", why.message);
    created_at = json_get_text(sample, "created_at");
    if (created_at && clock_parse(created_at, &when) < 0)
        return error_set(err, ERROR_INTERNAL, NULL, "a sample's stored created_at is no time");
    begin(&packer, archive);
    add_file(&packer, "sample.json", json->data, json->length, when);
    add_texts(&packer, sample, when);
    end(&packer);
    return 0;
}
