#include "ctl/sample_line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/glob.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/sample_trial.h"
#include "ctl/spelling.h"
#include "grade/log_names.h"
#include "images/reference.h"
#include "store/samples.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"
#define IMAGE_NAME_MOST 63
#define LANGUAGE_MOST 32
#define PATH_MOST 255
#define COMMAND_MOST 60000
#define TEXT_MOST 60000 /* of a TEXT column */
#define COMMIT_MOST 128
#define TESTS_MOST 200000
#define TEST_NAME_MOST 8192
#define REPORT_PATHS_MOST 64
#define RESTORE_MOST 64
#define LOG_PARSER_MOST 60
#define VERIFY_TIMEOUT_MOST 86400
#define NEEDS_MOST 16
#define NEED_MOST 2000 /* bytes of each */

static int wrong(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int wrong(struct error *err, const char *format, ...)
{
    char message[400];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return error_set(err, ERROR_INVALID, NULL, "%s", message);
}

static const char *kind_of(json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return "null";
    case json_type_boolean:
        return "a boolean";
    case json_type_double:
    case json_type_int:
        return "a number";
    case json_type_object:
        return "an object";
    case json_type_array:
        return "an array";
    case json_type_string:
        return "a string";
    }
    return "something else";
}

/* --- texts ----------------------------------------------------------------------------------- */

enum text_kind {
    TEXT_ANY,   /* any text without NUL */
    TEXT_LINE,  /* and without control characters */
    TEXT_ID,    /* a path segment: no slash, no blank */
    TEXT_PATH,  /* absolute, clean */
    TEXT_IMAGE, /* an image's name */
    TEXT_LANGUAGE,
    TEXT_VERIFIER /* one of the API's words */
};

struct text_field {
    const char *name;
    size_t offset;
    const char *fallback; /* NULL: must be there, unless `optional` */
    bool optional;        /* absent is NULL */
    enum text_kind kind;
    size_t least, most; /* bytes */
};

#define AT(member) offsetof(struct sample_line, member)

static const struct text_field text_fields[] = {
    {"instance_id", AT(instance_id), NULL, false, TEXT_ID, 1, SAMPLE_ID_MAX},
    {"repo", AT(repo), NULL, false, TEXT_LINE, 1, 255},
    {"base_commit", AT(base_commit), "", false, TEXT_LINE, 0, COMMIT_MOST},
    {"environment_setup_commit", AT(environment_setup_commit), NULL, true, TEXT_LINE, 0,
     COMMIT_MOST},
    {"patch", AT(patch), "", false, TEXT_ANY, 0, SAMPLE_LINE_MOST},
    {"test_patch", AT(test_patch), "", false, TEXT_ANY, 0, SAMPLE_LINE_MOST},
    {"non_code_patch", AT(non_code_patch), "", false, TEXT_ANY, 0, SAMPLE_LINE_MOST},
    {"problem_statement", AT(problem_statement), NULL, false, TEXT_ANY, 1, SAMPLE_LINE_MOST},
    {"hints_text", AT(hints_text), "", false, TEXT_ANY, 0, SAMPLE_LINE_MOST},
    {"sample_id", AT(sample_id), NULL, true, TEXT_ID, 1, SAMPLE_ID_MAX},
    {"description", AT(description), NULL, true, TEXT_ANY, 0, TEXT_MOST},
    {"version_description", AT(version_description), NULL, true, TEXT_ANY, 0, TEXT_MOST},
    {"language", AT(language), NULL, true, TEXT_LANGUAGE, 1, LANGUAGE_MOST},
    {"verifier", AT(verifier), "test_suite", false, TEXT_VERIFIER, 1, 32},
    {"verifier_command", AT(verifier_command), "/verifier.sh", false, TEXT_ANY, 1, COMMAND_MOST},
    {"solution", AT(solution), NULL, true, TEXT_ANY, 1, SAMPLE_LINE_MOST},
    {"setup_command", AT(setup_command), NULL, true, TEXT_ANY, 1, COMMAND_MOST},
    {"log_parser", AT(log_parser), NULL, true, TEXT_LINE, 1, LOG_PARSER_MOST},
    {"image", AT(image), NULL, true, TEXT_IMAGE, 1, IMAGE_NAME_MOST},
    {"verifier_image", AT(verifier_image), NULL, true, TEXT_IMAGE, 1, IMAGE_NAME_MOST},
};

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

