#include "container/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/mounts.h"
#include "container/private_dev.h"
#include "container/runtime.h"
#include "container/userns.h"

#include "base/banned.h"

#define START_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS 20000
#define SOCKET_BACKLOG 128
#define CONFIG_MAX (1 << 20)

/* What a start under way has besides its job. */
struct start {
    const struct container_job *job;
    const struct cgroup_fs *fs;
    const char *folder;
    struct userns home;   /* in which the container is to live */
    struct userns owners; /* shows the images' owners as the container's */
    int socket_fd;
    int errors_fd; /* the runtime's standard error */
};

struct argument {
    const char *key;
    const char **text;
    int64_t *number;
};

int container_job_parse(char **arguments, int count, struct container_job *ret_job,
                        struct error *err)
{
    struct container_job job = {.name = NULL};
    const struct argument rows[] = {
        {"name", &job.name, NULL},
        {"state", &job.state_dir, NULL},
        {"cgroup", &job.cgroup, NULL},
        {"scratch", &job.scratch_dir, NULL},
        {"runtime", &job.runtime, NULL},
        {"image", &job.image, NULL},
        {"image-time", NULL, &job.image_time},
        {"ended", &job.ended, NULL},
        {"memory", NULL, &job.memory_bytes},
        {"processes", NULL, &job.processes},
        {"cpu", NULL, &job.cpu_millicores},
        {"disk", NULL, &job.disk_bytes},
        {"inodes", NULL, &job.disk_inodes},
        {"reserve", NULL, &job.disk_reserve_bytes},
        {"first-id", NULL, &job.first_id},
        {"image-first-id", NULL, &job.image_first_id},
        {"public", NULL, &job.public_},
    };

    for (int i = 0; i < count; i++) {
        const char *value = strchr(arguments[i], '=');
        size_t length = value ? (size_t)(value - arguments[i]) : 0;
        size_t row = 0;

        if (value == NULL)
            return error_set(err, ERROR_INVALID, NULL, "%s is not key=value", arguments[i]);
        value++;
        if (length == 5 && strncmp(arguments[i], "layer", 5) == 0 &&
            job.layer_count < MOUNTS_LAYERS_MAX) {
            job.layers[job.layer_count++] = value;
            continue;
        }
        while (row < ARRAY_SIZE(rows) && (strlen(rows[row].key) != length ||
                                          strncmp(rows[row].key, arguments[i], length) != 0))
            row++;
        if (row == ARRAY_SIZE(rows))
            return error_set(err, ERROR_INVALID, NULL, "unknown argument %s", arguments[i]);
        if (rows[row].text != NULL)
            *rows[row].text = value;
        else
            *rows[row].number = strtoll(value, NULL, 10);
    }
    if (job.name == NULL || job.state_dir == NULL || job.cgroup == NULL)
        return error_set(err, ERROR_INVALID, NULL, "name, state and cgroup are needed");
    *ret_job = job;
    return 0;
}

