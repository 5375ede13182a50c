#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/container.h"
#include "container/oci_config.h"
#include "container/ranges.h"
#include "container/seccomp.h"
#include "engined/cpu_watch.h"
#include "engined/kernel_watch.h"
#include "images/image_store.h"
#include "settings.h"
#include "unit.h"

#include "base/banned.h"

/* Line 4 of each: fields as in proc(5). */
static const char v2_host[] =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

static const char v1_host[] =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";

static const char hybrid_tail[] = "36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

static void test_cgroup_versions_are_told_apart(void)
{
    _cleanup_(free_ptr) char *hybrid_host = xasprintf("%s%s", v1_host, hybrid_tail);
    struct cgroup_fs fs = {.v2 = false};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(cgroup_fs_parse(v2_host, &fs, &err), 0);
    CU_ASSERT_TRUE(fs.v2);
    CU_ASSERT_FALSE(fs.hybrid);
    CU_ASSERT_STRING_EQUAL(fs.memory, "/sys/fs/cgroup");
    CU_ASSERT_PTR_EQUAL(fs.memory, fs.cpuacct);
    cgroup_fs_release(&fs);

    CU_ASSERT_EQUAL_FATAL(cgroup_fs_parse(v1_host, &fs, &err), 0);
    CU_ASSERT_FALSE(fs.v2);
    CU_ASSERT_FALSE(fs.hybrid);
    CU_ASSERT_EQUAL(fs.count, 4);
    CU_ASSERT_STRING_EQUAL(fs.memory, "/sys/fs/cgroup/memory");
    CU_ASSERT_STRING_EQUAL(fs.cpu, "/sys/fs/cgroup/cpu,cpuacct"); /* not cpuset */
    CU_ASSERT_PTR_EQUAL(fs.cpu, fs.cpuacct);
    cgroup_fs_release(&fs);

    CU_ASSERT_EQUAL_FATAL(cgroup_fs_parse(hybrid_host, &fs, &err), 0);
    CU_ASSERT_FALSE(fs.v2);
    CU_ASSERT_TRUE(fs.hybrid);
    CU_ASSERT_STRING_EQUAL(fs.unified, "/sys/fs/cgroup/unified");
    cgroup_fs_release(&fs);

    CU_ASSERT_EQUAL(cgroup_fs_parse("22 27 0:21 / /proc rw - proc proc rw\n", &fs, &err), -1);
}

static void put_file(const char *dir, const char *name, const char *text)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/c/%s", dir, name);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
}

static void check_file(const char *dir, const char *name, const char *expected)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/c/%s", dir, name);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path, 4096, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text.data, expected);
}

