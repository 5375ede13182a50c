#include "reaper/jobs.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "metrics.h"
#include "reaper/await.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/live_job.h"
#include "reaper/result_grader.h"
#include "reaper/rounds.h"
#include "settings.h"
#include "store/sessions.h"

#include "base/banned.h"

#define MESSAGE_MAX 4000 /* bytes */
#define AGAIN_MS 2000    /* before a claim or an end that the database refused is tried again */

struct context *live_job_context(const struct live_job *job)
{
    return job->jobs->context;
}

int64_t live_job_seconds_left(const struct live_job *job)
{
    int64_t left = (job->deadline - clock_monotonic()) / CLOCK_SECOND;

    return left > 0 ? left : 0;
}

/* --- the end --------------------------------------------------------------------------------- */

void live_job_halt(struct live_job *job)
{
    overtime_end(&job->overtime);
    agent_call_cancel(TAKE_PTR(job->call));
    admission_return(&job->admission);
    live_job_watch_halt(job);
    live_job_egress_halt(job);
    result_grader_cancel(TAKE_PTR(job->grader));
    close_fd(&job->archive_fd); /* behind the grader: an end of the archive would be an end */
    if (job->timer)
        event_del(job->timer);
    live_job_forget_token(job);
    if (job->container)
        container_stop(TAKE_PTR(job->container));
}

static void free_event(struct event **event)
{
    if (*event)
        event_free(TAKE_PTR(*event));
}

static void free_job(struct live_job *job)
{
    free_event(&job->timer);
    free_event(&job->limit);
    free_event(&job->tail_timer);
    LIST_REMOVE(job, next);
    registry_remove(&job->jobs->all, job);
    agent_job_work_release(&job->work);
    json_object_put(job->secrets);
    masks_release(&job->masks);
    live_job_forget_token(job);
    free(job->address);
    live_job_egress_free(job);
    live_job_clear_free(job);
    live_job_watch_free(job);
    job_log_release(&job->log);
    close_fd(&job->archive_fd);
    close_fd(&job->file_fd);
    free(job->error_message);
    free(job->clone_failure);
    admission_return(&job->admission);
    free(job);
}

void live_job_over(struct live_job *job)
{
    struct context *context = live_job_context(job);

    await_wake(context->await, &job->id);
    job->phase = LIVE_OVER;
    live_job_halt(job);
    if (job->database_busy || job->engine_busy)
        return;
    free_job(job);
    rounds_soon(context); /* there is room for the next */
}

bool live_job_is_over(struct live_job *job, int *busy)
{
    --*busy;
    if (job->phase != LIVE_OVER)
        return false;
    live_job_over(job);
    return true;
}

/* It may quote a guest, and is for its user: no secret, and acceptable to the database. */
static char *message_of(const struct live_job *job, const char *message)
{
    _cleanup_(buf_release) struct buf masked = BUF_INIT;
    struct buf text = BUF_INIT;

    masks_apply(&job->masks, message, strnlen(message, MESSAGE_MAX), true, true, &masked);
    utf8_sanitize(&text, masked.data, masked.length);
    return buf_take(&text);
}

static int write_end(struct db *db, void *arg, struct error *err)
{
    return live_job_write_end(db, arg, err);
}

static void begin_end(struct live_job *job);

static void write_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin_end(arg);
}

static void tell_end(const struct live_job *job)
{
    int64_t took = clock_monotonic() - job->since;

    METRIC_COUNT(AGENT_JOBS, job->error_code ? metric_place(AGENT_JOBS, 0, job->error_code) : 0);
    metric_observe(AGENT_JOB_SECONDS, took, METRIC_AT(0));
    log_event(LOG_INFO, "job_finished",
              "job=%s agent=%s error=%s result_bytes=%lld attempt=%lld took_ms=%lld", job->id.text,
              job->work.agent_id, job->error_code ? job->error_code : "-",
              (long long)job->result_bytes, (long long)job->work.attempt, (long long)(took / 1000));
}

