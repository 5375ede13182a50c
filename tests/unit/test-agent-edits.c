/*
 * File operations that are asked for again, killed, given up: each is carried out once, or it is
 * said that nobody knows. The real program; a tracer stops its children where it matters.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent-rig.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "settings.h"
#include "unit.h"

#include "base/banned.h"

static struct rig rig;
static struct outcome outcome;

/* ---- helpers ---- */

static void shell(const char *command)
{
    rig_run(&rig, &outcome, 60, command);
    CU_ASSERT_EQUAL_FATAL(outcome.result.exit_status, 0);
}

static void write_file(const char *name, const char *text)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", rig.work, name);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
}

static void file_is(const char *name, const char *expected)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", rig.work, name);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path, 1 << 20, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text.data, expected);
}

static struct agent_call *replace_begun(struct outcome *into, const char *id, const char *name,
                                        const char *old_text, const char *new_text)
{
    const struct agent_replacement replacement = {.id = id,
                                                  .path = name,
                                                  .workdir = rig.work,
                                                  .old_text = old_text,
                                                  .old_length = strlen(old_text),
                                                  .new_text = new_text,
                                                  .new_length = strlen(new_text)};

    outcome_release(into);
    return agent_replace(rig.client, rig.address, &replacement, rig_on_file, into);
}

static void replace(const char *id, const char *name, const char *old_text, const char *new_text)
{
    replace_begun(&outcome, id, name, old_text, new_text);
    rig_await(&rig, &outcome);
}

static void upload(const char *id, const char *name, const char *text)
{
    const struct agent_upload upload = {
        .id = id, .path = name, .workdir = rig.work, .bytes = text, .size = strlen(text)};

    outcome_release(&outcome);
    agent_upload(rig.client, rig.address, &upload, rig_on_file, &outcome);
    rig_await(&rig, &outcome);
}

static void expect_success(void)
{
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT_TRUE(outcome.success);
}

static void expect_code(const char *code)
{
    CU_ASSERT_TRUE(outcome.err.code && strcmp(outcome.err.code, code) == 0);
}

/* ---- the same id again ---- */

static void an_edit_that_is_asked_for_again_is_not_done_again(void)
{
    write_file("seen", "foo");
    replace("seen", "seen", "foo", "foo bar");
    expect_success();
    CU_ASSERT_EQUAL(outcome.size, 7);
    replace("seen", "seen", "foo", "foo bar");
    expect_success();
    CU_ASSERT_EQUAL(outcome.size, 7);
    file_is("seen", "foo bar");
    replace("another", "seen", "foo", "foo bar");
    file_is("seen", "foo bar bar");
}

static void an_upload_that_is_asked_for_again_undoes_nothing(void)
{
    upload("up", "up", "first");
    expect_success();
    write_file("up", "changed since");
    upload("up", "up", "first");
    expect_success();
    CU_ASSERT_EQUAL(outcome.size, 5);
    file_is("up", "changed since");
}

static void a_refusal_is_remembered_too(void)
{
    write_file("refused", "a a");
    replace("refused", "refused", "a", "b");
    CU_ASSERT_FALSE(outcome.success);
    write_file("refused", "a");
    replace("refused", "refused", "a", "b");
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT_FALSE(outcome.success);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message.data, "2 times"));
    file_is("refused", "a");
}

static void one_that_is_under_way_is_attached_to(void)
{
    enum { COUNT = 8 };
    struct outcome all[COUNT] = {0};

    write_file("joined", "foo");
    for (int i = 0; i < COUNT; i++)
        replace_begun(&all[i], "joined", "joined", "foo", "foo bar");
    for (int i = 0; i < COUNT; i++) {
        rig_await(&rig, &all[i]);
        CU_ASSERT_TRUE(all[i].success);
        CU_ASSERT_EQUAL(all[i].size, 7);
        outcome_release(&all[i]);
    }
    file_is("joined", "foo bar");
}

