#include "agent/children.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#include "base/banned.h"

struct children {
    const struct children_listener *listener;
    void *arg;
};

static void children_ready(evutil_socket_t fd, short what, void *arg)
{
    const struct children *children = arg;
    const struct children_listener *listener = children->listener;
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    (void)what;
    (void)!read(fd, &info, sizeof(info));
    listener->listen(children->arg);
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (WIFSTOPPED(status)) {
            listener->stopped(pid, children->arg);
            continue;
        }
        if (WIFSIGNALED(status))
            listener->listen(children->arg);
        listener->ended(pid, status, children->arg);
    }
}

int children_watch(struct event_base *base, const struct children_listener *listener, void *arg,
                   struct error *err)
{
    struct children *children = xcalloc(1, sizeof(*children));
    sigset_t signals;
    int fd;

    children->listener = listener;
    children->arg = arg;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        free(children);
        return error_errno(err, errno, "cannot watch for children");
    }
    event_add(event_new(base, fd, EV_READ | EV_PERSIST, children_ready, children), NULL);
    return 0;
}
