#include "reaper/grader_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "wire/result.h"

#include "base/banned.h"

char *grader_path(const char *agent_path, struct error *err)
{
    const char *slash = strrchr(agent_path, '/');
    _cleanup_(free_ptr) char *path =
        xasprintf("%.*s/" GRADER_NAME, slash ? (int)(slash - agent_path) : 0, agent_path);

    if (access(path, X_OK) < 0) {
        error_errno(err, errno, "cannot run %s; it must be in the same folder as the agent", path);
        return NULL;
    }
    return TAKE_PTR(path);
}

int grader_pipe(int ends[2], struct error *err)
{
    return pipe2(ends, O_CLOEXEC) == 0 ? 0 : error_errno(err, errno, "cannot make a pipe");
}

/* The file last: it may be at the number of another one's. */
static void lay_descriptors(posix_spawn_file_actions_t *actions, const struct grader_start *start)
{
    posix_spawn_file_actions_adddup2(actions, start->in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(actions, start->out, STDOUT_FILENO);
#if !defined(__SANITIZE_ADDRESS__) /* whose report is wanted */
    posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#endif
    if (start->file >= 0)
        posix_spawn_file_actions_adddup2(actions, start->file, RESULT_FD);
    posix_spawn_file_actions_addclosefrom_np(actions, start->file >= 0 ? RESULT_FD + 1 : RESULT_FD);
    posix_spawn_file_actions_addchdir_np(actions, "/");
}

int grader_spawn(const struct grader_start *start, pid_t *ret_pid, struct error *err)
{
    static char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    lay_descriptors(&actions, start);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    rc = posix_spawn(&pid, start->path, &actions, &attributes, start->arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return error_errno(err, rc, "cannot run %s", start->path);
    *ret_pid = pid;
    return 0;
}
