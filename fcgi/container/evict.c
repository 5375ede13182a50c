#include "container/evict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

#define AT_IT_MS 50 /* after so long the kill does not wait any more */
#define DIE_MS 2000 /* so long shutting waits for the death of all processes */
#define EMPTY_MS 10

/* --- the disk -------------------------------------------------------------------------------- */

/* What a container writes to. -1, and no name, where there is none any more. */
struct disk {
    int image;
    int loop; /* while this is open the device is nobody else's */
    char *device;
};

static void disk_close(struct disk *disk)
{
    close_fd(&disk->image);
    close_fd(&disk->loop);
    free(disk->device);
}

/* The loop device on the image. The kernel tells the file behind each. */
static void find_loop(struct disk *disk, const struct stat *image)
{
    DIR *dir = opendir("/sys/block");

    for (struct dirent *entry; dir != NULL && disk->loop < 0 && (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *behind = xasprintf("/sys/block/%s/loop", entry->d_name);
        _cleanup_(free_ptr) char *path = xasprintf("/dev/%s", entry->d_name);
        _cleanup_(close_fd) int fd = -1;
        struct loop_info64 info;

        if (strncmp(entry->d_name, "loop", 4) != 0 || access(behind, F_OK) < 0)
            continue;
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == image->st_ino &&
            info.lo_device == image->st_dev) {
            disk->loop = TAKE_FD(fd);
            disk->device = TAKE_PTR(path);
        }
    }
    if (dir != NULL)
        closedir(dir);
}

static int disk_open(const struct container_job *job, struct disk *disk, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s" SCRATCH_SUFFIX, job->scratch_dir, job->name);
    struct stat st;

    disk->image = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (disk->image < 0 && errno == ENOENT)
        return 0;
    if (disk->image < 0 || fstat(disk->image, &st) < 0)
        return error_errno(err, errno, "cannot open %s", path);
    find_loop(disk, &st);
    return 0;
}

/* Of the file system on the device: one that is mounted already, where no path leads, is the same.
 * read_only: as that is. -1: errno. */
static int open_root(const char *device, bool read_only)
{
    _cleanup_(close_fd) int context = fsopen("ext4", FSOPEN_CLOEXEC);
    _cleanup_(close_fd) int mounted = -1;

    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
        (read_only && fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0) ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    mounted = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
    return mounted < 0 ? -1 : openat(mounted, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A process that shuts the disk of a container once that was killed; what came of it is for
 * finish(). */
struct shutter {
    pid_t pid;  /* 0: it has ended, or there was nothing to do */
    int failed; /* errno's value; 0: it is shut */
    int at_it;  /* is closed by it when it has got at the file system. -1: there is none */
};

/*
 * From then on each write to it fails, also of files' bytes that the kernel still holds. errno's
 * value. It may wait for seconds to get at the file system, until the kernel has written much, or
 * all. The container's processes die first, or have had DIE_MS for it: whoever waits for memory
 * that lies with what can't be written any more does not die for minutes.
 */
static int shut(const char *device, int pidfd, int at_it)
{
    _cleanup_(close_fd) int root = open_root(device, false);
    struct pollfd until_dead = {.fd = pidfd, .events = POLLIN};
    uint32_t how = SHUTDOWN_NO_LOG_FLUSH;

    if (root < 0 && errno == EBUSY)
        root = open_root(device, true);
    if (root < 0)
        return errno;
    close_fd(&at_it);
    poll(&until_dead, 1, pidfd < 0 ? 0 : DIE_MS);
    return ioctl(root, SHUTDOWN_EXT4, &how) < 0 ? errno : 0;
}

/* pidfd: of the container's pid 1, or -1 where it does not run. */
static struct shutter begin(const struct disk *disk, int pidfd)
{
    struct shutter shutter = {.at_it = -1};
    int fds[2];

    if (disk->device == NULL)
        return shutter;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        shutter.failed = errno;
        return shutter;
    }
    shutter.pid = fork();
    if (shutter.pid == 0) {
        close(fds[0]);
        _exit(shut(disk->device, pidfd, fds[1]));
    }
    if (shutter.pid < 0)
        shutter = (struct shutter){.failed = errno};
    close(fds[1]);
    shutter.at_it = fds[0];
    return shutter;
}

/* Before its last user is dying: then nobody gets at it any more until all is written. */
static void let_get_at_it(struct shutter *shutter)
{
    struct pollfd at_it = {.fd = shutter->at_it, .events = POLLIN};

    poll(&at_it, 1, shutter->at_it < 0 ? 0 : AT_IT_MS);
    close_fd(&shutter->at_it);
}

/* Has it ended within that time? */
static bool finish(struct shutter *shutter, int ms)
{
    int status = 0;

    for (int waited = 0; shutter->pid > 0; waited++) {
        if (waitpid(shutter->pid, &status, WNOHANG) == shutter->pid)
            *shutter = (struct shutter){.failed = WIFEXITED(status) ? WEXITSTATUS(status) : EIO,
                                        .at_it = -1};
        else if (waited >= ms)
            return false;
        else
            poll(NULL, 0, 1);
    }
    return true;
}

static bool is_in_use(const char *device)
{
    _cleanup_(close_fd) int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);

    return fd < 0 && errno == EBUSY;
}

