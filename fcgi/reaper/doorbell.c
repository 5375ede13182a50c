#include "reaper/doorbell.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

#define BATCH 64 /* datagrams between two looks at everything else */
#define BACKLOG 4096

struct doorbell {
    int fd;
    struct event *event;
    char *path;
    doorbell_rung *rung;
    void *arg;
    size_t nonsense;
};

int bind_socket(const char *path, int type, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int fd = -1;
    struct stat st;

    if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ERROR_INVALID, NULL,
                         "the path of a socket must be absolute, and shorter than 108 bytes: %s",
                         path);
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, errno, "cannot create the socket %s", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_errno(err, errno, "removing %s", path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_errno(err, errno, "binding %s", path);
    /* The umask of a daemon gives nobody else anything; this socket is for its group. It has that
     * from its birth, but in a folder that gives its own; where the unit forbids chown(2), it has
     * to be so. */
    if (stat(path, &st) < 0 || (st.st_gid != getegid() && chown(path, (uid_t)-1, getegid()) < 0) ||
        chmod(path, 0660) < 0)
        return error_errno(err, errno, "cannot change the group of %s", path);
    if (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
        return error_errno(err, errno, "cannot listen on %s", path);
    return TAKE_FD(fd);
}

static void on_datagrams(evutil_socket_t fd, short what, void *arg)
{
    struct doorbell *doorbell = arg;
    char text[DOORBELL_SIZE];
    enum work_kind kind;
    struct id id;

    (void)what;
    for (int i = 0; i < BATCH; i++) {
        ssize_t length = recv(fd, text, sizeof(text), MSG_TRUNC);

        if (length < 0)
            return; /* none left */
        if ((size_t)length <= sizeof(text) && doorbell_parse(text, (size_t)length, &kind, &id) == 0)
            doorbell->rung(kind, &id, doorbell->arg);
        else if (doorbell->nonsense++ == 0)
            log_event(LOG_WARNING, "doorbell_nonsense", "length=%zd", length);
    }
}

struct doorbell *doorbell_new(struct event_base *base, const char *path, doorbell_rung *rung,
                              void *arg, struct error *err)
{
    int fd = bind_socket(path, SOCK_DGRAM, err);
    struct doorbell *doorbell;

    if (fd < 0)
        return NULL;
    doorbell = xcalloc(1, sizeof(*doorbell));
    doorbell->fd = fd;
    doorbell->path = xstrdup(path);
    doorbell->rung = rung;
    doorbell->arg = arg;
    doorbell->event = event_new(base, fd, EV_READ | EV_PERSIST, on_datagrams, doorbell);
    event_add(doorbell->event, NULL);
    return doorbell;
}

void doorbell_free(struct doorbell *doorbell)
{
    if (!doorbell)
        return;
    event_free(doorbell->event);
    close(doorbell->fd);
    unlink(doorbell->path);
    free(doorbell->path);
    free(doorbell);
}
