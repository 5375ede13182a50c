/*
 * test-engined.c - codeset-engined as the daemon sees it, and as one who has taken the daemon over
 * does. As root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "engine/oci.h"
#include "engined/server.h"
#include "fixture.h"
#include "wire/engined.h"

#include "base/banned.h"

#define ASKER FIXTURE_ASKER
#define STRANGER 60778
#define MIB (INT64_C(1) << 20)

static struct fixture fixture;
static struct engine *engine;

/* Less than the least that the tests ask for, so that it shows. */
#define CAPS "memory_bytes = 128M\nprocesses = 100\n"

static char lines[256]; /* of the settings that it runs with */

static void run_engined(void)
{
    fixture_run_engined(&fixture, lines);
}

static void end_engined(int signal_number)
{
    fixture_end_engined(&fixture, signal_number);
}

static void set_lines(const char *more)
{
    snprintf(lines, sizeof(lines), CAPS "%s", more);
}

static void restart_with(const char *more)
{
    end_engined(SIGTERM);
    set_lines(more);
    run_engined();
}

/* --- asking as the daemon does --------------------------------------------------------------- */

struct answer {
    bool done;
    enum error_kind failed;
    char code[64], message[512];
    bool running;
    char address[128], environment[1024], ended_code[64], ended_message[512];
    int64_t image_time, disk_bytes;
    size_t count;
    struct engine_watch **watch; /* to be taken from the answer, if not NULL */
    struct container_ref ref;
    struct answer *end; /* told of the container's end */
};

static void note_error(struct answer *answer, const struct error *err)
{
    answer->done = true;
    if (err == NULL)
        return;
    answer->failed = err->kind;
    snprintf(answer->code, sizeof(answer->code), "%s", err->code ? err->code : "");
    snprintf(answer->message, sizeof(answer->message), "%s", err->message);
}

static void on_done(const struct error *err, void *arg)
{
    note_error(arg, err);
}

static void on_ended(const char *code, const char *message, void *arg)
{
    struct answer *end = arg;

    end->done = true;
    snprintf(end->ended_code, sizeof(end->ended_code), "%s", code ? code : "");
    snprintf(end->ended_message, sizeof(end->ended_message), "%s", message ? message : "");
}

static void on_described(const struct error *err, const struct engine_description *description,
                         void *arg)
{
    struct answer *answer = arg;

    note_error(answer, err);
    if (err != NULL)
        return;
    answer->running = description->running;
    answer->image_time = description->image_time;
    answer->disk_bytes = description->disk_bytes;
    snprintf(answer->address, sizeof(answer->address), "%s", description->address);
    snprintf(answer->environment, sizeof(answer->environment), "%s", description->environment);
    snprintf(answer->ended_code, sizeof(answer->ended_code), "%s",
             description->ended_code ? description->ended_code : "");
    if (answer->watch != NULL)
        *answer->watch =
            engine_watch(engine, answer->ref.kind, &answer->ref.id, on_ended, answer->end);
}

static void on_listed(const struct error *err, const struct container_ref *containers, size_t count,
                      void *arg)
{
    struct answer *answer = arg;

    (void)containers;
    note_error(answer, err);
    answer->count = count;
}

static void wait_for(const struct answer *answer)
{
    if (fixture_wait(&fixture, &answer->done, 180))
        return;
    fprintf(stderr, "the engine did not call back\n");
    abort();
}

static const struct engine_limits limits = {.memory_bytes = 64 << 20,
                                            .disk_bytes = 64 << 20,
                                            .disk_inodes = 4096,
                                            .processes = 64,
                                            .cpu_millicores = 1000};

static void ask_start(const struct id *id, int64_t disk_bytes, struct answer *answer)
{
    struct engine_start start = {
        .kind = CONTAINER_SESSION, .id = *id, .image = "busybox", .limits = limits};

    if (disk_bytes != 0)
        start.limits.disk_bytes = disk_bytes;
    answer->ref = (struct container_ref){.kind = CONTAINER_SESSION, .id = *id};
    engine_start(engine, &start, on_described, answer);
}

static struct answer start(const struct id *id)
{
    struct answer answer = {.done = false};

    ask_start(id, 0, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
    return answer;
}

static struct answer describe(const struct id *id, const char *image)
{
    struct answer answer = {.done = false};

