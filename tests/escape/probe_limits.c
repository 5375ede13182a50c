/*
 * probe_limits.c - probes of time limits, and of what the kernel holds for a session without
 * counting it to the session's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

#define SPINNERS 64

/* --- time ------------------------------------------------------------------------------------- */

/* The process below pid 1 that this one descends from: the shepherd of its command. */
static pid_t shepherd(void)
{
    pid_t pid = getpid(), parent = getppid();

    while (parent > 1) {
        char path[64], line[256];
        FILE *file;

        pid = parent;
        parent = 0;
        snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file))
            if (strncmp(line, "PPid:", 5) == 0)
                parent = (pid_t)strtol(line + 5, NULL, 10);
        if (file)
            fclose(file);
    }
    return pid;
}

struct attributes { /* sched_setattr(2), version 0 */
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* Whatever the kernel lets one process do to the turns of another. */
static int slow_down(pid_t pid, const char *whose)
{
    struct attributes attributes = {.size = sizeof(attributes), .policy = SCHED_IDLE};
    const struct sched_param parameter = {.sched_priority = 0};
    const cpu_set_t first = {{1}};
    char what[96];
    int worked = 0;

#define TRY(call)                                                                                  \
    snprintf(what, sizeof(what), "%s of %s", #call, whose);                                        \
    worked |= refused(call, what)

    TRY(sched_setscheduler(pid, SCHED_IDLE, &parameter));
    TRY(sched_setscheduler(pid, SCHED_BATCH, &parameter));
    TRY(sched_setparam(pid, &parameter));
    TRY(syscall(SYS_sched_setattr, pid, &attributes, 0));
    TRY(sched_setaffinity(pid, sizeof(first), &first));
    TRY(setpriority(PRIO_PROCESS, (id_t)pid, 19));
    TRY(setpriority(PRIO_PGRP, (id_t)getpgid(pid), 19));
    TRY(syscall(SYS_ioprio_set, 1, pid, 3 << 13));
    TRY(prlimit(pid, RLIMIT_CPU, &(struct rlimit){0, 0}, NULL));
#undef TRY
    return worked;
}

static void spin(void)
{
    const cpu_set_t first = {{1}};

    if (fork() != 0)
        return;
    sched_setaffinity(0, sizeof(first), &first);
    for (;;)
        ;
}

/* Keeps those who hold it to its limit from their turns, as far as it can, and does not end. Says
 * first what worked. */
static int starve(const char *argument)
{
    int worked = slow_down(shepherd(), "the shepherd") | slow_down(1, "the agent");

    (void)argument;
    printf(worked ? "it worked\n" : "refused\n");
    fflush(stdout);
    for (int i = 0; i < SPINNERS; i++)
        spin();
    for (;;)
        ;
    return 0;
}

/* --- filters ---------------------------------------------------------------------------------- */

/* Each takes room that all containers need for their own filters. */
static int filters(const char *argument)
{
    static struct sock_filter pass[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {1, pass};
    static const int options[] = {SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF,
                                  SO_ATTACH_REUSEPORT_EBPF};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, worked = 0;

    (void)argument;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        worked |= refused(setsockopt(fd, SOL_SOCKET, options[i], &program, sizeof(program)),
                          "a socket filter");
        worked |= refused(syscall(SYS_setsockopt, fd, SOL_SOCKET | INT64_C(1) << 32,
                                  options[i] | INT64_C(1) << 32, &program, sizeof(program)),
                          "a socket filter in a long register");
    }
    worked |= refused(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "prctl's filter");
    worked |= refused(
        syscall(SYS_prctl, PR_SET_SECCOMP | INT64_C(1) << 32, SECCOMP_MODE_FILTER, &program),
        "prctl's filter in a long register");
    worked |= refused(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
    worked |= refused(prctl(62 /* PR_SCHED_CORE */, 1, 0, 0, 0), "core scheduling");
    /* What is not to be refused. */
    worked |= setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0;
    worked |= prctl(PR_SET_NAME, "probe", 0, 0, 0) < 0;
    worked |= fcntl(fd, F_SETFL, O_NONBLOCK) < 0;
    return worked;
}

/* --- memory of the kernel's --------------------------------------------------------------------
 */

static void hold(void)
{
    for (;;)
        pause();
}

/* A socket whose requests are answered, and whose answers nobody reads. */
static int fill_netlink(void)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg what;
    } request = {.head = {.nlmsg_len = sizeof(request),
                          .nlmsg_type = RTM_GETLINK,
                          .nlmsg_flags = NLM_F_REQUEST},
                 .what = {.ifi_family = AF_UNSPEC, .ifi_index = 1}};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), size = 1 << 30;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    for (int i = 0; i < 1000; i++)
        if (send(fd, &request, sizeof(request), MSG_DONTWAIT) < 0)
            break;
    return 0;
}

