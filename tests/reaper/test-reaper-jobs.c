/*
 * Agent jobs: every phase, what dies in it, and results that come by PUT.
 *
 * The agents' repository is one of this host, its containers see this host's files; what walls a
 * container has, and what git leaves of a token, the step `jobs` tells. Whatever an agent waits for
 * is a file of the test's; so it ends with the host's folder.
 */
#include "egress_standin.h"
#include "fixture.h"
#include "suites.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/job_clone.h"
#include "reaper/jobs.h"
#include "reaper/way_out.h"
#include "store/jobs.h"
#include "wire/egress.h"

#include "base/banned.h"

#define AGENT_OUT "mkdir -p $CODESET_OUTPUT/a; echo done >$CODESET_OUTPUT/a/answer.txt"
#define WAIT_FOR(file) "while [ -e .git ] && [ ! -e ../../" file " ]; do sleep 0.01; done; "

static struct machine m;
static struct egress_standin *egress;

/* --- the stage ------------------------------------------------------------------------------- */

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", scripted_folder(m.host), name);
}

static void shell(const char *script)
{
    _cleanup_(free_ptr) char *command =
        xasprintf("cd %s && { %s; }", scripted_folder(m.host), script);
    pid_t pid = fork();
    int status;

    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    CU_ASSERT_FATAL(waitpid(pid, &status, 0) == pid && status == 0);
}

static bool exists(const char *name)
{
    _cleanup_(free_ptr) char *path = path_of(name);

    return access(path, F_OK) == 0;
}

static void touch(const char *name)
{
    _cleanup_(free_ptr) char *path = path_of(name);
    _cleanup_(close_fd) int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
}

/* An agent `a`, and the repository o/r with a second branch and a tag. */
static void agent_is(const char *command, const char *policy, const char *secrets)
{
    static const struct query query = {
        "INSERT INTO agents (agent_id, image, command, timeout_seconds, egress, secrets) "
        "VALUES ('a', 'image', ?, 1000, ?, ?) ON DUPLICATE KEY UPDATE image=VALUE(image), "
        "command=VALUE(command), timeout_seconds=1000, egress=VALUE(egress), "
        "secrets=VALUE(secrets)"};

    OK(DB_RUN(fixture_admin, &query, NULL, &err, db_text(command), db_text(policy),
              db_text(secrets ? secrets : "[]")));
}

static void open_stage(const char *command, const char *policy, const char *secrets)
{
    machine_open(&m, "alone");
    shell("mkdir -p results/incoming workspace git/o && git init -q -b main w && cd w && "
          "git config user.email a@example.com && git config user.name a && echo 1 >file && "
          "git add file && git commit -q -m one && git tag first && git checkout -q -b other && "
          "echo 2 >file && git commit -q -a -m two && git checkout -q main && "
          "git clone -q --bare . ../git/o/r.git");
    egress = egress_standin_new(m.jobs.egress_socket);
    agent_is(command, policy, secrets);
}

static void begin(const char *command)
{
    open_stage(command, "none", NULL);
    daemon_begin(&m);
}

static void finish(void)
{
    shell("rm -rf w/.git workspace/repo/.git");
    tell("UPDATE agent_jobs SET status='error', completed_at=NOW(6), error_code='X', "
         "error_message='x' WHERE status NOT IN ('completed','error')");
    machine_is_clean(&m);
    tell("UPDATE agent_jobs SET result_removed=TRUE");
    machine_close(&m);
    if (egress)
        egress_standin_free(egress);
    egress = NULL;
}

static struct id start_job(const char *ref)
{
    const struct new_agent_job wanted = {.job_id = id_new(),
                                         .user_id = fixture_user,
                                         .agent_id = "a",
                                         .repo = "o/r",
                                         .ref = ref,
                                         .open_max = 100};

    OK(store_job_create(fixture_api, &wanted, &err));
    return wanted.job_id;
}

static bool agent_job_is(const struct id *job, const char *status)
{
    return answers("SELECT status FROM agent_jobs WHERE job_id=?", job, status);
}

