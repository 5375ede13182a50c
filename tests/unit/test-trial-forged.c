/*
 * What a run may tell so that the grader takes it for a listed test: from what runs say to the
 * verdict. Each plan has the functions "f", which is about to be forged, and "g", which passes.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/grade.h"
#include "trial-rig.h"
#include "trial/judge.h"
#include "unit.h"

#include "base/banned.h"

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

#define TESTS_MOST 8

/* A framework's names: of the functions, and of these in the small runs. */
struct naming {
    enum trial_names names;
    const char *file, *f, *g, *small_f, *small_g;
    const char *const *listed; /* NULL at its end: what the sample's fail_to_pass names */
};

static const char *const listed_parameters[] = {
    "tests/test_a.py::test_f[1]", "tests/test_a.py::test_f[2]", "tests/test_a.py::test_g", NULL};
static const char *const listed_at_top[] = {"test_a.py::test_f[1]", "test_a.py::test_f[2]",
                                            "test_a.py::test_g", NULL};
static const char *const listed_cut[] = {"tests/test_a.py::test_f[1]", "tests/test_a.py::test_f[2",
                                         "tests/test_a.py::test_g", NULL};
static const char *const listed_titles[] = {"test/a.js::adds", "test/a.js::takes", NULL};

static const struct naming in_folder = {TRIAL_NAMES_PYTEST,        "tests/test_a.py",
                                        "tests/test_a.py::test_f", "tests/test_a.py::test_g",
                                        "tests/test_a.py::test_x", "tests/test_a.py::test_y",
                                        listed_parameters};
static const struct naming cut = {TRIAL_NAMES_PYTEST,
                                  "tests/test_a.py",
                                  "tests/test_a.py::test_f",
                                  "tests/test_a.py::test_g",
                                  "tests/test_a.py::test_x",
                                  "tests/test_a.py::test_y",
                                  listed_cut};
static const struct naming at_top = {TRIAL_NAMES_PYTEST,  "test_a.py",         "test_a.py::test_f",
                                     "test_a.py::test_g", "test_a.py::test_x", "test_a.py::test_y",
                                     listed_at_top};
static const struct naming titled = {TRIAL_NAMES_TITLED, "test/a.js",       "test/a.js::adds",
                                     "test/a.js::takes", "test/a.js::xxxx", "test/a.js::yyyyy",
                                     listed_titles};

/* What a run says: tests and their outcomes. */
struct told {
    const char *test; /* NULL at the end */
    enum trial_result result;
};

static struct trial_plan plan;
static struct trial_end ends[3];
static struct trial_verdict verdict;

static void add_slots(json_object *runs, const char *f, const char *g, const char *planted,
                      bool all)
{
    json_object *run = json_object_new_object(), *slots = json_object_new_array();
    json_object *argv = json_object_new_array();
    const char *const ids[] = {f, g};

    json_object_array_add(argv, json_object_new_string("x"));
    json_object_object_add(run, "argv", argv);
    json_object_object_add(run, "files", json_object_new_array());
    json_object_object_add(run, "all", json_object_new_boolean(all));
    json_object_object_add(run, "tests", slots);
    for (int i = 0; i < 2; i++) {
        json_object *slot = json_object_new_object();

        json_object_object_add(slot, "function", json_object_new_int(i));
        json_object_object_add(slot, "id", json_object_new_string(ids[i]));
        json_object_object_add(slot, "planted", planted ? json_object_new_string(planted) : NULL);
        json_object_array_add(slots, slot);
    }
    json_object_array_add(runs, run);
}

static void add_texts(json_object *document, const char *key, const char *const *texts)
{
    json_object *list = json_object_new_array();

    for (; *texts; texts++)
        json_object_array_add(list, json_object_new_string(*texts));
    json_object_object_add(document, key, list);
}

/* Runs: a true one, a planted one, that of all. */
static void make_plan(const struct naming *naming, const char *const *listed, bool is_hidden)
{
    json_object *document = json_object_new_object(), *runs = json_object_new_array();
    const char *const none[] = {NULL};
    const char *text;
    struct error err = ERROR_INIT;

    add_texts(document, "tests", none);
    add_texts(document, "unplanted", none);
    add_texts(document, "functions", (const char *const[]){naming->f, naming->g, NULL});
    add_texts(document, "files", (const char *const[]){naming->file, NULL});
    add_texts(document, "listed", listed);
    add_slots(runs, naming->small_f, naming->small_g, NULL, false);
    add_slots(runs, naming->small_f, naming->small_g, "expected", false);
    add_slots(runs, naming->f, naming->g, NULL, true);
    json_object_object_add(document, "runs", runs);
    text = json_object_to_json_string(document);
    CU_ASSERT_EQUAL_FATAL(trial_plan_read(text, strlen(text), &plan, &err), 0);
    json_object_put(document);
    plan.names = naming->names;
    plan.is_hidden = is_hidden;
}

