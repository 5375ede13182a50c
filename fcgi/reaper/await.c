#include "reaper/await.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "reaper/db_pool.h"
#include "reaper/doorbell.h"
#include "reaper/kinds.h"
#include "reaper/registry.h"
#include "wire/await.h"

#include "base/banned.h"

#ifndef __clang__
/* gcc 12's analyzer does not see that a hold that is freed has left its group. */
#pragma GCC diagnostic ignored "-Wanalyzer-use-after-free"
#endif

#define HEADERS_MAX 65536
/* A connection that sits between two requests, or is slow to send one. Longer than any hold: evhttp
 * counts a hold as idleness. */
#define IDLE_SECONDS 90

struct hold {
    TAILQ_ENTRY(hold) next;
    struct await *await;
    struct group *group;
    struct evhttp_request *request;
    struct event *event; /* its time, or its client's leaving */
    char *back;
};

/* All who wait for one thing. */
struct group {
    struct id id; /* first */
    TAILQ_HEAD(hold_list, hold) holds;
};

struct await {
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    char *path;
    struct db_pool *pool;
    const struct kinds *kinds;
    struct registry groups;
    size_t held;
    size_t most;
    bool shrinking;
    bool releasing;
};

struct question {
    struct await *await;
    enum work_kind kind;
    struct id id;
    bool finished;
};

int64_t await_hold(int64_t asked_ms, size_t held, size_t most)
{
    size_t free_half = most - most / 2;

    if (held >= most)
        return 0;
    if (held <= most / 2)
        return asked_ms;
    return asked_ms * (int64_t)(most - held) / (int64_t)free_half;
}

static struct group *find_group(const struct await *await, const struct id *id)
{
    return registry_find(&await->groups, id);
}

static void leave_group(struct hold *hold)
{
    struct group *group = hold->group;

    TAILQ_REMOVE(&group->holds, hold, next);
    if (TAILQ_EMPTY(&group->holds)) {
        registry_remove(&hold->await->groups, group);
        free(group);
    }
}

static void free_hold(struct hold *hold)
{
    leave_group(hold);
    hold->await->held--;
    event_free(hold->event);
    free(hold->back);
    free(hold);
}

