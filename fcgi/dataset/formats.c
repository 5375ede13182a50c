#include "dataset/formats.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/conversion.h"
#include "dataset/patch.h"
#include "dataset/row_value.h"
#include "dataset/swe_bench.h"
#include "dataset/task_rows.h"
#include "dataset/verifier_command.h"

#include "base/banned.h"

/* SWE-bench's images have an environment of conda's. */
#define TESTBED "/testbed"
#define CONDA                                                                                      \
    "if [ -f /opt/miniconda3/bin/activate ]; then\n"                                               \
    "    . /opt/miniconda3/bin/activate && conda activate testbed\nfi\n"

/* R2E-Gym's images have the hidden tests in /r2e_tests, and an environment in the repository. Their
 * own run_tests.sh is in the repository, too, where a session could have written it. */
#define R2E_COMMAND                                                                                \
    "rm -rf r2e_tests && cp -R /r2e_tests r2e_tests || exit 1\n"                                   \
    "python=.venv/bin/python; [ -x \"$python\" ] || python=python3\n"                              \
    "PYTHONWARNINGS='ignore::UserWarning,ignore::SyntaxWarning' "                                  \
    "\"$python\" -W ignore -m pytest -rA r2e_tests"

void dataset_need(json_object *line, const char *what)
{
    json_object *needs = json_object_object_get(line, "needs");

    if (!needs) {
        needs = json_object_new_array();
        json_add(line, "needs", needs);
    }
    json_object_array_add(needs, json_object_new_string(what));
}

void conversion_need(struct conversion *conversion, const char *what)
{
    dataset_need(conversion->line, what);
}

void conversion_need_image(struct conversion *conversion, struct error *err)
{
    _cleanup_(free_ptr) char *what =
        xasprintf("image: a verifier image with its tests: %s", err->message);

    conversion_need(conversion, what);
    error_clear(err);
}

/* --- what all formats have ------------------------------------------------------------------- */

static void copy(struct conversion *conversion, const char *ours, const char *theirs)
{
    json_object *value = row_value(conversion->row, theirs);

    if (value)
        json_add(conversion->line, ours, value);
}

static void copy_fields(struct conversion *conversion)
{
    static const char *const same[] = {
        "repo",       "instance_id",       "base_commit", "patch",
        "test_patch", "problem_statement", "hints_text",  "environment_setup_commit",
        "language"};

    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        copy(conversion, same[i], same[i]);
    for (size_t i = 0; i < RENAMED_MOST && conversion->format->renamed[i].ours; i++)
        copy(conversion, conversion->format->renamed[i].ours,
             conversion->format->renamed[i].theirs);
}

/* Their words for a language. */
static void rename_language(struct conversion *conversion)
{
    static const struct {
        const char *theirs, *ours;
    } words[] = {{"js", "javascript"}, {"ts", "typescript"}, {"py", "python"}, {"cpp", "c++"},
                 {"cs", "csharp"},     {"rs", "rust"},       {"rb", "ruby"},   {"golang", "go"}};
    const char *given = json_get_text(conversion->line, "language");
    _cleanup_(free_ptr) char *word = xstrdup(given ? given : conversion->format->language);

    for (char *at = word; at && *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    for (size_t i = 0; word && i < ARRAY_SIZE(words); i++) {
        if (strcmp(word, words[i].theirs) == 0) {
            json_add_text(conversion->line, "language", words[i].ours);
            return;
        }
    }
    if (word)
        json_add_text(conversion->line, "language", word);
}

/* A text stays; a number is milliseconds since 1970. Other texts are their makers' own. */
static void copy_time(struct conversion *conversion)
{
    _cleanup_(json_release) json_object *value = row_value(conversion->row, "created_at");
    int64_t when;

    if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double)) {
        when = json_object_get_int64(value);
        if (when > 0 && when < INT64_C(253402300800000))
            json_add_time(conversion->line, "created_at", when * 1000);
    } else if (json_object_is_type(value, json_type_string) &&
               clock_parse(json_object_get_string(value), &when) == 0) {
        json_add(conversion->line, "created_at", json_object_get(value));
    }
}

