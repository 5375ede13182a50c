/*
 * Trials whose tests are programs: failures planted in C, and runs that share what was built. As
 * root, as the container's root would; the current folder is one of the test's own.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial-rig.h"
#include "trial/copy.h"
#include "trial/ctest.h"
#include "trial/judge.h"
#include "trial/plan.h"
#include "trial/plant.h"
#include "trial/steps.h"
#include "unit.h"

#include "base/banned.h"

static char place[] = "/tmp/test-trial-programs-XXXXXX"; /* the current folder */

static void write_text(const char *path, const char *text)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
}

/* --- planting -------------------------------------------------------------------------------- */

/* As little of Unity as is needed: an assertion that fails leaves its function. */
#define UNITY                                                                                      \
    "#include <stdio.h>\n#include <string.h>\n"                                                    \
    "static int failures;\n"                                                                       \
    "#define FAIL_IF(x) do { if (x) { failures++; return; } } while (0)\n"                         \
    "#define TEST_ASSERT_TRUE(x) FAIL_IF(!(x))\n#define TEST_ASSERT_FALSE(x) FAIL_IF(x)\n"         \
    "#define TEST_ASSERT_NULL(x) FAIL_IF((x) != 0)\n"                                              \
    "#define TEST_ASSERT_NOT_NULL(x) FAIL_IF((x) == 0)\n"                                          \
    "#define TEST_ASSERT_NOT_NULL_MESSAGE(x, m) FAIL_IF((x) == 0)\n"                               \
    "#define TEST_ASSERT_NULL_MESSAGE(x, m) FAIL_IF((x) != 0)\n"                                   \
    "#define TEST_ASSERT_EQUAL_INT(a, b) FAIL_IF((a) != (b))\n"                                    \
    "#define TEST_ASSERT_EQUAL_STRING(a, b) FAIL_IF(strcmp(a, b) != 0)\n"                          \
    "#define RUN_TEST(f) f()\n#define UNITY_BEGIN() (failures = 0)\n#define UNITY_END() "          \
    "failures\n"

static const char unity_test[] = UNITY
    "static int twice(int n) { return 2 * n; }\n"
    "/* { \" */\n"
    "static void test_old(void)\n{\n    TEST_ASSERT_EQUAL_INT(42, twice(21));\n}\n"
    "static void test_new(void)\n{\n    int array[2] = {1, 2};\n"
    "    char text[] = \"a\\x41\\\"z;{\", other = '}';\n"
    "    TEST_ASSERT_EQUAL_STRING(\"a\\x41\\\"z;{\", text);\n"
    "    TEST_ASSERT_TRUE(array[0] == 1 && other == '}');\n"
    "    if (array[0] == 2)\n        TEST_ASSERT_TRUE(0);\n"
    "    else {\n        TEST_ASSERT_FALSE(twice(1) == 3);\n    }\n"
    "    for (int i = 0; i < 0; i++)\n        TEST_ASSERT_EQUAL_INT(1, i);\n"
    "    TEST_ASSERT_NOT_NULL_MESSAGE(text, \"there is none\");\n}\n"
    "static void test_leaves(void)\n{\n    TEST_ASSERT_NULL(0);\n"
    "    if (failures == 0)\n        return;\n    TEST_ASSERT_NULL(0);\n}\n"
    "static void test_never_run(void) { TEST_ASSERT_TRUE(1); }\n"
    "int main(void)\n{\n    UNITY_BEGIN();\n    RUN_TEST(test_old);\n"
    "    RUN_TEST(test_new);\n    RUN_TEST(test_new);\n    RUN_TEST(test_leaves);\n"
    "    if (failures > 100)\n        RUN_TEST(test_never_run);\n    return UNITY_END();\n}\n";

static const char former_test[] =
    UNITY "static int twice(int n) { return 2 * n; }\n"
          "static void test_old(void)\n{\n    TEST_ASSERT_EQUAL_INT(42, twice(21));\n}\n"
          "int main(void)\n{\n    UNITY_BEGIN();\n    RUN_TEST(test_old);\n"
          "    return UNITY_END();\n}\n";

static const char assert_test[] = "#include <assert.h>\n"
                                  "static void adds(void)\n{\n    assert(1 + 1 == 2);\n}\n"
                                  "int main(void)\n{\n    adds();\n    return 0;\n}\n";

