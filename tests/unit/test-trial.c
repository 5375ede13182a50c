/*
 * Trials: what runs are worth, and that nothing of their users is left. As root, as the container's
 * root would; the current folder is one of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/trial_judge.h"
#include "agent/trial_kinds.h"
#include "agent/trial_lay.h"
#include "agent/trial_names.h"
#include "agent/trial_plan.h"
#include "agent/trial_user.h"
#include "agent/trial_walls.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "unit.h"

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

/* The outcome of a test in the verdict; -1: it has none. */
static int result_of(const char *test)
{
    for (size_t i = 0; i < verdict.count; i++)
        if (strcmp(verdict.outcomes[i].test, test) == 0)
            return (int)verdict.outcomes[i].result;
    return -1;
}

static void a_test_passes_that_passed_where_true_and_failed_where_planted(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), SAID("test_other", 0), ENDED(0));
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    judge();
    CU_ASSERT_PTR_NULL(verdict.tampered);
    CU_ASSERT_EQUAL(verdict.count, 2);
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(result_of("t/a.py::test_other"), TRIAL_PASSED);
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
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(result_of("t/a.py::test_other"), TRIAL_FAILED);
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
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[2]"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[3]"), TRIAL_FAILED); /* one run lacks it */
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
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_FAILED);
    clear();
}

static void a_test_must_pass_in_each_true_run(void)
{
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), ENDED(0));
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 1, SAID("test_z[1]", 2), ENDED(1));
    judge();
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_FAILED);
    clear();
}

static void a_run_that_ends_before_a_test_did_has_failed_it(void)
{
    HEAR(&ends[0], 0, SAID("test_other", 0), ENDED(0));
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    judge();
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_FAILED);
    clear();
    HEAR(&ends[0], 0, SAID("test_x[1]", 0), SAID("test_other", 0)); /* and no last word */
    HEAR(&ends[1], 1, SAID("test_y[1]", 2), ENDED(1));
    HEAR(&ends[2], 0, SAID("test_z[1]", 0), ENDED(0));
    judge();
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(result_of("t/a.py::test_other"), TRIAL_FAILED);
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
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_FAILED);
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
    CU_ASSERT_EQUAL(result_of("t/a.py::test_f[1]"), TRIAL_FAILED);
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

static void only_frameworks_of_the_table_have_trials(void)
{
    CU_ASSERT_PTR_NOT_NULL(trial_kind_find("pytest"));
    CU_ASSERT_PTR_NOT_NULL(trial_kind_find("tape"));
    CU_ASSERT_PTR_NOT_NULL(trial_kind_find("jest"));
    CU_ASSERT_PTR_NOT_NULL(trial_kind_find("mocha"));
    CU_ASSERT_PTR_NOT_NULL(trial_kind_find("node"));
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

/* A file of tests that must be mended or go on to pass, and another of those that must go on. */
static void plan_kept(void)
{
    _cleanup_(free_ptr) char *spec = NULL;

    write_text("test_a.py", "def test_mended():\n    assert str(12345) == '12345'\n"
                            "def test_kept():\n    assert str(34567) == '34567'\n"
                            "def test_idle():\n    assert str(45678) == '45678'\n"
                            "@other\ndef test_odd():\n    assert str(56789) == '56789'\n");
    write_text("test_b.py", "def test_far():\n    assert str(67890) == '67890'\n");
    spec = xasprintf("{\"repository\":\"%s\",\"tests\":{\"t/test_a.py\":\"%s/test_a.py\","
                     "\"t/test_b.py\":\"%s/test_b.py\"},"
                     "\"fail_to_pass\":[\"t/test_a.py::test_mended\"],\"held_out\":[],"
                     "\"pass_to_pass\":[\"t/test_a.py::test_kept\",\"t/test_a.py::test_odd\","
                     "\"t/test_b.py::test_far\",\"t/test_c.py::test_lost\"]}",
                     place, place, place);
    CU_ASSERT_EQUAL_FATAL(mkdir("plan", 0700) + chdir("plan"), 0);
    make_plan(spec);
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);
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
    CU_ASSERT_EQUAL(plan.rehearsal_count, 2);
    CU_ASSERT_EQUAL(access("mirror/test_b.py", F_OK), 0);
    CU_ASSERT_EQUAL(access("mirror/t", F_OK), -1);
    remove_plan();
}

