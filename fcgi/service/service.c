#include "service/service.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#include "base/banned.h"

#define LOCK_WAIT (2 * CLOCK_SECOND)

int service_lock(const char *program, const char *path, int flags, struct error *err)
{
    int64_t until = clock_monotonic() + LOCK_WAIT;
    _cleanup_(close_fd) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

    if (fd < 0)
        return error_errno(err, errno, "opening %s", path);
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(err, errno, "locking %s", path);
        if (clock_monotonic() > until)
            return error_set(err, ERROR_CONFLICT, NULL, "another %s is running (it has locked %s)",
                             program, path);
        usleep(20 * 1000);
    }
    return TAKE_FD(fd);
}

void service_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    sd_notify(0, "WATCHDOG=1");
}

struct event *service_watchdog_new(struct event_base *base)
{
    struct timeval half;
    struct event *event;
    uint64_t limit;

    if (sd_watchdog_enabled(0, &limit) <= 0)
        return NULL;
    half.tv_sec = (time_t)(limit / 2 / CLOCK_SECOND);
    half.tv_usec = (suseconds_t)(limit / 2 % CLOCK_SECOND);
    event = event_new(base, -1, EV_PERSIST, on_watchdog, NULL);
    evtimer_add(event, &half);
    return event;
}
