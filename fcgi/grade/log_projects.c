/*
 * The logs of runners that few projects have: automake's, Ant's as lombok formats it, the ones that
 * redis and micropython made for themselves, Karma, Cucumber, test-unit, Jest's JSON as lines, and
 * doctest's XML in the middle of a log.
 */
#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/log_reader.h"

#include "base/banned.h"

struct word {
    const char *text;
    enum test_outcome outcome;
};

/* The word that the text begins with, or NULL. */
static const struct word *word_of(const struct word *words, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (log_starts(text, words[i].text))
            return &words[i];
    return NULL;
}

/* --- automake -------------------------------------------------------------------------------- */

/* "PASS: tests/jqtest"; the summary of each folder: "# TOTAL: 5", "# FAIL:  1". */
static void automake_line(struct log_reader *log, char *line)
{
    static const struct word words[] = {{"PASS: ", TEST_PASSED},   {"FAIL: ", TEST_FAILED},
                                        {"ERROR: ", TEST_FAILED},  {"XPASS: ", TEST_FAILED},
                                        {"XFAIL: ", TEST_SKIPPED}, {"SKIP: ", TEST_SKIPPED}};
    const struct word *word = word_of(words, ARRAY_SIZE(words), line);

    if (log_starts(line, "# TOTAL: "))
        log_end(log, 0);
    else if (log_starts(line, "# FAIL: ") || log_starts(line, "# ERROR: ") ||
             log_starts(line, "# XPASS: "))
        log->said += log_number_behind(line, ": ");
    else if (word)
        log_case(log, NULL, line + strlen(word->text), strcspn(line + strlen(word->text), " "),
                 word->outcome);
}

const struct log_parser log_automake = {
    .name = "automake",
    .line = automake_line,
};

/* --- Ant ------------------------------------------------------------------------------------- */

/* "    [junit] [PASS] javac-Data.java(lombok.transform.TestWithDelombok)", "    [junit] Tests run:
 * 2, Failures: 0, Errors: 0", "BUILD SUCCESSFUL" */
static void ant_line(struct log_reader *log, char *line)
{
    static const struct word words[] = {{"[PASS] ", TEST_PASSED},
                                        {"[FAIL] ", TEST_FAILED},
                                        {"[ERR] ", TEST_FAILED},
                                        {"[SKIP] ", TEST_SKIPPED}};
    const char *text = strstr(line, "[junit] "), *name, *open;
    const struct word *word;

    if (log_starts(line, "BUILD SUCCESSFUL") || log_starts(line, "BUILD FAILED")) {
        log_end(log, 0);
        return;
    }
    if (!text)
        return;
    text += strlen("[junit] ");
    text += log_indent(text);
    word = word_of(words, ARRAY_SIZE(words), text);
    if (log_starts(text, "Tests run: ")) {
        log->said += log_number_behind(text, "Failures: ") + log_number_behind(text, "Errors: ");
    } else if (word) {
        _cleanup_(free_ptr) char *classname = NULL;

        name = text + strlen(word->text);
        open = log_ends(name, ")") ? strrchr(name, '(') : NULL;
        if (open && open > name)
            classname = xstrndup(open + 1, strlen(open) - 2);
        log_case(log, classname, name, classname ? (size_t)(open - name) : strlen(name),
                 word->outcome);
    }
}

const struct log_parser log_ant = {
    .name = "ant",
    .line = ant_line,
};

/* --- redis ----------------------------------------------------------------------------------- */

/* "[ok]: SORT speed (12 ms)", "[err]: SORT speed in tests/unit/sort.tcl", "\o/ All tests passed
 * without errors!", "!!! WARNING The following tests failed:" */
static void redis_line(struct log_reader *log, char *line)
{
    static const struct word words[] = {{"[ok]: ", TEST_PASSED},
                                        {"[err]: ", TEST_FAILED},
                                        {"[exception]: ", TEST_FAILED},
                                        {"[skip]: ", TEST_SKIPPED},
                                        {"[ignore]: ", TEST_SKIPPED}};
    const struct word *word = word_of(words, ARRAY_SIZE(words), line);
    const char *name = word ? line + strlen(word->text) : NULL, *file;
    size_t length;

    if ((log_starts(line, "\\o/") && strstr(line, "All tests passed without errors!")) ||
        log_starts(line, "!!! WARNING The following tests failed:")) {
        log_end(log, 0);
    } else if (name) {
        length = log_ends(name, ")") ? log_without_time(name) : strlen(name);
        file = word->outcome == TEST_FAILED && log_ends(name, ".tcl") ? strrchr(name, ' ') : NULL;
        if (file && file - name > 3 && log_starts(file - 3, " in "))
            length = (size_t)(file - 3 - name);
        log_case(log, NULL, name, length, word->outcome);
    }
}