/* Nothing that is planted, or left out, may be something that a compiler warns of. */
static const char strict_test[] =
    "#include <assert.h>\n" UNITY "#include <stdlib.h>\n"
    "static int calls;\n"
    "__attribute__((warn_unused_result)) static int called(int n) { calls++; return n; }\n"
    "static void test_warned(void)\n{\n    char text[] = \"a,b\";\n    int n = called(3);\n"
    "    TEST_ASSERT_EQUAL_STRING(\"a,b\", text);\n"
    "    TEST_ASSERT_EQUAL_STRING((text), /* , */ text);\n"
    "    TEST_ASSERT_EQUAL_INT(3, // of the two, the first\n        n);\n"
    "    TEST_ASSERT_EQUAL_INT(called(4), called(((void)2, 4)));\n"
    "    TEST_ASSERT_NOT_NULL_MESSAGE(strchr(text, *text), \"there, is none\");\n"
    "    TEST_ASSERT_TRUE(called(1));\n    assert(called(n) == 3);\n    assert(called(n));\n}\n"
    "static void test_called(void)\n{\n    TEST_ASSERT_EQUAL_INT(6, calls);\n}\n"
    "int main(void)\n{\n    UNITY_BEGIN();\n    RUN_TEST(test_warned);\n"
    "    RUN_TEST(test_called);\n    return UNITY_END();\n}\n";

/* A macro of the test's own ends the function, by another one that is defined behind it. */
static const char leaving_test[] =
    "#include <assert.h>\n#define SAYS \"return\" /* return */\n"
    "#define SKIP_IF(x) \\\n    do { \\\n        if (x) \\\n            END; \\\n    } while "
    "(0)\n"
    "#define END return\n"
    "static void stays(void)\n{\n    (void)SAYS;\n    assert(1 + 1 == 2);\n}\n"
    "static void leaves(void)\n{\n    assert(1 + 1 == 2);\n    SKIP_IF(1);\n"
    "    assert(2 + 2 == 4);\n}\n"
    "int main(void)\n{\n    stays();\n    leaves();\n    return 0;\n}\n";

static const char *flags = "-w"; /* for the compiler */

#define NOT_BUILT 200 /* no status that a planted failure has */

