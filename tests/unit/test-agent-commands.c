/*
 * Commands, as the daemon has the agent run them: the real program, black-box.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent-rig.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "unit.h"

#include "base/banned.h"

#define CUT "\n[... "

static struct rig rig;
static struct outcome outcome;

static void expect(enum agent_end end, int status, const char *out, const char *err)
{
    CU_ASSERT_EQUAL(outcome.result.end, end);
    CU_ASSERT_EQUAL(outcome.result.exit_status, status);
    if (out) {
        CU_ASSERT_STRING_EQUAL(outcome.out.data, out);
    }
    if (err) {
        CU_ASSERT_STRING_EQUAL(outcome.errors.data, err);
    }
}

/* Waits, with the loop running, until a command has made the file. */
static void await_file(const char *name)
{
    struct outcome waited = {0};
    char text[128];

    snprintf(text, sizeof(text), "until [ -e %s ]; do sleep 0.01; done", name);
    rig_run(&rig, &waited, 120, text);
    CU_ASSERT_EQUAL_FATAL(waited.result.end, AGENT_END_EXIT);
    outcome_release(&waited);
}

static void outputs_are_kept_apart_and_the_status_is_the_commands(void)
{
    rig_run(&rig, &outcome, 120, "echo out; echo err >&2; exit 3");
    expect(AGENT_END_EXIT, 3, "out\n", "err\n");
    CU_ASSERT_FALSE(outcome.result.out_truncated);
    CU_ASSERT(outcome.result.seconds > 0 && outcome.result.seconds < 60);
    CU_ASSERT(llabs(outcome.result.started_at - clock_now()) < 300 * CLOCK_SECOND);
    rig_run(&rig, &outcome, 120, "kill -9 $$");
    expect(AGENT_END_EXIT, 137, "", "");
    rig_run(&rig, &outcome, 120, "kill -SEGV $$");
    expect(AGENT_END_EXIT, 139, "", NULL);
}

static void a_command_sees_nothing_but_what_it_was_given(void)
{
    rig_run(&rig, &outcome, 120,
            "/usr/bin/env | grep -v -e ^MARK= -e ^_= -e ^SHLVL= -e ^PWD= -e ^OLDPWD=; "
            "cd /proc/self/fd; echo *; cat; grep core ../limits | tr -s ' '; ps -o sid= -p $$ | tr "
            "-d ' '; echo $$; "
            "grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'");
    CU_ASSERT_PTR_NOT_NULL_FATAL(strchr(outcome.out.data, '\n'));
    CU_ASSERT_PTR_EQUAL(strstr(outcome.out.data, "PATH=/usr/bin:/bin\n0 1 2 3\n"
                                                 "Max core file size 1 1 bytes \n"),
                        outcome.out.data); /* 3 is the folder that echo reads */
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out.data, "SigBlk:0000000000000000\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out.data, "SigIgn:0000000000000000\n"));
}

static void a_command_that_can_not_begin_fails_with_a_reason(void)
{
    struct agent_command command = rig_command(&rig, "no-folder", "true");
    char *longest = malloc(200001);

    command.workdir = "/does/not/exist";
    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.result.end, AGENT_END_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message.data, "/does/not/exist"));
    memset(longest, ' ', 200000);
    longest[200000] = '\0';
    rig_run(&rig, &outcome, 120, longest);
    CU_ASSERT_EQUAL(outcome.result.end, AGENT_END_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message.data, "longer than the kernel allows"));
    free(longest);
}

static void run_by(const char *profile, const char *text)
{
    static unsigned number;
    _cleanup_(free_ptr) char *id = xasprintf("profile-%u", ++number);
    _cleanup_(free_ptr) char *env = xasprintf("[\"PATH=/usr/bin:/bin:%s\"]", rig.work);
    struct agent_command command = rig_command(&rig, id, text);

    command.env_json = env;
    command.profile_json = profile;
    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    rig_await(&rig, &outcome);
}