const struct log_parser log_redis = {
    .name = "redis",
    .line = redis_line,
};

/* --- micropython ----------------------------------------------------------------------------- */

/* "pass  basics/slice.py", "98 tests performed (1200 individual testcases)", "1 tests failed: a" */
static void micropython_line(struct log_reader *log, char *line)
{
    static const struct word words[] = {
        {"pass ", TEST_PASSED}, {"FAIL ", TEST_FAILED}, {"skip ", TEST_SKIPPED}};
    const struct word *word = word_of(words, ARRAY_SIZE(words), line);

    if (isdigit((unsigned char)line[0]) && strstr(line, " tests performed (")) {
        log_end(log, 0);
    } else if (isdigit((unsigned char)line[0]) && strstr(line, " tests failed: ")) {
        log->said += log_number_before(line, " tests failed: ");
    } else if (word) {
        const char *name = line + strlen(word->text);

        name += log_indent(name);
        log_case(log, NULL, name, strcspn(name, " "), word->outcome);
    }
}

const struct log_parser log_micropython = {
    .name = "micropython",
    .line = micropython_line,
};

/* --- Karma ----------------------------------------------------------------------------------- */

static const struct word karma_marks[] = {{"\xe2\x9c\x94 ", TEST_PASSED},   /* U+2714 */
                                          {"\xe2\x9c\x93 ", TEST_PASSED},   /* U+2713 */
                                          {"\xe2\x9c\x96 ", TEST_FAILED},   /* U+2716 */
                                          {"\xe2\x9c\x97 ", TEST_FAILED},   /* U+2717 */
                                          {"\xe2\x84\xb9 ", TEST_SKIPPED}}; /* U+2139 */

/* The path gets one more part, as far as a test of it could have a name. */
static void karma_deeper(struct log_reader *log, const char *name)
{
    size_t length = log->place ? strlen(log->place) : 0;
    _cleanup_(free_ptr) char *path = NULL;

    if (log->beyond > 0 || length + strlen(" > ") + strlen(name) > TEST_NAME_MAX) {
        log->beyond++;
        return;
    }
    path = log->place ? xasprintf("%s > %s", log->place, name) : xstrdup(name);
    log_set(&log->place, path, strlen(path));
}

static void karma_less_deep(struct log_reader *log)
{
    size_t last = log->place ? strlen(log->place) : 0;

    if (log->beyond > 0) {
        log->beyond--;
        return;
    }
    while (last > 0 && !log_starts(log->place + last, " > "))
        last--;
    if (last > 0)
        log->place[last] = '\0';
    else
        log_set(&log->place, NULL, 0);
}

/* SWE-bench's lists call a test by the first suite of each depth, and not by the one it is in: a
 * suite behind another one of the same depth is overlooked, and so is the first one behind a
 * deeper one. log->place has that path, the stack the true one. */
static void karma_suite(struct log_reader *log, int indent, const char *name)
{
    log_stack_push(log, indent, name, strlen(name));
    if (indent > log->indent)
        karma_deeper(log, name);
    else if (indent < log->indent)
        karma_less_deep(log);
    log->indent = indent;
}

/* With its true suites: so two tests that have one path are not one. */
static void karma_case(struct log_reader *log, int indent, const char *title,
                       enum test_outcome outcome)
{
    size_t before = log->list.count;

    log_stack_pop(log, indent);
    if (log->beyond > 0)
        return;
    log_case(log, log->place, title, log_without_time(title), outcome);
    if (log->list.count > before)
        log->list.cases[before].suites = log_stack_path(log, " > ");
}

