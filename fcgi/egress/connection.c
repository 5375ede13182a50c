#include "egress/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "egress/address.h"
#include "egress/proxy_head.h"
#include "egress/resolver.h"
#include "egress/route.h"

#include "base/banned.h"

#define LINGER_SECONDS 2
#define FLUSH_SECONDS 30
#define LOG_BURST 10
#define LOG_SECONDS 10 /* for one line more */
#define KEEPALIVE_SECONDS 60

enum state {
    READING,    /* the head */
    LOOKING,    /* for the name's addresses */
    CONNECTING, /* to one of them */
    PASSING,    /* bytes, both ways */
    FLUSHING,   /* what the one end that is left is still to get */
    LINGERING,  /* for the other end to close: a reset would take the answer from it */
};

struct connection {
    struct connection_rules *rules;
    connection_ended *ended;
    void *arg;
    enum state state;
    struct proxy_head head;
    struct bufferevent *client, *server;
    struct resolver_query *query;
    struct event *timer;
    bool known;   /* the head is read */
    bool active;  /* since the timer was set */
    bool eof[2];  /* the client's, the server's */
    bool shut[2]; /* nothing more is sent there */
    struct sockaddr_storage addresses[CONNECTION_TRIES_MAX];
    size_t count, next;
    int last_errno;
};

static void on_read(struct bufferevent *from, void *arg);
static void on_written(struct bufferevent *to, void *arg);
static void on_event(struct bufferevent *end, short what, void *arg);
static void connect_next(struct connection *connection);

static void set_timer(struct connection *connection, int seconds)
{
    const struct timeval wait = {.tv_sec = seconds};

    connection->active = false;
    evtimer_add(connection->timer, &wait);
}

static void end(struct connection *connection)
{
    connection->ended(connection, connection->arg);
    connection_free(connection);
}

/* --- what is refused ------------------------------------------------------------------------- */

/* What is left of one end gets what waits for it, and then its end. */
static void flush(struct connection *connection)
{
    struct bufferevent *client = connection->client;

    connection->state = FLUSHING;
    bufferevent_disable(client, EV_READ);
    bufferevent_setwatermark(client, EV_WRITE, 0, 0);
    bufferevent_enable(client, EV_WRITE);
    set_timer(connection, FLUSH_SECONDS);
    if (evbuffer_get_length(bufferevent_get_output(client)) == 0)
        on_written(client, connection);
}

static void refuse(struct connection *connection, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct connection *connection, int status, const char *format, ...)
{
    struct evbuffer *out = bufferevent_get_output(connection->client);
    _cleanup_(free_ptr) char *sentence = NULL;
    va_list args;

    va_start(args, format);
    sentence = xvasprintf(format, args);
    va_end(args);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\ncodeset-egress: %s\n",
                        status, proxy_head_reason(status),
                        strlen("codeset-egress: \n") + strlen(sentence), sentence);
    flush(connection);
}

/* What is allowed, but is not there. */
static void fail(struct connection *connection, int status, const char *why)
{
    connection->rules->counts->failed++;
    refuse(connection, status, "host %s, port %u: %s", connection->head.host, connection->head.port,
           why);
}

/* A guest can be refused as often as it likes; the log must not fill by that. */
static bool may_log(struct connection_rules *rules)
{
    int64_t now = clock_monotonic();
    int64_t more = (now - rules->log_at) / (LOG_SECONDS * CLOCK_SECOND);

    if (rules->log_at == 0 || more >= LOG_BURST) {
        rules->log_tokens = LOG_BURST;
        rules->log_at = now;
    } else if (more > 0) {
        rules->log_tokens += more;
        rules->log_at += more * LOG_SECONDS * CLOCK_SECOND;
    }
    if (rules->log_tokens > LOG_BURST)
        rules->log_tokens = LOG_BURST;
    if (rules->log_tokens == 0) {
        rules->log_left_out++;
        return false;
    }
    rules->log_tokens--;
    return true;
}

/* Counts it as well. */
static void log_refused(struct connection *connection, const char *reason)
{
    struct connection_rules *rules = connection->rules;

    rules->counts->refused++;
    if (!may_log(rules))
        return;
    log_event(LOG_INFO, "refused", "container=%s host=%s port=%u reason=\"%s\" left_out=%lld",
              rules->container, connection->head.host, connection->head.port, reason,
              (long long)rules->log_left_out);
    rules->log_left_out = 0;
}

