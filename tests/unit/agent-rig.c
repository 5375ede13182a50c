#include "agent-rig.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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

#define AWAIT_SECONDS 60

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 64), 0);
    return fd;
}

void rig_open_bare(struct rig *rig, int *ret_fd)
{
    struct error err = ERROR_INIT;

    memset(rig, 0, sizeof(*rig));
    snprintf(rig->folder, sizeof(rig->folder), "/tmp/codeset-agent-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->folder));
    snprintf(rig->socket, sizeof(rig->socket), "%s/socket", rig->folder);
    snprintf(rig->work, sizeof(rig->work), "%s/work", rig->folder);
    CU_ASSERT_EQUAL_FATAL(mkdir(rig->work, 0755), 0);
    rig->base = event_base_new();
    rig->client = agent_client_new(rig->base, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig->client);
    *ret_fd = listen_at(rig->socket);
}

void rig_open(struct rig *rig)
{
    struct outcome hello = {0};
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
    agent_hello(rig->client, rig->socket, 10000, rig_on_hello, &hello);
    rig_await(rig, &hello);
    CU_ASSERT_EQUAL_FATAL(hello.err.kind, ERROR_NONE);
    outcome_release(&hello);
}

void rig_close(struct rig *rig)
{
    struct error err = ERROR_INIT;

    if (rig->agent > 0) {
        CU_ASSERT_EQUAL(waitpid(rig->agent, NULL, WNOHANG), 0);
        kill(rig->agent, SIGKILL);
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

void rig_on_hello(const struct error *err, void *arg)
{
    ended(err, arg);
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
    return (struct agent_command){.id = id,
                                  .command = command,
                                  .command_length = strlen(command),
                                  .workdir = rig->work,
                                  .env_json = "[\"PATH=/usr/bin:/bin\"]",
                                  .timeout_seconds = 30};
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
    agent_run(rig->client, rig->socket, &command, false, rig_on_run, outcome);
    rig_await(rig, outcome);
    agent_forget(rig->client, rig->socket, id);
    CU_ASSERT_EQUAL(outcome->err.kind, ERROR_NONE);
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
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* An argument that begins with the text; not the shell whose script mentions it. */
static bool process_there(const char *text)
{
    char needle[64] = {'\0'};
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    bool found = false;

    snprintf(needle + 1, sizeof(needle) - 1, "%s", text);
    while (!found && (entry = readdir(dir))) {
        _cleanup_(buf_release) struct buf arguments = BUF_INIT;
        struct error err = ERROR_INIT;
        char path[300];

        snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            file_read(AT_FDCWD, path, 1 << 20, &arguments, &err) == 0)
            found = memmem(arguments.data, arguments.length, needle, strlen(text) + 1) != NULL;
    }
    closedir(dir);
    return found;
}

bool rig_process_is(const char *text, bool wanted)
{
    int64_t deadline = clock_monotonic() + 5 * CLOCK_SECOND;
    const struct timespec pause = {.tv_nsec = 2000000};

    while (process_there(text) != wanted) {
        if (clock_monotonic() > deadline)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}
