/* The pure parts of codesetctl and of what it writes: keys, lines of data sets. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/image_map.h"
#include "ctl/line_reader.h"
#include "ctl/sample_line.h"
#include "store/samples.h"
#include "store/users.h"
#include "unit.h"

#include "base/banned.h"

/* Its checksum was computed by another implementation of CRC-32. */
#define KNOWN_KEY "codeset_0123456789ABCDEFGHIJabcdefghij0iFxW7"

static const struct sample_defaults no_defaults;

/* --- keys ------------------------------------------------------------------------------------ */

static void key_has_its_form(void)
{
    CU_ASSERT_TRUE(api_key_well_formed(KNOWN_KEY));
    CU_ASSERT_FALSE(api_key_well_formed(""));
    CU_ASSERT_FALSE(api_key_well_formed("codeset_"));
    CU_ASSERT_FALSE(api_key_well_formed(KNOWN_KEY "0"));
}

static void new_keys_differ_and_are_well_formed(void)
{
    struct api_key_text a = api_key_new(), b = api_key_new();

    CU_ASSERT_EQUAL(strlen(a.text), API_KEY_LENGTH);
    CU_ASSERT_TRUE(api_key_well_formed(a.text));
    CU_ASSERT_TRUE(api_key_well_formed(b.text));
    CU_ASSERT_STRING_NOT_EQUAL(a.text, b.text);
}

static void any_changed_digit_is_noticed(void)
{
    for (size_t i = 0; i < API_KEY_LENGTH; i++) {
        struct api_key_text key = api_key_new();

        key.text[i] = key.text[i] == 'x' ? 'y' : 'x';
        CU_ASSERT_FALSE(api_key_well_formed(key.text));
        key.text[i] = '-';
        CU_ASSERT_FALSE(api_key_well_formed(key.text));
    }
}

static void mask_shows_the_first_12_and_last_4(void)
{
    struct api_key_text key = {KNOWN_KEY};
    char masked[API_KEY_MASKED_SIZE];

    api_key_mask(&key, masked);
    CU_ASSERT_EQUAL(strlen(masked), 19);
    CU_ASSERT_EQUAL(strncmp(masked, "codeset_0123...", 15), 0);
    CU_ASSERT_STRING_EQUAL(masked + 15, key.text + API_KEY_LENGTH - 4);
}

/* --- lines ----------------------------------------------------------------------------------- */

static int parse(const char *text, struct sample_line *line, struct error *err)
{
    if (sample_line_parse(text, strlen(text), &no_defaults, line, err) < 0)
        return -1;
    if (sample_line_settle_folder(line, NULL, NULL, err) == 0)
        return 0;
    sample_line_release(line);
    *line = (struct sample_line){0};
    return -1;
}

static size_t length_of(const char *list)
{
    _cleanup_(json_release) json_object *array = json_tokener_parse(list);

    return json_object_array_length(array);
}

/* Parses each line of a file and calls each with it. */
static void each_line(const char *path, void (*each)(const struct sample_line *line))
{
    _cleanup_(line_reader_release) struct line_reader reader = {0};
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    bool too_long;
    int count = 0;

    CU_ASSERT_EQUAL_FATAL(line_reader_open(&reader, path, SAMPLE_LINE_MOST, &err), 0);
    while (line_reader_next(&reader, &text, &too_long, &err) > 0) {
        _cleanup_(sample_line_release) struct sample_line line = {0};
        int status = parse(text.data, &line, &err);

        CU_ASSERT_EQUAL(status, 0);
        if (status == 0)
            each(&line);
        count++;
    }
    CU_ASSERT_TRUE(count > 1);
}

static void check_lite(const struct sample_line *line)
{
    CU_ASSERT_STRING_EQUAL(line->language, "python");
    CU_ASSERT_TRUE(length_of(line->fail_to_pass) > 0);
    CU_ASSERT_TRUE(length_of(line->pass_to_pass) > 0);
    CU_ASSERT_EQUAL(length_of(line->fail_to_fail), 0);
    CU_ASSERT_TRUE(line->created_at > 0);
    CU_ASSERT_STRING_EQUAL(line->sample_id, line->instance_id);
    CU_ASSERT_EQUAL(strlen(line->environment_setup_commit), 40);
}

static void lite_dialect_is_read(void)
{
    each_line(DATA_DIR "/swe-bench-lite.jsonl", check_lite);
}

