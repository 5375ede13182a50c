#include "reaper/exposition.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "settings.h"
#include "store/numbers.h"

#include "base/banned.h"

#define HEADERS_MAX 8192
#define IDLE_SECONDS 90

/* One look at the database; on a thread of the pool, which touches nothing else. */
struct look {
    struct exposition *exposition; /* NULL: it is gone */
    int64_t low_balance_cents;
    struct store_numbers numbers;
};

struct exposition {
    struct context *context;
    const struct metrics_settings *settings;
    int64_t low_balance_cents;
    void (*now)(void *arg);
    void *arg;
    struct evhttp *http;
    struct event *patience;
    struct look *look; /* NULL: none is under way */
    struct evhttp_request *waiting[EXPOSITION_WAITING_MOST];
    size_t waiting_count;
    bool share_missing; /* that the workers' file can't be read was said */
};

/* --- the text -------------------------------------------------------------------------------- */

static void set_queue(enum metric_queue place, const struct store_queue *queue)
{
    metric_set(QUEUE_LENGTH, queue->length, METRIC_AT(place));
    metric_set(QUEUE_AGE, queue->age_us, METRIC_AT(place));
}

static void set_numbers(const struct store_numbers *numbers)
{
    metric_set(DATABASE_UP, 1, METRIC_AT(0));
    metric_set(SESSIONS_OPEN, numbers->creating, METRIC_AT(0));
    metric_set(SESSIONS_OPEN, numbers->ready, METRIC_AT(1));
    set_queue(METRIC_QUEUE_SESSIONS, &numbers->sessions);
    set_queue(METRIC_QUEUE_INTERACTIONS, &numbers->interactions);
    set_queue(METRIC_QUEUE_VERIFICATIONS, &numbers->verifications);
    set_queue(METRIC_QUEUE_STRIPE_EVENTS, &numbers->stripe_events);
    set_queue(METRIC_QUEUE_AGENT_JOBS, &numbers->agent_jobs);
    metric_set(STRIPE_EVENTS, numbers->stripe_events.length, METRIC_AT(0));
    metric_set(STRIPE_EVENTS, numbers->quarantined, METRIC_AT(1));
    metric_set(LEDGER_LAG, numbers->ledger_lag_us, METRIC_AT(0));
    metric_set(LOW_BALANCES, numbers->low_balances, METRIC_AT(0));
    if (numbers->audit_age_us < 0)
        return;
    metric_set(LEDGER_AUDIT_AGE, numbers->audit_age_us, METRIC_AT(0));
    metric_set(LEDGER_AUDIT_FINDINGS, numbers->audit_findings, METRIC_AT(0));
}

static void unset_numbers(void)
{
    static const enum metric_id ids[] = {SESSIONS_OPEN,    QUEUE_LENGTH,         QUEUE_AGE,
                                         LEDGER_LAG,       LOW_BALANCES,         STRIPE_EVENTS,
                                         LEDGER_AUDIT_AGE, LEDGER_AUDIT_FINDINGS};

    metric_set(DATABASE_UP, 0, METRIC_AT(0));
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        metric_unset(ids[i]);
}

static struct metrics_copy *read_workers(struct exposition *exposition)
{
    const char *folder = exposition->settings->folder;
    struct error err = ERROR_INIT;
    struct metrics_copy *copy = folder[0] ? metrics_read(folder, METRICS_WORKERS, &err) : NULL;

    if (!copy && err.kind != ERROR_NONE && !exposition->share_missing)
        log_error("metrics_of_workers_missing", &err);
    exposition->share_missing = !copy;
    return copy;
}

static void set_workers(const struct metrics_copy *copy)
{
    struct metrics_members members;

    metric_unset(WORKERS);
    if (!copy)
        return;
    metrics_members(copy, &members);
    for (size_t pool = METRIC_POOL_API; pool <= METRIC_POOL_ANY; pool++) {
        metric_set(WORKERS, (int64_t)members.idle[pool], METRIC_AT(pool, 0));
        metric_set(WORKERS, (int64_t)members.busy[pool], METRIC_AT(pool, 1));
    }
}

static void answer_all(struct exposition *exposition)
{
    struct metrics_copy *copy = read_workers(exposition);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    set_workers(copy);
    exposition->now(exposition->arg);
    metrics_write(copy, &text);
    metrics_copy_free(copy);
    evtimer_del(exposition->patience);
    while (exposition->waiting_count > 0) {
        struct evhttp_request *request = exposition->waiting[--exposition->waiting_count];
        struct evbuffer *body = evbuffer_new();

        evbuffer_add(body, text.data, text.length);
        evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                          "text/plain; version=0.0.4; charset=utf-8");
        evhttp_send_reply(request, HTTP_OK, "OK", body);
        evbuffer_free(body);
    }
}