/* The status of a program that is made of this text. */
static int status_of(const char *text)
{
    pid_t pid;
    int status = -1;

    write_text("program.c", text);
    pid = fork();
    if (pid == 0) {
        setenv("PATH", "/usr/bin:/bin", 1);
        setenv("CFLAGS", flags, 1);
        execlp("sh", "sh", "-c",
               "cc $CFLAGS -o program program.c || exit 200; exec ./program 2>/dev/null", NULL);
        _exit(NOT_BUILT);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static size_t count_plants(const struct trial_plants *plants, const char *kind, int is_new)
{
    size_t count = 0;

    for (size_t i = 0; i < plants->count; i++)
        count += strcmp(plants->items[i].kind, kind) == 0 &&
                 (is_new < 0 || plants->items[i].is_new == is_new);
    return count;
}

static void each_planted_failure_fails(const char *text, bool asserts)
{
    struct trial_plants plants;

    trial_plants_find(text, NULL, asserts, &plants);
    CU_ASSERT_TRUE(plants.count > 0);
    for (int is_thinned = 0; is_thinned < 2; is_thinned++) {
        _cleanup_(free_ptr) char *whole = trial_plant_apply(text, &plants, NULL, is_thinned);

        CU_ASSERT_EQUAL(status_of(whole), 0);
    }
    for (size_t i = 0; i < plants.count; i++) {
        _cleanup_(free_ptr) char *planted =
            trial_plant_apply(text, &plants, &plants.items[i], i % 2 == 0);
        int status = status_of(planted);

        CU_ASSERT_NOT_EQUAL(status, 0);
        CU_ASSERT_NOT_EQUAL(status, NOT_BUILT);
    }
    trial_plants_release(&plants);
}

static void each_failure_that_is_planted_in_a_c_program_fails(void)
{
    each_planted_failure_fails(unity_test, true);
    each_planted_failure_fails(assert_test, true);
}

/* How many assertions fail shall say nothing of whether one is planted. */
static void an_assertion_behind_what_is_planted_may_be_left_out(void)
{
    static const char text[] = "a(); assert(b); c();";
    struct trial_plants plants = {0};
    size_t thinned = 0;

    trial_plants_add_assertion(&plants, 5, 15, xstrdup(";"));
    trial_plants_add(&plants, "ends", true, 5, 5, xstrdup("abort(); "));
    for (size_t times = 0; times < 100; times++) {
        _cleanup_(free_ptr) char *planted =
            trial_plant_apply(text, &plants, &plants.items[0], true);

        thinned += strstr(planted, "assert") == NULL;
    }
    CU_ASSERT_TRUE(thinned > 10 && thinned < 90);
    trial_plants_release(&plants);
}

static void what_is_planted_or_left_out_is_nothing_that_a_compiler_warns_of(void)
{
    static const char *const kinds[] = {"-std=gnu11 -Wall -Wextra -Werror",
                                        "-O2 -std=gnu90 -Wall -Wextra -Werror -Wno-comment"};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        flags = kinds[i];
        for (int times = 0; times < 3; times++) /* what is left out is drawn anew */
            each_planted_failure_fails(strict_test, true);
    }
    flags = "-w";
}

static void behind_a_macro_of_the_test_s_own_that_leaves_nothing_is_planted(void)
{
    struct trial_plants plants;

    each_planted_failure_fails(leaving_test, true);
    trial_plants_find(leaving_test, NULL, true, &plants);
    CU_ASSERT_EQUAL(count_plants(&plants, "begins", -1), 2);
    CU_ASSERT_EQUAL(count_plants(&plants, "negated", -1), 2);
    CU_ASSERT_EQUAL(count_plants(&plants, "ends", -1), 1);
    CU_ASSERT_EQUAL(count_plants(&plants, "status", -1), 1);
    trial_plants_release(&plants);
}

static void assertions_are_planted_only_where_the_file_has_some_that_count(void)
{
    static const char *const texts[] = {
        "static void adds(void)\n{\n}\nint main(void)\n{\n    adds();\n    return 0;\n}\n",
        "#define NDEBUG\n#include <assert.h>\nstatic void adds(void)\n{\n    assert(1);\n}\n"
        "int main(void)\n{\n    adds();\n    return 0;\n}\n",
        "#define assert(x) ((void)(x))\nstatic void adds(void)\n{\n    assert(1);\n}\n"
        "int main(void)\n{\n    adds();\n    return 0;\n}\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct trial_plants plants;

        each_planted_failure_fails(texts[i], true);
        trial_plants_find(texts[i], NULL, true, &plants);
        CU_ASSERT_EQUAL(plants.count, 1);
        CU_ASSERT_EQUAL(count_plants(&plants, "status", -1), 1);
        trial_plants_release(&plants);
    }
}

static void failures_are_planted_only_where_they_are_surely_executed(void)
{
    struct trial_plants plants;

    trial_plants_find(unity_test, former_test, true, &plants);
    CU_ASSERT_EQUAL(count_plants(&plants, "expected", false), 1);
    CU_ASSERT_EQUAL(count_plants(&plants, "expected", true), 1); /* none in the loop */
    CU_ASSERT_EQUAL(count_plants(&plants, "negated", -1), 3);    /* none behind `if` or a return */
    CU_ASSERT_EQUAL(count_plants(&plants, "begins", -1), 3);
    CU_ASSERT_EQUAL(count_plants(&plants, "ends", true), 1);
    CU_ASSERT_EQUAL(count_plants(&plants, "ends", false), 1);
    CU_ASSERT_EQUAL(count_plants(&plants, "status", true), 1);
    for (size_t i = 0; i < plants.count; i++)
        CU_ASSERT_TRUE(plants.items[i].start <= plants.items[i].end &&
                       plants.items[i].end < strlen(unity_test));
    CU_ASSERT_EQUAL(plants.assertion_count, 5);
    trial_plants_release(&plants);
    trial_plants_find(assert_test, NULL, false, &plants); /* assert(3) does nothing */
    CU_ASSERT_EQUAL(plants.count, 1);
    CU_ASSERT_EQUAL(count_plants(&plants, "status", true), 1);
    trial_plants_release(&plants);
}

static void what_can_not_be_read_for_sure_is_left_alone(void)
{
    static const char *const texts[] = {
        "",
        "int main(void) {",
        "int main(void)\n{\n#if A\n    return 0;\n}\n#else\n    return 1;\n}\n#endif\n",
        "int f(void) { return 0; }\n",
        "const char *s = R\"(})\";\nint main(void) { return 0; }\n",
        "int main(void) { exit(0); }\n",
        "int main(void) { if (1) { return 0; } }\n",
        "int main(void) { ((((((\n",
        "#define X {\n'\"' \"\\",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct trial_plants plants;

        trial_plants_find(texts[i], NULL, true, &plants);
        CU_ASSERT_EQUAL(plants.count, 0);
        trial_plants_release(&plants);
    }
}

/* --- plans ----------------------------------------------------------------------------------- */

/* CMake and ctest are stood in for: each test is a program of its own source. What they tell is of
 * the copy that they are asked in. */
static const char cmake[] =
    "#!/bin/sh -e\n"
    "reply=$4/.cmake/api/v1/reply; mkdir -p $reply; cd $reply; targets=\n"
    "for name in mended first second third fourth needy; do\n"
    "    targets=\"$targets,{\\\"jsonFile\\\":\\\"$name.json\\\"}\"\n"
    "    echo "
    "'{\"name\":\"'$name'\",\"type\":\"EXECUTABLE\",\"artifacts\":[{\"path\":\"'$name'\"}],"
    "\"sources\":[{\"path\":\"tests/'$name'.c\"}],\"paths\":{\"build\":\".\"}}' >$name.json\n"
    "done\n"
    "echo '{\"configurations\":[{\"targets\":['${targets#,}']}]}' >model.json\n"
    "echo '{\"cmake\":{\"generator\":{\"name\":\"Ninja\"}},\"reply\":"
    "{\"codemodel-v2\":{\"jsonFile\":\"model.json\"}}}' >index-1.json\n";

static const char ctest[] =
    "#!/bin/sh -e\n"
    "copy=${PWD%/build}/plan/copy; tests=; depends=\n"
    "for name in mended first second third fourth needy; do\n"
    "    [ $name != needy ] || depends=',{\"name\":\"DEPENDS\",\"value\":[\"first\"]}'\n"
    "    tests=$tests',{\"name\":\"'$name'\",\"command\":[\"'$PWD/$name'\"],\"properties\":"
    "[{\"name\":\"WORKING_DIRECTORY\",\"value\":\"'$copy/data'\"}'$depends']}'\n"
    "done\n"
    "echo '{\"tests\":['${tests#,}']}'\n";

static const char *const planned[] = {"mended", "first", "second", "third", "fourth", "needy"};

static void write_program(const char *path, const char *text)
{
    write_text(path, text);
    CU_ASSERT_EQUAL_FATAL(chmod(path, 0755), 0);
}

/* The plan of a project whose tests are those above: `mended` must be mended. */
static json_object *new_plan(void)
{
    _cleanup_(free_ptr) char *spec =
        xasprintf("{\"repository\":\"%s/repository\",\"tests\":{\"tests\":\"%s/given\"},"
                  "\"fail_to_pass\":[\"mended\"],"
                  "\"pass_to_pass\":[\"first\",\"second\",\"third\",\"fourth\",\"needy\"]}",
                  place, place);
    _cleanup_(free_ptr) char *path = xasprintf("%s/bin:/usr/bin:/bin", place);
    _cleanup_(json_release) json_object *trial = json_tokener_parse(spec);
    json_object *made;
    struct error err = ERROR_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(planned); i++) {
        _cleanup_(free_ptr) char *source = xasprintf("given/%s.c", planned[i]);

        if (i == 0)
            CU_ASSERT_EQUAL_FATAL(mkdir("given", 0755) + mkdir("repository", 0755) +
                                      mkdir("plan", 0755) + mkdir("bin", 0755),
                                  0);
        write_text(source, assert_test);
    }
    write_program("bin/cmake", cmake);
    write_program("bin/ctest", ctest);
    setenv("PATH", path, 1);
    CU_ASSERT_EQUAL_FATAL(chdir("plan"), 0);
    CU_ASSERT_EQUAL(trial_ctest_plan(NULL, trial), 0);
    made = json_object_from_file("plan.json");
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);
    setenv("PATH", "/usr/bin:/bin", 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    CU_ASSERT_EQUAL(remove_tree("given", &err) + remove_tree("repository", &err) +
                        remove_tree("plan", &err) + remove_tree("bin", &err),
                    0);
    return made;
}

