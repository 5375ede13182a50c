#include "images/unpacker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/userns.h"
#include "images/cage.h"
#include "images/guard.h"
#include "images/images.h"
#include "settings.h"

#include "base/banned.h"

#define PROGRAM_NAME "codeset-unpack"
#define CGROUP_MS 10000
#define READ_SIZE (64 << 10)
#define FDS_MAX (UNPACK_LAYERS_FD + MOUNTS_LAYERS_MAX)

static const struct cgroup_limits limits = {
    .memory_bytes = INT64_C(1) << 30, .processes = 4, .cpu_millicores = 2000};

struct unpacker {
    const struct unpacker_job *job;
    struct cgroup_fs cgroups;
    bool has_cgroup;
    bool is_pipe;
    int fds[FDS_MAX]; /* as the program has them; owned but for the leash */
    int count;
    int report_fd; /* our end */
    pid_t pid;
    struct guard guard;
    struct unpack_reader reader;
};

/* --- what it gets ---------------------------------------------------------------------------- */

/* Above those that the program has, so that none is lost when they are laid. */
static int take_fd(struct unpacker *unpacker, int place, int fd, struct error *err)
{
    unpacker->fds[place] = fcntl(fd, F_DUPFD_CLOEXEC, FDS_MAX);
    if (unpacker->fds[place] < 0)
        return error_errno(err, errno, "cannot keep a descriptor");
    if (place >= unpacker->count)
        unpacker->count = place + 1;
    return 0;
}

/* O_NONBLOCK: to open a fifo would wait for its writer. */
static int open_source(struct unpacker *unpacker, struct error *err)
{
    const char *source = unpacker->job->source;
    _cleanup_(close_fd) int opened = -1;
    struct stat st;

    if (!source)
        return take_fd(unpacker, STDIN_FILENO, unpacker->job->source_fd, err);
    unpacker->is_pipe = strcmp(source, "-") == 0;
    if (!unpacker->is_pipe)
        opened = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if ((!unpacker->is_pipe && opened < 0) ||
        fstat(unpacker->is_pipe ? STDIN_FILENO : opened, &st) < 0)
        return error_errno(err, errno, "cannot open it");
    if (unpacker->is_pipe ? S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "not a regular file; to read an archive from a pipe, use - and redirect "
                         "standard input");
    if (unpacker->is_pipe && isatty(STDIN_FILENO)) /* its reader could write there as well */
        return error_set(err, ERROR_INVALID, NULL,
                         "standard input is a terminal; redirect the archive to it");
    return take_fd(unpacker, STDIN_FILENO, unpacker->is_pipe ? STDIN_FILENO : opened, err);
}

static int open_report(struct unpacker *unpacker, struct error *err)
{
    int ends[2], rc;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    unpacker->report_fd = ends[0];
    rc = take_fd(unpacker, STDOUT_FILENO, ends[1], err);
    close(ends[1]);
    return rc;
}

/* What it would say on standard error goes nowhere, but for a sanitizer's report. */
static int open_words(struct unpacker *unpacker, struct error *err)
{
#if defined(__SANITIZE_ADDRESS__)
    return take_fd(unpacker, STDERR_FILENO, STDERR_FILENO, err);
#else
    _cleanup_(close_fd) int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return error_errno(err, errno, "cannot open /dev/null");
    return take_fd(unpacker, STDERR_FILENO, null, err);
#endif
}

static int open_userns(struct unpacker *unpacker, struct error *err)
{
    _cleanup_(userns_release) struct userns space = USERNS_INIT;

    if (userns_make(0, unpacker->job->settings->uid_base, &space, err) < 0)
        return -1;
    return take_fd(unpacker, UNPACK_USERNS_FD, space.fd, err);
}

/* A folder's descriptor leads to its parents. That of a mount of its own has none. */
static int open_layer(const char *path, struct error *err)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    _cleanup_(close_fd) int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
        return error_errno(err, errno, "cannot open the base image's layer %s", path);
    return TAKE_FD(fd);
}

static int open_layers(struct unpacker *unpacker, struct error *err)
{
    const struct image_layers *layers = unpacker->job->layers;

    for (int i = 0; i < layers->count; i++) {
        _cleanup_(close_fd) int fd = open_layer(layers->paths[i], err);

        if (fd < 0 || take_fd(unpacker, UNPACK_LAYERS_FD + i, fd, err) < 0)
            return -1;
    }
    return 0;
}

