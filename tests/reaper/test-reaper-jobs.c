/*
 * Agent jobs: from the clone to the result, the log, and the way out.
 */
#include "job_stage.h"
#include "suites.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/job_clone.h"
#include "reaper/jobs.h"
#include "reaper/way_out.h"
#include "wire/egress.h"

#include "base/banned.h"

/* --- the way of a job ------------------------------------------------------------------------ */

static void a_job_is_cloned_run_and_its_result_kept(void)
{
    struct id job;

    stage_begin("cat file; echo ::progress 40 Reading the code; git log --format=%s; " AGENT_OUT
                "; echo shared >$CODESET_OUTPUT/common/note; echo $CODESET_REPO:$CODESET_REF");
    job = stage_job(NULL);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ common/note ");
    CU_ASSERT_STRING_EQUAL(agent_job_log(&job), "1\n::progress 40 Reading the code\none\no/r:\n");
    CU_ASSERT(
        answers("SELECT progress_stage FROM agent_jobs WHERE job_id=?", &job, "Reading the code"));
    CU_ASSERT(answers("SELECT JSON_EXTRACT(result_parts, '$[*].name') FROM agent_jobs WHERE "
                      "job_id=?",
                      &job, "[\"a\", \"common\", \"\"]"));
    stage_finish();
}

static void progress_is_seen_while_the_agent_runs(void)
{
    struct id job;

    stage_begin("echo ::progress 10 One; " WAIT_FOR("go") "echo ::progress 90 Two; " AGENT_OUT);
    job = stage_job(NULL);
    UNTIL(answers("SELECT progress_stage FROM agent_jobs WHERE job_id=?", &job, "One"));
    CU_ASSERT(agent_job_is(&job, "running"));
    CU_ASSERT(answers("SELECT progress_pct FROM agent_jobs WHERE job_id=?", &job, "10"));
    stage_touch("go");
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    stage_finish();
}

static void a_ref_is_a_branch_a_tag_or_a_commit(void)
{
    struct id job;

    stage_begin("cat file; " AGENT_OUT);
    job = stage_job("other");
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(agent_job_log(&job), "2\n");
    job = stage_job("first");
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(agent_job_log(&job), "1\n");
    stage_shell("git -C w rev-parse other >id");
    {
        _cleanup_(free_ptr) char *path = stage_path("id");
        _cleanup_(buf_release) struct buf id = BUF_INIT;

        OK(file_read_secret(path, &id, &err));
        job = stage_job(id.data);
    }
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(agent_job_log(&job), "2\n");
    stage_finish();
}

static void what_cannot_be_cloned_is_told_in_gits_words(void)
{
    struct id job;

    stage_begin(AGENT_OUT);
    job = stage_job("no-such-ref");
    agent_job_ends_in(&job, "JOB_CLONE_FAILED", "no branch, tag or commit 'no-such-ref'");
    stage_shell("rm -rf git/o/r.git");
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_CLONE_FAILED", "does not");
    stage_finish();
}

static void an_agent_that_fails_is_quoted(void)
{
    struct id job;

    stage_begin("echo thinking; echo cannot go on >&2; exit 3");
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_AGENT_FAILED", "exit status 3; it said last: cannot go on");
    stage_finish();
}

static void an_agent_that_leaves_nothing_has_no_result(void)
{
    struct id job;

    stage_begin("true");
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_NO_RESULT", "the agent left no file in $CODESET_OUTPUT/a");
    stage_agent_is("rm -rf $CODESET_OUTPUT", "none", NULL);
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_NO_RESULT", "the agent left no file");
    stage_finish();
}

static void an_agent_has_so_much_time(void)
{
    struct id job;

    stage_begin(WAIT_FOR("never"));
    tell("UPDATE agents SET timeout_seconds=3");
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_TIMEOUT", "did not end within 3 s");
    stage_finish();
}

static void what_no_result_may_hold_is_refused(void)
{
    struct id job;

    stage_begin("ln -s /etc/passwd $CODESET_OUTPUT/a/link");
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_RESULT_REFUSED", "a/link");
    stage_agent_is("echo x >$CODESET_OUTPUT/top", "none", NULL);
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_RESULT_REFUSED", "top");
    stage.jobs.result_bytes_max = 100000;
    stage_agent_is("head -c 300000 /dev/urandom >$CODESET_OUTPUT/a/big", "none", NULL);
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_RESULT_TOO_LARGE", "at most 100000 bytes");
    stage.jobs.result_files_max = 10;
    stage_agent_is("for i in 1 2 3 4 5 6 7 8 9; do echo >$CODESET_OUTPUT/a/$i; done", "none", NULL);
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_RESULT_TOO_LARGE", "10 files and folders");
    CU_ASSERT_FALSE(stage_exists("results/new"));
    stage_shell("test \"$(ls results)\" = incoming");
    stage_finish();
}

