#include "dataset/swe_bench.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/conversion.h"
#include "dataset/patch.h"
#include "dataset/row_value.h"
#include "dataset/verifier_command.h"
#include "grade/log_names.h"

#include "base/banned.h"

#define NEEDED 6 /* of a row's fields, the first; others may be missing, and none be more */

/* How the files of the tests are told to the command. */
enum arguments {
    NO_COMMAND, /* it is another one for each task, and SWE-bench 5's rows have it */
    FILES,
    MODULES, /* Django's: "admin_views.tests" of "tests/admin_views/tests.py" */
};

static const struct project {
    const char *repo, *language, *log_parser;
    enum arguments arguments;
    const char *command;
} projects[] = {
    {"astropy/astropy", "python", "pytest", FILES, "pytest -rA"},
    {"django/django", "python", "unittest", MODULES,
     "export LC_ALL=C.UTF-8 PYTHONIOENCODING=utf8\n"
     "./tests/runtests.py --verbosity 2 --settings=test_sqlite --parallel 1"},
    {"matplotlib/matplotlib", "python", "pytest", FILES, "pytest -rA"},
    {"mwaskom/seaborn", "python", "pytest", FILES, "pytest -rA"},
    {"pallets/flask", "python", "pytest", FILES, "pytest -rA"},
    {"psf/requests", "python", "pytest", FILES, "pytest -rA"},
    {"pydata/xarray", "python", "pytest", FILES, "pytest -rA"},
    {"pylint-dev/pylint", "python", "pytest", FILES, "pytest -rA"},
    /* Its tests run pytest, which would write the report, too: so its log is read. */
    {"pytest-dev/pytest", "python", "pytest", FILES, "unset PYTEST_ADDOPTS\npytest -rA"},
    {"scikit-learn/scikit-learn", "python", "pytest", FILES, "pytest -rA"},
    {"sphinx-doc/sphinx", "python", "pytest", FILES, "pytest -rA"},
    {"sympy/sympy", "python", "sympy", FILES,
     "export PYTHONWARNINGS='ignore::UserWarning,ignore::SyntaxWarning'\n"
     "bin/test -C --verbose"},

    {"jqlang/jq", "c", "automake", NO_COMMAND, NULL},
    {"micropython/micropython", "c", "micropython", NO_COMMAND, NULL},
    {"redis/redis", "c", "redis", NO_COMMAND, NULL},
    {"valkey-io/valkey", "c", "redis", NO_COMMAND, NULL},
    {"fmtlib/fmt", "c++", "gtest", NO_COMMAND, NULL},
    {"nlohmann/json", "c++", "doctest", NO_COMMAND, NULL},
    {"caddyserver/caddy", "go", "go", NO_COMMAND, NULL},
    {"gin-gonic/gin", "go", "go", NO_COMMAND, NULL},
    {"gohugoio/hugo", "go", "go", NO_COMMAND, NULL},
    {"hashicorp/terraform", "go", "go", NO_COMMAND, NULL},
    {"prometheus/prometheus", "go", "go", NO_COMMAND, NULL},
    {"apache/druid", "java", "maven", NO_COMMAND, NULL},
    {"google/gson", "java", "maven", NO_COMMAND, NULL},
    {"javaparser/javaparser", "java", "maven", NO_COMMAND, NULL},
    {"apache/lucene", "java", "gradle", NO_COMMAND, NULL},
    {"reactivex/rxjava", "java", "gradle", NO_COMMAND, NULL},
    {"projectlombok/lombok", "java", "ant", NO_COMMAND, NULL},
    {"axios/axios", "javascript", "tap", NO_COMMAND, NULL},
    {"babel/babel", "typescript", "jest", NO_COMMAND, NULL},
    {"facebook/docusaurus", "typescript", "jest", NO_COMMAND, NULL},
    {"immutable-js/immutable-js", "typescript", "immutable_js", NO_COMMAND, NULL},
    {"mrdoob/three.js", "javascript", "tap", NO_COMMAND, NULL},
    {"preactjs/preact", "javascript", "karma", NO_COMMAND, NULL},
    {"vuejs/core", "typescript", "vitest", NO_COMMAND, NULL},
    {"briannesbitt/carbon", "php", "phpunit", NO_COMMAND, NULL},
    {"laravel/framework", "php", "phpunit", NO_COMMAND, NULL},
    {"php-cs-fixer/php-cs-fixer", "php", "phpunit", NO_COMMAND, NULL},
    {"phpoffice/phpspreadsheet", "php", "phpunit", NO_COMMAND, NULL},
    {"faker-ruby/faker", "ruby", "test-unit", NO_COMMAND, NULL},
    {"fastlane/fastlane", "ruby", "rspec", NO_COMMAND, NULL},
    {"fluent/fluentd", "ruby", "test-unit", NO_COMMAND, NULL},
    {"jekyll/jekyll", "ruby", "jekyll", NO_COMMAND, NULL},
    {"jordansissel/fpm", "ruby", "rspec", NO_COMMAND, NULL},
    {"rubocop/rubocop", "ruby", "rspec", NO_COMMAND, NULL},
    {"astral-sh/ruff", "rust", "cargo", NO_COMMAND, NULL},
    {"burntsushi/ripgrep", "rust", "cargo", NO_COMMAND, NULL},
    {"nushell/nushell", "rust", "cargo", NO_COMMAND, NULL},
    {"sharkdp/bat", "rust", "cargo", NO_COMMAND, NULL},
    {"tokio-rs/axum", "rust", "cargo", NO_COMMAND, NULL},
    {"tokio-rs/tokio", "rust", "cargo", NO_COMMAND, NULL},
    {"uutils/coreutils", "rust", "cargo", NO_COMMAND, NULL},
};

