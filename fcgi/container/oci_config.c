#include "container/oci_config.h"

#include "base/json.h"
#include "base/mem.h"
#include "container/own_sys.h"
#include "container/private_dev.h"
#include "container/userns.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define PROC_BOOT_ID "/proc/sys/kernel/random/boot_id"

static json_object *texts(const char *const *items)
{
    json_object *array = json_object_new_array();

    for (; *items != NULL; items++)
        json_object_array_add(array, json_object_new_string(*items));
    return array;
}

#define TEXTS(...) texts((const char *const[]){__VA_ARGS__, NULL})

/*
 * Root of the container may give files away and become others, nothing more. The agent has one
 * capability besides, which it takes from commands before they run (agent/shepherd.c): the kernel
 * lets nobody change the scheduling of a process that has more capabilities than oneself
 * (cap_safe_nice() of its security/commoncap.c), whatever the system call. So commands cannot
 * starve those that hold them to their limits.
 */
static json_object *capabilities(void)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    json_object *object = json_object_new_object();

    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        json_add(object, sets[i],
                 TEXTS("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID",
                       "CAP_KILL", "CAP_SETPCAP"));
    return object;
}

static json_object *process(const struct oci_spec *spec)
{
    _cleanup_(free_ptr) char *cpus =
        xasprintf(AGENT_CPUS_VARIABLE "=%d", private_dev_cpus(spec->limits.cpu_millicores));
    json_object *object = json_object_new_object();
    json_object *user = json_object_new_object();

    json_add_bool(object, "terminal", 0);
    json_add_int(user, "uid", 0);
    json_add_int(user, "gid", 0);
    json_add(object, "user", user);
    json_add(object, "args", TEXTS(OCI_AGENT_PATH));
    /* HOME, because a runtime that misses it looks into the image's /etc/passwd, which may be a
     * fifo or without an end. Commands have an environment of their own. */
    json_add(
        object, "env",
        TEXTS("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", cpus));
    json_add_text(object, "cwd", "/");
    json_add(object, "capabilities", capabilities());
    json_add_bool(object, "noNewPrivileges", 1);
    /* Rather a container than the host's own services. The agent's own; its commands have 1000,
     * which no size of the agent reaches: the difference weighs as much as 80 % of the memory. */
    json_add_int(object, "oomScoreAdj", 200);
    return object;
}

static void add_mount(json_object *mounts, const char *where, const char *type, const char *source,
                      json_object *options)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "destination", where);
    json_add_text(object, "type", type);
    json_add_text(object, "source", source);
    json_add(object, "options", options);
    json_object_array_add(mounts, object);
}

