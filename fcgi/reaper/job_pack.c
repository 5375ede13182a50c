/*
 * job_pack.c - from what an agent left to the job's result: the archive flows from the container
 * into a grader's input, which writes the file. Then the row's end, and the file gets its name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/job_clone.h"
#include "reaper/job_files.h"
#include "reaper/live_job.h"
#include "reaper/result_grader.h"
#include "settings.h"

#include "base/banned.h"

#define HEADERS 2048 /* bytes of an archive that an entry takes beside its content */

static void no_result(struct live_job *job)
{
    _cleanup_(free_ptr) char *message =
        xasprintf("the agent left no file in $CODESET_OUTPUT/%s or $CODESET_OUTPUT/common",
                  job->work.agent_id);

    live_job_fail(job, "JOB_NO_RESULT", NULL, message);
}

/* The grader's end comes with the archive's, or before it. */
static void got_archive(const struct error *err, void *arg)
{
    struct live_job *job = arg;

    job->call = NULL;
    if (!err || err->sys_errno == EPIPE) { /* a grader that reads no more has made up its mind */
        close_fd(&job->archive_fd);
        return;
    }
    if (err->kind == ERROR_NOT_FOUND)
        no_result(job);
    else if (err->kind == ERROR_LIMIT)
        live_job_fail(job, "JOB_RESULT_TOO_LARGE", NULL, err->message);
    else if (error_has_code(err, "AGENT_UNREACHABLE"))
        live_job_lost_container(job, err);
    else
        live_job_fail(job, "JOB_RESULT_FAILED", err->message,
                      "what the agent left could not be read from its container");
}

static void grader_is_ready(int fd, void *arg)
{
    struct live_job *job = arg;
    const struct context *context = live_job_context(job);
    _cleanup_(free_ptr) char *root = xasprintf("%s" JOB_CLONE_OUTPUT, context->job_folder);
    const struct agent_archive_limits limits = {
        .bytes = context->jobs->result_unpacked_max + context->jobs->result_files_max * HEADERS,
        .entries = context->jobs->result_files_max,
        .seconds = RESULT_SECONDS,
    };

    job->archive_fd = fd;
    job->call = agent_get_archive(context->agents, container_address(job->container), root, &limits,
                                  fd, got_archive, job);
}

static void graded(const struct error *err, int64_t bytes, const struct result_parts *parts,
                   void *arg)
{
    struct live_job *job = arg;

    job->grader = NULL;
    if (!err) {
        job->result_bytes = bytes;
        job->parts = *parts;
        live_job_complete(job);
    } else if (strcmp(err->code, "JOB_NO_RESULT") == 0) {
        no_result(job);
    } else if (strcmp(err->code, "RESULT_FAILED") == 0) {
        live_job_fail(job, "JOB_RESULT_FAILED", err->message,
                      "the server could not check what the agent left");
    } else {
        live_job_fail(job, err->code, NULL, err->message);
    }
}

void live_job_pack(struct live_job *job)
{
    struct context *context = live_job_context(job);
    const struct jobs_settings *settings = context->jobs;
    const struct result_limits limits = {
        .packed = settings->result_bytes_max,
        .unpacked = settings->result_unpacked_max,
        .entries = settings->result_files_max,
    };
    struct error err = ERROR_INIT;

    close_fd(&job->file_fd);
    if (job_file_create(settings, &job->id, &job->id,
                        result_graders_pending(context->result_graders), &job->file_fd, &err) < 0) {
        bool full = err.code && strcmp(err.code, "JOB_HOST_FULL") == 0;

        live_job_fail(job, full ? "JOB_HOST_FULL" : "JOB_RESULT_FAILED", err.message,
                      full ? "the server has no room on its disk for the result; try again later"
                           : "the server could not keep the result");
        return;
    }
    job->grader = result_grader_start(context->result_graders, &limits, -1, job->file_fd,
                                      grader_is_ready, graded, job);
}

/* --- on a thread ------------------------------------------------------------------------------ */

static int write_result(struct db *db, struct live_job *job, struct error *err)
{
    const struct jobs_settings *settings = live_job_context(job)->jobs;
    _cleanup_(free_ptr) char *parts = result_parts_json(&job->parts);
    const struct job_result result = {.bytes = job->result_bytes, .parts = parts};

    if (job_file_sync(settings, &job->id, job->file_fd, err) < 0 ||
        store_job_finish(db, live_job_context(job)->run, &job->id, job->work.attempt, &result, NULL,
                         NULL, err) < 0) {
        if (err->kind == ERROR_NOT_FOUND)
            job_file_discard(settings, &job->id, &job->id);
        return -1;
    }
    /* It is the job's from here on; the next start tries again. */
    if (job_file_place(settings, &job->id, &job->id, err) < 0) {
        log_error("result_place_failed", err);
        error_clear(err);
    }
    return 0;
}

int live_job_write_end(struct db *db, struct live_job *job, struct error *err)
{
    if (!job->error_code)
        return write_result(db, job, err);
    if (job->file_fd >= 0)
        job_file_discard(live_job_context(job)->jobs, &job->id, &job->id);
    return store_job_finish(db, live_job_context(job)->run, &job->id, job->work.attempt, NULL,
                            job->error_code, job->error_message, err);
}
