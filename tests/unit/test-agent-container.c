/*
 * The agent as pid 1 of namespaces of its own, with commands that turn against it.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent-rig.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "unit.h"

#include "base/banned.h"

#define PROCESSES 120

static struct rig rig;
static struct outcome outcome;

static void expect(enum agent_end end, int status, const char *out)
{
    CU_ASSERT_EQUAL(outcome.result.end, end);
    CU_ASSERT_EQUAL(outcome.result.exit_status, status);
    if (out) {
        CU_ASSERT_STRING_EQUAL(outcome.out.data, out);
    }
}

/* Only the agent, this command's shepherd, its shell and its ls. */
static void expect_nothing_left(void)
{
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;

    do {
        rig_run(&rig, &outcome, 120, "ls /proc | grep -c '^[0-9]'");
        if (strtol(outcome.out.data, NULL, 10) <= 5)
            return;
    } while (clock_monotonic() < deadline);
    CU_FAIL("processes are left");
}

static void the_agent_is_pid_1(void)
{
    rig_open_container(&rig, true, PROCESSES);
    rig_run(&rig, &outcome, 120, "readlink /proc/1/exe || cat /proc/1/comm; id -u");
    expect(AGENT_END_EXIT, 0, "codeset-agent\n0\n");
}

static void the_agent_can_not_be_read_or_traced(void)
{
    rig_run(&rig, &outcome, 120,
            "for p in 1 $PPID; do cat /proc/$p/environ /proc/$p/maps /proc/$p/auxv; "
            "readlink /proc/$p/exe /proc/$p/cwd /proc/$p/fd/3; ls /proc/$p/cwd/ /proc/$p/root/; "
            "cat </proc/$p/fd/4; dd if=/proc/$p/mem bs=1 count=1; done; exit 9");
    expect(AGENT_END_EXIT, 9, "");
}

static void the_agent_can_not_be_killed(void)
{
    rig_run(&rig, &outcome, 120,
            "for s in 1 2 3 9 10 12 13 14 15 17 19 20; do kill -$s 1; done; echo alive");
    expect(AGENT_END_EXIT, 0, "alive\n");
    rig_run(&rig, &outcome, 120, "echo and well");
    expect(AGENT_END_EXIT, 0, "and well\n");
}

static void a_command_that_kills_everything_is_still_answered(void)
{
    rig_run(&rig, &outcome, 120, "kill -9 -1; echo alone; exit 5");
    expect(AGENT_END_EXIT, 5, "alone\n");
    rig_run(&rig, &outcome, 120, "kill -STOP -1; echo alone; exit 6");
    expect(AGENT_END_EXIT, 6, "alone\n");
    rig_run(&rig, &outcome, 1, "kill -9 -1; sleep 3000");
    expect(AGENT_END_TIMEOUT, 124, "");
    expect_nothing_left();
}

static void a_command_that_another_kills_ends_with_137(void)
{
    struct agent_command victim = rig_command(&rig, "victim", "touch up; sleep 3000");
    struct outcome killed = {0};

    agent_run(rig.client, rig.address, &victim, false, rig_on_run, &killed);
    rig_run(&rig, &outcome, 120, "until [ -e up ]; do sleep 0.01; done; kill -9 -1; echo done");
    expect(AGENT_END_EXIT, 0, "done\n");
    rig_await(&rig, &killed);
    CU_ASSERT_EQUAL(killed.err.kind, ERROR_NONE);
    CU_ASSERT_EQUAL(killed.result.exit_status, 137);
    outcome_release(&killed);
}

static void a_fork_bomb_ends_at_its_limit(void)
{
    rig_run(&rig, &outcome, 1, "b() { b | b & }; b; sleep 3000");
    expect(AGENT_END_TIMEOUT, 124, NULL);
    CU_ASSERT(outcome.result.seconds < 60);
    expect_nothing_left();
}

static void a_chain_of_processes_does_not_outrun_its_limit(void)
{
    rig_run(&rig, &outcome, 2,
            "echo 'sh /tmp/r & exit' >/tmp/r; for i in 1 2 3 4 5 6 7 8; do sh /tmp/r & done; "
            "trap '' TERM; while :; do sleep 1; done");
    expect(AGENT_END_TIMEOUT, 124, NULL);
    CU_ASSERT(outcome.result.seconds < 60);
    expect_nothing_left();
}

static void commands_are_killed_for_memory_before_the_agent_is(void)
{
    /* Nothing of a command runs before it: what it forks at once inherits it. */
    rig_run(&rig, &outcome, 120,
            "cat /proc/self/oom_score_adj; read own </proc/1/oom_score_adj; "
            "[ $own -lt 1000 ] && echo less");
    expect(AGENT_END_EXIT, 0, "1000\nless\n");
}

