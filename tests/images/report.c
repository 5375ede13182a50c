/*
 * report - what the grading room says of the report that a verifier left in a folder, for the
 * scripts that make and check the demo data set.
 *
 *     report ids LANGUAGE FOLDER    a JSON array of {"id", "outcome"}
 *     report verdict TASK FOLDER    "success", or why not; TASK: a file with a line of demo.jsonl
 *
 * Exit status 1 when there is no report or one can't be read.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "grade/grade.h"
#include "grade/report_paths.h"

#include "base/banned.h"

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

static int add_file(struct test_report *report, const char *path, struct error *err)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;

    if (file_read(AT_FDCWD, path, TEST_REPORT_MAX, &bytes, err) < 0 ||
        test_report_add_junit(report, bytes.data, bytes.length, err) < 0)
        return error_wrap(err, "%s", path);
    return 0;
}

static int add_matching(struct test_report *report, const char *folder, const char *pattern,
                        size_t *files, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", folder, pattern);
    _cleanup_(globfree) glob_t found = {0};

    if (glob(path, GLOB_NOSORT, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++, (*files)++)
        if (add_file(report, found.gl_pathv[i], err) < 0)
            return -1;
    return 0;
}

static int add_folder(struct test_report *report, const char *language, const char *folder,
                      struct error *err)
{
    size_t files = 0;

    for (const char *const *pattern = grade_report_paths(language); *pattern; pattern++)
        if (add_matching(report, folder, *pattern, &files, err) < 0)
            return -1;
    return files ? 0 : error_set(err, ERROR_NOT_FOUND, NULL, "no report in %s", folder);
}

static void print_ids(const struct test_report *report)
{
    static const char *const outcomes[] = {"passed", "skipped", "failed"};
    _cleanup_(json_release) json_object *list = json_object_new_array();
    _cleanup_(buf_release) struct buf text = BUF_INIT;

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

/* The texts live as long as the task. */
static const char **names_of(json_object *task, const char *key, size_t *ret_count)
{
    json_object *list = json_object_object_get(task, key);
    size_t count = list ? json_object_array_length(list) : 0;
    const char **names = xcalloc(count + 1, sizeof(*names));

    for (size_t i = 0; i < count; i++)
        names[i] = json_object_get_string(json_object_array_get_idx(list, i));
    *ret_count = count;
    return names;
}

static void print_verdict(const struct test_report *report, json_object *task)
{
    struct expectation expectation = {0};
    _cleanup_(free_ptr) const char **fail_to_pass =
        names_of(task, "FAIL_TO_PASS", &expectation.fail_to_pass_count);
    _cleanup_(free_ptr) const char **pass_to_pass =
        names_of(task, "PASS_TO_PASS", &expectation.pass_to_pass_count);
    char *reason = NULL;

    expectation.fail_to_pass = fail_to_pass;
    expectation.pass_to_pass = pass_to_pass;
    puts(grade(report, &expectation, &reason) ? "success" : reason);
    free(reason);
}

static int judge(struct test_report *report, const char *task_path, const char *folder,
                 struct error *err)
{
    _cleanup_(json_release) json_object *task = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (file_read(AT_FDCWD, task_path, 16 << 20, &text, err) < 0 ||
        json_parse(text.data, text.length, &task, NULL, err) < 0 ||
        add_folder(report, json_get_text(task, "language"), folder, err) < 0)
        return -1;
    print_verdict(report, task);
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    struct error err = ERROR_INIT;
    int result;

    if (argc == 4 && strcmp(argv[1], "ids") == 0) {
        result = add_folder(report, argv[2], argv[3], &err);
        if (result == 0)
            print_ids(report);
    } else if (argc == 4 && strcmp(argv[1], "verdict") == 0) {
        result = judge(report, argv[2], argv[3], &err);
    } else {
        fprintf(stderr, "usage: report ids LANGUAGE FOLDER | report verdict TASK FOLDER\n");
        return 2;
    }
    if (result < 0)
        fprintf(stderr, "report: %s\n", err.message);
    return result < 0;
}
