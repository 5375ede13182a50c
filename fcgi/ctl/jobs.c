/*
 * jobs.c - codesetctl job: agent jobs.
 */
#include "store/jobs.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "github/github.h"
#include "routes/doorbell.h"
#include "store/agents.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MOST 1000000

DEFINE_CLEANUP(struct github *, release_github, github_free)

static json_object *job_object(const struct agent_job *job)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "job_id", job->job_id.text);
    json_add_text(object, "user_id", job->user_id.text);
    json_add_text(object, "agent_id", job->agent_id);
    json_add_text(object, "repo", job->repo);
    json_add_text(object, "ref", job->ref);
    json_add_text(object, "status", agent_job_status_name(job->status));
    json_add_time(object, "created_at", job->created_at);
    json_add_time(object, "started_at", job->started_at);
    json_add_time(object, "completed_at", job->completed_at);
    json_add_int(object, "progress_pct", job->progress_pct);
    json_add_text(object, "progress_stage", job->progress_stage);
    json_add_text(object, "error_code", job->error_code);
    json_add_text(object, "error_message", job->error_message);
    json_add_bool(object, "result_available", job->result_available);
    json_add_int(object, "result_bytes", job->result_bytes);
    json_add_int(object, "price_cents", job->price_cents);
    return object;
}

static void add_job(const struct agent_job *job, void *arg)
{
    json_object_array_add(arg, job_object(job));
}

int ctl_job_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"JOB ID", "job_id"},   {"STATUS", "status"},      {"AGENT", "agent_id"},
        {"REPOSITORY", "repo"}, {"CREATED", "created_at"}, {"ERROR", "error_code"},
        {"USER ID", "user_id"}};
    const char *who = ctl_option(ctl, "user");
    _cleanup_(user_release) struct user user = {0};
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    _cleanup_(free_ptr) char *next = NULL;
    struct error err = ERROR_INIT;
    struct db *db;
    int64_t limit;

    if (ctl_option_int(ctl, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &limit) != CTL_OK)
        return CTL_USAGE;
    db = who ? ctl_find_user(ctl, who, &user, &err) : ctl_db(ctl, &err);
    if (!db ||
        store_job_list(db, who ? &user.user_id : NULL, NULL, limit, add_job, rows, &next, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                who ? "this user has no agent jobs" : "there are no agent jobs yet");
    if (next)
        ctl_warn(ctl, "showing the newest %lld agent jobs; use --limit to see more",
                 (long long)limit);
    return CTL_OK;
}

/* The store's message is written for users of the API. */
static int refuse(struct ctl *ctl, struct error *err)
{
    if (err->kind == ERROR_NOT_FOUND)
        error_set(err, ERROR_NOT_FOUND, NULL,
                  "there is no agent job '%s'; list them with 'codesetctl job list'",
                  ctl_argument(ctl, 0));
    return ctl_fail(ctl, err);
}

int ctl_job_show(struct ctl *ctl)
{
    const char *job_id = ctl_argument(ctl, 0);
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(agent_job_release) struct agent_job job = {0};
    _cleanup_(json_release) json_object *object = NULL;
    _cleanup_(free_ptr) char *log = NULL;
    size_t length;
    int64_t total;

    if (!db || store_job_get(db, NULL, job_id, &job, &err) < 0 ||
        store_job_log(db, NULL, job_id, &log, &length, &total, &err) < 0)
        return refuse(ctl, &err);
    object = job_object(&job);
    json_add_int(object, "log_total_bytes", total);
    if (ctl_json(ctl)) {
        json_add(object, "log", json_object_new_string_len(log ? log : "", (int)length));
        output_object(true, object);
        return CTL_OK;
    }
    output_object(false, object);
    if (length > 0) {
        printf("\n--- log ---\n");
        output_block(log);
    }
    return CTL_OK;
}

