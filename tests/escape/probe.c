/*
 * probe - runs inside a session and tries what must not work. `probe NAME [ARGUMENT]` exits 0 when
 * it was refused, 1 when it worked (and says what it got), 2 when it could not try.
 *
 * Static and alone: it is uploaded through the API.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

int refused(long result, const char *what)
{
    if (result < 0)
        return 0;
    printf("%s worked (%ld)\n", what, result);
    return 1;
}

static int mounting(const char *argument)
{
    int worked = 0;

    (void)argument;
    mkdir("/tmp/m", 0700);
    worked |= refused(mount("none", "/tmp/m", "tmpfs", 0, ""), "mount tmpfs");
    worked |= refused(mount("/", "/tmp/m", NULL, MS_BIND, NULL), "bind mount");
    worked |= refused(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL), "remount");
    worked |= refused(mount("proc", "/tmp/m", "proc", 0, ""), "mount proc");
    worked |= refused(mount("sysfs", "/tmp/m", "sysfs", 0, ""), "mount sysfs");
    worked |=
        refused(mount("overlay", "/tmp/m", "overlay", 0, "lowerdir=/,upperdir=/tmp,workdir=/x"),
                "mount overlay");
    worked |= refused(mount("cgroup", "/tmp/m", "cgroup", 0, "memory"), "mount cgroup");
    worked |= refused(mount("cgroup2", "/tmp/m", "cgroup2", 0, ""), "mount cgroup2");
    worked |= refused(mount("none", "/", NULL, MS_REC | MS_SHARED, NULL), "make shared");
    worked |= refused(umount2("/proc", MNT_DETACH), "umount /proc");
    worked |= refused(umount2("/dev", MNT_DETACH), "umount /dev");
    worked |= refused(syscall(SYS_pivot_root, "/tmp/m", "/tmp/m"), "pivot_root");
    worked |= refused(syscall(SYS_fsopen, "tmpfs", 0), "fsopen");
    worked |= refused(syscall(SYS_open_tree, AT_FDCWD, "/", 1), "open_tree clone");
    worked |= refused(syscall(SYS_fspick, AT_FDCWD, "/", 0), "fspick");
    worked |= refused(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, NULL, 0), "mount_setattr");
    worked |= refused(chroot("/tmp"), "chroot");
    return worked;
}

static int namespaces(const char *argument)
{
    static const struct {
        int flag;
        const char *name;
    } kinds[] = {{CLONE_NEWUSER, "user"},     {CLONE_NEWNS, "mount"}, {CLONE_NEWPID, "pid"},
                 {CLONE_NEWNET, "net"},       {CLONE_NEWIPC, "ipc"},  {CLONE_NEWUTS, "uts"},
                 {CLONE_NEWCGROUP, "cgroup"}, {0x00000080, "time"}};
    int worked = 0;

    (void)argument;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char what[64], path[64];
        struct clone_args args = {.flags = (uint64_t)kinds[i].flag, .exit_signal = SIGCHLD};
        long child;
        int fd;

        snprintf(what, sizeof(what), "unshare %s", kinds[i].name);
        worked |= refused(unshare(kinds[i].flag), what);
        snprintf(what, sizeof(what), "clone3 %s", kinds[i].name);
        child = syscall(SYS_clone3, &args, sizeof(args));
        if (child == 0)
            _exit(0);
        worked |= refused(child, what);
        if (kinds[i].flag != 0x80) { /* CLONE_NEWTIME is no flag of clone(2) */
            child = syscall(SYS_clone, kinds[i].flag | SIGCHLD, 0, 0, 0, 0);
            if (child == 0)
                _exit(0);
            snprintf(what, sizeof(what), "clone %s", kinds[i].name);
            worked |= refused(child, what);
        }
        snprintf(path, sizeof(path), "/proc/1/ns/%s",
                 strcmp(kinds[i].name, "mount") == 0 ? "mnt" : kinds[i].name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            snprintf(what, sizeof(what), "setns %s", kinds[i].name);
            worked |= refused(setns(fd, 0), what);
            close(fd);
        }
    }
    return worked;
}

