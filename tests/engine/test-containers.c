/* The life of containers: starts, stops, restarts of the daemon, kills at any point. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "container/container.h"
#include "container/userns.h"
#include "engined/commitments.h"
#include "engined/start_failure.h"
#include "guest.h"

#include "base/banned.h"

static void test_starts_and_stops(void)
{
    struct containers_usage usage;

    start("one");
    check_output("one", "id -u; cat /etc/passwd", "0\nroot:x:0:0:root:/:/bin/sh");
    usage = usage_of("one");
    CU_ASSERT_TRUE(usage.running);
    CU_ASSERT_TRUE(usage.processes >= 1);
    CU_ASSERT_TRUE(usage.memory_bytes > 0);
    CU_ASSERT_TRUE(usage.cpu_us > 0);
    CU_ASSERT_EQUAL(usage.oom_kills, 0);
    stop("one");
}

static void test_second_start_is_success(void)
{
    pid_t before;

    start("twice");
    before = init_of("twice");
    check_output("twice", "echo kept > /root-was-here; cat /root-was-here", "kept");
    start("twice");
    CU_ASSERT_EQUAL(init_of("twice"), before);
    check_output("twice", "cat /root-was-here", "kept");
    stop("twice");
}

static void test_stop_is_idempotent(void)
{
    start("gone");
    stop("gone");
    stop("gone");
    stop("never-there");
}

static void collect(const char *name, void *arg)
{
    buf_addf(arg, "%s ", name);
}

static void test_next_engine_adopts(void)
{
    _cleanup_(buf_release) struct buf names = BUF_INIT;
    struct error err = ERROR_INIT;

    start("cs-adopted");
    fixture_restart(&fixture);
    CU_ASSERT_EQUAL(containers_list(fixture.engine, collect, &names, &err), 0);
    CU_ASSERT_STRING_EQUAL(names.data, "cs-adopted ");
    CU_ASSERT_TRUE(usage_of("cs-adopted").running);
    check_output("cs-adopted", "echo still here", "still here");
    stop("cs-adopted");
}

static void test_missing_image(void)
{
    CU_ASSERT_EQUAL_FATAL(fixture_start(&fixture, "none", "no-such-image", &fixture_limits), -1);
    CU_ASSERT_TRUE(fixture.last.code && strcmp(fixture.last.code, "IMAGE_MISSING") == 0);
    CU_ASSERT_EQUAL(fixture_start(&fixture, "none", "../run", &fixture_limits), -1);
    CU_ASSERT_TRUE(fixture.last.code && strcmp(fixture.last.code, "IMAGE_MISSING") == 0);
}

static void test_bad_names(void)
{
    static const char *const names[] = {"", "..", "a/b", "-x", ".hidden", "a b", "ü", "a\n"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CU_ASSERT_EQUAL(fixture_start(&fixture, names[i], "busybox", &fixture_limits), -1);
        CU_ASSERT_EQUAL(fixture.last.kind, ERROR_INVALID);
        CU_ASSERT_EQUAL(fixture_stop(&fixture, names[i]), -1);
    }
}

static void test_smallest_limits(void)
{
    const struct container_limits least = {.memory_bytes = 16 << 20,
                                           .disk_bytes = 16 << 20,
                                           .disk_inodes = 1024,
                                           .processes = 16,
                                           .cpu_millicores = 100};

    CU_ASSERT_EQUAL_FATAL(fixture_start(&fixture, "least", "busybox", &least), 0);
    check_output("least", "echo here > /file; cat /file", "here");
    stop("least");
}

static void test_no_space_for_a_start(void)
{
    int64_t kept = fixture.settings.engine.disk_reserve_bytes;
    char noted[START_FAILURE_SIZE];

    fixture.settings.engine.disk_reserve_bytes = INT64_C(1) << 50;
    CU_ASSERT_EQUAL(fixture_start(&fixture, "full", "busybox", &fixture_limits), -1);
    CU_ASSERT_EQUAL(fixture.last.kind, ERROR_UNAVAILABLE);
    CU_ASSERT_FALSE(start_failure_read(fixture.settings.engine.state_dir, noted)); /* no fault */
    fixture.settings.engine.disk_reserve_bytes = kept;
}

