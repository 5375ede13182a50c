#include "grade/restore_rules.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
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
    "csitecustomize.py", "cusercustomize.py", "csitecustomize", "cusercustomize",
    "csitecustomize.*so", "cusercustomize.*so", "c*.pth", "cunittest.cfg", "cnose2.cfg", "c.noserc",
    "psetup.cfg", "ptox.ini", "ppyproject.toml", "pentry_points.txt", "q__pycache__", "q*.pyc",
    /* `python -m pytest` looks into the current folder first */
    "npytest", "npytest.py", "n_pytest", "npluggy", "npluggy.py", "niniconfig", "nunittest",
    "nunittest.py", "npackaging", "npackaging.py", "cpytest.*so", "c_pytest.*so", "cpluggy.*so",
    "ciniconfig.*so", "cunittest.*so", "cpackaging.*so", NULL};
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

/* What a person's shell reads, in whatever folder HOME is; .bash_aliases by Debian's .bashrc. */
static const char *const login[] = {"c.bash_profile", "c.bash_login",   "c.profile",
                                    "c.bashrc",       "c.bash_aliases", NULL};

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

#define RULES_OF_A_TEST 4 /* at most */

struct making {
    char **seen; /* of the tests' rules, so that none comes twice */
    size_t count;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_among_last(const struct making *making, const char *rule)
{
    for (size_t i = 1; i <= making->count && i <= RULES_OF_A_TEST; i++)
        if (strcmp(making->seen[making->count - i], rule) == 0)
            return true;
    return false;
}

/* Takes the rule. Tests of one file come together, so the last ones are looked at; what comes
 * again all the same is left out at the end. */
static void see(struct making *making, char *rule)
{
    if (making->count == RESTORE_RULES_MOST || !path_is_below(rule + 1) ||
        is_among_last(making, rule)) {
        free(rule);
        return;
    }
    if (making->count % 64 == 0)
        making->seen = xrealloc(making->seen, (making->count + 64) * sizeof(*making->seen));
    making->seen[making->count++] = rule;
}

/* Appends the text of git's quotes, which are C's. */
static void add_quoted(struct buf *out, const char *text, size_t length)
{
    static const char letters[] = "abtnvfr", meant[] = "\a\b\t\n\v\f\r";

    for (size_t i = 0; i < length && text[i] != '"'; i++) {
        const char *letter;
        int byte = 0, digits = 0;

        if (text[i] != '\\' || i + 1 == length) {
            buf_add_char(out, text[i]);
            continue;
        }
        i++;
        for (; digits < 3 && i + (size_t)digits < length; digits++) {
            char digit = text[i + (size_t)digits];

            if (digit < '0' || digit > '7')
                break;
            byte = byte * 8 + (digit - '0');
        }
        letter = strchr(letters, text[i]);
        buf_add_char(out, (char)(digits                      ? byte
                                 : letter && text[i] != '\0' ? meant[letter - letters]
                                                             : text[i]));
        i += digits > 0 ? (size_t)digits - 1 : 0;
    }
}

/* A path of a diff's header, up to a tab. `bare`: it may be without "a/" or "b/". */
static void see_diff_path(struct making *making, const char *text, size_t length, bool bare)
{
    const char *tab = memchr(text, '\t', length);
    _cleanup_(buf_release) struct buf path = BUF_INIT;
    size_t prefix;

    if (tab)
        length = (size_t)(tab - text);
    while (length > 0 && text[length - 1] == '\r')
        length--;
    if (length > 0 && text[0] == '"')
        add_quoted(&path, text + 1, length - 1);
    else
        buf_add(&path, text, length);
    if (path.length == 0 || memchr(path.data, '\0', path.length))
        return;
    prefix = path.length > 2 && strchr("ab", path.data[0]) && path.data[1] == '/' ? 2 : 0;
    if (prefix || bare)
        see(making, xasprintf("%c%s", AGENT_RULE_TEST, path.data + prefix));
}

/* A line of a hunk may look like a header; then there is a rule too many, of a file that is not
 * there. Paths without a prefix are taken only from two lines that belong together. */
static void see_patch(struct making *making, const char *patch)
{
    static const char *const moves[] = {"rename from ", "rename to ", "copy to "};
    bool in_header = false;

    for (const char *line = patch ? patch : ""; *line;) {
        size_t length = strcspn(line, "\n");
        const char *next = line + length + (line[length] == '\n');
        bool is_old = length > 4 && strncmp(line, "--- ", 4) == 0;
        bool is_new = length > 4 && strncmp(line, "+++ ", 4) == 0;

        in_header = is_old ? strncmp(next, "+++ ", 4) == 0 : in_header && is_new;
        if (is_old || is_new)
            see_diff_path(making, line + 4, length - 4, in_header);
        for (size_t i = 0; i < ARRAY_SIZE(moves); i++)
            if (length > strlen(moves[i]) && strncmp(line, moves[i], strlen(moves[i])) == 0)
                see_diff_path(making, line + strlen(moves[i]), length - strlen(moves[i]), true);
        line = next;
    }
}

/* tests.test_a.TestB: tests/test_a/TestB.py or tests/test_a.py. The folder ends with a slash. */
static void see_module(struct making *making, const char *folder, const char *text, size_t length)
{
    for (int i = 0; i < 2 && length > 0; i++) {
        char *rule = xasprintf("%c%s%.*s.py", AGENT_RULE_TEST, folder, (int)length, text);

        for (size_t at = 1; at <= strlen(folder) + length; at++)
            if (rule[at] == '.')
                rule[at] = '/';
        see(making, rule);
        while (length > 0 && text[length - 1] != '.')
            length--;
        length -= length > 0;
    }
}

/* Of a doctest, as pkg/mod.py::pkg.mod.f, the file is the source. Its name is dotted and has the
 * module's in it, that of pkg/__init__.py being pkg; `::TestA.test_b` is no such name. */
static bool is_doctest(const char *test, const char *colons)
{
    const char *name = colons + 2, *end = colons;
    size_t length = strcspn(name, "[ "), module;

    if (!memchr(name, '.', length) || end - test < 4 || memcmp(end - 3, ".py", 3) != 0)
        return false;
    end -= 3;
    if (end - test > 9 && memcmp(end - 9, "/__init__", 9) == 0)
        end -= 9;
    for (module = 0; end - module > test && end[-(ptrdiff_t)module - 1] != '/';)
        module++;
    for (size_t at = 0, part; at < length; at += part + 1) {
        part = strcspn(name + at, ".[ ");
        if (part == module && memcmp(name + at, end - module, module) == 0)
            return at + part < length || /* the module's own text: its package is in the path */
                   memmem(test, (size_t)(end - test), name, strcspn(name, "."));
    }
    return false;
}

/* unittest's `test_x (tests.test_a.TestB)`, and since Python 3.11 `test_x
 * (tests.test_a.TestB.test_x)`. Django's runner names modules from its folder of tests on. */
static void see_unittest(struct making *making, const char *test)
{
    const char *open = strchr(test, '('), *text = open + 1;
    size_t length = strcspn(text, ")"), name = (size_t)(open - test);

    while (name > 0 && test[name - 1] == ' ')
        name--;
    if (name > 0 && length > name + 1 && text[length - name - 1] == '.' &&
        memcmp(text + length - name, test, name) == 0)
        length -= name + 1;
    see_module(making, "", text, length);
    if (strncmp(text, "tests.", 6) != 0)
        see_module(making, "tests/", text, length);
}

static void see_python(struct making *making, const char *test)
{
    const char *colons = strstr(test, "::"), *open = strchr(test, '(');
    size_t length = colons ? (size_t)(colons - test) : strcspn(test, " ");

    if (colons && is_doctest(test, colons))
        return;
    if (memmem(test, length, ".py", 3) && memchr(test, ' ', length) == NULL)
        see(making, xasprintf("%c%.*s", AGENT_RULE_TEST, (int)length, test));
    else if (colons)
        see_module(making, "", test, length);
    else if (open)
        see_unittest(making, test);
}

/* Where the last part of a dotted name begins. */
static size_t last_part(const char *text, size_t length)
{
    while (length > 0 && text[length - 1] != '.')
        length--;
    return length;
}

/* com.example.GsonTest#parses, com.example.GsonTest.parses, parses(com.example.GsonTest): a
 * GsonTest.java, wherever it is. Of classes the first letter is a large one. */
static void see_java(struct making *making, const char *test)
{
    size_t to = strcspn(test, "#:($[ "), from = last_part(test, to);
    const char *open = strchr(test, '(');
    size_t inside = open ? strcspn(open + 1, ")") : 0;

    if (open && from == 0 && !strchr("#:$", test[to]) &&
        isupper((unsigned char)open[1 + last_part(open + 1, inside)])) {
        test = open + 1;
        to = inside;
        from = last_part(test, to);
    } else if (from > 1 && !isupper((unsigned char)test[from]) &&
               isupper((unsigned char)test[last_part(test, from - 1)])) {
        to = from - 1;
        from = last_part(test, to);
    }
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

/* --- what runs before the verifier ----------------------------------------------------------- */

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

/* An argument of the entry point that may be a file of the repository, in whose folder it runs. */
static void see_argument(struct making *making, const char *argument, const char *root)
{
    size_t length = root ? strlen(root) : 0;

    while (length > 0 && root[length - 1] == '/')
        length--;
    if (argument[0] == '/') {
        if (length == 0 || strncmp(argument, root, length) != 0 || argument[length] != '/')
            return;
        argument += length;
    } else if (argument[0] == '-' || !strpbrk(argument, "/.")) {
        return;
    }
    while (argument[0] == '/' || strncmp(argument, "./", 2) == 0)
        argument++;
    see(making, xasprintf("%c%s", AGENT_RULE_TEST, argument));
}

/* The shell's own files and the entry point's: the session's would run before the verifier. */
static void see_profile(struct making *making, const struct restore_sample *sample,
                        struct buf *rules)
{
    _cleanup_(json_release) json_object *profile = NULL;
    struct error ignored = ERROR_INIT;
    json_object *arguments;
    const char *shell;

    if (!sample->profile ||
        json_parse(sample->profile, strlen(sample->profile), &profile, NULL, &ignored) < 0)
        return;
    shell = json_get_text(profile, AGENT_PROFILE_SHELL);
    if (shell && strcmp(shell, AGENT_SHELL_LOGIN) == 0)
        add_all(rules, login);
    if (!shell || strcmp(shell, AGENT_SHELL_ENTRYPOINT) != 0 ||
        !json_object_object_get_ex(profile, AGENT_PROFILE_ENTRYPOINT, &arguments) ||
        !json_object_is_type(arguments, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(arguments); i++) {
        json_object *argument = json_object_array_get_idx(arguments, i);

        if (json_object_is_type(argument, json_type_string))
            see_argument(making, json_object_get_string(argument), sample->root);
    }
}

/* --- all of them ----------------------------------------------------------------------------- */

/* The sample's own: "!PATTERN" is taken from the session, PATTERN is not. */
static void add_sample_rules(struct buf *rules, const char *text)
{
    _cleanup_(json_release) json_object *patterns = NULL;
    struct error ignored = ERROR_INIT;

    if (!text || json_parse(text, strlen(text), &patterns, NULL, &ignored) < 0 ||
        !json_object_is_type(patterns, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(patterns); i++) {
        const char *pattern = json_object_get_string(json_object_array_get_idx(patterns, i));
        bool take = pattern && pattern[0] == '!';
        _cleanup_(free_ptr) char *rule =
            pattern ? xasprintf("%c%s", take ? AGENT_RULE_TAKE : AGENT_RULE_KEEP, pattern + take)
                    : NULL;

        if (rule)
            add(rules, rule);
    }
}

void restore_rules(const struct restore_sample *sample, struct buf *rules)
{
    const struct language *language = language_of(sample->language);
    struct making making = {0};
    enum test_names names = language ? language->names : NAMES_PATHS;

    add_sample_rules(rules, sample->restore);
    if (language)
        add_all(rules, language->rules);
    for (size_t i = 0; !language && i < LANGUAGES_APART; i++)
        add_all(rules, languages[i].rules);
    see_profile(&making, sample, rules);
    see_patch(&making, sample->test_patch);
    see_tests(&making, sample->fail_to_pass, names);
    see_tests(&making, sample->pass_to_pass, names);
    see_tests(&making, sample->held_out, names);
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
