/* /agent-jobs: create, list, get; what the agent printed. Results are in job_results.c, what
 * runners say by the job's secret in job_runners.c. */
#include "store/jobs.h"

#include "base/cleanup.h"
#include "github/github.h"
#include "github/names.h"
#include "http/prefer.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/agents.h"
#include "store/identity.h"

#include "base/banned.h"

#define AGENT_ID_MAX 64
#define CURSOR_MAX 128

/* --- POST /agent-jobs ------------------------------------------------------------------------ */

struct create_values {
    struct field_text repo, ref, agent_id;
};

static const struct field create_body[] = {
    {"repo", FIELD_TEXT, .required = true, .least = 1, .most = GITHUB_REPO_MAX,
     .rule = github_repo_wrong, .offset = offsetof(struct create_values, repo)},
    {"ref", FIELD_TEXT, .nullable = true, .most = GIT_REF_MAX, .rule = git_ref_wrong,
     .offset = offsetof(struct create_values, ref)},
    {"agent_id", FIELD_TEXT, .required = true, .least = 1, .most = AGENT_ID_MAX,
     .offset = offsetof(struct create_values, agent_id)},
};

static void render_created(struct answer *answer, const struct id *job_id)
{
    struct buf *body = answer_json(answer, 201);

    render_open(body, NULL, '{');
    render_text(body, "job_id", job_id->text);
    render_text(body, "status", agent_job_status_name(AGENT_JOB_PENDING));
    render_close(body, '}');
}

/* By an earlier request with the same Idempotency-Key, whatever GitHub says now. */
static int find_made(struct api *api, const struct id *job_id, bool *ret_made, struct error *err)
{
    _cleanup_(agent_job_release) struct agent_job job = {0};

    *ret_made = store_job_get(api->db, &api->caller.user_id, job_id->text, &job, err) == 0;
    if (!*ret_made && err->kind != ERROR_NOT_FOUND)
        return -1;
    error_clear(err);
    return 0;
}

/* By a worker that died before it could say so, when GitHub answers the next one no more. */
static bool was_made_before(struct api *api, const struct id *job_id)
{
    struct error ignored = ERROR_INIT;
    bool made;
    bool known = find_made(api, job_id, &made, &ignored) == 0;

    error_clear(&ignored);
    return known && made;
}

/* What costs GitHub a request comes behind what costs the database one. */
static int check_agent(struct api *api, const char *agent_id, struct error *err)
{
    _cleanup_(agent_release) struct agent agent = {0};

    return store_agent_get(api->db, agent_id, &agent, err);
}

static int reach(struct api *api, const struct request *request, const char *repo,
                 int64_t *ret_installation_id, struct error *err)
{
    _cleanup_(profile_release) struct profile profile = {0};
    bool linked;

    if (store_profile_get(api->db, &api->caller.user_id, &profile, err) < 0)
        return -1;
    linked = profile.github_login && profile.github_id;
    return github_reach(api->github, request_waited_ms(request),
                        linked ? profile.github_login : NULL, profile.github_id, repo,
                        ret_installation_id, err);
}

static int make_job(struct api *api, const struct request *request, struct new_agent_job *job,
                    struct error *err)
{
    bool made = false;

    if (request->replay && (find_made(api, &job->job_id, &made, err) < 0 || made))
        return made ? 0 : -1;
    if (check_agent(api, job->agent_id, err) < 0)
        return -1;
    if (reach(api, request, job->repo, &job->installation_id, err) == 0)
        return store_job_create(api->db, job, err);
    if (!was_made_before(api, &job->job_id))
        return -1;
    error_clear(err);
    return 0;
}

static int create_job(void *app, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct create_values *form = values;
    const struct billing_settings *billing = &api->settings->billing;
    struct new_agent_job job = {
        .job_id = request_make_id(request, "agent-job"),
        .user_id = api->caller.user_id,
        .key_id = api->caller.key_id.text[0] ? &api->caller.key_id : NULL,
        .agent_id = form->agent_id.bytes,
        .repo = form->repo.bytes,
        .ref = form->ref.length ? form->ref.bytes : NULL,
        .price_cents = billing->enabled ? billing->agent_job_cents : 0,
        .open_max = api->settings->jobs.jobs_per_user,
        .creates_per_minute = billing->creates_per_minute,
        .cents_per_day = billing->cents_per_day,
        .key_cents_per_day = billing->key_cents_per_day,
    };

    if (require_terms(api, err) < 0 || make_job(api, request, &job, err) < 0)
        return -1;
    doorbell_ring(&api->doorbell, WORK_JOB, &job.job_id);
    render_created(answer, &job.job_id);
    return 0;
}

