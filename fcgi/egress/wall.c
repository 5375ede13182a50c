#include "egress/wall.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#include "base/banned.h"

static int missing(struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, NULL,
                     "the firewall rules for agents are not loaded: codeset-egress's user can "
                     "connect to this host; start codeset-egress-wall.service");
}

/* Within one host a connection is there, or refused, when connect returns. */
static int try(const struct sockaddr *any_port, socklen_t length, struct error *err)
{
    _cleanup_(close_fd) int listener =
        socket(any_port->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    _cleanup_(close_fd) int fd =
        socket(any_port->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);

    if (listener < 0 && errno == EAFNOSUPPORT)
        return 0;
    if (listener < 0 || fd < 0)
        return error_errno(err, errno, "cannot try the firewall's rules");
    if (bind(listener, any_port, length) < 0)
        return errno == EADDRNOTAVAIL ? 0
                                      : error_errno(err, errno, "cannot try the firewall's rules");
    if (listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&bound, &size) < 0)
        return error_errno(err, errno, "cannot try the firewall's rules");
    if (connect(fd, (const struct sockaddr *)&bound, size) == 0)
        return missing(err);
    if (errno != EINPROGRESS)
        return 0;
    /* What was let through is in the queue by now; what was dropped never comes. */
    close_fd(&fd);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    return fd < 0 ? 0 : missing(err);
}

int wall_check(struct error *err)
{
    const struct sockaddr_in v4 = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    if (try((const struct sockaddr *)&v4, sizeof(v4), err) < 0)
        return -1;
    return try((const struct sockaddr *)&v6, sizeof(v6), err);
}