/* What the rehearsals say of test_kept; where it is true, of one with these parameters, too. */
static bool was_rehearsed(int true_outcome, int planted_outcome, const char *more)
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
    was = trial_was_rehearsed(&plan, rehearsals, 1, &seconds);
    CU_ASSERT_FALSE(trial_was_rehearsed(&plan, rehearsals, 2, &seconds)); /* it did not run */
    trial_end_release(&rehearsals[0]);
    trial_end_release(&rehearsals[1]);
    return was;
}

static void what_came_out_otherwise_in_a_rehearsal_counts_in_no_small_run(void)
{
    plan_kept();
    CU_ASSERT_TRUE(was_rehearsed(TRIAL_PASSED, TRIAL_FAILED, ""));
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_SKIPPED, TRIAL_FAILED, ""));
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_FAILED, TRIAL_FAILED, ""));
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_PASSED, TRIAL_PASSED, ""));
    CU_ASSERT_FALSE(was_rehearsed(TRIAL_PASSED, TRIAL_FAILED, "[1]")); /* no list has it */
    trial_plan_drop(&plan, 1);
    for (size_t i = 0; i < plan.step_count; i++)
        for (size_t n = 0; n < plan.steps[i].slot_count; n++)
            CU_ASSERT_TRUE(plan.steps[i].all || plan.steps[i].slots[n].function != 1);
    remove_plan();
}

/* --- users ----------------------------------------------------------------------------------- */

static struct trial_user user;
static uid_t uid;
static struct trial_end end;

static void run_command(const struct trial_command *command)
{
    struct error err = ERROR_INIT;

    trial_end_release(&end);
    CU_ASSERT_EQUAL_FATAL(trial_user_draw(&user, &uid, &err), 0);
    if (trial_user_begin(&user, uid, &err) < 0 ||
        trial_user_run(&user, uid, command, &end, &err) < 0 || trial_user_end(&user, uid, &err) < 0)
        fprintf(stderr, "\n    %s\n", err.message);
    CU_ASSERT_EQUAL_FATAL(err.kind, ERROR_NONE);
}

static void run(const char *command)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};

    run_command(&(struct trial_command){.argv = argv});
}

static void each_run_is_another_user_in_a_folder_of_its_own(void)
{
    uid_t first;

    run("id -u; id -G; pwd; echo x >$HOME/a && echo x >$TMPDIR/b && echo x 2>/dev/null >c; echo "
        "$?");
    first = uid;
    {
        _cleanup_(free_ptr) char *expected = xasprintf("%u\n%u\n%s\n2\n", uid, uid, place);

        CU_ASSERT_STRING_EQUAL(end.printed, expected);
    }
    run("find \"$HOME\" -mindepth 1");
    CU_ASSERT_NOT_EQUAL(first, uid);
    CU_ASSERT_NOT_EQUAL(first + 1, uid);
    {
        _cleanup_(free_ptr) char *expected = xasprintf("%s/homes/%u/tmp\n", place, uid);

        CU_ASSERT_STRING_EQUAL(end.printed, expected);
    }
    CU_ASSERT_EQUAL(rmdir("homes"), 0); /* nothing is left in it */
    CU_ASSERT_EQUAL(mkdir("homes", 0711), 0);
}