static void check_multilingual(const struct sample_line *line)
{
    static const struct {
        const char *repo, *language, *path;
    } known[] = {
        {"caddyserver/caddy", "go", "/caddy"},
        {"fmtlib/fmt", "c++", "/fmt"},
        {"redis/redis", "c", "/redis"},
        {"axios/axios", "javascript", "/axios"},
        {"projectlombok/lombok", "java", "/lombok"},
        {"astral-sh/ruff", "rust", "/ruff"},
    };
    bool found = false;

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (strcmp(line->repo, known[i].repo) != 0)
            continue;
        found = true;
        CU_ASSERT_STRING_EQUAL(line->language, known[i].language);
        CU_ASSERT_STRING_EQUAL(line->repo_path, known[i].path);
    }
    CU_ASSERT_TRUE(found);
    CU_ASSERT_TRUE(length_of(line->fail_to_pass) > 0);
    CU_ASSERT_TRUE(line->created_at > 0);
    CU_ASSERT_STRING_EQUAL(line->environment_setup_commit, line->base_commit);
}

static void multilingual_dialect_is_read(void)
{
    each_line(DATA_DIR "/swe-bench-multilingual.jsonl", check_multilingual);
}

#define LEAST "\"instance_id\":\"a__b-1\",\"repo\":\"a/b\",\"problem_statement\":\"p\""
#define IN_C ",\"language\":\"c\""
#define TRIAL(tests, more) ",\"trial\":{\"framework\":\"pytest\",\"tests\":" tests more "}}"

#define GO(more) ",\"trial\":{\"framework\":\"go\",\"tests\":{\"t\":\"/t\"}" more "}}"
#define CARGO(more) ",\"trial\":{\"framework\":\"cargo\",\"tests\":{\"t\":\"/t\"}" more "}}"
#define CTEST(more) ",\"trial\":{\"framework\":\"ctest\",\"tests\":{\"t\":\"/t\"}" more "}}"

static void missing_optional_fields_have_defaults(void)
{
    _cleanup_(sample_line_release) struct sample_line line = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(parse("{" LEAST IN_C "}", &line, &err), 0);
    CU_ASSERT_STRING_EQUAL(line.base_commit, "");
    CU_ASSERT_STRING_EQUAL(line.environment_setup_commit, "");
    CU_ASSERT_STRING_EQUAL(line.hints_text, "");
    CU_ASSERT_STRING_EQUAL(line.patch, "");
    CU_ASSERT_STRING_EQUAL(line.verifier, "test_suite");
    CU_ASSERT_STRING_EQUAL(line.verifier_command, "/verifier.sh");
    CU_ASSERT_STRING_EQUAL(line.fail_to_pass, "[]");
    CU_ASSERT_STRING_EQUAL(line.report_paths, "[]");
    CU_ASSERT_PTR_NULL(line.image);
    CU_ASSERT_PTR_NULL(line.description);
    CU_ASSERT_EQUAL(line.created_at, 0);
    CU_ASSERT_EQUAL(line.verify_timeout, 0);
}