/* pid 1 ends: the container is dead but there, until it is stopped. */
static void test_dead_container_is_seen_and_stopped(void)
{
    _cleanup_(buf_release) struct buf names = BUF_INIT;
    struct error err = ERROR_INIT;

    start("dead");
    die("dead");
    CU_ASSERT_EQUAL(containers_list(fixture.engine, collect, &names, &err), 0);
    CU_ASSERT_STRING_EQUAL(names.data, "dead ");
    stop("dead");
    start("dead"); /* and its name may be used again */
    stop("dead");
}

static void test_start_after_death_begins_afresh(void)
{
    start("again");
    check_output("again", "echo old > /old; cat /old", "old");
    die("again");
    start("again");
    check_output("again", "ls /old 2>&1", "ls: /old: No such file or directory");
    stop("again");
}

static void test_ranges_come_to_an_end_and_back(void)
{
    const int64_t kept = fixture.settings.engine.uid_ranges;
    long long one, two;

    fixture.settings.engine.uid_ranges = 2;
    fixture_restart(&fixture);
    start("few-1");
    start("few-2");
    CU_ASSERT_EQUAL(fixture_start(&fixture, "few-3", "busybox", &fixture_limits), -1);
    CU_ASSERT_EQUAL(fixture.last.kind, ERROR_UNAVAILABLE);
    fixture_restart(&fixture); /* the next daemon knows of them */
    CU_ASSERT_EQUAL(fixture_start(&fixture, "few-3", "busybox", &fixture_limits), -1);
    one = first_id_of("few-1");
    two = first_id_of("few-2");
    start("few-2"); /* runs already, and stays */
    CU_ASSERT_EQUAL(first_id_of("few-2"), two);
    stop("few-1");
    start("few-3");
    CU_ASSERT_EQUAL(first_id_of("few-3"), one);
    die("few-2");
    start("few-2"); /* begins afresh where it was */
    CU_ASSERT_EQUAL(first_id_of("few-2"), two);
    stop("few-2");
    stop("few-3");
    fixture.settings.engine.uid_ranges = kept;
    fixture_restart(&fixture);
}

/* It has no range, but lives among the image store's ids, and its folder is the daemon's group's.
 */
static void test_container_of_an_older_daemon_is_adopted(void)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/older", fixture.settings.engine.state_dir);
    pid_t before;

    start("older");
    before = init_of("older");
    CU_ASSERT_EQUAL(chown(folder, (uid_t)-1, 0), 0);
    fixture_restart(&fixture);
    start("older");
    CU_ASSERT_EQUAL(init_of("older"), before);
    check_output("older", "echo still here", "still here");
    stop("older");
}

/* Its successor must not pay for what the kernel gives back late. */
static void test_ranges_are_taken_in_turn(void)
{
    long long before;

    start("turn");
    before = first_id_of("turn");
    stop("turn");
    start("turn");
    CU_ASSERT_NOT_EQUAL(first_id_of("turn"), before);
    stop("turn");
}

static void test_two_engines_side_by_side(void)
{
    struct fixture other;

    fixture_open(&other, "d");
    start("same-name");
    CU_ASSERT_EQUAL_FATAL(fixture_start(&other, "same-name", "busybox", &fixture_limits), 0);
    check_output("same-name", "echo mine > /who; cat /who", "mine");
    CU_ASSERT_NOT_EQUAL(fixture_run(&other, "same-name", "cat /who", NULL), 0);
    stop("same-name");
    CU_ASSERT_EQUAL(fixture_run(&other, "same-name", ":", NULL), 0);
    CU_ASSERT_EQUAL(fixture_stop(&other, "same-name"), 0);
    CU_ASSERT_TRUE(fixture_close(&other));
}

/* As a host does with every process when it shuts down; from inside it is no use
 * (tests/unit/test-agent-container.c). */
static void test_agent_ends_when_the_host_asks(void)
{
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;
    _cleanup_(buf_release) struct buf answer = BUF_INIT;

    fixture_use_agent(&fixture, "codeset-agent");
    start("asked");
    fixture_talk(&fixture, "asked",
                 "GET /hello HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n", &answer);
    kill(init_of("asked"), SIGTERM);
    while (usage_of("asked").running && clock_monotonic() < deadline)
        sched_yield();
    CU_ASSERT_FALSE(usage_of("asked").running);
    stop("asked");
    fixture_use_agent(&fixture, "tests/engine/init");
}

