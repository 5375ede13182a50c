/*
 * The logs of runners of languages that are built first: go, cargo, CTest, GoogleTest, Gradle,
 * Maven, dotnet.
 */
#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "grade/log_reader.h"

#include "base/banned.h"

/* --- go -------------------------------------------------------------------------------------- */

/* A package's line comes behind its tests. */
static void end_package(struct log_reader *log, const char *text, bool failed)
{
    size_t length = strcspn(text, " \t");
    bool any_failed = false;

    for (; log->first < log->list.count; log->first++) {
        struct test_case *item = &log->list.cases[log->first];

        any_failed = any_failed || item->outcome == TEST_FAILED;
        if (!item->classname)
            item->classname = xstrndup(text, length);
    }
    if (failed && !any_failed) {
        _cleanup_(free_ptr) char *package = xstrndup(text, length);

        log_case(log, package, "", 0, TEST_FAILED); /* it was not built, or panicked */
        log->first = log->list.count;
    }
    log_end(log, 0);
}

/* The length of a test's name with its time behind it, "TestA/b (0.00s)", to the end; or 0. */
static size_t go_name(const char *text)
{
    size_t length = strcspn(text, " ");
    const char *time = text + length + 2;
    size_t digits;

    if (length == 0 || strncmp(text + length, " (", 2) != 0)
        return 0;
    digits = strspn(time, "0123456789");
    if (digits == 0 || time[digits] != '.')
        return 0;
    time += digits + 1;
    digits = strspn(time, "0123456789");
    return digits > 0 && strcmp(time + digits, "s)") == 0 ? length : 0;
}

/* What a test printed without a line's end stands before its outcome: "x--- PASS: TestA (0.00s)".
 * So the last one of the line counts. */
static bool go_outcome(struct log_reader *log, const char *line)
{
    static const struct {
        const char *word;
        enum test_outcome outcome;
    } words[] = {{"PASS: ", TEST_PASSED}, {"FAIL: ", TEST_FAILED}, {"SKIP: ", TEST_SKIPPED}};
    const char *last = NULL;

    for (const char *next = line; (next = strstr(next, "--- ")); next += 4)
        last = next + 4;
    for (size_t i = 0; last && i < ARRAY_SIZE(words); i++) {
        const char *name = last + strlen(words[i].word);

        if (!log_starts(last, words[i].word) || go_name(name) == 0)
            continue;
        log_case(log, NULL, name, go_name(name), words[i].outcome);
        return true;
    }
    return false;
}

static void go_line(struct log_reader *log, char *line)
{
    if (go_outcome(log, line))
        return;
    if (log_starts(line, "ok  \t"))
        end_package(log, line + 5, false);
    else if (log_starts(line, "FAIL\t"))
        end_package(log, line + 5, true);
    else if (strcmp(line, "PASS") == 0 || strcmp(line, "FAIL") == 0)
        log_end(log, 0); /* of a test's program that runs by itself */
}

const struct log_parser log_go = {
    .name = "go",
    .line = go_line,
};

