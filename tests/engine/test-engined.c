/*
 * test-engined.c - codeset-engined as the daemon sees it, and as one who has taken the daemon over
 * does. As root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
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
#include "asker.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "engine/oci.h"
#include "engined/server.h"
#include "wire/egress.h"
#include "wire/engined.h"

#include "base/banned.h"

#define STRANGER 60778

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
    CU_ASSERT_EQUAL(engine_refusals(watch), 0);
    run(&id,
        "(for i in $(seq 1000); do sleep 100 >/dev/null & done) 2>/dev/null; exec killall sleep");
    CU_ASSERT_TRUE(engine_refusals(watch) >= 1);
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

/* --- the way out of a job -------------------------------------------------------------------- */

struct opened {
    bool done;
    enum error_kind failed;
    int fd;
};

static void on_opened(const struct error *err, int fd, void *arg)
{
    struct opened *opened = arg;

    opened->done = true;
    opened->failed = err ? err->kind : ERROR_NONE;
    opened->fd = fd;
    if (err)
        fprintf(stderr, "opened: %s\n", err->message);
}

static struct opened egress(enum container_kind kind, const struct id *id)
{
    struct opened opened = {.fd = -1};

    engine_egress(engine, kind, id, false, on_opened, &opened);
    CU_ASSERT_FALSE(opened.done); /* never from within the call */
    if (!fixture_wait(&fixture, &opened.done, 180))
        abort();
    return opened;
}

static void start_kind(enum container_kind kind, const struct id *id)
{
    struct engine_start asked = {.kind = kind, .id = *id, .image = "busybox", .limits = limits};
    struct answer answer = {.done = false};

    engine_start(engine, &asked, on_described, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
}

static void stop_kind(enum container_kind kind, const struct id *id)
{
    struct answer answer = {.done = false};

    engine_stop(engine, kind, id, on_done, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
}

static int run_in(enum container_kind kind, const struct id *id, const char *command)
{
    char name[CONTAINER_NAME_SIZE];

    return fixture_run(&fixture, container_name(kind, id, name), command, NULL);
}

/* Takes the next connection and answers it. */
static void serve_one(int listener)
{
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    _cleanup_(close_fd) int fd = -1;

    CU_ASSERT_EQUAL(poll(&waiting, 1, 60000), 1);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "reached\n", 8), 8);
}

