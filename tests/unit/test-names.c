/*
 * How the names in a sample's lists find the tests of a report.
 */
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/grade.h"
#include "graded.h"
#include "unit.h"

#include "base/banned.h"

static void add_case(struct test_report *report, const char *attributes, bool failed)
{
    _cleanup_(free_ptr) char *xml =
        xasprintf("<testsuites><testsuite name='s'><testcase %s>%s</testcase></testsuite>"
                  "</testsuites>",
                  attributes, failed ? "<failure/>" : "");

    CU_ASSERT_EQUAL(add_text(report, xml), REPORT_WHOLE);
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

static const struct unit_test tests[] = {
    {"names as lists write them are found", names_as_lists_write_them_are_found},
    {"the name of another test finds nothing", the_name_of_another_test_finds_nothing},
    {"a place that the report has is part of the name",
     a_place_that_the_report_has_is_part_of_the_name},
    {"without its file a title counts if the report has not the file",
     without_its_file_a_title_counts_if_the_report_has_not_the_file},
    {"one case without a file answers for one name", one_case_without_a_file_answers_for_one_name},
    {"exact outcomes want what must fail to fail", exact_outcomes_want_what_must_fail_to_fail},
    {"last words find what they name alone", last_words_find_what_they_name_alone},
    {"looser names are bounded by the work for them",
     looser_names_are_bounded_by_the_work_for_them},
    {"of an ambiguous name the worse counts", of_an_ambiguous_name_the_worse_counts},
    {"ten thousand names among 200000 cases are quick",
     ten_thousand_names_among_200000_cases_are_quick},
};

int main(void)
{
    return UNIT_MAIN("names", tests);
}
