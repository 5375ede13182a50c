/*
 * report-ids LANGUAGE FOLDER - reads the test reports that a verifier left in FOLDER, at the paths
 * of the language, and prints a JSON array of {"id", "outcome"}. By it the demo data set gets its
 * lists from the same reading that grades. Fails when there is no report or one can't be read.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "grade/grade.h"

#include "base/banned.h"

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

static int add_file(struct test_report *report, const char *path, struct error *err)
{
    _cleanup_(buf_release)
    struct buf bytes = BUF_INIT;

    if (file_read(AT_FDCWD, path, TEST_REPORT_MAX, &bytes, err) < 0 ||
        test_report_add_junit(report, bytes.data, bytes.length, err) < 0)
        return error_wrap(err, "%s", path);
    return 0;
}

static int add_matching(struct test_report *report, const char *folder, const char *pattern,
                        size_t *files, struct error *err)
{
    _cleanup_(free_ptr)
    char *path = xasprintf("%s/%s", folder, pattern);
    _cleanup_(globfree)
    glob_t found = {0};

    if (glob(path, GLOB_NOSORT, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++, (*files)++)
        if (add_file(report, found.gl_pathv[i], err) < 0)
            return -1;
    return 0;
}

static void print(const struct test_report *report)
{
    static const char *const outcomes[] = {"passed", "skipped", "failed"};
    _cleanup_(json_release)
    json_object *list = json_object_new_array();
    _cleanup_(buf_release)
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < test_report_count(report); i++) {
        const struct test_case *item = test_report_case(report, i);
        json_object *row = json_object_new_object();

        json_add_text(row, "id", item->id);
        json_add_text(row, "outcome", outcomes[item->outcome]);
        json_object_array_add(list, row);
    }
    json_write(&text, list);
    puts(text.data);
}

int main(int argc, char **argv)
{
    _cleanup_(report_release)
    struct test_report *report = test_report_new();
    struct error err = ERROR_INIT;
    size_t files = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: report-ids LANGUAGE FOLDER\n");
        return 2;
    }
    for (const char *const *pattern = grade_report_paths(argv[1]); *pattern; pattern++) {
        if (add_matching(report, argv[2], *pattern, &files, &err) < 0) {
            fprintf(stderr, "report-ids: %s\n", err.message);
            return 1;
        }
    }
    if (files == 0) {
        fprintf(stderr, "report-ids: no report in %s\n", argv[2]);
        return 1;
    }
    print(report);
    return 0;
}