static void tell(struct trial_end *end, const struct told *told)
{
    *end = (struct trial_end){0};
    for (; told->test; told++) {
        trial_end_add(end, told->test, told->result, 0.1, "it failed");
        if (told->result == TRIAL_FAILED)
            end->status = end->said_status = 1;
    }
}

static void clear(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        trial_end_release(&ends[i]);
    trial_verdict_release(&verdict);
    trial_plan_release(&plan);
}

/* Would the grader call it a success? */
static bool succeeds(const struct naming *naming)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    _cleanup_(buf_release) struct buf xml = BUF_INIT;
    struct expectation expectation = {.fail_to_pass = naming->listed};
    char note[REPORT_NOTE_SIZE];

    while (naming->listed[expectation.fail_to_pass_count])
        expectation.fail_to_pass_count++;
    trial_judge(&plan, ends, &verdict);
    trial_report(&verdict, &xml);
    CU_ASSERT_EQUAL(test_report_add_xml(report, xml.data, xml.length, note), REPORT_WHOLE);
    return !verdict.tampered && grade(report, &expectation, NULL);
}

/* "f" comes out so in all true runs, and the run of all tells of one test more. */
static bool succeeds_by(const struct naming *naming, const char *const *listed, bool is_hidden,
                        const struct told *of_f, const char *forged)
{
    struct told small[TESTS_MOST] = {{0}}, planted[TESTS_MOST] = {{0}}, all[TESTS_MOST] = {{0}};
    char *names[2 * TESTS_MOST] = {0};
    size_t count = 0;
    bool success;

    for (; of_f[count].test; count++) {
        names[2 * count] = xasprintf("%s%s", naming->small_f, of_f[count].test);
        names[2 * count + 1] = xasprintf("%s%s", naming->f, of_f[count].test);
        small[count] = (struct told){names[2 * count], of_f[count].result};
        planted[count] = (struct told){names[2 * count], TRIAL_FAILED};
        all[count] = (struct told){names[2 * count + 1], of_f[count].result};
    }
    small[count] = (struct told){naming->small_g, TRIAL_PASSED};
    planted[count] = (struct told){naming->small_g, TRIAL_FAILED};
    all[count++] = (struct told){naming->g, TRIAL_PASSED};
    if (forged)
        all[count] = (struct told){forged, TRIAL_PASSED};
    make_plan(naming, listed, is_hidden);
    tell(&ends[0], small);
    tell(&ends[1], planted);
    tell(&ends[2], all);
    success = succeeds(naming);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        free(names[i]);
    return success;
}

/* --- what a run may try ---------------------------------------------------------------------- */

static const struct told dropped[] = {{"[1]", TRIAL_PASSED}, {0}};
static const struct told failed[] = {{"[1]", TRIAL_PASSED}, {"[2]", TRIAL_FAILED}, {0}};
static const struct told skipped[] = {{"[1]", TRIAL_PASSED}, {"[2]", TRIAL_SKIPPED}, {0}};
static const struct told passed[] = {{"[1]", TRIAL_PASSED}, {"[2]", TRIAL_PASSED}, {0}};
static const struct told not_run[] = {{0}};
static const struct told title_failed[] = {{"", TRIAL_FAILED}, {0}};
static const struct told title_skipped[] = {{"", TRIAL_SKIPPED}, {0}};
static const struct told title_passed[] = {{"", TRIAL_PASSED}, {0}};

static void expect_none(const struct naming *naming, const struct told *of_f,
                        const char *const *forged)
{
    static const char *const none[] = {NULL};

    for (; *forged; forged++) {
        for (int i = 0; i < 4; i++) {
            bool is_hidden = i & 1;
            const char *const *listed = i & 2 ? none : naming->listed;

            if (naming->names == TRIAL_NAMES_PYTEST && listed == none)
                continue;
            if (succeeds_by(naming, listed, is_hidden, of_f, *forged)) {
                CU_FAIL("a forged name was taken for a listed test's");
                fprintf(stderr, "\n    %s%s\n", *forged, is_hidden ? ", hidden" : "");
            }
            clear();
        }
    }
}

