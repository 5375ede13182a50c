#include "egress/resolver.h"

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define TRY_MS 3000
#define TRIES 2

struct watched {
    LIST_ENTRY(watched) next;
    struct channel *channel;
    ares_socket_t fd;
    struct event *event;
};

/* What c-ares has read of the host. Replaced when that changes; the last query takes it along. */
struct channel {
    struct resolver *resolver;
    ares_channel ares;
    struct timespec read; /* when resolv.conf was changed */
    struct event *timer;
    int queries;
    LIST_HEAD(, watched) watched;
};

struct resolver_query {
    LIST_ENTRY(resolver_query) next;
    struct channel *channel;
    uint16_t port;
    resolver_done *done; /* NULL: forgotten */
    void *arg;
    struct event *turn; /* answers from the loop, or ends a query that takes too long */
    bool answered;
    struct error err;
    struct sockaddr_storage addresses[RESOLVER_ADDRESSES_MAX];
    size_t count;
};

struct resolver {
    struct event_base *base;
    const char *resolv_conf; /* NULL: the host's */
    struct channel *current;
    size_t count;
    LIST_HEAD(, resolver_query) queries;
};

/* --- the channel ----------------------------------------------------------------------------- */

static void set_timer(struct channel *channel)
{
    struct timeval most = {.tv_sec = TRY_MS / 1000}, wait;

    if (channel->queries == 0)
        evtimer_del(channel->timer);
    else
        evtimer_add(channel->timer, ares_timeout(channel->ares, &most, &wait));
}

static void process(struct channel *channel, ares_socket_t readable, ares_socket_t writable)
{
    ares_process_fd(channel->ares, readable, writable);
    set_timer(channel);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    process(arg, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

static void watched_free(struct watched *watched)
{
    LIST_REMOVE(watched, next);
    event_free(watched->event);
    free(watched);
}

static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct channel *channel = arg;
    struct watched *watched;

    LIST_FOREACH(watched, &channel->watched, next)
    {
        if (watched->fd == fd)
            break;
    }
    if (watched != NULL)
        watched_free(watched);
    if (!readable && !writable)
        return;
    watched = xcalloc(1, sizeof(*watched));
    watched->channel = channel;
    watched->fd = fd;
    watched->event =
        event_new(channel->resolver->base, fd,
                  (short)(EV_PERSIST | (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0)),
                  on_socket, channel);
    event_add(watched->event, NULL);
    LIST_INSERT_HEAD(&channel->watched, watched, next);
}

static void channel_free(struct channel *channel)
{
    if (channel == NULL)
        return;
    ares_destroy(channel->ares); /* calls back what it has under way */
    while (!LIST_EMPTY(&channel->watched))
        watched_free(LIST_FIRST(&channel->watched)); // NOLINT
    event_free(channel->timer);
    free(channel);
}

static struct timespec changed_at(const struct resolver *resolver)
{
    struct stat st;

    if (stat(resolver->resolv_conf ? resolver->resolv_conf : RESOLV_CONF, &st) < 0)
        return (struct timespec){0};
    return st.st_mtim;
}

static struct channel *channel_new(struct resolver *resolver, struct error *err)
{
    struct channel *channel = xcalloc(1, sizeof(*channel));
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH,
                                   .timeout = TRY_MS,
                                   .tries = TRIES,
                                   .sock_state_cb = on_state,
                                   .sock_state_cb_data = channel};
    /* No list of domains: ares_getaddrinfo of 1.18 goes by it in spite of the flag. */
    int mask = ARES_OPT_DOMAINS | ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
               ARES_OPT_SOCK_STATE_CB;
    int rc;

    channel->resolver = resolver;
    channel->read = changed_at(resolver);
    LIST_INIT(&channel->watched);
    if (resolver->resolv_conf != NULL) {
        options.resolvconf_path = (char *)resolver->resolv_conf;
        mask |= ARES_OPT_RESOLVCONF;
    }
    rc = ares_init_options(&channel->ares, &options, mask);
    if (rc != ARES_SUCCESS) {
        free(channel);
        error_set(err, ERROR_UNAVAILABLE, NULL, "cannot set up the resolver: %s",
                  ares_strerror(rc));
        return NULL;
    }
    channel->timer = evtimer_new(resolver->base, on_timer, channel);
    return channel;
}

/* After a change of the host's resolvers the next query asks the new ones. */
static struct channel *current_channel(struct resolver *resolver)
{
    struct timespec now = changed_at(resolver);
    struct channel *old = resolver->current, *new;
    struct error err = ERROR_INIT;

    if (now.tv_sec == old->read.tv_sec && now.tv_nsec == old->read.tv_nsec)
        return old;
    new = channel_new(resolver, &err);
    if (new == NULL) {
        log_error("resolver_not_read", &err);
        return old;
    }
    resolver->current = new;
    if (old->queries == 0)
        channel_free(old);
    return new;
}

