/*
 * What is left for somebody who has taken over codeset-unpack by an archive: attempt by attempt,
 * each in a process that is caged as it is.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/userns.h"
#include "fixture.h"
#include "images/cage.h"

#include "base/banned.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static struct fixture fixture;

struct attempt {
    const char *what;
    bool (*run)(void);      /* true: it got what it wanted */
    bool is_seen_by_filter; /* the process dies of it */
};

/* The caged child's wait status. */
static int status_of_caged(bool (*attempt)(void))
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/cage", fixture.dir);
    _cleanup_(userns_release) struct userns space = USERNS_INIT;
    int64_t owner = fixture.settings.engine.uid_base;
    struct error err = ERROR_INIT;
    int told[2], status = 0;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(make_dirs(folder, 0755, &err), 0);
    CU_ASSERT_EQUAL_FATAL(chown(folder, (uid_t)owner, (gid_t)owner), 0);
    CU_ASSERT_EQUAL_FATAL(userns_make(0, owner, &space, &err), 0);
    CU_ASSERT_EQUAL_FATAL(pipe2(told, O_CLOEXEC), 0);
    pid = cage_fork(false);
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        const struct cage cage = {
            .folder = folder, .userns_fd = space.fd, .told_fd = told[1], .file_bytes = 1 << 20};

        signal(SIGXFSZ, SIG_IGN);
        if (cage_enter(&cage, &err) < 0)
            _exit(99);
        _exit(attempt() ? 1 : 0);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    close(told[0]);
    close(told[1]);
    remove_tree(folder, &err);
    return status;
}

