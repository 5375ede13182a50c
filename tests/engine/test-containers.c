#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/container.h"
#include "engined/commitments.h"
#include "fixture.h"

#include "base/banned.h"

static struct fixture fixture;

/* The command's output, without its last newline. The caller frees it. */
static char *output_of(const char *name, const char *command)
{
    struct buf out = BUF_INIT;

    CU_ASSERT_NOT_EQUAL(fixture_run(&fixture, name, command, &out), -1);
    if (out.length > 0 && out.data[out.length - 1] == '\n')
        buf_truncate(&out, out.length - 1);
    return out.length > 0 ? buf_take(&out) : xstrdup("");
}

static void check_output(const char *name, const char *command, const char *expected)
{
    _cleanup_(free_ptr) char *out = output_of(name, command);

    CU_ASSERT_STRING_EQUAL(out, expected);
    if (strcmp(out, expected) != 0)
        fprintf(stderr, "(%s: \"%s\", not \"%s\") ", command, out, expected);
}

static struct containers_usage usage_of(const char *name)
{
    struct containers_usage usage = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(containers_usage(fixture.engine, name, &usage, &err), 0);
    return usage;
}

static pid_t init_of(const char *name)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", fixture.settings.engine.state_dir, name);
    pid_t pid = -1;

    CU_ASSERT_TRUE(container_runs(folder, &pid));
    return pid;
}

/* The first host id of what the container's user namespace maps, all of which must be one range. */
static long long first_id_of(const char *name)
{
    static const char *const maps[] = {"uid_map", "gid_map"};
    long long first[2] = {-1, -2};

    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/%s", (int)init_of(name), maps[i]);
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;
        long long inside, count;

        CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 4096, &text, &err), 0);
        CU_ASSERT_EQUAL(sscanf(text.data, "%lld %lld %lld", &inside, &first[i], &count), 3);
        CU_ASSERT_EQUAL(inside, 0);
        CU_ASSERT_EQUAL(count, 65536);
        CU_ASSERT_PTR_EQUAL(strchr(text.data, '\n'), text.data + text.length - 1);
    }
    CU_ASSERT_EQUAL(first[0], first[1]);
    return first[0];
}

static void start(const char *name)
{
    CU_ASSERT_EQUAL_FATAL(fixture_start(&fixture, name, "busybox", &fixture_limits), 0);
}

static void stop(const char *name)
{
    CU_ASSERT_EQUAL(fixture_stop(&fixture, name), 0);
}

/* Its pid 1 ends. */
static void die(const char *name)
{
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;

    kill(init_of(name), SIGKILL);
    while (usage_of(name).running && clock_monotonic() < deadline)
        sched_yield();
    CU_ASSERT_FALSE(usage_of(name).running);
}

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

static void test_memory_ends_at_its_cap(void)
{
    struct containers_usage usage;

    start("mem");
    CU_ASSERT_EQUAL(fixture_run(&fixture, "mem", "x=$(yes | head -c 300000000); echo ${#x}", NULL),
                    137);
    usage = usage_of("mem");
    CU_ASSERT_TRUE(usage.oom_kills >= 1);
    CU_ASSERT_TRUE(usage.running);
    check_output("mem", "echo alive", "alive");
    /* What lies in /dev/shm is memory as well. */
    CU_ASSERT_NOT_EQUAL(
        fixture_run(&fixture, "mem", "dd if=/dev/zero of=/dev/shm/x bs=1M count=60", NULL), 0);
    check_output("mem", "echo alive", "alive");
    stop("mem");
}

static void test_processes_end_at_their_cap(void)
{
    _cleanup_(free_ptr) char *out = NULL;

    start("pids");
    out = output_of("pids",
                    "i=0; while [ $i -lt 100 ]; do sleep 3000 > /dev/null 2>&1 & i=$((i+1)); done");
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "can't fork"));
    CU_ASSERT_TRUE(usage_of("pids").processes <= fixture_limits.processes);
    CU_ASSERT_TRUE(usage_of("pids").processes > fixture_limits.processes - 4);
    stop("pids");
}

