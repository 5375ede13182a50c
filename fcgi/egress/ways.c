#include "egress/ways.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "egress/connection.h"

#include "base/banned.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define TAKEN_AT_ONCE 8 /* of one container, between two looks at everything else */
#define AGAIN_SECONDS 1 /* after accept(2) failed */

struct taken {
    LIST_ENTRY(taken) next;
    struct way *way;
    struct connection *connection;
};

struct way {
    LIST_ENTRY(way) next;
    struct ways *ways;
    struct connection_rules rules;
    int fd;
    struct event *listener, *again;
    size_t count;
    bool paused; /* it has all the connections that it may have */
    LIST_HEAD(, taken) taken;
};

struct ways {
    struct event_base *base;
    struct resolver *resolver;
    const char *always;
    size_t most, count, way_count;
    bool closed;
    struct egress_counts counts;
    LIST_HEAD(, way) ways;
};

/* --- connections ----------------------------------------------------------------------------- */

static bool is_full(const struct way *way)
{
    return way->count >= WAYS_CONNECTIONS_MAX || way->ways->count >= way->ways->most;
}

static void resume(struct way *way)
{
    if (!way->paused || is_full(way))
        return;
    way->paused = false;
    event_add(way->listener, NULL);
}

static void resume_all(struct ways *ways)
{
    struct way *way;

    LIST_FOREACH(way, &ways->ways, next)
    {
        resume(way); /* NOLINT(clang-analyzer-unix.Malloc) */
    }
}

static void pause_way(struct way *way)
{
    way->paused = true;
    event_del(way->listener);
}

static void taken_free(struct taken *taken)
{
    LIST_REMOVE(taken, next);
    taken->way->count--;
    taken->way->ways->count--;
    free(taken);
}

static void on_ended(struct connection *connection, void *arg)
{
    struct taken *taken = arg;
    struct ways *ways = taken->way->ways;
    const bool all_were_full = ways->count >= ways->most;
    struct way *way = taken->way;

    (void)connection;
    taken_free(taken);
    resume(way);
    if (all_were_full)
        resume_all(ways);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    resume(arg);
}

static void on_connect(evutil_socket_t listener, short what, void *arg)
{
    static const struct timeval pause = {.tv_sec = AGAIN_SECONDS};
    struct way *way = arg;

    (void)what;
    for (int i = 0; i < TAKEN_AT_ONCE; i++) {
        struct taken *taken;
        int fd;

        if (is_full(way)) {
            pause_way(way);
            return;
        }
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
            return;
        if (fd < 0) { /* this process or the host is short of something */
            pause_way(way);
            evtimer_add(way->again, &pause);
            return;
        }
        taken = xcalloc(1, sizeof(*taken));
        taken->way = way;
        LIST_INSERT_HEAD(&way->taken, taken, next);
        way->count++;
        way->ways->count++;
        taken->connection = connection_new(fd, &way->rules, on_ended, taken);
    }
}

/* Those that may not stay, or all. */
static void end_connections(struct way *way, bool all)
{
    struct taken *taken, *next;

    for (taken = LIST_FIRST(&way->taken); taken != NULL; taken = next) {
        next = LIST_NEXT(taken, next);
        if (!all && connection_may_stay(taken->connection))
            continue;
        connection_free(taken->connection);
        taken_free(taken);
    }
}

/* --- ways ------------------------------------------------------------------------------------ */

static struct way *find(const struct ways *ways, const char *container)
{
    struct way *way;

    LIST_FOREACH(way, &ways->ways, next)
    {
        if (strcmp(way->rules.container, container) == 0)
            return way;
    }
    return NULL;
}

static void way_free(struct way *way)
{
    end_connections(way, true);
    LIST_REMOVE(way, next);
    way->ways->way_count--;
    event_free(way->listener);
    event_free(way->again);
    close(way->fd);
    free(way);
}

static uint64_t network_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);

    return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0 ? 0 : cookie;
}

/* Of the host's own network nothing is served, whoever asks: what listens there is anybody's. */
static int check_listener(int fd, struct error *err)
{
    _cleanup_(close_fd) int ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address), length = sizeof(int);
    int listens = 0, type = 0;
    uint64_t theirs = network_of(fd);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 || listens == 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM)
        return error_set(err, ERROR_INVALID, NULL, "the descriptor is no listening socket");
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 || address.sin_family != AF_INET ||
        address.sin_addr.s_addr != htonl(INADDR_LOOPBACK) || address.sin_port != htons(EGRESS_PORT))
        return error_set(err, ERROR_INVALID, NULL, "the socket does not listen on 127.0.0.1:%d",
                         EGRESS_PORT);
    if (theirs == 0 || ours < 0 || theirs == network_of(ours))
        return error_set(err, ERROR_INVALID, NULL, "the socket is of this host's own network");
    return 0;
}

static struct way *way_new(struct ways *ways, const char *container, int fd)
{
    struct way *way = xcalloc(1, sizeof(*way));

    way->ways = ways;
    way->fd = fd;
    way->rules.base = ways->base;
    way->rules.resolver = ways->resolver;
    way->rules.counts = &ways->counts;
    way->rules.always = ways->always;
    way->rules.closed = ways->closed;
    memcpy(way->rules.container, container, strlen(container) + 1);
    LIST_INIT(&way->taken);
    way->listener = event_new(ways->base, fd, EV_READ | EV_PERSIST, on_connect, way);
    way->again = evtimer_new(ways->base, on_again, way);
    LIST_INSERT_HEAD(&ways->ways, way, next);
    ways->way_count++;
    event_add(way->listener, NULL);
    return way;
}

enum egress_status ways_set(struct ways *ways, const char *container, const char *policy, int fd,
                            struct error *err)
{
    _cleanup_(close_fd) int given = fd;
    struct way *way = find(ways, container);

    if (given >= 0) {
        if (check_listener(given, err) < 0)
            return EGRESS_REFUSED;
        if (way != NULL)
            way_free(way); /* the container is another, of the same id, or its socket was lost */
        else if (ways->way_count >= WAYS_MAX) {
            error_set(err, ERROR_LIMIT, NULL, "there are %d containers", WAYS_MAX);
            return EGRESS_REFUSED;
        }
        way = way_new(ways, container, TAKE_FD(given));
    }
    if (way == NULL)
        return EGRESS_UNKNOWN;
    memcpy(way->rules.policy, policy, strlen(policy) + 1);
    end_connections(way, false);
    resume_all(ways);
    return EGRESS_OK;
}

void ways_drop(struct ways *ways, const char *container)
{
    struct way *way = find(ways, container);

    if (way != NULL)
        way_free(way);
    resume_all(ways);
}

void ways_close(struct ways *ways, bool closed)
{
    struct way *way;

    ways->closed = closed;
    LIST_FOREACH(way, &ways->ways, next)
    {
        way->rules.closed = closed;
        end_connections(way, false);
    }
    resume_all(ways);
}

bool ways_are_closed(const struct ways *ways)
{
    return ways->closed;
}

struct ways *ways_new(struct event_base *base, struct resolver *resolver, const char *always,
                      size_t most)
{
    struct ways *ways = xcalloc(1, sizeof(*ways));

    ways->base = base;
    ways->resolver = resolver;
    ways->always = always;
    ways->most = most;
    LIST_INIT(&ways->ways);
    return ways;
}

void ways_free(struct ways *ways)
{
    if (ways == NULL)
        return;
    while (!LIST_EMPTY(&ways->ways))
        way_free(LIST_FIRST(&ways->ways)); // NOLINT
    free(ways);
}

const struct egress_counts *ways_counts(const struct ways *ways)
{
    return &ways->counts;
}
