/*
 * The logs of runners of JavaScript, PHP and Ruby, and TAP.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/log_reader.h"

#include "base/banned.h"

struct mark {
    const char *text;
    enum test_outcome outcome;
};

static const struct mark marks[] = {
    {"\xe2\x9c\x93 ", TEST_PASSED},  /* U+2713 */
    {"\xe2\x9c\x94 ", TEST_PASSED},  /* U+2714 */
    {"\xe2\x88\x9a ", TEST_PASSED},  /* U+221A, on Windows */
    {"\xe2\x9c\x95 ", TEST_FAILED},  /* U+2715 */
    {"\xe2\x9c\x98 ", TEST_FAILED},  /* U+2718 */
    {"\xe2\x9c\x96 ", TEST_FAILED},  /* U+2716 */
    {"\xe2\x9c\x97 ", TEST_FAILED},  /* U+2717 */
    {"\xc3\x97 ", TEST_FAILED},      /* U+00D7 */
    {"\xe2\x97\x8b ", TEST_SKIPPED}, /* U+25CB, jest */
    {"\xe2\x9c\x8e ", TEST_SKIPPED}, /* U+270E, jest's todo */
    {"\xe2\x86\x93 ", TEST_SKIPPED}, /* U+2193, vitest */
    {"\xe2\x86\xa9 ", TEST_SKIPPED}, /* U+21A9, PHPUnit */
    {"\xe2\x88\x85 ", TEST_SKIPPED}, /* U+2205, PHPUnit's incomplete */
};

/* The mark that the text begins with, or NULL. */
static const struct mark *mark_of(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
        if (log_starts(text, marks[i].text))
            return &marks[i];
    return NULL;
}

/* A case in the describe blocks that are open, below the place. */
static void add_in_blocks(struct log_reader *log, const char *title, size_t length,
                          enum test_outcome outcome)
{
    _cleanup_(free_ptr) char *path = log_stack_path(log, " > ");
    _cleanup_(free_ptr) char *classname = NULL;

    if (log->place && path[0])
        classname = xasprintf("%s > %s", log->place, path);
    else
        classname = xstrdup(log->place ? log->place : path);
    log_case(log, classname, title, length, outcome);
}

/* --- jest ------------------------------------------------------------------------------------ */

/* "PASS src/a.test.js (5 s)": what is below is of that file, up to the first failure that is told.
 * The file is a test, too: lists have it, and one that could not be loaded has no other. */
static void jest_file(struct log_reader *log, const char *line)
{
    const char *file = line + 5 + strspn(line + 5, " ");
    size_t length = log_without_time(file);

    log_stack_pop(log, -1);
    log_set(&log->place, file, length);
    log_case(log, log->place, "", 0, log_starts(line, "PASS") ? TEST_PASSED : TEST_FAILED);
}

static void jest_line(struct log_reader *log, char *line)
{
    int indent = log_indent(line);
    const char *text = line + indent;
    const struct mark *mark = mark_of(text);

    if (log_starts(line, "Tests: ")) {
        log_end(log, log_number_before(line, " failed"));
    } else if (log_starts(line, "PASS ") || log_starts(line, "FAIL ")) {
        jest_file(log, line);
    } else if (log_starts(text, "\xe2\x97\x8f ")) { /* U+25CF: a failure's story */
        log_stack_pop(log, -1);
        log_set(&log->place, NULL, 0);
    } else if (mark && indent > 0) {
        const char *title = text + strlen(mark->text);

        if (mark->outcome == TEST_SKIPPED && log_starts(title, "skipped "))
            title += 8;
        else if (mark->outcome == TEST_SKIPPED && log_starts(title, "todo "))
            title += 5;
        log_stack_pop(log, indent);
        add_in_blocks(log, title, log_without_time(title), mark->outcome);
    } else if (indent > 0 && text[0] && log->place) {
        log_stack_push(log, indent, text, strlen(text));
    } else if (text[0]) {
        log_stack_pop(log, -1);
    }
}

const struct log_parser log_jest = {
    .name = "jest",
    .line = jest_line,
};

/* --- vitest ---------------------------------------------------------------------------------- */

/* " ✓ src/a.test.ts > suite > test 3ms", " ✓ src/a.test.ts (3 tests) 5ms", " FAIL  src/a.test.ts >
 * b" */
