#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "reaper/await.h"
#include "reaper/doorbell.h"
#include "reaper/environment.h"
#include "reaper/outcome.h"
#include "reaper/reports.h"
#include "reaper/sweep.h"
#include "unit.h"

#include "base/banned.h"

#define ID "01931b2c-aaaa-7bbb-8ccc-0123456789ab"
#define UPPER_ID "01931B2C-AAAA-7BBB-8CCC-0123456789AB"

/* --- doorbell -------------------------------------------------------------------------------- */

static int ring(const char *text)
{
    enum work_kind kind;
    struct id id;

    return doorbell_parse(text, strlen(text), &kind, &id);
}

static void a_doorbell_names_a_kind_and_an_id(void)
{
    enum work_kind kind = WORK_SESSION;
    struct id id;

    CU_ASSERT_EQUAL(doorbell_parse("interaction " ID, strlen("interaction " ID), &kind, &id), 0);
    CU_ASSERT_EQUAL(kind, WORK_INTERACTION);
    CU_ASSERT_STRING_EQUAL(id.text, ID);
    CU_ASSERT_EQUAL(ring("session " ID), 0);
    CU_ASSERT_EQUAL(ring("verification " UPPER_ID), 0);
}

static void a_doorbell_that_says_anything_else_is_nothing(void)
{
    enum work_kind kind;
    struct id id;

    CU_ASSERT_EQUAL(ring(""), -1);
    CU_ASSERT_EQUAL(ring("session"), -1);
    CU_ASSERT_EQUAL(ring("session "), -1);
    CU_ASSERT_EQUAL(ring("sessions " ID), -1);
    CU_ASSERT_EQUAL(ring("sessio " ID), -1);
    CU_ASSERT_EQUAL(ring(" " ID), -1);
    CU_ASSERT_EQUAL(ring("session " ID "\n"), -1);
    CU_ASSERT_EQUAL(ring("session  " ID), -1);
    CU_ASSERT_EQUAL(ring("session 01931b2c-aaaa-7bbb-8ccc-0123456789ag"), -1);
    CU_ASSERT_EQUAL(doorbell_parse("session 01931b2c-aaaa-7bbb\0-8ccc-0123456789", 44, &kind, &id),
                    -1);
}

static void ids_are_read_in_the_form_that_the_database_gives(void)
{
    enum work_kind kind;
    struct id id;

    CU_ASSERT_EQUAL(
        doorbell_parse("verification " UPPER_ID, strlen("verification " UPPER_ID), &kind, &id), 0);
    CU_ASSERT_STRING_EQUAL(id.text, ID);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/session/" UPPER_ID, &kind, &id), 0);
    CU_ASSERT_STRING_EQUAL(id.text, ID);
}

/* --- held requests --------------------------------------------------------------------------- */

static void holds_are_whole_until_half_are_taken_and_nothing_at_the_end(void)
{
    CU_ASSERT_EQUAL(await_hold(20000, 0, 1000), 20000);
    CU_ASSERT_EQUAL(await_hold(20000, 500, 1000), 20000);
    CU_ASSERT_EQUAL(await_hold(20000, 750, 1000), 10000);
    CU_ASSERT_EQUAL(await_hold(20000, 999, 1000), 40);
    CU_ASSERT_EQUAL(await_hold(20000, 1000, 1000), 0);
    CU_ASSERT_EQUAL(await_hold(20000, 5000, 1000), 0);
    CU_ASSERT_EQUAL(await_hold(60000, 0, 1), 60000);
    CU_ASSERT_EQUAL(await_hold(60000, 1, 1), 0);
    for (size_t held = 1; held <= 1001; held++)
        CU_ASSERT(await_hold(60000, held, 1001) <= await_hold(60000, held - 1, 1001));
}

static int query(const char *text, int64_t *hold, char **back)
{
    return await_parse_query(text, hold, back);
}

static void a_held_request_says_how_long_and_where_to(void)
{
    _cleanup_(free_ptr) char *back = NULL;
    int64_t hold = 0;

    CU_ASSERT_EQUAL_FATAL(
        query("hold=2500&back=%2Fapi%2Fv1%2Fsessions%2Fx%3Fa%3D1%26b%3D%2520", &hold, &back), 0);
    CU_ASSERT_EQUAL(hold, 2500);
    CU_ASSERT_STRING_EQUAL(back, "/api/v1/sessions/x?a=1&b=%20");
}