static int kernel_interfaces(const char *argument)
{
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(event)};
    union bpf_attr bpf;
    struct io_uring_params ring;
    int worked = 0;

    (void)argument;
    memset(&bpf, 0, sizeof(bpf));
    memset(&ring, 0, sizeof(ring));
    bpf.map_type = BPF_MAP_TYPE_ARRAY;
    bpf.key_size = bpf.value_size = 4;
    bpf.max_entries = 1;
    worked |= refused(syscall(SYS_bpf, BPF_MAP_CREATE, &bpf, sizeof(bpf)), "bpf");
    worked |= refused(syscall(SYS_io_uring_setup, 4, &ring), "io_uring_setup");
    worked |= refused(syscall(SYS_userfaultfd, O_CLOEXEC), "userfaultfd");
    worked |= refused(syscall(SYS_userfaultfd, O_CLOEXEC | 1), "userfaultfd, user mode only");
    worked |= refused(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0), "perf_event_open");
    worked |= refused(syscall(SYS_add_key, "user", "x", "y", 1, -3), "add_key");
    worked |= refused(syscall(SYS_keyctl, 0, -3, 1), "keyctl get session keyring");
    worked |= refused(syscall(SYS_request_key, "user", "x", NULL, -3), "request_key");
    worked |= refused(syscall(SYS_init_module, "", 0, ""), "init_module");
    worked |= refused(syscall(SYS_finit_module, 0, "", 0), "finit_module");
    worked |= refused(syscall(SYS_kexec_load, 0, 0, NULL, 0), "kexec_load");
    worked |= refused(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x1234567, NULL), "reboot");
    worked |= refused(syscall(SYS_swapon, "/tmp/x", 0), "swapon");
    worked |= refused(syscall(SYS_acct, "/tmp/acct"), "acct");
    worked |= refused(syscall(SYS_syslog, 3, "", 0), "syslog");
    worked |= refused(syscall(SYS_sethostname, "x", 1), "sethostname");
    worked |= refused(syscall(SYS_settimeofday, &(struct timespec){1, 0}, NULL), "settimeofday");
    worked |= refused(syscall(SYS_clock_settime, CLOCK_REALTIME, &(struct timespec){1, 0}),
                      "clock_settime");
    worked |= refused(syscall(SYS_iopl, 3), "iopl");
    worked |= refused(syscall(SYS_ioperm, 0x80, 1, 1), "ioperm");
    worked |= refused(syscall(SYS_fanotify_init, 0, 0), "fanotify_init");
    worked |= refused(syscall(SYS_open_by_handle_at, AT_FDCWD, &(int[4]){8, 1, 0, 0}, O_RDONLY),
                      "open_by_handle_at");
    worked |= refused(syscall(SYS_quotactl, 0, "/", 0, NULL), "quotactl");
    worked |= refused(syscall(SYS_vhangup), "vhangup");
    worked |= refused(syscall(SYS_io_setup, 8, &(unsigned long){0}), "io_setup");
    worked |= refused(syscall(SYS_setpriority, PRIO_PROCESS, 1, 19), "setpriority of pid 1");
    worked |= refused(syscall(SYS_setpriority, PRIO_USER, 0, 19), "setpriority of the user");
    worked |= refused(syscall(SYS_sched_setaffinity, 1, 8, &(unsigned long){1}),
                      "sched_setaffinity of pid 1");
    worked |= refused(syscall(SYS_ioprio_set, 1, 1, 3 << 13), "ioprio_set of pid 1");
    return worked;
}

static int devices(const char *argument)
{
    static const char *const nodes[] = {
        "/dev/mem", "/dev/kmsg", "/dev/fuse",    "/dev/loop-control", "/dev/kvm",      "/dev/sda",
        "/dev/vda", "/dev/port", "/dev/net/tun", "/dev/vsock",        "/dev/vhost-net"};
    static const char *const shared[] = {"/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
                                         "/dev/tty"};
    int worked = 0;

    (void)argument;
    worked |= refused(mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)), "mknod block");
    worked |= refused(mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)), "mknod mem");
    worked |= refused(mknod("/tmp/kmsg", S_IFCHR | 0600, makedev(1, 11)), "mknod kmsg");
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        worked |= refused(open(nodes[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK), nodes[i]);
    /* The nodes that a container has are the host's own. (Not /dev/null, which a crun that others
     * call may have given away: the engine's tests look at what ours is started with.) */
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        worked |= refused(chmod(shared[i], 0666), shared[i]);
        worked |= refused(chown(shared[i], 0, 0), shared[i]);
    }
    return worked;
}

