#include "http/fastcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/metrics.h"

#include "base/banned.h"

#define LONG_ANSWER 8000            /* what fits into one write of libfcgi is not long */
#define RECORD_MOST ((size_t)65528) /* the most that fits, without padding */

static volatile sig_atomic_t stopping;
static int dead_end = -1;

/*
 * A flag alone would be missed by an accept(2) that begins just after it was looked at. So the
 * handler also puts a descriptor on 0 at which accept fails: one that is restarted (SA_RESTART), or
 * not yet begun, ends at once. The socket itself lives on in the processes that share it.
 */
static void stop(int signal_number)
{
    int saved = errno;

    (void)signal_number;
    stopping = 1;
    dup2(dead_end, STDIN_FILENO);
    errno = saved;
}

static int catch_signals(struct error *err)
{
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    dead_end = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (dead_end < 0)
        return error_errno(err, errno, "cannot open /dev/null");
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* nginx may hang up while it is answered */
    return 0;
}

static size_t read_body(void *arg, char *bytes, size_t size)
{
    const FCGX_Request *request = arg;
    int got = FCGX_GetStr(bytes, size > INT_MAX ? INT_MAX : (int)size, request->in);

    return got > 0 ? (size_t)got : 0;
}

/*
 * libfcgi cuts an answer into records of 8 KiB, a copy and a write(2) each. A long one is sent past
 * it, in the longest records there are, directly from where it is. Nothing is in libfcgi's buffer
 * then; FCGX_Finish_r ends the stream and the request as ever.
 */
static int write_all(int fd, struct iovec *part, int count)
{
    while (count > 0) {
        ssize_t written = writev(fd, part, count);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        while (count > 0 && (size_t)written >= part->iov_len) {
            written -= (ssize_t)(part++)->iov_len;
            count--;
        }
        if (count > 0) {
            part->iov_base = (char *)part->iov_base + written;
            part->iov_len -= (size_t)written;
        }
    }
    return 0;
}

static int write_record(const FCGX_Request *request, const struct buf *head, const char *bytes,
                        size_t length)
{
    size_t whole = head->length + length;
    FCGI_Header header = {
        .version = FCGI_VERSION_1,
        .type = FCGI_STDOUT,
        .requestIdB1 = (unsigned char)(request->requestId >> 8),
        .requestIdB0 = (unsigned char)request->requestId,
        .contentLengthB1 = (unsigned char)(whole >> 8),
        .contentLengthB0 = (unsigned char)whole,
    };
    struct iovec parts[3] = {
        {&header, sizeof(header)}, {head->data, head->length}, {(char *)(uintptr_t)bytes, length}};

    return write_all(request->ipcFd, parts, 3);
}

/* As much as fits goes along with the head: nginx asks another worker when one dies before the head
 * has arrived, and can't afterwards. */
static void send_long(const FCGX_Request *request, const struct buf *head, const struct buf *body)
{
    static const struct buf nothing = BUF_INIT;
    size_t at = 0;

    do {
        size_t room = RECORD_MOST - head->length;
        size_t length = body->length - at < room ? body->length - at : room;

        /* It fails where nginx has hung up; then nobody is there to be told. */
        if (write_record(request, head, body->data + at, length) < 0)
            return;
        at += length;
        head = &nothing;
    } while (at < body->length);
}

static void send_answer(const FCGX_Request *request, const struct answer *answer)
{
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    const char *method = FCGX_GetParam("REQUEST_METHOD", request->envp);
    bool is_head = method && strcmp(method, "HEAD") == 0;
    const struct buf *body = &answer->body;

    answer_write_head(answer, &head);
    if (!is_head && head.length + body->length > LONG_ANSWER && head.length <= RECORD_MOST) {
        send_long(request, &head, body);
        return;
    }
    FCGX_PutStr(head.data, (int)head.length, request->out);
    if (!is_head)
        FCGX_PutStr(body->data, (int)body->length, request->out);
}

/*
 * libfcgi shuts the connection down and waits for nginx to hang up before it closes, so that
 * nothing unread resets a connection whose answer is still on its way. Where the request was read
 * to its end there is nothing unread: a "detached" one is closed at once, two wake-ups less.
 */
static void finish(FCGX_Request *request)
{
    if (FCGX_GetChar(request->in) == EOF)
        FCGX_Detach(request);
    FCGX_Finish_r(request);
}

static void serve_one(const struct router *router, FCGX_Request *request)
{
    _cleanup_(answer_release) struct answer answer = ANSWER_INIT;
    struct body_source body = {read_body, request};
    sigset_t stops, before;

    /* Calls of libraries that a signal would interrupt are not to be trusted to go on. */
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, &before);
    metrics_busy(true);
    router_answer(router, request->envp, &body, &answer);
    send_answer(request, &answer);
    finish(request);
    metrics_busy(false);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

int fastcgi_serve(const struct router *router, struct error *err)
{
    FCGX_Request request;

    if (FCGX_Init() != 0 || FCGX_IsCGI())
        return error_set(
            err, ERROR_INVALID, NULL,
            "standard input is not a listening socket; start this program with spawn-fcgi(1)");
    if (catch_signals(err) < 0)
        return -1;
    FCGX_InitRequest(&request, STDIN_FILENO, 0);
    while (!stopping) {
        int outcome = FCGX_Accept_r(&request);

        if (outcome == 0)
            serve_one(router, &request);
        else if (!stopping)
            return error_errno(err, outcome == -9999 ? EINVAL : -outcome, "cannot accept");
    }
    FCGX_Free(&request, 1);
    return 0;
}
