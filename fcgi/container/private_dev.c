#include "container/private_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"

#include "base/banned.h"

#define CGROUPS_MAX 16384

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

int private_dev_mount(int64_t memory_bytes, struct error *err)
{
    mode_t before;
    int rc;

    if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NOATIME,
              "mode=755,size=64k,nr_inodes=16") < 0)
        return error_errno(err, errno, "cannot mount a /dev");
    before = umask(0);
    rc = make_nodes(err);
    umask(before);
    if (rc < 0 || make_loadavg(err) < 0 || make_meminfo(memory_bytes, err) < 0 ||
        make_cgroups(err) < 0 || make_boot_id(err) < 0)
        return -1;
    return 0;
}
