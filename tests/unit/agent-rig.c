#include "agent-rig.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

#include "base/banned.h"

#define AWAIT_SECONDS 180 /* an end to hangs, as are the other waits for what is bound to come */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, SOMAXCONN), 0);
    return fd;
}

void rig_open_bare(struct rig *rig, int *ret_fd)
{
    struct error err = ERROR_INIT;

    memset(rig, 0, sizeof(*rig));
    snprintf(rig->folder, sizeof(rig->folder), "/tmp/codeset-agent-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->folder));
    snprintf(rig->socket, sizeof(rig->socket), "%s/socket", rig->folder);
    snprintf(rig->address, sizeof(rig->address), "unix:%s", rig->socket);
    snprintf(rig->work, sizeof(rig->work), "%s/work", rig->folder);
    CU_ASSERT_EQUAL_FATAL(mkdir(rig->work, 0755), 0);
    rig->base = event_base_new();
    rig->client = agent_client_new(rig->base, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig->client);
    *ret_fd = listen_at(rig->socket);
}

static void rig_greet(struct rig *rig)
{
    struct outcome hello = {0};

    agent_hello(rig->client, rig->address, AWAIT_SECONDS * 1000, rig_on_hello, &hello);
    rig_await(rig, &hello);
    CU_ASSERT_EQUAL_FATAL(hello.err.kind, ERROR_NONE);
    outcome_release(&hello);
}

void rig_open(struct rig *rig)
{
    int fd;

    rig_open_bare(rig, &fd);
    rig->agent = fork();
    CU_ASSERT_FATAL(rig->agent >= 0);
    if (rig->agent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing behind */
        if (fd == 3)
            fcntl(fd, F_SETFD, 0);
        else
            dup2(fd, 3);
        execl(AGENT_PROGRAM, "codeset-agent", (char *)NULL);
        _exit(127);
    }
    close(fd);
    rig_greet(rig);
}

/* ---- a container, as small as can be ---- */

#define CONTAINER_UID 1234560000
#define BUSYBOX "/bin/busybox"
#define CAPABILITY(number) (UINT64_C(1) << (number))
#define CONTAINER_CAPABILITIES                                                                     \
    (CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_DAC_OVERRIDE) | CAPABILITY(CAP_FOWNER) |               \
     CAPABILITY(CAP_KILL) | CAPABILITY(CAP_SETGID) | CAPABILITY(CAP_SETUID))

static pid_t container_init;

static void end_container(int signal)
{
    (void)signal;
    kill(container_init, SIGKILL);
}

static int run_shell(const char *command)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    return status;
}

static void lay_root(const char *root, bool furnished)
{
    char command[1024];

    snprintf(command, sizeof(command),
             "set -e; cd %s; cp %s agent; chmod 111 agent; mkdir -p work; if %s; then mkdir -p bin "
             "proc dev tmp; "
             "cp %s bin/busybox; chroot . /bin/busybox --install -s /bin; "
             "mknod -m 666 dev/null c 1 3; fi; chown -hR %d:%d .",
             root, AGENT_STATIC, furnished ? "true" : "false", BUSYBOX, CONTAINER_UID,
             CONTAINER_UID);
    CU_ASSERT_EQUAL_FATAL(run_shell(command), 0);
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        _exit(126);
    close(fd);
}

/* In the new namespaces: becomes the agent. */
static _Noreturn void contained_agent(const char *root, bool furnished, int processes)
{
    const struct rlimit most = {(rlim_t)processes, (rlim_t)processes};

    /* The death signal after the ids, whose change clears it. */
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (!(CONTAINER_CAPABILITIES & CAPABILITY(capability)))
            prctl(PR_CAPBSET_DROP, capability);
    if (setgid(0) < 0 || setuid(0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chroot(root) < 0 ||
        chdir("/") < 0 || (furnished && mount("proc", "/proc", "proc", 0, NULL) < 0) ||
        setrlimit(RLIMIT_NPROC, &most) < 0)
        _exit(126);
    execl("/agent", "codeset-agent", (char *)NULL);
    _exit(127);
}

static _Noreturn void container_parent(const char *root, bool furnished, int processes)
{
    char map[64], path[64];
    int ready[2], mapped[2], status;
    pid_t child;
    char c = 0;

    if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(mapped, O_CLOEXEC) < 0)
        _exit(126);
    child = fork();
    if (child == 0) {
        /* Maps the ids of its parent, from outside the new user namespace; ends with it. */
        close(ready[1]);
        if (read(ready[0], &c, 1) != 1)
            _exit(126);
        snprintf(map, sizeof(map), "0 %d 65536", CONTAINER_UID);
        snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)getppid());
        write_text(path, map);
        snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)getppid());
        write_text(path, map);
        _exit(0);
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC) < 0 ||
        write(ready[1], &c, 1) != 1 || waitpid(child, &status, 0) < 0 || status != 0)
        _exit(126);
    container_init = child = fork();
    if (child == 0)
        contained_agent(root, furnished, processes);
    signal(SIGTERM, end_container);
    close(3);
    while (waitpid(child, &status, 0) < 0)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 125);
}

