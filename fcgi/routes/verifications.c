/* POST /sessions/{session_id}/verify and GET of the job. */
#include "store/verifications.h"

#include "base/cleanup.h"
#include "http/prefer.h"
#include "http/render.h"
#include "routes/routes.h"

#include "base/banned.h"

/* X-Queue-Position: the place of a job that waits; 1 is the next to start. */
static int add_queue_position(struct api *api, const struct id *job_id, struct answer *answer,
                              struct error *err)
{
    int64_t ahead;

    if (store_verification_ahead(api->db, job_id, &ahead, err) < 0)
        return -1;
    answer_header(answer, "X-Queue-Position", "%lld", (long long)ahead + 1);
    return 0;
}

static int post_verify(void *app, const struct request *request, const void *values,
                       struct answer *answer, struct error *err)
{
    struct api *api = app;
    struct id session_id, job_id = request_make_id(request, "verification");
    int64_t created_at;
    struct buf *body;

    (void)values;
    if (path_id(request, 0, "SESSION_NOT_FOUND", &session_id, err) < 0 ||
        store_verification_create(api->db, &job_id, &api->caller.user_id, session_id.text,
                                  api->settings->api.verifications_per_session, &created_at,
                                  err) < 0)
        return -1;
    doorbell_ring(&api->doorbell, WORK_VERIFICATION, &job_id);
    body = answer_json(answer, 202);
    render_open(body, NULL, '{');
    render_text(body, "job_id", job_id.text);
    render_text(body, "status", job_status_name(JOB_PENDING));
    /* The model needs a time. When the job begins is not known yet, so this is when it was
     * requested.
     */
    render_time(body, "started_at", created_at);
    render_close(body, '}');
    return 0;
}

static bool is_over(enum job_status status)
{
    return status == JOB_COMPLETED || status == JOB_ERROR || status == JOB_CANCELLED;
}

static void render_verification(struct buf *out, const struct verification *job)
{
    struct container_info info = {
        .name = job->container_name,
        .sample_id = job->sample_id,
        .status = is_over(job->status) ? "stopped" : "running",
        .location = job->location,
        .created_at = job->started_at ? job->started_at : job->created_at,
        .expires_at = job->expires_at,
    };

    render_open(out, NULL, '{');
    render_text(out, "job_id", job->job_id.text);
    render_text(out, "sample_id", job->sample_id);
    render_text(out, "session_id", job->session_id.text);
    render_text(out, "status", job_status_name(job->status));
    render_time(out, "created_at", job->created_at);
    render_time(out, "started_at", job->started_at);
    render_time(out, "completed_at", job->completed_at);
    if (job->result.bytes)
        render_json(out, "result", job->result.bytes, job->result.length);
    else
        render_null(out, "result");
    render_failure(out, job->error_code, job->error_message);
    render_container_info(out, &info);
    render_close(out, '}');
}

static int get_verification(void *app, const struct request *request, const void *values,
                            struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(verification_release) struct verification job = {0};
    struct id session_id, job_id;

    (void)values;
    if (path_id(request, 0, "VERIFICATION_NOT_FOUND", &session_id, err) < 0 ||
        path_id(request, 1, "VERIFICATION_NOT_FOUND", &job_id, err) < 0 ||
        store_verification_get(api->db, &api->caller.user_id, session_id.text, job_id.text, &job,
                               err) < 0)
        return -1;
    if (!is_over(job.status) &&
        hold(api, request, WORK_VERIFICATION, &job.job_id, job.created_at, job.now, answer))
        return 0;
    if (job.status == JOB_PENDING && add_queue_position(api, &job.job_id, answer, err) < 0)
        return -1;
    applied_preference(request, answer);
    render_verification(answer_json(answer, 200), &job);
    return 0;
}

static const struct route rows[] = {
    {"POST", API "/sessions/{session_id}/verify", post_verify, .flags = ROUTE_BEARER,
     .pool = "api"},
    {"GET", API "/sessions/{session_id}/verify/{job_id}", get_verification, .flags = ROUTE_BEARER,
     .pool = "api"},
};
const struct route_list verifications_routes = {rows, ARRAY_SIZE(rows)};
