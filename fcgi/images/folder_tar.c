#include "images/folder_tar.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "images/guard.h"
#include "settings.h"

#include "base/banned.h"

static _Noreturn void pack(int folder_fd, const char *member, int out, int64_t bytes_max)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
    const char *const arguments[] = {"tar",
                                     "--one-file-system",
                                     "--sort=name",
                                     "--format=gnu",
                                     "--mtime=@1735689600",
                                     "--mode=u+rwX,go+rX,go-w",
                                     "--numeric-owner",
                                     "--owner=0",
                                     "--group=0",
                                     "-cf",
                                     "-",
                                     "--",
                                     member,
                                     NULL};
    const struct rlimit most = {(rlim_t)bytes_max, (rlim_t)bytes_max};

    if (dup2(out, STDOUT_FILENO) >= 0 && fchdir(folder_fd) == 0 &&
        setrlimit(RLIMIT_FSIZE, &most) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0)
        execve("/usr/bin/tar", (char *const *)arguments, (char *const *)environment);
    _exit(127);
}

pid_t folder_tar_start(int folder_fd, const char *member, int out, int64_t bytes_max)
{
    pid_t pid;

    fflush(NULL); /* or the child would write it, too */
    pid = fork();
    if (pid == 0)
        pack(folder_fd, member, out, bytes_max);
    return pid;
}

static int await(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

int folder_tar(const struct engine_settings *settings, int folder_fd, const char *member, int out,
               struct error *err)
{
    struct guard guard = GUARD_INIT;
    pid_t pid;
    int status;

    if (guard_check_disk(settings, err) < 0)
        return -1;
    pid = folder_tar_start(folder_fd, member, out, settings->image_bytes_max);
    if (pid < 0)
        return error_errno(err, errno, "cannot start tar");
    if (guard_start(settings, &(struct guard_subject){.pid = pid, .what = "to pack the folder"},
                    &guard, err) < 0) {
        guard_release(&guard);
        kill(pid, SIGKILL);
        await(pid);
        return -1;
    }
    status = await(pid);
    if (status != 0)
        (void)!ftruncate(out, 0); /* what is told of the disk is so without it */
    if (guard_end(&guard, settings, err) < 0)
        return -1;
    if (status == 0)
        return 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
        return error_set(err, ERROR_LIMIT, NULL,
                         "the folder is larger than %lld bytes (image_bytes_max)",
                         (long long)settings->image_bytes_max);
    return error_set(err, ERROR_INVALID, NULL, "the folder cannot be read as a whole");
}
