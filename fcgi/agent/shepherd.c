#include "agent/shepherd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launch.h"
#include "agent/process.h"
#include "agent/tree.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "trial/trial.h"

#include "base/banned.h"

#define FILES_SOFT 1024
#define FILES_HARD 65536

static void report(const struct shepherd_job *job, const struct shepherd_report *what)
{
    /* Where the agent is gone there is nobody to tell. */
    (void)!send(job->report_fd, what, sizeof(*what), MSG_NOSIGNAL);
}

static _Noreturn void fail(const struct shepherd_job *job, int errnum, const char *what)
{
    struct shepherd_report failed = {.event = SHEPHERD_FAILED, .sys_errno = errnum};

    snprintf(failed.message, sizeof(failed.message), "%s%s%s", what, errnum ? ": " : "",
             errnum ? strerror(errnum) : "");
    report(job, &failed);
    _exit(127);
}

static void set_limits(void)
{
    /* Of 1 byte, not 0: the kernel writes no core either way, and only then spares the host the
     * program that its core_pattern may name (core(5)). */
    struct rlimit core = {1, 1}, files;

    setrlimit(RLIMIT_CORE, &core);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        if (files.rlim_max > FILES_HARD)
            files.rlim_max = FILES_HARD;
        files.rlim_cur = files.rlim_max < FILES_SOFT ? files.rlim_max : FILES_SOFT;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void set_signals(void)
{
    /* The kernel's struct sigaction, all zero: the default. glibc's sigaction leaves out signals 32
     * and 33, its own, which GNU make, for one, passes on ignored. */
    static const unsigned long normal[4];
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, normal, NULL, sizeof(normal[0]));
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void fail_of(const struct shepherd_job *job, const struct error *err)
{
    fail(job, 0, err->message);
}

static _Noreturn void command_exec(const struct shepherd_job *job)
{
    struct shepherd_report started = {.event = SHEPHERD_STARTED,
                                      .pid = getpid(),
                                      .started_at = clock_now(),
                                      .files_from = clock_of_files()};
    struct error err = ERROR_INIT;
    struct account account;
    char message[128];

    setsid();
    set_limits();
    launch_limit_cpus();
    if (getpriority(PRIO_PROCESS, 0) < 0)
        (void)setpriority(PRIO_PROCESS, 0, 0); /* the engine puts the agent first, not us */
    process_short_turns(false);
    if (dup2(job->in_fd, 0) < 0 || dup2(job->out_fd, 1) < 0 || dup2(job->err_fd, 2) < 0)
        fail(job, errno, "cannot set up the command's descriptors");
    if (chdir(job->workdir) < 0) {
        snprintf(message, sizeof(message), "cannot enter the folder %.80s", job->workdir);
        fail(job, errno, message);
    }
    /* A trial makes users of its own, which only root can. */
    if (!job->is_trial && launch_find(&job->launch, &account, &err) < 0)
        fail_of(job, &err);
    if (process_drop_capability() < 0)
        fail(job, errno, "cannot give up a capability");
    if (!job->is_trial && launch_become(&job->launch, &account, 1, 2, &err) < 0)
        fail_of(job, &err);
    report(job, &started);
    set_signals();
    if (job->is_trial) {
        descriptors_close_all_but(NULL, 0);
        _exit(trial_main(job->command, job->environment));
    }
    descriptors_cloexec_from(3);
    launch_shell(&job->launch, &account, job->command, job->environment, &err);
    fail_of(job, &err);
}

/* Reaps what there is. True when the command itself was among it. */
static bool reaped(pid_t command, int *ret_status)
{
    bool found = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == command) {
            *ret_status = status;
            found = true;
        }
    }
    return found;
}

static int until(int64_t deadline)
{
    int64_t left = deadline - clock_monotonic();

    if (left <= 0)
        return 0;
    left = (left + 999) / 1000;
    return left > 3600000 ? 3600000 : (int)left;
}

/* Said before anybody dies of it: who finds the dead finds the word, too. */
static void say_kill_all(void *arg)
{
    const struct shepherd_report kills = {.event = SHEPHERD_KILLS_ALL, .micros = clock_monotonic()};

    report(arg, &kills);
}

static void end_all(const struct shepherd_job *job)
{
    tree_end(job->proc_fd, job->in_container ? say_kill_all : NULL, (void *)job);
}

/* Waits for the command, its limit, or the agent's word. */
static void watch(const struct shepherd_job *job, int signal_fd, pid_t command, int64_t begun,
                  struct shepherd_report *end)
{
    int64_t deadline = begun + job->timeout_seconds * CLOCK_SECOND;
    struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
                           {.fd = job->report_fd, .events = POLLIN}};

    end->event = SHEPHERD_ENDED;
    for (;;) {
        struct signalfd_siginfo info;
        int status;

        poll(fds, ARRAY_SIZE(fds), until(deadline));
        if (fds[0].revents)
            (void)!read(signal_fd, &info, sizeof(info));
        if (reaped(command, &status)) {
            end->status = child_status(status);
            return;
        }
        if (fds[1].revents) {
            end_all(job);
            end->status = 128 + SIGKILL;
            return;
        }
        if (clock_monotonic() >= deadline) {
            end_all(job);
            end->event = SHEPHERD_TIMEOUT;
            end->status = 124;
            return;
        }
    }
}

_Noreturn void shepherd_run(const struct shepherd_job *job)
{
    const int kept[] = {job->report_fd, job->in_fd, job->out_fd, job->err_fd, job->proc_fd};
    struct shepherd_report end = {0};
    int64_t begun;
    sigset_t all;
    int signal_fd;
    pid_t command;

    /* Nothing but SIGKILL and SIGSTOP reaches the shepherd; the agent watches for those. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    descriptors_close_all_but(kept, ARRAY_SIZE(kept));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        fail(job, errno, "cannot watch the command");
    begun = clock_monotonic();
    command = fork();
    if (command < 0)
        fail(job, errno, "cannot create a process for the command");
    if (command == 0)
        command_exec(job);
    close(job->in_fd);
    close(job->out_fd);
    close(job->err_fd);
    watch(job, signal_fd, command, begun, &end);
    end.pid = command;
    end.micros = clock_monotonic() - begun;
    report(job, &end);
    _exit(0);
}
