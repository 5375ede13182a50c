#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "grade/grade.h"
#include "grade/report_paths.h"
#include "grade/restore_rules.h"
#include "unit.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

static struct test_report *read_report(const char *file)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", REPORTS_DIR, file);
    struct test_report *report = test_report_new();
    char note[REPORT_NOTE_SIZE];
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 1 << 20, &bytes, &err), 0);
    CU_ASSERT_EQUAL(test_report_add_xml(report, bytes.data, bytes.length, note), REPORT_WHOLE);
    CU_ASSERT_STRING_EQUAL(note, "");
    return report;
}

static enum report_state add_text(struct test_report *report, const char *xml)
{
    char note[REPORT_NOTE_SIZE];
    enum report_state state = test_report_add_xml(report, xml, strlen(xml), note);

    CU_ASSERT(state == REPORT_WHOLE || note[0]);
    return state;
}

static void check(const struct test_report *report, const char *name, enum test_outcome outcome)
{
    const struct test_case *item = test_report_find(report, name);

    if (!item || item->outcome != outcome)
        fprintf(stderr, "\n    %s: %s\n", name, item ? "other outcome" : "not found");
    CU_ASSERT(item && item->outcome == outcome);
}

static void check_id(const struct test_report *report, const char *name, const char *id)
{
    const struct test_case *item = test_report_find(report, name);

    if (!item || strcmp(item->id, id) != 0)
        fprintf(stderr, "\n    %s: %s\n", name, item ? item->id : "not found");
    CU_ASSERT(item && strcmp(item->id, id) == 0);
}

static void check_message(const struct test_report *report, const char *name, const char *message)
{
    const struct test_case *item = test_report_find(report, name);

    if (item && strcmp(item->message, message) != 0)
        fprintf(stderr, "\n    %s: <%s>\n", name, item->message);
    CU_ASSERT(item && strcmp(item->message, message) == 0);
}

static void pytest_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("pytest.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 9);
    check(report, "tests.test_api::test_simple", TEST_PASSED);
    check(report, "tests/test_api.py::test_simple", TEST_PASSED);
    check(report, "./tests/test_api.py::TestMeta::test_meta", TEST_PASSED);
    check(report, "tests/test_api.py::TestMeta::test_paths[a/test-path2.x::y]", TEST_PASSED);
    check(report, "TestMeta::test_meta", TEST_PASSED);
    check(report, "tests/test_security.py::test_indirect_call", TEST_FAILED);
    check(report, "tests/test_security.py::test_windows_only", TEST_SKIPPED);
    check(report, "tests/test_security.py::test_known_bug", TEST_SKIPPED);
    check(report, "tests/test_files.py::test_cleanup", TEST_FAILED);
    check(report, "tests.test_broken", TEST_FAILED);
    CU_ASSERT_PTR_NULL(test_report_find(report, "tests/test_api.py::test_meta_not"));
    CU_ASSERT_PTR_NULL(test_report_find(report, "other/test_api.py::test_simple"));
    CU_ASSERT_PTR_NULL(test_report_find(report, ""));
    check_message(report, "test_windows_only",
                  "needs Windows\n/repo/tests/test_security.py:20: needs Windows");
    check_message(report, "test_cleanup",
                  "failed on teardown with \"OSError: busy\"\nOSError: busy");
}

static void a_name_cut_at_a_blank_is_found(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("pytest.xml");

    check(report, "tests/test_api.py::test_funcarg[class-module", TEST_PASSED);
    check(report, "test_funcarg[class-module", TEST_PASSED);
    check(report, "tests/test_api.py::test_funcarg[class-module with blank-1.5]", TEST_PASSED);
    CU_ASSERT_PTR_NULL(test_report_find(report, "tests/test_api.py::test_funcarg[class"));
}

static void unittest_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("unittest.xml");

    check(report, "test_resolve_output_field (expressions.tests.ValueTests)", TEST_PASSED);
    check(report,
          "test_resolve_output_field (expressions.tests.ValueTests.test_resolve_output_field)",
          TEST_PASSED);
    check(report, "expressions.tests.ValueTests.test_deconstruct", TEST_PASSED);
    CU_ASSERT_PTR_NULL(test_report_find(report, "test_deconstruct (other.tests.ValueTests)"));
}

static void surefire_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("surefire.xml");
    const struct test_case *item = test_report_find(report, "testEquals");

    CU_ASSERT_EQUAL(test_report_count(report), 6);
    CU_ASSERT(item && item->seconds == 1234.5);
    check(report, "com.example.gson.JsonPrimitiveTest#testEquals", TEST_PASSED);
    check(report, "com.example.gson.JsonPrimitiveTest > testEquals", TEST_PASSED);
    check(report, "JsonPrimitiveTest.testEquals", TEST_PASSED);
    check(report, "com.example.gson.JsonPrimitiveTest#testFlaky", TEST_PASSED);
    check(report, "com.example.gson.JsonPrimitiveTest#testRerun", TEST_FAILED);
    check(report, "com.example.gson.JsonPrimitiveTest#testIgnored", TEST_SKIPPED);
    check(report, "com.example.gson.JsonPrimitiveTest$Inner#parses(String)[1]", TEST_PASSED);
    check(report, "com.example.gson.LifecycleTest", TEST_FAILED);
    check(report, "LifecycleTest", TEST_FAILED);
    check_message(report, "testRerun", "still wrong\njava.lang.AssertionError: still wrong");
}

static void a_class_stands_for_the_worst_of_its_tests(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("surefire.xml");

    check_id(report, "JsonPrimitiveTest", "com.example.gson.JsonPrimitiveTest::testRerun");
    check(report, "com.example.gson.JsonPrimitiveTest", TEST_FAILED);
}

static void gtest_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("gtest.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 5);
    check(report, "format_test.format_infinity", TEST_PASSED);
    check(report, "format_test::format_infinity", TEST_PASSED);
    check(report, "format_test.vformat_to", TEST_FAILED);
    check(report, "format_test.DISABLED_later", TEST_SKIPPED);
    check(report, "format_test.needs_locale", TEST_SKIPPED);
    check(report, "Widths/pad_test.pads/0", TEST_PASSED);
    check_message(report, "vformat_to",
                  "test/format-test.cc:22\nExpected equality of these values:\n  1\n  2");
}

