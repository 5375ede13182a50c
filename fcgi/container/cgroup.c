#include "container/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define MOUNTINFO_MAX (4 << 20)
#define PROCS_MAX (16 << 20)
#define SOCKET_BYTES_MAX (INT64_C(64) << 20)
#define CPU_PERIOD_US 100000
#define DYING_BYTES (INT64_C(64) << 20) /* a few pages for each of its processes */
#define FREEING_MOST 1000               /* passes; after that a stop removes what is left */

void cgroup_fs_release(struct cgroup_fs *fs)
{
    free(fs->unified);
    for (int i = 0; i < fs->count; i++)
        free(fs->mounts[i]);
    memset(fs, 0, sizeof(*fs));
}

/* Is `word` one of the comma-separated words of `list`? */
static bool has_option(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length) {
        bool starts = at == list || at[-1] == ',';

        if (starts && (at[length] == ',' || at[length] == '\0' || at[length] == '\n'))
            return true;
    }
    return false;
}

static void take_v1(struct cgroup_fs *fs, const char *point, const char *options)
{
    static const char *const wanted[] = {"memory", "pids", "cpu", "cpuacct", "freezer", "cpuset"};
    const char **places[] = {&fs->memory,  &fs->pids,    &fs->cpu,
                             &fs->cpuacct, &fs->freezer, &fs->cpuset};

    if (fs->count == CGROUP_MOUNTS_MAX)
        return;
    fs->mounts[fs->count++] = xstrdup(point);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        if (*places[i] == NULL && has_option(options, wanted[i]))
            *places[i] = fs->mounts[fs->count - 1];
}

/* Does one of the four controllers that we use live there? */
static bool is_used(const struct cgroup_fs *fs, const char *mount)
{
    return mount == fs->memory || mount == fs->pids || mount == fs->cpu || mount == fs->cpuacct;
}

int cgroup_fs_parse(const char *mountinfo, struct cgroup_fs *ret_fs, struct error *err)
{
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};

    for (const char *line = mountinfo; *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        _cleanup_(free_ptr) char *text = xstrndup(line, (size_t)(end - line));
        char *tail = strstr(text, " - ");
        char point[4096], type[64], options[1024];

        line = *end == '\n' ? end + 1 : end;
        if (tail == NULL || sscanf(text, "%*s %*s %*s %*s %4095s", point) != 1 ||
            sscanf(tail, " - %63s %*s %1023s", type, options) != 2)
            continue;
        if (strcmp(type, "cgroup") == 0)
            take_v1(&fs, point, options);
        else if (strcmp(type, "cgroup2") == 0 && fs.unified == NULL)
            fs.unified = xstrdup(point);
    }
    if (fs.memory == NULL && fs.unified != NULL) {
        fs.cpuset = NULL;
        for (int i = 0; i < fs.count; i++)
            free(fs.mounts[i]);
        fs.v2 = true;
        fs.count = 1;
        fs.mounts[0] = TAKE_PTR(fs.unified);
        fs.memory = fs.pids = fs.cpu = fs.cpuacct = fs.freezer = fs.mounts[0];
    }
    fs.hybrid = fs.unified != NULL;
    if (fs.memory == NULL || fs.pids == NULL || fs.cpu == NULL || fs.cpuacct == NULL)
        return error_set(err, ERROR_INTERNAL, NULL,
                         "no cgroup hierarchy with the controllers memory, pids and cpu");
    *ret_fs = fs;
    memset(&fs, 0, sizeof(fs));
    return 0;
}

int cgroup_fs_open(struct cgroup_fs *ret_fs, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
        return -1;
    return cgroup_fs_parse(text.data, ret_fs, err);
}

