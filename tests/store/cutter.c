#include "cutter.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define PIECE 65536

/* One connection at a time, as a struct db has one. */
struct cutter {
    int listener;
    char *path, *target;
    pthread_t thread;
    atomic_int left; /* statements until the cut; below 0: none */
    atomic_bool answered, cut, ending;
};

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool pass(int from, int to, char *piece, ssize_t *ret_length)
{
    ssize_t length = recv(from, piece, PIECE, 0);

    *ret_length = length;
    return length > 0 && send(to, piece, (size_t)length, MSG_NOSIGNAL) == length;
}

/* A client's packet that begins with the number 0 is a command (the protocol's header: three bytes
 * of length, one of number). */
static bool is_command(const char *piece, ssize_t length)
{
    return length >= 4 && piece[3] == 0;
}

/* Waits until MariaDB has answered, and with that, done it. */
static void swallow_answer(int server, char *piece)
{
    struct pollfd poll_server = {.fd = server, .events = POLLIN};

    if (poll(&poll_server, 1, 60000) > 0)
        recv(server, piece, PIECE, 0);
}

static bool from_client(struct cutter *cutter, int client, int server, char *piece)
{
    ssize_t length = recv(client, piece, PIECE, 0);
    bool due = length > 0 && is_command(piece, length) && atomic_load(&cutter->left) >= 0 &&
               atomic_fetch_sub(&cutter->left, 1) == 0;

    if (length <= 0)
        return false;
    if (due)
        atomic_store(&cutter->cut, true);
    if (due && !atomic_load(&cutter->answered))
        return false;
    if (send(server, piece, (size_t)length, MSG_NOSIGNAL) != length)
        return false;
    if (due)
        swallow_answer(server, piece);
    return !due;
}

static void serve(struct cutter *cutter, int client, char *piece)
{
    int server = connect_to(cutter->target);
    struct pollfd both[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    ssize_t length;

    while (server >= 0 && poll(both, 2, -1) > 0) {
        if (both[0].revents && !from_client(cutter, client, server, piece))
            break;
        if (both[1].revents && !pass(server, client, piece, &length))
            break;
    }
    if (server >= 0)
        close(server);
}

static void *run(void *arg)
{
    struct cutter *cutter = arg;
    char *piece = xmalloc(PIECE);

    for (;;) {
        int client = accept4(cutter->listener, NULL, NULL, SOCK_CLOEXEC);

        if (client < 0 || atomic_load(&cutter->ending))
            break;
        serve(cutter, client, piece);
        close(client);
    }
    free(piece);
    return NULL;
}

struct cutter *cutter_new(const char *path, const char *target)
{
    struct sockaddr_un address = address_of(path);
    struct cutter *cutter = xcalloc(1, sizeof(*cutter));

    cutter->path = xstrdup(path);
    cutter->target = xstrdup(target);
    atomic_store(&cutter->left, -1);
    unlink(path);
    cutter->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(cutter->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(cutter->listener, 8) < 0 ||
        pthread_create(&cutter->thread, NULL, run, cutter) != 0) {
        perror(path);
        return NULL;
    }
    return cutter;
}

void cutter_free(struct cutter *cutter)
{
    if (!cutter)
        return;
    atomic_store(&cutter->ending, true);
    shutdown(cutter->listener, SHUT_RDWR);
    pthread_join(cutter->thread, NULL);
    close(cutter->listener);
    unlink(cutter->path);
    free(cutter->path);
    free(cutter->target);
    free(cutter);
}

void cutter_arm(struct cutter *cutter, int statements, bool answered)
{
    atomic_store(&cutter->cut, false);
    atomic_store(&cutter->answered, answered);
    atomic_store(&cutter->left, statements);
}

bool cutter_disarm(struct cutter *cutter)
{
    atomic_store(&cutter->left, -1);
    return atomic_load(&cutter->cut);
}