static void end_written(const struct error *err, void *arg)
{
    struct live_job *job = arg;

    if (live_job_is_over(job, &job->database_busy))
        return;
    if (err && err->kind != ERROR_NOT_FOUND) {
        log_error("job_end_refused", err);
        if (!job->error_code) { /* the file could not be kept */
            job->error_code = "JOB_RESULT_FAILED";
            free(job->error_message);
            job->error_message = xstrdup("the server could not keep the result");
        }
        context_timer(live_job_context(job), &job->timer, AGAIN_MS, write_again, job);
        return;
    }
    if (!err)
        tell_end(job);
    live_job_over(job);
}

static void begin_end(struct live_job *job)
{
    job->phase = LIVE_WRITING;
    live_job_halt(job); /* the container is not needed any more */
    if (job->limit)
        event_del(job->limit);
    job->database_busy++;
    db_pool_insist(live_job_context(job)->pool, job->error_code ? DB_SMALL : DB_LARGE,
                   &job->work.user_id, write_end, end_written, job);
}

void live_job_complete(struct live_job *job)
{
    begin_end(job);
}

void live_job_fail(struct live_job *job, const char *code, const char *reason, const char *message)
{
    _cleanup_(free_ptr) char *told = NULL;

    if (job->phase >= LIVE_WRITING)
        return;
    told = message_of(job, reason ? reason : message);
    log_event(LOG_WARNING, "job_failed", "job=%s code=%s reason=\"%s\"", job->id.text, code, told);
    job->error_code = code;
    job->error_message = message_of(job, message);
    begin_end(job);
}

bool live_job_is_lost(struct live_job *job, const struct error *err, const char *event)
{
    if (!err)
        return false;
    if (err->kind == ERROR_NOT_FOUND) {
        live_job_over(job);
        return true;
    }
    log_error(event, err);
    live_job_fail(job, "JOB_RUNNER_LOST", err->message,
                  "the server could not record the progress of the job");
    return true;
}

/* --- the claim ------------------------------------------------------------------------------- */

static int claim(struct db *db, void *arg, struct error *err)
{
    struct live_job *job = arg;
    const struct context *context = live_job_context(job);

    agent_job_work_release(&job->work); /* of a try whose answer broke off */
    return store_job_claim(db, context->run, &job->id, job->user_most, context->jobs->attempts_max,
                           &job->work, err);
}

static void claimed(const struct error *err, void *arg);

static void claim_again(evutil_socket_t fd, short what, void *arg)
{
    struct live_job *job = arg;

    (void)fd;
    (void)what;
    job->database_busy++;
    db_pool_insist(live_job_context(job)->pool, DB_SMALL, NULL, claim, claimed, job);
}

static void not_claimed(struct live_job *job, const struct error *err)
{
    struct context *context = live_job_context(job);

    switch (err->kind) {
    case ERROR_LIMIT: /* a round finds it when its user has room */
        free_job(job);
        return;
    case ERROR_NOT_FOUND:
        await_wake(context->await, &job->id);
        free_job(job);
        return;
    default: /* it may be ours, and then nobody else takes it */
        log_error("job_claim_failed", err);
        context_timer(context, &job->timer, AGAIN_MS, claim_again, job);
    }
}

static void limit_reached(evutil_socket_t fd, short what, void *arg)
{
    struct live_job *job = arg;
    _cleanup_(free_ptr) char *message =
        xasprintf("the agent was not started within the job's time limit of %lld s",
                  (long long)job->work.timeout);

    (void)fd;
    (void)what;
    live_job_fail(job, "JOB_TIMEOUT", NULL, message);
}

void live_job_limit(struct live_job *job)
{
    context_timer(live_job_context(job), &job->limit, live_job_seconds_left(job) * 1000,
                  limit_reached, job);
}

static void claimed(const struct error *err, void *arg)
{
    struct live_job *job = arg;

    job->database_busy--;
    if (err) {
        not_claimed(job, err);
        return;
    }
    job->phase = LIVE_WORKING;
    job->deadline = clock_monotonic() + job->work.seconds_left * CLOCK_SECOND;
    job->asked_to_end = job->work.asked_to_end;
    if (!job->work.container_id.text[0])
        live_job_limit(job);
    live_job_run(job);
}