static bool error_is(const struct id *job, const char *code)
{
    return answers("SELECT error_code FROM agent_jobs WHERE job_id=?", job, code);
}

static bool message_has(const struct id *job, const char *part)
{
    const char *message = ask("SELECT error_message FROM agent_jobs WHERE job_id=?", job);

    if (!strstr(message, part))
        fprintf(stderr, "message: %s\n", message);
    return strstr(message, part) != NULL;
}

static bool ended(const struct id *job)
{
    return answers("SELECT status IN ('completed','error') FROM agent_jobs WHERE job_id=?", job,
                   "1");
}

static void ends_in(const struct id *job, const char *code, const char *part)
{
    UNTIL(ended(job));
    if (!error_is(job, code))
        fprintf(stderr, "code: %s\n", ask("SELECT error_code FROM agent_jobs WHERE job_id=?", job));
    CU_ASSERT(error_is(job, code));
    CU_ASSERT(message_has(job, part));
}

static const char *log_of(const struct id *job)
{
    return ask("SELECT log FROM agent_job_logs WHERE job_id=?", job);
}

/* The names in the result, as tar tells them, one behind the other. */
static void completes_with(const struct id *job, const char *names)
{
    _cleanup_(free_ptr) char *file = xasprintf("results/%s/all.tar.gz", job->text);
    _cleanup_(free_ptr) char *script = xasprintf(
        "test \"$(tar tzf results/%s/all.tar.gz | tr '\\n' ' ')\" = '%s'", job->text, names);

    UNTIL(ended(job));
    if (!agent_job_is(job, "completed"))
        fprintf(stderr, "%s\n",
                ask("SELECT CONCAT(error_code, ': ', error_message) FROM "
                    "agent_jobs WHERE job_id=?",
                    job));
    CU_ASSERT_FATAL(agent_job_is(job, "completed"));
    UNTIL(containers_count(&m.context, CONTAINER_JOB) == 0);
    UNTIL(exists(file)); /* it gets its name a moment after the row says so */
    shell(script);
}

/* --- the way of a job ------------------------------------------------------------------------ */

static void a_job_is_cloned_run_and_its_result_kept(void)
{
    struct id job;

    begin("cat file; echo ::progress 40 Reading the code; git log --format=%s; " AGENT_OUT
          "; echo shared >$CODESET_OUTPUT/common/note; echo $CODESET_REPO:$CODESET_REF");
    job = start_job(NULL);
    completes_with(&job, "a/ a/answer.txt common/ common/note ");
    CU_ASSERT_STRING_EQUAL(log_of(&job), "1\n::progress 40 Reading the code\none\no/r:\n");
    CU_ASSERT(
        answers("SELECT progress_stage FROM agent_jobs WHERE job_id=?", &job, "Reading the code"));
    CU_ASSERT(answers("SELECT JSON_EXTRACT(result_parts, '$[*].name') FROM agent_jobs WHERE "
                      "job_id=?",
                      &job, "[\"a\", \"common\", \"\"]"));
    finish();
}

static void progress_is_seen_while_the_agent_runs(void)
{
    struct id job;

    begin("echo ::progress 10 One; " WAIT_FOR("go") "echo ::progress 90 Two; " AGENT_OUT);
    job = start_job(NULL);
    UNTIL(answers("SELECT progress_stage FROM agent_jobs WHERE job_id=?", &job, "One"));
    CU_ASSERT(agent_job_is(&job, "running"));
    CU_ASSERT(answers("SELECT progress_pct FROM agent_jobs WHERE job_id=?", &job, "10"));
    touch("go");
    completes_with(&job, "a/ a/answer.txt common/ ");
    finish();
}

static void a_ref_is_a_branch_a_tag_or_a_commit(void)
{
    struct id job;

    begin("cat file; " AGENT_OUT);
    job = start_job("other");
    completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(log_of(&job), "2\n");
    job = start_job("first");
    completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(log_of(&job), "1\n");
    shell("git -C w rev-parse other >id");
    {
        _cleanup_(free_ptr) char *path = path_of("id");
        _cleanup_(buf_release) struct buf id = BUF_INIT;

        OK(file_read_secret(path, &id, &err));
        job = start_job(id.data);
    }
    completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(log_of(&job), "2\n");
    finish();
}

