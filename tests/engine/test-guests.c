/* What a guest may use and see, and where that ends. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "guest.h"

#include "base/banned.h"

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
    check_output("inside", "ls /sys | grep -v ^fs; ip link | grep -c ': '; hostname",
                 "devices\n1\nsandbox");
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

static const struct unit_test tests[] = {
    {"memory ends at its cap, and is counted", test_memory_ends_at_its_cap},
    {"processes end at their cap", test_processes_end_at_their_cap},
    {"disk ends at its cap", test_disk_ends_at_its_cap},
    {"files end at their cap", test_inodes_end_at_their_cap},
    {"a container changes its image for itself only", test_image_stays_as_it_was},
    {"processes may be scheduled, but pid 1", test_processes_may_be_scheduled_but_pid_1},
    {"all but pid 1 can be ended from outside", test_all_but_pid_1_can_be_ended},
    {"no device of the host is given away", test_no_device_is_given_away},
    {"nothing of the host is seen", test_nothing_of_the_host_is_seen},
    {"what reaches for the host or the agent is refused", test_what_is_refused},
    {"each has a range of host ids, and owns its user namespace", test_ranges_are_its_own},
    {"files have the owners that the image gives them", test_files_have_the_owners_of_the_image},
};

int main(void)
{
    int failed;

    fixture_open(&fixture, "g");
    failed = UNIT_MAIN("guests", tests);
    return fixture_close(&fixture) ? failed : 1;
}
