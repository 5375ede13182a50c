/*
 * finish.c - what the table of formats can't say of a row (dataset/conversion.h).
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/conversion.h"
#include "dataset/formats.h"
#include "dataset/patch.h"
#include "dataset/row_value.h"
#include "dataset/verifier_command.h"

#include "base/banned.h"

/* The row's patch makes the bug. */
int finish_smith(struct conversion *conversion, struct error *err)
{
    const char *patch = json_get_text(conversion->line, "patch");
    _cleanup_(buf_release) struct buf gold = BUF_INIT;
    _cleanup_(free_ptr) char *repo = row_text(conversion->row, "repo");
    const char *dot = repo ? strrchr(repo, '.') : NULL;
    _cleanup_(buf_release) struct buf setup = BUF_INIT;

    if (!patch || !patch[0])
        return error_set(err, ERROR_INVALID, NULL, "patch: missing; it is what makes the bug");
    if (patch_reverse(patch, &gold, err) < 0)
        return error_wrap(err, "patch: it cannot be turned round");
    if (bug_command(patch, &setup, err) < 0)
        return error_wrap(err, "patch");
    json_add_text(conversion->line, "setup_command", setup.data);
    json_add_text(conversion->line, "patch", gold.data);
    if (dot)
        json_add_text(conversion->line, "base_commit", dot + 1);
    return 0;
}

/* The runner whose log the images' test-run.sh writes, as the program that is published with the
 * set reads it. All of Go's and Rust's repositories have one. Not here are those whose lists have
 * names that only that program makes: of Gradle's tasks, of files that Jest ran, of CMake's checks.
 */
static void add_parser_of_repo(struct conversion *conversion, const char *org, const char *repo)
{
    static const struct {
        const char *language, *org, *repo; /* NULL: any */
        const char *parser;
    } known[] = {
        {"go", NULL, NULL, "go"},
        {"rust", NULL, NULL, "cargo"},
        {NULL, "alibaba", "fastjson2", "maven"},
        {NULL, "apache", "dubbo", "maven"},
        {NULL, "fasterxml", NULL, "maven"},
        {NULL, "google", "gson", "maven"},
        {NULL, "fmtlib", "fmt", "ctest"},
        {NULL, "nlohmann", "json", "ctest"},
        {NULL, "simdjson", "simdjson", "ctest"},
        {NULL, "yhirose", "cpp-httplib", "gtest"},
        {NULL, "vuejs", "core", "vitest"},
        {NULL, "sveltejs", "svelte", "vitest"},
    };
    const char *language = json_get_text(conversion->line, "language");

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if ((known[i].language && (!language || strcmp(language, known[i].language) != 0)) ||
            (known[i].org && strcasecmp(org, known[i].org) != 0) ||
            (known[i].repo && strcasecmp(repo, known[i].repo) != 0))
            continue;
        json_add_text(conversion->line, "log_parser", known[i].parser);
        return;
    }
}

