#include "container/evict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/mounts.h"

#include "base/banned.h"

#define CLEAR_TIMEOUT_MS 5000

/* The loop device on that image, open, or -1. The kernel tells the file behind each. */
static int find_loop(const struct stat *image)
{
    DIR *dir = opendir("/sys/block");
    int found = -1;

    for (struct dirent *entry; dir != NULL && found < 0 && (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *behind = xasprintf("/sys/block/%s/loop", entry->d_name);
        _cleanup_(free_ptr) char *path = xasprintf("/dev/%s", entry->d_name);
        _cleanup_(close_fd) int fd = -1;
        struct loop_info64 info;

        if (strncmp(entry->d_name, "loop", 4) != 0 || access(behind, F_OK) < 0)
            continue;
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == image->st_ino &&
            info.lo_device == image->st_dev)
            found = TAKE_FD(fd);
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

/* The device is as long as its image, so it has no room any more: what is still to be written
 * fails. What was under way in between made the image longer again. */
static int take_disk(const struct container_job *job, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s" SCRATCH_SUFFIX, job->scratch_dir, job->name);
    _cleanup_(close_fd) int image = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_(close_fd) int loop = -1;
    struct stat st;

    if (image < 0 && errno == ENOENT)
        return 0;
    if (image < 0 || fstat(image, &st) < 0 || ftruncate(image, 0) < 0)
        return error_errno(err, errno, "cannot empty %s", path);
    loop = find_loop(&st);
    if (loop < 0) /* the mount is gone already, and nobody writes */
        return 0;
    if (ioctl(loop, LOOP_SET_CAPACITY, 0) < 0)
        return error_errno(err, errno, "cannot shrink the loop device of %s", path);
    if (ftruncate(image, 0) < 0)
        return error_errno(err, errno, "cannot empty %s", path);
    return 0;
}

/* Whole or not at all. Nothing in the folder outlives the machine's power, so nothing is synced:
 * that would take long just now. */
static int write_reason(const struct container_job *job, const char *folder, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/" CONTAINER_ENDED, folder);
    _cleanup_(free_ptr) char *temporary = xasprintf("%s.tmp", path);
    _cleanup_(close_fd) int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_errno(err, errno, "cannot write %s", temporary);
    if (fd_write_all(fd, job->ended, strlen(job->ended), err) < 0)
        return -1;
    if (rename(temporary, path) < 0)
        return error_errno(err, errno, "cannot make %s", path);
    return 0;
}

int container_clear(const struct container_job *job, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", job->state_dir, job->name);
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    _cleanup_(close_fd) int lock = container_lock(folder, LOCK_NB, err);
    pid_t pid;

    if (lock < 0)
        return -1;
    if (job->processes <= 0)
        return error_set(err, ERROR_INVALID, NULL, "processes is needed");
    if (cgroup_fs_open(&fs, err) < 0)
        return -1;
    if (!container_runs(folder, &pid))
        return error_set(err, ERROR_NOT_FOUND, NULL, "%s does not run", job->name);
    return cgroup_clear(&fs, job->cgroup, pid, job->processes, CLEAR_TIMEOUT_MS, err);
}

/* The reason is there before pid 1 is gone, for then somebody asks. Where there is no room for it,
 * the container ends without, and the reason comes when its disk was taken. */
int container_evict(const struct container_job *job, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", job->state_dir, job->name);
    _cleanup_(close_fd) int lock = container_lock(folder, LOCK_NB, err);
    _cleanup_(close_fd) int pidfd = -1;
    bool untold = false;
    pid_t pid;

    if (lock < 0)
        return -1;
    if (job->scratch_dir == NULL || job->ended == NULL)
        return error_set(err, ERROR_INVALID, NULL, "scratch and ended are needed");
    if (container_runs(folder, &pid)) {
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        /* Once more, now that the pid can't be given to another unnoticed. */
        if (pidfd >= 0 && container_runs(folder, &pid)) {
            untold = write_reason(job, folder, err) < 0;
            syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        }
    }
    if (take_disk(job, err) < 0)
        return -1;
    return untold ? write_reason(job, folder, err) : 0;
}