/* LEAST's instance_id may have the form owner__repo-N, which says a folder, too. */
static void a_line_without_a_folder_gets_one_in_order(void)
{
    static const struct sample_defaults told = {.repo_path = "/told"};
    static const struct {
        const char *id, *more;
        const struct sample_defaults *defaults;
        const char *of_import, *workdir, *folder;
    } rows[] = {
        {"a__b-1", ",\"repo_path\":\"/own\"", &told, "/import", "/work", "/own"},
        {"a__b-1", "", &told, "/import", "/work", "/told"},
        {"a__b-1", "", &no_defaults, "/import", "/work", "/import"},
        {"a__b-1", "", &no_defaults, NULL, "/work", "/b"},
        {"x", "", &no_defaults, NULL, "/work", "/work"},
        {"x", "", &no_defaults, NULL, "/", NULL},
        {"x", "", &no_defaults, NULL, NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(sample_line_release) struct sample_line line = {0};
        _cleanup_(free_ptr) char *text =
            xasprintf("{\"instance_id\":\"%s\",\"repo\":\"a/b\",\"base_commit\":"
                      "\"0123456789abcdef0123456789abcdef01234567\",\"patch\":\"\","
                      "\"test_patch\":\"\",\"problem_statement\":\"x\",\"language\":\"c\","
                      "\"FAIL_TO_PASS\":[\"t\"],\"PASS_TO_PASS\":[]%s}",
                      rows[i].id, rows[i].more);
        struct error err = ERROR_INIT;
        int status = sample_line_parse(text, strlen(text), rows[i].defaults, &line, &err);

        CU_ASSERT_EQUAL(status, 0);
        if (status < 0) {
            fprintf(stderr, "(%s) ", err.message);
            continue;
        }
        status = sample_line_settle_folder(&line, rows[i].of_import, rows[i].workdir, &err);
        CU_ASSERT_EQUAL(status, rows[i].folder ? 0 : -1);
        if (status == 0)
            CU_ASSERT_STRING_EQUAL(line.repo_path, rows[i].folder);
    }
}

static void the_command_line_fills_what_a_line_lacks(void)
{
    static const struct sample_defaults defaults = {.language = "go", .image = "tools"};
    static const char plain[] = "{" LEAST "}";
    static const char full[] = "{" LEAST ",\"language\":\"c\",\"image\":\"mine\"}";
    _cleanup_(sample_line_release) struct sample_line bare = {0};
    _cleanup_(sample_line_release) struct sample_line own = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(sample_line_parse(plain, sizeof(plain) - 1, &defaults, &bare, &err), 0);
    CU_ASSERT_STRING_EQUAL(bare.language, "go");
    CU_ASSERT_STRING_EQUAL(bare.image, "tools");
    CU_ASSERT_EQUAL_FATAL(sample_line_parse(full, sizeof(full) - 1, &defaults, &own, &err), 0);
    CU_ASSERT_STRING_EQUAL(own.language, "c");
    CU_ASSERT_STRING_EQUAL(own.image, "mine");
}

static void a_bad_field_is_named_with_its_reason(void)
{
    static const struct {
        const char *line, *reason;
    } bad[] = {
        {"", "not valid JSON: unexpected end at byte 0"},
        {"not JSON", "not valid JSON: unexpected character at byte 1"},
        {"{" LEAST, "not valid JSON: unexpected end at byte"},
        {"{\"a\" 1}", "not valid JSON: expected ':' at byte 5"},
        {"{\"a\":1 \"b\":2}", "not valid JSON: expected ',' or '}' at byte 7"},
        {"{a:1}", "not valid JSON: expected a key in quotes at byte 1"},
        {"{" LEAST IN_C "}x", "not valid JSON: unexpected character"},
        {"{" LEAST IN_C ",\"hints_text\":\"\xff\"}", "not valid JSON: invalid UTF-8 at byte"},
        {"[]", "must be a JSON object, not an array"},
        {"null", "must be a JSON object, not null"},
        {"{}", "instance_id: missing"},
        {"{\"instance_id\":\"a__b-1\",\"repo\":\"a/b\"}", "problem_statement: missing"},
        {"{" LEAST "}", "language: missing"},
        {"{" LEAST IN_C ",\"patch\":3}", "patch: must be a string, not a number"},
        {"{" LEAST IN_C ",\"patch\":\"a\\u0000b\"}", "patch: contains a NUL character"},
        {"{" LEAST IN_C ",\"sample_id\":\"../x\"}", "sample_id: not a valid name"},
        {"{" LEAST IN_C ",\"sample_id\":\"\"}", "sample_id: must not be empty"},
        {"{" LEAST IN_C ",\"image\":\"UPPER\"}", "image: not a valid image name"},
        {"{" LEAST IN_C ",\"verifier\":\"magic\"}", "verifier: must be one of"},
        {"{" LEAST IN_C ",\"repo_path\":\"relative\"}", "repo_path: must be an absolute path"},
        {"{" LEAST IN_C ",\"repo_path\":\"/a/../b\"}", "repo_path: must be an absolute path"},
        {"{" LEAST IN_C ",\"created_at\":\"yesterday\"}", "created_at: must be a time"},
        {"{" LEAST IN_C ",\"created_at\":5}", "created_at: must be a time"},
        {"{" LEAST IN_C ",\"verify_timeout\":0}", "verify_timeout: must be a whole number"},
        {"{" LEAST IN_C ",\"verify_timeout\":1.5}", "verify_timeout: must be a whole number"},
        {"{" LEAST IN_C ",\"log_parser\":\"parse_log_of_mine\"}",
         "log_parser: unknown log parser 'parse_log_of_mine'; known are pytest, "},
        {"{" LEAST IN_C ",\"trial\":[]}", "trial: must be an object"},
        {"{" LEAST IN_C ",\"trial\":{}}", "trial: framework is missing"},
        {"{" LEAST IN_C ",\"trial\":{\"framework\":\"pytest\"}}", "trial: tests is missing"},
        {"{" LEAST IN_C ",\"trial\":{\"framework\":\"vitest\",\"tests\":{\"t\":\"/t\"}}}",
         "trial: framework must be one of \"pytest\", \"ctest\""},
        {"{" LEAST IN_C TRIAL("{}", ""), "trial: tests must be"},
        {"{" LEAST IN_C TRIAL("{\"../t\":\"/t\"}", ""), "trial: tests must be"},
        {"{" LEAST IN_C TRIAL("{\"-p\":\"/t\"}", ""), "trial: tests must be"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"t\"}", ""), "trial: tests must be"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/a/../t\"}", ""), "trial: tests must be"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"path\":\"src\""), "trial: path must be a list"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"path\":[\"/src\"]"),
         "trial: path must be a list"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"private\":[\"v\"]"),
         "trial: private must be a list"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"python\":\"a\\u0000b\""),
         "trial: python must be"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"plugins\":1"), "trial: plugins must be"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"compiled\":1"), "trial: compiled must be"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"paths\":[]"),
         "trial: unknown member 'paths' of a trial with framework \"pytest\""},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"cmake\":[]"),
         "trial: unknown member 'cmake' of a trial with framework \"pytest\""},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"timeout\":0"), "trial: timeout must be"},
        {"{" LEAST IN_C CTEST(",\"cmake\":[\"x\"]"), "trial: cmake must be a list of options"},
        {"{" LEAST IN_C CTEST(",\"source\":\"..\""), "trial: source must be the folder"},
        {"{" LEAST IN_C CTEST(",\"plugins\":true"), "trial: unknown member 'plugins'"},
        {"{" LEAST IN_C GO(",\"source\":\"/a\""), "trial: source must be the folder"},
        {"{" LEAST IN_C CARGO(",\"source\":\"..\""), "trial: source must be the folder"},
        {"{" LEAST IN_C CARGO(",\"cargo\":[\"x\"]"), "trial: cargo must be a list of options"},
        {"{" LEAST IN_C CARGO(",\"manifests\":1"), "trial: manifests must be true or false"},
        {"{" LEAST IN_C GO(",\"manifests\":true"), "trial: unknown member 'manifests'"},
        {"{" LEAST IN_C GO(",\"cmake\":[\"-DA=1\"]"), "trial: unknown member 'cmake'"},
        {"{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ",\"node\":\"node\""),
         "trial: unknown member 'node' of a trial with framework \"pytest\""},
        {"{" LEAST IN_C ",\"trial\":{\"framework\":\"tape\",\"tests\":{\"t\":\"/t\"},\"node\":1}}",
         "trial: node must be"},
        {"{" LEAST IN_C ",\"hide_verifier_output\":1}",
         "hide_verifier_output: must be true or false"},
        {"{" LEAST IN_C ",\"held_out\":[1]}", "held_out: entry 1 must be a string, not a number"},
        {"{" LEAST IN_C ",\"restore\":[\"a\",\"!../b\"]}", "restore: entry 2: must be a name"},
        {"{" LEAST IN_C ",\"restore\":[\"a/**\"]}", "restore: entry 1: must be a name"},
        {"{" LEAST IN_C ",\"restore\":[\"!\"]}", "restore: entry 1: must be a name"},
        {"{" LEAST IN_C ",\"restore\":[\"a/\"]}", "restore: entry 1: must be a name"},
        {"{" LEAST IN_C ",\"restore\":[\"@links\",\"@complied\"]}",
         "restore: entry 2: there is no kind '@complied', the kinds are @compiled, @links"},
        {"{" LEAST IN_C ",\"restore\":[\"!@compiled\"]}",
         "restore: entry 1: there is no kind '!@compiled'"},
        {"{" LEAST IN_C ",\"FAIL_TO_PASS\":{}}",
         "FAIL_TO_PASS: must be an array of strings, not an object"},
        {"{" LEAST IN_C ",\"FAIL_TO_PASS\":\"x\"}",
         "FAIL_TO_PASS: the string does not hold an array"},
        {"{" LEAST IN_C ",\"FAIL_TO_PASS\":[1]}",
         "FAIL_TO_PASS: entry 1 must be a string, not a number"},
        {"{" LEAST IN_C ",\"FAIL_TO_PASS\":[\"a\"],\"fail_to_pass\":[\"a\"]}",
         "both fail_to_pass and FAIL_TO_PASS are given"},
        {"{" LEAST IN_C ",\"report_paths\":[\"../x.xml\"]}", "report_paths: entry 1"},
        {"{" LEAST IN_C ",\"report_paths\":[\"a.xml\",\"out/{a,b.xml\"]}", "report_paths: entry 2"},
        {"{" LEAST IN_C ",\"report_paths\":[\"TestResults\\\\a.xml\"]}",
         "report_paths: entry 1: the pattern 'TestResults\\a.xml' holds a backslash"},
        {"{" LEAST IN_C ",\"report_paths\":[\"./\"]}",
         "report_paths: entry 1: the pattern './' names the repository's folder itself"},
        {"{" LEAST IN_C ",\"report_paths\":[\"/x.xml\"]}", "report_paths: entry 1"},
        {"{\"instance_id\":\"nodash\",\"repo\":\"a/b\",\"problem_statement\":\"p\"" IN_C "}",
         "repo_path: missing"},
        {"{\"instance_id\":\"a b\",\"repo\":\"a/b\",\"problem_statement\":\"p\"}", "instance_id:"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(sample_line_release) struct sample_line line = {0};
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL(parse(bad[i].line, &line, &err), -1);
        if (strncmp(err.message, bad[i].reason, strlen(bad[i].reason)) != 0) {
            fprintf(stderr, "%s: %s\n", bad[i].line, err.message);
            CU_FAIL("another reason was given");
        }
        CU_ASSERT_PTR_NULL(line.document);
    }
}

