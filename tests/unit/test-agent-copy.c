/*
 * Trees that flow: from one agent to another, and into a pipe. Real agents in containers of their
 * own, and agents that lie.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent-liar.h"
#include "agent-rig.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "unit.h"
#include "wire/pax.h"

#include "base/banned.h"

#define PROCESSES 64
#define ROOT "/work/tree"
#define OK "HTTP/1.1 200 OK\r\n"
#define TAR OK "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EMPTY OK "Content-Length: 0\r\n\r\n"
#define LAID OK "Content-Length: 2\r\n\r\n{}"

static struct rig grading, session;
static struct outcome outcome;
static enum agent_copy_stage stage;
static char kept_back[1024];
static int64_t kept_back_count;
static char crossed[1024], crossed_counts[1024];
static const char *rules = "";
static size_t rules_length;

static void on_copied(const struct error *err, enum agent_copy_stage at,
                      const struct agent_laid *laid, void *arg)
{
    stage = at;
    snprintf(kept_back, sizeof(kept_back), "%s", laid->kept_back);
    snprintf(crossed, sizeof(crossed), "%s", laid->crossed);
    snprintf(crossed_counts, sizeof(crossed_counts), "%s", laid->crossed_counts);
    kept_back_count = laid->kept_back_count;
    rig_on_tree(err, arg);
}

static struct agent_call *copy_begun(const char *from, const char *to)
{
    const struct agent_copy what = {.grading_address = to,
                                    .session_address = from,
                                    .root = ROOT,
                                    .rules = {rules, rules_length}};

    outcome_release(&outcome);
    return agent_copy_changes(grading.client, &what, on_copied, &outcome);
}

static void copy(const char *from, const char *to)
{
    copy_begun(from, to);
    rig_await(&grading, &outcome);
}

static void expect(const char *code, enum agent_copy_stage at)
{
    CU_ASSERT_TRUE(outcome.err.code && strcmp(outcome.err.code, code) == 0);
    CU_ASSERT_EQUAL(stage, at);
}

static void shell(struct rig *rig, const char *command)
{
    rig_run(rig, &outcome, 60, command);
    CU_ASSERT_EQUAL_FATAL(outcome.result.exit_status, 0);
}

static void shell_says(struct rig *rig, const char *command, const char *expected)
{
    shell(rig, command);
    CU_ASSERT_STRING_EQUAL(outcome.out.data, expected);
}

/* The most memory that this program has had, in KiB. */
static long memory_peak(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    const char *line;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, "/proc/self/status", 65536, &text, &err), 0);
    line = strstr(text.data, "VmHWM:");
    return line ? strtol(line + 6, NULL, 10) : -1;
}

static void trees_are_the_same(void)
{
    static const char list[] =
        "cd " ROOT " && find . | sort | xargs stat -c '%n %f %u:%g' && find . -type f | sort | "
        "xargs cat | md5sum";
    struct outcome there = {0};

    shell(&session, list);
    rig_run(&grading, &there, 60, list);
    CU_ASSERT_STRING_EQUAL(outcome.out.data, there.out.data);
    outcome_release(&there);
}

/* ---- agents that lie ---- */

/* What a copy comes to from a session's agent that lies to a real one, and the other way round. */
static void lying_session(const struct lie *lies, size_t count)
{
    struct liar liar;

    liar_open(&liar, grading.folder, "liar", lies, count);
    copy(liar.address, grading.address);
    liar_close(&liar);
}

static void lying_grading(const struct lie *lies, size_t count)
{
    struct liar liar;

    liar_open(&liar, grading.folder, "liar", lies, count);
    copy(session.address, liar.address);
    liar_close(&liar);
}

/* ---- copies that succeed ---- */

static void a_copy_makes_the_trees_the_same(void)
{
    shell(&grading, "mkdir -p " ROOT "/gone/deep; cd " ROOT "; echo 1 >one; echo 2 >gone/deep/two");
    shell(&session, "mkdir -p " ROOT "/new; cd " ROOT "; echo one >one; chmod 751 one; "
                    "ln -s ../one new/link; echo 3 >new/three; mkdir empty");
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    trees_are_the_same();
    copy(session.address, grading.address); /* of what is the same already */
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    trees_are_the_same();
}

static void the_clock_of_files_passes_what_is_written(void)
{
    for (int round = 0; round < 20; round++) {
        _cleanup_(close_fd) int fd = memfd_create("written", MFD_CLOEXEC);
        struct stat st;

        CU_ASSERT_EQUAL_FATAL(fstat(fd, &st), 0); /* from now on its times may be fine ones */
        CU_ASSERT_EQUAL_FATAL(fchmod(fd, 0600), 0);
        CU_ASSERT_TRUE(clock_pass_files());
        CU_ASSERT_EQUAL_FATAL(fstat(fd, &st), 0);
        CU_ASSERT(st.st_ctim.tv_sec * CLOCK_SECOND + st.st_ctim.tv_nsec / 1000 < clock_of_files());
    }
}

