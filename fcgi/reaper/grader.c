#include "reaper/grader.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/grader_process.h"
#include "wire/suite_result.h"

#include "base/banned.h"

#define PIECE 65536 /* what a pipe holds, and what the loop does at a time */

TAILQ_HEAD(grader_list, grader);

struct graders {
    struct event_base *base;
    char *path;
    size_t most, count; /* of processes, those that are dying included */
    struct timeval limit;
    struct grader_list waiting, running;
    struct event *kick; /* there may be something to start */
};

struct grader {
    struct graders *graders;
    TAILQ_ENTRY(grader) next;
    grader_ready *ready;
    grader_done *done; /* NULL: cancelled */
    void *arg;

    pid_t pid; /* 0 until it is started */
    int in_fd, out_fd, pid_fd, tar_fd;
    struct event *on_in, *on_out, *on_end, *on_limit;

    struct buf request; /* what goes before the tar */
    size_t sent;
    off_t tar_sent;

    struct buf head; /* of the answer, with its length in front */
    struct grader_answer answer;
    struct buf result;
    struct suite_check check;
    bool ended;         /* the answer */
    struct error fault; /* of ours, or in the answer: it overrules what was said */
};

static void release_event(struct event **event)
{
    if (*event)
        event_free(TAKE_PTR(*event));
}

static void free_grader(struct grader *grader)
{
    release_event(&grader->on_in);
    release_event(&grader->on_out);
    release_event(&grader->on_end);
    release_event(&grader->on_limit);
    close_fd(&grader->in_fd);
    close_fd(&grader->out_fd);
    close_fd(&grader->pid_fd);
    grader_answer_release(&grader->answer);
    buf_release(&grader->request);
    buf_release(&grader->head);
    buf_release(&grader->result);
    free(grader);
}

/* The first fault counts. Whoever said something senseless is not listened to any more. */
static void fail(struct grader *grader, const struct error *reason)
{
    if (grader->fault.kind == ERROR_NONE)
        error_set(&grader->fault, ERROR_INTERNAL, "VERDICT_FAILED", "%s", reason->message);
    if (grader->pid > 0)
        kill(grader->pid, SIGKILL);
}

static void fail_for(struct grader *grader, const char *why)
{
    struct error reason;

    error_set(&reason, ERROR_INTERNAL, NULL, "%s", why);
    fail(grader, &reason);
}

/* --- what it says ---------------------------------------------------------------------------- */

/* Moves bytes to `head` until it has `size`. */
static void fill_head(struct grader *grader, size_t size, const char **bytes, size_t *length)
{
    size_t more = size - grader->head.length;

    more = more < *length ? more : *length;
    buf_add(&grader->head, *bytes, more);
    *bytes += more;
    *length -= more;
}

/* 1: the head is complete and read. 0: more of it must come. */
static int take_head(struct grader *grader, const char **bytes, size_t *length, struct error *err)
{
    int64_t size;

    if (grader->head.length < GRADER_LENGTH_SIZE)
        fill_head(grader, GRADER_LENGTH_SIZE, bytes, length);
    if (grader->head.length < GRADER_LENGTH_SIZE)
        return 0;
    size = grader_head_length(grader->head.data);
    if (size < 0)
        return error_set(err, ERROR_INVALID, NULL, "the head of the grader's answer is too long");
    fill_head(grader, GRADER_LENGTH_SIZE + (size_t)size, bytes, length);
    if (grader->head.length < GRADER_LENGTH_SIZE + (size_t)size)
        return 0;
    if (grader_answer_parse(grader->head.data + GRADER_LENGTH_SIZE, (size_t)size, &grader->answer,
                            err) < 0)
        return -1;
    suite_check_init(&grader->check);
    return 1;
}

static int take_bytes(struct grader *grader, const char *bytes, size_t length, struct error *err)
{
    struct grader_answer *answer = &grader->answer;
    int rc = grader->ended ? 1 : take_head(grader, &bytes, &length, err);

    if (rc <= 0)
        return rc;
    grader->ended = true; /* its head; the result is counted */
    if (length > (size_t)answer->length - grader->result.length)
        return error_set(err, ERROR_INVALID, NULL,
                         "the grader's answer is longer than it announced");
    if (suite_check_feed(&grader->check, bytes, length) < 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "the grader's result does not have the expected form");
    buf_add(&grader->result, bytes, length);
    return 0;
}

/* The number of bytes read; 0 at the end or when there is nothing now. */
static size_t read_answer(struct grader *grader)
{
    char bytes[PIECE];
    struct error err = ERROR_INIT;
    ssize_t got = read(grader->out_fd, bytes, sizeof(bytes));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0) {
        release_event(&grader->on_out); /* its end follows */
        return 0;
    }
    if (grader->fault.kind == ERROR_NONE && take_bytes(grader, bytes, (size_t)got, &err) < 0)
        fail(grader, &err);
    return (size_t)got;
}

static void on_answer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    read_answer(arg);
}