static void check_ctest(const struct test_report *report)
{
    CU_ASSERT_EQUAL(test_report_count(report), 10);
    check(report, "ok", TEST_PASSED);
    check_id(report, "ok", "ok::ok");
    check(report, "bad", TEST_FAILED);
    check(report, "skip", TEST_SKIPPED);
    check(report, "off", TEST_SKIPPED);
    check(report, "slow", TEST_FAILED);
    check(report, "crash", TEST_FAILED);
}

/* CTest calls it "skipped" when a program is missing because the build failed. */
static void check_ctest_missing(const struct test_report *report)
{
    check(report, "gone", TEST_FAILED);
    check(report, "req", TEST_FAILED);
    check(report, "fixu", TEST_FAILED);
    check_message(report, "gone", "Unable to find executable");
}

static void ctest_junit_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("ctest-junit.xml");

    check_ctest(report);
    check_ctest_missing(report);
    check_message(report, "bad", "boo\n");
}

static void ctest_test_xml_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("ctest-test.xml");
    const struct test_case *item = test_report_find(report, "slow");

    check_ctest(report);
    check_ctest_missing(report);
    check_message(report, "bad", "Failed");
    check_message(report, "slow", "Timeout");
    CU_ASSERT(item && item->seconds > 1.0 && item->seconds < 1.1);
}

static void go_junit_report_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("go-junit-report.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 5);
    check(report, "example.com/tool/hugolib/TestEqualFold", TEST_PASSED);
    check(report, "hugolib/TestEqualFold", TEST_PASSED);
    check(report, "example.com/tool/hugolib::TestPermalinkExpansion/title#01", TEST_PASSED);
    check(report, "TestPermalinkExpansion/title#01", TEST_PASSED);
    check(report, "hugolib/TestPermalinkExpansion/title#01", TEST_PASSED);
    check(report, "TestPermalinkExpansion", TEST_FAILED);
    check(report, "TestSlow", TEST_SKIPPED);
}

static void jest_and_vitest_are_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("jest-junit.xml");
    _cleanup_(report_release) struct test_report *vitest = read_report("vitest.xml");

    check(report, "OrderedMap > resets order when a key is deleted", TEST_PASSED);
    check(report, "api: watch > pre watcher callbacks should not track dependencies", TEST_PASSED);
    check(report, "attribute with value, unquoted", TEST_FAILED);
    check(report, "one day", TEST_SKIPPED);
    check(vitest,
          "packages/core/__tests__/parse.spec.ts > compiler: parse > Element > v-bind .prop "
          "shorthand",
          TEST_PASSED);
    check(vitest, "compiler: parse > Text > <simple>", TEST_PASSED);
}

static void nextest_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("nextest.xml");

    check(report, "routing::tests::with_trailing_slash_post", TEST_PASSED);
    check(report, "axum::routing::tests::with_trailing_slash_post", TEST_PASSED);
    check(report, "routing::tests::fallback::nest_fallback_on_inner", TEST_FAILED);
    check(report, "routing::tests::sometimes", TEST_PASSED);
    check(report, "regression::r1163", TEST_PASSED);
}

static void dotnet_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("dotnet.xml");

    check(report, "Example.Tests.ParserTests.Parses_Number", TEST_PASSED);
    check(report, "Example.Tests.ParserTests.Parses(text: \"1.5\", expected: 1.5)", TEST_PASSED);
    check(report, "Example.Tests.ParserTests.Rejects_Garbage", TEST_FAILED);
    check(report, "Example.Tests.ParserTests.Slow", TEST_SKIPPED);
}

static void nunit_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("nunit3.xml");
    _cleanup_(report_release) struct test_report *second = read_report("nunit2.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 6);
    check(report, "Shop.Tests.CartTests.Adds", TEST_PASSED);
    check(report, "Shop.Tests.CartTests::Prices(1.5d,\"a.b\")", TEST_FAILED);
    check_message(report, "Prices(1.5d,\"a.b\")", "Expected: 2 But was: 1");
    check(report, "CartTests.Later", TEST_SKIPPED);
    check(report, "CartTests.Unsure", TEST_SKIPPED);
    check(report, "CartTests.Odd", TEST_FAILED); /* a word that nobody knows */
    check(report, "Shop.Tests.BrokenFixture", TEST_FAILED);
    CU_ASSERT_EQUAL(test_report_count(second), 3);
    check(second, "Shop.Tests.CartTests.Adds", TEST_PASSED);
    check(second, "Shop.Tests.CartTests.Removes", TEST_FAILED);
    check_message(second, "CartTests.Removes", "boom");
    check(second, "CartTests.Later", TEST_SKIPPED);
}

static void trx_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("results.trx");
    const struct test_case *item = test_report_find(report, "Shop.Tests.CartTests.Adds");

    CU_ASSERT_EQUAL(test_report_count(report), 5);
    CU_ASSERT(item && item->outcome == TEST_PASSED && item->seconds > 62.4 && item->seconds < 62.6);
    check_id(report, "Adds", "Shop.Tests.CartTests::Adds");
    check(report, "Shop.Tests.CartTests.Prices(text: \"1.5\")", TEST_FAILED);
    check_message(report, "Prices(text: \"1.5\")", "Assert.Equal() Failure");
    check(report, "CartTests.Later", TEST_SKIPPED);
    check(report, "Without.A.Definition", TEST_FAILED); /* it says no outcome */
    check(report, "RunInfo", TEST_FAILED);
    check_message(report, "RunInfo", "The test host process crashed");
}

static void xunit_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("xunit-net.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 4);
    check(report, "Shop.Tests.CartTests.Adds", TEST_PASSED);
    check(report, "Shop.Tests.CartTests.Prices(text: \"1.5\")", TEST_FAILED);
    check_message(report, "Prices(text: \"1.5\")", "Assert.Equal() Failure");
    check(report, "CartTests.Later", TEST_SKIPPED);
    check(report, "Shop.Tests.Fixture", TEST_FAILED);
}

