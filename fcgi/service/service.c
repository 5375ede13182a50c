#include "service/service.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include "base/banned.h"

#define LOCK_WAIT (2 * CLOCK_SECOND)
#define BACKLOG 64

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

int service_user(const char *setting, const char *user, uid_t *ret_uid, gid_t *ret_gid,
                 struct error *err)
{
    char *end;
    unsigned long number = strtoul(user, &end, 10);
    const struct passwd *entry = getpwnam(user);

    if (entry != NULL) {
        *ret_uid = entry->pw_uid;
        *ret_gid = entry->pw_gid;
        return 0;
    }
    if (user[0] == '\0' || *end != '\0' || number == 0 || number >= (uid_t)-1)
        return error_set(err, ERROR_NOT_FOUND, NULL, "%s: there is no user %s on this host",
                         setting, user);
    *ret_uid = (uid_t)number;
    *ret_gid = (gid_t)number;
    return 0;
}

long service_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur < 1 << 20 ? (long)limit.rlim_cur : 1 << 20;
}

/* --- the socket ------------------------------------------------------------------------------ */

static int bind_socket(const char *path, mode_t mode, gid_t group, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before;
    int rc;

    if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ERROR_INVALID, NULL,
                         "the path of a socket must be absolute, and shorter than 108 bytes: %s",
                         path);
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || (unlink(path) < 0 && errno != ENOENT))
        return error_errno(err, errno, "cannot create the socket %s", path);
    before = umask(0177);
    rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
    umask(before);
    if (rc < 0)
        return error_errno(err, errno, "binding %s", path);
    if ((group != (gid_t)-1 && chown(path, (uid_t)-1, group) < 0) || chmod(path, mode) < 0)
        return error_errno(err, errno, "cannot change who may use %s", path);
    if (listen(fd, BACKLOG) < 0)
        return error_errno(err, errno, "cannot listen on %s", path);
    return TAKE_FD(fd);
}

int service_listen(const char *path, mode_t mode, gid_t group, struct error *err)
{
    int count = sd_listen_fds(1);
    int fd = SD_LISTEN_FDS_START;

    if (count == 0)
        return bind_socket(path, mode, group, err);
    if (count != 1 || sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, NULL, 0) <= 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "systemd did not pass exactly one listening SOCK_SEQPACKET socket");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return error_errno(err, errno, "cannot set up the socket from systemd");
    return fd;
}

/* --- the loop -------------------------------------------------------------------------------- */

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

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)what;
    sd_notify(0, "STOPPING=1");
    log_event(LOG_INFO, "stopping", "signal=%d", (int)number);
    event_base_loopbreak(arg);
}

void service_run(struct event_base *base)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    struct event *signals[ARRAY_SIZE(numbers)];
    struct event *watchdog = service_watchdog_new(base);

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        signals[i] = evsignal_new(base, numbers[i], on_signal, base);
        event_add(signals[i], NULL);
    }
    sd_notify(0, "READY=1");
    event_base_dispatch(base);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        event_free(signals[i]);
    if (watchdog != NULL)
        event_free(watchdog);
}
