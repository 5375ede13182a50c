#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
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
#define IF_SET(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))

#define ALLOW_CALL(name) IF_EQUAL(__NR_##name, 0, 1), RETURN(SECCOMP_RET_ALLOW)
/* The call, if its argument is one of two numbers, or has none of the bits. */
#define ALLOW_CALL_OF(name, index, one, other)                                                     \
    IF_EQUAL(__NR_##name, 0, 5), LOAD_ARGUMENT(index), IF_EQUAL(one, 1, 0), IF_EQUAL(other, 0, 1), \
        RETURN(SECCOMP_RET_ALLOW), RETURN(OTHERWISE)
#define ALLOW_CALL_WITHOUT(name, index, bits)                                                      \
    IF_EQUAL(__NR_##name, 0, 4), LOAD_ARGUMENT(index), IF_SET(bits, 1, 0),                         \
        RETURN(SECCOMP_RET_ALLOW), RETURN(OTHERWISE)

static const struct sock_filter filter[] = {
    LOAD(arch),
    IF_EQUAL(ARCHITECTURE, 1, 0),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    ALLOW_CALL_OF(read, 0, STDIN_FILENO, STDIN_FILENO),
    ALLOW_CALL_OF(write, 0, STDOUT_FILENO, STDERR_FILENO),
    ALLOW_CALL(brk),
    ALLOW_CALL(munmap),
    ALLOW_CALL(mremap),
    ALLOW_CALL(madvise),
    ALLOW_CALL(getrandom), /* expat's and json-c's seeds */
    ALLOW_CALL(exit_group),
    ALLOW_CALL_WITHOUT(mmap, 2, PROT_EXEC),
    ALLOW_CALL_WITHOUT(mprotect, 2, PROT_EXEC),
#if SANITIZED
    /* The sanitizer's own housekeeping in each allocation and error path. */
    ALLOW_CALL(futex),
    ALLOW_CALL(sched_yield),
    ALLOW_CALL(sigaltstack),
    ALLOW_CALL(gettid),
    ALLOW_CALL(getpid),
#endif
    RETURN(OTHERWISE),
};

static int limit(int resource, uint64_t most, struct error *err)
{
    const struct rlimit limits = {.rlim_cur = most, .rlim_max = most};

    return setrlimit((__rlimit_resource_t)resource, &limits) == 0
               ? 0
               : error_errno(err, errno, "cannot set the resource limit %d", resource);
}

static int set_limits(unsigned cpu_seconds, struct error *err)
{
    static const int none[] = {RLIMIT_NOFILE,  RLIMIT_NPROC,    RLIMIT_CORE,  RLIMIT_FSIZE,
                               RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_LOCKS, RLIMIT_SIGPENDING};

    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        if (limit(none[i], 0, err) < 0)
            return -1;
    /* A sanitizer's shadow is terabytes of address space, of which it uses little. */
    if (!SANITIZED && limit(RLIMIT_AS, ADDRESS_SPACE, err) < 0)
        return -1;
    return limit(RLIMIT_CPU, cpu_seconds, err);
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

int confine(unsigned cpu_seconds, struct error *err)
{
    const struct sock_fprog program = {.len = ARRAY_SIZE(filter),
                                       .filter = (struct sock_filter *)filter};

    offer_to_oom_killer();
    if (control(PR_SET_PDEATHSIG, SIGKILL, "end together with the parent", err) < 0 ||
        control(PR_SET_DUMPABLE, 0, "forbid dumps", err) < 0 ||
        control(PR_SET_NO_NEW_PRIVS, 1, "exclude new privileges", err) < 0)
        return -1;
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) < 0)
        return error_errno(err, errno, "cannot close descriptors");
    if (set_limits(cpu_seconds, err) < 0)
        return -1;
    /* By prctl and not by seccomp(2), which a unit's own filter may hold back. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        return error_errno(err, errno, "cannot filter system calls");
    return 0;
}
