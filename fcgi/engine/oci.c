#include "engine/oci.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/engined.h"

#include "base/banned.h"

#define PAUSE_LEAST_MS 10
#define PAUSE_MOST_MS 1000
#define REASON_WAIT_MS 2000 /* for the reason of an end, where codeset-engined is away */
#define COUNTER_FILE_MAX 4096
#define LISTED_MAX 65536

struct call {
    TAILQ_ENTRY(call) next;
    struct engined_request request;
    struct error failure; /* why it is not even sent */
    bool sent;
    engine_done *done; /* one of the four; none of them: the answer is dropped */
    engine_described *described;
    engine_listed *listed;
    engine_opened *opened;
    void *arg;
};

/* A file of the kernel's, a line of which counts something. */
struct counter {
    int fd;
    int64_t value; /* as last read */
};

struct oci_watch {
    struct engine_watch watch; /* first */
    LIST_ENTRY(oci_watch) next;
    struct container_ref ref;
    int pidfd;
    struct counter oom_kills, refusals;
    struct event *event, *reason_timer;
    struct call *asking; /* for the descriptors, or for the reason of the end */
    engine_ended *ended;
    void *arg;
};

struct oci {
    struct engine engine; /* first */
    struct event_base *base;
    char *path;
    int fd;
    struct event *readable, *writable, *timer, *failures;
    int pause_ms;
    bool lost;
    uint64_t number;
    TAILQ_HEAD(, call) calls; /* not answered; those that are sent come first */
    LIST_HEAD(, oci_watch) watches;
    /* of the answer whose callback runs, until a watch takes them */
    const struct container_ref *answered;
    int *fds;
};

static void send_calls(struct oci *oci);
static void connect_to(struct oci *oci);

/* --- the connection -------------------------------------------------------------------------- */

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    connect_to(arg);
}

static void lose(struct oci *oci, const struct error *err)
{
    struct timeval pause = {.tv_sec = oci->pause_ms / 1000, .tv_usec = oci->pause_ms % 1000 * 1000};
    struct call *call;

    if (!oci->lost)
        log_error("engined_lost", err);
    oci->lost = true;
    if (oci->readable != NULL)
        event_free(TAKE_PTR(oci->readable));
    if (oci->writable != NULL)
        event_free(TAKE_PTR(oci->writable));
    close_fd(&oci->fd);
    TAILQ_FOREACH(call, &oci->calls, next)
    {
        call->sent = false;
    }
    evtimer_add(oci->timer, &pause);
    oci->pause_ms = oci->pause_ms * 2 < PAUSE_MOST_MS ? oci->pause_ms * 2 : PAUSE_MOST_MS;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    send_calls(arg);
}