/* Each edit wants the text that all the others leave in place, and adds one letter before it. */
static void edits_of_one_file_that_come_together_are_all_made(void)
{
    enum { COUNT = 16, ROUNDS = 12 };
    struct outcome all[COUNT] = {0};
    struct buf expected = BUF_INIT;
    char id[32];

    write_file("together", "END");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNT; i++) {
            snprintf(id, sizeof(id), "together-%d-%d", round, i);
            replace_begun(&all[i], id, "together", "END", "aEND");
        }
        for (int i = 0; i < COUNT; i++) {
            rig_await(&rig, &all[i]);
            CU_ASSERT_TRUE(all[i].success);
            buf_add(&expected, "a", 1);
        }
    }
    buf_add(&expected, "END", 3);
    file_is("together", expected.data);
    for (int i = 0; i < COUNT; i++)
        outcome_release(&all[i]);
    buf_release(&expected);
}

/* The daemon is killed at any moment: its connection ends, and the next one asks again. */
static void a_client_that_goes_away_at_any_moment_doubles_nothing(void)
{
    char name[32];

    for (int i = 0; i < 300; i++) {
        struct agent_call *call;

        snprintf(name, sizeof(name), "gone-%d", i);
        write_file(name, "foo");
        call = replace_begun(&outcome, name, name, "foo", "foo bar");
        for (int turns = i % 12; turns > 0 && !outcome.done; turns--)
            event_base_loop(rig.base, EVLOOP_ONCE);
        if (!outcome.done)
            agent_call_cancel(call);
        replace(name, name, "foo", "foo bar");
        expect_success();
        file_is(name, "foo bar");
        agent_forget(rig.client, rig.address, name);
    }
}

static void an_id_that_was_forgotten_is_new(void)
{
    struct outcome hello = {0};

    write_file("again", "foo");
    replace("again", "again", "foo", "foo bar");
    agent_forget(rig.client, rig.address, "again");
    do { /* the two may go on different connections */
        agent_hello(rig.client, rig.address, 60000, rig_on_hello, &hello);
        rig_await(&rig, &hello);
        outcome_release(&hello);
        replace("again", "again", "foo", "foo bar");
    } while (outcome.size == 7);
    expect_success();
    file_is("again", "foo bar bar");
}

static void an_id_is_that_of_one_thing(void)
{
    struct agent_command command = rig_command(&rig, "a-command", "true");

    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    rig_await(&rig, &outcome);
    upload("a-command", "f", "x");
    expect_code("AGENT_REFUSED");
    upload("an-edit", "f", "x");
    expect_success();
    command.id = "an-edit";
    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    rig_await(&rig, &outcome);
    expect_code("AGENT_REFUSED");
    upload("", "f", "x");
    expect_code("AGENT_REFUSED");
    upload("a/b", "f", "x");
    expect_code("AGENT_REFUSED");
}

/* ---- how many are remembered ---- */

static void outcomes_that_nobody_forgets_do_not_fill_the_agent(void)
{
    char id[32];

    write_file("kept", "0");
    for (int i = 0; i < 2 * AGENT_OPERATIONS_MOST; i++) {
        snprintf(id, sizeof(id), "kept-%d", i);
        upload(id, "kept", "x");
        expect_success();
    }
}

static void the_least_lately_answered_makes_room(void)
{
    char id[32];

    write_file("asked", "foo");
    replace("asked", "asked", "foo", "foo bar");
    for (int i = 0; i < 2 * AGENT_OPERATIONS_MOST; i++) {
        snprintf(id, sizeof(id), "other-%d", i);
        upload(id, "other", "x");
        if (i % (AGENT_OPERATIONS_MOST / 2) == 0) /* as a daemon does that comes after another */
            replace("asked", "asked", "foo", "foo bar");
    }
    replace("asked", "asked", "foo", "foo bar");
    expect_success();
    file_is("asked", "foo bar");
}

static void a_session_may_have_no_more_unfinished_than_an_agent_remembers(void)
{
    const struct config_row *row = NULL;

    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_rows[i].name, "interactions_per_session") == 0)
            row = &settings_rows[i];
    CU_ASSERT_PTR_NOT_NULL_FATAL(row);
    if (row) {
        CU_ASSERT_EQUAL(row->most, AGENT_UNFINISHED_MOST);
    }
    CU_ASSERT_TRUE(AGENT_UNFINISHED_MOST < AGENT_OPERATIONS_MOST);
}