static const char *member(json_object *event, const char *key)
{
    json_object *value = NULL;

    json_object_object_get_ex(event, key, &value);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* Events of all packages come between each other. As many end as began. */
static void go_json_line(struct log_reader *log, char *line)
{
    _cleanup_(json_release) json_object *event = NULL;
    struct error ignored = ERROR_INIT;
    const char *action, *package, *test;

    if (line[0] != '{' || json_parse(line, strlen(line), &event, NULL, &ignored) < 0 ||
        !(action = member(event, "Action")) || !(package = member(event, "Package")))
        return;
    test = member(event, "Test");
    if (strcmp(action, "run") == 0 && test) {
        log->depth++; /* no blocks here: tests that run */
        log->open = true;
    } else if (strcmp(action, "pass") == 0 || strcmp(action, "fail") == 0 ||
               strcmp(action, "skip") == 0) {
        enum test_outcome outcome = action[0] == 'p'   ? TEST_PASSED
                                    : action[0] == 'f' ? TEST_FAILED
                                                       : TEST_SKIPPED;

        if (test) {
            log->depth -= log->depth > 0;
            log_case(log, package, test, strlen(test), outcome);
        } else {
            if (outcome == TEST_FAILED)
                log_case(log, package, "", 0, outcome);
            log_end(log, 0);
        }
    }
}

static void go_json_end(struct log_reader *log)
{
    log->open = log->open || log->depth > 0;
    log->depth = 0;
}

const struct log_parser log_go_json = {
    .name = "go-json",
    .line = go_json_line,
    .end = go_json_end,
};

/* --- cargo ----------------------------------------------------------------------------------- */

/* "     Running unittests src/lib.rs (target/debug/deps/axum-0123456789abcdef)", "   Doc-tests
 * axum" */
static void enter_crate(struct log_reader *log, const char *line)
{
    const char *program = strrchr(line, '/'), *dash = program ? strrchr(program, '-') : NULL;
    const char *doc = strstr(line, "Doc-tests ");

    if (doc)
        log_set(&log->place, doc + 10, strlen(doc + 10));
    else if (dash)
        log_set(&log->place, program + 1, (size_t)(dash - program - 1));
}

static bool cargo_outcome(const char *word, enum test_outcome *ret_outcome)
{
    if (strcmp(word, "ok") == 0)
        *ret_outcome = TEST_PASSED;
    else if (strcmp(word, "FAILED") == 0 || strcmp(word, "failed") == 0)
        *ret_outcome = TEST_FAILED;
    else if (log_starts(word, "ignored"))
        *ret_outcome = TEST_SKIPPED;
    else
        return false;
    return true;
}

static void cargo_line(struct log_reader *log, char *line)
{
    char *dots = strstr(line, " ... "), *end;
    enum test_outcome outcome;

    if (log_starts(line, "test result: ")) {
        log_end(log, log_number_before(line, " failed"));
    } else if (log_starts(line, "running ") && strstr(line, " test")) {
        log->open = true;
    } else if (strstr(line, " Running ") || strstr(line, "Doc-tests ")) {
        enter_crate(log, line);
    } else if (log_starts(line, "test ")) {
        dots = dots ? dots : strstr(line, " ...");
        end =
            dots && dots - line > 20 && log_starts(dots - 15, " - should panic") ? dots - 15 : dots;
        if (dots && end < line + 5) /* it has no name */
            return;
        if (dots && cargo_outcome(dots + 5 - (dots[4] == '\0'), &outcome))
            log_case(log, log->place, line + 5, (size_t)(end - line - 5), outcome);
        else if (dots)
            log_set(&log->pending, line + 5, (size_t)(end - line - 5));
    } else if (log->pending && cargo_outcome(line, &outcome)) {
        log_case(log, log->place, log->pending, strlen(log->pending), outcome);
        log_set(&log->pending, NULL, 0);
    }
}

const struct log_parser log_cargo = {
    .name = "cargo",
    .line = cargo_line,
};

/* --- CTest ----------------------------------------------------------------------------------- */

/* " 1/3 Test  #1: name .......***Failed    0.01 sec" */
static void ctest_line(struct log_reader *log, char *line)
{
    char *hash = strstr(line, "Test "), *name, *end;
    enum test_outcome outcome = TEST_FAILED;

    if (strstr(line, "% tests passed, ")) {
        log_end(log,
                log_number_before(line, " tests failed") + log_number_before(line, " test failed"));
        return;
    }
    if (!hash || !memchr(line, '/', (size_t)(hash - line)) || !(hash = strchr(hash, '#')) ||
        !(name = strstr(hash, ": ")))
        return;
    name += 2;
    end = strstr(name, " .");
    end = end ? end : strstr(name, "***");
    end = end ? end : strstr(name, "   ");
    if (!end)
        return;
    if (strstr(end, " Passed "))
        outcome = TEST_PASSED;
    else if (strstr(end, "***Skipped") || strstr(end, "(Disabled)"))
        outcome = TEST_SKIPPED;
    log_case(log, NULL, name, (size_t)(end - name), outcome);
}

const struct log_parser log_ctest = {
    .name = "ctest",
    .line = ctest_line,
};

/* --- GoogleTest ------------------------------------------------------------------------------ */

/* "[       OK ] Suite.name (0 ms)", "[==========] 3 tests from 1 test suite ran."; `ctest -V` has
 * "1: " before each. */
static void gtest_line(struct log_reader *log, char *line)
{
    size_t digits = strspn(line, "0123456789");
    char *mark = strstr(line, "[  "), *name, *dot;
    _cleanup_(free_ptr) char *suite = NULL;
    enum test_outcome outcome;
    bool was_open;

    if (digits > 0 && log_starts(line + digits, ": ")) {
        line += digits + 2;
        mark = strstr(line, "[  ");
    }
    if (log_starts(line, "[==========] Running ")) {
        log->open = true;
    } else if (log_starts(line, "[==========]") && strstr(line, " ran.")) {
        log_end(log, 0);
        return;
    }
    if (!mark)
        return;
    if (log_starts(mark, "[       OK ] "))
        outcome = TEST_PASSED;
    else if (log_starts(mark, "[  FAILED  ] "))
        outcome = TEST_FAILED;
    else if (log_starts(mark, "[  SKIPPED ] "))
        outcome = TEST_SKIPPED;
    else
        return;
    name = mark + 13;
    dot = strchr(name, '.');
    if (!dot || memchr(name, ' ', (size_t)(dot - name)))
        return; /* "[  FAILED  ] 2 tests, listed below:" */
    suite = xstrndup(name, (size_t)(dot - name));
    was_open = log->open || !log->ended;
    log_case(log, suite, dot + 1, strcspn(dot + 1, " ,"), outcome);
    log->open = was_open; /* the list of failures behind the end opens nothing */
}

const struct log_parser log_gtest = {
    .name = "gtest",
    .line = gtest_line,
};

/* --- Gradle ---------------------------------------------------------------------------------- */

/* "com.example.CartTest > nested > adds() PASSED" */
static void gradle_line(struct log_reader *log, char *line)
{
    static const struct {
        const char *word;
        enum test_outcome outcome;
    } words[] = {{" PASSED", TEST_PASSED}, {" FAILED", TEST_FAILED}, {" SKIPPED", TEST_SKIPPED}};
    char *arrow = NULL;

    if (log_starts(line, "BUILD SUCCESSFUL") || log_starts(line, "BUILD FAILED")) {
        log_end(log, 0);
        return;
    }
    if (strstr(line, " tests completed, ") || strstr(line, " test completed, ")) {
        log->said += log_number_before(line, " failed");
        return;
    }
    for (char *next = line; (next = strstr(next, " > ")); next += 3)
        arrow = next;
    for (size_t i = 0; arrow && arrow > line && line[0] != '>' && i < ARRAY_SIZE(words); i++) {
        _cleanup_(free_ptr) char *classname = NULL;

        if (!log_ends(line, words[i].word))
            continue;
        classname = xstrndup(line, (size_t)(arrow - line));
        log_case(log, classname, arrow + 3, strlen(arrow + 3) - strlen(words[i].word),
                 words[i].outcome);
    }
}

const struct log_parser log_gradle = {
    .name = "gradle",
    .line = gradle_line,
};

/* --- Maven ----------------------------------------------------------------------------------- */

static void maven_class(struct log_reader *log, const char *line)
{
    const char *in = strstr(line, " - in "), *dash = strstr(line, " -- in ");
    bool failed = log_number_behind(line, "Failures: ") + log_number_behind(line, "Errors: ") > 0;
    int64_t run = log_number_behind(line, "Tests run: ");
    const char *name = dash ? dash + 7 : in ? in + 6 : NULL;
    _cleanup_(free_ptr) char *classname = NULL;

    if (!name)
        return;
    classname = xstrndup(name, strcspn(name, " "));
    log_case(log, classname, "", 0,
             failed                                       ? TEST_FAILED
             : run > log_number_behind(line, "Skipped: ") ? TEST_PASSED
                                                          : TEST_SKIPPED);
}

/* "[ERROR] com.example.CartTest.adds  Time elapsed: 0.1 s  <<< FAILURE!", "[ERROR]
 * adds(com.example.CartTest) Time elapsed ..." */
static void maven_failure(struct log_reader *log, const char *line)
{
    const char *text = log_starts(line, "[ERROR] ") ? line + 8 : line;
    size_t length = strcspn(text, " ");
    const char *open = memchr(text, '(', length), *dot = memrchr(text, '.', length);
    _cleanup_(free_ptr) char *classname = NULL;

    if (open && open > text && text[length - 1] == ')') {
        classname = xstrndup(open + 1, length - (size_t)(open - text) - 2);
        log_case(log, classname, text, (size_t)(open - text), TEST_FAILED);
    } else if (dot && dot > text) {
        classname = xstrndup(text, (size_t)(dot - text));
        log_case(log, classname, dot + 1, length - (size_t)(dot + 1 - text), TEST_FAILED);
    }
}

/* "Tests run: 3, Failures: 0, Errors: 0, Skipped: 1", with or without a class behind it. */
static void maven_count(struct log_reader *log, const char *line)
{
    if (log_number_behind(line, "Failures: ") + log_number_behind(line, "Errors: ") > 0)
        log->any_failed = true;
    else if (log_number_behind(line, "Tests run: ") > log_number_behind(line, "Skipped: "))
        log->any_ran = true;
}

/* The build of a test that was wanted alone ended. A build that ran no test succeeds, too: of the
 * test that says nothing. */
static void maven_build(struct log_reader *log, bool success)
{
    if (log->pending && (!success || log->any_failed || log->any_ran))
        log_case(log, NULL, log->pending, strlen(log->pending),
                 success && !log->any_failed ? TEST_PASSED : TEST_FAILED);
    log_set(&log->pending, NULL, 0);
    log_end(log, 0);
}

/* Maven names classes, and of the tests those that failed. Sets that want each test run each by
 * itself, and trace the command: "-Dtest=CartTest#adds" ... "Tests run: 1" ... "BUILD SUCCESS". */
static void maven_line(struct log_reader *log, char *line)
{
    char *wanted = strstr(line, "-Dtest=");

    if (strstr(line, "Tests run: "))
        maven_count(log, line);
    if (wanted) {
        log_set(&log->pending, wanted + 7, strcspn(wanted + 7, " '\""));
        log->any_ran = log->any_failed = false;
        log->open = true;
    } else if (strstr(line, "BUILD SUCCESS") || strstr(line, "BUILD FAILURE")) {
        maven_build(log, strstr(line, "BUILD SUCCESS") != NULL);
    } else if (strstr(line, "Tests run: ") && strstr(line, "Time elapsed: ")) {
        maven_class(log, line);
    } else if (strstr(line, "Time elapsed: ") &&
               (strstr(line, "<<< FAILURE!") || strstr(line, "<<< ERROR!"))) {
        maven_failure(log, line);
    }
}

const struct log_parser log_maven = {
    .name = "maven",
    .line = maven_line,
};

/* --- dotnet ---------------------------------------------------------------------------------- */

/* "  Passed Shop.Tests.CartTests.Adds [3 ms]", "Passed!  - Failed:     0, Passed:     3" */
static void dotnet_line(struct log_reader *log, char *line)
{
    static const struct {
        const char *word;
        enum test_outcome outcome;
    } words[] = {{"Passed ", TEST_PASSED}, {"Failed ", TEST_FAILED}, {"Skipped ", TEST_SKIPPED}};
    char *text = line + strspn(line, " \t");

    if (log_starts(text, "Passed! ") || log_starts(text, "Failed! ") ||
        log_starts(text, "Skipped! ")) {
        log_end(log, log_number_behind(text, "Failed: "));
        return;
    }
    if (log_starts(text, "Test Run Successful.") || log_starts(text, "Test Run Failed.")) {
        log_end(log, 0);
        return;
    }
    for (size_t i = 0; text > line && i < ARRAY_SIZE(words); i++) {
        const char *full = text + strlen(words[i].word), *dot;
        size_t length;
        _cleanup_(free_ptr) char *classname = NULL;

        if (!log_starts(text, words[i].word))
            continue;
        length = log_without_time(full);
        if (length == strlen(full) && log_ends(full, "]")) /* "[1 m 3 s]", "[< 1 ms]" */
            length = (size_t)(strrchr(full, '[') ? strrchr(full, '[') - full : (long)length);
        while (length > 0 && full[length - 1] == ' ')
            length--;
        dot = memrchr(full, '.', strcspn(full, "(<\"") < length ? strcspn(full, "(<\"") : length);
        classname = dot ? xstrndup(full, (size_t)(dot - full)) : NULL;
        log_case(log, classname, dot ? dot + 1 : full,
                 length - (dot ? (size_t)(dot + 1 - full) : 0), words[i].outcome);
    }
}

const struct log_parser log_dotnet = {
    .name = "dotnet",
    .line = dotnet_line,
};