uint64_t process_start_time(pid_t pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/stat", (int)pid);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;
    char state = 'Z';
    uint64_t start = 0;
    char *behind_name;

    if (pid <= 0 || file_read(AT_FDCWD, path, 16384, &text, &ignored) < 0)
        return 0;
    behind_name = strrchr(text.data, ')'); /* the name may hold anything, brackets too */
    if (behind_name == NULL ||
        sscanf(behind_name,
               ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
               "%" SCNu64,
               &state, &start) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : start;
}

bool container_runs(const char *folder, pid_t *ret_pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/init", folder);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;
    uint64_t start;
    int pid;

    if (file_read(AT_FDCWD, path, 64, &text, &ignored) < 0 ||
        sscanf(text.data, "%d %" SCNu64, &pid, &start) != 2 || start == 0 ||
        process_start_time(pid) != start)
        return false;
    if (ret_pid != NULL)
        *ret_pid = pid;
    return true;
}

int container_open_init(const char *folder)
{
    _cleanup_(close_fd) int pidfd = -1;
    pid_t pid;

    if (!container_runs(folder, &pid))
        return -1;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    /* Once more, now that the pid can't be given to another unnoticed. */
    return pidfd >= 0 && container_runs(folder, &pid) ? TAKE_FD(pidfd) : -1;
}

/* A stop that held the lock removes the folder, so what was locked may be nobody's any more: then
 * again. */
int container_lock(const char *folder, int flags, struct error *err)
{
    for (;;) {
        _cleanup_(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        struct stat locked, there;

        if (fd < 0) {
            error_errno(err, errno, "cannot open %s", folder);
            if (err->sys_errno == ENOENT)
                err->kind = ERROR_NOT_FOUND;
            return -1;
        }
        if (flock(fd, LOCK_EX | flags) < 0) /* SIGALRM ends it */
            return error_set(err, ERROR_UNAVAILABLE, NULL,
                             "another operation on this container takes too long");
        if (fstat(fd, &locked) == 0 && stat(folder, &there) == 0 && locked.st_ino == there.st_ino &&
            locked.st_dev == there.st_dev)
            return TAKE_FD(fd);
    }
}

/* Kills everything; what is left then is the folder. */
static int kill_all(const struct container_job *job, const struct cgroup_fs *fs, const char *folder,
                    struct error *err)
{
    _cleanup_(close_fd) int pidfd = container_open_init(folder);
    struct pollfd until_dead = {.fd = pidfd, .events = POLLIN};

    /* The death of pid 1 takes its whole pid namespace with it. */
    if (pidfd >= 0) {
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        cgroup_let_die(fs, job->cgroup);
        if (poll(&until_dead, 1, STOP_TIMEOUT_MS) <= 0)
            return error_set(err, ERROR_UNAVAILABLE, NULL, "%s cannot be killed", job->name);
    }
    return cgroup_destroy(fs, job->cgroup, STOP_TIMEOUT_MS, err);
}

static int remove_all(const struct container_job *job, const struct cgroup_fs *fs,
                      const char *folder, struct error *err)
{
    if (kill_all(job, fs, folder, err) < 0)
        return -1;
    if (job->scratch_dir != NULL && scratch_remove(job->scratch_dir, job->name, err) < 0)
        return -1;
    return remove_tree(folder, err);
}

static int listen_at(const char *path, struct error *err)
{
    _cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);

    if (length >= sizeof(address.sun_path))
        return error_set(err, ERROR_INVALID, NULL, "the socket's path is too long: %s", path);
    memcpy(address.sun_path, path, length + 1);
    umask(0177);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, SOCKET_BACKLOG) < 0)
        return error_errno(err, errno, "cannot listen at %s", path);
    umask(022);
    return TAKE_FD(fd);
}

/* Nothing in the folder outlives the machine's power, so nothing is synced. */
static int write_record(const char *path, const char *line, struct error *err)
{
    _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_errno(err, errno, "cannot write %s", path);
    return fd_write_all(fd, line, strlen(line), err);
}

static int record_image(const struct container_job *job, const char *folder, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/" CONTAINER_IMAGE, folder);
    _cleanup_(free_ptr) char *line = NULL;

    if (job->image == NULL)
        return 0;
    line = xasprintf("%" PRId64 " %s\n", job->image_time, job->image);
    return write_record(path, line, err);
}

static int make_bundle(const char *folder, int config_fd, struct error *err)
{
    _cleanup_(free_ptr) char *config = xasprintf("%s/config.json", folder);
    _cleanup_(free_ptr) char *rootfs = xasprintf("%s/rootfs", folder);
    _cleanup_(free_ptr) char *scratch = xasprintf("%s/scratch", folder);
    _cleanup_(close_fd) int fd = -1;
    off_t from = 0;
    struct stat st;

    if (fstat(config_fd, &st) < 0 || st.st_size > CONFIG_MAX)
        return error_set(err, ERROR_INVALID, NULL, "the config.json that was passed is not usable");
    fd = open(config, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || sendfile(fd, config_fd, &from, (size_t)st.st_size) != st.st_size)
        return error_errno(err, errno, "cannot write %s", config);
    if (mkdir(rootfs, 0755) < 0 || mkdir(scratch, 0755) < 0)
        return error_errno(err, errno, "cannot make the bundle %s", folder);
    return 0;
}

bool container_runtime_is_crun(const char *runtime)
{
    const char *slash = strrchr(runtime, '/');

    return strcmp(slash ? slash + 1 : runtime, "crun") == 0;
}

/*
 * What a process of the container may have. The limits are set here and not by the runtime, which
 * in a namespace that is not root's would need CAP_SYS_RESOURCE for it.
 */
