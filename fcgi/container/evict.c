#include "container/evict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
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

/* EXT4_IOC_SHUTDOWN and its flag, which Linux 4.11 to 6.x keep out of the headers for programs. */
#define SHUTDOWN_EXT4 _IOR('X', 125, uint32_t)
#define SHUTDOWN_NO_LOG_FLUSH 2

/* The loop device on that image, by name, or NULL. The kernel tells the file behind each. */
static char *find_loop(const struct stat *image)
{
    DIR *dir = opendir("/sys/block");
    char *found = NULL;

    for (struct dirent *entry; dir != NULL && found == NULL && (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *behind = xasprintf("/sys/block/%s/loop", entry->d_name);
        _cleanup_(free_ptr) char *path = xasprintf("/dev/%s", entry->d_name);
        _cleanup_(close_fd) int fd = -1;
        struct loop_info64 info;

        if (strncmp(entry->d_name, "loop", 4) != 0 || access(behind, F_OK) < 0)
            continue;
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == image->st_ino &&
            info.lo_device == image->st_dev)
            found = TAKE_PTR(path);
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

/* The root of the file system on the device. It is mounted in a namespace that nobody can enter;
 * a second mount of it, which has no place, is the same file system. */
static int open_mounted(const char *device, struct error *err)
{
    _cleanup_(close_fd) int context = fsopen("ext4", FSOPEN_CLOEXEC);
    _cleanup_(close_fd) int mounted = -1;
    int fd;

    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return error_errno(err, errno, "cannot open the file system on %s", device);
    mounted = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
    fd = mounted < 0 ? -1 : openat(mounted, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot mount %s", device);
    return fd;
}

/* What a container writes to. Each -1 where there is none (any more). */
struct disk {
    int image;
    int root; /* of the file system in it, while that is mounted */
};

static void disk_close(struct disk *disk)
{
    close_fd(&disk->image);
    close_fd(&disk->root);
}

static int disk_open(const struct container_job *job, struct disk *disk, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s" SCRATCH_SUFFIX, job->scratch_dir, job->name);
    _cleanup_(free_ptr) char *device = NULL;
    struct stat st;

    disk->image = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (disk->image < 0 && errno == ENOENT)
        return 0;
    if (disk->image < 0 || fstat(disk->image, &st) < 0)
        return error_errno(err, errno, "cannot open %s", path);
    device = find_loop(&st);
    if (device == NULL) /* the mount is gone already, and nobody writes */
        return 0;
    disk->root = open_mounted(device, err);
    return disk->root < 0 ? -1 : 0;
}

/*
 * The file system is told that it is shut: from then on each write to it fails, also of what the
 * kernel still holds. (To shrink the device under it is no way: ext4 takes a block that it can't
 * reach for a want of memory, and tries again for ever.)
 */
static int disk_take(const struct disk *disk, struct error *err)
{
    uint32_t how = SHUTDOWN_NO_LOG_FLUSH;

    if (disk->root >= 0 && ioctl(disk->root, SHUTDOWN_EXT4, &how) < 0)
        return error_errno(err, errno, "cannot shut a container's file system");
    if (disk->image >= 0 && ftruncate(disk->image, 0) < 0)
        return error_errno(err, errno, "cannot empty a container's disk");
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

/*
 * The reason is there before pid 1 is gone, for then somebody asks. Where there is no room for it,
 * the container ends without, and the reason comes when its disk was taken. The disk is opened
 * first: once its last user is dying, nobody gets at it until all is written.
 */
int container_evict(const struct container_job *job, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", job->state_dir, job->name);
    _cleanup_(close_fd) int lock = container_lock(folder, LOCK_NB, err);
    _cleanup_(close_fd) int pidfd = -1;
    _cleanup_(disk_close) struct disk disk = {-1, -1};
    bool opened, untold = false;
    pid_t pid;

    if (lock < 0)
        return -1;
    if (job->scratch_dir == NULL || job->ended == NULL)
        return error_set(err, ERROR_INVALID, NULL, "scratch and ended are needed");
    opened = disk_open(job, &disk, err) == 0;
    if (container_runs(folder, &pid)) {
        struct error unwritten = ERROR_INIT;

        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        /* Once more, now that the pid can't be given to another unnoticed. */
        if (pidfd >= 0 && container_runs(folder, &pid)) {
            untold = write_reason(job, folder, &unwritten) < 0;
            syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        }
    }
    if (!opened || disk_take(&disk, err) < 0)
        return -1;
    return untold ? write_reason(job, folder, err) : 0;
}
