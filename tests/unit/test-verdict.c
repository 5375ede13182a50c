/*
 * What reports and lists come to.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/grade.h"
#include "grade/report_paths.h"
#include "graded.h"
#include "unit.h"

#include "base/banned.h"

static struct test_report *small_report(void)
{
    struct test_report *report = test_report_new();

    test_report_add_case(report, "m", "good", TEST_PASSED, 0.5, NULL);
    test_report_add_case(report, "m", "bad", TEST_FAILED, 0.25, "it \"broke\"");
    test_report_add_case(report, "m", "left", TEST_SKIPPED, 0, "why not");
    return report;
}

static void fail_to_pass_must_pass(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();

    CU_ASSERT_TRUE(verdict(report, "m::good", NULL, NULL));
    CU_ASSERT_FALSE(
        verdict(report, "m::bad", NULL, "fail_to_pass: 1 of 1 did not pass: m::bad (failed)"));
    CU_ASSERT_FALSE(
        verdict(report, "m::left", NULL, "fail_to_pass: 1 of 1 did not pass: m::left (skipped)"));
    CU_ASSERT_FALSE(
        verdict(report, "m::none", NULL, "fail_to_pass: 1 of 1 did not pass: m::none (missing)"));
}

static void pass_to_pass_may_be_skipped(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();

    CU_ASSERT_TRUE(verdict(report, "m::good", "m::left", NULL));
    CU_ASSERT_TRUE(verdict(report, NULL, "good", NULL));
    CU_ASSERT_FALSE(
        verdict(report, "m::good", "m::bad", "pass_to_pass: 1 of 1 did not pass: m::bad (failed)"));
    CU_ASSERT_FALSE(verdict(report, "m::left", "m::none",
                            "fail_to_pass: 1 of 1 did not pass: m::left (skipped); "
                            "pass_to_pass: 1 of 1 did not pass: m::none (missing)"));
}

static void without_lists_the_verifier_and_its_tests_decide(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct expectation expectation = {.verifier_succeeded = true};

    CU_ASSERT_FALSE(grade(report, &expectation, NULL));
    test_report_add_case(report, "m", "left", TEST_SKIPPED, 0, NULL);
    CU_ASSERT_FALSE(grade(report, &expectation, NULL));
    test_report_add_case(report, "m", "good", TEST_PASSED, 0, NULL);
    CU_ASSERT_TRUE(grade(report, &expectation, NULL));
    expectation.verifier_succeeded = false;
    CU_ASSERT_FALSE(grade(report, &expectation, NULL));
    expectation.verifier_succeeded = true;
    test_report_add_case(report, "m", "bad", TEST_FAILED, 0, NULL);
    CU_ASSERT_FALSE(grade(report, &expectation, NULL));
}

static void a_list_of_what_may_fail_alone_makes_no_success(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();
    const char *good = "m::good";
    struct expectation expectation = {.verifier_succeeded = true, .fail_to_fail_count = 1};
    _cleanup_(free_ptr) char *why = NULL;

    CU_ASSERT_FALSE(grade(report, &expectation, &why));
    CU_ASSERT_STRING_EQUAL(why, "no test is listed that must pass");
    expectation.pass_to_pass = &good;
    expectation.pass_to_pass_count = 1;
    CU_ASSERT_TRUE(grade(report, &expectation, NULL));
}

static void the_result_lists_every_case(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *result;
    json_object *expected = json_tokener_parse(
        "{\"tool\":\"test_suite\",\"is_success\":false,\"execution_duration_seconds\":1.5,"
        "\"total\":3,\"passed\":1,\"failed\":1,\"skipped\":1,"
        "\"passes\":[{\"name\":\"good\",\"classname\":\"m\",\"time\":0.5}],"
        "\"failures\":[{\"name\":\"bad\",\"classname\":\"m\",\"time\":0.25,"
        "\"message\":\"it \\\"broke\\\"\"}],"
        "\"skips\":[{\"name\":\"left\",\"classname\":\"m\",\"time\":0.0,"
        "\"message\":\"why not\"}],"
        "\"stdout\":\"out\\u0000put\",\"stderr\":\"err\"}");

    grade_result(&text, report, false, 1.5, "out\0put", 7, "err", 3);
    result = json_tokener_parse(text.data);
    CU_ASSERT_PTR_NOT_NULL(expected);
    if (!json_object_equal(result, expected))
        fprintf(stderr, "\n    %s\n", json_object_to_json_string(result));
    CU_ASSERT(json_object_equal(result, expected));
    json_object_put(result);
    json_object_put(expected);
}

static void listed_tests_that_are_not_in_the_report_are_failures(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();
    const char *first[] = {"m::good", "m::none", "none"}, *second[] = {"m::none", "x::gone"};
    const struct expectation expectation = {.fail_to_pass = first,
                                            .fail_to_pass_count = ARRAY_SIZE(first),
                                            .pass_to_pass = second,
                                            .pass_to_pass_count = ARRAY_SIZE(second)};
    size_t before = test_report_count(report);
    static const char *const names[] = {"m::none", "none", "x::gone"};

    grade_add_missing(report, &expectation);
    CU_ASSERT_EQUAL_FATAL(test_report_count(report), before + ARRAY_SIZE(names)); /* each once */
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct test_case *item = test_report_case(report, before + i);

        CU_ASSERT_STRING_EQUAL(item->name, names[i]);
        CU_ASSERT_EQUAL(item->outcome, TEST_FAILED);
        CU_ASSERT_STRING_EQUAL(item->message, "not in the report");
    }
}