static void a_held_request_with_anything_else_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "hold=1",
        "back=/api/v1/x",
        "hold=-1&back=/api/v1/x",
        "hold=+1&back=/api/v1/x",
        "hold=&back=/api/v1/x",
        "hold=60001&back=/api/v1/x",
        "hold=99999999999999999999&back=/api/v1/x",
        "hold=1s&back=/api/v1/x",
        "hold=1&back=/api/v2/x",
        "hold=1&back=//evil/api/v1/x",
        "hold=1&back=http://evil/api/v1/",
        "hold=1&back=%2Fapi%2Fv1%2F..%2F..%2F-%2Fx",
        "hold=1&back=%2Fapi%2Fv1%2Fx%0d%0aX-Evil:%201",
        "hold=1&back=%2Fapi%2Fv1%2Fx%00y%20",
        "hold=1&back=%2Fapi%2Fv1%2F%ff",
        "hold=1&back=%2Fapi%2Fv1%2F%20",
    };
    char *back = NULL;
    int64_t hold;

    CU_ASSERT_EQUAL(query(NULL, &hold, &back), -1);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (query(bad[i], &hold, &back) != -1)
            CU_FAIL(bad[i]);
    }
    CU_ASSERT_PTR_NULL(back);
}

static void only_things_that_end_can_be_awaited(void)
{
    enum work_kind kind;
    struct id id;

    CU_ASSERT_EQUAL(await_parse_path("/-/await/interaction/" ID, &kind, &id), 0);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/user/" ID, &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/session/" ID "/", &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/session", &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/", &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("/", &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("", &kind, &id), -1);
}

/* --- outcomes -------------------------------------------------------------------------------- */

static struct agent_result ended(int status)
{
    return (struct agent_result){.end = AGENT_END_EXIT,
                                 .exit_status = status,
                                 .out = "a\0b",
                                 .out_length = 3,
                                 .err = "",
                                 .seconds = 0.25};
}

static void a_command_s_status_is_passed_on(void)
{
    struct agent_result result = ended(0);
    struct outcome outcome;

    outcome_of_command(&result, 5, 0, &outcome);
    CU_ASSERT_FALSE(outcome.result.platform_failed);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 0);
    CU_ASSERT(outcome.result.success);
    CU_ASSERT_EQUAL(outcome.result.out_length, 3);
    CU_ASSERT_EQUAL(memcmp(outcome.result.out, "a\0b", 3), 0);
    CU_ASSERT_PTR_NOT_NULL(outcome.result.err); /* "" and not null */
    CU_ASSERT_PTR_NULL(outcome.result.message);
    CU_ASSERT_EQUAL(outcome.result.size_bytes, -1);
    outcome_release(&outcome);

    result.exit_status = 3;
    outcome_of_command(&result, 5, 0, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 3);
    CU_ASSERT_FALSE(outcome.result.success);
    outcome_release(&outcome);
}

static void the_time_limit_is_124_and_named(void)
{
    struct agent_result result = ended(124);
    struct outcome outcome;

    result.end = AGENT_END_TIMEOUT;
    outcome_of_command(&result, 5, 0, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 124);
    CU_ASSERT_FALSE(outcome.result.success);
    CU_ASSERT_FALSE(outcome.result.platform_failed);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "timed out after 5 s");
    outcome_release(&outcome);
}

static void a_command_that_ends_with_124_by_itself_was_not_timed_out(void)
{
    struct agent_result result = ended(124);
    struct outcome outcome;

    outcome_of_command(&result, 5, 0, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 124);
    CU_ASSERT_PTR_NULL(outcome.result.message);
    outcome_release(&outcome);
}

static void the_memory_limit_is_137_and_named(void)
{
    struct agent_result result = ended(137);
    struct outcome outcome;

    outcome_of_command(&result, 5, 1, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 137);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "killed by the memory limit");
    outcome_release(&outcome);

    outcome_of_command(&result, 5, 0, &outcome); /* killed by something else */
    CU_ASSERT_PTR_NULL(outcome.result.message);
    outcome_release(&outcome);

    result.message = "ended together with another"; /* which the agent knows */
    outcome_of_command(&result, 5, 0, &outcome);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "ended together with another");
    outcome_release(&outcome);
}

static void a_child_hit_by_the_memory_limit_is_told_of(void)
{
    struct agent_result result = ended(1);
    struct outcome outcome;

    outcome_of_command(&result, 5, 2, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(outcome.result.message, "memory limit"));
    outcome_release(&outcome);
}

static void truncated_outputs_are_named(void)
{
    struct agent_result result = ended(0);
    struct outcome outcome;

    result.out_truncated = true;
    outcome_of_command(&result, 5, 0, &outcome);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(outcome.result.message, "stdout truncated"));
    CU_ASSERT_PTR_NULL(strstr(outcome.result.message, "stderr"));
    CU_ASSERT(outcome.result.success);
    outcome_release(&outcome);
    result.err_truncated = true;
    outcome_of_command(&result, 5, 0, &outcome);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.result.message, "stderr truncated"));
    outcome_release(&outcome);
}

