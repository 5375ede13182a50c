#include "images/workplace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "settings.h"

#include "base/banned.h"

#define PREFIX ".import-"
#define OLD_PREFIX ".old-"
#define CGROUP_MS 10000
#define REMOVE_TRIES 100
#define REMOVE_PAUSE_MS 100

static char *cgroup_of(const struct engine_settings *settings, const char *path)
{
    return xasprintf("%s/%s", settings->cgroup_parent, strrchr(path, '/') + 2);
}

static void remove_cgroup(const char *path)
{
    struct cgroup_fs fs = {.v2 = false};
    struct error ignored;

    if (cgroup_fs_open(&fs, &ignored) == 0) {
        cgroup_destroy(&fs, path, CGROUP_MS, &ignored);
        cgroup_fs_release(&fs);
    }
}

/* Removes it if nobody has it locked. Returns whether it is gone. path: NULL where none was made.
 */
static bool remove_left(const struct engine_settings *settings, const char *path)
{
    _cleanup_(close_fd) int fd = -1;
    _cleanup_(free_ptr) char *cgroup = NULL;
    struct error ignored;

    if (!path)
        return true;
    cgroup = cgroup_of(settings, path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return false;
    remove_cgroup(cgroup);
    return remove_tree(path, &ignored) == 0;
}

static void sweep(const struct engine_settings *settings)
{
    DIR *dir = opendir(settings->image_dir);

    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *path = xasprintf("%s/%s", settings->image_dir, entry->d_name);

        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 ||
            strncmp(entry->d_name, OLD_PREFIX, strlen(OLD_PREFIX)) == 0)
            remove_left(settings, path);
    }
    closedir(dir);
}

/* --- the janitor ----------------------------------------------------------------------------- */

/* A session of its own, so that Ctrl-C is not meant for it. */
static _Noreturn void wait_and_remove(const struct engine_settings *settings, const char *path,
                                      int leash_fd)
{
    char byte[64];
    ssize_t got;

    setsid();
    if (dup2(leash_fd, STDIN_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
        _exit(1);
    close(STDOUT_FILENO); /* whoever reads what the import says shall not wait for this process */
    close(STDERR_FILENO);
    /* Who writes here is not itself any more; what counts is the end. */
    while ((got = read(STDIN_FILENO, byte, sizeof(byte))) > 0 || (got < 0 && errno == EINTR))
        ;
    /* Who was killed may still be at its last system call, with the folder or a file of it. */
    for (int i = 0; !remove_left(settings, path) && i < REMOVE_TRIES; i++)
        poll(NULL, 0, REMOVE_PAUSE_MS);
    _exit(0);
}

static int start_janitor(const struct engine_settings *settings, struct workplace *workplace,
                         struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    workplace->janitor = fork();
    if (workplace->janitor == 0)
        wait_and_remove(settings, workplace->path, ends[0]);
    close(ends[0]);
    workplace->leash_fd = ends[1];
    if (workplace->janitor > 0)
        return 0;
    workplace->janitor = 0;
    return error_errno(err, errno, "cannot fork");
}

/* --- the folder ------------------------------------------------------------------------------ */

/* Whoever makes one or sweeps holds .lock meanwhile, so that no sweep finds a folder that is not
 * locked yet. */
static int make_locked(const struct engine_settings *settings, struct workplace *workplace,
                       struct error *err)
{
    _cleanup_(free_ptr) char *gate_path = xasprintf("%s/.lock", settings->image_dir);
    _cleanup_(free_ptr) char *path = xasprintf("%s/" PREFIX "XXXXXX", settings->image_dir);
    _cleanup_(close_fd) int gate = -1;

    if (make_dirs(settings->image_dir, 0711, err) < 0)
        return -1;
    /* Who could pass through might run an image's set-user-id programs, and so become the owner of
     * all images. */
    if (chmod(settings->image_dir, 0700) < 0)
        return error_errno(err, errno, "cannot set the mode of %s", settings->image_dir);
    gate = open(gate_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (gate < 0 || flock(gate, LOCK_EX) < 0)
        return error_errno(err, errno, "cannot lock %s", gate_path);
    sweep(settings);
    if (mkdtemp(path) == NULL)
        return error_errno(err, errno, "cannot make a folder in %s", settings->image_dir);
    workplace->path = TAKE_PTR(path);
    workplace->cgroup = cgroup_of(settings, workplace->path);
    workplace->fd = open(workplace->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (workplace->fd < 0 || flock(workplace->fd, LOCK_EX) < 0 || fchmod(workplace->fd, 0755) < 0)
        return error_errno(err, errno, "cannot lock %s", workplace->path);
    return 0;
}

int workplace_make(const struct engine_settings *settings, struct workplace *ret_workplace,
                   struct error *err)
{
    struct workplace workplace = WORKPLACE_INIT;

    if (make_locked(settings, &workplace, err) < 0 ||
        start_janitor(settings, &workplace, err) < 0) {
        workplace_release(&workplace);
        return -1;
    }
    *ret_workplace = workplace;
    return 0;
}

void workplace_release(struct workplace *workplace)
{
    struct error ignored;

    if (workplace->path != NULL)
        remove_tree(workplace->path, &ignored);
    close_fd(&workplace->fd);
    close_fd(&workplace->leash_fd);
    while (workplace->janitor > 0 && waitpid(workplace->janitor, NULL, 0) < 0 && errno == EINTR)
        ;
    free(workplace->path);
    free(workplace->cgroup);
}
