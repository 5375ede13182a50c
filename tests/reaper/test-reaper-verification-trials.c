/*
 * Verifications by trials: a supervisor that can't do its part, and what only the operator may
 * know. The containers have a small root of their own. Its interpreter is a shell script, which
 * plans the runs as a planner would; the agent, and with it the supervisor, is the real one.
 */
#include "suites.h"
#include "verification_stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "reaper/rehearsals.h"

#include "base/banned.h"

static struct machine m;

/* --- the containers' root -------------------------------------------------------------------- */

/* Each plan that is made takes a line from the file `breaks`, if there is one. Then the runs lose
 * the folder in which each would have its own. What was rehearsed before is taken over, unless
 * there is a file `refuses`: then the planner fails. */
static const char interpreter[] = "#!/bin/sh\n"
                                  "echo b >>/planned\n"
                                  "cp /plan.json plan.json\n"
                                  "if grep -q '\"rehearsed\":{\"drawn\":\"7\",' spec.json; then\n"
                                  "    echo b >>/known; [ ! -e /refuses ] || exit 1\n"
                                  "    echo '[1]' >rehearsed.json\n"
                                  "    sed -i 's/\"rehearsals\"/\"none\"/' plan.json\n"
                                  "else\n"
                                  "    echo '\"7\"' >drawn.json; mkdir ../mirror\n"
                                  "fi\n"
                                  "[ ! -s /breaks ] || { sed -i 1d /breaks && rmdir ../homes; }\n";

#define RUN_OF(function, test, planted, all, said)                                                 \
    "{\"argv\":[\"/bin/sh\",\"-c\",\"" said "\"],\"all\":" all ",\"files\":[],\"tests\":[{"        \
    "\"function\":" function ",\"id\":\"t.py::" test "\",\"planted\":" planted "}]}"
#define RUN(test, planted, all, said) RUN_OF("0", test, planted, all, said)
#define SAYS(test, outcome)                                                                        \
    "echo '{\\\"test\\\":\\\"t.py::" test "\\\",\\\"outcome\\\":" outcome "}' >&3; "
#define ENDS(status) "echo '{\\\"status\\\":" status "}' >&3; exit " status

static const char plan[] =
    "{\"tests\":[],\"functions\":[\"t.py::test_f\"],\"listed\":[\"t.py::test_f\"],"
    "\"unplanted\":[\"t.py::test_g\"],\"files\":[\"t.py\"],\"runs\":[" RUN(
        "test_x", "\"expected\"", "false",
        SAYS("test_x", "2")
            ENDS("1")) "," RUN("test_f", "null", "true", SAYS("test_f", "0") ENDS("0")) "]}";

/* With a test that must go on to pass, and is rehearsed. */
#define KEPT_RUNS                                                                                  \
    RUN_OF("1", "test_y", "null", "false", SAYS("test_y", "0") ENDS("0"))                          \
    "," RUN_OF("1", "test_z", "\"expected\"", "false", SAYS("test_z", "2") ENDS("1"))
static const char kept_plan[] =
    "{\"tests\":[],\"functions\":[\"t.py::test_f\",\"t.py::test_k\"],\"mended\":1,"
    "\"listed\":[\"t.py::test_f\",\"t.py::test_k\"],\"unplanted\":[],\"files\":[\"t.py\"],"
    "\"rehearsals\":[" KEPT_RUNS "],\"runs\":[" KEPT_RUNS
    "," RUN("test_f", "null", "true", SAYS("test_f", "0") SAYS("test_k", "0") ENDS("0")) "]}";

static void lay_programs(const char *root)
{
    _cleanup_(free_ptr) char *command =
        xasprintf("mkdir %s; cd %s; mkdir bin dev proc repo run tmp; cp /bin/busybox bin; "
                  "chroot . /bin/busybox --install -s /bin; mknod -m 666 dev/null c 1 3; "
                  "cp " AGENT_STATIC " agent",
                  root, root);
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
        _exit(127);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL_FATAL(status, 0);
}

static void lay(const char *root, const char *name, const char *text, mode_t mode)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", root, name);

    OK(file_write_atomic(AT_FDCWD, path, text, strlen(text), mode, &err));
}

