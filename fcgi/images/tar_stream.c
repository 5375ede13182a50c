#include "images/tar_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "images/decoder.h"

#include "base/banned.h"

#define BLOCK (256 << 10)
/* Of the headers of one entry: libarchive keeps a list of a sparse file's pieces, however long, and
 * goes one call deeper for each extended header before it. */
#define HEADERS_MOST (2 << 20)

struct tar_stream {
    struct archive *archive;
    struct decoder decoder;
    struct sha256_sum *sum; /* NULL: nobody asks for it */
    struct error error;     /* of the decoder */
    bool in_entry;
    int64_t headers_end; /* where what is a header has to have ended; 0: content is read */
    char block[BLOCK];
};

static la_ssize_t read_block(struct archive *archive, void *arg, const void **ret_block)
{
    struct tar_stream *stream = arg;
    ssize_t got = decoder_read(&stream->decoder, stream->block, BLOCK, &stream->error);

    if (got > 0 && stream->headers_end > 0 && stream->decoder.bytes > stream->headers_end)
        got = error_set(&stream->error, ERROR_INVALID, "IMAGE_REFUSED",
                        "the headers of an entry are larger than %d MiB", HEADERS_MOST >> 20);
    if (got < 0)
        archive_set_error(archive, EIO, "%s", stream->error.message);
    else if (stream->sum)
        sha256_add(stream->sum, stream->block, (size_t)got);
    *ret_block = stream->block;
    return got;
}

/* The decoder's own words, where it is what failed. */
static int failed(struct tar_stream *stream, struct error *err)
{
    const char *text = archive_error_string(stream->archive);

    if (stream->error.kind != ERROR_NONE) {
        *err = stream->error;
        return -1;
    }
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "cannot read it as a tar archive: %s",
                     text ? text : "it is damaged");
}

struct tar_stream *tar_stream_open(int source_fd, int64_t most, bool summed, struct error *err)
{
    struct decoder decoder = DECODER_INIT;
    struct tar_stream *stream;

    if (decoder_open(source_fd, most, &decoder, err) < 0)
        return NULL;
    stream = xcalloc(1, sizeof(*stream));
    stream->decoder = decoder;
    stream->sum = summed ? sha256_begin() : NULL;
    stream->archive = archive_read_new();
    archive_read_support_format_tar(stream->archive);
    archive_read_support_format_gnutar(stream->archive);
    if (archive_read_open(stream->archive, stream, NULL, read_block, NULL) == ARCHIVE_OK)
        return stream;
    failed(stream, err);
    tar_stream_close(stream);
    return NULL;
}

void tar_stream_close(struct tar_stream *stream)
{
    if (stream == NULL)
        return;
    archive_read_free(stream->archive);
    decoder_release(&stream->decoder);
    sha256_free(stream->sum);
    free(stream);
}

int tar_stream_next(struct tar_stream *stream, struct archive_entry **ret_entry, struct error *err)
{
    int rc = stream->in_entry ? archive_read_data_skip(stream->archive) : ARCHIVE_OK;

    stream->in_entry = false;
    if (rc != ARCHIVE_OK && rc != ARCHIVE_EOF && rc != ARCHIVE_WARN)
        return failed(stream, err);
    stream->headers_end = stream->decoder.bytes + HEADERS_MOST;
    rc = archive_read_next_header(stream->archive, ret_entry);
    stream->headers_end = 0;
    if (rc == ARCHIVE_EOF)
        return 0;
    stream->in_entry = rc == ARCHIVE_OK || rc == ARCHIVE_WARN;
    return stream->in_entry ? 1 : failed(stream, err);
}

int tar_stream_block(struct tar_stream *stream, const void **ret_block, size_t *ret_size,
                     int64_t *ret_offset, struct error *err)
{
    la_int64_t offset = 0;
    int rc = archive_read_data_block(stream->archive, ret_block, ret_size, &offset);

    *ret_offset = offset;
    if (rc == ARCHIVE_EOF)
        return 0;
    return rc == ARCHIVE_OK ? 1 : failed(stream, err);
}

int64_t tar_stream_bytes(const struct tar_stream *stream)
{
    return stream->decoder.bytes;
}

int tar_stream_digest(struct tar_stream *stream, char ret_hex[2 * SHA256_SIZE + 1],
                      struct error *err)
{
    ssize_t got;

    while ((got = decoder_read(&stream->decoder, stream->block, BLOCK, err)) > 0)
        sha256_add(stream->sum, stream->block, (size_t)got);
    if (got < 0)
        return -1;
    sha256_end_hex(stream->sum, ret_hex);
    return 0;
}

static char *refuse(struct error *err, const char *path, const char *why)
{
    error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "%.200s: %s", path, why);
    return NULL;
}

char *tar_name(const char *raw, struct error *err)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    if (raw == NULL || strlen(raw) > TAR_NAME_MAX)
        return refuse(err, raw ? raw : "?", "the name is too long or cannot be read");
    if (raw[0] == '/')
        return refuse(err, raw, "the name is absolute");
    while (*raw != '\0') {
        size_t length = strcspn(raw, "/");

        if (length == 2 && raw[0] == '.' && raw[1] == '.')
            return refuse(err, raw, "the name contains '..'");
        if (length > 255)
            return refuse(err, raw, "the name is too long");
        if (length > 0 && !(length == 1 && raw[0] == '.')) {
            if (path.length > 0)
                buf_add_char(&path, '/');
            buf_add(&path, raw, length);
        }
        raw += length + (raw[length] == '/');
    }
    return path.length > 0 ? buf_take(&path) : xstrdup("");
}
