#include "engine/oci_config.h"

#include <sys/resource.h>

#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define MIB (INT64_C(1) << 20)

static json_object *texts(const char *const *items)
{
    json_object *array = json_object_new_array();

    for (; *items != NULL; items++)
        json_object_array_add(array, json_object_new_string(*items));
    return array;
}

#define TEXTS(...) texts((const char *const[]){__VA_ARGS__, NULL})

/* Root of the container may give files away and become others, nothing more. */
static json_object *capabilities(void)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    json_object *object = json_object_new_object();

    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        json_add(object, sets[i],
                 TEXTS("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID",
                       "CAP_KILL"));
    return object;
}

/* Raising a hard limit needs a privilege that the daemon may lack. */
static void add_rlimit(json_object *array, const char *type, __rlimit_resource_t which,
                       int64_t soft, int64_t hard)
{
    json_object *object = json_object_new_object();
    struct rlimit ours;

    if (getrlimit(which, &ours) == 0 && ours.rlim_max != RLIM_INFINITY &&
        (int64_t)ours.rlim_max < hard)
        hard = (int64_t)ours.rlim_max;
    json_add_text(object, "type", type);
    json_add_int(object, "soft", soft < hard ? soft : hard);
    json_add_int(object, "hard", hard);
    json_object_array_add(array, object);
}

static json_object *process(void)
{
    json_object *object = json_object_new_object();
    json_object *user = json_object_new_object();
    json_object *rlimits = json_object_new_array();

    json_add_bool(object, "terminal", 0);
    json_add_int(user, "uid", 0);
    json_add_int(user, "gid", 0);
    json_add(object, "user", user);
    json_add(object, "args", TEXTS(OCI_AGENT_PATH));
    json_add(object, "env",
             TEXTS("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    json_add_text(object, "cwd", "/");
    json_add(object, "capabilities", capabilities());
    add_rlimit(rlimits, "RLIMIT_NOFILE", RLIMIT_NOFILE, 16384, 65536);
    add_rlimit(rlimits, "RLIMIT_CORE", RLIMIT_CORE, 0, 0);
    add_rlimit(rlimits, "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, 8 * MIB, 8 * MIB);
    /* Timers and queued signals, of a user in the container; see BUGS in docs/engine.md. */
    add_rlimit(rlimits, "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING, 2048, 2048);
    add_rlimit(rlimits, "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, 800 << 10, 800 << 10);
    json_add(object, "rlimits", rlimits);
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

static json_object *mounts(const struct oci_spec *spec)
{
    json_object *array = json_object_new_array();
    _cleanup_(free_ptr) char *half =
        xasprintf("size=%lld", (long long)(spec->limits.memory_bytes / 2));

    add_mount(array, "/proc", "proc", "proc", TEXTS("nosuid", "noexec", "nodev"));
    add_mount(array, "/dev", "tmpfs", "tmpfs",
              TEXTS("nosuid", "noatime", "mode=755", "size=1m", "nr_inodes=1024"));
    add_mount(
        array, "/dev/pts", "devpts", "devpts",
        TEXTS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", "max=256"));
    add_mount(array, "/dev/shm", "tmpfs", "shm", TEXTS("nosuid", "nodev", "mode=1777", half));
    /* No sysfs: it tells of the host's devices, and hides nothing that a command needs, save the
     * container's own limits, by which JVMs and Node choose the size of their heaps. */
    add_mount(array, "/sys", "tmpfs", "sys",
              TEXTS("ro", "nosuid", "noexec", "nodev", "mode=555", "size=64k", "nr_inodes=32"));
    if (spec->show_cgroup)
        add_mount(array, "/sys/fs/cgroup", "cgroup", "cgroup",
                  TEXTS("ro", "nosuid", "noexec", "nodev"));
    /* On /dev because that is a file system of its own: no image has to have a place for it. */
    add_mount(array, OCI_AGENT_PATH, "bind", spec->agent, TEXTS("bind", "ro", "nosuid", "nodev"));
    return array;
}

static json_object *namespaces(void)
{
    static const char *const types[] = {"user", "pid", "mount", "network", "ipc", "uts", "cgroup"};
    json_object *array = json_object_new_array();

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        json_object *object = json_object_new_object();

        json_add_text(object, "type", types[i]);
        json_object_array_add(array, object);
    }
    return array;
}

static json_object *id_mappings(int64_t uid_base)
{
    json_object *array = json_object_new_array();
    json_object *object = json_object_new_object();

    json_add_int(object, "containerID", 0);
    json_add_int(object, "hostID", uid_base);
    json_add_int(object, "size", OCI_USER_COUNT);
    json_object_array_add(array, object);
    return array;
}

/* crun runs in a cgroup that is set up already and does not look here; others do. */
static json_object *resources(const struct engine_limits *limits)
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

static json_object *linux_part(const struct oci_spec *spec)
{
    json_object *object = json_object_new_object();
    json_object *sysctl = json_object_new_object();

    json_add(object, "namespaces", namespaces());
    json_add(object, "uidMappings", id_mappings(spec->uid_base));
    json_add(object, "gidMappings", id_mappings(spec->uid_base));
    json_add_text(object, "cgroupsPath", spec->cgroup_path);
    json_add(object, "resources", resources(&spec->limits));
    /* Else shared memory outlives the last who used it, and no end of a process gives it back. */
    json_add_text(sysctl, "kernel.shm_rmid_forced", "1");
    json_add(object, "sysctl", sysctl);
    json_add_text(object, "rootfsPropagation", "rprivate");
    json_add(object, "seccomp", json_object_get(spec->seccomp));
    json_add(object, "maskedPaths",
             TEXTS("/proc/acpi", "/proc/asound", "/proc/cmdline", "/proc/config.gz",
                   "/proc/diskstats", "/proc/interrupts", "/proc/iomem", "/proc/ioports",
                   "/proc/kallsyms", "/proc/kcore", "/proc/key-users", "/proc/keys", "/proc/kmsg",
                   "/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags",
                   "/proc/latency_stats", "/proc/modules", "/proc/partitions", "/proc/sched_debug",
                   "/proc/scsi", "/proc/slabinfo", "/proc/softirqs", "/proc/swaps",
                   "/proc/timer_list", "/proc/timer_stats", "/proc/vmallocinfo"));
    json_add(object, "readonlyPaths",
             TEXTS("/proc/bus", "/proc/driver", "/proc/fs", "/proc/irq", "/proc/mtrr", "/proc/sys",
                   "/proc/sysrq-trigger", "/proc/tty"));
    return object;
}

json_object *oci_config(const struct oci_spec *spec)
{
    json_object *object = json_object_new_object();
    json_object *root = json_object_new_object();

    json_add_text(object, "ociVersion", "1.0.0");
    json_add(object, "process", process());
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