int sample_check_image(const char *field, const char *name, struct error *err)
{
    if (!name[0] || !strchr(LOWER_DIGITS, name[0]) || strlen(name) > IMAGE_NAME_MOST ||
        name[strspn(name, LOWER_DIGITS "._-")])
        return wrong(err,
                     "%s: not a valid image name; use a-z, 0-9, '.', '_' and '-', starting with a "
                     "letter or digit, at most %d characters",
                     field, IMAGE_NAME_MOST);
    return 0;
}

int sample_check_dataset(const char *name, struct error *err)
{
    if (!name[0] || !strchr(LETTERS_DIGITS, name[0]) || strlen(name) > DATASET_NAME_MAX ||
        name[strspn(name, LETTERS_DIGITS "._+-")])
        return wrong(err,
                     "not a valid data set name; use letters, digits, '.', '_', '+' and '-', "
                     "starting with a letter or digit, at most %d characters",
                     DATASET_NAME_MAX);
    return 0;
}

static int check_id(const char *field, const char *text, struct error *err)
{
    if (!strchr(LETTERS_DIGITS, text[0]) || text[strspn(text, LETTERS_DIGITS "._+@:~-")])
        return wrong(err,
                     "%s: not a valid name; it is part of a URL, so use letters, digits and "
                     "\"._+@:~-\", starting with a letter or digit",
                     field);
    return 0;
}

static int check_path(const char *field, const char *path, struct error *err)
{
    size_t length = strlen(path);

    if (path[0] != '/' || length < 2 || length > PATH_MOST || has_control(path) ||
        path[length - 1] == '/' || strstr(path, "//") || strstr(path, "/../") ||
        strstr(path, "/./") || strcmp(path + length - 2, "/.") == 0 ||
        (length > 2 && strcmp(path + length - 3, "/..") == 0))
        return wrong(err,
                     "%s: must be an absolute path without '.', '..' or a trailing slash, at most "
                     "%d bytes",
                     field, PATH_MOST);
    return 0;
}

int sample_check_folder(const char *field, const char *path, struct error *err)
{
    return check_path(field, path, err);
}

int sample_check_language(const char *field, const char *word, struct error *err)
{
    if (!word[0] || strlen(word) > LANGUAGE_MOST || word[strspn(word, LOWER_DIGITS "+#-")])
        return wrong(err,
                     "%s: not a language's name; use a-z, 0-9, '+', '#' and '-', at most %d "
                     "characters",
                     field, LANGUAGE_MOST);
    return 0;
}

static int check_verifier(const char *text, struct error *err)
{
    static const char *const words[] = {"test_suite", "static_analysis", "linter", "custom"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(text, words[i]) == 0)
            return 0;
    }
    return wrong(err, "verifier: must be one of test_suite, static_analysis, linter, custom");
}

static int check_text(const struct text_field *field, const char *text, struct error *err)
{
    switch (field->kind) {
    case TEXT_ANY:
        return 0;
    case TEXT_LINE:
        return has_control(text) ? wrong(err, "%s: contains a control character", field->name) : 0;
    case TEXT_ID:
        return check_id(field->name, text, err);
    case TEXT_PATH:
        return check_path(field->name, text, err);
    case TEXT_IMAGE:
        return sample_check_image(field->name, text, err);
    case TEXT_LANGUAGE:
        return sample_check_language(field->name, text, err);
    case TEXT_VERIFIER:
        return check_verifier(text, err);
    }
    return -1;
}

static int read_text(json_object *document, const struct text_field *field, const char **place,
                     struct error *err)
{
    json_object *value = NULL;
    const char *text;
    size_t length;

