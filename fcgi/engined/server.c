#include "engined/server.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "engined/containers.h"
#include "engined/cpu_watch.h"
#include "engined/disk_watch.h"
#include "engined/kernel_watch.h"
#include "settings.h"
#include "wire/engined.h"

#include "base/banned.h"

#define MESSAGES_AT_ONCE 32 /* of one connection, between two looks at everything else */

/* An answer that the other end has no room for yet. */
struct waiting_answer {
    STAILQ_ENTRY(waiting_answer) next;
    struct buf bytes;
    int fds[ENGINED_FDS_MAX];
    int fd_count;
};

struct connection {
    LIST_ENTRY(connection) next;
    struct server *server;
    int fd;
    uid_t uid;
    struct event *readable, *writable;
    int under_way; /* requests whose answer is not sent */
    bool paused;
    STAILQ_HEAD(, waiting_answer) answers;
};

/* A start, a stop, a clearance, an opening or a freezing under way. */
struct asked {
    LIST_ENTRY(asked) next;
    struct server *server;
    struct connection *connection; /* NULL: it is gone */
    struct engined_request request;
};

struct server {
    struct event_base *base;
    const struct engine_settings *settings;
    struct containers *containers;
    struct disk_watch *disk;
    struct kernel_watch *kernel;
    struct cpu_watch *cpu;
    uid_t asker;
    struct event *listener;
    int count;
    int abandoned; /* of those that are asked: nobody waits for them */
    LIST_HEAD(, connection) connections;
    LIST_HEAD(, asked) asked;
};

/* --- answers --------------------------------------------------------------------------------- */

static void answer_release(struct waiting_answer *answer)
{
    for (int i = 0; i < answer->fd_count; i++)
        close_fd(&answer->fds[i]);
    buf_release(&answer->bytes);
    free(answer);
}

static void connection_close(struct connection *connection)
{
    struct asked *asked;
    struct waiting_answer *answer;

    LIST_FOREACH(asked, &connection->server->asked, next)
    {
        if (asked->connection != connection)
            continue;
        asked->connection = NULL;
        connection->server->abandoned++;
    }
    while ((answer = STAILQ_FIRST(&connection->answers)) != NULL) {
        STAILQ_REMOVE_HEAD(&connection->answers, next);
        answer_release(answer);
    }
    LIST_REMOVE(connection, next);
    connection->server->count--;
    event_free(connection->readable);
    event_free(connection->writable);
    close(connection->fd);
    free(connection);
}

/* Sends what waits, as far as there is room. False: the connection is closed. */
static bool flush(struct connection *connection)
{
    struct waiting_answer *answer;

    while ((answer = STAILQ_FIRST(&connection->answers)) != NULL) {
        if (engined_send(connection->fd, answer->bytes.data, answer->bytes.length, answer->fds,
                         answer->fd_count) < 0) {
            if (errno == EAGAIN) {
                event_add(connection->writable, NULL);
                return true;
            }
            connection_close(connection);
            return false;
        }
        STAILQ_REMOVE_HEAD(&connection->answers, next);
        answer_release(answer);
        connection->under_way--;
    }
    if (connection->paused && connection->under_way < ENGINED_UNDER_WAY_MAX) {
        connection->paused = false;
        event_add(connection->readable, NULL);
    }
    return true;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    flush(arg);
}

static struct engined_answer head_of(const struct engined_request *request)
{
    return (struct engined_answer){
        .protocol = ENGINED_PROTOCOL, .verb = request->verb, .number = request->number};
}

static struct waiting_answer *answer_new(const struct engined_answer *head)
{
    struct waiting_answer *answer = xcalloc(1, sizeof(*answer));

    answer->bytes = (struct buf)BUF_INIT;
    buf_add(&answer->bytes, head, sizeof(*head));
    return answer;
}

static bool submit(struct connection *connection, struct waiting_answer *answer)
{
    STAILQ_INSERT_TAIL(&connection->answers, answer, next);
    return flush(connection);
}

static bool answer_error(struct connection *connection, const struct engined_request *request,
                         const struct error *err)
{
    struct engined_answer head = head_of(request);

    if (err != NULL)
        engined_answer_error(&head, err);
    return submit(connection, answer_new(&head));
}

