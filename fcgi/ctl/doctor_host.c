/*
 * doctor_host.c - what we may do here, what the kernel offers, cgroups, the clock, the range of
 * user ids.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/mounts.h"
#include "container/ranges.h"
#include "container/userns.h"
#include "ctl/doctor.h"

#include "base/banned.h"

#define CGROUPS "/sys/fs/cgroup"
#define MOUNT_CGROUPS "mount -t cgroup2 cgroup2 " CGROUPS
#define BUILT_AFTER (INT64_C(1735689600) * CLOCK_SECOND) /* 2025: a clock before it is unset */

/* --- trying things in a child, so that nothing of it stays ----------------------------------- */

static int try_user_namespace(void)
{
    return unshare(CLONE_NEWUSER);
}

static int try_overlay(void)
{
    return unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                   mount("none", "/tmp", "tmpfs", 0, "size=1m") < 0 ||
                   mkdir("/tmp/lower", 0700) < 0 || mkdir("/tmp/upper", 0700) < 0 ||
                   mkdir("/tmp/work", 0700) < 0 || mkdir("/tmp/root", 0700) < 0 ||
                   mount("overlay", "/tmp/root", "overlay", 0,
                         "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work") < 0
               ? -1
               : 0;
}

/* Returns 0, or the errno with which it failed. */
static int in_child(int (*attempt)(void))
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        _exit(attempt() < 0 ? errno : 0);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return EIO;
    return WEXITSTATUS(status);
}

/* --- what we may do here --------------------------------------------------------------------- */

static bool may_administer(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};

    return syscall(SYS_capget, &header, sets) == 0 &&
           (sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN));
}

/* What keeps everything below from working is said once, here. */
static void check_privileges(struct doctor *doctor)
{
    doctor->confined = NULL;
    if (geteuid() != 0) {
        doctor->confined = DOCTOR_AS_ROOT;
        doctor_report(doctor, FINDING_WARN, "privileges", doctor->confined,
                      "what only root can find out is not known");
    } else if (!may_administer()) {
        doctor->confined = "see privileges";
        doctor_report(doctor, FINDING_FAIL, "privileges",
                      "use a host or a virtual machine, or a container that has this capability",
                      "root lacks CAP_SYS_ADMIN here, so no sandbox can be started");
    } else if (in_child(try_user_namespace) == EPERM) {
        /* The kernel refuses it whoever asks, in a chroot only (user_namespaces(7)). */
        doctor->confined = "see privileges";
        doctor_report(doctor, FINDING_FAIL, "privileges", "run the server outside of it",
                      "this is a chroot, or a container that forbids user namespaces, so no "
                      "sandbox can be started");
    } else {
        doctor_ok(doctor, "privileges", "root, with CAP_SYS_ADMIN");
    }
}

/* The advice for what failed, unless it is we who may not do it. */
static const char *mend(const struct doctor *doctor, const char *advice)
{
    return doctor->confined ? doctor->confined : advice;
}

static void check_kernel(struct doctor *doctor)
{
    int failed = in_child(try_overlay);
    _cleanup_(close_fd) int loop = -1;

    if (failed)
        doctor_report(doctor, FINDING_FAIL, "overlayfs", mend(doctor, "modprobe overlay"),
                      "cannot be mounted: %s", strerror(failed));
    else
        doctor_ok(doctor, "overlayfs", "can be mounted");
    failed = in_child(try_user_namespace);
    if (failed)
        doctor_report(doctor, FINDING_FAIL, "user namespaces",
                      mend(doctor, "sysctl user.max_user_namespaces=65536"),
                      "cannot be created: %s", strerror(failed));
    else
        doctor_ok(doctor, "user namespaces", "can be created");
    loop = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (loop < 0 || ioctl(loop, LOOP_CTL_GET_FREE) < 0)
        doctor_report(doctor, FINDING_FAIL, "loop devices", mend(doctor, "modprobe loop"),
                      "none can be used: %s", strerror(errno));
    else
        doctor_ok(doctor, "loop devices", "can be used");
}

/* --- cgroups --------------------------------------------------------------------------------- */