/* --- queries --------------------------------------------------------------------------------- */

static void query_free(struct resolver_query *query)
{
    struct channel *channel = query->channel;

    channel->resolver->count--;
    LIST_REMOVE(query, next);
    event_free(query->turn);
    free(query);
    if (--channel->queries == 0 && channel != channel->resolver->current)
        channel_free(channel);
}

/* Its answer is there, or its time is over. c-ares knows the query until it has answered. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct resolver_query *query = arg;
    resolver_done *done = query->done;

    (void)fd;
    (void)what;
    if (!query->answered)
        error_set(&query->err, ERROR_UNAVAILABLE, NULL, "the name server does not answer");
    query->done = NULL;
    if (done != NULL)
        done(query->err.kind == ERROR_NONE ? NULL : &query->err, query->addresses, query->count,
             query->arg);
    if (query->answered)
        query_free(query);
}

static void take_addresses(struct resolver_query *query, const struct ares_addrinfo *result)
{
    for (const struct ares_addrinfo_node *node = result->nodes;
         node != NULL && query->count < RESOLVER_ADDRESSES_MAX; node = node->ai_next) {
        struct sockaddr_storage *address = &query->addresses[query->count];

        if (node->ai_addrlen > sizeof(*address))
            continue;
        memcpy(address, node->ai_addr, node->ai_addrlen);
        if (address->ss_family == AF_INET)
            ((struct sockaddr_in *)address)->sin_port = htons(query->port);
        else if (address->ss_family == AF_INET6)
            ((struct sockaddr_in6 *)address)->sin6_port = htons(query->port);
        else
            continue;
        query->count++;
    }
}

static bool is_no_such_name(int status)
{
    return status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_ENONAME ||
           status == ARES_EBADNAME;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    struct resolver_query *query = arg;

    (void)timeouts;
    query->answered = true;
    if (status == ARES_SUCCESS)
        take_addresses(query, result);
    if (result != NULL)
        ares_freeaddrinfo(result);
    if (status == ARES_EDESTRUCTION)
        return; /* resolver_free frees it */
    if (is_no_such_name(status) || (status == ARES_SUCCESS && query->count == 0))
        error_set(&query->err, ERROR_NOT_FOUND, NULL, "there is no address of that name");
    else if (status != ARES_SUCCESS)
        error_set(&query->err, ERROR_UNAVAILABLE, NULL, "the name cannot be looked up: %s",
                  ares_strerror(status));
    evtimer_del(query->turn);
    event_active(query->turn, EV_TIMEOUT, 0);
}

struct resolver_query *resolver_ask(struct resolver *resolver, const char *name, uint16_t port,
                                    resolver_done *done, void *arg, struct error *err)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const struct timeval most = {.tv_sec = RESOLVER_SECONDS};
    struct resolver_query *query;
    struct channel *channel;

    if (resolver->count >= RESOLVER_QUERIES_MAX) {
        error_set(err, ERROR_LIMIT, NULL, "%d names are being looked up", RESOLVER_QUERIES_MAX);
        return NULL;
    }
    channel = current_channel(resolver);
    query = xcalloc(1, sizeof(*query));
    query->channel = channel;
    query->port = port;
    query->done = done;
    query->arg = arg;
    query->turn = evtimer_new(resolver->base, on_turn, query);
    evtimer_add(query->turn, &most);
    LIST_INSERT_HEAD(&resolver->queries, query, next);
    resolver->count++;
    channel->queries++;
    ares_getaddrinfo(channel->ares, name, NULL, &hints, on_answer, query);
    set_timer(channel);
    return query;
}

void resolver_forget(struct resolver_query *query)
{
    if (query != NULL)
        query->done = NULL;
}

struct resolver *resolver_new(struct event_base *base, const char *resolv_conf, struct error *err)
{
    struct resolver *resolver = xcalloc(1, sizeof(*resolver));
    int rc = ares_library_init(ARES_LIB_INIT_ALL);

    resolver->base = base;
    resolver->resolv_conf = resolv_conf;
    LIST_INIT(&resolver->queries);
    if (rc != ARES_SUCCESS)
        error_set(err, ERROR_INTERNAL, NULL, "cannot set up c-ares: %s", ares_strerror(rc));
    else
        resolver->current = channel_new(resolver, err);
    if (resolver->current == NULL) {
        free(resolver);
        return NULL;
    }
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    struct resolver_query *query;

    if (resolver == NULL)
        return;
    /* Those of replaced channels go with their last query. */
    while ((query = LIST_FIRST(&resolver->queries)) != NULL) {
        if (!query->answered)                  /* NOLINT(clang-analyzer-unix.Malloc) */
            ares_cancel(query->channel->ares); // NOLINT
        query_free(query);
    }
    channel_free(resolver->current);
    ares_library_cleanup();
    free(resolver);
}