static void test_disk_ends_at_its_cap(void)
{
    _cleanup_(free_ptr) char *out = NULL;

    start("disk");
    out = output_of("disk", "dd if=/dev/zero of=/big bs=1M count=100");
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "No space left on device"));
    check_output("disk", "rm /big; echo again > /small; cat /small", "again");
    stop("disk");
}

static void test_inodes_end_at_their_cap(void)
{
    _cleanup_(free_ptr) char *out = NULL;

    start("inodes");
    out = output_of("inodes", "mkdir /many; cd /many; seq 5000 | while read n; do : > $n || "
                              "break; done");
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "No space left on device"));
    check_output("inodes", "rm -r /many; echo again > /small; cat /small", "again");
    stop("inodes");
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

    fixture.settings.engine.disk_reserve_bytes = INT64_C(1) << 50;
    CU_ASSERT_EQUAL(fixture_start(&fixture, "full", "busybox", &fixture_limits), -1);
    CU_ASSERT_EQUAL(fixture.last.kind, ERROR_UNAVAILABLE);
    fixture.settings.engine.disk_reserve_bytes = kept;
}

static void test_image_stays_as_it_was(void)
{
    start("first");
    check_output("first", "echo changed > /etc/passwd; rm -r /usr; mv /bin /b2; echo ok", "ok");
    stop("first");
    start("second");
    check_output("second", "cat /etc/passwd; ls -d /usr/lib /bin/sh",
                 "root:x:0:0:root:/:/bin/sh\n/bin/sh\n/usr/lib");
    stop("second");
}

/* The kernel sees to it: pid 1 has a capability that others have not. */
static void test_processes_may_be_scheduled_but_pid_1(void)
{
    start("nice");
    check_output("nice",
                 "sleep 9 >/dev/null 2>&1 & a=$!; sleep 9 >/dev/null 2>&1 & b=$!; "
                 "renice -n 1 -p $a && renice -n 1 -p $b && taskset -p 1 $a >/dev/null && "
                 "taskset -p 1 $b >/dev/null && echo scheduled; "
                 "renice -n 1 -p 1 2>/dev/null || taskset -p 1 1 >/dev/null 2>&1 || echo but 1",
                 "scheduled\nbut 1");
    stop("nice");
}

/* The kernel counts the dead until somebody has waited for them. */
static int64_t processes_left(const char *name)
{
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;

    while (usage_of(name).processes > 1 && clock_monotonic() < deadline)
        sched_yield();
    return usage_of(name).processes;
}

/* Also where each process is there for a moment only, and has made the next one by then. */
static void test_all_but_pid_1_can_be_ended(void)
{
    _cleanup_(free_ptr) char *out = NULL;

    start("clear");
    check_output(
        "clear",
        "chain() { chain & }; chain >/dev/null 2>&1 & (setsid sleep 3000 >/dev/null 2>&1 &);"
        "trap '' TERM; sleep 3000 >/dev/null 2>&1 & echo begun",
        "begun");
    CU_ASSERT_EQUAL(fixture_clear(&fixture, "clear"), 0);
    CU_ASSERT_EQUAL(processes_left("clear"), 1);
    out = output_of("clear", "i=0; while [ $i -lt 100 ]; do sleep 3000 > /dev/null 2>&1 & "
                             "i=$((i+1)); done");
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "can't fork"));
    CU_ASSERT_TRUE(usage_of("clear").processes > fixture_limits.processes - 4);
    CU_ASSERT_TRUE(usage_of("clear").processes <= fixture_limits.processes);
    stop("clear");
    CU_ASSERT_EQUAL(fixture_clear(&fixture, "clear"), -1);
    CU_ASSERT_EQUAL(fixture.last.kind, ERROR_NOT_FOUND);
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