static void what_cannot_be_cloned_is_told_in_gits_words(void)
{
    struct id job;

    begin(AGENT_OUT);
    job = start_job("no-such-ref");
    ends_in(&job, "JOB_CLONE_FAILED", "no branch, tag or commit 'no-such-ref'");
    shell("rm -rf git/o/r.git");
    job = start_job(NULL);
    ends_in(&job, "JOB_CLONE_FAILED", "does not");
    finish();
}

static void an_agent_that_fails_is_quoted(void)
{
    struct id job;

    begin("echo thinking; echo cannot go on >&2; exit 3");
    job = start_job(NULL);
    ends_in(&job, "JOB_AGENT_FAILED", "exit status 3; it said last: cannot go on");
    finish();
}

static void an_agent_that_leaves_nothing_has_no_result(void)
{
    struct id job;

    begin("true");
    job = start_job(NULL);
    ends_in(&job, "JOB_NO_RESULT", "the agent left no file in $CODESET_OUTPUT/a");
    agent_is("rm -rf $CODESET_OUTPUT", "none", NULL);
    job = start_job(NULL);
    ends_in(&job, "JOB_NO_RESULT", "the agent left no file");
    finish();
}

static void an_agent_has_so_much_time(void)
{
    struct id job;

    begin(WAIT_FOR("never"));
    tell("UPDATE agents SET timeout_seconds=3");
    job = start_job(NULL);
    ends_in(&job, "JOB_TIMEOUT", "did not end within 3 s");
    finish();
}

static void what_no_result_may_hold_is_refused(void)
{
    struct id job;

    begin("ln -s /etc/passwd $CODESET_OUTPUT/a/link");
    job = start_job(NULL);
    ends_in(&job, "JOB_RESULT_REFUSED", "a/link");
    agent_is("echo x >$CODESET_OUTPUT/top", "none", NULL);
    job = start_job(NULL);
    ends_in(&job, "JOB_RESULT_REFUSED", "top");
    m.jobs.result_bytes_max = 100000;
    agent_is("head -c 300000 /dev/urandom >$CODESET_OUTPUT/a/big", "none", NULL);
    job = start_job(NULL);
    ends_in(&job, "JOB_RESULT_TOO_LARGE", "at most 100000 bytes");
    m.jobs.result_files_max = 10;
    agent_is("for i in 1 2 3 4 5 6 7 8 9; do echo >$CODESET_OUTPUT/a/$i; done", "none", NULL);
    job = start_job(NULL);
    ends_in(&job, "JOB_RESULT_TOO_LARGE", "10 files and folders");
    CU_ASSERT_FALSE(exists("results/new"));
    shell("test \"$(ls results)\" = incoming");
    finish();
}

static void a_disk_without_room_is_the_servers_fault(void)
{
    struct id job;

    begin(AGENT_OUT);
    m.jobs.result_bytes_max = INT64_MAX / 4;
    job = start_job(NULL);
    ends_in(&job, "JOB_HOST_FULL", "no room on its disk");
    finish();
}

/* --- secrets and the log --------------------------------------------------------------------- */

#define SECRET "s3cret+value/42"

