/* How long a request is held, gzip streams, JSON as it is rendered, and kept pages. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "http/answer.h"
#include "http/codes.h"
#include "http/gzip.h"
#include "http/prefer.h"
#include "http/render.h"
#include "http/request.h"
#include "routes/pages.h"
#include "store/samples.h"
#include "unit.h"

#include "base/banned.h"

/* --- holds ----------------------------------------------------------------------------------- */

static void prefer_is_read_as_rfc_7240_has_it(void)
{
    static const struct {
        const char *header;
        int seconds;
    } cases[] = {
        {NULL, -1},
        {"", -1},
        {"wait=10", 10},
        {"Wait = 10", 10},
        {"wait=\"10\"", 10},
        {"respond-async, wait=5", 5},
        {"respond-async;x=\"a,wait=9\", wait=5;y", 5},
        {"foo=\"wait=3\\\", wait=4\", wait=0", 0},
        {"wait=0, wait=7", 0},
        {"wait=61", 60},
        {"wait=99999999999999999999", 60},
        {"wait=-1", -1},
        {"wait=abc, wait=7", 7},
        {"wait=5s", -1},
        {"wait", -1},
        {"wait=", -1},
        {"wait=\"5", -1},
        {"waiting=5", -1},
        {"return=minimal", -1},
        {",,,", -1},
        {"wait=5 ; q", 5},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        CU_ASSERT_EQUAL(prefer_wait(cases[i].header), cases[i].seconds);
}

static void a_hold_is_short_at_first_then_long(void)
{
    int64_t now = 1000 * CLOCK_SECOND;

    CU_ASSERT_EQUAL(hold_ms(-1, -1, now, now), 1000);
    CU_ASSERT_EQUAL(hold_ms(-1, -1, now + CLOCK_SECOND, now), 1000);
    CU_ASSERT_EQUAL(hold_ms(-1, -1, now - CLOCK_SECOND + 1000, now), 1000);
    CU_ASSERT_EQUAL(hold_ms(-1, -1, now - CLOCK_SECOND, now), 25000);
    CU_ASSERT_EQUAL(hold_ms(-1, -1, 0, now), 25000);
    CU_ASSERT_EQUAL(hold_ms(0, 25, 0, now), 0);
    CU_ASSERT_EQUAL(hold_ms(60, 25, now, now), 60000);
    CU_ASSERT_EQUAL(hold_ms(-1, 25, now, now), 25000);
    CU_ASSERT_EQUAL(hold_ms(-1, 0, now, now), 0);
}

/* --- gzip ------------------------------------------------------------------------------------ */

static void add(struct gzip *gzip, struct buf *plain, const char *text, size_t length)
{
    _cleanup_(buf_release) struct buf piece = BUF_INIT;
    uint32_t sum;

    sample_deflate(text, length, &piece, &sum);
    gzip_add(gzip, piece.data, piece.length, (uint32_t)length, sum);
    buf_add(plain, text, length);
}

static void pieces_make_a_gzip_stream(void)
{
    _cleanup_(buf_release) struct buf stream = BUF_INIT, plain = BUF_INIT, long_text = BUF_INIT;
    _cleanup_(free_ptr) char *out = NULL;
    z_stream reader = {0};
    struct gzip gzip;

    for (int i = 0; i < 5000; i++)
        buf_addf(&long_text, "line %d of a long text\n", i);
    gzip_begin(&gzip, &stream);
    add(&gzip, &plain, "{\"samples\":[", 12);
    add(&gzip, &plain, long_text.data, long_text.length);
    add(&gzip, &plain, ",", 1);
    add(&gzip, &plain, long_text.data, long_text.length);
    add(&gzip, &plain, "", 0);
    add(&gzip, &plain, "]}", 2);
    gzip_end(&gzip);
    out = xmalloc(plain.length + 1);
    reader.next_in = (unsigned char *)stream.data;
    reader.avail_in = (unsigned)stream.length;
    reader.next_out = (unsigned char *)out;
    reader.avail_out = (unsigned)plain.length + 1;
    CU_ASSERT_EQUAL(inflateInit2(&reader, 16 + MAX_WBITS), Z_OK);
    /* Z_STREAM_END: the trailer's sum and length were right. */
    CU_ASSERT_EQUAL(inflate(&reader, Z_FINISH), Z_STREAM_END);
    CU_ASSERT_EQUAL(reader.avail_in, 0);
    CU_ASSERT_EQUAL(reader.total_out, plain.length);
    CU_ASSERT_EQUAL(memcmp(out, plain.data, plain.length), 0);
    inflateEnd(&reader);
}

static void gzip_is_used_where_it_is_accepted(void)
{
    static const struct {
        const char *header;
        bool accepted;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"deflate, gzip;q=0.5", true},
        {"br;q=1, x-gzip", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000, *", false},
        {"*", true},
        {"*;q=0", false},
        {"identity", false},
        {"gzippy", false},
        {"gzip;q=0, deflate;q=1", false},
        {"deflate;q=0, gzip", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        CU_ASSERT_EQUAL(gzip_accepted(cases[i].header), cases[i].accepted);
}

static void json_is_rendered_with_its_commas(void)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    render_open(&out, NULL, '{');
    render_text(&out, "a", "x\"{\n");
    render_text(&out, "b", NULL);
    render_open(&out, "c", '[');
    render_int(&out, NULL, INT64_MIN);
    render_bool(&out, NULL, true);
    render_open(&out, NULL, '{');
    render_close(&out, '}');
    render_double(&out, NULL, 1.25);
    render_close(&out, ']');
    render_time(&out, "d", 1);
    render_bytes(&out, "e", "\0\xff", 2);
    render_close(&out, '}');
    CU_ASSERT_STRING_EQUAL(out.data,
                           "{\"a\":\"x\\\"{\\n\",\"b\":null,"
                           "\"c\":[-9223372036854775808,true,{},1.250],"
                           "\"d\":\"1970-01-01T00:00:00.000001Z\",\"e\":\"\\u0000\xef\xbf\xbd\"}");
}

/* --- kept pages ------------------------------------------------------------------------------ */

static char folder[] = "/tmp/codeset-pages-XXXXXX";

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/codeset-pages-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL(mkdtemp(folder));
}

static void clear_folder(void)
{
    struct error err;

    CU_ASSERT_EQUAL(remove_tree(folder, &err), 0);
}

static bool keep(const struct page_name *name, size_t size)
{
    _cleanup_(buf_release) struct buf body = BUF_INIT;

    while (body.length < size)
        buf_add_str(&body, "0123456789abcdef");
    return page_keep(folder, name, &body, true);
}

static void a_page_is_kept_by_question_and_stamp(void)
{
    struct page_name one = page_name("1", "a"), other = page_name("2", "a"),
                     third = page_name("1", "b"), fourth = page_name("11", "a");

    make_folder();
    CU_ASSERT_FALSE(page_find(folder, &one));
    CU_ASSERT_TRUE(keep(&one, PAGE_BYTES_LEAST));
    CU_ASSERT_TRUE(page_find(folder, &one));
    CU_ASSERT_FALSE(page_find(folder, &other));
    CU_ASSERT_FALSE(page_find(folder, &third));
    CU_ASSERT_FALSE(page_find(folder, &fourth));
    CU_ASSERT_FALSE(keep(&other, PAGE_BYTES_LEAST - 16));
    CU_ASSERT_FALSE(page_find(folder, &other));
    clear_folder();
    CU_ASSERT_FALSE(keep(&one, PAGE_BYTES_LEAST));
    CU_ASSERT_FALSE(page_find(folder, &one));
}

static void make_idle(const struct page_name *name, time_t seconds)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", folder, name->text);
    struct timespec then = {.tv_sec = time(NULL) - seconds};
    struct timespec times[2] = {then, then};

    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void pages_are_bounded_and_idle_ones_make_room(void)
{
    struct page_name names[PAGES_MOST + 1];
    char question[16];

    make_folder();
    for (int i = 0; i <= PAGES_MOST; i++) {
        snprintf(question, sizeof(question), "%d", i);
        names[i] = page_name("1", question);
        CU_ASSERT_EQUAL(keep(&names[i], PAGE_BYTES_LEAST), i < PAGES_MOST);
    }
    /* One that was asked for again stays, the other goes. */
    make_idle(&names[0], PAGE_IDLE_SECONDS + 5);
    make_idle(&names[1], PAGE_IDLE_SECONDS + 5);
    CU_ASSERT_TRUE(page_find(folder, &names[0]));
    CU_ASSERT_TRUE(keep(&names[PAGES_MOST], PAGE_BYTES_LEAST));
    CU_ASSERT_TRUE(page_find(folder, &names[0]));
    CU_ASSERT_FALSE(page_find(folder, &names[1]));
    clear_folder();
}

static void pages_are_bounded_in_bytes(void)
{
    struct page_name one = page_name("1", "1"), two = page_name("1", "2");

    make_folder();
    CU_ASSERT_TRUE(keep(&one, PAGES_BYTES_MOST / 4 * 3));
    CU_ASSERT_FALSE(keep(&two, PAGES_BYTES_MOST / 4 * 3));
    CU_ASSERT_TRUE(page_find(folder, &one));
    clear_folder();
}

static void strangers_questions_leave_room_for_everybodys(void)
{
    _cleanup_(buf_release) struct buf body = BUF_INIT;
    int kept = 0;

    make_folder();
    while (body.length < PAGE_BYTES_LEAST)
        buf_add_str(&body, "0123456789abcdef");
    for (int i = 0; i < 2 * PAGES_MOST; i++) {
        _cleanup_(free_ptr) char *question = xasprintf("%d", i);
        struct page_name name = page_name("1", question);

        kept += page_keep(folder, &name, &body, false);
    }
    CU_ASSERT_EQUAL(kept, PAGES_MOST / 2);
    for (int i = 0; i < PAGES_MOST / 2; i++) {
        _cleanup_(free_ptr) char *question = xasprintf("often %d", i);
        struct page_name name = page_name("1", question);

        CU_ASSERT_TRUE(keep(&name, PAGE_BYTES_LEAST));
    }
    clear_folder();
}

static void one_worker_at_a_time_has_the_turn(void)
{
    int turn, other;

    make_folder();
    turn = page_turn(folder);
    CU_ASSERT_TRUE(turn >= 0);
    CU_ASSERT_EQUAL(page_turn(folder), -1);
    close_fd(&turn);
    other = page_turn(folder);
    CU_ASSERT_TRUE(other >= 0);
    close_fd(&other);
    clear_folder();
    other = page_turn(folder); /* without a folder everybody has it */
    CU_ASSERT_TRUE(other >= 0);
    close_fd(&other);
}
int main(void)
{
    static const struct unit_test tests[] = {
        {"Prefer is read as RFC 7240 has it", prefer_is_read_as_rfc_7240_has_it},
        {"a hold is short at first, then long", a_hold_is_short_at_first_then_long},
        {"pieces make a gzip stream", pieces_make_a_gzip_stream},
        {"gzip is used where it is accepted", gzip_is_used_where_it_is_accepted},
        {"JSON is rendered with its commas", json_is_rendered_with_its_commas},
        {"a page is kept by question and stamp", a_page_is_kept_by_question_and_stamp},
        {"strangers' questions leave room for everybody's",
         strangers_questions_leave_room_for_everybodys},
        {"one worker at a time has the turn", one_worker_at_a_time_has_the_turn},
        {"pages are bounded, and idle ones make room", pages_are_bounded_and_idle_ones_make_room},
        {"pages are bounded in bytes", pages_are_bounded_in_bytes},
    };

    return UNIT_MAIN("answers", tests);
}
