#include "agent/void.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

struct drain {
    TAILQ_ENTRY(drain) links;
    struct voids *voids;
    int fd;
    struct event *event;
};

struct voids {
    struct event_base *base;
    TAILQ_HEAD(, drain) drains;
    int count;
};

static void drain_free(struct drain *drain)
{
    TAILQ_REMOVE(&drain->voids->drains, drain, links);
    drain->voids->count--;
    event_free(drain->event);
    close(drain->fd);
    free(drain);
}

static void drain_ready(evutil_socket_t fd, short what, void *arg)
{
    static char bytes[64 * 1024];
    ssize_t got = read(fd, bytes, sizeof(bytes));

    (void)what;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        drain_free(arg);
}

struct voids *voids_new(struct event_base *base)
{
    struct voids *voids = xcalloc(1, sizeof(*voids));

    voids->base = base;
    TAILQ_INIT(&voids->drains);
    return voids;
}

void voids_add(struct voids *voids, int fd)
{
    struct drain *drain = xcalloc(1, sizeof(*drain));

    if (voids->count == VOIDS_MOST)
        drain_free(TAILQ_FIRST(&voids->drains));
    drain->voids = voids;
    drain->fd = fd;
    drain->event = event_new(voids->base, fd, EV_READ | EV_PERSIST, drain_ready, drain);
    event_add(drain->event, NULL);
    TAILQ_INSERT_TAIL(&voids->drains, drain, links);
    voids->count++;
}