static void name_of(const struct engined_request *request, char name[CONTAINER_NAME_SIZE])
{
    struct id id;

    memcpy(id.text, request->id, sizeof(id.text));
    container_name((enum container_kind)request->kind, &id, name);
}

/* --- describe -------------------------------------------------------------------------------- */

static void fill_usage(struct server *server, const char *name, struct engined_answer *head)
{
    struct containers_usage usage;
    struct error ignored;

    if (containers_usage(server->containers, name, &usage, &ignored) < 0)
        return;
    head->memory_bytes = usage.memory_bytes;
    head->processes = usage.processes;
    head->cpu_us = usage.cpu_us;
    head->oom_kills = usage.oom_kills;
    head->disk_bytes = usage.disk_bytes;
}

static int fill_texts(const struct containers_description *description, struct engined_answer *head,
                      struct error *err)
{
    const char *environment = description->environment ? description->environment : "[]";
    const char *workdir = description->workdir ? description->workdir : "/";
    const char *profile = description->profile ? description->profile : "{}";

    if (strlen(environment) + strlen(workdir) + strlen(profile) > ENGINED_TEXT_MAX)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image's environment is larger than %d KiB", ENGINED_TEXT_MAX >> 10);
    head->environment_length = (uint32_t)strlen(environment);
    head->workdir_length = (uint32_t)strlen(workdir);
    head->profile_length = (uint32_t)strlen(profile);
    return 0;
}

static bool answer_description(struct connection *connection, const struct engined_request *request)
{
    struct server *server = connection->server;
    _cleanup_(containers_description_release) struct containers_description description = {
        .pidfd = -1, .oom_fd = -1, .pids_fd = -1};
    struct engined_answer head = head_of(request);
    char socket[CONTAINERS_SOCKET_SIZE];
    char name[CONTAINER_NAME_SIZE];
    struct waiting_answer *answer;
    struct error err = ERROR_INIT;

    name_of(request, name);
    if (containers_describe(server->containers, name, request->image[0] ? request->image : NULL,
                            connection->uid, &description, &err) < 0 ||
        fill_texts(&description, &head, &err) < 0)
        return answer_error(connection, request, &err);
    head.running = description.running;
    head.image_time = description.image_time;
    snprintf(head.address, sizeof(head.address), "unix:%s",
             containers_socket(server->containers, name, socket));
    if (description.ended_code != NULL) {
        snprintf(head.ended_code, sizeof(head.ended_code), "%s", description.ended_code);
        snprintf(head.ended_message, sizeof(head.ended_message), "%s", description.ended_message);
    }
    if (request->verb == ENGINED_DESCRIBE)
        fill_usage(server, name, &head);
    answer = answer_new(&head);
    buf_add(&answer->bytes, description.environment ? description.environment : "[]",
            head.environment_length);
    buf_add(&answer->bytes, description.workdir ? description.workdir : "/", head.workdir_length);
    buf_add(&answer->bytes, description.profile ? description.profile : "{}", head.profile_length);
    if (description.running) {
        answer->fds[answer->fd_count++] = TAKE_FD(description.pidfd);
        answer->fds[answer->fd_count++] = TAKE_FD(description.oom_fd);
        answer->fds[answer->fd_count++] = TAKE_FD(description.pids_fd);
    }
    return submit(connection, answer);
}

/* --- start, stop, clear, egress, freeze ------------------------------------------------------- */

static void log_failure(const struct engined_request *request, const struct error *err)
{
    static const char *const events[] = {[ENGINED_START] = "start_failed",
                                         [ENGINED_STOP] = "stop_failed",
                                         [ENGINED_CLEAR] = "clear_failed",
                                         [ENGINED_EGRESS] = "egress_failed",
                                         [ENGINED_FREEZE] = "freeze_failed"};

    log_event(LOG_WARNING, events[request->verb], "kind=%s id=%s reason=\"%s\"",
              container_kind_name((enum container_kind)request->kind), request->id, err->message);
}

