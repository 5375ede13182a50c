#include "trial/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/file.h"
#include "base/mem.h"
#include "trial/said.h"
#include "trial/walls.h"

#include "base/banned.h"

#define TOLD_FD 3
#define LOOK_MS 20     /* between two looks at what dies */
#define LOOKS_MOST 500 /* before it is a fault */
#define ENDERS_MOST 10
#define ENDING_MS 10000 /* for what takes no time: an answer, the end of a pipe or of a process */

struct run {
    uid_t uid; /* the next number is whoever ends it */
    struct trial_zygote *zygote;
    char *own[3];     /* of its environment, NULL at their end */
    int64_t deadline; /* monotonic; 0: none */
    pid_t main;       /* 0: waited for */
    pid_t ender;
    int ender_fd; /* a byte to it: end them all; a byte from it: it is done */
    int told_fd, printed_fd, signal_fd;
    struct buf told, printed;
    size_t told_bytes;
    struct trial_said *said; /* NULL: what it prints says nothing */
    struct trial_end end;
};

static void run_release(struct run *run)
{
    for (size_t i = 0; i < ARRAY_SIZE(run->own); i++)
        free(run->own[i]);
    close_fd(&run->ender_fd);
    close_fd(&run->told_fd);
    close_fd(&run->printed_fd);
    close_fd(&run->signal_fd);
    buf_release(&run->told);
    buf_release(&run->printed);
    trial_said_free(run->said);
    trial_end_release(&run->end);
}

/* --- who it is ------------------------------------------------------------------------------- */

int trial_user_draw(struct trial_user *user, uid_t *ret_uid, struct error *err)
{
    unsigned short drawn;

    for (int tries = 0; tries < 10000; tries++) {
        if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn))
            return error_errno(err, errno, "cannot draw a user");
        drawn %= TRIAL_USERS_COUNT;
        if (user->used[drawn / 8] & 1 << drawn % 8)
            continue;
        user->used[drawn / 8] |= (unsigned char)(1 << drawn % 8);
        *ret_uid = TRIAL_USERS_FIRST + 2u * drawn;
        return 0;
    }
    return error_set(err, ERROR_UNAVAILABLE, NULL, "there are no users left for another run");
}

static char *home_of(const struct trial_user *user, uid_t uid)
{
    return xasprintf("%s/%u", user->homes, uid);
}

int trial_user_begin(const struct trial_user *user, uid_t uid, struct error *err)
{
    _cleanup_(free_ptr) char *home = home_of(user, uid);
    _cleanup_(free_ptr) char *temporary = xasprintf("%s/tmp", home);

    if (mkdir(home, 0700) < 0 || mkdir(temporary, 0700) < 0 || chown(temporary, uid, uid) < 0 ||
        chown(home, uid, uid) < 0)
        return error_errno(err, errno, "cannot make the folder of a run");
    return 0;
}

/* --- who ends it ----------------------------------------------------------------------------- */

/*
 * A process of that user in all that counts for whom it may signal, and of another one in all that
 * counts for who may signal it (kill(2)): it can't be ended by those that it ends.
 */
static int be_ender(uid_t uid)
{
    uid_t own = uid + 1;

    return setgroups(0, NULL) < 0 || setresgid(own, own, own) < 0 ? -1 : setresuid(own, uid, own);
}

/* kill(-1) reaches every process of that user at one moment: one that is being made is told, too,
 * or not made (fork(2) fails where a signal waits). */
