/*
 * The logs of pytest, of unittest and Django's runner, and of sympy's.
 */
#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/log_reader.h"

#include "base/banned.h"

/* --- pytest ---------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum test_outcome outcome;
} pytest_words[] = {
    {"PASSED", TEST_PASSED},   {"FAILED", TEST_FAILED}, {"ERROR", TEST_FAILED},
    {"SKIPPED", TEST_SKIPPED}, {"XFAIL", TEST_SKIPPED}, {"XPASS", TEST_PASSED},
};

/* A node's id ends with its brackets, or before " - " and a message. */
static size_t node_length(const char *node)
{
    const char *message = strstr(node, " - "), *bracket = strchr(node, '[');

    if (bracket && (!message || bracket < message)) {
        const char *end = strstr(bracket, "] - ");

        if (end)
            return (size_t)(end + 1 - node);
        if (log_ends(node, "]"))
            return strlen(node);
    }
    return message ? (size_t)(message - node) : strlen(node);
}

static void add_node(struct log_reader *log, const char *node, size_t length,
                     enum test_outcome outcome)
{
    size_t end = strcspn(node, "[");
    const char *split = NULL;
    _cleanup_(free_ptr) char *classname = NULL;

    if (end > length)
        end = length;
    for (size_t i = 0; i + 1 < end; i++)
        if (node[i] == ':' && node[i + 1] == ':')
            split = node + i;
    if (!split) { /* a file that could not be collected */
        classname = xstrndup(node, length);
        log_case(log, classname, "", 0, outcome);
        return;
    }
    classname = xstrndup(node, (size_t)(split - node));
    log_case(log, classname, split + 2, length - (size_t)(split + 2 - node), outcome);
}

/* "== 2 failed, 3 passed in 0.1s ==", with -q without the signs around it. */
static bool is_pytest_end(const char *line)
{
    const char *in = strstr(line, " in "), *at = line + strspn(line, "= ");

    if (!in || !isdigit((unsigned char)in[4]))
        return false;
    if (log_starts(at, "no tests ran"))
        return true;
    return isdigit((unsigned char)*at) &&
           (strstr(at, " passed") || strstr(at, " failed") || strstr(at, " error") ||
            strstr(at, " skipped") || strstr(at, " xfailed") || strstr(at, " xpassed") ||
            strstr(at, " deselected") || strstr(at, " warning"));
}

static bool is_node(const char *text, size_t length)
{
    return length > 0 && text[0] != '[' &&
           !memchr(text, ' ', strcspn(text, "[") < length ? strcspn(text, "[") : length) &&
           (memmem(text, length, "::", 2) || memmem(text, length, ".py", 3));
}

static void pytest_line(struct log_reader *log, char *line)
{
    if (is_pytest_end(line)) {
        log_end(log, log_number_before(line, " failed") + log_number_before(line, " error"));
        return;
    }
    if (log_starts(line, "[gw") && strstr(line, "] ")) /* xdist */
        line = strstr(line, "] ") + 2;
    if (line[0] == '[' && strstr(line, "%] "))
        line = strstr(line, "%] ") + 3;
    for (size_t i = 0; i < ARRAY_SIZE(pytest_words); i++) {
        const char *word = pytest_words[i].word, *node;
        size_t length = strlen(word);
        const char *found = strstr(line, word);

        if (!found)
            continue;
        node = line + length + 1;
        if (found == line && line[length] == ' ' && is_node(node, node_length(node))) {
            add_node(log, node, node_length(node), pytest_words[i].outcome);
            return;
        }
        /* "NODE PASSED   [ 50%]"; the last such word counts, as parameters may hold one. */
        for (const char *next = found; (next = strstr(next + 1, word));)
            found = next;
        if (found > line && found[-1] == ' ' && (found[length] == '\0' || found[length] == ' ') &&
            is_node(line, (size_t)(found - 1 - line))) {
            add_node(log, line, (size_t)(found - 1 - line), pytest_words[i].outcome);
            return;
        }
    }
}

const struct log_parser log_pytest = {
    .name = "pytest",
    .line = pytest_line,
};

/* --- unittest, Django ------------------------------------------------------------------------ */

/* "test_a (pkg.Class)", "test_a (pkg.Class.test_a) (i=1)", or a docstring's first line. */
static void add_unittest(struct log_reader *log, const char *text, size_t length,
                         enum test_outcome outcome)
{
    const char *open = memmem(text, length, " (", 2);
    const char *close = open ? memchr(open, ')', length - (size_t)(open - text)) : NULL;
    _cleanup_(free_ptr) char *classname = NULL, *ending = NULL;
    size_t name = open ? (size_t)(open - text) : 0;

    if (!close || memchr(text, ' ', name)) {
        log_case(log, NULL, text, length, outcome);
        return;
    }
    classname = xstrndup(open + 2, (size_t)(close - open - 2));
    ending = xasprintf(".%.*s", (int)name, text);
    if (log_ends(classname, ending)) /* since Python 3.11 */
        classname[strlen(classname) - strlen(ending)] = '\0';
    log_case(log, classname, text, name, outcome);
}