#define TRIAL                                                                                      \
    "UPDATE samples SET repo_path='/repo', verifier='test_suite', language='python', "             \
    "fail_to_pass='[\"t.py::test_f\"]', "                                                          \
    "trial='{\"framework\":\"pytest\",\"tests\":{},\"python\":\"/bin/interpreter\"}'"
#define NO_TRIAL                                                                                   \
    "DELETE FROM sample_answers; UPDATE samples SET verifier='custom', language='c', "             \
    "fail_to_pass='[]', trial=NULL, hide_verifier_output=0"

static char *root_of_containers(void)
{
    return xasprintf("%s/root", scripted_folder(m.host));
}

/* breaks: so many lines. */
static struct id trial_begin(const char *breaks)
{
    _cleanup_(free_ptr) char *root = NULL;

    machine_open(&m, "alone");
    root = root_of_containers();
    lay_programs(root);
    lay(root, "bin/interpreter", interpreter, 0755);
    lay(root, "plan.json", plan, 0644);
    lay(root, "breaks", breaks, 0644);
    scripted_root(m.host, root);
    tell(TRIAL);
    daemon_begin(&m);
    return ready_session();
}

static void trial_finish(void)
{
    tell(NO_TRIAL);
    verifier_finish(&m);
}

static off_t lines_of(const char *name)
{
    _cleanup_(free_ptr) char *root = root_of_containers(), *path = xasprintf("%s/%s", root, name);
    struct stat st;

    return stat(path, &st) < 0 ? 0 : st.st_size / 2;
}

/* Plans that were made: one for each grading container. */
static off_t plans(void)
{
    return lines_of("planned");
}

/* Those that took over what was rehearsed before. */
static off_t known_plans(void)
{
    return lines_of("known");
}

/* --- a supervisor that can't do its part ----------------------------------------------------- */

static void broken_each_time_it_is_an_error_after_it_was_tried_again(void)
{
    struct id session = trial_begin("1\n2\n3\n4\n"), job = start_verification(&session);

    UNTIL(job_is(&job, "error"));
    CU_ASSERT(job_error_is(&job, "TRIAL_BROKEN"));
    CU_ASSERT_EQUAL(plans(), 3); /* again, and once more on the unchanged repository */
    CU_ASSERT(answers("SELECT CONCAT(exit_status, ' ', reason LIKE 'cannot make the folder of a "
                      "run: No such file%') FROM verifier_runs WHERE job_id=?",
                      &job, "70 1"));
    CU_ASSERT(answers("SELECT error_message LIKE 'the supervisor of the sample%' FROM "
                      "verifications WHERE job_id=?",
                      &job, "1"));
    CU_ASSERT(session_is(&session, "ready"));
    trial_finish();
}

static void broken_once_it_costs_nothing(void)
{
    struct id session = trial_begin("1\n"), job = start_verification(&session);

    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    CU_ASSERT_EQUAL(plans(), 2);
    trial_finish();
}

static void broken_only_with_the_change_is_the_change_s_doing(void)
{
    struct id session = trial_begin("1\n2\n"), job = start_verification(&session);

    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "0"));
    CU_ASSERT_EQUAL(plans(), 3);
    CU_ASSERT(answers("SELECT JSON_VALUE(result, '$.stdout') LIKE 'TRIAL_BROKEN: %With the "
                      "unchanged repository this does not happen%' FROM verifications WHERE "
                      "job_id=?",
                      &job, "1"));
    trial_finish();
}

/* --- what only the operator may know --------------------------------------------------------- */

#define PLANTED                                                                                    \
    "{\"tests\":[{\"test\":\"t.py::test_f\",\"planted\":{\"expected\":{\"failed\":1}},"            \
    "\"unchanged\":{\"passed\":1}}],\"unplanted\":[\"t.py::test_g\"],\"unrehearsed\":[],"          \
    "\"not_run\":[],\"more\":0}"

static bool operator_is_told(const struct id *job)
{
    return answers("SELECT stderr FROM verifier_runs WHERE job_id=?", job, PLANTED "\n");
}