/* --- fields and words that were meant otherwise ---------------------------------------------- */

static void list_unknown(const char *name, const char *meant, void *arg)
{
    buf_addf(arg, "%s(%s) ", name, meant ? meant : "-");
}

static void an_unknown_field_is_told_with_the_one_that_was_meant(void)
{
    static const struct {
        const char *fields, *told;
    } cases[] = {
        {"", ""},
        {",\"vrifier_command\":\"x\"", "vrifier_command(verifier_command) "},
        {",\"Verifier-Command\":\"x\"", "Verifier-Command(verifier_command) "},
        {",\"verifierCommand\":\"x\"", "verifierCommand(verifier_command) "},
        {",\"report_path\":[\"r.xml\"]", "report_path(report_paths) "},
        {",\"images\":1,\"verifier_img\":2", "images(image) verifier_img(verifier_image) "},
        {",\"Fail_To_Pass\":[]", "Fail_To_Pass(FAIL_TO_PASS) "},
        {",\"version\":\"4\",\"difficulty\":\"<15 min\",\"image_assets\":{}", ""},
        {",\"versions\":1", "versions(-) "},
        /* What other makers' rows have. */
        {",\"docker_image\":\"a\",\"install_config\":{},\"license_name\":\"MIT\",\"meta\":{},"
         "\"before_repo_set_cmd\":\"\",\"dockerhub_tag\":\"\",\"fix_patch\":\"\",\"title\":\"\"",
         "docker_image(-) install_config(-) license_name(-) meta(-) before_repo_set_cmd(-) "
         "dockerhub_tag(-) fix_patch(-) title(-) "},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(sample_line_release) struct sample_line line = {0};
        _cleanup_(free_ptr) char *text = xasprintf("{" LEAST IN_C "%s}", cases[i].fields);
        _cleanup_(buf_release) struct buf told = BUF_INIT;
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL_FATAL(parse(text, &line, &err), 0);
        buf_add_str(&told, "");
        sample_line_unknown(&line, list_unknown, &told);
        CU_ASSERT_STRING_EQUAL(told.data, cases[i].told);
    }
}

