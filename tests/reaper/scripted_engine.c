#include "scripted_engine.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

struct scripted_watch {
    struct engine_watch watch; /* first */
    LIST_ENTRY(scripted_watch) next;
    bool listed; /* the container is still there */
    engine_ended *ended;
    void *arg;
};

struct container {
    LIST_ENTRY(container) next;
    struct scripted_host *host;
    struct container_ref ref;
    pid_t agent; /* 0: it has ended */
    struct event *end;
    char address[160];
    const char *code, *message;
    LIST_HEAD(, scripted_watch) watches;
};

struct call {
    TAILQ_ENTRY(call) next;
    struct scripted_engine *engine; /* NULL: freed, nobody is told */
    struct scripted_host *host;
    enum scripted_call kind;
    struct container_ref ref;
    bool public_;
    struct event *event; /* NULL: held */
    union {
        engine_described *described;
        engine_done *done;
        engine_listed *listed;
        engine_opened *opened;
    } back;
    void *arg;
};

struct scripted_engine {
    struct engine engine; /* first */
    struct scripted_host *host;
};

struct failure {
    int times;
    enum error_kind kind;
    const char *code;
};

struct scripted_host {
    struct event_base *base;
    char folder[64];
    char *root; /* of containers; NULL: the machine's */
    LIST_HEAD(, container) containers;
    TAILQ_HEAD(, call) calls;
    bool held[SCRIPTED_CALLS];
    struct failure failures[SCRIPTED_CALLS];
    size_t starts, clears, egresses, freezes;
    int64_t image_time;
    bool public_;
};

/* --- containers ------------------------------------------------------------------------------ */

static struct container *find(const struct scripted_host *host, const struct id *id)
{
    struct container *container;

    LIST_FOREACH(container, &host->containers, next)
    {
        if (strcmp(container->ref.id.text, id->text) == 0)
            return container;
    }
    return NULL;
}

static void tell_watches(struct container *container)
{
    struct scripted_watch *watch;

    while ((watch = LIST_FIRST(&container->watches))) {
        LIST_REMOVE(watch, next);
        watch->listed = false;
        watch->ended(container->code, container->message, watch->arg);
    }
}

static void reap(struct container *container)
{
    if (container->agent > 0)
        waitpid(container->agent, NULL, 0);
    container->agent = 0;
    if (container->end) {
        int fd = event_get_fd(container->end);

        event_free(container->end);
        close(fd);
    }
    container->end = NULL;
}

static void pid1_is_gone(evutil_socket_t fd, short what, void *arg)
{
    struct container *container = arg;

    (void)fd;
    (void)what;
    reap(container);
    tell_watches(container);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, SOMAXCONN), 0);
    return fd;
}

static void enter_root(const char *root)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        chroot(root) < 0 || chdir("/") < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0)
        _exit(126);
}

static void start_agent(struct container *container, const char *path)
{
    const char *root = container->host->root;
    int fd = listen_at(path);
    int pidfd;

    container->agent = fork();
    CU_ASSERT_FATAL(container->agent >= 0);
    if (container->agent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing behind */
        if (fd == 3)
            fcntl(fd, F_SETFD, 0);
        else
            dup2(fd, 3);
        if (root)
            enter_root(root);
        execl(root ? "/agent" : AGENT_PROGRAM, "codeset-agent", (char *)NULL);
        _exit(127);
    }
    close(fd);
    pidfd = (int)syscall(SYS_pidfd_open, container->agent, 0);
    CU_ASSERT_FATAL(pidfd >= 0);
    container->end = event_new(container->host->base, pidfd, EV_READ, pid1_is_gone, container);
    event_add(container->end, NULL);
}

static struct container *make(struct scripted_host *host, const struct container_ref *ref)
{
    struct container *container = find(host, &ref->id);
    char name[CONTAINER_NAME_SIZE], path[96 + CONTAINER_NAME_SIZE];

    if (container)
        return container;
    container = xcalloc(1, sizeof(*container));
    container->host = host;
    container->ref = *ref;
    LIST_INIT(&container->watches);
    snprintf(path, sizeof(path), "%s/%s", host->folder, container_name(ref->kind, &ref->id, name));
    snprintf(container->address, sizeof(container->address), "unix:%s", path);
    start_agent(container, path);
    LIST_INSERT_HEAD(&host->containers, container, next);
    host->starts++;
    return container;
}

static void destroy(struct container *container)
{
    if (container->agent > 0)
        kill(container->agent, SIGKILL);
    reap(container);
    tell_watches(container);
    unlink(container->address + strlen("unix:"));
    LIST_REMOVE(container, next);
    free(container);
}

