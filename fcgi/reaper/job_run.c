/*
 * job_run.c - the steps of a job up to its agent's end.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/diagnosis.h"
#include "reaper/environment.h"
#include "reaper/job_clone.h"
#include "reaper/live_job.h"
#include "settings.h"

#include "base/banned.h"

#define TRIES_MAX 3 /* of a call to an agent that lives but can't be reached */
#define RETRY_MS 250
#define CLONE_ID "clone"
#define SAID_MOST 1500 /* bytes of what git said */
#define STATUS_KILLED (128 + 9)

static const struct container_events events;

static void make_container(struct live_job *job);
static void run_agent(struct live_job *job, bool attach_only);

/* --- a container that is lost ---------------------------------------------------------------- */

static void start_over(struct live_job *job)
{
    live_job_halt(job);
    job->attached = job->agent_ended = false;
    job->tries = 0;
    job_log_release(&job->log);
    job_log_init(&job->log, (size_t)live_job_context(job)->jobs->log_bytes);
    live_job_limit(job);
    live_job_prepare(job, true, make_container);
}

void live_job_lost_container(struct live_job *job, const struct error *err)
{
    int64_t most = live_job_context(job)->jobs->attempts_max;

    if (++job->losses < most && live_job_seconds_left(job) > 0) {
        log_event(LOG_WARNING, "job_container_lost", "job=%s reason=\"%s\"", job->id.text,
                  err->message);
        start_over(job);
        return;
    }
    live_job_fail(job, "JOB_RUNNER_LOST", err->message,
                  "the agent's container ended before the agent did, several times");
}

/* A call to the platform's agent did not succeed: again, or the container is lost. */
static void call_failed(struct live_job *job, const struct error *err,
                        void (*again)(evutil_socket_t fd, short what, void *arg))
{
    if (error_has_code(err, "AGENT_UNREACHABLE") && ++job->tries <= TRIES_MAX) {
        context_timer(live_job_context(job), &job->timer, RETRY_MS, again, job);
        container_suspect(job->container);
    } else {
        live_job_lost_container(job, err);
    }
}

/* --- the agent ------------------------------------------------------------------------------- */

static char *status_sentence(const struct live_job *job)
{
    _cleanup_(free_ptr) char *line = live_job_last_line(job);
    const char *memory = job->out_of_memory && job->exit_status == STATUS_KILLED
                             ? " (it was killed by the memory limit)"
                             : "";

    if (line[0])
        return xasprintf("the agent ended with exit status %d%s; it said last: %s",
                         job->exit_status, memory, line);
    return xasprintf("the agent ended with exit status %d%s", job->exit_status, memory);
}

/* All that it printed is written. */
static void judge(struct live_job *job)
{
    _cleanup_(free_ptr) char *message = NULL;

    if (job->timed_out && !job->asked_to_end) {
        message = xasprintf("the agent did not end within %lld s and was stopped",
                            (long long)job->work.timeout);
        live_job_fail(job, "JOB_TIMEOUT", NULL, message);
    } else if (job->exit_status != 0 && !job->asked_to_end) {
        message = status_sentence(job);
        live_job_fail(job, "JOB_AGENT_FAILED", NULL, message);
    } else {
        live_job_clear(job, live_job_pack); /* what it left running changes no file any more */
    }
}

static void run_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run_agent(arg, true);
}

static void ran(const struct error *err, const struct agent_result *result, void *arg)
{
    struct live_job *job = ((struct admission *)arg)->owner;
    struct agent_result judged;

    job->call = NULL;
    overtime_end(&job->overtime);
    admission_return(&job->admission);
    if (err && err->kind == ERROR_NOT_FOUND) { /* its daemon was lost before it was started */
        start_over(job);
        return;
    }
    if (err) {
        call_failed(job, err, run_again);
        return;
    }
    judged = overtime_judge(&job->overtime, result);
    if (judged.end == AGENT_END_FAILED) {
        live_job_fail(job, "JOB_AGENT_FAILED", NULL,
                      judged.message ? judged.message : "the agent could not be started");
        return;
    }
    job->tries = 0;
    job->timed_out = judged.end == AGENT_END_TIMEOUT;
    job->exit_status = judged.exit_status;
    job->out_of_memory = container_oom_kills(job->container) > 0;
    live_job_watch_end(job, judge);
}

