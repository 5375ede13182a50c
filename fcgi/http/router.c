#include "http/router.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/codes.h"
#include "http/render.h"

#include "base/banned.h"

#define IDEMPOTENCY_KEY_MOST 255 /* characters */

/* Compares a pattern with the request's segments; sets the request's params. */
static bool matches(const char *pattern, struct request *request)
{
    size_t params = 0;

    for (size_t i = 0; i < request->segment_count; i++) {
        const char *segment = request->segments[i];
        size_t length;

        if (*pattern++ != '/')
            return false;
        length = strcspn(pattern, "/");
        if (*pattern == '{') {
            if (!*segment)
                return false;
            request->params[params++] = segment;
        } else if (strlen(segment) != length || strncmp(segment, pattern, length) != 0) {
            return false;
        }
        pattern += length;
    }
    return *pattern == '\0' && request->segment_count > 0;
}

static bool serves(const struct route *route, const char *method)
{
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    return strcmp(route->method, method) == 0;
}

/* The route, or NULL; then `allow` gets the methods of all routes at this path. */
static const struct route *find(const struct router *router, struct request *request,
                                struct buf *allow)
{
    for (size_t i = 0; i < router->list_count; i++) {
        for (size_t j = 0; j < router->lists[i]->count; j++) {
            const struct route *route = &router->lists[i]->routes[j];

            if ((route->flags & ROUTE_AWAITED && !request->awaited) ||
                !matches(route->pattern, request))
                continue;
            if (serves(route, request->method))
                return route;
            buf_addf(allow, "%s%s%s", allow->length ? ", " : "", route->method,
                     strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
        }
    }
    if (allow->length)
        buf_add_str(allow, ", OPTIONS");
    return NULL;
}

static bool origin_allowed(const char *origins, const char *origin)
{
    size_t length = strlen(origin);

    for (const char *at = origins; *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (length > 0 && strcspn(at, " ") == length && strncmp(at, origin, length) == 0)
            return true;
    }
    return false;
}

/* A listed origin, and no other, may read the answer; credentials are no cookies here. */
static void add_cors(const struct router *router, const struct request *request,
                     struct answer *answer)
{
    const char *origin = request_parameter(request, "HTTP_ORIGIN");

    if (!router->cors_origins || !*router->cors_origins)
        return;
    answer_vary(answer, "Origin");
    if (!origin || !origin_allowed(router->cors_origins, origin))
        return;
    answer_header(answer, "Access-Control-Allow-Origin", "%s", origin);
    answer_header(answer, "Access-Control-Expose-Headers",
                  "Content-Disposition, ETag, Idempotency-Hit, Preference-Applied, Retry-After, "
                  "X-Queue-Position, "
                  "X-Request-Id");
}

/* A browser's question before the request (Fetch, section 4.8), by a page that may ask. */
static bool is_preflight(const struct router *router, const struct request *request)
{
    const char *origin = request_parameter(request, "HTTP_ORIGIN");

    return strcmp(request->method, "OPTIONS") == 0 && origin && router->cors_origins &&
           origin_allowed(router->cors_origins, origin) &&
           request_parameter(request, "HTTP_ACCESS_CONTROL_REQUEST_METHOD");
}

static void add_preflight(const char *methods, struct answer *answer)
{
    answer_header(answer, "Access-Control-Allow-Methods", "%s", methods);
    answer_header(answer, "Access-Control-Allow-Headers",
                  "Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, Range, "
                  "X-Job-Secret");
    answer_header(answer, "Access-Control-Max-Age", "7200");
}

static void answer_options(const struct router *router, const struct request *request,
                           const char *allow, struct answer *answer)
{
    answer->status = 204;
    answer_header(answer, "Allow", "%s", allow);
    if (is_preflight(router, request))
        add_preflight(allow, answer);
}

/* A browser shows a page nothing of a request whose preflight failed. So where the request will be
 * refused, its preflight is not: the page is to read the refusal. */
static void answer_refusal(const struct router *router, const struct request *request,
                           const struct error *err, struct answer *answer)
{
    if (!is_preflight(router, request)) {
        answer_error(answer, err);
        return;
    }
    answer->status = 204;
    add_preflight("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT", answer);
}

static int authenticate(const struct router *router, const struct route *route,
                        const struct request *request, struct error *err)
{
    const char *header = request_parameter(request, "HTTP_AUTHORIZATION");
    const char *token = header ? header + strcspn(header, " ") : "";

    token += strspn(token, " ");
    if (!header || strncasecmp(header, "Bearer ", 7) != 0 || !*token || strpbrk(token, " \t,"))
        return error_set(err, ERROR_INVALID, "AUTHENTICATION_REQUIRED",
                         "Send an API key or an access token: Authorization: Bearer <key>.");
    return router->authenticate(router->app, token, route->flags & ROUTE_JOINED, err);
}

/* Bodies are small; unpacking them would be one more way to send a large one. */
static int check_encoding(const struct request *request, struct error *err)
{
    const char *encoding = request_parameter(request, "HTTP_CONTENT_ENCODING");

    if (!encoding || !*encoding || strcasecmp(encoding, "identity") == 0)
        return 0;
    return error_set(err, ERROR_INVALID, "CONTENT_ENCODING_UNSUPPORTED",
                     "Send the body as it is, without a Content-Encoding.");
}

static void answer_faults(const struct form *form, struct answer *answer)
{
    struct buf *body = answer_json(answer, 422);

    answer->log_code = "validation";
    render_open(body, NULL, '{');
    render_open(body, "detail", '[');
    buf_add(body, form->faults.data, form->faults.length);
    render_close(body, ']');
    render_close(body, '}');
}

static int check_key(const char *key, size_t length, struct error *err)
{
    size_t characters = 0;

    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)key[i] < ' ' || key[i] == 0x7f)
            characters = IDEMPOTENCY_KEY_MOST + 1;
        else if (((unsigned char)key[i] & 0xc0) != 0x80)
            characters++;
    }
    if (characters >= 1 && characters <= IDEMPOTENCY_KEY_MOST && utf8_valid(key, length))
        return 0;
    return error_set(err, ERROR_INVALID, "IDEMPOTENCY_KEY_INVALID",
                     "Send an Idempotency-Key of 1 to %d printable characters, or none.",
                     IDEMPOTENCY_KEY_MOST);
}