/* A folder with the kernel's file names stands in for a v2 hierarchy. */
static void test_v2_files_are_read_and_written(void)
{
    static const char *const files[] = {"memory.max", "memory.swap.max", "pids.max", "cpu.max"};
    char dir[] = "/tmp/codeset-cgroup-XXXXXX";
    struct cgroup_usage usage = {0};
    struct error err = ERROR_INIT;
    struct cgroup_fs fs = {.v2 = true, .count = 1};

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    fs.mounts[0] = dir;
    fs.memory = fs.pids = fs.cpu = fs.cpuacct = dir;
    {
        _cleanup_(free_ptr) char *below = xasprintf("%s/c", dir);

        CU_ASSERT_EQUAL(mkdir(below, 0755), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        put_file(dir, files[i], "");
    CU_ASSERT_EQUAL(cgroup_make(&fs, "/c", &(struct cgroup_limits){1048576, 64, 1500}, &err), 0);
    check_file(dir, "memory.max", "1048576");
    check_file(dir, "memory.swap.max", "0");
    check_file(dir, "pids.max", "64");
    check_file(dir, "cpu.max", "150000 100000");
    CU_ASSERT_EQUAL(cgroup_read(&fs, "/c", &usage, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_NOT_FOUND);
    put_file(dir, "memory.current", "4096\n");
    put_file(dir, "memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n");
    put_file(dir, "pids.current", "7\n");
    put_file(dir, "cpu.stat", "usage_usec 123456\nuser_usec 1\nsystem_usec 2\n");
    CU_ASSERT_EQUAL(cgroup_read(&fs, "/c", &usage, &err), 0);
    CU_ASSERT_EQUAL(usage.memory_bytes, 4096);
    CU_ASSERT_EQUAL(usage.oom_kills, 2);
    CU_ASSERT_EQUAL(usage.processes, 7);
    CU_ASSERT_EQUAL(usage.cpu_us, 123456);
    put_file(dir, "memory.max", "");
    put_file(dir, "cpu.weight", "");
    put_file(dir, "io.weight", "");
    CU_ASSERT_EQUAL(cgroup_make_parent(&fs, "/c", 1 << 20, 64, &err), 0);
    check_file(dir, "memory.max", "1048576");
    check_file(dir, "cpu.weight", "50");
    check_file(dir, "io.weight", "default 50");
    put_file(dir, "cgroup.procs", "4242\n");
    CU_ASSERT_EQUAL(cgroup_clear(&fs, "/c", 4242, 96, 1000, &err), 0);
    check_file(dir, "pids.max", "64");
    put_file(dir, "pids.max", "0\n"); /* as one leaves it that is killed */
    CU_ASSERT_EQUAL(cgroup_clear(&fs, "/c", 4242, 96, 1000, &err), 0);
    check_file(dir, "pids.max", "96");
    CU_ASSERT_EQUAL(remove_tree(dir, &err), 0);
}

static json_object *config_of(json_object *seccomp)
{
    const struct oci_spec spec = {
        .name = "cs-1",
        .rootfs = "/run/codeset/containers/cs-1/rootfs",
        .agent = "/var/lib/codeset/scratch/.agent",
        .cgroup_path = "/codeset/cs-1",
        .user_namespace = "/run/codeset/containers/cs-1/user",
        .first_id = 1879113728,
        .limits = {.memory_bytes = 1 << 30, .processes = 100, .cpu_millicores = 500},
        .seccomp = seccomp};

    return oci_config(&spec);
}

static json_object *at(json_object *object, const char *pointer)
{
    json_object *found = NULL;

    CU_ASSERT_EQUAL(json_pointer_get(object, pointer, &found), 0);
    return found;
}

static bool has_text(json_object *array, const char *text)
{
    for (size_t i = 0; i < json_object_array_length(array); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(array, i)), text) == 0)
            return true;
    return false;
}

static void test_config_says_what_was_promised(void)
{
    static const char *const wanted[] = {"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",
                                         "CAP_SETUID", "CAP_SETGID",       "CAP_KILL",
                                         "CAP_SETPCAP"};
    static const char *const spaces[] = {"user", "pid", "mount", "network", "ipc", "uts", "cgroup"};
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    _cleanup_(json_release) json_object *seccomp = seccomp_config();
    _cleanup_(json_release) json_object *config = config_of(seccomp);
    json_object *namespaces = at(config, "/linux/namespaces");
    json_object *capabilities = at(config, "/process/capabilities");

    CU_ASSERT_TRUE(json_object_get_boolean(at(config, "/process/noNewPrivileges")));
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        json_object *set = json_object_object_get(capabilities, sets[i]);

        CU_ASSERT_EQUAL(json_object_array_length(set), ARRAY_SIZE(wanted));
        for (size_t k = 0; k < ARRAY_SIZE(wanted); k++)
            CU_ASSERT_TRUE(has_text(set, wanted[k]));
    }
    CU_ASSERT_EQUAL(json_object_object_length(capabilities), ARRAY_SIZE(sets));
    CU_ASSERT_EQUAL(json_object_array_length(namespaces), ARRAY_SIZE(spaces));
    for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
        CU_ASSERT_STRING_EQUAL(json_get_text(json_object_array_get_idx(namespaces, i), "type"),
                               spaces[i]);
    CU_ASSERT_STRING_EQUAL(json_get_text(json_object_array_get_idx(namespaces, 0), "path"),
                           "/run/codeset/containers/cs-1/user");
    CU_ASSERT_EQUAL(json_object_get_int64(at(config, "/linux/uidMappings/0/hostID")), 1879113728);
    CU_ASSERT_EQUAL(json_object_get_int64(at(config, "/linux/uidMappings/0/size")), 65536);
    CU_ASSERT_EQUAL(json_object_get_int64(at(config, "/linux/resources/memory/swap")), 1 << 30);
    CU_ASSERT_EQUAL(json_object_get_int64(at(config, "/linux/resources/cpu/quota")), 50000);
    CU_ASSERT_STRING_EQUAL(json_object_get_string(at(config, "/process/args/0")), OCI_AGENT_PATH);
    CU_ASSERT_TRUE(has_text(at(config, "/linux/maskedPaths"), "/proc/kcore"));
    CU_ASSERT_TRUE(has_text(at(config, "/linux/maskedPaths"), "/proc/pressure"));
    CU_ASSERT_TRUE(has_text(at(config, "/linux/maskedPaths"), "/proc/fs"));
    CU_ASSERT_TRUE(has_text(at(config, "/linux/readonlyPaths"), "/proc/sys"));
}

