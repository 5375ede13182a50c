/*
 * Archives of reports, and the verdicts that come of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "grade/reports.h"
#include "grade/request.h"
#include "report-archive.h"
#include "unit.h"
#include "wire/suite_result.h"

#include "base/banned.h"

#define NOW (INT64_C(1700000000) * CLOCK_SECOND)

/* --- reports --------------------------------------------------------------------------------- */

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

static ssize_t read_file(void *arg, void *bytes, size_t size)
{
    return read(*(int *)arg, bytes, size);
}

/* From the file's beginning. */
static struct reports_source source_of(int *fd)
{
    CU_ASSERT_EQUAL_FATAL(lseek(*fd, 0, SEEK_SET), 0);
    return (struct reports_source){.read = read_file, .arg = fd};
}

static int read_reports(int fd, struct test_report *report, struct reports_found *found,
                        struct error *err)
{
    struct reports_source source = source_of(&fd);

    return reports_read(&source, NOW, NULL, report, found, err);
}

static void expect_unreadable(int fd, const char *code)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct reports_found found;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(read_reports(fd, report, &found, &err), -1);
    CU_ASSERT(err.code && strcmp(err.code, code) == 0);
}

static void fresh_reports_count_and_stale_ones_do_not(void)
{
    _cleanup_(close_fd) int fd = memory_file();
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct archive *archive = begin_archive(fd);
    struct reports_found found;
    struct error err = ERROR_INIT;

    add_file(archive, "stale.xml", NOW - 1, REPORT_FAILS);
    add_file(archive, "fresh.xml", NOW, REPORT_PASSES);
    add_file(archive, "timeless.xml", 0, REPORT_FAILS);
    add_entry(archive, "folder", AE_IFDIR, NOW, NULL, 0);
    add_entry(archive, "link.xml", AE_IFLNK, NOW, "/etc/passwd", 0);
    end_archive(archive);
    CU_ASSERT_EQUAL(read_reports(fd, report, &found, &err), 0);
    CU_ASSERT_EQUAL(found.fresh, 1);
    CU_ASSERT_EQUAL(found.stale, 2);
    CU_ASSERT_EQUAL(test_report_count(report), 2);
}

static void an_empty_archive_holds_no_report(void)
{
    _cleanup_(close_fd) int fd = memory_file();
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct reports_found found;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(read_reports(fd, report, &found, &err), 0); /* not even an end mark */
    CU_ASSERT_EQUAL(found.fresh + found.stale, 0);
    end_archive(begin_archive(fd));
    CU_ASSERT_EQUAL(read_reports(fd, report, &found, &err), 0);
    CU_ASSERT_EQUAL(found.fresh + found.stale, 0);
}

static void what_is_no_tar_is_unreadable(void)
{
    static const char *const noise[] = {"<testsuite/>", "\x1f\x8b\x08\x00\x00\x00\x00\x00",
                                        "PK\x03\x04 and so on"};
    struct error err = ERROR_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(noise); i++) {
        _cleanup_(close_fd) int fd = memory_file();

        CU_ASSERT_EQUAL(fd_write_all(fd, noise[i], strlen(noise[i]) + 1, &err), 0);
        expect_unreadable(fd, "REPORT_UNREADABLE");
    }
}

static void a_cut_off_archive_is_unreadable(void)
{
    _cleanup_(close_fd) int fd = archive_of(NOW, REPORT_PASSES);
    off_t end = lseek(fd, 0, SEEK_END);

    CU_ASSERT_EQUAL(ftruncate(fd, end - 1024 - 512 + 20), 0); /* within the content */
    expect_unreadable(fd, "REPORT_UNREADABLE");
}

