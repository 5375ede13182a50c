/*
 * Agent jobs elsewhere: results that come by PUT; and how long results are kept.
 */
#include "job_stage.h"
#include "suites.h"

#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/jobs.h"
#include "store/jobs.h"

#include "base/banned.h"

/* --- results that come by PUT ---------------------------------------------------------------- */

static struct id elsewhere(struct job_secret *secret, unsigned char hash[SHA256_SIZE])
{
    struct id job;
    _cleanup_(agent_job_release) struct agent_job taken = {0};
    int64_t installation;

    tell("UPDATE agents SET image=NULL, command=NULL, timeout_seconds=1000");
    job = stage_job(NULL);
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
    _cleanup_(free_ptr) char *path = stage_path(name);
    struct stat st;

    stage_shell(command);
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

    stage_begin(AGENT_OUT);
    job = elsewhere(&secret, hash);
    upload = put(&job, hash, "echo this is no archive >$1");
    UNTIL(upload_is(&upload, "refused"));
    CU_ASSERT(answers("SELECT error_code FROM agent_job_uploads WHERE upload_id=?", &upload,
                      "JOB_RESULT_REFUSED"));
    upload = put(&job, hash, PACK);
    UNTIL(upload_is(&upload, "accepted"));
    UNTIL(stage.context.kinds.rows[4]->count(stage.context.kinds.rooms[4]) == 0);
    OK(store_job_complete(fixture_api, job.text, hash, true, NULL, &status, &err));
    CU_ASSERT_EQUAL(status, AGENT_JOB_COMPLETED);
    agent_job_completes_with(&job, "b/ b/x ");
    stage_shell("test -z \"$(ls results/incoming)\"");
    stage_finish();
}

static void a_result_whose_job_has_ended_changes_nothing(void)
{
    unsigned char hash[SHA256_SIZE];
    struct job_secret secret;
    enum agent_job_status status;
    struct id job, upload;

    stage_begin(AGENT_OUT);
    job = elsewhere(&secret, hash);
    upload = put(&job, hash, PACK);
    UNTIL(upload_is(&upload, "accepted"));
    daemon_kill(&stage);
    upload = put(&job, hash, "mkdir -p q/late; echo >q/late/x; tar czf $1 -C q .");
    OK(store_job_complete(fixture_api, job.text, hash, true, NULL, &status, &err));
    daemon_begin(&stage);
    UNTIL(upload_is(&upload, "refused"));
    UNTIL(stage.context.kinds.rows[4]->count(stage.context.kinds.rooms[4]) == 0);
    agent_job_completes_with(&job, "b/ b/x ");
    stage_finish();
}

/* As if the daemon had died between the row and the file's name. */
static void a_file_without_its_name_is_recovered(void)
{
    _cleanup_(free_ptr) char *away = NULL;
    struct id job, other = id_new();

    stage_begin(AGENT_OUT);
    job = stage_job(NULL);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    daemon_kill(&stage);
    away = xasprintf("cd results/%s && mv all.tar.gz new-%s && echo >new-%s && touch -d '1 hour "
                     "ago' *",
                     job.text, job.text, other.text);
    stage_shell(away);
    daemon_begin(&stage);
    free(away);
    away = xasprintf("results/%s/all.tar.gz", job.text);
    UNTIL(stage_exists(away));
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    free(away);
    away = xasprintf("results/%s/new-%s", job.text, other.text);
    UNTIL(!stage_exists(away));
    stage_finish();
}

/* As above, but the job waits for its runner's word yet, and another host shares the folder. */
static void a_put_result_without_its_name_is_recovered(void)
{
    _cleanup_(free_ptr) char *away = NULL, *file = NULL, *used = NULL;
    unsigned char hash[SHA256_SIZE];
    struct job_secret secret;
    enum agent_job_status status;
    struct id job, upload;

    stage_begin(AGENT_OUT);
    job = elsewhere(&secret, hash);
    upload = put(&job, hash, PACK);
    UNTIL(upload_is(&upload, "accepted"));
    UNTIL(stage.context.kinds.rows[4]->count(stage.context.kinds.rooms[4]) == 0);
    daemon_kill(&stage);
    away = xasprintf("cd results/%s && mv all.tar.gz new-%s && echo >new-%s && touch -d '1 hour "
                     "ago' *",
                     job.text, upload.text, job.text);
    stage_shell(away);
    daemon_begin(&stage);
    file = xasprintf("results/%s/all.tar.gz", job.text);
    UNTIL(stage_exists(file));
    used = xasprintf("results/%s/new-%s", job.text, job.text);
    CU_ASSERT(stage_exists(used));
    OK(store_job_complete(fixture_api, job.text, hash, true, NULL, &status, &err));
    agent_job_completes_with(&job, "b/ b/x ");
    stage_finish();
}

static void old_results_are_removed(void)
{
    _cleanup_(free_ptr) char *folder = NULL;
    struct id job;

    stage_begin(AGENT_OUT);
    stage.jobs.result_days = 1;
    job = stage_job(NULL);
    agent_job_completes_with(&job, "a/ a/answer.txt common/ ");
    folder = xasprintf("results/%s", job.text);
    CU_ASSERT(stage_exists(folder));
    tell("UPDATE agent_jobs SET completed_at=NOW(6) - INTERVAL 2 DAY WHERE status='completed'");
    UNTIL(!stage_exists(folder));
    UNTIL(answers("SELECT result_removed FROM agent_jobs WHERE job_id=?", &job, "1"));
    stage_finish();
}

static void jobs_elsewhere_have_so_much_time(void)
{
    unsigned char hash[SHA256_SIZE];
    struct job_secret secret;
    struct id job;

    stage_begin(AGENT_OUT);
    job = elsewhere(&secret, hash);
    tell("UPDATE agent_jobs SET started_at=NOW(6) - INTERVAL 2000 SECOND WHERE status='running'");
    agent_job_ends_in(&job, "JOB_TIMEOUT", "1000 s");
    stage_finish();
}

static const struct unit_test tests[] = {
    {"a result that is put is checked and kept", a_result_that_is_put_is_checked_and_kept},
    {"a result whose job has ended changes nothing", a_result_whose_job_has_ended_changes_nothing},
    {"a file without its name is recovered", a_file_without_its_name_is_recovered},
    {"a result that was put and has no name yet is recovered",
     a_put_result_without_its_name_is_recovered},
    {"old results are removed", old_results_are_removed},
    {"jobs elsewhere have so much time", jobs_elsewhere_have_so_much_time},
};

const struct suite suite_job_results = {tests, ARRAY_SIZE(tests)};
