/* Running commands. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define MIB (1024u * 1024u)

/* Runs the command in the shared session. */
static struct answer *run(const char *command)
{
    return exec_run(fixture_session(), command, 0);
}

/* Exit code and both outputs. */
static void runs_to(const char *command, int code, const char *out, const char *err)
{
    _cleanup_(answer_release) struct answer *answer = run(command);

    INT(answer, "exit_code", code);
    TEXT(answer, "stdout", out);
    TEXT(answer, "stderr", err);
}

static void the_start_is_recorded_and_answered(void)
{
    _cleanup_(answer_release) struct answer *start =
        client_post("{\"command\":\"echo hello\"}", "/sessions/%s/exec", fixture_session());
    _cleanup_(answer_release) struct answer *end = NULL;

    STATUS(start, 202);
    SHAPE(start->json, "interaction_id:u status:s");
    TEXT(start, "status", "pending");
    end = interaction_wait(NULL, fixture_session(), answer_text(start, "interaction_id"), 60);
    STATUS(end, 200);
    SHAPE(end->json, SHAPE_EXEC);
    TEXT(end, "interaction_type", "exec_command");
    TEXT(end, "session_id", fixture_session());
    TEXT(end, "command", "echo hello");
    INT(end, "command_timeout", 300);
    INT(end, "exit_code", 0);
    TEXT(end, "stdout", "hello\n");
    TEXT(end, "stderr", "");
    CHECK(json_object_get_boolean(answer_at(end, "success")));
    CHECK(json_object_get_double(answer_at(end, "execution_time_seconds")) < 60);
}

static void exit_codes_are_the_shells(void)
{
    runs_to("true", 0, "", "");
    runs_to("false", 1, "", "");
    runs_to("exit 7", 7, "", "");
    runs_to("exit 255", 255, "", "");
    runs_to("kill -9 $$", 137, "", "");
    runs_to("kill -TERM $$", 143, "", "");
    runs_to("kill -SEGV $$", 139, "", "");
}

static void an_unknown_command_is_127(void)
{
    _cleanup_(answer_release) struct answer *answer = run("no-such-command-here");

    INT(answer, "exit_code", 127);
    CHECK(strstr(answer_text(answer, "stderr"), "not found") != NULL);
    CHECK(!json_object_get_boolean(answer_at(answer, "success")));
    CHECK(answer_at(answer, "success") != NULL);
}

static void a_syntax_error_is_2(void)
{
    _cleanup_(answer_release) struct answer *answer = run("if then fi (");

    INT(answer, "exit_code", 2);
}

static void both_outputs_are_kept_apart(void)
{
    runs_to("echo out; echo err >&2; echo out again", 0, "out\nout again\n", "err\n");
}

static void a_command_runs_in_the_repository(void)
{
    runs_to("pwd; cat lines | head -1", 0, "/calc\none\n", "");
}

static void the_environment_is_clean(void)
{
    _cleanup_(answer_release) struct answer *answer = run("env | sed 's/=.*//' | sort");
    const char *out = answer_text(answer, "stdout");
    static const char *const strangers[] = {"CODESET",   "LISTEN_", "NOTIFY", "INVOCATION", "SUDO",
                                            "container", "DB_",     "HTTP",   "ASAN",       "XDG"};

    INT(answer, "exit_code", 0);
    CHECK_MSG(strstr(out, "PATH\n") != NULL, "no PATH: %s", out);
    CHECK_MSG(strstr(out, "HOME\n") != NULL, "no HOME: %s", out);
    for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
        CHECK_MSG(strstr(out, strangers[i]) == NULL, "%s is in the environment", strangers[i]);
}

static void standard_input_is_empty(void)
{
    runs_to("cat; read x || echo nothing", 0, "nothing\n", "");
}

static void files_stay_between_commands(void)
{
    runs_to("echo kept > /tmp/kept", 0, "", "");
    runs_to("cat /tmp/kept; rm /tmp/kept", 0, "kept\n", "");
}

static void a_shell_does_not_stay(void)
{
    runs_to("export LEFT=1; cd /tmp", 0, "", "");
    runs_to("echo \"[$LEFT] $(pwd)\"", 0, "[] /calc\n", "");
}

static void odd_characters_reach_the_shell(void)
{
    runs_to("printf '%s|' 'ä你😀' \"tab\there\" 'back\\slash' 'q\"uote'; echo", 0,
            "ä你😀|tab\there|back\\slash|q\"uote|\n", "");
    runs_to("echo one\necho two\n", 0, "one\ntwo\n", "");
    runs_to("-x", 127, "", "sh: -x: not found\n");
}

