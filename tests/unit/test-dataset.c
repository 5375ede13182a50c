/* The formats of data sets, and the reading of what comes in them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/sample_line.h"
#include "dataset/formats.h"
#include "dataset/patch.h"
#include "dataset/python_literal.h"
#include "dataset/row_source.h"
#include "dataset/splitter.h"
#include "dataset/task_rows.h"
#include "dataset/test_names.h"
#include "dataset/verifier_command.h"
#include "images/reference.h"
#include "unit.h"

#include "base/banned.h"

/* --- formats --------------------------------------------------------------------------------- */

static void complain(const char *file, const char *what)
{
    printf("%s: %s\n", file, what);
    CU_FAIL("a row did not become what it should");
}

static void compare_members(const char *file, json_object *wanted, json_object *line)
{
    json_object_object_foreach (wanted, name, value) {
        json_object *made = json_object_object_get(line, name);

        if (!json_object_equal(made, value)) {
            printf("%s: not %s\n", name, json_object_to_json_string(value));
            complain(file, json_object_to_json_string(made));
        }
    }
}

/* Each of the texts is in the command, or none. */
static void compare_command(const char *file, json_object *texts, const char *command, bool is_in)
{
    for (size_t i = 0; texts && i < json_object_array_length(texts); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(texts, i));

        if ((strstr(command ? command : "", text) != NULL) != is_in) {
            complain(file, text);
            printf("%s\n", command ? command : "no command");
        }
    }
}

/* What a line is read to be: its members are those of a sample. */
static void check_sample(const char *file, json_object *line)
{
    static const struct sample_defaults defaults = {.language = "python"};
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(sample_line_release) struct sample_line sample = {0};
    struct error err = ERROR_INIT;

    json_write(&text, line);
    if (sample_line_parse(text.data, text.length, &defaults, &sample, &err) < 0)
        complain(file, err.message);
}

static void check_item(const char *file, json_object *item)
{
    json_object *row = json_object_object_get(item, "row"), *made = NULL;
    const char *name = json_get_text(item, "format"), *needed = json_get_text(item, "needs");
    const struct dataset_format *format = dataset_format_of(row, false);
    struct error err = ERROR_INIT;
    _cleanup_(json_release) json_object *line = NULL;
    const char *needs;

    if (json_object_object_get(item, "by_name"))
        format = dataset_format_named(name);
    else if (strcmp(dataset_format_name(format), name) != 0)
        complain(file, dataset_format_name(format));
    if (dataset_convert(format, row, &made, &err) < 0) {
        complain(file, err.message);
        return;
    }
    line = made;
    compare_members(file, json_object_object_get(item, "line"), line);
    compare_command(file, json_object_object_get(item, "command"),
                    json_get_text(line, "verifier_command"), true);
    compare_command(file, json_object_object_get(item, "not_in_command"),
                    json_get_text(line, "verifier_command"), false);
    needs = json_object_to_json_string(json_object_object_get(line, "needs"));
    if (needed ? !strstr(needs, needed) : strcmp(needs, "null") != 0)
        complain(file, needs);
    check_sample(file, line);
}

static void rows_of_each_format_become_samples(void)
{
    DIR *folder = opendir(DATA_DIR "/formats");
    int files = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        _cleanup_(json_release) json_object *items = NULL;
        struct error err = ERROR_INIT;

        if (entry->d_name[0] == '.')
            continue;
        files++;
        if (file_read(dirfd(folder), entry->d_name, 1 << 20, &text, &err) < 0 ||
            json_parse(text.data, text.length, &items, NULL, &err) < 0) {
            complain(entry->d_name, err.message);
            continue;
        }
        for (size_t i = 0; i < json_object_array_length(items); i++)
            check_item(entry->d_name, json_object_array_get_idx(items, i));
    }
    closedir(folder);
    CU_ASSERT_EQUAL(files, 13);
}

/* Without one, every solution would be a success, or none. */
static void a_row_with_no_test_that_must_pass_is_refused(void)
{
    _cleanup_(json_release) json_object *row = json_tokener_parse(
        "{\"repo_name\":\"a\",\"docker_image\":\"b/a:1\",\"commit_hash\":\"0123456789ab\","
        "\"expected_output_json\":\"{\\\"T.t\\\": \\\"FAILED\\\"}\"}");
    json_object *made = NULL;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(dataset_convert(dataset_format_named("r2e-gym"), row, &made, &err), -1);
    CU_ASSERT_PTR_NULL(made);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "no test that must pass"));
}

