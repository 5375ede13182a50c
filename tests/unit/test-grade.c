/*
 * Reports of every runner, read.
 */
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "grade/grade.h"
#include "graded.h"
#include "unit.h"

#include "base/banned.h"

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
};

int main(void)
{
    return UNIT_MAIN("grade", tests);
}
