#include "backup/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#include "base/banned.h"

extern char **environ;

/* The duplicates are not closed by exec; all else is. */
static int spawn(const char *const argv[], int pipe_end, int as, int file, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t pipe_signal;
    int rc;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_adddup2(&actions, pipe_end, as);
    if (as == STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (file >= 0)
        posix_spawn_file_actions_adddup2(&actions, file, CHILD_FILE_FD);
    rc =
        posix_spawnp(ret_pid, argv[0], &actions, &attributes, (char *const *)(void *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int child_start(struct child *child, const char *const argv[], bool takes_input, int file,
                struct error *err)
{
    int ends[2], rc, ours = takes_input ? 1 : 0;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    rc = spawn(argv, ends[1 - ours], takes_input ? STDIN_FILENO : STDOUT_FILENO, file, &pid);
    close(ends[1 - ours]);
    if (rc != 0) {
        close(ends[ours]);
        return error_errno(err, rc, "cannot run %s", argv[0]);
    }
    *child = (struct child){argv[0], pid, ends[ours]};
    return 0;
}

static int wait_for(struct child *child)
{
    int status;

    close_fd(&child->fd);
    child->fd = -1;
    while (waitpid(child->pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    child->pid = 0;
    return status;
}

int child_end(struct child *child, int most, struct error *err)
{
    int status = wait_for(child);

    if (WIFEXITED(status) && WEXITSTATUS(status) <= most)
        return 0;
    if (WIFSIGNALED(status))
        return error_set(err, ERROR_INTERNAL, NULL, "%s was ended by signal %d", child->name,
                         WTERMSIG(status));
    return error_set(err, ERROR_INTERNAL, NULL, "%s failed with exit status %d", child->name,
                     WEXITSTATUS(status));
}

void child_release(struct child *child)
{
    if (child->pid > 0) {
        kill(child->pid, SIGTERM);
        wait_for(child);
    }
}