/* In order, as far as there is room. Never calls back. */
static void send_calls(struct oci *oci)
{
    struct error err = ERROR_INIT;
    struct call *call;

    TAILQ_FOREACH(call, &oci->calls, next)
    {
        if (oci->fd < 0)
            return;
        if (call->sent || call->failure.kind != ERROR_NONE)
            continue;
        if (engined_send(oci->fd, &call->request, sizeof(call->request), NULL, 0) >= 0) {
            call->sent = true;
        } else if (errno == EAGAIN) {
            event_add(oci->writable, NULL);
            return;
        } else {
            error_errno(&err, errno, "cannot send a request to codeset-engined");
            lose(oci, &err);
            return;
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg);

static void connect_to(struct oci *oci)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct error err = ERROR_INIT;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", oci->path);
    oci->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (oci->fd < 0 || connect(oci->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        error_errno(&err, errno, "cannot connect to codeset-engined at %s", oci->path);
        lose(oci, &err);
        return;
    }
    oci->readable = event_new(oci->base, oci->fd, EV_READ | EV_PERSIST, on_readable, oci);
    oci->writable = event_new(oci->base, oci->fd, EV_WRITE, on_writable, oci);
    event_add(oci->readable, NULL);
    send_calls(oci);
}

/* --- answers --------------------------------------------------------------------------------- */

static struct call *find_call(struct oci *oci, uint64_t number)
{
    struct call *call;

    TAILQ_FOREACH(call, &oci->calls, next)
    {
        if (call->request.number == number)
            return call;
    }
    return NULL;
}

static void call_back_described(struct oci *oci, const struct call *call,
                                const struct engined_answer *head, const char *texts, int *fds)
{
    _cleanup_(free_ptr) char *environment = xstrndup(texts, head->environment_length);
    _cleanup_(free_ptr) char *workdir =
        xstrndup(texts + head->environment_length, head->workdir_length);
    _cleanup_(free_ptr) char *profile =
        xstrndup(texts + head->environment_length + head->workdir_length, head->profile_length);
    const bool ended = head->ended_code[0] != '\0';
    const struct engine_description description = {
        .address = head->address,
        .image_time = head->image_time,
        .environment = environment,
        .workdir = workdir,
        .profile = profile,
        .running = head->running != 0,
        .ended_code = ended ? head->ended_code : NULL,
        .ended_message = ended ? head->ended_message : NULL,
        .memory_bytes = head->memory_bytes,
        .processes = head->processes,
        .cpu_us = head->cpu_us,
        .oom_kills = head->oom_kills,
        .disk_bytes = head->disk_bytes,
    };
    struct container_ref ref = {.kind = (enum container_kind)call->request.kind};

    memcpy(ref.id.text, call->request.id, sizeof(ref.id.text));
    oci->answered = &ref;
    oci->fds = fds;
    call->described(NULL, &description, call->arg);
    oci->answered = NULL;
    oci->fds = NULL;
}

static void call_back_listed(const struct call *call, const struct engined_answer *head, int fd)
{
    size_t size = (size_t)head->count * sizeof(struct container_ref);
    _cleanup_(free_ptr) struct container_ref *list = NULL;
    struct error err = ERROR_INIT;

    if (head->count > LISTED_MAX || fd < 0) {
        error_set(&err, ERROR_INTERNAL, NULL, "codeset-engined sent an invalid list");
        call->listed(&err, NULL, 0, call->arg);
        return;
    }
    list = xmalloc(size + 1);
    if (pread(fd, list, size, 0) != (ssize_t)size) {
        error_set(&err, ERROR_INTERNAL, NULL, "codeset-engined sent an incomplete list");
        call->listed(&err, NULL, 0, call->arg);
        return;
    }
    call->listed(NULL, list, head->count, call->arg);
}

static void call_back_failure(const struct call *call, const struct error *err)
{
    if (call->done != NULL)
        call->done(err, call->arg);
    else if (call->listed != NULL)
        call->listed(err, NULL, 0, call->arg);
    else if (call->described != NULL)
        call->described(err, NULL, call->arg);
    else if (call->opened != NULL)
        call->opened(err, -1, call->arg);
}

static void call_back_opened(const struct call *call, int *fd)
{
    struct error err = ERROR_INIT;

    if (*fd < 0) {
        error_set(&err, ERROR_INTERNAL, NULL, "codeset-engined sent no socket");
        call->opened(&err, -1, call->arg);
        return;
    }
    call->opened(NULL, TAKE_FD(*fd), call->arg);
}

static void call_back(struct oci *oci, const struct call *call, const struct engined_answer *head,
                      const char *texts, int *fds, int fd_count)
{
    struct error err = ERROR_INIT;

    if (head->kind_of_error != ERROR_NONE) {
        engined_error_of(head, &err);
        call_back_failure(call, &err);
    } else if (call->done != NULL) {
        call->done(NULL, call->arg);
    } else if (call->listed != NULL) {
        call_back_listed(call, head, fd_count == 1 ? fds[0] : -1);
    } else if (call->described != NULL) {
        call_back_described(oci, call, head, texts, fds);
    } else if (call->opened != NULL) {
        call_back_opened(call, &fds[0]);
    }
}

static void answered(struct oci *oci, const char *bytes, int *fds, int fd_count)
{
    struct engined_answer head;
    struct call *call;

    memcpy(&head, bytes, sizeof(head));
    call = find_call(oci, head.number);
    if (call == NULL) /* nothing was asked */
        return;
    TAILQ_REMOVE(&oci->calls, call, next);
    if (oci->lost)
        log_event(LOG_INFO, "engined_back", "unanswered=%d", TAILQ_FIRST(&oci->calls) != NULL);
    oci->lost = false;
    oci->pause_ms = PAUSE_LEAST_MS;
    call_back(oci, call, &head, bytes + sizeof(head), fds, fd_count);
    free(call);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    static char bytes[ENGINED_ANSWER_MAX + 1];
    struct oci *oci = arg;
    struct error err = ERROR_INIT;
    int fds[ENGINED_FDS_MAX] = {-1, -1, -1};
    int count = 0;
    long got = engined_receive(fd, bytes, ENGINED_ANSWER_MAX, fds, &count);

    (void)what;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < 0)
        error_errno(&err, errno, "cannot read an answer of codeset-engined");
    else if (got == 0)
        error_set(&err, ERROR_UNAVAILABLE, NULL, "codeset-engined closed the connection");
    if (got <= 0 || engined_answer_check(bytes, (size_t)got, &err) < 0)
        lose(oci, &err);
    else
        answered(oci, bytes, fds, count);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close_fd(&fds[i]);
}

/* --- the table's functions ------------------------------------------------------------------- */

static struct call *call_new(struct oci *oci, enum engined_verb verb, void *arg)
{
    struct call *call = xcalloc(1, sizeof(*call));

    engined_request_make(verb, ++oci->number, &call->request);
    call->arg = arg;
    return call;
}

static struct call *find_failed(struct oci *oci)
{
    struct call *call;

    /* clang-tidy does not see that what is freed leaves the list first. */
    TAILQ_FOREACH(call, &oci->calls, next)
    {
        if (call->failure.kind != ERROR_NONE) // NOLINT(clang-analyzer-unix.Malloc)
            return call;
    }
    return NULL;
}

static void on_failures(evutil_socket_t fd, short what, void *arg)
{
    struct oci *oci = arg;
    struct call *call;

    (void)fd;
    (void)what;
    while ((call = find_failed(oci)) != NULL) {
        TAILQ_REMOVE(&oci->calls, call, next);
        call_back_failure(call, &call->failure);
        free(call);
    }
}

/* What codeset-engined would not take for a request would only end the connection, again and
 * again: it is not sent. */
static void submit(struct oci *oci, struct call *call)
{
    struct engined_request ignored;

    TAILQ_INSERT_TAIL(&oci->calls, call, next);
    if (call->failure.kind != ERROR_NONE ||
        engined_request_check(&call->request, sizeof(call->request), &ignored, &call->failure) < 0)
        event_active(oci->failures, EV_TIMEOUT, 0);
    else if (oci->fd >= 0)
        send_calls(oci);
}

static void oci_start(struct engine *engine, const struct engine_start *start,
                      engine_described *done, void *arg)
{
    struct oci *oci = (struct oci *)engine;
    struct call *call = call_new(oci, ENGINED_START, arg);

    call->described = done;
    if (!engined_image_valid(start->image))
        error_set(&call->failure, ERROR_NOT_FOUND, "IMAGE_MISSING", "there is no image '%.80s'",
                  start->image);
    engined_request_name(&call->request, start->kind, &start->id, start->image);
    call->request.limits = (struct container_limits){
        .memory_bytes = start->limits.memory_bytes,
        .disk_bytes = start->limits.disk_bytes,
        .disk_inodes = start->limits.disk_inodes,
        .processes = start->limits.processes,
        .cpu_millicores = start->limits.cpu_millicores,
    };
    submit(oci, call);
}

static void oci_stop(struct engine *engine, enum container_kind kind, const struct id *id,
                     engine_done *done, void *arg)
{
    struct oci *oci = (struct oci *)engine;
    struct call *call = call_new(oci, ENGINED_STOP, arg);

    call->done = done;
    engined_request_name(&call->request, kind, id, NULL);
    submit(oci, call);
}

static void oci_clear(struct engine *engine, enum container_kind kind, const struct id *id,
                      engine_done *done, void *arg)
{
    struct oci *oci = (struct oci *)engine;
    struct call *call = call_new(oci, ENGINED_CLEAR, arg);

    call->done = done;
    engined_request_name(&call->request, kind, id, NULL);
    submit(oci, call);
}

static void oci_egress(struct engine *engine, enum container_kind kind, const struct id *id,
                       bool public_, engine_opened *done, void *arg)
{
    struct oci *oci = (struct oci *)engine;
    struct call *call = call_new(oci, ENGINED_EGRESS, arg);

    call->opened = done;
    engined_request_name(&call->request, kind, id, NULL);
    call->request.public_ = public_;
    submit(oci, call);
}

static void oci_freeze(struct engine *engine, enum container_kind kind, const struct id *id,
                       engine_opened *done, void *arg)
{
    struct oci *oci = (struct oci *)engine;
    struct call *call = call_new(oci, ENGINED_FREEZE, arg);

    call->opened = done;
    engined_request_name(&call->request, kind, id, NULL);
    submit(oci, call);
}

static void oci_list(struct engine *engine, engine_listed *done, void *arg)
{
    struct oci *oci = (struct oci *)engine;
    struct call *call = call_new(oci, ENGINED_LIST, arg);

    call->listed = done;
    submit(oci, call);
}

static struct call *describe(struct oci *oci, enum container_kind kind, const struct id *id,
                             const char *image, engine_described *done, void *arg)
{
    struct call *call = call_new(oci, ENGINED_DESCRIBE, arg);

    call->described = done;
    engined_request_name(&call->request, kind, id,
                         image != NULL && engined_image_valid(image) ? image : NULL);
    submit(oci, call);
    return call;
}

static void oci_describe(struct engine *engine, enum container_kind kind, const struct id *id,
                         const char *image, engine_described *done, void *arg)
{
    describe((struct oci *)engine, kind, id, image, done, arg);
}

/* --- watching -------------------------------------------------------------------------------- */

static void tell_end(struct oci_watch *watch, const char *code, const char *message)
{
    engine_ended *ended = watch->ended;

    watch->ended = NULL;
    if (watch->reason_timer != NULL)
        evtimer_del(watch->reason_timer);
    if (ended != NULL)
        ended(code, message, watch->arg); /* which may free it */
}

/* The answer of a call that nobody waits for any more is dropped. */
static void stop_asking(struct oci_watch *watch)
{
    if (watch->asking != NULL)
        watch->asking->described = NULL;
    watch->asking = NULL;
}

static void reason_is_late(evutil_socket_t fd, short what, void *arg)
{
    struct oci_watch *watch = arg;

    (void)fd;
    (void)what;
    stop_asking(watch);
    tell_end(watch, NULL, NULL);
}

static void got_reason(const struct error *err, const struct engine_description *description,
                       void *arg)
{
    struct oci_watch *watch = arg;

    watch->asking = NULL;
    if (err != NULL)
        tell_end(watch, NULL, NULL);
    else
        tell_end(watch, description->ended_code, description->ended_message);
}

/* pid 1 is gone. Was it codeset-engined that ended it? */
static void on_end(evutil_socket_t fd, short what, void *arg)
{
    struct oci_watch *watch = arg;
    struct oci *oci = (struct oci *)watch->watch.engine;
    const struct timeval wait = {.tv_sec = REASON_WAIT_MS / 1000};

    (void)fd;
    (void)what;
    watch->reason_timer = evtimer_new(oci->base, reason_is_late, watch);
    evtimer_add(watch->reason_timer, &wait);
    watch->asking = describe(oci, watch->ref.kind, &watch->ref.id, NULL, got_reason, watch);
}

static void take_fds(struct oci_watch *watch, int *fds)
{
    struct oci *oci = (struct oci *)watch->watch.engine;

    watch->pidfd = TAKE_FD(fds[0]);
    watch->oom_kills.fd = TAKE_FD(fds[1]);
    watch->refusals.fd = TAKE_FD(fds[2]);
    watch->event = event_new(oci->base, watch->pidfd, EV_READ, on_end, watch);
    event_add(watch->event, NULL);
}

/* A watch that came too late for the answer's descriptors. */
static void got_fds(const struct error *err, const struct engine_description *description,
                    void *arg)
{
    struct oci_watch *watch = arg;
    struct oci *oci = (struct oci *)watch->watch.engine;

    watch->asking = NULL;
    if (err == NULL && oci->fds[0] >= 0)
        take_fds(watch, oci->fds);
    else
        tell_end(watch, err ? NULL : description->ended_code,
                 err ? NULL : description->ended_message);
}

static struct engine_watch *oci_watch(struct engine *engine, enum container_kind kind,
                                      const struct id *id, engine_ended *ended, void *arg)
{
    struct oci *oci = (struct oci *)engine;
    struct oci_watch *watch = xcalloc(1, sizeof(*watch));

    watch->watch.engine = engine;
    watch->ref = (struct container_ref){.kind = kind, .id = *id};
    watch->pidfd = watch->oom_kills.fd = watch->refusals.fd = -1;
    watch->ended = ended;
    watch->arg = arg;
    LIST_INSERT_HEAD(&oci->watches, watch, next);
    if (oci->answered != NULL && oci->answered->kind == kind &&
        strcmp(oci->answered->id.text, id->text) == 0 && oci->fds[0] >= 0)
        take_fds(watch, oci->fds);
    else
        watch->asking = describe(oci, kind, id, NULL, got_fds, watch);
    return &watch->watch;
}

static void oci_unwatch(struct engine_watch *given)
{
    struct oci_watch *watch = (struct oci_watch *)given;

    stop_asking(watch);
    LIST_REMOVE(watch, next);
    if (watch->event != NULL)
        event_free(watch->event);
    if (watch->reason_timer != NULL)
        event_free(watch->reason_timer);
    close_fd(&watch->pidfd);
    close_fd(&watch->oom_kills.fd);
    close_fd(&watch->refusals.fd);
    free(watch);
}

/* The file is gone with its cgroup; then what was read last is the truth. key: the word before the
 * number, a blank behind it. */
static int64_t count(struct counter *counter, const char *key)
{
    char text[COUNTER_FILE_MAX];
    ssize_t got = counter->fd < 0 ? -1 : pread(counter->fd, text, sizeof(text) - 1, 0);
    const size_t length = strlen(key);

    if (got <= 0)
        return counter->value;
    text[got] = '\0';
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0)
            counter->value = strtoll(line + length, NULL, 10);
    }
    return counter->value;
}