/* ---- children that are killed ---- */

enum fate { KILLED_BEFORE, KILLED_BEHIND, HELD };

/* In the tracer: lets the agent go on until it has a child, and that until it enters the system
 * call, or leaves it. Then, as at the beginning, it writes a byte. */
static void trace(pid_t agent, long number, enum fate fate, int ready)
{
    const int at = fate == KILLED_BEHIND ? PTRACE_SYSCALL_INFO_EXIT : PTRACE_SYSCALL_INFO_ENTRY;
    unsigned long message;
    bool entered = false;
    pid_t child;
    int status;

    if (ptrace(PTRACE_SEIZE, agent, NULL, (void *)(long)PTRACE_O_TRACEFORK) < 0 ||
        write(ready, "", 1) != 1 || waitpid(agent, &status, __WALL) != agent ||
        status >> 8 != (SIGTRAP | (PTRACE_EVENT_FORK << 8)) ||
        ptrace(PTRACE_GETEVENTMSG, agent, NULL, &message) < 0)
        _exit(1);
    child = (pid_t)message;
    if (waitpid(child, &status, __WALL) != child ||
        ptrace(PTRACE_SETOPTIONS, child, NULL,
               (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) < 0 ||
        ptrace(PTRACE_DETACH, agent, NULL, NULL) < 0)
        _exit(2);
    for (;;) {
        struct __ptrace_syscall_info info;

        if (ptrace(PTRACE_SYSCALL, child, NULL, NULL) < 0 ||
            waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status))
            _exit(3);
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            continue;
        ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof(info), &info);
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
            entered = (long)info.entry.nr == number;
        if (entered && info.op == at)
            break;
    }
    if (fate != HELD)
        kill(child, SIGKILL);
    if (write(ready, "", 1) != 1)
        _exit(4);
    while (waitpid(child, &status, __WALL) == child && !WIFSIGNALED(status) && !WIFEXITED(status))
        ; /* one that is held dies when the agent gives it up */
    _exit(0);
}

/* From when it returns the agent's next child meets its fate at the system call. */
static pid_t tracer(long number, enum fate fate, int *ret_met)
{
    int ready[2];
    pid_t pid;
    char c;

    CU_ASSERT_EQUAL_FATAL(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ready[1], 3); /* none of the client's connections, which would stay open */
        close_range(4, UINT_MAX, 0);
        trace(rig.agent, number, fate, 3);
    }
    close(ready[1]);
    CU_ASSERT_EQUAL_FATAL(read(ready[0], &c, 1), 1);
    *ret_met = ready[0];
    return pid;
}

static void tracer_ends(pid_t pid, int *met)
{
    int status = -1;

    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    close_fd(met);
}

/* Replaces foo by "foo bar" in a new file, with a child that meets its fate. */
static void replace_with(long number, enum fate fate, const char *name)
{
    pid_t pid;
    int met;

    write_file(name, "foo");
    pid = tracer(number, fate, &met);
    replace(name, name, "foo", "foo bar");
    tracer_ends(pid, &met);
}

/* Its file gets its mode next, and is then laid in its place. */
static void one_that_is_killed_before_it_is_done_may_be_asked_for_again(void)
{
    replace_with(SYS_fchmod, KILLED_BEFORE, "before");
    expect_code("AGENT_BUSY");
    file_is("before", "foo");
    replace("before", "before", "foo", "foo bar");
    expect_success();
    file_is("before", "foo bar");
}

static void expect_unknown(const char *name, const char *content)
{
    expect_code("AGENT_OUTCOME_UNKNOWN");
    replace(name, name, "foo", "foo bar");
    expect_code("AGENT_OUTCOME_UNKNOWN");
    file_is(name, content);
}