/* The next process that is born in the container gets the number, if it is free. */
static void next_pid_is(pid_t inside, long number)
{
    int status = -1;
    pid_t child;
    char path[64];
    int ns;

    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)inside);
    ns = open(path, O_RDONLY | O_CLOEXEC);
    child = fork();
    if (child == 0) {
        /* Its child is in that namespace; but is born there, too: it takes a number itself. */
        if (setns(ns, CLONE_NEWPID) < 0)
            _exit(1);
        child = fork();
        if (child == 0) {
            char text[16];
            int length = snprintf(text, sizeof(text), "%ld", number - 1);
            int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

            _exit(fd >= 0 && write(fd, text, (size_t)length) == length ? 0 : 1);
        }
        _exit(child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : 1);
    }
    CU_ASSERT_FATAL(ns >= 0 && child > 0);
    close(ns);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static void a_number_that_an_ended_command_had_is_another_ones(void)
{
    struct agent_command kept = rig_command(&rig, "kept", "echo $$");
    struct agent_command heir = rig_command(&rig, "heir",
                                            "echo $PPID; kill -9 $PPID; "
                                            "exit 7");
    _cleanup_(buf_release) struct buf number = BUF_INIT;
    struct outcome last = {0};
    pid_t inside;

    rig_run(&rig, &outcome, 120, "sleep 3053.$MARK &");
    inside = rig_sleeper(3053);
    agent_run(rig.client, rig.address, &kept, false, rig_on_run, &last);
    rig_await(&rig, &last);
    buf_add(&number, last.out.data, last.out.length);
    rig_run(&rig, &outcome, 120, "until ps | grep -c [c]odeset-agent | grep -qx 2; do :; done");
    next_pid_is(inside, strtol(number.data, NULL, 10));
    outcome_release(&last);
    agent_run(rig.client, rig.address, &heir, false, rig_on_run, &last);
    rig_await(&rig, &last);
    CU_ASSERT_EQUAL(strncmp(last.out.data, number.data, number.length), 0);
    CU_ASSERT_EQUAL(last.result.exit_status, 7);
    CU_ASSERT(last.result.seconds < 100);
    rig_run(&rig, &outcome, 120, "kill $(pidof sleep)");
    CU_ASSERT_TRUE(rig_sleeps(3053, false));
    agent_forget(rig.client, rig.address, "kept");
    agent_forget(rig.client, rig.address, "heir");
    outcome_release(&last);
}

/* From here on the process does not come to its end before we let it. */
static pid_t hold_at_its_end(int seconds)
{
    pid_t pid = rig_sleeper(seconds);

    CU_ASSERT_FATAL(pid > 0);
    CU_ASSERT_EQUAL_FATAL(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT), 0);
    return pid;
}

static void a_process_that_is_slow_to_die_takes_nobody_along(void)
{
    struct agent_command command = rig_command(&rig, "slow", "sleep 3051.$MARK");
    struct outcome slow = {0};
    int status;
    pid_t pid;

    command.timeout_seconds = 5; /* time enough for us to take hold of it */
    rig_run(&rig, &outcome, 120, "sleep 3052.$MARK &");
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &slow);
    rig_run(&rig, &outcome, 120, "until ps | grep '[s]leep 3051'; do :; done");
    pid = hold_at_its_end(3051);
    do {
        CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, __WALL), pid);
    } while (status >> 8 != (SIGTRAP | (PTRACE_EVENT_EXIT << 8)));
    rig_run(&rig, &outcome, 120, "sleep 1; echo unharmed");
    expect(AGENT_END_EXIT, 0, "unharmed\n");
    CU_ASSERT_FALSE(slow.done);
    CU_ASSERT_EQUAL(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
    rig_await(&rig, &slow);
    CU_ASSERT_EQUAL(slow.result.end, AGENT_END_TIMEOUT);
    CU_ASSERT_TRUE(rig_sleeps(3052, true));
    rig_run(&rig, &outcome, 120, "kill $(pidof sleep)");
    CU_ASSERT_TRUE(rig_sleeps(3052, false));
    agent_forget(rig.client, rig.address, "slow");
    outcome_release(&slow);
}

/* A hundred commands that wait at a gate, more than fit in. The first to be refused opens it. */
enum { CROWD = 100 };
static struct outcome crowd[CROWD];

static bool is_refused(const struct outcome *one)
{
    return one->done && one->err.kind != ERROR_NONE;
}