/* Of each browser its suites and tests by indentation, then "SUMMARY:", "✖ 1 test failed". */
static void karma_line(struct log_reader *log, char *line)
{
    int indent = log_indent(line);
    const char *text = line + indent;
    const struct word *mark = word_of(karma_marks, ARRAY_SIZE(karma_marks), text);

    if (strstr(line, "Starting browser")) {
        log_stack_pop(log, -1);
        log_set(&log->place, NULL, 0);
        log->beyond = 0;
        log->indent = 0;
        log->open = true;
    } else if (log_starts(line, "SUMMARY:")) {
        log_end(log, 0);
    } else if (!log->open) {
        if (mark && mark->outcome == TEST_FAILED)
            log->said +=
                log_number_before(text, " tests failed") + log_number_before(text, " test failed");
    } else if (mark && indent > 0) {
        karma_case(log, indent, text + strlen(mark->text), mark->outcome);
    } else if (indent > 0 && text[0] && strlen(text) <= TEST_NAME_MAX / LOG_STACK_MAX) {
        karma_suite(log, indent, text);
    }
}

const struct log_parser log_karma = {
    .name = "karma",
    .line = karma_line,
};

/* --- Cucumber -------------------------------------------------------------------------------- */

/* The signs of a scenario's steps, at the end of its line. NULL: there are none. */
static const char *cucumber_signs(const char *line, enum test_outcome *ret_outcome)
{
    static const struct word signs[] = {{".", TEST_PASSED},
                                        {"F", TEST_FAILED},
                                        {"U", TEST_FAILED},
                                        {"A", TEST_FAILED},
                                        {"-", TEST_SKIPPED},
                                        {"P", TEST_SKIPPED},
                                        {"S", TEST_SKIPPED},
                                        {"x", TEST_FAILED},
                                        {"\xe2\x9c\x94", TEST_PASSED},   /* U+2714 */
                                        {"\xe2\x9c\x93", TEST_PASSED},   /* U+2713 */
                                        {"\xe2\x9c\x98", TEST_FAILED},   /* U+2718 */
                                        {"\xe2\x80\xbd", TEST_SKIPPED}}; /* U+203D */
    const char *begin = strrchr(line, ' '), *at = begin ? begin + 1 : "";
    enum test_outcome outcome = TEST_PASSED;

    while (*at) {
        const struct word *sign = word_of(signs, ARRAY_SIZE(signs), at);

        if (!sign)
            return NULL;
        outcome = sign->outcome > outcome ? sign->outcome : outcome;
        at += strlen(sign->text);
    }
    *ret_outcome = outcome;
    return begin && begin[1] ? begin : NULL;
}

/* "features/post.feature:6  Scenario: Use a title ....", "2 scenarios (1 failed, 1 passed)" */
static void cucumber_line(struct log_reader *log, char *line)
{
    enum test_outcome outcome;
    const char *signs;

    if (isdigit((unsigned char)line[0]) && strstr(line, " scenario")) {
        log_end(log, log_number_before(line, " failed"));
    } else if (strstr(line, ".feature:") && (signs = cucumber_signs(line, &outcome))) {
        while (signs > line && signs[-1] == ' ')
            signs--;
        log_case(log, NULL, line, (size_t)(signs - line), outcome);
    }
}

const struct log_parser log_cucumber = {
    .name = "cucumber",
    .line = cucumber_line,
};

/* --- test-unit ------------------------------------------------------------------------------- */

/* Where the name ends before its outcome: ":<tabs>.: (0.001)", ":<tabs>F"; NULL: it is no test. */
static const char *test_unit_outcome(const char *text, enum test_outcome *ret_outcome)
{
    static const struct word signs[] = {{".", TEST_PASSED},
                                        {"F", TEST_FAILED},
                                        {"E", TEST_FAILED},
                                        {"O", TEST_SKIPPED},
                                        {"P", TEST_SKIPPED}};

    for (const char *at = text; (at = strchr(at, ':')); at++) {
        const char *sign = at + 1 + strspn(at + 1, " \t");
        const struct word *word = word_of(signs, ARRAY_SIZE(signs), sign);

        if (sign == at + 1 || !word || (sign[1] != '\0' && sign[1] != ':'))
            continue;
        *ret_outcome = word->outcome;
        return at;
    }
    return NULL;
}

/* Verbose: classes by indentation, "  test: reads:<tabs>.: (0.001)"; "3 tests, 4 assertions, 1
 * failures, 0 errors, ..." */
