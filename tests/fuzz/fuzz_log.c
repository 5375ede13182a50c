/*
 * A log of a test runner: the first line is the parser's name. What is told of it is bounded and
 * UTF-8, and only a whole one has nothing said against it.
 *
 * fuzz-sources: fcgi/grade/logs.c fcgi/grade/log_built.c fcgi/grade/log_python.c
 * fuzz-sources: fcgi/grade/log_script.c fcgi/grade/log_named.c fcgi/grade/log_names.c
 * fuzz-sources: fcgi/grade/log_projects.c fcgi/grade/parser.c fcgi/grade/mend.c
 * fuzz-sources: fcgi/grade/doctest.c fcgi/grade/dotnet.c fcgi/grade/junit.c fcgi/grade/testng.c
 * fuzz-sources: fcgi/grade/names.c fcgi/grade/looser.c fcgi/grade/report.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/random.c fcgi/base/error.c fcgi/base/json.c
 * fuzz-sources: fcgi/base/mem.c fcgi/base/utf8.c fcgi/base/clock.c
 * fuzz-packages: expat json-c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grade/logs.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *stop = memchr(data, '\n', size);
    _cleanup_(free_ptr) char *name = stop ? xstrndup(text, (size_t)(stop - text)) : xstrdup("");
    const struct log_parser *parser = log_parser_find(name);
    struct test_report *report;
    char note[REPORT_NOTE_SIZE];
    enum report_state state;

    if (!parser)
        return 0;
    report = test_report_new();
    state = test_report_add_log(report, parser, stop + 1, size - (size_t)(stop + 1 - text), note);
    if ((state == REPORT_WHOLE) != (note[0] == '\0') || state == REPORT_FOREIGN ||
        (state == REPORT_EMPTY && test_report_count(report) > 0))
        abort();
    for (size_t i = 0; i < test_report_count(report); i++) {
        const struct test_case *item = test_report_case(report, i), *found;

        if (!utf8_valid(item->id, strlen(item->id)) || strlen(item->name) > TEST_NAME_MAX)
            abort();
        if (!item->id[0])
            continue;
        found = test_report_find(report, item->id);
        if (!found || found->outcome < item->outcome)
            abort();
    }
    test_report_free(report);
    return 0;
}