/* --- GET /agent-jobs ------------------------------------------------------------------------- */

struct list_values {
    int64_t limit;
    struct field_text cursor;
};

static const struct field list_query[] = {
    {"limit", FIELD_INT, .least = 1, .most = 100, .fallback = 20,
     .offset = offsetof(struct list_values, limit)},
    {"cursor", FIELD_TEXT, .most = CURSOR_MAX, .offset = offsetof(struct list_values, cursor)},
};

static void render_fields(struct buf *out, const struct agent_job *job)
{
    render_text(out, "job_id", job->job_id.text);
    render_text(out, "repo", job->repo);
    render_text(out, "ref", job->ref);
    render_text(out, "agent_id", job->agent_id);
    render_text(out, "status", agent_job_status_name(job->status));
    render_time(out, "created_at", job->created_at);
    render_int(out, "progress_pct", job->progress_pct);
    render_text(out, "progress_stage", job->progress_stage);
    render_time(out, "completed_at", job->completed_at);
    render_text(out, "error_message", job->error_message);
}

static void add_job(const struct agent_job *job, void *arg)
{
    struct buf *body = arg;

    render_open(body, NULL, '{');
    render_fields(body, job);
    render_close(body, '}');
}

static int list_jobs(void *app, const struct request *request, const void *values,
                     struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct list_values *list = values;
    _cleanup_(free_ptr) char *next = NULL;
    struct buf *body = answer_json(answer, 200);

    (void)request;
    render_open(body, NULL, '{');
    render_open(body, "jobs", '[');
    if (store_job_list(api->db, &api->caller.user_id,
                       list->cursor.length ? list->cursor.bytes : NULL, list->limit, add_job, body,
                       &next, err) < 0)
        return -1;
    render_close(body, ']');
    render_bool(body, "has_more", next != NULL);
    render_text(body, "next_cursor", next);
    render_close(body, '}');
    return 0;
}

/* --- GET /agent-jobs/{job_id} ---------------------------------------------------------------- */

static int get_job(void *app, const struct request *request, const void *values,
                   struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(agent_job_release) struct agent_job job = {0};
    struct buf *body;

    (void)values;
    if (store_job_get(api->db, &api->caller.user_id, request->params[0], &job, err) < 0)
        return -1;
    /* Jobs take minutes: nobody is held who did not ask for it. */
    if (!agent_job_ended(job.status) && prefers_wait(request) &&
        hold(api, request, WORK_JOB, &job.job_id, job.created_at, job.now, answer))
        return 0;
    applied_preference(request, answer);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_fields(body, &job);
    render_bool(body, "result_available", job.result_available);
    render_close(body, '}');
    return 0;
}

static int get_log(void *app, const struct request *request, const void *values,
                   struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(free_ptr) char *log = NULL;
    size_t length;
    int64_t total;
    struct buf *body;

    (void)values;
    if (store_job_log(api->db, &api->caller.user_id, request->params[0], &log, &length, &total,
                      err) < 0)
        return -1;
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_bytes(body, "log", log ? log : "", length);
    render_int(body, "total_bytes", total);
    render_close(body, '}');
    return 0;
}

static const struct route rows[] = {
    {"POST", API "/agent-jobs", create_job, .flags = ROUTE_BEARER, .pool = "outbound",
     ROUTE_BODY(struct create_values, create_body)},
    {"GET", API "/agent-jobs", list_jobs, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_QUERY(struct list_values, list_query)},
    {"GET", API "/agent-jobs/{job_id}", get_job, .flags = ROUTE_BEARER, .pool = "api"},
    {"GET", API "/agent-jobs/{job_id}/log", get_log, .flags = ROUTE_BEARER, .pool = "api"},
};
const struct route_list agent_jobs_routes = {rows, ARRAY_SIZE(rows)};
