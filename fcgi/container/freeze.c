#include "container/freeze.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/egress.h"

#include "base/banned.h"

#define CATCH_MS 100
#define LOCK_MOST (300 * 1000) /* us */
#define LOCK_STEP (5 * 1000)   /* us */
#define SETTLE_MS 1000

/* Waits for the other end to be closed, and lets the container go on. The lock stays with it. */
static void guard(const struct cgroup_fs *fs, const char *cgroup, int lock, int end)
{
    struct pollfd closed = {.fd = end};

    /* Nothing else may be held open for so long, the line to codeset-engined least of all. */
    for (int fd = 0; fd < 64; fd++)
        if (fd != lock && fd != end)
            close(fd);
    setsid();
    signal(SIGTERM, SIG_IGN);
    while (poll(&closed, 1, FREEZE_MS_MOST) < 0 && errno == EINTR)
        ;
    cgroup_thaw(fs, cgroup);
    _exit(0);
}

/* Whoever has frozen it before lets go in a moment. */
static int lock_soon(const char *folder, struct error *err)
{
    int64_t until = clock_monotonic() + LOCK_MOST;
    int lock;

    while ((lock = container_lock(folder, LOCK_NB, err)) < 0 && err->kind == ERROR_UNAVAILABLE &&
           clock_monotonic() < until)
        usleep(LOCK_STEP);
    return lock;
}

int container_freeze(const struct container_job *job, int line, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", job->state_dir, job->name);
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    _cleanup_(close_fd) int lock = lock_soon(folder, err);
    _cleanup_(close_fd) int ours = -1, theirs = -1;
    struct error ignored;
    int ends[2];
    pid_t agent, child;

    if (lock < 0 || cgroup_fs_open(&fs, err) < 0)
        return -1;
    if (!container_runs(folder, &agent))
        return error_set(err, ERROR_NOT_FOUND, NULL, "%s does not run", job->name);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(err, errno, "cannot make a pair of sockets");
    ours = ends[0];
    theirs = ends[1];
    /* Before anything is frozen there is somebody who lets it go on. */
    child = fork();
    if (child < 0)
        return error_errno(err, errno, "cannot make a process");
    if (child == 0) {
        close_fd(&theirs);
        guard(&fs, job->cgroup, lock, ours);
    }
    /* A process has to run once more to be frozen. */
    (void)cgroup_set_last(&fs, job->cgroup, false, &ignored);
    if (cgroup_freeze(&fs, job->cgroup, agent, CATCH_MS, SETTLE_MS, err) < 0) {
        cgroup_thaw(&fs, job->cgroup);
        return -1;
    }
    return container_send_fd(line, theirs, err);
}