    json_object_object_get_ex(document, field->name, &value);
    if (!value) {
        if (!field->fallback && !field->optional)
            return wrong(err, "%s: missing", field->name);
        *place = field->fallback;
        return 0;
    }
    if (!json_object_is_type(value, json_type_string))
        return wrong(err, "%s: must be a string, not %s", field->name, kind_of(value));
    text = json_object_get_string(value);
    length = (size_t)json_object_get_string_len(value);
    if (memchr(text, '\0', length))
        return wrong(err, "%s: contains a NUL character", field->name);
    if (length < field->least)
        return wrong(err, "%s: must not be empty", field->name);
    if (length > field->most)
        return wrong(err, "%s: too long: %zu bytes; the limit is %zu", field->name, length,
                     field->most);
    *place = text;
    return check_text(field, text, err);
}

static int read_texts(struct sample_line *line, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++) {
        const struct text_field *field = &text_fields[i];
        const char **place = (const char **)(void *)((char *)line + field->offset);

        if (read_text(line->document, field, place, err) < 0)
            return -1;
    }
    return 0;
}

/* --- lists ----------------------------------------------------------------------------------- */

static int check_items(const char *name, json_object *list, size_t most, size_t item_most,
                       struct error *err)
{
    size_t count = json_object_array_length(list);

    if (count > most)
        return wrong(err, "%s: too many entries: %zu; the limit is %zu", name, count, most);
    for (size_t i = 0; i < count; i++) {
        json_object *item = json_object_array_get_idx(list, i);
        size_t length;

        if (!json_object_is_type(item, json_type_string))
            return wrong(err, "%s: entry %zu must be a string, not %s", name, i + 1, kind_of(item));
        length = (size_t)json_object_get_string_len(item);
        if (length == 0 || length > item_most || memchr(json_object_get_string(item), 0, length))
            return wrong(err, "%s: entry %zu is empty, longer than %zu bytes, or contains a NUL",
                         name, i + 1, item_most);
    }
    return 0;
}

/* An array, or, in SWE-bench's first dialect, a string that holds one; absent is empty. */
static int read_list(json_object *document, const char *name, const char *other, size_t most,
                     size_t item_most, char **ret_list, struct error *err)
{
    json_object *value = NULL, *second = NULL;
    _cleanup_(json_release) json_object *parsed = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    json_object_object_get_ex(document, name, &value);
    if (other && json_object_object_get_ex(document, other, &second) && value && second)
        return wrong(err, "both %s and %s are given; keep one", name, other);
    if (!value && second) {
        value = second;
        name = other;
    }
    if (json_object_is_type(value, json_type_string)) {
        if (json_parse(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                       &parsed, NULL, err) < 0)
            return error_wrap(err, "%s: the string does not hold an array", name);
        value = parsed;
    }
    if (!value) {
        *ret_list = xstrdup("[]");
        return 0;
    }
    if (!json_object_is_type(value, json_type_array))
        return wrong(err, "%s: must be an array of strings, not %s", name, kind_of(value));
    if (check_items(name, value, most, item_most, err) < 0)
        return -1;
    json_write(&text, value);
    *ret_list = buf_take(&text);
    return 0;
}

/* Globs below the repository's folder. One that can match nothing would make every verdict an
 * error. */
static int check_report_paths(const char *list, struct error *err)
{
    _cleanup_(json_release) json_object *paths = json_tokener_parse(list);
    _cleanup_(glob_list_release) struct glob_list patterns = {0};

    for (size_t i = 0; i < json_object_array_length(paths); i++) {
        const char *path = json_object_get_string(json_object_array_get_idx(paths, i));

        if (glob_list_add(&patterns, path, err) < 0)
            return error_wrap(err, "report_paths: entry %zu", i + 1);
    }
    return 0;
}

static bool is_kind(const char *text)
{
    static const char *const kinds[] = {AGENT_KIND_COMPILED, AGENT_KIND_LINK, AGENT_KIND_STARTUP,
                                        AGENT_KIND_ENTRY};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(text, kinds[i]) == 0)
            return true;
    return false;
}