static void of_one_that_is_killed_when_it_is_all_but_done_nobody_knows(void)
{
    replace_with(SYS_renameat, KILLED_BEFORE, "during");
    expect_unknown("during", "foo");
    replace_with(SYS_renameat, KILLED_BEHIND, "done");
    expect_unknown("done", "foo bar");
}

static void one_that_the_kernel_holds_is_given_up(void)
{
    int64_t begun = clock_monotonic();

    replace_with(SYS_fchmod, HELD, "held");
    expect_code("AGENT_BUSY");
    file_is("held", "foo");
    replace_with(SYS_renameat, HELD, "held-late");
    expect_unknown("held-late", "foo");
    CU_ASSERT(clock_monotonic() - begun < 60 * CLOCK_SECOND);
}

static void on_met(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

/* One whose client went before it was answered is not among those that make room. */
static void one_that_nobody_was_told_of_is_kept(void)
{
    struct agent_call *call;
    struct event *event;
    bool is_held = false;
    char id[32];
    pid_t pid;
    int met;

    write_file("untold", "foo");
    pid = tracer(SYS_renameat, HELD, &met);
    event = event_new(rig.base, met, EV_READ, on_met, &is_held);
    event_add(event, NULL);
    call = replace_begun(&outcome, "untold", "untold", "foo", "foo bar");
    while (!is_held)
        event_base_loop(rig.base, EVLOOP_ONCE);
    CU_ASSERT_FALSE(outcome.done);
    agent_call_cancel(call);
    event_free(event);
    tracer_ends(pid, &met);
    for (int i = 0; i < 2 * AGENT_OPERATIONS_MOST; i++) {
        snprintf(id, sizeof(id), "told-%d", i);
        upload(id, "told", "x");
        expect_success();
    }
    replace("untold", "untold", "foo", "foo bar");
    expect_code("AGENT_OUTCOME_UNKNOWN");
}

static void the_agent_says_what_it_speaks(void)
{
    rig_open(&rig);
    outcome_release(&outcome);
    agent_hello(rig.client, rig.address, 60000, rig_on_hello, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.protocol, AGENT_PROTOCOL);
    CU_ASSERT_TRUE(outcome.protocol >= AGENT_PROTOCOL_IDS);
}

static void the_agent_has_lived_through_it_all(void)
{
    shell("true");
    outcome_release(&outcome);
    rig_close(&rig);
}

int main(void)
{
    const struct unit_test tests[] = {
        {"the agent says what it speaks", the_agent_says_what_it_speaks},
        {"an edit that is asked for again is not done again",
         an_edit_that_is_asked_for_again_is_not_done_again},
        {"an upload that is asked for again undoes nothing",
         an_upload_that_is_asked_for_again_undoes_nothing},
        {"a refusal is remembered, too", a_refusal_is_remembered_too},
        {"one that is under way is attached to", one_that_is_under_way_is_attached_to},
        {"edits of one file that come together are all made",
         edits_of_one_file_that_come_together_are_all_made},
        {"a client that goes away at any moment doubles nothing",
         a_client_that_goes_away_at_any_moment_doubles_nothing},
        {"an id that was forgotten is new", an_id_that_was_forgotten_is_new},
        {"an id is that of one thing", an_id_is_that_of_one_thing},
        {"outcomes that nobody forgets do not fill the agent",
         outcomes_that_nobody_forgets_do_not_fill_the_agent},
        {"the least lately answered makes room", the_least_lately_answered_makes_room},
        {"a session may have no more unfinished than an agent remembers",
         a_session_may_have_no_more_unfinished_than_an_agent_remembers},
        {"one that is killed before it is done may be asked for again",
         one_that_is_killed_before_it_is_done_may_be_asked_for_again},
        {"of one that is killed when it is all but done nobody knows",
         of_one_that_is_killed_when_it_is_all_but_done_nobody_knows},
        {"one that the kernel holds is given up", one_that_the_kernel_holds_is_given_up},
        {"one that nobody was told of is kept", one_that_nobody_was_told_of_is_kept},
        {"the agent has lived through it all", the_agent_has_lived_through_it_all},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("agent: edits", tests);
}