static uint64_t status_mask(const char *name)
{
    char line[256];
    uint64_t mask = ~UINT64_C(0);
    FILE *file = fopen("/proc/self/status", "re");

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            mask = strtoull(line + strlen(name), NULL, 16);
    if (file)
        fclose(file);
    return mask;
}

/* chown, dac_override, fowner, kill, setgid, setuid: bits 0, 1, 3, 5, 6, 7. */
static int capabilities(const char *argument)
{
    static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
    const uint64_t allowed = 1u << 0 | 1u << 1 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7;
    int worked = 0;

    (void)argument;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        uint64_t mask = status_mask(sets[i]);

        if (mask & ~allowed) {
            printf("%s %llx holds more than it should\n", sets[i], (unsigned long long)mask);
            worked = 1;
        }
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        printf("no_new_privs is off\n");
        worked = 1;
    }
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 2) {
        printf("there is no seccomp filter\n");
        worked = 1;
    }
    worked |= refused(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0), "raise CAP_SYS_ADMIN");
    return worked;
}

/* Nothing of pid 1 may be read, written or traced. */
static int agent(const char *argument)
{
    static const struct {
        const char *path;
        int flags;
    } files[] = {{"/proc/1/mem", O_RDONLY},     {"/proc/1/mem", O_RDWR},
                 {"/proc/1/environ", O_RDONLY}, {"/proc/1/maps", O_RDONLY},
                 {"/proc/1/exe", O_WRONLY},     {"/proc/1/exe", O_RDONLY},
                 {"/proc/1/fd/3", O_RDWR},      {"/proc/1/root/etc/passwd", O_RDONLY},
                 {"/proc/1/fd/0", O_RDWR},      {"/proc/1/oom_score_adj", O_WRONLY},
                 {"/proc/1/syscall", O_RDONLY}, {"/proc/1/stack", O_RDONLY}};
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
    int worked = 0;
    long fd;

    (void)argument;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        fd = open(files[i].path, files[i].flags | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0 && read((int)fd, &byte, 1) <= 0 && files[i].flags == O_RDONLY) {
            close((int)fd); /* opened, but shows nothing */
            continue;
        }
        worked |= refused(fd, files[i].path);
    }
    worked |= refused(ptrace(PTRACE_ATTACH, 1, NULL, NULL), "ptrace attach");
    worked |= refused(ptrace(PTRACE_SEIZE, 1, NULL, NULL), "ptrace seize");
    worked |= refused(syscall(SYS_process_vm_readv, 1, &here, 1, &there, 1, 0), "process_vm_readv");
    worked |= refused(syscall(SYS_kcmp, 1, getpid(), 0, 0, 0), "kcmp");
    fd = syscall(SYS_pidfd_open, 1, 0);
    if (fd >= 0)
        for (int other = 0; other < 16; other++)
            worked |= refused(syscall(SYS_pidfd_getfd, (int)fd, other, 0), "pidfd_getfd");
    worked |= refused(prlimit(1, RLIMIT_NOFILE, &(struct rlimit){1, 1}, NULL), "prlimit");
    return worked;
}

static int descriptors(const char *argument)
{
    int worked = 0;

    (void)argument;
    for (int fd = 3; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            printf("descriptor %d is open\n", fd);
            worked = 1;
        }
    return worked;
}

/* The kernel's and the host's switches. */
static int switches(const char *argument)
{
    static const char *const files[] = {"/proc/sysrq-trigger",
                                        "/proc/sys/kernel/core_pattern",
                                        "/proc/sys/kernel/modprobe",
                                        "/proc/sys/vm/drop_caches",
                                        "/proc/sys/vm/overcommit_memory",
                                        "/proc/sys/fs/binfmt_misc/register",
                                        "/sys/kernel/uevent_helper",
                                        "/sys/kernel/mm/transparent_hugepage/enabled",
                                        "/sys/power/state",
                                        "/sys/fs/cgroup/cgroup.procs",
                                        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                                        "/proc/self/oom_score_adj_none",
                                        "/proc/self/uid_map",
                                        "/proc/self/setgroups",
                                        "/proc/irq/0/smp_affinity"};
    static const char *const secrets[] = {"/proc/kcore",      "/proc/kmsg",
                                          "/proc/keys",       "/proc/sched_debug",
                                          "/proc/timer_list", "/sys/firmware/acpi/tables/DSDT"};
    int worked = 0;
    char bytes[64];

    (void)argument;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        int fd = open(files[i], O_WRONLY | O_CLOEXEC);

        if (fd >= 0 && write(fd, "0", 1) > 0)
            worked |= refused(fd, files[i]);
    }
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        int fd = open(secrets[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

        if (fd >= 0 && read(fd, bytes, sizeof(bytes)) > 0)
            worked |= refused(fd, secrets[i]);
    }
    return worked;
}