static void a_job_s_way_out_is_a_socket_of_its_own_network(void)
{
    struct id id = id_new();
    struct opened first;
    _cleanup_(close_fd) int outside = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(EGRESS_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    start_kind(CONTAINER_JOB, &id);
    CU_ASSERT_NOT_EQUAL(run_in(CONTAINER_JOB, &id, "nc 127.0.0.1 3128 </dev/null"), 0);
    first = egress(CONTAINER_JOB, &id);
    CU_ASSERT_EQUAL_FATAL(first.failed, ERROR_NONE);
    CU_ASSERT_EQUAL(run_in(CONTAINER_JOB, &id, "nc 127.0.0.1 3128 </dev/null >/said 2>&1 & true"),
                    0);
    serve_one(first.fd);
    CU_ASSERT_EQUAL(run_in(CONTAINER_JOB, &id, "until grep -q reached /said; do :; done"), 0);
    CU_ASSERT_EQUAL(connect(outside, (struct sockaddr *)&address, sizeof(address)), -1);
    CU_ASSERT_EQUAL(egress(CONTAINER_JOB, &id).failed, ERROR_CONFLICT);
    close(first.fd);
    first = egress(CONTAINER_JOB, &id); /* whoever held it has ended */
    CU_ASSERT_EQUAL(first.failed, ERROR_NONE);
    close_fd(&first.fd);
    stop_kind(CONTAINER_JOB, &id);
    CU_ASSERT_EQUAL(egress(CONTAINER_JOB, &id).failed, ERROR_NOT_FOUND);
}

/* --- holding still --------------------------------------------------------------------------- */

#define COUNT "while :; do i=$((i+1)); echo $i >/new; mv /new /count; done >/dev/null 2>&1 & true"

static struct opened freeze(const struct id *id)
{
    struct opened opened = {.fd = -1};

    engine_freeze(engine, CONTAINER_SESSION, id, on_opened, &opened);
    if (!fixture_wait(&fixture, &opened.done, 180))
        abort();
    return opened;
}

static void a_session_is_held_still_but_for_its_agent(void)
{
    struct id id = id_new();
    struct opened held;

    start(&id);
    CU_ASSERT_EQUAL(run(&id, COUNT), 0);
    CU_ASSERT_EQUAL(run(&id, "until [ -s /count ]; do :; done"), 0);
    held = freeze(&id);
    CU_ASSERT_EQUAL_FATAL(held.failed, ERROR_NONE);
    CU_ASSERT_EQUAL(run(&id, "cp /count /then; sleep 0.2; cmp /count /then"), 0);
    CU_ASSERT_EQUAL(freeze(&id).failed, ERROR_UNAVAILABLE); /* one at a time */
    close(held.fd);
    CU_ASSERT_EQUAL(run(&id, "while cmp -s /count /then; do :; done"), 0);
    do /* whoever let it go on has not quite ended */
        held = freeze(&id);
    while (held.failed == ERROR_UNAVAILABLE);
    CU_ASSERT_EQUAL(held.failed, ERROR_NONE);
    /* Nobody lets it go on, and it does. */
    CU_ASSERT_EQUAL(run(&id, "cp /count /then; while cmp -s /count /then; do :; done"), 0);
    close_fd(&held.fd);
    stop(&id);
    CU_ASSERT_EQUAL(freeze(&id).failed, ERROR_NOT_FOUND);
}

static void what_is_held_still_can_be_stopped(void)
{
    struct id id = id_new();
    struct opened held;

    start(&id);
    CU_ASSERT_EQUAL(run(&id, COUNT), 0);
    held = freeze(&id);
    CU_ASSERT_EQUAL(held.failed, ERROR_NONE);
    stop(&id);
    close_fd(&held.fd);
}

/* On a busy machine nobody has much of the processors: the tests' containers come before others. */
static void favour(const struct cgroup_fs *cgroups)
{
    _cleanup_(free_ptr) char *path =
        xasprintf("%s%s/%s", cgroups->cpu, fixture.settings.engine.cgroup_parent,
                  cgroups->v2 ? "cpu.weight" : "cpu.shares");
    const char *most = cgroups->v2 ? "10000" : "200000";
    _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

    CU_ASSERT_EQUAL_FATAL(write(fd, most, strlen(most)), (ssize_t)strlen(most));
}

/* What the kernel was told: '1' comes last, '0' does not; 0: there is no such container. */
static char idle_of(const struct cgroup_fs *cgroups, enum container_kind kind, const struct id *id)
{
    char name[CONTAINER_NAME_SIZE];
    _cleanup_(free_ptr) char *path =
        xasprintf("%s%s/%s/cpu.idle", cgroups->cpu, fixture.settings.engine.cgroup_parent,
                  container_name(kind, id, name));
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    return file_read(AT_FDCWD, path, 16, &text, &err) < 0 ? '\0' : text.data[0];
}

/* Waits until the kernel is told so of the session. */
static bool comes_last(const struct cgroup_fs *cgroups, const struct id *id, bool last)
{
    int64_t deadline = clock_monotonic() + 120 * CLOCK_SECOND;

    while (clock_monotonic() < deadline) {
        char idle = idle_of(cgroups, CONTAINER_SESSION, id);

        if (idle == '\0' || (idle == '1') == last)
            return idle != '\0';
        poll(NULL, 0, 10);
    }
    return false;
}

#define SPIN "(while [ ! -e /stop ]; do :; done) >/dev/null 2>&1 & true"

static void who_uses_the_processors_all_the_time_comes_last(void)
{
    struct id busy = id_new(), quiet = id_new();
    _cleanup_(cgroup_fs_release) struct cgroup_fs cgroups = {.v2 = false};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(cgroup_fs_open(&cgroups, &err), 0);
    start(&busy);
    start(&quiet);
    favour(&cgroups);
    CU_ASSERT_EQUAL(run(&busy, SPIN), 0);
    CU_ASSERT_TRUE(comes_last(&cgroups, &busy, true));
    CU_ASSERT_TRUE(comes_last(&cgroups, &quiet, false));
    /* Another codeset-engined does not know who was last. */
    end_engined(SIGKILL);
    CU_ASSERT_EQUAL(run(&busy, "touch /stop"), 0);
    CU_ASSERT_TRUE(comes_last(&cgroups, &busy, true));
    run_engined();
    CU_ASSERT_TRUE(comes_last(&cgroups, &busy, false));
    stop(&busy);
    stop(&quiet);
}

/* While somebody else, who is not last yet, wants all there is: to be frozen, a process has to run
 * once more. */
static void who_comes_last_is_held_still_in_time(void)
{
    struct id busy = id_new(), bursting = id_new();
    _cleanup_(cgroup_fs_release) struct cgroup_fs cgroups = {.v2 = false};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(cgroup_fs_open(&cgroups, &err), 0);
    start(&busy);
    start(&bursting);
    favour(&cgroups);
    CU_ASSERT_EQUAL(run(&busy, COUNT), 0);
    for (int round = 0; round < 4; round++) {
        struct opened held;

        CU_ASSERT_TRUE(comes_last(&cgroups, &busy, true));
        CU_ASSERT_TRUE(comes_last(&cgroups, &bursting, false));
        CU_ASSERT_EQUAL(run(&bursting, "for i in 1 2 3 4; do timeout 1 sh -c 'while :; do :; done' "
                                       ">/dev/null 2>&1 & done"),
                        0);
        held = freeze(&busy);
        CU_ASSERT_EQUAL_FATAL(held.failed, ERROR_NONE);
        CU_ASSERT_EQUAL(run(&busy, "cp /count /then; sleep 0.2; cmp /count /then"), 0);
        close(held.fd);
        CU_ASSERT_EQUAL(run(&busy, "while cmp -s /count /then; do :; done"), 0);
    }
    stop(&busy);
    stop(&bursting);
}

static void a_verification_has_no_way_out(void)
{
    struct id id = id_new();
    _cleanup_(close_fd) int fd = fixture_connect(&fixture);
    struct engined_request request;

    start(&id);
    CU_ASSERT_EQUAL(egress(CONTAINER_GRADING, &id).failed, ERROR_INVALID);
    engined_request_make(ENGINED_EGRESS, 1, &request);
    engined_request_name(&request, CONTAINER_GRADING, &id, NULL);
    CU_ASSERT_EQUAL(send(fd, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
    CU_ASSERT(is_closed(fd));
    CU_ASSERT_NOT_EQUAL(run(&id, "nc 127.0.0.1 3128 </dev/null"), 0);
    stop(&id);
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

/* Descriptors that are sent along are dropped: a flood of them fills nothing. Its watchers have
 * files open now and then, of which there are far fewer. */
static void descriptors_are_not_taken(void)
{
    enum { SENT = 100 };
    _cleanup_(close_fd) int fd = fixture_connect(&fixture);
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/fd", (int)fixture.engined);
    struct engined_request request = a_request(ENGINED_LIST, 1);
    _cleanup_(close_fd) int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    static char bytes[ENGINED_ANSWER_MAX];
    struct stat before, after;

    CU_ASSERT(answers(fd)); /* it has accepted the connection */
    CU_ASSERT_EQUAL(stat(path, &before), 0);
    for (int i = 0; i < SENT; i++) {
        CU_ASSERT_EQUAL(engined_send(fd, &request, sizeof(request), &file, 1),
                        (long)sizeof(request));
        CU_ASSERT(recv(fd, bytes, sizeof(bytes), 0) > 0);
    }
    CU_ASSERT_EQUAL(stat(path, &after), 0);
    /* How many are open, since Linux 6.2. */
    CU_ASSERT(after.st_size < before.st_size + SENT / 2);
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
        {"a job's way out is a socket of its own network",
         a_job_s_way_out_is_a_socket_of_its_own_network},
        {"a session is held still but for its agent", a_session_is_held_still_but_for_its_agent},
        {"what is held still can be stopped", what_is_held_still_can_be_stopped},
        {"who uses the processors all the time comes last",
         who_uses_the_processors_all_the_time_comes_last},
        {"who comes last is held still in time", who_comes_last_is_held_still_in_time},
        {"a verification has no way out", a_verification_has_no_way_out},
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
    };
    int status;

    signal(SIGPIPE, SIG_IGN);
    asker_open();
    status = UNIT_MAIN("engined", tests);
    return asker_close() ? status : 1;
}