static json_object *item_of(json_object *object, const char *list, size_t at)
{
    return json_object_array_get_idx(json_object_object_get(object, list), at);
}

static size_t length_of(json_object *object, const char *list)
{
    return json_object_array_length(json_object_object_get(object, list));
}

static void a_test_is_started_in_the_repository_not_in_the_planner_s_copy(void)
{
    _cleanup_(json_release) json_object *made = new_plan();
    _cleanup_(free_ptr) char *folder = xasprintf("%s/repository/data", place);
    size_t started = 0;

    for (size_t i = 0; i < length_of(made, "runs"); i++) {
        json_object *run = item_of(made, "runs", i);

        for (size_t n = 0; n < length_of(run, "commands"); n++) {
            json_object *command = item_of(run, "commands", n);

            if (!json_get_text(command, "test"))
                continue;
            started++;
            CU_ASSERT_STRING_EQUAL(json_get_text(command, "cwd"), folder);
        }
    }
    CU_ASSERT_EQUAL(started, 7 + 4 * 3 + ARRAY_SIZE(planned));
}

/* In how many of the small runs the test is, and in how many of these with a failure. */
static size_t count_slots(json_object *made, const char *test, size_t *ret_planted)
{
    size_t count = 0;

    *ret_planted = 0;
    for (size_t i = 0; i < length_of(made, "runs") - 1; i++) {
        json_object *run = item_of(made, "runs", i);

        for (size_t n = 0; n < length_of(run, "tests"); n++) {
            json_object *slot = item_of(run, "tests", n);

            if (strcmp(json_get_text(slot, "id"), test) != 0)
                continue;
            count++;
            *ret_planted += json_get_text(slot, "planted") != NULL;
        }
    }
    return count;
}