static void a_language_is_known_or_says_where_its_reports_are(void)
{
    static const struct {
        const char *fields, *reason; /* NULL: fine */
    } cases[] = {
        {"\"language\":\"c++\"", NULL},
        {"\"language\":\"ruby\"", NULL},
        {"\"language\":\"pythn\"", "language: unknown language 'pythn'; did you mean 'python'? "},
        {"\"language\":\"kotlin\"", "language: unknown language 'kotlin'. Known are python, "},
        {"\"language\":\"kotlin\",\"report_paths\":[]", "language: unknown language"},
        {"\"language\":\"kotlin\",\"report_paths\":[\"r.xml\"]", NULL},
        {"\"language\":\"kotlin\",\"log_parser\":\"gradle\"", NULL},
        {"\"language\":\"kotlin\",\"verifier\":\"linter\"", NULL},
        {"\"language\":\"a b\"", "language: not a language's name; use"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(sample_line_release) struct sample_line line = {0};
        _cleanup_(free_ptr) char *text = xasprintf("{" LEAST ",%s}", cases[i].fields);
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL(parse(text, &line, &err), cases[i].reason ? -1 : 0);
        if (cases[i].reason)
            CU_ASSERT_EQUAL(strncmp(err.message, cases[i].reason, strlen(cases[i].reason)), 0);
    }
}

static void language_is_guessed_by_majority(void)
{
    static const struct {
        const char *patch, *test_patch, *language;
    } cases[] = {
        {"--- a/x.py\n+++ b/x.py\n", "", "python"},
        {"", "+++ b/T.java\n", "java"},
        {"+++ b/README.md\n", "+++ b/a_test.go\n", "go"},
        {"+++ b/a.rs\n+++ b/b.rs\n+++ b/c.py\n", "+++ b/t.py\n", "rust"},
        {"+++ b/a.h\n+++ b/b.h\n+++ b/c.cc\n", "", "c++"},
        {"+++ b/a.h\n+++ b/b.c\n", "", "c"},
        {"+++ b/a.h\n", "+++ b/t.cc\n", "c++"},
        {"+++ b/a.h\n", "+++ b/t.tcl\n", "c"},
        {"+++ b/a.tsx\n", "", "typescript"},
        {"+++ b/index.d.ts\n+++ b/lib/a.js\n--- a/index.d.ts\n", "", "javascript"},
        {"+++ b/a.mjs\n", "", "javascript"},
        {"+++ b/a.cs\n", "", "csharp"},
        {"+++ b/a.rb\t2020\n", "", "ruby"},
        {"+++ b/a.php", "", "php"},
        {"+++ /dev/null\n", "+++ b/notes.txt\n", NULL},
        {"x +++ b/a.py\n", "", NULL},
        {"", "", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *language = sample_guess_language(cases[i].patch, cases[i].test_patch);

        if (cases[i].language)
            CU_ASSERT_TRUE(language && strcmp(language, cases[i].language) == 0)
        else
            CU_ASSERT_PTR_NULL(language);
    }
}

static void folder_comes_from_the_instance_id(void)
{
    static const char *const cases[][2] = {
        {"psf__requests-1234", "/requests"},
        {"scikit-learn__scikit-learn-10297", "/scikit-learn"},
        {"php-cs-fixer__php-cs-fixer-7523", "/php-cs-fixer"},
        {"mrdoob__three.js-25687", "/three.js"},
        {"requests-1234", NULL},
        {"psf__requests", NULL},
        {"psf__-1", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(free_ptr) char *path = sample_repo_path(cases[i][0]);

        if (cases[i][1])
            CU_ASSERT_TRUE(path && strcmp(path, cases[i][1]) == 0)
        else
            CU_ASSERT_PTR_NULL(path);
    }
}

static void rendered_object_has_every_field_of_a_sample(void)
{
    static const char *const names[] = {"sample_id",
                                        "description",
                                        "language",
                                        "verifier",
                                        "dataset",
                                        "version",
                                        "version_description",
                                        "latest",
                                        "created_at",
                                        "instance_id",
                                        "repo",
                                        "base_commit",
                                        "patch",
                                        "non_code_patch",
                                        "test_patch",
                                        "problem_statement",
                                        "hints_text",
                                        "environment_setup_commit",
                                        "fail_to_pass",
                                        "pass_to_pass",
                                        "fail_to_fail"};
    _cleanup_(sample_line_release) struct sample_line line = {0};
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    _cleanup_(json_release) json_object *object = NULL;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(
        parse("{" LEAST IN_C ",\"hints_text\":\"\\\"\\u0001\xc3\xa9\",\"created_at\":"
              "\"2023-01-23 04:10:47\",\"FAIL_TO_PASS\":\"[\\\"t \\\\\\\"q\\\\\\\"\\\"]\"}",
              &line, &err),
        0);
    sample_line_render(&line, "d", 3, true, &json);
    CU_ASSERT_EQUAL_FATAL(json_parse(json.data, json.length, &object, NULL, &err), 0);
    CU_ASSERT_EQUAL(json_object_object_length(object), (int)ARRAY_SIZE(names));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        CU_ASSERT_TRUE(json_object_object_get_ex(object, names[i], NULL));
    CU_ASSERT_EQUAL(json_get_int(object, "version", 0), 3);
    CU_ASSERT_STRING_EQUAL(json_get_text(object, "hints_text"), "\"\001\xc3\xa9");
    CU_ASSERT_STRING_EQUAL(json_get_text(object, "created_at"), "2023-01-23T04:10:47.000000Z");
    CU_ASSERT_STRING_EQUAL(json_object_get_string(json_object_array_get_idx(
                               json_object_object_get(object, "fail_to_pass"), 0)),
                           "t \"q\"");
    CU_ASSERT_PTR_NULL(json_get_text(object, "description"));
}

static void hash_is_of_the_content_not_of_its_order(void)
{
    static const char *const lines[] = {
        "{" LEAST IN_C "}",
        "{\"language\":\"c\"," LEAST ",\"unknown\":1}",
        "{" LEAST IN_C ",\"image\":\"i\"}",
        "{" LEAST IN_C ",\"verify_timeout\":5}",
        "{" LEAST IN_C ",\"hide_verifier_output\":true}",
        "{" LEAST IN_C ",\"held_out\":[\"t\"]}",
        "{" LEAST IN_C ",\"restore\":[\"data\",\"@compiled\",\"@entry\",\"/@a\",\"[@]b\"]}",
        "{" LEAST IN_C ",\"log_parser\":\"parse_log_django\"}",
        "{" LEAST IN_C TRIAL("{\"t\":\"/t\"}", ""),
        "{" LEAST IN_C TRIAL("{\"t\":\"/v/t\"}", ",\"path\":[\".\",\"src\"]"),
        "{" LEAST IN_C ",\"hints_text\":\"h\"}",
    };
    /* As releases before made it: with another one every sample would be new at its next import. */
    static const unsigned char as_ever[32] = {0x9a, 0x09, 0x06, 0x5d, 0x32, 0x50, 0xd9, 0x10,
                                              0xed, 0xef, 0x65, 0xf9, 0x59, 0x51, 0x90, 0xda,
                                              0x7b, 0x7b, 0x39, 0x08, 0x81, 0xca, 0xa1, 0x58,
                                              0x0e, 0xf8, 0x7b, 0xa3, 0x4b, 0xbe, 0xdc, 0x39};
    unsigned char digests[ARRAY_SIZE(lines)][32];

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_(sample_line_release) struct sample_line line = {0};
        _cleanup_(buf_release) struct buf json = BUF_INIT;
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL_FATAL(parse(lines[i], &line, &err), 0);
        sample_line_render_hashed(&line, "d", (int64_t)i + 1, &json, digests[i]);
    }
    CU_ASSERT_EQUAL(memcmp(digests[0], digests[1], 32), 0);
    CU_ASSERT_EQUAL(memcmp(digests[0], as_ever, 32), 0);
    for (size_t i = 2; i < ARRAY_SIZE(lines); i++)
        CU_ASSERT_NOT_EQUAL(memcmp(digests[0], digests[i], 32), 0);
}

/* --- files ----------------------------------------------------------------- */

/* A file of the test's own, gone with it. */
static void write_temporary(char path[64], const void *bytes, size_t size)
{
    struct error err = ERROR_INIT;

    snprintf(path, 64, "/tmp/codeset-test-ctl-%d", (int)getpid());
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, bytes, size, 0600, &err), 0);
}