/* A key is its user's: where nobody is known it would be everybody's. */
static int recall(const struct router *router, const struct route *route, struct request *request,
                  struct error *err)
{
    _cleanup_(buf_release) struct buf key = BUF_INIT;

    if (strcmp(route->method, "POST") != 0 || !(route->flags & ROUTE_BEARER) ||
        !request_parameter(request, "HTTP_IDEMPOTENCY_KEY"))
        return 0;
    request_list(request, "HTTP_IDEMPOTENCY_KEY", &key);
    if (check_key(key.data, key.length, err) < 0)
        return -1;
    return router->recall(router->app, key.data, request, err);
}

static int64_t body_most(const struct router *router, const struct route *route)
{
    if (route->body_count > 0)
        return form_body_most(route->body, route->body_count, router->limits);
    return setting_or(route->raw_body_setting, router->limits, route->raw_body_most);
}

static void *new_values(const struct route *route)
{
    size_t size = route->query_size > route->body_size ? route->query_size : route->body_size;

    return size > 0 ? xcalloc(1, size) : NULL;
}

static int check_pool(const struct router *router, const struct route *route, struct error *err)
{
    if (!router->pool || strcmp(router->pool, route->pool) == 0)
        return 0;
    return error_set(err, ERROR_UNAVAILABLE, NULL,
                     "this worker is of the pool '%s', but '%s' belongs to '%s'; correct the "
                     "configuration of nginx",
                     router->pool, route->pattern, route->pool);
}

static int run(const struct router *router, const struct route *route, struct request *request,
               const struct body_source *body, struct answer *answer, struct error *err)
{
    _cleanup_(free_ptr) void *values = new_values(route);
    _cleanup_(form_release) struct form form = FORM_INIT;
    int64_t most = body_most(router, route);

    if (check_pool(router, route, err) < 0)
        return -1;
    if (route->flags & ROUTE_BEARER && authenticate(router, route, request, err) < 0)
        return -1;
    request->stream = route->flags & ROUTE_STREAM ? body : NULL;
    if (route->flags & ROUTE_STREAM && check_encoding(request, err) < 0)
        return -1;
    if (most > 0 && (check_encoding(request, err) < 0 ||
                     request_read_body(request, most, body->read, body->arg, err) < 0))
        return -1;
    form_read_query(&form, route->query, route->query_count, request, router->limits, values);
    form_read_body(&form, route->body, route->body_count, request, router->limits, values);
    if (form.too_large)
        return error_set(err, ERROR_INVALID, "BODY_TOO_LARGE",
                         "The file may have at most %lld bytes.", (long long)form.too_large);
    if (form.fault_count) {
        answer_faults(&form, answer);
        return 0;
    }
    if (recall(router, route, request, err) < 0)
        return -1;
    answer->replay = request->replay;
    return route->handle(router->app, request, values, answer, err);
}

