#include "container/egress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/container.h"
#include "wire/egress.h"

#include "base/banned.h"

#define BACKLOG 64

/* The network that this process is in. */
static int network(struct stat *ret_st, struct error *err)
{
    if (stat("/proc/self/ns/net", ret_st) < 0)
        return error_errno(err, errno, "cannot look at the network namespace");
    return 0;
}

/*
 * This process goes into the network of the container's pid 1, and stays: it ends soon. The host's
 * own is the one network in which nothing must be opened, so it is looked at that this one is
 * another, whatever the runtime did.
 */
static int enter_network(const struct container_job *job, const char *folder, struct error *err)
{
    _cleanup_(close_fd) int pidfd = container_open_init(folder);
    struct stat before, after;

    if (pidfd < 0)
        return error_set(err, ERROR_NOT_FOUND, NULL, "%s does not run", job->name);
    if (network(&before, err) < 0)
        return -1;
    if (setns(pidfd, CLONE_NEWNET) < 0)
        return error_errno(err, errno, "cannot enter the network of %s", job->name);
    if (network(&after, err) < 0)
        return -1;
    if (before.st_dev == after.st_dev && before.st_ino == after.st_ino)
        return error_set(err, ERROR_INTERNAL, NULL, "%s has no network of its own", job->name);
    return 0;
}

static int open_listener(const struct container_job *job, struct error *err)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(EGRESS_PORT),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    _cleanup_(close_fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;

    /* Connections of an earlier listener may still be ending there. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return error_errno(err, errno, "cannot make a socket");
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, BACKLOG) < 0) {
        if (errno != EADDRINUSE)
            return error_errno(err, errno, "cannot listen in the network of %s", job->name);
        return error_set(err, ERROR_CONFLICT, NULL, "something listens on port %d of %s already",
                         EGRESS_PORT, job->name);
    }
    return TAKE_FD(fd);
}

int container_send_fd(int line, int fd, struct error *err)
{
    if (fd_send(line, "", 1, &fd, 1, 0) < 0)
        return error_errno(err, errno, "cannot pass the socket on");
    return 0;
}

int container_egress(const struct container_job *job, int line, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", job->state_dir, job->name);
    _cleanup_(close_fd) int lock = -1;
    _cleanup_(close_fd) int listener = -1;
    enum container_kind kind;
    struct id id;

    if (container_name_parse(job->name, &kind, &id) < 0 || kind == CONTAINER_GRADING)
        return error_set(err, ERROR_INVALID, NULL, "a verification has no way out: %s", job->name);
    lock = container_lock(folder, LOCK_NB, err);
    if (lock < 0 || enter_network(job, folder, err) < 0)
        return -1;
    listener = open_listener(job, err);
    if (listener < 0)
        return -1;
    return container_send_fd(line, listener, err);
}