/* It has come to its end, and is nobody's any more but the caller's. */
static void asked_end(struct asked *asked, const struct error *err)
{
    if (err != NULL)
        log_failure(&asked->request, err);
    LIST_REMOVE(asked, next);
    asked->server->abandoned -= asked->connection == NULL;
}

static void opened(const struct error *err, int fd, void *arg)
{
    _cleanup_(free_ptr) struct asked *asked = arg;
    struct engined_answer head = head_of(&asked->request);
    struct waiting_answer *answer;

    asked_end(asked, err);
    if (asked->connection == NULL) {
        close_fd(&fd);
    } else if (err != NULL) {
        answer_error(asked->connection, &asked->request, err);
    } else {
        answer = answer_new(&head);
        answer->fds[answer->fd_count++] = fd;
        submit(asked->connection, answer);
    }
}

static void asked_done(const struct error *err, void *arg)
{
    struct asked *asked = arg;
    struct connection *connection = asked->connection;

    asked_end(asked, err);
    /* Whatever came of it. Not when it was asked for: it may have waited long for its turn, with
     * nothing there that would be watched. */
    if (asked->request.verb == ENGINED_START) {
        disk_watch_begin(asked->server->disk);
        kernel_watch_begin(asked->server->kernel);
        cpu_watch_begin(asked->server->cpu);
    }
    if (connection != NULL && err == NULL && asked->request.verb == ENGINED_START)
        answer_description(connection, &asked->request);
    else if (connection != NULL)
        answer_error(connection, &asked->request, err);
    free(asked);
}

static int64_t capped(int64_t asked_for, int64_t most)
{
    return asked_for < most ? asked_for : most;
}

static void order(struct connection *connection, const struct engined_request *request)
{
    struct server *server = connection->server;
    const struct engine_settings *settings = server->settings;
    const struct container_limits limits = {
        .memory_bytes = capped(request->limits.memory_bytes, settings->memory_bytes),
        .disk_bytes = capped(request->limits.disk_bytes, settings->disk_bytes),
        .disk_inodes = capped(request->limits.disk_inodes, settings->disk_inodes),
        .processes = capped(request->limits.processes, settings->processes),
        .cpu_millicores = capped(request->limits.cpu_millicores, settings->cpu_millicores),
    };
    struct asked *asked = xcalloc(1, sizeof(*asked));
    char name[CONTAINER_NAME_SIZE];

    name_of(request, name);
    asked->server = server;
    asked->connection = connection;
    asked->request = *request;
    LIST_INSERT_HEAD(&server->asked, asked, next);
    if (request->verb == ENGINED_STOP)
        containers_stop(server->containers, name, asked_done, asked);
    else if (request->verb == ENGINED_CLEAR)
        containers_clear(server->containers, name, asked_done, asked);
    else if (request->verb == ENGINED_EGRESS)
        containers_egress(server->containers, name, request->public_ != 0, opened, asked);
    else if (request->verb == ENGINED_FREEZE)
        containers_freeze(server->containers, name, opened, asked);
    else
        containers_start(server->containers, name, request->image, &limits, asked_done, asked);
}

/* --- list ------------------------------------------------------------------------------------ */

static void list_one(const char *name, void *arg)
{
    struct container_ref ref = {.kind = CONTAINER_SESSION};

    if (container_name_parse(name, &ref.kind, &ref.id) == 0)
        buf_add(arg, &ref, sizeof(ref));
}

static bool answer_list(struct connection *connection, const struct engined_request *request)
{
    _cleanup_(buf_release) struct buf list = BUF_INIT;
    _cleanup_(close_fd) int fd = memfd_create("containers", MFD_CLOEXEC);
    struct engined_answer head = head_of(request);
    struct waiting_answer *answer;
    struct error err = ERROR_INIT;
    int rc = fd < 0 ? error_errno(&err, errno, "cannot make a memory file") : 0;

    if (rc < 0 || containers_list(connection->server->containers, list_one, &list, &err) < 0 ||
        fd_write_all(fd, list.data, list.length, &err) < 0)
        return answer_error(connection, request, &err);
    head.count = (uint32_t)(list.length / sizeof(struct container_ref));
    answer = answer_new(&head);
    answer->fds[answer->fd_count++] = TAKE_FD(fd);
    return submit(connection, answer);
}

