/*
 * Trials: what is planned, and what runs are worth. The current folder is one of the test's own.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "trial-rig.h"
#include "trial/judge.h"
#include "trial/kinds.h"
#include "trial/names.h"
#include "trial/plan.h"
#include "trial/planted.h"
#include "trial/rehearsal.h"
#include "unit.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

static char place[] = "/tmp/test-trial-XXXXXX"; /* the current folder */

/* --- plans and runs -------------------------------------------------------------------------- */

#define RUN(id, planted, all)                                                                      \
    "{\"argv\":[\"x\"],\"all\":" all ",\"files\":[],\"tests\":[{\"function\":0,\"id\":"            \
    "\"t/a.py::" id "\",\"planted\":" planted "}]}"
#define PLAN(runs)                                                                                 \
    "{\"tests\":[\"t\"],\"functions\":[\"t/a.py::test_f\"],\"unplanted\":[],\"listed\":["          \
    "\"t/a.py::test_f[1]\"],\"files\":[\"t/b/a.py\",\"t/a.py\"],\"runs\":[" runs "]}"

/* A true run of all, a planted one, another true one. */
static const char three_runs[] = PLAN(RUN("test_x", "null", "true") "," RUN(
    "test_y", "\"expected\"", "false") "," RUN("test_z", "null", "false"));

#define SAID(test, outcome)                                                                        \
    "{\"test\":\"t/a.py::" test "\",\"outcome\":" #outcome ",\"seconds\":0.5,\"message\":\"m\"}"
#define ENDED(status) "{\"status\":" #status "}"

static void hear(struct trial_end *end, int status, const char *const *lines)
{
    *end = (struct trial_end){.said_status = -1, .status = status};
    for (; *lines; lines++)
        CU_ASSERT_TRUE(trial_end_hear(end, *lines, strlen(*lines)));
}

#define HEAR(end, status, ...) hear(end, status, (const char *const[]){__VA_ARGS__, NULL})

static struct trial_plan plan;
static struct trial_end ends[3];
static struct trial_verdict verdict;
static bool is_hidden;

static void judge(void)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(trial_plan_read(three_runs, strlen(three_runs), &plan, &err), 0);
    plan.is_hidden = is_hidden;
    trial_judge(&plan, ends, &verdict);
}

static void clear(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        trial_end_release(&ends[i]);
    trial_verdict_release(&verdict);
    trial_plan_release(&plan);
}

static void a_test_passes_that_passed_where_true_and_failed_where_planted(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), SAID("test_other", 0), ENDED(0));
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    judge();
    CU_ASSERT_PTR_NULL(verdict.tampered);
    CU_ASSERT_EQUAL(verdict.count, 2);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_other"), TRIAL_PASSED);
    clear();
}

static void a_planted_test_that_passes_voids_all_that_was_told(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), SAID("test_other", 0), ENDED(0));
    HEAR(&ends[1], 0, SAID("test_y[1]", 0), ENDED(0));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    judge();
    CU_ASSERT_PTR_NOT_NULL_FATAL(verdict.tampered);
    CU_ASSERT_PTR_NOT_NULL(strstr(verdict.tampered, "t/a.py::test_f"));
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_other"), TRIAL_FAILED);
    clear();
}

/* As the order of a set is another one in each run. */
static void cases_of_a_function_are_told_apart_by_their_parameters(void)
{
    HEAR(&ends[0], 1, SAID("test_x[1]", 0), SAID("test_x[2]", 2), SAID("test_x[3]", 0), ENDED(1));
    HEAR(&ends[1], 1, SAID("test_y[3]", 2), SAID("test_y[2]", 0), SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 1, SAID("test_z[2]", 2), SAID("test_z[1]", 0), ENDED(1));
    judge();
    CU_ASSERT_PTR_NULL(verdict.tampered);
    CU_ASSERT_EQUAL(verdict.count, 3);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[2]"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[3]"),
                    TRIAL_FAILED); /* one run lacks it */
    clear();
}

static void where_lists_are_hidden_nothing_tells_what_they_name(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), SAID("test_other", 0), SAID("a_first", 0), ENDED(0));
    HEAR(&ends[1], 0, SAID("test_y[1]", 0), ENDED(0));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    is_hidden = true;
    judge();
    CU_ASSERT_PTR_NOT_NULL_FATAL(verdict.tampered);
    CU_ASSERT_PTR_NULL(strstr(verdict.tampered, "test_f"));
    CU_ASSERT_EQUAL_FATAL(verdict.count, 3);
    for (size_t i = 0; i < verdict.count; i++) {
        CU_ASSERT_EQUAL(verdict.outcomes[i].result, TRIAL_FAILED);
        CU_ASSERT_PTR_NULL(strstr(verdict.outcomes[i].message, "test_f"));
        CU_ASSERT_TRUE(i == 0 ||
                       strcmp(verdict.outcomes[i - 1].test, verdict.outcomes[i].test) < 0);
    }
    clear();
    HEAR(&ends[0], 0, SAID("test_other", 0), ENDED(0)); /* the listed test did not run */
    HEAR(&ends[1], 0, ENDED(0));
    HEAR(&ends[2], 0, ENDED(0));
    judge();
    CU_ASSERT_EQUAL(verdict.count, 1);
    is_hidden = false;
    clear();
}

