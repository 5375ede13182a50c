#include "reaper/containers.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "metrics.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/egress_client.h"
#include "reaper/environment.h"
#include "reaper/fair_queue.h"
#include "reaper/registry.h"
#include "reaper/rounds.h"
#include "store/containers.h"

#include "base/banned.h"

#define HELLO_MS 30000 /* of one that was just started */
#define ADOPTED_HELLO_MS 4000
#define SUSPECT_HELLO_MS 2000
#define SILENT_HELLO_MS 30000
#define LOOKS_MAX 5 /* for one of an earlier run that the engine can't tell of */
#define LOOK_AGAIN_MS 500
#define STOP_PAUSE_FIRST_MS 500 /* before a stop that failed is tried again */
#define STOP_PAUSE_MOST_MS 30000

static const char *const ended_codes[] = {CONTAINERS_DISK_FULL, CONTAINERS_KERNEL_MEMORY};

enum phase { CLAIMED, STARTING, GREETING, UP, ENDED, STOPPING };

struct container {
    struct id id; /* first */
    struct context *context;
    enum container_kind kind;
    char name[CONTAINER_NAME_SIZE];
    enum phase phase;
    const struct container_events *events;
    void *owner;
    char *address, *environment, *profile;
    char *own_profile;     /* its owner's; NULL: none */
    char *image;           /* NULL: not known */
    struct fair_item turn; /* of a start that waits for the engine */
    int looks;
    int64_t image_time;
    int protocol; /* of its agent */
    struct engine_watch *watch;
    struct agent_call *hello;
    bool silent;        /* its agent let a hello go unanswered, and is asked again */
    bool attached;      /* not started by this run */
    bool way_out;       /* codeset-egress has a policy for it */
    bool engine_busy;   /* a start, describe or stop is under way */
    bool database_busy; /* its end is being written */
    struct event *timer;
    int64_t stop_pause;
};

struct containers {
    struct registry all;
    size_t counts[CONTAINER_KINDS];
    struct fair_queue waiting;  /* to be started */
    size_t starts, starts_most; /* under way in the engine */
};

size_t containers_starts_most(void)
{
    size_t by_processors = CONTAINERS_STARTS_PER_PROCESSOR * (size_t)get_nprocs();

    return by_processors > CONTAINERS_STARTS_LEAST ? by_processors : CONTAINERS_STARTS_LEAST;
}

bool containers_host_is_full(const struct error *err)
{
    static const char *const codes[] = {"DISK_SHORT", "LOOP_DEVICES_SHORT", "ID_RANGES_SHORT"};

    if (!err->code)
        return err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_LIMIT;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (strcmp(err->code, codes[i]) == 0)
            return true;
    }
    return false;
}

struct containers *containers_new(void)
{
    struct containers *containers = xcalloc(1, sizeof(*containers));

    fair_init(&containers->waiting);
    containers->starts_most = containers_starts_most();
    return containers;
}

/* --- entries --------------------------------------------------------------------------------- */

struct container *container_new(struct context *context, enum container_kind kind,
                                const struct id *id, const struct container_events *events,
                                void *owner)
{
    struct container *container = xcalloc(1, sizeof(*container));

    container->id = *id;
    container->context = context;
    container->kind = kind;
    container_name(kind, id, container->name);
    container->events = events;
    container->owner = owner;
    registry_insert(&context->containers->all, container);
    context->containers->counts[kind]++;
    return container;
}

static void let_go_of_agent(struct container *container)
{
    if (container->hello)
        agent_call_cancel(TAKE_PTR(container->hello));
    engine_unwatch(TAKE_PTR(container->watch));
}

void container_discard(struct container *container)
{
    struct containers *containers = container->context->containers;

    let_go_of_agent(container);
    fair_remove(&containers->waiting, &container->turn);
    if (container->timer)
        event_free(container->timer);
    registry_remove(&containers->all, container);
    containers->counts[container->kind]--;
    free(container->address);
    free(container->environment);
    free(container->profile);
    free(container->own_profile);
    free(container->image);
    free(container);
}

void containers_free(struct containers *containers)
{
    struct container *container;

    if (!containers)
        return;
    /* clang-tidy does not see that what is freed leaves the registry first. */
    while ((container = registry_any(&containers->all)))
        container_discard(container); // NOLINT
    free(containers);
}

const char *container_address(const struct container *container)
{
    return container->address;
}

const char *container_environment(const struct container *container)
{
    return container->environment;
}

const char *container_profile(const struct container *container)
{
    return container->profile;
}

void container_set_profile(struct container *container, const char *profile)
{
    free(container->own_profile);
    container->own_profile = xstrdup(profile);
}

