#include "dataset/formats.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/patch.h"
#include "dataset/python_literal.h"
#include "dataset/task_rows.h"
#include "dataset/verifier_command.h"
#include "grade/log_names.h"

#include "base/banned.h"

#define MARKS_MOST 4
#define RENAMED_MOST 6

/* Where the tests' commands are. */
enum commands {
    COMMANDS_NONE,     /* in no field of the row */
    COMMANDS_FIELD,    /* in format->command */
    COMMANDS_WHOLE,    /* there; they lay the tests' patch, too */
    COMMANDS_PATCHED,  /* there, else pytest; the files of the tests' patch are its arguments */
    COMMANDS_OF_LISTS, /* pytest, on the files that the lists of tests name */
    COMMANDS_FIXED,    /* format->command itself; they lay the tests' patch, too */
};

struct conversion {
    const struct dataset_format *format;
    json_object *row, *line;
};

struct dataset_format {
    const char *name;
    const char *marks[MARKS_MOST]; /* a row has all of these fields */
    const char *lacks;             /* and not this one; NULL: whatever */
    struct {
        const char *ours, *theirs;
    } renamed[RENAMED_MOST];
    const char *image;        /* the field with the registry's reference; NULL: none */
    const char *image_prefix; /* else it is this, and the instance_id with */
    const char *image_join;   /* this in place of its "__" */
    const char *language;     /* of rows that name none; NULL: guessed from their patches */
    const char *repo_path;
    const char *setup;   /* shell, before a session is ready; NULL: none */
    const char *prepare; /* shell, before the tests */
    enum commands commands;
    bool exact; /* the tests of fail_to_fail must fail */
    const char *command;
    const char *log_parser; /* the field with its name */
    /* Makes the line, in place of all that this table can say; else NULL. */
    int (*whole)(json_object *row, json_object *line, struct error *err);
    /* What the table can't say; may be NULL. */
    int (*finish)(struct conversion *conversion, struct error *err);
};

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

/* --- reading a row --------------------------------------------------------------------------- */

/* What a text holds, where it holds an array or an object; else the value itself. The caller's. */
static json_object *opened(json_object *value)
{
    struct error ignored = ERROR_INIT;
    json_object *inner = NULL;
    const char *text;
    size_t length;

    if (!json_object_is_type(value, json_type_string))
        return json_object_get(value);
    text = json_object_get_string(value);
    length = (size_t)json_object_get_string_len(value);
    if (text[strspn(text, " \t\r\n")] && strchr("[{(", text[strspn(text, " \t\r\n")]) &&
        (json_parse(text, length, &inner, NULL, &ignored) == 0 ||
         python_literal_parse(text, length, &inner, &ignored) == 0))
        return inner;
    return json_object_get(value);
}

/* path: "base.sha". NULL where it is absent or null. The caller's. */
static json_object *value_at(json_object *row, const char *path)
{
    _cleanup_(json_release) json_object *object = json_object_get(row);

    while (object) {
        size_t length = strcspn(path, ".");
        _cleanup_(free_ptr) char *name = xstrndup(path, length);
        json_object *member = NULL;

        if (json_object_is_type(object, json_type_object))
            json_object_object_get_ex(object, name, &member);
        if (!path[length])
            return json_object_get(member);
        path += length + 1;
        member = opened(member);
        json_object_put(object);
        object = member;
    }
    return NULL;
}

static bool has(json_object *row, const char *path)
{
    _cleanup_(json_release) json_object *value = value_at(row, path);

    return value != NULL;
}

/* NULL where it is absent, empty or no text. free() it. */
static char *text_at(json_object *row, const char *path)
{
    _cleanup_(json_release) json_object *value = value_at(row, path);

    return json_object_is_type(value, json_type_string) && json_object_get_string_len(value) > 0
               ? xstrdup(json_object_get_string(value))
               : NULL;
}

