#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "images/images.h"
#include "tars.h"

#include "base/banned.h"

extern char **environ;

const struct container_limits fixture_limits = {.memory_bytes = 64 << 20,
                                                .disk_bytes = 64 << 20,
                                                .disk_inodes = 4096,
                                                .processes = 64,
                                                .cpu_millicores = 1000};

static void must(int rc, const struct error *err)
{
    if (rc < 0) {
        fprintf(stderr, "the tests cannot run: %s\n", err->message);
        abort();
    }
}

static void put(char **setting, char *value)
{
    free(*setting);
    *setting = value;
}

static void link_program(const struct fixture *fixture, const char *target, const char *name)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/bin/%s", fixture->dir, name);
    struct error err = ERROR_INIT;

    if (symlink(target, path) < 0)
        must(error_errno(&err, errno, "cannot link %s", path), &err);
}

void fixture_restart(struct fixture *fixture)
{
    struct error err = ERROR_INIT;

    containers_free(fixture->engine);
    fixture->engine = containers_new(fixture->base, &fixture->settings.engine, &err);
    must(fixture->engine ? 0 : -1, &err);
}

void fixture_use_agent(struct fixture *fixture, const char *program)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/bin/codeset-agent", fixture->dir);
    _cleanup_(free_ptr) char *target = xasprintf(BUILD_DIR "/%s", program);

    unlink(path);
    link_program(fixture, target, "codeset-agent");
    fixture_restart(fixture);
}

static void write_config(const struct fixture *fixture, const char *path, const char *more)
{
    const struct engine_settings *settings = &fixture->settings.engine;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    buf_addf(&text,
             "[engine]\nengined_socket = %s\nengined_user = %d\nimage_dir = %s\nstate_dir = %s\n"
             "scratch_dir = %s\nagent_path = %s\nruntime = %s\ncgroup_parent = %s\n%s",
             fixture->socket, FIXTURE_ASKER, settings->image_dir, settings->state_dir,
             settings->scratch_dir, settings->agent_path, settings->runtime,
             settings->cgroup_parent, more);
    must(file_write_atomic(AT_FDCWD, path, text.data, text.length, 0644, &err), &err);
}

int fixture_connect(const struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, fixture->socket, strlen(fixture->socket));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return TAKE_FD(fd);
}

void fixture_run_engined(struct fixture *fixture, const char *more)
{
    _cleanup_(free_ptr) char *config = xasprintf("%s/codeset.conf", fixture->dir);
    _cleanup_(free_ptr) char *log = xasprintf("%s/engined.log", fixture->dir);
    char *const args[] = {(char *)"codeset-engined", (char *)"--config", config, NULL};
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;
    posix_spawn_file_actions_t actions;
    struct error err = ERROR_INIT;
    int fd;

    write_config(fixture, config, more);
    unlink(fixture->socket);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (posix_spawn(&fixture->engined, BUILD_DIR "/codeset-engined", &actions, NULL, args,
                    environ) != 0)
        must(error_set(&err, ERROR_INTERNAL, NULL, "cannot run codeset-engined"), &err);
    posix_spawn_file_actions_destroy(&actions);
    while ((fd = fixture_connect(fixture)) < 0) {
        if (clock_monotonic() > deadline || waitpid(fixture->engined, NULL, WNOHANG) != 0)
            must(error_set(&err, ERROR_INTERNAL, NULL, "codeset-engined does not come up; see %s",
                           log),
                 &err);
        poll(NULL, 0, 1);
    }
    close(fd);
}

void fixture_end_engined(struct fixture *fixture, int signal_number)
{
    struct error err = ERROR_INIT;
    int status = 0;

    kill(fixture->engined, signal_number);
    waitpid(fixture->engined, &status, 0);
    if (signal_number == SIGTERM && status != 0) /* a leak, for a sanitized one, is no good end */
        must(error_set(&err, ERROR_INTERNAL, NULL,
                       "codeset-engined ended with status %#x; see %s/engined.log",
                       (unsigned)status, fixture->dir),
             &err);
}

