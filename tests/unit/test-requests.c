/*
 * What goes in and out of a grader.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "grade/rehearsal.h"
#include "grade/reports.h"
#include "grade/request.h"
#include "report-archive.h"
#include "unit.h"
#include "wire/suite_result.h"

#include "base/banned.h"

#define NOW (INT64_C(1700000000) * CLOCK_SECOND)

/* --- what goes in and out of a grader -------------------------------------------------------- */

struct memory {
    const char *bytes;
    size_t length;
};

static ssize_t read_memory(void *arg, void *bytes, size_t size)
{
    struct memory *memory = arg;

    size = size < memory->length ? size : memory->length;
    size = size < 7 ? size : 7; /* in small pieces */
    memcpy(bytes, memory->bytes, size);
    memory->bytes += size;
    memory->length -= size;
    return (ssize_t)size;
}

static struct grader_answer answer_to(const char *bytes, size_t length)
{
    struct memory memory = {.bytes = bytes, .length = length};
    const struct reports_source source = {.read = read_memory, .arg = &memory};
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    _cleanup_(buf_release) struct buf result = BUF_INIT;
    struct grader_answer answer;
    struct error err = ERROR_INIT;

    request_answer(&source, &head, &result);
    CU_ASSERT_EQUAL(grader_head_length(head.data), (int64_t)(head.length - GRADER_LENGTH_SIZE));
    CU_ASSERT_EQUAL_FATAL(grader_answer_parse(head.data + GRADER_LENGTH_SIZE,
                                              head.length - GRADER_LENGTH_SIZE, &answer, &err),
                          0);
    CU_ASSERT_EQUAL(answer.length, (int64_t)result.length);
    return answer;
}

/* A request with the archive of one file. */
static void write_request(struct buf *out, const char *content)
{
    const struct grader_request request = {
        .run = {.tool = "test_suite",
                .timeout = 9,
                .out = "a\0b",
                .out_length = 3,
                .err = "e",
                .err_length = 1},
        .lists = {"[\"c::a\"]", "[]", "[]"},
        .since = NOW,
    };
    _cleanup_(close_fd) int fd = archive_of(NOW, content);
    struct error err = ERROR_INIT;
    char block[4096];
    ssize_t got;

    CU_ASSERT_EQUAL_FATAL(grader_request_write(out, &request, &err), 0);
    CU_ASSERT_EQUAL_FATAL(lseek(fd, 0, SEEK_SET), 0);
    while ((got = read(fd, block, sizeof(block))) > 0)
        buf_add(out, block, (size_t)got);
}

static void a_request_is_answered_with_a_verdict(void)
{
    _cleanup_(buf_release) struct buf passes = BUF_INIT;
    _cleanup_(buf_release) struct buf fails = BUF_INIT;
    struct grader_answer answer;

    write_request(&passes, REPORT_PASSES);
    answer = answer_to(passes.data, passes.length);
    CU_ASSERT_EQUAL(answer.error.kind, ERROR_NONE);
    CU_ASSERT(answer.success);
    CU_ASSERT_PTR_NULL(answer.reason);
    grader_answer_release(&answer);
    write_request(&fails, REPORT_FAILS);
    answer = answer_to(fails.data, fails.length);
    CU_ASSERT_EQUAL(answer.error.kind, ERROR_NONE);
    CU_ASSERT_FALSE(answer.success);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer.reason);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.reason, "c::a (failed)"));
    grader_answer_release(&answer);
}

static void a_request_that_was_cut_off_is_no_verdict(void)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    size_t content;

    write_request(&bytes, REPORT_PASSES);
    content = (size_t)((char *)memmem(bytes.data, bytes.length, REPORT_PASSES, 20) - bytes.data);
    for (size_t length = 0; length < content + strlen(REPORT_PASSES); length++) {
        struct grader_answer answer = answer_to(bytes.data, length);

        if (answer.error.kind == ERROR_NONE)
            CU_FAIL("a verdict on what was cut off");
        grader_answer_release(&answer);
    }
}

