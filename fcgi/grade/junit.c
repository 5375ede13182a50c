/*
 * Reads JUnit XML, which has no standard: what pytest, surefire, Gradle, gtest, CTest, jest-junit,
 * nextest, node, go-junit-report, gotestsum and the dotnet loggers write; and CTest's own Test.xml.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/parser.h"

#include "base/banned.h"

static enum test_outcome outcome_of_word(const char *word)
{
    static const char *const failed[] = {"fail",    "failed", "failure", "error",   "errored",
                                         "timeout", "broken", "crashed", "aborted", NULL};
    static const char *const skipped[] = {"skip",    "skipped",    "disabled", "ignored", "notrun",
                                          "not_run", "suppressed", "pending",  "todo",    NULL};

    if (parser_is_one_of(word, failed))
        return TEST_FAILED;
    return parser_is_one_of(word, skipped) ? TEST_SKIPPED : TEST_PASSED;
}

static void begin_junit_case(struct parser *p, const char **attributes)
{
    const char *status = parser_attribute(attributes, "status");

    parser_begin_case(p);
    p->item.name = parser_name(p, parser_attribute(attributes, "name"));
    p->item.classname = parser_name(p, parser_attribute(attributes, "classname"));
    p->item.file = parser_name(p, parser_attribute(attributes, "file"));
    p->item.seconds = parser_seconds(parser_attribute(attributes, "time"));
    p->is_not_run = status && strcasecmp(status, "notrun") == 0;
    parser_worsen(p, outcome_of_word(status));
    parser_worsen(p, outcome_of_word(parser_attribute(attributes, "result")));
}

/*
 * CTest says "not run" of a test that chose to be skipped and of one whose program is missing (the
 * build failed), and calls both skipped. The latter must not pass for an honest skip.
 */
static bool ctest_skip_by_choice(const char *reason)
{
    return strncmp(reason, "SKIP_", 5) == 0 || strcmp(reason, "Disabled") == 0;
}

/* A message, from the attribute for now; the text of the element follows. */
static void begin_message(struct parser *p, enum test_outcome outcome, const char **attributes)
{
    const char *message = parser_attribute(attributes, "message");

    if (outcome == TEST_SKIPPED && p->is_not_run && message && !ctest_skip_by_choice(message))
        outcome = TEST_FAILED;
    parser_capture(p, CAPTURE_MESSAGE);
    /* Of several, the first of the worst kind is told. */
    if (p->message.length > 0 && outcome <= p->item.outcome)
        p->capture = CAPTURE_NOTHING;
    else
        buf_clear(&p->message);
    parser_worsen(p, outcome);
    if (p->capture == CAPTURE_MESSAGE && message)
        parser_add_bounded(&p->message, message, strlen(message), TEST_MESSAGE_MAX);
}

/* flakyFailure and flakyError (surefire, nextest) tell of attempts before one that passed. */
static void begin_case_child(struct parser *p, const char *element, const char **attributes)
{
    static const char *const failed[] = {"failure", "error", "rerunFailure", "rerunError", NULL};
    static const char *const skipped[] = {"skipped", "disabled", "ignored", NULL};

    if (parser_is_one_of(element, failed))
        begin_message(p, TEST_FAILED, attributes);
    else if (parser_is_one_of(element, skipped))
        begin_message(p, TEST_SKIPPED, attributes);
    else if (strcmp(element, "system-out") == 0)
        parser_capture(p, CAPTURE_OUTPUT);
}

static void begin_junit(struct parser *p, const char *element, const char **attributes)
{
    if (p->case_depth) {
        if (p->depth == p->case_depth + 1)
            begin_case_child(p, element, attributes);
    } else if (strcmp(element, "testsuite") == 0) {
        p->has_suite = true;
        p->suites[p->depth] = parser_name(p, parser_attribute(attributes, "name"));
        p->files[p->depth] = parser_name(p, parser_attribute(attributes, "file"));
    } else if (strcmp(element, "testcase") == 0) {
        p->has_suite = true; /* node's runner has cases right below the root */
        begin_junit_case(p, attributes);
    } else if (p->suites[p->depth - 1] &&
               (strcmp(element, "failure") == 0 || strcmp(element, "error") == 0)) {
        /* A suite that failed as a whole: a case that is named after it. */
        parser_begin_case(p);
        p->case_depth--;
        p->is_suite_level = true;
        p->item.classname = xstrdup(p->suites[p->depth - 1]);
        begin_message(p, TEST_FAILED, attributes);
    }
}

static void begin_ctest(struct parser *p, const char *element, const char **attributes)
{
    if (!p->case_depth) {
        const char *status = parser_attribute(attributes, "Status");

        if (strcmp(element, "Testing") == 0) {
            p->has_suite = true;
        } else if (strcmp(element, "Test") == 0 && status) {
            parser_begin_case(p);
            p->is_not_run = strcmp(status, "notrun") == 0;
            p->item.outcome = strcmp(status, "passed") == 0 ? TEST_PASSED : TEST_FAILED;
        }
    } else if (strcmp(element, "Name") == 0 && p->depth == p->case_depth + 1) {
        parser_capture(p, CAPTURE_NAME);
    } else if (strcmp(element, "NamedMeasurement") == 0 || strcmp(element, "Measurement") == 0) {
        free(p->measurement);
        p->measurement = parser_name(p, parser_attribute(attributes, "name"));
    } else if (strcmp(element, "Value") == 0 && p->measurement &&
               !parser_attribute(attributes, "encoding")) {
        parser_capture(p, p->measurement[0] ? CAPTURE_VALUE : CAPTURE_OUTPUT);
    }
}

static void end_value(struct parser *p)
{
    const char *value = p->text.data;

    if (strcmp(p->measurement, "Execution Time") == 0) {
        p->item.seconds = parser_seconds(value);
    } else if (strcmp(p->measurement, "Completion Status") == 0 && p->is_not_run) {
        p->is_skip_by_choice = ctest_skip_by_choice(value);
        buf_clear(&p->message);
        buf_add_str(&p->message, value);
    } else if (strcmp(p->measurement, "Exit Code") == 0) {
        buf_clear(&p->message);
        buf_add_str(&p->message, value);
    }
}

/* CTest says why a test failed in its output only, and whether one was skipped behind its status.
 */
static void end_ctest_case(struct parser *p)
{
    if (p->is_not_run)
        p->item.outcome = p->is_skip_by_choice ? TEST_SKIPPED : TEST_FAILED;
}

const struct dialect dialect_junit = {
    .roots = {"testsuites", "testsuite"},
    .start = begin_junit,
};

const struct dialect dialect_ctest = {
    .roots = {"Site"},
    .start = begin_ctest,
    .value = end_value,
    .end_case = end_ctest_case,
};
