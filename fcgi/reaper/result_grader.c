#include "reaper/result_grader.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/grader_process.h"
#include "wire/grader.h"

#include "base/banned.h"

#define PIECE 4096
#define ANSWER_MOST (GRADER_LENGTH_SIZE + GRADER_HEAD_MAX)

TAILQ_HEAD(result_grader_list, result_grader);

struct result_graders {
    struct event_base *base;
    char *path;
    size_t most, count; /* of processes, those that are dying included */
    struct timeval limit;
    struct result_grader_list waiting, running;
    struct event *kick; /* there may be something to start */
};

struct result_grader {
    struct result_graders *graders;
    TAILQ_ENTRY(result_grader) next;
    struct result_limits limits;
    result_grader_ready *ready;
    result_grader_done *done; /* NULL: cancelled */
    void *arg;
    pid_t pid;          /* 0 until it is started */
    int in_fd, file_fd; /* ours */
    int out_fd, pid_fd;
    struct event *on_out, *on_end, *on_limit;
    struct buf answer;
    struct error fault; /* of ours: it overrules what was said */
};

static void release_event(struct event **event)
{
    if (*event)
        event_free(TAKE_PTR(*event));
}

static void free_grader(struct result_grader *grader)
{
    release_event(&grader->on_out);
    release_event(&grader->on_end);
    release_event(&grader->on_limit);
    close_fd(&grader->in_fd);
    close_fd(&grader->file_fd);
    close_fd(&grader->out_fd);
    close_fd(&grader->pid_fd);
    buf_release(&grader->answer);
    free(grader);
}

/* The first fault counts. Whoever said something senseless is not listened to any more. */
static void fail(struct result_grader *grader, const char *why)
{
    if (grader->fault.kind == ERROR_NONE)
        error_set(&grader->fault, ERROR_INTERNAL, "RESULT_FAILED", "%s", why);
    if (grader->pid > 0)
        kill(grader->pid, SIGKILL);
}

/* --- what it says ---------------------------------------------------------------------------- */

/* The number of bytes read; 0 at the end or when there is nothing now. */
static size_t read_answer(struct result_grader *grader)
{
    char bytes[PIECE];
    ssize_t got = read(grader->out_fd, bytes, sizeof(bytes));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0) {
        release_event(&grader->on_out); /* its end follows */
        return 0;
    }
    if (grader->answer.length + (size_t)got > ANSWER_MOST)
        fail(grader, "the grader's answer is too long");
    else
        buf_add(&grader->answer, bytes, (size_t)got);
    return (size_t)got;
}

static void on_answer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    read_answer(arg);
}

/* Of a grader that has ended: is that an answer, and the file as it says? */
static int read_result(struct result_grader *grader, int status, struct result_answer *answer,
                       struct error *err)
{
    const struct buf *said = &grader->answer;
    struct stat st;

    if (WIFSIGNALED(status))
        return error_set(err, ERROR_INTERNAL, NULL, "the grader was killed by signal %d",
                         WTERMSIG(status));
    if (status != 0)
        return error_set(err, ERROR_INTERNAL, NULL, "the grader ended with status %d",
                         WEXITSTATUS(status));
    if (said->length < GRADER_LENGTH_SIZE ||
        grader_head_length(said->data) != (int64_t)said->length - GRADER_LENGTH_SIZE)
        return error_set(err, ERROR_INTERNAL, NULL, "the grader's answer was cut off");
    if (result_answer_parse(said->data + GRADER_LENGTH_SIZE, said->length - GRADER_LENGTH_SIZE,
                            answer, err) < 0)
        return -1;
    if (answer->error.kind == ERROR_NONE &&
        (fstat(grader->file_fd, &st) < 0 || st.st_size != answer->bytes ||
         answer->bytes > grader->limits.packed))
        return error_set(err, ERROR_INTERNAL, NULL, "the grader's file is not as it says");
    return 0;
}