static void secrets_are_given_and_masked(void)
{
    _cleanup_(free_ptr) char *secrets = NULL;
    struct id job;

    machine_open(&m, "alone");
    secrets = xasprintf("[{\"name\":\"KEY\",\"file\":\"%s/key\"}]", scripted_folder(m.host));
    machine_close(&m);
    open_stage("echo $KEY; printf %s \"$KEY\" | base64; echo ::progress 5 with $KEY; "
               "echo $CODESET_JOB_SECRET; test \"$KEY\" = " SECRET " || exit 9; "
               "echo no $KEY >&2; exit 4",
               "none", NULL);
    free(secrets);
    secrets = xasprintf("[{\"name\":\"KEY\",\"file\":\"%s/key\"}]", scripted_folder(m.host));
    agent_is("echo $KEY; printf %s \"$KEY\" | base64; echo ::progress 5 with $KEY; "
             "echo $CODESET_JOB_SECRET; test \"$KEY\" = " SECRET " || exit 9; "
             "echo no $KEY >&2; exit 4",
             "none", secrets);
    shell("echo '" SECRET "' >key");
    daemon_begin(&m);
    job = start_job(NULL);
    ends_in(&job, "JOB_AGENT_FAILED", "exit status 4; it said last: no ***");
    CU_ASSERT_PTR_NULL(strstr(log_of(&job), SECRET));
    CU_ASSERT_PTR_NULL(strstr(log_of(&job), "cjs_"));
    CU_ASSERT_PTR_NOT_NULL(strstr(log_of(&job), "***\n***"));
    CU_ASSERT(answers("SELECT progress_stage FROM agent_jobs WHERE job_id=?", &job, "with ***"));
    shell("rm key");
    job = start_job(NULL);
    ends_in(&job, "JOB_SECRET_MISSING", "the operator");
    finish();
}

static void of_a_flood_the_end_is_kept(void)
{
    struct id job;

    begin("yes abcdefghijklmnopqrstuvwxyz | head -c 5000000; echo the end; " AGENT_OUT);
    m.jobs.log_bytes = 4096;
    job = start_job(NULL);
    completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT(answers("SELECT LENGTH(log) BETWEEN 4000 AND 4096 AND log LIKE '%the end\\n' FROM "
                      "agent_job_logs WHERE job_id=?",
                      &job, "1"));
    CU_ASSERT(answers("SELECT total_bytes FROM agent_job_logs WHERE job_id=?", &job, "5000008"));
    finish();
}

/* --- the way out ----------------------------------------------------------------------------- */

static void the_clone_and_the_agent_have_policies_of_their_own(void)
{
    _cleanup_(free_ptr) char *told = NULL;
    struct id job;

    open_stage("echo ${HTTPS_PROXY-none}; " AGENT_OUT, "allow:api.example.com", NULL);
    free(m.jobs.git_url);
    m.jobs.git_url = xasprintf("file://LocalHost%s/git", scripted_folder(m.host));
    daemon_begin(&m);
    job = start_job(NULL);
    completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(log_of(&job), "http://127.0.0.1:3128\n");
    UNTIL(egress_standin_sockets(egress) == 0);
    told = egress_standin_told(egress);
    CU_ASSERT_STRING_EQUAL(told, "set allow:localhost;set allow:api.example.com;drop;");
    CU_ASSERT_FALSE(scripted_public(m.host));
    finish();
}

static void a_proxy_that_forgot_is_told_again(void)
{
    struct id job;

    begin("touch ../../begun; " WAIT_FOR("go") AGENT_OUT);
    job = start_job(NULL);
    UNTIL(exists("begun"));
    CU_ASSERT_EQUAL(scripted_egresses(m.host), 1);
    egress_standin_free(egress);
    egress = egress_standin_new(m.jobs.egress_socket);
    UNTIL(egress_standin_sockets(egress) == 1);
    CU_ASSERT_EQUAL(scripted_egresses(m.host), 2);
    touch("go");
    completes_with(&job, "a/ a/answer.txt common/ ");
    finish();
}

static void a_proxy_that_comes_late_is_waited_for(void)
{
    struct id job;

    open_stage(AGENT_OUT, "none", NULL);
    egress_standin_free(egress);
    egress = NULL;
    daemon_begin(&m);
    job = start_job(NULL);
    UNTIL(scripted_count(m.host) == 1);
    for (int i = 0; i < 100; i++)
        fixture_turn();
    egress = egress_standin_new(m.jobs.egress_socket);
    completes_with(&job, "a/ a/answer.txt common/ ");
    finish();
}

static bool it_was_closed_twice(void)
{
    _cleanup_(free_ptr) char *told = egress_standin_told(egress);

    return strstr(told, "closed;closed;") != NULL;
}

