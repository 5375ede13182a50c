/*
 * How a command's end is known. As a rule its shepherd says so. A command may kill or stop its
 * shepherd: then the command has become the agent's own child (the agent is pid 1, or a child
 * subreaper), the agent waits for it itself, holds it to its limit, and, as it can no longer tell
 * whose a process is, ends at the limit everything that is below no other shepherd.
 *
 * DIAGNOSTICS: what went wrong reaches whoever waits for the command, as its message.
 * BUGS: a command that kills its shepherd and runs into its limit takes along what earlier
 * commands left in the background.
 */
#include "agent/command.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/output_drain.h"
#include "agent/shepherd.h"
#include "agent/tree.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

#ifndef __clang__
/* gcc 12's analyzer does not count references, so each second command_unref is a use after free. */
#pragma GCC diagnostic ignored "-Wanalyzer-use-after-free"
#endif

#define READ_SIZE (64 * 1024)
#define SHEPHERD_LATE_SECONDS                                                                      \
    15 /* after the limit: what a shepherd may take to kill everything                             \
        */
#define SWEEP_PAUSE_MICROS 3000
#define SWEEP_QUIET_PASSES 3
#define SWEEP_MOST (10 * CLOCK_SECOND)

struct stream {
    struct command *command;
    int fd;
    struct event *event;
    struct capture capture;
};

struct waiter {
    SLIST_ENTRY(waiter) links;
    command_ended *ended;
    void *arg;
};

struct command {
    TAILQ_ENTRY(command) links;
    struct commands *commands;
    char id[COMMAND_ID_MOST + 1];
    int references;
    bool known;  /* in the table under its id */
    bool listed; /* in the list at all */
    bool ended;
    bool answered;
    bool killing; /* by our own hand: the shepherd is gone */
    bool out_of_time;
    bool struck;    /* what another command outran has ended it, or will */
    pid_t shepherd; /* 0 once it is gone */
    pid_t main;     /* 0 until it is about to run */
    int report_fd;
    int timeout_seconds;
    int64_t begun; /* monotonic */
    int64_t kill_begun;
    struct tree_hunt hunt;
    struct event *report_event;
    struct event *limit;
    struct stream streams[2];
    struct command_result result;
    SLIST_HEAD(, waiter) waiters;
};

struct commands {
    struct event_base *base;
    commands_reaped *reaped;
    void *reaped_arg;
    int proc_fd;
    int null_fd;
    int signal_fd;
    bool in_container;
    struct event *signal_event;
    struct output_drain *drain;
    TAILQ_HEAD(, command) list;
    size_t count;
};

DEFINE_CLEANUP(struct event *, free_event, event_free)
DEFINE_CLEANUP(struct command *, release_command, command_unref)

static void command_lost(struct command *command);
static void report_ready(evutil_socket_t fd, short what, void *arg);

struct command *command_ref(struct command *command)
{
    command->references++;
    return command;
}

static void stream_close(struct stream *stream)
{
    free_event(&stream->event);
    stream->event = NULL;
    close_fd(&stream->fd);
}

void command_unref(struct command *command)
{
    if (--command->references > 0)
        return;
    for (int i = 0; i < 2; i++) {
        stream_close(&command->streams[i]);
        capture_release(&command->streams[i].capture);
    }
    free_event(&command->report_event);
    free_event(&command->limit);
    close_fd(&command->report_fd);
    tree_hunt_release(&command->hunt);
    free(command);
}

bool command_id_valid(const char *id)
{
    size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return length > 0 && length <= COMMAND_ID_MOST && id[length] == '\0';
}

struct command *commands_find(struct commands *commands, const char *id)
{
    struct command *command;

    TAILQ_FOREACH(command, &commands->list, links)
    if (command->known && strcmp(command->id, id) == 0)
        return command;
    return NULL;
}

static void unlist(struct command *command)
{
    struct commands *commands = command->commands;

    if (!command->listed)
        return;
    command->listed = false;
    command->known = false;
    TAILQ_REMOVE(&commands->list, command, links);
    commands->count--;
    command_unref(command);
}

