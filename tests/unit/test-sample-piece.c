/* Unit test of a sample's JSON as it is stored. zlib reads what is written. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/sample_piece.h"
#include "unit.h"

/* The first texts that a generator makes of `kinds` different bytes: the fewer, the smaller they
 * get. */
static void add_text(struct buf *text, size_t length, unsigned kinds, unsigned seed)
{
    for (size_t i = 0; i < length; i++) {
        seed = seed * 1103515245 + 12345;
        buf_add_char(text, (char)(' ' + (seed >> 16) % kinds));
    }
}

/* To its end; the stream's last block comes behind the pieces. */
static void inflate_all(const struct buf *pieces, struct buf *text, size_t expected)
{
    static const char end[] = {3, 0};
    _cleanup_(buf_release) struct buf stream = BUF_INIT;
    z_stream inflater = {0};

    buf_add(&stream, pieces->data, pieces->length);
    buf_add(&stream, end, sizeof(end));
    buf_reserve(text, expected + 1);
    inflater.next_in = (unsigned char *)stream.data;
    inflater.avail_in = (unsigned)stream.length;
    inflater.next_out = (unsigned char *)text->data;
    inflater.avail_out = (unsigned)expected + 1;
    CU_ASSERT_EQUAL_FATAL(inflateInit2(&inflater, -MAX_WBITS), Z_OK);
    CU_ASSERT_EQUAL(inflate(&inflater, Z_FINISH), Z_STREAM_END);
    CU_ASSERT_EQUAL(inflater.avail_in, 0);
    text->length = inflater.total_out;
    inflateEnd(&inflater);
}

/* Appends the piece, and sees that the text comes out of it alone. */
static void add_piece(const struct buf *text, struct buf *pieces)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT, back = BUF_INIT;
    struct error err = ERROR_INIT;
    struct sample_piece piece = {.json_length = (uint32_t)text->length};

    sample_deflate(text->data, text->length, &bytes, &piece.json_crc32);
    CU_ASSERT_EQUAL(piece.json_crc32,
                    crc32(0, (const unsigned char *)text->data, (unsigned)text->length));
    piece.bytes = bytes.data;
    piece.size = bytes.length;
    CU_ASSERT_EQUAL_FATAL(sample_inflate(&piece, &back, &err), 0);
    CU_ASSERT_EQUAL_FATAL(back.length, text->length);
    CU_ASSERT_EQUAL(memcmp(back.data, text->data, text->length), 0);
    buf_add(pieces, bytes.data, bytes.length);
}

/* A block may end with each bit of a byte; 600 of them do. */
static void pieces_behind_one_another_are_one_stream(void)
{
    _cleanup_(buf_release) struct buf pieces = BUF_INIT, plain = BUF_INIT, out = BUF_INIT;

    for (unsigned i = 0; i < 600; i++) {
        _cleanup_(buf_release) struct buf text = BUF_INIT;

        add_text(&text, i * 7, 1 + i % 90, i);
        add_piece(&text, &pieces);
        buf_add(&plain, text.data, text.length);
    }
    inflate_all(&pieces, &out, plain.length);
    CU_ASSERT_EQUAL_FATAL(out.length, plain.length);
    CU_ASSERT_EQUAL(memcmp(out.data, plain.data, plain.length), 0);
}

static void a_text_of_any_length_is_one_of_them(void)
{
    static const size_t lengths[] = {0,     1,     256,   257,    8191,   65534,
                                     65535, 65536, 65537, 300000, 3000000};
    static const unsigned kinds[] = {1, 4, 90};
    _cleanup_(buf_release) struct buf pieces = BUF_INIT, plain = BUF_INIT, out = BUF_INIT;

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            _cleanup_(buf_release) struct buf text = BUF_INIT;

            add_text(&text, lengths[i], kinds[k], (unsigned)i);
            add_piece(&text, &pieces);
            buf_add(&plain, text.data, text.length);
        }
    }
    inflate_all(&pieces, &out, plain.length);
    CU_ASSERT_EQUAL_FATAL(out.length, plain.length);
    CU_ASSERT_EQUAL(memcmp(out.data, plain.data, plain.length), 0);
}

static void a_damaged_piece_is_told(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT, bytes = BUF_INIT, back = BUF_INIT;
    struct sample_piece piece = {.json_length = 5000};

    add_text(&text, 5000, 20, 1);
    sample_deflate(text.data, text.length, &bytes, &piece.json_crc32);
    piece.bytes = bytes.data;
    piece.size = bytes.length;
    for (size_t i = 0; i < 3; i++) {
        struct sample_piece wrong = piece;
        struct error err = ERROR_INIT;

        wrong.json_length += i == 0;
        wrong.json_crc32 += i == 1;
        wrong.size -= i == 2 ? 100 : 0;
        CU_ASSERT_EQUAL(sample_inflate(&wrong, &back, &err), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "damaged"));
        CU_ASSERT_EQUAL(back.length, 0);
    }
}

static void a_text_gets_smaller(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT, bytes = BUF_INIT;
    uint32_t sum;

    add_text(&text, 2000, 4, 1);
    sample_deflate(text.data, text.length, &bytes, &sum);
    CU_ASSERT_TRUE(bytes.length < 700); /* two bits of each byte tell something */
}

static const struct unit_test tests[] = {
    {"pieces behind one another are one stream", pieces_behind_one_another_are_one_stream},
    {"a text of any length is one of them", a_text_of_any_length_is_one_of_them},
    {"a damaged piece is told", a_damaged_piece_is_told},
    {"a text gets smaller", a_text_gets_smaller},
};

int main(void)
{
    return UNIT_MAIN("sample piece", tests);
}