static void a_request_s_head_is_checked(void)
{
    static const char good[] =
        "{\"tool\":\"test_suite\",\"exit_status\":0,\"timed_out\":false,\"out_of_memory\":false,"
        "\"seconds\":1.5,\"timeout\":9,\"since\":1,\"log_parser\":\"go\",\"hide_output\":true,"
        "\"hide_lists\":false,\"told\":3,\"exact_outcomes\":true,"
        "\"fault\":\"it "
        "hung\",\"fail_to_pass\":2,\"pass_to_pass\":2,"
        "\"fail_to_fail\":2,\"held_out\":2,\"stdout\":3,\"stderr\":0}";
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"\"test_suite\"", "7"},
        {"\"test_suite\"", "\"a\\u0000b\""},
        {":0,", ":\"0\","},
        {":0,", ":99999999999,"},
        {"false", "0"},
        {"1.5", "-1.5"},
        {"1.5", "1e400"},
        {"\"stdout\":3", "\"stdout\":-1"},
        {"\"stdout\":3", "\"stdout\":99999999"},
        {"\"stdout\":3", "\"stdout\":2"},
        {"\"told\":3,", ""},
        {"\"exact_outcomes\":true,", ""},
        {"\"since\":1,", ""},
        {"\"log_parser\":\"go\",", ""},
        {"\"hide_output\":true,", ""},
        {"\"hide_lists\":false,", ""},
        {"\"held_out\":2,", ""},
        {"\"it hung\"", "null"},
        {"{", "{\"more\":1,"},
        {"{", "["},
        {"9", "9.5"},
    };
    int64_t lengths[GRADER_TEXTS];
    struct grader_request request;
    struct error err = ERROR_INIT;
    char *tool = NULL, *fault = NULL, *parser = NULL;

    CU_ASSERT_EQUAL(
        grader_request_parse(good, strlen(good), &request, lengths, &tool, &fault, &parser, &err),
        0);
    CU_ASSERT_STRING_EQUAL(request.fault, "it hung");
    CU_ASSERT_EQUAL(request.run.timeout, 9);
    CU_ASSERT_EQUAL(lengths[1], 2);
    free(tool);
    free(fault);
    free(parser);
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        _cleanup_(buf_release) struct buf bad = BUF_INIT;
        const char *at = strstr(good, changes[i].from);

        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        buf_add(&bad, good, (size_t)(at - good));
        buf_add_str(&bad, changes[i].to);
        buf_add_str(&bad, at + strlen(changes[i].from));
        if (grader_request_parse(bad.data, bad.length, &request, lengths, &tool, &fault, &parser,
                                 &err) == 0)
            CU_FAIL(changes[i].to);
    }
    CU_ASSERT_EQUAL(grader_head_length("\0\0\x80\0"), GRADER_HEAD_MAX);
    CU_ASSERT_EQUAL(grader_head_length("\0\0\x80\1"), -1);
    CU_ASSERT_EQUAL(grader_head_length("\xff\xff\xff\xff"), -1);
}

static void an_answer_s_head_is_checked(void)
{
    static const char *const good[] = {
        "{\"success\":true,\"reason\":\"\",\"length\":9}",
        "{\"success\":false,\"reason\":\"x\",\"length\":0}",
        "{\"code\":\"REPORT_STALE\",\"message\":\"m\"}",
    };
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"success\":true}",
        "{\"success\":true,\"reason\":\"x\",\"length\":9}",
        "{\"success\":false,\"reason\":\"\",\"length\":9}",
        "{\"success\":1,\"reason\":\"\",\"length\":9}",
        "{\"success\":true,\"reason\":null,\"length\":9}",
        "{\"success\":true,\"reason\":\"\",\"length\":-1}",
        "{\"success\":true,\"reason\":\"\",\"length\":33554433}",
        "{\"success\":true,\"reason\":\"\",\"length\":9,\"more\":1}",
        "{\"success\":true,\"reason\":\"\",\"length\":9} ,",
        "{\"code\":\"REPORT_STALE\"}",
        "{\"code\":\"REPORT_STALE\",\"message\":7}",
        "{\"code\":\"HOST_FULL\",\"message\":\"m\"}",
        "{\"code\":\"REPORT_STALE\",\"message\":\"m\",\"success\":true}",
        "{\"code\":\"REPORT_STALE\",\"message\":\"\xff\"}",
        "{\"code\":\"REPORT_STALE\\u0000\",\"message\":\"m\"}",
    };
    struct grader_answer answer;
    struct error err = ERROR_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        CU_ASSERT_EQUAL(grader_answer_parse(good[i], strlen(good[i]), &answer, &err), 0);
        grader_answer_release(&answer);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (grader_answer_parse(bad[i], strlen(bad[i]), &answer, &err) == 0)
            CU_FAIL(bad[i]);
    }
}

