/*
 * job_egress.c - the policy of a job's container at codeset-egress, which may be restarted at any
 * time, and then has forgotten it: then the container's socket is opened anew.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "reaper/context.h"
#include "reaper/egress_client.h"
#include "reaper/live_job.h"

#include "base/banned.h"

#define PATIENCE (60 * CLOCK_SECOND) /* of a job that waits for it */
#define AGAIN_MS 1000

static void set(struct live_job *job, int fd);

static void set_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    set(arg, -1);
}

static void not_set(struct live_job *job, const struct error *err)
{
    if (job->egress.then && (clock_monotonic() > job->egress.until || err->kind == ERROR_INVALID)) {
        job->egress.then = NULL;
        live_job_fail(job, "JOB_EGRESS_UNAVAILABLE", err->message,
                      "the server's proxy for agents does not answer, so the repository cannot be "
                      "reached; try again later");
        return;
    }
    context_timer(live_job_context(job), &job->egress.timer, AGAIN_MS, set_again, job);
}

/* Which of its policies was meant when the engine was asked. */
struct opening {
    struct live_job *job;
    uint64_t round;
};

static void opened(const struct error *err, int fd, void *arg)
{
    struct opening *opening = arg;
    struct live_job *job = opening->job;
    bool current = opening->round == job->egress.round;

    free(opening);
    if (live_job_is_over(job, &job->engine_busy) || job->phase != LIVE_WORKING || !current) {
        close_fd(&fd);
        return;
    }
    if (err) /* ERROR_CONFLICT: an earlier one was heard after all */
        not_set(job, err);
    else
        set(job, fd);
}

static void open_socket(struct live_job *job)
{
    struct opening *opening = xcalloc(1, sizeof(*opening));
    bool is_public = strcmp(job->work.egress, "public") == 0;

    opening->job = job;
    opening->round = job->egress.round;
    job->engine_busy++;
    engine_egress(live_job_context(job)->engine, CONTAINER_JOB, &job->container_id, is_public,
                  opened, opening);
}

static void was_set(const struct error *err, void *arg)
{
    struct live_job *job = arg;
    void (*then)(struct live_job * job) = job->egress.then;

    job->egress.call = NULL;
    if (err && err->kind == ERROR_NOT_FOUND) {
        open_socket(job);
    } else if (err) {
        not_set(job, err);
    } else {
        job->egress.then = NULL;
        if (then)
            then(job);
    }
}

static void set(struct live_job *job, int fd)
{
    job->egress.call = egress_set(live_job_context(job)->egress, &job->container_id,
                                  job->egress.policy.data, fd, was_set, job);
}

void live_job_egress_halt(struct live_job *job)
{
    egress_cancel(TAKE_PTR(job->egress.call));
    if (job->egress.timer)
        event_del(job->egress.timer);
    job->egress.then = NULL;
    job->egress.round++;
}

void live_job_egress(struct live_job *job, const char *policy, void (*then)(struct live_job *job))
{
    _cleanup_(free_ptr) char *copy = xstrdup(policy); /* it may be the one that is there */

    live_job_egress_halt(job);
    buf_clear(&job->egress.policy);
    buf_add_str(&job->egress.policy, copy);
    job->egress.then = then;
    job->egress.until = clock_monotonic() + PATIENCE;
    set(job, -1);
}

void live_job_egress_again(struct live_job *job)
{
    /* One that is on its way hears of it by itself. */
    if (job->egress.policy.length == 0 || job->egress.call || !job->container)
        return;
    log_event(LOG_INFO, "egress_set_again", "job=%s", job->id.text);
    job->egress.lost = true;
    live_job_egress(job, job->egress.policy.data, job->egress.then);
}