/* All that is below the agent. Those that are gone already have no such file. */
static void kill_below(pid_t pid)
{
    char path[64];
    FILE *file;
    int child;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1) {
        kill_below(child);
        kill(child, SIGKILL);
    }
    if (file)
        fclose(file);
}

static void clear(struct container *container)
{
    container->host->clears++;
    kill_below(container->agent);
    kill(container->agent, SIGCONT);
}

/* --- calls ----------------------------------------------------------------------------------- */

static bool fails(struct call *call, struct error *err)
{
    struct failure *failure = &call->host->failures[call->kind];

    if (failure->times == 0)
        return false;
    failure->times--;
    error_set(err, failure->kind, failure->code, "as the script says");
    return true;
}

static void describe_to(struct call *call, struct container *container, const struct error *err)
{
    struct engine_description description = {.environment = "[]",
                                             .workdir = "/",
                                             .profile = "{}",
                                             .running = container && container->agent > 0};

    if (container) {
        description.address = container->address;
        description.image_time = call->host->image_time;
        description.ended_code = container->code;
        description.ended_message = container->message;
    }
    if (call->engine)
        call->back.described(err, err ? NULL : &description, call->arg);
}

static void carry_out_list(struct call *call, const struct error *err)
{
    struct container_ref refs[64];
    const struct container *container;
    size_t count = 0;

    LIST_FOREACH(container, &call->host->containers, next)
    {
        CU_ASSERT_FATAL(count < ARRAY_SIZE(refs));
        refs[count++] = container->ref;
    }
    if (call->engine)
        call->back.listed(err, refs, err ? 0 : count, call->arg);
}

static int listen_somewhere(void)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 16) < 0)
        abort();
    return fd;
}

static void carry_out_egress(struct call *call, const struct container *container,
                             struct error *failure)
{
    call->host->egresses++;
    call->host->public_ = call->public_;
    if (failure->kind == ERROR_NONE && call->ref.kind == CONTAINER_GRADING)
        error_set(failure, ERROR_INVALID, NULL, "a verification has no way out");
    else if (failure->kind == ERROR_NONE && (!container || container->agent == 0))
        error_set(failure, ERROR_NOT_FOUND, NULL, "it does not run");
    if (!call->engine)
        return;
    if (failure->kind != ERROR_NONE)
        call->back.opened(failure, -1, call->arg);
    else
        call->back.opened(NULL, listen_somewhere(), call->arg);
}

static void carry_out_freeze(struct call *call, const struct error *failure)
{
    call->host->freezes++;
    if (call->engine)
        call->back.opened(failure, failure ? -1 : dup(STDERR_FILENO), call->arg);
}

static void carry_out(struct call *call)
{
    struct container *container = find(call->host, &call->ref.id);
    struct error err = ERROR_INIT;
    bool failed = fails(call, &err);

    switch (call->kind) {
    case SCRIPTED_START:
        if (!failed)
            container = make(call->host, &call->ref);
        describe_to(call, container, failed ? &err : NULL);
        return;
    case SCRIPTED_DESCRIBE:
        if (!failed && !container) {
            error_set(&err, ERROR_NOT_FOUND, NULL, "it is not there");
            failed = true;
        }
        describe_to(call, container, failed ? &err : NULL);
        return;
    case SCRIPTED_STOP:
        if (!failed && container)
            destroy(container);
        if (call->engine)
            call->back.done(failed ? &err : NULL, call->arg);
        return;
    case SCRIPTED_CLEAR:
        if (!failed && container && container->agent > 0)
            clear(container);
        if (call->engine)
            call->back.done(failed ? &err : NULL, call->arg);
        return;
    case SCRIPTED_FREEZE:
        carry_out_freeze(call, failed ? &err : NULL);
        return;
    case SCRIPTED_EGRESS:
        carry_out_egress(call, container, &err);
        return;
    case SCRIPTED_LIST:
        carry_out_list(call, failed ? &err : NULL);
        return;
    }
}

static void call_free(struct call *call)
{
    TAILQ_REMOVE(&call->host->calls, call, next);
    if (call->event)
        event_free(call->event);
    free(call);
}

static void turn_has_come(evutil_socket_t fd, short what, void *arg)
{
    struct call *call = arg;

    (void)fd;
    (void)what;
    carry_out(call);
    call_free(call);
}

/* From the loop, never from within the call. */
static void let_go_on(struct call *call)
{
    call->event = event_new(call->host->base, -1, 0, turn_has_come, call);
    event_active(call->event, EV_TIMEOUT, 0);
}

static struct call *submit(struct engine *engine, enum scripted_call kind,
                           enum container_kind container_kind, const struct id *id, void *arg)
{
    struct scripted_engine *scripted = (struct scripted_engine *)engine;
    struct call *call = xcalloc(1, sizeof(*call));

