/*
 * Verifications: agents that can't be reached for a moment, and restarts.
 */
#include "suites.h"
#include "verification_stage.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/verification.h"

#include "base/banned.h"

static struct machine m;

/* --- an agent that can't be reached for a moment --------------------------------------------- */

/* The socket of the agent of this container. */
static char *socket_of(const struct id *container)
{
    const char *address = ask("SELECT address FROM containers WHERE container_id=?", container);

    CU_ASSERT_FATAL(strncmp(address, "unix:", 5) == 0);
    return xstrdup(address + 5);
}

/* Of the only job, and of its step. */
static int tries(void)
{
    const struct job *job = only_job(&m);

    return job ? job->tries : 0;
}

static void changes_that_can_t_be_read_at_once_are_read_again(void)
{
    _cleanup_(free_ptr) char *path = NULL, *aside = NULL;
    struct id session, container, job;

    verifier_begin(&m, "true");
    session = ready_session();
    container = container_of(&session);
    path = socket_of(&container);
    aside = xasprintf("%s.aside", path);
    CU_ASSERT_EQUAL_FATAL(rename(path, aside), 0);
    job = start_verification(&session);
    UNTIL(tries() == 1);
    CU_ASSERT_EQUAL_FATAL(rename(aside, path), 0);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    CU_ASSERT(session_is(&session, "ready"));
    verifier_finish(&m);
}

/* The verifier's output waits for its turn when the job ends: nobody must go on with it then. */
static void an_output_that_waits_ends_with_its_job(void)
{
    struct budget_share share = {0};
    struct id session, job, container;

    verifier_begin(&m, "seq 20000");
    session = ready_session();
    budget_force(m.context.budget, &share, m.settings.results_bytes);
    job = start_verification(&session);
    UNTIL(budget_waiting(m.context.budget) == 1);
    container = container_of(&job);
    close_session(&session);
    UNTIL(job_is(&job, "cancelled") && container_is(&container, "gone"));
    CU_ASSERT_EQUAL(budget_waiting(m.context.budget), 0);
    budget_return(m.context.budget, &share);
    verifier_finish(&m);
}

/* The output of the first run is gone with its container, and does not wait any more. */
static void an_output_that_waits_ends_with_its_container(void)
{
    struct budget_share share = {0};
    struct id session, job, first, second;

    verifier_begin(&m, "seq 20000");
    session = ready_session();
    budget_force(m.context.budget, &share, m.settings.results_bytes);
    job = start_verification(&session);
    UNTIL(budget_waiting(m.context.budget) == 1);
    first = container_of(&job);
    scripted_end(m.host, &first, NULL, NULL);
    UNTIL(container_is(&first, "gone"));
    UNTIL(budget_waiting(m.context.budget) == 1);
    second = container_of(&job);
    CU_ASSERT(strcmp(first.text, second.text) != 0);
    budget_return(m.context.budget, &share);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    verifier_finish(&m);
}

/* Neither the verdict nor an error in its place: as when somebody changes the schema. */
static void an_end_that_the_database_refuses_is_written_later(void)
{
    struct id session, job;

    verifier_begin(&m, "true");
    session = ready_session();
    tell("CREATE SEQUENCE refusals NOCACHE; "
         "CREATE TRIGGER refuse BEFORE UPDATE ON verifications FOR EACH ROW "
         "IF NEW.status IN ('completed','error') THEN "
         "DO NEXTVAL(refusals); SIGNAL SQLSTATE '45000'; END IF");
    job = start_verification(&session);
    UNTIL(answers("SELECT next_not_cached_value > 10 FROM refusals", NULL, "1"));
    tell("DROP TRIGGER refuse; DROP SEQUENCE refusals");
    UNTIL(job_is(&job, "error"));
    CU_ASSERT(job_error_is(&job, "VERDICT_FAILED"));
    verifier_finish(&m);
}

/* --- restarts -------------------------------------------------------------------------------- */

static void killed_while_it_starts_it_is_done_over(void)
{
    struct id session, job, first;

    verifier_begin(&m, "true");
    session = ready_session();
    scripted_hold(m.host, SCRIPTED_START);
    job = start_verification(&session);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1);
    first = container_of(&job);
    daemon_kill(&m);
    scripted_release(m.host, SCRIPTED_START);
    daemon_begin(&m);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    UNTIL(!scripted_has(m.host, &first));
    verifier_finish(&m);
}

static void killed_while_the_verifier_runs_it_is_waited_for(void)
{
    struct id session, job, container;

    job = verifier_at_work(&m, &session);
    container = container_of(&job);
    daemon_kill(&m);
    daemon_begin(&m);
    UNTIL(answers("SELECT attempt FROM verifications WHERE job_id=?", &job, "2"));
    CU_ASSERT(scripted_has(m.host, &container));
    scripted_touch(m.host, "go");
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT_EQUAL(verifiers_begun(&m), 1);
    CU_ASSERT_STRING_EQUAL(container_of(&job).text, container.text);
    verifier_finish(&m);
}

static void killed_and_the_container_ends_it_is_done_over(void)
{
    struct id session, job, container;

    job = verifier_at_work(&m, &session);
    container = container_of(&job);
    daemon_kill(&m);
    scripted_end(m.host, &container, NULL, NULL);
    scripted_touch(m.host, "go");
    daemon_begin(&m);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT_EQUAL(verifiers_begun(&m), 2);
    UNTIL(!scripted_has(m.host, &container));
    verifier_finish(&m);
}

static void tries_have_an_end(void)
{
    struct id session, job;

    job = verifier_at_work(&m, &session);
    daemon_kill(&m);
    tell("UPDATE verifications SET attempt=100 WHERE status='running'");
    daemon_begin(&m);
    UNTIL(job_is(&job, "error"));
    CU_ASSERT(job_error_is(&job, "ATTEMPTS_EXHAUSTED"));
    verifier_finish(&m);
}

static const struct unit_test tests[] = {
    {"changes that can't be read at once are read again, and the verifier runs",
     changes_that_can_t_be_read_at_once_are_read_again},
    {"an output that waits ends with its job", an_output_that_waits_ends_with_its_job},
    {"an output that waits ends with its container", an_output_that_waits_ends_with_its_container},
    {"a verdict that the database refuses ends in error later",
     an_end_that_the_database_refuses_is_written_later},
    {"killed while a grading container starts: it is done over",
     killed_while_it_starts_it_is_done_over},
    {"killed while a verifier runs: it is waited for",
     killed_while_the_verifier_runs_it_is_waited_for},
    {"killed, and the grading container ends: it is done over",
     killed_and_the_container_ends_it_is_done_over},
    {"a verification's tries have an end", tries_have_an_end},
};

const struct suite suite_verification_losses = {tests, ARRAY_SIZE(tests)};