static void testng_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("testng.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 4);
    check(report, "com.example.CartTest.adds", TEST_PASSED);
    check(report, "com.example.CartTest#removes", TEST_FAILED);
    check_message(report, "removes", "expected [2] but found [1]");
    check(report, "com.example.CartTest.later", TEST_SKIPPED);
    check(report, "com.example.CartTest.tearDown", TEST_FAILED);
}

static void robot_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("robot.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 4);
    check(report, "Shop.Cart.Adds One", TEST_PASSED);
    check(report, "Cart::Removes One", TEST_FAILED);
    check_message(report, "Removes One", "1 != 2");
    check(report, "Later", TEST_SKIPPED);
    check(report, "Says Nothing", TEST_FAILED);
}

static void cases_right_below_the_root_are_read(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("node-flat.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 2);
    check(report, "adds", TEST_PASSED);
    check(report, "removes", TEST_FAILED);
}

static void suites_nest_and_may_fail_as_a_whole(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("nested.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 3);
    check(report, "outer.inner::test_a", TEST_PASSED);
    check(report, "innermost::test_b", TEST_PASSED);
    check(report, "would not start", TEST_FAILED);
}

static void of_two_cases_with_one_id_the_worse_counts(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();

    CU_ASSERT_EQUAL(add_text(report, "<testsuite><testcase classname='a' name='t'/></testsuite>"),
                    0);
    check(report, "t", TEST_PASSED);
    CU_ASSERT_EQUAL(add_text(report, "<testsuite><testcase classname='a' name='t'><failure/>"
                                     "</testcase></testsuite>"),
                    0);
    check(report, "t", TEST_FAILED);
    CU_ASSERT_EQUAL(add_text(report, "<testsuite><testcase classname='a' name='t'/></testsuite>"),
                    0);
    check(report, "a::t", TEST_FAILED);
    CU_ASSERT_EQUAL(test_report_count(report), 1);
}

static void two_tests_of_different_suites_never_merge(void)
{
    _cleanup_(report_release) struct test_report *report = read_report("node-nested.xml");

    CU_ASSERT_EQUAL(test_report_count(report), 4);
    check(report, "cart > adds", TEST_PASSED);
    check(report, "cart > removes > works", TEST_PASSED);
    check(report, "shelf > works", TEST_FAILED);
    check(report, "shelf > adds", TEST_SKIPPED);
    check(report, "removes > works", TEST_PASSED);
    check(report, "test/cart.test.js > cart > adds", TEST_PASSED);
    check(report, "test/cart.test.js::cart::removes::works", TEST_PASSED);
    check(report, "works", TEST_FAILED); /* which? */
    check(report, "test::works", TEST_FAILED);
    check(report, "cart", TEST_PASSED);
    check(report, "shelf", TEST_FAILED);
    CU_ASSERT_PTR_NULL(test_report_find(report, "cart > lends"));
    CU_ASSERT_PTR_NULL(test_report_find(report, "shelf > removes > works"));
}

static void add_case(struct test_report *report, const char *attributes, bool failed)
{
    _cleanup_(free_ptr) char *xml =
        xasprintf("<testsuites><testsuite name='s'><testcase %s>%s</testcase></testsuite>"
                  "</testsuites>",
                  attributes, failed ? "<failure/>" : "");

    CU_ASSERT_EQUAL(add_text(report, xml), REPORT_WHOLE);
}

static bool verdict(const struct test_report *report, const char *fail_to_pass,
                    const char *pass_to_pass, const char *reason)
{
    struct expectation expectation = {
        .fail_to_pass = &fail_to_pass,
        .fail_to_pass_count = fail_to_pass ? 1 : 0,
        .pass_to_pass = &pass_to_pass,
        .pass_to_pass_count = pass_to_pass ? 1 : 0,
        .verifier_succeeded = true,
    };
    _cleanup_(free_ptr) char *why = NULL;
    bool is_success = grade(report, &expectation, &why);

    CU_ASSERT_EQUAL(is_success, why == NULL);
    if (why && strcmp(why, reason ? reason : "") != 0)
        fprintf(stderr, "\n    %s\n", why);
    CU_ASSERT(reason ? why && strcmp(why, reason) == 0 : why == NULL);
    return is_success;
}

/* The first name of each row is the list's; the case with the attributes is what it means. Another
 * one, which failed, is near it. */
static void names_as_lists_write_them_are_found(void)
{
    static const struct {
        const char *listed, *attributes;
    } rows[] = {
        {"test/room.js | Room setName sets the name",
         "classname='sets the name' name='Room setName sets the name'"},
        {"test/room.js | Room setName sets the name",
         "file='test/room.js' classname='Room setName' name='sets the name'"},
        {"testAdds(com.shop.CartTest)", "classname='com.shop.CartTest' name='testAdds'"},
        {"Room setName sets the name", "classname='Room setName' name='sets the name'"},
        {"Cart > It adds up", "classname='Shop\\CartTest' name='testItAddsUp'"},
        {"Str Replace Twig > It adds up with data set #0",
         "classname='Shop.StrReplaceTwigTest' name='test_it_adds_up with data set #0'"},
        {"adds two numbers", "classname='x' name='Calculator #add adds two numbers'"},
        {"vector > resizing", "classname='tests.global' name='vector/resizing'"},
        {"vector", "classname='tests.global' name='vector/resizing'"},
        {"Cart › empty › has no price", "classname='Cart empty' name='has no price'"},
        {"CartTest : testAdds", "classname='com.shop.CartTest' name='testAdds'"},
        {"cart_test.exs: test adds up", "classname='Elixir.CartTest' file='test/cart_test.exs' "
                                        "name='test adds up'"},
        {"/testbed/tests/test_cart.py::test_adds", "classname='tests.test_cart' name='test_adds'"},
        {"/tests/test_cart.py::test_adds", "classname='tests.test_cart' name='test_adds'"},
        {"tests/test_cart.py::test_adds ", "classname='tests.test_cart' name='test_adds'"},
        {"adds up", "classname='Cart' name='adds up  '"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(report_release) struct test_report *report = test_report_new();

        add_case(report, "classname='near.by' name='another one'", true);
        CU_ASSERT_PTR_NULL(test_report_find(report, rows[i].listed));
        add_case(report, rows[i].attributes, false);
        check(report, rows[i].listed, TEST_PASSED);
    }
}

/* However loosely it is read, a name of a test that is not there finds no other. */
static void the_name_of_another_test_finds_nothing(void)
{
    static const char *const listed[] = {
        "other/test_cart.py::test_adds",
        "/testbed/other/test_cart.py::test_adds",
        "test_cart.py::test_add",
        "adds",
        "Cart > test adds",
        "test/room.js | Room setName",
        "testAdds(com.shop.CartTest)",
        "two numbers adds",
        "Cart > It adds",
        " ",
        "/",
        " | ",
    };
    _cleanup_(report_release) struct test_report *report = test_report_new();

    add_case(report, "classname='tests.test_cart' name='test_adds'", false);
    add_case(report, "classname='Calculator' name='adds two numbers'", false);
    add_case(report, "classname='Shop.CartTest' name='testItAddsUp'", false);
    add_case(report, "classname='com.other.CartTest' name='testAdds'", false);
    for (size_t i = 0; i < ARRAY_SIZE(listed); i++) {
        const struct test_case *item = test_report_find(report, listed[i]);

        if (item)
            fprintf(stderr, "\n    %s: %s\n", listed[i], item->id);
        CU_ASSERT_PTR_NULL(item);
    }
}

/* A missing test is not answered by one of the same title in another place. */
static void a_place_that_the_report_has_is_part_of_the_name(void)
{
    static const struct {
        const char *listed, *attributes;
    } rows[] = {
        {"test/room.js | it opens", "file='test/door.js' classname='x' name='it opens'"},
        {"a/index.js | it opens", "file='b/index.js' classname='x' name='it opens'"},
        {"/tests/unit/test_cart.py::test_adds",
         "classname='tests.slow.unit.test_cart' name='test_adds'"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(report_release) struct test_report *report = test_report_new();

        add_case(report, rows[i].attributes, false);
        CU_ASSERT_PTR_NULL(test_report_find(report, rows[i].listed));
    }
}

static void without_its_file_a_title_counts_if_the_report_has_not_the_file(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();

    add_case(report, "classname='it opens' name='it opens'", false);
    check(report, "test/room.js | it opens", TEST_PASSED);
    add_case(report, "classname='test/room.js' name='it closes'", false);
    CU_ASSERT_PTR_NULL(test_report_find(report, "test/room.js | it opens"));
    check(report, "packages/doors/test/room.js | it closes", TEST_PASSED);
}

/* One case that tells of no file is the test of one of two files, and nobody knows which. */
static void one_case_without_a_file_answers_for_one_name(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();

    add_case(report, "classname='it opens' name='it opens'", false);
    CU_ASSERT_TRUE(verdict(report, "a.js | it opens", NULL, NULL));
    CU_ASSERT_FALSE(verdict(report, "a.js | it opens", "b.js | it opens",
                            "fail_to_pass: 1 of 1 did not pass: a.js | it opens (missing); "
                            "pass_to_pass: 1 of 1 did not pass: b.js | it opens (missing)"));
    add_case(report, "classname='it opens' name='it opens'", false);
    CU_ASSERT_TRUE(verdict(report, "a.js | it opens", "b.js | it opens", NULL));
    add_case(report, "classname='it opens' name='it opens'", true);
    CU_ASSERT_FALSE(verdict(report, "a.js | it opens", NULL,
                            "fail_to_pass: 1 of 1 did not pass: a.js | it opens (failed)"));
}

/* R2E-Gym's map of outcomes is to be equal. */
static void exact_outcomes_want_what_must_fail_to_fail(void)
{
    static const char *const passing[] = {"T.test_a"}, *const failing[] = {"T.test_b", "T.test_c"};
    struct expectation expectation = {.fail_to_pass = passing,
                                      .fail_to_pass_count = 1,
                                      .fail_to_fail = failing,
                                      .fail_to_fail_count = 2,
                                      .exact = true};
    _cleanup_(report_release) struct test_report *report = test_report_new();
    _cleanup_(free_ptr) char *why = NULL, *more = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    add_case(report, "classname='m.T' name='test_a'", false);
    add_case(report, "classname='m.T' name='test_b'", true);
    add_case(report, "classname='m.T' name='test_c'", false);
    CU_ASSERT_FALSE(grade(report, &expectation, &why));
    CU_ASSERT_STRING_EQUAL(why, "fail_to_fail: 1 of 2 did not fail: T.test_c (passed)");
    add_case(report, "classname='m.T' name='test_c'", true); /* of two, the worse */
    add_case(report, "classname='m.T' name='test_d'", false);
    add_case(report, "name='m.broken'", true); /* a file that was not collected */
    add_case(report, "classname='m.T' name=''", true);
    add_case(report, "classname='n.T' name='test_b'", true); /* T.test_b names both */
    CU_ASSERT_TRUE(grade(report, &expectation, NULL));
    add_case(report, "classname='m.T' name='test_d'", true);
    CU_ASSERT_FALSE(grade(report, &expectation, &more));
    CU_ASSERT_STRING_EQUAL(more, "failed, and in no list: 1: m.T::test_d");
    grade_explain(&text, report, &expectation, more);
    CU_ASSERT_STRING_EQUAL(text.data, "failed, and in no list: 1: m.T::test_d\n");
    buf_clear(&text);
    expectation.hide_lists = true;
    grade_explain(&text, report, &expectation, more);
    CU_ASSERT_STRING_EQUAL(text.data, "failed, and in no list: 1\n");
    expectation.exact = false;
    CU_ASSERT_TRUE(grade(report, &expectation, NULL));
}

static void last_words_find_what_they_name_alone(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();

    add_case(report, "classname='x' name='Sum adds two numbers'", false);
    CU_ASSERT_TRUE(verdict(report, "adds two numbers", NULL, NULL));
    CU_ASSERT_TRUE(verdict(report, "adds two numbers", "adds two numbers", NULL));
    CU_ASSERT_FALSE(verdict(report, "adds two numbers", "Sum adds two numbers",
                            "fail_to_pass: 1 of 1 did not pass: adds two numbers (missing)"));
    CU_ASSERT_TRUE(verdict(report, "Sum adds two numbers", NULL, NULL));
    add_case(report, "classname='x' name='Average adds two numbers'", false);
    CU_ASSERT_PTR_NULL(test_report_find(report, "adds two numbers"));
}

static void of_an_ambiguous_name_the_worse_counts(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();

    test_report_add_case(report, "p.A", "t", TEST_PASSED, 0, NULL);
    test_report_add_case(report, "q.A", "t", TEST_SKIPPED, 0, NULL);
    check(report, "t", TEST_SKIPPED);
    check(report, "A::t", TEST_SKIPPED);
    test_report_add_case(report, "r.B", "t", TEST_FAILED, 0, NULL);
    check(report, "t", TEST_FAILED);
    check(report, "A::t", TEST_SKIPPED);
    check(report, "p.A::t", TEST_PASSED);
}

/* Cases that differ in blanks alone make the same keys again and again. */
static void add_alike(struct test_report *report, int count)
{
    _cleanup_(buf_release) struct buf place = BUF_INIT, name = BUF_INIT, xml = BUF_INIT;

    for (int i = 0; i < 15; i++)
        buf_addf(&place, "%060d.", i);
    buf_add_str(&place, "Class");
    buf_add_str(&name, "a");
    buf_add_str(&xml, "<testsuite name='s'>");
    for (int i = 0; i < count; i++) {
        buf_add_char(&name, '.');
        buf_addf(&xml, "<testcase classname='%s' file='f.%s' name='%sb'/>", place.data, place.data,
                 name.data);
    }
    buf_add_str(&xml, "<testcase classname='c' name='last'/></testsuite>");
    CU_ASSERT_EQUAL(add_text(report, xml.data), REPORT_WHOLE);
}

static void looser_names_are_bounded_by_the_work_for_them(void)
{
    _cleanup_(report_release) struct test_report *few = test_report_new(),
                                                 *many = test_report_new();

    add_alike(few, 10);
    check(few, "s > last", TEST_PASSED);
    add_alike(many, 3000);
    CU_ASSERT_PTR_NULL(test_report_find(many, "s > last"));
    check(many, "c::last", TEST_PASSED);
    check(many, "last", TEST_PASSED);
}

static void comes_to(enum report_state state, const char *xml)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    enum report_state found = add_text(report, xml);

    if (found != state)
        fprintf(stderr, "\n    %d: %.60s\n", found, xml);
    CU_ASSERT_EQUAL(found, state);
    CU_ASSERT(state == REPORT_BROKEN || test_report_count(report) == 0);
}

static void what_is_no_report_is_told_and_changes_nothing(void)
{
    comes_to(REPORT_EMPTY, "");
    comes_to(REPORT_EMPTY, " \n");
    comes_to(REPORT_EMPTY, "no XML at all");
    comes_to(REPORT_EMPTY, "<testsuites/>");
    comes_to(REPORT_EMPTY, "<Site><Build/></Site>");
    comes_to(REPORT_FOREIGN, "<html/>");
    comes_to(REPORT_FOREIGN, "<!DOCTYPE report PUBLIC '-//JACOCO//DTD Report 1.1//EN' 'report.dtd'>"
                             "<report><testsuite/></report>");
    comes_to(REPORT_FOREIGN, "<coverage><testsuite><testcase name='a'/></testsuite></coverage>");
    comes_to(REPORT_FOREIGN, "<coverage>&x;<testsuite><testcase name='a'/></testsuite></coverage>");
}

static void of_a_report_that_breaks_off_the_beginning_is_read(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();

    CU_ASSERT_EQUAL(add_text(report, "<testsuite><testcase name='a'><failure/></testcase><testcase "
                                     "name='b'/><testcase name='c'><fail"),
                    REPORT_BROKEN);
    CU_ASSERT_EQUAL(test_report_count(report), 2);
    check(report, "a", TEST_FAILED);
    check(report, "b", TEST_PASSED);
    comes_to(REPORT_BROKEN, "<testsuite><testcase name='a'/>");
    comes_to(REPORT_BROKEN, "<testsuite");
    comes_to(REPORT_BROKEN, "<testsuite><a></b></testsuite>");
    comes_to(REPORT_BROKEN, "<testsuite/><testsuite><testcase name='a'/>");
}

/* The second case has failed: it must not be lost with what is mended. */
static void mended(const char *xml, size_t size)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    char note[REPORT_NOTE_SIZE];

    CU_ASSERT_EQUAL(test_report_add_xml(report, xml, size, note), REPORT_WHOLE);
    CU_ASSERT_STRING_NOT_EQUAL(note, "");
    CU_ASSERT_EQUAL(test_report_count(report), 2);
    check(report, "a", TEST_PASSED);
    check(report, "b", TEST_FAILED);
}

#define MENDED(xml) mended(xml, sizeof(xml) - 1)
#define A "<testcase name='a'/>"
#define B "<testcase name='b'><failure/></testcase>"

static void what_is_nearly_xml_is_read(void)
{
    MENDED("<testsuite>" A "<system-out>\xff \x1b[1m</system-out>" B "</testsuite>");
    MENDED("<testsuite>" A "<system-out>\0</system-out>" B "</testsuite>");
    MENDED("<testsuite>" A "<system-out>&#27; &#x0; &nbsp; a && b</system-out>" B "</testsuite>");
    MENDED("<testsuite>" A "<system-out><![CDATA[&#0; \x08]]></system-out>" B "</testsuite>");
    MENDED("<testsuite>" A B "</testsuite>\nDone in 3 s.\n");
    MENDED("> mocha\n\n<?xml version='1.0'?><testsuite>" A B "</testsuite>");
    MENDED("\n<?xml version='1.0'?><testsuite>" A B "</testsuite>");
    MENDED("<testsuite>" A "</testsuite><testsuite>" B "</testsuite>");
    MENDED("<?xml version='1.0'?><testsuite>" A "</testsuite>\n<?xml version='1.0'?><testsuites>"
           "<testsuite>" B "</testsuite></testsuites>");
    MENDED("<?xml version='1.0' encoding='utf-16'?><testsuite>" A B "</testsuite>");
    MENDED("<?xml version='1.0' encoding='x-made-up'?><testsuite>" A B "\xe4</testsuite>");
    MENDED("<testsuite><testcase name='a' note='1 & 2'/>" B "</testsuite>");
}

static void a_name_with_a_bad_byte_is_found(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();

    CU_ASSERT_EQUAL(add_text(report, "<testsuite><testcase name='caf\xe9'/></testsuite>"),
                    REPORT_WHOLE);
    check(report, "caf\xef\xbf\xbd", TEST_PASSED);
}

static void single_byte_encodings_are_read(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();

    CU_ASSERT_EQUAL(add_text(report, "<?xml version='1.0' encoding='windows-1252'?><testsuite>"
                                     "<testcase name='\x80 \xe9'/></testsuite>"),
                    REPORT_WHOLE);
    check(report, "\xe2\x82\xac \xc3\xa9", TEST_PASSED);
    CU_ASSERT_EQUAL(add_text(report, "<?xml version='1.0' encoding='iso-8859-1'?><testsuite>"
                                     "<testcase name='\xe8\x01'/></testsuite>"),
                    REPORT_WHOLE);
    check(report, "\xc3\xa8?", TEST_PASSED);
}

static void doctypes_are_refused_and_entities_mean_nothing(void)
{
    comes_to(REPORT_BROKEN, "<!DOCTYPE testsuite><testsuite><testcase name='a'/></testsuite>");
    comes_to(REPORT_BROKEN,
             "<!DOCTYPE testsuite [<!ENTITY a 'b'>]><testsuite><testcase name='&a;'/></testsuite>");
    comes_to(REPORT_BROKEN, "<!DOCTYPE testsuite [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
                            "<testsuite>&a;</testsuite>");
    comes_to(REPORT_FOREIGN,
             "<!DOCTYPE t SYSTEM 'http://127.0.0.1/x.dtd'><testsuite>&a;</testsuite>");
    comes_to(REPORT_FOREIGN,
             "<!DOCTYPE t [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><testsuite/>");
    comes_to(REPORT_WHOLE, "<testsuite>&undeclared;</testsuite>");
}

static void depth_names_and_cases_are_bounded(void)
{
    _cleanup_(buf_release) struct buf xml = BUF_INIT;
    _cleanup_(report_release) struct test_report *report = test_report_new();

    for (int i = 0; i < 257; i++)
        buf_add_str(&xml, "<testsuite>");
    for (int i = 0; i < 257; i++)
        buf_add_str(&xml, "</testsuite>");
    comes_to(REPORT_BROKEN, xml.data);

    buf_clear(&xml);
    buf_add_str(&xml, "<testsuite><testcase name='");
    for (int i = 0; i <= TEST_NAME_MAX; i++)
        buf_add_char(&xml, 'n');
    buf_add_str(&xml, "'/></testsuite>");
    comes_to(REPORT_BROKEN, xml.data);

    buf_clear(&xml);
    buf_add_str(&xml, "<testsuite>");
    for (int i = 0; i < TEST_CASES_MAX; i++)
        buf_addf(&xml, "<testcase name='%d'/>", i);
    buf_add_str(&xml, "</testsuite>");
    CU_ASSERT_EQUAL(add_text(report, xml.data), 0);
    CU_ASSERT_EQUAL(test_report_count(report), TEST_CASES_MAX);
    CU_ASSERT_EQUAL(add_text(report, "<testsuite><testcase name='more'/></testsuite>"),
                    REPORT_BROKEN);
}

static void a_message_is_cut_between_characters(void)
{
    _cleanup_(buf_release) struct buf xml = BUF_INIT;
    _cleanup_(report_release) struct test_report *report = test_report_new();
    const struct test_case *item;

    buf_add_str(&xml, "<testsuite><testcase name='t'><failure>x");
    for (int i = 0; i < TEST_MESSAGE_MAX; i++)
        buf_add_str(&xml, "\xe2\x82\xac");
    buf_add_str(&xml, "</failure></testcase></testsuite>");
    CU_ASSERT_EQUAL(add_text(report, xml.data), 0);
    item = test_report_find(report, "t");
    CU_ASSERT_PTR_NOT_NULL_FATAL(item);
    CU_ASSERT_EQUAL(strlen(item->message), 1 + (TEST_MESSAGE_MAX - 1) / 3 * 3);
}

static void nonsense_seconds_are_zero(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    static const char *const names[] = {"a", "b", "c", "d", "e"};

    CU_ASSERT_EQUAL(add_text(report, "<testsuite><testcase name='a' time='nan'/>"
                                     "<testcase name='b' time='-1'/><testcase name='c' "
                                     "time='0x10'/><testcase name='d' time='inf'/>"
                                     "<testcase name='e' time=''/></testsuite>"),
                    0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct test_case *item = test_report_find(report, names[i]);

        CU_ASSERT(item && item->seconds == 0);
    }
}

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

/* Processor time, so that neither valgrind nor a busy machine decides: looking up all names must
 * be cheaper than making the report. Where each name is compared with each case, it is a hundred
 * times as dear. */
static void ten_thousand_names_among_200000_cases_are_quick(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    clock_t start = clock(), made;
    int found = 0;

    for (int i = 0; i < TEST_CASES_MAX; i++) {
        _cleanup_(free_ptr) char *name = xasprintf("test_case[%d]", i);

        buf_clear(&text);
        buf_addf(&text, "tests.some.package.with_depth.test_module_%d.TestClass", i % 1000);
        test_report_add_case(report, text.data, name, TEST_PASSED, 0, NULL);
    }
    CU_ASSERT_PTR_NULL(test_report_find(report, "none of these"));
    made = clock();
    for (int i = 0; i < 10000; i++) {
        buf_clear(&text);
        buf_addf(&text, "tests/some/package/with_depth/test_module_%d.py::TestClass::test_case[%d]",
                 i % 1000, i);
        found += test_report_find(report, text.data) != NULL;
        buf_add_char(&text, 'x');
        found += test_report_find(report, text.data) != NULL;
    }
    CU_ASSERT_EQUAL(found, 10000);
    CU_ASSERT(clock() - made < made - start);
}

static bool has_rule(const struct buf *rules, const char *rule)
{
    for (size_t at = 0; at < rules->length; at += strlen(rules->data + at) + 1)
        if (strcmp(rules->data + at, rule) == 0)
            return true;
    return false;
}

static void check_rules(const struct restore_sample *sample, const char *const *expected)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT;

    restore_rules(sample, &rules);
    for (; *expected; expected++) {
        bool wanted = **expected != '!';

        if (has_rule(&rules, *expected + !wanted) != wanted)
            fprintf(stderr, "\n    %s\n", *expected);
        CU_ASSERT(has_rule(&rules, *expected + !wanted) == wanted);
    }
}

static void rules_name_the_files_of_the_tests(void)
{
    check_rules(
        &(struct restore_sample){
            .language = "python",
            .test_patch =
                "diff --git a/tests/test_c.py b/tests/test_c.py\n--- a/tests/test_c.py\t1\n"
                "+++ b/tests/test_c.py\r\n@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n"
                "+++ b/tests/new.py\n+++ b/../../etc/passwd\n",
            .fail_to_pass =
                "[\"tests/test_a.py::TestA::test[x/y.py]\", \"tests.test_b.TestB::test_b\", 7, "
                "\"src/pkg/mod.py::pkg.mod.f\", \"tests/test_e.py::TestE::test_e[1.5]\", "
                "\"src/pkg/__init__.py::pkg.g\", \"tests/test_f.py::TestF.test_f\", "
                "\"src/pkg/own.py::pkg.own\"]",
            .pass_to_pass = "[\"test_d (pkg.tests.TestD)\", \"test_bare\"]"},
        (const char *const[]){"ftests/test_a.py", "ftests/test_b.py", "ftests/test_b/TestB.py",
                              "ftests/test_c.py", "ftests/new.py", "fpkg/tests.py", "cconftest.py",
                              "ftests/test_e.py", "ftests/test_f.py", "!fsrc/pkg/__init__.py",
                              "!fsrc/pkg/own.py", "!fsrc/pkg/mod.py", "!ppackage.json",
                              "!f../../etc/passwd", "!fdev/null", "!ftest_bare.py", NULL});
    check_rules(&(struct restore_sample){.language = "TypeScript",
                                         .fail_to_pass = "[\"a/b.spec.ts > parse > it\", "
                                                         "\"test/c.js::d\", \"no file > it\"]"},
                (const char *const[]){"fa/b.spec.ts", "ftest/c.js", "ppackage.json",
                                      "!cconftest.py", "!fno file", NULL});
    check_rules(&(struct restore_sample){.language = "java",
                                         .fail_to_pass = "[\"com.example.GsonTest#parses\"]"},
                (const char *const[]){"cGsonTest.java", NULL});
    check_rules(&(struct restore_sample){.fail_to_pass = "[broken"},
                (const char *const[]){"cconftest.py", "ppackage.json", "c.cargo", NULL});
}

static void rules_know_how_runners_write_names(void)
{
    check_rules(&(struct restore_sample){.language = "python",
                                         .fail_to_pass =
                                             "[\"test_x (tests.test_a.TestB.test_x)\", "
                                             "\"test_y (admin_views.tests.AdminTests)\", "
                                             "\"test_z (pkg.test_c.TestC.test_z) (i=1)\"]"},
                (const char *const[]){"ftests/test_a.py", "ftests/admin_views/tests.py",
                                      "fadmin_views/tests.py", "fpkg/test_c.py", "npackaging",
                                      "cpytest.*so", "!ftests/test_a/TestB/test_x.py", NULL});
    check_rules(
        &(struct restore_sample){
            .language = "java",
            .fail_to_pass = "[\"adds(com.example.CartTest)\", \"com.example.ShelfTest.adds\", "
                            "\"com.example.BookTest.lends(int)\", \"a[1](com.example.RowTest)\", "
                            "\"com.example.GsonTest > parses()\", \"DoorTest#opens(String)\", "
                            "\"a.HouseTest$Inner.opens\"]"},
        (const char *const[]){"cCartTest.java", "cShelfTest.java", "cBookTest.java",
                              "cRowTest.java", "cGsonTest.java", "cDoorTest.java",
                              "cHouseTest.java", "!cadds.java", "!cString.java", NULL});
}

static void rules_know_how_diffs_write_paths(void)
{
    check_rules(
        &(struct restore_sample){
            .language = "go",
            .test_patch =
                "--- \"a/t\\303\\251st \\\"x\\\".go\"\n+++ \"b/t\\303\\251st.go\"\n@@ -1 +1 @@\n"
                "--- a comment\n+b\n"
                "diff --git t/a_test.go t/a_test.go\n--- t/a_test.go\n+++ t/b_test.go\n"
                "@@ -1 +1 @@\n-a\n+b\n"
                "diff --git a/old_test.go b/new_test.go\nrename from old_test.go\n"
                "rename to new_test.go\n"},
        (const char *const[]){"ft\303\251st \"x\".go", "ft\303\251st.go", "ft/a_test.go",
                              "ft/b_test.go", "fold_test.go", "fnew_test.go", "!fa comment", NULL});
}

static void rules_name_what_a_shell_reads_before_the_verifier(void)
{
    check_rules(&(struct restore_sample){.language = "go", .profile = "{}", .root = "/work"},
                (const char *const[]){"!c.bashrc", "!c.profile", NULL});
    check_rules(
        &(struct restore_sample){.language = "go", .profile = "{\"shell\":\"login\"}"},
        (const char *const[]){"c.bash_profile", "c.bash_login", "c.profile", "c.bashrc", NULL});
    check_rules(
        &(struct restore_sample){
            .language = "go",
            .profile = "{\"shell\":\"entrypoint\",\"entrypoint\":[\"/work/bin/enter\","
                       "\"./tool/run\",\"setup.sh\",\"bash\",\"--x=a/b\",\"/workshop/x\","
                       "\"../up\",\"/bin/sh\",7]}",
            .root = "/work/"},
        (const char *const[]){"fbin/enter", "ftool/run", "fsetup.sh", "!fbash", "!f--x=a/b", "!fx",
                              "!fshop/x", "!f../up", "!fbin/sh", "!c.bashrc", NULL});
}

static void a_samples_own_rules_go_first(void)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT;

    restore_rules(&(struct restore_sample){.language = "python",
                                           .held_out = "[\"tests/test_h.py::test_a\"]",
                                           .restore = "[\"data\",\"!/conftest.py\",7]"},
                  &rules);
    CU_ASSERT_EQUAL(memcmp(rules.data, "kdata\0t/conftest.py", 20), 0);
    CU_ASSERT_TRUE(has_rule(&rules, "ftests/test_h.py"));
}