static void test_unit_line(struct log_reader *log, char *line)
{
    int indent = log_indent(line);
    const char *text = line + indent, *end;
    _cleanup_(free_ptr) char *classname = NULL;
    enum test_outcome outcome;

    if (isdigit((unsigned char)line[0]) && strstr(line, " tests, ") &&
        strstr(line, " failures, ")) {
        log_end(log, log_number_before(line, " failures") + log_number_before(line, " errors"));
    } else if ((end = test_unit_outcome(text, &outcome))) {
        text += log_starts(text, "test: ") ? 6 : 0;
        log_stack_pop(log, indent);
        classname = log_stack_path(log, " > ");
        log_case(log, classname, text, (size_t)(end - text), outcome);
    } else if (log_ends(text, ":") && text[1]) {
        log_stack_push(log, indent, text, strlen(text) - 1);
    }
}

const struct log_parser log_test_unit = {
    .name = "test-unit",
    .line = test_unit_line,
};

/* --- Jest's JSON ----------------------------------------------------------------------------- */

/* "[PASSED] OrderedMap > keeps order": made of a whole document, so each line is an end. */
static void jest_json_line(struct log_reader *log, char *line)
{
    static const struct word words[] = {{"[PASSED] ", TEST_PASSED},
                                        {"[FAILED] ", TEST_FAILED},
                                        {"[PENDING] ", TEST_SKIPPED},
                                        {"[SKIPPED] ", TEST_SKIPPED},
                                        {"[TODO] ", TEST_SKIPPED}};
    const struct word *word = word_of(words, ARRAY_SIZE(words), line);
    const char *name = word ? line + strlen(word->text) : NULL, *title = name;
    _cleanup_(free_ptr) char *suites = NULL;

    if (!name)
        return;
    for (const char *next = name; (next = strstr(next, " > ")); next += 3)
        title = next + 3;
    suites = title > name ? xstrndup(name, (size_t)(title - 3 - name)) : NULL;
    log_case(log, suites, title, strlen(title), word->outcome);
    log_end(log, 0);
}

const struct log_parser log_jest_json = {
    .name = "jest-json",
    .line = jest_json_line,
};

/* --- doctest --------------------------------------------------------------------------------- */

static const char doctest_end[] = "</doctest>";

/* Where a document begins; compilers print "<doctest::" as well. */
static const char *doctest_begin(const char *at, const char *end)
{
    static const char begin[] = "<doctest";

    while ((at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1))) {
        at += sizeof(begin) - 1;
        if (at < end && strchr(" \t\r\n>", *at))
            return at - (sizeof(begin) - 1);
    }
    return NULL;
}

/* Each document has its end, before which it says what all came to. What is tested writes to the
 * same place, so that an end may be a forged one. */
static bool doctest_is_whole(const char *from, const char *end)
{
    static const char total[] = "<OverallResultsTestCases";

    for (const char *next; from; from = next) {
        const char *stop = memmem(from, (size_t)(end - from), doctest_end, sizeof(doctest_end) - 1);
        const char *behind = stop ? stop + sizeof(doctest_end) - 1 : NULL;

        if (!stop || !memmem(from, (size_t)(stop - from), total, sizeof(total) - 1))
            return false;
        next = doctest_begin(from + 1, end);
        if (next && next < stop)
            return false;
        if (memmem(behind, (size_t)((next ? next : end) - behind), doctest_end,
                   sizeof(doctest_end) - 1))
            return false;
    }
    return true;
}

/* The documents that `-r=xml` writes, with what else the run printed around them. */
static void read_doctest(struct log_reader *log, const char *bytes, size_t size)
{
    const char *end = bytes + size, *from = doctest_begin(bytes, end), *to = end;
    char note[REPORT_NOTE_SIZE];

    if (!from)
        return;
    for (const char *at = from;
         (at = memmem(at, (size_t)(end - at), doctest_end, sizeof(doctest_end) - 1));)
        to = at += sizeof(doctest_end) - 1;
    if (test_report_add_xml(log->report, from, (size_t)(to - from), note) == REPORT_WHOLE &&
        doctest_is_whole(from, end))
        log_end(log, 0);
}

const struct log_parser log_doctest = {
    .name = "doctest",
    .document = read_doctest,
};