static int limit_processes(struct error *err)
{
    static const struct {
        __rlimit_resource_t which;
        rlim_t soft, hard;
    } rows[] = {
        {RLIMIT_NOFILE, 16384, 65536},
        {RLIMIT_CORE, 1, 1}, /* 0 would still have the kernel run what core_pattern names */
        {RLIMIT_MEMLOCK, 8 << 20, 8 << 20},
        {RLIMIT_SIGPENDING, 2048, 2048}, /* timers too; of a user in the container */
        {RLIMIT_MSGQUEUE, 800 << 10, 800 << 10},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct rlimit limit = {rows[i].soft, rows[i].hard}, ours;

        if (setrlimit(rows[i].which, &limit) == 0)
            continue;
        /* To raise ours needs CAP_SYS_RESOURCE as well: then what there is has to do. */
        if (getrlimit(rows[i].which, &ours) < 0)
            return error_errno(err, errno, "cannot read a limit");
        limit.rlim_max = ours.rlim_max < rows[i].hard ? ours.rlim_max : rows[i].hard;
        limit.rlim_cur = rows[i].soft < limit.rlim_max ? rows[i].soft : limit.rlim_max;
        if (setrlimit(rows[i].which, &limit) < 0)
            return error_errno(err, errno, "cannot set a limit");
    }
    return 0;
}

/*
 * Of the container's share of the processors its agent has first what it needs, which is little:
 * commands that want all of it must not keep the agent from holding them to their limits, nor a
 * file operation from its end within a second. The shepherd (fcgi/agent/shepherd.c) starts commands
 * without it. Nobody else's share changes. Where the daemon lacks CAP_SYS_NICE they are equals.
 */
static void put_agent_first(void)
{
    (void)setpriority(PRIO_PROCESS, 0, PRIO_MIN);
}

/* In the child. Returns on failure only. */
static int enter_container(const struct start *start, struct error *err)
{
    const struct container_job *job = start->job;
    const struct cgroup_fs *fs = start->fs;
    _cleanup_(free_ptr) char *scratch = xasprintf("%s/scratch", start->folder);
    _cleanup_(free_ptr) char *user = xasprintf("%s/" CONTAINER_USERNS, start->folder);
    _cleanup_(close_fd) int image = -1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* First of all, so that whatever follows can be found and killed if we die. runc insists on a
     * cgroup with nobody in it. */
    if (cgroup_make(fs, job->cgroup,
                    &(struct cgroup_limits){job->memory_bytes, job->processes, job->cpu_millicores},
                    err) < 0 ||
        (container_runtime_is_crun(job->runtime) && cgroup_enter(fs, job->cgroup, err) < 0))
        return -1;
    if (mounts_unshare(err) < 0 || cgroup_fs_simplify(fs, err) < 0 ||
        mounts_namespace(start->home.fd, user, err) < 0)
        return -1;
    image = scratch_create(job->scratch_dir, job->name, job->disk_bytes, job->disk_inodes,
                           job->disk_reserve_bytes, err);
    if (image < 0 || scratch_mount(image, scratch, err) < 0 ||
        mounts_overlay(start->folder, job->layers, job->layer_count, start->owners.fd, err) < 0)
        return -1;
    /* After the loop device, which is opened by name. */
    if (private_dev_mount(
            &(struct private_dev){job->memory_bytes, job->cpu_millicores, fs, job->cgroup}, err) <
            0 ||
        limit_processes(err) < 0)
        return -1;
    put_agent_first();
    return runtime_become(job, start->folder, start->socket_fd, start->errors_fd, err);
}

/* Runs enter_container in a child, whose error comes through a pipe that closes on exec. It gets
 * START_TIMEOUT_MS. */
static int run_child(const struct start *start, struct error *err)
{
    struct error inner = ERROR_INIT;
    int pipe_fds[2];
    ssize_t got;
    int status;
    pid_t pid;

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    pid = fork();
    if (pid < 0) {
        error_errno(err, errno, "cannot fork");
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        return -1;
    }
    if (pid == 0) {
        struct error failure = ERROR_INIT;

        enter_container(start, &failure);
        _exit(write(pipe_fds[1], &failure, sizeof(failure)) == sizeof(failure) ? 1 : 2);
    }
    close(pipe_fds[1]);
    if (!child_wait(pid, START_TIMEOUT_MS, &status))
        status = -1;
    got = read(pipe_fds[0], &inner, sizeof(inner));
    close(pipe_fds[0]);
    if (status == 0)
        return 0;
    if (got != sizeof(inner))
        return runtime_failed(start->job, start->folder, start->errors_fd, status, START_TIMEOUT_MS,
                              err);
    *err = inner; /* a fork's memory: its code is our literal too */
    return -1;
}