/* --- requests -------------------------------------------------------------------------------- */

static int look_up(struct db *db, void *arg, struct error *err)
{
    struct look *look = arg;

    return store_numbers_read(db, look->low_balance_cents, &look->numbers, err);
}

static void looked_up(const struct error *err, void *arg)
{
    struct look *look = arg;
    struct exposition *exposition = look->exposition;

    exposition->look = NULL;
    if (err)
        unset_numbers();
    else
        set_numbers(&look->numbers);
    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("metrics_not_read", err);
    free(look);
    answer_all(exposition);
}

static void lost_patience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    unset_numbers();
    answer_all(arg);
}

static void take_out(struct evhttp_connection *connection, void *arg)
{
    struct exposition *exposition = arg;

    for (size_t i = 0; i < exposition->waiting_count; i++) {
        if (evhttp_request_get_connection(exposition->waiting[i]) == connection)
            exposition->waiting[i--] = exposition->waiting[--exposition->waiting_count];
    }
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct exposition *exposition = arg;
    const struct timeval patience = {.tv_sec = EXPOSITION_PATIENCE_MS / 1000};
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

    if (!path || strcmp(path, "/metrics") != 0) {
        evhttp_send_reply(request, HTTP_NOTFOUND, "Not Found", NULL);
        return;
    }
    if (exposition->waiting_count == EXPOSITION_WAITING_MOST) {
        evhttp_send_reply(request, HTTP_SERVUNAVAIL, "Service Unavailable", NULL);
        return;
    }
    exposition->waiting[exposition->waiting_count++] = request;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), take_out, exposition);
    if (!evtimer_pending(exposition->patience, NULL))
        evtimer_add(exposition->patience, &patience);
    if (exposition->look)
        return;
    exposition->look = xcalloc(1, sizeof(*exposition->look));
    exposition->look->exposition = exposition;
    exposition->look->low_balance_cents = exposition->low_balance_cents;
    db_pool_submit(exposition->context->pool, DB_SMALL, NULL, look_up, looked_up, exposition->look);
}

/* --- the beginning --------------------------------------------------------------------------- */

/* The descriptor that systemd calls `metrics`; -1: none. */
static int handed_over(void)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(0, &names), fd = -1;

    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], "metrics") == 0)
            fd = SD_LISTEN_FDS_START + i;
        free(names[i]);
    }
    free(names);
    return fd;
}

static int listen_on(struct exposition *exposition, int fd, struct error *err)
{
    const struct metrics_settings *settings = exposition->settings;

    if (fd >= 0) {
        evutil_make_socket_nonblocking(fd);
        if (evhttp_accept_socket(exposition->http, fd) == 0)
            return 0;
        return error_set(err, ERROR_INTERNAL, NULL, "libevent cannot use the socket for metrics");
    }
    if (evhttp_bind_socket(exposition->http, settings->address, (ev_uint16_t)settings->port) == 0)
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "cannot listen on %s port %lld for metrics; choose another [metrics] address "
                     "or port, or leave it to codeset-metrics.socket",
                     settings->address, (long long)settings->port);
}

int exposition_new(struct context *context, const struct metrics_settings *settings,
                   int64_t low_balance_cents, void (*now)(void *arg), void *arg,
                   struct exposition **ret_exposition, struct error *err)
{
    int fd = handed_over();
    struct exposition *exposition;

    *ret_exposition = NULL;
    if (fd < 0 && !settings->address[0])
        return 0;
    exposition = xcalloc(1, sizeof(*exposition));
    *exposition = (struct exposition){.context = context,
                                      .settings = settings,
                                      .low_balance_cents = low_balance_cents,
                                      .now = now,
                                      .arg = arg};
    exposition->http = evhttp_new(context->base);
    exposition->patience = evtimer_new(context->base, lost_patience, exposition);
    evhttp_set_max_headers_size(exposition->http, HEADERS_MAX);
    evhttp_set_max_body_size(exposition->http, 0);
    evhttp_set_timeout(exposition->http, IDLE_SECONDS);
    evhttp_set_allowed_methods(exposition->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_gencb(exposition->http, on_request, exposition);
    if (listen_on(exposition, fd, err) < 0) {
        exposition_free(exposition);
        return -1;
    }
    *ret_exposition = exposition;
    return 0;
}

void exposition_free(struct exposition *exposition)
{
    if (!exposition)
        return;
    evhttp_free(exposition->http);
    event_free(exposition->patience);
    free(exposition->look);
    free(exposition);
}