/* As wrong code may do, that nobody meant to deceive with. */
static void a_planted_test_that_passes_is_no_deceit_where_the_true_one_fails(void)
{
    HEAR(&ends[0], 1, SAID("test_x[1]", 2), ENDED(1));
    HEAR(&ends[1], 0, SAID("test_y[1]", 0), ENDED(0));
    HEAR(&ends[2], 1, SAID("test_z[1]", 2), ENDED(1));
    judge();
    CU_ASSERT_PTR_NULL(verdict.tampered);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_FAILED);
    clear();
}

static void a_test_must_pass_in_each_true_run(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), ENDED(0));
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 1, SAID("test_z[1]", 2), ENDED(1));
    judge();
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_FAILED);
    clear();
}

static void a_run_that_ends_before_a_test_did_has_failed_it(void)
{
    HEAR(&ends[0], 0, SAID("test_other", 0), ENDED(0));
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    judge();
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_FAILED);
    clear();
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), SAID("test_other", 0)); /* and no last word */
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    judge();
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_other"), TRIAL_FAILED);
    clear();
}

static void a_test_under_a_name_that_the_run_does_not_have_does_not_count(void)
{
    HEAR(&ends[0], 0, SAID("test_f[1]", 0), SAID("test_other", 0),
         "{\"test\":\"x/t/a.py::test_f[1]\",\"outcome\":0}",
         "{\"test\":\"t/a.py.py::test_f[1]\",\"outcome\":0}", ENDED(0));
    HEAR(&ends[1], 0, SAID("test_f[1]", 0), ENDED(0));
    HEAR(&ends[2], 0, SAID("test_f[1]", 0), ENDED(0));
    judge();
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(verdict.count, 2);
    clear();
}

static void runs_are_left_out_once_a_true_one_failed(void)
{
    struct error err = ERROR_INIT;

    HEAR(&ends[0], 1, SAID("test_x[1]", 2), SAID("test_other", 0), ENDED(1));
    ends[1].left_out = ends[2].left_out = true;
    CU_ASSERT_EQUAL_FATAL(trial_plan_read(three_runs, strlen(three_runs), &plan, &err), 0);
    CU_ASSERT_TRUE(trial_is_decided(&plan, ends, 1));
    trial_plan_release(&plan);
    judge();
    CU_ASSERT_EQUAL(verdict.count, 2);
    CU_ASSERT_EQUAL(trial_rig_result(&verdict, "t/a.py::test_f[1]"), TRIAL_FAILED);
    clear();
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), SAID("test_other", 2), ENDED(1));
    CU_ASSERT_EQUAL_FATAL(trial_plan_read(three_runs, strlen(three_runs), &plan, &err), 0);
    CU_ASSERT_TRUE(trial_is_decided(&plan, ends, 1)); /* it contradicts itself */
    trial_end_release(&ends[0]);
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), ENDED(0));
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    CU_ASSERT_FALSE(trial_is_decided(&plan, ends, 2));
    clear();
}

static void a_status_that_contradicts_what_was_told_fails_the_run(void)
{
    static const struct {
        int status, told;
        const char *test;
    } runs[] = {{0, 1, SAID("test_x[1]", 0)},
                {0, 0, SAID("test_x[1]", 2)},
                {1, 1, SAID("test_x[1]", 0)},
                {137, 0, SAID("test_x[1]", 0)},
                {2, 2, SAID("test_x[1]", 2)}};

    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        _cleanup_(free_ptr) char *last = xasprintf("{\"status\":%d}", runs[i].told);
        struct trial_end end;

        HEAR(&end, runs[i].status, runs[i].test, last);
        CU_ASSERT_PTR_NOT_NULL(trial_end_contradiction(&end));
        trial_end_release(&end);
    }
}