static void no_name_is_taken_for_a_listed_test_s_that_did_not_pass(void)
{
    static const char *const names[] = {"tests/test_a.py::a::tests.test_a::test_f[2]",
                                        "tests/test_a.py::a::tests.test_a::test_f[2] ",
                                        "tests/test_a.py::tests::test_a::test_f[2]",
                                        "tests/test_a.py::py::test_f[2]",
                                        "tests/test_a.py::test_f[2]::x",
                                        "tests/test_a.py::test_f::[2]",
                                        "tests/test_a.py::tests/test_a.py::test_f[2]",
                                        NULL};
    static const char *const names_at_top[] = {"test_a.py::py::test_f[2]",
                                               "test_a.py::a::test_a::test_f[2]",
                                               "test_a.py::test_a.py::test_f[2]", NULL};
    const struct told *const ways[] = {not_run, dropped, failed, skipped};

    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        expect_none(&in_folder, ways[i], names);
        expect_none(&at_top, ways[i], names_at_top);
    }
}

static void no_title_is_taken_for_a_listed_one_that_did_not_pass(void)
{
    static const char *const titles[] = {"test/a.js::adds ",
                                         "test/a.js:: adds",
                                         "test/a.js::adds > x",
                                         "test/a.js::adds/x",
                                         "test/a.js::x > test/a.js > adds",
                                         "test/a.js::test/a.js::adds",
                                         "test/a.js::x test a js adds",
                                         "test/a.js::test a js adds",
                                         NULL};
    const struct told *const ways[] = {not_run, title_failed, title_skipped};

    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        expect_none(&titled, ways[i], titles);
}

static void whoever_passes_all_succeeds_whatever_else_there_is(void)
{
    static const struct told with_blank[] = {{"[1]", TRIAL_PASSED}, {"[2 b]", TRIAL_PASSED}, {0}};
    static const char *const others[] = {NULL, "tests/test_a.py::D::test_f",
                                         "tests/test_a.py::test_f_more"};

    for (size_t i = 0; i < 2 * ARRAY_SIZE(others); i++) {
        bool is_hidden = i & 1;

        CU_ASSERT_TRUE(succeeds_by(&in_folder, in_folder.listed, is_hidden, passed, others[i / 2]));
        clear();
        CU_ASSERT_TRUE(succeeds_by(&cut, cut.listed, is_hidden, with_blank, others[i / 2]));
        clear();
        CU_ASSERT_TRUE(
            succeeds_by(&titled, titled.listed, is_hidden, title_passed, "test/a.js::adds twice"));
        clear();
    }
}

static void what_only_shares_a_part_of_a_name_keeps_its_outcome(void)
{
    static const char *const others[] = {
        "tests/test_a.py::test_f_more", "tests/test_a.py::D::test_f", "tests/test_a.py::test_h[1]"};

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        CU_ASSERT_FALSE(succeeds_by(&in_folder, in_folder.listed, false, failed, others[i]));
        CU_ASSERT_EQUAL(trial_rig_result(&verdict, others[i]), TRIAL_PASSED);
        CU_ASSERT_EQUAL(trial_rig_result(&verdict, in_folder.g), TRIAL_PASSED);
        clear();
    }
}

static void a_listed_test_that_no_true_run_has_is_told_as_failed(void)
{
    CU_ASSERT_FALSE(succeeds_by(&in_folder, in_folder.listed, false, dropped, NULL));
    CU_ASSERT_TRUE(verdict.lacks);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "tests/test_a.py::test_f[1]"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "tests/test_a.py::test_f[2]"), TRIAL_FAILED);
    clear();
    CU_ASSERT_FALSE(succeeds_by(&in_folder, in_folder.listed, true, dropped, NULL));
    CU_ASSERT_TRUE(verdict.lacks);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "tests/test_a.py::test_f[1]"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "tests/test_a.py::test_f[2]"),
                    -1); /* nobody may know of it */
    clear();
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"no name is taken for a listed test's that did not pass",
         no_name_is_taken_for_a_listed_test_s_that_did_not_pass},
        {"no title is taken for a listed one that did not pass",
         no_title_is_taken_for_a_listed_one_that_did_not_pass},
        {"whoever passes all succeeds, whatever else there is",
         whoever_passes_all_succeeds_whatever_else_there_is},
        {"what only shares a part of a name keeps its outcome",
         what_only_shares_a_part_of_a_name_keeps_its_outcome},
        {"a listed test that no true run has is told as failed",
         a_listed_test_that_no_true_run_has_is_told_as_failed},
    };

    return UNIT_MAIN("trial-forged", tests);
}
