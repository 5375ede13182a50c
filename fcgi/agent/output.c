#include "agent/output.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/output_drain.h"
#include "base/cleanup.h"

#include "base/banned.h"

#define READ_SIZE (64 * 1024)

DEFINE_CLEANUP(struct event *, free_event, event_free)

int output_open(struct output *output, int *ret_end, struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    output->fd = ends[0];
    *ret_end = ends[1];
    return evutil_make_socket_nonblocking(output->fd);
}

static void output_close(struct output *output)
{
    free_event(&output->event);
    output->event = NULL;
    close_fd(&output->fd);
}

void output_release(struct output *output)
{
    output_close(output);
    capture_release(&output->capture);
}

/* Reads what is there, at most `most` bytes. False at the end of the stream. */
static bool output_read(struct output *output, size_t most)
{
    static char bytes[READ_SIZE]; /* one for all: the agent has one thread and little memory */

    while (most > 0) {
        ssize_t got = read(output->fd, bytes, most < READ_SIZE ? most : READ_SIZE);

        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return false;
        capture_add(&output->capture, bytes, (size_t)got);
        most -= (size_t)got;
    }
    return true;
}

static void output_ready(evutil_socket_t fd, short what, void *arg)
{
    struct output *output = arg;

    (void)fd;
    (void)what;
    if (!output_read(output, READ_SIZE))
        output_close(output);
}

void output_watch(struct output *output, struct event_base *base)
{
    output->event = event_new(base, output->fd, EV_READ | EV_PERSIST, output_ready, output);
    event_add(output->event, NULL);
}

void output_finish(struct output *output, struct output_drain *drain, struct capture_text *text)
{
    if (output->fd >= 0) {
        /* No more than fits into the pipe was written before the end. */
        int size = fcntl(output->fd, F_GETPIPE_SZ);
        bool open = output_read(output, size > 0 ? (size_t)size : READ_SIZE);

        free_event(&output->event);
        output->event = NULL;
        if (open)
            output_drain_add(drain, TAKE_FD(output->fd));
        output_close(output);
    }
    capture_end(&output->capture, text);
}
