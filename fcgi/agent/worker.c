#include "agent/worker.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/util.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "agent/process.h"
#include "agent/request.h"
#include "base/cleanup.h"
#include "base/descriptors.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define READ_SIZE (128 * 1024)
#define FRAME_MOST (64 * 1024)
#define TRIM_FROM (64 * 1024)

/* What travels through the pipe: status 0 is data (its end if empty), 1 is WORKER_COMMITS, else a
 * whole answer. */
struct frame {
    uint32_t status;
    uint32_t length;
};

struct worker {
    TAILQ_ENTRY(worker) links;
    struct workers *workers;
    struct evhttp_request *req;
    pid_t pid; /* 0 once it was waited for */
    int fd;
    const char *type; /* of the data that it sends */
    bool begun;       /* a 200 answer is on its way */
    struct evbuffer *input;
    struct event *ready;
    struct event *limit;
};

struct workers {
    struct event_base *base;
    TAILQ_HEAD(, worker) list;
};

struct workers *workers_new(struct event_base *base)
{
    struct workers *workers = xcalloc(1, sizeof(*workers));

    workers->base = base;
    TAILQ_INIT(&workers->list);
    return workers;
}

void workers_reaped(struct workers *workers, pid_t pid)
{
    struct worker *worker;

    TAILQ_FOREACH(worker, &workers->list, links)
    if (worker->pid == pid)
        worker->pid = 0;
}

/* Gives the request back to the caller, who answers or drops it. */
static struct evhttp_request *worker_free(struct worker *worker)
{
    struct evhttp_request *req = worker->req;
    struct evhttp_connection *connection = evhttp_request_get_connection(req);

    if (connection)
        evhttp_connection_set_closecb(connection, NULL, NULL);
    if (worker->pid)
        kill(worker->pid, SIGKILL);
    TAILQ_REMOVE(&worker->workers->list, worker, links);
    event_free(worker->ready);
    event_free(worker->limit);
    evbuffer_free(worker->input);
    close(worker->fd);
    free(worker);
    return req;
}

/* evhttp has taken the request off the connection; to end it means to free it. */
static void client_gone(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    evhttp_send_reply_end(worker_free(arg));
}

static void worker_fail(struct worker *worker, const char *message)
{
    bool begun = worker->begun;
    struct evhttp_request *req = worker_free(worker);
    struct evhttp_connection *connection = evhttp_request_get_connection(req);

    if (!begun)
        request_message(req, AGENT_STATUS_BUSY, message);
    else if (connection)
        evhttp_connection_free(connection); /* without the last chunk: the client sees the cut */
    else
        evhttp_send_reply_end(req);
}

static void limit_reached(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    worker_fail(arg, "the operation took too long");
}

static void piece_sent(struct evhttp_connection *connection, void *arg);

/* Is there a whole frame? Then its head is taken off. */
static bool frame_next(struct evbuffer *input, struct frame *frame)
{
    if (evbuffer_copyout(input, frame, sizeof(*frame)) < (ev_ssize_t)sizeof(*frame) ||
        evbuffer_get_length(input) < sizeof(*frame) + frame->length)
        return false;
    evbuffer_drain(input, sizeof(*frame));
    return true;
}

static char *frame_text(struct evbuffer *input, const struct frame *frame)
{
    char *text = xmalloc(frame->length + 1);

    evbuffer_remove(input, text, frame->length);
    text[frame->length] = '\0';
    return text;
}

bool worker_frame(struct evbuffer *input, int *ret_status, char **json)
{
    struct frame frame;

    if (!frame_next(input, &frame))
        return false;
    *ret_status = (int)frame.status;
    free(*json);
    *json = frame_text(input, &frame);
    return true;
}

/* Passes on one frame, if it is there as a whole. */
static void pass_on(struct worker *worker)
{
    struct evbuffer *piece;
    struct frame frame;

    if (!frame_next(worker->input, &frame))
        return;
    if (frame.status) {
        _cleanup_(free_ptr) char *json = frame_text(worker->input, &frame);

        request_json(worker_free(worker), (int)frame.status, json);
        return;
    }
    if (!worker->begun) {
        worker->begun = true;
        event_del(worker->limit);
        request_header(worker->req, "Content-Type", "%s", worker->type);
        evhttp_send_reply_start(worker->req, 200, NULL);
    }
    if (frame.length == 0) {
        evhttp_send_reply_end(worker_free(worker));
        return;
    }
    piece = evbuffer_new();
    evbuffer_remove_buffer(worker->input, piece, frame.length);
    event_del(worker->ready);
    evhttp_send_reply_chunk_with_cb(worker->req, piece, piece_sent, worker);
    evbuffer_free(piece);
}