    engine_describe(engine, CONTAINER_SESSION, id, image, on_described, &answer);
    wait_for(&answer);
    return answer;
}

static void stop(const struct id *id)
{
    struct answer answer = {.done = false};

    engine_stop(engine, CONTAINER_SESSION, id, on_done, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
}

static size_t list(void)
{
    struct answer answer = {.done = false};

    engine_list(engine, on_listed, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
    return answer.count;
}

static int run(const struct id *id, const char *command)
{
    char name[CONTAINER_NAME_SIZE];

    return fixture_run(&fixture, container_name(CONTAINER_SESSION, id, name), command, NULL);
}

/* --- what the daemon asks -------------------------------------------------------------------- */

static void a_container_starts_is_told_of_and_stops(void)
{
    struct id id = id_new();
    struct answer first = start(&id), again;

    CU_ASSERT(first.running);
    CU_ASSERT_EQUAL(strncmp(first.address, "unix:/", 6), 0);
    CU_ASSERT(first.image_time > 0 && first.image_time <= clock_now());
    CU_ASSERT_PTR_NOT_NULL(strstr(first.environment, "PATH="));
    CU_ASSERT_EQUAL(run(&id, "true"), 0);
    again = start(&id); /* a daemon that died half-way tries again */
    CU_ASSERT_STRING_EQUAL(again.address, first.address);
    again = describe(&id, NULL);
    CU_ASSERT_EQUAL(again.failed, ERROR_NONE);
    CU_ASSERT_EQUAL(again.image_time, first.image_time);
    CU_ASSERT_STRING_EQUAL(again.environment, first.environment);
    CU_ASSERT(again.disk_bytes > 0);
    CU_ASSERT_EQUAL(list(), 1);
    stop(&id);
    stop(&id);
    CU_ASSERT_EQUAL(list(), 0);
    CU_ASSERT_EQUAL(describe(&id, NULL).failed, ERROR_NOT_FOUND);
}

static void what_is_no_image_is_missing(void)
{
    static const char *const names[] = {
        "no-such-image", "../run", "UPPER", "",
        "a-name-that-is-longer-than-any-image-can-have-and-must-not-be-cut-0123456789"};
    struct id id = id_new();

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct engine_start asked = {
            .kind = CONTAINER_SESSION, .id = id, .image = names[i], .limits = limits};
        struct answer answer = {.done = false};

        engine_start(engine, &asked, on_described, &answer);
        CU_ASSERT_FALSE(answer.done); /* never from within the call */
        wait_for(&answer);
        CU_ASSERT_STRING_EQUAL(answer.code, "IMAGE_MISSING");
    }
    CU_ASSERT_EQUAL(list(), 0);
}

static void an_end_is_told_at_once(void)
{
    struct id id = id_new();
    struct engine_watch *watch = NULL;
    struct answer end = {.done = false};
    struct answer answer = {.watch = &watch, .end = &end};

    ask_start(&id, 0, &answer);
    wait_for(&answer);
    CU_ASSERT_PTR_NOT_NULL_FATAL(watch);
    CU_ASSERT_EQUAL(engine_oom_kills(watch), 0);
    run(&id, "dd if=/dev/zero of=/dev/null bs=200M count=1");
    CU_ASSERT_EQUAL(engine_oom_kills(watch), 1);
    CU_ASSERT_FALSE(end.done);
    run(&id, "kill -9 1 || true; kill -TERM 1");
    if (!end.done) { /* pid 1 is deaf to its own guests: from outside, then */
        _cleanup_(free_ptr) char *path =
            xasprintf("%s/cs-%s/init", fixture.settings.engine.state_dir, id.text);
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 64, &text, &err), 0);
        kill((pid_t)strtol(text.data, NULL, 10), SIGKILL);
    }
    wait_for(&end);
    CU_ASSERT_STRING_EQUAL(end.ended_code, "");
    CU_ASSERT_EQUAL(engine_oom_kills(watch), 1); /* its cgroup may be gone */
    engine_unwatch(watch);
    CU_ASSERT_FALSE(describe(&id, NULL).running);
    stop(&id);
}

/* Of one that an earlier release started nobody but the daemon knows the image. */
static void an_older_container_is_known_by_the_image_that_the_daemon_names(void)
{
    struct id id = id_new();
    struct answer first = start(&id), now;
    _cleanup_(free_ptr) char *record =
        xasprintf("%s/cs-%s/image", fixture.settings.engine.state_dir, id.text);

    CU_ASSERT_EQUAL_FATAL(unlink(record), 0);
    now = describe(&id, NULL);
    CU_ASSERT_EQUAL(now.image_time, 0);
    CU_ASSERT_STRING_EQUAL(now.environment, "[]");
    now = describe(&id, "busybox");
    CU_ASSERT_EQUAL(now.image_time, first.image_time);
    CU_ASSERT_STRING_EQUAL(now.environment, first.environment);
    stop(&id);
}

static int64_t number_in(const char *path)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    return file_read(AT_FDCWD, path, 64, &text, &err) < 0 ? -1 : strtoll(text.data, NULL, 10);
}

static int64_t limit_of(const struct id *id, bool pids)
{
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    struct error err = ERROR_INIT;
    _cleanup_(free_ptr) char *path = NULL;
    _cleanup_(free_ptr) char *name = id ? xasprintf("/cs-%s", id->text) : xstrdup("");

    if (cgroup_fs_open(&fs, &err) < 0)
        abort();
    path = xasprintf("%s%s%s/%s", pids ? fs.pids : fs.memory, fixture.settings.engine.cgroup_parent,
                     name,
                     pids    ? "pids.max"
                     : fs.v2 ? "memory.max"
                             : "memory.limit_in_bytes");
    return number_in(path);
}

