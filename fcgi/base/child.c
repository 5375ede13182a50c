#include "base/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#include "base/banned.h"

#define LOOK_MS 20 /* between two looks, where nothing tells of the end */

bool child_wait(pid_t pid, int milliseconds, int *ret_status)
{
    /* It may be missing: no descriptor is left, or the kernel has none. Then poll(2) only sleeps.
     */
    _cleanup_(close_fd) int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd fd = {.fd = pid_fd, .events = POLLIN};
    const int64_t deadline = clock_monotonic() + milliseconds * INT64_C(1000);
    pid_t ended;

    while ((ended = waitpid(pid, ret_status, WNOHANG)) == 0 && clock_monotonic() < deadline)
        (void)poll(&fd, 1, LOOK_MS);
    if (ended != 0)
        return ended == pid;
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    return false;
}

int child_status(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return 128 + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}