static int open_all(struct unpacker *unpacker, struct error *err)
{
    if (open_source(unpacker, err) < 0 || open_report(unpacker, err) < 0 ||
        open_words(unpacker, err) < 0 || open_userns(unpacker, err) < 0 ||
        take_fd(unpacker, UNPACK_LEASH_FD, unpacker->job->leash_fd, err) < 0)
        return -1;
    return open_layers(unpacker, err);
}

/* A host without the controllers starts no container, but may prepare images: there the limits
 * that the program gives itself are all. */
static void make_cgroup(struct unpacker *unpacker)
{
    struct error ignored;

    unpacker->has_cgroup =
        cgroup_fs_open(&unpacker->cgroups, &ignored) == 0 &&
        cgroup_make(&unpacker->cgroups, unpacker->job->cgroup, &limits, &ignored) == 0;
}

/* --- the process ----------------------------------------------------------------------------- */

static void make_arguments(const struct unpacker *unpacker, char **arguments)
{
    const struct engine_settings *settings = unpacker->job->settings;
    const struct image_options *options = unpacker->job->options;
    int count = 0;

    arguments[count++] = xstrdup(PROGRAM_NAME);
    arguments[count++] = xasprintf("folder=%s", unpacker->job->folder);
    arguments[count++] = xasprintf("layers=%d", unpacker->job->layers->count);
    arguments[count++] = xasprintf("pipe=%d", unpacker->is_pipe);
    arguments[count++] = xasprintf("layout=%d", unpacker->job->is_layout);
    arguments[count++] = xasprintf("work=%d", (int)unpacker->job->work);
    arguments[count++] = xasprintf("bytes=%" PRId64, settings->image_bytes_max);
    arguments[count++] = xasprintf("entries=%" PRId64, settings->image_entries_max);
    if (options->user)
        arguments[count++] = xasprintf("user=%s", options->user);
    if (options->tag)
        arguments[count++] = xasprintf("tag=%s", options->tag);
    if (options->platform)
        arguments[count++] = xasprintf("platform=%s", options->platform);
    arguments[count] = NULL;
}

/* In the child. */
static _Noreturn void become_program(const struct unpacker *unpacker, const char *path)
{
    static char *const environment[] = {NULL};
    char *arguments[12];
    struct error err = ERROR_INIT;
    int rc = 0;

    make_arguments(unpacker, arguments);
    cage_reset_signals();
    if (unpacker->has_cgroup)
        rc = cgroup_enter(&unpacker->cgroups, unpacker->job->cgroup, &err);
    for (int i = 0; i < unpacker->count && rc == 0; i++)
        if (dup2(unpacker->fds[i], i) < 0)
            rc = error_errno(&err, errno, "cannot lay the descriptors");
    if (rc == 0 && close_range((unsigned)unpacker->count, ~0U, 0) < 0)
        rc = error_errno(&err, errno, "cannot close descriptors");
    if (rc == 0) {
        execve(path, arguments, environment);
        error_errno(&err, errno, "cannot run %s", path);
    }
    unpack_report_failure(rc == 0 ? STDOUT_FILENO : unpacker->fds[STDOUT_FILENO], &err);
    _exit(1);
}

static const char *what_of(const struct unpacker *unpacker)
{
    return unpacker->job->work == UNPACKER_INSPECT ? "to look into it" : "to unpack it";
}

static int start(struct unpacker *unpacker, struct error *err)
{
    const char *agent = unpacker->job->settings->agent_path;
    const char *slash = strrchr(agent, '/');
    _cleanup_(free_ptr) char *path =
        xasprintf("%.*s/" PROGRAM_NAME, slash ? (int)(slash - agent) : 0, agent);

    fflush(NULL); /* or the child would write it, too */
    unpacker->pid = cage_fork(false);
    if (unpacker->pid == 0)
        become_program(unpacker, path);
    if (unpacker->pid < 0) {
        unpacker->pid = 0;
        return error_errno(err, errno, "cannot start " PROGRAM_NAME);
    }
    for (int i = 0; i < unpacker->count; i++)
        close_fd(&unpacker->fds[i]);
    return guard_start(unpacker->job->settings,
                       &(struct guard_subject){.pid = unpacker->pid, .what = what_of(unpacker)},
                       &unpacker->guard, err);
}