static void planted_failures_are_told_to_the_operator_alone(void)
{
    static const char *const settings[] = {
        "DELETE FROM sample_answers",
        "UPDATE samples SET hide_verifier_output=1",
        "INSERT INTO sample_answers (row_id, held_out) SELECT row_id, '[\"t.py::test_f\"]' "
        "FROM samples",
    };
    struct id session = trial_begin("");

    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        struct id job;

        tell(settings[i]);
        job = start_verification(&session);
        UNTIL(job_is(&job, "completed"));
        CU_ASSERT(verdict_is(&job, "1"));
        CU_ASSERT(operator_is_told(&job));
        CU_ASSERT(answers("SELECT result LIKE '%unrehearsed%' FROM verifications WHERE job_id=?",
                          &job, "0"));
    }
    trial_finish();
}

/* --- what was rehearsed ---------------------------------------------------------------------- */

static struct id rehearsed_trial_begin(void)
{
    struct id session = trial_begin("");
    _cleanup_(free_ptr) char *root = root_of_containers();

    lay(root, "plan.json", kept_plan, 0644);
    return session;
}

static bool is_verified(const struct id *session)
{
    struct id job = start_verification(session);

    UNTIL(job_is(&job, "completed"));
    return verdict_is(&job, "1") &&
           answers("SELECT JSON_VALUE(result, '$.stdout') LIKE '%planted in 1 of the tests%' FROM "
                   "verifications WHERE job_id=?",
                   &job, "1");
}

static void what_was_rehearsed_is_known_to_later_verifications(void)
{
    struct id session = rehearsed_trial_begin();

    for (size_t i = 0; i < REHEARSALS_EACH; i++)
        CU_ASSERT(is_verified(&session));
    CU_ASSERT_EQUAL(known_plans(), 0);
    for (size_t i = 0; i < 20 && known_plans() == 0; i++)
        CU_ASSERT(is_verified(&session));
    CU_ASSERT_EQUAL(known_plans(), 1);
    scripted_image_time(m.host, 2); /* the image has been replaced */
    for (size_t i = 0; i < REHEARSALS_EACH; i++)
        CU_ASSERT(is_verified(&session));
    CU_ASSERT_EQUAL(known_plans(), 1);
    tell("UPDATE samples SET fail_to_pass='[\"t.py::test_f\", \"t.py::test_f\"]'");
    for (size_t i = 0; i < REHEARSALS_EACH; i++)
        CU_ASSERT(is_verified(&session));
    CU_ASSERT_EQUAL(known_plans(), 1);
    trial_finish();
}

static void what_was_rehearsed_is_forgotten_when_no_plan_comes_of_it(void)
{
    struct id session = rehearsed_trial_begin();
    _cleanup_(free_ptr) char *root = root_of_containers();

    for (size_t i = 0; i < REHEARSALS_EACH; i++)
        CU_ASSERT(is_verified(&session));
    lay(root, "refuses", "", 0644);
    for (size_t i = 0; i < 20 && known_plans() == 0; i++)
        CU_ASSERT(is_verified(&session)); /* it is planned once more */
    CU_ASSERT_EQUAL(known_plans(), 1);
    for (size_t i = 1; i < REHEARSALS_EACH; i++)
        CU_ASSERT(is_verified(&session));
    CU_ASSERT_EQUAL(known_plans(), 1);
    trial_finish();
}

static const struct unit_test tests[] = {
    {"a trial that breaks each time ends in error after it was tried again",
     broken_each_time_it_is_an_error_after_it_was_tried_again},
    {"a trial that breaks once costs nothing", broken_once_it_costs_nothing},
    {"a trial that breaks only with the change has failed",
     broken_only_with_the_change_is_the_change_s_doing},
    {"what became of planted failures is told to the operator alone",
     planted_failures_are_told_to_the_operator_alone},
    {"what was rehearsed is known to later verifications",
     what_was_rehearsed_is_known_to_later_verifications},
    {"what was rehearsed is forgotten when no plan comes of it",
     what_was_rehearsed_is_forgotten_when_no_plan_comes_of_it},
};

const struct suite suite_verification_trials = {tests, ARRAY_SIZE(tests)};