/* As many sockets of which nothing is held as it may have: what counts is not to be lost among
 * them. */
static void stand_in_the_way(void)
{
    const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    struct rlimit files;
    int ends[2], fd;
    char byte;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (pipe2(ends, O_CLOEXEC) < 0)
        exit(2);
    if (fork() == 0) {
        do
            fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        while (fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0);
        close(ends[1]);
        hold();
    }
    close(ends[1]);
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
        ; /* until it has closed it */
}

/* Connections that are at an end already and that nobody has accepted. */
static void connect_all(in_addr_t address, in_port_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    const struct linger reset = {.l_onoff = 1};
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(listening, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
        listen(listening, 65535) < 0)
        return;
    for (int i = 0; i < 4000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        (void)connect(fd, (const struct sockaddr *)&to, sizeof(to));
        close(fd);
    }
}

static int flood_connections(const char *argument)
{
    (void)argument;
    for (int i = 0; i < 4; i++) {
        if (fork() != 0)
            continue;
        for (int port = 2000; port < 3000; port++)
            connect_all(INADDR_LOOPBACK + (in_addr_t)i, (in_port_t)port);
        hold();
    }
    hold();
    return 0;
}

/* Never ends: the session is to be ended for it. */
static int flood_netlink(const char *argument)
{
    if (strcmp(argument, "behind-others") == 0)
        stand_in_the_way();
    for (int i = 0; i < 8; i++) {
        if (fork() != 0)
            continue;
        while (fill_netlink() == 0)
            ;
        hold();
    }
    hold();
    return 0;
}

/*
 * Ranges of one byte with a gap behind each, so that the kernel can't join them; of many files, for
 * it looks through all of a file's locks at each new one.
 */
#define LOCKED_FILES 1000

static void take_locks(const int *fds)
{
    for (off_t at = 0;; at += 2) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

        for (int i = 0; i < LOCKED_FILES; i++)
            if (fcntl(fds[i], F_SETLK, &lock) < 0)
                return;
    }
}