static bool is_fs(const char *path, long magic)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && (long)fs.f_type == magic;
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at += length) {
        bool starts = at == text || at[-1] == ' ';

        if (starts && (at[length] == ' ' || at[length] == '\n' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool has_controller(const char *v2_controllers, const char *name)
{
    char path[64];

    if (v2_controllers)
        return has_word(v2_controllers, name);
    snprintf(path, sizeof(path), CGROUPS "/%s", name);
    return is_fs(path, CGROUP_SUPER_MAGIC);
}

/* As in a container that may look at its cgroups, but not make any. */
static void check_writable(struct doctor *doctor, const char *path)
{
    if (access(path, W_OK) < 0)
        doctor_report(doctor, FINDING_FAIL, "cgroups", mend(doctor, "mount -o remount,rw " CGROUPS),
                      "no cgroup can be made in %s: %s", path, strerror(errno));
}

static void check_controllers(struct doctor *doctor, const char *v2_controllers)
{
    static const char *const names[] = {"memory", "pids", "cpu", "cpuacct"};
    size_t count = v2_controllers ? 3 : 4; /* version 2 accounts for the CPU always */
    bool all = true;

    for (size_t i = 0; i < count; i++) {
        if (has_controller(v2_controllers, names[i]))
            continue;
        all = false;
        doctor_report(doctor, FINDING_FAIL, "cgroup controllers",
                      "enable it on the kernel's command line (cgroup_enable=) or one level up "
                      "(cgroup.subtree_control)",
                      "%s is missing", names[i]);
    }
    if (all)
        doctor_ok(doctor, "cgroup controllers", "memory, pids, cpu");
}

static void check_cgroups(struct doctor *doctor)
{
    _cleanup_(buf_release) struct buf controllers = BUF_INIT;
    struct error err = ERROR_INIT;

    if (is_fs(CGROUPS, CGROUP2_SUPER_MAGIC)) {
        if (file_read(AT_FDCWD, CGROUPS "/cgroup.controllers", 4096, &controllers, &err) < 0) {
            doctor_report(doctor, FINDING_FAIL, "cgroups", mend(doctor, MOUNT_CGROUPS), "%s",
                          err.message);
            return;
        }
        doctor_ok(doctor, "cgroups", "version 2");
        check_writable(doctor, CGROUPS);
        check_controllers(doctor, controllers.data);
        return;
    }
    if (!is_fs(CGROUPS, TMPFS_MAGIC)) {
        doctor_report(doctor, FINDING_FAIL, "cgroups", mend(doctor, MOUNT_CGROUPS),
                      CGROUPS " is not a cgroup file system");
        return;
    }
    if (is_fs(CGROUPS "/unified", CGROUP2_SUPER_MAGIC))
        doctor_report(
            doctor, FINDING_WARN, "cgroups",
            "boot with systemd.unified_cgroup_hierarchy=1; to run crun by hand: unshare "
            "-m sh -c 'umount " CGROUPS "/unified; exec crun ...'",
            "hybrid: crun refuses version 2 beside version 1, so the daemon hides it from "
            "crun and uses version 1, which counts memory less exactly");
    else
        doctor_report(doctor, FINDING_WARN, "cgroups",
                      "boot with systemd.unified_cgroup_hierarchy=1",
                      "version 1, which works, but counts memory less exactly than version 2");
    check_writable(doctor, CGROUPS "/memory");
    check_controllers(doctor, NULL);
}

/* --- the clock ------------------------------------------------------------------------------- */

static void check_clock(struct doctor *doctor)
{
    struct timex state = {0};
    char now[CLOCK_TEXT_SIZE];
    int status = adjtimex(&state);

    clock_format(clock_now(), now);
    if (clock_now() < BUILT_AFTER)
        doctor_report(doctor, FINDING_FAIL, "clock", "timedatectl set-ntp true", "it shows %s",
                      now);
    else if (status == TIME_ERROR || (state.status & STA_UNSYNC))
        doctor_report(doctor, FINDING_WARN, "clock", "timedatectl set-ntp true",
                      "it shows %s, but is not synchronised", now);
    else
        doctor_ok(doctor, "clock", "synchronised by NTP, %s", now);
}

/* --- user ids -------------------------------------------------------------------------------- */

#define CHOOSE_ANOTHER                                                                             \
    "choose another [engine] uid_base (before images are imported), or fewer uid_ranges"

static bool within(const struct doctor *doctor, int64_t first, int64_t count)
{
    int64_t ours, last;

    ranges_span(&doctor->settings->engine, &ours, &last);
    return first <= last && first + count > ours;
}

static int check_accounts(struct doctor *doctor)
{
    int clashes = 0;
    struct passwd *user;
    struct group *group;

    setpwent();
    while ((user = getpwent())) {
        if (!within(doctor, user->pw_uid, 1))
            continue;
        clashes++;
        doctor_report(doctor, FINDING_FAIL, "user ids", CHOOSE_ANOTHER,
                      "user %s has uid %u, which belongs to the containers", user->pw_name,
                      user->pw_uid);
    }
    endpwent();
    setgrent();
    while ((group = getgrent())) {
        if (!within(doctor, group->gr_gid, 1))
            continue;
        clashes++;
        doctor_report(doctor, FINDING_FAIL, "user ids", CHOOSE_ANOTHER,
                      "group %s has gid %u, which belongs to the containers", group->gr_name,
                      group->gr_gid);
    }
    endgrent();
    return clashes;
}

/* Lines of NAME:FIRST:COUNT (subuid(5)). */
static int check_subordinate(struct doctor *doctor, const char *path)
{
    _cleanup_(close_file) FILE *file = fopen(path, "re");
    char line[256];
    int clashes = 0;

    while (file && fgets(line, sizeof(line), file)) {
        char name[128];
        long long first, count;

        if (sscanf(line, "%127[^:]:%lld:%lld", name, &first, &count) != 3 ||
            !within(doctor, first, count))
            continue;
        clashes++;
        doctor_report(doctor, FINDING_FAIL, "user ids", CHOOSE_ANOTHER,
                      "%s assigns ids of the containers to %s", path, name);
    }
    return clashes;
}

static void check_ids(struct doctor *doctor)
{
    const struct settings *settings = doctor->settings;
    int clashes = check_accounts(doctor) + check_subordinate(doctor, "/etc/subuid") +
                  check_subordinate(doctor, "/etc/subgid");
    int64_t first, last;

    ranges_span(&settings->engine, &first, &last);
    if (last > RANGES_LAST_ID)
        doctor_report(doctor, FINDING_FAIL, "user ids", CHOOSE_ANOTHER,
                      "the last id of the containers would be %" PRId64
                      ", which is above the highest possible",
                      last);
    else if (clashes == 0)
        doctor_ok(doctor, "user ids", "no other account uses %" PRId64 " to %" PRId64, first, last);
    if (settings->engine.uid_ranges <
        settings->reaper.sessions_max + settings->reaper.verifications_max)
        doctor_report(doctor, FINDING_FAIL, "user ids",
                      "set [engine] uid_ranges above [reaper] sessions_max and verifications_max",
                      "%" PRId64 " ranges for %" PRId64 " containers", settings->engine.uid_ranges,
                      settings->reaper.sessions_max + settings->reaper.verifications_max);
}

/* The layers of the images are mounted with other owners for each container. */
static void check_owners(struct doctor *doctor)
{
    const char *path = doctor->settings->engine.image_dir;
    _cleanup_(userns_release) struct userns space = USERNS_INIT;
    struct error err = ERROR_INIT;
    _cleanup_(close_fd) int fd = -1;
    int64_t first = doctor->settings->engine.uid_base;

    if (access(path, F_OK) < 0)
        return; /* doctor_files says so */
    if (userns_make(first, first + USERNS_IDS, &space, &err) == 0)
        fd = mounts_mapped(path, space.fd, &err);
    if (fd >= 0)
        doctor_ok(doctor, "id-mapped mounts", "can be created for %s", path);
    else
        doctor_report(doctor, FINDING_FAIL, "id-mapped mounts",
                      mend(doctor, err.sys_errno == EINVAL
                                       ? "put image_dir on ext4, xfs or btrfs; the kernel must be "
                                         "5.19 or newer"
                                       : "use a kernel of 5.19 or newer"),
                      "no sandbox can be started: %s", err.message);
}

/* --- devices --------------------------------------------------------------------------------- */

/* The containers' nodes are the host's. Crun up to 1.23, called by hand or by others, gives a
 * /dev/null that it was started with to its container's root. */
static void check_devices(struct doctor *doctor)
{
    static const char *const shared[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                         "/dev/random", "/dev/urandom", "/dev/tty"};
    bool all = true;

    for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
        _cleanup_(free_ptr) char *mend = xasprintf(
            "systemd-tmpfiles --create; chown root:root %s; chmod 0666 %s", shared[i], shared[i]);
        struct stat st;

        if (stat(shared[i], &st) == 0 && S_ISCHR(st.st_mode) && st.st_uid == 0 &&
            (st.st_mode & 07777) == 0666)
            continue;
        all = false;
        doctor_report(doctor, FINDING_WARN, "devices", mend,
                      "%s is missing, or does not belong to root with mode 0666", shared[i]);
    }
    if (all)
        doctor_ok(doctor, "devices", "those that containers share belong to root");
}

/* A guest that sets its limit for core dumps to 0 has the kernel run such a program all the same,
 * on the host and as often as it crashes. */
static void check_cores(struct doctor *doctor)
{
    _cleanup_(buf_release) struct buf pattern = BUF_INIT;
    struct error err = ERROR_INIT;

    if (file_read(AT_FDCWD, "/proc/sys/kernel/core_pattern", 4096, &pattern, &err) < 0)
        doctor_report(doctor, FINDING_WARN, "core dumps", mend(doctor, "mount -t proc proc /proc"),
                      "%s", err.message);
    else if (pattern.data[0] == '|')
        doctor_report(doctor, FINDING_WARN, "core dumps", "sysctl kernel.core_pattern=core",
                      "the kernel runs a program on the host when one in a container crashes");
    else
        doctor_ok(doctor, "core dumps", "the kernel runs no program for them");
}

void doctor_host(struct doctor *doctor)
{
    check_privileges(doctor);
    check_kernel(doctor);
    check_cgroups(doctor);
    check_clock(doctor);
    check_ids(doctor);
    check_owners(doctor);
    check_devices(doctor);
    check_cores(doctor);
}