/* Where its harness is known to read the log of one of the runners whose names we have, too. */
static void a_row_of_multi_swe_bench_gets_the_runner_of_its_repository(void)
{
    static const struct {
        const char *org, *repo, *language, *parser; /* NULL: none */
    } cases[] = {
        {"google", "gson", "java", "maven"},   {"fasterxml", "jackson-core", "java", "maven"},
        {"nlohmann", "json", "cpp", "ctest"},  {"yhirose", "cpp-httplib", "cpp", "gtest"},
        {"vuejs", "core", "ts", "vitest"},     {"anybody", "anything", "rust", "cargo"},
        {"elastic", "logstash", "java", NULL}, {"iamkun", "dayjs", "js", NULL},
        {"anybody", "json", "cpp", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_release) json_object *row = json_tokener_parse(
            "{\"number\":7,\"fix_patch\":\"x\",\"base\":{\"sha\":\"1\"},\"title\":\"t\"}");
        _cleanup_(json_release) json_object *line = NULL;
        json_object *made = NULL;
        struct error err = ERROR_INIT;
        const char *parser;

        json_add_text(row, "org", cases[i].org);
        json_add_text(row, "repo", cases[i].repo);
        json_add_text(row, "lang", cases[i].language);
        CU_ASSERT_EQUAL_FATAL(
            dataset_convert(dataset_format_named("multi-swe-bench"), row, &made, &err), 0);
        line = made;
        parser = json_get_text(line, "log_parser");
        if (cases[i].parser ? !parser || strcmp(parser, cases[i].parser) != 0 : parser != NULL)
            complain(cases[i].repo, parser ? parser : "no parser");
        CU_ASSERT_EQUAL(json_object_object_get(line, "needs") == NULL, cases[i].parser != NULL);
    }
}

#define PATCH_OF(file) "--- a/" file "\n+++ b/" file "\n@@ -1 +1 @@\n-x\n+y\n"

/* It is not looked at once more whether rows are what they were said to be. */
static void a_row_that_is_said_to_be_swe_bench_s_is_taken_as_one(void)
{
    static const struct {
        const char *repo, *test_patch;
        const char *needs, *error; /* a part of it; NULL: none */
    } cases[] = {
        {"pylint-dev/pylint", PATCH_OF("tests/a.py"), NULL, NULL},
        {"pylint-dev/pylint", PATCH_OF("tests/a.txt"), "touches no test file", NULL},
        {"somebody/something", PATCH_OF("tests/a.py"), NULL, "repo: none of SWE-bench's"},
    };
    const struct dataset_format *format = dataset_format_named("swe-bench-4");

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_release) json_object *row = json_tokener_parse(
            "{\"instance_id\":\"pylint-dev__pylint-1\",\"version\":\"2.13\",\"patch\":\"\","
            "\"my_own_field\":1,\"FAIL_TO_PASS\":[\"tests/a.py::t\"],\"PASS_TO_PASS\":[]}");
        _cleanup_(json_release) json_object *line = NULL;
        json_object *made = NULL;
        struct error err = ERROR_INIT;
        const char *needs;

        json_add_text(row, "repo", cases[i].repo);
        json_add_text(row, "test_patch", cases[i].test_patch);
        if (dataset_convert(format, row, &made, &err) < 0) {
            if (!cases[i].error || !strstr(err.message, cases[i].error))
                complain(cases[i].repo, err.message);
            continue;
        }
        line = made;
        CU_ASSERT_PTR_NULL(cases[i].error);
        CU_ASSERT_PTR_NOT_NULL(json_get_text(line, "image_reference"));
        needs = json_object_to_json_string(json_object_object_get(line, "needs"));
        if (cases[i].needs ? !strstr(needs, cases[i].needs) : strcmp(needs, "null") != 0)
            complain(cases[i].test_patch, needs);
        CU_ASSERT_EQUAL(json_get_text(line, "verifier_command") == NULL, cases[i].needs != NULL);
    }
}

/* --- tasks that are folders ------------------------------------------------------------------ */

