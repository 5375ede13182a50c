#include "container/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

/* What seccomp refuses is refused here again. Only a process in the namespace can write it. */
static int forbid_namespaces(void)
{
    static const char *const files[] = {
        "/proc/sys/user/max_user_namespaces",   "/proc/sys/user/max_mnt_namespaces",
        "/proc/sys/user/max_pid_namespaces",    "/proc/sys/user/max_net_namespaces",
        "/proc/sys/user/max_ipc_namespaces",    "/proc/sys/user/max_uts_namespaces",
        "/proc/sys/user/max_cgroup_namespaces", "/proc/sys/user/max_time_namespaces",
        "/proc/sys/user/max_fanotify_groups",   "/proc/sys/user/max_fanotify_marks",
    };

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        int fd = open(files[i], O_WRONLY | O_CLOEXEC);

        /* Not every kernel has every one. */
        if (fd < 0 ? errno != ENOENT : write(fd, "0", 1) < 0)
            return (int)i + 1;
        if (fd >= 0)
            close(fd);
    }
    return 0;
}

/*
 * The keeper: a byte is the order to close the namespace, an end the order to go. It holds nothing
 * of its maker's open, not the other end of the line, least of all another keeper's.
 */
static _Noreturn void keep(unsigned line)
{
    ssize_t got;
    char byte;

    if ((line > 0 && close_range(0, line - 1, 0) < 0) || close_range(line + 1, ~0u, 0) < 0)
        _exit(1);
    while ((got = read((int)line, &byte, 1)) < 0 && errno == EINTR)
        ;
    _exit(got == 1 ? forbid_namespaces() : 0);
}

/*
 * A copy of this process in a namespace that belongs to `owner`, which is whose effective id makes
 * it. The capabilities stay meanwhile: without them some kernels let nobody make a user namespace
 * (Debian's kernel.unprivileged_userns_clone). Returns as fork(2).
 */
static pid_t clone_owned_by(uid_t owner, struct error *err)
{
    int bits = prctl(PR_GET_SECUREBITS);
    uid_t before = geteuid();
    pid_t pid = -1;

    if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0)
        return error_errno(err, errno, "cannot keep the capabilities, which takes CAP_SETPCAP");
    if (seteuid(owner) < 0)
        error_errno(err, errno, "cannot become user %u, which takes CAP_SETUID", (unsigned)owner);
    else if ((pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL)) < 0)
        error_errno(err, errno, "cannot make a user namespace");
    if (pid != 0 && (seteuid(before) < 0 || prctl(PR_SET_SECUREBITS, bits) < 0))
        abort();
    return pid;
}

static int write_map(pid_t pid, const char *map, const char *line, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/%s", (int)pid, map);
    _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        return error_errno(err, errno, "cannot map ids as \"%s\"", line);
    return 0;
}

int userns_make(int64_t inside, int64_t outside, struct userns *ret_space, struct error *err)
{
    _cleanup_(userns_release) struct userns space = USERNS_INIT;
    _cleanup_(free_ptr) char *path = NULL;
    _cleanup_(free_ptr) char *map =
        xasprintf("%" PRId64 " %" PRId64 " %d", inside, outside, USERNS_IDS);
    int line[2];

    if (pipe2(line, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    space.keeper = clone_owned_by((uid_t)outside, err);
    if (space.keeper == 0)
        keep((unsigned)line[0]);
    close(line[0]);
    space.line = line[1];
    if (space.keeper < 0)
        return -1;
    path = xasprintf("/proc/%d/ns/user", (int)space.keeper);
    space.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (space.fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    if (write_map(space.keeper, "uid_map", map, err) < 0 ||
        write_map(space.keeper, "gid_map", map, err) < 0)
        return -1;
    ret_space->fd = TAKE_FD(space.fd);
    ret_space->keeper = space.keeper;
    ret_space->line = TAKE_FD(space.line);
    space.keeper = 0;
    return 0;
}

void userns_let_go(struct userns *space)
{
    close_fd(&space->line);
}

/* Returns its wait status. */
static int wait_for_keeper(struct userns *space)
{
    int status = 0;

    userns_let_go(space);
    while (space->keeper > 0 && waitpid(space->keeper, &status, 0) < 0 && errno == EINTR)
        ;
    space->keeper = 0;
    return status;
}

int userns_close(struct userns *space, struct error *err)
{
    int status;

    if (write(space->line, "", 1) != 1)
        return error_errno(err, errno, "the process that keeps a user namespace has ended");
    status = wait_for_keeper(space);
    if (status != 0)
        return error_set(err, ERROR_INTERNAL, NULL,
                         "cannot limit the container's user namespace (step %d)",
                         WEXITSTATUS(status));
    return 0;
}

void userns_release(struct userns *space)
{
    wait_for_keeper(space);
    close_fd(&space->fd);
}
