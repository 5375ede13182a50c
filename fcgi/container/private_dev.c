#include "container/private_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"
#include "container/own_sys.h"

#include "base/banned.h"

#define CGROUPS_MAX 16384
#define CPUINFO_MOST (512 << 10)

/* Those that every runtime gives to a container (OCI runtime specification, default devices); its
 * console and ptmx it makes itself. */
static int make_nodes(struct error *err)
{
    static const struct {
        const char *path;
        unsigned major, minor;
    } nodes[] = {
        {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
        {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
        if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0)
            return error_errno(err, errno, "cannot make the device %s", nodes[i].path);
    return 0;
}

static int make_file(const char *path, const struct buf *text, struct error *err)
{
    _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

    if (fd < 0)
        return error_errno(err, errno, "cannot make %s", path);
    return fd_write_all(fd, text->data, text->length, err);
}

static int make_loadavg(struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_add_str(&text, "0.00 0.00 0.00 1/1 1\n");
    return make_file(PRIVATE_DEV_LOADAVG, &text, err);
}

static int make_meminfo(int64_t memory_bytes, struct error *err)
{
    static const char *const own[] = {"MemTotal", "MemFree", "MemAvailable", "CommitLimit"};
    static const char *const none[] = {
        "Buffers",     "Cached",       "SwapCached", "Active",     "Inactive",
        "Unevictable", "Mlocked",      "SwapTotal",  "SwapFree",   "Dirty",
        "Writeback",   "AnonPages",    "Mapped",     "Shmem",      "KReclaimable",
        "Slab",        "SReclaimable", "SUnreclaim", "PageTables", "Committed_AS"};
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        buf_addf(&text, "%s:%*" PRId64 " kB\n", own[i], 23 - (int)strlen(own[i]),
                 memory_bytes / 1024);
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        buf_addf(&text, "%s:%*d kB\n", none[i], 23 - (int)strlen(none[i]), 0);
    return make_file(PRIVATE_DEV_MEMINFO, &text, err);
}

/* Lines "name hierarchy count enabled"; the count is of all cgroups of the host. JVMs look here for
 * what controllers there are. */
static int make_cgroups(struct error *err)
{
    _cleanup_(buf_release) struct buf host = BUF_INIT, text = BUF_INIT;
    char name[64];
    int hierarchy, enabled;

    if (file_read(AT_FDCWD, "/proc/cgroups", CGROUPS_MAX, &host, err) < 0)
        return -1;
    buf_add_str(&text, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
    for (const char *line = host.data; line != NULL && *line != '\0';) {
        if (sscanf(line, "%63s %d %*d %d", name, &hierarchy, &enabled) == 3)
            buf_addf(&text, "%s\t%d\t1\t%d\n", name, hierarchy, enabled);
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return make_file(PRIVATE_DEV_CGROUPS, &text, err);
}

/* A UUID of version 4 (RFC 9562). */
static int make_boot_id(struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    unsigned char id[16];

    random_bytes(id, sizeof(id));
    id[6] = (id[6] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    for (size_t i = 0; i < sizeof(id); i++)
        buf_addf(&text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
    buf_add_char(&text, '\n');
    return make_file(PRIVATE_DEV_BOOT_ID, &text, err);
}

/* --- processors ------------------------------------------------------------------------------ */

int private_dev_cpus(int64_t cpu_millicores)
{
    cpu_set_t ours;
    int64_t wanted = (cpu_millicores + 999) / 1000;
    int there = sched_getaffinity(0, sizeof(ours), &ours) == 0 ? CPU_COUNT(&ours) : 1;

    return wanted < there ? (int)wanted : there;
}

/* In the form of proc(5). Of when the host was booted /proc/uptime tells as well, and ps needs it.
 */
static int make_stat(int cpus, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct timespec now, since_boot;

    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    for (int i = -1; i < cpus; i++) {
        buf_add_str(&text, "cpu");
        if (i < 0)
            buf_add_char(&text, ' ');
        else
            buf_addf(&text, "%d", i);
        buf_add_str(&text, " 0 0 0 0 0 0 0 0 0 0\n");
    }
    buf_addf(&text,
             "intr 0\nctxt 0\nbtime %" PRId64 "\nprocesses 1\nprocs_running 1\n"
             "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
             (int64_t)(now.tv_sec - since_boot.tv_sec));
    return make_file(PRIVATE_DEV_STAT, &text, err);
}

/* Where the entry of the processor after the last one begins. An entry ends with an empty line, on
 * every kind of processor. */
static size_t end_of_cpus(const struct buf *text, int cpus)
{
    const char *at = text->data;

    for (int i = 0; i < cpus && at != NULL; i++) {
        at = strstr(at, "\n\n");
        at = at ? at + 2 : NULL;
    }
    return at ? (size_t)(at - text->data) : text->length;
}

/* No more of it is read than is needed: what the kernel has to say of hundreds takes it long. */
static int make_cpuinfo(int cpus, struct error *err)
{
    _cleanup_(close_fd) int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    char chunk[4096];
    ssize_t got = 1;

    buf_add_str(&text, "");
    while (fd >= 0 && got > 0 && text.length < CPUINFO_MOST &&
           end_of_cpus(&text, cpus) == text.length) {
        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            buf_add(&text, chunk, (size_t)got);
    }
    if (fd < 0 || got < 0)
        return error_errno(err, errno, "cannot read /proc/cpuinfo");
    buf_truncate(&text, end_of_cpus(&text, cpus));
    return make_file(PRIVATE_DEV_CPUINFO, &text, err);
}

int private_dev_mount(const struct private_dev *dev, struct error *err)
{
    const int cpus = private_dev_cpus(dev->cpu_millicores);
    mode_t before;
    int rc;

    if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NOATIME,
              "mode=755,size=1m,nr_inodes=64") < 0)
        return error_errno(err, errno, "cannot mount a /dev");
    before = umask(0);
    rc = make_nodes(err);
    umask(before);
    if (rc < 0 || make_loadavg(err) < 0 || make_meminfo(dev->memory_bytes, err) < 0 ||
        make_cgroups(err) < 0 || make_boot_id(err) < 0 || make_stat(cpus, err) < 0 ||
        make_cpuinfo(cpus, err) < 0)
        return -1;
    return own_sys_make(PRIVATE_DEV_SYS, cpus, dev->fs, dev->cgroup, err);
}