/* What does not count of a change: kinds of files, names anywhere, or paths below the repository;
 * with "!" what counts all the same. */
static int check_restore(const char *list, struct error *err)
{
    _cleanup_(json_release) json_object *patterns = json_tokener_parse(list);

    for (size_t i = 0; i < json_object_array_length(patterns); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(patterns, i));
        const char *pattern = text + (text[0] == '!');

        pattern += pattern[0] == '/';
        if (pattern[0] == '@' && !strchr(pattern, '/') && text[0] != '/' && !is_kind(text))
            return wrong(err,
                         "restore: entry %zu: there is no kind '%.60s', the kinds "
                         "are " AGENT_KIND_COMPILED ", " AGENT_KIND_LINK ", " AGENT_KIND_STARTUP
                         " and " AGENT_KIND_ENTRY ", without '!'; if it is meant to be a name, "
                         "write [@] in place of @",
                         i + 1, text);
        if (!path_is_below(pattern) || strstr(pattern, "**") || has_control(pattern))
            return wrong(err,
                         "restore: entry %zu: must be a name, or a path below the repository's "
                         "folder, without a slash at its end, '..' or '**' (a folder's pattern "
                         "counts for all that is in it); '!' goes before it, and '/' makes a name "
                         "a path",
                         i + 1);
    }
    return 0;
}

static int read_lists(struct sample_line *line, struct error *err)
{
    if (read_list(line->document, "fail_to_pass", "FAIL_TO_PASS", TESTS_MOST, TEST_NAME_MOST,
                  &line->fail_to_pass, err) < 0 ||
        read_list(line->document, "pass_to_pass", "PASS_TO_PASS", TESTS_MOST, TEST_NAME_MOST,
                  &line->pass_to_pass, err) < 0 ||
        read_list(line->document, "fail_to_fail", "FAIL_TO_FAIL", TESTS_MOST, TEST_NAME_MOST,
                  &line->fail_to_fail, err) < 0 ||
        read_list(line->document, "held_out", NULL, TESTS_MOST, TEST_NAME_MOST, &line->held_out,
                  err) < 0 ||
        read_list(line->document, "report_paths", NULL, REPORT_PATHS_MOST, PATH_MOST,
                  &line->report_paths, err) < 0 ||
        read_list(line->document, "restore", NULL, RESTORE_MOST, PATH_MOST, &line->restore, err) <
            0)
        return -1;
    if (read_list(line->document, "needs", NULL, NEEDS_MOST, NEED_MOST, &line->needs, err) < 0)
        return -1;
    if (strcmp(line->needs, "[]") == 0)
        free(TAKE_PTR(line->needs));
    return check_restore(line->restore, err) < 0 ? -1 : check_report_paths(line->report_paths, err);
}

/* --- what is left ---------------------------------------------------------------------------- */

static int read_created_at(struct sample_line *line, struct error *err)
{
    json_object *value = NULL;

    if (!json_object_object_get_ex(line->document, "created_at", &value) || !value)
        return 0;
    if (!json_object_is_type(value, json_type_string) ||
        clock_parse(json_object_get_string(value), &line->created_at) < 0)
        return wrong(err, "created_at: must be a time such as 2022-03-03T15:14:54Z or 2022-03-03 "
                          "15:14:54");
    return 0;
}

static int read_verify_timeout(struct sample_line *line, struct error *err)
{
    json_object *value = NULL;
    int64_t seconds;

    if (!json_object_object_get_ex(line->document, "verify_timeout", &value) || !value)
        return 0;
    seconds = json_object_get_int64(value);
    if (!json_object_is_type(value, json_type_int) || seconds < 1 || seconds > VERIFY_TIMEOUT_MOST)
        return wrong(err, "verify_timeout: must be a whole number of seconds from 1 to %d",
                     VERIFY_TIMEOUT_MOST);
    line->verify_timeout = seconds;
    return 0;
}