/* Reads what is there, at most `most` bytes. False at the end of the stream. */
static bool stream_read(struct stream *stream, size_t most)
{
    static char bytes[READ_SIZE]; /* one for all: the agent has one thread and little memory */

    while (most > 0) {
        ssize_t got = read(stream->fd, bytes, most < READ_SIZE ? most : READ_SIZE);

        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return false;
        capture_add(&stream->capture, bytes, (size_t)got);
        most -= (size_t)got;
    }
    return true;
}

static void stream_ready(evutil_socket_t fd, short what, void *arg)
{
    struct stream *stream = arg;

    (void)fd;
    (void)what;
    if (!stream_read(stream, READ_SIZE))
        stream_close(stream);
}

/* What the command wrote before its end is in the pipe now, and no more than fits into it; what
 * others write from now on is read and dropped. */
static void stream_finish(struct stream *stream, struct output_drain *drain,
                          struct capture_text *text)
{
    if (stream->fd >= 0) {
        int size = fcntl(stream->fd, F_GETPIPE_SZ);
        bool open = stream_read(stream, size > 0 ? (size_t)size : READ_SIZE);

        free_event(&stream->event);
        stream->event = NULL;
        if (open)
            output_drain_add(drain, TAKE_FD(stream->fd));
        stream_close(stream);
    }
    capture_end(&stream->capture, text);
}

static void command_finish(struct command *command, enum command_end end, int status)
{
    struct command_result *result = &command->result;
    struct waiter *waiter;

    if (command->ended)
        return;
    command->ended = true;
    command->main = 0; /* reaped: the number may be anybody's from here on */
    if (command->struck && end == COMMAND_EXIT && status == 128 + SIGKILL)
        snprintf(result->message, sizeof(result->message),
                 "ended together with a command that outran its time limit");
    result->end = end;
    result->status = status;
    if (result->micros == 0)
        result->micros = clock_monotonic() - command->begun;
    stream_finish(&command->streams[0], command->commands->drain, &result->out);
    stream_finish(&command->streams[1], command->commands->drain, &result->err);
    free_event(&command->limit);
    command->limit = NULL;
    if (command->report_event)
        event_del(command->report_event);
    command_ref(command);
    if (end == COMMAND_REFUSED || !command->known)
        unlist(command);
    while ((waiter = SLIST_FIRST(&command->waiters))) {
        SLIST_REMOVE_HEAD(&command->waiters, links);
        command->answered = true;
        waiter->ended(command, result, waiter->arg);
        free(waiter);
    }
    command_unref(command);
}

void command_wait(struct command *command, command_ended *ended, void *arg)
{
    struct waiter *waiter;

    if (command->ended) {
        command->answered = true;
        ended(command, &command->result, arg);
        return;
    }
    waiter = xcalloc(1, sizeof(*waiter));
    waiter->ended = ended;
    waiter->arg = arg;
    SLIST_INSERT_HEAD(&command->waiters, waiter, links);
}

static void finish_killed(struct command *command)
{
    if (command->out_of_time)
        command_finish(command, COMMAND_TIMEOUT, 124);
    else
        command_finish(command, COMMAND_EXIT, 128 + SIGKILL);
}

static void limit_set(struct command *command, int64_t micros)
{
    struct timeval when = {.tv_sec = micros / CLOCK_SECOND, .tv_usec = micros % CLOCK_SECOND};

    if (command->limit)
        evtimer_add(command->limit, &when);
}

/* Notes who was there when kill(-1) struck for the sake of `striker`. */
static void note_strike(const struct command *striker, int64_t when)
{
    struct command *command;

    TAILQ_FOREACH(command, &striker->commands->list, links)
    if (command != striker && command->begun < when)
        command->struck = true;
}

/* One pass over what is below the agent and no shepherd. */
static void sweep(struct command *command_killed)
{
    struct commands *commands = command_killed->commands;
    struct tree_hunt *hunt = &command_killed->hunt;
    int before = hunt->fresh_passes;
    pid_t spared[COMMANDS_MOST];
    const struct command *command;
    size_t count = 0;

    TAILQ_FOREACH(command, &commands->list, links)
    if (command->shepherd && count < COMMANDS_MOST)
        spared[count++] = command->shepherd;
    tree_hunt_pass(hunt, commands->proc_fd, getpid(), spared, count);
    if (commands->in_container && hunt->fresh_passes > before && tree_hunt_outrun(hunt)) {
        note_strike(command_killed, clock_monotonic());
        kill(-1, SIGKILL);
    }
}