static json_object *environment_of(const struct live_job *job)
{
    const char *text = container_environment(job->container);
    struct error ignored = ERROR_INIT;
    json_object *environment = NULL;

    if (json_parse(text, strlen(text), &environment, NULL, &ignored) < 0)
        environment = json_object_new_array();
    return environment;
}

static void set_secrets(const struct live_job *job, json_object *environment)
{
    for (size_t i = 0; i < json_object_array_length(job->secrets); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(job->secrets, i));
        _cleanup_(free_ptr) char *name = xstrndup(text, strcspn(text, "="));

        environment_set(environment, name, text + strlen(name) + 1);
    }
}

static json_object *agent_environment(const struct live_job *job)
{
    const struct context *context = live_job_context(job);
    const char *url = context->jobs->callback_url;
    _cleanup_(free_ptr) char *output = xasprintf("%s" JOB_CLONE_OUTPUT, context->job_folder);
    json_object *environment = environment_of(job);

    if (strcmp(job->work.egress, "none") != 0)
        environment_set_proxy(environment, false);
    set_secrets(job, environment);
    environment_set(environment, "CODESET_JOB_ID", job->id.text);
    environment_set(environment, "CODESET_JOB_SECRET", job->secret.text);
    environment_set(environment, "CODESET_REPO", job->work.repo);
    environment_set(environment, "CODESET_REF", job->work.ref ? job->work.ref : "");
    environment_set(environment, "CODESET_OUTPUT", output);
    if (url[0]) {
        _cleanup_(free_ptr) char *callback =
            xasprintf("%.*s/api/v1/agent-jobs/%s",
                      (int)(strlen(url) - (url[strlen(url) - 1] == '/')), url, job->id.text);

        environment_set(environment, "CODESET_CALLBACK_URL", callback);
    }
    return environment;
}

static void run_agent(struct live_job *job, bool attach_only)
{
    struct context *context = live_job_context(job);
    _cleanup_(json_release) json_object *environment = attach_only ? NULL : agent_environment(job);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(free_ptr) char *workdir = xasprintf("%s" JOB_CLONE_REPO, context->job_folder);
    _cleanup_(free_ptr) char *with_notes =
        job_clone_command(context->job_folder, job->work.command);
    int64_t left = live_job_seconds_left(job);
    struct agent_command command = {
        .id = job->id.text,
        .command = with_notes,
        .command_length = strlen(with_notes),
        .workdir = workdir,
        .timeout_seconds = left > 1 ? (int)left : 1,
        .keeps_tail = true,
    };

    if (environment)
        json_write(&text, environment);
    command.env_json = environment ? text.data : NULL;
    job->call = agent_run(context->agents, container_address(job->container), &command, attach_only,
                          ran, &job->admission);
    overtime_begin(&job->overtime, context, CONTAINER_JOB, &job->container_id, job->call,
                   command.timeout_seconds);
    live_job_watch(job);
}

static int write_running(struct db *db, void *arg, struct error *err)
{
    const struct live_job *job = arg;

    return store_job_running(db, live_job_context(job)->run, &job->id, job->work.attempt, job->name,
                             job->address, err);
}

static void running_written(const struct error *err, void *arg)
{
    struct live_job *job = arg;

    if (live_job_is_over(job, &job->database_busy) || job->phase != LIVE_WORKING ||
        live_job_is_lost(job, err, "job_running"))
        return;
    if (job->limit)
        event_del(job->limit); /* from here on the command has it */
    run_agent(job, false);
}

static void begin_agent(struct live_job *job)
{
    free(job->address);
    job->address = xstrdup(container_address(job->container));
    container_name(CONTAINER_JOB, &job->container_id, job->name);
    job->database_busy++;
    db_pool_insist(live_job_context(job)->pool, DB_SMALL, &job->work.user_id, write_running,
                   running_written, job);
}

/* --- from the clone to the agent ------------------------------------------------------------- */

struct clearing {
    LIST_ENTRY(clearing) next;
    struct live_job *job;
    struct id container;
    void (*then)(struct live_job *job);
};

static void cleared(const struct error *err, void *arg)
{
    struct clearing *clearing = arg;
    struct live_job *job = clearing->job;
    void (*then)(struct live_job * job) = clearing->then;
    bool current = memcmp(&clearing->container, &job->container_id, sizeof(job->container_id)) == 0;

    LIST_REMOVE(clearing, next);
    free(clearing);
    if (live_job_is_over(job, &job->engine_busy) || job->phase != LIVE_WORKING || !current ||
        !job->container)
        return;
    if (err && then)
        live_job_lost_container(job, err);
    else if (then)
        then(job);
}