static void what_the_agent_could_not_run_is_the_platform_s_failure(void)
{
    struct agent_result result = ended(0);
    struct outcome outcome;

    result.end = AGENT_END_FAILED;
    result.message = "no processes left";
    outcome_of_command(&result, 5, 0, &outcome);
    CU_ASSERT(outcome.result.platform_failed);
    CU_ASSERT_EQUAL(outcome.result.exit_code, -1000);
    CU_ASSERT_FALSE(outcome.result.success);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "no processes left");
    CU_ASSERT_PTR_NULL(outcome.result.out);
    outcome_release(&outcome);
}

static void a_message_is_cut_to_what_the_database_takes(void)
{
    struct outcome outcome;
    char text[2000];

    memset(text, 'x', sizeof(text));
    text[998] = '\xe2'; /* the euro sign, cut in the middle */
    text[999] = '\x82';
    text[1000] = '\xac';
    text[sizeof(text) - 1] = '\0';
    outcome_of_failure(text, &outcome);
    CU_ASSERT(strlen(outcome.result.message) < 1010);
    CU_ASSERT(utf8_valid(outcome.result.message, strlen(outcome.result.message)));
    outcome_release(&outcome);
}

static void a_file_operation_ends_with_0_or_1(void)
{
    struct outcome outcome;

    outcome_of_file(INTERACTION_UPLOAD, true, "written", 7, 0.1, true, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 0);
    CU_ASSERT_EQUAL(outcome.result.size_bytes, 7);
    CU_ASSERT(outcome.result.success);
    outcome_release(&outcome);
    outcome_of_file(INTERACTION_REPLACE, false, "occurs 2 times", 0, 0.1, false, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 1);
    CU_ASSERT_FALSE(outcome.result.platform_failed);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "occurs 2 times");
    outcome_release(&outcome);
}

static void a_replacement_that_may_have_been_made_is_not_called_a_failure_of_the_text(void)
{
    struct outcome outcome;

    outcome_of_file(INTERACTION_REPLACE, false, "occurs 0 times", 0, 0.1, true, &outcome);
    CU_ASSERT(outcome.result.platform_failed);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.result.message, "look at the file"));
    outcome_release(&outcome);
    outcome_of_file(INTERACTION_REPLACE, true, "replaced", 3, 0.1, true, &outcome);
    CU_ASSERT(outcome.result.success);
    outcome_release(&outcome);
}

/* --- environment, containers ----------------------------------------------------------------- */

static void an_image_s_environment_lies_over_the_defaults(void)
{
    _cleanup_(json_release) json_object *image =
        json_tokener_parse("[\"PATH=/opt/bin\",\"A=b=c\",\"nonsense\",7,\"=x\",\"PATHX=1\"]");
    _cleanup_(free_ptr) char *merged = environment_merge(image);
    _cleanup_(free_ptr) char *plain = environment_merge(NULL);

    CU_ASSERT_STRING_EQUAL(
        merged, "[\"HOME=/root\",\"LANG=C.UTF-8\",\"PATH=/opt/bin\",\"A=b=c\",\"PATHX=1\"]");
    CU_ASSERT_STRING_EQUAL(plain, "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
                                  "/bin\",\"HOME=/root\",\"LANG=C.UTF-8\"]");
}

/* --- reports --------------------------------------------------------------------------------- */

#define NOW (INT64_C(1700000000) * CLOCK_SECOND)
#define PASSES                                                                                     \
    "<testsuite name='s'><testcase classname='c' name='a'/><testcase classname='c' name='b'/>"     \
    "</testsuite>"
#define FAILS                                                                                      \
    "<testsuite name='s'><testcase classname='c' name='a'><failure message='no'/></testcase>"      \
    "</testsuite>"

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