/* Of "2026-11-30 15:29:36.300312186 +0000", as the agent rounds it. */
static int64_t ctime_of(const char *line)
{
    _cleanup_(free_ptr) char *second = xstrndup(line, strlen("2026-11-30 15:29:36"));
    int64_t when = 0;

    CU_ASSERT_EQUAL(clock_parse(second, &when), 0);
    return when + strtoll(line + strlen(second) + 1, NULL, 10) / 1000;
}

/* The report of a verifier is told by its ctime from one that the session had. */
static void what_was_laid_is_older_than_what_is_written_next(void)
{
    for (int round = 0; round < 20; round++) {
        const char *written;
        int64_t answered;

        shell(&session, "cd " ROOT " && rm -f laid && echo >laid");
        copy(session.address, grading.address);
        answered = clock_of_files();
        CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
        shell(&grading, "cd " ROOT " && echo >written && stat -c %z laid written && rm written");
        written = strchr(outcome.out.data, '\n');
        CU_ASSERT_PTR_NOT_NULL_FATAL(written);
        CU_ASSERT(ctime_of(outcome.out.data) < answered);
        CU_ASSERT(outcome.result.files_from >= answered);
        CU_ASSERT(ctime_of(written + 1) >= outcome.result.files_from);
    }
}

/* The same paths, in any order. */
static void is_told(const char *paths)
{
    int64_t count = 0;

    CU_ASSERT_EQUAL(strlen(kept_back), strlen(paths));
    for (const char *at = paths; *at;) {
        size_t length = strcspn(at, ",");
        _cleanup_(free_ptr) char *path = xasprintf("%.*s", (int)length, at);

        CU_ASSERT_PTR_NOT_NULL(strstr(kept_back, path));
        count++;
        at += length;
        at += strspn(at, ", ");
    }
    CU_ASSERT_EQUAL(kept_back_count, count);
}

/* Both trees are made, the session's is changed, and laid by rules: what is found then, and told.
 */
static void restored(const char *text, size_t length, const char *pristine, const char *change,
                     const char *look, const char *found, const char *told)
{
    _cleanup_(free_ptr) char *make =
        xasprintf("rm -rf " ROOT "; mkdir " ROOT "; cd " ROOT "; %s", pristine);
    _cleanup_(free_ptr) char *changed = xasprintf("%s; cd " ROOT "; %s", make, change);
    _cleanup_(free_ptr) char *there = xasprintf("cd " ROOT "; %s", look);

    shell(&grading, make);
    shell(&session, changed);
    rules = text;
    rules_length = length;
    copy(session.address, grading.address);
    rules_length = 0;
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    is_told(told);
    shell_says(&grading, there, found);
}

#define RULES                                                                                      \
    "ftests/test_a.py\0ftests/test_new.py\0cconftest.py\0cpytest.ini\0q*.pyc\0"                    \
    "npytest\0psetup.cfg\0ppyproject.toml\0ppackage.json"

static void tests_and_the_runners_configuration_stay_the_images(void)
{
    static const char pristine[] = "mkdir -p tests src; echo true >tests/test_a.py; echo tests "
                                   ">tests/conftest.py; echo data >tests/data; echo 1 >src/a.py";

    restored(
        RULES, sizeof(RULES), pristine,
        "echo fix >src/a.py; echo lie >tests/test_a.py; echo lie >tests/conftest.py; "
        "echo lie >conftest.py; ln -s /etc/passwd pytest.ini; mkdir pytest; "
        "echo lie >pytest/__init__.py; echo lie >src/b.pyc; echo lie >tests/test_new.py; "
        "echo mine >tests/test_other.py",
        "cat src/a.py tests/test_a.py tests/conftest.py tests/test_other.py; find . | wc -l",
        "fix\ntrue\ntests\nmine\n8\n",
        "tests/test_a.py, tests/conftest.py, tests/test_new.py, conftest.py, pytest.ini, pytest");
    restored(RULES, sizeof(RULES), pristine, "rm -r tests; echo fix >src/a.py",
             "cat src/a.py tests/*", "fix\ntests\ndata\ntrue\n", "tests");
    restored(RULES, sizeof(RULES), pristine,
             "mv tests src/evil; ln -s src/evil tests; echo lie >src/evil/test_a.py",
             "cat tests/test_a.py; stat -c %F tests; ls src/evil",
             "true\ndirectory\ndata\ntest_a.py\n", "tests, src/evil/conftest.py");
    restored(RULES, sizeof(RULES), pristine, "rm -r tests; echo lie >tests", "cat tests/test_a.py",
             "true\n", "tests");
    restored(RULES, sizeof(RULES), pristine,
             "rm tests/test_a.py; mkdir tests/test_a.py; "
             "echo lie >tests/test_a.py/test_a.py",
             "cat tests/test_a.py", "true\n", "tests/test_a.py");
}

#define OWN(list) list "\0" RULES