static bool wants_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool wants_to_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/mysqld/mysqld.sock"};

    return connect(0, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static bool wants_shadow(void)
{
    return open("/etc/shadow", O_RDONLY) >= 0;
}

static bool wants_what_all_may_read(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0 || open("../../../../../etc/passwd", O_RDONLY) >= 0 ||
           open("/proc/self/status", O_RDONLY) >= 0;
}

static bool wants_a_shell(void)
{
    char *const arguments[] = {(char *)"sh", NULL};

    execv("/bin/sh", arguments);
    return false;
}

static bool wants_to_execute_what_it_wrote(void)
{
    char *const arguments[] = {(char *)"x", NULL};
    int fd = open("/x", O_WRONLY | O_CREAT, 0755);

    if (fd < 0 || write(fd, "#!/x\n", 5) != 5 || close(fd) < 0)
        return true;
    execv("/x", arguments);
    return false;
}

static bool wants_a_mount(void)
{
    return mount("none", "/", "tmpfs", 0, NULL) == 0;
}

static bool wants_another_root(void)
{
    return chroot("/") == 0;
}

static bool wants_a_user_namespace(void)
{
    return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0;
}

static bool wants_to_leave_its_namespace(void)
{
    return setns(0, 0) == 0;
}

static bool wants_to_unshare(void)
{
    return unshare(CLONE_NEWUSER) == 0;
}

static bool wants_to_trace(void)
{
    return ptrace(PTRACE_ATTACH, 1, 0, 0) == 0;
}

static bool wants_executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool wants_more_memory(void)
{
    return mmap(NULL, (size_t)2 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

static bool wants_a_device(void)
{
    return mknod("/sda", S_IFBLK | 0600, makedev(8, 0)) == 0;
}

static bool wants_a_socket_file(void)
{
    return mknod("/s", S_IFSOCK | 0600, 0) == 0;
}

static bool wants_a_file_of_the_hosts_root(void)
{
    int fd = open("/f", O_RDWR | O_CREAT, 0600);

    /* 65536 would be the container's after the image store's, or somebody's. */
    return fd < 0 || fchown(fd, 65536, 0) == 0 || fchown(fd, 70000, 0) == 0;
}

static bool wants_a_large_file(void)
{
    int fd = open("/f", O_RDWR | O_CREAT, 0600);

    return fd < 0 || ftruncate(fd, 2 << 20) == 0 || pwrite(fd, "x", 1, 2 << 20) == 1;
}

static bool wants_many_processes(void)
{
    for (int i = 0; i < 16; i++) {
        pid_t pid = fork();

        if (pid < 0)
            return false;
        if (pid == 0)
            for (;;)
                (void)lseek(0, 0, SEEK_CUR);
    }
    return true;
}

static bool wants_to_end_others(void)
{
    /* Init of its own namespace is itself, so all that is left is nobody. */
    return kill(-1, SIGKILL) == 0;
}

static bool wants_more_descriptors(void)
{
    const struct rlimit limits = {.rlim_cur = 100000, .rlim_max = 100000};

    return setrlimit(RLIMIT_NOFILE, &limits) == 0;
}

static bool wants_keys(void)
{
    return syscall(SYS_add_key, "user", "a", "b", 1, -3) >= 0;
}

static bool wants_bpf(void)
{
    return syscall(SYS_bpf, 0, 0, 0) >= 0;
}

static bool wants_a_ring(void)
{
    return syscall(SYS_io_uring_setup, 1, 0) >= 0;
}

static bool wants_a_handle(void)
{
    return syscall(SYS_open_by_handle_at, 0, 0, 0) >= 0;
}

static bool wants_the_terminal(void)
{
    return syscall(SYS_ioctl, 2, 0x5412, "x") == 0;
}

static const struct attempt attempts[] = {
    {"a socket", wants_a_socket, true},
    {"to connect", wants_to_connect, true},
    {"/etc/shadow", wants_shadow, false},
    {"what all may read", wants_what_all_may_read, false},
    {"a shell", wants_a_shell, true},
    {"to execute what it wrote", wants_to_execute_what_it_wrote, true},
    {"a mount", wants_a_mount, true},
    {"another root", wants_another_root, true},
    {"a user namespace", wants_a_user_namespace, true},
    {"to leave its namespace", wants_to_leave_its_namespace, true},
    {"to unshare", wants_to_unshare, true},
    {"to trace", wants_to_trace, true},
    {"executable memory", wants_executable_memory, true},
    {"more memory", wants_more_memory, false},
    {"a device", wants_a_device, true},
    {"a socket's file", wants_a_socket_file, true},
    {"a file of others", wants_a_file_of_the_hosts_root, false},
    {"a large file", wants_a_large_file, false},
    {"many processes", wants_many_processes, false},
    {"to end others", wants_to_end_others, false},
    {"more descriptors", wants_more_descriptors, false},
    {"keys", wants_keys, true},
    {"bpf", wants_bpf, true},
    {"a ring", wants_a_ring, true},
    {"a handle", wants_a_handle, true},
    {"the terminal", wants_the_terminal, true},
};

static bool does_nothing(void)
{
    return false;
}

/* A file of an owner within the namespace is what it is for. */
static bool lays_a_file(void)
{
    int fd = open("/f", O_RDWR | O_CREAT, 0600);

    return fd >= 0 && fchown(fd, 1000, 1000) == 0 && fchmod(fd, 04755) == 0;
}

static void nothing_but_laying_files_is_left(void)
{
    int status = status_of_caged(does_nothing);

    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = status_of_caged(lays_a_file);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
        bool dies, fails;

        if (SANITIZED && attempts[i].run == wants_more_memory)
            continue;
        status = status_of_caged(attempts[i].run);
        dies = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
        fails = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (attempts[i].is_seen_by_filter ? dies || (SANITIZED && fails) : fails)
            continue;
        fprintf(stderr, "(%s: %#x) ", attempts[i].what, (unsigned)status);
        CU_FAIL("it got what it wanted, or died of something else");
    }
}

/* The same attempts, where nothing holds them, succeed: they try what they say. */
static void without_a_cage_they_would_get_it(void)
{
    CU_ASSERT_TRUE(wants_a_socket());
    CU_ASSERT_TRUE(wants_shadow());
    CU_ASSERT_TRUE(wants_what_all_may_read());
    CU_ASSERT_TRUE(wants_executable_memory());
}

static const struct unit_test tests[] = {
    {"whoever takes it over can lay files, and nothing else", nothing_but_laying_files_is_left},
    {"without the cage the same attempts succeed", without_a_cage_they_would_get_it},
};

int main(void)
{
    int failed;

    fixture_open(&fixture, "k");
    failed = UNIT_MAIN("cage", tests);
    return fixture_close(&fixture) ? failed : 1;
}