static void open_gate(evutil_socket_t fd, short what, void *path)
{
    bool refused = false;
    int gate;

    (void)fd;
    (void)what;
    for (int i = 0; i < CROWD; i++)
        refused = refused || is_refused(&crowd[i]);
    gate = refused ? open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (gate >= 0)
        close(gate); /* whoever waited there reads an end */
}

static void without_processes_the_agent_says_that_it_is_busy(void)
{
    const struct timeval often = {.tv_usec = 20000};
    struct event *timer;
    struct outcome hello = {0};
    int ran = 0, refused = 0;
    char ids[CROWD][16], gate[128];

    snprintf(gate, sizeof(gate), "%s/root/work/gate", rig.folder);
    timer = event_new(rig.base, -1, EV_PERSIST, open_gate, gate);
    event_add(timer, &often);
    rig_run(&rig, &outcome, 120, "mkfifo gate");
    for (int i = 0; i < CROWD; i++) {
        struct agent_command command;

        snprintf(ids[i], sizeof(ids[i]), "busy-%d", i);
        command = rig_command(&rig, ids[i], "read x <gate; echo ran");
        agent_run(rig.client, rig.address, &command, false, rig_on_run, &crowd[i]);
    }
    agent_hello(rig.client, rig.address, 60000, rig_on_hello, &hello);
    rig_await(&rig, &hello);
    CU_ASSERT_EQUAL(hello.err.kind, ERROR_NONE);
    for (int i = 0; i < CROWD; i++) {
        rig_await(&rig, &crowd[i]);
        if (!is_refused(&crowd[i])) {
            CU_ASSERT_STRING_EQUAL(crowd[i].out.data, "ran\n");
            ran++;
        } else {
            CU_ASSERT_EQUAL(crowd[i].err.kind, ERROR_UNAVAILABLE);
            CU_ASSERT_STRING_EQUAL(crowd[i].err.code, "AGENT_BUSY");
            refused++;
        }
    }
    for (int i = 0; i < CROWD; i++)
        outcome_release(&crowd[i]);
    event_free(timer);
    CU_ASSERT(ran > 0 && refused > 0);
    expect_nothing_left();
}

static void a_replaced_dev_null_does_not_block(void)
{
    rig_run(&rig, &outcome, 120, "rm /dev/null; mkfifo /dev/null");
    rig_run(&rig, &outcome, 120, "cat; echo read");
    expect(AGENT_END_EXIT, 0, "read\n");
}

static void the_agent_has_lived_through_it_all(void)
{
    outcome_release(&outcome);
    rig_close(&rig);
}

static void an_empty_root_has_an_agent_but_no_shell(void)
{
    rig_open_container(&rig, false, PROCESSES);
    rig_run(&rig, &outcome, 120, "true");
    CU_ASSERT_EQUAL(outcome.result.end, AGENT_END_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message.data, "no shell"));
    outcome_release(&outcome);
    rig_upload(&rig, &outcome, "/made/f", false, "x", 1);
    rig_await(&rig, &outcome);
    if (outcome.err.kind != ERROR_NONE)
        printf("(%s: %s) ", outcome.err.code, outcome.err.message);
    CU_ASSERT_STRING_EQUAL(outcome.message.data, "File uploaded");
    rig_close(&rig);
    outcome_release(&outcome);
}

int main(void)
{
    const struct unit_test tests[] = {
        {"the agent is pid 1", the_agent_is_pid_1},
        {"the agent cannot be read or traced", the_agent_can_not_be_read_or_traced},
        {"the agent cannot be killed", the_agent_can_not_be_killed},
        {"a command that kills everything is still answered",
         a_command_that_kills_everything_is_still_answered},
        {"a command that another kills ends with 137", a_command_that_another_kills_ends_with_137},
        {"a fork bomb ends at its limit", a_fork_bomb_ends_at_its_limit},
        {"a chain of processes does not outrun its limit",
         a_chain_of_processes_does_not_outrun_its_limit},
        {"a process that is slow to die takes nobody along",
         a_process_that_is_slow_to_die_takes_nobody_along},
        {"commands are killed for memory before the agent is",
         commands_are_killed_for_memory_before_the_agent_is},
        {"a number that an ended command had is another one's",
         a_number_that_an_ended_command_had_is_another_ones},
        {"without processes the agent says that it is busy",
         without_processes_the_agent_says_that_it_is_busy},
        {"a replaced /dev/null does not block", a_replaced_dev_null_does_not_block},
        {"the agent has lived through it all", the_agent_has_lived_through_it_all},
        {"an empty root has an agent but no shell", an_empty_root_has_an_agent_but_no_shell},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("agent: container", tests);
}
