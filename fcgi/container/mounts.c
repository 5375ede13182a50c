#include "container/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

#define INODE_SIZE 256
#define LOOP_TRIES 64
#define TEMPLATE_PREFIX ".template-"
#define TEMPLATES_MOST 4     /* sizes that are in use at a time: that of the settings */
#define TEMPLATE_SECONDS 600 /* nobody works on one for so long */

int mounts_unshare(struct error *err)
{
    if (unshare(CLONE_NEWNS) < 0)
        return error_errno(err, errno, "cannot make a mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_errno(err, errno, "cannot make the mounts private");
    return 0;
}

static int check_reserve(const char *scratch_dir, int64_t reserve, struct error *err)
{
    struct statvfs fs;

    if (statvfs(scratch_dir, &fs) < 0)
        return error_errno(err, errno, "cannot find out the free space of %s", scratch_dir);
    if ((uint64_t)fs.f_bavail * fs.f_frsize < (uint64_t)reserve)
        return error_set(err, ERROR_UNAVAILABLE, "DISK_SHORT",
                         "the host is short of disk space: less than %" PRId64
                         " MiB are free in %s",
                         reserve >> 20, scratch_dir);
    return 0;
}

static int format(const char *path, int64_t inodes, struct error *err)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    _cleanup_(free_ptr) char *count = xasprintf("%" PRId64, inodes);
    /* No journal, no reserve for root: the file system dies with its container. The uninitialised
     * inode tables stay holes. */
    const char *const args[] = {"mke2fs",
                                "-q",
                                "-F",
                                "-t",
                                "ext4",
                                "-b",
                                "4096",
                                "-I",
                                "256",
                                "-m",
                                "0",
                                "-N",
                                count,
                                "-O",
                                "^has_journal,^resize_inode",
                                "-E",
                                "lazy_itable_init=1,nodiscard,packed_meta_blocks=1",
                                path,
                                NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0, rc;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
    rc = posix_spawn(&pid, "/sbin/mke2fs", &actions, NULL, (char *const *)args,
                     (char *const *)environment);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return error_errno(err, rc, "cannot run mke2fs");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0)
        return error_set(err, ERROR_INTERNAL, NULL, "mke2fs failed on %s (status %#x)", path,
                         (unsigned)status);
    return 0;
}

/* Of sizes that were asked for once, the templates would lie there for ever. So would a file that
 * somebody who died left half-made. Who copies from one that goes has it open. */
static void remove_other_templates(const char *scratch_dir, const char *kept)
{
    const int64_t old = clock_now() - TEMPLATE_SECONDS * CLOCK_SECOND;
    DIR *dir = opendir(scratch_dir);
    int count = 0;

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        struct stat st;

        if (strncmp(name, TEMPLATE_PREFIX, strlen(TEMPLATE_PREFIX)) != 0 ||
            strcmp(name, kept) == 0 || fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (strchr(name + 1, '.') != NULL ? st.st_mtim.tv_sec * CLOCK_SECOND < old
                                          : ++count >= TEMPLATES_MOST)
            unlinkat(dirfd(dir), name, 0);
    }
    if (dir != NULL)
        closedir(dir);
}

/* The template, made if it is not there. Two that make it at once both make a whole one. */
static int open_template(const char *scratch_dir, int64_t bytes, int64_t inodes, struct error *err)
{
    _cleanup_(free_ptr) char *name =
        xasprintf(TEMPLATE_PREFIX "%" PRId64 "-%" PRId64, bytes, inodes);
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", scratch_dir, name);
    _cleanup_(free_ptr) char *temporary = xasprintf("%s.%d", path, (int)getpid());
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    int64_t size = (bytes + inodes * INODE_SIZE + 4095) & ~INT64_C(4095);

    if (fd >= 0)
        return TAKE_FD(fd);
    fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || ftruncate(fd, size) < 0) {
        error_errno(err, errno, "cannot make %s", temporary);
    } else if (format(temporary, inodes, err) == 0) {
        if (rename(temporary, path) == 0) {
            remove_other_templates(scratch_dir, name);
            return TAKE_FD(fd);
        }
        error_errno(err, errno, "cannot make %s", path);
    }
    unlink(temporary);
    return -1;
}

/* Copies the data and leaves the holes out. */
static int copy_sparse(int from, int to, struct error *err)
{
    struct stat st;
    off_t at = 0;

    if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
        return error_errno(err, errno, "cannot set the size of a scratch image");
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
        off_t end = lseek(from, at, SEEK_HOLE);
        off_t out = at;

        if (end < 0)
            break;
        while (at < end) {
            ssize_t done = copy_file_range(from, &at, to, &out, (size_t)(end - at), 0);

            if (done <= 0)
                return error_errno(err, done < 0 ? errno : EIO, "cannot copy a scratch image");
        }
    }
    if (errno != ENXIO)
        return error_errno(err, errno, "cannot read a scratch template");
    return 0;
}

int scratch_remove(const char *scratch_dir, const char *name, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s" SCRATCH_SUFFIX, scratch_dir, name);

    if (unlink(path) < 0 && errno != ENOENT)
        return error_errno(err, errno, "cannot remove %s", path);
    return 0;
}