static void long_lines_are_told_and_left_out(void)
{
    static const char text[] = "one\n12345678\n\nlast";
    _cleanup_(line_reader_release) struct line_reader reader = {0};
    _cleanup_(buf_release) struct buf line = BUF_INIT;
    struct error err = ERROR_INIT;
    bool too_long;
    char path[64];

    write_temporary(path, text, sizeof(text) - 1);
    CU_ASSERT_EQUAL_FATAL(line_reader_open(&reader, path, 5, &err), 0);
    CU_ASSERT_EQUAL(line_reader_next(&reader, &line, &too_long, &err), 1);
    CU_ASSERT_STRING_EQUAL(line.data, "one");
    CU_ASSERT_EQUAL(line_reader_next(&reader, &line, &too_long, &err), 1);
    CU_ASSERT_TRUE(too_long);
    CU_ASSERT_EQUAL(line_reader_next(&reader, &line, &too_long, &err), 1);
    CU_ASSERT_FALSE(too_long);
    CU_ASSERT_STRING_EQUAL(line.data, "");
    CU_ASSERT_EQUAL(line_reader_next(&reader, &line, &too_long, &err), 1);
    CU_ASSERT_STRING_EQUAL(line.data, "last");
    CU_ASSERT_EQUAL(line_reader_next(&reader, &line, &too_long, &err), 0);
    unlink(path);
}

