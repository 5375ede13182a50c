#include "engined/helper.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "wire/engined.h"

#include "base/banned.h"

#define PROGRAM_NAME "codeset-container"
#define REPORT_MAX 1024
#define ARGUMENTS_MAX 48

struct helper_call {
    struct helpers *helpers;
    struct helper_call *next;
    helper_prepare *prepare;
    helper_done *done;
    void *arg;
    struct error failure; /* set before the process ran */
    char *args[ARGUMENTS_MAX];
    int arg_count;
    int fd; /* its descriptor 3, or -1 */
    pid_t pid;
    int report_fd;
    struct event *event;
    struct buf report;
};

struct helpers {
    struct event_base *base;
    char *program;
    struct helper_call *running, *waiting, **waiting_end;
    int running_count;
    int running_max;
};

static void call_free(struct helper_call *call)
{
    for (int i = 0; i < call->arg_count; i++)
        free(call->args[i]);
    if (call->event != NULL)
        event_free(call->event);
    close_fd(&call->fd);
    close_fd(&call->report_fd);
    buf_release(&call->report);
    free(call);
}

struct helper_call *helper_call_new(struct helpers *helpers, const char *verb,
                                    helper_prepare *prepare, helper_done *done, void *arg)
{
    struct helper_call *call = xcalloc(1, sizeof(*call));

    call->helpers = helpers;
    call->prepare = prepare;
    call->done = done;
    call->arg = arg;
    call->fd = call->report_fd = -1;
    call->report = (struct buf)BUF_INIT;
    helper_call_text(call, NULL, PROGRAM_NAME);
    helper_call_text(call, NULL, verb);
    return call;
}

void helper_call_text(struct helper_call *call, const char *key, const char *value)
{
    if (call->arg_count < ARGUMENTS_MAX - 1)
        call->args[call->arg_count++] = key ? xasprintf("%s=%s", key, value) : xstrdup(value);
}

void helper_call_number(struct helper_call *call, const char *key, int64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, value);
    helper_call_text(call, key, text);
}

void helper_call_fail(struct helper_call *call, const struct error *err)
{
    call->failure = *err;
}

/* "ok", or "KIND CODE MESSAGE"; from a process that died, nothing. */
static int read_report(const struct buf *report, struct error *err)
{
    int kind, at = 0;
    char code[64];

    if (strcmp(report->data, "ok\n") == 0)
        return 0;
    if (sscanf(report->data, "%d %63s %n", &kind, code, &at) < 2 || at == 0 || kind <= ERROR_NONE ||
        kind > ERROR_INTERNAL)
        return error_set(err, ERROR_INTERNAL, NULL, PROGRAM_NAME " ended unexpectedly");
    return error_set(err, (enum error_kind)kind, engined_code(code), "%.*s",
                     (int)strcspn(report->data + at, "\n"), report->data + at);
}

static void run_waiting(struct helpers *helpers);

/* Calls back and frees. The callback may submit others. */
static void call_finish(struct helper_call *call, const struct error *err)
{
    struct helpers *helpers = call->helpers;
    struct helper_call **place = &helpers->running;

    while (*place != call)
        place = &(*place)->next;
    *place = call->next;
    helpers->running_count--;
    call->done(err, call->arg);
    call_free(call);
    run_waiting(helpers);
}

static void on_report(evutil_socket_t fd, short events, void *arg)
{
    struct helper_call *call = arg;
    struct error err = ERROR_INIT;
    char bytes[512];
    ssize_t got = read(fd, bytes, sizeof(bytes));
    int status;

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        if (call->report.length + (size_t)got <= REPORT_MAX)
            buf_add(&call->report, bytes, (size_t)got);
        return;
    }
    /* The line is closed, so the process is at its exit. */
    while (waitpid(call->pid, &status, 0) < 0 && errno == EINTR)
        ;
    call_finish(call, read_report(&call->report, &err) == 0 ? NULL : &err);
}

static void on_failure(evutil_socket_t fd, short events, void *arg)
{
    struct helper_call *call = arg;
    struct error err = call->failure;

    (void)fd;
    (void)events;
    call_finish(call, &err);
}

static int spawn(struct helper_call *call, int out, struct error *err)
{
    static char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (call->fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, call->fd, 3);
    posix_spawn_file_actions_addclosefrom_np(&actions, call->fd >= 0 ? 4 : 3);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* A session of its own: what ends codeset-engined must not end a start half-way. */
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    rc = posix_spawn(&call->pid, call->helpers->program, &actions, &attributes, call->args,
                     environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? 0 : error_errno(err, rc, "cannot run %s", call->helpers->program);
}

static int launch(struct helper_call *call, struct error *err)
{
    int fds[2];
    int rc;

    if (call->failure.kind != ERROR_NONE) {
        *err = call->failure;
        return -1;
    }
    if (call->prepare != NULL && call->prepare(call, call->arg, &call->fd, err) < 0)
        return -1;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    rc = spawn(call, fds[1], err);
    close(fds[1]);
    call->report_fd = fds[0];
    if (rc < 0)
        return -1;
    call->event =
        event_new(call->helpers->base, call->report_fd, EV_READ | EV_PERSIST, on_report, call);
    event_add(call->event, NULL);
    return 0;
}

static void run(struct helper_call *call)
{
    struct helpers *helpers = call->helpers;

    call->next = helpers->running;
    helpers->running = call;
    helpers->running_count++;
    if (launch(call, &call->failure) < 0) {
        /* From the loop, never from within the caller's call. */
        call->event = event_new(helpers->base, -1, 0, on_failure, call);
        event_active(call->event, EV_TIMEOUT, 0);
    }
}

static void run_waiting(struct helpers *helpers)
{
    while (helpers->waiting != NULL && helpers->running_count < helpers->running_max) {
        struct helper_call *call = helpers->waiting;

        helpers->waiting = call->next;
        if (helpers->waiting == NULL)
            helpers->waiting_end = &helpers->waiting;
        run(call);
    }
}

void helper_call_submit(struct helper_call *call, bool urgent)
{
    struct helpers *helpers = call->helpers;

    if (urgent) {
        run(call);
        return;
    }
    *helpers->waiting_end = call;
    helpers->waiting_end = &call->next;
    run_waiting(helpers);
}

struct helpers *helpers_new(struct event_base *base, const char *program)
{
    struct helpers *helpers = xcalloc(1, sizeof(*helpers));
    int processors = get_nprocs();

    helpers->base = base;
    helpers->program = xstrdup(program);
    helpers->waiting_end = &helpers->waiting;
    /* More at once would only make each later. */
    helpers->running_max = processors < 2 ? 4 : 2 * processors;
    return helpers;
}

static void free_calls(struct helper_call *call)
{
    while (call != NULL) {
        struct helper_call *next = call->next;

        call_free(call);
        call = next;
    }
}

void helpers_free(struct helpers *helpers)
{
    if (helpers == NULL)
        return;
    free_calls(helpers->running);
    free_calls(helpers->waiting);
    free(helpers->program);
    free(helpers);
}