static int64_t oci_oom_kills(const struct engine_watch *watch)
{
    return count(&((struct oci_watch *)watch)->oom_kills, "oom_kill ");
}

static int64_t oci_refusals(const struct engine_watch *watch)
{
    return count(&((struct oci_watch *)watch)->refusals, "max ");
}

/* --- the whole ------------------------------------------------------------------------------- */

static void oci_free(struct engine *engine)
{
    struct oci *oci = (struct oci *)engine;
    struct call *call;

    while ((call = TAILQ_FIRST(&oci->calls)) != NULL) {
        TAILQ_REMOVE(&oci->calls, call, next);
        free(call);
    }
    if (oci->readable != NULL)
        event_free(oci->readable);
    if (oci->writable != NULL)
        event_free(oci->writable);
    event_free(oci->timer);
    event_free(oci->failures);
    close_fd(&oci->fd);
    free(oci->path);
    free(oci);
}

static const struct engine_functions functions = {
    .name = "oci",
    .start = oci_start,
    .stop = oci_stop,
    .clear = oci_clear,
    .egress = oci_egress,
    .freeze = oci_freeze,
    .list = oci_list,
    .describe = oci_describe,
    .watch = oci_watch,
    .unwatch = oci_unwatch,
    .oom_kills = oci_oom_kills,
    .refusals = oci_refusals,
    .free = oci_free,
};

struct engine *oci_new(struct event_base *base, const char *socket)
{
    struct oci *oci = xcalloc(1, sizeof(*oci));

    oci->engine.functions = &functions;
    oci->base = base;
    oci->path = xstrdup(socket);
    oci->fd = -1;
    oci->pause_ms = PAUSE_LEAST_MS;
    TAILQ_INIT(&oci->calls);
    LIST_INIT(&oci->watches);
    oci->timer = evtimer_new(base, on_pause_over, oci);
    oci->failures = event_new(base, -1, 0, on_failures, oci);
    connect_to(oci);
    return &oci->engine;
}