static void a_header_that_lies_about_sizes_is_no_danger(void)
{
    static const char *const sizes[] = {"77777777777", "00000000000", "-1         ",
                                        "\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                                        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        _cleanup_(close_fd) int fd = archive_of(NOW, REPORT_PASSES);
        _cleanup_(report_release) struct test_report *report = test_report_new();
        off_t end = lseek(fd, 0, SEEK_END);
        struct reports_found found;
        struct error err = ERROR_INIT;
        unsigned char *bytes = mmap(NULL, (size_t)end, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        CU_ASSERT_FATAL(bytes != MAP_FAILED);
        /* Each header's size field; the checksum is then wrong or made right. */
        for (off_t at = 0; at + 512 <= end; at += 512) {
            unsigned sum = 0;
            char text[8];

            if (memcmp(bytes + at + 257, "ustar", 5) != 0)
                continue;
            memcpy(bytes + at + 124, sizes[i], 11);
            memset(bytes + at + 148, ' ', 8);
            for (int k = 0; k < 512; k++)
                sum += bytes[at + k];
            snprintf(text, sizeof(text), "%06o", sum & 0777777);
            memcpy(bytes + at + 148, text, 7);
        }
        munmap(bytes, (size_t)end);
        if (read_reports(fd, report, &found, &err) == 0)
            CU_ASSERT_EQUAL(test_report_count(report), 0);
    }
}

static void an_archive_of_too_many_files_is_refused(void)
{
    _cleanup_(close_fd) int fd = memory_file();
    struct archive *archive = begin_archive(fd);

    for (int i = 0; i <= AGENT_REPORTS_MOST; i++)
        add_file(archive, "r.xml", NOW, REPORT_FAILS);
    end_archive(archive);
    expect_unreadable(fd, "REPORT_TOO_LARGE");
}

static void a_report_that_unpacks_to_too_much_is_refused(void)
{
    _cleanup_(close_fd) int fd = memory_file();
    struct archive *archive = begin_archive(fd);
    size_t size = (40u << 20);
    _cleanup_(free_ptr) char *blanks = xmalloc(size);
    static const char root[] = "<testsuite name='s'/>";

    memset(blanks, ' ', size);
    memcpy(blanks, root, sizeof(root) - 1);
    add_entry(archive, "a.xml", AE_IFREG, NOW, blanks, size);
    add_entry(archive, "b.xml", AE_IFREG, NOW, blanks, size);
    end_archive(archive);
    expect_unreadable(fd, "REPORT_TOO_LARGE");
}

/* --- verdicts -------------------------------------------------------------------------------- */

struct verdict {
    int status;
    bool success;
    const char *code;
};

static struct verdict judge(int fd, const struct verifier_run *run, const char *fail_to_pass)
{
    const struct reports_source source = source_of(&fd);
    const struct grader_request request = {
        .run = *run, .lists = {fail_to_pass, "[]", "[]"}, .since = NOW};
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    _cleanup_(free_ptr) char *reason = NULL;
    struct verdict verdict = {0};
    struct error err = ERROR_INIT;

    verdict.status = reports_verdict(&source, &request, &json, &verdict.success, &reason, &err);
    verdict.code = err.code ? err.code : "";
    if (verdict.status == 0) {
        struct suite_check check;

        suite_check_init(&check);
        CU_ASSERT_EQUAL(suite_check_feed(&check, json.data, json.length), 0);
        CU_ASSERT(suite_check_end(&check));
        CU_ASSERT_EQUAL(check.is_success, verdict.success);
        CU_ASSERT_EQUAL(reason == NULL, verdict.success);
    } else {
        CU_ASSERT_EQUAL(json.length, 0);
    }
    return verdict;
}

static struct verifier_run a_run(int status)
{
    return (struct verifier_run){
        .tool = "test_suite", .exit_status = status, .out = "", .err = "", .timeout = 9};
}

static void a_report_decides(void)
{
    _cleanup_(close_fd) int passes = archive_of(NOW, REPORT_PASSES);
    _cleanup_(close_fd) int fails = archive_of(NOW, REPORT_FAILS);
    struct verifier_run run = a_run(1);

    CU_ASSERT(judge(passes, &run, "[\"c::a\"]").success);
    CU_ASSERT_FALSE(judge(passes, &run, "[\"c::missing\"]").success);
    CU_ASSERT_FALSE(judge(fails, &run, "[\"c::a\"]").success);
    CU_ASSERT_EQUAL(judge(fails, &run, "[\"c::a\"]").status, 0);
    CU_ASSERT_FALSE(judge(passes, &run, "[]").success); /* the verifier's own status */
    run.exit_status = 0;
    CU_ASSERT(judge(passes, &run, "[]").success);
}

static void without_a_report_the_platform_can_not_tell(void)
{
    _cleanup_(close_fd) int none = memory_file();
    _cleanup_(close_fd) int stale = archive_of(NOW - 1, REPORT_PASSES);
    _cleanup_(close_fd) int broken = archive_of(NOW, "<testsuite");
    struct verifier_run run = a_run(0);

    CU_ASSERT_STRING_EQUAL(judge(none, &run, "[]").code, "REPORT_MISSING");
    CU_ASSERT_STRING_EQUAL(judge(stale, &run, "[]").code, "REPORT_STALE");
    CU_ASSERT_STRING_EQUAL(judge(broken, &run, "[]").code, "REPORT_UNREADABLE");
    CU_ASSERT_STRING_EQUAL(judge(none, &run, "{").code, "SAMPLE_INVALID");
    CU_ASSERT_STRING_EQUAL(judge(none, &run, "[7]").code, "SAMPLE_INVALID");
}

/* The message of the error that these reports end in. */
static char *complaint(int fd)
{
    struct verifier_run run = a_run(0);
    struct reports_source source = source_of(&fd);
    const struct grader_request request = {.run = run, .lists = {"[]", "[]", "[]"}, .since = NOW};
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    _cleanup_(free_ptr) char *reason = NULL;
    struct error err = ERROR_INIT;
    bool success;

    CU_ASSERT_EQUAL(reports_verdict(&source, &request, &json, &success, &reason, &err), -1);
    return xstrdup(err.message);
}

static void reports_that_do_not_count_are_named(void)
{
    _cleanup_(close_fd) int stale = memory_file(), many = memory_file(), broken = memory_file();
    struct archive *archive = begin_archive(stale);
    _cleanup_(free_ptr) char *of_stale = NULL, *of_many = NULL, *of_broken = NULL;

    add_file(archive, "out/a.xml", NOW - 1, REPORT_PASSES);
    add_file(archive, "out/b.xml", NOW - 1, REPORT_PASSES);
    end_archive(archive);
    of_stale = complaint(stale);
    CU_ASSERT_PTR_NOT_NULL(strstr(of_stale, "older than its run: out/a.xml, out/b.xml"));
    archive = begin_archive(many);
    for (int i = 0; i < 500; i++)
        add_file(archive, "a-name-of-some-length.xml", NOW - 1, "");
    end_archive(archive);
    of_many = complaint(many);
    CU_ASSERT(strlen(of_many) < 400 && strcmp(of_many + strlen(of_many) - 3, "...") == 0);
    archive = begin_archive(broken);
    add_file(archive, "out/broken.xml", NOW, "<testsuite");
    end_archive(archive);
    of_broken = complaint(broken);
    CU_ASSERT_PTR_NOT_NULL(strstr(of_broken, "the report out/broken.xml cannot be read: "));
}

/* What a report lacks may be what failed. */
static void a_report_that_breaks_off_makes_no_success(void)
{
    _cleanup_(close_fd) int passing = memory_file(), failing = memory_file();
    struct archive *archive = begin_archive(passing);
    struct verifier_run run = a_run(0);
    struct verdict verdict;

    add_file(archive, "a.xml", NOW, "<testsuite><testcase name='a'/></testsuite>");
    add_file(archive, "b.xml", NOW, "<testsuite><testcase name='b'/>");
    end_archive(archive);
    CU_ASSERT_STRING_EQUAL(judge(passing, &run, "[]").code, "REPORT_UNREADABLE");
    CU_ASSERT_STRING_EQUAL(judge(passing, &run, "[\"a\",\"b\"]").code, "REPORT_UNREADABLE");
    CU_ASSERT_STRING_EQUAL(judge(passing, &run, "[\"c\"]").code, "REPORT_UNREADABLE");
    archive = begin_archive(failing);
    add_file(archive, "a.xml", NOW, "<testsuite><testcase name='a'/></testsuite>");
    add_file(archive, "b.xml", NOW, "<testsuite><testcase name='b'><failure/></testcase>");
    end_archive(archive);
    CU_ASSERT_STRING_EQUAL(judge(failing, &run, "[\"a\"]").code, "REPORT_UNREADABLE");
    verdict = judge(failing, &run, "[\"a\",\"b\"]");
    CU_ASSERT(verdict.status == 0 && !verdict.success);
    verdict = judge(failing, &run, "[]");
    CU_ASSERT(verdict.status == 0 && !verdict.success);
}

static void files_that_are_no_report_do_not_keep_the_others_from_counting(void)
{
    _cleanup_(close_fd) int fd = memory_file(), foreign = memory_file();
    struct archive *archive = begin_archive(fd);
    struct verifier_run run = a_run(0), linter = {.tool = "linter"};

    add_file(archive, "coverage.xml", NOW, "<!DOCTYPE coverage SYSTEM 'c.dtd'><coverage/>");
    add_file(archive, "empty.xml", NOW, "");
    add_file(archive, "a.xml", NOW, "<testsuite><testcase name='a'/></testsuite>");
    end_archive(archive);
    CU_ASSERT_TRUE(judge(fd, &run, "[\"a\"]").success);
    CU_ASSERT_STRING_EQUAL(judge(fd, &run, "[]").code, "REPORT_UNREADABLE"); /* what died there? */
    archive = begin_archive(foreign);
    add_file(archive, "coverage.xml", NOW, "<coverage/>");
    end_archive(archive);
    CU_ASSERT_STRING_EQUAL(judge(foreign, &run, "[]").code, "REPORT_UNREADABLE");
    CU_ASSERT_TRUE(judge(foreign, &linter, "[]").success);
}

static void a_listed_test_that_is_missing_is_among_the_failures(void)
{
    _cleanup_(close_fd) int passes = archive_of(NOW, REPORT_PASSES);
    struct reports_source source = source_of(&passes);
    const struct grader_request request = {
        .run = a_run(0), .lists = {"[\"c::a\",\"c::none\"]", "[]", "[]"}, .since = NOW};
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    _cleanup_(free_ptr) char *reason = NULL;
    struct error err = ERROR_INIT;
    bool success = true;

    CU_ASSERT_EQUAL(reports_verdict(&source, &request, &json, &success, &reason, &err), 0);
    CU_ASSERT_FALSE(success);
    CU_ASSERT_PTR_NOT_NULL(strstr(json.data, "\"total\":3,\"passed\":2,\"failed\":1,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(json.data, "\"failures\":[{\"name\":\"c::none\",\"classname\":"
                                             "\"\",\"time\":0.000,\"message\":\"not in the "
                                             "report\"}]"));
}

static void limits_that_were_reached_are_named(void)
{
    _cleanup_(close_fd) int passes = archive_of(NOW, REPORT_PASSES);
    _cleanup_(close_fd) int none = memory_file();
    struct verifier_run run = a_run(124);

    run.timed_out = true;
    CU_ASSERT_STRING_EQUAL(judge(passes, &run, "[]").code, "VERIFIER_TIMEOUT");
    run = a_run(137);
    run.out_of_memory = true;
    CU_ASSERT_STRING_EQUAL(judge(passes, &run, "[]").code, "VERIFIER_OUT_OF_MEMORY");
    run.exit_status = 1;
    CU_ASSERT_STRING_EQUAL(judge(none, &run, "[]").code, "VERIFIER_OUT_OF_MEMORY");
    CU_ASSERT(judge(passes, &run, "[\"c::a\"]").success); /* it hit a test that is in no list */
}

static void a_verifier_that_was_killed_passes_nothing(void)
{
    static const int statuses[] = {137, 143};

    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        _cleanup_(close_fd) int passes = archive_of(NOW, REPORT_PASSES);
        struct verifier_run run = a_run(statuses[i]);
        struct verdict verdict = judge(passes, &run, "[\"c::a\"]");

        CU_ASSERT_EQUAL(verdict.status, 0);
        CU_ASSERT_FALSE(verdict.success);
    }
}