static int memory_file(void)
{
    int fd = memfd_create("reports", MFD_CLOEXEC);

    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static struct archive *begin_tar(int fd)
{
    struct archive *archive = archive_write_new();

    archive_write_set_format_pax(archive);
    archive_write_set_bytes_per_block(archive, 512);
    CU_ASSERT_EQUAL_FATAL(archive_write_open_fd(archive, fd), ARCHIVE_OK);
    return archive;
}

static void end_tar(struct archive *archive)
{
    CU_ASSERT_EQUAL(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
}

static void add_entry(struct archive *archive, const char *name, unsigned type, int64_t changed,
                      const char *content, size_t length)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, type == AE_IFREG ? (la_int64_t)length : 0);
    archive_entry_set_mtime(entry, NOW / CLOCK_SECOND, 0);
    if (changed)
        archive_entry_set_ctime(entry, changed / CLOCK_SECOND, changed % CLOCK_SECOND * 1000);
    if (type == AE_IFLNK)
        archive_entry_set_symlink(entry, content);
    CU_ASSERT_EQUAL(archive_write_header(archive, entry), ARCHIVE_OK);
    if (type == AE_IFREG)
        CU_ASSERT_EQUAL(archive_write_data(archive, content, length), (la_ssize_t)length);
    archive_entry_free(entry);
}

static void add_file(struct archive *archive, const char *name, int64_t changed,
                     const char *content)
{
    add_entry(archive, name, AE_IFREG, changed, content, strlen(content));
}

/* The archive of one file. */
static int tar_of(int64_t changed, const char *content)
{
    int fd = memory_file();
    struct archive *archive = begin_tar(fd);

    add_file(archive, "report.xml", changed, content);
    end_tar(archive);
    return fd;
}

static void expect_unreadable(int fd, const char *code)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct reports_found found;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(reports_read(fd, NOW, report, &found, &err), -1);
    CU_ASSERT(err.code && strcmp(err.code, code) == 0);
}

static void fresh_reports_count_and_stale_ones_do_not(void)
{
    _cleanup_(close_fd) int fd = memory_file();
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct archive *archive = begin_tar(fd);
    struct reports_found found;
    struct error err = ERROR_INIT;

    add_file(archive, "stale.xml", NOW - 1, FAILS);
    add_file(archive, "fresh.xml", NOW, PASSES);
    add_file(archive, "timeless.xml", 0, FAILS);
    add_entry(archive, "folder", AE_IFDIR, NOW, NULL, 0);
    add_entry(archive, "link.xml", AE_IFLNK, NOW, "/etc/passwd", 0);
    end_tar(archive);
    CU_ASSERT_EQUAL(reports_read(fd, NOW, report, &found, &err), 0);
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

    CU_ASSERT_EQUAL(reports_read(fd, NOW, report, &found, &err), 0); /* not even an end mark */
    CU_ASSERT_EQUAL(found.fresh + found.stale, 0);
    end_tar(begin_tar(fd));
    CU_ASSERT_EQUAL(reports_read(fd, NOW, report, &found, &err), 0);
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
    _cleanup_(close_fd) int fd = tar_of(NOW, PASSES);
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
        _cleanup_(close_fd) int fd = tar_of(NOW, PASSES);
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
        if (reports_read(fd, NOW, report, &found, &err) == 0)
            CU_ASSERT_EQUAL(test_report_count(report), 0);
    }
}

static void an_archive_of_too_many_files_is_refused(void)
{
    _cleanup_(close_fd) int fd = memory_file();
    struct archive *archive = begin_tar(fd);

    for (int i = 0; i <= REPORT_FILES_MAX; i++)
        add_file(archive, "r.xml", NOW, FAILS);
    end_tar(archive);
    expect_unreadable(fd, "REPORT_TOO_LARGE");
}