static void what_is_no_task_is_refused(void)
{
    static const struct {
        const char *format, *row, *reason;
    } cases[] = {
        {"task-folder", "{\"task_folder\":\"a\",\"task_json\":\"{\\n\"}", "not valid JSON"},
        {"task-folder", "{\"task_folder\":\"a\",\"task_json\":\"[]\"}", "must hold an object"},
        {"task-folder", "{\"task_folder\":\"a\",\"task_json\":7}", "not valid JSON"},
        {"harbor", "{\"task_folder\":\"a\",\"task_toml\":\"\"}", "tests/test.sh: missing"},
        {"harbor", "{\"task_folder\":\"\",\"task_toml\":\"\",\"test_script\":\"x\"}", "missing"},
        {"harbor",
         "{\"task_folder\":\"a\",\"task_toml\":\"\",\"test_script\":\"x\","
         "\"solution_files\":{\"solve.sh\":\"\",\"../x\":\"\"}}",
         "no file's name"},
        {"harbor",
         "{\"task_folder\":\"a\",\"task_toml\":\"\",\"test_script\":\"x\","
         "\"solution_files\":{\"solve.sh\":\"QQ==\\nCODESET_END_OF_FILE\\nrm x\"}}",
         "is not base64"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_release) json_object *row = json_tokener_parse(cases[i].row);
        const struct dataset_format *format = dataset_format_named(cases[i].format);
        json_object *made = NULL;
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL(dataset_convert(format, row, &made, &err), -1);
        if (!strstr(err.message, cases[i].reason))
            complain(cases[i].row, err.message);
    }
}

/* The folder's command in namespaces of its own, with Debian's programs, below a process that takes
 * in what it leaves, as the agent's do. $1: the command; $2: the text of tests/test.sh. */
static const char verifying[] =
    "set -e; root=/mnt; mount -t tmpfs none $root; cd $root\n"
    "mkdir usr proc dev tests logs work; for name in bin lib lib64; do ln -s usr/$name $name; "
    "done\n"
    "mount --rbind /usr usr; mount --rbind /dev dev; mount -t proc proc proc\n"
    "printf '%s\\n' \"$2\" >tests/test.sh\n"
    "chroot . python3 -c 'import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(36, 1)\n"
    "os.chdir(\"/work\")\n"
    "sys.exit(os.spawnlp(os.P_WAIT, \"sh\", \"sh\", \"-c\", sys.argv[1]) and 1)' \"$1\" "
    "2>/dev/null\n"
    "cat work/codeset-reward.xml\n";

/* 'p' it passes; 'f' it fails; 'n' there is no reward; '?' something else. */
static char verdict_of(const char *command, const char *script)
{
    char text[512] = "";
    int ends[2], status = 0;
    size_t length = 0;
    ssize_t got;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("unshare", "unshare", "--map-root-user", "--mount", "--pid", "--fork",
               "--kill-child", "sh", "-c", verifying, "sh", command, script, NULL);
        _exit(99);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    close(ends[0]);
    waitpid(pid, &status, 0);
    if (status != 0)
        return WIFEXITED(status) && WEXITSTATUS(status) == 1 && length == 0 ? 'n' : '?';
    if (strcmp(text, "<testsuite><testcase name=\"reward\"></testcase></testsuite>\n") == 0)
        return 'p';
    return strstr(text, "<failure message=\"the reward is not 1\"/>") ? 'f' : '?';
}

#define LEAVES(words) "(trap '' HUP TERM; " words ") >/dev/null 2>&1 & "