/* --- what it says ---------------------------------------------------------------------------- */

/* Returns 1 for more to come, 0 at the end, -1. */
static int take_words(struct unpacker *unpacker, struct error *err)
{
    char bytes[READ_SIZE];
    ssize_t got = read(unpacker->report_fd, bytes, sizeof(bytes));

    if (got < 0 && errno == EINTR)
        return 1;
    if (got < 0)
        return error_errno(err, errno, "cannot hear " PROGRAM_NAME);
    if (got == 0)
        return 0;
    return unpack_reader_take(&unpacker->reader, bytes, (size_t)got, err) < 0 ? -1 : 1;
}

/* Until it has closed the line, or nobody guards it any more. */
static int listen_to(struct unpacker *unpacker, struct error *err)
{
    struct pollfd fds[] = {{.fd = unpacker->report_fd, .events = POLLIN},
                           {.fd = unpacker->guard.fd, .events = POLLIN}};
    int rc = 1;

    while (rc > 0) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
            if (errno != EINTR)
                return error_errno(err, errno, "cannot wait for " PROGRAM_NAME);
            continue;
        }
        if (fds[0].revents != 0)
            rc = take_words(unpacker, err);
        else if (fds[1].revents != 0)
            rc = 0;
    }
    return rc;
}

/* --- its end --------------------------------------------------------------------------------- */

static bool was_out_of_memory(const struct unpacker *unpacker)
{
    struct cgroup_usage usage;
    struct error ignored;

    return unpacker->has_cgroup &&
           cgroup_read(&unpacker->cgroups, unpacker->job->cgroup, &usage, &ignored) == 0 &&
           usage.oom_kills > 0;
}

/* It went without a word. */
static int explain(const struct unpacker *unpacker, int status, struct error *err)
{
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (was_out_of_memory(unpacker) || number == SIGABRT)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "%s takes more than %" PRId64 " MiB of memory", what_of(unpacker),
                         limits.memory_bytes >> 20);
    if (number == SIGSYS)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the program that unpacks it tried what it may not; the archive may be "
                         "an attack on it");
    if (number != 0)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the program that unpacks it was ended by signal %d; the archive is "
                         "damaged, takes too much memory or time, or is an attack",
                         number);
    return error_set(err, ERROR_INTERNAL, NULL, PROGRAM_NAME " ended without a word");
}

static int end(struct unpacker *unpacker)
{
    int status = 0;

    if (unpacker->pid <= 0)
        return 0;
    kill(unpacker->pid, SIGKILL);
    while (waitpid(unpacker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    unpacker->pid = 0;
    return status;
}

static void unpacker_release(struct unpacker *unpacker)
{
    struct error ignored;

    end(unpacker);
    guard_release(&unpacker->guard);
    for (int i = 0; i < unpacker->count; i++)
        close_fd(&unpacker->fds[i]);
    close_fd(&unpacker->report_fd);
    if (unpacker->has_cgroup)
        cgroup_destroy(&unpacker->cgroups, unpacker->job->cgroup, CGROUP_MS, &ignored);
    cgroup_fs_release(&unpacker->cgroups);
    unpack_reader_release(&unpacker->reader);
}

int unpacker_run(const struct unpacker_job *job, struct unpacked *ret_unpacked, struct error *err)
{
    _cleanup_(unpacker_release) struct unpacker unpacker = {
        .job = job, .report_fd = -1, .guard = GUARD_INIT, .reader = UNPACK_READER_INIT};
    int status;

    for (int i = 0; i < FDS_MAX; i++)
        unpacker.fds[i] = -1;
    unpacker.reader.progress = job->progress;
    unpacker.reader.arg = job->arg;
    unpacker.reader.bytes_max = job->settings->image_bytes_max;
    if (guard_check_disk(job->settings, err) < 0 || open_all(&unpacker, err) < 0)
        return -1;
    make_cgroup(&unpacker);
    if (start(&unpacker, err) < 0 || listen_to(&unpacker, err) < 0)
        return -1;
    /* It may have closed the line and live on. */
    status = end(&unpacker);
    if (guard_end(&unpacker.guard, job->settings, err) < 0)
        return -1;
    if (unpack_reader_end(&unpacker.reader, ret_unpacked, err) == 0)
        return 0;
    return err->kind != ERROR_NONE ? -1 : explain(&unpacker, status, err);
}