static int copy_lists(struct conversion *conversion, struct error *err)
{
    static const struct {
        const char *ours, *theirs;
    } lists[] = {{"fail_to_pass", "FAIL_TO_PASS"},
                 {"pass_to_pass", "PASS_TO_PASS"},
                 {"fail_to_fail", "FAIL_TO_FAIL"}};

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        bool lower = !row_has(conversion->row, lists[i].theirs);
        json_object *list =
            dataset_list(conversion->row, lower ? lists[i].ours : lists[i].theirs, err);

        if (!list)
            return -1;
        json_add(conversion->line, lists[i].ours, list);
    }
    return 0;
}

/* Registries have lower case only, up to the tag. */
static char *image_reference(const struct conversion *conversion)
{
    const struct dataset_format *format = conversion->format;
    char *given = format->image ? row_text(conversion->row, format->image) : NULL;
    _cleanup_(free_ptr) char *id = row_text(conversion->row, "instance_id");
    const char *bars = id ? strstr(id, "__") : NULL;
    char *made;

    if (given || !format->image_prefix || !id)
        return given;
    made = bars ? xasprintf("%s%.*s%s%s", format->image_prefix, (int)(bars - id), id,
                            format->image_join, bars + 2)
                : xasprintf("%s%s", format->image_prefix, id);
    for (char *at = made; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    return made;
}

/* --- the tests' command ---------------------------------------------------------------------- */

static void add_argument(const char *path, bool is_new, void *arg)
{
    struct buf *out = arg;

    (void)is_new;
    buf_add_char(out, ' ');
    shell_word(path, out);
}

/* The files of "file.py::Class::test", each once. */
static void add_listed_files(json_object *line, struct buf *out)
{
    _cleanup_(json_release) json_object *seen = json_object_new_object();
    static const char *const lists[] = {"fail_to_pass", "pass_to_pass"};

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        json_object *list = json_object_object_get(line, lists[i]);

        for (size_t k = 0; k < json_object_array_length(list); k++) {
            const char *id = json_object_get_string(json_object_array_get_idx(list, k));
            const char *end = id ? strstr(id, "::") : NULL;
            _cleanup_(free_ptr) char *file = end ? xstrndup(id, (size_t)(end - id)) : NULL;

            if (!file || json_object_object_get_ex(seen, file, NULL))
                continue;
            json_add(seen, file, NULL);
            add_argument(file, false, out);
        }
    }
}

/* NULL: the row does not say. free() it. */
static char *test_commands(struct conversion *conversion)
{
    const struct dataset_format *format = conversion->format;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(free_ptr) char *given = format->command && format->commands != COMMANDS_FIXED
                                          ? row_commands(conversion->row, format->command)
                                          : NULL;
    const char *test_patch = json_get_text(conversion->line, "test_patch");

    switch (format->commands) {
    case COMMANDS_NONE:
        return NULL;
    case COMMANDS_FIELD:
    case COMMANDS_WHOLE:
        if (!given)
            conversion_need(
                conversion,
                "image: a verifier image, as the row names no command that runs its tests");
        return given ? xasprintf("%s\n", given) : NULL;
    case COMMANDS_PATCHED:
        buf_add_str(&text, given ? given : "pytest -rA");
        patch_files(test_patch ? test_patch : "", add_argument, &text);
        break;
    case COMMANDS_OF_LISTS:
        buf_add_str(&text, "pytest -rA");
        add_listed_files(conversion->line, &text);
        break;
    case COMMANDS_FIXED:
        buf_add_str(&text, format->command);
        break;
    case COMMANDS_OF_REPO:
        free(TAKE_PTR(given));
        given = swe_bench_commands(conversion);
        if (!given)
            return NULL;
        buf_add_str(&text, given);
        break;
    }
    buf_add_char(&text, '\n');
    return buf_take(&text);
}

/* Does a JUnit report come of the commands? */
static bool leaves_report(const struct conversion *conversion, const char *commands)
{
    return strstr(commands, "pytest") || json_get_text(conversion->line, "log_parser");
}

static bool lays_patch(const struct dataset_format *format)
{
    return format->commands == COMMANDS_WHOLE || format->commands == COMMANDS_FIXED;
}

