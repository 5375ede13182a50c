/*
 * job_egress.c - the way out of a job's container, which has one policy while the repository is
 * cloned, and another while the agent runs.
 */
#include <string.h>

#include "base/cleanup.h"
#include "reaper/live_job.h"
#include "reaper/way_out.h"

#include "base/banned.h"

static void was_lost(void *arg)
{
    struct live_job *job = arg;

    job->egress.lost = true;
}

static void was_set(const struct error *err, void *arg)
{
    struct live_job *job = arg;

    if (err)
        live_job_fail(job, "JOB_EGRESS_UNAVAILABLE", err->message,
                      "the server's proxy for agents does not answer, so the repository cannot be "
                      "reached; try again later");
    else
        job->egress.then(job);
}

void live_job_egress_halt(struct live_job *job)
{
    if (job->egress.way)
        way_out_halt(job->egress.way);
}

void live_job_egress_free(struct live_job *job)
{
    way_out_free(TAKE_PTR(job->egress.way));
}

void live_job_egress(struct live_job *job, const char *policy, void (*then)(struct live_job *job))
{
    struct live_egress *egress = &job->egress;

    if (memcmp(&egress->container, &job->container_id, sizeof(egress->container)) != 0)
        live_job_egress_free(job); /* that was another container */
    egress->container = job->container_id;
    if (!egress->way)
        egress->way = way_out_new(live_job_context(job), CONTAINER_JOB, &job->container_id,
                                  strcmp(job->work.egress, "public") == 0, was_lost, job);
    egress->then = then;
    way_out_set(egress->way, policy, then ? was_set : NULL, job);
}