/* What was held was recorded before: no client shall send it again because nobody can say now how
 * it ended. */
static void forbid_repetition(struct error *err)
{
    const char *message;
    int status = code_of_error(err, &message)->status;

    if (status < 500 && status != 429)
        return;
    log_error("end_unknown", err);
    error_set(err, ERROR_CONFLICT, "OUTCOME_UNKNOWN",
              "This was recorded, but the server can't tell now how it ended. Look at the state of "
              "what you asked for before you send it again; with an Idempotency-Key it can be sent "
              "again at once.");
}

static int dispatch(const struct router *router, struct request *request,
                    const struct body_source *body, struct answer *answer,
                    const struct route **ret_route, struct error *err)
{
    _cleanup_(buf_release) struct buf allow = BUF_INIT;
    const struct route *route = find(router, request, &allow);

    if (route) {
        int outcome = run(router, route, request, body, answer, err);

        *ret_route = route;
        if (outcome < 0 && route->flags & ROUTE_AWAITED)
            forbid_repetition(err);
        return outcome;
    }
    if (!allow.length)
        return error_set(err, ERROR_NOT_FOUND, "NOT_FOUND",
                         "There is nothing at this path; the API is below /api/v1/.");
    if (strcmp(request->method, "OPTIONS") == 0) {
        answer_options(router, request, allow.data, answer);
        return 0;
    }
    error_set(err, ERROR_INVALID, "METHOD_NOT_ALLOWED", "This path supports %s.", allow.data);
    answer_error(answer, err);
    answer_header(answer, "Allow", "%s", allow.data);
    return 0;
}

static const char *loggable(const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(method, known[i]) == 0)
            return known[i];
    return "other";
}

static void answer_may_come(struct answer *answer)
{
    _cleanup_(buf_release) struct buf body = answer->body;
    int status = answer->status;

    answer->body = (struct buf)BUF_INIT;
    answer->status = status < 300 ? 204 : 403;
    if (status < 300)
        return;
    buf_clear(&answer->headers);
    answer_header(answer, "X-Refusal-Status", "%d", status);
    answer_header(answer, "X-Refusal", "%s", body.data);
}

void router_answer(const struct router *router, char **parameters, const struct body_source *body,
                   struct answer *answer)
{
    _cleanup_(request_release) struct request request;
    int64_t start = clock_monotonic();
    struct error err = ERROR_INIT;
    const struct route *route = NULL;
    int64_t took;
    int outcome = request_init(&request, parameters, &err);

    log_request(request.id);
    if (outcome == 0)
        outcome = dispatch(router, &request, body, answer, &route, &err);
    if (outcome < 0)
        answer_refusal(router, &request, &err, answer);
    if (request.may_come)
        answer_may_come(answer);
    if (answer->replay)
        answer_header(answer, "Idempotency-Hit", "true");
    add_cors(router, &request, answer);
    took = clock_monotonic() - start;
    if (router->measure)
        router->measure(route, answer, took, router->app);
    log_event(LOG_INFO, "request", "method=%s route=%s status=%d took_us=%lld%s%s",
              loggable(request.method), route ? route->pattern : "-", answer->status,
              (long long)took, answer->log_code ? " code=" : "",
              answer->log_code ? answer->log_code : "");
    log_request(NULL);
}

void router_describe(const struct router *router, struct buf *out)
{
    render_open(out, NULL, '[');
    for (size_t i = 0; i < router->list_count; i++) {
        for (size_t j = 0; j < router->lists[i]->count; j++) {
            const struct route *route = &router->lists[i]->routes[j];

            render_open(out, NULL, '{');
            render_text(out, "method", route->method);
            render_text(out, "pattern", route->pattern);
            render_text(out, "auth", route->flags & ROUTE_BEARER ? "bearer" : "none");
            render_bool(out, "awaited", (route->flags & ROUTE_AWAITED) != 0);
            render_text(out, "pool", route->pool);
            render_int(out, "body_most", body_most(router, route));
            render_close(out, '}');
        }
    }
    render_close(out, ']');
}
