#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "grade/report.h"

#include "base/banned.h"

#define NAMED_MAX 5      /* tests that a reason names */
#define NAMED_LENGTH 200 /* bytes of each name there */

/* Adds to `reason` which of the tests fell short; the number of them. */
static size_t judge(const struct test_report *report, const char *list, const char *const *names,
                    size_t count, enum test_outcome worst, struct buf *reason)
{
    _cleanup_(buf_release) struct buf named = BUF_INIT;
    size_t short_of = 0;

    for (size_t i = 0; i < count; i++) {
        const struct test_case *item = test_report_find(report, names[i]);
        const char *what = !item ? "missing" : item->outcome == TEST_SKIPPED ? "skipped" : "failed";

        if (item && item->outcome <= worst)
            continue;
        if (short_of++ < NAMED_MAX)
            buf_addf(&named, "%s%.*s (%s)", named.length ? ", " : "", NAMED_LENGTH, names[i], what);
    }
    if (short_of > 0)
        buf_addf(reason, "%s%s: %zu of %zu fell short: %s%s", reason->length ? "; " : "", list,
                 short_of, count, named.data, short_of > NAMED_MAX ? ", ..." : "");
    return short_of;
}

static size_t count_of(const struct test_report *report, enum test_outcome outcome)
{
    size_t count = 0;

    for (size_t i = 0; i < report->count; i++)
        count += report->cases[i].outcome == outcome;
    return count;
}

/* Without lists, the verifier's own word counts, as long as tests ran. */
static bool judge_without_lists(const struct test_report *report, bool verifier_succeeded,
                                struct buf *reason)
{
    size_t failed = count_of(report, TEST_FAILED);

    if (failed > 0)
        buf_addf(reason, "%zu of %zu tests failed", failed, report->count);
    else if (count_of(report, TEST_PASSED) == 0)
        buf_add_str(reason, "no test ran");
    else if (!verifier_succeeded)
        buf_add_str(reason, "the verifier's exit status is not 0");
    return reason->length == 0;
}

bool grade(const struct test_report *report, const struct expectation *expectation,
           char **ret_reason)
{
    _cleanup_(buf_release) struct buf reason = BUF_INIT;
    bool is_success = false;

    if (expectation->fail_to_pass_count + expectation->pass_to_pass_count +
            expectation->fail_to_fail_count ==
        0)
        is_success = judge_without_lists(report, expectation->verifier_succeeded, &reason);
    else
        is_success = judge(report, "fail_to_pass", expectation->fail_to_pass,
                           expectation->fail_to_pass_count, TEST_PASSED, &reason) +
                         judge(report, "pass_to_pass", expectation->pass_to_pass,
                               expectation->pass_to_pass_count, TEST_SKIPPED, &reason) ==
                     0;
    if (ret_reason)
        *ret_reason = is_success ? NULL : buf_take(&reason);
    return is_success;
}

static json_object *case_json(const struct test_case *item)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "name", item->name);
    json_add_text(object, "classname", item->classname);
    json_add_double(object, "time", item->seconds);
    if (item->outcome != TEST_PASSED)
        json_add_text(object, "message", item->message);
    return object;
}

json_object *grade_result(const struct test_report *report, bool is_success, double seconds,
                          const char *out, size_t out_length, const char *err_text,
                          size_t err_length)
{
    json_object *result = json_object_new_object();
    json_object *lists[] = {
        [TEST_PASSED] = json_object_new_array(),
        [TEST_SKIPPED] = json_object_new_array(),
        [TEST_FAILED] = json_object_new_array(),
    };

    for (size_t i = 0; i < report->count; i++)
        json_object_array_add(lists[report->cases[i].outcome], case_json(&report->cases[i]));
    json_add_text(result, "tool", "test_suite");
    json_add_bool(result, "is_success", is_success);
    json_add_double(result, "execution_duration_seconds", seconds);
    json_add_int(result, "total", (int64_t)report->count);
    json_add_int(result, "passed", (int64_t)json_object_array_length(lists[TEST_PASSED]));
    json_add_int(result, "failed", (int64_t)json_object_array_length(lists[TEST_FAILED]));
    json_add_int(result, "skipped", (int64_t)json_object_array_length(lists[TEST_SKIPPED]));
    json_add(result, "passes", lists[TEST_PASSED]);
    json_add(result, "failures", lists[TEST_FAILED]);
    json_add(result, "skips", lists[TEST_SKIPPED]);
    json_add(result, "stdout", json_object_new_string_len(out, (int)out_length));
    json_add(result, "stderr", json_object_new_string_len(err_text, (int)err_length));
    return result;
}

const char *const *grade_report_paths(const char *language)
{
    static const char *const python[] = {"report.xml", "test_reports/*.xml", NULL};
    static const char *const java[] = {"target/surefire-reports/*.xml",
                                       "build/test-results/test/*.xml", NULL};
    static const char *const javascript[] = {"test-results/junit.xml",
                                             "test-results/test-results.xml", NULL};
    static const char *const go[] = {"test-results.xml", "go-test-report.xml", NULL};
    static const char *const rust[] = {"target/junit.xml", "test-results.xml", NULL};
    static const char *const csharp[] = {"TestResults/*.xml", NULL};
    static const char *const c[] = {"gtest_output.xml", "test-results.xml", "Testing/*/Test.xml",
                                    NULL};
    static const char *const any[] = {"report.xml",
                                      "test_reports/*.xml",
                                      "target/surefire-reports/*.xml",
                                      "build/test-results/test/*.xml",
                                      "test-results/junit.xml",
                                      "test-results/test-results.xml",
                                      "test-results.xml",
                                      "go-test-report.xml",
                                      "target/junit.xml",
                                      "TestResults/*.xml",
                                      "gtest_output.xml",
                                      "Testing/*/Test.xml",
                                      NULL};
    static const struct {
        const char *language;
        const char *const *paths;
    } rows[] = {
        {"python", python},
        {"java", java},
        {"javascript", javascript},
        {"typescript", javascript},
        {"go", go},
        {"rust", rust},
        {"csharp", csharp},
        {"c#", csharp},
        {"c", c},
        {"c++", c},
        {"cpp", c},
    };

    for (size_t i = 0; language && i < ARRAY_SIZE(rows); i++)
        if (strcasecmp(language, rows[i].language) == 0)
            return rows[i].paths;
    return any;
}