int ctl_job_cancel(struct ctl *ctl)
{
    const char *job_id = ctl_argument(ctl, 0);
    _cleanup_(doorbell_release) struct doorbell bell =
        DOORBELL_INIT(ctl_settings(ctl)->api.doorbell_socket);
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(agent_job_release) struct agent_job job = {0};
    _cleanup_(json_release) json_object *object = NULL;
    bool changed;

    if (!db || store_job_cancel(db, job_id, &changed, &err) < 0 ||
        store_job_get(db, NULL, job_id, &job, &err) < 0)
        return refuse(ctl, &err);
    doorbell_ring(&bell, WORK_JOB, &job.job_id);
    object = job_object(&job);
    if (changed)
        output_done(ctl_json(ctl), object, "agent job %s cancelled", job.job_id.text);
    else
        output_done(ctl_json(ctl), object, "agent job %s had already ended (%s)", job.job_id.text,
                    agent_job_status_name(job.status));
    return CTL_OK;
}

/* --- a runner elsewhere ---------------------------------------------------------------------- */

/* A token for a repository that is not public, good for an hour; without it the runner needs access
 * of its own. */
static void add_token(struct ctl *ctl, const struct agent_job *job, int64_t installation_id,
                      json_object *object)
{
    struct error err = ERROR_INIT;
    _cleanup_(release_github) struct github *github = NULL;
    _cleanup_(free_ptr) char *token = NULL;

    if (installation_id > 0) {
        github = github_app_new(&ctl_settings(ctl)->accounts, &err);
        if (!github || github_token(github, installation_id, job->repo, &token, &err) < 0)
            ctl_warn(ctl, "there is no token for %s: %s", job->repo, err.message);
    }
    json_add_text(object, "git_token", token);
}

static void add_addresses(struct ctl *ctl, const struct agent_job *job, json_object *object)
{
    const struct settings *settings = ctl_settings(ctl);
    const char *git =
        settings->jobs.git_url[0] ? settings->jobs.git_url : settings->accounts.github_url;
    _cleanup_(free_ptr) char *clone = xasprintf("%s/%s.git", git, job->repo);
    _cleanup_(free_ptr) char *callback =
        xasprintf("%s/api/v1/agent-jobs/%s", settings->jobs.callback_url, job->job_id.text);

    if (!settings->jobs.callback_url[0])
        ctl_warn(ctl, "callback_url of [jobs] is not set, so the runner is not told this server's "
                      "address");
    json_add_text(object, "git_url", clone);
    json_add_text(object, "callback_url", settings->jobs.callback_url[0] ? callback : NULL);
}

/* JSON even for people: it is for a program, and no other line may stand between. */
static void print_taken(struct ctl *ctl, const struct agent_job *job,
                        const struct job_secret *secret, int64_t installation_id)
{
    _cleanup_(json_release) json_object *object = json_object_new_object();

    json_add_text(object, "job_id", job->job_id.text);
    json_add_text(object, "secret", secret->text);
    json_add_text(object, "agent_id", job->agent_id);
    json_add_text(object, "repo", job->repo);
    json_add_text(object, "ref", job->ref);
    add_addresses(ctl, job, object);
    add_token(ctl, job, installation_id, object);
    output_object(true, object);
}

static int check_elsewhere(struct db *db, const char *name, struct error *err)
{
    _cleanup_(agent_release) struct agent agent = {0};

    if (store_agent_get(db, name, &agent, err) < 0)
        return err->kind == ERROR_NOT_FOUND ? 0 : -1; /* a removed one's jobs are there still */
    if (!agent.image)
        return 0;
    return error_set(err, ERROR_CONFLICT, NULL,
                     "the agent '%s' runs on this server; only jobs of agents that were added with "
                     "--elsewhere are taken",
                     name);
}

int ctl_job_take(struct ctl *ctl)
{
    const char *name = ctl_option(ctl, "agent");
    struct job_secret secret = job_secret_new();
    _cleanup_(agent_job_release) struct agent_job job = {0};
    unsigned char hash[SHA256_SIZE];
    struct error err = ERROR_INIT;
    int64_t installation_id;
    struct db *db;

    if (!name)
        return ctl_usage(ctl, "option --agent is missing");
    sha256(secret.text, JOB_SECRET_LENGTH, hash);
    db = ctl_db(ctl, &err);
    if (!db || check_elsewhere(db, name, &err) < 0)
        return ctl_fail(ctl, &err);
    error_clear(&err);
    if (store_job_take(db, name, hash, &job, &installation_id, &err) < 0)
        return ctl_fail(ctl, &err);
    print_taken(ctl, &job, &secret, installation_id);
    return CTL_OK;
}