void container_has_way_out(struct container *container)
{
    _cleanup_(json_release) json_object *environment = NULL;
    struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    container->way_out = true;
    if (json_parse(container->environment, strlen(container->environment), &environment, NULL,
                   &err) < 0)
        return; /* it is our own */
    environment_set_proxy(environment, false);
    json_write(&text, environment);
    free(container->environment);
    container->environment = buf_take(&text);
}

int64_t container_image_time(const struct container *container)
{
    return container->image_time;
}

int64_t container_oom_kills(const struct container *container)
{
    return container->watch ? engine_oom_kills(container->watch) : 0;
}

int64_t container_refusals(const struct container *container)
{
    return container->watch ? engine_refusals(container->watch) : 0;
}

bool container_knows_ids(const struct container *container)
{
    return container->protocol >= AGENT_PROTOCOL_IDS;
}

const struct id *container_id(const struct container *container)
{
    return &container->id;
}

const char *container_text(const struct container *container)
{
    return container->name;
}

bool containers_know(const struct context *context, const struct id *id)
{
    return registry_find(&context->containers->all, id) != NULL;
}

size_t containers_count(const struct context *context, enum container_kind kind)
{
    return context->containers->counts[kind];
}

/* --- the end --------------------------------------------------------------------------------- */

static void stop_step(struct container *container);

static int write_gone(struct db *db, void *arg, struct error *err)
{
    const struct container *container = arg;

    return store_container_gone(db, container->context->run, &container->id, err);
}

static void gone_written(const struct error *err, void *arg)
{
    struct container *container = arg;
    struct context *context = container->context;

    if (err)
        log_error("container_gone_failed", err); /* a round finds the row again */
    else
        log_event(LOG_INFO, "container_gone", "container=%s", container->name);
    container_discard(container);
    rounds_soon(context); /* there is room for the next */
}

static void stop_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    stop_step(arg);
}

static void stopped(const struct error *err, void *arg)
{
    struct container *container = arg;
    struct context *context = container->context;

    container->engine_busy = false;
    if (err) {
        container->stop_pause =
            container->stop_pause ? container->stop_pause * 2 : STOP_PAUSE_FIRST_MS;
        if (container->stop_pause > STOP_PAUSE_MOST_MS)
            container->stop_pause = STOP_PAUSE_MOST_MS;
        log_event(LOG_ERROR, "container_stop_failed", "container=%s reason=\"%s\"", container->name,
                  err->message);
        context_timer(context, &container->timer, container->stop_pause, stop_again, container);
        return;
    }
    if ((container->kind == CONTAINER_JOB || container->way_out) && context->egress)
        egress_drop(context->egress, &container->id);
    container->database_busy = true;
    db_pool_insist(context->pool, DB_SMALL, NULL, write_gone, gone_written, container);
}

/* A container that is just being started is stopped when that is over. */
static void stop_step(struct container *container)
{
    if (container->engine_busy || container->database_busy)
        return;
    container->engine_busy = true;
    engine_stop(container->context->engine, container->kind, &container->id, stopped, container);
}

void container_stop(struct container *container)
{
    if (container->phase == STOPPING)
        return;
    container->phase = STOPPING;
    container->owner = NULL;
    container->events = NULL;
    let_go_of_agent(container);
    fair_remove(&container->context->containers->waiting, &container->turn);
    if (container->timer)
        event_del(container->timer);
    stop_step(container);
}

void containers_unwanted(struct context *context, enum container_kind kind, const struct id *id)
{
    struct container *container = registry_find(&context->containers->all, id);

    if (!container)
        container_stop(container_new(context, kind, id, NULL, NULL));
    else if (container->phase != STOPPING)
        container->events->unwanted(container->owner);
}

/* --- the beginning --------------------------------------------------------------------------- */

static void count_failure(const struct error *err)
{
    METRIC_COUNT(CONTAINER_FAILURES, metric_place(CONTAINER_FAILURES, 0, err->code));
}

static void failed(struct container *container, const struct error *err)
{
    count_failure(err);
    container->phase = ENDED;
    let_go_of_agent(container);
    container->events->failed(err, container->owner);
}

static void lost(struct container *container, const struct error *err)
{
    count_failure(err);
    container->phase = ENDED;
    let_go_of_agent(container);
    container->events->lost(err, container->owner);
}

/* Why pid 1 is gone, as an error. An error's code is a literal. */
static void set_ended(struct error *err, const char *code, const char *message)
{
    const char *known = CONTAINERS_LOST;

    for (size_t i = 0; code && i < ARRAY_SIZE(ended_codes); i++)
        if (strcmp(code, ended_codes[i]) == 0)
            known = ended_codes[i];
    error_set(err, ERROR_NOT_FOUND, known, "%s", code ? message : "its first process has ended");
}

bool container_was_ended(const struct error *err)
{
    for (size_t i = 0; err->code && i < ARRAY_SIZE(ended_codes); i++)
        if (strcmp(err->code, ended_codes[i]) == 0)
            return true;
    return false;
}