static void a_reward_of_1_alone_is_success(void)
{
    static const struct {
        const char *script;
        char verdict;
    } cases[] = {
        {"echo 1 >reward.txt", 'p'},
        {"echo ' 1.00 ' >reward.txt", 'p'},
        {"echo '{\"speed\": 2, \"reward\": 1.0}' >reward.json", 'p'},
        {"echo '{\"reward\": 1, \"speed\": 2}' >reward.json", 'p'},
        {"echo 1.05 >reward.txt", 'f'},
        {"echo 0.5 >reward.txt", 'f'},
        {"echo 0 >reward.txt", 'f'},
        {"echo 11 >reward.txt", 'f'},
        {"echo -1 >reward.txt", 'f'},
        {"echo '{\"reward\": -1}' >reward.json", 'f'},
        {"echo '{\"reward\": true}' >reward.json", 'f'},
        {"echo '{\"reward\": null}' >reward.json", 'f'},
        {"echo '{\"reward\": 1.05}' >reward.json", 'f'},
        {"echo '{\"other\": 1}' >reward.json", 'n'},
        {">reward.txt", 'n'},
        {"true", 'n'},
        /* The command would find a folder in the place of its report, and the loop's report. */
        {"mkdir /work/codeset-reward.xml; echo 0 >reward.txt", 'f'},
        {"echo 0 >reward.txt; " LEAVES("mkfifo held; sleep 1000 >held")
             LEAVES("while :; do echo '<testsuite/>' >/work/codeset-reward.xml; done"),
         'f'},
    };
    _cleanup_(json_release) json_object *row = json_tokener_parse(
        "{\"task_folder\":\"a\",\"task_toml\":\"\",\"test_script\":\"x\",\"problem\":\"p\"}");
    _cleanup_(json_release) json_object *line = NULL;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(dataset_convert(dataset_format_named("harbor"), row, &line, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(free_ptr) char *script = xasprintf("cd /logs/verifier; %s", cases[i].script);
        const char verdict[] = {verdict_of(json_get_text(line, "verifier_command"), script), '\0'};

        if (verdict[0] != cases[i].verdict)
            complain(cases[i].script, verdict);
    }
}

static void values_of_toml_are_found(void)
{
    static const char text[] = "a = 1\n[t]\n a=\"x # y\"\n'b' = 2\nb='q\"r' # c\nab = 3 \n"
                               "long = '''\na = 9\n[u]\n'''\nc = 4\r\n[[list]]\na = 5\n[t.u]\nd=6";
    static const struct {
        const char *table, *key, *value; /* NULL: not there */
    } cases[] = {
        {"", "a", "1"},   {"t", "a", "x # y"}, {"t", "b", "q\"r"}, {"t", "ab", "3"},
        {"t", "c", "4"},  {"t", "d", NULL},    {"t.u", "d", "6"},  {"u", "a", NULL},
        {"t", "e", NULL}, {"", "b", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(buf_release) struct buf value = BUF_INIT;
        bool found = toml_value(text, cases[i].table, cases[i].key, &value);

        CU_ASSERT_EQUAL(found, cases[i].value != NULL);
        if (found && cases[i].value && strcmp(value.data, cases[i].value) != 0)
            complain(cases[i].key, value.data);
    }
}

/* --- Python literals ------------------------------------------------------------------------- */

static void python_literals_are_read(void)
{
    static const struct {
        const char *text, *json; /* NULL: refused */
    } cases[] = {
        {"['a', \"it's\", u'\\u00e9\\x41\\n', r'a\\d', b'x', '''y\n\"z''']",
         "[\"a\",\"it's\",\"\\u00e9A\\n\",\"a\\\\d\",\"x\",\"y\\n\\\"z\"]"},
        {"(1, -2.5, True, None, )", "[1,-2.5,true,null]"},
        {"{'a': {'b'}, 'c': []}", "{\"a\":[\"b\"],\"c\":[]}"},
        {" [ ] ", "[]"},
        {"['a' 'b']", NULL},
        {"['a'\n 'b']", NULL},
        {"['a", NULL},
        {"['a\\", NULL},
        {"[__import__('os').system('x')]", NULL},
        {"['a'] + ['b']", NULL},
        {"{'a': 1, 'b'}", NULL},
        {"{1: 2}", NULL},
        {"['\\ud800']", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_release) json_object *value = NULL, *wanted = NULL;
        struct error err = ERROR_INIT;
        int status = python_literal_parse(cases[i].text, strlen(cases[i].text), &value, &err);

        CU_ASSERT_EQUAL(status, cases[i].json ? 0 : -1);
        if (!cases[i].json)
            continue;
        wanted = json_tokener_parse(cases[i].json);
        if (!json_object_equal(value, wanted))
            complain(cases[i].text, json_object_to_json_string(value));
    }
}

static void deep_literals_are_refused(void)
{
    char deep[400];
    json_object *value = NULL;
    struct error err = ERROR_INIT;

    memset(deep, '[', sizeof(deep));
    CU_ASSERT_EQUAL(python_literal_parse(deep, sizeof(deep), &value, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "too many levels"));
}

/* --- patches --------------------------------------------------------------------------------- */

#define BOTH                                                                                       \
    "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,3 +1,2 @@ def f\n a\n-b\n-c\n" \
    "+d\n\\ No newline at end of file\n"                                                           \
    "diff --git a/new b/new\nnew file mode 100644\nindex 0..3\n--- /dev/null\n+++ b/new\n"         \
    "@@ -0,0 +1,1 @@\n+--- a/no head\n"                                                            \
    "diff --git a/m b/m\nold mode 100644\nnew mode 100755\n"
#define BACK                                                                                       \
    "diff --git a/x b/x\nindex 2..1 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@ def f\n a\n-d\n"     \
    "\\ No newline at end of file\n+b\n+c\n"                                                       \
    "diff --git a/new b/new\ndeleted file mode 100644\nindex 3..0\n--- a/new\n+++ /dev/null\n"     \
    "@@ -1,1 +0,0 @@\n---- a/no head\n"                                                            \
    "diff --git a/m b/m\nold mode 100755\nnew mode 100644\n"

static void a_patch_turned_round_twice_is_itself(void)
{
    _cleanup_(buf_release) struct buf back = BUF_INIT, forth = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(patch_reverse(BOTH, &back, &err), 0);
    CU_ASSERT_STRING_EQUAL(back.data, BACK);
    CU_ASSERT_EQUAL(patch_reverse(back.data, &forth, &err), 0);
    CU_ASSERT_STRING_EQUAL(forth.data, BOTH);
}

static void what_cannot_be_turned_round_is_refused(void)
{
    static const char *const bad[] = {"",
                                      "hello\n",
                                      "diff --git a/x b/x\nGIT binary patch\n",
                                      "diff --git a/x b/x\ncopy from x\ncopy to y\n",
                                      "--- a/x\n+++ b/x\n@@ -1,9 +1 @@\n a\n",
                                      "diff --git a/x b/x\n--- a/x\n"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(buf_release) struct buf out = BUF_INIT;
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL(patch_reverse(bad[i], &out, &err), -1);
        CU_ASSERT_EQUAL(out.length, 0);
    }
}

static void note_file(const char *path, bool is_new, void *arg)
{
    buf_addf(arg, "%s%s ", path, is_new ? "+" : "");
}

static void files_of_a_patch_are_found(void)
{
    _cleanup_(buf_release) struct buf files = BUF_INIT;

    patch_files(BOTH BACK, note_file, &files);
    CU_ASSERT_STRING_EQUAL(files.data, "x new+ x ");
}

/* --- the verifier's command ------------------------------------------------------------------ */

static void a_patch_cannot_leave_its_document(void)
{
    const struct verifier_plan plan = {.test_patch = "x\nCODESET_END_OF_PATCH\nrm -rf /\n",
                                       .commands = "true\n"};
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(verifier_command(&plan, &out, &err), -1);
    CU_ASSERT_EQUAL(out.length, 0);
}

/* Its output goes to the file. The status as wait(2) has it. */
static int run_shell(const char *script, const char *out)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return status;
}

/* Run by a shell, in a repository whose tests the session has changed. */
static void the_command_lays_the_tests_over_what_was_changed(void)
{
    static const char test_patch[] =
        "--- a/it's a test\n+++ b/it's a test\n@@ -1 +1 @@\n-old\n+new $HOME `x`\n"
        "--- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+made\n";
    const struct verifier_plan plan = {.prepare = "cd repo\n",
                                       .test_patch = test_patch,
                                       .script_path = "script",
                                       .script = "'\"$HOME\\",
                                       .commands = "cat \"it's a test\" made script\n"};
    char folder[] = "/tmp/codeset-unit-XXXXXX";
    _cleanup_(buf_release) struct buf command = BUF_INIT, all = BUF_INIT, path = BUF_INIT,
                                      said = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL(verifier_command(&plan, &command, &err), 0);
    buf_addf(&all,
             "cd %s && git init -q repo && cd repo && echo old >\"it's a test\" && git add . && "
             "git -c user.name=x -c user.email=x@x commit -qm x && echo cheat >\"it's a test\" && "
             "mkdir made && cd .. || exit 1\n%s",
             folder, command.data);
    buf_addf(&path, "%s/out", folder);
    CU_ASSERT_EQUAL(run_shell(all.data, path.data), 0);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path.data, 4096, &said, &err), 0);
    CU_ASSERT_STRING_EQUAL(said.data, "new $HOME `x`\nmade\n'\"$HOME\\\n");
    remove_tree(folder, &err);
}