static void what_no_test_run_tells_is_not_heard(void)
{
    static const char *const lines[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"test\":\"a\"}",
                                        "{\"test\":\"a\",\"outcome\":3}",
                                        "{\"test\":1,\"outcome\":0}",
                                        "{\"status\":-1}",
                                        "{\"status\":256}",
                                        "{\"status\":\"0\"}"};
    struct trial_end end = {.said_status = -1};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        CU_ASSERT_FALSE(trial_end_hear(&end, lines[i], strlen(lines[i])));
    CU_ASSERT_TRUE(trial_end_hear(&end, ENDED(0), strlen(ENDED(0))));
    CU_ASSERT_FALSE(trial_end_hear(&end, ENDED(0), strlen(ENDED(0))));
    CU_ASSERT_FALSE(trial_end_hear(&end, SAID("late", 0), strlen(SAID("late", 0))));
    trial_end_release(&end);
}

static void the_report_names_tests_as_pytest_does(void)
{
    _cleanup_(buf_release) struct buf xml = BUF_INIT;

    HEAR(&ends[0], 1, "{\"test\":\"t/b/a.py::C::f[x::y/1]\",\"outcome\":0}",
         "{\"test\":\"t/a.py::g<\\u0001\",\"outcome\":2,\"message\":\"a\\n\\\"b\\\"&\"}", ENDED(1));
    HEAR(&ends[1], 0, ENDED(0));
    HEAR(&ends[2], 0, ENDED(0));
    judge();
    trial_report(&verdict, &xml);
    CU_ASSERT_PTR_NOT_NULL(strstr(xml.data, "classname=\"t.b.a.C\" name=\"f[x::y/1]\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(xml.data, "classname=\"t.a\" name=\"g&lt;?\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(xml.data, "message=\"a&#10;&quot;b&quot;&amp;\""));
    clear();
}

static void a_titled_test_is_named_by_its_file_and_the_whole_title(void)
{
    static const char test[] = "test/a.js::f [x] :: y";
    _cleanup_(buf_release) struct buf class_name = BUF_INIT;
    const char *name = NULL;

    trial_names_split(TRIAL_NAMES_TITLED, test, &class_name, &name);
    CU_ASSERT_STRING_EQUAL(class_name.data, "test/a.js");
    CU_ASSERT_STRING_EQUAL(name, "f [x] :: y");
    CU_ASSERT_EQUAL(trial_names_compare_file(TRIAL_NAMES_TITLED, test, "test/a.js"), 0);
    CU_ASSERT_NOT_EQUAL(trial_names_compare_file(TRIAL_NAMES_TITLED, test, "test/a"), 0);
    CU_ASSERT_EQUAL(trial_names_compare(TRIAL_NAMES_TITLED, test, test), 0);
    CU_ASSERT_NOT_EQUAL(trial_names_compare(TRIAL_NAMES_TITLED, test, "test/a.js::f "), 0);
    CU_ASSERT_EQUAL(trial_names_compare(TRIAL_NAMES_PYTEST, "a.py::f[x]", "a.py::f"), 0);
}

static void all_frameworks_and_no_others_have_trials(void)
{
    const struct framework *framework;

    for (size_t i = 0; (framework = framework_at(i)); i++) {
        const struct trial_kind *kind = trial_kind_find(framework->name);

        CU_ASSERT_PTR_NOT_NULL_FATAL(kind);
        CU_ASSERT_EQUAL(kind->family, framework->family);
    }
    CU_ASSERT_PTR_NULL(trial_kind_find("pytes"));
    CU_ASSERT_PTR_NULL(trial_kind_find(NULL));
}

static void a_plan_that_leads_out_of_the_repository_is_refused(void)
{
    static const char *const plans[] = {
        "[]",
        "{\"tests\":[],\"functions\":[],\"unplanted\":[],\"listed\":[],\"files\":[],\"runs\":[]}",
        "{\"tests\":[\"../"
        "x\"],\"functions\":[\"t\"],\"unplanted\":[],\"listed\":[],\"files\":[],\"runs\":[" RUN(
            "x", "null", "true") "]}",
        "{\"tests\":[],\"functions\":[],\"unplanted\":[],\"listed\":[],\"files\":[],\"runs\":[" RUN(
            "x", "null", "true") "]}",
        "{\"tests\":[],\"functions\":[],\"unplanted\":[],\"listed\":[],\"files\":[],\"runs\":[{"
        "\"argv\":[\"x\"],\"tests\":[],"
        "\"files\":[[\"/etc/passwd\",\"0\"]]}]}",
        "{\"tests\":[],\"functions\":[],\"unplanted\":[],\"listed\":[],\"files\":[],\"runs\":[{"
        "\"argv\":[\"x\"],\"tests\":[],"
        "\"files\":[[\"a\",\"../0\"]]}]}",
        "{\"tests\":[],\"kept\":[\"../a\"],\"functions\":[],\"unplanted\":[],\"listed\":[],"
        "\"files\":[],\"runs\":[{\"argv\":[\"x\"],\"tests\":[],\"files\":[]}]}",
        "{\"tests\":[],\"functions\":[],\"unplanted\":[],\"listed\":[],\"files\":[],\"runs\":[{"
        "\"argv\":[],\"tests\":[],"
        "\"files\":[]}]}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
        struct trial_plan refused;
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL(trial_plan_read(plans[i], strlen(plans[i]), &refused, &err), -1);
        CU_ASSERT_EQUAL(err.kind, ERROR_INVALID);
    }
}

