#include "grade/rehearsal.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "grade/request.h"
#include "grade/result.h"

#include "base/banned.h"

#define BLOCK 512

/* A name in UTF-8, a time with a fraction: what makes libarchive convert and calculate. */
static const char records[] = "17 path=r\xc3\xa9p.xml\n" /* its length counts the whole line */
                              "22 ctime=1700000000.5\n";
static const char report[] = "<testsuite><testcase classname='c' name='a' time='0.5'/><testcase "
                             "name='\xc3\xa9'><failure message='no'/></testcase></testsuite>";

/* One entry of a ustar archive: a header and its content, filled up. */
static void add_entry(struct buf *out, char type, const char *name, const char *content)
{
    unsigned char header[BLOCK] = {0};
    size_t size = strlen(content);
    unsigned sum = 0;

    snprintf((char *)header, 100, "%s", name);
    memcpy(header + 100, "0000644", 7);
    snprintf((char *)header + 124, 12, "%011o", (unsigned)size & 0777777777);
    memcpy(header + 136, "00000000000", 11);
    memset(header + 148, ' ', 8);
    header[156] = (unsigned char)type;
    memcpy(header + 257, "ustar\00000", 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += header[i];
    snprintf((char *)header + 148, 7, "%06o", sum);
    buf_add(out, header, BLOCK);
    buf_add(out, content, size);
    while (out->length % BLOCK != 0)
        buf_add_char(out, '\0');
}

/* What is still to be read. */
struct rest {
    const char *bytes;
    size_t length;
};

static ssize_t read_rest(void *arg, void *bytes, size_t size)
{
    struct rest *rest = arg;

    size = size < rest->length ? size : rest->length;
    memcpy(bytes, rest->bytes, size);
    rest->bytes += size;
    rest->length -= size;
    return (ssize_t)size;
}

static int write_request(struct buf *bytes, struct buf *archive, struct error *err)
{
    const struct grader_request request = {
        .run = {.tool = "test_suite", .seconds = 1.5, .out = "out", .out_length = 3, .err = ""},
        .lists = {.fail_to_pass = "[\"c::a\"]",
                  .pass_to_pass = "[\"\xc3\xa9\"]",
                  .fail_to_fail = "[]",
                  .held_out = "[\"c::a\"]"},
        .since = 1,
    };

    if (grader_request_write(bytes, &request, err) < 0)
        return -1;
    add_entry(archive, 'x', "header", records);
    add_entry(archive, '0', "report.xml", report);
    buf_add(bytes, archive->data, archive->length);
    return 0;
}

int rehearse(struct error *err)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT;
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    _cleanup_(buf_release) struct buf result = BUF_INIT;
    struct rest rest;
    const struct reports_source source = {.read = read_rest, .arg = &rest};
    struct grader_answer answer = {0};
    bool is_right;

    if (write_request(&bytes, &archive, err) < 0)
        return -1;
    rest = (struct rest){.bytes = bytes.data, .length = bytes.length};
    request_answer(&source, &head, &result);
    if (grader_answer_parse(head.data + GRADER_LENGTH_SIZE, head.length - GRADER_LENGTH_SIZE,
                            &answer, err) < 0)
        return -1;
    is_right = answer.error.kind == ERROR_NONE && !answer.success && answer.reason &&
               strstr(answer.reason, "pass_to_pass: 1 of 1");
    if (!is_right)
        error_set(err, ERROR_INTERNAL, NULL, "the self-test's verdict is wrong: %s",
                  answer.error.kind != ERROR_NONE ? answer.error.message : answer.reason);
    grader_answer_release(&answer);
    return is_right ? 0 : -1;
}

/* --- a result -------------------------------------------------------------------------------- */

static const char result_records[] = "15 path=a/r\xc3\xa9p\n"
                                     "22 mtime=1700000000.5\n";

static int drop(void *arg, const void *bytes, size_t length, struct error *err)
{
    (void)arg;
    (void)bytes;
    (void)length;
    (void)err;
    return 0;
}

/* Appends the bytes as gzip gives them. */
static void add_gzip(struct buf *out, const struct buf *bytes)
{
    unsigned char packed[4096];
    z_stream stream = {.next_in = (unsigned char *)bytes->data,
                       .avail_in = (unsigned)bytes->length,
                       .next_out = packed,
                       .avail_out = sizeof(packed)};

    if (deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END)
        buf_add(out, packed, sizeof(packed) - stream.avail_out);
    deflateEnd(&stream);
}

int rehearse_result(struct error *err)
{
    static const char end[2 * BLOCK];
    static const struct result_limits limits = {.packed = 4096, .unpacked = 4096, .entries = 8};
    _cleanup_(buf_release) struct buf archive = BUF_INIT;
    _cleanup_(buf_release) struct buf packed = BUF_INIT;
    struct rest rest;
    const struct reports_source source = {.read = read_rest, .arg = &rest};
    const struct result_sink sink = {.write = drop};
    struct result_parts parts;
    int64_t bytes;

    add_entry(&archive, 'x', "header", result_records);
    add_entry(&archive, '0', "a/b", "content");
    buf_add(&archive, end, sizeof(end));
    add_gzip(&packed, &archive);
    rest = (struct rest){.bytes = packed.data, .length = packed.length};
    if (result_pack(&source, &limits, &sink, &parts, &bytes, err) < 0)
        return -1;
    if (parts.count == 2 && strcmp(parts.parts[0].name, "a") == 0)
        return 0;
    return error_set(err, ERROR_INTERNAL, "RESULT_FAILED", "the self-test's parts are wrong");
}
