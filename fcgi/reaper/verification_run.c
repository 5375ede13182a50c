/*
 * verification_run.c - the steps of a verification up to its verifier's end.
 *
 * Each is idempotent or told apart by the container: what another run of the daemon left half-done
 * before the verifier was started is done over in a new container; a verifier that runs is attached
 * to.
 *
 * BUGS: what was held back of the changes, and what is told of the rest, is in no result whose
 * verifier was attached to; and if the daemon before had ended before it had kept the changes, they
 * are not kept.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/verification.h"
#include "settings.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

static const struct container_events events;

static void make_container(struct job *job);
static void run_verifier(struct job *job, bool attach_only);

bool job_is_over(struct job *job)
{
    job->database_busy--;
    if (job->phase == JOB_OVER) {
        job_over(job);
    } else if (job->begins_anew) {
        if (!job->database_busy)
            make_container(job);
    } else {
        return false;
    }
    return true;
}

/* The claim is not ours any more, or the job was cancelled. */
static bool is_lost(struct job *job, const struct error *err, const char *event)
{
    if (!err)
        return false;
    if (err->kind == ERROR_NOT_FOUND) {
        job_over(job);
        return true;
    }
    log_error(event, err);
    job_give_up(job, "VERIFICATION_FAILED", err->message,
                "the server could not record the progress of the verification");
    return true;
}

/* --- the verifier ---------------------------------------------------------------------------- */

static int64_t timeout_of(const struct job *job)
{
    return job->work.verify_timeout ? job->work.verify_timeout
                                    : job_context(job)->settings->verify_timeout_seconds;
}

static void keep_run(struct job *job, const struct agent_result *result)
{
    job->run = (struct verifier_run){
        .tool = job->work.verifier,
        .timed_out = result->end == AGENT_END_TIMEOUT,
        .exit_status = result->exit_status,
        .out_of_memory = container_oom_kills(job->container) > 0,
        .seconds = result->seconds,
        .timeout = timeout_of(job),
        .out = result->out,
        .out_length = result->out_length,
        .err = result->err,
        .err_length = result->err_length,
    };
    job->run_texts = buf_take(result->texts);
    job->files_from = result->files_from;
    job_take_planted(job);
}

void job_start_over(struct job *job)
{
    job_halt(job);
    job->attached = false;
    job->tries = 0;
    job->begins_anew = true;
    if (!job->database_busy) /* whose thread reads what is about to change */
        make_container(job);
}

static void attach_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run_verifier(arg, true);
}

static void run_failed(struct job *job, const struct error *err)
{
    admission_return(job_admission(job));
    if (err->kind == ERROR_NOT_FOUND) { /* left before its verifier was started */
        job_start_over(job);
    } else if (error_has_code(err, "AGENT_UNREACHABLE") && ++job->tries <= TRIES_MAX) {
        context_timer(job_context(job), &job->timer, RETRY_MS, attach_again, job);
        container_suspect(job->container);
    } else {
        job_give_up(job, "GRADING_CONTAINER_LOST", err->message,
                    "the grading container ended before the verifier did");
    }
}

static void ran(const struct error *err, const struct agent_result *result, void *arg)
{
    struct job *job = ((struct admission *)arg)->owner;
    struct agent_result judged;

    job->call = NULL;
    overtime_end(&job->overtime);
    if (err) {
        run_failed(job, err);
        return;
    }
    judged = overtime_judge(&job->overtime, result);
    result = &judged;
    if (result->end == AGENT_END_FAILED) {
        job_give_up(job, "VERIFIER_NOT_STARTED", result->message,
                    result->message ? result->message : "the verifier could not be started");
        return;
    }
    keep_run(job, result);
    if (job->run.timed_out) {
        _cleanup_(free_ptr) char *message = xasprintf(
            "the verifier did not end within %lld s and was stopped", (long long)timeout_of(job));

        job_give_up(job, "VERIFIER_TIMEOUT", NULL, message);
    } else if (!job_trial_broke(job)) {
        job_grade(job);
    }
}

static void run_verifier(struct job *job, bool attach_only)
{
    _cleanup_(buf_release) struct buf request = BUF_INIT;
    struct agent_command command = {
        .id = job->run_id.text,
        .command = job->work.verifier_command,
        .command_length = strlen(job->work.verifier_command),
        .workdir = job->work.repo_path,
        .env_json = container_environment(job->container),
        .profile_json = container_profile(job->container),
        .timeout_seconds = (int)timeout_of(job),
    };

    if (job_is_trial(job)) {
        job_trial_request(job, AGENT_TRIAL_SECOND_STEP, &request);
        command.is_trial = true;
        command.command = request.data;
        command.command_length = request.length;
    }
    job->call = agent_run(job_context(job)->agents, container_address(job->container), &command,
                          attach_only, ran, job_admission(job));
    overtime_begin(&job->overtime, job_context(job), CONTAINER_GRADING, &job->container_id,
                   job->call, timeout_of(job));
}