/* The action for the first rule that names the call without conditions, else "". */
static const char *plain_action(json_object *filter, const char *call)
{
    json_object *rules = at(filter, "/syscalls");

    for (size_t i = 0; i < json_object_array_length(rules); i++) {
        json_object *rule = json_object_array_get_idx(rules, i);

        if (has_text(json_object_object_get(rule, "names"), call) &&
            json_object_object_get(rule, "args") == NULL)
            return json_get_text(rule, "action");
    }
    return "";
}

/* What the kernel would do by the rules with conditions: 0, or the errno. */
static int decision(json_object *filter, const char *call, const uint64_t args[6])
{
    json_object *rules = at(filter, "/syscalls");

    for (size_t i = 0; i < json_object_array_length(rules); i++) {
        json_object *rule = json_object_array_get_idx(rules, i);
        json_object *conditions = json_object_object_get(rule, "args");
        bool all = conditions != NULL && has_text(json_object_object_get(rule, "names"), call);

        for (size_t k = 0; all && k < json_object_array_length(conditions); k++) {
            json_object *one = json_object_array_get_idx(conditions, k);
            uint64_t value = json_object_get_uint64(json_object_object_get(one, "value"));
            uint64_t two = json_object_get_uint64(json_object_object_get(one, "valueTwo"));
            uint64_t given = args[json_get_int(one, "index", 0)];

            all = strcmp(json_get_text(one, "op"), "SCMP_CMP_EQ") == 0 ? given == value
                                                                       : (given & value) == two;
        }
        if (all)
            return (int)json_get_int(rule, "errnoRet", 0);
    }
    return ENOSYS;
}

#define DECISION(call, ...) decision(filter, call, (const uint64_t[6]){__VA_ARGS__})
#define PASSES(...) (DECISION(__VA_ARGS__) == 0)

static void test_filter_lists(void)
{
    static const char *const refused[] = {
        "mount",       "umount2",           "pivot_root",      "setns",
        "bpf",         "io_uring_setup",    "userfaultfd",     "keyctl",
        "add_key",     "request_key",       "perf_event_open", "kexec_load",
        "init_module", "finit_module",      "reboot",          "swapon",
        "quotactl",    "clock_settime",     "settimeofday",    "fsopen",
        "move_mount",  "open_tree",         "mount_setattr",   "name_to_handle_at",
        "syslog",      "open_by_handle_at", "fanotify_init",   "chroot",
        "iopl",        "pidfd_getfd",       "mlockall"};
    static const char *const unknown[] = {"clone3",   "mincore",  "cachestat", "seccomp",
                                          "vmsplice", "execveat", "io_setup"};
    static const char *const needed[] = {"read",  "openat",     "execve",       "fork", "ptrace",
                                         "futex", "epoll_wait", "memfd_create", "rseq", "statx"};
    _cleanup_(json_release) json_object *filter = seccomp_config();

    CU_ASSERT_STRING_EQUAL(json_get_text(filter, "defaultAction"), "SCMP_ACT_ERRNO");
    CU_ASSERT_EQUAL(json_get_int(filter, "defaultErrnoRet", 0), ENOSYS);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        CU_ASSERT_STRING_EQUAL(plain_action(filter, refused[i]), "SCMP_ACT_ERRNO");
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
        CU_ASSERT_STRING_EQUAL(plain_action(filter, needed[i]), "SCMP_ACT_ALLOW");
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        CU_ASSERT_STRING_EQUAL(plain_action(filter, unknown[i]), "");
        CU_ASSERT_FALSE(PASSES(unknown[i], 0));
    }
    CU_ASSERT_STRING_EQUAL(plain_action(filter, "clone"), "");
    CU_ASSERT_STRING_EQUAL(plain_action(filter, "socket"), "");
    CU_ASSERT_STRING_EQUAL(plain_action(filter, "ioctl"), "");
}