static void a_report_that_unpacks_to_too_much_is_refused(void)
{
    _cleanup_(close_fd) int fd = memory_file();
    struct archive *archive = begin_tar(fd);
    size_t size = (40u << 20);
    _cleanup_(free_ptr) char *blanks = xmalloc(size);
    static const char root[] = "<testsuite name='s'/>";

    memset(blanks, ' ', size);
    memcpy(blanks, root, sizeof(root) - 1);
    add_entry(archive, "a.xml", AE_IFREG, NOW, blanks, size);
    add_entry(archive, "b.xml", AE_IFREG, NOW, blanks, size);
    end_tar(archive);
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
    const struct sample_lists lists = {fail_to_pass, "[]", "[]"};
    _cleanup_(free_ptr) char *json = NULL;
    _cleanup_(free_ptr) char *reason = NULL;
    struct verdict verdict = {0};
    struct error err = ERROR_INIT;

    verdict.status = reports_verdict(fd, NOW, run, &lists, &json, &verdict.success, &reason, &err);
    verdict.code = err.code ? err.code : "";
    if (verdict.status == 0) {
        _cleanup_(json_release) json_object *object = json_tokener_parse(json);

        CU_ASSERT(json_object_is_type(object, json_type_object));
        CU_ASSERT_EQUAL(json_object_get_boolean(json_object_object_get(object, "is_success")),
                        verdict.success);
    } else {
        CU_ASSERT_PTR_NULL(json);
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
    _cleanup_(close_fd) int passes = tar_of(NOW, PASSES);
    _cleanup_(close_fd) int fails = tar_of(NOW, FAILS);
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
    _cleanup_(close_fd) int stale = tar_of(NOW - 1, PASSES);
    _cleanup_(close_fd) int broken = tar_of(NOW, "<testsuite");
    struct verifier_run run = a_run(0);

    CU_ASSERT_STRING_EQUAL(judge(none, &run, "[]").code, "REPORT_MISSING");
    CU_ASSERT_STRING_EQUAL(judge(stale, &run, "[]").code, "REPORT_STALE");
    CU_ASSERT_STRING_EQUAL(judge(broken, &run, "[]").code, "REPORT_UNREADABLE");
    CU_ASSERT_STRING_EQUAL(judge(none, &run, "{").code, "SAMPLE_INVALID");
    CU_ASSERT_STRING_EQUAL(judge(none, &run, "[7]").code, "SAMPLE_INVALID");
}

static void limits_that_struck_are_named(void)
{
    _cleanup_(close_fd) int passes = tar_of(NOW, PASSES);
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

static void other_tools_say_it_by_their_exit_status(void)
{
    _cleanup_(close_fd) int none = memory_file();
    _cleanup_(close_fd) int fails = tar_of(NOW, FAILS);
    struct verifier_run run = a_run(0);

    run.tool = "linter";
    CU_ASSERT(judge(none, &run, "[]").success);
    CU_ASSERT(judge(none, &run, "[\"c::a\"]").success);
    CU_ASSERT_FALSE(judge(fails, &run, "[\"c::a\"]").success); /* it left a report after all */
    run.exit_status = 2;
    CU_ASSERT_FALSE(judge(none, &run, "[]").success);
    CU_ASSERT_EQUAL(judge(none, &run, "[]").status, 0);
}

static const struct unit_test tests[] = {
    {"a doorbell names a kind and an id", a_doorbell_names_a_kind_and_an_id},
    {"a doorbell that says anything else is nothing",
     a_doorbell_that_says_anything_else_is_nothing},
    {"ids are read in the form that the database gives",
     ids_are_read_in_the_form_that_the_database_gives},
    {"holds are whole until half are taken, and nothing at the end",
     holds_are_whole_until_half_are_taken_and_nothing_at_the_end},
    {"a held request says how long and where to", a_held_request_says_how_long_and_where_to},
    {"a held request with anything else is refused", a_held_request_with_anything_else_is_refused},
    {"only things that end can be awaited", only_things_that_end_can_be_awaited},
    {"a command's status is passed on", a_command_s_status_is_passed_on},
    {"the time limit is 124 and named", the_time_limit_is_124_and_named},
    {"a command that ends with 124 by itself was not timed out",
     a_command_that_ends_with_124_by_itself_was_not_timed_out},
    {"the memory limit is 137 and named", the_memory_limit_is_137_and_named},
    {"a child hit by the memory limit is told of", a_child_hit_by_the_memory_limit_is_told_of},
    {"truncated outputs are named", truncated_outputs_are_named},
    {"what the agent could not run is the platform's failure",
     what_the_agent_could_not_run_is_the_platform_s_failure},
    {"a message is cut to what the database takes", a_message_is_cut_to_what_the_database_takes},
    {"a file operation ends with 0 or 1", a_file_operation_ends_with_0_or_1},
    {"a replacement that may have been made is not called a failure of the text",
     a_replacement_that_may_have_been_made_is_not_called_a_failure_of_the_text},
    {"an image's environment lies over the defaults",
     an_image_s_environment_lies_over_the_defaults},
    {"fresh reports count and stale ones do not", fresh_reports_count_and_stale_ones_do_not},
    {"an empty archive holds no report", an_empty_archive_holds_no_report},
    {"what is no tar is unreadable", what_is_no_tar_is_unreadable},
    {"a cut-off archive is unreadable", a_cut_off_archive_is_unreadable},
    {"a header that lies about sizes is no danger", a_header_that_lies_about_sizes_is_no_danger},
    {"an archive of too many files is refused", an_archive_of_too_many_files_is_refused},
    {"a report that unpacks to too much is refused", a_report_that_unpacks_to_too_much_is_refused},
    {"a report decides", a_report_decides},
    {"without a report the platform can not tell", without_a_report_the_platform_can_not_tell},
    {"limits that struck are named", limits_that_struck_are_named},
    {"other tools say it by their exit status", other_tools_say_it_by_their_exit_status},
};

int main(void)
{
    return UNIT_MAIN("reaper", tests);
}
