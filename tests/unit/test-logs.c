#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "grade/logs.h"
#include "unit.h"

#include "base/banned.h"

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

#define TESTS_MOST 10

/* What the logs of tests/fuzz/corpus/log come to; their first line is the parser's name. */
static const struct expected_log {
    const char *file;
    size_t count;
    struct {
        const char *name;
        enum test_outcome outcome;
    } tests[TESTS_MOST];
} logs[] = {
    {"pytest",
     6,
     {{"tests/test_a.py::test_one", TEST_PASSED},
      {"tests/test_a.py::TestB::test_two[x - y]", TEST_FAILED},
      {"tests/test_a.py::TestB::test_two[x", TEST_FAILED},
      {"tests/test_a.py::test_later", TEST_SKIPPED},
      {"tests/test_a.py::test_far", TEST_PASSED},
      {"tests/test_a.py::test_known", TEST_SKIPPED},
      {"tests/test_broken.py", TEST_FAILED}}},
    {"unittest",
     8,
     {{"test_one (pkg.tests.CartTests)", TEST_PASSED},
      {"test_two (pkg.tests.CartTests)", TEST_FAILED},
      {"test_two (pkg.tests.CartTests.test_two)", TEST_FAILED},
      {"test_three (pkg.tests.CartTests)", TEST_PASSED},
      {"Adds three things.", TEST_PASSED},
      {"test_four (pkg.tests.CartTests)", TEST_PASSED},
      {"test_five (pkg.tests.CartTests)", TEST_SKIPPED},
      {"test_six (pkg.tests.CartTests)", TEST_SKIPPED},
      {"setUpClass (pkg.tests.Broken)", TEST_FAILED}}},
    {"sympy",
     3,
     {{"test_structure", TEST_PASSED},
      {"test_has", TEST_FAILED},
      {"sympy/core/tests/test_basic.py:test_has", TEST_FAILED}}},
    {"go",
     5,
     {{"example.com/tool/cart/TestFold", TEST_PASSED},
      {"TestFold/upper_case", TEST_PASSED},
      {"TestLater", TEST_SKIPPED},
      {"shelf/TestFold", TEST_FAILED},
      {"TestFold", TEST_FAILED},
      {"example.com/tool/broken", TEST_FAILED}}},
    {"go-json",
     3,
     {{"cart/TestAdds", TEST_PASSED},
      {"shelf/TestAdds", TEST_FAILED},
      {"example.com/shelf", TEST_FAILED}}},
    {"cargo",
     5,
     {{"routing::tests::adds", TEST_PASSED},
      {"axum::routing::tests::fails", TEST_FAILED},
      {"routing::tests::later", TEST_SKIPPED},
      {"routing::tests::panics", TEST_PASSED},
      {"src/lib.rs - Cart::add (line 3)", TEST_PASSED}}},
    {"jest",
     6,
     {{"has no price", TEST_PASSED},
      {"cart empty has no price", TEST_PASSED},
      {"cart > adds", TEST_PASSED},
      {"src/cart.test.js", TEST_PASSED},
      {"src/shelf.test.js", TEST_FAILED},
      {"src/shelf.test.js | shelf removes", TEST_FAILED},
      {"lends", TEST_SKIPPED}}},
    {"vitest",
     4,
     {{"src/cart.test.ts > cart > adds", TEST_PASSED},
      {"cart > lends", TEST_SKIPPED},
      {"shelf > removes", TEST_FAILED},
      {"src/whole.test.ts", TEST_PASSED}}},
    {"mocha",
     4,
     {{"Cart adds", TEST_PASSED},
      {"Cart removes", TEST_FAILED},
      {"lends", TEST_SKIPPED},
      {"Cart when empty has no price", TEST_PASSED}}},
    {"tap",
     6,
     {{"cart > adds", TEST_PASSED},
      {"cart > removes", TEST_FAILED},
      {"cart", TEST_FAILED},
      {"lends", TEST_SKIPPED},
      {"later", TEST_SKIPPED},
      {"4", TEST_PASSED}}},
    {"ctest",
     4,
     {{"adds", TEST_PASSED},
      {"removes", TEST_FAILED},
      {"lends", TEST_SKIPPED},
      {"gone", TEST_FAILED}}},
    {"gradle",
     3,
     {{"com.example.CartTest > adds()", TEST_PASSED},
      {"com.example.CartTest > nested > removes()", TEST_FAILED},
      {"com.example.CartTest.lends", TEST_SKIPPED}}},
    {"maven",
     5,
     {{"com.example.ShelfTest.removes", TEST_FAILED},
      {"com.example.ShelfTest", TEST_FAILED},
      {"lends(com.example.OldTest)", TEST_FAILED},
      {"CartTest#adds", TEST_PASSED},
      {"com.example.CartTest", TEST_PASSED}}},
    {"phpunit",
     4,
     {{"Cart > Adds up", TEST_PASSED},
      {"Cart > Removes", TEST_FAILED},
      {"Shop\\CartTest::testRemoves", TEST_FAILED},
      {"Lends", TEST_SKIPPED}}},
    {"rspec",
     3,
     {{"Calculator #add adds two numbers", TEST_PASSED},
      {"fails at three", TEST_FAILED},
      {"is later", TEST_SKIPPED}}},
    {"dotnet",
     3,
     {{"Shop.Tests.CartTests.Adds", TEST_PASSED},
      {"Shop.Tests.CartTests.Prices(text: \"1.5\")", TEST_FAILED},
      {"CartTests.Lends", TEST_SKIPPED}}},
    {"gtest",
     3,
     {{"format_test.infinity", TEST_PASSED},
      {"format_test.widths", TEST_FAILED},
      {"format_test.later", TEST_SKIPPED}}},
    {"minitest",
     4,
     {{"CartTest#test_adds", TEST_PASSED},
      {"CartTest#test_removes", TEST_FAILED},
      {"TestUtils#test_: The `Utils.slugify` method should replace whitespace", TEST_PASSED},
      {"test_lends", TEST_SKIPPED}}},
    {"named-json",
     3,
     {{"test/a.js | adds", TEST_PASSED},
      {"test/a.js | removes", TEST_FAILED},
      {"test/b.js | lends", TEST_SKIPPED}}},
    /* Names of SWE-bench Multilingual's lists. */
    {"automake",
     4,
     {{"tests/jqtest", TEST_PASSED},
      {"tests/onigtest", TEST_FAILED},
      {"testc", TEST_PASSED},
      {"callout", TEST_SKIPPED}}},
    {"ant",
     3,
     {{"javac-BuilderWithToBuilder.java(lombok.transform.TestWithDelombok)", TEST_PASSED},
      {"javac-NonNullOnRecord3.java(lombok.transform.TestWithDelombok)", TEST_FAILED},
      {"javac-ExtensionMethodInLambda.java(lombok.transform.TestWithDelombok)", TEST_FAILED}}},
    {"redis",
     4,
     {{"RPOP/LPOP with the optional count argument", TEST_PASSED},
      {"ACLs can exclude single subcommands, case 1", TEST_PASSED},
      {"XREADGROUP will not report data on empty history. Bug #5577", TEST_FAILED},
      {"MONITOR log blocked command only once", TEST_SKIPPED}}},
    {"micropython",
     3,
     {{"basics/fun_kwargs.py", TEST_PASSED},
      {"float/string_format_modulo2_intbig.py", TEST_FAILED},
      {"unicode/unicode_slice.py", TEST_SKIPPED}}},
    {"karma",
     5,
     {{"Components > should render components", TEST_PASSED},
      {"Components > Component construction > should re-render nested functional components",
       TEST_PASSED},
      /* The lists' path, which its suite is not in, and the true one. */
      {"Components > Component construction > should support passing children as a prop",
       TEST_FAILED},
      {"Components > props.children > should support passing children as a prop", TEST_FAILED},
      {"should be sunk", TEST_SKIPPED},
      {"memo() > should pass props and nextProps to comparer fn", TEST_PASSED}}},
    {"cucumber",
     2,
     {{"features/post_data.feature:6  Scenario: Use post.title variable", TEST_PASSED},
      {"features/post_data.feature:30  Scenario: Use page.name variable", TEST_FAILED}}},
    {"test-unit",
     4,
     {{"test_included", TEST_PASSED},
      {"test_rpc_server[localhost_ipv4]", TEST_FAILED},
      {"exponential backoff with max_steps", TEST_PASSED},
      {"Fluent::ConfigTest > retry > test_later", TEST_SKIPPED}}},
    {"doctest",
     6,
     {{"basic usage > to_json", TEST_PASSED},
      {"basic usage > conversion > from_json", TEST_FAILED},
      {"basic usage > from_json", TEST_FAILED},
      {"basic usage > conversion", TEST_FAILED},
      {"basic usage > implicit conversions", TEST_PASSED},
      {"left out", TEST_SKIPPED}}},
};