void fixture_open(struct fixture *fixture, const char *tag)
{
    struct error err = ERROR_INIT;
    _cleanup_(free_ptr) char *bin = NULL;
    _cleanup_(free_ptr) char *tar = NULL;

    memset(fixture, 0, sizeof(*fixture));
    fixture->dir = xstrdup("/tmp/cse-XXXXXX");
    if (mkdtemp(fixture->dir) == NULL || chmod(fixture->dir, 0711) < 0)
        must(error_errno(&err, errno, "cannot make a folder"), &err);
    must(settings_load("/dev/null", &fixture->settings, &err), &err);
    put(&fixture->settings.engine.image_dir, xasprintf("%s/images", fixture->dir));
    put(&fixture->settings.engine.state_dir, xasprintf("%s/run", fixture->dir));
    put(&fixture->settings.engine.scratch_dir, xasprintf("%s/scratch", fixture->dir));
    put(&fixture->settings.engine.agent_path, xasprintf("%s/bin/codeset-agent", fixture->dir));
    put(&fixture->settings.engine.cgroup_parent, xasprintf("/cse-%s-%d", tag, (int)getpid()));
    if (getenv("CODESET_TEST_RUNTIME") != NULL)
        put(&fixture->settings.engine.runtime, xstrdup(getenv("CODESET_TEST_RUNTIME")));
    fixture->settings.engine.disk_reserve_bytes = 0;
    fixture->socket = xasprintf("%s/engined.sock", fixture->dir);
    bin = xasprintf("%s/bin", fixture->dir);
    must(make_dirs(bin, 0755, &err), &err);
    link_program(fixture, BUILD_DIR "/codeset-container", "codeset-container");
    link_program(fixture, BUILD_DIR "/codeset-unpack", "codeset-unpack");
    fixture->base = event_base_new();
    fixture_use_agent(fixture, "tests/engine/init");
    tar = xasprintf("%s/busybox.tar.gz", fixture->dir);
    tar_write_busybox(tar);
    must(image_import(&fixture->settings.engine, "busybox", tar, NULL, false, NULL, NULL, &err),
         &err);
}

/* Does a line of the file hold the text? A file that is gone by now, as that of another test's loop
 * device may be, holds nothing. */
static bool mentions(const char *file, const char *text)
{
    _cleanup_(buf_release) struct buf content = BUF_INIT;
    struct error err = ERROR_INIT;

    if (file_read(AT_FDCWD, file, 16 << 20, &content, &err) == 0)
        return strstr(content.data, text) != NULL;
    must(err.sys_errno == ENOENT || err.sys_errno == ENODEV || err.sys_errno == ENXIO ? 0 : -1,
         &err);
    return false;
}

static bool mount_left(const struct fixture *fixture)
{
    return mentions("/proc/self/mountinfo", fixture->dir);
}

static void count_one(const char *name, void *arg)
{
    fprintf(stderr, "left behind: %s\n", name);
    ++*(int *)arg;
}

static bool loop_left(const struct fixture *fixture)
{
    for (int i = 0; i < 1024; i++) {
        _cleanup_(free_ptr) char *path = xasprintf("/sys/block/loop%d/loop/backing_file", i);

        if (access(path, F_OK) == 0 && mentions(path, fixture->dir))
            return true;
    }
    return false;
}

/* Does it stay? The kernel lets go of a loop device that somebody else was just looking at, and of
 * the last process of a cgroup, a moment later. */