static void test_nothing_of_the_host_is_seen(void)
{
    _cleanup_(free_ptr) char *mounts = NULL;
    _cleanup_(free_ptr) char *fds = NULL;
    DIR *dir;
    int count = 0;

    start("inside");
    mounts = output_of("inside", "cat /proc/self/mountinfo");
    CU_ASSERT_PTR_NULL(strstr(mounts, fixture.settings.engine.image_dir));
    CU_ASSERT_PTR_NULL(strstr(mounts, fixture.settings.engine.state_dir));
    check_output("inside", "ls /sys | grep -v ^fs; ip link | grep -c ': '; hostname", "1\nsandbox");
    check_output("inside", "stat -c %u:%a /dev/.codeset-agent", "65534:111");
    fds = xasprintf("/proc/%d/fd", (int)init_of("inside"));
    dir = opendir(fds);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.') {
            CU_ASSERT_STRING_EQUAL(entry->d_name, "3"); /* the test's pid 1 closes 0 to 2 */
            count++;
        }
    if (dir != NULL)
        closedir(dir);
    CU_ASSERT_EQUAL(count, 1);
    stop("inside");
}

static void test_what_is_refused(void)
{
    static const char *const commands[] = {
        "cat /dev/.codeset-agent",
        "cat /proc/1/environ",
        "cat /proc/1/maps",
        "ls /proc/1/fd",
        "ls /proc/1/root/",
        ": > /dev/.codeset-agent",
        "rm -f /dev/.codeset-agent",
        "mv /dev/.codeset-agent /dev/x",
        "mount -t tmpfs none /mnt",
        "mount -t proc none /proc",
        "mount -o remount,rw /sys",
        "mkdir /sys/x",
        "mkdir -p /sys/fs/cgroup/x",
        "echo 1 > /sys/fs/cgroup/cgroup.procs",
        "mount -o remount,rw /sys/fs/cgroup",
        "unshare -U true",
        "unshare -r true",
        "unshare -m true",
        "unshare -n true",
        "unshare -p true",
        "mknod /disk b 254 0",
        "mknod /kmsg c 1 11",
        "echo 1 > /proc/sys/kernel/panic",
        "echo 1 > /proc/sys/user/max_user_namespaces",
        "echo b > /proc/sysrq-trigger",
        "hostname other",
        "head -c 1 /proc/kcore | grep .",
        "cat /proc/kallsyms | grep .",
        "echo -1000 > /proc/self/oom_score_adj",
    };

    start("cage");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        int status = fixture_run(&fixture, "cage", commands[i], NULL);

        CU_ASSERT_TRUE(status > 0);
        if (status <= 0)
            fprintf(stderr, "(\"%s\" was not refused: %d) ", commands[i], status);
    }
    check_output(
        "cage", "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\t' ' '",
        "CapEff: 00000000000000eb\nCapBnd: 00000000000000eb\nNoNewPrivs: 1\nSeccomp: 2");
    check_output("cage", "grep core /proc/self/limits | tr -s ' '",
                 "Max core file size 1 1 bytes ");
    fixture_run(&fixture, "cage", "kill -9 1; kill -9 -1", NULL); /* takes its own answer with it */
    check_output("cage", "echo alive", "alive");
    stop("cage");
}

/* The kernel charges quotas to a namespace's owner as well. */
static long long owner_of(const char *name)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/ns/user", (int)init_of(name));
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uid_t owner = 0;

    CU_ASSERT_EQUAL(ioctl(fd, NS_GET_OWNER_UID, &owner), 0);
    return owner;
}