static void nobody_gets_more_than_the_settings_allow(void)
{
    struct id id = id_new();
    struct engine_start asked = {.kind = CONTAINER_SESSION,
                                 .id = id,
                                 .image = "busybox",
                                 .limits = {.memory_bytes = INT64_C(1) << 40,
                                            .disk_bytes = 64 << 20,
                                            .disk_inodes = 4096,
                                            .processes = 1 << 20,
                                            .cpu_millicores = 1000}};
    struct answer answer = {.done = false};

    engine_start(engine, &asked, on_described, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
    CU_ASSERT_EQUAL(limit_of(&id, false), 128 * MIB);
    CU_ASSERT_EQUAL(limit_of(&id, true), 100);
    stop(&id);
}

static void all_together_have_a_limit(void)
{
    restart_with("memory_total_bytes = 96M\nprocesses_total = 77\n");
    CU_ASSERT_EQUAL(limit_of(NULL, false), 96 * MIB);
    CU_ASSERT_EQUAL(limit_of(NULL, true), 77);
    restart_with("");
    CU_ASSERT(limit_of(NULL, false) > 256 * MIB); /* the host's, less an eighth */
    CU_ASSERT(limit_of(NULL, true) > 100);
}

/* --- what one who has taken the daemon over asks --------------------------------------------- */

static struct engined_request a_request(enum engined_verb verb, uint64_t number)
{
    struct engined_request request;
    struct id id = id_new();

    engined_request_make(verb, number, &request);
    if (verb != ENGINED_LIST)
        engined_request_name(&request, CONTAINER_SESSION, &id, NULL);
    return request;
}

/* Is the connection at its end? Answers that came before are passed over. */
static bool is_closed(int fd)
{
    static char bytes[ENGINED_ANSWER_MAX];
    struct pollfd waiting = {.fd = fd, .events = POLLIN};

    while (poll(&waiting, 1, 60000) > 0) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

        if (got <= 0)
            return true;
    }
    return false;
}

static bool answers(int fd)
{
    struct engined_request request = a_request(ENGINED_LIST, 4711);
    static char bytes[ENGINED_ANSWER_MAX];
    struct pollfd waiting = {.fd = fd, .events = POLLIN};

    return send(fd, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request) &&
           poll(&waiting, 1, 60000) == 1 && recv(fd, bytes, sizeof(bytes), 0) > 0;
}