static int tcp(const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_usec = 300000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    inet_pton(AF_INET, address, &to.sin_addr);
    result = connect(fd, (struct sockaddr *)&to, sizeof(to));
    close(fd);
    return result;
}

/* network PORT: a port that somebody on the host's loopback listens on. */
static int network(const char *argument)
{
    static const char *const addresses[] = {"169.254.169.254", "10.0.0.1",  "172.17.0.1",
                                            "192.168.1.1",     "8.8.8.8",   "127.0.0.53",
                                            "100.100.100.200", "172.16.0.1"};
    struct sockaddr_vm vm = {.svm_family = AF_VSOCK, .svm_cid = 2, .svm_port = 1024};
    int worked = 0, fd;

    worked |= refused(tcp("127.0.0.1", (int)strtol(argument, NULL, 10)), "the host's loopback");
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        worked |= refused(tcp(addresses[i], 80), addresses[i]);
    worked |= refused(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket");
    worked |= refused(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), "raw socket");
    fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        worked |= refused(connect(fd, (struct sockaddr *)&vm, sizeof(vm)), "vsock");
    return worked;
}

/* abstract NAME: a socket of the host's in the abstract namespace. */
static int abstract(const char *argument)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path + 1, sizeof(to.sun_path) - 1, "%s", argument);
    return refused(
        connect(fd, (struct sockaddr *)&to,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argument))),
        "abstract socket");
}

/* sysv KEY: a shared memory segment of the host's. */
static int sysv(const char *argument)
{
    return refused(shmget((key_t)strtol(argument, NULL, 10), 0, 0), "shared memory");
}

/* Descriptors until there are no more, some of them under way in sockets. */
static int flood_descriptors(const char *argument)
{
    unsigned count = 0;

    (void)argument;
    for (int child = 0; child < 20; child++) {
        if (fork() != 0)
            continue;
        while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
            count++;
        pause();
    }
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
        count++;
    printf("opened %u, then %s\n", count, strerror(errno));
    kill(0, SIGKILL);
    return 0;
}

/* Children that end and are never waited for, and orphans for pid 1. */
static int flood_zombies(const char *argument)
{
    unsigned made = 0;

    (void)argument;
    for (int i = 0; i < 100000; i++) {
        pid_t child = fork();

        if (child < 0)
            break;
        if (child == 0) {
            if (fork() == 0)
                _exit(0);
            _exit(0);
        }
        made++;
    }
    printf("made %u, then %s\n", made, strerror(errno));
    return 0;
}

/* A connection to itself, into which is written what it takes. Returns the bytes. */
static long fill_connection(int listener, const struct sockaddr_in *to)
{
    static char zeros[1 << 20];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), size = 1 << 30;
    long sum = 0;
    ssize_t sent;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS)
        return -1;
    if (accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0)
        return -1;
    while ((sent = write(fd, zeros, sizeof(zeros))) > 0)
        sum += sent;
    return sum;
}

/* flood-sockets MIB: so much in connections that nobody reads is too much. */
static int flood_sockets(const char *argument)
{
    long most = strtol(argument, NULL, 10) << 20, sum = 0, more = 0;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(to);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(listener, (struct sockaddr *)&to, length) < 0 || listen(listener, 8) < 0 ||
        getsockname(listener, (struct sockaddr *)&to, &length) < 0)
        return 2;
    while (sum < most && (more = fill_connection(listener, &to)) > 0)
        sum += more;
    printf("%ld bytes are under way\n", sum);
    return sum >= most;
}

/* --- what the kernel counts by user ----------------------------------------------------------- */

/* Each takes a little more of its kind. The result is -1 where the kernel gives no more. */

static int more_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;

    return timer_create(CLOCK_MONOTONIC, &event, &timer);
}

/* Whose user has too much gets small ones, and can't enlarge them. */
static int more_pipes(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    return fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
}