int cgroup_fs_simplify(const struct cgroup_fs *fs, struct error *err)
{
    if (fs->hybrid && umount2(fs->unified, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
        return error_errno(err, errno, "cannot unmount %s", fs->unified);
    return 0;
}

static int write_value(const char *mount, const char *path, const char *file, const char *value,
                       struct error *err)
{
    _cleanup_(free_ptr) char *name = xasprintf("%s%s/%s", mount, path, file);
    _cleanup_(close_fd) int fd = open(name, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return error_errno(err, errno, "cannot write %s to %s", value, name);
    return 0;
}

static int write_number(const char *mount, const char *path, const char *file, int64_t value,
                        struct error *err)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, value);
    return write_value(mount, path, file, text, err);
}

/* On v2 a controller must be enabled at each level. Where that fails the controller may have
 * been enabled by systemd already; if not, setting the limit fails and names it. */
static void hand_down(const struct cgroup_fs *fs, const char *parent)
{
    static const char *const controllers[] = {"+memory", "+pids", "+cpu"};

    for (size_t i = 0; fs->v2 && i < ARRAY_SIZE(controllers); i++) {
        struct error ignored;

        write_value(fs->mounts[0], parent, "cgroup.subtree_control", controllers[i], &ignored);
    }
}

static int make_in(const struct cgroup_fs *fs, const char *mount, const char *path,
                   struct error *err)
{
    _cleanup_(free_ptr) char *copy = xstrdup(path);

    hand_down(fs, "");
    for (char *slash = copy + 1;; slash++) {
        char kept = *slash;
        _cleanup_(free_ptr) char *whole = NULL;

        if (kept != '/' && kept != '\0')
            continue;
        *slash = '\0';
        whole = xasprintf("%s%s", mount, copy);
        if (mkdir(whole, 0755) < 0 && errno != EEXIST)
            return error_errno(err, errno, "cannot make cgroup %s", whole);
        if (kept == '\0')
            return 0;
        hand_down(fs, copy);
        *slash = kept;
    }
}

/* What the kernel was built without has no file; then there is nothing to limit. */
static int limit_if_there(const char *mount, const char *path, const char *file, int64_t value,
                          struct error *err)
{
    if (write_number(mount, path, file, value, err) < 0 && err->sys_errno != ENOENT)
        return -1;
    return 0;
}

static int limit_v2(const struct cgroup_fs *fs, const char *path,
                    const struct cgroup_limits *limits, struct error *err)
{
    char cpu[64];

    snprintf(cpu, sizeof(cpu), "%" PRId64 " %d", limits->cpu_millicores * CPU_PERIOD_US / 1000,
             CPU_PERIOD_US);
    if (write_number(fs->memory, path, "memory.max", limits->memory_bytes, err) < 0 ||
        limit_if_there(fs->memory, path, "memory.swap.max", 0, err) < 0 ||
        write_number(fs->pids, path, "pids.max", limits->processes, err) < 0 ||
        write_value(fs->cpu, path, "cpu.max", cpu, err) < 0)
        return -1;
    return 0;
}

/* Version 1 counts what TCP and UDP sockets hold apart, and not at all without a limit: a container
 * could take the whole host's share of it (net.ipv4.tcp_mem), and every connection would stall. */
int64_t cgroup_socket_bytes(int64_t memory_bytes)
{
    int64_t part = memory_bytes / 8;

    return part < SOCKET_BYTES_MAX ? part : SOCKET_BYTES_MAX;
}

static int limit_v1(const struct cgroup_fs *fs, const char *path,
                    const struct cgroup_limits *limits, struct error *err)
{
    int64_t quota = limits->cpu_millicores * CPU_PERIOD_US / 1000;

    if (write_number(fs->memory, path, "memory.limit_in_bytes", limits->memory_bytes, err) < 0 ||
        limit_if_there(fs->memory, path, "memory.memsw.limit_in_bytes", limits->memory_bytes, err) <
            0 ||
        limit_if_there(fs->memory, path, "memory.kmem.tcp.limit_in_bytes",
                       cgroup_socket_bytes(limits->memory_bytes), err) < 0 ||
        write_number(fs->pids, path, "pids.max", limits->processes, err) < 0 ||
        write_number(fs->cpu, path, "cpu.cfs_period_us", CPU_PERIOD_US, err) < 0 ||
        write_number(fs->cpu, path, "cpu.cfs_quota_us", quota, err) < 0)
        return -1;
    return 0;
}

int cgroup_make(const struct cgroup_fs *fs, const char *path, const struct cgroup_limits *limits,
                struct error *err)
{
    for (int i = 0; i < fs->count; i++)
        if (is_used(fs, fs->mounts[i]) && make_in(fs, fs->mounts[i], path, err) < 0)
            return -1;
    return fs->v2 ? limit_v2(fs, path, limits, err) : limit_v1(fs, path, limits, err);
}

int cgroup_enter(const struct cgroup_fs *fs, const char *path, struct error *err)
{
    for (int i = 0; i < fs->count; i++)
        if (is_used(fs, fs->mounts[i]) &&
            write_value(fs->mounts[i], path, "cgroup.procs", "0", err) < 0)
            return -1;
    return 0;
}

static int read_number(const char *mount, const char *path, const char *file, const char *key,
                       int64_t *ret_value, struct error *err)
{
    _cleanup_(free_ptr) char *name = xasprintf("%s%s/%s", mount, path, file);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    size_t length = key ? strlen(key) : 0;

    if (file_read(AT_FDCWD, name, 64 << 10, &text, err) < 0) {
        if (err->sys_errno == ENOENT || err->sys_errno == ENODEV)
            err->kind = ERROR_NOT_FOUND;
        return -1;
    }
    for (const char *line = text.data; *line != '\0';) {
        const char *end = strchrnul(line, '\n');

        if (key == NULL || (strncmp(line, key, length) == 0 && line[length] == ' ')) {
            *ret_value = strtoll(line + (key ? length + 1 : 0), NULL, 10);
            return 0;
        }
        line = *end == '\n' ? end + 1 : end;
    }
    return error_set(err, ERROR_INTERNAL, NULL, "%s has no line for %s", name, key ? key : "");
}

int cgroup_read_cpu(const struct cgroup_fs *fs, const char *path, int64_t *ret_us,
                    struct error *err)
{
    int64_t nanoseconds = 0;

    if (fs->v2)
        return read_number(fs->cpu, path, "cpu.stat", "usage_usec", ret_us, err);
    if (read_number(fs->cpuacct, path, "cpuacct.usage", NULL, &nanoseconds, err) < 0)
        return -1;
    *ret_us = nanoseconds / 1000;
    return 0;
}

static int read_v2(const struct cgroup_fs *fs, const char *path, struct cgroup_usage *usage,
                   struct error *err)
{
    if (read_number(fs->memory, path, "memory.current", NULL, &usage->memory_bytes, err) < 0 ||
        read_number(fs->memory, path, "memory.events", "oom_kill", &usage->oom_kills, err) < 0 ||
        read_number(fs->pids, path, "pids.current", NULL, &usage->processes, err) < 0 ||
        cgroup_read_cpu(fs, path, &usage->cpu_us, err) < 0)
        return -1;
    return 0;
}

static int read_v1(const struct cgroup_fs *fs, const char *path, struct cgroup_usage *usage,
                   struct error *err)
{
    if (read_number(fs->memory, path, "memory.usage_in_bytes", NULL, &usage->memory_bytes, err) <
            0 ||
        read_number(fs->memory, path, "memory.oom_control", "oom_kill", &usage->oom_kills, err) <
            0 ||
        read_number(fs->pids, path, "pids.current", NULL, &usage->processes, err) < 0 ||
        cgroup_read_cpu(fs, path, &usage->cpu_us, err) < 0)
        return -1;
    return 0;
}

int cgroup_read(const struct cgroup_fs *fs, const char *path, struct cgroup_usage *ret_usage,
                struct error *err)
{
    struct cgroup_usage usage = {.memory_bytes = 0};
    int rc = fs->v2 ? read_v2(fs, path, &usage, err) : read_v1(fs, path, &usage, err);

    if (rc < 0)
        return -1;
    *ret_usage = usage;
    return 0;
}

int cgroup_set_last(const struct cgroup_fs *fs, const char *path, bool last, struct error *err)
{
    return write_value(fs->cpu, path, "cpu.idle", last ? "1" : "0", err);
}

/* Version 2 would end containers at once to keep a limit that is set below what they use; version 1
 * tries to make room and says EBUSY. */
static int limit_parent(const struct cgroup_fs *fs, const char *path, const char *used_file,
                        const char *limit_file, int64_t limit, struct error *err)
{
    const char *mount = strncmp(limit_file, "pids", 4) == 0 ? fs->pids : fs->memory;
    int64_t used;

    if (read_number(mount, path, used_file, NULL, &used, err) < 0)
        return -1;
    if (used > limit)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "cannot set %s of %s to %" PRId64 ", as %" PRId64 " are in use",
                         limit_file, path, limit, used);
    return write_number(mount, path, limit_file, limit, err);
}

