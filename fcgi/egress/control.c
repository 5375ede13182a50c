#include "egress/control.h"

#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "egress/ways.h"
#include "wire/egress.h"
#include "wire/engined.h"

#include "base/banned.h"

#define MESSAGES_AT_ONCE 32

struct asker {
    LIST_ENTRY(asker) next;
    struct control *control;
    int fd;
    uid_t uid;
    struct event *readable;
};

struct control {
    struct event_base *base;
    struct ways *ways;
    uid_t asker;
    void (*look)(void *arg);
    void *arg;
    struct event *listener;
    size_t count;
    LIST_HEAD(, asker) askers;
};

static void asker_close(struct asker *asker)
{
    LIST_REMOVE(asker, next);
    asker->control->count--;
    event_free(asker->readable);
    close(asker->fd);
    free(asker);
}

static enum egress_status carry_out(struct control *control, const struct egress_request *request,
                                    int fd)
{
    struct error err = ERROR_INIT;
    enum egress_status status;

    if (request->verb == EGRESS_DROP) {
        close_fd(&fd);
        ways_drop(control->ways, request->container);
        return EGRESS_OK;
    }
    control->look(control->arg);
    if (ways_are_closed(control->ways)) {
        close_fd(&fd);
        log_event(LOG_WARNING, "set_refused", "container=%s reason=\"the firewall is missing\"",
                  request->container);
        return EGRESS_CLOSED;
    }
    status = ways_set(control->ways, request->container, request->policy, fd, &err);
    if (status == EGRESS_REFUSED)
        log_event(LOG_WARNING, "set_refused", "container=%s reason=\"%s\"", request->container,
                  err.message);
    return status;
}

/* False: the connection is at its end. */
static bool serve(struct asker *asker)
{
    static char bytes[sizeof(struct egress_request) + 1];
    struct egress_answer answer = {0};
    struct egress_request request;
    struct error err = ERROR_INIT;
    int fds[ENGINED_FDS_MAX] = {-1, -1};
    int count = 0;
    long got = engined_receive(asker->fd, bytes, sizeof(bytes), fds, &count);

    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    if (egress_request_check(bytes, (size_t)got, &request, &err) < 0 || count > 1) {
        log_event(LOG_WARNING, "request_refused", "uid=%u reason=\"%s\"", (unsigned)asker->uid,
                  err.kind == ERROR_NONE ? "more than one descriptor" : err.message);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
            close_fd(&fds[i]);
        return false;
    }
    answer.number = request.number;
    answer.status = carry_out(asker->control, &request, fds[0]);
    answer.counts = *ways_counts(asker->control->ways);
    /* Who does not read the answers for so long that there is no room for one does not get it. */
    return engined_send(asker->fd, &answer, sizeof(answer), NULL, 0) >= 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct asker *asker = arg;

    (void)fd;
    (void)what;
    for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
        errno = 0;
        if (!serve(asker)) {
            asker_close(asker);
            return;
        }
        if (errno == EAGAIN)
            return;
    }
}

static void on_connect(evutil_socket_t listener, short what, void *arg)
{
    struct control *control = arg;
    _cleanup_(close_fd) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof(peer);
    struct asker *asker;

    (void)what;
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
        (peer.uid != 0 && peer.uid != control->asker) ||
        control->count >= CONTROL_CONNECTIONS_MAX) {
        log_event(LOG_WARNING, "asker_refused", "uid=%u pid=%d connections=%zu", (unsigned)peer.uid,
                  (int)peer.pid, control->count);
        return;
    }
    asker = xcalloc(1, sizeof(*asker));
    asker->control = control;
    asker->fd = TAKE_FD(fd);
    asker->uid = peer.uid;
    asker->readable = event_new(control->base, asker->fd, EV_READ | EV_PERSIST, on_readable, asker);
    LIST_INSERT_HEAD(&control->askers, asker, next);
    control->count++;
    event_add(asker->readable, NULL);
}

struct control *control_new(struct event_base *base, struct ways *ways, int listener, uid_t asker,
                            void (*look)(void *arg), void *arg)
{
    struct control *control = xcalloc(1, sizeof(*control));

    control->base = base;
    control->ways = ways;
    control->asker = asker;
    control->look = look;
    control->arg = arg;
    LIST_INIT(&control->askers);
    control->listener = event_new(base, listener, EV_READ | EV_PERSIST, on_connect, control);
    event_add(control->listener, NULL);
    return control;
}

void control_free(struct control *control)
{
    if (control == NULL)
        return;
    while (!LIST_EMPTY(&control->askers))
        asker_close(LIST_FIRST(&control->askers)); // NOLINT
    event_free(control->listener);
    free(control);
}