static void test_filter_arguments(void)
{
    _cleanup_(json_release) json_object *filter = seccomp_config();
    const uint64_t thread_flags = 0x3d0f00;

    CU_ASSERT_TRUE(PASSES("clone", thread_flags));
    CU_ASSERT_TRUE(PASSES("clone", 17)); /* SIGCHLD: a fork */
    for (int bit = 0; bit < 32; bit++) {
        uint64_t flag = UINT64_C(1) << bit;
        bool namespace = (flag & 0x7e020000) != 0;

        CU_ASSERT_EQUAL(PASSES("clone", flag), !namespace);
        CU_ASSERT_EQUAL(PASSES("unshare", flag), !namespace && flag != 0x80);
    }
    CU_ASSERT_TRUE(PASSES("socket", 1, 1, 0));
    CU_ASSERT_TRUE(PASSES("socket", 2, 1, 6));
    CU_ASSERT_TRUE(PASSES("socket", 10, 2, 17));
    CU_ASSERT_TRUE(PASSES("socket", 16, 3, 0));
    CU_ASSERT_EQUAL(DECISION("socket", 16, 3, 9), EPROTONOSUPPORT); /* audit */
    CU_ASSERT_FALSE(PASSES("socket", 2, 1, 132));                   /* SCTP */
    CU_ASSERT_FALSE(PASSES("socket", 17, 3, 0));                    /* packets */
    CU_ASSERT_FALSE(PASSES("socket", 38, 5, 0));                    /* the kernel's cryptography */
    CU_ASSERT_FALSE(PASSES("socket", 40, 1, 0));                    /* vsock: the hypervisor */
    CU_ASSERT_FALSE(PASSES("ioctl", 0, 0x5412));
    CU_ASSERT_FALSE(PASSES("ioctl", 0, UINT64_C(0x100005412)));
    CU_ASSERT_FALSE(PASSES("ioctl", 0, UINT64_C(0xffffffff00005412)));
    CU_ASSERT_FALSE(PASSES("ioctl", 0, UINT64_C(0x100005423)));
    for (uint64_t number = 0x5400; number < 0x5480; number++)
        CU_ASSERT_EQUAL(PASSES("ioctl", 0, number), number != 0x5412 && number != 0x5423);
    CU_ASSERT_TRUE(PASSES("ioctl", 0, 0xd412));
    CU_ASSERT_TRUE(PASSES("preadv2", 0, 0, 0, 0, 0, 0));
    CU_ASSERT_TRUE(PASSES("pwritev2", 0, 0, 0, 0, 0, 4));               /* RWF_SYNC */
    CU_ASSERT_EQUAL(DECISION("preadv2", 0, 0, 0, 0, 0, 9), EOPNOTSUPP); /* with RWF_NOWAIT */
    CU_ASSERT_TRUE(PASSES("ioctl", 0, 0x80045430));
    CU_ASSERT_TRUE(PASSES("personality", 0xffffffff));
    CU_ASSERT_TRUE(PASSES("personality", 0x40000));
    CU_ASSERT_FALSE(PASSES("personality", 0x400000)); /* READ_IMPLIES_EXEC */
}

/* Kernels that keep attributes for nothing, where anybody may set some. */
static void test_attributes_are_counted_or_refused(void)
{
    static const char debian_12[] = "lockdown,capability,landlock,yama,apparmor,tomoyo,bpf";

    CU_ASSERT_FALSE(seccomp_attributes_counted("6.1.0-57-cloud-amd64", debian_12));
    CU_ASSERT_FALSE(seccomp_attributes_counted("6.5.13", "bpf"));
    CU_ASSERT_FALSE(seccomp_attributes_counted("5.10.0-30-amd64", NULL));
    CU_ASSERT_FALSE(seccomp_attributes_counted("unknown", debian_12));
    CU_ASSERT_TRUE(seccomp_attributes_counted("6.1.0-57-cloud-amd64", "lockdown,capability,yama"));
    CU_ASSERT_TRUE(seccomp_attributes_counted("6.6.0", debian_12));
    CU_ASSERT_TRUE(seccomp_attributes_counted("6.12.74+deb13-amd64", debian_12));
    CU_ASSERT_TRUE(seccomp_attributes_counted("7.0.1", NULL));
}