static void test_real_agent_answers(void)
{
    _cleanup_(buf_release) struct buf answer = BUF_INIT;

    fixture_use_agent(&fixture, "codeset-agent");
    start("agent");
    fixture_restart(&fixture);
    CU_ASSERT_EQUAL(fixture_talk(&fixture, "agent",
                                 "GET /hello HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n",
                                 &answer),
                    0);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.data, "200 OK"));
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.data, "{\"protocol\":3}"));
    stop("agent");
    fixture_use_agent(&fixture, "tests/engine/init");
}

static void test_runc_works_too(void)
{
    char *kept = fixture.settings.engine.runtime;
    char other[] = "runc";

    fixture.settings.engine.runtime = other;
    start("by-runc");
    check_output("by-runc", "id -u; echo $((1+1))", "0\n2");
    CU_ASSERT_TRUE(usage_of("by-runc").running);
    CU_ASSERT_EQUAL(
        fixture_run(&fixture, "by-runc", "x=$(yes | head -c 300000000); echo ${#x}", NULL), 137);
    CU_ASSERT_TRUE(usage_of("by-runc").oom_kills >= 1);
    stop("by-runc");
    fixture.settings.engine.runtime = kept;
}

/* A program that is taken for crun. */
static char *make_runtime(const char *script)
{
    _cleanup_(free_ptr) char *text = xasprintf("#!/bin/sh\n%s\n", script);
    char *path = xasprintf("%s/crun", fixture.dir);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0755, &err), 0);
    return path;
}

static void check_failure(const char *script, const char *words)
{
    char *kept = fixture.settings.engine.runtime, noted[START_FAILURE_SIZE] = "";
    _cleanup_(free_ptr) char *other = make_runtime(script);

    fixture.settings.engine.runtime = other;
    CU_ASSERT_EQUAL(fixture_start(&fixture, "fails", "busybox", &fixture_limits), -1);
    CU_ASSERT_EQUAL(fixture.last.kind, ERROR_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(fixture.last.message, words));
    if (strstr(fixture.last.message, words) == NULL)
        fprintf(stderr, "(\"%s\" is not in \"%s\") ", words, fixture.last.message);
    CU_ASSERT_TRUE(utf8_valid(fixture.last.message, strlen(fixture.last.message)));
    CU_ASSERT_TRUE(start_failure_read(fixture.settings.engine.state_dir, noted));
    CU_ASSERT_PTR_NOT_NULL(strstr(noted, " fails: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(noted, words));
    fixture.settings.engine.runtime = kept;
    start("works");
    CU_ASSERT_FALSE(start_failure_read(fixture.settings.engine.state_dir, noted));
    stop("works");
}

static void test_failed_start_says_why(void)
{
    check_failure("echo 'no library' >&2; echo >&2; echo 'no luck' >&2; exit 7",
                  "crun failed with status 7: no library; no luck");
    check_failure("echo 'cannot mount proc' >\"${2#--log=}\"; exit 1",
                  "crun failed with status 1: cannot mount proc");
    check_failure("kill -KILL $$", "crun was ended by signal 9: it gave no reason");
    check_failure("yes 'a warning' | head -n 1000 >&2; echo 'the reason' >&2; exit 1",
                  "the reason");
    check_failure("yes 'a warning' | head -n 10000 >&2; echo 'the reason' >&2; exit 1",
                  "; (more may be lost)");
    check_failure("log=${2#--log=}; yes 'a warning' | head -n 10000 >$log; echo 'the end' >>$log; "
                  "exit 1",
                  "a warning; the end");
    check_failure("printf 'a \\033[31mred\\a \\377word, \\303\\274ber\\n' >&2; exit 1",
                  "status 1: a ?[31mred? ?word, \xc3\xbc"
                  "ber");
    for (int more = 0; more < 4; more++) { /* a cut is at a character, wherever it would be */
        _cleanup_(free_ptr) char *script =
            xasprintf("yes '\xe2\x82\xac' | head -n 300 | tr -d '\\n' >&2; echo '%.*s' >&2; exit 1",
                      more, "xxx");

        check_failure(script, "status 1: \xe2\x82\xac\xe2\x82\xac");
    }
}

/* As systemd may start codeset-engined (systemd/codeset-engined.service.in). */
static void test_missing_capability_is_named(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct kept[2], less[2];
    struct userns space = USERNS_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(syscall(SYS_capget, &head, kept), 0);
    memcpy(less, kept, sizeof(less));
    less[0].effective &= ~(1u << CAP_SETUID);
    CU_ASSERT_EQUAL_FATAL(syscall(SYS_capset, &head, less), 0);
    CU_ASSERT_EQUAL(userns_make(0, 4 << 16, &space, &err), -1);
    CU_ASSERT_STRING_EQUAL(
        err.message, "cannot become user 262144, which takes CAP_SETUID: Operation not permitted");
    CU_ASSERT_EQUAL_FATAL(syscall(SYS_capset, &head, kept), 0);
}

/* All that an agent could write there is in the host's memory, and nobody's. */
static void test_agent_cannot_write_its_standard_files(void)
{
    fixture_use_agent(&fixture, "codeset-agent");
    start("sealed");
    for (int number = 0; number <= 2; number++) {
        _cleanup_(free_ptr) char *path =
            xasprintf("/proc/%d/fd/%d", (int)init_of("sealed"), number);
        _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

        CU_ASSERT_TRUE(fd >= 0 && (fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE));
    }
    stop("sealed");
    fixture_use_agent(&fixture, "tests/engine/init");
}

struct ended {
    int count;
    bool all;
};

static void count_end(const struct error *err, void *arg)
{
    struct ended *ended = arg;

    CU_ASSERT_PTR_NULL(err);
    ended->all = --ended->count == 0;
}

static void test_many_at_once(void)
{
    struct ended ended = {.count = 40};
    char name[32];

    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "many-%d", i);
        containers_start(fixture.engine, name, "busybox", &fixture_limits, count_end, &ended);
    }
    CU_ASSERT_TRUE(fixture_wait(&fixture, &ended.all, 180));
    check_output("many-39", "echo last", "last");
    ended = (struct ended){.count = 40};
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "many-%d", i);
        containers_stop(fixture.engine, name, count_end, &ended);
    }
    CU_ASSERT_TRUE(fixture_wait(&fixture, &ended.all, 180));
}