static _Noreturn void ender(const struct run *run, int fd)
{
    char byte;

    descriptors_close_all_but(&fd, 1);
    if (be_ender(run->uid) < 0)
        _exit(1);
    while (read(fd, &byte, 1) == 1) {
        (void)kill(-1, SIGKILL);
        if (write(fd, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

/* Before the run, so that no lack of processes keeps it away. In place of one that failed. */
static int start_ender(struct run *run, struct error *err)
{
    int ends[2];

    close_fd(&run->ender_fd);
    if (run->ender > 0)
        (void)kill(run->ender, SIGKILL);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(err, errno, "cannot make a socket");
    run->ender_fd = ends[0];
    run->ender = fork();
    if (run->ender == 0)
        ender(run, ends[1]);
    close(ends[1]);
    return run->ender < 0 ? error_errno(err, errno, "cannot make a process") : 0;
}

static bool ask_ender(const struct run *run)
{
    struct pollfd fd = {.fd = run->ender_fd, .events = POLLIN};
    char byte = 0;

    return send(run->ender_fd, &byte, 1, MSG_NOSIGNAL) == 1 && poll(&fd, 1, ENDING_MS) == 1 &&
           read(run->ender_fd, &byte, 1) == 1;
}

/* --- the run's own process ------------------------------------------------------------------- */

static void limit(int what, rlim_t most)
{
    struct rlimit both = {most, most};

    setrlimit(what, &both);
}

void trial_user_limits(void)
{
    umask(022);
    limit(RLIMIT_NPROC, TRIAL_PROCESSES_MOST);
    limit(RLIMIT_FSIZE, TRIAL_FILE_MOST);
    limit(RLIMIT_MSGQUEUE, 0);
}

/* Is a variable of the entry's name in the list? */
static bool has_variable(char *const *list, const char *entry)
{
    size_t length = strcspn(entry, "=") + 1;

    for (; list && *list; list++)
        if (strncmp(*list, entry, length) == 0)
            return true;
    return false;
}

static size_t count_entries(char *const *list)
{
    size_t count = 0;

    while (list && list[count])
        count++;
    return count;
}

/* The command's own variables go before the run's, and these before everybody's. To be freed; its
 * texts are the others'. */
static char **environment_of(const struct trial_user *user, const struct run *run,
                             const struct trial_command *command)
{
    static char *const nobodys[] = {
        (char *)"TMP=", (char *)"TEMP=", (char *)"USER=", (char *)"LOGNAME=", NULL};
    size_t next = 0;
    char **all = xcalloc(count_entries(user->environment) + count_entries(command->environment) +
                             ARRAY_SIZE(run->own),
                         sizeof(*all));

    for (char *const *entry = user->environment; *entry; entry++)
        if (!has_variable(run->own, *entry) && !has_variable(nobodys, *entry) &&
            !has_variable(command->environment, *entry))
            all[next++] = *entry;
    for (char *const *entry = run->own; *entry; entry++)
        if (!has_variable(command->environment, *entry))
            all[next++] = *entry;
    for (char *const *entry = command->environment; entry && *entry; entry++)
        all[next++] = *entry;
    return all;
}

static _Noreturn void become(const struct trial_zygote_run *run)
{
    _cleanup_(close_fd) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    setsid();
    trial_user_limits();
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(run->printed_fd, 1) < 0 ||
        dup2(run->printed_fd, 2) < 0)
        _exit(126);
    /* Where descriptor 3 is the pipe's already, dup2 would leave it to be closed by exec. */
    if (run->told_fd == TOLD_FD ? fcntl(TOLD_FD, F_SETFD, 0) < 0 : dup2(run->told_fd, TOLD_FD) < 0)
        _exit(126);
    descriptors_close_all_but((const int[]){TOLD_FD}, 1);
    if (setgroups(0, NULL) < 0 || setresgid(run->uid, run->uid, run->uid) < 0 ||
        setresuid(run->uid, run->uid, run->uid) < 0)
        _exit(126);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    environ = (char **)run->environment; /* whose PATH the program's name is looked up in */
    if (!run->folder || chdir(run->folder) == 0)
        execvp(run->argv[0], run->argv);
    dprintf(2, "cannot start %s: %s\n", run->argv[0], strerror(errno));
    _exit(127);
}

static int fork_run(const struct trial_user *user, struct run *run,
                    const struct trial_command *command, int told_fd, int printed_fd,
                    struct error *err)
{
    _cleanup_(free_ptr) char **environment = environment_of(user, run, command);
    const struct trial_zygote_run forked = {
        .uid = run->uid,
        .folder = command->folder,
        .argv = command->argv,
        .environment = environment,
        .told_fd = told_fd,
        .printed_fd = printed_fd,
    };

    if (user->zygote.fd >= 0)
        return trial_zygote_fork(&user->zygote, &forked, &run->main, err);
    run->main = fork();
    if (run->main == 0)
        become(&forked);
    return run->main < 0 ? error_errno(err, errno, "cannot make a process") : 0;
}

static int start(const struct trial_user *user, struct run *run,
                 const struct trial_command *command, struct error *err)
{
    int told[2], printed[2], failed;

    if (pipe2(told, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    run->told_fd = told[0];
    if (pipe2(printed, O_CLOEXEC) < 0) {
        close(told[1]);
        return error_errno(err, errno, "cannot make a pipe");
    }
    run->printed_fd = printed[0];
    failed = fork_run(user, run, command, told[1], printed[1], err);
    close(told[1]);
    close(printed[1]);
    return failed;
}

/* --- what it says ---------------------------------------------------------------------------- */

static void set_fault(struct run *run, const char *fault)
{
    if (!run->end.fault)
        run->end.fault = xstrdup(fault);
}

/* All whole lines; an honest run tells nothing else. */
static void hear(struct run *run)
{
    size_t at = 0;
    const char *newline;

    while ((newline = memchr(run->told.data + at, '\n', run->told.length - at))) {
        size_t length = (size_t)(newline - run->told.data) - at;

        if (!trial_end_hear(&run->end, run->told.data + at, length))
            set_fault(run, "the run told something that no test run tells");
        at += length + 1;
    }
    if (run->told.length - at > TRIAL_LINE_MOST)
        set_fault(run, "the run told a line that is too long");
    memmove(run->told.data, run->told.data + at, run->told.length - at);
    buf_truncate(&run->told, run->told.length - at);
}

/* False: nobody has the other end any more. */
static bool take(struct run *run, int fd)
{
    static char block[65536];
    ssize_t got = read(fd, block, sizeof(block));

    if (got <= 0)
        return got < 0 && errno == EINTR;
    if (fd == run->told_fd) {
        run->told_bytes += (size_t)got;
        if (run->told_bytes > TRIAL_SAID_MOST)
            set_fault(run, "the run told too much");
        if (run->end.fault)
            return true;
        buf_add(&run->told, block, (size_t)got);
        hear(run);
        return true;
    }
    if (run->said)
        trial_said_hear(run->said, block, (size_t)got);
    buf_add(&run->printed, block, (size_t)got);
    if (run->printed.length > 2 * TRIAL_PRINTED_KEPT) {
        size_t more = run->printed.length - TRIAL_PRINTED_KEPT;

        memmove(run->printed.data, run->printed.data + more, TRIAL_PRINTED_KEPT);
        buf_truncate(&run->printed, TRIAL_PRINTED_KEPT);
    }
    return true;
}

/* --- its end --------------------------------------------------------------------------------- */

/* Whoever has ended; the run's own process ends only once. True: there are no children left but a
 * zygote. */
static bool reap(struct run *run)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    (void)!read(run->signal_fd, &info, sizeof(info));
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == run->ender)
            run->ender = 0;
        if (pid == run->zygote->pid)
            run->zygote->pid = 0;
        if (pid == run->main) {
            run->main = 0;
            run->end.status = child_status(status);
        }
    }
    if (pid < 0)
        return errno == ECHILD;
    return run->zygote->fd >= 0 && trial_zygote_is_alone(run->zygote);
}

/* Milliseconds that it may still take; -1: no limit. */
static int time_left(const struct run *run)
{
    int64_t left = run->deadline - clock_monotonic();

    if (run->deadline == 0)
        return -1;
    if (left <= 0)
        return 0;
    return left / 1000 < INT_MAX ? (int)(left / 1000) + 1 : INT_MAX;
}

/* Listens until its process has ended, or says what makes listening pointless. */
static void listen_to(struct run *run)
{
    struct pollfd fds[] = {{.fd = run->signal_fd, .events = POLLIN},
                           {.fd = run->told_fd, .events = POLLIN},
                           {.fd = run->printed_fd, .events = POLLIN}};

    while (run->main && !run->end.fault) {
        int left = time_left(run);

        if (left == 0)
            set_fault(run, "it took longer than it may");
        else if (poll(fds, ARRAY_SIZE(fds), left) < 0 && errno != EINTR)
            set_fault(run, "the run can't be listened to");
        if (fds[0].revents)
            reap(run);
        for (size_t i = 1; i < ARRAY_SIZE(fds); i++)
            if (fds[i].revents && !take(run, fds[i].fd))
                fds[i].fd = -1;
    }
}

/* Ends whatever the user has, and waits for it: what is below a child subreaper becomes its child
 * before it is gone. An ender may have died when memory ran out. */
static int end_all(struct run *run, struct error *err)
{
    struct pollfd fd = {.fd = run->signal_fd, .events = POLLIN};

    if (run->main) /* which may not be that user's yet */
        (void)kill(run->main, SIGKILL);
    for (int tries = 0; !ask_ender(run); tries++) {
        if (tries == ENDERS_MOST)
            return error_set(err, ERROR_INTERNAL, NULL, "nothing can end the processes of a run");
        if (start_ender(run, err) < 0)
            return -1;
    }
    close_fd(&run->ender_fd);
    for (int looks = 0; !reap(run); looks++) {
        if (looks == LOOKS_MOST)
            return error_set(err, ERROR_INTERNAL, NULL, "the processes of a run do not end");
        poll(&fd, 1, LOOK_MS);
    }
    return 0;
}

/* Only who made such things may remove them, or a capability that a container has not. */
static int forget_ipc(uid_t uid, struct error *err)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (be_ender(uid) < 0)
            _exit(1);
        trial_walls_forget_ipc();
        _exit(0);
    }
    if (pid < 0)
        return error_errno(err, errno, "cannot make a process");
    return child_wait(pid, ENDING_MS, &status) && status == 0
               ? 0
               : error_set(err, ERROR_INTERNAL, NULL,
                           "what a run left in the kernel could not be removed");
}

