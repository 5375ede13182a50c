#include "engined/containers.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/container.h"
#include "container/oci_config.h"
#include "container/ranges.h"
#include "container/seccomp.h"
#include "images/image_store.h"
#include "settings.h"

#include "base/banned.h"

#define HELPER_NAME "codeset-container"
#define AGENT_COPY ".agent"
#define AGENT_BYTES_MAX (64 << 20)
#define REPORT_MAX 1024
#define ARGUMENTS_MAX 48

/* One start or stop, waiting for its turn or under way. */
struct call {
    struct containers *containers;
    struct call *next;
    containers_done *done;
    void *arg;
    struct error failure;      /* set before the helper ran */
    char *args[ARGUMENTS_MAX]; /* the helper's */
    int arg_count;
    char *folder; /* what a start has to make, else NULL; its last part is the name */
    struct container_limits limits;
    int config_fd; /* a start's config.json, from its launch on, else -1 */
    pid_t pid;
    int report_fd;
    struct event *event;
    struct buf report;
};

struct containers {
    struct event_base *base;
    const struct engine_settings *settings;
    struct cgroup_fs cgroups;
    json_object *seccomp;
    struct buf seccomp_program;
    char *helper;
    char *agent; /* a binary that a container may run but not read */
    struct ranges *ranges;
    struct call *running, *waiting, **waiting_end;
    int running_count;
    int running_max;
};

static void call_free(struct call *call)
{
    for (int i = 0; i < call->arg_count; i++)
        free(call->args[i]);
    if (call->event != NULL)
        event_free(call->event);
    free(call->folder);
    close_fd(&call->config_fd);
    close_fd(&call->report_fd);
    buf_release(&call->report);
    free(call);
}

static struct call *call_new(struct containers *containers, containers_done *done, void *arg)
{
    struct call *call = xcalloc(1, sizeof(*call));

    call->containers = containers;
    call->done = done;
    call->arg = arg;
    call->config_fd = call->report_fd = -1;
    call->report = (struct buf)BUF_INIT;
    return call;
}

static void add_text(struct call *call, const char *key, const char *value)
{
    if (call->arg_count < ARGUMENTS_MAX - 1)
        call->args[call->arg_count++] = key ? xasprintf("%s=%s", key, value) : xstrdup(value);
}

static void add_number(struct call *call, const char *key, int64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, value);
    add_text(call, key, text);
}

/* "ok", or "KIND CODE MESSAGE"; from a helper that died, nothing. */
static int read_report(const struct buf *report, struct error *err)
{
    static const char *const codes[] = {"IMAGE_MISSING", "IMAGE_REFUSED"};
    int kind, at = 0;
    char code[64];

    if (strcmp(report->data, "ok\n") == 0)
        return 0;
    if (sscanf(report->data, "%d %63s %n", &kind, code, &at) < 2 || at == 0 || kind <= ERROR_NONE ||
        kind > ERROR_INTERNAL)
        return error_set(err, ERROR_INTERNAL, NULL, "codeset-container died at its work");
    error_set(err, (enum error_kind)kind, NULL, "%.*s", (int)strcspn(report->data + at, "\n"),
              report->data + at);
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (strcmp(code, codes[i]) == 0)
            err->code = codes[i];
    return -1;
}

static void run_waiting(struct containers *containers);

/* Calls back and frees. The callback may start and stop containers. */
static void call_finish(struct call *call, const struct error *err)
{
    struct containers *containers = call->containers;
    struct call **place = &containers->running;

    while (*place != call)
        place = &(*place)->next;
    *place = call->next;
    containers->running_count--;
    call->done(err, call->arg);
    call_free(call);
    run_waiting(containers);
}

static void on_report(evutil_socket_t fd, short events, void *arg)
{
    struct call *call = arg;
    struct error err = ERROR_INIT;
    char bytes[512];
    ssize_t got = read(fd, bytes, sizeof(bytes));
    int status;

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        if (call->report.length + (size_t)got <= REPORT_MAX)
            buf_add(&call->report, bytes, (size_t)got);
        return;
    }
    /* The line is closed, so the helper is at its exit. */
    while (waitpid(call->pid, &status, 0) < 0 && errno == EINTR)
        ;
    call_finish(call, read_report(&call->report, &err) == 0 ? NULL : &err);
}