/* What the repository was before can't be found in it any more. */
static void a_bug_is_made_without_a_trace(void)
{
    static const char patch[] = "--- a/calc\n+++ b/calc\n@@ -1 +1 @@\n-right\n+wrong\n"
                                "--- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+made\n";
    char folder[] = "/tmp/codeset-unit-XXXXXX";
    _cleanup_(buf_release) struct buf command = BUF_INIT, all = BUF_INIT, path = BUF_INIT,
                                      said = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL(bug_command(patch, &command, &err), 0);
    buf_addf(&all,
             "cd %s && git init -q repo && cd repo && echo right >calc && echo kept >ignored && "
             "echo ignored >.gitignore && git add -f . && "
             "git -c user.name=x -c user.email=x@x commit -qm x && echo own >untracked && "
             "cp -p calc copy && touch -d @1 copy && mv copy calc || exit 1\n"
             "(%s) || exit 1\ncat calc made && git ls-files && git status --porcelain && "
             "git rev-list --all --count && git fsck --unreachable && "
             "git cat-file --batch-all-objects --batch-check --unordered | wc -l\n",
             folder, command.data);
    buf_addf(&path, "%s/out", folder);
    CU_ASSERT_EQUAL(run_shell(all.data, path.data), 0);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path.data, 4096, &said, &err), 0);
    /* A commit, its tree and the four files. */
    CU_ASSERT_STRING_EQUAL(said.data, "wrong\nmade\n.gitignore\ncalc\nignored\nmade\n"
                                      "?? untracked\n1\n6\n");
    remove_tree(folder, &err);
}