/* What a guest wrote goes into reasons; of it the head takes any. */
static void a_reason_of_any_bytes_can_be_told(void)
{
    char reason[6000];
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    struct grader_answer answer;
    struct error err = ERROR_INIT;

    for (int byte = 1; byte < 256; byte++) {
        memset(reason, byte, sizeof(reason) - 1);
        reason[sizeof(reason) - 1] = '\0';
        buf_clear(&out);
        grader_answer_write_verdict(&out, false, reason, 0);
        CU_ASSERT(grader_head_length(out.data) > 0);
        CU_ASSERT_EQUAL(grader_answer_parse(out.data + GRADER_LENGTH_SIZE,
                                            out.length - GRADER_LENGTH_SIZE, &answer, &err),
                        0);
        grader_answer_release(&answer);
        error_set(&err, ERROR_INVALID, "REPORT_UNREADABLE", "%s", reason);
        buf_clear(&out);
        grader_answer_write_error(&out, &err);
        CU_ASSERT_EQUAL(grader_answer_parse(out.data + GRADER_LENGTH_SIZE,
                                            out.length - GRADER_LENGTH_SIZE, &answer, &err),
                        0);
        CU_ASSERT_STRING_EQUAL(answer.error.code, "REPORT_UNREADABLE");
        grader_answer_release(&answer);
    }
}

#define RESULT_HEAD                                                                                \
    "{\"tool\":\"test_suite\",\"is_success\":true,\"execution_duration_seconds\":1.500,"
#define RESULT                                                                                     \
    RESULT_HEAD                                                                                    \
    "\"total\":3,\"passed\":2,\"failed\":0,\"skipped\":1,\"passes\":[{\"name\":\"a\","             \
    "\"classname\":\"\xc3\xa9\",\"time\":0.000},{\"name\":\"b\",\"classname\":\"\","               \
    "\"time\":12.345}],\"failures\":[],\"skips\":[{\"name\":\"\\u0001\\n\","                       \
    "\"classname\":\"\",\"time\":0.000,\"message\":\"m\"}],\"stdout\":\"\",\"stderr\":"            \
    "\"x\"}"

static bool is_result(const char *text, size_t length, size_t piece)
{
    struct suite_check check;

    suite_check_init(&check);
    for (size_t at = 0; at < length; at += piece)
        if (suite_check_feed(&check, text + at, piece < length - at ? piece : length - at) < 0)
            return false;
    return suite_check_end(&check);
}

static void a_result_is_taken_in_pieces_of_any_size(void)
{
    for (size_t piece = 1; piece <= strlen(RESULT); piece++)
        CU_ASSERT(is_result(RESULT, strlen(RESULT), piece));
    for (size_t length = 0; length < strlen(RESULT); length++)
        CU_ASSERT_FALSE(is_result(RESULT, length, length + 1));
    CU_ASSERT_FALSE(is_result(RESULT "}", strlen(RESULT) + 1, 9));
    CU_ASSERT_FALSE(is_result(RESULT "\0", strlen(RESULT) + 1, 9));
}