/* --- what is told of planted failures -------------------------------------------------------- */

static void expect_planted(const char *expected)
{
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(trial_plan_read(three_runs, strlen(three_runs), &plan, &err), 0);
    trial_planted_write(&plan, ends, &json);
    CU_ASSERT_STRING_EQUAL(json.data, expected);
    clear();
}

#define TOLD(planted, unchanged)                                                                   \
    "{\"tests\":[{\"test\":\"t/a.py::test_f\",\"planted\":{\"expected\":{" planted                 \
    "}},\"unchanged\":{" unchanged                                                                 \
    "}}],\"unplanted\":[],\"unrehearsed\":[],\"not_run\":[],\"more\":0}"

static void each_planted_failure_is_told_with_its_end(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), SAID("test_x[2]", 0), SAID("test_o", 0), ENDED(0));
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    expect_planted(TOLD("\"failed\":1", "\"passed\":2"));
    HEAR(&ends[0], 1, SAID("test_x[1]", 0), SAID("test_x[2]", 2), ENDED(1));
    HEAR(&ends[1], 1, SAID("test_y[1]", 0), SAID("test_y[2]", 2), ENDED(1));
    ends[2].left_out = true;
    expect_planted(TOLD("\"passed\":1", "\"failed\":1"));
    HEAR(&ends[0], 0, SAID("test_x[1]", 1), ENDED(0));
    HEAR(&ends[1], 0, SAID("test_y[1]", 1), ENDED(0));
    HEAR(&ends[2], 0, ENDED(0));
    expect_planted(TOLD("\"skipped\":1", "\"skipped\":1,\"no result\":1"));
}

static void a_planted_failure_in_a_run_that_broke_off_has_no_result(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), ENDED(0));
    HEAR(&ends[1], 137, SAID("test_y[1]", 2));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    expect_planted(TOLD("\"no result\":1", "\"passed\":2"));
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), ENDED(0));
    HEAR(&ends[1], 137, SAID("test_y[1]", 0)); /* it passed all the same */
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    expect_planted(TOLD("\"passed\":1", "\"passed\":2"));
}

/* Another test had failed: nothing is known of the rehearsal. */
static void tests_whose_runs_were_left_out_are_told(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 2), ENDED(0));
    HEAR(&ends[1], 0, ENDED(0));
    ends[1].left_out = true;
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    expect_planted("{\"tests\":[],\"unplanted\":[],\"unrehearsed\":[],"
                   "\"not_run\":[\"t/a.py::test_f\"],\"more\":0}");
}

static void tests_in_which_no_failure_was_planted_are_told(void)
{
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    const char *unplanted[] = {"t.a::test_g[1]", "\n"};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(trial_plan_read(three_runs, strlen(three_runs), &plan, &err), 0);
    trial_plan_drop(&plan, 0);
    free(plan.unplanted);
    plan.unplanted = unplanted;
    plan.unplanted_count = ARRAY_SIZE(unplanted);
    plan.mended_count = 0;
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), ENDED(0));
    trial_planted_write(&plan, ends, &json);
    CU_ASSERT_STRING_EQUAL(json.data,
                           "{\"tests\":[],\"unplanted\":[\"t.a::test_g[1]\",\"\\n\"],"
                           "\"unrehearsed\":[\"t/a.py::test_f\"],\"not_run\":[],\"more\":0}");
    plan.unplanted = NULL;
    clear();
}

static void what_is_told_of_planted_failures_has_an_end(void)
{
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    _cleanup_(free_ptr) char *name = xcalloc(1, TRIAL_PLANTED_MOST / 4);
    const char *unplanted[] = {name, name, name, name, name, "short"};
    struct error err = ERROR_INIT;

    memset(name, '\n', TRIAL_PLANTED_MOST / 4 - 1); /* each of which takes two bytes */
    CU_ASSERT_EQUAL_FATAL(trial_plan_read(three_runs, strlen(three_runs), &plan, &err), 0);
    free(plan.unplanted);
    plan.unplanted = unplanted;
    plan.unplanted_count = ARRAY_SIZE(unplanted);
    trial_planted_write(&plan, ends, &json);
    CU_ASSERT_TRUE(json.length <= TRIAL_PLANTED_MOST + 1024);
    CU_ASSERT_PTR_NOT_NULL(strstr(json.data, "\"short\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(json.data, "\"more\":4}"));
    plan.unplanted = NULL;
    clear();
}