/* Kills a command whose shepherd is gone, a pass at a time so that the loop goes on. */
static void kill_step(struct command *command)
{
    int64_t now = clock_monotonic();

    if (!command->killing) {
        command->killing = true;
        command->kill_begun = now;
    }
    sweep(command);
    if (command->hunt.quiet_passes >= SWEEP_QUIET_PASSES || now - command->kill_begun > SWEEP_MOST)
        finish_killed(command);
    else
        limit_set(command, SWEEP_PAUSE_MICROS);
}

static void limit_reached(evutil_socket_t fd, short what, void *arg)
{
    struct command *command = arg;

    (void)fd;
    (void)what;
    if (command->shepherd) {
        /* It should have reported long ago: somebody keeps it from working. */
        kill(command->shepherd, SIGKILL);
        limit_set(command, CLOCK_SECOND);
        return;
    }
    if (!command->killing)
        command->out_of_time = true;
    kill_step(command);
}

static void take_report(struct command *command, const struct shepherd_report *report)
{
    struct command_result *result = &command->result;

    switch (report->event) {
    case SHEPHERD_STARTED:
        command->main = report->pid;
        result->started_at = report->started_at;
        break;
    case SHEPHERD_FAILED:
        snprintf(result->message, sizeof(result->message), "%s", report->message);
        command_finish(command,
                       report->sys_errno == EAGAIN || report->sys_errno == ENOMEM ? COMMAND_REFUSED
                                                                                  : COMMAND_FAILED,
                       0);
        break;
    case SHEPHERD_ENDED:
        result->micros = report->micros;
        command_finish(command, COMMAND_EXIT, report->status);
        break;
    case SHEPHERD_TIMEOUT:
        result->micros = report->micros;
        command_finish(command, COMMAND_TIMEOUT, report->status);
        break;
    case SHEPHERD_STRIKES:
        note_strike(command, report->micros);
        break;
    }
}

/* Takes all reports there are. False at the end: neither shepherd nor starting command is left. */
static bool take_reports(struct command *command)
{
    _cleanup_(release_command) struct command *held =
        command_ref(command); /* the end may free it */
    struct shepherd_report report;
    ssize_t got;

    while (!held->ended) {
        got = recv(held->report_fd, &report, sizeof(report), MSG_DONTWAIT);
        if (got == (ssize_t)sizeof(report))
            take_report(held, &report);
        else
            return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    return true;
}

static void report_ready(evutil_socket_t fd, short what, void *arg)
{
    struct command *command = command_ref(arg);

    (void)fd;
    (void)what;
    if (!take_reports(command) && !command->ended) {
        event_del(command->report_event);
        if (!command->main) {
            snprintf(command->result.message, sizeof(command->result.message),
                     "the command was killed before it began");
            command_finish(command, COMMAND_FAILED, 0);
        }
    }
    command_unref(command);
}

/* The shepherd is gone and has not said how the command ended. */
static void command_lost(struct command *command)
{
    int64_t left;
    int status;
    pid_t pid;

    command->shepherd = 0;
    if (command->ended || !command->main)
        return; /* the end of the reports tells */
    pid = waitpid(command->main, &status, WNOHANG);
    if (pid == command->main) {
        command_finish(command, COMMAND_EXIT, shepherd_status(status));
    } else if (pid < 0) {
        /* It ended before its shepherd, which was killed before it could say how. */
        command_finish(command, COMMAND_EXIT, 128 + SIGKILL);
    } else {
        left = command->begun + command->timeout_seconds * CLOCK_SECOND - clock_monotonic();
        limit_set(command, left > 0 ? left : 0);
        if (!command->known)
            kill_step(command);
    }
}

static void child_stopped(struct commands *commands, pid_t pid)
{
    const struct command *command;

    /* clang-tidy takes a command for freed whose list still holds a reference. */
    TAILQ_FOREACH(command, &commands->list, links)
    {
        if (command->shepherd == pid) /* NOLINT(clang-analyzer-unix.Malloc) */
            kill(pid, SIGKILL);
    }
}

static void child_ended(struct commands *commands, pid_t pid, int status)
{
    struct command *command;

    TAILQ_FOREACH(command, &commands->list, links)
    {
        if (command->shepherd == pid) {
            command_ref(command);
            take_reports(command);
            command_lost(command);
            command_unref(command);
            return;
        }
    }
    TAILQ_FOREACH(command, &commands->list, links)
    {
        if (command->main == pid && !command->shepherd) {
            command->main = 0;
            if (!command->killing)
                command_finish(command, COMMAND_EXIT, shepherd_status(status));
            return;
        }
    }
    commands->reaped(pid, commands->reaped_arg);
}

static void take_all_reports(struct commands *commands)
{
    struct command *command, *next;

    for (command = TAILQ_FIRST(&commands->list); command; command = next) {
        next = TAILQ_NEXT(command, links);
        take_reports(command);
    }
}

static void children_ready(evutil_socket_t fd, short what, void *arg)
{
    struct commands *commands = arg;
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    (void)what;
    (void)!read(fd, &info, sizeof(info));
    /* A command whose shepherd died may be among the dead: learn its pid before it is reaped. */
    take_all_reports(commands);
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (WIFSTOPPED(status))
            child_stopped(commands, pid);
        if (WIFSTOPPED(status))
            continue;
        /* A shepherd that strikes says so first: what it killed must not be told before that. */
        if (WIFSIGNALED(status))
            take_all_reports(commands);
        child_ended(commands, pid, status);
    }
}