/* Kills our children (the helper, that is) and says how many there were. */
static int kill_children(pid_t parent)
{
    _cleanup_(free_ptr) char *path =
        xasprintf("/proc/%d/task/%d/children", (int)parent, (int)parent);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    int killed = 0;
    char *at;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 65536, &text, &err), 0);
    at = text.data;
    for (long pid = strtol(at, &at, 10); pid > 0; pid = strtol(at, &at, 10))
        killed += kill((pid_t)pid, SIGKILL) == 0;
    return killed;
}

static void set_flag(const struct error *err, void *arg)
{
    (void)err;
    *(bool *)arg = true;
}

/* Then what was made is the start's, and has its place among those that are watched. */
static void test_start_that_comes_before_the_end_of_a_stop_counts(void)
{
    const struct commitments *commitments = containers_commitments(fixture.engine);
    _cleanup_(free_ptr) char *folder = xasprintf("%s/again", fixture.settings.engine.state_dir);
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;
    bool stopped = false, started = false;

    start("again");
    containers_stop(fixture.engine, "again", set_flag, &stopped);
    while (access(folder, F_OK) == 0 && clock_monotonic() < deadline)
        sched_yield();
    containers_start(fixture.engine, "again", "busybox", &fixture_limits, set_flag, &started);
    CU_ASSERT_TRUE_FATAL(fixture_wait(&fixture, &stopped, 180));
    CU_ASSERT_TRUE_FATAL(fixture_wait(&fixture, &started, 180));
    CU_ASSERT_TRUE(usage_of("again").running);
    CU_ASSERT_EQUAL(commitments_count(commitments), 1);
    stop("again");
    CU_ASSERT_EQUAL(commitments_count(commitments), 0);
}

static void pass_time(int64_t microseconds)
{
    int64_t until = clock_monotonic() + microseconds;

    while (clock_monotonic() < until)
        event_base_loop(fixture.base, EVLOOP_NONBLOCK);
}

/* The helper dies at any point of a start: stop removes what it had made, and start works. */
static void test_helper_killed_at_any_point(void)
{
    int killed = 0;

    for (int step = 0; step < 40 || (killed < 5 && step < 400); step++) {
        bool done = false;

        containers_start(fixture.engine, "crash", "busybox", &fixture_limits, set_flag, &done);
        pass_time(step % 40 * 500);
        if (!done)
            killed += kill_children(getpid());
        CU_ASSERT_TRUE_FATAL(fixture_wait(&fixture, &done, 180));
        if (step % 2)
            stop("crash");
        else
            start("crash");
    }
    CU_ASSERT_TRUE(killed >= 5);
    stop("crash");
}