/* What fills the host's room for filters, whatever stands in the upper half of a register. */
static void test_filter_refuses_filters(void)
{
    static const uint64_t upper[] = {0, UINT64_C(0x100000000), UINT64_C(0xffffffff00000000)};
    _cleanup_(json_release) json_object *filter = seccomp_config();

    CU_ASSERT_STRING_EQUAL(plain_action(filter, "seccomp"), "");
    for (size_t i = 0; i < ARRAY_SIZE(upper); i++) {
        uint64_t high = upper[i];

        for (uint64_t option = 0; option < 128; option++) {
            bool attaches = option == 26 || (option >= 50 && option <= 52);
            bool own = option == 22 || option == 62; /* PR_SET_SECCOMP, PR_SCHED_CORE */
            bool shared = option == 37 || option == 38;
            bool key = option == 14 || option == 32 || option == 38; /* of TCP */
            bool bulk = option == 6 || option == 32; /* of IPv6: options in one piece, labels */

            CU_ASSERT_EQUAL(DECISION("setsockopt", 3, high | 1, high | option),
                            attaches ? ENOPROTOOPT : 0);
            CU_ASSERT_EQUAL(DECISION("setsockopt", 3, high | 6, high | option),
                            key ? ENOPROTOOPT : 0);
            CU_ASSERT_EQUAL(DECISION("setsockopt", 3, high | 41, high | option),
                            bulk ? ENOPROTOOPT : 0);
            CU_ASSERT_TRUE(PASSES("setsockopt", 3, high | 17, high | option));
            CU_ASSERT_EQUAL(DECISION("prctl", high | option), own ? EINVAL : 0);
            CU_ASSERT_EQUAL(DECISION("fcntl", 3, high | option), shared ? EINVAL : 0);
        }
        CU_ASSERT_TRUE(PASSES("setsockopt", 3, high | 1, high | 0x80000000));
        CU_ASSERT_TRUE(PASSES("prctl", high | 0x59616d61));
        CU_ASSERT_TRUE(PASSES("fcntl", 3, high | 1030));
        CU_ASSERT_EQUAL(DECISION("fcntl", 3, high | 1024), EINVAL); /* F_SETLEASE */
    }
}

static void test_the_kernel_s_own_memory(void)
{
    static const char text[] = "MemTotal:        1000 kB\nMemFree:          100 kB\n"
                               "MemAvailable:     700 kB\nActive:           200 kB\n"
                               "Inactive:         300 kB\nActive(anon):      50 kB\n"
                               "Inactive(anon):    50 kB\nUnevictable:       10 kB\n"
                               "SReclaimable:      40 kB\nSUnreclaim:       123 kB\n"
                               "KernelStack:        5 kB\nPageTables:         5 kB\n"
                               "Percpu:            10 kB\n";

    CU_ASSERT_EQUAL(kernel_watch_parse(text), 330 * 1024);
    CU_ASSERT_EQUAL(kernel_watch_parse("MemFree: 1 kB\n"), -1);
    CU_ASSERT_EQUAL(kernel_watch_parse(""), -1);
}

static bool is_last(bool before, int64_t since_us, int64_t lately_us)
{
    return cpu_watch_is_last(before, (struct cpu_use){since_us, 250000},
                             (struct cpu_use){lately_us, 2000000});
}

static void test_who_comes_last(void)
{
    CU_ASSERT_FALSE(is_last(false, 0, 0));
    CU_ASSERT_FALSE(is_last(false, 125000, 125000));
    CU_ASSERT_TRUE(is_last(false, 125001, 125001));
    CU_ASSERT_TRUE(is_last(true, 62500, 62500));
    CU_ASSERT_FALSE(is_last(true, 62499, 62499));
    /* Bursts with pauses count as well. */
    CU_ASSERT_TRUE(is_last(false, 0, 1000001));
    CU_ASSERT_TRUE(is_last(true, 0, 1000001));
    CU_ASSERT_FALSE(is_last(true, 0, 1000000));
}

