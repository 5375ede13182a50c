/*
 * Agent jobs: what dies in every phase, and jobs that are ended from outside.
 */
#include "job_stage.h"
#include "suites.h"

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/jobs.h"
#include "store/jobs.h"

#include "base/banned.h"

/* --- what dies ------------------------------------------------------------------------------- */

#define COUNTED "echo x >>../../runs; touch ../../counted; "

static void runs_are(int count)
{
    _cleanup_(free_ptr) char *script = xasprintf("test \"$(wc -l <runs)\" = %d", count);

    stage_shell(script);
}

static void an_agent_that_runs_survives_the_daemon(void)
{
    struct id job;

    stage_begin(COUNTED "echo before; " WAIT_FOR("go") "echo after; " AGENT_OUT);
    job = stage_job(NULL);
    UNTIL(stage_exists("counted"));
    for (int i = 0; i < 2; i++) {
        daemon_kill(&stage);
        daemon_begin(&stage);
        UNTIL(stage.context.open &&
              stage.context.kinds.rows[3]->count(stage.context.kinds.rooms[3]) == 1);
    }
    stage_touch("go");
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(agent_job_log(&job), "before\nafter\n");
    runs_are(1);
    stage_finish();
}

static void an_agent_that_ended_while_no_daemon_was_there_is_packed_by_the_next(void)
{
    struct id job;

    stage_begin(COUNTED WAIT_FOR("go") AGENT_OUT "; touch ../../over");
    job = stage_job(NULL);
    UNTIL(stage_exists("counted"));
    daemon_kill(&stage);
    stage_touch("go");
    STANDING_STILL_UNTIL(stage_exists("over"));
    daemon_begin(&stage);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    runs_are(1);
    stage_finish();
}

/* In a new container: what git had begun, and the token, stay with the old one. */
static void before_the_agent_all_is_done_over(enum scripted_call held)
{
    struct id job, first;

    stage_begin(COUNTED AGENT_OUT);
    scripted_hold(stage.host, held);
    job = stage_job(NULL);
    UNTIL(scripted_held(stage.host, held) > 0);
    first = container_of(&job);
    daemon_kill(&stage);
    scripted_release(stage.host, held);
    daemon_begin(&stage);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    runs_are(1);
    CU_ASSERT_FALSE(scripted_has(stage.host, &first));
    stage_finish();
}

static void a_start_is_done_over(void)
{
    before_the_agent_all_is_done_over(SCRIPTED_START);
}

static void a_way_out_is_opened_anew(void)
{
    before_the_agent_all_is_done_over(SCRIPTED_EGRESS);
}

static void no_agent_begins_in_a_container_that_was_not_cleared(void)
{
    before_the_agent_all_is_done_over(SCRIPTED_CLEAR);
}

static void a_daemon_that_dies_so_often_ends_its_job(void)
{
    struct id job;

    stage_begin(COUNTED AGENT_OUT);
    scripted_hold(stage.host, SCRIPTED_START);
    job = stage_job(NULL);
    for (int i = 0; i < 3; i++) {
        UNTIL(answers("SELECT owner FROM agent_jobs WHERE job_id=?", &job, stage.run.run_id.text));
        daemon_kill(&stage);
        daemon_begin(&stage);
    }
    UNTIL(agent_job_has_ended(&job));
    CU_ASSERT(agent_job_error_is(&job, "JOB_RUNNER_LOST"));
    scripted_release(stage.host, SCRIPTED_START);
    stage_finish();
}

static void a_container_that_is_lost_is_replaced(void)
{
    struct id job, first;

    stage_begin(COUNTED WAIT_FOR("go") AGENT_OUT);
    job = stage_job(NULL);
    UNTIL(stage_exists("counted"));
    first = container_of(&job);
    scripted_end(stage.host, &first, NULL, NULL);
    UNTIL(strcmp(container_of(&job).text, first.text) != 0);
    stage_touch("go");
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    stage_finish();
}

static void a_container_that_is_lost_too_often_ends_the_job(void)
{
    struct id job;

    stage_begin(COUNTED WAIT_FOR("go") AGENT_OUT);
    job = stage_job(NULL);
    for (int i = 0; i < stage.jobs.attempts_max; i++) {
        struct id container;

        UNTIL(stage_exists("counted"));
        container = container_of(&job);
        stage_shell("rm runs counted");
        scripted_end(stage.host, &container, NULL, NULL);
        UNTIL(!scripted_has(stage.host, &container));
    }
    agent_job_ends_in(&job, "JOB_RUNNER_LOST", "several times");
    stage_finish();
}

