/*
 * doctor_limits.c - what the host has once: could its containers take all of it?
 *
 * Each row multiplies what a container may take by how many there may be, and says which number of
 * the kernel's to raise. Raising one costs nothing by itself: what counts memory is the containers'
 * limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/oci_config.h"
#include "container/seccomp.h"
#include "ctl/doctor.h"
#include "engined/host_share.h"
#include "reaper/places.h"

#include "base/banned.h"

#define PID_MAX_MOST 4194304 /* of a 64-bit kernel */
#define FILE_BYTES 192       /* struct file, which counts as the container's memory */
#define INSTRUCTION_BYTES 8  /* of a filter, as machine code: at most */
#define PAGE 4096
/* A connection that nobody has open any more, with bytes left to send, and its other end, which
 * must live: two of the kernel's tcp_sock, of 2.3 KiB each, which count as the container's memory.
 */
#define ORPHAN_BYTES 4096

struct limit {
    const char *what;   /* in the plural */
    const char *sysctl; /* what to raise, as sysctl(8) names it */
    int64_t has, wanted;
    int64_t mend; /* the number to set */
    int times;    /* how often it has to be given */
};

/* What was found so far: "96 of 32000 processes, ..." of what is enough, and of what is not. */
struct limits {
    struct buf enough, lacking;
    struct buf sysctls; /* what to set, quoted for a shell */
};

/* The number at `index` of a switch of the kernel's; -1: can't be read. */
static int64_t read_switch(const char *path, int index)
{
    _cleanup_(free_ptr) char *whole = xasprintf("/proc/sys/%s", path);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;
    int64_t value = -1;
    char *at;

    if (file_read(AT_FDCWD, whole, 4096, &text, &ignored) < 0)
        return -1;
    at = text.data;
    for (int i = 0; i <= index; i++)
        value = strtoll(at, &at, 10);
    return value;
}

static void add(struct doctor *doctor, struct limits *limits, const struct limit *limit)
{
    struct buf *list = limit->wanted <= limit->has ? &limits->enough : &limits->lacking;

    if (limit->has < 0) {
        doctor_report(doctor, FINDING_WARN, "host's limits", DOCTOR_AS_ROOT, "%s can't be read",
                      limit->sysctl);
        return;
    }
    buf_addf(list, "%s%" PRId64 " of %" PRId64 " %s", list->length ? ", " : "", limit->wanted,
             limit->has, limit->what);
    if (list == &limits->enough)
        return;
    buf_addf(&limits->sysctls, " '%s=", limit->sysctl);
    for (int i = 0; i < limit->times; i++)
        buf_addf(&limits->sysctls, "%s%" PRId64, i ? " " : "", limit->mend);
    buf_add_char(&limits->sysctls, '\'');
}

static void report(struct doctor *doctor, int64_t containers, const struct limits *limits)
{
    _cleanup_(free_ptr) char *mend = NULL;

    if (limits->enough.length > 0)
        doctor_ok(doctor, "host's limits", "%" PRId64 " containers can take %s", containers,
                  limits->enough.data);
    if (limits->lacking.length == 0)
        return;
    mend = xasprintf("run sysctl%s, and keep it in /etc/sysctl.d; or lower [reaper] sessions_max",
                     limits->sysctls.data);
    doctor_report(doctor, FINDING_WARN, "host's limits", mend,
                  "%" PRId64 " containers could take more than there is: %s", containers,
                  limits->lacking.data);
}

static void check_processes(struct doctor *doctor, struct limits *limits, int64_t containers,
                            const struct host_share *share)
{
    int64_t wanted = containers * doctor->settings->engine.processes;
    int64_t mend = wanted * 2 < PID_MAX_MOST ? wanted * 2 : PID_MAX_MOST;

    add(doctor, limits,
        &(struct limit){"processes", "kernel.pid_max", share->processes, wanted, mend, 1});
}

static void check_terminals(struct doctor *doctor, struct limits *limits, int64_t containers)
{
    int64_t most = read_switch("kernel/pty/max", 0), kept = read_switch("kernel/pty/reserve", 0);
    int64_t wanted = containers * OCI_TERMINALS;

    add(doctor, limits,
        &(struct limit){"terminals", "kernel.pty.max", most < 0 ? -1 : most - kept, wanted,
                        wanted + kept, 1});
}