static const struct project *project_of(json_object *row)
{
    _cleanup_(free_ptr) char *repo = row_text(row, "repo");

    for (size_t i = 0; repo && i < ARRAY_SIZE(projects); i++)
        if (strcasecmp(projects[i].repo, repo) == 0)
            return &projects[i];
    return NULL;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

bool swe_bench_is_published(json_object *row)
{
    static const char *const fields[] = {"instance_id",  "base_commit",
                                         "patch",        "test_patch",
                                         "version",      "repo",
                                         "hints_text",   "problem_statement",
                                         "FAIL_TO_PASS", "PASS_TO_PASS",
                                         "created_at",   "environment_setup_commit",
                                         "difficulty",   NULL};

    for (size_t i = 0; i < NEEDED; i++)
        if (!row_has(row, fields[i]))
            return false;
    json_object_object_foreach (row, name, ignored) {
        (void)ignored;
        if (!is_one_of(name, fields))
            return false;
    }
    return project_of(row) != NULL;
}

const char *swe_bench_parser(const char *name, const char *instance_id)
{
    static const struct {
        const char *name, *instance_id, *parser;
    } rows[] = {
        {"immutable_js", "immutable-js__immutable-js-2005", "jest-json"},
        {"immutable_js", "immutable-js__immutable-js-2006", "jest"},
        {"jekyll", "jekyll__jekyll-8761", "cucumber"},
        {"jekyll", "jekyll__jekyll-8771", "cucumber"},
        {"jekyll", "jekyll__jekyll-8047", "minitest"},
        {"jekyll", "jekyll__jekyll-8167", "minitest"},
        {"jekyll", "jekyll__jekyll-9141", "minitest"},
    };
    const char *plain = strncmp(name, "parse_log_", 10) == 0 ? name + 10 : name;

    for (size_t i = 0; instance_id && i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, plain) == 0 && strcasecmp(rows[i].instance_id, instance_id) == 0)
            return rows[i].parser;
    return log_parser_name(name);
}

/* --- the tests' command ---------------------------------------------------------------------- */

struct adding {
    struct buf *out;
    bool modules;
};

/* Data beside the tests is no argument. */
static void add_argument(const char *path, bool is_new, void *arg)
{
    const struct adding *adding = arg;
    size_t length = strlen(path);
    _cleanup_(free_ptr) char *module = NULL;

    (void)is_new;
    if (length < 3 || strcmp(path + length - 3, ".py") != 0)
        return;
    buf_add_char(adding->out, ' ');
    if (!adding->modules) {
        shell_word(path, adding->out);
        return;
    }
    path += strncmp(path, "tests/", 6) == 0 ? 6 : 0;
    module = xstrndup(path, strlen(path) - 3);
    for (char *at = module; *at; at++)
        *at = *at == '/' ? '.' : *at;
    shell_word(module, adding->out);
}

char *swe_bench_commands(struct conversion *conversion)
{
    const struct project *project = project_of(conversion->row);
    const char *test_patch = json_get_text(conversion->line, "test_patch");
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    size_t without;

    if (!project || project->arguments == NO_COMMAND) {
        conversion_need(conversion,
                        "image: a verifier image with its tests, or this row as SWE-bench 5 has "
                        "it: before, rows name no command that runs the tests");
        return NULL;
    }
    buf_add_str(&text, project->command);
    without = text.length;
    patch_files(test_patch ? test_patch : "", add_argument,
                &(struct adding){.out = &text, .modules = project->arguments == MODULES});
    if (text.length == without) { /* the whole suite would run */
        conversion_need(conversion, "verifier: the tests' patch touches no test file that its "
                                    "command could name");
        return NULL;
    }
    return buf_take(&text);
}

int finish_swe_bench(struct conversion *conversion, struct error *err)
{
    const struct project *project = project_of(conversion->row);
    const char *parser;

    if (!project)
        return error_set(err, ERROR_INVALID, NULL,
                         "repo: none of SWE-bench's, so its images and its runner are not known");
    parser = swe_bench_parser(project->log_parser, json_get_text(conversion->line, "instance_id"));
    json_add_text(conversion->line, "language", project->language);
    if (parser)
        json_add_text(conversion->line, "log_parser", parser);
    else
        conversion_need(conversion, "log_parser: which runner its tests have is not known");
    return 0;
}