/* --- its end --------------------------------------------------------------------------------- */

/* Calls back and frees. The callback may start and cancel others. */
static void finish(struct result_grader *grader, const struct result_answer *answer)
{
    struct result_graders *graders = grader->graders;
    const struct error *err = grader->fault.kind != ERROR_NONE   ? &grader->fault
                              : answer->error.kind != ERROR_NONE ? &answer->error
                                                                 : NULL;

    if (grader->done)
        grader->done(err, err ? 0 : answer->bytes, err ? NULL : &answer->parts, grader->arg);
    free_grader(grader);
    event_active(graders->kick, EV_TIMEOUT, 0);
}

static int reap(struct result_grader *grader)
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
    struct result_grader *grader = arg;
    struct result_answer answer = {.bytes = 0};
    struct error err = ERROR_INIT;
    int status;

    (void)fd;
    (void)events;
    while (grader->fault.kind == ERROR_NONE && read_answer(grader) > 0)
        ; /* at most what a pipe holds */
    status = reap(grader);
    if (read_result(grader, status, &answer, &err) < 0)
        fail(grader, err.message);
    finish(grader, &answer);
}

static void on_limit(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    fail(arg, "the grader did not end within its time limit");
}

/* --- its start ------------------------------------------------------------------------------- */

static int spawn(struct result_grader *grader, int in, int out, struct error *err)
{
    char limits[RESULT_ARGUMENTS][RESULT_ARGUMENT_SIZE];
    char *arguments[2 + RESULT_ARGUMENTS + 1] = {(char *)GRADER_NAME, (char *)RESULT_ARGUMENT};
    const struct grader_start start = {.path = grader->graders->path,
                                       .arguments = arguments,
                                       .in = in,
                                       .out = out,
                                       .file = grader->file_fd};

    result_limits_write(&grader->limits, limits);
    for (int i = 0; i < RESULT_ARGUMENTS; i++)
        arguments[2 + i] = limits[i];
    return grader_spawn(&start, &grader->pid, err);
}

static void watch(struct result_grader *grader)
{
    struct event_base *base = grader->graders->base;

    fcntl(grader->out_fd, F_SETFL, O_NONBLOCK);
    grader->on_out = event_new(base, grader->out_fd, EV_READ | EV_PERSIST, on_answer, grader);
    event_add(grader->on_out, NULL);
    grader->on_end = event_new(base, grader->pid_fd, EV_READ, on_end, grader);
    event_add(grader->on_end, NULL);
    grader->on_limit = evtimer_new(base, on_limit, grader);
    evtimer_add(grader->on_limit, &grader->graders->limit);
}

/* *ret_in: where the archive goes to, if it is to be given. */
static int start_process(struct result_grader *grader, int *ret_in, struct error *err)
{
    struct result_graders *graders = grader->graders;
    _cleanup_(close_fd) int in_read = TAKE_FD(grader->in_fd), in_write = -1, out_write = -1;
    int in[2] = {-1, -1}, out[2] = {-1, -1};

    if (in_read < 0) {
        if (grader_pipe(in, err) < 0)
            return -1;
        in_read = in[0];
        in_write = in[1];
    }
    if (grader_pipe(out, err) < 0)
        return -1;
    grader->out_fd = out[0];
    out_write = out[1];
    if (spawn(grader, in_read, out_write, err) < 0)
        return -1;
    graders->count++;
    TAILQ_INSERT_TAIL(&graders->running, grader, next);
    grader->pid_fd = pidfd_open(grader->pid, 0);
    if (grader->pid_fd < 0) {
        error_errno(err, errno, "cannot watch a process");
        fail(grader, err->message);
        reap(grader);
        return -1;
    }
    watch(grader);
    *ret_in = TAKE_FD(in_write);
    return 0;
}