/* --- pytest's planner ------------------------------------------------------------------------ */

extern const char trial_pytest_plan[] __attribute__((visibility("hidden")));

static const char tested[] = "class Base:\n"
                             "    def test_one(self):\n"
                             "        assert 12345 == int('12345')\n"
                             "class TestSub(Base):\n"
                             "    pass\n"
                             "def test_held():\n"
                             "    assert str(1) == '1'\n"
                             "def test_other():\n"
                             "    pass\n";

static void write_text(const char *path, const char *text)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
}

static void make_plan(const char *spec)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    int status = -1;
    pid_t pid;

    write_text("spec.json", spec);
    pid = fork();
    if (pid == 0) {
        execlp("python3", "python3", "-I", "-B", "-c", trial_pytest_plan, "the runner",
               "the zygote", NULL);
        _exit(127);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL_FATAL(status, 0);
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, "plan.json", TRIAL_PLAN_MOST, &text, &err), 0);
    CU_ASSERT_EQUAL_FATAL(trial_plan_read(text.data, text.length, &plan, &err), 0);
}

/* Is the option, with what follows it, among the arguments? */
static bool has_option(const struct trial_step *step, const char *option, const char *value)
{
    for (char **argument = step->commands[0].argv; argument[0] && argument[1]; argument++)
        if (strcmp(argument[0], option) == 0 && strcmp(argument[1], value) == 0)
            return true;
    return false;
}

static void failures_are_planted_in_listed_and_held_out_tests_and_not_in_the_run_of_all(void)
{
    size_t planted[2] = {0};

    write_text("test_a.py", tested);
    {
        _cleanup_(free_ptr) char *spec =
            xasprintf("{\"repository\":\"/r\",\"tests\":{\"t/test_a.py\":\"%s/test_a.py\"},"
                      "\"fail_to_pass\":[\"test_one (t.test_a.Base)\","
                      "\"t/test_a.py::TestSub::test_one\"],"
                      "\"held_out\":[\"t/test_a.py::test_held\"]}",
                      place);

        make_plan(spec);
    }
    CU_ASSERT_EQUAL_FATAL(plan.function_count, 2);
    CU_ASSERT_EQUAL_FATAL(plan.step_count, 8);
    CU_ASSERT_EQUAL(plan.unplanted_count, 1); /* what is inherited has no place of its own */
    for (size_t i = 0; i < 7; i++) {
        CU_ASSERT_FALSE(plan.steps[i].all);
        CU_ASSERT_EQUAL(plan.steps[i].file_count, 1);
        CU_ASSERT_EQUAL_FATAL(plan.steps[i].slot_count, 2);
        CU_ASSERT_TRUE(has_option(&plan.steps[i], "--rootdir", "/r"));
        for (size_t n = 0; n < 2; n++)
            planted[plan.steps[i].slots[n].function] += plan.steps[i].slots[n].planted != NULL;
    }
    CU_ASSERT_EQUAL(planted[0], 4);
    CU_ASSERT_EQUAL(planted[1], 4);
    CU_ASSERT_TRUE(plan.steps[7].all);
    CU_ASSERT_EQUAL(plan.steps[7].file_count, 0);
    for (size_t n = 0; n < plan.steps[7].slot_count; n++) {
        CU_ASSERT_PTR_NULL(plan.steps[7].slots[n].planted);
        CU_ASSERT_STRING_EQUAL(plan.steps[7].slots[n].id,
                               plan.functions[plan.steps[7].slots[n].function]);
    }
    trial_plan_release(&plan);
}

/* A file of tests that must be mended or go on to pass, and another, `far`, of those that must go
 * on; with the record of a rehearsal, or NULL. */
static void plan_kept_as(const char *far, const char *record)
{
    _cleanup_(free_ptr) char *spec = NULL;

    write_text("test_a.py", "def test_mended():\n    assert str(12345) == '12345'\n"
                            "def test_kept():\n    assert str(34567) == '34567'\n"
                            "def test_idle():\n    assert str(45678) == '45678'\n"
                            "@other\ndef test_odd():\n    assert str(56789) == '56789'\n");
    write_text("test_b.py", far);
    spec = xasprintf("{\"repository\":\"%s\",\"timeout\":60%s%s,"
                     "\"tests\":{\"t/test_a.py\":\"%s/test_a.py\","
                     "\"t/test_b.py\":\"%s/test_b.py\"},"
                     "\"fail_to_pass\":[\"t/test_a.py::test_mended\"],\"held_out\":[],"
                     "\"pass_to_pass\":[\"t/test_a.py::test_kept\",\"t/test_a.py::test_odd\","
                     "\"t/test_b.py::test_far\",\"t/test_c.py::test_lost\"]}",
                     place, record ? ",\"rehearsed\":" : "", record ? record : "", place, place);
    CU_ASSERT_EQUAL_FATAL(mkdir("plan", 0700) + chdir("plan"), 0);
    make_plan(spec);
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);
}

