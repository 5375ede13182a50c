/*
 * probe_walls.c - probes of what can be seen through the walls of a container, and of the system
 * calls that get to the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- device nodes ------------------------------------------------------------------------------
 */

/* Those that nothing in a session opens by itself. */
static const char *const nodes[] = {"/dev/zero", "/dev/full", "/dev/random", "/dev/tty"};

/*
 * watch: holds a lock on a device and looks for what others do with devices, until there is
 * /tmp/stop. 0: nobody did anything.
 */
static int watch(const char *argument)
{
    int fd = inotify_init1(IN_CLOEXEC), lock = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    int stop = inotify_add_watch(fd, "/tmp", IN_CREATE), status = -1;
    char bytes[4096] __attribute__((aligned(8)));

    (void)argument;
    if (flock(lock, LOCK_EX | LOCK_NB) < 0)
        return 2;
    for (size_t i = 0; i < COUNT(nodes); i++)
        if (inotify_add_watch(fd, nodes[i], IN_OPEN | IN_ATTRIB | IN_CLOSE | IN_ACCESS) < 0)
            return 2;
    close(open("/tmp/watching", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (status < 0) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        const struct inotify_event *event = NULL;

        for (ssize_t at = 0; at < got; at += (ssize_t)(sizeof(*event) + event->len)) {
            event = (const struct inotify_event *)(bytes + at);
            if (event->wd != stop) {
                printf("seen: %x of %s\n", event->mask, nodes[event->wd - stop - 1]);
                return 1;
            }
            if (event->len > 0 && strcmp(event->name, "stop") == 0)
                status = 0;
        }
    }
    return status;
}

/* What another session would see if the nodes were one and the same. */
static int use_devices(const char *argument)
{
    int lock = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    (void)argument;
    for (size_t i = 0; i < COUNT(nodes); i++) {
        int fd = open(nodes[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0 && errno != ENXIO) {
            printf("%s: %s\n", nodes[i], strerror(errno));
            return 2;
        }
        close(fd);
        utimensat(AT_FDCWD, nodes[i], NULL, 0);
    }
    if (flock(lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    printf("the lock is held: %s\n", strerror(errno));
    return 1;
}

/* --- what is in the host's memory --------------------------------------------------------------
 */

/* pagecache PATH: a file of the image, which other containers have as well. */
static int pagecache(const char *argument)
{
    int fd = open(argument, O_RDONLY | O_CLOEXEC), worked = 0;
    char byte;
    unsigned char pages[1];
    struct iovec one = {&byte, 1};
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

    if (fd < 0 || map == MAP_FAILED)
        return 2;
    worked |= refused(syscall(SYS_mincore, map, 4096, pages), "mincore");
    worked |= refused(syscall(451, fd, &(uint64_t[2]){0, 4096}, &(uint64_t[5]){0}, 0), "cachestat");
    worked |= refused(preadv2(fd, &one, 1, 0, 0x8), "preadv2 with RWF_NOWAIT");
    worked |= preadv2(fd, &one, 1, 0, 0) != 1;
    return worked;
}

/* --- calls that few need -----------------------------------------------------------------------
 */

static int attributes(const char *argument)
{
    static const char *const names[] = {"security.capability",

                                        "security.x",
                                        "security.ima",
                                        "trusted.x",
                                        "system.x",
                                        "trusted.overlay.opaque",
                                        "system.posix_acl_access"};
    static const char *const files[] = {"/tmp/attributes", "/dev/shm/attributes"};
    int worked = 0;

    (void)argument;
    for (size_t f = 0; f < COUNT(files); f++) {
        int fd = open(files[f], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        for (size_t i = 0; i < COUNT(names); i++) {
            char what[128];

            snprintf(what, sizeof(what), "%s of %s", names[i], files[f]);
            worked |= refused(fsetxattr(fd, names[i], "\0\0\0\2\0\0\0\0", 8, 0), what);
        }
        close(fd);
    }
    return worked;
}

static int rarities(const char *argument)
{
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), ends[2], worked = 0;
    const int disciplines[] = {0, 1, 21 /* n_gsm */, 2};
    struct iovec page = {calloc(1, 4096), 4096};

    (void)argument;
    if (terminal < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return 2;
    for (size_t i = 0; i < COUNT(disciplines); i++) {
        worked |= refused(ioctl(terminal, TIOCSETD, &disciplines[i]), "TIOCSETD");
        worked |=
            refused(syscall(SYS_ioctl, terminal, TIOCSETD | INT64_C(1) << 32, &disciplines[i]),
                    "TIOCSETD in a long register");
    }
    worked |= refused(syscall(SYS_vmsplice, ends[1], &page, 1, 0), "vmsplice");
    worked |= refused(mlockall(MCL_CURRENT), "mlockall");
    worked |= refused(syscall(SYS_execveat, AT_FDCWD, "/bin/true", NULL, NULL, 0), "execveat");
    worked |= refused(syscall(SYS_seccomp, 1, 1 << 3, NULL), "seccomp with user notification");
    worked |= refused(syscall(SYS_seccomp, 3, 0, &(uint16_t[3]){0}), "seccomp's sizes");
    worked |=
        refused(syscall(SYS_remap_file_pages, page.iov_base, 4096, 0, 0, 0), "remap_file_pages");
    return worked;
}

/* --- all calls ---------------------------------------------------------------------------------
 */

#define CALLS_MOST 512
/* uretprobe and uprobe: the kernel lets them pass every filter, and ends who calls them by himself.
 */
#define UNFILTERED_FIRST 335
#define UNFILTERED_LAST 336
#define WAITS_MILLISECONDS 2000

/* Arguments that a filter which looks at them lets pass; for all others -1 will do. */
static const struct {
    long call;
    long arguments[6];
} pleasing[] = {
    {SYS_clone, {SIGCHLD, 0, 0, 0, 0, 0}},
    {SYS_unshare, {0, 0, 0, 0, 0, 0}},
    {SYS_socket, {AF_UNIX, -1, -1, 0, 0, 0}},
    {SYS_socketpair, {AF_UNIX, -1, -1, -1, 0, 0}},
    {SYS_personality, {0xffffffff, 0, 0, 0, 0, 0}},
    {SYS_prlimit64, {0, -1, -1, -1, 0, 0}},
    {SYS_setpriority, {PRIO_PROCESS, -1, 0, 0, 0, 0}},
    {SYS_ioprio_set, {1, -1, 0, 0, 0, 0}},
    {SYS_preadv2, {-1, -1, 1, 0, 0, 0}},
    {SYS_pwritev2, {-1, -1, 1, 0, 0, 0}},
};

static long make_call(long number)
{
    static const long none[6] = {-1, -1, -1, -1, -1, -1};
    const long *given = none;

    for (size_t i = 0; i < COUNT(pleasing); i++)
        if (pleasing[i].call == number)
            given = pleasing[i].arguments;
    return syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

/* Does the kernel get it? Not known are calls that the filter itself answers with success. A child
 * that says nothing has ended by it, or waits in it. */
static bool reaches(long number)
{
    struct pollfd answer = {.events = POLLIN};
    int failed = 0, ends[2];
    ssize_t got = 0;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) < 0)
        exit(2);
    child = fork();
    if (child == 0) {
        failed = make_call(number) < 0 ? errno : 0;
        _exit(write(ends[1], &failed, sizeof(failed)) != sizeof(failed));
    }
    close(ends[1]);
    answer.fd = ends[0];
    if (poll(&answer, 1, WAITS_MILLISECONDS) > 0)
        got = read(ends[0], &failed, sizeof(failed));
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    close(ends[0]);
    return got != sizeof(failed) || (failed != ENOSYS && failed != EPERM);
}

/* calls: prints the names of those that reach the kernel, and their number. */
static int calls(const char *argument)
{
    unsigned count = 0;

    (void)argument;
    for (long number = 0; number < CALLS_MOST; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);

        bool filtered =
            number != SYS_sync && (number < UNFILTERED_FIRST || number > UNFILTERED_LAST);

        if (filtered && reaches(number)) {
            printf("%s (%ld)\n", name ? name : "unknown", number);
            count++;
        }
        free(name);
    }
    printf("%u system calls reach the kernel\n", count);
    return count == 0;
}

const struct probe wall_probes[] = {
    {"watch", watch},
    {"use-devices", use_devices},
    {"pagecache", pagecache},
    {"attributes", attributes},
    {"rarities", rarities},
    {"calls", calls},
    {NULL, NULL},
};
