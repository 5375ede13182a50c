#include "ctl/engine_probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "wire/engined.h"

#include "base/banned.h"

#define ANSWER_MS 5000

/* How many containers it has, or -1. */
static int ask(int fd, struct error *err)
{
    static char bytes[ENGINED_ANSWER_MAX];
    struct engined_request request;
    struct engined_answer answer;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int fds[ENGINED_FDS_MAX] = {-1, -1, -1};
    int count = 0;
    long got;

    engined_request_make(ENGINED_LIST, 1, &request);
    if (engined_send(fd, &request, sizeof(request), NULL, 0) < 0)
        return error_errno(err, errno, "the request could not be sent");
    if (poll(&waiting, 1, ANSWER_MS) <= 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "it did not answer within %d s",
                         ANSWER_MS / 1000);
    got = engined_receive(fd, bytes, sizeof(bytes), fds, &count);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close_fd(&fds[i]);
    if (got <= 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "it closed the connection");
    if (engined_answer_check(bytes, (size_t)got, err) < 0)
        return -1;
    memcpy(&answer, bytes, sizeof(answer));
    if (answer.kind_of_error != ERROR_NONE) {
        engined_error_of(&answer, err);
        return -1;
    }
    return (int)answer.count;
}

int engine_probe(const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set(err, ERROR_UNAVAILABLE, ENGINE_ABSENT, "%s: %s", path, strerror(errno));
    return ask(fd, err);
}