static void pid1_ended(const char *code, const char *message, void *arg)
{
    struct container *container = arg;
    struct error err = ERROR_INIT;

    set_ended(&err, code, message);
    if (container->phase == UP)
        lost(container, &err);
    else if (container->phase == GREETING)
        failed(container, &err);
}

static void ask(struct container *container, int timeout_ms);

/* The agent is pid 1: while that runs, there is one. If it says nothing, then because its guest or
 * the host starves it, or because the daemon itself was asleep. So it is asked once more, and with
 * patience, before all that is in the container is given up. */
static bool is_asked_again(struct container *container, const struct error *err)
{
    if (!err->code || strcmp(err->code, "AGENT_UNREACHABLE") != 0 || container->silent ||
        (container->phase == GREETING && !container->attached))
        return false;
    log_event(LOG_WARNING, "agent_silent", "container=%s reason=\"%s\"", container->name,
              err->message);
    container->silent = true;
    ask(container, SILENT_HELLO_MS);
    return true;
}

static void greeted(const struct error *err, int protocol, void *arg)
{
    struct container *container = arg;

    container->hello = NULL;
    if (err && is_asked_again(container, err))
        return;
    container->silent = false;
    if (err && container->phase == GREETING) {
        failed(container, err);
    } else if (err) {
        lost(container, err);
    } else {
        container->protocol = protocol;
        if (container->phase == GREETING) {
            container->phase = UP;
            container->events->up(container->owner);
        }
    }
}

static void ask(struct container *container, int timeout_ms)
{
    container->hello =
        agent_hello(container->context->agents, container->address, timeout_ms, greeted, container);
}

void container_suspect(struct container *container)
{
    if (container->phase == UP && !container->hello)
        ask(container, SUSPECT_HELLO_MS);
}

/* It is there: watches it, greets its agent. */
static void found(struct container *container, const struct engine_description *description)
{
    struct engine *engine = container->context->engine;

    container->phase = GREETING;
    container->address = xstrdup(description->address);
    environment_of_container(description->environment, description->profile,
                             container->own_profile ? container->own_profile : "{}",
                             &container->environment, &container->profile);
    container->image_time = description->image_time;
    container->watch = engine_watch(engine, container->kind, &container->id, pid1_ended, container);
    ask(container, container->attached ? ADOPTED_HELLO_MS : HELLO_MS);
}

static void start_next(struct context *context);

static void started(const struct error *err, const struct engine_description *description,
                    void *arg)
{
    struct container *container = arg;
    struct context *context = container->context;

    container->engine_busy = false;
    context->containers->starts--;
    start_next(context);
    if (container->phase == STOPPING)
        stop_step(container);
    else if (err)
        failed(container, err);
    else
        found(container, description);
}

static void start_next(struct context *context)
{
    struct containers *containers = context->containers;
    struct fair_item *item;

    while (containers->starts < containers->starts_most &&
           (item = fair_pop(&containers->waiting))) {
        struct container *container =
            (struct container *)(void *)((char *)item - offsetof(struct container, turn));
        const struct engine_start start = {.kind = container->kind,
                                           .id = container->id,
                                           .image = container->image,
                                           .limits = context->limits};

        containers->starts++;
        container->engine_busy = true;
        engine_start(context->engine, &start, started, container);
    }
}

void container_start(struct container *container, const struct id *user, const char *image)
{
    struct context *context = container->context;

    container->phase = STARTING;
    container->image = xstrdup(image);
    fair_push(&context->containers->waiting, user, &container->turn);
    start_next(context);
}

static void look(struct container *container);

static void look_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look(arg);
}

static void described(const struct error *err, const struct engine_description *description,
                      void *arg)
{
    struct container *container = arg;
    struct error ended = ERROR_INIT;

    container->engine_busy = false;
    if (container->phase == STOPPING) {
        stop_step(container);
        return;
    }
    /* That it can't be told of now does not say that it is gone. */
    if (err && err->kind != ERROR_NOT_FOUND && ++container->looks < LOOKS_MAX) {
        log_error("engine_describe_failed", err);
        context_timer(container->context, &container->timer, LOOK_AGAIN_MS, look_again, container);
        return;
    }
    if (!err && !description->running) {
        set_ended(&ended, description->ended_code, description->ended_message);
        err = &ended;
    }
    if (err)
        failed(container, err);
    else
        found(container, description);
}

static void look(struct container *container)
{
    container->engine_busy = true;
    engine_describe(container->context->engine, container->kind, &container->id, container->image,
                    described, container);
}

void container_attach(struct container *container, const char *image)
{
    container->phase = STARTING;
    container->attached = true;
    container->image = xstrdup(image);
    look(container);
}
