#include "reaper/egress_client.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "wire/egress.h"

#include "base/banned.h"

#define ANSWER_MS 10000

struct egress_call {
    struct egress_client *client;
    TAILQ_ENTRY(egress_call) next;
    struct egress_request request;
    int fd;
    bool sent;
    egress_set_done *done; /* NULL: nobody is told */
    void *arg;
    struct event *limit; /* or why it ends at once */
    struct error failure;
};

TAILQ_HEAD(egress_calls, egress_call);

struct egress_client {
    struct event_base *base;
    const char *path;
    egress_lost *lost;
    void *arg;
    int fd; /* -1: no connection */
    uint64_t number;
    struct event *readable, *writable, *told;
    struct egress_counts counts; /* what it said last */
    bool counts_known;
    struct egress_calls calls;
};

static void call_free(struct egress_call *call)
{
    TAILQ_REMOVE(&call->client->calls, call, next);
    event_free(call->limit);
    close_fd(&call->fd);
    free(call);
}

static void end(struct egress_call *call, const struct error *err)
{
    egress_set_done *done = call->done;
    struct error copy = err ? *err : (struct error)ERROR_INIT;
    void *arg = call->arg;

    call_free(call);
    if (done)
        done(err ? &copy : NULL, arg);
}

static void disconnect(struct egress_client *client)
{
    if (client->readable)
        event_free(TAKE_PTR(client->readable));
    if (client->writable)
        event_free(TAKE_PTR(client->writable));
    close_fd(&client->fd);
}

static int unavailable(struct error *err, const char *why)
{
    return error_set(err, ERROR_UNAVAILABLE, "JOB_EGRESS_UNAVAILABLE",
                     "codeset-egress does not answer: %s", why);
}

/* It may be gone, and with it all that it was told. */
static void broken(struct egress_client *client, const char *why)
{
    struct egress_call *call;

    log_event(LOG_WARNING, "egress_lost", "reason=\"%s\"", why);
    disconnect(client);
    TAILQ_FOREACH(call, &client->calls, next)
    {
        const struct timeval at_once = {0};

        unavailable(&call->failure, why);
        evtimer_add(call->limit, &at_once);
    }
    event_active(client->told, EV_TIMEOUT, 0);
}

static void tell_lost(evutil_socket_t fd, short what, void *arg)
{
    const struct egress_client *client = arg;

    (void)fd;
    (void)what;
    client->lost(client->arg);
}

/* --- answers --------------------------------------------------------------------------------- */

static struct egress_call *find(const struct egress_client *client, uint64_t number)
{
    struct egress_call *call;

    TAILQ_FOREACH(call, &client->calls, next)
    {
        if (call->sent && call->request.number == number)
            return call;
    }
    return NULL;
}

static void take(struct egress_call *call, const struct egress_answer *answer)
{
    struct error err = ERROR_INIT;

    switch (answer->status) {
    case EGRESS_OK:
        end(call, NULL);
        return;
    case EGRESS_UNKNOWN:
        error_set(&err, ERROR_NOT_FOUND, NULL, "codeset-egress has no socket of this container");
        break;
    case EGRESS_CLOSED:
        error_set(&err, ERROR_UNAVAILABLE, "JOB_EGRESS_UNAVAILABLE",
                  "codeset-egress serves nobody, as the firewall's rules for agents are missing");
        break;
    default:
        error_set(&err, ERROR_INVALID, "EGRESS_POLICY", "codeset-egress refused the policy");
        break;
    }
    end(call, &err);
}

/* How many more than at the last answer. Of one that was started since, all are. */
static int64_t grown(uint64_t last, uint64_t now)
{
    uint64_t more = now >= last ? now - last : now;

    return more <= INT64_MAX ? (int64_t)more : 0;
}

/* What was counted before this daemon's first question, another daemon has seen. */
static void count(struct egress_client *client, const struct egress_counts *now)
{
    const struct egress_counts *last = &client->counts;

    if (client->counts_known) {
        metric_add(EGRESS_CONNECTIONS, grown(last->connected, now->connected), METRIC_AT(0));
        metric_add(EGRESS_CONNECTIONS, grown(last->refused, now->refused), METRIC_AT(1));
        metric_add(EGRESS_CONNECTIONS, grown(last->failed, now->failed), METRIC_AT(2));
        metric_add(EGRESS_BYTES, grown(last->bytes_sent, now->bytes_sent), METRIC_AT(0));
        metric_add(EGRESS_BYTES, grown(last->bytes_received, now->bytes_received), METRIC_AT(1));
    }
    client->counts = *now;
    client->counts_known = true;
}