/*
 * All containers together have half the weight of what else is at their level: the host's services,
 * the server's own among them. It matters only while more is wanted than there is. The kernel may
 * lack any of these, and shares of the disk take effect only with a scheduler that knows them.
 */
static void set_weights(const struct cgroup_fs *fs, const char *path)
{
    static const struct {
        const char *file, *value;
    } rows[] = {{"cpu.weight", "50"}, {"io.weight", "default 50"}, {"io.bfq.weight", "default 50"}};
    struct error ignored;

    if (!fs->v2) {
        write_value(fs->cpu, path, "cpu.shares", "512", &ignored);
        return;
    }
    write_value(fs->mounts[0], "", "cgroup.subtree_control", "+io", &ignored);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        write_value(fs->mounts[0], path, rows[i].file, rows[i].value, &ignored);
}

int cgroup_make_parent(const struct cgroup_fs *fs, const char *path, int64_t memory_bytes,
                       int64_t processes, struct error *err)
{
    for (int i = 0; i < fs->count; i++)
        if (is_used(fs, fs->mounts[i]) && make_in(fs, fs->mounts[i], path, err) < 0)
            return -1;
    set_weights(fs, path);
    if (limit_parent(fs, path, fs->v2 ? "memory.current" : "memory.usage_in_bytes",
                     fs->v2 ? "memory.max" : "memory.limit_in_bytes", memory_bytes, err) < 0)
        return -1;
    return limit_parent(fs, path, "pids.current", "pids.max", processes, err);
}

