#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/glob.h"
#include "unit.h"

#include "base/banned.h"

static bool matches(const char *pattern, const char *path)
{
    _cleanup_(glob_list_release) struct glob_list list = {0};
    struct error err = ERROR_INIT;
    char folder[256];
    bool matched;

    if (glob_list_add(&list, pattern, &err) < 0)
        fprintf(stderr, "\n    %s\n", err.message);
    CU_ASSERT_EQUAL_FATAL(err.kind, ERROR_NONE);
    matched = glob_list_match(&list, path);
    /* Where a file matches, every folder above it leads there. */
    for (const char *slash = strchr(path, '/'); matched && slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        CU_ASSERT_TRUE(glob_list_leads(&list, folder));
    }
    return matched;
}

static void refused(const char *pattern, const char *why)
{
    _cleanup_(glob_list_release) struct glob_list list = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(glob_list_add(&list, pattern, &err), -1);
    if (!strstr(err.message, why))
        fprintf(stderr, "\n    %s: %s\n", pattern, err.message);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, why));
}

static void a_star_stays_within_its_piece(void)
{
    CU_ASSERT_TRUE(matches("out/*.xml", "out/a.xml"));
    CU_ASSERT_FALSE(matches("out/*.xml", "out/b/a.xml"));
    CU_ASSERT_FALSE(matches("out/*.xml", "a.xml"));
    CU_ASSERT_FALSE(matches("*/a.xml", ".h/a.xml"));
    CU_ASSERT_TRUE(matches("Testing/?[0-9]/Test.xml", "Testing/20/Test.xml"));
    CU_ASSERT_TRUE(matches(".github/*.xml", ".github/a.xml"));
}

static void two_stars_mean_any_depth(void)
{
    CU_ASSERT_TRUE(matches("**/TEST-*.xml", "TEST-a.xml"));
    CU_ASSERT_TRUE(matches("**/TEST-*.xml", "a/TEST-a.xml"));
    CU_ASSERT_TRUE(matches("**/TEST-*.xml", "a/b/c/d/TEST-a.xml"));
    CU_ASSERT_FALSE(matches("**/TEST-*.xml", "a/.b/TEST-a.xml"));
    CU_ASSERT_TRUE(matches("**/.b/**/*.xml", "a/.b/c/a.xml"));
    CU_ASSERT_TRUE(matches("a/**/b/**/c.xml", "a/b/x/b/c.xml"));
    CU_ASSERT_TRUE(matches("**/q*/.h/**/b.xml", "q1/q2/.h/b.xml"));
    CU_ASSERT_FALSE(matches("a/**/b.xml", "b.xml"));
    CU_ASSERT_TRUE(matches("a/**", "a/b/c.xml"));
    CU_ASSERT_TRUE(matches("**/**/x.xml", "x.xml"));
    CU_ASSERT_TRUE(matches("a**b.xml", "acb.xml"));
}

static void braces_are_alternatives(void)
{
    CU_ASSERT_TRUE(matches("{unit,e2e}/r.xml", "unit/r.xml"));
    CU_ASSERT_TRUE(matches("{unit,e2e}/r.xml", "e2e/r.xml"));
    CU_ASSERT_FALSE(matches("{unit,e2e}/r.xml", "{unit,e2e}/r.xml"));
    CU_ASSERT_TRUE(matches("{a/b,c{1,2}}/r{,-2}.xml", "a/b/r.xml"));
    CU_ASSERT_TRUE(matches("{a/b,c{1,2}}/r{,-2}.xml", "c2/r-2.xml"));
    CU_ASSERT_TRUE(matches("r\\{1\\}.xml", "r{1}.xml"));
    CU_ASSERT_TRUE(matches("r[{,}].xml", "r,.xml"));
    CU_ASSERT_TRUE(matches("{r}.xml", "r.xml"));
}

static void a_bare_folder_means_the_reports_in_it(void)
{
    CU_ASSERT_TRUE(matches("build/reports", "build/reports/a.xml"));
    CU_ASSERT_TRUE(matches("build/reports/", "build/reports/b/a.xml"));
    CU_ASSERT_FALSE(matches("build/reports", "build/reports/a.html"));
    CU_ASSERT_FALSE(matches("build/*", "build/reports/a.xml"));
    CU_ASSERT_TRUE(matches("report", "report"));
    CU_ASSERT_FALSE(matches("report/", "report"));
    CU_ASSERT_TRUE(matches("./a//./b.xml", "a/b.xml"));
}

static void what_can_match_nothing_is_refused(void)
{
    refused("", "names the repository's folder itself");
    refused("./", "names the repository's folder itself");
    refused("{,x}/..", "..");
    refused("/testbed/report.xml", "begins with '/'");
    refused("../report.xml", "..");
    refused("a/../../b", "..");
    refused("a/{b,..}/c", "..");
    refused("out\\report.xml", "backslash");
    refused("{a,b.xml", "'{'");
    refused("a,b}.xml", "'}'");
    refused("[ab.xml", "'['");
    refused("a\nb.xml", "control");
}

static void what_braces_make_is_bounded(void)
{
    _cleanup_(buf_release) struct buf pattern = BUF_INIT;
    _cleanup_(glob_list_release) struct glob_list list = {0};
    struct error err = ERROR_INIT;

    for (int i = 0; i < 30; i++)
        buf_add_str(&pattern, "{a,b}");
    CU_ASSERT_EQUAL(glob_list_add(&list, pattern.data, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_LIMIT);
    CU_ASSERT(list.count <= GLOB_LIST_MOST);
}

/* A backtracking matcher would not come to an end. */
static void many_stars_cost_little(void)
{
    _cleanup_(buf_release) struct buf pattern = BUF_INIT;
    _cleanup_(buf_release) struct buf path = BUF_INIT;
    _cleanup_(glob_list_release) struct glob_list list = {0};
    struct error err = ERROR_INIT;

    for (int i = 0; i < 60; i++)
        buf_add_str(&pattern, "**/a/");
    buf_add_str(&pattern, "b.xml");
    for (int i = 0; i < 1000; i++)
        buf_add_str(&path, "a/");
    buf_add_str(&path, "c.xml");
    CU_ASSERT_EQUAL(glob_list_add(&list, pattern.data, &err), 0);
    CU_ASSERT_FALSE(glob_list_match(&list, path.data));
}

static void a_folder_that_leads_nowhere_is_left_out(void)
{
    _cleanup_(glob_list_release) struct glob_list list = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(glob_list_add(&list, "target/*/junit.xml", &err), 0);
    CU_ASSERT_TRUE(glob_list_leads(&list, "target"));
    CU_ASSERT_TRUE(glob_list_leads(&list, "target/a"));
    CU_ASSERT_FALSE(glob_list_leads(&list, "node_modules"));
    CU_ASSERT_FALSE(glob_list_leads(&list, "target/a/b/c"));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a star stays within its piece", a_star_stays_within_its_piece},
        {"two stars mean any depth", two_stars_mean_any_depth},
        {"braces are alternatives", braces_are_alternatives},
        {"a bare folder means the reports in it", a_bare_folder_means_the_reports_in_it},
        {"what can match nothing is refused", what_can_match_nothing_is_refused},
        {"what braces make is bounded", what_braces_make_is_bounded},
        {"many stars cost little", many_stars_cost_little},
        {"a folder that leads nowhere is left out", a_folder_that_leads_nowhere_is_left_out},
    };

    return UNIT_MAIN("glob", tests);
}