/* That it returns shows it: the pipe has an end only once all who have it are gone. */
static void what_a_run_leaves_is_ended_before_it_is_judged(void)
{
    run("for i in 1 2 3 4 5; do (trap '' TERM HUP; setsid sleep 1000 & setsid sleep 1000) & done; "
        "setsid sleep 1000 & echo $!; echo '{\"status\":0}' >&3; exit 0");
    CU_ASSERT_EQUAL(end.status, 0);
    CU_ASSERT_EQUAL(end.said_status, 0);
    CU_ASSERT_EQUAL(kill((pid_t)strtol(end.printed, NULL, 10), 0), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void a_run_that_makes_processes_without_end_is_ended(void)
{
    run("f() { f & f & }; f; exit 0");
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void a_run_cannot_end_whoever_ends_it(void)
{
    run("(while :; do kill -9 -1 2>/dev/null; done) & wait");
    CU_ASSERT_EQUAL(end.status, 128 + SIGKILL);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

/* The agent's own environment is empty: execvpe(3) would look where that says. */
static void a_program_is_looked_for_where_the_run_s_environment_says(void)
{
    char *argv[] = {(char *)"only-there", NULL};

    CU_ASSERT_EQUAL_FATAL(mkdir("programs", 0755), 0);
    CU_ASSERT_EQUAL_FATAL(symlink("/bin/pwd", "programs/only-there"), 0);
    run_command(&(struct trial_command){.argv = argv});
    CU_ASSERT_EQUAL(end.status, 0);
}

static void a_status_is_the_process_s_own(void)
{
    run("echo '{\"status\":0}' >&3; exit 7");
    CU_ASSERT_EQUAL(end.status, 7);
    CU_ASSERT_PTR_NOT_NULL(trial_end_contradiction(&end));
    run("echo '{\"status\":0}' >&3; kill -9 $$");
    CU_ASSERT_EQUAL(end.status, 128 + SIGKILL);
    run("exec /nowhere/at/all");
    CU_ASSERT_EQUAL(end.status, 127);
}

static void a_run_that_talks_without_end_is_a_fault_of_its_own(void)
{
    run("while :; do echo no; done >&3");
    CU_ASSERT_PTR_NOT_NULL(end.fault);
    run("tr '\\0' x </dev/zero >&3");
    CU_ASSERT_PTR_NOT_NULL(end.fault);
    run("tr '\\0' x </dev/zero | head -c 3000000; echo; echo end");
    CU_ASSERT_PTR_NULL(end.fault);
    CU_ASSERT_TRUE(strlen(end.printed) <= 2 * TRIAL_PRINTED_KEPT + 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(end.printed, "\nend\n"));
}

static int segments_of(uid_t owner)
{
    struct shm_info info;
    struct shmid_ds segment;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info), count = 0;

    for (int i = 0; i <= last; i++)
        count += shmctl(i, SHM_STAT, &segment) >= 0 && segment.shm_perm.cuid == owner;
    return count;
}

static void shared_memory_does_not_outlive_its_run(void)
{
    run("ipcmk -M 4096 && ipcmk -Q && ipcmk -S 1");
    CU_ASSERT_EQUAL(end.status, 0);
    CU_ASSERT_EQUAL(segments_of(uid), 0);
}

/* --- the zygote ------------------------------------------------------------------------------ */

extern const char trial_pytest_zygote[] __attribute__((visibility("hidden")));

static const char forked_run[] =
    "import os, sys, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    time.sleep(1000)\n"
    "os.write(3, b'{\"status\":0}\\n')\n"
    "print(*os.getresuid(), os.getgid(), os.getgroups(), os.environ['HOME'], sys.argv[1:], "
    "flush=True)\n"
    "print(len(open('/proc/self/maps').read()) > 0, os.getcwd())\n"
    "print(os.path.exists('/proc/self/fd/4'), 'control' in globals())\n"
    "sys.exit(5)\n";

/* With a pytest that is only as much of one as the zygote looks at. */
static int start_zygote(const char *repository, const char *runner, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("[\"%s/modules\"]", place);
    char *const argv[] = {
        (char *)"/usr/bin/python3",  (char *)"-I",   (char *)"-S",       (char *)"-B", (char *)"-c",
        (char *)trial_pytest_zygote, (char *)runner, (char *)repository, path,         NULL};

    CU_ASSERT_EQUAL(make_dirs("modules/_pytest", 0755, err), 0);
    write_text("modules/pytest.py", "");
    write_text("modules/_pytest/__init__.py", "");
    write_text("modules/_pytest/config.py", "default_plugins = ()\n");
    return trial_zygote_start(argv, user.environment, trial_user_limits, &user.zygote, err);
}

static void a_run_of_a_zygote_is_the_supervisor_s_and_another_user_s(void)
{
    char *argv[] = {(char *)"python3", (char *)"-c", (char *)forked_run, (char *)"one", NULL};
    struct error err = ERROR_INIT;

    CU_ASSERT_TRUE_FATAL(trial_zygote_is_possible());
    CU_ASSERT_EQUAL_FATAL(start_zygote("/nowhere", forked_run, &err), 0);
    for (int i = 0; i < 2; i++) {
        const char *folder = i == 0 ? place : "/usr";
        _cleanup_(free_ptr) char *expected = NULL;

        run_command(
            &(struct trial_command){.argv = argv, .folder = i == 0 ? NULL : folder, .seconds = 60});
        CU_ASSERT_EQUAL(end.status, 5);
        CU_ASSERT_EQUAL(end.said_status, 0);
        expected = xasprintf("%u %u %u %u [] %s/homes/%u ['one']\nTrue %s\nFalse False\n", uid, uid,
                             uid, uid, place, uid, folder);
        CU_ASSERT_STRING_EQUAL(end.printed, expected);
        CU_ASSERT_TRUE(trial_zygote_is_alone(&user.zygote)); /* what the run left is ended */
    }
    trial_zygote_stop(&user.zygote);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void a_run_of_a_zygote_that_takes_too_long_is_ended(void)
{
    char *argv[] = {(char *)"python3", (char *)"-c", (char *)"", NULL};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(start_zygote("/nowhere", "import signal\nsignal.pause()\n", &err), 0);
    run_command(&(struct trial_command){.argv = argv, .seconds = 1});
    CU_ASSERT_PTR_NOT_NULL_FATAL(end.fault);
    CU_ASSERT_STRING_EQUAL(end.fault, "it took longer than it may");
    CU_ASSERT_EQUAL(end.status, 128 + SIGKILL);
    CU_ASSERT_TRUE(trial_zygote_is_alone(&user.zygote));
    trial_zygote_stop(&user.zygote);
}

static void a_zygote_loads_nothing_of_the_repository(void)
{
    struct error err = ERROR_INIT;

    char *const environment[] = {(char *)"LD_LIBRARY_PATH=/repository/lib", NULL};
    char *const *own = user.environment;

    CU_ASSERT_EQUAL(start_zygote(place, forked_run, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_INVALID);
    CU_ASSERT_EQUAL(start_zygote("/usr", forked_run, &err), -1);
    user.environment = environment;
    CU_ASSERT_EQUAL(start_zygote("/nowhere", forked_run, &err), -1);
    user.environment = own;
    CU_ASSERT_EQUAL(user.zygote.fd, -1);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
}

/* --- folders --------------------------------------------------------------------------------- */

static void make(const char *path, mode_t mode, uid_t owner)
{
    _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "text", 4), 4);
    CU_ASSERT_EQUAL(fchown(fd, owner, owner), 0);
    CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
}

static void expect(const char *path, mode_t mode, uid_t owner)
{
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(lstat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, mode);
    CU_ASSERT_EQUAL(st.st_uid, owner);
}

static void a_sealed_repository_can_be_read_and_not_written(void)
{
    _cleanup_(close_fd) int root = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(mkdir("repo", 0700), 0);
    CU_ASSERT_EQUAL(mkdir("repo/.git", 0777), 0);
    CU_ASSERT_EQUAL(mkdir("repo/d", 0300), 0);
    make("repo/secret", 0600, 61184);
    make("repo/d/program", 04777, 61184);
    CU_ASSERT_EQUAL(symlink("/etc/passwd", "repo/link"), 0);
    root = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_walls_seal(root, &err), 0);
    expect("repo", 0755, 0);
    expect("repo/.git", 0700, 0);
    expect("repo/d", 0755, 0);
    expect("repo/secret", 0644, 0);
    expect("repo/d/program", 0755, 0);
    CU_ASSERT_EQUAL(unlink("repo/link"), 0);
    CU_ASSERT_EQUAL(remove_tree("repo", &err), 0);
}

static void tests_are_laid_in_place_of_what_is_there_and_follow_no_link(void)
{
    _cleanup_(close_fd) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(mkdir("plan", 0700), 0);
    CU_ASSERT_EQUAL(mkdir("plan/tests", 0755), 0);
    CU_ASSERT_EQUAL(mkdir("plan/tests/deep", 0755), 0);
    make("plan/tests/deep/test_a.py", 0644, 0);
    CU_ASSERT_EQUAL(symlink("deep", "plan/tests/link"), 0);
    CU_ASSERT_EQUAL(mkdir("repo", 0755), 0);
    CU_ASSERT_EQUAL(mkdir("elsewhere", 0755), 0);
    CU_ASSERT_EQUAL(symlink("../elsewhere", "repo/tests"), 0);
    root = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_lay(here, "plan/tests", root, "tests", 61184, TRIAL_LAY_TIMES, &err), 0);
    expect("repo/tests", 0755, 61184);
    expect("repo/tests/deep/test_a.py", 0644, 61184);
    expect("repo/tests/link", 0777, 61184);
    CU_ASSERT_EQUAL(rmdir("elsewhere"), 0);
    CU_ASSERT_EQUAL(mkdir("repo/pkg", 0755), 0);
    CU_ASSERT_EQUAL(symlink("/tmp", "repo/pkg/tests"), 0);
    CU_ASSERT_EQUAL(
        trial_lay(here, "plan/tests", root, "pkg/tests/unit", 61184, TRIAL_LAY_TIMES, &err), -1);
    CU_ASSERT_EQUAL(remove_tree("repo", &err) + remove_tree("plan", &err), 0);
}

static void what_is_kept_replaces_whatever_was_put_in_its_way(void)
{
    _cleanup_(close_fd) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(make_dirs("plan/modules/tape", 0755, &err), 0);
    CU_ASSERT_EQUAL(make_dirs("repo/elsewhere/faked", 0755, &err), 0);
    make("plan/modules/tape/index.js", 0644, 61184);
    CU_ASSERT_EQUAL(symlink("elsewhere", "repo/modules"), 0);
    root = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_lay_kept(here, "plan/none", root, "modules/faked", &err), 0);
    expect("repo/elsewhere/faked", 0755, 0); /* a link leads there, and is not followed */
    CU_ASSERT_EQUAL(trial_lay_kept(here, "plan/modules/tape", root, "modules/tape", &err), 0);
    expect("repo/modules", 0755, 0);
    expect("repo/modules/tape/index.js", 0644, 0);
    CU_ASSERT_EQUAL(trial_lay_kept(here, "plan/none", root, "elsewhere/faked", &err), 0);
    CU_ASSERT_EQUAL(access("repo/elsewhere/faked", F_OK), -1);
    CU_ASSERT_EQUAL(trial_lay_kept(here, "plan/none", root, "gone/faked", &err), 0);
    CU_ASSERT_EQUAL(remove_tree("repo", &err) + remove_tree("plan", &err), 0);
}