/* An id of their own; issues in a list; tests by what became of them. */
int finish_multi(struct conversion *conversion, struct error *err)
{
    static const char *const to_pass[] = {"f2p_tests", "s2p_tests", "n2p_tests"};
    _cleanup_(json_release) json_object *issues = row_value(conversion->row, "resolved_issues");
    _cleanup_(json_release) json_object *number = row_value(conversion->row, "number");
    _cleanup_(free_ptr) char *org = row_text(conversion->row, "org");
    _cleanup_(free_ptr) char *repo = row_text(conversion->row, "repo");
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *passing = json_object_new_array(), *stable;

    json_add(conversion->line, "fail_to_pass", passing);
    for (size_t i = 0; i < ARRAY_SIZE(to_pass); i++) {
        _cleanup_(json_release) json_object *names = dataset_list(conversion->row, to_pass[i], err);

        if (!names)
            return -1;
        for (size_t k = 0; k < json_object_array_length(names); k++)
            json_object_array_add(passing, json_object_get(json_object_array_get_idx(names, k)));
    }
    stable = dataset_list(conversion->row, "p2p_tests", err);
    if (!stable)
        return -1;
    json_add(conversion->line, "pass_to_pass", stable);
    if (!org || !repo || !number)
        return error_set(err, ERROR_INVALID, NULL, "org, repo or number: missing");
    buf_addf(&text, "%s/%s", org, repo);
    json_add_text(conversion->line, "repo", text.data);
    buf_clear(&text);
    buf_addf(&text, "%s__%s-%s", org, repo, json_object_get_string(number));
    if (!row_has(conversion->row, "instance_id"))
        json_add_text(conversion->line, "instance_id", text.data);
    buf_clear(&text);
    buf_addf(&text, "/home/%s", repo);
    json_add_text(conversion->line, "repo_path", text.data);
    buf_clear(&text);
    buf_addf(&text, "mswebench/%s_m_%s:pr-%s", org, repo, json_object_get_string(number));
    for (char *at = text.data; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    json_add_text(conversion->line, "image_reference", text.data);
    buf_clear(&text);
    for (size_t i = 0;
         json_object_is_type(issues, json_type_array) && i < json_object_array_length(issues);
         i++) {
        json_object *issue = json_object_array_get_idx(issues, i);
        const char *title = json_get_text(issue, "title"), *body = json_get_text(issue, "body");

        buf_addf(&text, "%s%s\n\n%s\n", i ? "\n" : "", title ? title : "", body ? body : "");
    }
    if (text.length)
        json_add_text(conversion->line, "problem_statement", text.data);
    add_parser_of_repo(conversion, org, repo);
    return 0;
}

/* An id that is made of name and commit; what each test is to come to, in one object. */
int finish_r2e(struct conversion *conversion, struct error *err)
{
    _cleanup_(json_release) json_object *raw = row_value(conversion->row, "expected_output_json");
    _cleanup_(json_release) json_object *expected = row_opened(raw);
    _cleanup_(free_ptr) char *repo = row_text(conversion->row, "repo_name");
    _cleanup_(free_ptr) char *commit = row_text(conversion->row, "commit_hash");
    _cleanup_(buf_release) struct buf id = BUF_INIT;
    json_object *passing = json_object_new_array(), *failing = json_object_new_array();

    json_add(conversion->line, "fail_to_pass", passing);
    json_add(conversion->line, "fail_to_fail", failing);
    if (!repo || !commit || !json_object_is_type(expected, json_type_object))
        return error_set(err, ERROR_INVALID, NULL,
                         "repo_name, commit_hash or expected_output_json: missing or unreadable");
    buf_addf(&id, "%s-%.12s", repo, commit);
    json_add_text(conversion->line, "instance_id", id.data);
    json_object_object_foreach (expected, name, outcome) {
        const char *word =
            json_object_is_type(outcome, json_type_string) ? json_object_get_string(outcome) : "";

        if (name[0])
            json_object_array_add(strcmp(word, "PASSED") == 0 ? passing : failing,
                                  json_object_new_string(name));
    }
    if (json_object_array_length(passing) == 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "expected_output_json names no test that must pass");
    return 0;
}

/* Its commands were made for the image, not for a verifier's. */
int finish_scale(struct conversion *conversion, struct error *err)
{
    _cleanup_(free_ptr) char *user = row_text(conversion->row, "user");
    _cleanup_(free_ptr) char *repo = row_text(conversion->row, "repo");
    _cleanup_(free_ptr) char *before = row_commands(conversion->row, "pre_commands");
    _cleanup_(buf_release) struct buf name = BUF_INIT;

    (void)err;
    if (user && repo && !strchr(repo, '/')) {
        buf_addf(&name, "%s/%s", user, repo);
        json_add_text(conversion->line, "repo", name.data);
    }
    if (before)
        json_add_text(conversion->line, "setup_command", before);
    return 0;
}

/* The row's own commands: the last one fetches the tests out of the change's commit, those before
 * bring the repository to where a session begins. Then the scripts that are published beside the
 * rows (swe_bench_pro_eval.py there has the order); parser.py writes which test did what. */
#define PRO_REPORT ".codeset-tests.json"

static int add_pro_commands(struct conversion *conversion, json_object *files, struct buf *setup,
                            struct buf *command, struct error *err)
{
    _cleanup_(free_ptr) char *before = row_text(conversion->row, "before_repo_set_cmd");
    _cleanup_(buf_release) struct buf all = BUF_INIT, commands = BUF_INIT;
    struct verifier_plan plan = {.base_commit = json_get_text(conversion->line, "base_commit"),
                                 .test_patch = json_get_text(conversion->line, "test_patch")};
    size_t length = before ? strlen(before) : 0, last;

    while (length > 0 && strchr(" \t\r\n", before[length - 1]))
        length--;
    for (last = length; last > 0 && before[last - 1] != '\n'; last--)
        ;
    buf_add(setup, before, last);
    for (size_t i = 0; i < json_object_array_length(files); i++) {
        const char *file = json_object_get_string(json_object_array_get_idx(files, i));

        buf_addf(&all, "%s%s", i ? "," : "", file ? file : "");
    }
    buf_add_str(&commands, "rm -rf " PRO_REPORT "\n");
    if (length > last) { /* without its commit, the patch of the tests does */
        buf_add(&commands, before + last, length - last);
        buf_add_str(&commands, " || true\n");
    }
    buf_add_str(&commands, "bash /workspace/run_script.sh ");
    shell_word(all.data ? all.data : "", &commands);
    buf_add_str(&commands,
                " >/workspace/stdout.log 2>/workspace/stderr.log\n"
                "cat /workspace/stdout.log; cat /workspace/stderr.log >&2\n"
                "python=$(command -v python || command -v python3) || exit 1\n"
                "\"$python\" /workspace/parser.py /workspace/stdout.log /workspace/stderr.log "
                "\"$PWD/" PRO_REPORT "\"\n");
    plan.commands = commands.data;
    return verifier_command(&plan, command, err);
}

int finish_pro(struct conversion *conversion, struct error *err)
{
    _cleanup_(free_ptr) char *tag = row_text(conversion->row, "dockerhub_tag");
    _cleanup_(json_release) json_object *files =
        dataset_list(conversion->row, "selected_test_files_to_run", err);
    _cleanup_(buf_release) struct buf reference = BUF_INIT, command = BUF_INIT, setup = BUF_INIT;

    if (tag) {
        buf_addf(&reference, "jefzda/sweap-images:%s", tag);
        json_add_text(conversion->line, "image_reference", reference.data);
    }
    if (!files)
        return -1;
    if (add_pro_commands(conversion, files, &setup, &command, err) < 0)
        conversion_need_image(conversion, err);
    else
        json_add_text(conversion->line, "verifier_command", command.data);
    if (setup.length > 0)
        json_add_text(conversion->line, "setup_command", setup.data);
    json_add_text(conversion->line, "log_parser", "named-json");
    json_add(conversion->line, "report_paths", json_tokener_parse("[\"" PRO_REPORT "\"]"));
    conversion_need(conversion,
                    "scripts: the run_script.sh and parser.py that are published for it beside "
                    "the data set (run_scripts/INSTANCE_ID)");
    return 0;
}

/* The folder is named after the repository. */
int finish_rebench_2(struct conversion *conversion, struct error *err)
{
    _cleanup_(free_ptr) char *repo = row_text(conversion->row, "repo");
    const char *slash = repo ? strchr(repo, '/') : NULL;
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    (void)err;
    if (slash) {
        buf_addf(&path, "/%s", slash + 1);
        json_add_text(conversion->line, "repo_path", path.data);
    }
    return 0;
}
