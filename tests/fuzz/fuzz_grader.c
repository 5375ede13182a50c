/*
 * What codeset-grader is given: a framed head, texts, and an archive. The answer must be one that
 * the daemon takes.
 *
 * fuzz-sources: fcgi/grade/request.c fcgi/grade/reports.c fcgi/grade/parser.c fcgi/grade/mend.c
 * fuzz-sources: fcgi/grade/looser.c fcgi/grade/junit.c fcgi/grade/dotnet.c fcgi/grade/testng.c
 * fuzz-sources: fcgi/grade/names.c fcgi/grade/report.c fcgi/grade/verdict.c fcgi/wire/grader.c
 * fuzz-sources: fcgi/wire/head.c fcgi/wire/suite_result.c fcgi/base/buf.c fcgi/base/clock.c
 * fuzz-sources: fcgi/base/error.c fcgi/base/json.c fcgi/base/mem.c fcgi/base/random.c
 * fuzz-sources: fcgi/base/utf8.c fcgi/grade/logs.c fcgi/grade/log_names.c
 * fuzz-sources: fcgi/grade/log_built.c fcgi/grade/log_python.c fcgi/grade/log_script.c
 * fuzz-sources: fcgi/grade/doctest.c fcgi/grade/log_projects.c fcgi/grade/log_named.c
 * fuzz-packages: expat json-c libarchive
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "grade/request.h"
#include "wire/suite_result.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rest {
    const uint8_t *bytes;
    size_t length;
};

static ssize_t read_rest(void *arg, void *bytes, size_t size)
{
    struct rest *rest = arg;

    size = size < rest->length ? size : rest->length;
    memcpy(bytes, rest->bytes, size);
    rest->bytes += size;
    rest->length -= size;
    return (ssize_t)size;
}

static void check_verdict(const struct grader_answer *answer, const struct buf *result)
{
    struct suite_check check;

    suite_check_init(&check);
    if (suite_check_feed(&check, result->data, result->length) < 0 || !suite_check_end(&check) ||
        check.is_success != answer->success)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rest rest = {.bytes = data, .length = size};
    const struct reports_source source = {.read = read_rest, .arg = &rest};
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    _cleanup_(buf_release) struct buf result = BUF_INIT;
    struct grader_answer answer;
    struct error err = ERROR_INIT;

    request_answer(&source, &head, &result);
    if (grader_head_length(head.data) != (int64_t)(head.length - GRADER_LENGTH_SIZE) ||
        grader_answer_parse(head.data + GRADER_LENGTH_SIZE, head.length - GRADER_LENGTH_SIZE,
                            &answer, &err) < 0 ||
        answer.length != (int64_t)result.length)
        abort();
    if (answer.error.kind == ERROR_NONE)
        check_verdict(&answer, &result);
    grader_answer_release(&answer);
    return 0;
}