/* A test with a docstring has two lines, of which lists have either: the name, then the docstring
 * with the outcome. */
static void add_described(struct log_reader *log, const char *text, size_t length,
                          enum test_outcome outcome)
{
    const char *before = log->previous;

    add_unittest(log, text, length, outcome);
    if (before && log_starts(before, "test") && strstr(before, " (") && log_ends(before, ")") &&
        !strstr(before, " ... ") && !memmem(text, length, " (", 2))
        add_unittest(log, before, strlen(before), outcome);
}

static bool unittest_outcome(const char *word, enum test_outcome *ret_outcome)
{
    static const struct {
        const char *word;
        enum test_outcome outcome;
    } words[] = {{"ok", TEST_PASSED},
                 {"OK", TEST_PASSED},
                 {"FAIL", TEST_FAILED},
                 {"ERROR", TEST_FAILED},
                 {"skipped", TEST_SKIPPED},
                 {"expected failure", TEST_SKIPPED},
                 {"unexpected success", TEST_FAILED}};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        size_t length = strlen(words[i].word);

        if (log_starts(word, words[i].word) &&
            (word[length] == '\0' || (words[i].outcome == TEST_SKIPPED && word[length] == ' '))) {
            *ret_outcome = words[i].outcome;
            return true;
        }
    }
    return false;
}

/* "FAILED (failures=1, errors=2)" */
static bool unittest_end(struct log_reader *log, const char *line)
{
    if (strcmp(line, "OK") != 0 && !log_starts(line, "OK (") && !log_starts(line, "FAILED ("))
        return false;
    log_end(log, log_number_behind(line, "failures=") + log_number_behind(line, "errors=") +
                     log_number_behind(line, "unexpected successes="));
    return true;
}

static void unittest_line(struct log_reader *log, char *line)
{
    char *dots = NULL;
    enum test_outcome outcome;

    if (unittest_end(log, line))
        return;
    if (log_starts(line, "FAIL: ") || log_starts(line, "ERROR: ")) {
        add_unittest(log, strchr(line, ' ') + 1, strlen(strchr(line, ' ') + 1), TEST_FAILED);
        return;
    }
    for (char *next = line; (next = strstr(next, " ... ")); next += 5)
        dots = next;
    if (dots && unittest_outcome(dots + 5 + strspn(dots + 5, " "), &outcome)) {
        add_described(log, line, (size_t)(dots - line), outcome);
        log_set(&log->pending, NULL, 0);
        return;
    }
    /* What a test prints comes between its name and its outcome. */
    if (log->pending && unittest_outcome(line, &outcome)) {
        add_unittest(log, log->pending, strlen(log->pending), outcome);
        log_set(&log->pending, NULL, 0);
        return;
    }
    dots = strstr(line, " ...");
    if (dots && (dots[4] == ' ' || dots[4] == '\0'))
        log_set(&log->pending, line, (size_t)(dots - line));
}

const struct log_parser log_unittest = {
    .name = "unittest",
    .line = unittest_line,
};

/* --- sympy ----------------------------------------------------------------------------------- */

/* "sympy/core/tests/test_basic.py[20]", "test_structure ok", "___ sympy/a.py:test_b ___",
 * "=== tests finished: 3 passed, 1 failed, in 0.1 seconds ===" */
static void sympy_line(struct log_reader *log, char *line)
{
    const char *file = strstr(line, ".py["), *failed = strstr(line, ".py:test_"), *blank;

    if (strstr(line, "tests finished: ")) {
        log_end(log, log_number_before(line, " failed") + log_number_before(line, " exceptions"));
    } else if (file && !memchr(line, ' ', (size_t)(file - line))) {
        log_set(&log->place, line, (size_t)(file + 3 - line));
    } else if (failed && log_starts(line, "_") && strchr(line, ' ') && strchr(line, ' ') < failed) {
        _cleanup_(free_ptr) char *place =
            xstrndup(strchr(line, ' ') + 1, (size_t)(failed + 3 - strchr(line, ' ') - 1));

        log_case(log, place, failed + 4, strcspn(failed + 4, " "), TEST_FAILED);
    } else if (log_starts(line, "test_") && (blank = strchr(line, ' '))) {
        char *sum = strstr(line, " [FAIL]"); /* of the file, behind its last test */

        static const struct {
            const char *word;
            enum test_outcome outcome;
        } words[] = {{" ok", TEST_PASSED}, {" F", TEST_FAILED},  {" E", TEST_FAILED},
                     {" K", TEST_FAILED},  {" f", TEST_SKIPPED}, {" s", TEST_SKIPPED},
                     {" w", TEST_SKIPPED}, {" T", TEST_FAILED},  {" X", TEST_FAILED}};

        sum = sum ? sum : strstr(line, " [OK]");
        while (sum && sum > line && *sum == ' ')
            *sum-- = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
            if (log_ends(line, words[i].word)) {
                log_case(log, log->place, line, (size_t)(blank - line), words[i].outcome);
                return;
            }
    }
}

const struct log_parser log_sympy = {
    .name = "sympy",
    .line = sympy_line,
};
