/*
 * What a confined process, as codeset-grader is, can still do.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/file.h"
#include "base/mem.h"
#include "reaper/grader.h"
#include "unit.h"

#include "base/banned.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* --- what a confined process can do ---------------------------------------------------------- */

/* What came of a function that a confined child ran; it says whether it got what it wanted. */
static int status_of_confined(bool (*attempt)(long number), long number)
{
    pid_t pid = fork();
    int status = 0;

    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        struct error err = ERROR_INIT;

        if (confine(&(struct confinement){.cpu_seconds = GRADER_CPU_SECONDS}, &err) < 0)
            _exit(99);
        _exit(attempt(number) ? 1 : 0);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    return status;
}

/* It died of the attempt. A sanitizer's process may live on, but without what it wanted. */
static bool is_refused(bool (*attempt)(long number), long number)
{
    int status = status_of_confined(attempt, number);

    return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) || (SANITIZED && status == 0);
}

static bool attempt_any(long number)
{
    return syscall(number, 0, 0, 0, 0, 0, 0) >= 0 || errno != EPERM;
}

static bool is_allowed_call(long number)
{
    /* uretprobe and uprobe: newer kernels' own, for functions that root watches; they pass every
     * filter and end a process that makes them itself. */
    static const long kernels[] = {335, 336};
    static const long allowed[] = {SYS_read,      SYS_write,     SYS_mmap,   SYS_mprotect,
                                   SYS_brk,       SYS_munmap,    SYS_mremap, SYS_madvise,
                                   SYS_getrandom, SYS_exit_group};
    static const long sanitizers[] = {SYS_futex, SYS_sched_yield, SYS_sigaltstack, SYS_gettid,
                                      SYS_getpid};

    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
        if (number == allowed[i])
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
        if (number == kernels[i])
            return true;
    for (size_t i = 0; SANITIZED && i < ARRAY_SIZE(sanitizers); i++)
        if (number == sanitizers[i])
            return true;
    return false;
}

static void no_system_call_but_ten_is_left(void)
{
    for (long number = 0; number < 512; number++)
        if (!is_allowed_call(number) && !is_refused(attempt_any, number)) {
            fprintf(stderr, "system call %ld\n", number);
            CU_FAIL("a system call that is not refused");
        }
}

