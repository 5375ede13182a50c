#include "job_stage.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "store/jobs.h"

#include "base/banned.h"

struct machine stage;
struct egress_standin *stage_egress;

char *stage_path(const char *name)
{
    return xasprintf("%s/%s", scripted_folder(stage.host), name);
}

void stage_shell(const char *script)
{
    _cleanup_(free_ptr) char *command =
        xasprintf("cd %s && { %s; }", scripted_folder(stage.host), script);
    pid_t pid = fork();
    int status;

    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    CU_ASSERT_FATAL(waitpid(pid, &status, 0) == pid && status == 0);
}

bool stage_exists(const char *name)
{
    _cleanup_(free_ptr) char *path = stage_path(name);

    return access(path, F_OK) == 0;
}

void stage_touch(const char *name)
{
    _cleanup_(free_ptr) char *path = stage_path(name);
    _cleanup_(close_fd) int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
}

/* An agent `a`, and the repository o/r with a second branch and a tag. */
void stage_agent_is(const char *command, const char *policy, const char *secrets)
{
    static const struct query query = {
        "INSERT INTO agents (agent_id, image, command, timeout_seconds, egress, secrets) "
        "VALUES ('a', 'image', ?, 1000, ?, ?) ON DUPLICATE KEY UPDATE image=VALUE(image), "
        "command=VALUE(command), timeout_seconds=1000, egress=VALUE(egress), "
        "secrets=VALUE(secrets)"};

    OK(DB_RUN(fixture_admin, &query, NULL, &err, db_text(command), db_text(policy),
              db_text(secrets ? secrets : "[]")));
}

void stage_open(const char *command, const char *policy, const char *secrets)
{
    machine_open(&stage, "alone");
    stage_shell(
        "mkdir -p results/incoming workspace git/o && git init -q -b main w && cd w && "
        "git config user.email a@example.com && git config user.name a && echo 1 >file && "
        "git add file && git commit -q -m one && git tag first && git checkout -q -b other && "
        "echo 2 >file && git commit -q -a -m two && git checkout -q main && "
        "git clone -q --bare . ../git/o/r.git");
    stage_egress = egress_standin_new(stage.jobs.egress_socket);
    stage_agent_is(command, policy, secrets);
}

void stage_begin(const char *command)
{
    stage_open(command, "none", NULL);
    daemon_begin(&stage);
}

void stage_finish(void)
{
    stage_shell("rm -rf w/.git workspace/repo/.git");
    tell("UPDATE agent_jobs SET status='error', completed_at=NOW(6), error_code='X', "
         "error_message='x' WHERE status NOT IN ('completed','error')");
    machine_is_clean(&stage);
    tell("UPDATE agent_jobs SET result_removed=TRUE");
    machine_close(&stage);
    if (stage_egress)
        egress_standin_free(stage_egress);
    stage_egress = NULL;
}

struct id stage_job(const char *ref)
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

bool agent_job_is(const struct id *job, const char *status)
{
    return answers("SELECT status FROM agent_jobs WHERE job_id=?", job, status);
}

bool agent_job_error_is(const struct id *job, const char *code)
{
    return answers("SELECT error_code FROM agent_jobs WHERE job_id=?", job, code);
}

bool agent_job_message_has(const struct id *job, const char *part)
{
    const char *message = ask("SELECT error_message FROM agent_jobs WHERE job_id=?", job);

    if (!strstr(message, part))
        fprintf(stderr, "message: %s\n", message);
    return strstr(message, part) != NULL;
}

bool agent_job_has_ended(const struct id *job)
{
    return answers("SELECT status IN ('completed','error') FROM agent_jobs WHERE job_id=?", job,
                   "1");
}

void agent_job_ends_in(const struct id *job, const char *code, const char *part)
{
    UNTIL(agent_job_has_ended(job));
    if (!agent_job_error_is(job, code))
        fprintf(stderr, "code: %s\n", ask("SELECT error_code FROM agent_jobs WHERE job_id=?", job));
    CU_ASSERT(agent_job_error_is(job, code));
    CU_ASSERT(agent_job_message_has(job, part));
}

const char *agent_job_log(const struct id *job)
{
    return ask("SELECT log FROM agent_job_logs WHERE job_id=?", job);
}

/* The names in the result, as tar tells them, one behind the other. */
void agent_job_completes_with(const struct id *job, const char *names)
{
    _cleanup_(free_ptr) char *file = xasprintf("results/%s/all.tar.gz", job->text);
    _cleanup_(free_ptr) char *script = xasprintf(
        "test \"$(tar tzf results/%s/all.tar.gz | tr '\\n' ' ')\" = '%s'", job->text, names);

    UNTIL(agent_job_has_ended(job));
    if (!agent_job_is(job, "completed"))
        fprintf(stderr, "%s\n",
                ask("SELECT CONCAT(error_code, ': ', error_message) FROM "
                    "agent_jobs WHERE job_id=?",
                    job));
    CU_ASSERT_FATAL(agent_job_is(job, "completed"));
    UNTIL(containers_count(&stage.context, CONTAINER_JOB) == 0);
    UNTIL(stage_exists(file)); /* it gets its name a moment after the row says so */
    stage_shell(script);
}
