/*
 * What codeset-grader says, as the daemon reads it: two halves around the first NUL, a head and a
 * result. A result that was taken must be JSON with the counts that it tells, however it was cut
 * into pieces.
 *
 * fuzz-sources: fcgi/wire/grader.c fcgi/wire/head.c fcgi/wire/suite_result.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/clock.c fcgi/base/error.c fcgi/base/json.c
 * fuzz-sources: fcgi/base/mem.c fcgi/base/utf8.c
 * fuzz-packages: json-c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "wire/grader.h"
#include "wire/suite_result.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(const char *head, size_t length)
{
    struct grader_answer answer;
    struct error err = ERROR_INIT;
    enum error_kind kind;

    if (grader_answer_parse(head, length, &answer, &err) < 0)
        return;
    if (answer.error.kind != ERROR_NONE && !grader_code(answer.error.code, &kind))
        abort();
    if (answer.error.kind == ERROR_NONE && answer.success != (answer.reason == NULL))
        abort();
    if (answer.length < 0 || answer.length > GRADER_RESULT_MAX)
        abort();
    grader_answer_release(&answer);
}

static bool takes(const char *text, size_t length, size_t piece)
{
    struct suite_check check;

    suite_check_init(&check);
    for (size_t at = 0; at < length; at += piece)
        if (suite_check_feed(&check, text + at, piece < length - at ? piece : length - at) < 0)
            return false;
    return suite_check_end(&check);
}

static void check_result(const char *text, size_t length)
{
    _cleanup_(json_release) json_object *object = NULL;
    bool taken = takes(text, length, length);
    struct error err = ERROR_INIT;
    json_object *passes;

    if (takes(text, length, 1) != taken || takes(text, length, 7) != taken)
        abort();
    if (!taken)
        return;
    if (json_parse(text, length, &object, NULL, &err) < 0 ||
        !json_object_is_type(object, json_type_object))
        abort();
    passes = json_object_object_get(object, "passes");
    if (!json_object_is_type(passes, json_type_array) ||
        json_get_int(object, "passed", -1) != (int64_t)json_object_array_length(passes))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size);
    size_t length = nul ? (size_t)(nul - data) : size;

    check_head((const char *)data, length);
    if (nul && length + 1 < size)
        check_result((const char *)nul + 1, size - length - 1);
    return 0;
}