static void a_disk_without_room_is_the_servers_fault(void)
{
    struct id job;

    stage_begin(AGENT_OUT);
    stage.jobs.result_bytes_max = INT64_MAX / 4;
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_HOST_FULL", "no room on its disk");
    stage_finish();
}

/* --- secrets and the log --------------------------------------------------------------------- */

#define SECRET "s3cret+value/42"

static void secrets_are_given_and_masked(void)
{
    _cleanup_(free_ptr) char *secrets = NULL;
    struct id job;

    machine_open(&stage, "alone");
    secrets = xasprintf("[{\"name\":\"KEY\",\"file\":\"%s/key\"}]", scripted_folder(stage.host));
    machine_close(&stage);
    stage_open("echo $KEY; printf %s \"$KEY\" | base64; echo ::progress 5 with $KEY; "
               "echo $CODESET_JOB_SECRET; test \"$KEY\" = " SECRET " || exit 9; "
               "echo no $KEY >&2; exit 4",
               "none", NULL);
    free(secrets);
    secrets = xasprintf("[{\"name\":\"KEY\",\"file\":\"%s/key\"}]", scripted_folder(stage.host));
    stage_agent_is("echo $KEY; printf %s \"$KEY\" | base64; echo ::progress 5 with $KEY; "
                   "echo $CODESET_JOB_SECRET; test \"$KEY\" = " SECRET " || exit 9; "
                   "echo no $KEY >&2; exit 4",
                   "none", secrets);
    stage_shell("echo '" SECRET "' >key");
    daemon_begin(&stage);
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_AGENT_FAILED", "exit status 4; it said last: no ***");
    CU_ASSERT_PTR_NULL(strstr(agent_job_log(&job), SECRET));
    CU_ASSERT_PTR_NULL(strstr(agent_job_log(&job), "cjs_"));
    CU_ASSERT_PTR_NOT_NULL(strstr(agent_job_log(&job), "***\n***"));
    CU_ASSERT(answers("SELECT progress_stage FROM agent_jobs WHERE job_id=?", &job, "with ***"));
    stage_shell("rm key");
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_SECRET_MISSING", "the operator");
    stage_finish();
}

static void of_a_flood_the_end_is_kept(void)
{
    struct id job;

    stage_begin("yes abcdefghijklmnopqrstuvwxyz | head -c 5000000; echo the end; " AGENT_OUT);
    stage.jobs.log_bytes = 4096;
    job = stage_job(NULL);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT(answers("SELECT LENGTH(log) BETWEEN 4000 AND 4096 AND log LIKE '%the end\\n' FROM "
                      "agent_job_logs WHERE job_id=?",
                      &job, "1"));
    CU_ASSERT(answers("SELECT total_bytes FROM agent_job_logs WHERE job_id=?", &job, "5000008"));
    stage_finish();
}

/* --- the way out ----------------------------------------------------------------------------- */

static void the_clone_and_the_agent_have_policies_of_their_own(void)
{
    _cleanup_(free_ptr) char *told = NULL;
    struct id job;

    stage_open("echo ${HTTPS_PROXY-none}; " AGENT_OUT, "allow:api.example.com", NULL);
    free(stage.jobs.git_url);
    stage.jobs.git_url = xasprintf("file://LocalHost%s/git", scripted_folder(stage.host));
    stage.jobs.clone_hosts = (char *)(uintptr_t) "objects.test"; /* for the clone alone */
    daemon_begin(&stage);
    job = stage_job(NULL);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(agent_job_log(&job), "http://127.0.0.1:3128\n");
    UNTIL(egress_standin_sockets(stage_egress) == 0);
    told = egress_standin_told(stage_egress);
    CU_ASSERT_STRING_EQUAL(told,
                           "set allow:localhost,objects.test;set allow:api.example.com;drop;");
    CU_ASSERT_FALSE(scripted_public(stage.host));
    stage_finish();
}

static void a_proxy_that_forgot_is_told_again(void)
{
    struct id job;

    stage_begin("touch ../../begun; " WAIT_FOR("go") AGENT_OUT);
    job = stage_job(NULL);
    UNTIL(stage_exists("begun"));
    CU_ASSERT_EQUAL(scripted_egresses(stage.host), 1);
    egress_standin_free(stage_egress);
    stage_egress = egress_standin_new(stage.jobs.egress_socket);
    UNTIL(egress_standin_sockets(stage_egress) == 1);
    CU_ASSERT_EQUAL(scripted_egresses(stage.host), 2);
    stage_touch("go");
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    stage_finish();
}