#define FAR "def test_far():\n    assert str(67890) == '67890'\n"

static void plan_kept(void)
{
    plan_kept_as(FAR, NULL);
}

static void remove_plan(void)
{
    struct error err = ERROR_INIT;

    trial_plan_release(&plan);
    CU_ASSERT_EQUAL(remove_tree("plan", &err) + remove_tree("mirror", &err), 0);
}

static bool mentions(const char *path, const char *words)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 65536, &text, &err), 0);
    return strstr(text.data, words) != NULL;
}

static void what_must_go_on_to_pass_is_planted_in_one_run_and_true_in_another(void)
{
    size_t slots[3][2] = {{0}}, kept_runs = 0;

    plan_kept();
    CU_ASSERT_EQUAL_FATAL(plan.mended_count, 1);
    CU_ASSERT_EQUAL_FATAL(plan.function_count, 3); /* what decorates test_odd may do anything */
    CU_ASSERT_STRING_EQUAL(plan.functions[1], "t/test_a.py::test_kept");
    CU_ASSERT_STRING_EQUAL(plan.functions[2], "t/test_b.py::test_far");
    for (size_t i = 0; i < plan.step_count - 1; i++) {
        const struct trial_step *step = &plan.steps[i];

        kept_runs += step->slots[0].function > 0;
        for (size_t n = 0; n < step->slot_count; n++) {
            slots[step->slots[n].function][step->slots[n].planted != NULL]++;
            /* What must be mended is in other runs: it may leave something for these. */
            CU_ASSERT_EQUAL(step->slots[n].function > 0, step->slots[0].function > 0);
        }
        for (size_t n = 0; n < step->file_count; n++) {
            _cleanup_(free_ptr) char *file = xasprintf("plan/%s", step->files[n].name);

            CU_ASSERT_FALSE(mentions(file, "45678")); /* what does not run is emptied */
        }
    }
    CU_ASSERT_EQUAL(kept_runs, 2);
    CU_ASSERT_EQUAL(slots[0][0] + slots[0][1], 7);
    CU_ASSERT_TRUE(slots[1][0] == 1 && slots[1][1] == 1);
    CU_ASSERT_TRUE(slots[2][0] == 1 && slots[2][1] == 1);
    CU_ASSERT_EQUAL_FATAL(plan.rehearsal_count, 2);
    CU_ASSERT_EQUAL(plan.steps[0].commands[0].seconds, 60); /* the sample's timeout */
    CU_ASSERT_EQUAL(plan.rehearsals[0].commands[0].seconds, 45);
    CU_ASSERT_EQUAL(access("mirror/test_b.py", F_OK), 0);
    CU_ASSERT_EQUAL(access("mirror/t", F_OK), -1);
    remove_plan();
}

/* The text of the step's files, but for how its tests are called and the comment at their ends. */
static char *texts_of(const struct trial_step *step)
{
    struct buf all = BUF_INIT;

    for (size_t i = 0; i < step->file_count; i++) {
        _cleanup_(free_ptr) char *path = xasprintf("plan/%s", step->files[i].name);
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 65536, &text, &err), 0);
        for (char *name = text.data; (name = strstr(name, "test_"));)
            for (name += 5; *name != '('; name++)
                *name = '.';
        *strstr(text.data, "\n#") = '\0';
        buf_addf(&all, "%s\n%s\n", step->files[i].path, text.data);
    }
    return buf_take(&all);
}

static const struct trial_step *step_of(size_t function, bool planted)
{
    for (size_t i = 0; i < plan.step_count; i++)
        for (size_t n = 0; n < plan.steps[i].slot_count; n++)
            if (!plan.steps[i].all && plan.steps[i].slots[n].function == function &&
                (plan.steps[i].slots[n].planted != NULL) == planted)
                return &plan.steps[i];
    CU_FAIL_FATAL("no such step");
    return NULL;
}

