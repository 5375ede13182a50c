#include "grade/restore_rules.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

/* --- the runners' configuration -------------------------------------------------------------- */

/*
 * f: a path; c: a name anywhere; q: the same, not told; n: a path that the image does not have; p:
 * a file of which a part concerns the runner. What a fix may well be in is in no list: the
 * instructions of builds (CMakeLists.txt, pom.xml, build.gradle), vite.config.js, .babelrc.
 */
static const char *const python[] = {
    "cconftest.py", "cpytest.ini", "c.pytest.ini", "cpytest.toml", "c.pytest.toml", "c.coveragerc",
    "csitecustomize.py", "cusercustomize.py", "c*.pth", "cunittest.cfg", "cnose2.cfg", "c.noserc",
    "psetup.cfg", "ptox.ini", "ppyproject.toml", "pentry_points.txt", "q__pycache__", "q*.pyc",
    /* `python -m pytest` looks into the current folder first */
    "npytest", "npytest.py", "n_pytest", "npluggy", "npluggy.py", "niniconfig", "nunittest",
    "nunittest.py", NULL};
static const char *const javascript[] = {"c.npmrc",
                                         "c.yarnrc",
                                         "c.yarnrc.yml",
                                         "c.pnpmfile.cjs",
                                         "c.mocharc.*",
                                         "c.mocharc",
                                         "cjest.config.*",
                                         "cvitest.config.*",
                                         "cvitest.workspace.*",
                                         "ckarma.conf.*",
                                         "cava.config.*",
                                         "c.taprc",
                                         "c.nycrc",
                                         "c.nycrc.*",
                                         "ppackage.json",
                                         NULL};
static const char *const java[] = {"c.mvn", "cjunit-platform.properties", NULL};
static const char *const rust[] = {"c.cargo", "cnextest.toml", NULL};
static const char *const csharp[] = {"c*.runsettings", "cxunit.runner.json", "c*.xunit.runner.json",
                                     NULL};
static const char *const c[] = {"cCTestCustom.cmake", "cCTestConfig.cmake",
                                "cCMakeUserPresets.json", NULL};
static const char *const go[] = {NULL};

enum test_names { NAMES_PATHS, NAMES_PYTHON, NAMES_JAVA };

static const struct language {
    const char *name;
    const char *const *rules;
    enum test_names names;
} languages[] = {
    {"python", python, NAMES_PYTHON}, {"javascript", javascript, NAMES_PATHS},
    {"java", java, NAMES_JAVA},       {"rust", rust, NAMES_PATHS},
    {"csharp", csharp, NAMES_PATHS},  {"c", c, NAMES_PATHS},
    {"go", go, NAMES_PATHS},          {"typescript", javascript, NAMES_PATHS},
    {"c#", csharp, NAMES_PATHS},      {"c++", c, NAMES_PATHS},
    {"cpp", c, NAMES_PATHS},
};

#define LANGUAGES_APART 7 /* the others have other names */

static const struct language *language_of(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(languages); i++)
        if (strcasecmp(name, languages[i].name) == 0)
            return &languages[i];
    return NULL;
}

/* --- the tests' files ------------------------------------------------------------------------ */

struct making {
    char **seen; /* of the tests' rules, so that none comes twice */
    size_t count;
};