json_object *dataset_list(json_object *row, const char *field, struct error *err)
{
    _cleanup_(json_release) json_object *value = value_at(row, field);
    json_object *list = NULL;

    if (json_object_is_type(value, json_type_string)) {
        const char *text = json_object_get_string(value);
        size_t length = (size_t)json_object_get_string_len(value);
        struct error ignored = ERROR_INIT;

        if (length == 0)
            return json_object_new_array();
        if (json_parse(text, length, &list, NULL, &ignored) < 0 &&
            python_literal_parse(text, length, &list, err) < 0) {
            error_wrap(err, "%s: the text holds no list", field);
            return NULL;
        }
    } else {
        list = json_object_get(value);
    }
    if (!list)
        return json_object_new_array();
    if (json_object_is_type(list, json_type_object)) {
        json_object *keys = json_object_new_array();

        json_object_object_foreach (list, key, ignored) {
            (void)ignored;
            json_object_array_add(keys, json_object_new_string(key));
        }
        json_object_put(list);
        return keys;
    }
    if (!json_object_is_type(list, json_type_array)) {
        json_object_put(list);
        error_set(err, ERROR_INVALID, NULL, "%s: must be a list", field);
        return NULL;
    }
    return list;
}

void dataset_need(json_object *line, const char *what)
{
    json_object *needs = json_object_object_get(line, "needs");

    if (!needs) {
        needs = json_object_new_array();
        json_add(line, "needs", needs);
    }
    json_object_array_add(needs, json_object_new_string(what));
}

static void need(struct conversion *conversion, const char *what)
{
    dataset_need(conversion->line, what);
}

/* --- what all formats have ------------------------------------------------------------------- */