/* /dev/null, if it is that, opened before any command can put something in its place; else the
 * read end of a pipe that nobody writes to. */
static int open_null(struct error *err)
{
    _cleanup_(close_fd) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat st;
    int ends[2];

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3) &&
        fcntl(fd, F_SETFL, 0) == 0)
        return TAKE_FD(fd);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    close(ends[1]);
    return ends[0];
}

struct commands *commands_new(struct event_base *base, commands_reaped *reaped, void *arg,
                              struct error *err)
{
    struct commands *commands = xcalloc(1, sizeof(*commands));
    sigset_t children;

    commands->base = base;
    commands->reaped = reaped;
    commands->reaped_arg = arg;
    commands->in_container = getpid() == 1;
    commands->proc_fd = tree_open();
    commands->null_fd = open_null(err);
    commands->drain = output_drain_new(base);
    TAILQ_INIT(&commands->list);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    commands->signal_fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    if (commands->signal_fd < 0)
        error_errno(err, errno, "cannot watch for children");
    if (commands->null_fd < 0 || commands->signal_fd < 0)
        return NULL;
    commands->signal_event =
        event_new(base, commands->signal_fd, EV_READ | EV_PERSIST, children_ready, commands);
    event_add(commands->signal_event, NULL);
    return commands;
}

static int make_room(struct commands *commands, struct error *err)
{
    struct command *command;

    if (commands->count < COMMANDS_MOST)
        return 0;
    TAILQ_FOREACH(command, &commands->list, links)
    {
        if (command->ended && command->answered) {
            unlist(command);
            return 0;
        }
    }
    return error_set(err, ERROR_UNAVAILABLE, NULL, "%d commands are under way already",
                     COMMANDS_MOST);
}

/* The ends that the shepherd takes. */
struct ends {
    int report, out, err;
};

static void ends_close(struct ends *ends)
{
    close_fd(&ends->report);
    close_fd(&ends->out);
    close_fd(&ends->err);
}