static bool stays(bool (*left)(const struct fixture *fixture), const struct fixture *fixture,
                  const char *what)
{
    int64_t deadline = clock_monotonic() + 10 * CLOCK_SECOND;
    const struct timespec pause = {.tv_nsec = 20000000};

    while (left(fixture)) {
        if (clock_monotonic() > deadline) {
            fprintf(stderr, "left behind: %s of %s\n", what, fixture->dir);
            return true;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

/* The parent has to be empty by now, in every hierarchy. */
static bool cgroup_left(const struct fixture *fixture)
{
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    struct error err = ERROR_INIT;
    bool left = false;

    must(cgroup_fs_open(&fs, &err), &err);
    for (int i = 0; i < fs.count; i++) {
        _cleanup_(free_ptr) char *path =
            xasprintf("%s%s", fs.mounts[i], fixture->settings.engine.cgroup_parent);

        if (rmdir(path) < 0 && errno != ENOENT)
            left = true;
    }
    return left;
}

bool fixture_close(struct fixture *fixture)
{
    struct error err = ERROR_INIT;
    int left = 0;

    must(containers_list(fixture->engine, count_one, &left, &err), &err);
    left += stays(mount_left, fixture, "a mount");
    left += stays(loop_left, fixture, "a loop device");
    left += stays(cgroup_left, fixture, "a cgroup");
    containers_free(fixture->engine);
    event_base_free(fixture->base);
    must(remove_tree(fixture->dir, &err), &err);
    settings_release(&fixture->settings);
    free(fixture->socket);
    free(fixture->dir);
    return left == 0;
}

struct waiting {
    struct fixture *fixture;
    bool done;
    int rc;
};

static void on_done(const struct error *err, void *arg)
{
    struct waiting *waiting = arg;

    if (err != NULL) {
        waiting->fixture->last = *err;
        fprintf(stderr, "(%s: %s) ", error_kind_name(err->kind), err->message);
    }
    waiting->rc = err ? -1 : 0;
    waiting->done = true;
}

static void on_tick(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    event_base_loopbreak(arg);
}

bool fixture_wait(struct fixture *fixture, const bool *flag, int seconds)
{
    int64_t deadline = clock_monotonic() + seconds * CLOCK_SECOND;
    const struct timeval tick = {.tv_usec = 100000};
    struct event *timer = event_new(fixture->base, -1, EV_PERSIST, on_tick, fixture->base);

    event_add(timer, &tick);
    while (!*flag && clock_monotonic() < deadline)
        event_base_loop(fixture->base, EVLOOP_ONCE);
    event_free(timer);
    return *flag;
}

static int wait_done(struct waiting *waiting)
{
    if (fixture_wait(waiting->fixture, &waiting->done, 180))
        return waiting->rc;
    fprintf(stderr, "the engine did not call back\n");
    abort();
}

int fixture_start(struct fixture *fixture, const char *name, const char *image,
                  const struct container_limits *limits)
{
    struct waiting waiting = {.fixture = fixture};

    containers_start(fixture->engine, name, image, limits, on_done, &waiting);
    return wait_done(&waiting);
}

int fixture_clear(struct fixture *fixture, const char *name)
{
    struct waiting waiting = {.fixture = fixture};

    containers_clear(fixture->engine, name, on_done, &waiting);
    return wait_done(&waiting);
}

int fixture_stop(struct fixture *fixture, const char *name)
{
    struct waiting waiting = {.fixture = fixture};

    containers_stop(fixture->engine, name, on_done, &waiting);
    return wait_done(&waiting);
}

int fixture_talk(struct fixture *fixture, const char *name, const char *bytes, struct buf *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = 120};
    struct error err = ERROR_INIT;
    char path[CONTAINERS_SOCKET_SIZE];
    char chunk[4096];
    ssize_t got;

    memcpy(address.sun_path, containers_socket(fixture->engine, name, path), sizeof(path));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        fd_write_all(fd, bytes, strlen(bytes), &err) < 0 || shutdown(fd, SHUT_WR) < 0)
        return -1;
    while ((got = read(fd, chunk, sizeof(chunk))) > 0)
        buf_add(answer, chunk, (size_t)got);
    return 0;
}

int fixture_run(struct fixture *fixture, const char *name, const char *command, struct buf *output)
{
    _cleanup_(buf_release) struct buf answer = BUF_INIT;
    const char *end;

    if (fixture_talk(fixture, name, command, &answer) < 0)
        return -1;
    end = strrchr(answer.data, '[');
    if (end == NULL)
        return -1;
    if (output != NULL) {
        buf_clear(output);
        buf_add(output, answer.data, (size_t)(end - answer.data));
    }
    return (int)strtol(end + 1, NULL, 10);
}