static enum report_state add(struct test_report *report, const char *log, size_t length)
{
    const char *stop = memchr(log, '\n', length);
    _cleanup_(free_ptr) char *name = xstrndup(log, (size_t)(stop - log));
    const struct log_parser *parser = log_parser_find(name);
    char note[REPORT_NOTE_SIZE];
    enum report_state state;

    CU_ASSERT_PTR_NOT_NULL_FATAL(parser);
    state = test_report_add_log(report, parser, stop + 1, length - (size_t)(stop + 1 - log), note);
    if ((state == REPORT_WHOLE) != (note[0] == '\0'))
        fprintf(stderr, "\n    %s: %s\n", name, note);
    CU_ASSERT_EQUAL(state == REPORT_WHOLE, note[0] == '\0');
    return state;
}

static void read_log(const char *file, struct buf *bytes)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", LOGS_DIR, file);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 1 << 20, bytes, &err), 0);
}

static void every_parser_reads_its_log(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
        _cleanup_(report_release) struct test_report *report = test_report_new();
        _cleanup_(buf_release) struct buf bytes = BUF_INIT;

        read_log(logs[i].file, &bytes);
        CU_ASSERT_EQUAL(add(report, bytes.data, bytes.length), REPORT_WHOLE);
        if (test_report_count(report) != logs[i].count) {
            fprintf(stderr, "\n    %s:\n", logs[i].file);
            for (size_t k = 0; k < test_report_count(report); k++)
                fprintf(stderr, "    %d %s\n", test_report_case(report, k)->outcome,
                        test_report_case(report, k)->id);
        }
        CU_ASSERT_EQUAL(test_report_count(report), logs[i].count);
        for (size_t k = 0; k < TESTS_MOST && logs[i].tests[k].name; k++) {
            const struct test_case *item = test_report_find(report, logs[i].tests[k].name);

            if (!item || item->outcome != logs[i].tests[k].outcome)
                fprintf(stderr, "\n    %s: %s: %s\n", logs[i].file, logs[i].tests[k].name,
                        item ? item->id : "not found");
            CU_ASSERT(item && item->outcome == logs[i].tests[k].outcome);
        }
    }
}