static void a_command_runs_as_the_user_that_it_is_to(void)
{
    run_by("{\"user\":\"nobody\"}", "id -un; id -G; echo $HOME; echo again >/dev/stdout; "
                                    "grep CapEff /proc/self/status | tr -d '\\t'");
    expect(AGENT_END_EXIT, 0, "nobody\n65534\n/nonexistent\nagain\nCapEff:0000000000000000\n", "");
    run_by("{\"user\":\"4711:12\"}", "id -u; id -G; echo $HOME");
    expect(AGENT_END_EXIT, 0, "4711\n12\n/\n", "");
    run_by("{\"user\":\"eve-who-is-not\"}", "true");
    CU_ASSERT_EQUAL(outcome.result.end, AGENT_END_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message.data, "no user 'eve-who-is-not'"));
}

static void a_login_shell_reads_what_a_person_s_does(void)
{
    static const char profile[] = "{\"shell\":\"login\"}";
    rig_run(
        &rig, &outcome, 120,
        "printf 'case $- in *i*) ;; *) return ;; esac\\nexport READ=x$READ\\ngreet() { echo hi $1; "
        "}\\n' >.bashrc; printf '[ -z \"$PS1\" ] || . ~/.bashrc\\n' >.profile");
    CU_ASSERT_EQUAL(outcome.result.exit_status, 0);
    {
        _cleanup_(free_ptr) char *env = xasprintf("[\"PATH=/usr/bin:/bin\",\"HOME=%s\"]", rig.work);
        struct agent_command command =
            rig_command(&rig, "login",
                        "echo $READ $#; greet you; echo bad >&2; ls /proc/self/fd | "
                        "wc -l; exit 3");

        command.env_json = env;
        command.profile_json = profile;
        outcome_release(&outcome);
        agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
        rig_await(&rig, &outcome);
        expect(AGENT_END_EXIT, 3, "x 0\nhi you\n4\n", "bad\n");
    }
    rig_run(&rig, &outcome, 120, "rm .bashrc .profile");
}

static void an_entry_point_runs_the_shell(void)
{
    static const char profile[] =
        "{\"shell\":\"entrypoint\",\"entrypoint\":[\"entry\",\"two words\"]}";

    rig_run(
        &rig, &outcome, 120,
        "printf '#!/bin/sh\\nexport GIVEN=\"$1\"; shift; exec \"$@\"\\n' >entry; chmod 755 entry");
    run_by(profile, "echo \"$GIVEN\"; exit 4");
    expect(AGENT_END_EXIT, 4, "two words\n", "");
    rig_run(&rig, &outcome, 120, "rm entry");
    run_by(profile, "true");
    CU_ASSERT_EQUAL(outcome.result.end, AGENT_END_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message.data, "cannot start the image's entry point"));
}

static void bytes_that_are_not_utf8_are_replaced(void)
{
    rig_run(&rig, &outcome, 120, "printf 'a\\377b\\303\\251\\303'; printf '\\000' >&2");
    expect(AGENT_END_EXIT, 0,
           "a\xef\xbf\xbd"
           "b\xc3\xa9\xef\xbf\xbd",
           NULL);
    CU_ASSERT_EQUAL(outcome.errors.length, 1);
}

static void a_flood_is_cut_in_the_middle_and_costs_little_memory(void)
{
    long before = rig_memory(&rig);

    rig_run(&rig, &outcome, 2, "echo begin; yes \303\244\303\266\303\274; ");
    expect(AGENT_END_TIMEOUT, 124, NULL, "");
    CU_ASSERT_TRUE(outcome.result.out_truncated);
    CU_ASSERT(outcome.out.length <= AGENT_OUTPUT_CAP && outcome.out.length > 1000000);
    CU_ASSERT_PTR_EQUAL(strstr(outcome.out.data, "begin\n"), outcome.out.data);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out.data, CUT));
    CU_ASSERT_TRUE(utf8_valid(outcome.out.data, outcome.out.length));
    CU_ASSERT(rig_memory(&rig) - before < 3 * 1024 + RIG_MEMORY_SLACK);
}

static void what_fits_is_not_cut(void)
{
    rig_run(&rig, &outcome, 120,
            "head -c 1048576 /dev/zero | tr '\\0' x; "
            "head -c 1048577 /dev/zero | tr '\\0' y >&2; echo -n end >&2");
    CU_ASSERT_EQUAL(outcome.out.length, AGENT_OUTPUT_CAP);
    CU_ASSERT_FALSE(outcome.result.out_truncated);
    CU_ASSERT_TRUE(outcome.result.err_truncated);
    CU_ASSERT(outcome.errors.length <= AGENT_OUTPUT_CAP);
    CU_ASSERT_STRING_EQUAL(outcome.errors.data + outcome.errors.length - 4, "yend");
}

