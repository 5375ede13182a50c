#include "store/sample_piece.h"

#include <libdeflate.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define STORED_MOST 256      /* texts up to here are not worth compressing */
#define ONE_BLOCK_MOST 65535 /* libdeflate makes one block of what is not longer, most often */
#define FAST 1               /* libdeflate's level; smaller than zlib's 6 for texts this short */

/* An empty stored block: its header is zeros up to the byte boundary. */
static const char empty_block[] = {0, 0, (char)0xff, (char)0xff};

/* A final block with fixed codes that holds nothing but its end (RFC 1951, section 3.2.6). */
static const char last_block[] = {0x03, 0x00};

/* --- a thread's own -------------------------------------------------------------------------- */

struct tools {
    struct libdeflate_compressor *compressor;
    struct libdeflate_decompressor *decompressor;
    struct buf scratch;
};

static pthread_key_t tools_key;

static void free_tools(void *arg)
{
    struct tools *tools = arg;

    libdeflate_free_compressor(tools->compressor);
    libdeflate_free_decompressor(tools->decompressor);
    buf_release(&tools->scratch);
    free(tools);
}

/* Of the thread that ends the process: no destructor is called for it. */
static void free_own_tools(void)
{
    struct tools *tools = pthread_getspecific(tools_key);

    if (tools && pthread_setspecific(tools_key, NULL) == 0)
        free_tools(tools);
}

static void make_key(void)
{
    if (pthread_key_create(&tools_key, free_tools) != 0 || atexit(free_own_tools) != 0)
        abort(); /* no memory */
}

static struct tools *own_tools(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tools *tools;

    pthread_once(&once, make_key);
    tools = pthread_getspecific(tools_key);
    if (tools)
        return tools;
    tools = xcalloc(1, sizeof(*tools));
    *tools = (struct tools){.compressor = libdeflate_alloc_compressor(FAST),
                            .decompressor = libdeflate_alloc_decompressor(),
                            .scratch = BUF_INIT};
    if (!tools->compressor || !tools->decompressor || pthread_setspecific(tools_key, tools) != 0)
        abort(); /* no memory */
    return tools;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Is stream, to its last byte, what length bytes were made to? They go to `text`. */
static bool inflates(struct tools *tools, const struct buf *stream, size_t length, char *text)
{
    size_t read, written;

    return libdeflate_deflate_decompress_ex(tools->decompressor, stream->data, stream->length, text,
                                            length, &read, &written) == LIBDEFLATE_SUCCESS &&
           read == stream->length && written == length;
}

int sample_inflate(const struct sample_piece *piece, struct buf *text, struct error *err)
{
    struct tools *tools = own_tools();
    struct buf *stream = &tools->scratch;
    char *to;

    buf_clear(stream);
    buf_add(stream, piece->bytes, piece->size);
    buf_add(stream, last_block, sizeof(last_block));
    buf_reserve(text, piece->json_length);
    to = text->data + text->length;
    if (!inflates(tools, stream, piece->json_length, to) ||
        libdeflate_crc32(0, to, piece->json_length) != piece->json_crc32)
        return error_set(err, ERROR_INTERNAL, NULL, "a sample's stored JSON is damaged");
    text->length += piece->json_length;
    text->data[text->length] = '\0';
    return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

/* A stored block (RFC 1951, section 3.2.4): not the last one, then padding to the byte boundary,
 * the length, its complement, the bytes. */
static void add_stored(const char *text, uint16_t length, struct buf *out)
{
    uint16_t complement = (uint16_t)~length;

    buf_add_char(out, 0);
    buf_add_char(out, (char)(length & 0xff));
    buf_add_char(out, (char)(length >> 8));
    buf_add_char(out, (char)(complement & 0xff));
    buf_add_char(out, (char)(complement >> 8));
    buf_add(out, text, length);
}

/* Ends the one block of `stream` with an empty one that reaches to a byte boundary, and tries
 * whether the text comes out again. */
static bool end_block(struct tools *tools, struct buf *stream, bool in_next_byte, const char *text,
                      size_t length)
{
    _cleanup_(free_ptr) char *back = xmalloc(length);

    if (in_next_byte)
        buf_add_char(stream, 0);
    buf_add(stream, empty_block, sizeof(empty_block));
    buf_add(stream, last_block, sizeof(last_block));
    if (!inflates(tools, stream, length, back) || memcmp(back, text, length) != 0)
        return false;
    buf_truncate(stream, stream->length - sizeof(last_block));
    return true;
}

/*
 * libdeflate only makes whole streams, whose last block is marked by its first bit. Where that is
 * the only block, it is so no more when the bit is gone. It does not tell with which bit the block
 * ends: an empty block's header of three zeros fits into what is left of the last byte, or it
 * doesn't. So both are tried, the likelier one first.
 */
static bool deflate_one_block(struct tools *tools, const char *text, size_t length,
                              struct buf *ret_piece)
{
    struct buf *stream = &tools->scratch;
    bool is_tight;
    size_t size;

    if (length > ONE_BLOCK_MOST)
        return false;
    buf_clear(stream);
    buf_reserve(stream, libdeflate_deflate_compress_bound(tools->compressor, length));
    size = libdeflate_deflate_compress(tools->compressor, text, length, stream->data,
                                       stream->capacity - 1);
    if (size == 0)
        return false;
    stream->data[0] &= ~1;
    is_tight = (stream->data[size - 1] & 0xe0) != 0;
    for (int tries = 0; tries < 2; tries++, is_tight = !is_tight) {
        stream->length = size;
        if (end_block(tools, stream, is_tight, text, length)) {
            buf_add(ret_piece, stream->data, stream->length);
            return true;
        }
    }
    return false;
}

static void deflate_long(const char *text, size_t length, struct buf *ret_piece)
{
    z_stream stream = {0};
    size_t bound;

    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort();                                /* no memory */
    bound = deflateBound(&stream, length) + 16; /* and the empty block of the flush */
    buf_reserve(ret_piece, bound);
    stream.next_in = (unsigned char *)(uintptr_t)text;
    stream.avail_in = (unsigned)length;
    stream.next_out = (unsigned char *)ret_piece->data + ret_piece->length;
    stream.avail_out = (unsigned)bound;
    if (deflate(&stream, Z_FULL_FLUSH) != Z_OK || stream.avail_in > 0 || stream.avail_out == 0)
        abort(); /* deflateBound promised that it fits */
    ret_piece->length += stream.total_out;
    ret_piece->data[ret_piece->length] = '\0';
    deflateEnd(&stream);
}

void sample_deflate(const char *text, size_t length, struct buf *ret_piece, uint32_t *ret_crc32)
{
    *ret_crc32 = libdeflate_crc32(0, text, length);
    if (length <= STORED_MOST)
        add_stored(text, (uint16_t)length, ret_piece);
    else if (!deflate_one_block(own_tools(), text, length, ret_piece))
        deflate_long(text, length, ret_piece);
}