/* *ret_truth is untouched where the line has no such field. */
static int read_truth(json_object *document, const char *name, bool *ret_truth, struct error *err)
{
    json_object *value = NULL;

    if (!json_object_object_get_ex(document, name, &value) || !value)
        return 0;
    if (!json_object_is_type(value, json_type_boolean))
        return wrong(err, "%s: must be true or false", name);
    *ret_truth = json_object_get_boolean(value);
    return 0;
}

static int read_truths(struct sample_line *line, struct error *err)
{
    return read_truth(line->document, "hide_verifier_output", &line->hide_verifier_output, err) <
                       0 ||
                   read_truth(line->document, "exact_outcomes", &line->exact_outcomes, err) < 0
               ? -1
               : 0;
}

static int settle_log_parser(struct sample_line *line, const struct sample_defaults *defaults,
                             struct error *err)
{
    const char *given = line->log_parser;

    if (!given) {
        line->log_parser = defaults->log_parser;
        return 0;
    }
    line->log_parser = log_parser_name(given);
    if (line->log_parser)
        return 0;
    return wrong(err, "log_parser: unknown log parser '%.60s'; known are " LOG_PARSER_NAMES, given);
}

char *sample_repo_path(const char *instance_id)
{
    const char *name = strstr(instance_id, "__");
    const char *end = name ? strrchr(name, '-') : NULL;

    if (!end || end - name <= 2)
        return NULL;
    return xasprintf("/%.*s", (int)(end - name - 2), name + 2);
}

static int read_repo_path(struct sample_line *line, const struct sample_defaults *defaults,
                          struct error *err)
{
    static const struct text_field field = {"repo_path", 0, NULL, true, TEXT_PATH, 1, PATH_MOST};
    const char *given;

    if (read_text(line->document, &field, &given, err) < 0)
        return -1;
    if (!given)
        given = defaults->repo_path;
    line->names_no_folder = !given;
    line->repo_path = given ? xstrdup(given) : sample_repo_path(line->instance_id);
    return line->repo_path ? check_path("repo_path", line->repo_path, err) : 0;
}

int sample_line_settle_folder(struct sample_line *line, const char *of_import, const char *workdir,
                              struct error *err)
{
    const char *of_image = of_import;

    if (!of_image && !line->repo_path && workdir && strcmp(workdir, "/") != 0)
        of_image = workdir;
    if (line->names_no_folder && of_image) {
        size_t length = strlen(of_image);

        while (length > 1 && of_image[length - 1] == '/')
            length--;
        free(line->repo_path);
        line->repo_path = xstrndup(of_image, length);
        return check_path("repo_path", line->repo_path, err);
    }
    if (line->repo_path)
        return 0;
    return wrong(err, "repo_path: missing; it can only be left out if instance_id has the form "
                      "OWNER__REPO-N, with --repo-path, or if the image names a folder");
}

/* An image that a registry has is called after its name there, where the line gives it no other. */
static int read_reference(struct sample_line *line, struct error *err)
{
    static const struct text_field field = {"image_reference",   0, NULL, true, TEXT_LINE, 1,
                                            IMAGE_REFERENCE_MOST};
    const char *given;

    if (read_text(line->document, &field, &given, err) < 0)
        return -1;
    if (!given)
        return 0;
    line->image_reference = image_reference_full(given, err);
    return line->image_reference ? 0 : error_wrap(err, "image_reference");
}

static void settle_image(struct sample_line *line, const struct sample_defaults *defaults)
{
    if (!line->image)
        line->image = defaults->image;
    if (!line->image && line->image_reference) {
        line->made_image = image_reference_store_name(line->image_reference);
        line->image = line->made_image;
    }
}

/* --- the language ---------------------------------------------------------------------------- */

#define HEADER "header" /* of C or of C++ */

static const struct {
    const char *suffix;
    const char *language;
} suffixes[] = {
    {".d.ts", NULL}, /* declares what JavaScript does: tells nothing */
    {".py", "python"},      {".java", "java"},      {".js", "javascript"}, {".jsx", "javascript"},
    {".mjs", "javascript"}, {".cjs", "javascript"}, {".ts", "typescript"}, {".tsx", "typescript"},
    {".go", "go"},          {".rs", "rust"},        {".cs", "csharp"},     {".c", "c"},
    {".h", HEADER},         {".cc", "c++"},         {".cpp", "c++"},       {".cxx", "c++"},
    {".hpp", "c++"},        {".hh", "c++"},         {".rb", "ruby"},       {".php", "php"},
};