static int open_pipes(struct command *command, struct ends *ends, struct error *err)
{
    int pair[2], out[2], error[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_errno(err, errno, "cannot make a socket");
    command->report_fd = pair[0];
    ends->report = pair[1];
    if (pipe2(out, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    command->streams[0].fd = out[0];
    ends->out = out[1];
    if (pipe2(error, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    command->streams[1].fd = error[0];
    ends->err = error[1];
    for (int i = 0; i < 2; i++)
        evutil_make_socket_nonblocking(command->streams[i].fd);
    return 0;
}

static void watch(struct command *command)
{
    struct event_base *base = command->commands->base;

    command->report_event =
        event_new(base, command->report_fd, EV_READ | EV_PERSIST, report_ready, command);
    event_add(command->report_event, NULL);
    for (int i = 0; i < 2; i++) {
        struct stream *stream = &command->streams[i];

        stream->event = event_new(base, stream->fd, EV_READ | EV_PERSIST, stream_ready, stream);
        event_add(stream->event, NULL);
    }
    command->limit = evtimer_new(base, limit_reached, command);
    limit_set(command, (command->timeout_seconds + SHEPHERD_LATE_SECONDS) * CLOCK_SECOND);
}

static struct command *command_new(struct commands *commands, const char *id, int timeout)
{
    struct command *command = xcalloc(1, sizeof(*command));

    snprintf(command->id, sizeof(command->id), "%s", id);
    command->commands = commands;
    command->references = 1;
    command->report_fd = -1;
    command->timeout_seconds = timeout;
    command->begun = clock_monotonic();
    command->result.started_at = clock_now();
    for (int i = 0; i < 2; i++) {
        command->streams[i].command = command;
        command->streams[i].fd = -1;
        command->streams[i].capture = (struct capture)CAPTURE_INIT;
    }
    return command;
}

/* The agent's own oom_score_adj. A process inherits its parent's, and may be given back a lower one
 * as long as that is not below what a privileged process set last: the runtime, to the agent's. */
static struct {
    int fd;
    char normal[8];
    size_t length;
} adjustment = {.fd = -1};

void commands_prepare(void)
{
    _cleanup_(close_fd) int fd = -1;
    ssize_t got = -1;

    /* A program that may be run but not read, as ours is in a container, begins undumpable. */
    prctl(PR_SET_DUMPABLE, 1);
    fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0)
        got = read(fd, adjustment.normal, sizeof(adjustment.normal));
    if (got <= 0)
        return;
    adjustment.length = (size_t)got;
    adjustment.fd = TAKE_FD(fd);
}

/* When memory runs out, what a command runs must die for it and not the agent. */
static pid_t fork_expendable(void)
{
    static const char most[] = "1000";
    int error;
    pid_t pid;

    if (adjustment.fd >= 0)
        (void)!pwrite(adjustment.fd, most, sizeof(most) - 1, 0);
    pid = fork();
    if (pid == 0)
        return 0;
    error = errno;
    if (adjustment.fd >= 0)
        (void)!pwrite(adjustment.fd, adjustment.normal, adjustment.length, 0);
    errno = error;
    return pid;
}

struct command *commands_start(struct commands *commands, const char *id,
                               const struct command_spec *spec, struct error *err)
{
    _cleanup_(release_command) struct command *command = NULL;
    _cleanup_(ends_close) struct ends ends = {-1, -1, -1};
    struct shepherd_job job = {.command = spec->command,
                               .workdir = spec->workdir,
                               .environment = spec->environment,
                               .timeout_seconds = spec->timeout_seconds,
                               .in_fd = commands->null_fd,
                               .proc_fd = commands->proc_fd,
                               .in_container = commands->in_container};

    if (make_room(commands, err) < 0)
        return NULL;
    command = command_new(commands, id, spec->timeout_seconds);
    if (open_pipes(command, &ends, err) < 0)
        return NULL;
    job.report_fd = ends.report;
    job.out_fd = ends.out;
    job.err_fd = ends.err;
    command->shepherd = fork_expendable();
    if (command->shepherd < 0) {
        error_errno(err, errno, "cannot make a process");
        return NULL;
    }
    if (command->shepherd == 0)
        shepherd_run(&job);
    watch(command);
    command->known = true;
    command->listed = true;
    TAILQ_INSERT_TAIL(&commands->list, command, links);
    commands->count++;
    return TAKE_PTR(command);
}

void commands_forget(struct commands *commands, struct command *command)
{
    (void)commands;
    command->known = false;
    if (command->ended)
        unlist(command);
    else if (command->shepherd)
        (void)!send(command->report_fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    else
        kill_step(command);
}
