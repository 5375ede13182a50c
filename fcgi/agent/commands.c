#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/children.h"
#include "agent/command_parts.h"
#include "agent/expendable.h"
#include "agent/output_drain.h"
#include "agent/shepherd.h"
#include "base/child.h"
#include "base/mem.h"

#include "base/banned.h"

/* ---- their processes' ends ---- */

/* A command whose shepherd died may be among the dead: its pid is learnt before it is reaped. And a
 * shepherd says so before it kills all: what it killed must not be told earlier. */
static void listen_to_shepherds(void *arg)
{
    struct commands *commands = arg;
    struct command *command, *next;

    for (command = TAILQ_FIRST(&commands->list); command; command = next) {
        next = TAILQ_NEXT(command, links);
        command_take_reports(command);
    }
}

static void child_stopped(pid_t pid, void *arg)
{
    struct commands *commands = arg;
    const struct command *command;

    /* clang-tidy takes a command for freed whose list still holds a reference. */
    TAILQ_FOREACH(command, &commands->list, links)
    {
        if (command->shepherd == pid) /* NOLINT(clang-analyzer-unix.Malloc) */
            kill(pid, SIGKILL);
    }
}

static void child_ended(pid_t pid, int status, void *arg)
{
    struct commands *commands = arg;
    struct command *command;

    TAILQ_FOREACH(command, &commands->list, links)
    {
        if (command->shepherd == pid) {
            command_ref(command);
            command_take_reports(command);
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
                command_finish(command, COMMAND_EXIT, child_status(status));
            return;
        }
    }
    commands->reaped(pid, commands->reaped_arg);
}

/* ---- the start ---- */

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

struct commands *commands_new(struct event_base *base, struct operations *operations,
                              commands_reaped *reaped, void *arg, struct error *err)
{
    static const struct children_listener listener = {
        .listen = listen_to_shepherds, .stopped = child_stopped, .ended = child_ended};
    struct commands *commands = xcalloc(1, sizeof(*commands));

    commands->base = base;
    commands->operations = operations;
    commands->reaped = reaped;
    commands->reaped_arg = arg;
    commands->in_container = getpid() == 1;
    commands->proc_fd = tree_open();
    commands->null_fd = open_null(err);
    commands->drain = output_drain_new(base);
    TAILQ_INIT(&commands->list);
    if (commands->null_fd < 0 || children_watch(base, &listener, commands, err) < 0)
        return NULL; /* the program ends */
    return commands;
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

static int open_ends(struct command *command, struct ends *ends, struct error *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_errno(err, errno, "cannot make a socket");
    command->report_fd = pair[0];
    ends->report = pair[1];
    if (output_open(&command->outputs[0], &ends->out, err) < 0)
        return -1;
    return output_open(&command->outputs[1], &ends->err, err);
}

struct operation *commands_start(struct commands *commands, const char *id,
                                 const struct command_spec *spec, struct error *err)
{
    _cleanup_(release_command) struct command *command = NULL;
    _cleanup_(ends_close) struct ends ends = {-1, -1, -1};
    struct shepherd_job job = {.command = spec->command,
                               .is_trial = spec->is_trial,
                               .workdir = spec->workdir,
                               .environment = spec->environment,
                               .launch = spec->launch,
                               .timeout_seconds = spec->timeout_seconds,
                               .in_fd = commands->null_fd,
                               .proc_fd = commands->proc_fd,
                               .in_container = commands->in_container};

    if (operations_make_room(commands->operations, err) < 0)
        return NULL;
    command = command_new(commands, id, spec);
    if (open_ends(command, &ends, err) < 0)
        return NULL;
    job.report_fd = ends.report;
    job.out_fd = ends.out;
    job.err_fd = ends.err;
    /* When memory runs out, what a command runs must die for it and not the agent. */
    command->shepherd = expendable_fork();
    if (command->shepherd < 0) {
        error_errno(err, errno, "cannot make a process");
        return NULL;
    }
    if (command->shepherd == 0)
        shepherd_run(&job);
    command_watch(command);
    operations_add(commands->operations, &command->operation);
    TAILQ_INSERT_TAIL(&commands->list, command, links);
    return &command->operation; /* the table has a reference */
}