/* A gzip file of 1 to 20000, a line each. */
static void gzip_numbers(char path[64], struct buf *bytes)
{
    struct error err = ERROR_INIT;
    gzFile file;

    write_temporary(path, "", 0);
    file = gzopen(path, "we");
    for (int i = 1; i <= 20000; i++)
        gzprintf(file, "%d\n", i);
    gzclose(file);
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 1000000, bytes, &err), 0);
}

static int count_lines(const char *path, int *ret_count)
{
    _cleanup_(line_reader_release) struct line_reader reader = {0};
    _cleanup_(buf_release) struct buf line = BUF_INIT;
    struct error err = ERROR_INIT;
    bool too_long;
    int got;

    *ret_count = 0;
    CU_ASSERT_EQUAL_FATAL(line_reader_open(&reader, path, 100, &err), 0);
    while ((got = line_reader_next(&reader, &line, &too_long, &err)) > 0)
        ++*ret_count;
    return got;
}

static void a_gzip_file_that_was_cut_off_is_an_error(void)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    char path[64];
    int count;

    gzip_numbers(path, &bytes);
    CU_ASSERT_EQUAL(count_lines(path, &count), 0);
    CU_ASSERT_EQUAL(count, 20000);
    write_temporary(path, bytes.data, bytes.length - 20);
    CU_ASSERT_EQUAL(count_lines(path, &count), -1);
    bytes.data[bytes.length / 2] ^= 0x55;
    write_temporary(path, bytes.data, bytes.length);
    CU_ASSERT_EQUAL(count_lines(path, &count), -1);
    unlink(path);
}

