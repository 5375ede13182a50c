#include "agent/expendable.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"

#include "base/banned.h"

/* The agent's own. A process inherits its parent's, and may be given back a lower one as long as
 * that is not below what a privileged process set last: the runtime, to the agent's. */
static struct {
    int fd;
    char normal[8];
    size_t length;
} adjustment = {.fd = -1};

void expendable_prepare(void)
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

pid_t expendable_fork(void)
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
