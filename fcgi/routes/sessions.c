/* /sessions: list, create, get, close. */
#include "store/sessions.h"
#include "base/cleanup.h"
#include "http/prefer.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/samples.h"
#include "store/session_usage.h"

#include "base/banned.h"

static const char *container_status(const struct session *session)
{
    return session->status == SESSION_READY ? "running" : "stopped";
}

static void render_session(struct buf *out, const struct session *session)
{
    struct container_info info = {
        .name = session->container_name,
        .sample_id = session->sample_id,
        .status = container_status(session),
        .location = session->location,
        .created_at = session->created_at,
        .expires_at = session->expires_at,
    };

    if (!session->created_at)
        info.name = NULL;
    render_open(out, NULL, '{');
    render_text(out, "session_id", session->session_id.text);
    render_text(out, "user_id", session->user_id.text);
    render_text(out, "dataset", session->dataset);
    render_text(out, "sample_id", session->sample_id);
    render_text(out, "status", session_status_name(session->status));
    render_time(out, "requested_at", session->requested_at);
    render_time(out, "created_at", session->created_at);
    render_time(out, "expires_at", session->expires_at);
    if (session->created_at)
        render_double(out, "duration_seconds", session_duration_seconds(session));
    else
        render_null(out, "duration_seconds");
    render_container_info(out, &info);
    render_failure(out, session->error_code, session->error_message);
    render_close(out, '}');
}

/* --- GET /sessions --------------------------------------------------------------------------- */

struct list_values {
    int64_t page, page_size;
    int status;
};

/* In the order of enum session_status. */
static const char *const status_words[] = {"creating", "ready",      "error",
                                           "closed",   "terminated", NULL};

static const struct field list_query[] = {
    {"page", FIELD_INT, .least = 1, .most = 1000000000, .fallback = 1,
     .offset = offsetof(struct list_values, page)},
    {"page_size", FIELD_INT, .least = 1, .most = 1000, .fallback = 100,
     .offset = offsetof(struct list_values, page_size)},
    {"status", FIELD_WORD, .words = status_words, .offset = offsetof(struct list_values, status)},
};

static void add_session(const struct session *session, void *arg)
{
    render_session(arg, session);
}

static int list_sessions(void *app, const struct request *request, const void *values,
                         struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct list_values *list = values;
    int64_t offset = (list->page - 1) * list->page_size, total;
    struct buf *body = answer_json(answer, 200);

    (void)request;
    render_open(body, NULL, '{');
    render_open(body, "sessions", '[');
    if (store_session_list(api->db, &api->caller.user_id, list->status, offset, list->page_size,
                           add_session, body, &total, err) < 0)
        return -1;
    render_close(body, ']');
    render_int(body, "total_count", total);
    render_bool(body, "has_more", offset + list->page_size < total);
    render_close(body, '}');
    return 0;
}

/* --- POST /sessions -------------------------------------------------------------------------- */

struct create_values {
    struct field_text dataset, sample_id;
    int64_t ttl_minutes;
};

static const struct field create_body[] = {
    {"dataset", FIELD_TEXT, .required = true, .least = 1, .most = DATASET_NAME_MAX,
     .offset = offsetof(struct create_values, dataset)},
    {"sample_id", FIELD_TEXT, .required = true, .least = 1, .most = SAMPLE_ID_MAX,
     .offset = offsetof(struct create_values, sample_id)},
    {"ttl_minutes", FIELD_INT, .least = 1,
     .most_setting = FIELD_SETTING(struct settings, api.ttl_minutes_max), .fallback = 30,
     .offset = offsetof(struct create_values, ttl_minutes)},
};

static int create_session(void *app, const struct request *request, const void *values,
                          struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct create_values *form = values;
    const struct billing_settings *billing = &api->settings->billing;
    struct new_session session = {
        .session_id = request_make_id(request, "session"),
        .user_id = api->caller.user_id,
        .dataset = form->dataset.bytes,
        .sample_id = form->sample_id.bytes,
        .ttl_minutes = form->ttl_minutes,
        .open_max = api->settings->api.sessions_per_user,
        .key_id = api->caller.key_id.text[0] ? &api->caller.key_id : NULL,
        .price_cents = billing->enabled ? billing->cents_per_minute : 0,
        .creates_per_minute = billing->creates_per_minute,
        .cents_per_day = billing->cents_per_day,
        .key_cents_per_day = billing->key_cents_per_day,
    };
    int64_t expires_at;
    struct buf *body;

    if (require_terms(api, err) < 0 ||
        store_session_create(api->db, &session, &expires_at, err) < 0)
        return -1;
    doorbell_ring(&api->doorbell, WORK_SESSION, &session.session_id);
    body = answer_json(answer, 201);
    render_open(body, NULL, '{');
    render_text(body, "session_id", session.session_id.text);
    render_text(body, "status", session_status_name(SESSION_CREATING));
    render_time(body, "expires_at", expires_at);
    render_close(body, '}');
    return 0;
}

