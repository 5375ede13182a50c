#include "images/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#include "base/banned.h"

#define ADDRESS_SPACE (UINT64_C(1) << 30) /* the largest archive of a test takes 40 MiB */
#define PROCESSES 4                       /* itself and a decoder, twice */
#define DESCRIPTORS 256

/* As in base/confine.c: a sanitizer that reports would be killed for it. */
#if defined(__SANITIZE_ADDRESS__)
#define OTHERWISE SCMP_ACT_ERRNO(EPERM)
#define SANITIZED 1
#else
#define OTHERWISE SCMP_ACT_KILL_PROCESS
#define SANITIZED 0
#endif

pid_t cage_fork(bool host_network)
{
    const unsigned long spaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
                                 (host_network ? 0 : CLONE_NEWNET);

    return (pid_t)syscall(SYS_clone, spaces | SIGCHLD, NULL, NULL, NULL, NULL);
}

/* --- the file system ------------------------------------------------------------------------- */

static int change_root(const char *folder, bool read_only, struct error *err)
{
    const unsigned long flags =
        MS_NOSUID | MS_NODEV | MS_NOEXEC | (read_only ? (unsigned long)MS_RDONLY : 0);

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(folder, folder, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, folder, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 || chdir(folder) < 0 ||
        syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return error_errno(err, errno, "cannot make %s the root", folder);
    return 0;
}

/* --- rights ---------------------------------------------------------------------------------- */

/* What laying files takes, of files whose owner is in the namespace; and what the decoder takes to
 * become nobody. */
static int keep_capabilities(struct error *err)
{
    static const int kept[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,
                               CAP_FSETID, CAP_SETGID,       CAP_SETUID};
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        sets[0].effective |= UINT32_C(1) << kept[i];
    sets[0].permitted = sets[0].effective;
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return error_errno(err, errno, "cannot give up capability %d", capability);
    if (syscall(SYS_capset, &head, sets) < 0)
        return error_errno(err, errno, "cannot give up capabilities");
    return 0;
}

/* Root of the namespace, who on the host is the owner of the images' root. */
static int enter_namespace(int fd, struct error *err)
{
    if (setns(fd, CLONE_NEWUSER) < 0)
        return error_errno(err, errno, "cannot enter the user namespace");
    close(fd);
    if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return error_errno(err, errno, "cannot become the owner of images");
    return keep_capabilities(err);
}

static int set_limits(const struct cage *cage, struct error *err)
{
    const struct {
        int resource;
        uint64_t most;
    } rows[] = {{RLIMIT_NOFILE, DESCRIPTORS},
                {RLIMIT_NPROC, PROCESSES},
                {RLIMIT_CORE, 0},
                {RLIMIT_MEMLOCK, 0},
                {RLIMIT_MSGQUEUE, 0},
                {RLIMIT_FSIZE, (uint64_t)cage->file_bytes},
                /* A sanitizer's shadow is terabytes of address space. */
                {RLIMIT_AS, SANITIZED ? RLIM_INFINITY : ADDRESS_SPACE}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct rlimit limits = {.rlim_cur = rows[i].most, .rlim_max = rows[i].most};

        if (setrlimit((__rlimit_resource_t)rows[i].resource, &limits) < 0)
            return error_errno(err, errno, "cannot set the resource limit %d", rows[i].resource);
    }
    return 0;
}

/* The order is lost when a process changes its user, so it comes after that; the parent may have
 * ended before. */
static int end_with_parent(int told_fd, struct error *err)
{
    struct pollfd told = {.fd = told_fd};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_errno(err, errno, "cannot end together with the parent");
    if (poll(&told, 1, 0) > 0 && (told.revents & POLLERR) != 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "nobody waits for the import any more");
    return 0;
}

/* --- system calls ---------------------------------------------------------------------------- */

DEFINE_CLEANUP(scmp_filter_ctx, release_filter, seccomp_release)

#define CLONE_OTHERS                                                                               \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET | CLONE_VM | CLONE_THREAD | CLONE_PTRACE | CLONE_PARENT)

/* By path, from a descriptor or from its root; content; owners, modes and times. */
static const int file_calls[] = {
    SCMP_SYS(openat),
    SCMP_SYS(openat2),
    SCMP_SYS(close),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(getdents64),
    SCMP_SYS(mkdirat),
    SCMP_SYS(symlinkat),
    SCMP_SYS(linkat),
    SCMP_SYS(unlinkat),
    SCMP_SYS(renameat),
    SCMP_SYS(fchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(utimensat),
    SCMP_SYS(fsetxattr),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fcntl),
    /* Memory and ends; mmap and mprotect have conditions. */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(getrandom),
    SCMP_SYS(exit_group),
    SCMP_SYS(exit),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(restart_syscall),
    /* The decoder: a child, which gives up all that is its parent's and puts itself behind a
     * narrower filter (images/decoder.c, base/confine.c). clone and prctl have conditions. */
    SCMP_SYS(pipe2),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(wait4),
    SCMP_SYS(kill),
    SCMP_SYS(close_range),
    SCMP_SYS(geteuid),
    SCMP_SYS(setgroups),
    SCMP_SYS(setresgid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
#if SANITIZED
    SCMP_SYS(sched_yield),
    SCMP_SYS(sigaltstack),
#endif
};

/* What libgit2 does with files by path, where the code above has a newer call for the same. */
static const int git_calls[] = {
    SCMP_SYS(access), SCMP_SYS(mkdir), SCMP_SYS(rename),   SCMP_SYS(link),
    SCMP_SYS(unlink), SCMP_SYS(chmod), SCMP_SYS(readlink), SCMP_SYS(getcwd),
};

static int allow(scmp_filter_ctx filter, int call, unsigned count, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, &condition);
}

static int add_rules(scmp_filter_ctx filter, const struct cage *cage)
{
    static const int controls[] = {PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS,
                                   PR_SET_SECCOMP};
    const struct scmp_arg_cmp none = {0};
    int rc = 0;

    for (size_t i = 0; i < ARRAY_SIZE(file_calls) && rc == 0; i++)
        rc = allow(filter, file_calls[i], 0, none);
    for (size_t i = 0; cage->git && i < ARRAY_SIZE(git_calls) && rc == 0; i++)
        rc = allow(filter, git_calls[i], 0, none);
    for (size_t i = 0; i < ARRAY_SIZE(controls) && rc == 0; i++)
        rc = allow(filter, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)controls[i]));
    if (rc == 0)
        rc = allow(filter, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0)
        rc = allow(filter, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0)
        rc = allow(filter, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_OTHERS, 0));
    /* A fifo, which archives of root file systems may hold; no device, no socket. */
    if (rc == 0)
        rc = allow(filter, SCMP_SYS(mknodat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
    /* Newer than some kernels and libraries, which go on without. */
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return rc;
}

static int filter_calls(const struct cage *cage, struct error *err)
{
    _cleanup_(release_filter) scmp_filter_ctx filter = seccomp_init(OTHERWISE);
    int rc = filter == NULL ? -ENOMEM : seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);

    if (rc == 0)
        rc = add_rules(filter, cage);
    if (rc == 0)
        rc = seccomp_load(filter);
    return rc == 0 ? 0 : error_errno(err, -rc, "cannot filter system calls");
}

void cage_reset_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int cage_enter(const struct cage *cage, struct error *err)
{
    if (change_root(cage->folder, cage->read_only, err) < 0 ||
        enter_namespace(cage->userns_fd, err) < 0 || set_limits(cage, err) < 0 ||
        end_with_parent(cage->told_fd, err) < 0)
        return -1;
    return filter_calls(cage, err);
}