static bool attempt_connect(long number)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(3306), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)number;
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static bool attempt_connect_to_a_path(long number)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/mysqld/mysqld.sock"};

    (void)number;
    return connect(STDIN_FILENO, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static bool attempt_open(long number)
{
    (void)number;
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool attempt_write_a_file(long number)
{
    (void)number;
    return open("/tmp/codeset-grader-was-here", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool attempt_exec(long number)
{
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)"exit 1", NULL};

    (void)number;
    execv("/bin/sh", arguments);
    return false;
}

static bool attempt_fork(long number)
{
    long child;

    (void)number;
    child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        syscall(SYS_exit_group, 0);
    return child > 0;
}

static bool attempt_kill(long number)
{
    (void)number;
    return syscall(SYS_kill, 1, 0) == 0;
}

static bool attempt_executable_memory(long number)
{
    (void)number;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool attempt_to_make_memory_executable(long number)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)number;
    return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool attempt_to_read_its_output(long number)
{
    char byte;

    (void)number;
    return read(STDOUT_FILENO, &byte, 1) >= 0;
}

static bool attempt_to_write_elsewhere(long number)
{
    return write((int)number, "x", 1) == 1;
}

static bool attempt_to_raise_a_limit(long number)
{
    const struct rlimit limit = {.rlim_cur = 9, .rlim_max = 9};

    (void)number;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void a_confined_process_reaches_nothing(void)
{
    CU_ASSERT(is_refused(attempt_connect, 0));
    CU_ASSERT(is_refused(attempt_connect_to_a_path, 0));
    CU_ASSERT(is_refused(attempt_open, 0));
    CU_ASSERT(is_refused(attempt_write_a_file, 0));
    CU_ASSERT(is_refused(attempt_exec, 0));
    CU_ASSERT(is_refused(attempt_fork, 0));
    CU_ASSERT(is_refused(attempt_kill, 0));
    CU_ASSERT(is_refused(attempt_executable_memory, 0));
    CU_ASSERT(is_refused(attempt_to_make_memory_executable, 0));
    CU_ASSERT(is_refused(attempt_to_read_its_output, 0));
    CU_ASSERT(is_refused(attempt_to_write_elsewhere, STDIN_FILENO));
    CU_ASSERT(is_refused(attempt_to_write_elsewhere, 3));
    CU_ASSERT(is_refused(attempt_to_raise_a_limit, 0));
    CU_ASSERT_EQUAL(access("/tmp/codeset-grader-was-here", F_OK), -1);
}

static int status_with_file(bool (*attempt)(long number), long number)
{
    pid_t pid = fork();
    int status = 0;

    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        const struct confinement confinement = {.cpu_seconds = GRADER_CPU_SECONDS,
                                                .file_bytes = 1000};
        int fd = memfd_create("result", 0), other = memfd_create("other", 0);
        struct error err = ERROR_INIT;

        if (dup2(fd, CONFINE_FILE) < 0 || dup2(other, CONFINE_FILE + 1) < 0 ||
            confine(&confinement, &err) < 0)
            _exit(99);
        _exit(attempt(number) ? 1 : 0);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    return status;
}

static bool attempt_to_write_so_much(long number)
{
    static const char bytes[2000];

    return write(CONFINE_FILE, bytes, (size_t)number) == number;
}

static bool is_killed(int status, int number)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == number;
}

static void one_file_may_be_written_up_to_its_limit(void)
{
    int status = status_with_file(attempt_to_write_so_much, 1000);

    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    /* what does not fit any more is not written */
    CU_ASSERT(WEXITSTATUS(status_with_file(attempt_to_write_so_much, 1001)) == 0);
    status = status_with_file(attempt_to_write_elsewhere, CONFINE_FILE + 1);
    CU_ASSERT(is_killed(status, SIGSYS) || (SANITIZED && status == 0));
    status = status_with_file(attempt_to_write_elsewhere, STDIN_FILENO);
    CU_ASSERT(is_killed(status, SIGSYS) || (SANITIZED && status == 0));
    status = status_with_file(attempt_open, 0);
    CU_ASSERT(is_killed(status, SIGSYS) || (SANITIZED && status == 0));
}

/* The attempts above succeed where nothing forbids them: their refusal means something. */
static void an_unconfined_process_reaches_them(void)
{
    CU_ASSERT(attempt_open(0));
    CU_ASSERT(attempt_fork(0));
    CU_ASSERT(attempt_kill(0));
    CU_ASSERT(attempt_executable_memory(0));
    CU_ASSERT(attempt_to_make_memory_executable(0));
    CU_ASSERT(attempt_any(SYS_getppid));
    while (wait(NULL) > 0)
        ;
}

#if defined(__x86_64__)
static bool attempt_in_32_bits(long number)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "memory");
    return result > 0;
}

/* In another architecture's numbering a harmless number could be another call. */
static void other_doors_into_the_kernel_are_shut(void)
{
    int status = status_of_confined(attempt_in_32_bits, 20); /* getpid */

    CU_ASSERT(WIFSIGNALED(status)); /* SIGSYS, or SIGSEGV of a kernel without that door */
    CU_ASSERT(is_refused(attempt_any, 0x40000000 | SYS_getppid)); /* x32 */
}
#endif

static bool attempt_to_work(long number)
{
    char *memory = malloc((size_t)number);
    char byte;

    if (!memory)
        return false;
    memset(memory, 7, (size_t)number);
    memory = realloc(memory, 2 * (size_t)number);
    free(memory);
    return read(STDIN_FILENO, &byte, 0) == 0;
}

static void a_confined_process_can_compute(void)
{
    CU_ASSERT_EQUAL(WEXITSTATUS(status_of_confined(attempt_to_work, 64 << 20)), 1);
}

static void memory_has_an_end(void)
{
    if (!SANITIZED) /* whose shadow needs the address space */
        CU_ASSERT_EQUAL(status_of_confined(attempt_to_work, 2L << 30), 0);
}

static const struct unit_test tests[] = {
    {"no system call but ten is left", no_system_call_but_ten_is_left},
    {"a confined process reaches nothing", a_confined_process_reaches_nothing},
    {"one file may be written, up to its limit", one_file_may_be_written_up_to_its_limit},
    {"an unconfined process reaches them", an_unconfined_process_reaches_them},
#if defined(__x86_64__)
    {"other doors into the kernel are shut", other_doors_into_the_kernel_are_shut},
#endif
    {"a confined process can compute", a_confined_process_can_compute},
    {"memory has an end", memory_has_an_end},
};

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("confine", tests);
}
