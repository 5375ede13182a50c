#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#include "base/banned.h"

/* The largest report that is taken (64 MiB, 200,000 tests with long names) needs 400 MiB. */
#define ADDRESS_SPACE (UINT64_C(1) << 30)
#define NOBODY 65534

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
/* cppcheck-suppress preprocessorErrorDirective ; it defines no architecture */
#error "name this architecture as linux/audit.h does"
#endif

/*
 * A sanitizer asks for more when it reports: it opens /proc/self/maps and starts a program that
 * names the lines. Killed for that, the process would take its report with it; so there it is told
 * "not permitted" instead, and continues without. What it cannot do is the same.
 */
#if defined(__SANITIZE_ADDRESS__)
#define OTHERWISE (SECCOMP_RET_ERRNO | EPERM)
#define SANITIZED 1
#else
#define OTHERWISE SECCOMP_RET_KILL_PROCESS
#define SANITIZED 0
#endif

#define LOAD(member)                                                                               \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, member))
/* The kernel looks at the lower half of an int argument only, and so does this. Little endian. */
#define LOAD_ARGUMENT(index) LOAD(args[index])
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_LESS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (value), (no), (yes))
#define IF_MORE(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (value), (yes), (no))
#define IF_SET(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))

#define ALLOW_CALL(name) IF_EQUAL(__NR_##name, 0, 1), RETURN(SECCOMP_RET_ALLOW)
/* The call, if its argument is a number from one to another, or has none of the bits. */
#define ALLOW_CALL_FROM_TO(name, index, least, most)                                               \
    IF_EQUAL(__NR_##name, 0, 5), LOAD_ARGUMENT(index), IF_LESS(least, 2, 0), IF_MORE(most, 1, 0),  \
        RETURN(SECCOMP_RET_ALLOW), RETURN(OTHERWISE)
#define ALLOW_CALL_WITHOUT(name, index, bits)                                                      \
    IF_EQUAL(__NR_##name, 0, 4), LOAD_ARGUMENT(index), IF_SET(bits, 1, 0),                         \
        RETURN(SECCOMP_RET_ALLOW), RETURN(OTHERWISE)

#if SANITIZED
/* The sanitizer's own housekeeping in each allocation and error path. */
#define SANITIZERS_CALLS                                                                           \
    ALLOW_CALL(futex), ALLOW_CALL(sched_yield), ALLOW_CALL(sigaltstack), ALLOW_CALL(gettid),       \
        ALLOW_CALL(getpid),
#else
#define SANITIZERS_CALLS
#endif

/* random bytes: expat's and json-c's seeds */
#define FILTER(last_to_write)                                                                      \
    {                                                                                              \
        LOAD(arch), IF_EQUAL(ARCHITECTURE, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS), LOAD(nr),      \
            ALLOW_CALL_FROM_TO(read, 0, STDIN_FILENO, STDIN_FILENO),                               \
            ALLOW_CALL_FROM_TO(write, 0, STDOUT_FILENO, last_to_write), ALLOW_CALL(brk),           \
            ALLOW_CALL(munmap), ALLOW_CALL(mremap), ALLOW_CALL(madvise), ALLOW_CALL(getrandom),    \
            ALLOW_CALL(exit_group), ALLOW_CALL_WITHOUT(mmap, 2, PROT_EXEC),                        \
            ALLOW_CALL_WITHOUT(mprotect, 2, PROT_EXEC), SANITIZERS_CALLS RETURN(OTHERWISE)         \
    }

static const struct sock_filter without_file[] = FILTER(STDERR_FILENO);
static const struct sock_filter with_file[] = FILTER(CONFINE_FILE);
_Static_assert(ARRAY_SIZE(without_file) == ARRAY_SIZE(with_file), "they differ in a number");

static int limit(int resource, uint64_t most, struct error *err)
{
    const struct rlimit limits = {.rlim_cur = most, .rlim_max = most};

    return setrlimit((__rlimit_resource_t)resource, &limits) == 0
               ? 0
               : error_errno(err, errno, "cannot set the resource limit %d", resource);
}

static int set_limits(const struct confinement *confinement, struct error *err)
{
    static const int none[] = {RLIMIT_NOFILE,   RLIMIT_NPROC, RLIMIT_CORE,      RLIMIT_MEMLOCK,
                               RLIMIT_MSGQUEUE, RLIMIT_LOCKS, RLIMIT_SIGPENDING};
    uint64_t space = confinement->address_space ? confinement->address_space : ADDRESS_SPACE;

    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        if (limit(none[i], 0, err) < 0)
            return -1;
    /* A sanitizer's shadow is terabytes of address space, of which it uses little. */
    if (!SANITIZED && limit(RLIMIT_AS, space, err) < 0)
        return -1;
    if (limit(RLIMIT_FSIZE, confinement->file_bytes, err) < 0)
        return -1;
    return limit(RLIMIT_CPU, confinement->cpu_seconds, err);
}

/* It inherits that the daemon is to be spared when memory is short; of the two it is to go. */
static void offer_to_oom_killer(void)
{
    _cleanup_(close_fd) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    /* Where it can't be told, the address space bounds it still. */
    if (fd >= 0 && write(fd, "500", 3) < 0)
        return;
}

static int control(int option, unsigned long value, const char *what, struct error *err)
{
    return prctl(option, value, 0, 0, 0) == 0 ? 0 : error_errno(err, errno, "cannot %s", what);
}

int confine(const struct confinement *confinement, struct error *err)
{
    bool file = confinement->file_bytes > 0;
    const struct sock_fprog program = {.len = ARRAY_SIZE(with_file),
                                       .filter =
                                           (struct sock_filter *)(file ? with_file : without_file)};

    offer_to_oom_killer();
    if (control(PR_SET_PDEATHSIG, SIGKILL, "end together with the parent", err) < 0 ||
        control(PR_SET_DUMPABLE, 0, "forbid dumps", err) < 0 ||
        control(PR_SET_NO_NEW_PRIVS, 1, "exclude new privileges", err) < 0)
        return -1;
    if (syscall(SYS_close_range, STDERR_FILENO + 1 + file, ~0U, 0) < 0)
        return error_errno(err, errno, "cannot close descriptors");
    if (set_limits(confinement, err) < 0)
        return -1;
    /* By prctl and not by seccomp(2), which a unit's own filter may hold back. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        return error_errno(err, errno, "cannot filter system calls");
    return 0;
}

int confine_user(struct error *err)
{
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return error_errno(err, errno, "cannot become nobody");
    return 0;
}