static void a_firewall_that_comes_late_is_waited_for(void)
{
    struct id job;

    open_stage(AGENT_OUT, "none", NULL);
    egress_standin_say(egress, EGRESS_CLOSED);
    daemon_begin(&m);
    job = start_job(NULL);
    UNTIL(it_was_closed_twice());
    egress_standin_say(egress, EGRESS_OK);
    completes_with(&job, "a/ a/answer.txt common/ ");
    finish();
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
    open_stage(AGENT_OUT, "none", NULL);
    scripted_fail(m.host, SCRIPTED_EGRESS, 1, ERROR_CONFLICT, NULL);
    daemon_begin(&m);
    job = start_job(NULL);
    completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_EQUAL(scripted_egresses(m.host), 2);
    finish();
}

static void a_policy_that_is_refused_ends_the_job(void)
{
    struct id job;

    open_stage(AGENT_OUT, "none", NULL);
    egress_standin_say(egress, EGRESS_REFUSED);
    daemon_begin(&m);
    job = start_job(NULL);
    ends_in(&job, "JOB_EGRESS_UNAVAILABLE", "proxy");
    finish();
}

/* --- what dies ------------------------------------------------------------------------------- */

#define COUNTED "echo x >>../../runs; "

static void runs_are(int count)
{
    _cleanup_(free_ptr) char *script = xasprintf("test \"$(wc -l <runs)\" = %d", count);

    shell(script);
}

static void an_agent_that_runs_survives_the_daemon(void)
{
    struct id job;

    begin(COUNTED "echo before; " WAIT_FOR("go") "echo after; " AGENT_OUT);
    job = start_job(NULL);
    UNTIL(exists("runs"));
    for (int i = 0; i < 2; i++) {
        daemon_kill(&m);
        daemon_begin(&m);
        UNTIL(m.context.open && m.context.kinds.rows[3]->count(m.context.kinds.rooms[3]) == 1);
    }
    touch("go");
    completes_with(&job, "a/ a/answer.txt common/ ");
    CU_ASSERT_STRING_EQUAL(log_of(&job), "before\nafter\n");
    runs_are(1);
    finish();
}

static void an_agent_that_ended_while_no_daemon_was_there_is_packed_by_the_next(void)
{
    struct id job;

    begin(COUNTED WAIT_FOR("go") AGENT_OUT "; touch ../../over");
    job = start_job(NULL);
    UNTIL(exists("runs"));
    daemon_kill(&m);
    touch("go");
    STANDING_STILL_UNTIL(exists("over"));
    daemon_begin(&m);
    completes_with(&job, "a/ a/answer.txt common/ ");
    runs_are(1);
    finish();
}

/* In a new container: what git had begun, and the token, stay with the old one. */
static void before_the_agent_all_is_done_over(enum scripted_call held)
{
    struct id job, first;

    begin(COUNTED AGENT_OUT);
    scripted_hold(m.host, held);
    job = start_job(NULL);
    UNTIL(scripted_held(m.host, held) > 0);
    first = container_of(&job);
    daemon_kill(&m);
    scripted_release(m.host, held);
    daemon_begin(&m);
    completes_with(&job, "a/ a/answer.txt common/ ");
    runs_are(1);
    CU_ASSERT_FALSE(scripted_has(m.host, &first));
    finish();
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

    begin(COUNTED AGENT_OUT);
    scripted_hold(m.host, SCRIPTED_START);
    job = start_job(NULL);
    for (int i = 0; i < 3; i++) {
        UNTIL(answers("SELECT owner FROM agent_jobs WHERE job_id=?", &job, m.run.run_id.text));
        daemon_kill(&m);
        daemon_begin(&m);
    }
    UNTIL(ended(&job));
    CU_ASSERT(error_is(&job, "JOB_RUNNER_LOST"));
    scripted_release(m.host, SCRIPTED_START);
    finish();
}