static void an_explanation_names_what_did_not_pass(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    const char *first[] = {"m::good", "m::none", "m::left"}, *second[] = {"m::bad", "m::left"};
    struct expectation expectation = {.fail_to_pass = first,
                                      .fail_to_pass_count = ARRAY_SIZE(first),
                                      .pass_to_pass = second,
                                      .pass_to_pass_count = ARRAY_SIZE(second)};

    grade_explain(&text, report, &expectation, "the reason");
    CU_ASSERT_STRING_EQUAL(text.data, "fail_to_pass: 2 of 3 did not pass\n"
                                      "  missing: m::none\n  skipped: m::left\n"
                                      "pass_to_pass: 1 of 2 did not pass\n  failed: m::bad\n");
    buf_clear(&text);
    expectation.fail_to_pass_count = 1;
    expectation.pass_to_pass_count = 0;
    grade_explain(&text, report, &expectation, "the verifier was killed");
    CU_ASSERT_STRING_EQUAL(text.data, "the verifier was killed\n");
}

static bool shows(const struct test_report *report, const char *text)
{
    _cleanup_(buf_release) struct buf json = BUF_INIT;

    grade_result(&json, report, false, 1, "", 0, "", 0);
    return strstr(json.data, text) != NULL;
}

static void a_shown_test_does_not_quote_one_that_is_held_out(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();
    const char *first[] = {"m::bad", "m::nowhere"}, *second[] = {"m::good"};
    const struct expectation expectation = {.fail_to_pass = first,
                                            .fail_to_pass_count = ARRAY_SIZE(first),
                                            .held_out = second,
                                            .held_out_count = 1};

    grade_hide(report, &expectation);
    grade_add_missing(report, &expectation);
    CU_ASSERT_TRUE(shows(report, "\"bad\",\"classname\":\"m\",\"time\":0.250,\"message\":\"\""));
    CU_ASSERT_FALSE(shows(report, "broke"));
    CU_ASSERT_TRUE(shows(report, TEST_MISSING_MESSAGE));
}

/* m::good passes, m::bad fails, m::left is skipped. */
static void tests_that_are_held_out_count_and_are_not_shown(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(free_ptr) char *reason = NULL;
    const char *first[] = {"m::good"}, *second[] = {"m::bad", "m::nowhere"};
    struct expectation expectation = {.fail_to_pass = first,
                                      .fail_to_pass_count = 1,
                                      .held_out = second,
                                      .held_out_count = ARRAY_SIZE(second)};
    size_t before = test_report_count(report);

    CU_ASSERT_FALSE(grade(report, &expectation, &reason));
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "held_out: 2 of 2 did not pass: m::bad"));
    CU_ASSERT_TRUE(grade_has_failed(report, &expectation));
    grade_hide(report, &expectation);
    grade_explain(&text, report, &expectation, reason);
    CU_ASSERT_STRING_EQUAL(text.data, "held_out: 2 of 2 did not pass\n");
    grade_add_missing(report, &expectation);
    CU_ASSERT_EQUAL(test_report_count(report), before + 1);
    CU_ASSERT_TRUE(shows(report, "\"good\""));
    CU_ASSERT_TRUE(shows(report, "\"failures\":[],\"skips\":[]"));
    CU_ASSERT_TRUE(shows(report, "\"total\":4,\"passed\":1,\"failed\":2,\"skipped\":1"));
    /* A test that is in both lists is held out. */
    expectation.held_out = first;
    expectation.held_out_count = ARRAY_SIZE(first);
    grade_hide(report, &expectation);
    CU_ASSERT_FALSE(shows(report, "\"good\""));
}