/*
 * Of a container that was killed. As long as the file system is not shut, what is written down is
 * taken away again. Then the device loses its size, as the kernel still holds lists of files and
 * the like, which it writes past the file system. (Never before: ext4 takes a block of a file that
 * it can't reach for a want of memory, and tries again for ever.)
 */
static int disk_take(struct disk *disk, struct shutter *shutter, struct error *err)
{
    if (disk->image < 0)
        return 0;
    do {
        if (ftruncate(disk->image, 0) < 0)
            return error_errno(err, errno, "cannot empty a container's disk");
    } while (!finish(shutter, EMPTY_MS));
    if (disk->device == NULL)
        return 0;
    /* Its last user may have gone in between; then all is written, and taken away. */
    if (shutter->failed != 0 && is_in_use(disk->device))
        return error_errno(err, shutter->failed, "cannot shut the file system on %s", disk->device);
    if (shutter->failed == 0 && ioctl(disk->loop, LOOP_SET_CAPACITY, 0) < 0)
        return error_errno(err, errno, "cannot shrink %s", disk->device);
    if (ftruncate(disk->image, 0) < 0)
        return error_errno(err, errno, "cannot empty a container's disk");
    return 0;
}

/* --- the container --------------------------------------------------------------------------- */

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
 * the container ends without, and the reason comes when its disk was taken.
 */
int container_evict(const struct container_job *job, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", job->state_dir, job->name);
    _cleanup_(close_fd) int lock = container_lock(folder, LOCK_NB, err);
    _cleanup_(disk_close) struct disk disk = {.image = -1, .loop = -1};
    _cleanup_(close_fd) int pidfd = -1;
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    struct error unwritten = ERROR_INIT, ignored = ERROR_INIT;
    struct shutter shutter;
    bool opened, told;

    if (lock < 0)
        return -1;
    if (job->scratch_dir == NULL || job->ended == NULL)
        return error_set(err, ERROR_INVALID, NULL, "scratch and ended are needed");
    opened = disk_open(job, &disk, err) == 0;
    pidfd = container_open_init(folder);
    if (pidfd < 0 && container_runs(folder, NULL))
        return error_set(err, ERROR_UNAVAILABLE, NULL, "cannot open pid 1 of %s", job->name);
    told = pidfd < 0 || write_reason(job, folder, &unwritten) == 0;
    shutter = begin(&disk, pidfd);
    let_get_at_it(&shutter);
    if (pidfd >= 0)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    if (pidfd >= 0 && cgroup_fs_open(&fs, &ignored) == 0)
        cgroup_let_die(&fs, job->cgroup);
    if (shutter.failed != 0) /* no process for it */
        shutter.failed = shut(disk.device, pidfd, -1);
    if (!opened || disk_take(&disk, &shutter, err) < 0)
        return -1;
    return told ? 0 : write_reason(job, folder, err);
}