/* Of a grader that has ended: was that an answer? */
static void check_answer(struct grader *grader, int status)
{
    const struct grader_answer *answer = &grader->answer;
    struct error reason;

    if (WIFSIGNALED(status))
        error_set(&reason, ERROR_INTERNAL, NULL, "the grader was killed by signal %d",
                  WTERMSIG(status));
    else if (status != 0)
        error_set(&reason, ERROR_INTERNAL, NULL, "the grader ended with status %d",
                  WEXITSTATUS(status));
    else if (!grader->ended || grader->result.length < (size_t)answer->length)
        error_set(&reason, ERROR_INTERNAL, NULL, "the grader's answer was cut off");
    else if (answer->error.kind == ERROR_NONE &&
             (!suite_check_end(&grader->check) || grader->check.is_success != answer->success))
        error_set(&reason, ERROR_INTERNAL, NULL, "the grader's result contradicts itself");
    else
        return;
    fail(grader, &reason);
}

/* --- its end --------------------------------------------------------------------------------- */

/* Calls back and frees. The callback may start and cancel others. */
static void finish(struct grader *grader)
{
    struct graders *graders = grader->graders;
    struct grader_answer *answer = &grader->answer;
    const struct error *err = grader->fault.kind != ERROR_NONE   ? &grader->fault
                              : answer->error.kind != ERROR_NONE ? &answer->error
                                                                 : NULL;
    struct grader_verdict verdict = {.success = answer->success};

    if (!err) {
        verdict.reason = TAKE_PTR(answer->reason);
        verdict.result_length = grader->result.length;
        verdict.result = buf_take(&grader->result);
    }
    if (grader->done)
        grader->done(err, err ? NULL : &verdict, grader->arg);
    free(verdict.reason);
    free(verdict.result);
    free_grader(grader);
    event_active(graders->kick, EV_TIMEOUT, 0);
}

static int reap(struct grader *grader)
{
    int status = 0;

    while (waitpid(grader->pid, &status, 0) < 0 && errno == EINTR)
        ;
    grader->pid = 0;
    grader->graders->count--;
    TAILQ_REMOVE(&grader->graders->running, grader, next);
    return status;
}

static void on_end(evutil_socket_t fd, short events, void *arg)
{
    struct grader *grader = arg;

    (void)fd;
    (void)events;
    while (grader->fault.kind == ERROR_NONE && read_answer(grader) > 0)
        ; /* at most what a pipe holds */
    check_answer(grader, reap(grader));
    finish(grader);
}

static void on_limit(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    fail_for(arg, "the grader did not end within its time limit");
}

/* --- what it is told ------------------------------------------------------------------------- */

/* The next piece of what it is told; *ret_length is 0 at the end. */
static int next_piece(struct grader *grader, char *room, const char **ret_bytes, size_t *ret_length)
{
    size_t left = grader->request.length - grader->sent;
    ssize_t got;

    *ret_bytes = room;
    *ret_length = 0;
    if (left > 0) {
        *ret_bytes = grader->request.data + grader->sent;
        *ret_length = left < PIECE ? left : PIECE;
        return 0;
    }
    if (grader->tar_fd < 0)
        return 0;
    got = pread(grader->tar_fd, room, PIECE, grader->tar_sent);
    if (got < 0)
        return -1;
    *ret_length = (size_t)got;
    return 0;
}

static void stop_telling(struct grader *grader)
{
    release_event(&grader->on_in);
    close_fd(&grader->in_fd);
}

static void on_room(evutil_socket_t fd, short events, void *arg)
{
    struct grader *grader = arg;
    char room[PIECE];
    const char *bytes;
    size_t length;
    ssize_t put;

    (void)events;
    if (next_piece(grader, room, &bytes, &length) < 0) {
        fail_for(grader, "the archive of reports cannot be read again");
        stop_telling(grader);
        return;
    }
    if (length == 0) {
        int tar_end = grader->tar_fd < 0 ? TAKE_FD(grader->in_fd) : -1;

        stop_telling(grader);
        buf_release(&grader->request);
        grader->request = (struct buf)BUF_INIT;
        grader->sent = 0;
        if (tar_end >= 0)
            grader->ready(tar_end, grader->arg); /* which may cancel */
        return;
    }
    put = write(fd, bytes, length);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (put < 0) /* it has made up its mind, or died; its end tells which */
        stop_telling(grader);
    else if (grader->sent < grader->request.length)
        grader->sent += (size_t)put;
    else
        grader->tar_sent += put;
}

/* --- its start ------------------------------------------------------------------------------- */

static int spawn(struct grader *grader, int in, int out, struct error *err)
{
    static char *const arguments[] = {(char *)GRADER_NAME, NULL};
    const struct grader_start start = {
        .path = grader->graders->path, .arguments = arguments, .in = in, .out = out, .file = -1};

    return grader_spawn(&start, &grader->pid, err);
}

static struct event *watch(struct grader *grader, int fd, short events, event_callback_fn callback)
{
    struct event *event = event_new(grader->graders->base, fd, events, callback, grader);