static void a_background_child_that_holds_stdout_does_not_delay_the_answer(void)
{
    int64_t begun = clock_monotonic();

    rig_run(&rig, &outcome, 120, "(sleep 3020.$MARK; echo late) & echo now");
    expect(AGENT_END_EXIT, 0, "now\n", "");
    CU_ASSERT(clock_monotonic() - begun < 60 * CLOCK_SECOND);
    CU_ASSERT_TRUE(rig_sleeps(3020, true));
    rig_run(&rig, &outcome, 120, "pkill -f \"sleep 3020[.]$MARK\"");
    CU_ASSERT_TRUE(rig_sleeps(3020, false));
}

static void a_background_writer_lives_on_and_what_it_writes_is_dropped(void)
{
    rig_run(&rig, &outcome, 120,
            "(while [ ! -e stop ]; do echo x; done; echo stopped >mark) & echo now");
    expect(AGENT_END_EXIT, 0, NULL, "");
    rig_run(&rig, &outcome, 120, "sleep 0.3; touch stop; until [ -e mark ]; do sleep 0.01; done");
    expect(AGENT_END_EXIT, 0, "", "");
}

static void many_background_writers_hold_a_bounded_number_of_pipes(void)
{
    for (int i = 0; i < 90; i++)
        rig_run(&rig, &outcome, 120, "sleep 3031.$MARK &");
    CU_ASSERT(rig_descriptors(&rig) > 64 && rig_descriptors(&rig) < 64 + 60);
    /* The last ones may still be on their way from the shell that forked them. */
    rig_run(&rig, &outcome, 120,
            "until [ \"$(pgrep -fc \"sleep 3031[.]$MARK\")\" = 90 ]; do sleep 0.01; done; "
            "pkill -f \"sleep 3031[.]$MARK\"");
    CU_ASSERT_TRUE(rig_sleeps(3031, false));
}

static void the_time_limit_holds_against_whatever_the_command_left(void)
{
    rig_run(&rig, &outcome, 2,
            "trap '' TERM INT HUP; (setsid sleep 3041.$MARK &); (sh -c 'trap \"\" TERM; "
            "sleep 3042.$MARK; sleep 3043.$MARK' &); nohup sleep 3044.$MARK >/dev/null 2>&1 & "
            "echo begun; sleep 3045.$MARK");
    expect(AGENT_END_TIMEOUT, 124, "begun\n", "");
    CU_ASSERT(outcome.result.seconds >= 2 && outcome.result.seconds < 60);
    for (int i = 3041; i <= 3045; i++)
        CU_ASSERT_TRUE(rig_sleeps(i, false));
}

static void the_time_limit_holds_against_a_bomb(void)
{
    rig_run(&rig, &outcome, 1,
            "trap '' TERM; while :; do (setsid sleep 3046.$MARK &); sleep 3046.$MARK & done");
    expect(AGENT_END_TIMEOUT, 124, NULL, NULL);
    CU_ASSERT_TRUE(rig_sleeps(3046, false));
    rig_run(&rig, &outcome, 120, "echo alive");
    expect(AGENT_END_EXIT, 0, "alive\n", "");
}

static void a_command_whose_shepherd_is_killed_is_still_waited_for(void)
{
    rig_run(&rig, &outcome, 120, "kill -9 $PPID; sleep 0.2; echo still; exit 7");
    expect(AGENT_END_EXIT, 7, "still\n", "");
    rig_run(&rig, &outcome, 120, "kill -STOP $PPID; sleep 0.2; echo still; exit 8");
    expect(AGENT_END_EXIT, 8, "still\n", "");
    rig_run(&rig, &outcome, 120, "kill -9 $PPID; kill -9 $$");
    expect(AGENT_END_EXIT, 137, "", "");
    rig_run(&rig, &outcome, 1, "kill -9 $PPID; setsid sleep 3047.$MARK & sleep 3048.$MARK");
    expect(AGENT_END_TIMEOUT, 124, "", "");
    CU_ASSERT_TRUE(rig_sleeps(3047, false));
    CU_ASSERT_TRUE(rig_sleeps(3048, false));
}