/* To its end, which is closed with whoever had it: unless it was sent somewhere. */
static void drain_one(struct run *run, int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    while (poll(&poll_fd, 1, ENDING_MS) > 0)
        if (!take(run, fd))
            return;
    set_fault(run, "what the run told has no end");
}

/* What is in the pipes. */
static void drain(struct run *run)
{
    drain_one(run, run->told_fd);
    drain_one(run, run->printed_fd);
    if (run->told.length > 0)
        set_fault(run, "the run ended within a word");
}

int trial_user_end(const struct trial_user *user, uid_t uid, struct error *err)
{
    _cleanup_(free_ptr) char *home = home_of(user, uid);

    return forget_ipc(uid, err) < 0 ? -1 : remove_tree(home, err);
}

int trial_user_run(struct trial_user *user, uid_t uid, const struct trial_command *command,
                   struct trial_end *ret_end, struct error *err)
{
    _cleanup_(run_release) struct run run = {
        .uid = uid,
        .own = {xasprintf("HOME=%s/%u", user->homes, uid),
                xasprintf("TMPDIR=%s/%u/tmp", user->homes, uid)},
        .zygote = &user->zygote,
        .deadline = command->seconds > 0 ? clock_monotonic() + command->seconds * CLOCK_SECOND : 0,
        .ender_fd = -1,
        .told_fd = -1,
        .printed_fd = -1,
        .signal_fd = -1,
        .told = BUF_INIT,
        .printed = BUF_INIT,
        .said = trial_said_new(command),
        .end = {.said_status = -1},
    };
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    run.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run.signal_fd < 0)
        return error_errno(err, errno, "cannot watch a run");
    if (start_ender(&run, err) < 0)
        return -1;
    if (start(user, &run, command, err) < 0)
        return -1; /* the caller ends, and an ender with it */
    listen_to(&run);
    if (end_all(&run, err) < 0)
        return -1;
    drain(&run);
    run.end.printed = buf_take(&run.printed);
    if (run.said)
        run.end.said = trial_said_take(run.said);
    *ret_end = run.end;
    memset(&run.end, 0, sizeof(run.end));
    return 0;
}