/* --- who may be reached ---------------------------------------------------------------------- */

static bool is_always(const struct connection *connection)
{
    return strcmp(connection->rules->policy, "none") != 0 &&
           egress_always_has(connection->rules->always, connection->head.host,
                             connection->head.port);
}

static bool is_allowed(const struct connection *connection)
{
    return is_always(connection) ||
           egress_policy_allows(connection->rules->policy, connection->head.host,
                                connection->head.port);
}

bool connection_may_stay(const struct connection *connection)
{
    if (connection->state >= FLUSHING || !connection->known)
        return true;
    return !connection->rules->closed && is_allowed(connection);
}

static socklen_t size_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* Takes those that may be connected to. What is checked here is what is connected to: the name is
 * not looked up again. */
static void take_addresses(struct connection *connection, const struct sockaddr_storage *addresses,
                           size_t count)
{
    const bool always = is_always(connection);
    const char *reason = NULL;

    for (size_t i = 0; i < count && connection->count < CONNECTION_TRIES_MAX; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&addresses[i];
        const char *against = always ? NULL : address_refused(address);

        if (against == NULL && !always)
            against = route_refused(address);
        if (against == NULL)
            connection->addresses[connection->count++] = addresses[i];
        else if (reason == NULL)
            reason = against;
    }
    if (connection->count > 0) {
        connect_next(connection);
        return;
    }
    log_refused(connection, reason);
    refuse(connection, 403, connection->head.literal ? "%s is %s" : "host %s resolves to %s",
           connection->head.host, reason);
}

static void on_addresses(const struct error *err, const struct sockaddr_storage *addresses,
                         size_t count, void *arg)
{
    struct connection *connection = arg;

    connection->query = NULL;
    if (err == NULL)
        take_addresses(connection, addresses, count);
    else
        fail(connection, err->kind == ERROR_NOT_FOUND ? 502 : 504, err->message);
}

static void look_up(struct connection *connection)
{
    const struct proxy_head *head = &connection->head;
    struct sockaddr_storage address = {.ss_family = AF_INET};
    struct error err = ERROR_INIT;

    connection->state = LOOKING;
    evtimer_del(connection->timer); /* the resolver has its own */
    if (!head->literal) {
        connection->query = resolver_ask(connection->rules->resolver, head->host, head->port,
                                         on_addresses, connection, &err);
        if (connection->query == NULL)
            refuse(connection, 503, "%s; try again later", err.message);
        return;
    }
    if (strchr(head->host, ':') == NULL) {
        struct sockaddr_in *in = (struct sockaddr_in *)&address;

        inet_pton(AF_INET, head->host, &in->sin_addr);
        in->sin_port = htons(head->port);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;

        in6->sin6_family = AF_INET6;
        inet_pton(AF_INET6, head->host, &in6->sin6_addr);
        in6->sin6_port = htons(head->port);
    }
    take_addresses(connection, &address, 1);
}

/* --- the head -------------------------------------------------------------------------------- */

static void read_head(struct connection *connection)
{
    struct evbuffer *in = bufferevent_get_input(connection->client);
    size_t got = evbuffer_get_length(in);
    struct proxy_refusal refusal;
    const char *bytes;
    size_t length;
    int rc;

    if (got > PROXY_HEAD_BYTES_MAX)
        got = PROXY_HEAD_BYTES_MAX;
    bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)got);
    length = proxy_head_length(bytes, got);
    if (length == 0 && got < PROXY_HEAD_BYTES_MAX)
        return;
    bufferevent_disable(connection->client, EV_READ);
    if (length == 0) {
        refuse(connection, 431, "the head of the request is larger than %d KiB",
               PROXY_HEAD_BYTES_MAX >> 10);
        return;
    }
    rc = proxy_head_read(bytes, length, &connection->head, &refusal);
    evbuffer_drain(in, length);
    if (rc < 0) {
        refuse(connection, refusal.status, "%s", refusal.message);
        return;
    }
    connection->known = true;
    if (connection->rules->closed) {
        refuse(connection, 503, "this host's firewall rules for agents are not loaded");
    } else if (!is_allowed(connection)) {
        log_refused(connection, "not in the list");
        refuse(connection, 403, "host %s, port %u, is not in this agent's list",
               connection->head.host, connection->head.port);
    } else {
        look_up(connection);
    }
}