static void copy(struct conversion *conversion, const char *ours, const char *theirs)
{
    json_object *value = value_at(conversion->row, theirs);

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
    _cleanup_(json_release) json_object *value = value_at(conversion->row, "created_at");
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
        bool lower = !has(conversion->row, lists[i].theirs);
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
    char *given = format->image ? text_at(conversion->row, format->image) : NULL;
    _cleanup_(free_ptr) char *id = text_at(conversion->row, "instance_id");
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

/* A text or a list of them, a line each. free() it; NULL: there are none. */
static char *commands_at(json_object *row, const char *path)
{
    _cleanup_(json_release) json_object *value = value_at(row, path);
    _cleanup_(json_release) json_object *list = opened(value);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (!json_object_is_type(list, json_type_array))
        return text_at(row, path);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_string))
            buf_addf(&text, "%s%s", text.length ? "\n" : "", json_object_get_string(item));
    }
    return text.length ? buf_take(&text) : NULL;
}

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
                                          ? commands_at(conversion->row, format->command)
                                          : NULL;
    const char *test_patch = json_get_text(conversion->line, "test_patch");

    switch (format->commands) {
    case COMMANDS_NONE:
        return NULL;
    case COMMANDS_FIELD:
    case COMMANDS_WHOLE:
        if (!given)
            need(conversion,
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

/* A sample whose tests can't be run by a command can be read all the same. */
static void need_image(struct conversion *conversion, struct error *err)
{
    _cleanup_(free_ptr) char *what =
        xasprintf("image: a verifier image with its tests: %s", err->message);

    need(conversion, what);
    error_clear(err);
}

static int add_verifier(struct conversion *conversion, struct error *err)
{
    const struct dataset_format *format = conversion->format;
    _cleanup_(free_ptr) char *commands = test_commands(conversion);
    _cleanup_(free_ptr) char *script = text_at(conversion->row, "f2p_script");
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
        need(conversion, "log_parser: its commands write a log only, and the row names no known "
                         "parser that reads it");
    if (verifier_command(&plan, &command, err) < 0)
        need_image(conversion, err);
    else
        json_add_text(conversion->line, "verifier_command", command.data);
    return 0;
}

/* --- formats that need more than the table --------------------------------------------------- */

/* The row's patch makes the bug. */
static int finish_smith(struct conversion *conversion, struct error *err)
{
    const char *patch = json_get_text(conversion->line, "patch");
    _cleanup_(buf_release) struct buf gold = BUF_INIT;
    _cleanup_(free_ptr) char *repo = text_at(conversion->row, "repo");
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

/* Of the languages whose repositories have one runner. */
static void add_parser_of_language(struct conversion *conversion)
{
    const char *language = json_get_text(conversion->line, "language");

    if (language && strcmp(language, "go") == 0)
        json_add_text(conversion->line, "log_parser", "go");
    else if (language && strcmp(language, "rust") == 0)
        json_add_text(conversion->line, "log_parser", "cargo");
}

/* An id of their own; issues in a list; tests by what became of them. */
static int finish_multi(struct conversion *conversion, struct error *err)
{
    static const char *const to_pass[] = {"f2p_tests", "s2p_tests", "n2p_tests"};
    _cleanup_(json_release) json_object *issues = value_at(conversion->row, "resolved_issues");
    _cleanup_(json_release) json_object *number = value_at(conversion->row, "number");
    _cleanup_(free_ptr) char *org = text_at(conversion->row, "org");
    _cleanup_(free_ptr) char *repo = text_at(conversion->row, "repo");
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
    if (!has(conversion->row, "instance_id"))
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
    add_parser_of_language(conversion);
    return 0;
}

/* An id that is made of name and commit; what each test is to come to, in one object. */
static int finish_r2e(struct conversion *conversion, struct error *err)
{
    _cleanup_(json_release) json_object *raw = value_at(conversion->row, "expected_output_json");
    _cleanup_(json_release) json_object *expected = opened(raw);
    _cleanup_(free_ptr) char *repo = text_at(conversion->row, "repo_name");
    _cleanup_(free_ptr) char *commit = text_at(conversion->row, "commit_hash");
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
static int finish_scale(struct conversion *conversion, struct error *err)
{
    _cleanup_(free_ptr) char *user = text_at(conversion->row, "user");
    _cleanup_(free_ptr) char *repo = text_at(conversion->row, "repo");
    _cleanup_(free_ptr) char *before = commands_at(conversion->row, "pre_commands");
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
    _cleanup_(free_ptr) char *before = text_at(conversion->row, "before_repo_set_cmd");
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

static int finish_pro(struct conversion *conversion, struct error *err)
{
    _cleanup_(free_ptr) char *tag = text_at(conversion->row, "dockerhub_tag");
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
        need_image(conversion, err);
    else
        json_add_text(conversion->line, "verifier_command", command.data);
    if (setup.length > 0)
        json_add_text(conversion->line, "setup_command", setup.data);
    json_add_text(conversion->line, "log_parser", "named-json");
    json_add(conversion->line, "report_paths", json_tokener_parse("[\"" PRO_REPORT "\"]"));
    need(conversion, "scripts: the run_script.sh and parser.py that are published for it beside "
                     "the data set (run_scripts/INSTANCE_ID)");
    return 0;
}

/* The folder is named after the repository. */
static int finish_rebench_2(struct conversion *conversion, struct error *err)
{
    _cleanup_(free_ptr) char *repo = text_at(conversion->row, "repo");
    const char *slash = repo ? strchr(repo, '/') : NULL;
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    (void)err;
    if (slash) {
        buf_addf(&path, "/%s", slash + 1);
        json_add_text(conversion->line, "repo_path", path.data);
    }
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
    for (size_t i = 0; i < MARKS_MOST && format->marks[i]; i++) {
        if (!json_object_object_get_ex(row, format->marks[i], NULL))
            return false;
    }
    return format->marks[0] && !(format->lacks && has(row, format->lacks));
}

const struct dataset_format *dataset_format_of(json_object *row)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (json_object_is_type(row, json_type_object) && has_marks(&formats[i], row))
            return &formats[i];
    }
    return PLAIN;
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

static int convert(struct conversion *conversion, struct error *err)
{
    const struct dataset_format *format = conversion->format;
    _cleanup_(free_ptr) char *reference = image_reference(conversion);
    _cleanup_(free_ptr) char *parser =
        format->log_parser ? text_at(conversion->row, format->log_parser) : NULL;

    if (format->whole)
        return format->whole(conversion->row, conversion->line, err);
    copy_fields(conversion);
    rename_language(conversion);
    copy_time(conversion);
    if (copy_lists(conversion, err) < 0)
        return -1;
    if (format->repo_path)
        json_add_text(conversion->line, "repo_path", format->repo_path);
    if (reference)
        json_add_text(conversion->line, "image_reference", reference);
    if (parser && log_parser_name(parser)) /* what needs another one is told */
        json_add_text(conversion->line, "log_parser", log_parser_name(parser));
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
