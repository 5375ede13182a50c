/* A time limit holds against commands that do not want to end, and killing pid 1 does no harm. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "escape_fixture.h"
#include "fixture.h"

#include "base/banned.h"

static void a_limit_holds(const char *command)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = exec_run(id.text, command, 1);
    _cleanup_(answer_release) struct answer *left = NULL;

    INT(answer, "exit_code", 124);
    CHECK_MSG(json_object_get_double(answer_at(answer, "execution_time_seconds")) < 25, "%s: %s",
              command, answer->body.data);
    left = exec_run(id.text, "ps -o args | grep -c '[s]leep 987'", 60);
    CHECK_MSG(strcmp(answer_text(left, "stdout"), "0\n") == 0, "%s left %s", command,
              answer_text(left, "stdout"));
    escape_close(&id);
}

static void against_ignored_signals(void)
{
    a_limit_holds("trap '' TERM INT HUP QUIT XCPU ALRM; while :; do sleep 987; done");
}

static void against_a_double_fork(void)
{
    a_limit_holds("( (sleep 987 &) & ); (setsid sh -c 'setsid sleep 987' &); sleep 987");
}

static void against_open_outputs(void)
{
    a_limit_holds("setsid sleep 987 & exec sleep 987");
}

static void against_a_stopped_child(void)
{
    a_limit_holds("sleep 987 & kill -STOP $!; wait");
}

static void against_a_busy_forker(void)
{
    a_limit_holds("f() { sleep 987 & }; while :; do f; sleep 0.01; done");
}

static void a_left_child_with_stdout_does_not_delay(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer =
        exec_run(id.text, "(setsid sleep 987 &); sleep 987 & echo done", 60);

    TEXT(answer, "stdout", "done\n");
    CHECK_MSG(answer->seconds < 25, "%.3f s", answer->seconds);
    escape_close(&id);
}

/* The session goes on, or ends in `error` within 5 s. */
static void survives(const char *command)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = exec_run(id.text, command, 5);
    _cleanup_(answer_release) struct answer *after = NULL, *session = NULL;

    CHECK_MSG(answer_at(answer, "exit_code") != NULL, "%s: %s", command, answer->body.data);
    after = exec_run(id.text, "echo on", 60);
    session = client_get("/sessions/%s", id.text);
    CHECK_MSG(strcmp(answer_text(after, "stdout"), "on\n") == 0 ||
                  strcmp(answer_text(session, "status"), "error") == 0,
              "%s: %s and %s", command, after->body.data, session->body.data);
    escape_close(&id);
}

static void killing_pid_1(void)
{
    survives("kill -9 1; kill -TERM 1; kill -SEGV 1; kill -STOP 1; sleep 1");
}

static void forging_the_hosts_word(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = exec_run(id.text, "/tmp/probe end-agent", 60);
    _cleanup_(answer_release) struct answer *after = exec_run(id.text, "echo on", 60);

    INT(answer, "exit_code", 0);
    TEXT(after, "stdout", "on\n");
    escape_close(&id);
}

static void killing_everything(void)
{
    survives("kill -9 -1");
}

static void killing_the_parent(void)
{
    survives("kill -9 $PPID; sleep 1; echo orphan");
}

static void stopping_everything(void)
{
    survives("kill -STOP -1");
}

/* How far over its limit of 2 s it ran. */
static double over_the_limit(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = exec_run(id.text, "/tmp/probe starve", 2);

    INT(answer, "exit_code", 124);
    TEXT(answer, "stdout", "refused\n");
    escape_close(&id);
    return json_object_get_double(answer_at(answer, "execution_time_seconds")) - 2;
}

static void against_a_starved_shepherd(void)
{
    double over = over_the_limit();

    for (int i = 1; i < TRIES && over >= 2; i++)
        over = over_the_limit();
    CHECK_MSG(over < 2, "%.3f s over its limit", over);
}

static const struct test tests[] = {
    {"a limit holds against ignored signals", against_ignored_signals},
    {"a limit holds against double forks and setsid", against_a_double_fork},
    {"a limit holds against open outputs", against_open_outputs},
    {"a limit holds against stopped children", against_a_stopped_child},
    {"a limit holds against a busy forker", against_a_busy_forker},
    {"a limit holds against who slows down its keepers", against_a_starved_shepherd},
    {"a left child with stdout delays nothing", a_left_child_with_stdout_does_not_delay},
    {"killing pid 1 does no harm", killing_pid_1},
    {"a command can't end the agent in the host's name", forging_the_hosts_word},
    {"kill -9 -1 does no harm", killing_everything},
    {"killing the parent does no harm", killing_the_parent},
    {"stopping everything does no harm", stopping_everything},
};

SUITE(limits, tests);