/* Whatever line a log is cut behind: without its end it makes no success. */
static void a_log_without_its_end_is_broken(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
        _cleanup_(buf_release) struct buf bytes = BUF_INIT;
        const char *begin;
        bool told = false;

        read_log(logs[i].file, &bytes);
        begin = strchr(bytes.data, '\n') + 1;
        for (const char *at = begin; !told && (at = strchr(at, '\n')); at++) {
            _cleanup_(report_release) struct test_report *report = test_report_new();
            enum report_state state = add(report, bytes.data, (size_t)(at + 1 - bytes.data));

            bool is_cut = at[1] != '\0'; /* a document is read as a whole or not at all */

            told = test_report_count(report) > 0;
            if (told && is_cut && state == REPORT_WHOLE)
                fprintf(stderr, "\n    %s\n", logs[i].file);
            CU_ASSERT(!told || !is_cut || state == REPORT_BROKEN);
        }
        CU_ASSERT_TRUE(told);
    }
}

#define DOCTEST_PASSED "<OverallResultsAsserts test_case_success='true'/>"
#define DOCTEST(success)                                                                           \
    "<doctest><TestSuite><TestCase name='T'><OverallResultsAsserts test_case_success='" success    \
    "'/></TestCase></TestSuite><OverallResultsTestCases/></doctest>\n"