/* Some things count as memory, so there are never more than fit into that of all containers. */
static int64_t memory_of_all(const struct doctor *doctor, int64_t containers,
                             const struct host_share *share)
{
    int64_t memory = containers * doctor->settings->engine.memory_bytes;

    return memory < share->memory_bytes ? memory : share->memory_bytes;
}

static void check_files(struct doctor *doctor, struct limits *limits, int64_t containers,
                        const struct host_share *share)
{
    int64_t wanted = memory_of_all(doctor, containers, share) / FILE_BYTES;

    add(doctor, limits,
        &(struct limit){"open files", "fs.file-max", read_switch("fs/file-max", 0), wanted,
                        wanted * 2, 1});
}

/* Pages of TCP's; version 1 of cgroups counts them apart, version 2 as memory. */
static void check_sockets(struct doctor *doctor, struct limits *limits, int64_t containers,
                          const struct host_share *share)
{
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    int64_t wanted = memory_of_all(doctor, containers, share);
    struct error ignored;

    if (cgroup_fs_open(&fs, &ignored) == 0 && !fs.v2)
        wanted = containers * cgroup_socket_bytes(doctor->settings->engine.memory_bytes);
    wanted /= PAGE;
    add(doctor, limits,
        &(struct limit){"pages of connections", "net.ipv4.tcp_mem",
                        read_switch("net/ipv4/tcp_mem", 2), wanted, wanted, 3});
}

/* Where there are more, the kernel cuts off what the whole host closes: the ends of nginx's
 * answers, too. */
static void check_orphans(struct doctor *doctor, struct limits *limits, int64_t containers,
                          const struct host_share *share)
{
    int64_t wanted = memory_of_all(doctor, containers, share) / ORPHAN_BYTES;

    add(doctor, limits,
        &(struct limit){"closed connections", "net.ipv4.tcp_max_orphans",
                        read_switch("net/ipv4/tcp_max_orphans", 0), wanted, wanted, 1});
}

/* A container has a filter of its own, and can make none. */
static void check_filters(struct doctor *doctor, struct limits *limits, int64_t containers)
{
    _cleanup_(json_release) json_object *config = seccomp_config();
    _cleanup_(buf_release) struct buf program = BUF_INIT;
    struct error err = ERROR_INIT;
    int64_t wanted;

    if (seccomp_program(config, &program, &err) < 0) {
        doctor_report(doctor, FINDING_FAIL, "host's limits", "run doctor again", "%s", err.message);
        return;
    }
    /* Base64 of instructions of 8 bytes; rounded up to whole pages. */
    wanted = (int64_t)program.length / 4 * 3 / 8 * INSTRUCTION_BYTES;
    wanted = (wanted + PAGE - 1) / PAGE * PAGE * containers;
    add(doctor, limits,
        &(struct limit){"room for filters", "net.core.bpf_jit_limit",
                        read_switch("net/core/bpf_jit_limit", 0), wanted, wanted * 2, 1});
}

/* The most that there can be at once. */
static int64_t containers_most(const struct reaper_settings *reaper)
{
    struct places places;

    places_init(&places, reaper->verifications_max, get_nprocs(), 0);
    return reaper->sessions_max + places.most;
}

void doctor_limits(struct doctor *doctor)
{
    int64_t containers = containers_most(&doctor->settings->reaper);
    struct limits limits = {BUF_INIT, BUF_INIT, BUF_INIT};
    struct host_share share;
    struct error err = ERROR_INIT;

    if (host_share_find(&doctor->settings->engine, &share, &err) < 0)
        return; /* doctor_engine says so */
    check_processes(doctor, &limits, containers, &share);
    check_terminals(doctor, &limits, containers);
    check_files(doctor, &limits, containers, &share);
    check_sockets(doctor, &limits, containers, &share);
    check_orphans(doctor, &limits, containers, &share);
    check_filters(doctor, &limits, containers);
    report(doctor, containers, &limits);
    buf_release(&limits.enough);
    buf_release(&limits.lacking);
    buf_release(&limits.sysctls);
}