/* As if all tests had come out as they must. status: of the run in which some fail. */
static void note_rehearsal(int status, struct buf *record)
{
    struct trial_end rehearsals[2] = {{.said_status = -1}, {.said_status = -1}};
    int plan_fd = open("plan", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error err = ERROR_INIT;

    for (size_t i = 0; i < 2; i++) {
        for (size_t n = 0; n < plan.rehearsals[i].slot_count; n++) {
            const struct trial_slot *slot = &plan.rehearsals[i].slots[n];

            trial_end_add(&rehearsals[i], slot->id, slot->planted ? TRIAL_FAILED : TRIAL_PASSED,
                          0.1, "");
        }
        rehearsals[i].status = rehearsals[i].said_status = status;
    }
    CU_ASSERT_EQUAL(trial_rehearsal_note(&plan, rehearsals, true, NULL, plan_fd, record, &err), 0);
    trial_end_release(&rehearsals[0]);
    trial_end_release(&rehearsals[1]);
    close(plan_fd);
}

static size_t heed_rehearsal(void)
{
    int plan_fd = open("plan", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error err = ERROR_INIT;
    size_t count = 0;

    CU_ASSERT_EQUAL(trial_rehearsal_heed(&plan, plan_fd, &count, &err), 0);
    close(plan_fd);
    return count;
}

static void what_was_rehearsed_is_taken_over_under_new_names(void)
{
    _cleanup_(buf_release) struct buf record = BUF_INIT;
    _cleanup_(free_ptr) char *texts = NULL, *again = NULL, *name = NULL;

    plan_kept();
    note_rehearsal(1, &record);
    CU_ASSERT_EQUAL(heed_rehearsal(), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(record.data, "\"chosen\":[1,2],\"zygote\":true"));
    texts = texts_of(step_of(1, true));
    name = xstrdup(step_of(1, true)->slots[0].id);
    remove_plan();

    plan_kept_as(FAR, record.data);
    CU_ASSERT_EQUAL(plan.rehearsal_count, 0);
    CU_ASSERT_EQUAL(access("plan/drawn.json", F_OK), -1);
    CU_ASSERT_EQUAL(heed_rehearsal(), 2);
    again = texts_of(step_of(1, true));
    CU_ASSERT_STRING_EQUAL(again, texts);
    CU_ASSERT_STRING_NOT_EQUAL(step_of(1, true)->slots[0].id, name);
    CU_ASSERT_EQUAL(strlen(step_of(1, true)->slots[0].id), strlen(name));
    CU_ASSERT_PTR_NOT_EQUAL(step_of(1, true), step_of(1, false));
    (void)step_of(2, true);
    (void)step_of(2, false);
    remove_plan();
}

static void what_was_rehearsed_of_other_tests_is_not_taken_over(void)
{
    _cleanup_(buf_release) struct buf record = BUF_INIT;

    plan_kept();
    note_rehearsal(1, &record);
    remove_plan();
    plan_kept_as("# another file\n" FAR, record.data);
    CU_ASSERT_EQUAL(plan.rehearsal_count, 2);
    CU_ASSERT_EQUAL(access("plan/rehearsed.json", F_OK), -1);
    CU_ASSERT_EQUAL(heed_rehearsal(), 0);
    remove_plan();
}

/* It is rehearsed each time. */
static void a_record_that_is_too_long_is_none(void)
{
    _cleanup_(buf_release) struct buf record = BUF_INIT;

    plan_kept();
    CU_ASSERT_EQUAL(truncate("plan/drawn.json", (off_t)AGENT_TRIAL_REHEARSED_MOST + 1), 0);
    note_rehearsal(1, &record);
    CU_ASSERT_EQUAL(heed_rehearsal(), 2);
    CU_ASSERT_EQUAL(record.length, 0);
    remove_plan();
}

/* Its time was over: another one may come to more. */
static void a_rehearsal_that_did_not_end_is_taken_over_by_nobody(void)
{
    _cleanup_(buf_release) struct buf record = BUF_INIT;

    plan_kept();
    note_rehearsal(2, &record);
    CU_ASSERT_EQUAL(heed_rehearsal(), 2);
    CU_ASSERT_EQUAL(record.length, 0);
    remove_plan();
}

/* What the rehearsals say of test_kept; where it is true, of one with these parameters, too. */
static bool was_rehearsed(int true_outcome, int planted_outcome, const char *more, int status)
{
    struct trial_end rehearsals[2] = {{.said_status = -1}, {.said_status = -1}};
    bool was;
    double seconds;

    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n < plan.rehearsals[i].slot_count; n++) {
            const struct trial_slot *slot = &plan.rehearsals[i].slots[n];
            _cleanup_(free_ptr) char *said =
                xasprintf("{\"test\":\"%s\",\"outcome\":%d,\"seconds\":0.5}", slot->id,
                          slot->planted ? planted_outcome : true_outcome);
            _cleanup_(free_ptr) char *also =
                xasprintf("{\"test\":\"%s%s\",\"outcome\":0,\"seconds\":0.5}", slot->id, more);

            if (slot->function != 1)
                continue;
            CU_ASSERT_TRUE(trial_end_hear(&rehearsals[i], said, strlen(said)));
            if (more[0] && !slot->planted)
                CU_ASSERT_TRUE(trial_end_hear(&rehearsals[i], also, strlen(also)));
        }
    for (size_t i = 0; i < 2; i++)
        rehearsals[i].status = rehearsals[i].said_status = status;
    was = trial_was_rehearsed(&plan, rehearsals, 1, &seconds);
    CU_ASSERT_FALSE(trial_was_rehearsed(&plan, rehearsals, 2, &seconds)); /* it did not run */
    trial_end_release(&rehearsals[0]);
    trial_end_release(&rehearsals[1]);
    return was;
}

static void what_came_out_otherwise_in_a_rehearsal_counts_in_no_small_run(void)
{
    plan_kept();
    CU_ASSERT_TRUE(was_rehearsed(TRIAL_PASSED, TRIAL_FAILED, "", 1));
    CU_ASSERT_TRUE(was_rehearsed(TRIAL_PASSED, TRIAL_FAILED, "", 2));  /* behind 30 seconds */
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_PASSED, TRIAL_FAILED, "", 3)); /* pytest broke */
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_SKIPPED, TRIAL_FAILED, "", 1));
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_FAILED, TRIAL_FAILED, "", 1));
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_PASSED, TRIAL_PASSED, "", 1));
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_PASSED, TRIAL_FAILED, "[1]", 1)); /* no list has it */
    trial_plan_drop(&plan, 1);
    for (size_t i = 0; i < plan.step_count; i++)
        for (size_t n = 0; n < plan.steps[i].slot_count; n++)
            CU_ASSERT_TRUE(plan.steps[i].all || plan.steps[i].slots[n].function != 1);
    remove_plan();
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a test passes that passed where true and failed where planted",
         a_test_passes_that_passed_where_true_and_failed_where_planted},
        {"a planted test that passes voids all that was told",
         a_planted_test_that_passes_voids_all_that_was_told},
        {"cases of a function are told apart by their parameters",
         cases_of_a_function_are_told_apart_by_their_parameters},
        {"where lists are hidden nothing tells what they name",
         where_lists_are_hidden_nothing_tells_what_they_name},
        {"a planted test that passes is no deceit where the true one fails",
         a_planted_test_that_passes_is_no_deceit_where_the_true_one_fails},
        {"a test must pass in each true run", a_test_must_pass_in_each_true_run},
        {"a run that ends before a test did has failed it",
         a_run_that_ends_before_a_test_did_has_failed_it},
        {"a test under a name that the run does not have does not count",
         a_test_under_a_name_that_the_run_does_not_have_does_not_count},
        {"runs are left out once a true one failed", runs_are_left_out_once_a_true_one_failed},
        {"a status that contradicts what was told fails the run",
         a_status_that_contradicts_what_was_told_fails_the_run},
        {"what no test run tells is not heard", what_no_test_run_tells_is_not_heard},
        {"the report names tests as pytest does", the_report_names_tests_as_pytest_does},
        {"a titled test is named by its file and the whole title",
         a_titled_test_is_named_by_its_file_and_the_whole_title},
        {"all frameworks and no others have trials", all_frameworks_and_no_others_have_trials},
        {"a plan that leads out of the repository is refused",
         a_plan_that_leads_out_of_the_repository_is_refused},
        {"each planted failure is told with its end", each_planted_failure_is_told_with_its_end},
        {"a planted failure in a run that broke off has no result",
         a_planted_failure_in_a_run_that_broke_off_has_no_result},
        {"tests in which no failure was planted are told",
         tests_in_which_no_failure_was_planted_are_told},
        {"tests whose runs were left out are told", tests_whose_runs_were_left_out_are_told},
        {"what is told of planted failures has an end",
         what_is_told_of_planted_failures_has_an_end},
        {"failures are planted in listed and held-out tests and not in the run of all",
         failures_are_planted_in_listed_and_held_out_tests_and_not_in_the_run_of_all},
        {"what must go on to pass is planted in one run and true in another",
         what_must_go_on_to_pass_is_planted_in_one_run_and_true_in_another},
        {"what came out otherwise in a rehearsal counts in no small run",
         what_came_out_otherwise_in_a_rehearsal_counts_in_no_small_run},
        {"what was rehearsed is taken over under new names",
         what_was_rehearsed_is_taken_over_under_new_names},
        {"what was rehearsed of other tests is not taken over",
         what_was_rehearsed_of_other_tests_is_not_taken_over},
        {"a rehearsal that did not end is taken over by nobody",
         a_rehearsal_that_did_not_end_is_taken_over_by_nobody},
        {"a record that is too long is none", a_record_that_is_too_long_is_none},
    };
    struct error err = ERROR_INIT;
    int status;

    if (!mkdtemp(place) || chdir(place) < 0) {
        perror("test-trial needs a folder in /tmp");
        return 2;
    }
    status = UNIT_MAIN("trial", tests);
    return chdir("/") < 0 || remove_tree(place, &err) < 0 ? 2 : status;
}