    call->engine = scripted;
    call->host = scripted->host;
    call->kind = kind;
    call->ref.kind = container_kind;
    if (id)
        call->ref.id = *id;
    call->arg = arg;
    TAILQ_INSERT_TAIL(&call->host->calls, call, next);
    if (!call->host->held[kind])
        let_go_on(call);
    return call;
}

static void scripted_start_call(struct engine *engine, const struct engine_start *start,
                                engine_described *done, void *arg)
{
    submit(engine, SCRIPTED_START, start->kind, &start->id, arg)->back.described = done;
}

static void scripted_stop_call(struct engine *engine, enum container_kind kind, const struct id *id,
                               engine_done *done, void *arg)
{
    submit(engine, SCRIPTED_STOP, kind, id, arg)->back.done = done;
}

static void scripted_clear_call(struct engine *engine, enum container_kind kind,
                                const struct id *id, engine_done *done, void *arg)
{
    submit(engine, SCRIPTED_CLEAR, kind, id, arg)->back.done = done;
}

static void scripted_egress_call(struct engine *engine, enum container_kind kind,
                                 const struct id *id, bool public_, engine_opened *done, void *arg)
{
    struct call *call = submit(engine, SCRIPTED_EGRESS, kind, id, arg);

    call->public_ = public_;
    call->back.opened = done;
}

static void scripted_freeze_call(struct engine *engine, enum container_kind kind,
                                 const struct id *id, engine_opened *done, void *arg)
{
    submit(engine, SCRIPTED_FREEZE, kind, id, arg)->back.opened = done;
}

static void scripted_list_call(struct engine *engine, engine_listed *done, void *arg)
{
    submit(engine, SCRIPTED_LIST, CONTAINER_SESSION, NULL, arg)->back.listed = done;
}

static void scripted_describe_call(struct engine *engine, enum container_kind kind,
                                   const struct id *id, const char *image, engine_described *done,
                                   void *arg)
{
    (void)image;
    submit(engine, SCRIPTED_DESCRIBE, kind, id, arg)->back.described = done;
}

static struct engine_watch *scripted_watch(struct engine *engine, enum container_kind kind,
                                           const struct id *id, engine_ended *ended, void *arg)
{
    struct container *container = find(((struct scripted_engine *)engine)->host, id);
    struct scripted_watch *watch = xcalloc(1, sizeof(*watch));

    (void)kind;
    watch->watch.engine = engine;
    watch->ended = ended;
    watch->arg = arg;
    CU_ASSERT_PTR_NOT_NULL_FATAL(container);
    if (!container)
        abort();
    LIST_INSERT_HEAD(&container->watches, watch, next);
    watch->listed = true;
    return &watch->watch;
}

static void scripted_unwatch(struct engine_watch *engine_watch)
{
    struct scripted_watch *watch = (struct scripted_watch *)engine_watch;

    if (watch->listed)
        LIST_REMOVE(watch, next);
    free(watch);
}

static int64_t scripted_oom_kills(const struct engine_watch *watch)
{
    (void)watch;
    return 0;
}

static void scripted_free(struct engine *engine)
{
    struct scripted_engine *scripted = (struct scripted_engine *)engine;
    struct call *call;

    TAILQ_FOREACH(call, &scripted->host->calls, next)
    {
        if (call->engine == scripted)
            call->engine = NULL;
    }
    free(scripted);
}

static const struct engine_functions functions = {
    .name = "scripted",
    .start = scripted_start_call,
    .stop = scripted_stop_call,
    .clear = scripted_clear_call,
    .egress = scripted_egress_call,
    .freeze = scripted_freeze_call,
    .list = scripted_list_call,
    .describe = scripted_describe_call,
    .watch = scripted_watch,
    .unwatch = scripted_unwatch,
    .oom_kills = scripted_oom_kills,
    .refusals = scripted_oom_kills,
    .free = scripted_free,
};

/* --- what the test says ---------------------------------------------------------------------- */

struct scripted_host *scripted_host_new(struct event_base *base)
{
    struct scripted_host *host = xcalloc(1, sizeof(*host));

    host->image_time = 1;
    host->base = base;
    LIST_INIT(&host->containers);
    TAILQ_INIT(&host->calls);
    snprintf(host->folder, sizeof(host->folder), "/tmp/codeset-host-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(host->folder));
    return host;
}

void scripted_root(struct scripted_host *host, const char *root)
{
    free(host->root);
    host->root = root ? xstrdup(root) : NULL;
}

void scripted_host_free(struct scripted_host *host)
{
    struct error err = ERROR_INIT;

    while (!TAILQ_EMPTY(&host->calls))
        call_free(TAILQ_FIRST(&host->calls));
    while (!LIST_EMPTY(&host->containers))
        destroy(LIST_FIRST(&host->containers));
    CU_ASSERT_EQUAL(remove_tree(host->folder, &err), 0);
    free(host->root);
    free(host);
}

struct engine *scripted_engine(struct scripted_host *host)
{
    struct scripted_engine *engine = xcalloc(1, sizeof(*engine));

