/* Why a verifier gave no verdict. The script runs in the shells that images have. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "reaper/diagnosis.h"
#include "unit.h"

#include "base/banned.h"

static char folder[] = "/tmp/codeset-diagnosis-XXXXXX";

static void lay(const char *name, const char *content, mode_t mode)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", folder, name);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, content, strlen(content), mode, &err),
                          0);
}

static const char *const shells[][3] = {{"bash", NULL}, {"dash", NULL}, {"busybox", "sh", NULL}};

/* What the shell prints when it runs the script in the folder. */
static char *look(const char *const shell[3], const char *command, int64_t started_at)
{
    _cleanup_(free_ptr) char *script = diagnosis_script(command, started_at);
    _cleanup_(free_ptr) char *said = xasprintf("%s/said", folder);
    const char *arguments[4] = {shell[0], shell[1], NULL, NULL};
    posix_spawn_file_actions_t actions;
    struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    int status = -1;
    pid_t pid;

    arguments[shell[1] ? 2 : 1] = "./script";
    lay("script", script, 0600);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, said, O_CREAT | O_TRUNC | O_WRONLY,
                                     0600);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    CU_ASSERT_EQUAL_FATAL(posix_spawnp(&pid, shell[0], &actions, NULL, (char **)arguments, environ),
                          0);
    posix_spawn_file_actions_destroy(&actions);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, said, 65536, &text, &err), 0);
    return buf_take(&text);
}

static void the_script_says_what_stops_a_verifier(void)
{
    static const struct {
        const char *command, *said;
    } looks[] = {
        {"./absent.sh", "absent\n"},
        {"./dangling.sh --all", "dangling\n"},
        {"./a-folder", "folder\n"},
        {"./mode.sh", "mode\n"},
        {"./interpreter.sh", "interpreter /no/such/shell\n"},
        {"./return.sh", "carriage-return\n"},
        {"./good.sh", ""},
        {"./program", ""},
        {"no-such-program-anywhere -x", "absent\n"},
        {"cat file", ""},
        {"cd x && ./good.sh", ""},
        {"a=1 ./absent.sh", ""},
        {"$(echo absent)", ""},
    };

    lay("mode.sh", "#!/bin/sh\n", 0644);
    lay("interpreter.sh", "#!/no/such/shell -e\n", 0755);
    lay("return.sh", "#!/bin/sh\r\ntrue\r\n", 0755);
    lay("good.sh", "#!/usr/bin/env sh\n", 0755);
    lay("program", "\177ELF\2\1\1", 0755);
    for (size_t s = 0; s < ARRAY_SIZE(shells); s++) {
        for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
            _cleanup_(free_ptr) char *said = look(shells[s], looks[i].command, clock_now());

            if (strcmp(said, looks[i].said) != 0)
                fprintf(stderr, "\n    %s, %s: %s", shells[s][0], looks[i].command, said);
            CU_ASSERT_STRING_EQUAL(said, looks[i].said);
        }
    }
}

static void the_script_finds_the_xml_files_of_the_run(void)
{
    _cleanup_(free_ptr) char *old = xasprintf("%s/old.xml", folder);
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    lay("old.xml", "<testsuite/>", 0644);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, old, long_ago, 0), 0);
    for (size_t s = 0; s < ARRAY_SIZE(shells); s++) {
        int64_t started_at = clock_now();
        _cleanup_(free_ptr) char *said = NULL;

        lay("a-folder/new report.xml", "<testsuite/>", 0644);
        said = look(shells[s], "./good.sh", started_at);

        CU_ASSERT_STRING_EQUAL(said, "xml a-folder/new report.xml\n");
    }
}

/* The message of a verifier that ended so. */
static char *message_of(int status, const char *found, const char *out, const char *err)
{
    static const char *const patterns[] = {"report.xml", "test_reports/*.xml"};
    const struct verifier_run run = {.exit_status = status,
                                     .out = out,
                                     .out_length = strlen(out),
                                     .err = err,
                                     .err_length = strlen(err)};
    const struct diagnosis diagnosis = {.sentence = "the verifier left no report",
                                        .run = &run,
                                        .command = "/verifier.sh --all",
                                        .folder = "/repo",
                                        .patterns = patterns,
                                        .pattern_count = ARRAY_SIZE(patterns),
                                        .found = found};

    return diagnosis_message(&diagnosis);
}

#define LEFT "the verifier left no report. The verifier ended with status "
#define LOOKED ". Reports were looked for in /repo: report.xml, test_reports/*.xml"

