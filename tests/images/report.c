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
#include <fts.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/glob.h"
#include "base/json.h"
#include "base/mem.h"
#include "grade/grade.h"
#include "grade/report_paths.h"

#include "base/banned.h"

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

static int add_file(struct test_report *report, const char *path, struct error *err)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    char note[REPORT_NOTE_SIZE];

    if (file_read(AT_FDCWD, path, TEST_REPORT_MAX, &bytes, err) < 0)
        return error_wrap(err, "%s", path);
    if (test_report_add_xml(report, bytes.data, bytes.length, note) != REPORT_WHOLE)
        return error_set(err, ERROR_INVALID, NULL, "%s: %s", path, note);
    return 0;
}

/* The files that the patterns mean; fts gives paths from the folder on. */
static int add_matching(struct test_report *report, const char *folder,
                        const struct glob_list *patterns, size_t *files, struct error *err)
{
    char *const roots[] = {(char *)folder, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    int result = 0;

    for (FTSENT *entry = walk ? fts_read(walk) : NULL; entry && result == 0;
         entry = fts_read(walk)) {
        const char *path = entry->fts_path + strlen(folder);

        path += strspn(path, "/");
        if (entry->fts_info == FTS_D && path[0] && !glob_list_leads(patterns, path))
            fts_set(walk, entry, FTS_SKIP);
        if (entry->fts_info != FTS_F || !glob_list_match(patterns, path))
            continue;
        (*files)++;
        result = add_file(report, entry->fts_path, err);
    }
    if (walk)
        fts_close(walk);
    return result;
}

static int add_folder(struct test_report *report, const char *language, const char *folder,
                      struct error *err)
{
    _cleanup_(glob_list_release) struct glob_list patterns = {0};
    size_t files = 0;

    for (const char *const *pattern = grade_report_paths(language); *pattern; pattern++)
        if (glob_list_add(&patterns, *pattern, err) < 0)
            return -1;
    if (add_matching(report, folder, &patterns, &files, err) < 0)
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