/* --- the server ------------------------------------------------------------------------------ */

static void prepare_socket(struct bufferevent *end)
{
    const int on = 1, seconds = KEEPALIVE_SECONDS;
    int fd = bufferevent_getfd(end);

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
}

static void connected(struct connection *connection)
{
    struct bufferevent *client = connection->client, *server = connection->server;

    connection->state = PASSING;
    connection->rules->counts->connected++;
    prepare_socket(client);
    prepare_socket(server);
    if (connection->head.connect)
        bufferevent_write(client, "HTTP/1.1 200 Connection established\r\n\r\n", 39);
    else
        bufferevent_write(server, connection->head.forward.data, connection->head.forward.length);
    bufferevent_setwatermark(client, EV_READ, 0, CONNECTION_BYTES_MAX);
    bufferevent_setwatermark(server, EV_READ, 0, CONNECTION_BYTES_MAX);
    bufferevent_enable(client, EV_READ | EV_WRITE);
    bufferevent_enable(server, EV_READ | EV_WRITE);
    set_timer(connection, CONNECTION_IDLE_SECONDS / 2);
    if (evbuffer_get_length(bufferevent_get_input(client)) > 0)
        on_read(client, connection); /* what came behind the head */
}

static void connect_next(struct connection *connection)
{
    connection->state = CONNECTING;
    while (connection->next < connection->count) {
        const struct sockaddr_storage *address = &connection->addresses[connection->next++];

        if (connection->server != NULL)
            bufferevent_free(connection->server);
        connection->server = bufferevent_socket_new(
            connection->rules->base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
        bufferevent_setcb(connection->server, on_read, on_written, on_event, connection);
        set_timer(connection, CONNECTION_CONNECT_SECONDS);
        errno = 0;
        if (bufferevent_socket_connect(connection->server, (const struct sockaddr *)address,
                                       (int)size_of(address)) == 0)
            return;
        connection->last_errno = errno;
    }
    if (connection->server != NULL)
        bufferevent_free(TAKE_PTR(connection->server));
    fail(connection, connection->last_errno == ETIMEDOUT ? 504 : 502,
         connection->last_errno ? strerror(connection->last_errno) : "cannot connect");
}

/* --- bytes, both ways ------------------------------------------------------------------------ */

static struct bufferevent *other(const struct connection *connection, const struct bufferevent *end)
{
    return end == connection->client ? connection->server : connection->client;
}

static void pass_on(struct connection *connection, struct bufferevent *from)
{
    struct bufferevent *to = other(connection, from);
    struct evbuffer *in = bufferevent_get_input(from), *out = bufferevent_get_output(to);
    struct egress_counts *counts = connection->rules->counts;

    connection->active = true;
    *(to == connection->server ? &counts->bytes_sent : &counts->bytes_received) +=
        evbuffer_get_length(in);
    if (connection->shut[to == connection->server]) {
        evbuffer_drain(in, SIZE_MAX);
        return;
    }
    bufferevent_write_buffer(to, in);
    if (evbuffer_get_length(out) >= CONNECTION_BYTES_MAX) {
        bufferevent_disable(from, EV_READ);
        bufferevent_setwatermark(to, EV_WRITE, CONNECTION_BYTES_MAX / 2, 0);
    }
}

static void on_read(struct bufferevent *from, void *arg)
{
    struct connection *connection = arg;

    if (connection->state == READING)
        read_head(connection);
    else if (connection->state == PASSING)
        pass_on(connection, from);
    else if (connection->state == LINGERING)
        evbuffer_drain(bufferevent_get_input(from), SIZE_MAX);
}

/* `to` has sent all that it had: whose other end has closed gets its end too. */
static void close_half(struct connection *connection, struct bufferevent *to)
{
    const int to_server = to == connection->server;

    if (!connection->eof[!to_server] || connection->shut[to_server] ||
        evbuffer_get_length(bufferevent_get_output(to)) > 0)
        return;
    connection->shut[to_server] = true;
    shutdown(bufferevent_getfd(to), SHUT_WR);
    if (connection->shut[0] && connection->shut[1])
        end(connection);
    else
        set_timer(connection, CONNECTION_HALF_SECONDS);
}

static void on_written(struct bufferevent *to, void *arg)
{
    struct connection *connection = arg;
    struct bufferevent *from;

    if (connection->state == FLUSHING) {
        if (evbuffer_get_length(bufferevent_get_output(to)) > 0)
            return;
        connection->state = LINGERING;
        shutdown(bufferevent_getfd(to), SHUT_WR);
        bufferevent_setwatermark(to, EV_READ, 0, CONNECTION_BYTES_MAX);
        evbuffer_drain(bufferevent_get_input(to), SIZE_MAX);
        bufferevent_enable(to, EV_READ);
        set_timer(connection, LINGER_SECONDS);
    } else if (connection->state == PASSING) {
        from = other(connection, to);
        connection->active = true;
        bufferevent_setwatermark(to, EV_WRITE, 0, 0);
        if (!connection->eof[from == connection->server])
            bufferevent_enable(from, EV_READ);
        close_half(connection, to);
    }
}

static void on_closed(struct connection *connection, struct bufferevent *from, short what)
{
    struct bufferevent *to = other(connection, from);
    const int is_server = from == connection->server;

    if (what & BEV_EVENT_ERROR) {
        if (!is_server) {
            end(connection);
            return;
        }
        /* What came before the reset is still the client's. */
        bufferevent_free(TAKE_PTR(connection->server));
        flush(connection);
        return;
    }
    connection->eof[is_server] = true;
    bufferevent_disable(from, EV_READ);
    close_half(connection, to);
}

static void on_event(struct bufferevent *at, short what, void *arg)
{
    struct connection *connection = arg;

    switch (connection->state) {
    case CONNECTING:
        if (at == connection->client) {
            end(connection);
        } else if (what & BEV_EVENT_CONNECTED) {
            connected(connection);
        } else {
            connection->last_errno = EVUTIL_SOCKET_ERROR();
            connect_next(connection);
        }
        return;
    case PASSING:
        if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
            on_closed(connection, at, what);
        return;
    case READING:
    case LOOKING:
    case FLUSHING:
    case LINGERING:
        end(connection);
        return;
    }
}

/* --- the whole ------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;

    (void)fd;
    (void)what;
    switch (connection->state) {
    case READING:
        refuse(connection, 408, "the head of the request did not come within %d s",
               CONNECTION_HEAD_SECONDS);
        return;
    case CONNECTING:
        connection->last_errno = ETIMEDOUT;
        connect_next(connection);
        return;
    case PASSING:
        if (!connection->active)
            end(connection);
        else
            set_timer(connection, connection->shut[0] || connection->shut[1]
                                      ? CONNECTION_HALF_SECONDS
                                      : CONNECTION_IDLE_SECONDS / 2);
        return;
    case LOOKING:
    case FLUSHING:
    case LINGERING:
        end(connection);
        return;
    }
}

struct connection *connection_new(int fd, struct connection_rules *rules, connection_ended *ended,
                                  void *arg)
{
    struct connection *connection = xcalloc(1, sizeof(*connection));

    connection->rules = rules;
    connection->ended = ended;
    connection->arg = arg;
    connection->head.forward = (struct buf)BUF_INIT;
    /* Deferred: no callback runs within a call of this file. */
    connection->client =
        bufferevent_socket_new(rules->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    connection->timer = evtimer_new(rules->base, on_timer, connection);
    bufferevent_setcb(connection->client, on_read, on_written, on_event, connection);
    bufferevent_setwatermark(connection->client, EV_READ, 0, PROXY_HEAD_BYTES_MAX);
    bufferevent_enable(connection->client, EV_READ | EV_WRITE);
    set_timer(connection, CONNECTION_HEAD_SECONDS);
    return connection;
}

void connection_free(struct connection *connection)
{
    if (connection == NULL)
        return;
    resolver_forget(connection->query);
    event_free(connection->timer);
    bufferevent_free(connection->client);
    if (connection->server != NULL)
        bufferevent_free(connection->server);
    proxy_head_release(&connection->head);
    free(connection);
}