static void an_end_that_names_more_failures_is_no_whole_log(void)
{
    static const char *const texts[] = {
        "pytest\ntests/a.py::test_a PASSED\n=== 1 failed, 1 passed in 0.1s ===\n",
        "unittest\ntest_a (m.C) ... ok\nRan 2 tests in 0.1s\n\nFAILED (errors=1)\n",
        "cargo\nrunning 2 tests\ntest a ... ok\ntest result: FAILED. 1 passed; 1 failed; 0 "
        "ignored\n",
        "mocha\n  a\n    \xe2\x9c\x93 b\n  1 passing\n  1 failing\n",
        "tap\nok 1 - a\n1..2\n",
        "ctest\n1/2 Test #1: a ....   Passed  0.01 sec\n50% tests passed, 1 tests failed out of "
        "2\n",
        "jest\nPASS a.test.js\n  \xe2\x9c\x93 a\nTests:       1 failed, 1 passed, 2 total\n",
        "go\n--- PASS: TestA (0.00s)\nok  \ta\t0.1s\n--- PASS: TestB (0.00s)\npanic: no\n",
        "automake\nPASS: a\n# TOTAL: 2\n# FAIL:  1\n",
        "ant\n [junit] [PASS] a(b.C)\n [junit] Tests run: 2, Failures: 1, Errors: 0\nBUILD "
        "FAILED\n",
        "micropython\npass  a.py\n2 tests performed (2 individual testcases)\n1 tests failed: b\n",
        "karma\nStarting browser A\n  a\n    \xe2\x9c\x94 b\nSUMMARY:\n\xe2\x9c\x96 1 test "
        "failed\n",
        "cucumber\na.feature:1  Scenario: b ..\n2 scenarios (1 failed, 1 passed)\n",
        "test-unit\nATest:\n  test_a:\t.: (0.1)\n2 tests, 2 assertions, 1 failures, 0 errors\n",
        "redis\n[ok]: a\n[exception]: Executing test client: I/O error\n",
        "doctest\n<doctest><TestSuite><TestCase name='a'/></TestSuite>\n",
        "doctest\n" DOCTEST("true") "<?xml version='1.0'?><doctest><TestSuite><TestCase name='U'",
        "doctest\n" DOCTEST("true") "<doctest binary='b'>\n",
        "doctest\n<doctest><TestSuite><TestCase name='a'>" DOCTEST_PASSED
        "</TestCase></TestSuite></doctest>\n",
        "doctest\n<doctest><TestSuite><TestCase name='a'></TestCase></TestSuite></doctest>"
        "<Expression "
        "success='false'/></TestCase></TestSuite><OverallResultsTestCases/></doctest>\n",
        "redis\n[ok]: say All tests passed without errors! (1 ms)\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(report_release) struct test_report *report = test_report_new();

        CU_ASSERT_EQUAL(add(report, texts[i], strlen(texts[i])), REPORT_BROKEN);
    }
}

static const char *outcome_of(const char *log, const char *name)
{
    static const char *const words[] = {
        [TEST_PASSED] = "passed", [TEST_SKIPPED] = "skipped", [TEST_FAILED] = "failed"};
    _cleanup_(report_release) struct test_report *report = test_report_new();
    const struct test_case *item;

    add(report, log, strlen(log));
    item = test_report_find(report, name);
    return item ? words[item->outcome] : "missing";
}