static void an_agent_that_fills_the_disk_is_told_so(void)
{
    struct id job, container;

    stage_begin(COUNTED WAIT_FOR("go") AGENT_OUT);
    job = stage_job(NULL);
    UNTIL(stage_exists("counted"));
    container = container_of(&job);
    scripted_end(stage.host, &container, "HOST_DISK_FULL", "it wrote too much");
    agent_job_ends_in(&job, "JOB_AGENT_FAILED", "it wrote too much");
    runs_are(1);
    stage_finish();
}

static void an_agent_that_said_that_it_is_done_is_ended_and_packed(void)
{
    struct id job;

    stage_begin(AGENT_OUT "; touch ../../begun; " WAIT_FOR("never"));
    job = stage_job(NULL);
    UNTIL(stage_exists("begun") && agent_job_is(&job, "running"));
    tell("UPDATE agent_jobs SET asked_to_end=TRUE WHERE status='running'");
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    stage_finish();
}

/* Its container is lost before it is packed: the next agent has not said so. */
static void an_agent_is_not_ended_by_the_word_of_one_before(void)
{
    struct id job, first;

    stage_begin(COUNTED "echo ::progress $(wc -l <../../runs) Run; " WAIT_FOR("go") AGENT_OUT);
    job = stage_job(NULL);
    UNTIL(answers("SELECT progress_pct FROM agent_jobs WHERE job_id=?", &job, "1"));
    first = container_of(&job);
    tell("UPDATE agent_jobs SET asked_to_end=TRUE WHERE status='running'");
    scripted_end(stage.host, &first, NULL, NULL);
    UNTIL(answers("SELECT progress_pct FROM agent_jobs WHERE job_id=?", &job, "2"));
    for (int i = 0; i < 100; i++)
        fixture_turn();
    CU_ASSERT(agent_job_is(&job, "running"));
    stage_touch("go");
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    stage_finish();
}

static void a_job_that_was_cancelled_leaves_no_container(void)
{
    struct id job;
    bool changed;

    stage_begin("touch ../../begun; " WAIT_FOR("never"));
    job = stage_job(NULL);
    UNTIL(stage_exists("begun"));
    OK(store_job_cancel(fixture_admin, job.text, &changed, &err));
    CU_ASSERT(changed);
    UNTIL(scripted_count(stage.host) == 0);
    CU_ASSERT(agent_job_error_is(&job, "JOB_CANCELLED"));
    stage_finish();
}

static void one_users_jobs_leave_places_to_others(void)
{
    struct id jobs[3];

    stage_begin(WAIT_FOR("never"));
    stage.jobs.per_user_running = 2;
    scripted_hold(stage.host, SCRIPTED_START);
    for (size_t i = 0; i < 3; i++)
        jobs[i] = stage_job(NULL);
    UNTIL(answers("SELECT COUNT(*) FROM agent_jobs WHERE status='starting'", NULL, "2"));
    for (int i = 0; i < 100; i++)
        fixture_turn();
    CU_ASSERT(agent_job_is(&jobs[2], "pending"));
    tell("UPDATE agent_jobs SET status='error', completed_at=NOW(6), error_code='X', "
         "error_message='x' WHERE status='starting'");
    scripted_release(stage.host, SCRIPTED_START);
    UNTIL(!agent_job_is(&jobs[2], "pending"));
    stage_finish();
}

static const struct unit_test tests[] = {
    {"an agent that runs survives the daemon", an_agent_that_runs_survives_the_daemon},
    {"an agent that ended while no daemon was there is packed by the next",
     an_agent_that_ended_while_no_daemon_was_there_is_packed_by_the_next},
    {"a start of a job's container is done over", a_start_is_done_over},
    {"a way out is opened anew", a_way_out_is_opened_anew},
    {"no agent begins in a container that was not cleared",
     no_agent_begins_in_a_container_that_was_not_cleared},
    {"a daemon that dies so often ends its job", a_daemon_that_dies_so_often_ends_its_job},
    {"a job's container that is lost is replaced", a_container_that_is_lost_is_replaced},
    {"a job's container that is lost too often ends the job",
     a_container_that_is_lost_too_often_ends_the_job},
    {"an agent that fills the disk is told so", an_agent_that_fills_the_disk_is_told_so},
    {"an agent that said that it is done is ended and packed",
     an_agent_that_said_that_it_is_done_is_ended_and_packed},
    {"an agent is not ended by the word of one before",
     an_agent_is_not_ended_by_the_word_of_one_before},
    {"a job that was cancelled leaves no container", a_job_that_was_cancelled_leaves_no_container},
    {"one user's jobs leave places to others", one_users_jobs_leave_places_to_others},
};

const struct suite suite_job_losses = {tests, ARRAY_SIZE(tests)};
