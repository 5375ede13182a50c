/*
 * Verdicts that are reached again, from the changes that were kept.
 *
 * As in the verifications' tests, session and grading container see the same files: what the copy
 * does is told by test-agent-copy and the black box.
 */
#include "fixture.h"
#include "suites.h"
#include "verification_stage.h"

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/changes.h"

#include "base/banned.h"

static struct machine m;

static void begin(int64_t most)
{
    machine_open(&m, "alone");
    m.settings.changes_bytes_max = most;
    verifier_is(&m, "false");
    daemon_begin(&m);
}

static void finish(void)
{
    tell("UPDATE sessions SET status='closed', ended_at=NOW(6) WHERE status='ready'");
    machine_is_clean(&m);
    tell("UPDATE samples SET repo_path='/tmp', verifier_command='true'");
    machine_close(&m);
}

static bool is_success(const struct id *job, const char *expected)
{
    return answers("SELECT is_success FROM verifications WHERE job_id=?", job, expected);
}

/* A verification that has failed, whose session is over. */
static struct id failed_job(void)
{
    struct id session = ready_session(), job = start_verification(&session);

    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(is_success(&job, "0"));
    tell("UPDATE sessions SET status='closed', ended_at=NOW(6) WHERE status='ready'");
    return job;
}

static struct id regrade(const struct id *job)
{
    struct id again = id_new();

    OK(store_regrade_create(fixture_admin, &again, job, false, &err));
    return again;
}

static void a_verdict_is_reached_again_without_its_session(void)
{
    struct id job, again, container;

    begin(1 << 20);
    job = failed_job();
    verifier_is(&m, "true");
    again = regrade(&job);
    UNTIL(job_is(&again, "completed"));
    CU_ASSERT(is_success(&again, "1"));
    CU_ASSERT(is_success(&job, "0"));
    container = container_of(&again);
    UNTIL(container_is(&container, "gone"));
    CU_ASSERT_EQUAL(scripted_freezes(m.host), 1); /* no session was read again */
    finish();
}

static void a_session_s_end_does_not_end_a_repetition(void)
{
    _cleanup_(free_ptr) char *waiting = NULL;
    struct id session, job, again;

    begin(1 << 20);
    waiting = scripted_wait(m.host, "go", "true");
    session = ready_session();
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    verifier_is(&m, waiting);
    again = regrade(&job);
    UNTIL(job_is(&again, "running"));
    tell("UPDATE sessions SET status='closed', ended_at=NOW(6) WHERE status='ready'");
    UNTIL(scripted_count(m.host) == 1);
    scripted_touch(m.host, "go");
    UNTIL(job_is(&again, "completed"));
    CU_ASSERT(is_success(&again, "1"));
    finish();
}

static void killed_while_a_repetition_runs_it_is_waited_for(void)
{
    _cleanup_(free_ptr) char *waiting = NULL;
    struct id job, again;

    begin(1 << 20);
    waiting = scripted_wait(m.host, "go", "true");
    job = failed_job();
    verifier_is(&m, waiting);
    again = regrade(&job);
    UNTIL(job_is(&again, "running"));
    daemon_kill(&m);
    daemon_begin(&m);
    UNTIL(answers("SELECT attempt FROM verifications WHERE job_id=?", &again, "2"));
    scripted_touch(m.host, "go");
    UNTIL(job_is(&again, "completed"));
    CU_ASSERT(is_success(&again, "1"));
    finish();
}

static void execute(struct db *db, const char *script)
{
    OK(db_run_script(db, script, strlen(script), &err));
}

/* The verifier does not wait for them. */
static void a_verdict_is_written_after_the_changes(void)
{
    struct error failure = ERROR_INIT;
    struct db *other;
    struct id session, job;

    begin(1 << 20);
    other = db_new(&fixture_settings.database, DB_ADMIN, &failure);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    execute(other, "FLUSH TABLES verification_changes WITH READ LOCK");
    session = ready_session();
    job = start_verification(&session);
    UNTIL(only_job(&m) && only_job(&m)->end_waits);
    for (int i = 0; i < 100; i++)
        fixture_turn();
    CU_ASSERT(job_is(&job, "running"));
    execute(other, "UNLOCK TABLES");
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(is_success(&job, "0"));
    CU_ASSERT(
        answers("SELECT archive IS NOT NULL FROM verification_changes WHERE job_id=?", &job, "1"));
    finish();
    db_free(other);
}

static void changes_that_are_too_large_are_not_kept(void)
{
    struct error err = ERROR_INIT;
    struct id job, again = id_new();

    begin(1);
    job = failed_job();
    CU_ASSERT(answers("SELECT bytes > 1 AND archive IS NULL FROM verification_changes WHERE "
                      "job_id=?",
                      &job, "1"));
    CU_ASSERT_EQUAL(store_regrade_create(fixture_admin, &again, &job, false, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_NOT_FOUND);
    finish();
}

static void changes_that_go_before_they_are_laid_are_an_error(void)
{
    struct id job, again;

    begin(1 << 20);
    job = failed_job();
    daemon_kill(&m);
    again = regrade(&job);
    tell("DELETE FROM verification_changes");
    daemon_begin(&m);
    UNTIL(job_is(&again, "error"));
    CU_ASSERT(job_error_is(&again, "CHANGES_NOT_KEPT"));
    finish();
}

static void with_nothing_to_keep_nothing_is_kept(void)
{
    struct id job;

    begin(0);
    job = failed_job();
    CU_ASSERT(answers("SELECT COUNT(*) FROM verification_changes WHERE job_id=?", &job, "0"));
    finish();
}

static const struct unit_test tests[] = {
    {"a verdict is reached again without its session",
     a_verdict_is_reached_again_without_its_session},
    {"a session's end does not end a repetition", a_session_s_end_does_not_end_a_repetition},
    {"killed while a repetition runs: it is waited for",
     killed_while_a_repetition_runs_it_is_waited_for},
    {"a verdict is written after the changes", a_verdict_is_written_after_the_changes},
    {"changes that are too large are not kept", changes_that_are_too_large_are_not_kept},
    {"changes that go before they are laid are an error",
     changes_that_go_before_they_are_laid_are_an_error},
    {"where nothing is to be kept nothing is", with_nothing_to_keep_nothing_is_kept},
};

const struct suite suite_regrades = {tests, ARRAY_SIZE(tests)};