void rig_open_container(struct rig *rig, bool furnished, int processes)
{
    char root[96];
    int fd;

    rig_open_bare(rig, &fd);
    rig->contained = true;
    CU_ASSERT_EQUAL_FATAL(chmod(rig->folder, 0755), 0);
    snprintf(root, sizeof(root), "%s/root", rig->folder);
    CU_ASSERT_EQUAL_FATAL(mkdir(root, 0755), 0);
    lay_root(root, furnished);
    snprintf(rig->work, sizeof(rig->work), "/work");
    rig->agent = fork();
    CU_ASSERT_FATAL(rig->agent >= 0);
    if (rig->agent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd == 3)
            fcntl(fd, F_SETFD, 0);
        else
            dup2(fd, 3);
        container_parent(root, furnished, processes);
    }
    close(fd);
    rig_greet(rig);
}

void rig_close(struct rig *rig)
{
    struct error err = ERROR_INIT;

    if (rig->agent > 0) {
        CU_ASSERT_EQUAL(waitpid(rig->agent, NULL, WNOHANG), 0);
        kill(rig->agent, rig->contained ? SIGTERM : SIGKILL);
        waitpid(rig->agent, NULL, 0);
    }
    agent_client_free(rig->client);
    event_base_free(rig->base);
    CU_ASSERT_EQUAL(remove_tree(rig->folder, &err), 0);
}

void outcome_release(struct outcome *outcome)
{
    buf_release(&outcome->out);
    buf_release(&outcome->errors);
    buf_release(&outcome->message);
    memset(outcome, 0, sizeof(*outcome));
}

static struct outcome *ended(const struct error *err, void *arg)
{
    struct outcome *outcome = arg;

    CU_ASSERT_FALSE(outcome->done); /* each call calls back once */
    outcome_release(outcome);
    outcome->out = outcome->errors = outcome->message = (struct buf)BUF_INIT;
    outcome->done = true;
    if (err)
        outcome->err = *err;
    return outcome;
}

void rig_on_hello(const struct error *err, int protocol, void *arg)
{
    ended(err, arg)->protocol = protocol;
}

void rig_on_run(const struct error *err, const struct agent_result *result, void *arg)
{
    struct outcome *outcome = ended(err, arg);

    CU_ASSERT_EQUAL(!err, !!result);
    if (!result)
        return;
    buf_add(&outcome->out, result->out, result->out_length);
    buf_add(&outcome->errors, result->err, result->err_length);
    if (result->message)
        buf_add_str(&outcome->message, result->message);
    outcome->result = *result;
    outcome->result.out = outcome->result.err = outcome->result.message = NULL;
}

void rig_on_file(const struct error *err, bool success, const char *message, int64_t size_bytes,
                 void *arg)
{
    struct outcome *outcome = ended(err, arg);

    outcome->success = success;
    outcome->size = size_bytes;
    if (message)
        buf_add_str(&outcome->message, message);
}

void rig_on_tail(const struct error *err, const char *text, size_t length, int64_t total, void *arg)
{
    struct outcome *outcome = ended(err, arg);

    if (!err)
        buf_add(&outcome->out, text, length);
    outcome->size = total;
}

void rig_on_tree(const struct error *err, void *arg)
{
    ended(err, arg);
}

static void too_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