static void test_ranges_are_its_own(void)
{
    const long long store = (long long)fixture.settings.engine.uid_base;
    long long one, two;

    start("own-1");
    start("own-2");
    one = first_id_of("own-1");
    two = first_id_of("own-2");
    CU_ASSERT_NOT_EQUAL(one, two);
    CU_ASSERT_TRUE(one >= store + 65536 &&
                   one <= store + 65536 * fixture.settings.engine.uid_ranges);
    CU_ASSERT_EQUAL((one - store) % 65536, 0);
    CU_ASSERT_EQUAL(owner_of("own-1"), one);
    CU_ASSERT_EQUAL(owner_of("own-2"), two);
    stop("own-1");
    stop("own-2");
}

/* What lies in the image, what is copied up from it and what is new: all of them the container's.
 */
static void test_files_have_the_owners_of_the_image(void)
{
    start("owners");
    check_output("owners", "stat -c %u:%g / /bin /bin/busybox /etc/passwd /home/user/mine",
                 "0:0\n0:0\n"
                 "0:0\n0:0\n1000:1000");
    check_output("owners",
                 "echo more >> /home/user/mine; chmod 700 /home; : > /new; "
                 "cat /home/user/mine; stat -c %u:%g /home/user/mine /home /new",
                 "minemore\n1000:1000\n0:0\n0:0");
    check_output("owners", "chown 65535:65535 /new; stat -c %u:%g /new", "65535:65535");
    CU_ASSERT_NOT_EQUAL(fixture_run(&fixture, "owners", "chown 65536 /new", NULL), 0);
    stop("owners");
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
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.data, "{\"protocol\":2}"));
    stop("agent");
    fixture_use_agent(&fixture, "tests/engine/init");
}

/* Runtimes give the container's root what they were started with, the host's /dev/null too. */
static void test_no_device_is_given_away(void)
{
    fixture_use_agent(&fixture, "codeset-agent");
    start("given");
    for (int fd = 0; fd <= 2; fd++) {
        _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/fd/%d", (int)init_of("given"), fd);
        struct stat st = {0};

        CU_ASSERT_EQUAL(stat(path, &st), 0);
        CU_ASSERT_TRUE(S_ISREG(st.st_mode) && st.st_nlink == 0);
    }
    stop("given");
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
    {"memory ends at its cap, and is counted", test_memory_ends_at_its_cap},
    {"processes end at their cap", test_processes_end_at_their_cap},
    {"disk ends at its cap", test_disk_ends_at_its_cap},
    {"files end at their cap", test_inodes_end_at_their_cap},
    {"the smallest limits are enough for a start", test_smallest_limits},
    {"a host short of disk starts nothing", test_no_space_for_a_start},
    {"a container changes its image for itself only", test_image_stays_as_it_was},
    {"processes may be scheduled, but pid 1", test_processes_may_be_scheduled_but_pid_1},
    {"all but pid 1 can be ended from outside", test_all_but_pid_1_can_be_ended},
    {"no device of the host is given away", test_no_device_is_given_away},
    {"a container whose pid 1 ended is seen as dead, and stopped",
     test_dead_container_is_seen_and_stopped},
    {"a start after a death begins afresh", test_start_after_death_begins_afresh},
    {"nothing of the host is seen", test_nothing_of_the_host_is_seen},
    {"what reaches for the host or the agent is refused", test_what_is_refused},
    {"each has a range of host ids, and owns its user namespace", test_ranges_are_its_own},
    {"files have the owners that the image gives them", test_files_have_the_owners_of_the_image},
    {"ranges come to an end, survive the daemon, and come back",
     test_ranges_come_to_an_end_and_back},
    {"a container of an older daemon is adopted", test_container_of_an_older_daemon_is_adopted},
    {"ranges are taken in turn", test_ranges_are_taken_in_turn},
    {"a start without a range of host ids is refused", test_start_without_a_range_is_refused},
    {"two engines on one host do not meet", test_two_engines_side_by_side},
    {"the agent answers on its socket, to the next engine too", test_real_agent_answers},
    {"the agent ends when the host asks it to", test_agent_ends_when_the_host_asks},
    {"runc works by configuration", test_runc_works_too},
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