static void tests_that_must_go_on_to_pass_are_drawn_into_runs_of_those_to_be_mended(void)
{
    _cleanup_(json_release) json_object *made = new_plan();
    size_t planted;

    CU_ASSERT_EQUAL_FATAL(length_of(made, "runs"), 8); /* none is for these alone */
    CU_ASSERT_TRUE(
        json_object_get_boolean(json_object_object_get(item_of(made, "runs", 7), "all")));
    CU_ASSERT_EQUAL(count_slots(made, "mended", &planted), 7);
    CU_ASSERT_EQUAL(planted, 4);
    for (size_t i = 1; i < ARRAY_SIZE(planned) - 1; i++) {
        CU_ASSERT_EQUAL(count_slots(made, planned[i], &planted), 3);
        CU_ASSERT_EQUAL(planted, 2);
    }
    CU_ASSERT_EQUAL(count_slots(made, "needy", &planted), 0); /* another's work is not there */
}

static void a_copy_has_caches_unless_the_planner_wants_none(void)
{
    _cleanup_(json_release) json_object *none = json_object_new_object();
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(make_dirs("image/cache", 0755, &err), 0);
    write_text("image/cache/CACHEDIR.TAG", "");
    for (int clean = 0; clean < 2; clean++) {
        CU_ASSERT_EQUAL((clean ? trial_copy_make_clean : trial_copy_make)("image", none, &err), 0);
        CU_ASSERT_EQUAL(access("copy/cache/CACHEDIR.TAG", F_OK), -clean);
        CU_ASSERT_EQUAL(remove_tree("copy", &err) + remove_tree("tree", &err), 0);
    }
    CU_ASSERT_EQUAL(remove_tree("image", &err), 0);
}

/* --- runs ------------------------------------------------------------------------------------ */