static void a_result_may_count_what_it_does_not_show(void)
{
    static const char shown[] = RESULT_HEAD
        "\"total\":3,\"passed\":2,\"failed\":1,\"skipped\":0,\"passes\":[{\"name\":\"a\","
        "\"classname\":\"\",\"time\":0.000}],\"failures\":[],\"skips\":[],\"stdout\":\"\","
        "\"stderr\":\"\"}";

    CU_ASSERT_TRUE(is_result(shown, strlen(shown), 7));
}

static void a_result_of_another_shape_is_refused(void)
{
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"test_suite", "linter"},
        {":true", ":1"},
        {":true", ":null"},
        {":true", ":tru"},
        {"1.500", "1.5"},
        {"1.500", "1.5000"},
        {"1.500", "-1.500"},
        {"1.500", ".500"},
        {"1.500", "01.500"},
        {"1.500", "1e9"},
        {"1.500", "\"1\""},
        {"\"total\":3", "\"total\":4"},
        {"\"total\":3", "\"total\":3.0"},
        {"\"total\":3", "\"total\":9999999999999999999"},
        {"\"passed\":2", "\"passed\":1"},
        {"\"failed\":0", "\"failed\":1"},
        {"\"skipped\":1,", ""},
        {"},{", "}{"},
        {"},{", "},,{"},
        {"[]", "[{}]"},
        {"[]", "[,]"},
        {"[]", "null"},
        {"\xc3\xa9", "\xc3"},
        {"\xc3\xa9", "\xa9"},
        {"\xc3\xa9", "\xc0\x80"},
        {"\xc3\xa9", "\xed\xa0\x80"},
        {"\xc3\xa9", "\xf4\x90\x80\x80"},
        {"\xc3\xa9", "\xe0\x80\x80"},
        {"\xc3\xa9", "\xff"},
        {"\xc3\xa9", "\n"},
        {"\\u0001", "\\ud800"},
        {"\\u0001", "\\u00"},
        {"\\n", "\\x"},
        {",\"message\":\"m\"", ""},
        {"\"time\":0.000}", "\"time\":0.000,\"message\":\"\"}"},
        {"{", " {"},
        {"\"stderr\":\"x\"", "\"stderr\":\"x\",\"more\":1"},
        {"\"stderr\":\"x\"", "\"stderr\":null"},
    };
    static const char result[] = RESULT;
    static const char *const characters[] = {
        "\xc2\x80",         "\xe0\xa0\x80",     "\xed\x9f\xbf", "\xef\xbf\xbd",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\x7f",         "/"};

    for (size_t i = 0; i < ARRAY_SIZE(changes) + ARRAY_SIZE(characters); i++) {
        bool good = i >= ARRAY_SIZE(changes);
        const char *from = good ? "\xc3\xa9" : changes[i].from;
        const char *to = good ? characters[i - ARRAY_SIZE(changes)] : changes[i].to;
        const char *at = strstr(result, from);
        _cleanup_(buf_release) struct buf text = BUF_INIT;

        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        buf_add(&text, result, (size_t)(at - result));
        buf_add_str(&text, to);
        buf_add_str(&text, at + strlen(from));
        if (is_result(text.data, text.length, 5) != good)
            CU_FAIL(to);
    }
}

static void a_grader_rehearses(void)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(rehearse(&err), 0);
}

static const struct unit_test tests[] = {
    {"a request is answered with a verdict", a_request_is_answered_with_a_verdict},
    {"a request that was cut off is no verdict", a_request_that_was_cut_off_is_no_verdict},
    {"a request's head is checked", a_request_s_head_is_checked},
    {"an answer's head is checked", an_answer_s_head_is_checked},
    {"a reason of any bytes can be told", a_reason_of_any_bytes_can_be_told},
    {"a result is taken in pieces of any size", a_result_is_taken_in_pieces_of_any_size},
    {"a result may count what it does not show", a_result_may_count_what_it_does_not_show},
    {"a result of another shape is refused", a_result_of_another_shape_is_refused},
    {"a grader rehearses", a_grader_rehearses},
};

int main(void)
{
    return UNIT_MAIN("requests", tests);
}