static void run_if_ready(struct job *job)
{
    if (job->is_laid && job->is_told)
        run_verifier(job, false);
}

void job_laid(struct job *job)
{
    job->is_laid = true;
    run_if_ready(job);
}

static int write_running(struct db *db, void *arg, struct error *err)
{
    struct job *job = arg;

    return store_verification_running(db, job_context(job)->run, &job->id, job->work.attempt,
                                      job->name, job->address, err);
}

static void running_written(const struct error *err, void *arg)
{
    struct job *job = arg;

    if (job_is_over(job) || job->phase != JOB_WORKING || !job->container ||
        is_lost(job, err, "verification_running"))
        return;
    job->is_told = true;
    run_if_ready(job);
}

/* While the changes are copied: a daemon that finds a container told of and no verifier in it
 * begins anew. */
static void tell_it_runs(struct job *job)
{
    free(job->address);
    job->address = xstrdup(container_address(job->container));
    container_name(CONTAINER_GRADING, &job->container_id, job->name);
    job->database_busy++;
    db_pool_insist(job_context(job)->pool, DB_SMALL, &job->work.user_id, write_running,
                   running_written, job);
}

/* --- the grading container ------------------------------------------------------------------- */

static void container_is_up(void *owner)
{
    struct job *job = owner;

    if (job->attached)
        run_verifier(job, true);
    else if (job_is_trial(job))
        job_prepare(job);
    else
        job_prepared(job);
}

void job_prepared(struct job *job)
{
    tell_it_runs(job);
    job_copy(job);
}

static void container_failed(const struct error *err, void *owner)
{
    struct job *job = owner;

    if (job->attached)
        job_start_over(job);
    else if (error_has_code(err, "IMAGE_MISSING"))
        job_give_up(job, "IMAGE_MISSING", err->message,
                    "the verifier image of the sample is not on this host");
    else if (error_has_code(err, "IMAGE_REFUSED"))
        job_give_up(job, "IMAGE_REFUSED", err->message,
                    "the verifier image of the sample was refused");
    else if (containers_host_is_full(err))
        job_give_up(job, "HOST_FULL", err->message,
                    "the host is short of disk space or another resource; try again later");
    else
        job_give_up(job, "CONTAINER_START_FAILED", err->message,
                    "the grading container could not be started");
}

static void container_was_lost(const struct error *err, void *owner)
{
    bool told = container_was_ended(err);

    job_give_up(owner, told ? err->code : "GRADING_CONTAINER_LOST", err->message,
                told ? err->message : "the grading container ended before the verification did");
}

/* The row was ended by somebody else; the session's end tells of its jobs by itself. */
static void container_is_unwanted(void *owner)
{
    struct job *job = owner;

    if (job->phase == JOB_WORKING)
        job_over(job);
}

static const struct container_events events = {
    .up = container_is_up,
    .failed = container_failed,
    .lost = container_was_lost,
    .unwanted = container_is_unwanted,
};

static int write_container(struct db *db, void *arg, struct error *err)
{
    const struct job *job = arg;

    return store_verification_container(db, job_context(job)->run, &job->id, job->work.attempt,
                                        &job->container_id, job->work.verifier_image, err);
}

static void container_written(const struct error *err, void *arg)
{
    struct job *job = arg;

    if (!job_is_over(job) && job->phase == JOB_WORKING && job->container &&
        !is_lost(job, err, "verification_container"))
        container_start(job->container, &job->work.user_id, job->work.verifier_image);
}

static void make_container(struct job *job)
{
    struct context *context = job_context(job);

    job->begins_anew = job->is_laid = job->is_told = false;
    job->container_id = id_new();
    job->container = container_new(context, CONTAINER_GRADING, &job->container_id, &events, job);
    container_set_profile(job->container, job->work.profile);
    job->database_busy++;
    db_pool_insist(context->pool, DB_SMALL, &job->work.user_id, write_container, container_written,
                   job);
    job_read_ahead(job);
}

void job_run(struct job *job)
{
    struct context *context = job_context(job);
    const struct id *left = &job->work.container_id;

    if (!left->text[0] || containers_know(context, left)) {
        make_container(job);
        return;
    }
    job->attached = true;
    job->container = container_new(context, CONTAINER_GRADING, left, &events, job);
    container_set_profile(job->container, job->work.profile);
    container_attach(job->container, job->work.verifier_image);
}