/* The whole daemon dies at any point: the next one's stop removes all. */
static void test_daemon_killed_at_any_point(void)
{
    for (int step = 0; step < 20; step++) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            struct event_base *base = event_base_new();
            struct error err = ERROR_INIT;
            struct containers *engine = containers_new(base, &fixture.settings.engine, &err);
            bool done = false;

            containers_start(engine, "orphan", "busybox", &fixture_limits, set_flag, &done);
            event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
            _exit(0);
        }
        pass_time(step * 1000);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        stop("orphan");
    }
}

/* What such a daemon leaves at worst: a helper that begins when the stop is long over. */
static void test_start_after_its_stop_does_nothing(void)
{
    const struct container_job job = {.name = "late",
                                      .first_id = fixture.settings.engine.uid_base + 65536,
                                      .image_first_id = fixture.settings.engine.uid_base,
                                      .state_dir = fixture.settings.engine.state_dir,
                                      .cgroup = "/cse-late",
                                      .scratch_dir = fixture.settings.engine.scratch_dir,
                                      .runtime = fixture.settings.engine.runtime,
                                      .layers = {"/"},
                                      .layer_count = 1};
    _cleanup_(free_ptr) char *folder = xasprintf("%s/late", fixture.settings.engine.state_dir);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(container_start(&job, -1, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_CONFLICT);
    CU_ASSERT_EQUAL(access(folder, F_OK), -1);
    /* Nor does it when somebody has begun anew: the folder's range is not its own. */
    CU_ASSERT_EQUAL(mkdir(folder, 0711), 0);
    CU_ASSERT_EQUAL(container_start(&job, -1, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_CONFLICT);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

/* As an older daemon would ask for it. Root of a container must be nobody on the host. */
static void test_start_without_a_range_is_refused(void)
{
    const struct container_job job = {.name = "rangeless",
                                      .state_dir = fixture.settings.engine.state_dir,
                                      .cgroup = "/cse-rangeless",
                                      .scratch_dir = fixture.settings.engine.scratch_dir,
                                      .runtime = fixture.settings.engine.runtime,
                                      .layers = {"/"},
                                      .layer_count = 1};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(container_start(&job, -1, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_UNAVAILABLE);
}

static const struct unit_test tests[] = {
    {"a container starts, answers, is measured, and stops", test_starts_and_stops},
    {"a second start of a running one is success and changes nothing",
     test_second_start_is_success},
    {"stop of what is not there is success", test_stop_is_idempotent},
    {"a start that comes before the end of a stop counts",
     test_start_that_comes_before_the_end_of_a_stop_counts},
    {"the next engine lists, measures and stops what the last one started",
     test_next_engine_adopts},
    {"an image that is not there is IMAGE_MISSING", test_missing_image},
    {"names that are no names are refused", test_bad_names},
    {"the smallest limits are enough for a start", test_smallest_limits},
    {"a host short of disk starts nothing", test_no_space_for_a_start},
    {"a container whose pid 1 ended is seen as dead, and stopped",
     test_dead_container_is_seen_and_stopped},
    {"a start after a death begins afresh", test_start_after_death_begins_afresh},
    {"ranges come to an end, survive the daemon, and come back",
     test_ranges_come_to_an_end_and_back},
    {"a container of an older daemon is adopted", test_container_of_an_older_daemon_is_adopted},
    {"ranges are taken in turn", test_ranges_are_taken_in_turn},
    {"a start without a range of host ids is refused", test_start_without_a_range_is_refused},
    {"two engines on one host do not meet", test_two_engines_side_by_side},
    {"the agent answers on its socket, to the next engine too", test_real_agent_answers},
    {"the agent ends when the host asks it to", test_agent_ends_when_the_host_asks},
    {"runc works by configuration", test_runc_works_too},
    {"a start that fails says why, to whoever asks later, too", test_failed_start_says_why},
    {"a capability that is missing is named", test_missing_capability_is_named},
    {"an agent cannot write its standard files", test_agent_cannot_write_its_standard_files},
    {"forty start and stop at once", test_many_at_once},
    {"a helper killed at any point leaves nothing after stop", test_helper_killed_at_any_point},
    {"a daemon killed at any point leaves nothing after stop", test_daemon_killed_at_any_point},
    {"a start that comes after its stop does nothing", test_start_after_its_stop_does_nothing},
};

int main(void)
{
    int failed;

    fixture_open(&fixture, "c");
    failed = UNIT_MAIN("containers", tests);
    return fixture_close(&fixture) ? failed : 1;
}