/* The sample's own rules go before the others; of those that match the last one decides. */
static void a_samples_own_rules_extend_and_shorten_the_others(void)
{
    static const char pristine[] = "mkdir -p tests data/in src; echo true >tests/test_a.py; "
                                   "echo data >data/in/a; echo conf >tests/conftest.py";

    restored(OWN("kdata"), sizeof(OWN("kdata")), pristine,
             "echo lie >data/in/a; echo new >data/b; echo fix >src/a.py", "cat data/in/a src/a.py",
             "data\nfix\n", "data");
    restored(OWN("kdata/in"), sizeof(OWN("kdata/in")), pristine,
             "rm -r data; mkdir data; echo new >data/b", "cat data/b data/in/a", "new\ndata\n",
             "data/in");
    restored(OWN("kdata/in/*"), sizeof(OWN("kdata/in/*")), pristine, "rm -r data; ln -s tests data",
             "cat data/in/a", "data\n", "data");
    restored(OWN("tconftest.py\0t/tests/test_a.py"), sizeof(OWN("tconftest.py\0t/tests/test_a.py")),
             pristine, "echo mine >tests/conftest.py; echo mine >tests/test_a.py",
             "cat tests/conftest.py tests/test_a.py", "mine\nmine\n", "");
    restored(OWN("k*\0tsrc"), sizeof(OWN("k*\0tsrc")), pristine,
             "echo fix >src/a.py; echo lie >lie; mkdir more; echo lie >more/a; rm data/in/a",
             "ls . src; cat data/in/a", ".:\ndata\nsrc\ntests\n\nsrc:\na.py\ndata\n",
             "lie, more, data");
    restored(OWN("kdata\0tdata/in"), sizeof(OWN("kdata\0tdata/in")), pristine,
             "rm data/in/a; echo new >data/in/b; echo lie >data/c", "find data -type f",
             "data/in/b\n", "data");
}

#define ELF "printf '\\177ELF\\2\\1' "
#define KINDS                                                                                      \
    "mkdir -p lib src node; echo data >lib/data; echo 1 >lib/old.so; " ELF ">src/tool; "           \
    "echo '{\"main\":\"a.js\",\"name\":\"n\"}' >node/package.json; echo 1 >node/same.o"
#define KINDS_CHANGED                                                                              \
    ELF ">src/run; echo 2 >lib/new.so; rm -r lib; ln -s src lib; echo 1 >src/a.pth; "              \
        "mkdir sitecustomize; echo 1 >sitecustomize/__init__.py; echo 1 >src/plain.py; "           \
        "rm node/same.o; echo 1 >node/same.o; echo 1 >src/tool; "                                  \
        "echo '{\"main\":\"b.js\",\"name\":\"m\"}' >node/package.json"

static void what_is_easily_overlooked_is_told(void)
{
    restored("", 0, KINDS, KINDS_CHANGED, "readlink lib; cat src/tool", "src\n1\n", "");
    CU_ASSERT_STRING_EQUAL(crossed_counts, "1 compiled file, 1 link in place of a folder, "
                                           "2 files that an interpreter reads at its start, "
                                           "1 package.json that names other files to begin with");
    CU_ASSERT_PTR_NOT_NULL(strstr(crossed, "1 compiled file (src/run), "));
    CU_ASSERT_PTR_NOT_NULL(strstr(crossed, " folder (lib), "));
    CU_ASSERT_PTR_NOT_NULL(strstr(crossed, "sitecustomize/__init__.py"));
    CU_ASSERT_PTR_NOT_NULL(strstr(crossed, " begin with (node/package.json)"));
    restored("", 0, "touch a", "for i in $(seq 7); do echo 1 >$i.o; done", "ls | wc -l", "8\n", "");
    CU_ASSERT_PTR_NOT_NULL(strstr(crossed, "7 compiled files ("));
    CU_ASSERT_PTR_NOT_NULL(strstr(crossed, " and 2 more)"));
    CU_ASSERT_STRING_EQUAL(crossed_counts, "7 compiled files");
    restored("", 0, "touch a", "echo 1 >b", "ls", "a\nb\n", "");
    CU_ASSERT_STRING_EQUAL(crossed, "");
}

static void a_sample_may_keep_back_what_is_easily_overlooked(void)
{
    static const char all[] = "k@compiled\0k@links\0k@startup\0k@entry";
    static const char but_some[] = "k@compiled\0t/src";

    restored(all, sizeof(all), KINDS, KINDS_CHANGED,
             "cat lib/data lib/old.so node/package.json src/plain.py; ls . src; wc -c <src/tool",
             "data\n1\n{\"main\":\"a.js\",\"name\":\"m\"}\n1\n"
             ".:\nlib\nnode\nsrc\n\nsrc:\nplain.py\ntool\n6\n",
             "src/run, lib, src/a.pth, sitecustomize, src/tool, node/package.json");
    CU_ASSERT_STRING_EQUAL(crossed, "");
    restored(but_some, sizeof(but_some), KINDS, ELF ">src/run; " ELF ">run; rm src/tool lib/old.so",
             "ls . src lib", ".:\nlib\nnode\nsrc\n\nlib:\ndata\nold.so\n\nsrc:\nrun\n",
             "run, lib/old.so");
    CU_ASSERT_STRING_EQUAL(crossed, "1 compiled file (src/run)");
    /* A folder in the place of what is kept, and a new package.json that leads astray. */
    restored(all, sizeof(all), KINDS,
             "rm src/tool; mkdir src/tool; echo 1 >src/tool/a; "
             "echo '{\"main\":\"evil\",\"x\":1}' >src/package.json",
             "wc -c <src/tool; cat src/package.json", "6\n{\"x\":1}\n",
             "src/tool, src/package.json");
}

