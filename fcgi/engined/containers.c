#include "engined/containers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/container.h"
#include "container/oci_config.h"
#include "container/ranges.h"
#include "container/seccomp.h"
#include "engined/commitments.h"
#include "engined/helper.h"
#include "engined/host_share.h"
#include "engined/start_failure.h"
#include "images/image_store.h"
#include "images/images.h"
#include "settings.h"
#include "wire/engined.h"

#include "base/banned.h"

#define HELPER_NAME "codeset-container"
#define AGENT_COPY ".agent"
#define AGENT_BYTES_MAX (64 << 20)
#define EVICT_AGAIN (CLOCK_SECOND / 10) /* after a failure */
#define EVICT_UNDER_WAY (CLOCK_SECOND)
#define ENDED_MAX 1024
#define IMAGE_RECORD_MAX 256

LIST_HEAD(orders, order);

struct containers {
    const struct engine_settings *settings;
    struct cgroup_fs cgroups;
    json_object *seccomp;
    struct buf seccomp_program;
    struct helpers *helpers;
    char *agent; /* a binary that a container may run but not read */
    struct ranges *ranges;
    struct commitments *commitments;
    struct orders orders;
};

/* What a helper has been asked for, until it has answered. */
struct order {
    LIST_ENTRY(order) next;
    struct containers *containers;
    containers_done *done;
    containers_opened *opened; /* instead of done */
    int line;                  /* on which the helper sends what it opened, or -1 */
    void *arg;
    char *name, *folder, *image;
    struct container_limits limits;
    bool made;    /* the folder may be this start's */
    bool freezes; /* it is being frozen */
};

static struct order *order_new(struct containers *containers, const char *name,
                               containers_done *done, void *arg)
{
    struct order *order = xcalloc(1, sizeof(*order));

    order->containers = containers;
    order->line = -1;
    order->done = done;
    order->arg = arg;
    order->name = xstrdup(name);
    order->folder = xasprintf("%s/%s", containers->settings->state_dir, name);
    LIST_INSERT_HEAD(&containers->orders, order, next);
    return order;
}

static void order_free(struct order *order)
{
    LIST_REMOVE(order, next);
    close_fd(&order->line);
    free(order->name);
    free(order->folder);
    free(order->image);
    free(order);
}

static void finish(struct order *order, const struct error *err)
{
    order->done(err, order->arg);
    order_free(order);
}

/* Names become folders, cgroups and links: nothing but letters, digits and -_ goes. */
static int check_name(const struct containers *containers, const char *name, struct error *err)
{
    size_t length = strlen(name);
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    if (length == 0 || length > CONTAINERS_NAME_MAX || good != length || name[0] == '-')
        return error_set(err, ERROR_INVALID, NULL, "not a valid container name: %.80s", name);
    if (strlen(containers->settings->state_dir) + length + strlen("//" CONTAINER_SOCKET) >=
        CONTAINERS_SOCKET_SIZE)
        return error_set(err, ERROR_INVALID, NULL,
                         "the path of state_dir is too long for the sockets in it");
    return 0;
}

/* What every verb of the helper is told. */
static struct helper_call *new_call(struct order *order, const char *verb, helper_prepare *prepare,
                                    helper_done *done)
{
    const struct engine_settings *settings = order->containers->settings;
    struct helper_call *call =
        helper_call_new(order->containers->helpers, verb, prepare, done, order);
    _cleanup_(free_ptr) char *cgroup = xasprintf("%s/%s", settings->cgroup_parent, order->name);
    struct error err = ERROR_INIT;

    helper_call_text(call, "name", order->name);
    helper_call_text(call, "state", settings->state_dir);
    helper_call_text(call, "cgroup", cgroup);
    helper_call_text(call, "scratch", settings->scratch_dir);
    if (check_name(order->containers, order->name, &err) < 0)
        helper_call_fail(call, &err);
    return call;
}

/* --- start ----------------------------------------------------------------------------------- */