static void vitest_line(struct log_reader *log, char *line)
{
    const char *text = line + log_indent(line), *title = NULL, *arrow = NULL;
    const struct mark *mark = mark_of(text);
    enum test_outcome outcome = TEST_FAILED;
    _cleanup_(free_ptr) char *classname = NULL;
    size_t length;

    if (log_starts(text, "Tests ") && (strstr(text, " passed") || strstr(text, " failed") ||
                                       strstr(text, " skipped") || strstr(text, "no tests"))) {
        log_end(log, log_number_before(text, " failed"));
        return;
    }
    if (mark) {
        title = text + strlen(mark->text);
        outcome = mark->outcome;
    } else if (log_starts(text, "FAIL ")) {
        title = text + 5 + strspn(text + 5, " ");
    }
    if (!title)
        return;
    length = log_ends(title, " [skipped]") ? strlen(title) - strlen(" [skipped]")
                                           : log_without_time(title);
    /* A title may end with the sign: "with > 3ms". */
    for (const char *next = title; (next = strstr(next, " > ")) && next + 3 < title + length;
         next += 3)
        arrow = next;
    if (!arrow) { /* a file: in lists, and all there is of one that could not be loaded */
        const char *count = strstr(title, " (");

        classname = xstrndup(title, count ? (size_t)(count - title) : length);
        if (strchr(classname, '.') && !strchr(classname, ' '))
            log_case(log, classname, "", 0, outcome);
        return;
    }
    classname = xstrndup(title, (size_t)(arrow - title));
    if (length > (size_t)(arrow + 3 - title))
        log_case(log, classname, arrow + 3, length - (size_t)(arrow + 3 - title), outcome);
}

const struct log_parser log_vitest = {
    .name = "vitest",
    .line = vitest_line,
};

/* --- mocha ----------------------------------------------------------------------------------- */

/* "    1) title" */
static const char *numbered(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && text[digits] == ')' && text[digits + 1] == ' ' ? text + digits + 2 : NULL;
}

static void mocha_line(struct log_reader *log, char *line)
{
    int indent = log_indent(line);
    const char *text = line + indent, *failed = numbered(text);
    const struct mark *mark = mark_of(text);
    size_t digits = strspn(text, "0123456789");

    if (digits > 0 && log_starts(text + digits, " passing")) {
        log_stack_pop(log, -1);
        log_end(log, 0);
    } else if (digits > 0 && log_starts(text + digits, " failing")) {
        log->said += log_number_before(text, " failing");
        log->ended = true;
    } else if (log->ended && !log->open && !(mark && indent > 0)) {
        return; /* the failures' stories */
    } else if (mark && indent > 0) {
        const char *title = text + strlen(mark->text);

        log_stack_pop(log, indent);
        add_in_blocks(log, title, log_without_time(title), mark->outcome);
    } else if (failed && indent > 0) {
        log_stack_pop(log, indent);
        add_in_blocks(log, failed, log_without_time(failed), TEST_FAILED);
    } else if (indent > 0 && log_starts(text, "- ")) {
        log_stack_pop(log, indent);
        add_in_blocks(log, text + 2, strlen(text + 2), TEST_SKIPPED);
    } else if (indent > 0 && text[0]) {
        log_stack_push(log, indent, text, strlen(text));
        log->open = true;
    }
}

const struct log_parser log_mocha = {
    .name = "mocha",
    .line = mocha_line,
};

/* --- TAP ------------------------------------------------------------------------------------- */

/* "not ok 2 - title # TODO", deeper for the tests of a "# Subtest: title" above. */
static void tap_test(struct log_reader *log, const char *text, int indent, bool passed)
{
    const char *title = text + strspn(text, " 0123456789"), *hash;
    enum test_outcome outcome = passed ? TEST_PASSED : TEST_FAILED;
    size_t length;

    title += log_starts(title, "- ") ? 2 : 0;
    length = strlen(title);
    hash = strstr(title, " # ");
    if (hash && (strncasecmp(hash + 3, "skip", 4) == 0 || strncasecmp(hash + 3, "todo", 4) == 0))
        outcome = TEST_SKIPPED;
    if (hash)
        length = (size_t)(hash - title);
    log_stack_pop(log, indent); /* a subtest's own line is as deep as its title's */
    add_in_blocks(log, length ? title : text, length ? length : strspn(text, "0123456789"),
                  outcome);
}

static void tap_line(struct log_reader *log, char *line)
{
    int indent = log_indent(line);
    const char *text = line + indent;

    if (log_starts(text, "# Subtest: ")) {
        log_stack_push(log, indent, text + 11, strlen(text + 11));
    } else if (log_starts(text, "ok ") || log_starts(text, "not ok ")) {
        if (indent == 0)
            log->first++; /* no classes to come here: tests at the top */
        tap_test(log, text + (text[0] == 'n' ? 7 : 3), indent, text[0] == 'o');
    } else if (indent == 0 && log_starts(text, "1..")) {
        log->said = strtoll(text + 3, NULL, 10);
        log->ended = true;
    } else if (log_starts(text, "Bail out!")) {
        log_case(log, NULL, text, strlen(text), TEST_FAILED);
        log->is_over = true;
    }
}

/* The plan says how many tests there are at the top. */
static void tap_end(struct log_reader *log)
{
    log->open = log->ended && log->said != (int64_t)log->first;
    log->said = 0;
}

const struct log_parser log_tap = {
    .name = "tap",
    .line = tap_line,
    .end = tap_end,
};

/* --- PHPUnit --------------------------------------------------------------------------------- */