static void what_is_the_same_again_is_not_told(void)
{
    restored(RULES, sizeof(RULES),
             "mkdir tests; echo true >tests/test_a.py; echo a >conftest.py; echo [tool:pytest] "
             ">setup.cfg",
             "cp -r tests t; rm -r tests; mv t tests; cp conftest.py c; mv c conftest.py; "
             "cp setup.cfg s; mv s setup.cfg",
             "cat tests/test_a.py conftest.py setup.cfg", "true\na\n[tool:pytest]\n", "");
}

static void a_file_counts_but_for_what_it_tells_the_runner(void)
{
    static const char cfg[] =
        "printf '[metadata]\\nname = a\\n[tool:pytest]\\naddopts = -q\\n' >setup.cfg";
    static const char toml[] =
        "printf '[project]\\nname = \"a\"\\n[tool.pytest.ini_options]\\naddopts = \"-q\"\\n' "
        ">pyproject.toml";

    restored(RULES, sizeof(RULES), cfg, "sed -i 's/= a/= b/' setup.cfg", "grep name setup.cfg",
             "name = b\n", "");
    restored(RULES, sizeof(RULES), cfg, "sed -i 's/= a/= b/; s/-q/-p evil/' setup.cfg",
             "cat setup.cfg", "[metadata]\nname = a\n[tool:pytest]\naddopts = -q\n", "setup.cfg");
    restored(RULES, sizeof(RULES), cfg, "rm setup.cfg", "grep addopts setup.cfg", "addopts = -q\n",
             "setup.cfg");
    restored(RULES, sizeof(RULES), cfg, "rm setup.cfg; mkdir setup.cfg; touch setup.cfg/a",
             "grep addopts setup.cfg", "addopts = -q\n", "setup.cfg");
    restored(RULES, sizeof(RULES), "echo [metadata] >setup.cfg", "rm setup.cfg", "ls", "", "");
    restored(RULES, sizeof(RULES), "touch a",
             "printf '[project]\\nname = \"a\"\\n[\"tool\".\"py\\\\u0074est\"]\\na=1\\n' "
             ">pyproject.toml",
             "ls", "a\n", "pyproject.toml");
    restored(RULES, sizeof(RULES), "touch a",
             "printf '[project]\\nname = \"a\"\\n' >pyproject.toml", "ls", "a\npyproject.toml\n",
             "");
    restored(RULES, sizeof(RULES), toml, "sed -i 's/\"a\"/\"b\"/' pyproject.toml",
             "grep name pyproject.toml", "name = \"b\"\n", "");
    /* In a text of several lines the image's table is none. */
    restored(RULES, sizeof(RULES), toml,
             "{ echo '[project]'; echo \"x = '''\"; tail -n 2 pyproject.toml; echo '[z]'; echo "
             "\"'''\"; } >p; "
             "mv p pyproject.toml",
             "head -n 2 pyproject.toml", "[project]\nname = \"a\"\n", "pyproject.toml");
    restored(RULES, sizeof(RULES), "printf 'a = \"\"\"\\nb\\n\"\"\"\\n' >pyproject.toml",
             "cp pyproject.toml p; mv p pyproject.toml; touch b", "ls", "b\npyproject.toml\n", "");
    restored(RULES, sizeof(RULES),
             "echo '{\"main\":\"a\",\"scripts\":{\"test\":\"tape\"}}' >package.json",
             "echo '{\"main\":\"b\",\"scripts\":{\"test\":\"true\"},\"jest\":{}}' >package.json",
             "cat package.json", "{\"main\":\"b\",\"scripts\":{\"test\":\"tape\"}}\n",
             "package.json");
}

/* It is in the archive's manifest, and was gone when it was to be read. */
static void a_file_that_vanished_still_speaks_to_the_runner(void)
{
    static const char manifest[] = "f a\0f setup.cfg";
    _cleanup_(buf_release) struct buf tar = BUF_INIT, answer = BUF_INIT;
    struct lie lies = {.request = "POST /changes"};

    shell(&grading, "rm -rf " ROOT "; mkdir " ROOT "; cd " ROOT "; echo a >a; "
                    "echo '[tool:pytest]' >setup.cfg");
    pax_write(&tar, &(struct pax_entry){.type = 'f',
                                        .path = (char *)".codeset-manifest",
                                        .size = sizeof(manifest),
                                        .mode = 0600});
    buf_add(&tar, manifest, sizeof(manifest));
    for (size_t left = pax_padding(sizeof(manifest)); left > 0; left--)
        buf_add_char(&tar, '\0');
    pax_write(&tar, &(struct pax_entry){.type = 'w', .path = (char *)"a"});
    pax_write(&tar, &(struct pax_entry){.type = 'w', .path = (char *)"setup.cfg"});
    pax_write_end(&tar);
    buf_addf(&answer, TAR "%zx\r\n", tar.length);
    buf_add(&answer, tar.data, tar.length);
    buf_add_str(&answer, "\r\n0\r\n\r\n");
    lies.answer = answer.data;
    lies.length = answer.length;
    rules = RULES;
    rules_length = sizeof(RULES);
    lying_session(&lies, 1);
    rules_length = 0;
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    shell_says(&grading, "cd " ROOT "; ls; cat setup.cfg", "setup.cfg\n[tool:pytest]\n");
}