static void send_back(struct evhttp_request *request, const char *back)
{
    _cleanup_(buf_release) struct buf location = BUF_INIT;

    await_write_answer(back, &location);
    evhttp_add_header(evhttp_request_get_output_headers(request), "X-Accel-Redirect",
                      location.data);
    evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

/* nginx then does what it does without a daemon: it answers a GET at once, and asks the next daemon
 * to hold what it can't answer yet. */
static void refuse(struct evhttp_request *request)
{
    METRIC_COUNT(HOLDS_ENDED, METRIC_HOLD_REFUSED);
    evhttp_send_reply(request, HTTP_SERVUNAVAIL, "Service Unavailable", NULL);
}

static void answer(struct hold *hold)
{
    struct evhttp_request *request = hold->request;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    _cleanup_(free_ptr) char *back = TAKE_PTR(hold->back);
    bool releasing = hold->await->releasing;

    if (connection)
        evhttp_connection_set_closecb(connection, NULL, NULL);
    free_hold(hold);
    if (releasing)
        refuse(request);
    else
        send_back(request, back);
}

/* To a client that has left the answer is lost, and evhttp closes the connection. */
static void hold_ran_out(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    METRIC_COUNT(HOLDS_ENDED, METRIC_HOLD_OVER);
    answer(arg);
}

/* The connection ends by evhttp's doing. It frees the request with the connection, unless it has
 * parted them already; then the request is ours, and answering frees it. */
static void hold_was_dropped(struct evhttp_connection *connection, void *arg)
{
    struct hold *hold = arg;
    struct evhttp_request *request = hold->request;

    (void)connection;
    METRIC_COUNT(HOLDS_ENDED, METRIC_HOLD_OVER);
    free_hold(hold);
    if (!evhttp_request_get_connection(request))
        evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

void await_wake(struct await *await, const struct id *id)
{
    struct group *group = find_group(await, id);
    struct hold *hold;

    /* With the last hold the group is gone. */
    for (bool last = !group; !last;) {
        hold = TAILQ_FIRST(&group->holds);
        last = !TAILQ_NEXT(hold, next);
        if (!await->releasing) /* else it is refused */
            METRIC_COUNT(HOLDS_ENDED, METRIC_HOLD_WOKEN);
        answer(hold);
    }
}

static int ask(struct db *db, void *arg, struct error *err)
{
    struct question *question = arg;

    return kinds_finished(question->await->kinds, db, question->kind, &question->id,
                          &question->finished, err);
}

/* The database can't say: then the worker may, and it tells the client if it can't either. */
static void asked(const struct error *err, void *arg)
{
    struct question *question = arg;

    if (err || question->finished)
        await_wake(question->await, &question->id);
    free(question);
}

static void ask_whether_finished(struct await *await, enum work_kind kind, const struct id *id)
{
    struct question *question = xcalloc(1, sizeof(*question));

    question->await = await;
    question->kind = kind;
    question->id = *id;
    db_pool_submit(await->pool, DB_SMALL, NULL, ask, asked, question);
}

static struct group *ensure_group(struct await *await, const struct id *id)
{
    struct group *group = find_group(await, id);

    if (group)
        return group;
    group = xcalloc(1, sizeof(*group));
    group->id = *id;
    TAILQ_INIT(&group->holds);
    registry_insert(&await->groups, group);
    return group;
}

static void note_load(struct await *await)
{
    bool shrinking = await->held > await->most / 2;

    if (shrinking != await->shrinking)
        log_event(LOG_WARNING, shrinking ? "holds_shrink" : "holds_full_length",
                  "held=%zu most=%zu", await->held, await->most);
    await->shrinking = shrinking;
}

/* Takes back. */
static void hold_request(struct await *await, struct evhttp_request *request, int64_t hold_ms,
                         const struct id *id, char *back)
{
    struct timeval until = {.tv_sec = hold_ms / 1000, .tv_usec = hold_ms % 1000 * 1000};
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    evutil_socket_t fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    struct hold *hold = xcalloc(1, sizeof(*hold));

    hold->await = await;
    hold->group = ensure_group(await, id);
    hold->request = request;
    hold->back = back;
    /* evhttp does not read while it owes an answer, so it would not notice the client's leaving. */
    hold->event = event_new(await->base, fd, EV_CLOSED, hold_ran_out, hold);
    event_add(hold->event, &until);
    TAILQ_INSERT_TAIL(&hold->group->holds, hold, next);
    await->held++;
    note_load(await);
    evhttp_connection_set_closecb(connection, hold_was_dropped, hold);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct await *await = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    _cleanup_(free_ptr) char *back = NULL;
    enum work_kind kind;
    struct id id;
    int64_t hold_ms;

    if (!uri || await_parse_path(evhttp_uri_get_path(uri), &kind, &id) < 0 ||
        await_parse_query(evhttp_uri_get_query(uri), &hold_ms, &back) < 0) {
        evhttp_send_reply(request, HTTP_BADREQUEST, "Bad Request", NULL);
        return;
    }
    hold_ms = await_hold(hold_ms, await->held, await->most);
    if (hold_ms == 0 || await->releasing) {
        refuse(request);
        return;
    }
    /* Registered first, asked then: no end falls between the two. */
    hold_request(await, request, hold_ms, &id, TAKE_PTR(back));
    if (!kinds_expected(await->kinds, kind, &id))
        ask_whether_finished(await, kind, &id);
}

/* A hold is a descriptor; a quarter of them is left to everything else. */
static size_t what_descriptors_allow(int64_t holds_max)
{
    struct rlimit limit;
    size_t most = (size_t)holds_max;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        most > limit.rlim_cur / 4 * 3) {
        most = limit.rlim_cur / 4 * 3;
        log_event(LOG_WARNING, "holds_limited", "holds_max=%zu descriptors=%zu", most,
                  (size_t)limit.rlim_cur);
    }
    return most;
}

struct await *await_new(struct event_base *base, const char *path, int64_t holds_max,
                        struct db_pool *pool, const struct kinds *kinds, struct error *err)
{
    int fd = bind_socket(path, SOCK_STREAM, err);
    struct await *await;

    if (fd < 0)
        return NULL;
    await = xcalloc(1, sizeof(*await));
    await->base = base;
    await->path = xstrdup(path);
    await->most = what_descriptors_allow(holds_max);
    await->pool = pool;
    await->kinds = kinds;
    await->http = evhttp_new(base);
    evhttp_set_max_headers_size(await->http, HEADERS_MAX);
    evhttp_set_max_body_size(await->http, 0);
    evhttp_set_timeout(await->http, IDLE_SECONDS);
    evhttp_set_allowed_methods(await->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_default_content_type(await->http, NULL);
    evhttp_set_gencb(await->http, on_request, await);
    await->bound = evhttp_accept_socket_with_handle(await->http, fd);
    if (!await->bound) {
        error_set(err, ERROR_INTERNAL, NULL, "libevent cannot use the socket %s", path);
        close(fd);
        await_free(await);
        return NULL;
    }
    return await;
}

void await_release(struct await *await)
{
    struct group *group;

    await->releasing = true;
    while ((group = registry_any(&await->groups)))
        await_wake(await, &group->id);
}

void await_free(struct await *await)
{
    if (!await)
        return;
    await_release(await);
    evhttp_free(await->http);
    unlink(await->path);
    free(await->path);
    free(await);
}

size_t await_most(const struct await *await)
{
    return await->most;
}

size_t await_held(const struct await *await)
{
    return await->held;
}