static void a_container_that_is_lost_is_replaced(void)
{
    struct id job, first;

    begin(COUNTED WAIT_FOR("go") AGENT_OUT);
    job = start_job(NULL);
    UNTIL(exists("runs"));
    first = container_of(&job);
    scripted_end(m.host, &first, NULL, NULL);
    UNTIL(strcmp(container_of(&job).text, first.text) != 0);
    touch("go");
    completes_with(&job, "a/ a/answer.txt common/ ");
    finish();
}

static void a_container_that_is_lost_too_often_ends_the_job(void)
{
    struct id job;

    begin(COUNTED WAIT_FOR("go") AGENT_OUT);
    job = start_job(NULL);
    for (int i = 0; i < m.jobs.attempts_max; i++) {
        struct id container;

        UNTIL(exists("runs"));
        container = container_of(&job);
        shell("rm runs");
        scripted_end(m.host, &container, NULL, NULL);
        UNTIL(!scripted_has(m.host, &container));
    }
    ends_in(&job, "JOB_RUNNER_LOST", "several times");
    finish();
}

static void an_agent_that_fills_the_disk_is_told_so(void)
{
    struct id job, container;

    begin(COUNTED WAIT_FOR("go") AGENT_OUT);
    job = start_job(NULL);
    UNTIL(exists("runs"));
    container = container_of(&job);
    scripted_end(m.host, &container, "HOST_DISK_FULL", "it wrote too much");
    ends_in(&job, "JOB_AGENT_FAILED", "it wrote too much");
    runs_are(1);
    finish();
}

static void an_agent_that_said_that_it_is_done_is_ended_and_packed(void)
{
    struct id job;

    begin("touch ../../begun; " AGENT_OUT "; " WAIT_FOR("never"));
    job = start_job(NULL);
    UNTIL(exists("begun") && agent_job_is(&job, "running"));
    tell("UPDATE agent_jobs SET asked_to_end=TRUE WHERE status='running'");
    completes_with(&job, "a/ a/answer.txt common/ ");
    finish();
}

/* Its container is lost before it is packed: the next agent has not said so. */
static void an_agent_is_not_ended_by_the_word_of_one_before(void)
{
    struct id job, first;

    begin(COUNTED "echo ::progress $(wc -l <../../runs) Run; " WAIT_FOR("go") AGENT_OUT);
    job = start_job(NULL);
    UNTIL(answers("SELECT progress_pct FROM agent_jobs WHERE job_id=?", &job, "1"));
    first = container_of(&job);
    tell("UPDATE agent_jobs SET asked_to_end=TRUE WHERE status='running'");
    scripted_end(m.host, &first, NULL, NULL);
    UNTIL(answers("SELECT progress_pct FROM agent_jobs WHERE job_id=?", &job, "2"));
    for (int i = 0; i < 100; i++)
        fixture_turn();
    CU_ASSERT(agent_job_is(&job, "running"));
    touch("go");
    completes_with(&job, "a/ a/answer.txt common/ ");
    finish();
}

static void a_job_that_was_cancelled_leaves_no_container(void)
{
    struct id job;
    bool changed;

    begin("touch ../../begun; " WAIT_FOR("never"));
    job = start_job(NULL);
    UNTIL(exists("begun"));
    OK(store_job_cancel(fixture_admin, job.text, &changed, &err));
    CU_ASSERT(changed);
    UNTIL(scripted_count(m.host) == 0);
    CU_ASSERT(error_is(&job, "JOB_CANCELLED"));
    finish();
}

static void one_users_jobs_leave_places_to_others(void)
{
    struct id jobs[3];

    begin(WAIT_FOR("never"));
    m.jobs.per_user_running = 2;
    scripted_hold(m.host, SCRIPTED_START);
    for (size_t i = 0; i < 3; i++)
        jobs[i] = start_job(NULL);
    UNTIL(answers("SELECT COUNT(*) FROM agent_jobs WHERE status='starting'", NULL, "2"));
    for (int i = 0; i < 100; i++)
        fixture_turn();
    CU_ASSERT(agent_job_is(&jobs[2], "pending"));
    tell("UPDATE agent_jobs SET status='error', completed_at=NOW(6), error_code='X', "
         "error_message='x' WHERE status='starting'");
    scripted_release(m.host, SCRIPTED_START);
    UNTIL(!agent_job_is(&jobs[2], "pending"));
    finish();
}