static int flood_locks(const char *argument)
{
    int fds[LOCKED_FILES];

    (void)argument;
    for (int i = 0; i < LOCKED_FILES; i++) {
        char path[64];

        snprintf(path, sizeof(path), "/tmp/locked-%d", i);
        fds[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    take_locks(fds);
    hold();
    return 0;
}

static unsigned locking_seconds;

/* Locks of files that are nowhere, by processes that are gone: each shared its descriptors with one
 * that goes on. */
static int lock_and_go(void *memory)
{
    alarm(locking_seconds);
    take_locks(memory);
    return 0;
}

/* flood-orphaned-locks SECONDS: until then it takes more. */
static int flood_orphaned_locks(const char *argument)
{
    static char stack[65536] __attribute__((aligned(16)));
    int fds[LOCKED_FILES];
    pid_t child;

    locking_seconds = (unsigned)strtoul(argument, NULL, 10);
    for (int i = 0; i < LOCKED_FILES; i++)
        fds[i] = (int)syscall(SYS_memfd_create, "locks", 0);
    child = clone(lock_and_go, stack + sizeof(stack), CLONE_FILES | CLONE_VM | SIGCHLD, fds);
    waitpid(child, NULL, 0);
    hold();
    return 0;
}

/* Each waits for as many descriptors as it may: the kernel keeps a place for each meanwhile. */
static int flood_poll(const char *argument)
{
    struct rlimit files;
    struct pollfd *fds;
    int ends[2];

    (void)argument;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return 2;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    fds = calloc(files.rlim_max, sizeof(*fds));
    for (rlim_t i = 0; fds && i < files.rlim_max; i++)
        fds[i] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    for (int i = 0; i < 100; i++)
        if (fork() == 0) {
            poll(fds, files.rlim_max, -1);
            hold();
        }
    hold();
    return 0;
}

/* A directory of the image with many names more in it. Each name is a link to one file. */
static int crowd(const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = openat(dir, "crowd", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char name[256];

    close(file);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "crowd-%0200d", i);
        linkat(dir, "crowd", dir, name, 0);
    }
    return dir;
}

/* Has the names kept once more, which takes a change in between. */
static int list_again(const char *path, int dir)
{
    static char names[65536];
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        syscall(SYS_getdents64, fd, names, sizeof(names));
    renameat(dir, "crowd", dir, "crowd-2");
    renameat(dir, "crowd-2", dir, "crowd");
    return fd;
}

static int flood_directories(const char *argument)
{
    int dir = crowd("/usr");

    (void)argument;
    for (int i = 0; i < 1000; i++)
        list_again("/usr", dir);
    hold();
    return 0;
}

/* As above, each on its way to nobody and in no process. */
static int flood_passed_directories(const char *argument)
{
    int dir = crowd("/usr"), ends[2];

    (void)argument;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
        return 2;
    for (int i = 0; i < 1000; i++) {
        int fd = list_again("/usr", dir);
        char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec bytes = {&byte, 1};
        struct msghdr message = {.msg_iov = &bytes,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);

        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &fd, sizeof(fd));
        /* The queue of one socket is short. */
        while (sendmsg(ends[0], &message, MSG_DONTWAIT) < 0)
            if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
                return 2;
        close(fd);
    }
    hold();
    return 0;
}

static int new_timer(void)
{
    return timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
}

static int new_epoll(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static int new_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static int new_owned(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    return fd >= 0 && fcntl(fd, F_SETOWN, getpid()) == 0 ? fd : -1;
}

/* Descriptors of a kind, well within its memory and more than the kernel may hold for it. Never
 * ends, as above. */
static int flood_kind(const char *argument)
{
    static const struct {
        const char *name;
        int (*make)(void);
        int processes, each;
    } kinds[] = {{"timers", new_timer, 8, 20000},
                 {"epoll", new_epoll, 24, 20000},
                 {"netlink", new_netlink, 8, 9000},
                 {"owned", new_owned, 48, 20000}};
    const size_t count = sizeof(kinds) / sizeof(kinds[0]);
    struct rlimit files;
    size_t kind = 0;

    while (kind < count && strcmp(kinds[kind].name, argument) != 0)
        kind++;
    if (kind == count || getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 2;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < kinds[kind].processes; i++) {
        if (fork() != 0)
            continue;
        for (int made = 0; made < kinds[kind].each && kinds[kind].make() >= 0; made++)
            ;
        hold();
    }
    hold();
    return 0;
}

/* A group of IPv6 on lo, with as many sources kept out as there may be. */
static int join(int fd, int number)
{
    static char bytes[GROUP_FILTER_SIZE(64)];
    struct group_filter *filter = (struct group_filter *)bytes;
    struct sockaddr_in6 *group = (struct sockaddr_in6 *)&filter->gf_group;
    struct group_req request = {.gr_interface = 1};

    filter->gf_interface = 1;
    filter->gf_fmode = MCAST_EXCLUDE;
    filter->gf_numsrc = 64;
    group->sin6_family = AF_INET6;
    group->sin6_addr.s6_addr[0] = 0xff;
    group->sin6_addr.s6_addr[1] = 0x02;
    memcpy(&group->sin6_addr.s6_addr[12], &number, sizeof(number));
    for (unsigned i = 0; i < 64; i++) {
        struct sockaddr_in6 *source = (struct sockaddr_in6 *)&filter->gf_slist[i];

        source->sin6_family = AF_INET6;
        source->sin6_addr.s6_addr[0] = 0xfd;
        source->sin6_addr.s6_addr[15] = (unsigned char)i;
    }
    memcpy(&request.gr_group, group, sizeof(*group));
    if (setsockopt(fd, IPPROTO_IPV6, MCAST_JOIN_GROUP, &request, sizeof(request)) < 0)
        return -1;
    return setsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, filter, sizeof(bytes));
}