static void what_is_not_utf8_becomes_the_replacement_character(void)
{
    _cleanup_(answer_release) struct answer *answer =
        run("printf 'a\\377b\\300\\257c\\355\\240\\200'");
    json_object *out = answer_at(answer, "stdout");

    INT(answer, "exit_code", 0);
    CHECK(utf8_valid(answer->body.data, answer->body.length));
    TEXT(answer, "stdout",
         "a\xef\xbf\xbd"
         "b\xef\xbf\xbd\xef\xbf\xbd"
         "c\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    CHECK(out && json_object_get_string_len(out) == 3 + 6 * 3);
}

static void nul_is_kept(void)
{
    _cleanup_(answer_release) struct answer *answer = run("printf 'a\\000b'");
    json_object *out = answer_at(answer, "stdout");

    INT(answer, "exit_code", 0);
    CHECK(out && json_object_get_string_len(out) == 3 &&
          memcmp(json_object_get_string(out), "a\0b", 3) == 0);
}

static void control_bytes_are_kept(void)
{
    runs_to("printf '\\033[31mred\\r\\b\\177\\001'", 0, "\033[31mred\r\b\177\001", "");
}

static void a_long_output_is_cut_and_marked(void)
{
    _cleanup_(answer_release) struct answer *answer =
        run("echo head; yes 0123456789 | head -c 5000000; echo; echo tail");
    const char *out = answer_text(answer, "stdout");
    size_t length = strlen(out);

    INT(answer, "exit_code", 0);
    CHECK_MSG(length > MIB / 2 && length <= MIB, "%zu bytes", length);
    CHECK(strncmp(out, "head\n", 5) == 0);
    CHECK(length > 5 && strcmp(out + length - 5, "tail\n") == 0);
    CHECK(strstr(out, "left out") != NULL);
    CHECK_MSG(strstr(answer_text(answer, "message"), "truncated") != NULL, "message: %s",
              answer_text(answer, "message"));
}

static void an_output_of_exactly_the_cap_is_whole(void)
{
    _cleanup_(answer_release) struct answer *answer =
        run("head -c 1048576 /dev/zero | tr '\\0' x; echo short >&2");

    CHECK(strlen(answer_text(answer, "stdout")) == MIB);
    TEXT(answer, "stderr", "short\n");
    CHECK(strstr(answer_text(answer, "stdout"), "left out") == NULL);
}

/* The cut falls between characters, not within one. */
static void a_cut_output_is_valid_utf8(void)
{
    _cleanup_(answer_release) struct answer *answer =
        run("i=0; while [ $i -lt 20 ]; do i=$((i+1)); printf x; yes 你好 | head -c 100000; done");
    const char *out = answer_text(answer, "stdout");

    INT(answer, "exit_code", 0);
    CHECK(strlen(out) <= MIB && strlen(out) > MIB / 2);
    CHECK(utf8_valid(out, strlen(out)));
}

static void the_time_limit_is_124_and_says_so(void)
{
    _cleanup_(answer_release) struct answer *answer =
        exec_run(fixture_session(), "echo before; sleep 3000", 2);

    INT(answer, "exit_code", 124);
    INT(answer, "command_timeout", 2);
    TEXT(answer, "stdout", "before\n");
    CHECK(!json_object_get_boolean(answer_at(answer, "success")));
    CHECK_MSG(strstr(answer_text(answer, "message"), "timed out after 2 s") != NULL, "message: %s",
              answer_text(answer, "message"));
    CHECK(json_object_get_double(answer_at(answer, "execution_time_seconds")) < 25);
}

static void children_die_with_the_time_limit(void)
{
    _cleanup_(answer_release) struct answer *answer = exec_run(
        fixture_session(),
        "trap '' TERM INT HUP; sleep 4321 & (setsid sleep 4322 &) & nohup sleep 4323 & sleep 4324",
        1);

    INT(answer, "exit_code", 124);
    runs_to("ps -o args | grep '[s]leep 432' | wc -l", 0, "0\n", "");
}

static void a_background_child_does_not_delay_the_answer(void)
{
    _cleanup_(answer_release) struct answer *answer = run("sleep 3000 & echo started");

    INT(answer, "exit_code", 0);
    TEXT(answer, "stdout", "started\n");
    CHECK_MSG(json_object_get_double(answer_at(answer, "execution_time_seconds")) < 25, "%s",
              answer->body.data);
    runs_to("kill $(ps -o pid,args | awk '/[s]leep 3000/ { print $1 }')", 0, "", "");
}

static void the_memory_limit_is_137_and_says_so(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *answer =
        exec_run(id.text, "awk 'BEGIN { s = \"0123456789abcdef\"; while (1) s = s s }'", 60);
    _cleanup_(answer_release) struct answer *after = exec_run(id.text, "echo alive", 0);

    INT(answer, "exit_code", 137);
    CHECK_MSG(strstr(answer_text(answer, "message"), "memory") != NULL, "message: '%s' stderr: %s",
              answer_text(answer, "message"), answer_text(answer, "stderr"));
    INT(after, "exit_code", 0);
    session_close(NULL, id.text);
}

/* Each waits for the next one to begin, and the last one for the first. */
static void many_commands_run_beside_each_other(void)
{
    struct ident session = session_ready(NULL, DATASET, SOLVABLE), ids[12];

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        char command[128];

        snprintf(command, sizeof(command),
                 "touch /tmp/begun-%zu; until [ -e /tmp/begun-%zu ]; do sleep 0.1; done; echo %zu",
                 i, (i + 1) % ARRAY_SIZE(ids), i);
        ids[i] = exec_start(session.text, command, 60);
    }
    for (size_t i = ARRAY_SIZE(ids); i-- > 0;) {
        _cleanup_(answer_release) struct answer *answer =
            interaction_wait(NULL, session.text, ids[i].text, 90);
        char expected[16];

        snprintf(expected, sizeof(expected), "%zu\n", i);
        TEXT(answer, "stdout", expected);
    }
    session_close(NULL, session.text);
}