static void a_bug_that_cannot_be_made_is_an_error(void)
{
    char folder[] = "/tmp/codeset-unit-XXXXXX";
    _cleanup_(buf_release) struct buf command = BUF_INIT, all = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL(bug_command("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", &command, &err), 0);
    buf_addf(&all, "cd %s && git init -q . && %s", folder, command.data);
    CU_ASSERT_NOT_EQUAL(run_shell(all.data, "/dev/null"), 0);
    remove_tree(folder, &err);
}

/* --- names ----------------------------------------------------------------------------------- */

static void names_that_are_no_test_are_told(void)
{
    static const char *const right[] = {"tests/a.py::T::test_x[a b]", "test_x (module.Class)",
                                        "test_x", "a/b.py::test_y",
                                        "test_x (module.Class.test_x) (n=1)"};
    static const char *const wrong[] = {"A view reverses its URL.",
                                        "Named URLs should be reversible", "[100%]",
                                        "[100%]------------------------------"};
    static const char cut[] = "tests/a.py::test_x[a";

    for (size_t i = 0; i < ARRAY_SIZE(right); i++)
        CU_ASSERT_PTR_NULL(test_name_fault("python", right[i]));
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        CU_ASSERT_PTR_NOT_NULL(test_name_fault("python", wrong[i]));
        CU_ASSERT_PTR_NULL(test_name_fault("javascript", wrong[i]));
        CU_ASSERT_PTR_NULL(test_name_remark("python", wrong[i]));
    }
    /* It is found (tests/unit/test-grade.c). */
    CU_ASSERT_PTR_NULL(test_name_fault("python", cut));
    CU_ASSERT_PTR_NOT_NULL(test_name_remark("python", cut));
}

/* --- references ------------------------------------------------------------------------------ */