/* Never ends, as above. */
static int flood_memberships(const char *argument)
{
    (void)argument;
    for (int made = 0; made < 600; made++) {
        int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        for (int group = 0; fd >= 0 && join(fd, group) == 0; group++)
            ;
    }
    hold();
    return 0;
}

/* What a socket keeps up to net.core.optmem_max of, and a table that the host has once. */
static int socket_options(const char *argument)
{
    static const struct {
        int level, option;
        const char *what;
    } rows[] = {{IPPROTO_TCP, 14, "TCP_MD5SIG"},
                {IPPROTO_TCP, 32, "TCP_MD5SIG_EXT"},
                {IPPROTO_TCP, 38, "TCP_AO_ADD_KEY"},
                {IPPROTO_IPV6, 6, "IPV6_2292PKTOPTIONS"},
                {IPPROTO_IPV6, 32, "IPV6_FLOWLABEL_MGR"}};
    static char bytes[512]; /* what none of them takes: told is which of the two said no */
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, worked = 0;

    (void)argument;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int high = 0; high < 2; high++) {
            long rc = syscall(SYS_setsockopt, fd, rows[i].level | INT64_C(1) * high << 32,
                              rows[i].option | INT64_C(1) * high << 32, bytes, sizeof(bytes));

            if (rc < 0 && errno == ENOPROTOOPT)
                continue;
            printf("%s reaches the kernel: %s\n", rows[i].what, strerror(errno));
            worked = 1;
        }
    }
    worked |= setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0;
    worked |= setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0;
    return worked;
}

static int own_locks(const char *argument)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    int fd = open("/tmp/own-locks", O_RDWR | O_CREAT | O_CLOEXEC, 0600), worked = 0;

    (void)argument;
    worked |= refused(fcntl(fd, F_OFD_SETLK, &lock), "F_OFD_SETLK");
    worked |= refused(fcntl(fd, F_OFD_SETLKW, &lock), "F_OFD_SETLKW");
    worked |= refused(fcntl(fd, F_SETLEASE, F_WRLCK), "F_SETLEASE");
    worked |= refused(syscall(SYS_fcntl, fd, F_SETLEASE | INT64_C(1) << 32, F_WRLCK),
                      "F_SETLEASE in a long register");
    worked |= fcntl(fd, F_SETLK, &lock) < 0;
    return worked;
}

/* flood-attributes MIB: so much in attributes of a file in memory is too much. The kernel has a
 * copy of each. */
static int flood_attributes(const char *argument)
{
    static const char *const spaces[] = {"user", "security", "trusted"};
    static char value[65536];
    long most = strtol(argument, NULL, 10) << 20, sum = 0;
    int fd = open("/dev/shm/attributes", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || unlink("/dev/shm/attributes") < 0) /* they go with this process */
        return 2;
    for (size_t s = 0; s < sizeof(spaces) / sizeof(*spaces); s++) {
        for (int i = 0; sum < most; i++) {
            char name[64];

            snprintf(name, sizeof(name), "%s.probe-%d", spaces[s], i);
            if (fsetxattr(fd, name, value, sizeof(value), 0) < 0)
                break;
            sum += (long)sizeof(value);
        }
    }
    printf("%ld bytes are in attributes\n", sum);
    return sum >= most;
}

const struct probe limit_probes[] = {
    {"starve", starve},
    {"filters", filters},
    {"flood-netlink", flood_netlink},
    {"flood-locks", flood_locks},
    {"flood-poll", flood_poll},
    {"flood-connections", flood_connections},
    {"flood-directories", flood_directories},
    {"flood-passed-directories", flood_passed_directories},
    {"flood-orphaned-locks", flood_orphaned_locks},
    {"flood-kind", flood_kind},
    {"flood-memberships", flood_memberships},
    {"flood-attributes", flood_attributes},
    {"socket-options", socket_options},
    {"own-locks", own_locks},
    {NULL, NULL},
};