/* Whatever the run said of itself, and whatever limit struck. */
static void a_fault_is_a_failed_verdict(void)
{
    static const struct {
        const char *tool, *name, *lists;
        int failed;
    } cases[] = {
        {"test_suite", "verifier", "[\"c::a\",\"c::b\"]", 3},
        {"test_suite", "verifier", "[]", 1},
        {"linter", "linter", "[\"c::a\"]", 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(close_fd) int none = memory_file();
        struct reports_source source = source_of(&none);
        struct grader_request request = {.run = a_run(0),
                                         .lists = {cases[i].lists, "[]", "[]"},
                                         .since = NOW,
                                         .fault = "it hung"};
        _cleanup_(buf_release) struct buf json = BUF_INIT;
        _cleanup_(free_ptr) char *reason = NULL, *first = NULL, *count = NULL;
        struct error err = ERROR_INIT;
        bool success = true;

        request.run.tool = cases[i].tool;
        request.run.timed_out = request.run.out_of_memory = true;
        CU_ASSERT_EQUAL(reports_verdict(&source, &request, &json, &success, &reason, &err), 0);
        CU_ASSERT_FALSE(success);
        CU_ASSERT_STRING_EQUAL(reason, "it hung");
        first = xasprintf("\"failures\":[{\"name\":\"%s\",\"classname\":\"\",\"time\":0.000,"
                          "\"message\":\"it hung\"}",
                          cases[i].name);
        count = xasprintf("\"passed\":0,\"failed\":%d,", cases[i].failed);
        CU_ASSERT_PTR_NOT_NULL(strstr(json.data, first));
        CU_ASSERT_PTR_NOT_NULL(strstr(json.data, count));
    }
}

static void a_fault_with_reports_is_no_verdict(void)
{
    _cleanup_(close_fd) int passes = archive_of(NOW, REPORT_PASSES);
    struct reports_source source = source_of(&passes);
    const struct grader_request request = {
        .run = a_run(0), .lists = {"[]", "[]", "[]"}, .since = NOW, .fault = "it hung"};
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    _cleanup_(free_ptr) char *reason = NULL;
    struct error err = ERROR_INIT;
    bool success = true;

    CU_ASSERT_EQUAL(reports_verdict(&source, &request, &json, &success, &reason, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "VERDICT_FAILED");
}

#define LOG_PASSES "tests/a.py::test_a PASSED\n== 1 passed in 0.1s ==\n"
#define LOG_FAILS "tests/a.py::test_a FAILED\n== 1 failed in 0.1s ==\n"

/* A verdict on what pytest wrote to its output, or to the file of an archive. */
static struct verdict judge_listed_log(int fd, size_t told, const char *list, const char *out,
                                       int exit_status, bool hide, struct buf *json)
{
    const struct reports_source source = source_of(&fd);
    const struct grader_request request = {
        .run = {.tool = "test_suite",
                .exit_status = exit_status,
                .out = out,
                .out_length = strlen(out),
                .err = ""},
        .lists = {list, "[]", "[]"},
        .since = NOW,
        .log_parser = "pytest",
        .hide_output = hide,
        .told = told,
    };
    _cleanup_(free_ptr) char *reason = NULL;
    struct verdict verdict = {0};
    struct error err = ERROR_INIT;

    verdict.status = reports_verdict(&source, &request, json, &verdict.success, &reason, &err);
    verdict.code = err.code ? err.code : "";
    return verdict;
}

static struct verdict judge_told_log(int fd, size_t told, const char *out, int exit_status,
                                     bool hide, struct buf *json)
{
    return judge_listed_log(fd, told, "[\"tests/a.py::test_a\"]", out, exit_status, hide, json);
}

static struct verdict judge_log(int fd, const char *out, int exit_status, bool hide,
                                struct buf *json)
{
    return judge_told_log(fd, 0, out, exit_status, hide, json);
}

/* Tests that are in no list, or what comes behind the tests, may fail. */
static void with_a_list_the_status_behind_a_log_does_not_count(void)
{
    _cleanup_(close_fd) int none = memory_file();
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    struct verdict verdict = judge_log(none, LOG_PASSES, 1, false, &json);

    CU_ASSERT(verdict.status == 0 && verdict.success);
    buf_clear(&json);
    verdict = judge_listed_log(none, 0, "[]", LOG_PASSES, 1, false, &json);
    CU_ASSERT(verdict.status == 0 && !verdict.success);
    CU_ASSERT_PTR_NOT_NULL(strstr(json.data, "the verifier's exit status is not 0"));
    buf_clear(&json);
    verdict = judge_listed_log(none, 0, "[]", LOG_PASSES, 0, false, &json);
    CU_ASSERT(verdict.status == 0 && verdict.success);
}

static void what_the_server_tells_is_in_the_result_and_in_no_log(void)
{
    _cleanup_(close_fd) int none = memory_file();
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    struct verdict verdict =
        judge_told_log(none, strlen(LOG_PASSES), LOG_PASSES LOG_FAILS, 1, true, &json);

    CU_ASSERT(verdict.status == 0 && !verdict.success);
    CU_ASSERT_PTR_NOT_NULL(strstr(json.data, "test_a PASSED"));
    CU_ASSERT_PTR_NULL(strstr(json.data, "test_a FAILED"));
}

static void a_log_stands_for_a_report_where_the_sample_says_so(void)
{
    _cleanup_(close_fd) int none = memory_file();
    _cleanup_(close_fd) int file = archive_of(NOW, LOG_FAILS);
    _cleanup_(close_fd) int xml = archive_of(NOW, REPORT_FAILS);
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    struct verdict verdict;

    CU_ASSERT_TRUE(judge_log(none, LOG_PASSES, 0, false, &json).success);
    verdict = judge_log(none, LOG_FAILS, 1, false, &json);
    CU_ASSERT(verdict.status == 0 && !verdict.success);
    verdict = judge_log(none, LOG_FAILS, 0, false, &json); /* a script that went on */
    CU_ASSERT(verdict.status == 0 && !verdict.success);
    verdict = judge_log(file, LOG_PASSES, 1, false, &json); /* a file is what counts */
    CU_ASSERT(verdict.status == 0 && !verdict.success);
    verdict = judge_log(xml, LOG_PASSES, 1, false, &json);
    CU_ASSERT(verdict.status == 0 && !verdict.success);
    buf_clear(&json);
    CU_ASSERT_TRUE(judge_log(none, LOG_PASSES, 0, true, &json).success);
    CU_ASSERT_PTR_NULL(strstr(json.data, "PASSED")); /* it was read, and is not shown */
}

static void a_log_that_cannot_be_believed_is_no_verdict(void)
{
    _cleanup_(close_fd) int none = memory_file();
    _cleanup_(buf_release) struct buf json = BUF_INIT;

    CU_ASSERT_STRING_EQUAL(judge_log(none, "tests/a.py::test_a PASSED\n", 0, false, &json).code,
                           "REPORT_UNREADABLE");
    CU_ASSERT_STRING_EQUAL(
        judge_log(none, LOG_PASSES "\n[... 17 bytes left out ...]\n" LOG_PASSES, 0, false, &json)
            .code,
        "REPORT_UNREADABLE");
    CU_ASSERT_STRING_EQUAL(judge_log(none, "", 0, false, &json).code, "REPORT_UNREADABLE");
}

static void other_tools_say_it_by_their_exit_status(void)
{
    _cleanup_(close_fd) int none = memory_file();
    _cleanup_(close_fd) int fails = archive_of(NOW, REPORT_FAILS);
    struct verifier_run run = a_run(0);

    run.tool = "linter";
    CU_ASSERT(judge(none, &run, "[]").success);
    CU_ASSERT(judge(none, &run, "[\"c::a\"]").success);
    CU_ASSERT_FALSE(judge(fails, &run, "[\"c::a\"]").success); /* it left a report after all */
    run.exit_status = 2;
    CU_ASSERT_FALSE(judge(none, &run, "[]").success);
    CU_ASSERT_EQUAL(judge(none, &run, "[]").status, 0);
}

/* --- bounds of the archive ------------------------------------------------------------------- */

/* Bytes without an end: a block, over and over. */
struct endless {
    const char *block;
    size_t size, at;
    int64_t given;
};

static ssize_t read_endless(void *arg, void *bytes, size_t size)
{
    struct endless *endless = arg;
    size_t left = endless->size - endless->at;

    size = size < left ? size : left;
    memcpy(bytes, endless->block + endless->at, size);
    endless->at = (endless->at + size) % endless->size;
    endless->given += (int64_t)size;
    return (ssize_t)size;
}

static void expect_endless_is_refused(const char *block, size_t size, const char *code)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct endless endless = {.block = block, .size = size};
    const struct reports_source source = {.read = read_endless, .arg = &endless};
    struct reports_found found;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(reports_read(&source, NOW, NULL, report, &found, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, code);
    CU_ASSERT(endless.given <= GRADER_TAR_MAX + (1 << 20));
}

static void an_archive_without_an_end_is_refused(void)
{
    static const char zeros[10240];
    _cleanup_(close_fd) int fd = memory_file();
    struct archive *archive = begin_archive(fd);
    char entry[8192];
    ssize_t size;

    expect_endless_is_refused(zeros, sizeof(zeros), "REPORT_TOO_LARGE");
    add_file(archive, "r.xml", NOW - 1, REPORT_FAILS);
    CU_ASSERT_EQUAL(archive_write_finish_entry(archive), ARCHIVE_OK);
    size = pread(fd, entry, sizeof(entry), 0);
    CU_ASSERT_FATAL(size > 0 && size % 512 == 0);
    expect_endless_is_refused(entry, (size_t)size, "REPORT_TOO_LARGE");
    end_archive(archive);
    memset(entry, 'x', sizeof(entry));
    expect_endless_is_refused(entry, sizeof(entry), "REPORT_UNREADABLE");
}

static ssize_t read_broken(void *arg, void *bytes, size_t size)
{
    ssize_t got = read(*(int *)arg, bytes, size < 512 ? size : 512);

    errno = EIO;
    return got > 0 ? got : -1;
}

static void an_archive_that_breaks_off_behind_its_end_is_refused(void)
{
    _cleanup_(close_fd) int fd = archive_of(NOW, REPORT_PASSES);
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct reports_source source = source_of(&fd);
    struct reports_found found;
    struct error err = ERROR_INIT;

    source.read = read_broken;
    CU_ASSERT_EQUAL(reports_read(&source, NOW, NULL, report, &found, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "REPORT_UNREADABLE");
}

static const struct unit_test tests[] = {
    {"a verifier that was killed passes nothing, whatever report is there",
     a_verifier_that_was_killed_passes_nothing},
    {"a fault is a failed verdict, whatever the run said", a_fault_is_a_failed_verdict},
    {"a fault with reports is no verdict", a_fault_with_reports_is_no_verdict},
    {"fresh reports count and stale ones do not", fresh_reports_count_and_stale_ones_do_not},
    {"an empty archive holds no report", an_empty_archive_holds_no_report},
    {"what is no tar is unreadable", what_is_no_tar_is_unreadable},
    {"a cut-off archive is unreadable", a_cut_off_archive_is_unreadable},
    {"a header that lies about sizes is no danger", a_header_that_lies_about_sizes_is_no_danger},
    {"an archive of too many files is refused", an_archive_of_too_many_files_is_refused},
    {"a report that unpacks to too much is refused", a_report_that_unpacks_to_too_much_is_refused},
    {"a report decides", a_report_decides},
    {"without a report the platform can not tell", without_a_report_the_platform_can_not_tell},
    {"reports that do not count are named", reports_that_do_not_count_are_named},
    {"a report that breaks off makes no success", a_report_that_breaks_off_makes_no_success},
    {"files that are no report do not keep the others from counting",
     files_that_are_no_report_do_not_keep_the_others_from_counting},
    {"a listed test that is missing is among the failures",
     a_listed_test_that_is_missing_is_among_the_failures},
    {"limits that were reached are named", limits_that_were_reached_are_named},
    {"with a list the status behind a log does not count",
     with_a_list_the_status_behind_a_log_does_not_count},
    {"what the server tells is in the result, and in no log",
     what_the_server_tells_is_in_the_result_and_in_no_log},
    {"a log stands for a report where the sample says so",
     a_log_stands_for_a_report_where_the_sample_says_so},
    {"a log that cannot be believed is no verdict", a_log_that_cannot_be_believed_is_no_verdict},
    {"other tools say it by their exit status", other_tools_say_it_by_their_exit_status},
    {"an archive without an end is refused", an_archive_without_an_end_is_refused},
    {"an archive that breaks off behind its end is refused",
     an_archive_that_breaks_off_behind_its_end_is_refused},
};

int main(void)
{
    return UNIT_MAIN("reports", tests);
}