/* The clone fails before anybody has noticed that the proxy was started anew. */
static void a_clone_whose_way_was_lost_is_made_again(void)
{
    struct id job;

    stage_begin(AGENT_OUT);
    egress_standin_forget_next(stage_egress);
    stage_shell("mv git/o/r.git git/o/away");
    job = stage_job(NULL);
    UNTIL(scripted_egresses(stage.host) == 1);
    scripted_hold(stage.host, SCRIPTED_EGRESS);
    UNTIL(scripted_held(stage.host, SCRIPTED_EGRESS) == 1);
    stage_shell("mv git/o/away git/o/r.git");
    scripted_release(stage.host, SCRIPTED_EGRESS);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    stage_finish();
}

static void a_proxy_that_comes_late_is_waited_for(void)
{
    struct id job;

    stage_open(AGENT_OUT, "none", NULL);
    egress_standin_free(stage_egress);
    stage_egress = NULL;
    daemon_begin(&stage);
    job = stage_job(NULL);
    UNTIL(scripted_count(stage.host) == 1);
    for (int i = 0; i < 100; i++)
        fixture_turn();
    stage_egress = egress_standin_new(stage.jobs.egress_socket);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    stage_finish();
}

static bool it_was_closed_twice(void)
{
    _cleanup_(free_ptr) char *told = egress_standin_told(stage_egress);

    return strstr(told, "closed;closed;") != NULL;
}

static void a_firewall_that_comes_late_is_waited_for(void)
{
    struct id job;

    stage_open(AGENT_OUT, "none", NULL);
    egress_standin_say(stage_egress, EGRESS_CLOSED);
    daemon_begin(&stage);
    job = stage_job(NULL);
    UNTIL(it_was_closed_twice());
    egress_standin_say(stage_egress, EGRESS_OK);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    stage_finish();
}

static void a_taken_socket_is_asked_for_less_and_less_often(void)
{
    struct id job;
    int64_t pause = 0;

    for (int64_t wanted = 1000; wanted < 60000; wanted *= 2) {
        pause = way_out_conflict_pause(pause);
        CU_ASSERT_EQUAL(pause, wanted);
    }
    for (int i = 0; i < 3; i++) {
        pause = way_out_conflict_pause(pause);
        CU_ASSERT_EQUAL(pause, 60000);
    }
    stage_open(AGENT_OUT, "none", NULL);
    scripted_fail(stage.host, SCRIPTED_EGRESS, 1, ERROR_CONFLICT, NULL);
    daemon_begin(&stage);
    job = stage_job(NULL);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_EQUAL(scripted_egresses(stage.host), 2);
    stage_finish();
}

static void a_policy_that_is_refused_ends_the_job(void)
{
    struct id job;

    stage_open(AGENT_OUT, "none", NULL);
    egress_standin_say(stage_egress, EGRESS_REFUSED);
    daemon_begin(&stage);
    job = stage_job(NULL);
    agent_job_ends_in(&job, "JOB_EGRESS_UNAVAILABLE", "proxy");
    stage_finish();
}

static const struct unit_test tests[] = {
    {"a job is cloned, run, and its result kept", a_job_is_cloned_run_and_its_result_kept},
    {"progress is seen while the agent runs", progress_is_seen_while_the_agent_runs},
    {"a ref is a branch, a tag or a commit", a_ref_is_a_branch_a_tag_or_a_commit},
    {"what cannot be cloned is told in git's words", what_cannot_be_cloned_is_told_in_gits_words},
    {"an agent that fails is quoted", an_agent_that_fails_is_quoted},
    {"an agent that leaves nothing has no result", an_agent_that_leaves_nothing_has_no_result},
    {"an agent has so much time", an_agent_has_so_much_time},
    {"what no result may hold is refused", what_no_result_may_hold_is_refused},
    {"a disk without room is the server's fault", a_disk_without_room_is_the_servers_fault},
    {"secrets are given and masked", secrets_are_given_and_masked},
    {"of a flood the end is kept", of_a_flood_the_end_is_kept},
    {"a clone whose way was lost is made again", a_clone_whose_way_was_lost_is_made_again},
    {"the clone and the agent have policies of their own",
     the_clone_and_the_agent_have_policies_of_their_own},
    {"a proxy that forgot is told again", a_proxy_that_forgot_is_told_again},
    {"a proxy that comes late is waited for", a_proxy_that_comes_late_is_waited_for},
    {"a firewall that comes late is waited for", a_firewall_that_comes_late_is_waited_for},
    {"a socket that is taken is asked for less and less often",
     a_taken_socket_is_asked_for_less_and_less_often},
    {"a policy that is refused ends the job", a_policy_that_is_refused_ends_the_job},
};

const struct suite suite_jobs = {tests, ARRAY_SIZE(tests)};