    event_add(event, NULL);
    return event;
}

static int start_process(struct grader *grader, struct error *err)
{
    struct graders *graders = grader->graders;
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    int rc = grader_pipe(in, err) < 0 || grader_pipe(out, err) < 0 ||
                     spawn(grader, in[0], out[1], err) < 0
                 ? -1
                 : 0;

    close_fd(&in[0]);
    close_fd(&out[1]);
    grader->in_fd = in[1];
    grader->out_fd = out[0];
    if (rc < 0)
        return -1;
    graders->count++;
    TAILQ_INSERT_TAIL(&graders->running, grader, next);
    grader->pid_fd = pidfd_open(grader->pid, 0);
    if (grader->pid_fd < 0) {
        error_errno(err, errno, "cannot watch a process");
        fail(grader, err);
        reap(grader);
        return -1;
    }
    fcntl(grader->in_fd, F_SETFL, O_NONBLOCK);
    fcntl(grader->out_fd, F_SETFL, O_NONBLOCK);
    grader->on_in = watch(grader, grader->in_fd, EV_WRITE | EV_PERSIST, on_room);
    grader->on_out = watch(grader, grader->out_fd, EV_READ | EV_PERSIST, on_answer);
    grader->on_end = watch(grader, grader->pid_fd, EV_READ, on_end);
    grader->on_limit = evtimer_new(graders->base, on_limit, grader);
    evtimer_add(grader->on_limit, &graders->limit);
    return 0;
}

static void on_kick(evutil_socket_t fd, short events, void *arg)
{
    struct graders *graders = arg;
    struct grader *grader;

    (void)fd;
    (void)events;
    while (graders->count < graders->most && (grader = TAILQ_FIRST(&graders->waiting))) {
        struct error err = ERROR_INIT;

        TAILQ_REMOVE(&graders->waiting, grader, next);
        if (grader->fault.kind == ERROR_NONE && start_process(grader, &err) == 0)
            continue;
        if (grader->fault.kind == ERROR_NONE)
            fail(grader, &err);
        finish(grader);
    }
}

struct grader *grader_start(struct graders *graders, const struct grader_request *request,
                            int tar_fd, grader_ready *ready, grader_done *done, void *arg)
{
    struct grader *grader = xcalloc(1, sizeof(*grader));
    struct error err = ERROR_INIT;

    grader->graders = graders;
    grader->ready = ready;
    grader->done = done;
    grader->arg = arg;
    grader->in_fd = grader->out_fd = grader->pid_fd = -1;
    grader->tar_fd = tar_fd;
    grader->request = grader->head = grader->result = (struct buf)BUF_INIT;
    if (grader_request_write(&grader->request, request, &err) < 0)
        fail(grader, &err);
    TAILQ_INSERT_TAIL(&graders->waiting, grader, next);
    event_active(graders->kick, EV_TIMEOUT, 0);
    return grader;
}

void grader_cancel(struct grader *grader)
{
    if (!grader)
        return;
    if (grader->pid == 0) {
        TAILQ_REMOVE(&grader->graders->waiting, grader, next);
        free_grader(grader);
        return;
    }
    grader->done = NULL;
    grader->tar_fd = -1;
    stop_telling(grader);
    fail_for(grader, "cancelled");
}

/* --- all of them ----------------------------------------------------------------------------- */

struct graders *graders_new(struct event_base *base, const char *agent_path, size_t most,
                            struct error *err)
{
    _cleanup_(free_ptr) char *path = grader_path(agent_path, err);
    struct graders *graders;

    if (!path)
        return NULL;
    graders = xcalloc(1, sizeof(*graders));
    graders->base = base;
    graders->path = TAKE_PTR(path);
    graders->most = most;
    graders->limit.tv_sec = GRADER_SECONDS;
    TAILQ_INIT(&graders->waiting);
    TAILQ_INIT(&graders->running);
    graders->kick = event_new(base, -1, 0, on_kick, graders);
    return graders;
}

size_t graders_pending(const struct graders *graders)
{
    const struct grader *grader;
    size_t waiting = 0;

    TAILQ_FOREACH(grader, &graders->waiting, next)
    waiting++;
    return waiting + graders->count;
}

void graders_set_limit(struct graders *graders, int64_t milliseconds)
{
    graders->limit.tv_sec = (time_t)(milliseconds / 1000);
    graders->limit.tv_usec = (suseconds_t)(milliseconds % 1000 * 1000);
}

static void free_all(struct grader_list *list)
{
    struct grader *grader, *following;

    for (grader = TAILQ_FIRST(list); grader; grader = following) {
        following = TAILQ_NEXT(grader, next);
        if (grader->pid > 0) {
            fail_for(grader, "the daemon is stopping");
            reap(grader);
        }
        free_grader(grader);
    }
}

void graders_free(struct graders *graders)
{
    if (!graders)
        return;
    free_all(&graders->waiting);
    free_all(&graders->running);
    event_free(graders->kick);
    free(graders->path);
    free(graders);
}