static void references_are_completed(void)
{
    static const struct {
        const char *given, *full; /* NULL: refused */
    } cases[] = {
        {"debian", "docker.io/library/debian:latest"},
        {"a/b", "docker.io/a/b:latest"},
        {"docker://ghcr.io/a/b:V1.2_x", "ghcr.io/a/b:V1.2_x"},
        {"localhost:5000/x", "localhost:5000/x:latest"},
        {"a/b@sha256:0123456789012345678901234567890123456789012345678901234567890123",
         "docker.io/a/b@sha256:0123456789012345678901234567890123456789012345678901234567890123"},
        {"", NULL},
        {"-o/x", NULL},
        {"--help", NULL},
        {"A/b", NULL},
        {"a/b:", NULL},
        {"a/b:x y", NULL},
        {"a//b", NULL},
        {"a/../b", NULL},
        {"a/b@sha256:12", NULL},
        {"oci-archive:/etc/passwd", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct error err = ERROR_INIT;
        _cleanup_(free_ptr) char *full = image_reference_full(cases[i].given, &err);

        if (cases[i].full ? !full || strcmp(full, cases[i].full) != 0 : full != NULL)
            complain(cases[i].given, full ? full : err.message);
    }
}

static void store_names_are_valid_and_differ(void)
{
    static const char *const full[] = {
        "docker.io/swebench/sweb.eval.x86_64.astropy_1776_astropy-12907:latest",
        "docker.io/other/sweb.eval.x86_64.astropy_1776_astropy-12907:latest",
        "docker.io/jefzda/sweap-images:nodebb.nodebb-NodeBB__NodeBB-04998908ba6721d64eba79ae3b65a3",
        "docker.io/jefzda/sweap-images:nodebb.nodebb-NodeBB__NodeBB-04998908ba6721d64eba79ae3b65a4",
        "ghcr.io/a/b@sha256:0123456789012345678901234567890123456789012345678901234567890123"};
    char *names[ARRAY_SIZE(full)];

    for (size_t i = 0; i < ARRAY_SIZE(full); i++) {
        struct error err = ERROR_INIT;

        names[i] = image_reference_store_name(full[i]);
        CU_ASSERT_EQUAL(sample_check_image("x", names[i], &err), 0);
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_STRING_NOT_EQUAL(names[k], names[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(full); i++)
        free(names[i]);
}

/* --- shapes of files ------------------------------------------------------------------------- */

static int note_row(const struct split_row *row, void *arg)
{
    struct buf *out = arg;

    if (row->too_long)
        buf_addf(out, "%lld long|", (long long)row->number);
    else if (row->object)
        buf_addf(out, "%lld %s|", (long long)row->number,
                 json_object_to_json_string_ext(row->object, JSON_C_TO_STRING_PLAIN));
    else
        buf_addf(out, "%lld %.*s|", (long long)row->number, (int)row->length, row->text);
    return 0;
}

/* piece: bytes that come at once. NULL where the file is refused. */
static char *split(const char *text, size_t piece, size_t most)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    struct splitter *splitter = splitter_new(most, note_row, &out);
    size_t length = strlen(text);
    struct error err = ERROR_INIT;
    int status = 0;

    for (size_t at = 0; status == 0 && at < length; at += piece)
        status =
            splitter_take(splitter, text + at, piece < length - at ? piece : length - at, &err);
    if (status == 0)
        status = splitter_end(splitter, &err);
    splitter_free(splitter);
    return status == 0 ? buf_take(&out) : NULL;
}

static void files_are_split_into_rows_however_they_come(void)
{
    static const struct {
        const char *text, *rows; /* NULL: refused */
        size_t most;
    } cases[] = {
        {"{\"a\":1}\n\n {}\r\n{\"b\"", "1 {\"a\":1}|3  {}\r|4 {\"b\"|", 100},
        {"\xef\xbb\xbf{}\n", "1 {}|", 100},
        {" [ {\"a\":\"],[\\\"\"} , [1,[2]], 3 ]\n", "1 {\"a\":\"],[\\\"\"} |2 [1,[2]]|3 3 |", 100},
        {"[]", "", 100},
        {"[{}", NULL, 100},
        {"[{}] x", NULL, 100},
        {"instance_id,repo\na,\"b\n\"\"c\"\"\"\nd,\n",
         "1 {\"instance_id\":\"a\",\"repo\":\"b\\n\\\"c\\\"\"}|"
         "2 {\"instance_id\":\"d\"}|",
         100},
        {"instance_id,repo\na,\"b\n", NULL, 100},
        {"PAR1\x15\n{}\n", NULL, 100},
        {"PARE\x15\n{}\n", NULL, 100},
        {"junk\n{}\n", "1 junk|2 {}|", 100},
        {"{\"abcdefghijk\":1}\n{}\n", "1 long|2 {}|", 10},
        {"[\"abcdefghijk\",2]", "1 long|2 2|", 10},
        {"", "", 100},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t piece = 1; piece < 40; piece += 6) {
            _cleanup_(free_ptr) char *rows = split(cases[i].text, piece, cases[i].most);

            if (cases[i].rows ? !rows || strcmp(rows, cases[i].rows) != 0 : rows != NULL)
                complain(cases[i].text, rows ? rows : "refused");
        }
    }
}

/* --- the confined reader --------------------------------------------------------------------- */

static void a_file_is_read_by_processes_that_can_do_nothing_else(void)
{
    char path[] = "/tmp/codeset-unit-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] =
        "[{\"instance_id\":\"a__b-1\",\"test_cmds\":[\"true\"],\"repo\":\"a/b\"},"
        "{\"instance_id\":\"a__b-2\",\"FAIL_TO_PASS\":\"[x\"}, 5]";
    struct source_row row = SOURCE_ROW_INIT;
    struct error err = ERROR_INIT;
    struct row_source *source;

    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    source = row_source_open(path, NULL, false, 1000, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    CU_ASSERT_EQUAL(row_source_next(source, &row, &err), 1);
    CU_ASSERT_EQUAL(row.kind, SOURCE_ROW);
    CU_ASSERT_STRING_EQUAL(row_source_format(source), "swe-bench-live");
    CU_ASSERT_PTR_NOT_NULL(strstr(row.text.data, "\"repo_path\":\"/testbed\""));
    CU_ASSERT_EQUAL(row_source_next(source, &row, &err), 1);
    CU_ASSERT_EQUAL(row.kind, SOURCE_BAD);
    CU_ASSERT_PTR_NOT_NULL(strstr(row.text.data, "FAIL_TO_PASS"));
    CU_ASSERT_EQUAL(row_source_next(source, &row, &err), 1);
    CU_ASSERT_EQUAL(row.kind, SOURCE_BAD);
    CU_ASSERT_EQUAL(row.number, 3);
    CU_ASSERT_EQUAL(row_source_next(source, &row, &err), 0);
    CU_ASSERT_EQUAL(row_source_next(source, &row, &err), 0);
    row_source_free(source);
    source_row_release(&row);
    unlink(path);
}

static const struct unit_test tests[] = {
    {"what is no task is refused", what_is_no_task_is_refused},
    {"of a task of Harbor's, a reward of 1 alone is success", a_reward_of_1_alone_is_success},
    {"values of TOML are found", values_of_toml_are_found},
    {"rows of each format become samples", rows_of_each_format_become_samples},
    {"a row of Multi-SWE-bench gets the runner of its repository",
     a_row_of_multi_swe_bench_gets_the_runner_of_its_repository},
    {"a row that is said to be SWE-bench's is taken as one",
     a_row_that_is_said_to_be_swe_bench_s_is_taken_as_one},
    {"a row with no test that must pass is refused", a_row_with_no_test_that_must_pass_is_refused},
    {"Python literals are read, and never evaluated", python_literals_are_read},
    {"deep literals are refused", deep_literals_are_refused},
    {"a patch turned round twice is itself", a_patch_turned_round_twice_is_itself},
    {"what cannot be turned round is refused", what_cannot_be_turned_round_is_refused},
    {"the files of a patch are found", files_of_a_patch_are_found},
    {"a patch cannot leave its document", a_patch_cannot_leave_its_document},
    {"a bug is made without a trace", a_bug_is_made_without_a_trace},
    {"a bug that cannot be made is an error", a_bug_that_cannot_be_made_is_an_error},
    {"the command lays the tests over what was changed",
     the_command_lays_the_tests_over_what_was_changed},
    {"names that are no test are told", names_that_are_no_test_are_told},
    {"references are completed or refused", references_are_completed},
    {"store names are valid and differ", store_names_are_valid_and_differ},
    {"files are split into rows however they come", files_are_split_into_rows_however_they_come},
    {"a file is read by processes that can do nothing else",
     a_file_is_read_by_processes_that_can_do_nothing_else},
};

int main(void)
{
    return UNIT_MAIN("dataset", tests);
}
