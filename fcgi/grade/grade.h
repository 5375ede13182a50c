/*
 * grade.h - from JUnit XML and a sample's lists to a verdict. Pure functions: no file, no clock,
 * no database. reports.h does the same for an archive of reports.
 *
 *     struct test_report *report = test_report_new();
 *     test_report_add_xml(report, bytes, size, note)        for each report file
 *     grade(report, &expectation, &reason)
 *     grade_add_missing(report, &expectation)
 *     grade_result(&text, report, ...)                        the API's TestSuiteResult
 *
 * Rules: docs/verdicts.md. Reports are hostile: external entities, entity expansion, depth, the
 * number of cases and the length of texts are bounded.
 */
#ifndef CODESET_GRADE_GRADE_H
#define CODESET_GRADE_GRADE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

enum test_outcome { TEST_PASSED, TEST_SKIPPED, TEST_FAILED }; /* the later the worse */

#define TEST_CASES_MAX 200000
#define TEST_MESSAGE_MAX 4096       /* bytes of a failure's message that are kept */
#define TEST_NAME_MAX 8192          /* bytes of a name, classname or file */
#define TEST_REPORT_MAX (64L << 20) /* bytes of one report file */

struct test_case {
    char *id;        /* "classname::name" */
    char *name;      /* may be "" */
    char *classname; /* may be "" */
    char *file;      /* the `file` attribute, of the case or of a suite around it, or "" */
    char *suites;    /* the names of the suites that it is in, with " > " between, or "" */
    char *message;   /* of a failure or skip, or "" */
    double seconds;
    enum test_outcome outcome;
    bool unseen;    /* the result counts it and does not show it */
    unsigned times; /* how many cases of the report are this one; at least 1 */
};

struct test_report;

struct test_report *test_report_new(void);
void test_report_free(struct test_report *report);

/* What a file that may be a report turned out to be. */
enum report_state {
    REPORT_WHOLE,   /* a report, of which every case was read */
    REPORT_FOREIGN, /* another document: XML whose root is none of a report */
    REPORT_EMPTY,   /* nothing, or no XML, or a report without a suite: its writer died, perhaps */
    REPORT_BROKEN,  /* it breaks off, or is over a bound: cases are missing, maybe those that failed
                     */
};

#define REPORT_NOTE_SIZE 256

/* Adds the cases of one report: JUnit, CTest's Test.xml, NUnit, TRX, xUnit.net, TestNG, Robot. Of a
 * broken one those before the break. The note, a part of a
 * sentence about "it" that does not name the file, says what is wrong or was mended; "": nothing.
 */
enum report_state test_report_add_xml(struct test_report *report, const char *bytes, size_t size,
                                      char note[REPORT_NOTE_SIZE]);

/* Adds one case, for verifiers that leave no report. */
void test_report_add_case(struct test_report *report, const char *classname, const char *name,
                          enum test_outcome outcome, double seconds, const char *message);

size_t test_report_count(const struct test_report *report);
const struct test_case *test_report_case(const struct test_report *report, size_t index);

/* What one of a sample's test names says about the report: the names may be `classname::name`, a
 * bare name or classname, or SWE-bench's `path/test.py::Class::name`, `name (module.Class)`,
 * `Class#name`, and what else docs/verdicts.md tells. Of several cases with that name the worst.
 * NULL: no case of the report has that name. */
const struct test_case *test_report_find(const struct test_report *report, const char *name);

struct expectation {
    const char *const *fail_to_pass;
    size_t fail_to_pass_count;
    const char *const *pass_to_pass;
    size_t pass_to_pass_count;
    const char *const *fail_to_fail;
    size_t fail_to_fail_count;
    const char *const *held_out; /* as fail_to_pass, but nobody is shown anything of them */
    size_t held_out_count;
    bool hide_lists;         /* nobody is told what the other lists name, either */
    bool exact;              /* fail_to_fail's tests must fail, and none that no list names may */
    bool verifier_succeeded; /* exit status 0; counts only when all lists are empty */
};

/* Does a list decide, rather than the verifier's exit status? */
bool grade_has_lists(const struct expectation *expectation);

/* Is the report a success by the rules? *ret_reason (may be NULL): a heap string that says why not,
 * naming the first tests that did not pass, or NULL on success. */
bool grade(const struct test_report *report, const struct expectation *expectation,
           char **ret_reason);

/* Appends why there is no success, for whoever asked: a line for each listed test that did not
 * pass, with what became of it; of more than TEST_EXPLAINED_MAX of a list the first; of a hidden
 * list how many. `reason` as
 * grade() or its caller gave it, where it is not the lists. Nothing but lines of text. */
#define TEST_EXPLAINED_MAX 200
void grade_explain(struct buf *out, const struct test_report *report,
                   const struct expectation *expectation, const char *reason);

/* Marks what the result may not show: where tests are held out, every case but those that the other
 * lists name, and these too where they are hidden; and drops the messages of all. Call it after
 * grade(). */
void grade_hide(struct test_report *report, const struct expectation *expectation);

/* Is it certain, whatever else a report may hold, that this is none? A listed test has failed;
 * without lists, any test. */
bool grade_has_failed(const struct test_report *report, const struct expectation *expectation);

/* Adds a failed case for each listed test that the report does not have, at most TEST_MISSING_MAX
 * of them, so that the answer names what was missed. Its name is the one of the list; what is
 * hidden is only counted. Call it after grade(), which must not see them. */
#define TEST_MISSING_MAX 1000
#define TEST_MISSING_MESSAGE "not in the report"
void grade_add_missing(struct test_report *report, const struct expectation *expectation);

/* Appends the API's TestSuiteResult as JSON, in the shape that wire/suite_result.h tells. The texts
 * are stdout and stderr and may hold NUL; what is not UTF-8 in them becomes U+FFFD. seconds: finite
 * and not negative, as a report's are. */
void grade_result(struct buf *out, const struct test_report *report, bool is_success,
                  double seconds, const char *out_text, size_t out_length, const char *err_text,
                  size_t err_length);

#endif