/* What the kernel makes of the program shows in test-guests; here, that it is one. */
static void test_filter_compiles(void)
{
    _cleanup_(json_release) json_object *filter = seccomp_config();
    _cleanup_(buf_release) struct buf program = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(seccomp_program(filter, &program, &err), 0);
    CU_ASSERT_TRUE(program.length > 1000);
    CU_ASSERT_EQUAL(program.length % 4, 0);
    CU_ASSERT_EQUAL(
        strspn(program.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
        program.length);
}

static void test_image_names(void)
{
    CU_ASSERT_TRUE(image_name_valid("a"));
    CU_ASSERT_TRUE(image_name_valid("0-demo_1.2"));
    CU_ASSERT_FALSE(image_name_valid(""));
    CU_ASSERT_FALSE(image_name_valid("."));
    CU_ASSERT_FALSE(image_name_valid("-a"));
    CU_ASSERT_FALSE(image_name_valid("a/b"));
    CU_ASSERT_FALSE(image_name_valid("a:b"));
    CU_ASSERT_FALSE(image_name_valid("A"));
    CU_ASSERT_TRUE(
        image_name_valid("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"));
    CU_ASSERT_FALSE(
        image_name_valid("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"));
}

static void test_helper_arguments(void)
{
    char name[] = "name=cs-1", state[] = "state=/run/x", group[] = "cgroup=/codeset/cs-1";
    char layer1[] = "layer=/a=b", layer2[] = "layer=/b", memory[] = "memory=1024";
    char unknown[] = "colour=red", bare[] = "bare";
    char *good[] = {name, state, group, layer1, layer2, memory};
    char *bad[] = {name, state, group, unknown};
    char *worse[] = {bare};
    struct container_job job;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(container_job_parse(good, 6, &job, &err), 0);
    CU_ASSERT_STRING_EQUAL(job.name, "cs-1");
    CU_ASSERT_EQUAL(job.memory_bytes, 1024);
    CU_ASSERT_EQUAL(job.layer_count, 2);
    CU_ASSERT_STRING_EQUAL(job.layers[0], "/a=b");
    CU_ASSERT_EQUAL(container_job_parse(bad, 4, &job, &err), -1);
    CU_ASSERT_EQUAL(container_job_parse(worse, 1, &job, &err), -1);
    CU_ASSERT_EQUAL(container_job_parse(good, 1, &job, &err), -1);
}

static void test_process_start_times(void)
{
    CU_ASSERT_TRUE(process_start_time(getpid()) > 0);
    CU_ASSERT_EQUAL(process_start_time(0), 0);
    CU_ASSERT_EQUAL(process_start_time(-1), 0);
    CU_ASSERT_EQUAL(process_start_time(0x7ffffffe), 0);
}

static void test_ranges_end_at_the_last_id(void)
{
    char folder[] = "/";
    struct engine_settings settings = {
        .state_dir = folder, .uid_base = 2147418112, .uid_ranges = 32767};
    struct error err = ERROR_INIT;
    struct ranges *ranges = ranges_new(&settings, &err);
    int64_t first, last;

    ranges_span(&settings, &first, &last);
    CU_ASSERT_EQUAL(first, 2147418112);
    CU_ASSERT_EQUAL(last, 2147418112 + INT64_C(32768) * 65536 - 1);
    CU_ASSERT_PTR_NOT_NULL(ranges);
    ranges_free(ranges);
    settings.uid_ranges++;
    CU_ASSERT_PTR_NULL(ranges_new(&settings, &err));
    CU_ASSERT_EQUAL(err.kind, ERROR_INVALID);
}

static const struct unit_test tests[] = {
    {"cgroup v2, v1 and hybrid hosts are told apart", test_cgroup_versions_are_told_apart},
    {"cgroup v2 limits are written and usage is read", test_v2_files_are_read_and_written},
    {"config.json says what was promised", test_config_says_what_was_promised},
    {"the system call filter allows and refuses by name", test_filter_lists},
    {"the system call filter looks at arguments", test_filter_arguments},
    {"the system call filter refuses filters", test_filter_refuses_filters},
    {"attributes of files are counted or refused", test_attributes_are_counted_or_refused},
    {"what of the host's memory is the kernel's own", test_the_kernel_s_own_memory},
    {"who comes last at the processors", test_who_comes_last},
    {"the system call filter is built for the kernel", test_filter_compiles},
    {"image names", test_image_names},
    {"the helper's arguments", test_helper_arguments},
    {"ranges of host ids end at the last id", test_ranges_end_at_the_last_id},
    {"start times of processes that live", test_process_start_times},
};

int main(void)
{
    return UNIT_MAIN("engine", tests);
}