/* Testdox: "Cart (Shop\CartTest)", " ✔ Adds up"; without it only the failures: "1)
 * Shop\CartTest::testAdds" */
static void phpunit_line(struct log_reader *log, char *line)
{
    const char *text = line + log_indent(line), *failed = numbered(text),
               *open = strstr(line, " (");
    const struct mark *mark = mark_of(text);

    if (log_starts(line, "OK (") || log_starts(line, "OK, but") ||
        log_starts(line, "No tests executed")) {
        log_end(log, 0);
    } else if (log_starts(line, "Tests: ")) {
        log_end(log, log_number_behind(line, "Failures: ") + log_number_behind(line, "Errors: "));
    } else if (mark && text > line) {
        const char *title = text + strlen(mark->text);

        log_case(log, log->place, title, log_without_time(title), mark->outcome);
    } else if (failed && strstr(failed, "::")) {
        const char *split = strstr(failed, "::");
        _cleanup_(free_ptr) char *classname = xstrndup(failed, (size_t)(split - failed));

        log_case(log, classname, split + 2, strlen(split + 2), TEST_FAILED);
    } else if (open && log_ends(line, ")") && line[0] != ' ') {
        log_set(&log->place, line, (size_t)(open - line));
    }
}

const struct log_parser log_phpunit = {
    .name = "phpunit",
    .line = phpunit_line,
};

/* --- RSpec ----------------------------------------------------------------------------------- */

/* The documentation format marks what failed or waits, and nothing else: a line is an example if
 * the next one is not deeper. So it is taken when that has come. */
static void rspec_take(struct log_reader *log, int next_indent)
{
    char *line = log->pending, *mark;
    int indent = line ? log_indent(line) : 0;
    const char *text = line ? line + indent : "";

    if (!line)
        return;
    if (next_indent > indent && !strstr(line, " (FAILED - ") && !strstr(line, " (PENDING: ")) {
        log_stack_push(log, indent, text, strlen(text));
    } else if (indent > 0) {
        enum test_outcome outcome = TEST_PASSED;

        if ((mark = strstr(line, " (FAILED - ")))
            outcome = TEST_FAILED;
        else if ((mark = strstr(line, " (PENDING: ")))
            outcome = TEST_SKIPPED;
        log_stack_pop(log, indent);
        add_in_blocks(log, text, mark ? (size_t)(mark - text) : strlen(text), outcome);
    }
    log_set(&log->pending, NULL, 0);
}

static void rspec_line(struct log_reader *log, char *line)
{
    static const struct mark words[] = {
        {" - passed", TEST_PASSED}, {" - failed", TEST_FAILED}, {" - pending", TEST_SKIPPED}};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (log_ends(line, words[i].text)) { /* its JSON, made to lines as some sets do */
            log_case(log, NULL, line, strlen(line) - strlen(words[i].text), words[i].outcome);
            log_end(log, 0);
            return;
        }
    if (isdigit((unsigned char)line[0]) && strstr(line, " example") && strstr(line, " failure")) {
        log_set(&log->pending, NULL, 0);
        log_end(log, log_number_before(line, " failure"));
    } else if (log_starts(line, "Failures:") || log_starts(line, "Pending:") ||
               log_starts(line, "Finished in ")) {
        rspec_take(log, 0);
        log_stack_pop(log, -1);
        log_set(&log->place, "", 0); /* to the end: stories */
    } else if (line[0] && !log->place) {
        rspec_take(log, log_indent(line));
        log_set(&log->pending, line, strlen(line));
    }
}

const struct log_parser log_rspec = {
    .name = "rspec",
    .line = rspec_line,
};

/* --- minitest -------------------------------------------------------------------------------- */

/* The name before its time; shoulda ends each with ". ", which lists leave out. */
static size_t minitest_length(const char *name, const char *time)
{
    size_t length = (size_t)(time - name);

    while (length > 1 && name[length - 1] == ' ')
        length--;
    return length > 1 && name[length - 1] == '.' ? length - 1 : length;
}

/* "CartTest#test_adds = 0.00 s = .", "3 runs, 4 assertions, 1 failures, 0 errors, 0 skips" */
static void minitest_line(struct log_reader *log, char *line)
{
    char *hash = strchr(line, '#'), *time = strstr(line, " = "), *sign = strstr(line, " s = ");
    enum test_outcome outcome;

    if (isdigit((unsigned char)line[0]) && strstr(line, " runs, ") && strstr(line, " failures, ")) {
        log_end(log, log_number_before(line, " failures") + log_number_before(line, " errors"));
        return;
    }
    if (!hash || !time || !sign || hash > time || hash == line || sign[5] == '\0' || sign[6])
        return;
    outcome = sign[5] == '.' ? TEST_PASSED : sign[5] == 'S' ? TEST_SKIPPED : TEST_FAILED;
    *hash = '\0';
    log_case(log, line, hash + 1, minitest_length(hash + 1, time), outcome);
}

const struct log_parser log_minitest = {
    .name = "minitest",
    .line = minitest_line,
};