#define COMMAND(script, more) "{\"argv\":[\"sh\",\"-c\",\"" script "\"]" more "}"
#define TEST_OF(name, script, more) COMMAND(script, ",\"cwd\":\"build\",\"test\":\"" name "\"" more)
#define RUN_OF(commands, all)                                                                      \
    "{\"commands\":[" commands "],\"all\":" all ",\"files\":[],\"tests\":[{\"function\":0,"        \
    "\"id\":\"listed\"}]}"

static struct trial_plan plan;
static struct trial_end ends[4];

static void run_plan(const char *runs)
{
    _cleanup_(free_ptr) char *text = xasprintf(
        "{\"tests\":[],\"functions\":[\"listed\"],\"unplanted\":[],\"listed\":[\"listed\"],"
        "\"files\":[\"listed\",\"other\",\"third\"],%s}",
        runs);
    _cleanup_(free_ptr) char *homes = xasprintf("%s/homes", place);
    _cleanup_(close_fd) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *environment[] = {(char *)"PATH=/usr/bin:/bin", NULL};
    static const char *const none[] = {NULL}; /* the host's are not the test's */
    struct trial_steps steps = {
        .plan = &plan, .place_fd = here, .plan_fd = here, .root_fd = here, .temporary = none};
    struct error err = ERROR_INIT;

    steps.user.homes = homes;
    steps.user.zygote = TRIAL_ZYGOTE_NONE;
    steps.user.environment = environment;
    CU_ASSERT_EQUAL_FATAL(trial_plan_read(text, strlen(text), &plan, &err), 0);
    plan.names = TRIAL_NAMES_WHOLE;
    if (trial_steps_run(&steps, ends, &err) < 0)
        fprintf(stderr, "\n    %s\n", err.message);
    CU_ASSERT_EQUAL_FATAL(err.kind, ERROR_NONE);
}

static void clear(void)
{
    struct error err = ERROR_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        trial_end_release(&ends[i]);
    trial_plan_release(&plan);
    CU_ASSERT_EQUAL(remove_tree("kept", &err) + remove_tree("build", &err), 0);
}

static int result_of(const struct trial_end *end, const char *test)
{
    for (size_t i = 0; i < end->outcome_count; i++)
        if (strcmp(end->outcomes[i].test, test) == 0)
            return (int)end->outcomes[i].result;
    return -1;
}