/* --- results that come by PUT ---------------------------------------------------------------- */

static struct id elsewhere(struct job_secret *secret, unsigned char hash[SHA256_SIZE])
{
    struct id job;
    _cleanup_(agent_job_release) struct agent_job taken = {0};
    int64_t installation;

    tell("UPDATE agents SET image=NULL, command=NULL, timeout_seconds=1000");
    job = start_job(NULL);
    *secret = job_secret_new();
    sha256(secret->text, JOB_SECRET_LENGTH, hash);
    OK(store_job_take(fixture_admin, "a", hash, &taken, &installation, &err));
    return job;
}

/* The script makes the archive $1. */
static struct id put(const struct id *job, const unsigned char hash[SHA256_SIZE],
                     const char *script)
{
    struct id upload = id_new();
    _cleanup_(free_ptr) char *name = xasprintf("results/incoming/%s", upload.text);
    _cleanup_(free_ptr) char *command = xasprintf("set -- %s; %s", name, script);
    _cleanup_(free_ptr) char *path = path_of(name);
    struct stat st;

    shell(command);
    CU_ASSERT_FATAL(stat(path, &st) == 0);
    OK(store_job_upload_create(fixture_api, &upload, job->text, hash, st.st_size, &err));
    return upload;
}

#define PACK "mkdir -p p/b; echo $RANDOM >p/b/x; tar czf $1 -C p ."

static bool upload_is(const struct id *upload, const char *status)
{
    return answers("SELECT status FROM agent_job_uploads WHERE upload_id=?", upload, status);
}

static void a_result_that_is_put_is_checked_and_kept(void)
{
    unsigned char hash[SHA256_SIZE];
    struct job_secret secret;
    enum agent_job_status status;
    struct id job, upload;

    begin(AGENT_OUT);
    job = elsewhere(&secret, hash);
    upload = put(&job, hash, "echo this is no archive >$1");
    UNTIL(upload_is(&upload, "refused"));
    CU_ASSERT(answers("SELECT error_code FROM agent_job_uploads WHERE upload_id=?", &upload,
                      "JOB_RESULT_REFUSED"));
    upload = put(&job, hash, PACK);
    UNTIL(upload_is(&upload, "accepted"));
    UNTIL(m.context.kinds.rows[4]->count(m.context.kinds.rooms[4]) == 0);
    OK(store_job_complete(fixture_api, job.text, hash, true, NULL, &status, &err));
    CU_ASSERT_EQUAL(status, AGENT_JOB_COMPLETED);
    completes_with(&job, "b/ b/x ");
    shell("test -z \"$(ls results/incoming)\"");
    finish();
}

static void a_result_whose_job_has_ended_changes_nothing(void)
{
    unsigned char hash[SHA256_SIZE];
    struct job_secret secret;
    enum agent_job_status status;
    struct id job, upload;

    begin(AGENT_OUT);
    job = elsewhere(&secret, hash);
    upload = put(&job, hash, PACK);
    UNTIL(upload_is(&upload, "accepted"));
    daemon_kill(&m);
    upload = put(&job, hash, "mkdir -p q/late; echo >q/late/x; tar czf $1 -C q .");
    OK(store_job_complete(fixture_api, job.text, hash, true, NULL, &status, &err));
    daemon_begin(&m);
    UNTIL(upload_is(&upload, "refused"));
    UNTIL(m.context.kinds.rows[4]->count(m.context.kinds.rooms[4]) == 0);
    completes_with(&job, "b/ b/x ");
    finish();
}