/* --- connections ----------------------------------------------------------------------------- */

/* False: the connection is closed. */
static bool carry_out(struct connection *connection, const struct engined_request *request)
{
    connection->under_way++;
    switch ((enum engined_verb)request->verb) {
    case ENGINED_START:
    case ENGINED_STOP:
    case ENGINED_CLEAR:
    case ENGINED_EGRESS:
    case ENGINED_FREEZE:
        order(connection, request);
        return true;
    case ENGINED_LIST:
        return answer_list(connection, request);
    case ENGINED_DESCRIBE:
        return answer_description(connection, request);
    }
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;

    (void)what;
    for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
        char bytes[sizeof(struct engined_request) + 1];
        struct engined_request request;
        struct error err = ERROR_INIT;
        ssize_t got;

        if (connection->under_way >= ENGINED_UNDER_WAY_MAX) {
            connection->paused = true;
            event_del(connection->readable);
            return;
        }
        /* Without room for control data the kernel drops descriptors that are sent along. */
        got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) { /* an empty message looks like the end, and is treated as such */
            connection_close(connection);
            return;
        }
        if (engined_request_check(bytes, (size_t)got, &request, &err) < 0) {
            log_event(LOG_WARNING, "request_refused", "uid=%u reason=\"%s\"",
                      (unsigned)connection->uid, err.message);
            connection_close(connection);
            return;
        }
        if (!carry_out(connection, &request))
            return;
    }
}

static void welcome(struct server *server, int fd, uid_t uid)
{
    struct connection *connection = xcalloc(1, sizeof(*connection));

    connection->server = server;
    connection->fd = fd;
    connection->uid = uid;
    STAILQ_INIT(&connection->answers);
    connection->readable =
        event_new(server->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(server->base, fd, EV_WRITE, on_writable, connection);
    LIST_INSERT_HEAD(&server->connections, connection, next);
    server->count++;
    event_add(connection->readable, NULL);
}

static void on_connect(evutil_socket_t listener, short what, void *arg)
{
    struct server *server = arg;
    _cleanup_(close_fd) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof(peer);

    (void)what;
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
        (peer.uid != 0 && peer.uid != server->asker)) {
        log_event(LOG_WARNING, "asker_refused", "uid=%u pid=%d", (unsigned)peer.uid, (int)peer.pid);
        return;
    }
    if (server->count >= SERVER_CONNECTIONS_MAX) {
        log_event(LOG_WARNING, "asker_refused", "uid=%u pid=%d reason=\"%d connections are open\"",
                  (unsigned)peer.uid, (int)peer.pid, server->count);
        return;
    }
    if (server->abandoned > SERVER_ABANDONED_MAX) {
        log_event(LOG_WARNING, "asker_refused",
                  "uid=%u pid=%d reason=\"%d requests of earlier connections are under way\"",
                  (unsigned)peer.uid, (int)peer.pid, server->abandoned);
        return;
    }
    welcome(server, TAKE_FD(fd), peer.uid);
}

struct server *server_new(struct event_base *base, const struct engine_settings *settings,
                          struct containers *containers, struct disk_watch *disk,
                          struct kernel_watch *kernel, struct cpu_watch *cpu, int listener,
                          uid_t asker)
{
    struct server *server = xcalloc(1, sizeof(*server));

    server->base = base;
    server->settings = settings;
    server->containers = containers;
    server->disk = disk;
    server->kernel = kernel;
    server->cpu = cpu;
    server->asker = asker;
    LIST_INIT(&server->connections);
    LIST_INIT(&server->asked);
    server->listener = event_new(base, listener, EV_READ | EV_PERSIST, on_connect, server);
    event_add(server->listener, NULL);
    return server;
}

void server_free(struct server *server)
{
    struct asked *asked;

    if (server == NULL)
        return;
    /* clang-tidy does not see that what is closed leaves the list first. */
    while (!LIST_EMPTY(&server->connections))
        connection_close(LIST_FIRST(&server->connections)); // NOLINT
    while ((asked = LIST_FIRST(&server->asked)) != NULL) {
        LIST_REMOVE(asked, next);
        free(asked);
    }
    event_free(server->listener);
    free(server);
}