/* What would tell of the host, and of what its other containers do. */
static void add_figures(json_object *mounts, enum oci_figures figures)
{
    static const struct {
        const char *where, *source;
        enum oci_figures least;
    } files[] = {
        {"/proc/loadavg", PRIVATE_DEV_LOADAVG, OCI_FIGURES_SOME},
        {"/proc/meminfo", PRIVATE_DEV_MEMINFO, OCI_FIGURES_SOME},
        {"/proc/stat", PRIVATE_DEV_STAT, OCI_FIGURES_SOME},
        {"/proc/cpuinfo", PRIVATE_DEV_CPUINFO, OCI_FIGURES_SOME},
        {"/proc/cgroups", PRIVATE_DEV_CGROUPS, OCI_FIGURES_ALL},
        {PROC_BOOT_ID, PRIVATE_DEV_BOOT_ID, OCI_FIGURES_ALL},
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (figures >= files[i].least)
            add_mount(mounts, files[i].where, "bind", files[i].source,
                      TEXTS("bind", "ro", "nosuid", "nodev", "noexec"));
}

/* Version 2 as the runtime mounts it. Of version 1 it would mount all there is, and more than the
 * container's own. */
static void add_cgroups(json_object *mounts, const struct oci_spec *spec)
{
    const char *names[OWN_SYS_CGROUPS_MOST];
    const size_t count = own_sys_cgroups(spec->cgroups, names);

    if (spec->cgroups->v2)
        add_mount(mounts, "/sys/" OWN_SYS_CGROUPS, "cgroup", "cgroup",
                  TEXTS("ro", "nosuid", "noexec", "nodev"));
    for (size_t i = 0; i < count && spec->figures != OCI_FIGURES_NONE; i++) {
        _cleanup_(free_ptr) char *where = xasprintf("/sys/" OWN_SYS_CGROUPS "/%s", names[i]);
        _cleanup_(free_ptr) char *source = xasprintf(PRIVATE_DEV_SYS OWN_SYS_VIEWS "/%s", names[i]);

        add_mount(mounts, where, "bind", source, TEXTS("bind", "ro", "nosuid", "noexec", "nodev"));
    }
}

static json_object *mounts(const struct oci_spec *spec)
{
    json_object *array = json_object_new_array();
    _cleanup_(free_ptr) char *terminals = xasprintf("max=%d", OCI_TERMINALS);
    _cleanup_(free_ptr) char *half =
        xasprintf("size=%lld", (long long)(spec->limits.memory_bytes / 2));

    add_mount(array, "/proc", "proc", "proc", TEXTS("nosuid", "noexec", "nodev"));
    add_mount(array, "/dev", "tmpfs", "tmpfs",
              TEXTS("nosuid", "noatime", "mode=755", "size=1m", "nr_inodes=1024"));
    add_mount(
        array, "/dev/pts", "devpts", "devpts",
        TEXTS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", terminals));
    add_mount(array, "/dev/shm", "tmpfs", "shm", TEXTS("nosuid", "nodev", "mode=1777", half));
    /* No sysfs: it tells of the host's devices, and hides nothing that a command needs, save how
     * many processors there are, and the container's own limits, by which JVMs and Node choose the
     * size of their heaps. */
    if (spec->figures == OCI_FIGURES_NONE)
        add_mount(array, "/sys", "tmpfs", "sys",
                  TEXTS("ro", "nosuid", "noexec", "nodev", "mode=555", "size=64k", "nr_inodes=32"));
    else
        add_mount(array, "/sys", "bind", PRIVATE_DEV_SYS,
                  TEXTS("bind", "ro", "nosuid", "noexec", "nodev"));
    if (spec->cgroups != NULL)
        add_cgroups(array, spec);
    add_figures(array, spec->figures);
    /* On /dev because that is a file system of its own: no image has to have a place for it. */
    add_mount(array, OCI_AGENT_PATH, "bind", spec->agent, TEXTS("bind", "ro", "nosuid", "nodev"));
    return array;
}

static json_object *namespaces(const char *user_namespace)
{
    static const char *const types[] = {"user", "pid", "mount", "network", "ipc", "uts", "cgroup"};
    json_object *array = json_object_new_array();

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        json_object *object = json_object_new_object();

        json_add_text(object, "type", types[i]);
        if (i == 0 && user_namespace != NULL)
            json_add_text(object, "path", user_namespace);
        json_object_array_add(array, object);
    }
    return array;
}

/* Of a namespace that is joined they only repeat what is so; runc 1.1 insists on them. */
static json_object *id_mappings(int64_t first_id)
{
    json_object *array = json_object_new_array();
    json_object *object = json_object_new_object();

    json_add_int(object, "containerID", 0);
    json_add_int(object, "hostID", first_id);
    json_add_int(object, "size", USERNS_IDS);
    json_object_array_add(array, object);
    return array;
}

/* crun runs in a cgroup that is set up already and does not look here; others do. */
static json_object *resources(const struct container_limits *limits)
{
    json_object *object = json_object_new_object();
    json_object *memory = json_object_new_object();
    json_object *pids = json_object_new_object();
    json_object *cpu = json_object_new_object();

    json_add_int(memory, "limit", limits->memory_bytes);
    json_add_int(memory, "swap", limits->memory_bytes);
    json_add_int(pids, "limit", limits->processes);
    json_add_int(cpu, "quota", limits->cpu_millicores * 100);
    json_add_int(cpu, "period", 100000);
    json_add(object, "memory", memory);
    json_add(object, "pids", pids);
    json_add(object, "cpu", cpu);
    return object;
}

/* What tells of the host, and nothing that a command needs. */
static json_object *masked_paths(enum oci_figures figures)
{
    json_object *array =
        TEXTS("/proc/acpi", "/proc/asound", "/proc/buddyinfo", "/proc/bus", "/proc/cmdline",
              "/proc/config.gz", "/proc/diskstats", "/proc/driver", "/proc/fs", "/proc/interrupts",
              "/proc/iomem", "/proc/ioports", "/proc/irq", "/proc/mdstat", "/proc/schedstat",
              "/proc/zoneinfo", "/proc/kallsyms", "/proc/kcore", "/proc/key-users", "/proc/keys",
              "/proc/kmsg", "/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags",
              "/proc/latency_stats", "/proc/modules", "/proc/partitions", "/proc/pressure",
              "/proc/sched_debug", "/proc/scsi", "/proc/slabinfo", "/proc/softirqs", "/proc/swaps",
              "/proc/timer_list", "/proc/timer_stats", "/proc/vmallocinfo");

    if (figures < OCI_FIGURES_ALL)
        json_object_array_add(array, json_object_new_string(PROC_BOOT_ID));
    return array;
}

static json_object *linux_part(const struct oci_spec *spec)
{
    json_object *object = json_object_new_object();
    json_object *sysctl = json_object_new_object();

    json_add(object, "namespaces", namespaces(spec->user_namespace));
    json_add(object, "uidMappings", id_mappings(spec->first_id));
    json_add(object, "gidMappings", id_mappings(spec->first_id));
    json_add_text(object, "cgroupsPath", spec->cgroup_path);
    json_add(object, "resources", resources(&spec->limits));
    /* Else shared memory outlives the last who used it, and no end of a process gives it back. */
    json_add_text(sysctl, "kernel.shm_rmid_forced", "1");
    /* A port below 1024 is nobody's privilege in a network that has one user. */
    json_add_text(sysctl, "net.ipv4.ip_unprivileged_port_start", "0");
    json_add(object, "sysctl", sysctl);
    json_add_text(object, "rootfsPropagation", "rprivate");
    json_add(object, "seccomp", json_object_get(spec->seccomp));
    json_add(object, "maskedPaths", masked_paths(spec->figures));
    json_add(object, "readonlyPaths",
             TEXTS("/proc/mtrr", "/proc/sys", "/proc/sysrq-trigger", "/proc/tty"));
    return object;
}

json_object *oci_config(const struct oci_spec *spec)
{
    json_object *object = json_object_new_object();
    json_object *root = json_object_new_object();

    json_add_text(object, "ociVersion", "1.0.0");
    json_add(object, "process", process(spec));
    json_add_text(root, "path", spec->rootfs);
    json_add_bool(root, "readonly", 0);
    json_add(object, "root", root);
    json_add_text(object, "hostname", "sandbox");
    json_add(object, "mounts", mounts(spec));
    json_add(object, "linux", linux_part(spec));
    if (spec->seccomp_program != NULL) {
        json_object *annotations = json_object_new_object();

        /* A crun that does not know it goes by linux.seccomp. */
        json_add_text(annotations, "run.oci.seccomp_bpf_data", spec->seccomp_program);
        json_add(object, "annotations", annotations);
    }
    return object;
}