static int add_verifier(struct conversion *conversion, struct error *err)
{
    const struct dataset_format *format = conversion->format;
    _cleanup_(free_ptr) char *commands = test_commands(conversion);
    _cleanup_(free_ptr) char *script = row_text(conversion->row, "f2p_script");
    _cleanup_(buf_release) struct buf command = BUF_INIT;
    const struct verifier_plan plan = {
        .prepare = format->prepare,
        .base_commit = json_get_text(conversion->line, "base_commit"),
        .test_patch = lays_patch(format) ? NULL : json_get_text(conversion->line, "test_patch"),
        .script_path = "test_fail_to_pass.py",
        .script = script,
        .commands = commands,
    };

    if (!commands)
        return 0;
    if (!leaves_report(conversion, commands))
        conversion_need(conversion,
                        "log_parser: its commands write a log only, and the row names no known "
                        "parser that reads it");
    if (verifier_command(&plan, &command, err) < 0)
        conversion_need_image(conversion, err);
    else
        json_add_text(conversion->line, "verifier_command", command.data);
    return 0;
}

/* --- the table ------------------------------------------------------------------------------- */

/* The first whose marks a row has is its format; the plain one takes what is left. */
static const struct dataset_format formats[] = {
    {.name = "task-folder", .marks = {"task_folder", "task_json"}, .whole = task_row_own},
    {.name = "harbor", .marks = {"task_folder", "task_toml"}, .whole = task_row_harbor},
    {.name = "swe-bench-5",
     .marks = {"eval_script", "instance_id"},
     .image = "image",
     .repo_path = TESTBED,
     .commands = COMMANDS_WHOLE,
     .command = "eval_script",
     .log_parser = "log_parser"},
    {.name = "multi-swe-bench",
     .marks = {"org", "number", "fix_patch"},
     .renamed = {{"patch", "fix_patch"},
                 {"base_commit", "base.sha"},
                 {"language", "lang"},
                 {"problem_statement", "title"}},
     .setup = "rm -rf /home/fix.patch /home/test.patch /home/fix-run.sh /home/test-run.sh\n",
     .commands = COMMANDS_FIXED,
     .command = "rm -f /home/fix.patch\nbash /home/test-run.sh",
     .finish = finish_multi},
    {.name = "swe-bench-pro",
     .marks = {"dockerhub_tag", "before_repo_set_cmd"},
     .renamed = {{"language", "repo_language"}},
     .repo_path = "/app",
     .finish = finish_pro},
    {.name = "r2e-gym",
     .marks = {"expected_output_json", "commit_hash"},
     .renamed = {{"repo", "repo_name"}, {"base_commit", "commit_hash"}},
     .image = "docker_image",
     .language = "python",
     .repo_path = TESTBED,
     .setup = "rm -rf /r2e_tests r2e_tests\n",
     .commands = COMMANDS_FIXED,
     .command = R2E_COMMAND,
     .exact = true,
     .finish = finish_r2e},
    {.name = "scale-swe",
     .marks = {"image_url", "parent_commit"},
     .renamed = {{"base_commit", "parent_commit"},
                 {"test_patch", "f2p_patch"},
                 {"repo_path", "workdir"}},
     .image = "image_url",
     .commands = COMMANDS_OF_LISTS,
     .finish = finish_scale},
    {.name = "swe-rebench-v2",
     .marks = {"install_config", "image_name"},
     .image = "image_name",
     .commands = COMMANDS_FIELD,
     .command = "install_config.test_cmd",
     .log_parser = "install_config.log_parser",
     .finish = finish_rebench_2},
    {.name = "swe-rebench",
     .marks = {"install_config", "instance_id"},
     .image = "docker_image",
     .image_prefix = "swerebench/sweb.eval.x86_64.",
     .image_join = "_1776_",
     .repo_path = TESTBED,
     .prepare = CONDA,
     .commands = COMMANDS_PATCHED,
     .command = "install_config.test_cmd",
     .log_parser = "install_config.log_parser"},
    {.name = "swe-bench-live",
     .marks = {"test_cmds", "instance_id"},
     .image = "docker_image",
     .image_prefix = "starryzhang/sweb.eval.x86_64.",
     .image_join = "_1776_",
     .repo_path = TESTBED,
     .commands = COMMANDS_FIELD,
     .command = "test_cmds",
     .log_parser = "log_parser"},
    {.name = "swe-smith",
     .marks = {"image_name", "patch", "instance_id"},
     .lacks = "base_commit",
     .image = "image_name",
     .repo_path = TESTBED,
     .prepare = CONDA,
     .commands = COMMANDS_OF_LISTS,
     .finish = finish_smith},
    {.name = "swe-gym", /* looks like SWE-bench: by name only */
     .image_prefix = "xingyaoww/sweb.eval.x86_64.",
     .image_join = "_s_",
     .repo_path = TESTBED,
     .prepare = CONDA,
     .commands = COMMANDS_PATCHED},
    {.name = "swe-bench-4",
     .is_one = swe_bench_is_published,
     .image_prefix = "swebench/sweb.eval.x86_64.",
     .image_join = "_1776_",
     .repo_path = TESTBED,
     .prepare = CONDA,
     .commands = COMMANDS_OF_REPO,
     .finish = finish_swe_bench},
    {.name = "swe-bench"},
};