int cgroup_open_oom(const struct cgroup_fs *fs, const char *path, struct error *err)
{
    _cleanup_(free_ptr) char *name =
        xasprintf("%s%s/%s", fs->memory, path, fs->v2 ? "memory.events" : "memory.oom_control");
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? error_errno(err, errno, "cannot open %s", name) : fd;
}

int cgroup_open_pids(const struct cgroup_fs *fs, const char *path, struct error *err)
{
    _cleanup_(free_ptr) char *name = xasprintf("%s%s/pids.events", fs->pids, path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? error_errno(err, errno, "cannot open %s", name) : fd;
}

/* A pid that was in the list may be another process by now: the kernel's answer after the pidfd
 * was taken is what counts. */
static void kill_member(pid_t pid, const char *path)
{
    _cleanup_(close_fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    _cleanup_(free_ptr) char *name = xasprintf("/proc/%d/cgroup", (int)pid);
    _cleanup_(free_ptr) char *line = xasprintf(":%s", path);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;

    if (pidfd >= 0 && file_read(AT_FDCWD, name, 64 << 10, &text, &ignored) == 0 &&
        strstr(text.data, line) != NULL)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

static void each_listed(const char *mount, const char *path, void (*each)(pid_t pid, void *arg),
                        void *arg)
{
    _cleanup_(free_ptr) char *name = xasprintf("%s%s/cgroup.procs", mount, path);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;
    char *at;

    if (file_read(AT_FDCWD, name, PROCS_MAX, &text, &ignored) < 0 || text.length == 0)
        return;
    at = text.data;
    for (long pid = strtol(at, &at, 10); pid > 0; pid = strtol(at, &at, 10))
        each((pid_t)pid, arg);
}

void cgroup_each(const struct cgroup_fs *fs, const char *path, void (*each)(pid_t pid, void *arg),
                 void *arg)
{
    each_listed(fs->pids, path, each, arg);
}

struct killing {
    const char *path;
    pid_t spared;
    int count;
};

static void kill_unless_spared(pid_t pid, void *arg)
{
    struct killing *killing = arg;

    if (pid == killing->spared)
        return;
    kill_member(pid, killing->path);
    killing->count++;
}

/* How many there were, besides the one that is spared (0: nobody). */
static int kill_listed(const char *mount, const char *path, pid_t spared)
{
    struct killing killing = {.path = path, .spared = spared};

    each_listed(mount, path, kill_unless_spared, &killing);
    return killing.count;
}

/* The kernel has no event for "is empty" or "may be removed" on both versions. */
static void wait_a_little(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    nanosleep(&pause, NULL);
}

void cgroup_let_die(const struct cgroup_fs *fs, const char *path)
{
    /* Those that are there; on version 1 the first is never to be below the second. */
    static const char *const files[] = {"memory.memsw.limit_in_bytes", "memory.limit_in_bytes",
                                        "memory.max"};
    struct cgroup_usage usage;
    struct error ignored;
    int64_t limit;

    cgroup_set_last(fs, path, false, &ignored);
    if (cgroup_read(fs, path, &usage, &ignored) < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (read_number(fs->memory, path, files[i], NULL, &limit, &ignored) == 0 && limit > 0 &&
            limit - usage.memory_bytes < DYING_BYTES / 2)
            write_number(fs->memory, path, files[i], usage.memory_bytes + DYING_BYTES, &ignored);
}

int cgroup_clear(const struct cgroup_fs *fs, const char *path, pid_t spared, int64_t processes,
                 int timeout_ms, struct error *err)
{
    int64_t deadline = clock_monotonic() + (int64_t)timeout_ms * 1000;
    int64_t before;
    int left = 0;

    /* "max" reads as 0 as well. */
    if (read_number(fs->pids, path, "pids.max", NULL, &before, err) < 0 ||
        write_number(fs->pids, path, "pids.max", 0, err) < 0)
        return -1;
    while ((left = kill_listed(fs->pids, path, spared)) > 0 && clock_monotonic() < deadline)
        wait_a_little();
    if (write_number(fs->pids, path, "pids.max", before > 0 ? before : processes, err) < 0)
        return -1;
    if (left > 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "%d processes of %s do not end", left, path);
    return 0;
}

/* --- freezing -------------------------------------------------------------------------------- */

#define FROZEN "/frozen" /* a cgroup below the container's, without controllers of its own */
#define LOOKS_LEAST 16   /* on a busy host one look may take all of catch_ms */

static int set_frozen(const struct cgroup_fs *fs, const char *frozen, bool on, struct error *err)
{
    if (fs->v2)
        return write_value(fs->freezer, frozen, "cgroup.freeze", on ? "1" : "0", err);
    return write_value(fs->freezer, frozen, "freezer.state", on ? "FROZEN" : "THAWED", err);
}

static bool is_frozen(const struct cgroup_fs *fs, const char *frozen)
{
    _cleanup_(free_ptr) char *name = xasprintf("%s%s/freezer.state", fs->freezer, frozen);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;
    int64_t yes = 0;

    if (fs->v2)
        return read_number(fs->freezer, frozen, "cgroup.events", "frozen", &yes, &ignored) == 0 &&
               yes == 1;
    return file_read(AT_FDCWD, name, 64, &text, &ignored) == 0 &&
           strcmp(text.data, "FROZEN\n") == 0;
}

struct catching {
    const struct cgroup_fs *fs;
    const char *frozen;
    struct stat spared; /* the program whose processes stay free */
    int caught;
};

/* Version 1 lists those that are caught already with the others, in the other hierarchies. */
static bool is_caught(const struct catching *catching, pid_t pid)
{
    _cleanup_(free_ptr) char *name = xasprintf("/proc/%d/cgroup", (int)pid);
    _cleanup_(free_ptr) char *line = xasprintf(":%s\n", catching->frozen);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;

    return file_read(AT_FDCWD, name, 64 << 10, &text, &ignored) < 0 ||
           strstr(text.data, line) != NULL;
}

static void catch_process(pid_t pid, void *arg)
{
    struct catching *catching = arg;
    _cleanup_(free_ptr) char *program = xasprintf("/proc/%d/exe", (int)pid);
    struct error ignored;
    char text[32];
    struct stat st;

    if (stat(program, &st) < 0) /* it has ended */
        return;
    if ((st.st_ino == catching->spared.st_ino && st.st_dev == catching->spared.st_dev) ||
        is_caught(catching, pid))
        return;
    snprintf(text, sizeof(text), "%d", (int)pid);
    if (write_value(catching->fs->freezer, catching->frozen, "cgroup.procs", text, &ignored) == 0)
        catching->caught++;
}

/* On version 2 the container's cgroup is there, with its controllers, which are not handed down:
 * they go on counting those below. */
static int freezer_make(const struct cgroup_fs *fs, const char *path, const char *frozen,
                        struct error *err)
{
    _cleanup_(free_ptr) char *whole = xasprintf("%s%s", fs->freezer, frozen);

    if (!fs->v2 && make_in(fs, fs->freezer, path, err) < 0)
        return -1;
    if (mkdir(whole, 0755) < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make cgroup %s", whole);
    return 0;
}

int cgroup_freeze(const struct cgroup_fs *fs, const char *path, pid_t spared, int catch_ms,
                  int settle_ms, struct error *err)
{
    int64_t deadline = clock_monotonic() + (int64_t)catch_ms * 1000;
    _cleanup_(free_ptr) char *frozen = xasprintf("%s" FROZEN, path);
    _cleanup_(free_ptr) char *program = xasprintf("/proc/%d/exe", (int)spared);
    struct catching catching = {.fs = fs, .frozen = frozen};
    int looks = 0;

    if (fs->freezer == NULL)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "the host has no freezer of cgroups");
    if (stat(program, &catching.spared) < 0)
        return error_errno(err, errno, "cannot look at %s", program);
    if (freezer_make(fs, path, frozen, err) < 0 || set_frozen(fs, frozen, true, err) < 0)
        return -1;
    do { /* until a look finds none that was not there before */
        catching.caught = 0;
        cgroup_each(fs, path, catch_process, &catching);
    } while (catching.caught > 0 && (++looks < LOOKS_LEAST || clock_monotonic() < deadline));
    if (catching.caught > 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "new processes of %s come for %d ms", path,
                         catch_ms);
    deadline = clock_monotonic() + (int64_t)settle_ms * 1000;
    while (!is_frozen(fs, frozen)) {
        if (clock_monotonic() >= deadline)
            return error_set(err, ERROR_UNAVAILABLE, NULL, "%s does not freeze within %d ms", path,
                             settle_ms);
        wait_a_little();
    }
    return 0;
}

bool cgroup_is_held(const struct cgroup_fs *fs, const char *path)
{
    _cleanup_(free_ptr) char *frozen = NULL;
    struct error ignored;
    int64_t held = 0;

    if (fs->freezer == NULL)
        return false;
    frozen = xasprintf("%s" FROZEN, path);
    return read_number(fs->freezer, frozen, fs->v2 ? "cgroup.freeze" : "freezer.self_freezing",
                       NULL, &held, &ignored) == 0 &&
           held == 1;
}

struct freeing {
    const struct cgroup_fs *fs;
    const char *path;
};

static void free_process(pid_t pid, void *arg)
{
    const struct freeing *freeing = arg;
    struct error ignored;
    char text[32];

    snprintf(text, sizeof(text), "%d", (int)pid);
    write_value(freeing->fs->freezer, freeing->path, "cgroup.procs", text, &ignored);
}

void cgroup_thaw(const struct cgroup_fs *fs, const char *path)
{
    _cleanup_(free_ptr) char *frozen = xasprintf("%s" FROZEN, path);
    _cleanup_(free_ptr) char *whole = NULL;
    struct freeing freeing = {.fs = fs, .path = path};
    struct error ignored;

    if (fs->freezer == NULL || set_frozen(fs, frozen, false, &ignored) < 0)
        return;
    whole = xasprintf("%s%s", fs->freezer, frozen);
    /* What forks on its way back leaves a child there. */
    for (int i = 0; i < FREEING_MOST && rmdir(whole) < 0 && errno == EBUSY; i++)
        each_listed(fs->freezer, frozen, free_process, &freeing);
}

/* Removes it and the cgroups below it (runtimes make such). errno on failure. */
static int remove_cgroup(const char *whole)
{
    DIR *dir;

    if (rmdir(whole) == 0 || errno == ENOENT)
        return 0;
    dir = opendir(whole);
    if (dir == NULL)
        return errno == ENOENT ? 0 : -1; /* rmdir(2) said EROFS first */
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *below = NULL;

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        below = xasprintf("%s/%s", whole, entry->d_name);
        rmdir(below);
    }
    closedir(dir);
    return rmdir(whole) == 0 || errno == ENOENT ? 0 : -1;
}

static int destroy_in(const struct cgroup_fs *fs, const char *mount, const char *path,
                      int64_t deadline, struct error *err)
{
    _cleanup_(free_ptr) char *whole = xasprintf("%s%s", mount, path);

    for (;;) {
        struct error ignored;

        if (remove_cgroup(whole) == 0)
            return 0;
        if (errno != EBUSY && errno != ENOTEMPTY)
            return error_errno(err, errno, "cannot remove cgroup %s", whole);
        if (clock_monotonic() > deadline)
            return error_set(err, ERROR_UNAVAILABLE, NULL, "cgroup %s still has processes", whole);
        if (!fs->v2 || write_value(mount, path, "cgroup.kill", "1", &ignored) < 0)
            kill_listed(mount, path, 0);
        wait_a_little();
    }
}

int cgroup_destroy(const struct cgroup_fs *fs, const char *path, int timeout_ms, struct error *err)
{
    int64_t deadline = clock_monotonic() + (int64_t)timeout_ms * 1000;

    cgroup_thaw(fs, path); /* what is frozen by version 1 can't be killed */
    for (int i = 0; i < fs->count; i++)
        if (destroy_in(fs, fs->mounts[i], path, deadline, err) < 0)
            return -1;
    return 0;
}
