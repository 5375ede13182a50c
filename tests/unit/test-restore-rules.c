/*
 * Which files of a change do not count.
 */
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "grade/grade.h"
#include "grade/restore_rules.h"
#include "graded.h"
#include "unit.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

static bool has_rule(const struct buf *rules, const char *rule)
{
    for (size_t at = 0; at < rules->length; at += strlen(rules->data + at) + 1)
        if (strcmp(rules->data + at, rule) == 0)
            return true;
    return false;
}

static void check_rules(const struct restore_sample *sample, const char *const *expected)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT;

    restore_rules(sample, &rules);
    for (; *expected; expected++) {
        bool wanted = **expected != '!';

        if (has_rule(&rules, *expected + !wanted) != wanted)
            fprintf(stderr, "\n    %s\n", *expected);
        CU_ASSERT(has_rule(&rules, *expected + !wanted) == wanted);
    }
}

static void rules_name_the_files_of_the_tests(void)
{
    check_rules(
        &(struct restore_sample){
            .language = "python",
            .test_patch =
                "diff --git a/tests/test_c.py b/tests/test_c.py\n--- a/tests/test_c.py\t1\n"
                "+++ b/tests/test_c.py\r\n@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n"
                "+++ b/tests/new.py\n+++ b/../../etc/passwd\n",
            .fail_to_pass =
                "[\"tests/test_a.py::TestA::test[x/y.py]\", \"tests.test_b.TestB::test_b\", 7, "
                "\"src/pkg/mod.py::pkg.mod.f\", \"tests/test_e.py::TestE::test_e[1.5]\", "
                "\"src/pkg/__init__.py::pkg.g\", \"tests/test_f.py::TestF.test_f\", "
                "\"src/pkg/own.py::pkg.own\"]",
            .pass_to_pass = "[\"test_d (pkg.tests.TestD)\", \"test_bare\"]"},
        (const char *const[]){"ftests/test_a.py", "ftests/test_b.py", "ftests/test_b/TestB.py",
                              "ftests/test_c.py", "ftests/new.py", "fpkg/tests.py", "cconftest.py",
                              "ftests/test_e.py", "ftests/test_f.py", "!fsrc/pkg/__init__.py",
                              "csitecustomize", "cusercustomize.*so", "!fsrc/pkg/own.py",
                              "!fsrc/pkg/mod.py", "!ppackage.json", "!f../../etc/passwd",
                              "!fdev/null", "!ftest_bare.py", NULL});
    check_rules(&(struct restore_sample){.language = "TypeScript",
                                         .fail_to_pass = "[\"a/b.spec.ts > parse > it\", "
                                                         "\"test/c.js::d\", \"no file > it\"]"},
                (const char *const[]){"fa/b.spec.ts", "ftest/c.js", "ppackage.json",
                                      "!cconftest.py", "!fno file", NULL});
    check_rules(&(struct restore_sample){.language = "java",
                                         .fail_to_pass = "[\"com.example.GsonTest#parses\"]"},
                (const char *const[]){"cGsonTest.java", NULL});
    check_rules(&(struct restore_sample){.fail_to_pass = "[broken"},
                (const char *const[]){"cconftest.py", "ppackage.json", "c.cargo", NULL});
}

static void rules_know_how_runners_write_names(void)
{
    check_rules(&(struct restore_sample){.language = "python",
                                         .fail_to_pass =
                                             "[\"test_x (tests.test_a.TestB.test_x)\", "
                                             "\"test_y (admin_views.tests.AdminTests)\", "
                                             "\"test_z (pkg.test_c.TestC.test_z) (i=1)\"]"},
                (const char *const[]){"ftests/test_a.py", "ftests/admin_views/tests.py",
                                      "fadmin_views/tests.py", "fpkg/test_c.py", "npackaging",
                                      "cpytest.*so", "!ftests/test_a/TestB/test_x.py", NULL});
    check_rules(
        &(struct restore_sample){
            .language = "java",
            .fail_to_pass = "[\"adds(com.example.CartTest)\", \"com.example.ShelfTest.adds\", "
                            "\"com.example.BookTest.lends(int)\", \"a[1](com.example.RowTest)\", "
                            "\"com.example.GsonTest > parses()\", \"DoorTest#opens(String)\", "
                            "\"a.HouseTest$Inner.opens\"]"},
        (const char *const[]){"cCartTest.java", "cShelfTest.java", "cBookTest.java",
                              "cRowTest.java", "cGsonTest.java", "cDoorTest.java",
                              "cHouseTest.java", "!cadds.java", "!cString.java", NULL});
}