/* The client has taken the last piece. */
static void piece_sent(struct evhttp_connection *connection, void *arg)
{
    struct worker *worker = arg;

    (void)connection;
    event_add(worker->ready, NULL);
    pass_on(worker);
}

static void child_ready(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    int got = evbuffer_read(worker->input, fd, READ_SIZE);

    (void)what;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        worker_fail(worker, "the operation was killed");
    else
        pass_on(worker);
}

static int kept_fd = -1;

void worker_keep(int fd)
{
    kept_fd = fd;
}

static _Noreturn void child_run(struct evhttp_request *req, worker_run *run, int out)
{
    const int kept[] = {out, kept_fd};

    descriptors_close_all_but(kept, kept_fd < 0 ? 1 : 2);
    process_short_turns(false); /* there may be much to do */
    run(req, out);
    _exit(0);
}

int worker_fork(struct evhttp_request *req, worker_run *run, pid_t *ret_pid, int *ret_fd,
                struct error *err)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(req);
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "there are no free descriptors");
    pid = fork();
    if (pid == 0)
        child_run(req, run, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_set(err, ERROR_UNAVAILABLE, NULL, "cannot create a process");
    }
    /* The child has its copy of the body; ours, which may be large, goes back to the system. */
    if (evbuffer_get_length(input) > TRIM_FROM) {
        evbuffer_drain(input, evbuffer_get_length(input));
        malloc_trim(0);
    }
    evutil_make_socket_nonblocking(ends[0]);
    *ret_pid = pid;
    *ret_fd = ends[0];
    return 0;
}

void worker_start(struct workers *workers, struct evhttp_request *req, worker_run *run,
                  const char *type, int seconds)
{
    const struct timeval limit = {.tv_sec = seconds};
    struct error err = ERROR_INIT;
    struct worker *worker;
    pid_t pid;
    int fd;

    if (worker_fork(req, run, &pid, &fd, &err) < 0) {
        request_message(req, AGENT_STATUS_BUSY, err.message);
        return;
    }
    worker = xcalloc(1, sizeof(*worker));
    worker->workers = workers;
    worker->req = req;
    worker->pid = pid;
    worker->fd = fd;
    worker->type = type;
    worker->input = evbuffer_new();
    worker->ready = event_new(workers->base, worker->fd, EV_READ | EV_PERSIST, child_ready, worker);
    event_add(worker->ready, NULL);
    worker->limit = evtimer_new(workers->base, limit_reached, worker);
    evtimer_add(worker->limit, &limit);
    TAILQ_INSERT_TAIL(&workers->list, worker, links);
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), client_gone, worker);
}

static void frame_send(int out, int status, const void *bytes, size_t length)
{
    struct frame frame = {.status = (uint32_t)status, .length = (uint32_t)length};
    struct error err = ERROR_INIT;

    if (fd_write_all(out, &frame, sizeof(frame), &err) < 0 ||
        fd_write_all(out, bytes, length, &err) < 0)
        _exit(1);
}

void worker_json(int out, int status, const char *json)
{
    frame_send(out, status, json, strlen(json));
}

void worker_message(int out, int status, const char *message)
{
    _cleanup_(free_ptr) char *json = request_message_json(message);

    worker_json(out, status, json);
}

void worker_commits(int out)
{
    frame_send(out, WORKER_COMMITS, "", 0);
}

/* Small pieces, of which a tree of small files has many, travel together. */
static struct {
    char bytes[FRAME_MOST];
    size_t length;
} gathered;

void worker_data(int out, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        size_t piece = FRAME_MOST - gathered.length;

        if (piece > length)
            piece = length;
        memcpy(gathered.bytes + gathered.length, at, piece);
        gathered.length += piece;
        at += piece;
        length -= piece;
        if (gathered.length == FRAME_MOST) {
            frame_send(out, 0, gathered.bytes, gathered.length);
            gathered.length = 0;
        }
    }
}

void worker_end(int out)
{
    if (gathered.length > 0)
        frame_send(out, 0, gathered.bytes, gathered.length);
    frame_send(out, 0, "", 0);
}