/* As if the daemon had died between the row and the file's name. */
static void a_file_without_its_name_is_recovered(void)
{
    _cleanup_(free_ptr) char *away = NULL;
    struct id job, other = id_new();

    begin(AGENT_OUT);
    job = start_job(NULL);
    completes_with(&job, "a/ a/answer.txt common/ ");
    daemon_kill(&m);
    away = xasprintf("cd results/%s && mv all.tar.gz new-%s && echo >new-%s && touch -d '1 hour "
                     "ago' *",
                     job.text, job.text, other.text);
    shell(away);
    daemon_begin(&m);
    free(away);
    away = xasprintf("results/%s/all.tar.gz", job.text);
    UNTIL(exists(away));
    completes_with(&job, "a/ a/answer.txt common/ ");
    free(away);
    away = xasprintf("results/%s/new-%s", job.text, other.text);
    UNTIL(!exists(away));
    finish();
}

/* As above, but the job waits for its runner's word yet, and another host shares the folder. */
static void a_put_result_without_its_name_is_recovered(void)
{
    _cleanup_(free_ptr) char *away = NULL, *file = NULL, *used = NULL;
    unsigned char hash[SHA256_SIZE];
    struct job_secret secret;
    enum agent_job_status status;
    struct id job, upload;

    begin(AGENT_OUT);
    job = elsewhere(&secret, hash);
    upload = put(&job, hash, PACK);
    UNTIL(upload_is(&upload, "accepted"));
    UNTIL(m.context.kinds.rows[4]->count(m.context.kinds.rooms[4]) == 0);
    daemon_kill(&m);
    away = xasprintf("cd results/%s && mv all.tar.gz new-%s && echo >new-%s && touch -d '1 hour "
                     "ago' *",
                     job.text, upload.text, job.text);
    shell(away);
    daemon_begin(&m);
    file = xasprintf("results/%s/all.tar.gz", job.text);
    UNTIL(exists(file));
    used = xasprintf("results/%s/new-%s", job.text, job.text);
    CU_ASSERT(exists(used));
    OK(store_job_complete(fixture_api, job.text, hash, true, NULL, &status, &err));
    completes_with(&job, "b/ b/x ");
    finish();
}

static void old_results_are_removed(void)
{
    _cleanup_(free_ptr) char *folder = NULL;
    struct id job;

    begin(AGENT_OUT);
    m.jobs.result_days = 1;
    job = start_job(NULL);
    completes_with(&job, "a/ a/answer.txt common/ ");
    folder = xasprintf("results/%s", job.text);
    CU_ASSERT(exists(folder));
    tell("UPDATE agent_jobs SET completed_at=NOW(6) - INTERVAL 2 DAY WHERE status='completed'");
    UNTIL(!exists(folder));
    UNTIL(answers("SELECT result_removed FROM agent_jobs WHERE job_id=?", &job, "1"));
    finish();
}

static void jobs_elsewhere_have_so_much_time(void)
{
    unsigned char hash[SHA256_SIZE];
    struct job_secret secret;
    struct id job;

    begin(AGENT_OUT);
    job = elsewhere(&secret, hash);
    tell("UPDATE agent_jobs SET started_at=NOW(6) - INTERVAL 2000 SECOND WHERE status='running'");
    ends_in(&job, "JOB_TIMEOUT", "1000 s");
    finish();
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
    {"the clone and the agent have policies of their own",
     the_clone_and_the_agent_have_policies_of_their_own},
    {"a proxy that forgot is told again", a_proxy_that_forgot_is_told_again},
    {"a proxy that comes late is waited for", a_proxy_that_comes_late_is_waited_for},
    {"a firewall that comes late is waited for", a_firewall_that_comes_late_is_waited_for},
    {"a socket that is taken is asked for less and less often",
     a_taken_socket_is_asked_for_less_and_less_often},
    {"a policy that is refused ends the job", a_policy_that_is_refused_ends_the_job},
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
    {"a result that is put is checked and kept", a_result_that_is_put_is_checked_and_kept},
    {"a result whose job has ended changes nothing", a_result_whose_job_has_ended_changes_nothing},
    {"a file without its name is recovered", a_file_without_its_name_is_recovered},
    {"a result that was put and has no name yet is recovered",
     a_put_result_without_its_name_is_recovered},
    {"old results are removed", old_results_are_removed},
    {"jobs elsewhere have so much time", jobs_elsewhere_have_so_much_time},
};

const struct suite suite_jobs = {tests, ARRAY_SIZE(tests)};