static void too_many_unfinished_commands_are_429(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *refused = NULL;

    for (int i = 0; i < 16; i++)
        exec_start(id.text, "sleep 3000", 3600);
    refused = client_post("{\"command\":\"true\"}", "/sessions/%s/exec", id.text);
    REFUSED(refused, 429, "INTERACTION_LIMIT");
    CHECK(answer_has_header(refused, "Retry-After"));
    CHECK(strstr(answer_text(refused, "detail.message"), "16") != NULL);
    session_close(NULL, id.text);
}

static void a_result_can_be_read_again(void)
{
    struct ident id = exec_start(fixture_session(), "echo once >> /tmp/once; cat /tmp/once", 0);

    for (int i = 0; i < 3; i++) {
        _cleanup_(answer_release) struct answer *answer =
            interaction_wait(NULL, fixture_session(), id.text, 60);

        TEXT(answer, "stdout", "once\n");
    }
    runs_to("rm /tmp/once", 0, "", "");
}

static void unknown_interactions_are_404(void)
{
    static const char *const ids[] = {"01890000-0000-7000-8000-000000000000", "x", "1'"};
    struct ident other = session_ready(NULL, DATASET, SOLVABLE);
    struct ident here = exec_start(fixture_session(), "true", 0);
    _cleanup_(answer_release) struct answer *wrong_session =
        client_get("/sessions/%s/interactions/%s", other.text, here.text);

    REFUSED(wrong_session, 404, "INTERACTION_NOT_FOUND");
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        _cleanup_(answer_release) struct answer *answer =
            client_get("/sessions/%s/interactions/%s", fixture_session(), ids[i]);

        REFUSED(answer, 404, "INTERACTION_NOT_FOUND");
    }
    session_close(NULL, other.text);
}

static void a_long_command_runs(void)
{
    size_t size = 100000;
    char *command = xmalloc(size + 1);
    _cleanup_(answer_release) struct answer *answer = NULL;

    memset(command, ' ', size);
    memcpy(command, "echo begin;", 11);
    memcpy(command + size - 8, "echo end", 8);
    command[size] = '\0';
    answer = run(command);
    free(command);
    INT(answer, "exit_code", 0);
    TEXT(answer, "stdout", "begin\nend\n");
}

static const struct test tests[] = {
    {"a start is recorded, its end told in full", the_start_is_recorded_and_answered},
    {"exit codes are the shell's", exit_codes_are_the_shells},
    {"an unknown command is 127", an_unknown_command_is_127},
    {"a syntax error is 2", a_syntax_error_is_2},
    {"stdout and stderr are kept apart", both_outputs_are_kept_apart},
    {"a command runs in the repository", a_command_runs_in_the_repository},
    {"the environment is clean", the_environment_is_clean},
    {"standard input is empty", standard_input_is_empty},
    {"files stay between commands", files_stay_between_commands},
    {"a shell's state does not stay", a_shell_does_not_stay},
    {"odd characters reach the shell unchanged", odd_characters_reach_the_shell},
    {"bytes that are not UTF-8 become U+FFFD", what_is_not_utf8_becomes_the_replacement_character},
    {"NUL in the output is kept", nul_is_kept},
    {"control bytes in the output are kept", control_bytes_are_kept},
    {"a long output is cut in the middle and marked", a_long_output_is_cut_and_marked},
    {"an output of exactly the cap is whole", an_output_of_exactly_the_cap_is_whole},
    {"the cut falls between characters", a_cut_output_is_valid_utf8},
    {"the time limit is 124 and says so", the_time_limit_is_124_and_says_so},
    {"all children die with the time limit", children_die_with_the_time_limit},
    {"a background child does not delay the answer", a_background_child_does_not_delay_the_answer},
    {"the memory limit is 137 and says so", the_memory_limit_is_137_and_says_so},
    {"many commands run beside each other, in any order", many_commands_run_beside_each_other},
    {"too many unfinished commands are 429", too_many_unfinished_commands_are_429},
    {"a result can be read again", a_result_can_be_read_again},
    {"unknown interactions are 404", unknown_interactions_are_404},
    {"a command of 100,000 bytes runs", a_long_command_runs},
};

SUITE(exec, tests);