static void hidden_lists_are_counted_and_not_named(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    const char *first[] = {"m::bad", "m::nowhere"};
    const struct expectation expectation = {
        .fail_to_pass = first, .fail_to_pass_count = ARRAY_SIZE(first), .hide_lists = true};

    grade_hide(report, &expectation);
    grade_explain(&text, report, &expectation, NULL);
    CU_ASSERT_STRING_EQUAL(text.data, "fail_to_pass: 2 of 2 did not pass\n");
    grade_add_missing(report, &expectation);
    CU_ASSERT_TRUE(shows(report, "\"failed\":2"));
    CU_ASSERT_TRUE(shows(report, "\"bad\"")); /* the report names it, in no list */
    CU_ASSERT_FALSE(shows(report, "nowhere"));
}

static void ever_so_many_missing_tests_make_a_bounded_result(void)
{
    _cleanup_(report_release) struct test_report *report = small_report();
    _cleanup_(free_ptr) char **names = xcalloc(5000, sizeof(*names));
    struct expectation expectation = {.pass_to_pass = (const char *const *)names,
                                      .pass_to_pass_count = 5000};
    size_t before = test_report_count(report);

    for (size_t i = 0; i < 5000; i++)
        names[i] = xasprintf("missing-%zu", i);
    grade_add_missing(report, &expectation);
    CU_ASSERT_EQUAL(test_report_count(report), before + TEST_MISSING_MAX);
    for (size_t i = 0; i < 5000; i++)
        free(names[i]);
}

static void each_language_has_its_report_paths(void)
{
    static const char *const languages[] = {"python", "java",   "javascript", "typescript", "go",
                                            "rust",   "csharp", "c",          "c++",        NULL};

    CU_ASSERT_STRING_EQUAL(grade_report_paths("python")[0], "report.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths("Java")[0], "**/TEST-*.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths("Java")[2], "build/test-results/test/*.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths("typescript")[0], "test-results/junit.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths("go")[1], "go-test-report.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths("rust")[0], "target/junit.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths("csharp")[0], "TestResults/*.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths("csharp")[1], "TestResults/*.trx");
    /* An agent of an earlier release, of a container that still runs, knows no braces. */
    for (size_t i = 0; i < ARRAY_SIZE(languages); i++)
        for (const char *const *path = grade_report_paths(languages[i]); *path; path++)
            CU_ASSERT_PTR_NULL(strchr(*path, '{'));
    CU_ASSERT_STRING_EQUAL(grade_report_paths("c++")[2], "Testing/*/Test.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths(NULL)[0], "report.xml");
    CU_ASSERT_STRING_EQUAL(grade_report_paths("cobol")[0], "report.xml");
}

static const struct unit_test tests[] = {
    {"fail_to_pass must pass", fail_to_pass_must_pass},
    {"pass_to_pass may be skipped", pass_to_pass_may_be_skipped},
    {"a list of what may fail alone makes no success",
     a_list_of_what_may_fail_alone_makes_no_success},
    {"without lists the verifier and its tests decide",
     without_lists_the_verifier_and_its_tests_decide},
    {"the result lists every case", the_result_lists_every_case},
    {"listed tests that are not in the report are failures",
     listed_tests_that_are_not_in_the_report_are_failures},
    {"an explanation names what did not pass", an_explanation_names_what_did_not_pass},
    {"tests that are held out count and are not shown",
     tests_that_are_held_out_count_and_are_not_shown},
    {"a shown test does not quote one that is held out",
     a_shown_test_does_not_quote_one_that_is_held_out},
    {"hidden lists are counted and not named", hidden_lists_are_counted_and_not_named},
    {"ever so many missing tests make a bounded result",
     ever_so_many_missing_tests_make_a_bounded_result},
    {"each language has its report paths", each_language_has_its_report_paths},
};

int main(void)
{
    return UNIT_MAIN("verdict", tests);
}