static void a_bad_message_ends_its_connection_and_nothing_else(void)
{
    static char large[100000];
    _cleanup_(close_fd) int other = fixture_connect(&fixture);
    struct engined_request request = a_request(ENGINED_DESCRIBE, 1);
    struct id id = id_new();

    start(&id);
    memset(large, 'x', sizeof(large));
    for (int i = 0; i < 12; i++) {
        _cleanup_(close_fd) int fd = fixture_connect(&fixture);
        struct engined_request bad = request;
        const void *bytes = &bad;
        size_t length = sizeof(bad);

        CU_ASSERT_FATAL(fd >= 0);
        switch (i) {
        case 0:
            length = 1;
            break;
        case 1:
            length = sizeof(bad) - 1;
            break;
        case 2:
            bytes = large, length = sizeof(bad) + 1;
            break;
        case 3:
            bytes = large, length = sizeof(large);
            break;
        case 4:
            bad.protocol = 0;
            break;
        case 5:
            bad.verb = 99;
            break;
        case 6:
            bad.kind = 3;
            break;
        case 7:
            memcpy(bad.id, "../../../../../../../../../../../tmp", ID_LENGTH);
            break;
        case 8:
            memcpy(bad.image, "../../etc", 9);
            break;
        case 9:
            bad.limits.processes = -1;
            break;
        case 10:
            bad.verb = ENGINED_START;
            break; /* without numbers and image */
        default:
            bytes = large, length = sizeof(bad);
            break;
        }
        CU_ASSERT_EQUAL(send(fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
        CU_ASSERT(is_closed(fd));
        CU_ASSERT(answers(other));
    }
    CU_ASSERT_EQUAL(run(&id, "true"), 0);
    CU_ASSERT_EQUAL(list(), 1);
    stop(&id);
}

/* Descriptors that are sent along are dropped: a flood of them fills nothing. */
static void descriptors_are_not_taken(void)
{
    _cleanup_(close_fd) int fd = fixture_connect(&fixture);
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/fd", (int)fixture.engined);
    struct engined_request request = a_request(ENGINED_LIST, 1);
    _cleanup_(close_fd) int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    static char bytes[ENGINED_ANSWER_MAX];
    struct stat before, after;

    CU_ASSERT(answers(fd)); /* it has accepted the connection */
    CU_ASSERT_EQUAL(stat(path, &before), 0);
    for (int i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(engined_send(fd, &request, sizeof(request), &file, 1),
                        (long)sizeof(request));
        CU_ASSERT(recv(fd, bytes, sizeof(bytes), 0) > 0);
    }
    CU_ASSERT_EQUAL(stat(path, &after), 0);
    CU_ASSERT(after.st_size <= before.st_size); /* how many are open, since Linux 6.2 */
    CU_ASSERT(answers(fd));
}

/* As that user, and in the asker's group, whom the socket's mode lets in. Exit status: 0 answered,
 * 1 closed or not let in, 2 otherwise. */
static int ask_as(uid_t uid, const struct id *id)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct engined_request request;
        static char bytes[ENGINED_ANSWER_MAX];
        int fd;

        if (setgroups(0, NULL) < 0 || setresgid(ASKER, ASKER, ASKER) < 0 ||
            setresuid(uid, uid, uid) < 0)
            _exit(2);
        fd = fixture_connect(&fixture);
        if (fd < 0)
            _exit(1);
        engined_request_make(ENGINED_DESCRIBE, 1, &request);
        engined_request_name(&request, CONTAINER_SESSION, id, NULL);
        send(fd, &request, sizeof(request), MSG_NOSIGNAL);
        _exit(recv(fd, bytes, sizeof(bytes), 0) > 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static void only_the_daemon_s_user_may_ask_and_has_the_agent_s_socket(void)
{
    struct id id = id_new();
    struct answer answer = start(&id);
    struct stat st;

    CU_ASSERT_EQUAL(ask_as(STRANGER, &id), 1);
    CU_ASSERT_EQUAL(stat(answer.address + 5, &st), 0);
    CU_ASSERT_EQUAL(st.st_uid, 0);
    CU_ASSERT_EQUAL(ask_as(ASKER, &id), 0);
    CU_ASSERT_EQUAL(stat(answer.address + 5, &st), 0);
    CU_ASSERT_EQUAL(st.st_uid, ASKER);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(describe(&id, NULL).failed, ERROR_NONE); /* root leaves it */
    CU_ASSERT_EQUAL(stat(answer.address + 5, &st), 0);
    CU_ASSERT_EQUAL(st.st_uid, ASKER);
    stop(&id);
}

static void a_flood_of_connections_hurts_nobody(void)
{
    int fds[200], open_ones = 0;
    struct id id = id_new();

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        fds[i] = fixture_connect(&fixture);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        open_ones += fds[i] >= 0 && answers(fds[i]);
    CU_ASSERT(open_ones > 0 && open_ones < SERVER_CONNECTIONS_MAX);
    start(&id); /* the daemon's own is among those that are open */
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close_fd(&fds[i]);
    stop(&id);
}

/* One that asks and asks and reads no answer is not read any more; others are answered. */
static void a_flood_of_requests_hurts_nobody(void)
{
    _cleanup_(close_fd) int fd = fixture_connect(&fixture);
    struct engined_request request = a_request(ENGINED_LIST, 1);
    long sent = 0;
    struct id id = id_new();

    for (int idle = 0; idle < 20 && sent < 1000000;) {
        struct pollfd writable = {.fd = fd, .events = POLLOUT};

        if (engined_send(fd, &request, sizeof(request), NULL, 0) > 0) {
            sent++;
            idle = 0;
        } else {
            idle += poll(&writable, 1, 20) == 0;
        }
    }
    CU_ASSERT(sent >= ENGINED_UNDER_WAY_MAX && sent < 10 * ENGINED_UNDER_WAY_MAX);
    start(&id);
    stop(&id);
}

/* One that asks, goes, and comes again has to wait until what it asked for is done. */
static void a_flood_of_requests_that_nobody_waits_for_hurts_nobody(void)
{
    int refused = 0;
    struct id id = id_new();

    for (int round = 0; round < 20; round++) {
        _cleanup_(close_fd) int fd = fixture_connect(&fixture);

        if (!answers(fd)) {
            refused++;
            continue;
        }
        for (int sent = 0; sent < ENGINED_UNDER_WAY_MAX - 8; sent++) {
            struct engined_request request = a_request(ENGINED_STOP, 1);

            CU_ASSERT_FATAL(send(fd, &request, sizeof(request), MSG_NOSIGNAL) > 0);
        }
    }
    CU_ASSERT(refused > 0);
    start(&id);
    stop(&id);
}

/* --- codeset-engined dies -------------------------------------------------------------------- */

#define AT_ONCE 6

static void killed_at_any_point_it_loses_nothing(void)
{
    for (int step = 0; step < 25; step++) {
        struct answer started[AT_ONCE] = {{.done = false}},
                      stopped[AT_ONCE / 2] = {{.done = false}};
        struct id ids[AT_ONCE];
        int64_t until;

        for (int i = 0; i < AT_ONCE; i++)
            ids[i] = id_new();
        for (int i = 0; i < AT_ONCE / 2; i++)
            start(&ids[i]);
        for (int i = 0; i < AT_ONCE / 2; i++)
            engine_stop(engine, CONTAINER_SESSION, &ids[i], on_done, &stopped[i]);
        for (int i = AT_ONCE / 2; i < AT_ONCE; i++)
            ask_start(&ids[i], 0, &started[i]);
        until = clock_monotonic() + step * 1500;
        while (clock_monotonic() < until)
            event_base_loop(fixture.base, EVLOOP_NONBLOCK);
        end_engined(SIGKILL);
        run_engined();
        for (int i = 0; i < AT_ONCE / 2; i++) {
            wait_for(&stopped[i]);
            CU_ASSERT_EQUAL(stopped[i].failed, ERROR_NONE);
        }
        for (int i = AT_ONCE / 2; i < AT_ONCE; i++) {
            wait_for(&started[i]);
            CU_ASSERT_EQUAL(started[i].failed, ERROR_NONE);
            CU_ASSERT_EQUAL(run(&ids[i], "true"), 0);
        }
        CU_ASSERT_EQUAL(list(), AT_ONCE / 2);
        for (int i = 0; i < AT_ONCE; i++)
            stop(&ids[i]);
        CU_ASSERT_EQUAL(list(), 0);
    }
}

static void an_end_is_told_while_it_is_away(void)
{
    struct id id = id_new();
    struct engine_watch *watch = NULL;
    struct answer end = {.done = false};
    struct answer answer = {.watch = &watch, .end = &end};
    _cleanup_(free_ptr) char *path =
        xasprintf("%s/cs-%s/init", fixture.settings.engine.state_dir, id.text);

    ask_start(&id, 0, &answer);
    wait_for(&answer);
    end_engined(SIGKILL);
    kill((pid_t)number_in(path), SIGKILL);
    wait_for(&end);
    run_engined();
    engine_unwatch(watch);
    stop(&id);
}

/* --- the disk -------------------------------------------------------------------------------- */

#define DEVICE_BYTES (768 * MIB)
#define RESERVE (128 * MIB)

/* A file system of its own, as large as a guest fills in a second. */
static void mount_small(const char *where, int64_t size)
{
    _cleanup_(free_ptr) char *image = xasprintf("%s/device", fixture.dir);
    _cleanup_(free_ptr) char *command = xasprintf(
        "truncate -s %lld %s && mke2fs -q -F -t ext4 -m 0 %s && mkdir -p %s && mount -o loop %s %s",
        (long long)size, image, image, where, image, where);
    char *const args[] = {(char *)"sh", (char *)"-c", command, NULL};
    pid_t pid;
    int status;

    if (posix_spawnp(&pid, "sh", NULL, NULL, args, environ) != 0 || waitpid(pid, &status, 0) < 0 ||
        status != 0 || chmod(where, 0711) < 0) {
        fprintf(stderr, "cannot mount a small file system\n");
        abort();
    }
}

static int64_t free_in(const char *path)
{
    struct statvfs fs;

    return statvfs(path, &fs) < 0 ? -1 : (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}

/* In a process of its own: the least that was free, asked for all the time until it is told to end.
 */
static pid_t watch_free(const char *path, int *ret_fd)
{
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        abort();
    pid = fork();
    if (pid == 0) {
        int64_t least = INT64_MAX;
        sigset_t end;

        sigemptyset(&end);
        sigaddset(&end, SIGTERM);
        sigprocmask(SIG_BLOCK, &end, NULL);
        for (;;) {
            const struct timespec pause = {.tv_nsec = 500000};
            int64_t now = free_in(path);

            least = now < least ? now : least;
            if (sigtimedwait(&end, NULL, &pause) == SIGTERM)
                break;
        }
        _exit(write(fds[1], &least, sizeof(least)) == sizeof(least) ? 0 : 1);
    }
    close(fds[1]);
    *ret_fd = fds[0];
    return pid;
}

static void writers_end_before_the_reserve(const char *scratch)
{
    struct id writers[2] = {id_new(), id_new()}, neighbour = id_new();
    struct engine_watch *watches[2] = {NULL, NULL};
    struct answer ends[2] = {{.done = false}, {.done = false}};
    int64_t least = 0;
    int fd;
    pid_t pid;
    struct answer after;

    start(&neighbour);
    CU_ASSERT_EQUAL(run(&neighbour, "dd if=/dev/zero of=/mine bs=1M count=8 2>/dev/null"), 0);
    for (int i = 0; i < 2; i++) {
        struct answer answer = {.watch = &watches[i], .end = &ends[i]};

        ask_start(&writers[i], 1024 * MIB, &answer);
        wait_for(&answer);
        CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
    }
    pid = watch_free(scratch, &fd);
    for (int i = 0; i < 2; i++)
        run(&writers[i], "dd if=/dev/zero of=/all bs=1M & dd if=/dev/zero of=/more bs=1M & wait");
    /* The first one's connection ends with it; then the second has the disk to itself. */
    for (int i = 0; i < 2; i++) {
        wait_for(&ends[i]);
        CU_ASSERT_STRING_EQUAL(ends[i].ended_code, "HOST_DISK_FULL");
        CU_ASSERT_PTR_NOT_NULL(strstr(ends[i].ended_message, "disk is full"));
        engine_unwatch(watches[i]);
    }
    CU_ASSERT_EQUAL(run(&neighbour, "test -s /mine && echo well >/still && sync && cat /still"), 0);
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(read(fd, &least, sizeof(least)), (ssize_t)sizeof(least));
    close(fd);
    waitpid(pid, NULL, 0);
    printf("(least free %lld of %lld MiB) ", (long long)(least / MIB), (long long)(RESERVE / MIB));
    CU_ASSERT(least >= RESERVE);

    end_engined(SIGKILL);
    run_engined();
    after = describe(&writers[0], NULL);
    CU_ASSERT_FALSE(after.running);
    CU_ASSERT_STRING_EQUAL(after.ended_code, "HOST_DISK_FULL");
    CU_ASSERT_EQUAL(run(&neighbour, "true"), 0);
    for (int i = 0; i < 2; i++)
        stop(&writers[i]);
    stop(&neighbour);
    CU_ASSERT(free_in(scratch) > DEVICE_BYTES * 8 / 10);
}

/* Starts one that may fill the disk, and hears of its end. */
static void start_writer(const struct id *id, struct engine_watch **watch, struct answer *end)
{
    struct answer answer = {.watch = watch, .end = end};

    ask_start(id, 1024 * MIB, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL_FATAL(answer.failed, ERROR_NONE);
}

/* It writes all it can. True when it was ended for it, and the reserve was not touched. */
static bool is_ended_for_writing(const char *scratch, const struct id *id, const struct answer *end)
{
    int64_t least = 0;
    bool ended;
    int fd;
    pid_t pid = watch_free(scratch, &fd);

    run(id, "dd if=/dev/zero of=/all bs=1M & dd if=/dev/zero of=/more bs=1M & wait");
    ended = fixture_wait(&fixture, &end->done, 5);
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(read(fd, &least, sizeof(least)), (ssize_t)sizeof(least));
    close(fd);
    waitpid(pid, NULL, 0);
    printf("(least free %lld of %lld MiB) ", (long long)(least / MIB), (long long)(RESERVE / MIB));
    return ended && least >= RESERVE;
}

/* Nothing is there to be watched while it waits for its turn. */
static void a_start_that_had_to_wait_is_watched(const char *scratch)
{
    struct answer stopped[100] = {{.done = false}}, end = {.done = false};
    struct engine_watch *watch = NULL;
    struct id id = id_new();

    end_engined(SIGTERM);
    run_engined();
    for (size_t i = 0; i < ARRAY_SIZE(stopped); i++) {
        struct id nobody = id_new();

        engine_stop(engine, CONTAINER_SESSION, &nobody, on_done, &stopped[i]);
    }
    start_writer(&id, &watch, &end);
    CU_ASSERT(is_ended_for_writing(scratch, &id, &end));
    CU_ASSERT_STRING_EQUAL(end.ended_code, "HOST_DISK_FULL");
    engine_unwatch(watch);
    stop(&id);
    for (size_t i = 0; i < ARRAY_SIZE(stopped); i++)
        wait_for(&stopped[i]);
}

/* A stop that takes long holds the lock of its container, which may be the one that takes most. */
static void one_that_is_worked_on_does_not_shield_another(const char *scratch)
{
    struct id ids[2] = {id_new(), id_new()};
    struct answer ends[2] = {{.done = false}, {.done = false}};
    struct engine_watch *watches[2] = {NULL, NULL};
    _cleanup_(free_ptr) char *folder =
        xasprintf("%s/cs-%s", fixture.settings.engine.state_dir, ids[0].text);
    int lock;

    restart_with("disk_reserve_bytes = 0\n");
    for (int i = 0; i < 2; i++)
        start_writer(&ids[i], &watches[i], &ends[i]);
    /* More than the other one can. */
    CU_ASSERT_EQUAL(run(&ids[0], "dd if=/dev/zero of=/all bs=1M count=360 conv=fsync"), 0);
    restart_with("disk_reserve_bytes = 128M\n");
    lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(flock(lock, LOCK_EX), 0);
    CU_ASSERT(is_ended_for_writing(scratch, &ids[1], &ends[1]));
    CU_ASSERT_FALSE(ends[0].done);
    close(lock);
    for (int i = 0; i < 2; i++) {
        engine_unwatch(watches[i]);
        stop(&ids[i]);
    }
}

/* Where the state lies there may be no room for the reason, least of all when the disk is full. */
static void one_is_ended_also_without_its_reason(const char *scratch)
{
    struct id id = id_new();
    struct answer end = {.done = false};
    struct engine_watch *watch = NULL;
    _cleanup_(free_ptr) char *in_the_way =
        xasprintf("%s/cs-%s/ended.tmp", fixture.settings.engine.state_dir, id.text);

    start_writer(&id, &watch, &end);
    CU_ASSERT_EQUAL_FATAL(mkdir(in_the_way, 0700), 0);
    CU_ASSERT(is_ended_for_writing(scratch, &id, &end));
    engine_unwatch(watch);
    stop(&id);
    CU_ASSERT(free_in(scratch) > DEVICE_BYTES * 8 / 10);
}

static int count_templates(const char *scratch)
{
    DIR *dir = opendir(scratch);
    int count = 0;

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        count += strncmp(entry->d_name, ".template-", 10) == 0;
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* Whoever asks for ever other sizes must not fill the disk with templates of them. */
static void sizes_leave_no_more_than_a_few_templates(const char *scratch)
{
    int64_t before = free_in(scratch);

    for (int i = 0; i < 20; i++) {
        struct answer answer = {.done = false};
        struct id id = id_new();

        ask_start(&id, (64 + i) * MIB, &answer);
        wait_for(&answer);
        CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
        stop(&id);
    }
    printf("(templates: %lld KiB) ", (long long)(before - free_in(scratch)) / 1024);
    CU_ASSERT(count_templates(scratch) <= 4);
}

/* The end of a container takes so long from now on; NULL: as long as it takes. */
static void slow_ends(const char *seconds)
{
    _cleanup_(free_ptr) char *program = xasprintf("%s/bin/codeset-container", fixture.dir);
    _cleanup_(free_ptr) char *text =
        xasprintf("#!/bin/sh\nif [ \"$1\" = evict ]; then sleep %s; fi\n"
                  "exec " BUILD_DIR "/codeset-container \"$@\"\n",
                  seconds ? seconds : "0");
    struct error err = ERROR_INIT;
    int rc;

    CU_ASSERT_EQUAL_FATAL(unlink(program), 0);
    if (seconds == NULL)
        rc = symlink(BUILD_DIR "/codeset-container", program);
    else
        rc = file_write_atomic(AT_FDCWD, program, text, strlen(text), 0755, &err);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

/* Each in another way: at once in two files, in one that is removed already, in what was allocated
 * before, in one with holes. */
static int64_t least_free_under_many_writers(const char *scratch)
{
    static const char *const ways[] = {
        "dd if=/dev/zero of=/all bs=1M & dd if=/dev/zero of=/more bs=1M & wait",
        "exec 5>/gone; rm /gone; dd if=/dev/zero bs=1M >&5",
        "fallocate -l 900M /all; dd if=/dev/zero of=/all bs=1M conv=notrunc",
        "for i in $(seq 0 2 900); do dd if=/dev/zero of=/holes bs=1M count=1 seek=$i; done",
        "dd if=/dev/zero of=/all bs=1M",
        "dd if=/dev/zero of=/all bs=1M",
    };
    struct id ids[ARRAY_SIZE(ways)];
    struct answer ends[ARRAY_SIZE(ways)] = {{.done = false}};
    struct engine_watch *watches[ARRAY_SIZE(ways)] = {NULL};
    pid_t pids[ARRAY_SIZE(ways)];
    bool at_rest = false;
    int64_t least = 0;
    int fd;
    pid_t pid;

    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        ids[i] = id_new();
        start_writer(&ids[i], &watches[i], &ends[i]);
    }
    slow_ends("0.25");
    pid = watch_free(scratch, &fd);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            run(&ids[i], ways[i]);
            _exit(0);
        }
    }
    while (!at_rest) { /* each has been ended, or has nothing more to write */
        at_rest = true;
        for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
            at_rest &= waitpid(pids[i], NULL, WNOHANG) != 0;
        event_base_loop(fixture.base, EVLOOP_NONBLOCK);
        sched_yield();
    }
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(read(fd, &least, sizeof(least)), (ssize_t)sizeof(least));
    close(fd);
    waitpid(pid, NULL, 0);
    printf("(least free %lld of %lld MiB) ", (long long)(least / MIB), (long long)(RESERVE / MIB));
    slow_ends(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        engine_unwatch(watches[i]);
        stop(&ids[i]);
    }
    return least;
}

/* How much is written while an end takes longer than any did before is the machine's matter: the
 * reserve is kept in one of three tries, and something is left in each. */
static void many_writers_end_before_the_reserve(const char *scratch)
{
    int64_t least = 0;

    for (int try = 0; try < 3 && least < RESERVE; try++) {
        least = least_free_under_many_writers(scratch);
        CU_ASSERT(least > 0);
    }
    CU_ASSERT(least >= RESERVE);
}

/* What is promised to those that are there is not promised again. */
static void what_is_promised_counts(void)
{
    struct id ids[8];
    int taken = 0;

    restart_with("disk_reserve_bytes = 128M\ndisk_commit_percent = 50\n");
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct answer answer = {.done = false};

        ids[i] = id_new();
        ask_start(&ids[i], 256 * MIB, &answer);
        wait_for(&answer);
        if (answer.failed == ERROR_NONE)
            taken++;
        else
            CU_ASSERT_EQUAL(answer.failed, ERROR_UNAVAILABLE);
    }
    CU_ASSERT(taken >= 3 && taken <= 5); /* of 128 MiB each, beside the reserve */
    CU_ASSERT_EQUAL((int)list(), taken);
    stop(&ids[0]);
    start(&ids[0]);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        stop(&ids[i]);
}

/* The host went down with its containers: their images are nobody's. */
static void images_without_a_container_are_removed(const char *scratch)
{
    _cleanup_(free_ptr) char *lost =
        xasprintf("%s/cs-01931b2c-aaaa-7bbb-8ccc-0123456789ab.img", scratch);
    _cleanup_(free_ptr) char *foreign = xasprintf("%s/somebody-else-s.img", scratch);
    struct id id = id_new();
    _cleanup_(free_ptr) char *used = xasprintf("%s/cs-%s.img", scratch, id.text);

    start(&id);
    close(open(lost, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close(open(foreign, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    end_engined(SIGKILL);
    run_engined();
    CU_ASSERT_EQUAL(access(lost, F_OK), -1);
    CU_ASSERT_EQUAL(access(foreign, F_OK), 0);
    CU_ASSERT_EQUAL(access(used, F_OK), 0);
    CU_ASSERT_EQUAL(run(&id, "true"), 0);
    stop(&id);
    CU_ASSERT_EQUAL(access(used, F_OK), -1);
    unlink(foreign);
}

/* With a scratch_dir that is as large as that. */
static void with_a_device_of(int64_t size, void (*test)(const char *scratch))
{
    char *before = fixture.settings.engine.scratch_dir;
    _cleanup_(free_ptr) char *small = xasprintf("%s/small", fixture.dir);
    int64_t deadline = clock_monotonic() + 30 * CLOCK_SECOND;

    mount_small(small, size);
    fixture.settings.engine.scratch_dir = small;
    restart_with("disk_reserve_bytes = 128M\n");
    test(small);
    fixture.settings.engine.scratch_dir = before;
    restart_with("disk_reserve_bytes = 0\n");
    while (umount(small) < 0 && errno == EBUSY && clock_monotonic() < deadline)
        poll(NULL, 0, 10); /* a loop device that is on its way out */
    CU_ASSERT_EQUAL(rmdir(small), 0);
}

static void guests_and_the_reserve(const char *scratch)
{
    writers_end_before_the_reserve(scratch);
    a_start_that_had_to_wait_is_watched(scratch);
    one_that_is_worked_on_does_not_shield_another(scratch);
    one_is_ended_also_without_its_reason(scratch);
    sizes_leave_no_more_than_a_few_templates(scratch);
    images_without_a_container_are_removed(scratch);
    what_is_promised_counts();
}

static void no_guest_touches_the_reserve(void)
{
    with_a_device_of(DEVICE_BYTES, guests_and_the_reserve);
}

static void many_and_the_reserve(const char *scratch)
{
    for (int round = 0; round < 3; round++)
        many_writers_end_before_the_reserve(scratch);
}

/* They can write most of it before the first look that is near. */
static void many_at_once_do_not_touch_the_reserve(void)
{
    with_a_device_of(2048 * MIB, many_and_the_reserve);
}

/* --- all ------------------------------------------------------------------------------------- */

static void open_all(void)
{
    fixture_open(&fixture, "engined");
    set_lines("");
    run_engined();
    engine = oci_new(fixture.base, fixture.socket);
}

static bool close_all(void)
{
    engine_free(engine);
    end_engined(SIGTERM);
    return fixture_close(&fixture);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a container starts, is told of, and stops", a_container_starts_is_told_of_and_stops},
        {"what is no image is missing", what_is_no_image_is_missing},
        {"an end is told at once, and kills by the memory limit are counted",
         an_end_is_told_at_once},
        {"an older container is known by the image that the daemon names",
         an_older_container_is_known_by_the_image_that_the_daemon_names},
        {"nobody gets more than the settings allow", nobody_gets_more_than_the_settings_allow},
        {"all together have a limit", all_together_have_a_limit},
        {"a bad message ends its connection and nothing else",
         a_bad_message_ends_its_connection_and_nothing_else},
        {"descriptors are not taken", descriptors_are_not_taken},
        {"only the daemon's user may ask, and has the agent's socket",
         only_the_daemon_s_user_may_ask_and_has_the_agent_s_socket},
        {"a flood of connections hurts nobody", a_flood_of_connections_hurts_nobody},
        {"a flood of requests hurts nobody", a_flood_of_requests_hurts_nobody},
        {"a flood of requests that nobody waits for hurts nobody",
         a_flood_of_requests_that_nobody_waits_for_hurts_nobody},
        {"killed at any point it loses nothing", killed_at_any_point_it_loses_nothing},
        {"an end is told while it is away", an_end_is_told_while_it_is_away},
        {"no guest touches the host's reserve of disk", no_guest_touches_the_reserve},
        {"many at once do not touch it, and each end takes long",
         many_at_once_do_not_touch_the_reserve},
    };
    int status;

    signal(SIGPIPE, SIG_IGN);
    open_all();
    status = UNIT_MAIN("engined", tests);
    return close_all() ? status : 1;
}