static void a_test_of_doctest_passes_only_where_it_says_so(void)
{
    static const struct {
        const char *log, *outcome;
    } rows[] = {
        {"doctest\nstd::vector<doctest::String>\n" DOCTEST("true"), "passed"},
        {"doctest\n" DOCTEST("true") DOCTEST("false"), "failed"},
        {"doctest\n<doctest><TestSuite><TestCase name='T'></TestCase></TestSuite></doctest>"
         "<Expression success='false'/>" DOCTEST_PASSED
         "</TestCase></TestSuite><OverallResultsTestCases/></doctest>\n",
         "failed"},
        {"doctest\n<doctest><TestSuite><TestCase name='T'></TestCase><TestCase name='junk'>"
         "<Expression success='false'/><OverallResultsAsserts test_case_success='false'/>"
         "</TestCase></TestSuite><OverallResultsTestCases/></doctest>\n",
         "failed"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        CU_ASSERT_STRING_EQUAL(outcome_of(rows[i].log, "T"), rows[i].outcome);
}

/* Whoever is tested prints it: it must not take the grader's time. */
static void a_log_of_ever_deeper_lines_is_read_at_once(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    _cleanup_(buf_release) struct buf log = BUF_INIT;
    int64_t began = clock_monotonic();

    buf_add_str(&log, "karma\nStarting browser A\n");
    for (int i = 0; i < 80000; i++)
        buf_add_str(&log, " a\n  a\n   a\n");
    buf_add_str(&log, "Starting browser B\n  a\n    \xe2\x9c\x94 b\nSUMMARY:\n");
    CU_ASSERT_EQUAL(add(report, log.data, log.length), REPORT_WHOLE);
    CU_ASSERT_PTR_NOT_NULL(test_report_find(report, "a > b"));
    CU_ASSERT_TRUE(clock_monotonic() - began < 10 * CLOCK_SECOND);
}

/* Each line of it is made of a document that was whole. */
static void a_line_of_jests_json_needs_no_end(void)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    const struct test_case *item;

    read_log("jest-json", &bytes);
    CU_ASSERT_EQUAL(add(report, bytes.data, bytes.length), REPORT_WHOLE);
    item = test_report_find(report, "OrderedMap > resets order when a keys is deleted");
    CU_ASSERT(item && item->outcome == TEST_PASSED);
    item = test_report_find(report, "partitions values");
    CU_ASSERT(item && item->outcome == TEST_FAILED);
}

/* A title may hold what separates titles, times and numbers of tests. */
static void a_title_is_read_to_its_end(void)
{
    static const struct {
        const char *log, *name;
    } rows[] = {
        {"vitest\n \xe2\x9c\x93 a.spec.ts > parse > attribute value with > 3ms\n Tests  1 passed "
         "(1)\n",
         "a.spec.ts > parse > attribute value with >"},
        {"gtest\n1: [==========] Running 1 test from 1 test suite.\n1: [       OK ] "
         "ranges_test.format_array (0 ms)\n1: [==========] 1 test from 1 test suite ran. (0 ms "
         "total)\n",
         "ranges_test.format_array"},
        {"redis\n[ok]: EXPIRE takes 10s\n\\o/ All tests passed without errors!\n",
         "EXPIRE takes 10s"},
        {"rspec\nprints lane context - ./spec/lane_spec.rb[1:1:1:2] - passed\n",
         "prints lane context - ./spec/lane_spec.rb[1:1:1:2]"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        CU_ASSERT_STRING_EQUAL(outcome_of(rows[i].log, rows[i].name), "passed");
}

/* skipTests in pom.xml makes each of them a success. */
static void a_build_that_ran_no_test_says_nothing_of_one(void)
{
    static const struct {
        const char *told, *outcome;
    } rows[] = {
        {"[INFO] BUILD SUCCESS\n", "missing"},
        {"Tests run: 0, Failures: 0, Errors: 0, Skipped: 0\n[INFO] BUILD SUCCESS\n", "missing"},
        {"Tests run: 1, Failures: 0, Errors: 0, Skipped: 1\n[INFO] BUILD SUCCESS\n", "missing"},
        {"Tests run: 1, Failures: 0, Errors: 0, Skipped: 0\n[INFO] BUILD SUCCESS\n", "passed"},
        {"Tests run: 1, Failures: 0, Errors: 1, Skipped: 0\n[INFO] BUILD SUCCESS\n", "failed"},
        {"[INFO] BUILD FAILURE\n", "failed"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(free_ptr) char *log =
            xasprintf("maven\n+ mvn test -Dtest=ATest#a\nTests run: 1, Failures: 0, Errors: 0, "
                      "Skipped: 0\n[INFO] BUILD SUCCESS\n+ mvn test -Dtest=CartTest#adds\n%s",
                      rows[i].told);

        CU_ASSERT_STRING_EQUAL(outcome_of(log, "CartTest#adds"), rows[i].outcome);
    }
}

static void an_outcome_of_go_may_come_behind_what_was_printed(void)
{
    static const struct {
        const char *line, *outcome;
    } rows[] = {
        {"x--- PASS: TestA (0.00s)", "passed"},
        {"done--- FAIL: TestA (1.25s)", "failed"},
        {"--- PASS: TestB (0.00s)--- FAIL: TestA (0.00s)", "failed"},
        {"    --- SKIP: TestA (12.00s)", "skipped"},
        {"--- PASS: TestA", "missing"},
        {"--- PASS: TestA (soon)", "missing"},
        {"it says --- PASS: TestA (0.00s) and more", "missing"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(free_ptr) char *log =
            xasprintf("go\n=== RUN   TestA\n%s\nok  \texample.com/a\t0.1s\n", rows[i].line);

        CU_ASSERT_STRING_EQUAL(outcome_of(log, "TestA"), rows[i].outcome);
    }
}

static void colours_and_bad_bytes_do_not_matter(void)
{
    static const char text[] =
        "pytest\n\x1b[32mtests/a.py::test_a\x1b[0m \x1b[1mPASSED\x1b[0m\r\n"
        "\x1b]8;;http://x\x1b\\ \xff\x01\n=== \x1b[32m1 passed\x1b[0m in 0.1s ===\n";
    _cleanup_(report_release) struct test_report *report = test_report_new();

    CU_ASSERT_EQUAL(add(report, text, sizeof(text) - 1), REPORT_WHOLE);
    CU_ASSERT_PTR_NOT_NULL(test_report_find(report, "tests/a.py::test_a"));
}

static void what_is_no_log_of_the_runner_is_none(void)
{
    static const char text[] = "cargo\nmake: nothing to be done\n";
    _cleanup_(report_release) struct test_report *report = test_report_new();

    CU_ASSERT_EQUAL(add(report, text, sizeof(text) - 1), REPORT_EMPTY);
}

static void parsers_are_found_by_the_names_of_data_sets(void)
{
    CU_ASSERT_PTR_EQUAL(log_parser_find("parse_log_pytest_v2"), log_parser_find("pytest"));
    CU_ASSERT_PTR_EQUAL(log_parser_find("parse_log_astropy"), log_parser_find("pytest"));
    CU_ASSERT_PTR_EQUAL(log_parser_find("parse_log_django"), log_parser_find("unittest"));
    CU_ASSERT_PTR_EQUAL(log_parser_find("parse_log_gotest"), log_parser_find("go"));
    CU_ASSERT_PTR_NULL(log_parser_find("parse_log_"));
    CU_ASSERT_PTR_NULL(log_parser_find("pytest_v2 astroid"));
    CU_ASSERT_PTR_NULL(log_parser_find("parse_log_of_mine"));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"every parser reads its log", every_parser_reads_its_log},
        {"a log without its end is broken", a_log_without_its_end_is_broken},
        {"an end that names more failures is no whole log",
         an_end_that_names_more_failures_is_no_whole_log},
        {"a test of doctest passes only where it says so",
         a_test_of_doctest_passes_only_where_it_says_so},
        {"a log of ever deeper lines is read at once", a_log_of_ever_deeper_lines_is_read_at_once},
        {"a line of Jest's JSON needs no end", a_line_of_jests_json_needs_no_end},
        {"a title is read to its end", a_title_is_read_to_its_end},
        {"a build that ran no test says nothing of one",
         a_build_that_ran_no_test_says_nothing_of_one},
        {"an outcome of go may come behind what was printed",
         an_outcome_of_go_may_come_behind_what_was_printed},
        {"colours and bad bytes do not matter", colours_and_bad_bytes_do_not_matter},
        {"what is no log of the runner is none", what_is_no_log_of_the_runner_is_none},
        {"parsers are found by the names of data sets",
         parsers_are_found_by_the_names_of_data_sets},
    };

    return UNIT_MAIN("logs", tests);
}