static void set_up(void)
{
    static char home[sizeof(place) + sizeof("/homes")];
    static char path[sizeof(place) + sizeof("PATH=/usr/bin:/bin:/programs")];
    static char *environment[] = {path, (char *)"HOME=/root", NULL};
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    umask(022);
    if (geteuid() != 0 || sigprocmask(SIG_BLOCK, &child, NULL) < 0 ||
        prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || !mkdtemp(place) || chmod(place, 0755) < 0 ||
        chdir(place) < 0 || mkdir("homes", 0711) < 0) {
        perror("test-trial must run as root, and needs a folder in /tmp");
        exit(2);
    }
    clearenv();
    snprintf(home, sizeof(home), "%s/homes", place);
    snprintf(path, sizeof(path), "PATH=/usr/bin:/bin:%s/programs", place);
    user.homes = home;
    user.zygote = TRIAL_ZYGOTE_NONE;
    user.environment = environment;
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
        {"only frameworks of the table have trials", only_frameworks_of_the_table_have_trials},
        {"a plan that leads out of the repository is refused",
         a_plan_that_leads_out_of_the_repository_is_refused},
        {"failures are planted in listed and held-out tests and not in the run of all",
         failures_are_planted_in_listed_and_held_out_tests_and_not_in_the_run_of_all},
        {"what must go on to pass is planted in one run and true in another",
         what_must_go_on_to_pass_is_planted_in_one_run_and_true_in_another},
        {"what came out otherwise in a rehearsal counts in no small run",
         what_came_out_otherwise_in_a_rehearsal_counts_in_no_small_run},
        {"each run is another user in a folder of its own",
         each_run_is_another_user_in_a_folder_of_its_own},
        {"what a run leaves is ended before it is judged",
         what_a_run_leaves_is_ended_before_it_is_judged},
        {"a run that makes processes without end is ended",
         a_run_that_makes_processes_without_end_is_ended},
        {"a run cannot end whoever ends it", a_run_cannot_end_whoever_ends_it},
        {"a program is looked for where the run's environment says",
         a_program_is_looked_for_where_the_run_s_environment_says},
        {"a status is the process's own", a_status_is_the_process_s_own},
        {"a run that talks without end is a fault of its own",
         a_run_that_talks_without_end_is_a_fault_of_its_own},
        {"shared memory does not outlive its run", shared_memory_does_not_outlive_its_run},
        {"a run of a zygote is the supervisor's and another user's",
         a_run_of_a_zygote_is_the_supervisor_s_and_another_user_s},
        {"a run of a zygote that takes too long is ended",
         a_run_of_a_zygote_that_takes_too_long_is_ended},
        {"a zygote loads nothing of the repository", a_zygote_loads_nothing_of_the_repository},
        {"a sealed repository can be read and not written",
         a_sealed_repository_can_be_read_and_not_written},
        {"tests are laid in place of what is there and follow no link",
         tests_are_laid_in_place_of_what_is_there_and_follow_no_link},
        {"what is kept replaces whatever was put in its way",
         what_is_kept_replaces_whatever_was_put_in_its_way},
    };
    struct error err = ERROR_INIT;
    int status;

    set_up();
    status = UNIT_MAIN("trial", tests);
    trial_end_release(&end);
    return chdir("/") < 0 || remove_tree(place, &err) < 0 ? 2 : status;
}