void live_job_clear_free(struct live_job *job)
{
    struct clearing *clearing;

    while ((clearing = LIST_FIRST(&job->clearings)) != NULL) {
        LIST_REMOVE(clearing, next);
        free(clearing);
    }
}

void live_job_clear(struct live_job *job, void (*then)(struct live_job *job))
{
    struct clearing *clearing = xcalloc(1, sizeof(*clearing));

    clearing->job = job;
    clearing->container = job->container_id;
    clearing->then = then;
    LIST_INSERT_HEAD(&job->clearings, clearing, next);
    job->engine_busy++;
    engine_clear(live_job_context(job)->engine, CONTAINER_JOB, &job->container_id, cleared,
                 clearing);
}

static void set_agents_policy(struct live_job *job)
{
    live_job_egress(job, job->work.egress, begin_agent);
}

/* What git said last, or else a sentence of ours. The caller frees it. */
static char *clone_failure(const struct live_job *job, const struct agent_result *result)
{
    size_t from = diagnosis_tail(result->err, result->err_length, SAID_MOST);
    size_t length = result->err_length - from;

    while (length > 0 && (unsigned char)result->err[from + length - 1] <= ' ')
        length--;
    if (result->end == AGENT_END_FAILED)
        return xasprintf("the repository could not be cloned: %s",
                         result->message ? result->message : "git could not be started");
    if (result->end == AGENT_END_TIMEOUT)
        return xasprintf("the repository %s was not cloned within %lld s", job->work.repo,
                         (long long)live_job_context(job)->jobs->clone_seconds);
    if (length > 0)
        return xasprintf("the repository %s could not be cloned: %.*s", job->work.repo, (int)length,
                         result->err + from);
    return xasprintf("the repository %s could not be cloned: exit status %d", job->work.repo,
                     result->exit_status);
}

static void open_way_out(struct live_job *job);
static void set_clone_policy(struct live_job *job, void (*then)(struct live_job *job));
static void clone(struct live_job *job);

/* Not the repository's fault, if its way was lost. */
static void judge_clone(struct live_job *job)
{
    if (job->egress.lost && ++job->tries <= TRIES_MAX)
        live_job_clear(job, open_way_out);
    else
        live_job_fail(job, "JOB_CLONE_FAILED", NULL, job->clone_failure);
}

static void clone_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    clone(arg);
}

static void cloned(const struct error *err, const struct agent_result *result, void *arg)
{
    struct live_job *job = ((struct admission *)arg)->owner;
    struct agent_result judged;

    job->call = NULL;
    overtime_end(&job->overtime);
    if (err) {
        admission_return(&job->admission);
        call_failed(job, err, clone_again);
        return;
    }
    judged = overtime_judge(&job->overtime, result);
    free(job->clone_failure);
    job->clone_failure = judged.end != AGENT_END_EXIT || judged.exit_status != 0
                             ? clone_failure(job, &judged)
                             : NULL;
    admission_return(&job->admission);
    agent_forget(live_job_context(job)->agents, container_address(job->container), CLONE_ID);
    if (job->clone_failure) {
        set_clone_policy(job, judge_clone);
        return;
    }
    job->tries = 0;
    live_job_forget_token(job);
    live_job_clear(job, set_agents_policy);
}

static void clone(struct live_job *job)
{
    struct context *context = live_job_context(job);
    _cleanup_(json_release) json_object *environment = environment_of(job);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    int64_t left = live_job_seconds_left(job), limit = context->jobs->clone_seconds;
    const struct job_clone wanted = {
        .git_url =
            context->jobs->git_url[0] ? context->jobs->git_url : context->accounts->github_url,
        .repo = job->work.repo,
        .ref = job->work.ref,
        .token = job->token,
        .folder = context->job_folder,
        .agent_id = job->work.agent_id,
    };
    struct agent_command command = {
        .id = CLONE_ID,
        .command = job_clone_script,
        .command_length = strlen(job_clone_script),
        .workdir = "/",
        .timeout_seconds = (int)(limit < left ? limit
                                 : left > 0   ? left
                                              : 1),
    };

    environment_set_proxy(environment, true); /* git has nothing on its own loopback */
    job_clone_environment(&wanted, environment);
    json_write(&text, environment);
    command.env_json = text.data;
    job->call = agent_run(context->agents, container_address(job->container), &command, false,
                          cloned, &job->admission);
    overtime_begin(&job->overtime, context, CONTAINER_JOB, &job->container_id, job->call,
                   command.timeout_seconds);
}