static void image_map_is_read_and_searched(void)
{
    static const char text[] = "# images\nb two  two.v\n\na one # first\n";
    static const char twice[] = "a one\na two\n";
    static const char bad[] = "a\n";
    _cleanup_(image_map_release) struct image_map map = {0};
    _cleanup_(image_map_release) struct image_map none = {0};
    _cleanup_(image_map_release) struct image_map short_one = {0};
    struct error err = ERROR_INIT;
    char path[64];

    write_temporary(path, text, sizeof(text) - 1);
    CU_ASSERT_EQUAL_FATAL(image_map_read(&map, path, &err), 0);
    CU_ASSERT_EQUAL_FATAL(map.count, 2);
    CU_ASSERT_STRING_EQUAL(image_map_find(&map, "a")->image, "one");
    CU_ASSERT_PTR_NULL(image_map_find(&map, "a")->verifier_image);
    CU_ASSERT_STRING_EQUAL(image_map_find(&map, "b")->verifier_image, "two.v");
    CU_ASSERT_PTR_NULL(image_map_find(&map, "c"));
    write_temporary(path, twice, sizeof(twice) - 1);
    CU_ASSERT_EQUAL(image_map_read(&none, path, &err), -1);
    write_temporary(path, bad, sizeof(bad) - 1);
    CU_ASSERT_EQUAL(image_map_read(&short_one, path, &err), -1);
    unlink(path);
}

static const struct unit_test tests[] = {
    {"a key is told by prefix, length, digits and checksum", key_has_its_form},
    {"new keys differ and are well formed", new_keys_differ_and_are_well_formed},
    {"any changed digit of a key is noticed", any_changed_digit_is_noticed},
    {"a mask shows the first 12 and last 4 characters", mask_shows_the_first_12_and_last_4},
    {"SWE-bench Lite's dialect is read", lite_dialect_is_read},
    {"SWE-bench Multilingual's dialect is read", multilingual_dialect_is_read},
    {"missing optional fields have defaults", missing_optional_fields_have_defaults},
    {"the command line fills what a line lacks", the_command_line_fills_what_a_line_lacks},
    {"a line without a folder gets one, in this order", a_line_without_a_folder_gets_one_in_order},
    {"a bad field is named with its reason", a_bad_field_is_named_with_its_reason},
    {"an unknown field is told with the one that was meant",
     an_unknown_field_is_told_with_the_one_that_was_meant},
    {"a language is known, or the sample says where its reports are",
     a_language_is_known_or_says_where_its_reports_are},
    {"the language is guessed by the majority of files", language_is_guessed_by_majority},
    {"the repository's folder comes from the instance id", folder_comes_from_the_instance_id},
    {"the rendered object has every field of a Sample",
     rendered_object_has_every_field_of_a_sample},
    {"a content's hash does not depend on its order", hash_is_of_the_content_not_of_its_order},
    {"lines that are too long are told and left out", long_lines_are_told_and_left_out},
    {"a gzip file that was cut off is an error", a_gzip_file_that_was_cut_off_is_an_error},
    {"an image map is read and searched", image_map_is_read_and_searched},
};

int main(void)
{
    return UNIT_MAIN("ctl", tests);
}
