/*
 * Reads JUnit XML, which has no standard: what pytest, surefire, Gradle, gtest, CTest, jest-junit,
 * nextest, go-junit-report, gotestsum and the dotnet loggers write; and CTest's own Test.xml.
 *
 * A report may have been written by a guest. There is no document type declaration in any that is
 * honest, so one is refused, and with it every entity. Depth, cases and texts are bounded, and
 * the whole is parsed in one call in place, which keeps expat from copying or re-reading it.
 */
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grade/report.h"

#include "base/banned.h"

#define DEPTH_MAX 64
#define SECONDS_MAX 1e9

enum capture { CAPTURE_NOTHING, CAPTURE_MESSAGE, CAPTURE_OUTPUT, CAPTURE_NAME, CAPTURE_VALUE };

struct parser {
    XML_Parser xml;
    const struct test_report *report;
    struct test_case_list list;
    const char *refusal; /* a literal; NULL while all is well */

    int depth;                   /* of the element that is open; the root's is 1 */
    char *suites[DEPTH_MAX + 1]; /* names of the open suites, by depth */
    bool has_suite;              /* the report is one: a suite was seen */
    bool is_ctest;               /* root <Site>: CTest's Test.xml */
    bool is_suite_level;         /* `item` stands for a failure outside any case */
    int case_depth;              /* of the open case, 0 outside */
    struct test_case item;       /* the open case */
    bool is_not_run;             /* status="notrun" */
    bool is_skip_by_choice;      /* ... and the test itself asked for it */
    char *measurement;           /* Test.xml: name of the open NamedMeasurement */
    enum capture capture;        /* what becomes of text in the element at capture_depth */
    int capture_depth;
    struct buf text;            /* captured so far */
    struct buf message, output; /* of the open case */
};

static void parser_release(struct parser *p)
{
    if (p->xml)
        XML_ParserFree(p->xml);
    for (size_t i = 0; i < ARRAY_SIZE(p->suites); i++)
        free(p->suites[i]);
    free(p->measurement);
    test_case_release(&p->item);
    test_case_list_release(&p->list);
    buf_release(&p->text);
    buf_release(&p->message);
    buf_release(&p->output);
}