static void rules_know_how_diffs_write_paths(void)
{
    check_rules(
        &(struct restore_sample){
            .language = "go",
            .test_patch =
                "--- \"a/t\\303\\251st \\\"x\\\".go\"\n+++ \"b/t\\303\\251st.go\"\n@@ -1 +1 @@\n"
                "--- a comment\n+b\n"
                "diff --git t/a_test.go t/a_test.go\n--- t/a_test.go\n+++ t/b_test.go\n"
                "@@ -1 +1 @@\n-a\n+b\n"
                "diff --git a/old_test.go b/new_test.go\nrename from old_test.go\n"
                "rename to new_test.go\n"},
        (const char *const[]){"ft\303\251st \"x\".go", "ft\303\251st.go", "ft/a_test.go",
                              "ft/b_test.go", "fold_test.go", "fnew_test.go", "!fa comment", NULL});
}

static void rules_name_what_a_shell_reads_before_the_verifier(void)
{
    check_rules(&(struct restore_sample){.language = "go", .profile = "{}", .root = "/work"},
                (const char *const[]){"!c.bashrc", "!c.profile", NULL});
    check_rules(
        &(struct restore_sample){.language = "go", .profile = "{\"shell\":\"login\"}"},
        (const char *const[]){"c.bash_profile", "c.bash_login", "c.profile", "c.bashrc", NULL});
    check_rules(
        &(struct restore_sample){
            .language = "go",
            .profile = "{\"shell\":\"entrypoint\",\"entrypoint\":[\"/work/bin/enter\","
                       "\"./tool/run\",\"setup.sh\",\"bash\",\"--x=a/b\",\"/workshop/x\","
                       "\"../up\",\"/bin/sh\",7]}",
            .root = "/work/"},
        (const char *const[]){"fbin/enter", "ftool/run", "fsetup.sh", "!fbash", "!f--x=a/b", "!fx",
                              "!fshop/x", "!f../up", "!fbin/sh", "!c.bashrc", NULL});
}

static void a_samples_own_rules_go_first(void)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT;

    restore_rules(
        &(struct restore_sample){.language = "python",
                                 .held_out = "[\"tests/test_h.py::test_a\"]",
                                 .restore = "[\"data\",\"!/conftest.py\",\"@compiled\",7]"},
        &rules);
    CU_ASSERT_EQUAL(memcmp(rules.data, "kdata\0t/conftest.py\0k@compiled", 31), 0);
    CU_ASSERT_TRUE(has_rule(&rules, "ftests/test_h.py"));
}

static void many_tests_of_few_files_are_few_rules(void)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT, tests = BUF_INIT;

    buf_add_str(&tests, "[");
    for (int i = 0; i < 3 * RESTORE_RULES_MOST; i++)
        buf_addf(&tests, "\"test_%d (pkg.test_a.TestA)\",", i);
    buf_add_str(&tests, "\"test_b (pkg.test_b.TestB)\"]");
    restore_rules(&(struct restore_sample){.language = "python", .fail_to_pass = tests.data},
                  &rules);
    CU_ASSERT_TRUE(has_rule(&rules, "fpkg/test_b.py"));
}

static void rules_are_bounded(void)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT, tests = BUF_INIT;
    size_t count = 0;

    buf_add_str(&tests, "[");
    for (int i = 0; i < 3 * RESTORE_RULES_MOST; i++)
        buf_addf(&tests, "%s\"tests/%0200d/test.py::a\"", i ? "," : "", i);
    buf_add_str(&tests, "]");
    restore_rules(&(struct restore_sample){.language = "python", .fail_to_pass = tests.data},
                  &rules);
    for (size_t at = 0; at < rules.length; at += strlen(rules.data + at) + 1)
        count++;
    CU_ASSERT(rules.length <= AGENT_RULES_MOST);
    CU_ASSERT(count > RESTORE_RULES_MOST && count < RESTORE_RULES_MOST + 100);
}

static const struct unit_test tests[] = {
    {"rules name the files of the tests", rules_name_the_files_of_the_tests},
    {"rules know how runners write names", rules_know_how_runners_write_names},
    {"rules know how diffs write paths", rules_know_how_diffs_write_paths},
    {"many tests of few files are few rules", many_tests_of_few_files_are_few_rules},
    {"rules are bounded", rules_are_bounded},
    {"rules name what a shell reads before the verifier",
     rules_name_what_a_shell_reads_before_the_verifier},
    {"a sample's own rules go first", a_samples_own_rules_go_first},
};

int main(void)
{
    return UNIT_MAIN("restore rules", tests);
}
