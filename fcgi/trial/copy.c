#include "trial/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "trial/lay.h"

#include "base/banned.h"

static int copy_tests(json_object *tests, struct error *err)
{
    _cleanup_(close_fd) int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_fd) int tree = -1, scratch = -1;

    if (mkdir(TRIAL_TREE, 0755) < 0 || root < 0 ||
        (tree = open(TRIAL_TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        (scratch = open(TRIAL_COPY, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return error_errno(err, errno, "cannot make a folder for the tests");
    json_object_object_foreach (tests, path, origin) {
        const char *from = json_object_get_string(origin) + 1;

        if (trial_lay(root, from, tree, path, 0, TRIAL_LAY_TIMES, err) < 0 ||
            trial_lay(root, from, scratch, path, 0, TRIAL_LAY_TIMES, err) < 0)
            return -1;
    }
    return 0;
}

/* A folder of what can be made again, as cargo's `target`: it may be large. Source: the Cache
 * Directory Tagging Specification. */
static bool is_cache(int dir_fd, const char *name)
{
    _cleanup_(free_ptr) char *tag = xasprintf("%s/CACHEDIR.TAG", name);

    return faccessat(dir_fd, tag, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

DEFINE_CLEANUP(DIR *, close_dir, closedir)

static int copy_repository(const char *repository, bool with_caches, struct error *err)
{
    _cleanup_(close_dir) DIR *dir = opendir(repository);
    _cleanup_(close_fd) int scratch = -1;
    const struct dirent *entry;

    if (!dir || mkdir(TRIAL_COPY, 0755) < 0 ||
        (scratch = open(TRIAL_COPY, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return error_errno(err, errno, "cannot copy %.200s", repository);
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0 ||
            (!with_caches && is_cache(dirfd(dir), name)))
            continue;
        if (trial_lay(dirfd(dir), name, scratch, name, 0, TRIAL_LAY_TIMES, err) < 0)
            return -1;
    }
    return 0;
}

int trial_copy_make(const char *repository, json_object *tests, struct error *err)
{
    return copy_repository(repository, true, err) < 0 ? -1 : copy_tests(tests, err);
}

int trial_copy_make_clean(const char *repository, json_object *tests, struct error *err)
{
    return copy_repository(repository, false, err) < 0 ? -1 : copy_tests(tests, err);
}

char *trial_copy_read(const char *folder, const char *path)
{
    _cleanup_(free_ptr) char *whole = xasprintf("%s/%s", folder, path);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored = ERROR_INIT;

    if (!path_is_below(path) || file_read(AT_FDCWD, whole, TRIAL_SOURCE_MOST, &text, &ignored) < 0)
        return NULL;
    return text.length > 0 && !memchr(text.data, 0, text.length) ? buf_take(&text) : NULL;
}

int trial_copy_ask(const char *folder, char *const *argv, const char *to, struct error *err)
{
    _cleanup_(close_fd) int out =
        to ? open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : dup(2);
    int status = 0;
    pid_t pid;

    if (out < 0)
        return error_errno(err, errno, "cannot run %s", argv[0]);
    pid = fork();
    if (pid == 0) {
        if (dup2(out, 1) < 0 || chdir(folder) < 0)
            _exit(126);
        execvp(argv[0], argv);
        dprintf(2, "cannot start %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    if (pid < 0)
        return error_errno(err, errno, "cannot make a process");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0
                       : error_set(err, ERROR_INVALID, NULL, "%s ended with status %d", argv[0],
                                   child_status(status));
}
