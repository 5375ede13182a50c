#include "routes/routes.h"

#include <string.h>

#include "accounts/tokens.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "http/prefer.h"
#include "http/render.h"
#include "store/once.h"
#include "wire/await.h"

#include "base/banned.h"

_Static_assert(PREFER_WAIT_MOST * 1000 <= AWAIT_HOLD_MS_MAX && HOLD_LATER_MS <= AWAIT_HOLD_MS_MAX,
               "the daemon grants what a worker asks for");

/* A JWT has three parts between dots; a key has no dot. */
static int read_credential(struct api *api, const char *text, struct error *err)
{
    struct token token;

    if (!strchr(text, '.')) {
        if (credential_of_key(text, &api->credential) == 0)
            return 0;
        return error_set(err, ERROR_INVALID, "INVALID_CREDENTIALS",
                         "This is not an API key; it may be incomplete or mistyped.");
    }
    if (token_check(api->tokens, TOKEN_ACCESS, text, clock_now() / CLOCK_SECOND, &token, err) < 0)
        return -1;
    api->credential = credential_of_user(&token.user_id);
    return 0;
}

static int authenticate(void *app, const char *token, bool joined, struct error *err)
{
    struct api *api = app;

    if (read_credential(api, token, err) < 0)
        return -1;
    return joined ? 0 : store_authenticate(api->db, &api->credential, &api->caller, err);
}

/* The scope is the path as it was sent, not its pattern: a client may count its steps anew in each
 * session. */
static int recall(void *app, const char *key, struct request *request, struct error *err)
{
    struct api *api = app;
    _cleanup_(buf_release) struct buf scope = BUF_INIT;
    struct idempotency idempotency = {.ms = request->origin.ms};

    _Static_assert(ORIGIN_SEED_SIZE == IDEMPOTENCY_SEED_SIZE, "a request's seed can be kept");
    buf_addf(&scope, "%s %s", api->caller.user_id.text, request->method);
    for (size_t i = 0; i < request->segment_count; i++)
        buf_add(&scope, request->segments[i], strlen(request->segments[i]) + 1);
    buf_add_str(&scope, key);
    sha256(scope.data, scope.length, idempotency.scope);
    sha256(request->body.data, request->body.length, idempotency.body);
    memcpy(idempotency.seed, request->origin.seed, sizeof(idempotency.seed));
    if (store_idempotency_recall(api->db, &idempotency, &request->replay, err) < 0)
        return -1;
    request->origin.ms = idempotency.ms;
    memcpy(request->origin.seed, idempotency.seed, sizeof(idempotency.seed));
    return 0;
}

int require_terms(const struct api *api, struct error *err)
{
    const char *version = api->settings->accounts.terms_version;

    if (!version[0] || strcmp(version, api->caller.terms_version) == 0)
        return 0;
    return error_set(err, ERROR_CONFLICT, "TERMS_NOT_ACCEPTED",
                     "Accept the terms of service (version %s) first: POST "
                     "/users/me/accept-terms.",
                     version);
}

struct router routes_router(struct api *api)
{
    static const struct route_list *const lists[] = {
        &sessions_routes,   &interactions_routes, &verifications_routes, &samples_routes,
        &datasets_routes,   &users_routes,        &auth_routes,          &repos_routes,
        &health_routes,     &billing_routes,      &deposit_routes,       &webhook_routes,
        &agent_jobs_routes, &job_results_routes,  &job_runners_routes,
    };

    return (struct router){
        .lists = lists,
        .list_count = ARRAY_SIZE(lists),
        .app = api,
        .authenticate = authenticate,
        .recall = recall,
        .limits = api->settings,
        .cors_origins = api->settings->api.cors_origins,
    };
}

int path_id(const struct request *request, size_t index, const char *code, struct id *ret_id,
            struct error *err)
{
    const char *text = request->params[index];

    if (id_parse(text, strlen(text), ret_id) < 0)
        return error_set(err, ERROR_NOT_FOUND, code, "not found");
    return 0;
}

void hold_until(enum work_kind kind, const struct id *id, int64_t ms, const char *path,
                struct answer *answer)
{
    _cleanup_(buf_release) struct buf location = BUF_INIT;

    await_write(kind, id, ms, path, &location);
    answer_redirect_internally(answer, location.data);
    answer->held = true;
}

static void request_path(const struct request *request, struct buf *out)
{
    for (size_t i = 0; i < request->segment_count; i++)
        buf_addf(out, "/%s", request->segments[i]);
}

bool daemon_listens(struct api *api)
{
    struct error ignored;
    bool alive = false;

    return store_daemon_alive(api->db, DAEMON_SILENT_SECONDS, &alive, &ignored) == 0 && alive;
}

/* For how many seconds the client wants to be held; -1: it does not say. */
static int preferred_wait(const struct request *request)
{
    _cleanup_(buf_release) struct buf prefer = BUF_INIT;

    request_list(request, "HTTP_PREFER", &prefer);
    return prefer_wait(prefer.data);
}

bool prefers_wait(const struct request *request)
{
    return preferred_wait(request) >= 0;
}

/* The key's, or the one that the operator gave to all; -1: neither. */
static int64_t own_hold(const struct api *api)
{
    if (api->caller.hold_seconds >= 0)
        return api->caller.hold_seconds;
    return api->settings->api.hold_seconds > 0 ? api->settings->api.hold_seconds : -1;
}

bool hold(struct api *api, const struct request *request, enum work_kind kind, const struct id *id,
          int64_t created_at, int64_t now, struct answer *answer)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;
    int64_t ms = hold_ms(preferred_wait(request), own_hold(api), created_at, now);

    if (request->awaited || ms == 0)
        return false;
    if (!daemon_listens(api)) { /* nothing ends now: who would have been held is told to wait */
        answer_header(answer, "Retry-After", "%d", DAEMON_AWAY_RETRY);
        return false;
    }
    request_path(request, &path);
    hold_until(kind, id, ms, path.data, answer);
    return true;
}

void applied_preference(const struct request *request, struct answer *answer)
{
    int seconds = preferred_wait(request);

    if (seconds >= 0)
        answer_header(answer, "Preference-Applied", "wait=%d", seconds);
}

void render_failure(struct buf *out, const char *code, const char *message)
{
    if (!code) {
        render_null(out, "error");
        return;
    }
    render_open(out, "error", '{');
    render_text(out, "code", code);
    render_text(out, "message", message ? message : "");
    render_close(out, '}');
}

void render_container_info(struct buf *out, const struct container_info *info)
{
    _cleanup_(buf_release) struct buf url = BUF_INIT;

    if (!info->name) {
        render_null(out, "container_info");
        return;
    }
    buf_addf(&url, "http+unix://%s", info->name);
    render_open(out, "container_info", '{');
    render_text(out, "container_name", info->name);
    render_text(out, "service_url", url.data);
    render_text(out, "sample_id", info->sample_id);
    render_text(out, "status", info->status);
    render_time(out, "created_at", info->created_at);
    render_time(out, "expires_at", info->expires_at);
    render_text(out, "location", info->location ? info->location : "");
    render_close(out, '}');
}

struct text text_of(const struct field_text *text)
{
    /* store reads it only. */
    return (struct text){.bytes = (char *)(uintptr_t)text->bytes, .length = text->length};
}