int scratch_create(const char *scratch_dir, const char *name, int64_t bytes, int64_t inodes,
                   int64_t reserve, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s" SCRATCH_SUFFIX, scratch_dir, name);
    _cleanup_(close_fd) int template = -1;
    _cleanup_(close_fd) int fd = -1;

    if (check_reserve(scratch_dir, reserve, err) < 0)
        return -1;
    template = open_template(scratch_dir, bytes, inodes, err);
    if (template <0)
        return -1;
    if (scratch_remove(scratch_dir, name, err) < 0)
        return -1;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "cannot make %s", path);
    if (copy_sparse(template, fd, err) < 0) {
        unlink(path);
        return -1;
    }
    return TAKE_FD(fd);
}

static int loop_attach(int image_fd, char device[32], struct error *err)
{
    _cleanup_(close_fd) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    struct loop_config config = {.fd = (uint32_t)image_fd, .info.lo_flags = LO_FLAGS_AUTOCLEAR};

    if (control < 0)
        return error_errno(err, errno, "cannot open /dev/loop-control");
    for (int tries = 0; tries < LOOP_TRIES; tries++) {
        _cleanup_(close_fd) int fd = -1;
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        if (number < 0)
            break;
        snprintf(device, 32, "/dev/loop%d", number);
        fd = open(device, O_RDWR | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT && errno != ENXIO)
            break;
        if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0)
            return TAKE_FD(fd);
        if (fd >= 0 && errno != EBUSY)
            break;
        /* Somebody else was quicker with this one. */
    }
    return error_set(err, ERROR_UNAVAILABLE, "LOOP_DEVICES_SHORT",
                     "no loop device is available: %s", strerror(errno));
}

int scratch_mount(int image_fd, const char *where, struct error *err)
{
    char device[32];
    _cleanup_(close_fd) int fd = loop_attach(image_fd, device, err);

    if (fd < 0)
        return -1;
    if (mount(device, where, "ext4", MS_NODEV | MS_NOSUID | MS_NOATIME,
              "noinit_itable,nodiscard,nobarrier") < 0)
        return error_errno(err, errno, "cannot mount the scratch image");
    return 0;
}

/* The root of the container's file system gets owner and mode of the upper folder. */
static int make_upper(const char *top, struct error *err)
{
    struct stat st;

    if (stat(top, &st) < 0 || mkdir("scratch/upper", 0755) < 0 || mkdir("scratch/work", 0755) < 0 ||
        chown("scratch/upper", st.st_uid, st.st_gid) < 0 ||
        chmod("scratch/upper", st.st_mode & 07777) < 0)
        return error_errno(err, errno, "cannot prepare the writable layer");
    return 0;
}

int mounts_namespace(int namespace_fd, const char *where, struct error *err)
{
    _cleanup_(free_ptr) char *source = xasprintf("/proc/self/fd/%d", namespace_fd);
    _cleanup_(close_fd) int fd = open(where, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || mount(source, where, NULL, MS_BIND, NULL) < 0)
        return error_errno(err, errno, "cannot mount a namespace at %s", where);
    return 0;
}

int mounts_mapped(const char *path, int owners_fd, struct error *err)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY,
                                    .userns_fd = (uint64_t)owners_fd};
    _cleanup_(close_fd) int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    if (mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
        return error_errno(err, errno, "the file system of %s does not map owners", path);
    return TAKE_FD(fd);
}

static int clone_program(const char *path)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    _cleanup_(close_fd) int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
        return -1;
    return TAKE_FD(fd);
}

int mounts_program(const char *name, const char *folders, struct error *err)
{
    int fd = strchr(name, '/') ? clone_program(name) : -1;

    for (const char *at = folders; !strchr(name, '/') && fd < 0 && *at != '\0';) {
        const size_t length = strcspn(at, ":");
        _cleanup_(free_ptr) char *path = xasprintf("%.*s/%s", (int)length, at, name);

        fd = clone_program(path);
        at += length + (at[length] == ':');
    }
    return fd < 0 ? error_errno(err, errno, "cannot open %s", name) : fd;
}

static int place_layer(const char *layer, const char *name, int owners_fd, struct error *err)
{
    _cleanup_(close_fd) int fd = mounts_mapped(layer, owners_fd, err);

    if (fd < 0)
        return -1;
    if (mkdir(name, 0700) < 0 || move_mount(fd, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_errno(err, errno, "cannot mount a layer");
    return 0;
}

int mounts_overlay(const char *dir, const char *const *layers, int count, int owners_fd,
                   struct error *err)
{
    _cleanup_(buf_release) struct buf options = BUF_INIT;

    if (count < 1 || count > MOUNTS_LAYERS_MAX)
        return error_set(err, ERROR_INVALID, NULL, "an image has 1 to %d layers, not %d",
                         MOUNTS_LAYERS_MAX, count);
    if (chdir(dir) < 0)
        return error_errno(err, errno, "cannot enter %s", dir);
    buf_add_str(&options, "lowerdir=");
    for (int i = 0; i < count; i++) {
        char name[16];

        snprintf(name, sizeof(name), "%d", i);
        if (place_layer(layers[i], name, owners_fd, err) < 0)
            return -1;
        buf_addf(&options, i ? ":%s" : "%s", name);
    }
    /* volatile: no sync reaches the disk, since nothing of it is to outlive the container. */
    buf_add_str(&options, ",upperdir=scratch/upper,workdir=scratch/work,redirect_dir=on,index=off,"
                          "metacopy=off,volatile");
    if (make_upper("0", err) < 0)
        return -1;
    if (mount("overlay", "rootfs", "overlay", MS_NODEV | MS_NOSUID, options.data) < 0)
        return error_errno(err, errno, "cannot mount the overlay");
    return 0;
}