static void starting_an_id_twice_attaches_to_the_first(void)
{
    struct agent_command command =
        rig_command(&rig, "twice", "echo run >>runs; sleep 0.3; wc -l <runs");
    struct outcome second = {0}, third = {0};

    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &second);
    rig_await(&rig, &outcome);
    rig_await(&rig, &second);
    agent_run(rig.client, rig.address, &command, true, rig_on_run, &third);
    rig_await(&rig, &third);
    CU_ASSERT_STRING_EQUAL(outcome.out.data, "1\n");
    CU_ASSERT_STRING_EQUAL(second.out.data, "1\n");
    CU_ASSERT_STRING_EQUAL(third.out.data, "1\n");
    outcome_release(&second);
    outcome_release(&third);
}

static void an_unknown_or_forgotten_id_is_not_found(void)
{
    struct agent_command command = rig_command(&rig, "twice", "");

    agent_forget(rig.client, rig.address, "twice");
    do {
        outcome_release(&outcome);
        agent_run(rig.client, rig.address, &command, true, rig_on_run, &outcome);
        rig_await(&rig, &outcome);
    } while (outcome.err.kind == ERROR_NONE); /* the two went on different connections */
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NOT_FOUND);
}

static void to_forget_a_running_command_kills_it(void)
{
    struct agent_command command =
        rig_command(&rig, "endless", "setsid sleep 3049.$MARK & touch forked; sleep 3050.$MARK");

    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    await_file("forked");
    agent_forget(rig.client, rig.address, "endless");
    rig_await(&rig, &outcome);
    expect(AGENT_END_EXIT, 137, "", "");
    CU_ASSERT_TRUE(rig_sleeps(3049, false));
}

static void a_client_that_goes_away_loses_no_command(void)
{
    struct agent_command command =
        rig_command(&rig, "orphan", "touch began; until [ -e go ]; do sleep 0.01; done; echo done");
    struct agent_call *call;
    struct stat st;
    char path[128];

    outcome_release(&outcome);
    call = agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    await_file("began");
    agent_call_cancel(call);
    rig_run(&rig, &outcome, 120, "touch go");
    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, true, rig_on_run, &outcome);
    rig_await(&rig, &outcome);
    expect(AGENT_END_EXIT, 0, "done\n", "");
    snprintf(path, sizeof(path), "%s/began", rig.work);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
}

/* In ns; 0 where the kernel tells of none, before Linux 6.12. */
static uint64_t turn_of(pid_t pid)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } turns = {0};

    CU_ASSERT_EQUAL(syscall(SYS_sched_getattr, pid, &turns, sizeof(turns), 0), 0);
    return turns.runtime;
}

static void the_agent_takes_short_turns_and_its_commands_the_usual_ones(void)
{
    struct agent_command command = rig_command(
        &rig, "turns", "echo $$ >pid; touch turn-began; until [ -e turn-go ]; do sleep 0.01; done");
    uint64_t usual = turn_of(0);
    _cleanup_(buf_release) struct buf pid = BUF_INIT;
    _cleanup_(free_ptr) char *path = xasprintf("%s/pid", rig.work);
    struct error err = ERROR_INIT;
    struct agent_call *call;

    outcome_release(&outcome);
    call = agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    await_file("turn-began");
    agent_call_cancel(call);
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 64, &pid, &err), 0);
    CU_ASSERT_EQUAL(turn_of((pid_t)strtol(pid.data, NULL, 10)), usual);
    CU_ASSERT_TRUE(usual == 0 || turn_of(rig.agent) == 100000);
    rig_run(&rig, &outcome, 60, "touch turn-go");
}

