/*
 * Two halves around the first NUL: a report, and a name to look up in it.
 *
 * fuzz-sources: fcgi/grade/parser.c fcgi/grade/mend.c fcgi/grade/looser.c fcgi/grade/junit.c
 * fuzz-sources: fcgi/grade/dotnet.c fcgi/grade/testng.c fcgi/grade/names.c fcgi/grade/report.c
 * fuzz-sources: fcgi/grade/doctest.c
 * fuzz-sources: fcgi/grade/verdict.c fcgi/base/buf.c fcgi/base/random.c fcgi/base/error.c
 * fuzz-sources: fcgi/base/json.c fcgi/wire/suite_result.c fcgi/base/mem.c fcgi/base/utf8.c
 * fuzz-sources: fcgi/base/clock.c
 * fuzz-packages: expat json-c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grade/grade.h"
#include "wire/suite_result.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Breaks what must hold of every report that was accepted. */
static void check(const struct test_report *report)
{
    for (size_t i = 0; i < test_report_count(report); i++) {
        const struct test_case *item = test_report_case(report, i), *found;

        if (!utf8_valid(item->id, strlen(item->id)) ||
            !utf8_valid(item->message, strlen(item->message)))
            abort();
        if (strlen(item->message) > TEST_MESSAGE_MAX || !(item->seconds >= 0))
            abort();
        if (!item->id[0])
            continue;
        found = test_report_find(report, item->id);
        if (!found || found->outcome < item->outcome)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size);
    size_t length = nul ? (size_t)(nul - data) : size;
    _cleanup_(free_ptr) char *name =
        xstrndup(nul ? (const char *)nul + 1 : "", nul ? size - length - 1 : 0);
    const char *names[] = {name};
    struct expectation expectation = {
        .fail_to_pass = names, .fail_to_pass_count = 1, .pass_to_pass = names};
    struct test_report *report = test_report_new();
    char note[REPORT_NOTE_SIZE];
    enum report_state state = test_report_add_xml(report, (const char *)data, length, note);

    if (state == REPORT_WHOLE || state == REPORT_BROKEN) {
        _cleanup_(free_ptr) char *reason = NULL;
        bool is_success = grade(report, &expectation, &reason);
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct suite_check shape;

        check(report);
        if (is_success != (reason == NULL))
            abort();
        grade_result(&text, report, is_success, 1, "", 0, name, strlen(name));
        suite_check_init(&shape);
        if (suite_check_feed(&shape, text.data, text.length) < 0 || !suite_check_end(&shape) ||
            shape.is_success != is_success)
            abort();
    } else if (test_report_count(report) != 0 || note[0] == '\0') {
        abort();
    }
    test_report_free(report);
    return 0;
}