static void rules_that_are_none_are_refused(void)
{
    static const char *const broken[] = {"f/etc/passwd", "f../a", "x", "", "fa//b"};

    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        rules = broken[i];
        rules_length = strlen(broken[i]) + 1;
        copy(session.address, grading.address);
        expect("AGENT_REFUSED", AGENT_COPY_LAYING);
    }
    rules_length = 0;
}

static void a_large_tree_costs_us_little_memory(void)
{
    long before;

    shell(&session, "cd " ROOT "; yes some text | head -c 80m >large; mkdir many; cd many; "
                    "for i in $(seq 2000); do echo $i >a-long-name-of-a-file-$i; done");
    shell(&grading, "mkdir -p " ROOT "/old; cd " ROOT "/old; for i in $(seq 3000); do "
                    "echo $i >another-long-name-of-another-file-$i; done");
    before = memory_peak();
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT(memory_peak() - before < 4096 + 8 * RIG_MEMORY_SLACK);
    trees_are_the_same();
}

#define DEEP(levels) "cd " ROOT "; for i in $(seq " levels "); do mkdir d; cd d; done; "

/* The deepest that is taken, with files all along the way; then each side one level more. */
static void a_tree_has_a_depth_that_is_told(void)
{
    shell(&session, DEEP("256") "for i in $(seq 500); do echo $i >$i; done; cd " ROOT "; "
                                "ln -s d d/d/link; echo 1 >d/d/d/file");
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    trees_are_the_same();
    shell(&session, "cd " ROOT "; mv d e; mkdir d; mv e d");
    copy(session.address, grading.address);
    expect("CHANGES_TOO_LARGE", AGENT_COPY_READING);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err.message, "folders are more than 256 deep"));
    shell(&session, "rm -r " ROOT "/d");
    copy(session.address, grading.address); /* what is not there any more goes, however deep */
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    trees_are_the_same();
    shell(&grading, DEEP("257"));
    copy(session.address, grading.address);
    expect("CHANGES_TOO_LARGE", AGENT_COPY_LISTING);
    shell(&grading, "rm -r " ROOT "/d");
}

#define LONG "n=$(printf %0250d 0); end=a/$n/$n/$n/$n/$n/$n/$n/$n/$n; cd " ROOT "; "

/* Made of two halves, neither of which is too long for a shell; and taken apart again. */
static void a_path_has_a_length_that_is_told(void)
{
    shell(&session, LONG "mkdir -p $end b; mv a b; mkdir -p $end; mv b $end");
    copy(session.address, grading.address);
    expect("CHANGES_TOO_LARGE", AGENT_COPY_READING);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err.message, "a path is longer than 4095 bytes"));
    shell(&session, LONG "mv $end/b . && rm -r a b");
}

static void open_gate(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    CU_ASSERT_EQUAL(write(*(int *)arg, "", 1), 1);
}