void egress_look(struct egress_client *client)
{
    struct id nobody = id_new();

    if (client && client->fd >= 0)
        egress_drop(client, &nobody);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct egress_client *client = arg;
    struct egress_answer answer;
    struct egress_call *call;
    ssize_t got = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);

    (void)what;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < (ssize_t)EGRESS_ANSWER_LEAST) {
        broken(client, got < 0 ? strerror(errno) : "the connection was closed");
        return;
    }
    if (got == (ssize_t)sizeof(answer))
        count(client, &answer.counts);
    call = find(client, answer.number);
    if (call)
        take(call, &answer);
}

/* --- requests -------------------------------------------------------------------------------- */

/* 0: sent. 1: not now. -1: the connection is broken. */
static int send_request(struct egress_client *client, struct egress_call *call)
{
    if (fd_send(client->fd, &call->request, sizeof(call->request), &call->fd, call->fd >= 0,
                MSG_DONTWAIT) >= 0)
        return 0;
    return errno == EAGAIN || errno == EINTR ? 1 : -1;
}

static void send_all(struct egress_client *client)
{
    struct egress_call *call;

    TAILQ_FOREACH(call, &client->calls, next)
    {
        int rc = call->sent || call->failure.kind != ERROR_NONE ? 0 : send_request(client, call);

        if (rc < 0) {
            broken(client, strerror(errno));
            return;
        }
        if (rc > 0) {
            event_add(client->writable, NULL);
            return;
        }
        if (!call->sent)
            close_fd(&call->fd);
        call->sent = true;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    send_all(arg);
}

static int connect_to(struct egress_client *client, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int fd = -1;

    if (client->fd >= 0)
        return 0;
    if (strlen(client->path) >= sizeof(address.sun_path))
        return unavailable(err, "the path of its socket is too long");
    memcpy(address.sun_path, client->path, strlen(client->path));
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return unavailable(err, strerror(errno));
    client->fd = TAKE_FD(fd);
    client->readable =
        event_new(client->base, client->fd, EV_READ | EV_PERSIST, on_readable, client);
    event_add(client->readable, NULL);
    client->writable = event_new(client->base, client->fd, EV_WRITE, on_writable, client);
    return 0;
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct egress_call *call = arg;
    struct error err = call->failure;

    (void)fd;
    (void)what;
    if (err.kind == ERROR_NONE)
        unavailable(&err, "no answer in time");
    end(call, &err);
}

static struct egress_call *call_new(struct egress_client *client, enum egress_verb verb,
                                    const struct id *container, int fd)
{
    struct egress_call *call = xcalloc(1, sizeof(*call));
    struct timeval limit = {.tv_sec = ANSWER_MS / 1000};

    call->client = client;
    call->fd = fd;
    call->request.verb = verb;
    call->request.number = ++client->number;
    snprintf(call->request.container, sizeof(call->request.container), "%s", container->text);
    call->limit = evtimer_new(client->base, on_limit, call);
    TAILQ_INSERT_TAIL(&client->calls, call, next);
    if (connect_to(client, &call->failure) < 0)
        limit.tv_sec = 0;
    evtimer_add(call->limit, &limit);
    return call;
}

struct egress_call *egress_set(struct egress_client *client, const struct id *container,
                               const char *policy, int fd, egress_set_done *done, void *arg)
{
    struct egress_call *call = call_new(client, EGRESS_SET, container, fd);

    snprintf(call->request.policy, sizeof(call->request.policy), "%s", policy);
    call->done = done;
    call->arg = arg;
    if (client->fd >= 0)
        send_all(client);
    return call;
}

void egress_cancel(struct egress_call *call)
{
    if (call)
        call->done = NULL;
}

void egress_drop(struct egress_client *client, const struct id *container)
{
    call_new(client, EGRESS_DROP, container, -1);
    if (client->fd >= 0)
        send_all(client);
}

/* --- the client ------------------------------------------------------------------------------- */

struct egress_client *egress_client_new(struct event_base *base, const char *path,
                                        egress_lost *lost, void *arg)
{
    struct egress_client *client = xcalloc(1, sizeof(*client));

    client->base = base;
    client->path = path;
    client->lost = lost;
    client->arg = arg;
    client->fd = -1;
    client->told = event_new(base, -1, 0, tell_lost, client);
    TAILQ_INIT(&client->calls);
    return client;
}

void egress_client_free(struct egress_client *client)
{
    struct egress_call *call;

    if (!client)
        return;
    /* clang-tidy does not see that what is freed leaves the list first. */
    while ((call = TAILQ_FIRST(&client->calls)))
        call_free(call); // NOLINT
    disconnect(client);
    event_free(client->told);
    free(client);
}