#define PLAIN (&formats[ARRAY_SIZE(formats) - 1])

const struct dataset_format *dataset_format_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    }
    return NULL;
}

static bool has_marks(const struct dataset_format *format, json_object *row)
{
    if (format->is_one)
        return format->is_one(row);
    for (size_t i = 0; i < MARKS_MOST && format->marks[i]; i++) {
        if (!json_object_object_get_ex(row, format->marks[i], NULL))
            return false;
    }
    return format->marks[0] && !(format->lacks && row_has(row, format->lacks));
}

const struct dataset_format *dataset_format_of(json_object *row, bool own_images)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (json_object_is_type(row, json_type_object) && has_marks(&formats[i], row))
            return formats[i].is_one && own_images ? PLAIN : &formats[i];
    }
    return PLAIN;
}

const struct dataset_format *dataset_format_for(const struct dataset_format *told, json_object *row)
{
    return told->is_one && !told->is_one(row) ? PLAIN : told;
}

bool dataset_format_was_plain(const struct dataset_format *format)
{
    return format->is_one != NULL;
}

const char *dataset_format_name(const struct dataset_format *format)
{
    return format->name;
}

bool dataset_format_is_plain(const struct dataset_format *format)
{
    return format == PLAIN;
}

void dataset_format_list(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        buf_addf(out, "%s%s", i ? ", " : "", formats[i].name);
}

static void add_reference(struct conversion *conversion)
{
    _cleanup_(free_ptr) char *reference = image_reference(conversion);

    if (reference)
        json_add_text(conversion->line, "image_reference", reference);
}

/* What needs another one is told. */
static void add_log_parser(struct conversion *conversion)
{
    _cleanup_(free_ptr) char *parser = row_text(conversion->row, conversion->format->log_parser);
    const char *own =
        parser ? swe_bench_parser(parser, json_get_text(conversion->line, "instance_id")) : NULL;

    if (own)
        json_add_text(conversion->line, "log_parser", own);
}

static int convert(struct conversion *conversion, struct error *err)
{
    const struct dataset_format *format = conversion->format;

    if (format->whole)
        return format->whole(conversion->row, conversion->line, err);
    copy_fields(conversion);
    rename_language(conversion);
    copy_time(conversion);
    if (copy_lists(conversion, err) < 0)
        return -1;
    if (format->repo_path)
        json_add_text(conversion->line, "repo_path", format->repo_path);
    add_reference(conversion);
    if (format->log_parser)
        add_log_parser(conversion);
    if (format->setup)
        json_add_text(conversion->line, "setup_command", format->setup);
    if (format->exact)
        json_add_bool(conversion->line, "exact_outcomes", true);
    if (format->finish && format->finish(conversion, err) < 0)
        return -1;
    return add_verifier(conversion, err);
}

int dataset_convert(const struct dataset_format *format, json_object *row, json_object **ret_line,
                    struct error *err)
{
    _cleanup_(json_release) json_object *line = json_object_new_object();
    struct conversion conversion = {.format = format, .row = row, .line = line};

    if (!json_object_is_type(row, json_type_object))
        return error_set(err, ERROR_INVALID, NULL, "must be an object");
    if (format == PLAIN) {
        *ret_line = json_object_get(row);
        return 0;
    }
    if (convert(&conversion, err) < 0)
        return -1;
    *ret_line = json_object_get(line);
    return 0;
}