/* A message with as many descriptors as it may hold, which nobody receives. */
static int more_in_flight(void)
{
    enum { MOST = 253 }; /* SCM_MAX_FD */
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(MOST * sizeof(int))];
    } control;
    char byte = 0;
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fds[MOST], ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    for (size_t i = 0; i < MOST; i++)
        fds[i] = STDERR_FILENO;
    memset(&control, 0, sizeof(control));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(fds));
    memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
    return sendmsg(ends[0], &message, MSG_DONTWAIT) < 0 ? -1 : 0;
}

static int more_queues(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = 4096};
    static unsigned made;
    char name[64];

    snprintf(name, sizeof(name), "/probe-%d-%u", (int)getpid(), made++);
    return mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
}

static int more_inotify(void)
{
    return inotify_init1(IN_CLOEXEC);
}

static int more_terminals(void)
{
    return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static const struct {
    const char *name;
    int (*more)(void);
} quotas[] = {
    {"timers", more_timers},
    {"pipes", more_pipes},
    {"descriptors in flight", more_in_flight},
    {"message queues", more_queues},
    {"inotify", more_inotify},
    {"terminals", more_terminals},
};

static int (*find_quota(const char *name))(void)
{
    for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++)
        if (strcmp(quotas[i].name, name) == 0)
            return quotas[i].more;
    exit(2);
}

/* take KIND: 0 when the kernel gave some of it, 1 when not. */
static int take(const char *argument)
{
    if (find_quota(argument)() >= 0)
        return 0;
    printf("%s: %s\n", argument, strerror(errno));
    return 1;
}

/* fill KIND: a child takes all that the kernel gives, and keeps it as long as the session lives. */
static int fill(const char *argument)
{
    int (*more)(void) = find_quota(argument);
    char line[128] = "";
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return 2;
    if (fork() == 0) {
        unsigned count = 0;

        setsid();
        close(STDOUT_FILENO);
        while (more() >= 0)
            count++;
        dprintf(ends[1], "%s: %u, then %s\n", argument, count, strerror(errno));
        for (;;)
            pause();
    }
    close(ends[1]);
    if (read(ends[0], line, sizeof(line) - 1) <= 0)
        return 2;
    printf("%s", line);
    return 0;
}

/* Where the kernel has no room for what a signal says, it says that it came from pid 0. */
static int end_agent(const char *argument)
{
    const union sigval value = {0};
    sigset_t all;

    (void)argument;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    while (sigqueue(getpid(), SIGRTMIN, value) == 0)
        ;
    printf("full: %s\n", strerror(errno));
    return sigqueue(1, SIGTERM, value) < 0;
}

/* race PATH: swaps PATH between a file and a link to its own memory until there is PATH.stop. */
static int race(const char *argument)
{
    char file[256], link_name[256], stop[256];

    snprintf(file, sizeof(file), "%s.file", argument);
    snprintf(link_name, sizeof(link_name), "%s.link", argument);
    snprintf(stop, sizeof(stop), "%s.stop", argument);
    while (access(stop, F_OK) < 0) {
        int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        if (fd >= 0) {
            dprintf(fd, "needle\n");
            close(fd);
        }
        rename(file, argument);
        if (symlink("/proc/self/mem", link_name) == 0)
            rename(link_name, argument);
    }
    return 0;
}

static const struct probe probes[] = {
    {"mounting", mounting},
    {"namespaces", namespaces},
    {"kernel", kernel_interfaces},
    {"devices", devices},
    {"capabilities", capabilities},
    {"agent", agent},
    {"descriptors", descriptors},
    {"switches", switches},
    {"network", network},
    {"abstract", abstract},
    {"sysv", sysv},
    {"flood-descriptors", flood_descriptors},
    {"flood-zombies", flood_zombies},
    {"flood-sockets", flood_sockets},
    {"end-agent", end_agent},
    {"take", take},
    {"fill", fill},
    {"race", race},
    {NULL, NULL},
};

/* NULL: it has none of that name. */
static const struct probe *find_probe(const struct probe *table, const char *name)
{
    while (table->name && strcmp(table->name, name) != 0)
        table++;
    return table->name ? table : NULL;
}

int main(int argc, char **argv)
{
    const struct probe *probe = NULL;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        probe = find_probe(probes, argv[1]);
    if (argc > 1 && !probe)
        probe = find_probe(limit_probes, argv[1]);
    if (argc > 1 && !probe)
        probe = find_probe(wall_probes, argv[1]);
    if (probe)
        return probe->run(argc > 2 ? argv[2] : "");
    fprintf(stderr, "no such probe\n");
    return 2;
}