/* --- the kind of work ------------------------------------------------------------------------ */

/* A container that is being stopped still takes its place. */
static int64_t taken(const struct jobs *jobs)
{
    int64_t under_way = (int64_t)jobs->all.count;
    int64_t containers = (int64_t)containers_count(jobs->context, CONTAINER_JOB);

    return under_way > containers ? under_way : containers;
}

static double load_average(void)
{
    struct sysinfo info;

    return sysinfo(&info) == 0 ? (double)info.loads[0] / (1 << SI_LOAD_SHIFT) : 0;
}

static int64_t jobs_space(const void *room)
{
    const struct jobs *jobs = room;
    int64_t used = taken(jobs);

    return places_count(jobs->places, clock_monotonic(), load_average(), used) - used;
}

static int64_t jobs_per_user(const void *room)
{
    return ((const struct jobs *)room)->context->jobs->per_user_running;
}

static void jobs_take(void *room, const struct id *id)
{
    struct jobs *jobs = room;
    struct context *context = jobs->context;
    struct live_job *job = registry_find(&jobs->all, id);

    if (job) /* its agent has said that it is done, perhaps */
        live_job_look(job);
    if (!context_takes(context) || job || jobs_space(jobs) <= 0)
        return;
    job = xcalloc(1, sizeof(*job));
    job->id = *id;
    job->jobs = jobs;
    job->user_most = jobs_per_user(jobs);
    job->archive_fd = job->file_fd = -1;
    job->since = clock_monotonic();
    job->admission.budget = context->budget;
    job->admission.user = &job->work.user_id;
    job->admission.owner = job;
    job_log_init(&job->log, (size_t)context->jobs->log_bytes);
    job->database_busy++;
    registry_insert(&jobs->all, job);
    LIST_INSERT_HEAD(&jobs->list, job, next);
    db_pool_insist(context->pool, DB_SMALL, NULL, claim, claimed, job);
}

static bool jobs_expected(const void *room, const struct id *id)
{
    const struct jobs *jobs = room;
    const struct live_job *job = registry_find(&jobs->all, id);

    return job && job->phase != LIVE_CLAIMING;
}

static int jobs_finished(struct db *db, const struct id *id, bool *ret_finished, struct error *err)
{
    return store_is_finished(db, "job", id, ret_finished, err);
}

static int jobs_search(struct db *db, const struct kind_search *search, struct error *err)
{
    return store_job_claimable(db, search->run, search->per_user, search->limit, search->each,
                               search->arg, err);
}

static size_t jobs_count(const void *room)
{
    return ((const struct jobs *)room)->all.count;
}

static void *jobs_open(struct context *context)
{
    struct jobs *jobs = xcalloc(1, sizeof(*jobs));

    jobs->context = context;
    LIST_INIT(&jobs->list);
    jobs->places = xcalloc(1, sizeof(*jobs->places));
    places_init(jobs->places, context->jobs->places, get_nprocs(), clock_monotonic());
    return jobs;
}

static void jobs_close(void *room)
{
    struct jobs *jobs = room;
    struct live_job *job;

    /* clang-tidy does not see that what is freed leaves the list first. */
    while ((job = LIST_FIRST(&jobs->list))) {
        overtime_end(&job->overtime);           // NOLINT
        agent_call_cancel(TAKE_PTR(job->call)); // NOLINT
        agent_call_cancel(TAKE_PTR(job->tail));
        result_grader_cancel(TAKE_PTR(job->grader));
        free_job(job);
    }
    free(jobs->places);
    free(jobs);
}

const struct kind job_kind = {
    .word = WORK_JOB,
    .open = jobs_open,
    .close = jobs_close,
    .take = jobs_take,
    .space = jobs_space,
    .per_user = jobs_per_user,
    .find = jobs_search,
    .expected = jobs_expected,
    .finished = jobs_finished,
    .count = jobs_count,
};