/* The last step: from now on the container counts as running. */
static int record_init(struct start *start, struct error *err)
{
    const char *folder = start->folder;
    _cleanup_(free_ptr) char *pid_file = xasprintf("%s/pid", folder);
    _cleanup_(free_ptr) char *init = xasprintf("%s/init", folder);
    _cleanup_(free_ptr) char *temporary = xasprintf("%s/init.tmp", folder);
    _cleanup_(free_ptr) char *line = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    uint64_t since;
    pid_t pid;

    if (file_read(AT_FDCWD, pid_file, 32, &text, err) < 0)
        return -1;
    pid = (pid_t)strtol(text.data, NULL, 10);
    since = process_start_time(pid);
    if (since == 0)
        return runtime_agent_ended(start->errors_fd, err);
    if (userns_close(&start->home, err) < 0 || runtime_errors_seal(start->errors_fd, err) < 0)
        return -1;
    line = xasprintf("%d %" PRIu64 "\n", (int)pid, since);
    if (write_record(temporary, line, err) < 0)
        return -1;
    if (rename(temporary, init) < 0)
        return error_errno(err, errno, "cannot make %s", init);
    return 0;
}

static void start_release(struct start *start)
{
    userns_release(&start->home);
    userns_release(&start->owners);
    close_fd(&start->socket_fd);
    close_fd(&start->errors_fd);
}

static int start_locked(const struct container_job *job, const struct cgroup_fs *fs,
                        const char *folder, int config_fd, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/" CONTAINER_SOCKET, folder);
    _cleanup_(start_release) struct start start = {.job = job,
                                                   .fs = fs,
                                                   .folder = folder,
                                                   .home = USERNS_INIT,
                                                   .owners = USERNS_INIT,
                                                   .socket_fd = -1,
                                                   .errors_fd = -1};

    if (make_bundle(folder, config_fd, err) < 0 || record_image(job, folder, err) < 0 ||
        userns_make(0, job->first_id, &start.home, err) < 0 ||
        userns_make(job->image_first_id, job->first_id, &start.owners, err) < 0)
        return -1;
    userns_let_go(&start.owners);
    start.socket_fd = listen_at(path, err);
    start.errors_fd = start.socket_fd < 0 ? -1 : runtime_errors_new(err);
    if (start.errors_fd < 0 || run_child(&start, err) < 0)
        return -1;
    return record_init(&start, err);
}

static void on_alarm(int number)
{
    (void)number;
}

/* flock has no time limit of its own. */
static void set_alarm(unsigned seconds)
{
    const struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */

    sigaction(SIGALRM, &action, NULL);
    alarm(seconds);
}

/* Is there anything in the folder, left by somebody who died at work? */
static bool is_empty(int folder_fd)
{
    DIR *dir = fdopendir(openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int entries = 0;

    while (dir != NULL && entries < 3 && readdir(dir) != NULL)
        entries++;
    if (dir != NULL)
        closedir(dir);
    return entries == 2; /* . and .. */
}

int container_start(const struct container_job *job, int config_fd, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", job->state_dir, job->name);
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    _cleanup_(close_fd) int lock = -1;
    struct error ignored;
    struct stat st;

    if (job->scratch_dir == NULL || job->runtime == NULL || job->layer_count == 0)
        return error_set(err, ERROR_INVALID, NULL, "scratch, runtime and layer are needed");
    /* Never among the host's own; an older daemon, amid an upgrade, says nothing of them. */
    if (job->first_id < USERNS_IDS || job->image_first_id < USERNS_IDS)
        return error_set(err, ERROR_UNAVAILABLE, NULL,
                         "no range of host ids was given; restart the daemon after an upgrade");
    if (cgroup_fs_open(&fs, err) < 0)
        return -1;
    set_alarm(START_TIMEOUT_MS / 1000);
    lock = container_lock(folder, 0, err);
    alarm(0);
    if (lock < 0 && err->kind != ERROR_NOT_FOUND)
        return -1;
    if (lock < 0 || fstat(lock, &st) < 0 || (int64_t)st.st_gid != job->first_id)
        return error_set(err, ERROR_CONFLICT, NULL, "%s was stopped before its start began",
                         job->name);
    if (container_runs(folder, NULL))
        return 0;
    if (!is_empty(lock) && (kill_all(job, &fs, folder, err) < 0 || clear_tree(folder, err) < 0))
        return -1;
    if (start_locked(job, &fs, folder, config_fd, err) == 0)
        return 0;
    remove_all(job, &fs, folder, &ignored);
    return -1;
}

int container_stop(const struct container_job *job, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", job->state_dir, job->name);
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    _cleanup_(close_fd) int lock = -1;

    if (cgroup_fs_open(&fs, err) < 0)
        return -1;
    set_alarm(START_TIMEOUT_MS / 1000 + STOP_TIMEOUT_MS / 1000);
    lock = container_lock(folder, 0, err);
    alarm(0);
    if (lock < 0 && err->kind == ERROR_NOT_FOUND)
        return 0;
    if (lock < 0)
        return -1;
    return remove_all(job, &fs, folder, err);
}