static void many_commands_run_side_by_side(void)
{
    enum { COUNT = 40 };
    struct outcome outcomes[COUNT] = {0};
    char ids[COUNT][16], texts[COUNT][64];

    for (int i = 0; i < COUNT; i++) {
        struct agent_command command;

        snprintf(ids[i], sizeof(ids[i]), "many-%d", i);
        snprintf(texts[i], sizeof(texts[i]), "sleep 0.2; echo %d; exit %d", i, i);
        command = rig_command(&rig, ids[i], texts[i]);
        agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcomes[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        rig_await(&rig, &outcomes[i]);
        CU_ASSERT_EQUAL(outcomes[i].result.exit_status, i);
        CU_ASSERT_EQUAL(strtol(outcomes[i].out.data, NULL, 10), i);
        outcome_release(&outcomes[i]);
    }
}

static void results_that_nobody_forgets_do_not_fill_the_agent(void)
{
    for (int i = 0; i < 300; i++) {
        struct agent_command command;
        char id[16];

        snprintf(id, sizeof(id), "kept-%d", i);
        command = rig_command(&rig, id, "echo x");
        outcome_release(&outcome);
        agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
        rig_await(&rig, &outcome);
        expect(AGENT_END_EXIT, 0, "x\n", "");
    }
}

static int64_t time_of_shell(void)
{
    int64_t begun = clock_monotonic();
    pid_t child = fork();

    if (child == 0) {
        execl("/bin/bash", "bash", "-c", "true", (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
    return clock_monotonic() - begun;
}

static int64_t time_of_agent(void)
{
    int64_t begun = clock_monotonic();

    rig_run(&rig, &outcome, 120, "true");
    return clock_monotonic() - begun;
}

/* Beside a shell's own time on this machine; the best of both, as neither can be too quick by
 * chance. */
static void true_costs_little_more_than_its_shell(void)
{
    int64_t shell = INT64_MAX, agent = INT64_MAX;

    for (int i = 0; i < 50; i++) {
        int64_t plain = time_of_shell(), through = time_of_agent();

        shell = plain < shell ? plain : shell;
        agent = through < agent ? through : agent;
    }
    printf("(exec true: %.2f ms, bash alone %.2f ms) ", (double)agent / 1000, (double)shell / 1000);
    CU_ASSERT(agent < 10 * shell);
}

static void the_idle_agent_is_small(void)
{
    struct rig fresh;

    rig_open(&fresh);
    printf("(%ld KiB private) ", rig_memory(&fresh));
    CU_ASSERT(rig_memory(&fresh) > 0 && rig_memory(&fresh) <= 400 + RIG_MEMORY_SLACK);
    rig_close(&fresh);
}

static void the_agent_answers_hello(void)
{
    rig_open(&rig);
}

static void the_agent_has_lived_through_it_all(void)
{
    outcome_release(&outcome);
    rig_close(&rig);
}

/* ---- tails ---- */

static struct outcome tailed;

static void tail(const char *id)
{
    outcome_release(&tailed);
    agent_tail(rig.client, rig.address, id, rig_on_tail, &tailed);
    rig_await(&rig, &tailed);
}

/* Begins a command that keeps its tail; `outcome` is told of its end. */
static void begin_tailed(const char *id, const char *text)
{
    struct agent_command command = rig_command(&rig, id, text);

    command.keeps_tail = true;
    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
}

static void a_tail_is_seen_while_the_command_runs_and_after_its_end(void)
{
    begin_tailed("tailed", "echo one; echo two >&2; touch tail-said; "
                           "until [ -e tail-go ]; do sleep 0.01; done; echo three");
    await_file("tail-said");
    tail("tailed");
    CU_ASSERT_EQUAL(tailed.err.kind, ERROR_NONE);
    CU_ASSERT_EQUAL(tailed.size, 8);
    CU_ASSERT(strcmp(tailed.out.data, "one\ntwo\n") == 0 ||
              strcmp(tailed.out.data, "two\none\n") == 0); /* two pipes: either may be read first */
    CU_ASSERT_FALSE(outcome.done);
    rig_run(&rig, &tailed, 60, "touch tail-go");
    rig_await(&rig, &outcome);
    expect(AGENT_END_EXIT, 0, "one\nthree\n", "two\n");
    tail("tailed");
    CU_ASSERT_EQUAL(tailed.size, 14);
    CU_ASSERT_PTR_NOT_NULL(strstr(tailed.out.data, "three\n"));
    agent_forget(rig.client, rig.address, "tailed");
}

static void of_much_the_newest_is_told(void)
{
    begin_tailed("much", "yes \303\244\303\266\303\274 | head -c 1000000; echo end");
    rig_await(&rig, &outcome);
    tail("much");
    CU_ASSERT_EQUAL(tailed.err.kind, ERROR_NONE);
    CU_ASSERT(tailed.out.length <= AGENT_TAIL_CAP && tailed.out.length > AGENT_TAIL_CAP - 4);
    CU_ASSERT_TRUE(utf8_valid(tailed.out.data, tailed.out.length));
    CU_ASSERT_STRING_EQUAL(tailed.out.data + tailed.out.length - 4, "end\n");
    CU_ASSERT(tailed.size >= 1000004);
    agent_forget(rig.client, rig.address, "much");
}

static void a_tail_is_kept_only_where_it_is_wanted(void)
{
    struct agent_command command = rig_command(&rig, "untailed", "echo x");

    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    rig_await(&rig, &outcome);
    tail("untailed");
    CU_ASSERT_EQUAL(tailed.err.kind, ERROR_NOT_FOUND);
    tail("nobody");
    CU_ASSERT_EQUAL(tailed.err.kind, ERROR_NOT_FOUND);
    begin_tailed("silent", "true");
    rig_await(&rig, &outcome);
    tail("silent");
    CU_ASSERT_EQUAL(tailed.err.kind, ERROR_NONE);
    CU_ASSERT_EQUAL(tailed.size, 0);
    CU_ASSERT_EQUAL(tailed.out.length, 0);
    agent_forget(rig.client, rig.address, "silent");
    agent_forget(rig.client, rig.address, "untailed");
    outcome_release(&tailed);
}

int main(void)
{
    const struct unit_test tests[] = {
        {"the agent answers hello", the_agent_answers_hello},
        {"outputs are kept apart, the status is the command's",
         outputs_are_kept_apart_and_the_status_is_the_commands},
        {"a command sees nothing but what it was given",
         a_command_sees_nothing_but_what_it_was_given},
        {"a command that cannot begin fails with a reason",
         a_command_that_can_not_begin_fails_with_a_reason},
        {"a command runs as the user that it is to", a_command_runs_as_the_user_that_it_is_to},
        {"a login shell reads what a person's does", a_login_shell_reads_what_a_person_s_does},
        {"an entry point runs the shell", an_entry_point_runs_the_shell},
        {"bytes that are not UTF-8 are replaced", bytes_that_are_not_utf8_are_replaced},
        {"a flood is cut in the middle and costs little memory",
         a_flood_is_cut_in_the_middle_and_costs_little_memory},
        {"what fits is not cut", what_fits_is_not_cut},
        {"a background child that holds stdout does not delay the answer",
         a_background_child_that_holds_stdout_does_not_delay_the_answer},
        {"a background writer lives on, and what it writes is dropped",
         a_background_writer_lives_on_and_what_it_writes_is_dropped},
        {"many background writers hold a bounded number of pipes",
         many_background_writers_hold_a_bounded_number_of_pipes},
        {"the time limit holds against whatever the command left",
         the_time_limit_holds_against_whatever_the_command_left},
        {"the time limit holds against a bomb", the_time_limit_holds_against_a_bomb},
        {"a command whose shepherd is killed is still waited for",
         a_command_whose_shepherd_is_killed_is_still_waited_for},
        {"starting an id twice attaches to the first", starting_an_id_twice_attaches_to_the_first},
        {"an unknown or forgotten id is not found", an_unknown_or_forgotten_id_is_not_found},
        {"to forget a running command kills it", to_forget_a_running_command_kills_it},
        {"the agent takes short turns, and its commands the usual ones",
         the_agent_takes_short_turns_and_its_commands_the_usual_ones},
        {"a client that goes away loses no command", a_client_that_goes_away_loses_no_command},
        {"many commands run side by side", many_commands_run_side_by_side},
        {"results that nobody forgets do not fill the agent",
         results_that_nobody_forgets_do_not_fill_the_agent},
        {"a tail is seen while the command runs, and after its end",
         a_tail_is_seen_while_the_command_runs_and_after_its_end},
        {"of much the newest is told", of_much_the_newest_is_told},
        {"a tail is kept only where it is wanted", a_tail_is_kept_only_where_it_is_wanted},
        {"true costs little more than its shell", true_costs_little_more_than_its_shell},
        {"the idle agent is small", the_idle_agent_is_small},
        {"the agent has lived through it all", the_agent_has_lived_through_it_all},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("agent: commands", tests);
}