static void many_tests_of_few_files_are_few_rules(void)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT, tests = BUF_INIT;

    buf_add_str(&tests, "[");
    for (int i = 0; i < 3 * RESTORE_RULES_MOST; i++)
        buf_addf(&tests, "\"test_%d (pkg.test_a.TestA)\",", i);
    buf_add_str(&tests, "\"test_b (pkg.test_b.TestB)\"]");
    restore_rules(&(struct restore_sample){.language = "python", .fail_to_pass = tests.data},
                  &rules);
    CU_ASSERT_TRUE(has_rule(&rules, "fpkg/test_b.py"));
}

static void rules_are_bounded(void)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT, tests = BUF_INIT;
    size_t count = 0;

    buf_add_str(&tests, "[");
    for (int i = 0; i < 3 * RESTORE_RULES_MOST; i++)
        buf_addf(&tests, "%s\"tests/%0200d/test.py::a\"", i ? "," : "", i);
    buf_add_str(&tests, "]");
    restore_rules(&(struct restore_sample){.language = "python", .fail_to_pass = tests.data},
                  &rules);
    for (size_t at = 0; at < rules.length; at += strlen(rules.data + at) + 1)
        count++;
    CU_ASSERT(rules.length <= AGENT_RULES_MOST);
    CU_ASSERT(count > RESTORE_RULES_MOST && count < RESTORE_RULES_MOST + 100);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"pytest's report is read", pytest_is_read},
        {"a name cut at a blank is found", a_name_cut_at_a_blank_is_found},
        {"unittest's report is read", unittest_is_read},
        {"surefire's report is read", surefire_is_read},
        {"a class stands for the worst of its tests", a_class_stands_for_the_worst_of_its_tests},
        {"gtest's report is read", gtest_is_read},
        {"CTest's JUnit form is read", ctest_junit_is_read},
        {"CTest's Test.xml is read", ctest_test_xml_is_read},
        {"go-junit-report's report is read", go_junit_report_is_read},
        {"jest's and vitest's reports are read", jest_and_vitest_are_read},
        {"nextest's report is read", nextest_is_read},
        {"dotnet's report is read", dotnet_is_read},
        {"suites nest and may fail as a whole", suites_nest_and_may_fail_as_a_whole},
        {"of two cases with one id the worse counts", of_two_cases_with_one_id_the_worse_counts},
        {"two tests of different suites never merge", two_tests_of_different_suites_never_merge},
        {"names as lists write them are found", names_as_lists_write_them_are_found},
        {"the name of another test finds nothing", the_name_of_another_test_finds_nothing},
        {"a place that the report has is part of the name",
         a_place_that_the_report_has_is_part_of_the_name},
        {"without its file a title counts if the report has not the file",
         without_its_file_a_title_counts_if_the_report_has_not_the_file},
        {"one case without a file answers for one name",
         one_case_without_a_file_answers_for_one_name},
        {"exact outcomes want what must fail to fail", exact_outcomes_want_what_must_fail_to_fail},
        {"last words find what they name alone", last_words_find_what_they_name_alone},
        {"looser names are bounded by the work for them",
         looser_names_are_bounded_by_the_work_for_them},
        {"of an ambiguous name the worse counts", of_an_ambiguous_name_the_worse_counts},
        {"what is no report is told and changes nothing",
         what_is_no_report_is_told_and_changes_nothing},
        {"of a report that breaks off the beginning is read",
         of_a_report_that_breaks_off_the_beginning_is_read},
        {"what is nearly XML is read", what_is_nearly_xml_is_read},
        {"a name with a bad byte is found", a_name_with_a_bad_byte_is_found},
        {"single-byte encodings are read", single_byte_encodings_are_read},
        {"doctypes are refused and entities mean nothing",
         doctypes_are_refused_and_entities_mean_nothing},
        {"NUnit's reports are read", nunit_is_read},
        {"a TRX is read", trx_is_read},
        {"xUnit.net's report is read", xunit_is_read},
        {"TestNG's report is read", testng_is_read},
        {"Robot's report is read", robot_is_read},
        {"cases right below the root are read", cases_right_below_the_root_are_read},
        {"depth, names and cases are bounded", depth_names_and_cases_are_bounded},
        {"a message is cut between characters", a_message_is_cut_between_characters},
        {"nonsense seconds are zero", nonsense_seconds_are_zero},
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
        {"ten thousand names among 200000 cases are quick",
         ten_thousand_names_among_200000_cases_are_quick},
        {"rules name the files of the tests", rules_name_the_files_of_the_tests},
        {"rules know how runners write names", rules_know_how_runners_write_names},
        {"rules know how diffs write paths", rules_know_how_diffs_write_paths},
        {"many tests of few files are few rules", many_tests_of_few_files_are_few_rules},
        {"rules are bounded", rules_are_bounded},
        {"rules name what a shell reads before the verifier",
         rules_name_what_a_shell_reads_before_the_verifier},
        {"a sample's own rules go first", a_samples_own_rules_go_first},
    };

    return UNIT_MAIN("grade", tests);
}