static bool is_path(const char *path)
{
    if (strlen(path) >= PATH_MAX)
        return false;
    for (;;) {
        size_t length = strcspn(path, "/");

        if (length == 0 || length > NAME_MAX || (length == 1 && path[0] == '.') ||
            (length == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        if (path[length] == '\0')
            return true;
        path += length + 1;
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes the rule. Tests of one file come together, so the last one is looked at; what comes
 * again all the same is left out at the end. */
static void see(struct making *making, char *rule)
{
    if (making->count == RESTORE_RULES_MOST || !is_path(rule + 1) ||
        (making->count > 0 && strcmp(making->seen[making->count - 1], rule) == 0)) {
        free(rule);
        return;
    }
    if (making->count % 64 == 0)
        making->seen = xrealloc(making->seen, (making->count + 64) * sizeof(*making->seen));
    making->seen[making->count++] = rule;
}

/* "a/path" or "b/path" of a diff's header, up to a tab. */
static void see_diff_path(struct making *making, const char *text, size_t length)
{
    const char *tab = memchr(text, '\t', length);

    if (tab)
        length = (size_t)(tab - text);
    while (length > 0 && text[length - 1] == '\r')
        length--;
    if (length < 3 || (text[0] != 'a' && text[0] != 'b') || text[1] != '/')
        return; /* /dev/null, or a name in quotes */
    see(making, xasprintf("%c%.*s", AGENT_RULE_TEST, (int)(length - 2), text + 2));
}

/* A line of a hunk may look like a header; then there is a rule too many, of a file that is not
 * there. */
static void see_patch(struct making *making, const char *patch)
{
    for (const char *line = patch; line && *line;) {
        size_t length = strcspn(line, "\n");

        if (length > 4 && (strncmp(line, "+++ ", 4) == 0 || strncmp(line, "--- ", 4) == 0))
            see_diff_path(making, line + 4, length - 4);
        line += length + (line[length] == '\n');
    }
}

/* tests.test_a.TestB: tests/test_a/TestB.py or tests/test_a.py. */
static void see_module(struct making *making, const char *text, size_t length)
{
    for (int i = 0; i < 2 && length > 0; i++) {
        char *rule = xasprintf("%c%.*s.py", AGENT_RULE_TEST, (int)length, text);

        for (size_t at = 1; at <= length; at++)
            if (rule[at] == '.')
                rule[at] = '/';
        see(making, rule);
        while (length > 0 && text[length - 1] != '.')
            length--;
        length -= length > 0;
    }
}

/* Of a doctest, as pkg/mod.py::pkg.mod.f, the file is the source: tests' own names have no dots. */
static bool is_doctest(const char *behind)
{
    return memchr(behind, '.', strcspn(behind, "[ ")) != NULL;
}

static void see_python(struct making *making, const char *test)
{
    const char *colons = strstr(test, "::"), *open = strchr(test, '(');
    size_t length = colons ? (size_t)(colons - test) : strcspn(test, " ");

    if (colons && is_doctest(colons + 2))
        return;
    if (memmem(test, length, ".py", 3) && memchr(test, ' ', length) == NULL)
        see(making, xasprintf("%c%.*s", AGENT_RULE_TEST, (int)length, test));
    else if (colons)
        see_module(making, test, length);
    else if (open)
        see_module(making, open + 1, strcspn(open + 1, ")"));
}

/* com.example.GsonTest#parses, com.example.GsonTest::parses: a GsonTest.java, wherever it is. */
static void see_java(struct making *making, const char *test)
{
    size_t to = strcspn(test, "#:($[ "), from = to;

    while (from > 0 && test[from - 1] != '.')
        from--;
    if (to > from && to - from < NAME_MAX - 6)
        see(making, xasprintf("%c%.*s.java", AGENT_RULE_NAME, (int)(to - from), test + from));
}

/* a.spec.ts > describe > it, test/parse.js::parses: a path with an ending, before the test. */
static void see_path(struct making *making, const char *test)
{
    const char *colons = strstr(test, "::"), *angle = strstr(test, " > ");
    size_t length = strlen(test);
    const char *dot;

    if (colons && (size_t)(colons - test) < length)
        length = (size_t)(colons - test);
    if (angle && (size_t)(angle - test) < length)
        length = (size_t)(angle - test);
    dot = memrchr(test, '.', length);
    if (length == strlen(test) || !dot || memchr(test, ' ', length) ||
        strcspn(dot + 1, "/") < (size_t)(test + length - dot - 1))
        return;
    see(making, xasprintf("%c%.*s", AGENT_RULE_TEST, (int)length, test));
}

static void see_tests(struct making *making, const char *text, enum test_names names)
{
    static void (*const readers[])(struct making *, const char *) = {
        [NAMES_PATHS] = see_path, [NAMES_PYTHON] = see_python, [NAMES_JAVA] = see_java};
    _cleanup_(json_release) json_object *tests = NULL;
    struct error ignored = ERROR_INIT;

    if (!text || json_parse(text, strlen(text), &tests, NULL, &ignored) < 0 ||
        !json_object_is_type(tests, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(tests); i++) {
        json_object *test = json_object_array_get_idx(tests, i);

        if (json_object_is_type(test, json_type_string))
            readers[names](making, json_object_get_string(test));
    }
}

/* --- all of them ----------------------------------------------------------------------------- */

static void add(struct buf *rules, const char *rule)
{
    if (rules->length + strlen(rule) + 1 <= AGENT_RULES_MOST)
        buf_add(rules, rule, strlen(rule) + 1);
}

static void add_all(struct buf *rules, const char *const *texts)
{
    for (; *texts; texts++)
        add(rules, *texts);
}

void restore_rules(const struct restore_sample *sample, struct buf *rules)
{
    const struct language *language = language_of(sample->language);
    struct making making = {0};
    enum test_names names = language ? language->names : NAMES_PATHS;

    if (language)
        add_all(rules, language->rules);
    for (size_t i = 0; !language && i < LANGUAGES_APART; i++)
        add_all(rules, languages[i].rules);
    see_patch(&making, sample->test_patch);
    see_tests(&making, sample->fail_to_pass, names);
    see_tests(&making, sample->pass_to_pass, names);
    if (making.count > 0)
        qsort(making.seen, making.count, sizeof(*making.seen), by_text);
    for (size_t i = 0; i < making.count; i++) {
        if (i == 0 || strcmp(making.seen[i], making.seen[i - 1]) != 0)
            add(rules, making.seen[i]);
    }
    for (size_t i = 0; i < making.count; i++)
        free(making.seen[i]);
    free(making.seen);
}
