#include "egress_standin.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "wire/egress.h"

#include "base/banned.h"

#define CONTAINERS_MAX 64
#define CLIENTS_MAX 8

struct egress_standin {
    pthread_t thread;
    pthread_mutex_t lock;
    char *path;
    int listener, stop;
    int clients[CLIENTS_MAX];
    uint32_t status;
    bool forget_next;
    struct buf told;
    struct {
        char id[ID_LENGTH + 1];
        int fd;
    } containers[CONTAINERS_MAX];
};

static int *socket_of(struct egress_standin *standin, const char *id)
{
    for (size_t i = 0; i < CONTAINERS_MAX; i++) {
        if (strcmp(standin->containers[i].id, id) == 0)
            return &standin->containers[i].fd;
    }
    for (size_t i = 0; i < CONTAINERS_MAX; i++) {
        if (standin->containers[i].fd < 0) {
            snprintf(standin->containers[i].id, sizeof(standin->containers[i].id), "%s", id);
            return &standin->containers[i].fd;
        }
    }
    abort();
}

static uint32_t answer(struct egress_standin *standin, const struct egress_request *request, int fd)
{
    int *held = socket_of(standin, request->container);

    if (request->verb == EGRESS_DROP) {
        if (*held >= 0) /* else it is a container that an earlier test left */
            buf_add_str(&standin->told, "drop;");
        close_fd(held);
        return EGRESS_OK;
    }
    if (standin->status == EGRESS_CLOSED) { /* whatever it is, and nothing is kept of it */
        close_fd(&fd);
        buf_add_str(&standin->told, "closed;");
        return EGRESS_CLOSED;
    }
    if (fd >= 0) {
        close_fd(held);
        *held = fd;
    }
    if (*held < 0)
        return EGRESS_UNKNOWN;
    buf_addf(&standin->told, "set %s;", request->policy);
    if (standin->forget_next)
        close_fd(held);
    standin->forget_next = false;
    return standin->status;
}

/* False: the client has gone. */
static bool serve(struct egress_standin *standin, int client)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct egress_request request;
    struct iovec part = {.iov_base = &request, .iov_len = sizeof(request)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct egress_answer said = {.status = EGRESS_OK};
    const struct cmsghdr *head;
    int fd = -1;

    if (recvmsg(client, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(request))
        return false;
    head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    pthread_mutex_lock(&standin->lock);
    said.number = request.number;
    said.status = answer(standin, &request, fd);
    pthread_mutex_unlock(&standin->lock);
    return send(client, &said, sizeof(said), MSG_NOSIGNAL) == (ssize_t)sizeof(said);
}

static void *work(void *arg)
{
    struct egress_standin *standin = arg;

    for (;;) {
        struct pollfd polled[CLIENTS_MAX + 2] = {{.fd = standin->stop, .events = POLLIN},
                                                 {.fd = standin->listener, .events = POLLIN}};

        for (size_t i = 0; i < CLIENTS_MAX; i++)
            polled[2 + i] = (struct pollfd){.fd = standin->clients[i], .events = POLLIN};
        poll(polled, ARRAY_SIZE(polled), -1);
        if (polled[0].revents)
            return NULL;
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
            if (polled[2 + i].revents && !serve(standin, standin->clients[i]))
                close_fd(&standin->clients[i]);
        }
        for (size_t i = 0; polled[1].revents && i < CLIENTS_MAX; i++) {
            if (standin->clients[i] < 0) {
                standin->clients[i] = accept4(standin->listener, NULL, NULL, SOCK_CLOEXEC);
                break;
            }
        }
    }
}

struct egress_standin *egress_standin_new(const char *path)
{
    struct egress_standin *standin = xcalloc(1, sizeof(*standin));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    CU_ASSERT_FATAL(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    standin->path = xstrdup(path);
    standin->told = (struct buf)BUF_INIT;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        standin->clients[i] = -1;
    for (size_t i = 0; i < CONTAINERS_MAX; i++)
        standin->containers[i].fd = -1;
    pthread_mutex_init(&standin->lock, NULL);
    standin->stop = eventfd(0, EFD_CLOEXEC);
    standin->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(standin->stop >= 0 && standin->listener >= 0 &&
                    bind(standin->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                    listen(standin->listener, 8) == 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&standin->thread, NULL, work, standin), 0);
    return standin;
}

void egress_standin_free(struct egress_standin *standin)
{
    const uint64_t one = 1;

    CU_ASSERT_EQUAL(write(standin->stop, &one, sizeof(one)), (ssize_t)sizeof(one));
    pthread_join(standin->thread, NULL);
    unlink(standin->path);
    close(standin->listener);
    close(standin->stop);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        close_fd(&standin->clients[i]);
    for (size_t i = 0; i < CONTAINERS_MAX; i++)
        close_fd(&standin->containers[i].fd);
    buf_release(&standin->told);
    free(standin->path);
    free(standin);
}

void egress_standin_say(struct egress_standin *standin, uint32_t status)
{
    pthread_mutex_lock(&standin->lock);
    standin->status = status;
    pthread_mutex_unlock(&standin->lock);
}

void egress_standin_forget_next(struct egress_standin *standin)
{
    pthread_mutex_lock(&standin->lock);
    standin->forget_next = true;
    pthread_mutex_unlock(&standin->lock);
}

char *egress_standin_told(struct egress_standin *standin)
{
    char *told;

    pthread_mutex_lock(&standin->lock);
    told = xstrdup(standin->told.data);
    pthread_mutex_unlock(&standin->lock);
    return told;
}

size_t egress_standin_sockets(struct egress_standin *standin)
{
    size_t count = 0;

    pthread_mutex_lock(&standin->lock);
    for (size_t i = 0; i < CONTAINERS_MAX; i++)
        count += standin->containers[i].fd >= 0;
    pthread_mutex_unlock(&standin->lock);
    return count;
}