static int write_config(const struct order *order, int64_t first_id, struct error *err)
{
    const struct containers *containers = order->containers;
    _cleanup_(free_ptr) char *rootfs = xasprintf("%s/rootfs", order->folder);
    _cleanup_(free_ptr) char *user = xasprintf("%s/" CONTAINER_USERNS, order->folder);
    _cleanup_(free_ptr) char *cgroup =
        xasprintf("%s/%s", containers->settings->cgroup_parent, order->name);
    const struct oci_spec spec = {
        .name = order->name,
        .rootfs = rootfs,
        .agent = containers->agent,
        .cgroup_path = cgroup,
        .cgroups = &containers->cgroups,
        .figures = container_runtime_is_crun(containers->settings->runtime) ? OCI_FIGURES_ALL
                                                                            : OCI_FIGURES_SOME,
        .user_namespace = user,
        .first_id = first_id,
        .limits = order->limits,
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
static int make_folder(struct order *order, struct helper_call *call, int *ret_fd,
                       struct error *err)
{
    int64_t first_id;

    order->made = true;
    if (mkdir(order->folder, 0711) < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make %s", order->folder);
    if (ranges_take(order->containers->ranges, order->folder, &first_id, err) < 0)
        return -1;
    *ret_fd = write_config(order, first_id, err);
    if (*ret_fd < 0)
        return -1;
    helper_call_number(call, "first-id", first_id);
    return 0;
}

static int prepare_start(struct helper_call *call, void *arg, int *ret_fd, struct error *err)
{
    struct order *order = arg;
    const struct container_limits *limits = &order->limits;
    const struct engine_settings *settings = order->containers->settings;
    _cleanup_(image_layers_release) struct image_layers layers = {.count = 0};
    int64_t when;

    if (image_layers_find(settings->image_dir, order->image, &layers, err) < 0 ||
        image_time(settings->image_dir, order->image, &when, err) < 0 ||
        commitments_take(order->containers->commitments, order->name, limits->disk_bytes, err) < 0)
        return -1;
    helper_call_text(call, "runtime", settings->runtime);
    helper_call_text(call, "image", order->image);
    helper_call_number(call, "image-time", when);
    helper_call_number(call, "memory", limits->memory_bytes);
    helper_call_number(call, "processes", limits->processes);
    helper_call_number(call, "cpu", limits->cpu_millicores);
    helper_call_number(call, "disk", limits->disk_bytes);
    helper_call_number(call, "inodes", limits->disk_inodes);
    helper_call_number(call, "reserve", settings->disk_reserve_bytes);
    helper_call_number(call, "image-first-id", settings->uid_base);
    for (int i = 0; i < layers.count; i++)
        helper_call_text(call, "layer", layers.paths[i]);
    return make_folder(order, call, ret_fd, err);
}

static void started(const struct error *err, void *arg)
{
    struct order *order = arg;

    if (err != NULL && order->made)
        rmdir(order->folder); /* if no process came to run, it is empty */
    if (err != NULL && access(order->folder, F_OK) < 0)
        commitments_drop(order->containers->commitments, order->name);
    start_failure_note(order->containers->settings->state_dir, order->name, err);
    finish(order, err);
}

void containers_start(struct containers *containers, const char *name, const char *image,
                      const struct container_limits *limits, containers_done *done, void *arg)
{
    struct order *order = order_new(containers, name, done, arg);

    order->image = xstrdup(image);
    order->limits = *limits;
    helper_call_submit(new_call(order, "start", prepare_start, started), false);
}

/* --- stop, evict, clear ---------------------------------------------------------------------- */

static void stopped(const struct error *err, void *arg)
{
    struct order *order = arg;

    /* A start that came after it may have made the folder anew by now. */
    if (err == NULL && access(order->folder, F_OK) < 0)
        commitments_drop(order->containers->commitments, order->name);
    finish(order, err);
}

void containers_stop(struct containers *containers, const char *name, containers_done *done,
                     void *arg)
{
    struct order *order = order_new(containers, name, done, arg);

    helper_call_submit(new_call(order, "stop", NULL, stopped), false);
}

/* The one that takes most may be one that is being stopped, for as long as that takes. Then it is
 * the next one's turn: who still writes must not be safe behind it. */
static void evicted(const struct error *err, void *arg)
{
    struct order *order = arg;

    if (err != NULL)
        commitments_pass_over(order->containers->commitments, order->name, EVICT_AGAIN);
    finish(order, err);
}

void containers_evict(struct containers *containers, const char *name, const char *ended,
                      containers_done *done, void *arg)
{
    struct order *order = order_new(containers, name, done, arg);
    struct helper_call *call = new_call(order, "evict", NULL, evicted);

    commitments_pass_over(containers->commitments, name, EVICT_UNDER_WAY);
    helper_call_text(call, "ended", ended);
    helper_call_submit(call, true);
}

static void cleared(const struct error *err, void *arg)
{
    finish(arg, err);
}

void containers_clear(struct containers *containers, const char *name, containers_done *done,
                      void *arg)
{
    struct order *order = order_new(containers, name, done, arg);
    struct helper_call *call = new_call(order, "clear", NULL, cleared);

    helper_call_number(call, "processes", containers->settings->processes);
    helper_call_submit(call, true);
}

/* --- the way out, and holding still ----------------------------------------------------------- */

/* The helper's descriptor 3 is a line on which it sends the socket. */
static int prepare_line(struct helper_call *call, void *arg, int *ret_fd, struct error *err)
{
    struct order *order = arg;
    int ends[2];

    (void)call;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(err, errno, "cannot make a pair of sockets");
    order->line = ends[0];
    *ret_fd = ends[1];
    return 0;
}

static void line_opened(const struct error *failure, void *arg)
{
    struct order *order = arg;
    struct error err = ERROR_INIT;
    int fds[ENGINED_FDS_MAX] = {-1, -1, -1};
    int count = 0;
    char byte;

    if (failure != NULL)
        err = *failure;
    else if (engined_receive(order->line, &byte, sizeof(byte), fds, &count) < 0 || count != 1)
        error_set(&err, ERROR_INTERNAL, NULL, HELPER_NAME " sent no socket");
    if (err.kind != ERROR_NONE)
        order->opened(&err, -1, order->arg);
    else
        order->opened(NULL, TAKE_FD(fds[0]), order->arg);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close_fd(&fds[i]);
    order_free(order);
}

void containers_egress(struct containers *containers, const char *name, bool public_,
                       containers_opened *done, void *arg)
{
    struct order *order = order_new(containers, name, NULL, arg);
    struct helper_call *call = new_call(order, "egress", prepare_line, line_opened);

    order->opened = done;
    helper_call_number(call, "public", public_);
    helper_call_submit(call, false);
}

void containers_freeze(struct containers *containers, const char *name, containers_opened *done,
                       void *arg)
{
    struct order *order = order_new(containers, name, NULL, arg);

    order->opened = done;
    order->freezes = true;
    helper_call_submit(new_call(order, "freeze", prepare_line, line_opened), true);
}

void containers_end_takers(struct containers *containers, int64_t most, const char *ended,
                           containers_done *done, void *arg)
{
    const struct engine_settings *settings = containers->settings;
    struct order *order = order_new(containers, "all", done, arg);
    struct helper_call *call = helper_call_new(containers->helpers, "watch", NULL, cleared, order);

    helper_call_text(call, "name", order->name);
    helper_call_text(call, "state", settings->state_dir);
    helper_call_text(call, "cgroup", settings->cgroup_parent);
    helper_call_text(call, "scratch", settings->scratch_dir);
    helper_call_number(call, "memory", most);
    helper_call_text(call, "ended", ended);
    helper_call_submit(call, true);
}

/* --- what is there --------------------------------------------------------------------------- */

char *containers_socket(struct containers *containers, const char *name,
                        char text[CONTAINERS_SOCKET_SIZE])
{
    snprintf(text, CONTAINERS_SOCKET_SIZE, "%s/%s/" CONTAINER_SOCKET,
             containers->settings->state_dir, name);
    return text;
}

const struct commitments *containers_commitments(const struct containers *containers)
{
    return containers->commitments;
}

int containers_list(struct containers *containers, void (*each)(const char *name, void *arg),
                    void *arg, struct error *err)
{
    DIR *dir = opendir(containers->settings->state_dir);

    if (dir == NULL)
        return error_errno(err, errno, "cannot read %s", containers->settings->state_dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct error ignored;

        if (entry->d_type == DT_DIR && check_name(containers, entry->d_name, &ignored) == 0)
            each(entry->d_name, arg);
    }
    closedir(dir);
    return 0;
}

int containers_usage(struct containers *containers, const char *name,
                     struct containers_usage *ret_usage, struct error *err)
{
    const struct engine_settings *settings = containers->settings;
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", settings->state_dir, name);
    _cleanup_(free_ptr) char *cgroup = xasprintf("%s/%s", settings->cgroup_parent, name);
    struct cgroup_usage usage;

    if (check_name(containers, name, err) < 0 ||
        cgroup_read(&containers->cgroups, cgroup, &usage, err) < 0)
        return -1;
    *ret_usage = (struct containers_usage){.memory_bytes = usage.memory_bytes,
                                           .processes = usage.processes,
                                           .cpu_us = usage.cpu_us,
                                           .oom_kills = usage.oom_kills,
                                           .disk_bytes = commitments_written(settings, name, NULL),
                                           .running = container_runs(folder, NULL)};
    return 0;
}

int containers_cpu(struct containers *containers, const char *name, int64_t *ret_us,
                   struct error *err)
{
    _cleanup_(free_ptr) char *cgroup =
        xasprintf("%s/%s", containers->settings->cgroup_parent, name);

    return cgroup_read_cpu(&containers->cgroups, cgroup, ret_us, err);
}

static bool is_being_frozen(const struct containers *containers, const char *name)
{
    const struct order *order;

    LIST_FOREACH(order, &containers->orders, next)
    if (order->freezes && strcmp(order->name, name) == 0)
        return true;
    return false;
}

int containers_set_last(struct containers *containers, const char *name, bool last,
                        struct error *err)
{
    _cleanup_(free_ptr) char *cgroup =
        xasprintf("%s/%s", containers->settings->cgroup_parent, name);

    if (last && (is_being_frozen(containers, name) || cgroup_is_held(&containers->cgroups, cgroup)))
        return error_set(err, ERROR_CONFLICT, NULL, "%s is frozen", name);
    return cgroup_set_last(&containers->cgroups, cgroup, last, err);
}

/* Which image, and when it was complete: what was recorded at the start, or else what the caller
 * knows and the store says now. */
static void read_image(const struct containers *containers, const char *folder, const char *image,
                       struct containers_description *description)
{
    const char *image_dir = containers->settings->image_dir;
    _cleanup_(free_ptr) char *path = xasprintf("%s/" CONTAINER_IMAGE, folder);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    char name[64];

    if (file_read(AT_FDCWD, path, IMAGE_RECORD_MAX, &text, &err) == 0 &&
        sscanf(text.data, "%" SCNd64 " %63s", &description->image_time, name) == 2)
        image = name;
    else if (image == NULL || image_time(image_dir, image, &description->image_time, &err) < 0)
        return;
    if (image_environment(containers->settings, image, &description->environment,
                          &description->workdir, &description->profile, &err) < 0)
        log_error("image_environment_unknown", &err);
}

static void read_ended(const char *folder, struct containers_description *description)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/" CONTAINER_ENDED, folder);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;
    char *blank;

    if (file_read(AT_FDCWD, path, ENDED_MAX, &text, &ignored) < 0)
        return;
    blank = strchr(text.data, ' ');
    if (blank == NULL)
        return;
    description->ended_code = xstrndup(text.data, (size_t)(blank - text.data));
    description->ended_message = xstrdup(blank + 1);
}

void containers_description_release(struct containers_description *description)
{
    close_fd(&description->pidfd);
    close_fd(&description->oom_fd);
    close_fd(&description->pids_fd);
    free(description->environment);
    free(description->workdir);
    free(description->profile);
    free(description->ended_code);
    free(description->ended_message);
}

/* The folder is root's, and the container's processes have no way to it: nobody can have put a link
 * there. */
static int give_socket(struct containers *containers, const char *name, uid_t owner,
                       struct error *err)
{
    char path[CONTAINERS_SOCKET_SIZE];

    if (owner == 0 || lchown(containers_socket(containers, name, path), owner, (gid_t)-1) == 0)
        return 0;
    return error_errno(err, errno, "cannot change the owner of %s", path);
}

int containers_describe(struct containers *containers, const char *name, const char *image,
                        uid_t owner, struct containers_description *ret_description,
                        struct error *err)
{
    const struct engine_settings *settings = containers->settings;
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", settings->state_dir, name);
    _cleanup_(free_ptr) char *cgroup = xasprintf("%s/%s", settings->cgroup_parent, name);
    _cleanup_(containers_description_release) struct containers_description description = {
        .pidfd = -1, .oom_fd = -1, .pids_fd = -1};

    if (check_name(containers, name, err) < 0)
        return -1;
    if (access(folder, F_OK) < 0)
        return error_set(err, ERROR_NOT_FOUND, NULL, "there is no container %s", name);
    description.pidfd = container_open_init(folder);
    if (description.pidfd >= 0) {
        if (give_socket(containers, name, owner, err) < 0)
            return -1;
        description.oom_fd = cgroup_open_oom(&containers->cgroups, cgroup, err);
        if (description.oom_fd < 0)
            return -1;
        description.pids_fd = cgroup_open_pids(&containers->cgroups, cgroup, err);
        if (description.pids_fd < 0)
            return -1;
        description.running = true;
    }
    read_image(containers, folder, image, &description);
    read_ended(folder, &description);
    *ret_description = description;
    memset(&description, 0, sizeof(description));
    description.pidfd = description.oom_fd = description.pids_fd = -1;
    return 0;
}

/* --- the beginning --------------------------------------------------------------------------- */

/*
 * Root of a container is nobody on the host, so a file of root's with mode 0111 can be run by it
 * but not read, and the kernel then keeps the process from being traced or dumped as well.
 * /run, where the state is, may be mounted noexec; the copy is beside the scratch images.
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

static int find_helper(struct containers *containers, struct event_base *base, struct error *err)
{
    const char *agent = containers->settings->agent_path;
    const char *slash = strrchr(agent, '/');
    _cleanup_(free_ptr) char *path =
        xasprintf("%.*s/" HELPER_NAME, slash ? (int)(slash - agent) : 0, agent);

    if (access(path, X_OK) < 0)
        return error_errno(err, errno, "cannot run %s; it must be in the same folder as the agent",
                           path);
    containers->helpers = helpers_new(base, path);
    return 0;
}

/* The runtime goes there as the container's root, who is nobody on the host. */
static int make_passable(const char *path, struct error *err)
{
    struct stat st;

    if (make_dirs(path, 0711, err) < 0)
        return -1;
    if (stat(path, &st) == 0 && (st.st_mode & S_IXOTH) == 0)
        return error_set(err, ERROR_INVALID, NULL, "%s must be searchable by all users (mode 0711)",
                         path);
    return 0;
}

static void add_commitment(const char *name, void *arg)
{
    struct containers *containers = arg;
    _cleanup_(free_ptr) char *cgroup =
        xasprintf("%s/%s", containers->settings->cgroup_parent, name);
    int64_t size;

    cgroup_thaw(&containers->cgroups, cgroup); /* whoever was to do it may have been killed */
    commitments_written(containers->settings, name, &size);
    commitments_add(containers->commitments, name, size);
}

/* Scratch images whose container is gone: the host went down with it. Other files there are not
 * ours. */
static int sweep_scratch(const struct containers *containers, struct error *err)
{
    const struct engine_settings *settings = containers->settings;
    DIR *dir = opendir(settings->scratch_dir);

    if (dir == NULL)
        return error_errno(err, errno, "cannot read %s", settings->scratch_dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        _cleanup_(free_ptr) char *name =
            xstrndup(entry->d_name, dot ? (size_t)(dot - entry->d_name) : 0);
        _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", settings->state_dir, name);
        enum container_kind kind;
        struct error failed;
        struct id id;

        if (dot == NULL || strcmp(dot, SCRATCH_SUFFIX) != 0 ||
            container_name_parse(name, &kind, &id) < 0 || access(folder, F_OK) == 0)
            continue;
        if (scratch_remove(settings->scratch_dir, name, &failed) < 0)
            log_error("scratch_left", &failed);
    }
    closedir(dir);
    return 0;
}

static int prepare(struct containers *containers, struct event_base *base, struct error *err)
{
    const struct engine_settings *settings = containers->settings;

    if (settings->state_dir[0] != '/' || settings->scratch_dir[0] != '/' ||
        settings->image_dir[0] != '/' || settings->cgroup_parent[0] != '/')
        return error_set(err, ERROR_INVALID, NULL,
                         "state_dir, scratch_dir, image_dir and cgroup_parent must begin with /");
    if (make_passable(settings->state_dir, err) < 0 ||
        make_passable(settings->scratch_dir, err) < 0 || find_helper(containers, base, err) < 0 ||
        place_agent(containers, err) < 0 || cgroup_fs_open(&containers->cgroups, err) < 0)
        return -1;
    containers->ranges = ranges_new(settings, err);
    containers->commitments = commitments_new(settings);
    if (containers->ranges == NULL ||
        containers_list(containers, add_commitment, containers, err) < 0 ||
        sweep_scratch(containers, err) < 0)
        return -1;
    return host_share_set(settings, &containers->cgroups, err);
}

struct containers *containers_new(struct event_base *base, const struct engine_settings *settings,
                                  struct error *err)
{
    struct containers *containers = xcalloc(1, sizeof(*containers));

    containers->settings = settings;
    containers->seccomp = seccomp_config();
    containers->seccomp_program = (struct buf)BUF_INIT;
    if (seccomp_program(containers->seccomp, &containers->seccomp_program, err) < 0 ||
        prepare(containers, base, err) < 0) {
        containers_free(containers);
        return NULL;
    }
    return containers;
}

void containers_free(struct containers *containers)
{
    if (containers == NULL)
        return;
    helpers_free(containers->helpers);
    /* clang-tidy does not see that what is freed leaves the list first. */
    while (!LIST_EMPTY(&containers->orders))
        order_free(LIST_FIRST(&containers->orders)); // NOLINT
    json_object_put(containers->seccomp);
    buf_release(&containers->seccomp_program);
    cgroup_fs_release(&containers->cgroups);
    ranges_free(containers->ranges);
    commitments_free(containers->commitments);
    free(containers->agent);
    free(containers);
}
