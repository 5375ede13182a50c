#include "agent/output_drain.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

struct stream {
    TAILQ_ENTRY(stream) links;
    struct output_drain *owner;
    int fd;
    struct event *event;
};

struct output_drain {
    struct event_base *base;
    TAILQ_HEAD(, stream) streams;
    int count;
};

static void stream_free(struct stream *stream)
{
    TAILQ_REMOVE(&stream->owner->streams, stream, links);
    stream->owner->count--;
    event_free(stream->event);
    close(stream->fd);
    free(stream);
}

static void stream_ready(evutil_socket_t fd, short what, void *arg)
{
    static char bytes[64 * 1024];
    ssize_t got = read(fd, bytes, sizeof(bytes));

    (void)what;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        stream_free(arg);
}

struct output_drain *output_drain_new(struct event_base *base)
{
    struct output_drain *drain = xcalloc(1, sizeof(*drain));

    drain->base = base;
    TAILQ_INIT(&drain->streams);
    return drain;
}

void output_drain_add(struct output_drain *drain, int fd)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));

    if (drain->count == OUTPUT_DRAIN_MOST)
        stream_free(TAILQ_FIRST(&drain->streams));
    stream->owner = drain;
    stream->fd = fd;
    stream->event = event_new(drain->base, fd, EV_READ | EV_PERSIST, stream_ready, stream);
    event_add(stream->event, NULL);
    TAILQ_INSERT_TAIL(&drain->streams, stream, links);
    drain->count++;
}