static void on_failure(evutil_socket_t fd, short events, void *arg)
{
    struct call *call = arg;
    struct error err = call->failure;

    (void)fd;
    (void)events;
    call_finish(call, &err);
}

static int spawn(struct call *call, int out, struct error *err)
{
    static char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (call->config_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, call->config_fd, 3);
    /* The daemon's libraries leave sockets open across exec: MariaDB's, libevent's. */
    posix_spawn_file_actions_addclosefrom_np(&actions, call->config_fd >= 0 ? 4 : 3);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* A session of its own: what ends the daemon must not end a start half-way. */
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    rc = posix_spawn(&call->pid, call->containers->helper, &actions, &attributes, call->args,
                     environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? 0 : error_errno(err, rc, "cannot run %s", call->containers->helper);
}

static int write_config(const struct call *call, int64_t first_id, struct error *err)
{
    const struct containers *containers = call->containers;
    const char *name = strrchr(call->folder, '/') + 1;
    _cleanup_(free_ptr) char *rootfs = xasprintf("%s/rootfs", call->folder);
    _cleanup_(free_ptr) char *user = xasprintf("%s/" CONTAINER_USERNS, call->folder);
    _cleanup_(free_ptr) char *cgroup =
        xasprintf("%s/%s", containers->settings->cgroup_parent, name);
    const struct oci_spec spec = {.name = name,
                                  .rootfs = rootfs,
                                  .agent = containers->agent,
                                  .cgroup_path = cgroup,
                                  .show_cgroup = cgroup_fs_can_show(&containers->cgroups),
                                  .user_namespace = user,
                                  .first_id = first_id,
                                  .limits = call->limits,
                                  .seccomp = containers->seccomp,
                                  .seccomp_program = containers->seccomp_program.data};
    _cleanup_(json_release) json_object *config = oci_config(&spec);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(close_fd) int fd = memfd_create("config.json", MFD_CLOEXEC);

    json_write(&text, config);
    if (fd < 0)
        return error_errno(err, errno, "cannot make a memory file");
    if (fd_write_all(fd, text.data, text.length, err) < 0)
        return -1;
    return TAKE_FD(fd);
}

/* A start's folder, in which the runtime passes as the container's root, who is nobody on the host,
 * and what depends on the range of host ids that goes with the folder. */
static int make_folder(struct call *call, struct error *err)
{
    int64_t first_id;

    if (mkdir(call->folder, 0711) < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make %s", call->folder);
    if (ranges_take(call->containers->ranges, call->folder, &first_id, err) < 0)
        return -1;
    call->config_fd = write_config(call, first_id, err);
    if (call->config_fd < 0)
        return -1;
    add_number(call, "first-id", first_id);
    return 0;
}

static int launch(struct call *call, struct error *err)
{
    int fds[2];
    int rc;

    if (call->failure.kind != ERROR_NONE) {
        *err = call->failure;
        return -1;
    }
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    rc = call->folder != NULL && make_folder(call, err) < 0 ? -1 : spawn(call, fds[1], err);
    close(fds[1]);
    call->report_fd = fds[0];
    if (rc < 0) {
        if (call->folder != NULL)
            rmdir(call->folder); /* if it was made just now, and is empty */
        return -1;
    }
    call->event =
        event_new(call->containers->base, call->report_fd, EV_READ | EV_PERSIST, on_report, call);
    event_add(call->event, NULL);
    return 0;
}

static void run_waiting(struct containers *containers)
{
    while (containers->waiting != NULL && containers->running_count < containers->running_max) {
        struct call *call = containers->waiting;

        containers->waiting = call->next;
        if (containers->waiting == NULL)
            containers->waiting_end = &containers->waiting;
        call->next = containers->running;
        containers->running = call;
        containers->running_count++;
        if (launch(call, &call->failure) < 0) {
            /* From the loop, never from within containers_start. */
            call->event = event_new(containers->base, -1, 0, on_failure, call);
            event_active(call->event, EV_TIMEOUT, 0);
        }
    }
}

static void submit(struct call *call)
{
    struct containers *containers = call->containers;

    *containers->waiting_end = call;
    containers->waiting_end = &call->next;
    run_waiting(containers);
}

/* Names become folders, cgroups and links: nothing but letters, digits and -_ goes. */
static int check_name(const struct containers *containers, const char *name, struct error *err)
{
    size_t length = strlen(name);
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    if (length == 0 || length > CONTAINERS_NAME_MAX || good != length || name[0] == '-')
        return error_set(err, ERROR_INVALID, NULL, "not a container's name: %.80s", name);
    if (strlen(containers->settings->state_dir) + length + strlen("//agent.sock") >=
        CONTAINERS_SOCKET_SIZE)
        return error_set(err, ERROR_INVALID, NULL,
                         "state_dir is too long a path for the sockets in it");
    return 0;
}

char *containers_socket(struct containers *containers, const char *name,
                        char text[CONTAINERS_SOCKET_SIZE])
{
    snprintf(text, CONTAINERS_SOCKET_SIZE, "%s/%s/agent.sock", containers->settings->state_dir,
             name);
    return text;
}

static int prepare_start(struct call *call, const char *name, const char *image,
                         const struct container_limits *limits, struct error *err)
{
    struct containers *containers = call->containers;
    const struct engine_settings *settings = containers->settings;
    _cleanup_(free_ptr) char *cgroup = xasprintf("%s/%s", settings->cgroup_parent, name);
    _cleanup_(image_layers_release) struct image_layers layers = {.count = 0};

    if (check_name(containers, name, err) < 0 ||
        image_layers_find(settings->image_dir, image, &layers, err) < 0)
        return -1;
    call->folder = xasprintf("%s/%s", settings->state_dir, name);
    call->limits = *limits;
    add_text(call, NULL, HELPER_NAME);
    add_text(call, NULL, "start");
    add_text(call, "name", name);
    add_text(call, "state", settings->state_dir);
    add_text(call, "cgroup", cgroup);
    add_text(call, "scratch", settings->scratch_dir);
    add_text(call, "runtime", settings->runtime);
    add_number(call, "memory", limits->memory_bytes);
    add_number(call, "processes", limits->processes);
    add_number(call, "cpu", limits->cpu_millicores);
    add_number(call, "disk", limits->disk_bytes);
    add_number(call, "inodes", limits->disk_inodes);
    add_number(call, "reserve", settings->disk_reserve_bytes);
    add_number(call, "image-first-id", settings->uid_base);
    for (int i = 0; i < layers.count; i++)
        add_text(call, "layer", layers.paths[i]);
    return 0;
}

void containers_start(struct containers *containers, const char *name, const char *image,
                      const struct container_limits *limits, containers_done *done, void *arg)
{
    struct call *call = call_new(containers, done, arg);

    prepare_start(call, name, image, limits, &call->failure);
    submit(call);
}

void containers_stop(struct containers *containers, const char *name, containers_done *done,
                     void *arg)
{
    struct call *call = call_new(containers, done, arg);
    _cleanup_(free_ptr) char *cgroup =
        xasprintf("%s/%s", containers->settings->cgroup_parent, name);

    if (check_name(containers, name, &call->failure) == 0) {
        add_text(call, NULL, HELPER_NAME);
        add_text(call, NULL, "stop");
        add_text(call, "name", name);
        add_text(call, "state", containers->settings->state_dir);
        add_text(call, "cgroup", cgroup);
    }
    submit(call);
}

int containers_list(struct containers *containers, void (*each)(const char *name, void *arg),
                    void *arg, struct error *err)
{
    DIR *dir = opendir(containers->settings->state_dir);

    if (dir == NULL)
        return error_errno(err, errno, "cannot read %s", containers->settings->state_dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct error ignored;

        if (check_name(containers, entry->d_name, &ignored) == 0)
            each(entry->d_name, arg);
    }
    closedir(dir);
    return 0;
}

int containers_usage(struct containers *containers, const char *name,
                     struct containers_usage *ret_usage, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", containers->settings->state_dir, name);
    _cleanup_(free_ptr) char *cgroup =
        xasprintf("%s/%s", containers->settings->cgroup_parent, name);
    struct cgroup_usage usage;

    if (check_name(containers, name, err) < 0 ||
        cgroup_read(&containers->cgroups, cgroup, &usage, err) < 0)
        return -1;
    *ret_usage = (struct containers_usage){.memory_bytes = usage.memory_bytes,
                                           .processes = usage.processes,
                                           .cpu_us = usage.cpu_us,
                                           .oom_kills = usage.oom_kills,
                                           .running = container_runs(folder, NULL)};
    return 0;
}

int containers_image_time(struct containers *containers, const char *image, int64_t *ret_when,
                          struct error *err)
{
    return image_time(containers->settings->image_dir, image, ret_when, err);
}

/*
 * Root of a container is nobody on the host, so a file of root's with mode 0111 can be run by it
 * but not read, and the kernel then keeps the process from being traced or dumped as well.
 * /run, where the state is, may be mounted noexec; the copy lies with the scratch images.
 */
static int place_agent(struct containers *containers, struct error *err)
{
    const char *source = containers->settings->agent_path;
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct stat st;

    if (stat(source, &st) < 0)
        return error_errno(err, errno, "cannot find the agent %s", source);
    if (st.st_uid == 0 && (st.st_mode & 07777) == 0111) {
        containers->agent = xstrdup(source);
        return 0;
    }
    containers->agent = xasprintf("%s/" AGENT_COPY, containers->settings->scratch_dir);
    if (file_read(AT_FDCWD, source, AGENT_BYTES_MAX, &bytes, err) < 0 ||
        file_write_atomic(AT_FDCWD, containers->agent, bytes.data, bytes.length, 0111, err) < 0)
        return -1;
    if (chmod(containers->agent, 0111) < 0) /* whatever the umask left */
        return error_errno(err, errno, "cannot set the mode of %s", containers->agent);
    return 0;
}

static int find_helper(struct containers *containers, struct error *err)
{
    const char *slash = strrchr(containers->settings->agent_path, '/');
    int length = slash ? (int)(slash - containers->settings->agent_path) : 0;

    containers->helper = xasprintf("%.*s/" HELPER_NAME, length, containers->settings->agent_path);
    if (access(containers->helper, X_OK) < 0)
        return error_errno(err, errno, "cannot run %s, which belongs beside the agent",
                           containers->helper);
    return 0;
}

/* The runtime goes there as the container's root, who is nobody on the host. */
static int make_passable(const char *path, struct error *err)
{
    struct stat st;

    if (make_dirs(path, 0711, err) < 0)
        return -1;
    if (stat(path, &st) == 0 && (st.st_mode & S_IXOTH) == 0)
        return error_set(err, ERROR_INVALID, NULL, "%s has to be passable by all (mode 0711)",
                         path);
    return 0;
}

static int prepare(struct containers *containers, struct error *err)
{
    const struct engine_settings *settings = containers->settings;

    if (settings->state_dir[0] != '/' || settings->scratch_dir[0] != '/' ||
        settings->image_dir[0] != '/' || settings->cgroup_parent[0] != '/')
        return error_set(err, ERROR_INVALID, NULL,
                         "state_dir, scratch_dir, image_dir and cgroup_parent begin with /");
    if (make_passable(settings->state_dir, err) < 0 ||
        make_passable(settings->scratch_dir, err) < 0 || find_helper(containers, err) < 0 ||
        place_agent(containers, err) < 0)
        return -1;
    containers->ranges = ranges_new(settings, err);
    if (containers->ranges == NULL)
        return -1;
    return cgroup_fs_open(&containers->cgroups, err);
}

struct containers *containers_new(struct event_base *base, const struct engine_settings *settings,
                                  struct error *err)
{
    struct containers *containers = xcalloc(1, sizeof(*containers));
    int processors = get_nprocs();

    containers->base = base;
    containers->settings = settings;
    containers->waiting_end = &containers->waiting;
    /* More at once would only make each later. */
    containers->running_max = processors < 2 ? 4 : 2 * processors;
    containers->seccomp = seccomp_config();
    containers->seccomp_program = (struct buf)BUF_INIT;
    if (seccomp_program(containers->seccomp, &containers->seccomp_program, err) < 0 ||
        prepare(containers, err) < 0) {
        containers_free(containers);
        return NULL;
    }
    return containers;
}

static void free_calls(struct call *call)
{
    while (call != NULL) {
        struct call *next = call->next;

        call_free(call); /* a helper that runs finishes its work alone */
        call = next;
    }
}

void containers_free(struct containers *containers)
{
    if (containers == NULL)
        return;
    free_calls(containers->running);
    free_calls(containers->waiting);
    json_object_put(containers->seccomp);
    buf_release(&containers->seccomp_program);
    cgroup_fs_release(&containers->cgroups);
    ranges_free(containers->ranges);
    free(containers->helper);
    free(containers->agent);
    free(containers);
}