static void refuse(struct parser *p, const char *why)
{
    if (!p->refusal)
        p->refusal = why;
    XML_StopParser(p->xml, XML_FALSE);
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

static char *name_of(struct parser *p, const char *text)
{
    if (text && strlen(text) > TEST_NAME_MAX) {
        refuse(p, "it contains a name that is too long");
        text = NULL;
    }
    return xstrdup(text ? text : "");
}

/* Appends as much as keeps the whole within `most` bytes and its characters whole. */
static void add_bounded(struct buf *out, const char *text, size_t length, size_t most)
{
    size_t room = out->length < most ? most - out->length : 0;

    if (length > room) {
        length = room;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    buf_add(out, text, length);
}

/* Seconds as reports write them, "1,234.5" by surefire included; nonsense is 0. */
static double seconds_of(const char *text)
{
    char digits[64];
    size_t used = 0;
    double seconds;

    if (!text)
        return 0;
    for (; *text && used < sizeof(digits) - 1; text++)
        if (*text != ',')
            digits[used++] = *text;
    digits[used] = '\0';
    if (strspn(digits, "0123456789.eE+- \t\n") != used)
        return 0;
    seconds = strtod(digits, NULL);
    return seconds > 0 && seconds < SECONDS_MAX ? seconds : 0;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; text && *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

static enum test_outcome outcome_of_word(const char *word)
{
    static const char *const failed[] = {"fail",    "failed", "failure", "error",   "errored",
                                         "timeout", "broken", "crashed", "aborted", NULL};
    static const char *const skipped[] = {"skip",    "skipped",    "disabled", "ignored", "notrun",
                                          "not_run", "suppressed", "pending",  "todo",    NULL};

    if (is_one_of(word, failed))
        return TEST_FAILED;
    return is_one_of(word, skipped) ? TEST_SKIPPED : TEST_PASSED;
}

static void worsen(struct parser *p, enum test_outcome outcome)
{
    if (outcome > p->item.outcome)
        p->item.outcome = outcome;
}

static void capture_text(struct parser *p, enum capture what)
{
    p->capture = what;
    p->capture_depth = p->depth;
    buf_clear(&p->text);
}

static void begin_case(struct parser *p)
{
    test_case_release(&p->item);
    buf_clear(&p->message);
    buf_clear(&p->output);
    p->case_depth = p->depth;
    p->is_not_run = p->is_skip_by_choice = p->is_suite_level = false;
}

static void begin_junit_case(struct parser *p, const char **attributes)
{
    const char *status = attribute(attributes, "status");

    begin_case(p);
    p->item.name = name_of(p, attribute(attributes, "name"));
    p->item.classname = name_of(p, attribute(attributes, "classname"));
    p->item.file = name_of(p, attribute(attributes, "file"));
    p->item.seconds = seconds_of(attribute(attributes, "time"));
    p->is_not_run = status && strcasecmp(status, "notrun") == 0;
    worsen(p, outcome_of_word(status));
    worsen(p, outcome_of_word(attribute(attributes, "result")));
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
    const char *message = attribute(attributes, "message");

    if (outcome == TEST_SKIPPED && p->is_not_run && message && !ctest_skip_by_choice(message))
        outcome = TEST_FAILED;
    capture_text(p, CAPTURE_MESSAGE);
    /* Of several, the first of the worst kind is told. */
    if (p->message.length > 0 && outcome <= p->item.outcome)
        p->capture = CAPTURE_NOTHING;
    else
        buf_clear(&p->message);
    worsen(p, outcome);
    if (p->capture == CAPTURE_MESSAGE && message)
        add_bounded(&p->message, message, strlen(message), TEST_MESSAGE_MAX);
}

/* flakyFailure and flakyError (surefire, nextest) tell of attempts before one that passed. */
static void begin_case_child(struct parser *p, const char *element, const char **attributes)
{
    static const char *const failed[] = {"failure", "error", "rerunFailure", "rerunError", NULL};
    static const char *const skipped[] = {"skipped", "disabled", "ignored", NULL};

    if (is_one_of(element, failed))
        begin_message(p, TEST_FAILED, attributes);
    else if (is_one_of(element, skipped))
        begin_message(p, TEST_SKIPPED, attributes);
    else if (strcmp(element, "system-out") == 0)
        capture_text(p, CAPTURE_OUTPUT);
}

static void begin_junit(struct parser *p, const char *element, const char **attributes)
{
    if (p->case_depth) {
        if (p->depth == p->case_depth + 1)
            begin_case_child(p, element, attributes);
    } else if (strcmp(element, "testsuite") == 0) {
        p->has_suite = true;
        p->suites[p->depth] = name_of(p, attribute(attributes, "name"));
    } else if (strcmp(element, "testcase") == 0) {
        begin_junit_case(p, attributes);
    } else if (p->suites[p->depth - 1] &&
               (strcmp(element, "failure") == 0 || strcmp(element, "error") == 0)) {
        /* A suite that failed as a whole: a case that is named after it. */
        begin_case(p);
        p->case_depth--;
        p->is_suite_level = true;
        p->item.classname = xstrdup(p->suites[p->depth - 1]);
        begin_message(p, TEST_FAILED, attributes);
    }
}

static void begin_ctest(struct parser *p, const char *element, const char **attributes)
{
    if (!p->case_depth) {
        const char *status = attribute(attributes, "Status");

        if (strcmp(element, "Testing") == 0) {
            p->has_suite = true;
        } else if (strcmp(element, "Test") == 0 && status) {
            begin_case(p);
            p->is_not_run = strcmp(status, "notrun") == 0;
            p->item.outcome = strcmp(status, "passed") == 0 ? TEST_PASSED : TEST_FAILED;
        }
    } else if (strcmp(element, "Name") == 0 && p->depth == p->case_depth + 1) {
        capture_text(p, CAPTURE_NAME);
    } else if (strcmp(element, "NamedMeasurement") == 0 || strcmp(element, "Measurement") == 0) {
        free(p->measurement);
        p->measurement = name_of(p, attribute(attributes, "name"));
    } else if (strcmp(element, "Value") == 0 && p->measurement &&
               !attribute(attributes, "encoding")) {
        capture_text(p, p->measurement[0] ? CAPTURE_VALUE : CAPTURE_OUTPUT);
    }
}

static void on_start(void *user, const char *element, const char **attributes)
{
    struct parser *p = user;

    if (++p->depth > DEPTH_MAX) {
        refuse(p, "it is nested too deeply");
        return;
    }
    if (p->depth == 1) {
        p->is_ctest = strcmp(element, "Site") == 0;
        if (!p->is_ctest && strcmp(element, "testsuites") != 0 &&
            strcmp(element, "testsuite") != 0) {
            refuse(p, "it contains no test suite");
            return;
        }
    }
    if (p->is_ctest)
        begin_ctest(p, element, attributes);
    else
        begin_junit(p, element, attributes);
}

/* The text of a failure often begins with what the attribute said already. */
static void end_message(struct parser *p)
{
    const char *text = p->text.data;
    size_t length = p->text.length;

    while (length > 0 && strchr(" \t\r\n", text[0])) {
        text++;
        length--;
    }
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    if (length >= p->message.length && memcmp(text, p->message.data, p->message.length) == 0)
        buf_clear(&p->message);
    else if (length > 0)
        add_bounded(&p->message, "\n", 1, TEST_MESSAGE_MAX);
    add_bounded(&p->message, text, length, TEST_MESSAGE_MAX);
}

static void end_value(struct parser *p)
{
    const char *value = p->text.data;

    if (strcmp(p->measurement, "Execution Time") == 0) {
        p->item.seconds = seconds_of(value);
    } else if (strcmp(p->measurement, "Completion Status") == 0 && p->is_not_run) {
        p->is_skip_by_choice = ctest_skip_by_choice(value);
        buf_clear(&p->message);
        buf_add_str(&p->message, value);
    } else if (strcmp(p->measurement, "Exit Code") == 0) {
        buf_clear(&p->message);
        buf_add_str(&p->message, value);
    }
}

static void end_capture(struct parser *p)
{
    switch (p->capture) {
    case CAPTURE_MESSAGE:
        end_message(p);
        break;
    case CAPTURE_OUTPUT:
        buf_clear(&p->output);
        buf_add(&p->output, p->text.data, p->text.length);
        break;
    case CAPTURE_NAME:
        /* CTest's JUnit form names the class like the test; so both forms give one id. */
        free(p->item.name);
        free(p->item.classname);
        p->item.name = xstrdup(p->text.data);
        p->item.classname = xstrdup(p->text.data);
        break;
    case CAPTURE_VALUE:
        end_value(p);
        break;
    case CAPTURE_NOTHING:
        break;
    }
    p->capture = CAPTURE_NOTHING;
    p->capture_depth = 0;
}

static void end_case(struct parser *p)
{
    if (p->is_ctest && p->is_not_run)
        p->item.outcome = p->is_skip_by_choice ? TEST_SKIPPED : TEST_FAILED;
    /* CTest and some others say why a test failed in its output only. */
    if (p->item.outcome == TEST_FAILED && p->message.length == 0)
        buf_add(&p->message, p->output.data, p->output.length);
    if (p->item.outcome != TEST_PASSED)
        p->item.message = buf_take(&p->message);
    if (p->list.count + p->report->count >= TEST_CASES_MAX)
        refuse(p, "it contains too many tests");
    else
        test_case_list_add(&p->list, &p->item);
    p->case_depth = 0;
}

static void on_end(void *user, const char *element)
{
    struct parser *p = user;

    (void)element;
    if (p->capture_depth == p->depth)
        end_capture(p);
    if (p->case_depth && p->depth == p->case_depth + (p->is_suite_level ? 1 : 0))
        end_case(p);
    free(p->suites[p->depth]);
    p->suites[p->depth] = NULL;
    p->depth--;
}

static void on_text(void *user, const char *text, int length)
{
    struct parser *p = user;

    if (p->capture == CAPTURE_NOTHING || p->depth != p->capture_depth)
        return;
    if (p->capture == CAPTURE_NAME && p->text.length + (size_t)length > TEST_NAME_MAX)
        refuse(p, "it contains a name that is too long");
    else
        add_bounded(&p->text, text, (size_t)length,
                    p->capture == CAPTURE_NAME ? TEST_NAME_MAX : TEST_MESSAGE_MAX);
}

static void on_doctype(void *user, const char *name, const char *system_id, const char *public_id,
                       int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    refuse(user, "it has a document type declaration");
}

static int parse(struct parser *p, const char *bytes, size_t size, struct error *err)
{
    enum XML_Error fault;

    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, on_text);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    if (XML_Parse(p->xml, bytes, (int)size, XML_TRUE) != XML_STATUS_OK) {
        fault = XML_GetErrorCode(p->xml);
        return error_set(err, ERROR_INVALID, "REPORT_UNREADABLE", "%s (line %lu)",
                         p->refusal ? p->refusal : XML_ErrorString(fault),
                         (unsigned long)XML_GetCurrentLineNumber(p->xml));
    }
    if (p->refusal || !p->has_suite)
        return error_set(err, ERROR_INVALID, "REPORT_UNREADABLE", "%s",
                         p->refusal ? p->refusal : "it contains no test suite");
    return 0;
}

int test_report_add_junit(struct test_report *report, const char *bytes, size_t size,
                          struct error *err)
{
    _cleanup_(parser_release) struct parser p = {
        .report = report, .text = BUF_INIT, .message = BUF_INIT, .output = BUF_INIT};

    if (size > TEST_REPORT_MAX)
        return error_set(err, ERROR_INVALID, "REPORT_UNREADABLE", "it is larger than %ld MiB",
                         TEST_REPORT_MAX >> 20);
    p.xml = XML_ParserCreate(NULL);
    if (!p.xml)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "there is no memory for reading it");
    if (parse(&p, bytes, size, err) < 0)
        return -1;
    for (size_t i = 0; i < p.list.count; i++)
        test_report_take(report, &p.list.cases[i]);
    return 0;
}