static void a_side_that_does_not_read_makes_the_other_wait(void)
{
    const struct timeval later = {.tv_usec = 300000};
    int gate[2];
    struct event *timer;
    struct liar liar;
    long before;

    CU_ASSERT_EQUAL_FATAL(pipe2(gate, O_CLOEXEC), 0);
    liar_open(&liar, grading.folder, "liar",
              (const struct lie[]){{.request = "GET /listing", .answer = EMPTY},
                                   {.request = "PUT /changes", .answer = LAID, .gate = gate[0]}},
              2);
    timer = evtimer_new(grading.base, open_gate, &gate[1]);
    evtimer_add(timer, &later);
    before = memory_peak();
    copy(session.address, liar.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT(memory_peak() - before < 4096 + 8 * RIG_MEMORY_SLACK);
    event_free(timer);
    liar_close(&liar);
    close(gate[0]);
    close(gate[1]);
    shell(&session, "cd " ROOT "; rm -rf many large");
}

/* ---- copies that begin without their grading container ---- */

static bool is_read;

static void on_read(void *arg)
{
    (void)arg;
    is_read = true;
}

/* What the grading agent lists, after a copy. */
static void list(struct agent_kept *listed)
{
    const struct agent_copy what = {.grading_address = grading.address,
                                    .session_address = session.address,
                                    .root = ROOT,
                                    .listed = listed};

    copy(session.address, grading.address);
    outcome_release(&outcome);
    agent_copy_changes(grading.client, &what, on_copied, &outcome);
    rig_await(&grading, &outcome);
    CU_ASSERT_EQUAL_FATAL(outcome.err.kind, ERROR_NONE);
}

static struct agent_call *copy_ahead(const struct agent_kept *listed)
{
    const struct agent_copy what = {.session_address = session.address,
                                    .root = ROOT,
                                    .listing = &listed->archive,
                                    .has_read = on_read};
    struct agent_call *call;

    is_read = false;
    outcome_release(&outcome);
    call = agent_copy_changes(grading.client, &what, on_copied, &outcome);
    while (!is_read && !outcome.done)
        event_base_loop(grading.base, EVLOOP_ONCE);
    return call;
}

static void changes_are_read_before_there_is_a_grading_container(void)
{
    struct agent_kept listed = {.archive = BUF_INIT, .most = 1 << 20};
    struct agent_call *call;

    shell(&session, "cd " ROOT " && mkdir ahead && echo 1 >ahead/one && echo 2 >two");
    list(&listed);
    CU_ASSERT_EQUAL(listed.bytes, (int64_t)listed.archive.length);
    CU_ASSERT(listed.archive.length > 0);
    shell(&session, "cd " ROOT " && rm two && yes | head -c 3m >ahead/three");
    call = copy_ahead(&listed);
    CU_ASSERT_FALSE_FATAL(outcome.done);
    shell(&session, "echo later >" ROOT "/four"); /* it was read by then */
    outcome_release(&outcome);
    agent_copy_lay(call, grading.address, &(struct agent_rules){"", 0});
    rig_await(&grading, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    shell(&session, "rm " ROOT "/four");
    trees_are_the_same();
    buf_release(&listed.archive);
}

static void changes_that_are_too_large_to_wait_are_told(void)
{
    struct agent_kept listed = {.archive = BUF_INIT, .most = 1 << 20};

    list(&listed);
    shell(&session, "yes | head -c 5m >" ROOT "/ahead/large");
    copy_ahead(&listed);
    CU_ASSERT_TRUE_FATAL(outcome.done);
    expect("CHANGES_WAIT", AGENT_COPY_READING);
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    trees_are_the_same();
    buf_release(&listed.archive);
}

static void changes_that_wait_may_be_forgotten(void)
{
    struct agent_kept listed = {.archive = BUF_INIT, .most = 1 << 20};

    list(&listed);
    shell(&session, "cd " ROOT " && rm ahead/large && echo forgotten >ahead/one");
    agent_call_cancel(copy_ahead(&listed));
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    trees_are_the_same();
    shell(&session, "rm -r " ROOT "/ahead");
    buf_release(&listed.archive);
}

/* ---- copies that fail ---- */

static void a_folder_that_is_missing_is_told_of_its_side(void)
{
    shell(&session, "mv " ROOT " /work/away");
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(stage, AGENT_COPY_READING);
    shell(&grading, "mv " ROOT " /work/away");
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(stage, AGENT_COPY_READING); /* the session's comes first */
    shell(&session, "mv /work/away " ROOT);
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(stage, AGENT_COPY_LAYING);
    shell(&grading, "mv /work/away " ROOT);
}

static void an_agent_that_is_gone_is_told_of_its_side(void)
{
    copy(session.address, "unix:/does/not/exist");
    expect("AGENT_UNREACHABLE", AGENT_COPY_LISTING);
    copy("unix:/does/not/exist", grading.address);
    expect("AGENT_UNREACHABLE", AGENT_COPY_READING);
    copy("nonsense", grading.address);
    expect("AGENT_UNREACHABLE", AGENT_COPY_READING);
    lying_grading((const struct lie[]){{.request = "GET /listing", .answer = EMPTY},
                                       {.request = "PUT /changes", .answer = "", .at_once = true}},
                  2);
    expect("AGENT_UNREACHABLE", AGENT_COPY_LAYING);
}

/* The archive is whole but for its end: what came of it must not be laid. */
static void an_archive_that_is_cut_off_touches_nothing(void)
{
    struct lie lies = {.request = "POST /changes", .answer = TAR "400\r\n"};
    char bytes[sizeof(TAR) + 16 + 1024 + 1];
    struct outcome there = {0};

    shell(&grading, "echo kept >" ROOT "/kept");
    snprintf(bytes, sizeof(bytes), TAR "400\r\n%01024d\r\n", 0);
    lies.answer = bytes;
    lying_session(&lies, 1);
    expect("AGENT_UNREACHABLE", AGENT_COPY_READING);
    rig_run(&grading, &there, 60, "cat " ROOT "/kept; ps | grep -c '[c]odeset-agent'");
    CU_ASSERT_STRING_EQUAL(there.out.data, "kept\n2\n"); /* with a shepherd; no worker */
    outcome_release(&there);
}

static void lies_of_the_sessions_agent_are_its_own(void)
{
    static char block[65537];

    lying_session((const struct lie[]){{.request = "POST /changes", .answer = LAID}}, 1);
    expect("AGENT_PROTOCOL", AGENT_COPY_READING); /* no archive */
    lying_session(
        (const struct lie[]){{.request = "POST /changes",
                              .answer = "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\n{}"}},
        1);
    expect("CHANGES_TOO_LARGE", AGENT_COPY_READING);
    lying_session((const struct lie[]){{.request = "POST /changes", .answer = "what?\r\n\r\n"}}, 1);
    expect("AGENT_PROTOCOL", AGENT_COPY_READING);
    /* A real one is told that this is no archive, before it touches anything. */
    lying_session(
        (const struct lie[]){{.request = "POST /changes", .answer = TAR "3\r\nabc\r\n0\r\n\r\n"}},
        1);
    expect("AGENT_REFUSED", AGENT_COPY_LAYING);
    shell_says(&grading, "cat " ROOT "/kept", "kept\n");
    memset(block, 'x', sizeof(block) - 1);
    {
        const struct lie endless = {.request = "POST /changes",
                                    .answer = OK "Content-Type: application/x-tar\r\n\r\n",
                                    .endless = block};
        const struct lie swallows[] = {{.request = "GET /listing", .answer = EMPTY},
                                       {.request = "PUT /changes", .answer = LAID}};
        struct liar from, to;
        long before = memory_peak();

        liar_open(&from, grading.folder, "from", &endless, 1);
        liar_open(&to, grading.folder, "to", swallows, 2);
        copy(from.address, to.address);
        expect("CHANGES_TOO_LARGE", AGENT_COPY_READING);
        CU_ASSERT(memory_peak() - before < 4096 + 8 * RIG_MEMORY_SLACK);
        liar_close(&from);
        liar_close(&to);
    }
}

/* It answers when it has read the request's head; the listing is still on its way. */
static void an_answer_before_the_question_touches_nothing(void)
{
    lying_session(
        (const struct lie[]){
            {.request = "POST /changes", .answer = TAR "3\r\nabc\r\n0\r\n\r\n", .at_once = true}},
        1);
    CU_ASSERT_NOT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT_NOT_EQUAL(stage, AGENT_COPY_LISTING);
    shell_says(&grading, "cat " ROOT "/kept", "kept\n");
}

static void lies_of_the_grading_agent_are_its_own(void)
{
    static char block[65537];

    memset(block, 'x', sizeof(block) - 1);
    lying_grading(
        (const struct lie[]){{.request = "GET /listing", .answer = OK "\r\n", .endless = block}},
        1);
    expect("CHANGES_TOO_LARGE", AGENT_COPY_LISTING);
    lying_grading((const struct lie[]){{.request = "GET /listing",
                                        .answer = OK "Content-Length: 5\r\n\r\nabc"}},
                  1);
    expect("AGENT_UNREACHABLE", AGENT_COPY_LISTING);
    lying_grading(
        (const struct lie[]){{.request = "GET /listing", .answer = EMPTY},
                             {.request = "PUT /changes",
                              .answer = "HTTP/1.1 409 No\r\nContent-Length: 2\r\n\r\n{}"}},
        2);
    expect("CHANGES_INCOMPLETE", AGENT_COPY_LAYING);
    lying_grading((const struct lie[]){{.request = "GET /listing",
                                        .answer = "HTTP/1.1 503 No\r\n"
                                                  "Content-Length: "
                                                  "0\r\n\r\n"}},
                  1);
    expect("AGENT_BUSY", AGENT_COPY_LISTING);
}

static void a_copy_may_be_cancelled_at_any_moment(void)
{
    shell(&session, "yes text | head -c 5m >" ROOT "/f");
    for (int i = 0; i < 60; i++) {
        struct agent_call *call = copy_begun(session.address, grading.address);

        for (int turns = i; turns > 0 && !outcome.done; turns--)
            event_base_loop(grading.base, EVLOOP_ONCE);
        if (!outcome.done)
            agent_call_cancel(call);
    }
    copy(session.address, grading.address);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    trees_are_the_same();
}

static void a_client_may_go_with_a_copy_under_way(void)
{
    struct agent_client *client = grading.client;
    struct error err = ERROR_INIT;

    for (int i = 0; i < 40; i += 4) {
        grading.client = agent_client_new(grading.base, &err);
        CU_ASSERT_PTR_NOT_NULL_FATAL(grading.client);
        copy_begun(session.address, grading.address);
        for (int turns = i; turns > 0 && !outcome.done; turns--)
            event_base_loop(grading.base, EVLOOP_ONCE);
        agent_client_free(grading.client);
    }
    grading.client = client;
}

/* ---- into a pipe ---- */

struct reader {
    struct buf bytes;
    struct event *event;
    bool ended;
};

/* A little at a time, so that the pipe is full most of the time. */
static void read_some(evutil_socket_t fd, short what, void *arg)
{
    struct reader *reader = arg;
    char bytes[4000];
    ssize_t got = read(fd, bytes, sizeof(bytes));

    (void)what;
    if (got > 0)
        buf_add(&reader->bytes, bytes, (size_t)got);
    reader->ended |= got == 0;
}

static struct agent_call *get_files(int fd)
{
    static const char *const patterns[] = {"*.xml"};

    outcome_release(&outcome);
    return agent_get_files(grading.client, grading.address, ROOT, patterns, 1, 0, fd, rig_on_tree,
                           &outcome);
}

static void files_go_into_a_pipe_that_is_full(void)
{
    char path[] = "/tmp/codeset-agent-test-XXXXXX";
    _cleanup_(close_fd) int file = mkstemp(path);
    _cleanup_(buf_release) struct buf whole = BUF_INIT;
    struct reader reader = {.bytes = BUF_INIT};
    struct error err = ERROR_INIT;
    int ends[2];

    shell(&grading, "cd " ROOT "; for i in 1 2 3; do yes $i | head -c 1m >$i.xml; done");
    get_files(file);
    rig_await(&grading, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path, 16 << 20, &whole, &err), 0);
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    reader.event = event_new(grading.base, ends[0], EV_READ | EV_PERSIST, read_some, &reader);
    event_add(reader.event, NULL);
    get_files(ends[1]);
    rig_await(&grading, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    close(ends[1]); /* the caller's; all has been written before it was called back */
    while (!reader.ended)
        event_base_loop(grading.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL_FATAL(reader.bytes.length, whole.length);
    CU_ASSERT_EQUAL(memcmp(reader.bytes.data, whole.data, whole.length), 0);
    event_free(reader.event);
    buf_release(&reader.bytes);
    close(ends[0]);
}

static void a_pipe_that_nobody_reads_may_be_left(void)
{
    const struct timeval pause = {.tv_usec = 20000};
    struct agent_call *call;
    int ends[2];

    for (int i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        call = get_files(ends[1]);
        event_base_loopexit(grading.base, &pause); /* it waits by then, or does not yet */
        event_base_dispatch(grading.base);
        CU_ASSERT_FALSE(outcome.done);
        if (i % 2) {
            agent_call_cancel(call);
            close(ends[0]);
        } else {
            close(ends[0]); /* the reader has gone */
            rig_await(&grading, &outcome);
            CU_ASSERT_EQUAL(outcome.err.kind, ERROR_INTERNAL);
        }
        close(ends[1]);
    }
}

static void two_agents_answer_hello(void)
{
    rig_open_container(&grading, true, PROCESSES);
    rig_open_container(&session, true, PROCESSES);
}

static void the_agents_have_lived_through_it_all(void)
{
    outcome_release(&outcome);
    rig_close(&grading);
    rig_close(&session);
}

int main(void)
{
    const struct unit_test tests[] = {
        {"two agents answer hello", two_agents_answer_hello},
        {"a copy makes the trees the same", a_copy_makes_the_trees_the_same},
        {"the clock of files passes what is written", the_clock_of_files_passes_what_is_written},
        {"what was laid is older than what is written next",
         what_was_laid_is_older_than_what_is_written_next},
        {"tests and the runner's configuration stay the image's",
         tests_and_the_runners_configuration_stay_the_images},
        {"a sample's own rules extend and shorten the others",
         a_samples_own_rules_extend_and_shorten_the_others},
        {"what is easily overlooked is told", what_is_easily_overlooked_is_told},
        {"a sample may keep back what is easily overlooked",
         a_sample_may_keep_back_what_is_easily_overlooked},
        {"what is the same again is not told", what_is_the_same_again_is_not_told},
        {"a file counts but for what it tells the runner",
         a_file_counts_but_for_what_it_tells_the_runner},
        {"a file that vanished still speaks to the runner",
         a_file_that_vanished_still_speaks_to_the_runner},
        {"rules that are none are refused", rules_that_are_none_are_refused},
        {"a large tree costs us little memory", a_large_tree_costs_us_little_memory},
        {"a tree has a depth that is told", a_tree_has_a_depth_that_is_told},
        {"a path has a length that is told", a_path_has_a_length_that_is_told},
        {"a side that does not read makes the other wait",
         a_side_that_does_not_read_makes_the_other_wait},
        {"changes are read before there is a grading container",
         changes_are_read_before_there_is_a_grading_container},
        {"changes that are too large to wait are told",
         changes_that_are_too_large_to_wait_are_told},
        {"changes that wait may be forgotten", changes_that_wait_may_be_forgotten},
        {"a folder that is missing is told of its side",
         a_folder_that_is_missing_is_told_of_its_side},
        {"an agent that is gone is told of its side", an_agent_that_is_gone_is_told_of_its_side},
        {"an archive that is cut off touches nothing", an_archive_that_is_cut_off_touches_nothing},
        {"lies of the session's agent are its own", lies_of_the_sessions_agent_are_its_own},
        {"an answer before the question touches nothing",
         an_answer_before_the_question_touches_nothing},
        {"lies of the grading agent are its own", lies_of_the_grading_agent_are_its_own},
        {"a copy may be cancelled at any moment", a_copy_may_be_cancelled_at_any_moment},
        {"a client may go with a copy under way", a_client_may_go_with_a_copy_under_way},
        {"files go into a pipe that is full", files_go_into_a_pipe_that_is_full},
        {"a pipe that nobody reads may be left", a_pipe_that_nobody_reads_may_be_left},
        {"the agents have lived through it all", the_agents_have_lived_through_it_all},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("agent: copies", tests);
}