/* --- the container --------------------------------------------------------------------------- */

static void set_clone_policy(struct live_job *job, void (*then)(struct live_job *job))
{
    const struct context *context = live_job_context(job);
    const char *url =
        context->jobs->git_url[0] ? context->jobs->git_url : context->accounts->github_url;
    _cleanup_(buf_release) struct buf policy = BUF_INIT;

    if (job_clone_policy(url, context->jobs->clone_hosts, &policy) < 0)
        buf_add_str(&policy, "none"); /* a repository of this host */
    live_job_egress(job, policy.data, then);
}

static void open_way_out(struct live_job *job)
{
    job->egress.lost = false;
    set_clone_policy(job, clone);
}

static void container_is_up(void *owner)
{
    struct live_job *job = owner;

    if (!job->attached) {
        open_way_out(job);
        return;
    }
    live_job_egress(job, job->work.egress, NULL);
    run_agent(job, true);
}

static void container_failed(const struct error *err, void *owner)
{
    struct live_job *job = owner;

    if (job->attached)
        start_over(job);
    else if (error_has_code(err, "IMAGE_MISSING") || error_has_code(err, "IMAGE_REFUSED"))
        live_job_fail(job, "JOB_IMAGE_MISSING", err->message,
                      "the image of the agent is not on this host, or was refused; tell the "
                      "operator");
    else if (containers_host_is_full(err))
        live_job_fail(job, "JOB_HOST_FULL", err->message,
                      "the server is short of disk space or another resource; try again later");
    else
        live_job_lost_container(job, err);
}

static void container_was_lost(const struct error *err, void *owner)
{
    struct live_job *job = owner;

    if (container_was_ended(err)) /* the agent used up what it may have */
        live_job_fail(job, "JOB_AGENT_FAILED", NULL, err->message);
    else
        live_job_lost_container(job, err);
}

/* The row was ended by somebody else: the job has ended, or is another daemon's. */
static void container_is_unwanted(void *owner)
{
    struct live_job *job = owner;

    if (job->phase == LIVE_WORKING)
        live_job_over(job);
}

static const struct container_events events = {
    .up = container_is_up,
    .failed = container_failed,
    .lost = container_was_lost,
    .unwanted = container_is_unwanted,
};

static int write_container(struct db *db, void *arg, struct error *err)
{
    const struct live_job *job = arg;

    return store_job_container(db, live_job_context(job)->run, &job->id, job->work.attempt,
                               &job->container_id, job->work.image, job->secret_hash, err);
}

static void container_written(const struct error *err, void *arg)
{
    struct live_job *job = arg;

    if (!live_job_is_over(job, &job->database_busy) && job->phase == LIVE_WORKING &&
        !live_job_is_lost(job, err, "job_container"))
        container_start(job->container, &job->work.user_id, job->work.image);
}

static void make_container(struct live_job *job)
{
    struct context *context = live_job_context(job);

    job->asked_to_end = false; /* an agent before this one said so */
    job->container_id = id_new();
    job->container = container_new(context, CONTAINER_JOB, &job->container_id, &events, job);
    job->secret = job_secret_new();
    sha256(job->secret.text, JOB_SECRET_LENGTH, job->secret_hash);
    masks_add(&job->masks, job->secret.text);
    job->database_busy++;
    db_pool_insist(context->pool, DB_SMALL, &job->work.user_id, write_container, container_written,
                   job);
}

static void attach(struct live_job *job)
{
    job->attached = true;
    job->container_id = job->work.container_id;
    job->container =
        container_new(live_job_context(job), CONTAINER_JOB, &job->container_id, &events, job);
    container_attach(job->container, job->work.image);
}

void live_job_run(struct live_job *job)
{
    const struct id *left = &job->work.container_id;

    if (!left->text[0] || containers_know(live_job_context(job), left))
        live_job_prepare(job, true, make_container);
    else
        live_job_prepare(job, false, attach);
}