static void each_end_of_a_verifier_is_told_in_words(void)
{
    static const struct {
        int status;
        const char *found, *message;
    } ends[] = {
        {0, "", LEFT "0" LOOKED},
        {1, NULL, LEFT "1" LOOKED},
        {127, "absent\n", LEFT "127: /verifier.sh is not in the image that it runs in" LOOKED},
        {126, "mode\n", LEFT "126: /verifier.sh is not executable (chmod +x)" LOOKED},
        {127, "interpreter /bin/nosh\n",
         LEFT "127: the interpreter /bin/nosh, which the first line of /verifier.sh names, is not "
              "in the image or not executable" LOOKED},
        {126, "carriage-return\n",
         LEFT "126: the first line of /verifier.sh ends in a carriage return; save it with Unix "
              "line ends" LOOKED},
        {127, "", LEFT "127, as when a command is not found" LOOKED},
        {126, NULL, LEFT "126, as when a command cannot be executed" LOOKED},
        {1, "absent\n", LEFT "1" LOOKED},
        {139, "", LEFT "139, as if signal 11 (SIGSEGV) had killed it" LOOKED},
        {255, "", LEFT "255" LOOKED},
        {0, "xml out/a.xml\nxml b.xml\n",
         LEFT "0" LOOKED ". Other XML files that the run left there: out/a.xml, b.xml"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        _cleanup_(free_ptr) char *message = message_of(ends[i].status, ends[i].found, "", " \n");

        CU_ASSERT_STRING_EQUAL(message, ends[i].message);
    }
}

static void the_ends_of_the_outputs_are_in_the_message(void)
{
    _cleanup_(free_ptr) char *message = message_of(1, NULL, "collecting\n", "no such option\n\n");

    CU_ASSERT_STRING_EQUAL(message, LEFT "1" LOOKED "\n--- its stdout ---\ncollecting"
                                         "\n--- its stderr ---\nno such option");
}

static void an_output_is_cut_to_its_last_lines(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(free_ptr) char *message = NULL;
    const char *begin;

    for (int i = 0; i < 1000; i++)
        buf_addf(&text, "line %d \xc3\xa9\n", i);
    message = message_of(1, NULL, "", text.data);
    begin = strstr(message, "--- the end of its stderr ---\nline ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
    CU_ASSERT(strlen(begin) < DIAGNOSIS_OUTPUT_MOST + 40 &&
              strlen(begin) > DIAGNOSIS_OUTPUT_MOST / 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(begin, "line 999 \xc3\xa9"));
    CU_ASSERT(utf8_valid(message, strlen(message)));
}

static void a_tail_begins_with_a_character(void)
{
    CU_ASSERT_EQUAL(diagnosis_tail("abc", 3, 3), 0);
    CU_ASSERT_EQUAL(diagnosis_tail("abc", 3, 2), 1);
    CU_ASSERT_EQUAL(diagnosis_tail("a\xe4\xbd\xa0z", 5, 3), 4);
    CU_ASSERT_EQUAL(diagnosis_tail("\n\n\n\n\n\nabcd", 10, 4), 6);
    CU_ASSERT_EQUAL(diagnosis_tail("", 0, 4), 0);
}

static void what_the_guest_says_is_cut_and_harmless(void)
{
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    _cleanup_(free_ptr) char *message = NULL;

    buf_add_str(&found, "interpreter \033[2J");
    for (int i = 0; i < 3000; i++)
        buf_add_str(&found, "\xc3\xa9");
    for (int i = 0; i < 100; i++)
        buf_add_str(&found, "\nxml x\tx");
    message = message_of(127, found.data, "", "");
    CU_ASSERT(strlen(message) < 800);
    CU_ASSERT_PTR_NULL(strpbrk(message, "\033\t\n"));
    CU_ASSERT(utf8_valid(message, strlen(message)));
    CU_ASSERT_PTR_NOT_NULL(strstr(message, ", x x, ..."));
}

static void hidden_outputs_stay_hidden(void)
{
    const struct verifier_run run = {
        .exit_status = 1, .out = "secret", .out_length = 6, .err = "secret", .err_length = 6};
    const struct diagnosis diagnosis = {
        .sentence = "s", .run = &run, .command = "", .folder = "/", .hide_output = true};
    _cleanup_(free_ptr) char *message = diagnosis_message(&diagnosis);

    CU_ASSERT_STRING_EQUAL(message, "s. The verifier ended with status 1");
}

static const struct unit_test tests[] = {
    {"the script says what stops a verifier", the_script_says_what_stops_a_verifier},
    {"the script finds the XML files of the run", the_script_finds_the_xml_files_of_the_run},
    {"each end of a verifier is told in words", each_end_of_a_verifier_is_told_in_words},
    {"the ends of the outputs are in the message", the_ends_of_the_outputs_are_in_the_message},
    {"an output is cut to its last lines", an_output_is_cut_to_its_last_lines},
    {"a tail begins with a character", a_tail_begins_with_a_character},
    {"what the guest says is cut and harmless", what_the_guest_says_is_cut_and_harmless},
    {"hidden outputs stay hidden", hidden_outputs_stay_hidden},
};

int main(void)
{
    _cleanup_(free_ptr) char *inner = NULL, *dangling = NULL;
    struct error ignored = ERROR_INIT;
    int status = 2;

    if (!mkdtemp(folder))
        return 2;
    inner = xasprintf("%s/a-folder", folder);
    dangling = xasprintf("%s/dangling.sh", folder);
    if (mkdir(inner, 0755) == 0 && symlink("nowhere", dangling) == 0)
        status = UNIT_MAIN("diagnosis", tests);
    remove_tree(folder, &ignored);
    return status;
}
