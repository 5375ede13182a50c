/* What shows through the walls: devices, figures, the host's memory; and what reaches the kernel.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "escape_fixture.h"
#include "fixture.h"

#include "base/banned.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static void devices_are_the_sessions_own(void)
{
    struct ident watcher = escape_open(), other = escape_open();
    struct ident watch = exec_start(watcher.text, "/tmp/probe watch", 600);
    _cleanup_(answer_release) struct answer *ready =
        exec_run(watcher.text, "until [ -e /tmp/watching ]; do usleep 10000; done", 300);
    _cleanup_(answer_release) struct answer *seen = NULL;

    INT(ready, "exit_code", 0);
    escape_refused(&other, "use-devices", "");
    answer_free(exec_run(watcher.text, "touch /tmp/stop", 60));
    seen = interaction_wait(NULL, watcher.text, watch.text, 60);
    CHECK_MSG(answer_int(seen, "exit_code") == 0, "%s", seen->body.data);
    escape_close(&watcher);
    escape_close(&other);
}

/* They are the container's own, and nevertheless not its root's to give away. */
static void devices_are_not_the_hosts(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer =
        exec_run(id.text, "stat -c '%d:%i' /dev/null /dev/zero /dev/full", 60);
    _cleanup_(buf_release) struct buf host = BUF_INIT;

    CHECK(shell(&host, "stat -c '%%d:%%i' /dev/null /dev/zero /dev/full") == 0);
    CHECK_MSG(strlen(answer_text(answer, "stdout")) > 5 &&
                  strcmp(answer_text(answer, "stdout"), host.data) != 0,
              "%s", answer->body.data);
    escape_close(&id);
}

/* Runc mounts over a few files of /proc only: of two figures there it leaves one out, and shows
 * one. */
static bool runtime_is_runc(void)
{
    return shell(NULL, "grep -q '^runtime *= *.*runc' \"$CODESET_STACK/etc/codeset.conf\"") == 0 &&
           shell(NULL, "grep -q '^runtime *= *.*crun' \"$CODESET_STACK/etc/codeset.conf\"") != 0;
}

static void boot_ids_differ(void)
{
    struct ident one = escape_open(), two = escape_open();
    _cleanup_(answer_release) struct answer *first = exec_run(one.text, "cat " BOOT_ID, 60);
    _cleanup_(answer_release) struct answer *second = exec_run(two.text, "cat " BOOT_ID, 60);
    _cleanup_(buf_release) struct buf host = BUF_INIT;
    struct error err = ERROR_INIT;

    CHECK(file_read(AT_FDCWD, BOOT_ID, 64, &host, &err) == 0);
    CHECK_MSG(strlen(answer_text(first, "stdout")) == (runtime_is_runc() ? 0 : 37), "%s",
              first->body.data);
    CHECK_MSG(strcmp(answer_text(first, "stdout"), host.data) != 0, "%s", first->body.data);
    CHECK_MSG(runtime_is_runc() ||
                  strcmp(answer_text(first, "stdout"), answer_text(second, "stdout")) != 0,
              "%s", second->body.data);
    escape_close(&one);
    escape_close(&two);
}

static void figures_of_the_host_are_not_told(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer =
        exec_run(id.text,
                 "cat /proc/loadavg; ls /proc/fs /proc/bus /proc/irq /proc/driver | grep -v : | tr "
                 "-d '\\n'; "
                 "cat /proc/buddyinfo /proc/zoneinfo /proc/mdstat /proc/schedstat /proc/interrupts "
                 "2>/dev/null; "
                 "total=$(sed -n 's/^MemTotal: *//p' /proc/meminfo); "
                 "[ \"$total\" = \"$(sed -n 's/^MemFree: *//p' /proc/meminfo)\" ] && echo limit",
                 60);

    TEXT(answer, "stdout", "0.00 0.00 0.00 1/1 1\nlimit\n");
    escape_close(&id);
}

static void cgroups_of_the_host_are_not_counted(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer =
        exec_run(id.text, "sed '1d' /proc/cgroups | cut -f 3 | sort -u", 60);

    CHECK_MSG((strcmp(answer_text(answer, "stdout"), "1\n") == 0) != runtime_is_runc(), "%s",
              answer->body.data);
    escape_close(&id);
}

static void probe_is_refused(const char *probe, const char *argument)
{
    struct ident id = escape_open();

    escape_refused(&id, probe, argument);
    escape_close(&id);
}

static void the_hosts_memory_is_not_told(void)
{
    probe_is_refused("pagecache", "/bin/busybox");
}

static void no_attributes_but_ones_own(void)
{
    probe_is_refused("attributes", "");
}

static void calls_that_few_need(void)
{
    probe_is_refused("rarities", "");
}

/* The whole list is printed by `probe calls`; here, that some are in it and some are not. */
static void calls_that_reach_the_kernel(void)
{
    static const char *const wanted[] = {"read", "clone", "socket", "ptrace", "ioctl", "preadv2"};
    static const char *const unwanted[] = {"mincore",
                                           "seccomp",
                                           "vmsplice",
                                           "execveat",
                                           "mlockall",
                                           "clone3",
                                           "bpf",
                                           "io_uring_setup",
                                           "io_setup",
                                           "perf_event_open",
                                           "keyctl",
                                           "mount",
                                           "setns",
                                           "fsopen",
                                           "kcmp",
                                           "process_madvise",
                                           "userfaultfd",
                                           "open_tree",
                                           "name_to_handle_at",
                                           "modify_ldt",
                                           "iopl",
                                           "syslog",
                                           "chroot"};
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = exec_run(id.text, "/tmp/probe calls", 600);
    _cleanup_(free_ptr) char *list = xasprintf("\n%s", answer_text(answer, "stdout"));

    INT(answer, "exit_code", 0);
    CHECK_MSG(strstr(list, "\nunknown (") == NULL, "%s", strstr(list, "\nunknown ("));
    for (size_t i = 0; i < ARRAY_SIZE(wanted) + ARRAY_SIZE(unwanted); i++) {
        bool is_wanted = i < ARRAY_SIZE(wanted);
        const char *name = is_wanted ? wanted[i] : unwanted[i - ARRAY_SIZE(wanted)];
        _cleanup_(free_ptr) char *line = xasprintf("\n%s (", name);

        CHECK_MSG((strstr(list, line) != NULL) == is_wanted, "%s: %s", name, answer->body.data);
    }
    escape_close(&id);
}

static const struct test tests[] = {
    {"what a session does with devices no other sees", devices_are_the_sessions_own},
    {"devices are not the host's", devices_are_not_the_hosts},
    {"no session is told the host's boot id, nor another's", boot_ids_differ},
    {"load, memory, buses and interrupts of the host are not told",
     figures_of_the_host_are_not_told},
    {"the host's cgroups are not counted (but under runc)", cgroups_of_the_host_are_not_counted},
    {"what others read of an image is not told", the_hosts_memory_is_not_told},
    {"no attribute can be set but user's", no_attributes_but_ones_own},
    {"line disciplines, vmsplice, mlockall, user notification are out of reach",
     calls_that_few_need},
    {"only the calls that are listed reach the kernel", calls_that_reach_the_kernel},
};

SUITE(walls, tests);