/* --- GET, DELETE /sessions/{session_id} ------------------------------------------------------ */

static int get_session(void *app, const struct request *request, const void *values,
                       struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(session_release) struct session session = {0};

    (void)values;
    if (store_session_get_as(api->db, &api->credential, request->params[0], &session, &api->caller,
                             err) < 0)
        return -1;
    if (session.status == SESSION_CREATING && hold(api, request, WORK_SESSION, &session.session_id,
                                                   session.requested_at, session.now, answer))
        return 0;
    applied_preference(request, answer);
    render_session(answer_json(answer, 200), &session);
    return 0;
}

static int delete_session(void *app, const struct request *request, const void *values,
                          struct answer *answer, struct error *err)
{
    struct api *api = app;
    struct buf *body;
    struct id id;
    double duration;
    bool changed;

    (void)values;
    if (path_id(request, 0, "SESSION_NOT_FOUND", &id, err) < 0 ||
        store_session_close(api->db, &api->caller.user_id, id.text, &duration, &changed, err) < 0)
        return -1;
    if (changed)
        doorbell_ring(&api->doorbell, WORK_SESSION, &id);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "message", "The session has been closed.");
    render_double(body, "duration_seconds", duration);
    render_close(body, '}');
    return 0;
}

/* --- GET /sessions/{session_id}/stats -------------------------------------------------------- */

struct stats {
    struct buf *samples;
    struct session_usage last; /* at 0: there is none */
};

static void render_usage(struct buf *out, const char *name, const struct session_usage *usage)
{
    render_open(out, name, '{');
    render_time(out, "at", usage->at);
    render_int(out, "memory_bytes", usage->memory_bytes);
    render_double(out, "cpu_seconds", (double)usage->cpu_us / 1e6);
    render_int(out, "disk_bytes", usage->disk_bytes);
    render_int(out, "processes", usage->processes);
    render_int(out, "oom_kills", usage->oom_kills);
    render_close(out, '}');
}

static void add_usage(const struct session_usage *usage, void *arg)
{
    struct stats *stats = arg;

    render_usage(stats->samples, NULL, usage);
    stats->last = *usage;
}

static int get_stats(void *app, const struct request *request, const void *values,
                     struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(buf_release) struct buf samples = BUF_INIT;
    struct stats stats = {.samples = &samples};
    struct buf *body;
    struct id id;
    int status;

    (void)values;
    if (path_id(request, 0, "SESSION_NOT_FOUND", &id, err) < 0)
        return -1;
    render_open(&samples, NULL, '[');
    if (store_session_usage_list(api->db, &api->caller.user_id, &id, add_usage, &stats, &status,
                                 err) < 0)
        return -1;
    render_close(&samples, ']');
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "session_id", id.text);
    render_text(body, "status", session_status_name((enum session_status)status));
    if (stats.last.at)
        render_usage(body, "current", &stats.last);
    else
        render_null(body, "current");
    render_json(body, "samples", samples.data, samples.length);
    render_close(body, '}');
    return 0;
}

static const struct route rows[] = {
    {"GET", API "/sessions", list_sessions, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_QUERY(struct list_values, list_query)},
    {"POST", API "/sessions", create_session, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_BODY(struct create_values, create_body)},
    {"GET", API "/sessions/{session_id}", get_session, .flags = ROUTE_BEARER | ROUTE_JOINED,
     .pool = "api"},
    {"GET", API "/sessions/{session_id}/stats", get_stats, .flags = ROUTE_BEARER, .pool = "api"},
    {"DELETE", API "/sessions/{session_id}", delete_session, .flags = ROUTE_BEARER, .pool = "api"},
};
const struct route_list sessions_routes = {rows, ARRAY_SIZE(rows)};