static const char *language_of(const char *path, size_t length)
{
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        size_t suffix = strlen(suffixes[i].suffix);

        if (length > suffix && memcmp(path + length - suffix, suffixes[i].suffix, suffix) == 0)
            return suffixes[i].language;
    }
    return NULL;
}

static size_t *tally(size_t counts[ARRAY_SIZE(suffixes)], const char *language)
{
    for (size_t i = 0;; i++) {
        if (suffixes[i].language && strcmp(suffixes[i].language, language) == 0)
            return &counts[i];
    }
}

static const char *majority(const char *patch)
{
    size_t counts[ARRAY_SIZE(suffixes)] = {0}, best = 0, *headers;

    for (const char *at = patch; at; at = strchr(at, '\n')) {
        size_t length;
        const char *language;

        at += *at == '\n';
        if (strncmp(at, "+++ ", 4) != 0 && strncmp(at, "--- ", 4) != 0)
            continue;
        length = strcspn(at, "\t\r\n");
        language = language_of(at, length);
        if (language)
            ++*tally(counts, language);
    }
    /* Headers are of the language of the files beside them. */
    headers = tally(counts, HEADER);
    if (*tally(counts, "c++") > 0 || *tally(counts, "c") > 0) {
        *tally(counts, *tally(counts, "c++") > 0 ? "c++" : "c") += *headers;
        *headers = 0;
    }
    for (size_t i = 1; i < ARRAY_SIZE(counts); i++) {
        if (counts[i] > counts[best])
            best = i;
    }
    return counts[best] ? suffixes[best].language : NULL;
}

static bool is_header(const char *language)
{
    return strcmp(language, HEADER) == 0;
}

const char *sample_guess_language(const char *patch, const char *test_patch)
{
    const char *language = majority(patch), *tests;

    if (language && !is_header(language))
        return language;
    tests = majority(test_patch);
    if (tests && !is_header(tests))
        return tests;
    return language || tests ? "c" : NULL;
}

/* A misspelt language would change where reports are looked for, and be shown to users. */
static int check_language(const struct sample_line *line, struct error *err)
{
    static const char *const known[] = {"python", "java", "javascript", "typescript", "go",
                                        "rust",   "c",    "c++",        "csharp",     "ruby",
                                        "php",    "cpp",  "c#",         NULL};
    const char *nearest;

    for (size_t i = 0; known[i]; i++) {
        if (strcmp(line->language, known[i]) == 0)
            return 0;
    }
    if (strcmp(line->verifier, "test_suite") != 0 || strcmp(line->report_paths, "[]") != 0 ||
        line->log_parser)
        return 0;
    nearest = spelling_nearest(line->language, known);
    return wrong(err,
                 "language: unknown language '%s'%s%s%s Known are python, java, javascript, "
                 "typescript, go, rust, c, c++, csharp, ruby and php; samples in another language "
                 "need report_paths or a log_parser",
                 line->language, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                 nearest ? "'?" : ".");
}

static int settle_language(struct sample_line *line, const struct sample_defaults *defaults,
                           struct error *err)
{
    if (!line->language)
        line->language = defaults->language;
    if (!line->language)
        line->language = sample_guess_language(line->patch, line->test_patch);
    if (!line->language)
        return wrong(err,
                     "language: missing, and cannot be guessed from the files that the patches "
                     "change; give it with --language");
    return check_language(line, err);
}

/* --- the whole ------------------------------------------------------------------------------- */

void sample_line_release(struct sample_line *line)
{
    json_object_put(line->document);
    free(line->repo_path);
    free(line->image_reference);
    free(line->made_image);
    free(line->fail_to_pass);
    free(line->pass_to_pass);
    free(line->fail_to_fail);
    free(line->held_out);
    free(line->report_paths);
    free(line->trial);
    free(line->restore);
    free(line->needs);
    free(line->made_command);
    memset(line, 0, sizeof(*line));
}