static void runs_begin_with_what_was_built_once_and_see_nothing_of_each_other(void)
{
    run_plan("\"prepare\":{\"commands\":[" COMMAND(
        "echo exit 0 >build/shared",
        "") "],\"files\":[],"
            "\"tests\":[]},\"runs\":[" RUN_OF(
                COMMAND("echo exit 0 >build/own",
                        "") "," TEST_OF("listed", ". ./shared; echo x >left && . ./own", ""),
                "false") "," RUN_OF(TEST_OF("listed",
                                            "! test -e own && ! test -e left && . ./shared", ""),
                                    "true") "]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "listed"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(result_of(&ends[1], "listed"), TRIAL_PASSED);
    clear();
}

static void a_test_can_not_change_what_was_built(void)
{
    run_plan("\"runs\":[" RUN_OF(
        COMMAND("mkdir build/d; printf 'exit 3' >build/d/other", "") "," TEST_OF(
            "listed", "rm -f d/other; mv d e; echo exit 0 >d/other; rm -rf d; exit 0",
            "") "," TEST_OF("other", "exec sh d/other", ""),
        "true") "]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "listed"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "other"), TRIAL_FAILED);
    CU_ASSERT_PTR_NULL(trial_end_contradiction(&ends[0]));
    clear();
}

static void a_program_s_status_is_its_outcome(void)
{
    run_plan("\"runs\":[" RUN_OF(
        TEST_OF("listed", "exit 1", ",\"will_fail\":true") "," TEST_OF(
            "other", "exit 77", ",\"skip_status\":77") "," TEST_OF("third", "kill -9 $$",
                                                                   ",\"will_fail\":true"),
        "true") "]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "listed"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "other"), TRIAL_SKIPPED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "third"), TRIAL_FAILED);
    clear();
}

#define SAYS(name, parts) ",\"says\":\"" name "\",\"parts\":[" parts "]"
#define PART(test, name) "[\"" test "\",\"" name "\"]"
#define SAYING                                                                                     \
    TEST_OF("listed", "echo '--- PASS: A (0s)'; echo '--- SKIP: A/one (0s)'",                      \
            SAYS("A", PART("other", "A/one") "," PART("third", "A/two")))
#define SILENT TEST_OF("silent", "exit 0", SAYS("B", ""))
#define FAILING                                                                                    \
    TEST_OF("failed", "echo '--- PASS: C (0s)'; exit 1", SAYS("C", PART("part", "C/one")))

static void a_program_that_says_how_tests_end_must_say_that_one_passed(void)
{
    run_plan("\"runs\":[" RUN_OF(SAYING "," SILENT "," FAILING, "true") "]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "listed"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "other"), TRIAL_SKIPPED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "third"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "silent"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "failed"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "part"), TRIAL_FAILED);
    CU_ASSERT_PTR_NULL(trial_end_contradiction(&ends[0]));
    clear();
}

/* In a folder that only they are told of. What they make of it can be executed, and not be read. */
static void what_only_builds_may_see_is_gone_when_tests_begin(void)
{
    struct stat st;

    write_text("7", "seen");
    run_plan("\"prepare\":{\"commands\":[" COMMAND(
        "echo exit 0 >build/shared",
        "") "],\"files\":[],\"tests\":[]},"
            "\"runs\":[{\"commands\":[" COMMAND(
                "[ $(cat secret/sub/planted) = seen ] && cp /bin/true build/program; echo >build/d",
                "") "," TEST_OF("listed", "./program && . ./shared",
                                "") "," TEST_OF("other",
                                                "! [ -e ../secret ] && ! [ -e d ] && "
                                                "! cat program",
                                                "") "],"
                                                    "\"hidden\":{\"folder\":\"secret\",\"files\":[["
                                                    "\"sub/"
                                                    "planted\",\"7\"]]},"
                                                    "\"all\":true,\"files\":[],\"tests\":[{"
                                                    "\"function\":0,\"id\":"
                                                    "\"listed\"}]},{\"commands\":[" COMMAND(
                                                        "cat secret/planted",
                                                        "") "],\"hidden\":{\"folder\":\"secret\","
                                                            "\"files\":"
                                                            "[[\"planted\",\"7\"]]},\"all\":false,"
                                                            "\"files\":[],"
                                                            "\"tests\":[{\"function\":0,"
                                                            "\"id\":\"listed\"}]}]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "listed"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "other"), TRIAL_PASSED);
    CU_ASSERT_STRING_EQUAL(ends[1].printed, "");
    CU_ASSERT_NOT_EQUAL(stat("secret", &st), 0);
    clear();
}

/* Also where the run's user has put a link in its way. A test may make new files beside the others.
 */
static void when_tests_begin_they_are_root_s_and_have_the_texts_that_the_plan_says(void)
{
    struct error err = ERROR_INIT;

    write_text("7", "built");
    write_text("8", "settled");
    CU_ASSERT_EQUAL_FATAL(make_dirs("tree/open/d", 0755, &err), 0);
    write_text("tree/open/same", "");
    run_plan("\"tests\":[\"open\"],\"runs\":[{\"commands\":[" COMMAND(
        "[ $(cat open/a) = built ] && [ -w open/same ] && mv open/d open/e && ln -s e open/d",
        "") "," TEST_OF("listed",
                        "[ $(cat ../open/a)$(cat ../open/d/b) = settledsettled ] && "
                        "! [ -L ../open/d ] && [ -d ../open/e ] && : >../open/new && "
                        "! [ -w ../open/a ] && ! [ -w ../open/same ] && ! rm -f ../open/same",
                        "") "],\"settled\":{\"files\":[[\"open/a\",\"8\"],[\"open/d/b\",\"8\"]]},"
                            "\"all\":true,\"files\":[[\"open/a\",\"7\"]],\"tests\":[{"
                            "\"function\":0,\"id\":\"listed\"}]}]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "listed"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(remove_tree("open", &err) + remove_tree("tree", &err), 0);
    clear();
}

static void behind_three_tests_that_must_be_ended_no_other_is_started(void)
{
    run_plan("\"runs\":[" RUN_OF(
        TEST_OF("listed", "echo x >&3; sleep 1000", "") "," TEST_OF(
            "a", "echo x >&3", "") "," TEST_OF("b", "echo x >&3; exit 0",
                                               "") "," TEST_OF("other", "exit 0", ""),
        "true") "]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "b"), TRIAL_FAILED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "other"), TRIAL_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(ends[0].outcomes[3].message, "not started"));
    CU_ASSERT_PTR_NULL(trial_end_contradiction(&ends[0]));
    clear();
}

static void a_test_has_the_variables_that_its_project_gives_it(void)
{
    run_plan("\"runs\":[" RUN_OF(
        TEST_OF(
            "listed", "[ $A$TMPDIR = b/c ]",
            ",\"environment\":[\"A=b\",\"TMPDIR=/c\"]") "," TEST_OF("other",
                                                                    "[ -z $A ] && [ -w $TMPDIR ] "
                                                                    "&& [ $TMPDIR = $HOME/tmp ]",
                                                                    ""),
        "true") "]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "listed"), TRIAL_PASSED);
    CU_ASSERT_EQUAL(result_of(&ends[0], "other"), TRIAL_PASSED);
    clear();
}

static void a_test_that_takes_too_long_or_was_not_built_has_failed(void)
{
    run_plan("\"runs\":[" RUN_OF(
        COMMAND("echo no compiler >&2; exit 1", "") "," TEST_OF(
            "listed", "exec sleep 1000", ",\"seconds\":1") "," TEST_OF("other", "exec ./other", ""),
        "true") "]");
    CU_ASSERT_EQUAL(result_of(&ends[0], "listed"), TRIAL_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(ends[0].outcomes[0].message, "longer than it may"));
    CU_ASSERT_EQUAL(result_of(&ends[0], "other"), TRIAL_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(ends[0].outcomes[1].message, "no compiler"));
    clear();
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"each failure that is planted in a C program fails",
         each_failure_that_is_planted_in_a_c_program_fails},
        {"an assertion behind what is planted may be left out",
         an_assertion_behind_what_is_planted_may_be_left_out},
        {"what is planted or left out is nothing that a compiler warns of",
         what_is_planted_or_left_out_is_nothing_that_a_compiler_warns_of},
        {"behind a macro of the test's own that leaves nothing is planted",
         behind_a_macro_of_the_test_s_own_that_leaves_nothing_is_planted},
        {"assertions are planted only where the file has some that count",
         assertions_are_planted_only_where_the_file_has_some_that_count},
        {"failures are planted only where they are surely executed",
         failures_are_planted_only_where_they_are_surely_executed},
        {"what can't be read for sure is left alone", what_can_not_be_read_for_sure_is_left_alone},
        {"a test is started in the repository, not in the planner's copy",
         a_test_is_started_in_the_repository_not_in_the_planner_s_copy},
        {"tests that must go on to pass are drawn into runs of those to be mended",
         tests_that_must_go_on_to_pass_are_drawn_into_runs_of_those_to_be_mended},
        {"a copy has caches, unless the planner wants none",
         a_copy_has_caches_unless_the_planner_wants_none},
        {"runs begin with what was built once and see nothing of each other",
         runs_begin_with_what_was_built_once_and_see_nothing_of_each_other},
        {"a test can't change what was built", a_test_can_not_change_what_was_built},
        {"a program's status is its outcome", a_program_s_status_is_its_outcome},
        {"a program that says how tests end must say that one passed",
         a_program_that_says_how_tests_end_must_say_that_one_passed},
        {"what only builds may see is gone when tests begin",
         what_only_builds_may_see_is_gone_when_tests_begin},
        {"when tests begin they are root's, and have the texts that the plan says",
         when_tests_begin_they_are_root_s_and_have_the_texts_that_the_plan_says},
        {"behind three tests that must be ended no other is started",
         behind_three_tests_that_must_be_ended_no_other_is_started},
        {"a test has the variables that its project gives it",
         a_test_has_the_variables_that_its_project_gives_it},
        {"a test that takes too long or was not built has failed",
         a_test_that_takes_too_long_or_was_not_built_has_failed},
    };
    struct error err = ERROR_INIT;
    int status;

    trial_rig_enter(place);
    status = UNIT_MAIN("trial programs", tests);
    return chdir("/") < 0 || remove_tree(place, &err) < 0 ? 2 : status;
}
