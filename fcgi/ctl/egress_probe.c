#include "ctl/egress_probe.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "egress/address.h"
#include "egress/resolver.h"
#include "egress/route.h"
#include "egress/wall.h"
#include "wire/engined.h"

#include "base/banned.h"

/* The first who connects starts it, behind its firewall rules, which may look names up. */
#define ANSWER_MS 40000
#define SAID_MAX (64 << 10)

/* --- the service ----------------------------------------------------------------------------- */

int egress_probe_answers(const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    struct egress_request request;
    struct egress_answer answer;
    struct id nobody = id_new(); /* to drop what is not there is a success */

    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ERROR_INVALID, NULL, "%s: the path of a socket is too long", path);
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "%s: %s", path, strerror(errno));
    egress_request_make(EGRESS_DROP, 1, nobody.text, NULL, &request);
    if (engined_send(fd, &request, sizeof(request), NULL, 0) < 0)
        return error_errno(err, errno, "the request could not be sent");
    if (poll(&waiting, 1, ANSWER_MS) <= 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "it did not answer within %d s",
                         ANSWER_MS / 1000);
    if (recv(fd, &answer, sizeof(answer), 0) != (ssize_t)sizeof(answer) ||
        answer.status != EGRESS_OK)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "it closed the connection");
    return 0;
}

/* --- as its user ----------------------------------------------------------------------------- */

static void read_all(int fd, struct buf *out)
{
    char bytes[4096];
    ssize_t got;

    while ((got = read(fd, bytes, sizeof(bytes))) > 0)
        if (out->length < SAID_MAX)
            buf_add(out, bytes, (size_t)got);
}

/* Runs `look` as that user in a child; `out` gets what it wrote. */
static int as_user(const struct egress_user *user, void (*look)(int fd, const void *arg),
                   const void *arg, struct buf *out, struct error *err)
{
    int ends[2], status = -1;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    pid = fork();
    if (pid == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
            setresuid(user->uid, user->uid, user->uid) < 0)
            _exit(1);
        look(ends[1], arg);
        _exit(0);
    }
    close(ends[1]);
    read_all(ends[0], out);
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "it cannot be tried as user %u",
                         (unsigned)user->uid);
    return 0;
}

static void say(int fd, const char *text)
{
    struct error ignored = ERROR_INIT;

    fd_write_all(fd, text, strlen(text), &ignored);
}

static void try_wall(int fd, const void *arg)
{
    struct error err = ERROR_INIT;

    (void)arg;
    if (wall_check(&err) < 0)
        say(fd, err.message);
}

int egress_probe_wall(const struct egress_user *user, struct error *err)
{
    _cleanup_(buf_release) struct buf said = BUF_INIT;

    if (as_user(user, try_wall, NULL, &said, err) < 0)
        return -1;
    if (said.length > 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "%s", said.data);
    return 0;
}

/* --- names ----------------------------------------------------------------------------------- */

struct look_up {
    const struct egress_name *names;
    size_t count;
    const char *always;
};

struct found {
    const struct egress_name *name;
    bool always;
    int fd;
    size_t *left;
    struct event_base *base;
};

static void tell(const struct found *found, const char *how, const char *reason)
{
    _cleanup_(free_ptr) char *line = xasprintf("%s%s%s\n", found->name->host, how, reason);

    say(found->fd, line);
}

/* As egress/connection.c decides: one address that may be reached is enough. */
static void on_found(const struct error *err, const struct sockaddr_storage *addresses,
                     size_t count, void *arg)
{
    struct found *found = arg;
    const char *against = NULL;

    for (size_t i = 0; i < count && !err; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&addresses[i];

        against = found->always ? NULL : address_refused(address);
        if (!against && !found->always)
            against = route_refused(address);
        if (!against)
            break;
    }
    if (err)
        tell(found, ": ", err->message);
    else if (against)
        tell(found, " resolves to ", against);
    if (--*found->left == 0)
        event_base_loopbreak(found->base);
}

/* Without a port it is for both of the web's. */
static bool is_always(const char *list, const struct egress_name *name)
{
    if (name->port != 0)
        return egress_always_has(list, name->host, name->port);
    return egress_always_has(list, name->host, 443) || egress_always_has(list, name->host, 80);
}

static void try_names(int fd, const void *arg)
{
    const struct look_up *look_up = arg;
    struct found *found = xcalloc(look_up->count, sizeof(*found));
    struct event_base *base = event_base_new();
    struct error err = ERROR_INIT;
    struct resolver *resolver = base ? resolver_new(base, NULL, &err) : NULL;
    size_t left = look_up->count;

    for (size_t i = 0; resolver && i < look_up->count; i++) {
        const struct egress_name *name = &look_up->names[i];

        found[i] = (struct found){.name = name,
                                  .always = is_always(look_up->always, name),
                                  .fd = fd,
                                  .left = &left,
                                  .base = base};
        resolver_ask(resolver, name->host, 443, on_found, &found[i], &err);
    }
    if (!resolver)
        say(fd, "the resolver cannot be set up\n");
    else if (left > 0)
        event_base_dispatch(base);
    resolver_free(resolver);
    if (base)
        event_base_free(base);
    free(found);
}

int egress_probe_names(const struct egress_user *user, const struct egress_name *names,
                       size_t count, const char *always, struct buf *faults, struct error *err)
{
    const struct look_up look_up = {.names = names, .count = count, .always = always};
    int lines = 0;

    if (as_user(user, try_names, &look_up, faults, err) < 0)
        return -1;
    for (const char *c = faults->data; *c != '\0'; c++)
        lines += *c == '\n';
    return lines;
}