void rig_await(struct rig *rig, struct outcome *outcome)
{
    const struct timeval most = {.tv_sec = AWAIT_SECONDS};
    bool late = false;
    struct event *timer = evtimer_new(rig->base, too_late, &late);

    evtimer_add(timer, &most);
    while (!outcome->done && !late)
        event_base_loop(rig->base, EVLOOP_ONCE);
    event_free(timer);
    CU_ASSERT_TRUE_FATAL(outcome->done);
}

struct agent_command rig_command(const struct rig *rig, const char *id, const char *command)
{
    static char env[64];

    snprintf(env, sizeof(env), "[\"PATH=/usr/bin:/bin\",\"MARK=%d\"]", (int)getpid());
    return (struct agent_command){.id = id,
                                  .command = command,
                                  .command_length = strlen(command),
                                  .workdir = rig->work,
                                  .env_json = env,
                                  .timeout_seconds = AWAIT_SECONDS};
}

void rig_run(struct rig *rig, struct outcome *outcome, int timeout_seconds, const char *text)
{
    static unsigned number;
    struct agent_command command;
    char id[32];

    snprintf(id, sizeof(id), "run-%u", ++number);
    command = rig_command(rig, id, text);
    command.timeout_seconds = timeout_seconds;
    outcome_release(outcome);
    agent_run(rig->client, rig->address, &command, false, rig_on_run, outcome);
    rig_await(rig, outcome);
    agent_forget(rig->client, rig->address, id);
    CU_ASSERT_EQUAL(outcome->err.kind, ERROR_NONE);
}

static const char *next_id(char id[32])
{
    static unsigned number;

    snprintf(id, 32, "file-%u", ++number);
    return id;
}

struct agent_call *rig_replace(struct rig *rig, struct outcome *outcome, const char *path,
                               const char *old_text, const char *new_text)
{
    char id[32];
    const struct agent_replacement replacement = {.id = next_id(id),
                                                  .path = path,
                                                  .workdir = rig->work,
                                                  .old_text = old_text,
                                                  .old_length = strlen(old_text),
                                                  .new_text = new_text,
                                                  .new_length = strlen(new_text)};

    outcome_release(outcome);
    return agent_replace(rig->client, rig->address, &replacement, rig_on_file, outcome);
}

struct agent_call *rig_upload(struct rig *rig, struct outcome *outcome, const char *path,
                              bool executable, const void *bytes, size_t size)
{
    char id[32];
    const struct agent_upload upload = {.id = next_id(id),
                                        .path = path,
                                        .workdir = rig->work,
                                        .executable = executable,
                                        .bytes = bytes,
                                        .size = size};

    outcome_release(outcome);
    return agent_upload(rig->client, rig->address, &upload, rig_on_file, outcome);
}

long rig_memory(const struct rig *rig)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    const char *line;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)rig->agent);
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 65536, &text, &err), 0);
    line = strstr(text.data, "Anonymous:");
    return line ? strtol(line + 10, NULL, 10) : -1;
}

int rig_descriptors(const struct rig *rig)
{
    char path[64];
    int count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)rig->agent);
    dir = opendir(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    if (!dir)
        return -1;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* One with this argument; not the shell whose script mentions it. */
static pid_t process_there(const char *argument)
{
    char needle[64] = {'\0'};
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    pid_t found = 0;

    snprintf(needle + 1, sizeof(needle) - 1, "%s", argument);
    while (!found && (entry = readdir(dir))) {
        _cleanup_(buf_release) struct buf arguments = BUF_INIT;
        struct error err = ERROR_INIT;
        char path[300];

        snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            file_read(AT_FDCWD, path, 1 << 20, &arguments, &err) == 0 &&
            memmem(arguments.data, arguments.length, needle, strlen(argument) + 2))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(dir);
    return found;
}

static bool becomes(int seconds, bool wanted, pid_t *pid)
{
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;
    const struct timespec pause = {.tv_nsec = 2000000};
    char argument[32];

    snprintf(argument, sizeof(argument), "%d.%d", seconds, (int)getpid());
    while (((*pid = process_there(argument)) != 0) != wanted) {
        if (clock_monotonic() > deadline)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

bool rig_sleeps(int seconds, bool wanted)
{
    pid_t pid;

    return becomes(seconds, wanted, &pid);
}

pid_t rig_sleeper(int seconds)
{
    pid_t pid;

    return becomes(seconds, true, &pid) ? pid : 0;
}