static void on_kick(evutil_socket_t fd, short events, void *arg)
{
    struct result_graders *graders = arg;
    struct result_grader *grader;

    (void)fd;
    (void)events;
    while (graders->count < graders->most && (grader = TAILQ_FIRST(&graders->waiting))) {
        const struct result_answer none = {.bytes = 0};
        struct error err = ERROR_INIT;
        int in = -1;

        TAILQ_REMOVE(&graders->waiting, grader, next);
        if (grader->fault.kind == ERROR_NONE && start_process(grader, &in, &err) < 0)
            fail(grader, err.message);
        if (grader->fault.kind != ERROR_NONE) {
            finish(grader, &none);
        } else if (in >= 0) {
            fcntl(in, F_SETFL, O_NONBLOCK);
            grader->ready(in, grader->arg); /* which may cancel */
        }
    }
}

/* A copy of the caller's; -1 with a fault. */
static int keep(struct result_grader *grader, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (copy < 0)
        fail(grader, "there are no free descriptors");
    return copy;
}

struct result_grader *result_grader_start(struct result_graders *graders,
                                          const struct result_limits *limits, int in_fd,
                                          int file_fd, result_grader_ready *ready,
                                          result_grader_done *done, void *arg)
{
    struct result_grader *grader = xcalloc(1, sizeof(*grader));

    grader->graders = graders;
    grader->limits = *limits;
    grader->ready = ready;
    grader->done = done;
    grader->arg = arg;
    grader->out_fd = grader->pid_fd = -1;
    grader->in_fd = in_fd >= 0 ? keep(grader, in_fd) : -1;
    grader->file_fd = keep(grader, file_fd);
    grader->answer = (struct buf)BUF_INIT;
    TAILQ_INSERT_TAIL(&graders->waiting, grader, next);
    event_active(graders->kick, EV_TIMEOUT, 0);
    return grader;
}

void result_grader_cancel(struct result_grader *grader)
{
    if (!grader)
        return;
    if (grader->pid == 0) {
        TAILQ_REMOVE(&grader->graders->waiting, grader, next);
        free_grader(grader);
        return;
    }
    grader->done = NULL;
    fail(grader, "cancelled");
}

/* --- all of them ----------------------------------------------------------------------------- */

struct result_graders *result_graders_new(struct event_base *base, const char *agent_path,
                                          size_t most, struct error *err)
{
    _cleanup_(free_ptr) char *path = grader_path(agent_path, err);
    struct result_graders *graders;

    if (!path)
        return NULL;
    graders = xcalloc(1, sizeof(*graders));
    graders->base = base;
    graders->path = TAKE_PTR(path);
    graders->most = most;
    graders->limit.tv_sec = RESULT_SECONDS;
    TAILQ_INIT(&graders->waiting);
    TAILQ_INIT(&graders->running);
    graders->kick = event_new(base, -1, 0, on_kick, graders);
    return graders;
}

size_t result_graders_pending(const struct result_graders *graders)
{
    const struct result_grader *grader;
    size_t waiting = 0;

    TAILQ_FOREACH(grader, &graders->waiting, next)
    waiting++;
    return waiting + graders->count;
}

void result_graders_set_limit(struct result_graders *graders, int64_t milliseconds)
{
    graders->limit.tv_sec = (time_t)(milliseconds / 1000);
    graders->limit.tv_usec = (suseconds_t)(milliseconds % 1000 * 1000);
}

static void free_all(struct result_grader_list *list)
{
    struct result_grader *grader, *following;

    for (grader = TAILQ_FIRST(list); grader; grader = following) {
        following = TAILQ_NEXT(grader, next);
        if (grader->pid > 0) {
            fail(grader, "the daemon is stopping");
            reap(grader);
        }
        free_grader(grader);
    }
}

void result_graders_free(struct result_graders *graders)
{
    if (!graders)
        return;
    free_all(&graders->waiting);
    free_all(&graders->running);
    event_free(graders->kick);
    free(graders->path);
    free(graders);
}
