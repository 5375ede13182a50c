/*
 * graded.h - what the tests of the room grade share: reports, and what is in them.
 */
#ifndef CODESET_TESTS_GRADED_H
#define CODESET_TESTS_GRADED_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "grade/grade.h"
#include "unit.h"

DEFINE_CLEANUP(struct test_report *, report_release, test_report_free)

static inline enum report_state add_text(struct test_report *report, const char *xml)
{
    char note[REPORT_NOTE_SIZE];
    enum report_state state = test_report_add_xml(report, xml, strlen(xml), note);

    CU_ASSERT(state == REPORT_WHOLE || note[0]);
    return state;
}

static inline void check(const struct test_report *report, const char *name,
                         enum test_outcome outcome)
{
    const struct test_case *item = test_report_find(report, name);

    if (!item || item->outcome != outcome)
        fprintf(stderr, "\n    %s: %s\n", name, item ? "other outcome" : "not found");
    CU_ASSERT(item && item->outcome == outcome);
}

static inline bool verdict(const struct test_report *report, const char *fail_to_pass,
                           const char *pass_to_pass, const char *reason)
{
    struct expectation expectation = {
        .fail_to_pass = &fail_to_pass,
        .fail_to_pass_count = fail_to_pass ? 1 : 0,
        .pass_to_pass = &pass_to_pass,
        .pass_to_pass_count = pass_to_pass ? 1 : 0,
        .verifier_succeeded = true,
    };
    _cleanup_(free_ptr) char *why = NULL;
    bool is_success = grade(report, &expectation, &why);

    CU_ASSERT_EQUAL(is_success, why == NULL);
    if (why && strcmp(why, reason ? reason : "") != 0)
        fprintf(stderr, "\n    %s\n", why);
    CU_ASSERT(reason ? why && strcmp(why, reason) == 0 : why == NULL);
    return is_success;
}

/* The second case has failed: it must not be lost with what is mended. */
static inline void mended(const char *xml, size_t size)
{
    _cleanup_(report_release) struct test_report *report = test_report_new();
    char note[REPORT_NOTE_SIZE];

    CU_ASSERT_EQUAL(test_report_add_xml(report, xml, size, note), REPORT_WHOLE);
    CU_ASSERT_STRING_NOT_EQUAL(note, "");
    CU_ASSERT_EQUAL(test_report_count(report), 2);
    check(report, "a", TEST_PASSED);
    check(report, "b", TEST_FAILED);
}

#define MENDED(xml) mended(xml, sizeof(xml) - 1)
#define A "<testcase name='a'/>"
#define B "<testcase name='b'><failure/></testcase>"

#endif