int sample_line_parse(const char *text, size_t length, const struct sample_defaults *defaults,
                      struct sample_line *ret_line, struct error *err)
{
    _cleanup_(sample_line_release) struct sample_line line = {0};

    if (length > SAMPLE_LINE_MOST)
        return wrong(err, "line too long: more than %zu bytes", SAMPLE_LINE_MOST);
    if (json_parse(text, length, &line.document, NULL, err) < 0)
        return error_wrap(err, "not valid JSON");
    if (!json_object_is_type(line.document, json_type_object))
        return wrong(err, "must be a JSON object, not %s", kind_of(line.document));
    if (read_texts(&line, err) < 0 || read_lists(&line, err) < 0 ||
        read_created_at(&line, err) < 0 || read_verify_timeout(&line, err) < 0 ||
        read_truths(&line, err) < 0 || settle_log_parser(&line, defaults, err) < 0 ||
        sample_trial_read(line.document, &line.trial, err) < 0 ||
        read_repo_path(&line, defaults, err) < 0 || read_reference(&line, err) < 0 ||
        settle_language(&line, defaults, err) < 0)
        return -1;
    if (!line.sample_id)
        line.sample_id = line.instance_id;
    if (!line.environment_setup_commit)
        line.environment_setup_commit = line.base_commit;
    settle_image(&line, defaults);
    if (defaults->log_parser)
        sample_line_met(&line, "log_parser");
    *ret_line = line;
    memset(&line, 0, sizeof(line));
    return 0;
}

void sample_line_met(struct sample_line *line, const char *subject)
{
    _cleanup_(json_release) json_object *list = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    size_t length = strlen(subject);

    if (!line->needs)
        return;
    list = json_tokener_parse(line->needs);
    for (size_t i = json_object_array_length(list); i > 0; i--) {
        const char *need = json_object_get_string(json_object_array_get_idx(list, i - 1));

        if (strncmp(need, subject, length) == 0 && need[length] == ':')
            json_object_array_del_idx(list, i - 1, 1);
    }
    free(TAKE_PTR(line->needs));
    if (json_object_array_length(list) == 0)
        return;
    json_write(&text, list);
    line->needs = buf_take(&text);
}

/* --- fields that are nobody's ---------------------------------------------------------------- */

static const char *const other_fields[] = {
    "FAIL_TO_PASS",         "PASS_TO_PASS",    "FAIL_TO_FAIL",   "fail_to_pass", "pass_to_pass",
    "fail_to_fail",         "report_paths",    "verify_timeout", "created_at",   "repo_path",
    "hide_verifier_output", "image_reference", "held_out",       "restore",      "trial",
    "exact_outcomes",       "needs",
};

/* SWE-bench's that mean nothing here. */
static const char *const ignored_fields[] = {"version", "difficulty", "image_assets", NULL};

#define FIELDS (ARRAY_SIZE(text_fields) + ARRAY_SIZE(other_fields) + ARRAY_SIZE(ignored_fields))

static void list_fields(const char *names[FIELDS])
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++)
        names[count++] = text_fields[i].name;
    for (size_t i = 0; i < ARRAY_SIZE(other_fields); i++)
        names[count++] = other_fields[i];
    for (size_t i = 0; i < ARRAY_SIZE(ignored_fields); i++) /* with the NULL at the end */
        names[count++] = ignored_fields[i];
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

void sample_line_unknown(const struct sample_line *line,
                         void (*each)(const char *name, const char *meant, void *arg), void *arg)
{
    const char *names[FIELDS];

    list_fields(names);
    json_object_object_foreach (line->document, name, ignored) {
        const char *meant;

        (void)ignored;
        if (is_listed(names, name))
            continue;
        meant = spelling_nearest(name, names);
        each(name, meant && !is_listed(ignored_fields, meant) ? meant : NULL, arg);
    }
}