    engine->engine.functions = &functions;
    engine->host = host;
    return &engine->engine;
}

static void signal_agents(const struct scripted_host *host, int number)
{
    const struct container *container;

    LIST_FOREACH(container, &host->containers, next)
    {
        if (container->agent > 0)
            kill(container->agent, number);
    }
}

void scripted_starve(struct scripted_host *host)
{
    signal_agents(host, SIGSTOP);
}

void scripted_wake(struct scripted_host *host)
{
    signal_agents(host, SIGCONT);
}

size_t scripted_clears(const struct scripted_host *host)
{
    return host->clears;
}

void scripted_image_time(struct scripted_host *host, int64_t image_time)
{
    host->image_time = image_time;
}

size_t scripted_freezes(const struct scripted_host *host)
{
    return host->freezes;
}

size_t scripted_egresses(const struct scripted_host *host)
{
    return host->egresses;
}

bool scripted_public(const struct scripted_host *host)
{
    return host->public_;
}

void scripted_hold(struct scripted_host *host, enum scripted_call call)
{
    host->held[call] = true;
}

size_t scripted_held(const struct scripted_host *host, enum scripted_call kind)
{
    const struct call *call;
    size_t count = 0;

    TAILQ_FOREACH(call, &host->calls, next)
    {
        if (call->kind == kind && !call->event)
            count++;
    }
    return count;
}

bool scripted_holds(const struct scripted_host *host, enum scripted_call kind, const struct id *id)
{
    const struct call *call;

    TAILQ_FOREACH(call, &host->calls, next)
    {
        if (call->kind == kind && !call->event && strcmp(call->ref.id.text, id->text) == 0)
            return true;
    }
    return false;
}

void scripted_step(struct scripted_host *host, enum scripted_call kind)
{
    struct call *call;

    TAILQ_FOREACH(call, &host->calls, next)
    {
        if (call->kind == kind && !call->event) {
            let_go_on(call);
            return;
        }
    }
}

void scripted_release(struct scripted_host *host, enum scripted_call kind)
{
    struct call *call;

    host->held[kind] = false;
    TAILQ_FOREACH(call, &host->calls, next)
    {
        if (call->kind == kind && !call->event)
            let_go_on(call);
    }
}

void scripted_fail(struct scripted_host *host, enum scripted_call call, int times,
                   enum error_kind kind, const char *code)
{
    host->failures[call] = (struct failure){.times = times, .kind = kind, .code = code};
}

void scripted_end(struct scripted_host *host, const struct id *id, const char *code,
                  const char *message)
{
    struct container *container = find(host, id);

    CU_ASSERT_PTR_NOT_NULL_FATAL(container);
    if (!container)
        return;
    container->code = code;
    container->message = message;
    kill(container->agent, SIGKILL);
}

void scripted_plant(struct scripted_host *host, enum container_kind kind, const struct id *id)
{
    make(host, &(struct container_ref){.kind = kind, .id = *id});
}

bool scripted_has(const struct scripted_host *host, const struct id *id)
{
    return find(host, id) != NULL;
}

size_t scripted_count(const struct scripted_host *host)
{
    const struct container *container;
    size_t count = 0;

    LIST_FOREACH(container, &host->containers, next)
    {
        count++;
    }
    return count;
}

size_t scripted_starts(const struct scripted_host *host)
{
    return host->starts;
}

const char *scripted_folder(const struct scripted_host *host)
{
    return host->folder;
}

char *scripted_path(const struct scripted_host *host, const char *name)
{
    return xasprintf("%s/%s", host->folder, name);
}

bool scripted_has_file(const struct scripted_host *host, const char *name)
{
    _cleanup_(free_ptr) char *path = scripted_path(host, name);

    return access(path, F_OK) == 0;
}

void scripted_touch(const struct scripted_host *host, const char *name)
{
    _cleanup_(free_ptr) char *path = scripted_path(host, name);
    _cleanup_(close_fd) int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
}

static char *wait_for_file(const struct scripted_host *host, const char *pause, const char *name,
                           const char *then)
{
    return xasprintf("while [ -e %s ] && [ ! -e %s/%s ]; do sleep %s; done; %s", host->folder,
                     host->folder, name, pause, then);
}

char *scripted_wait(const struct scripted_host *host, const char *name, const char *then)
{
    return wait_for_file(host, "0.1", name, then);
}

char *scripted_wait_long(const struct scripted_host *host, const char *name, const char *then)
{
    return wait_for_file(host, "3", name, then);
}
