/*
 * log_named.c - outcomes by name in one JSON document, as SWE-bench Pro's parsers write them:
 * {"tests": [{"name": "...", "status": "PASSED"}, ...]}
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "grade/log_reader.h"

#include "base/banned.h"

#define DOCUMENT_MAX (8L << 20) /* bytes: of its objects the grader has memory for so many */

static enum test_outcome outcome_of(const char *status)
{
    if (status && strcmp(status, "PASSED") == 0)
        return TEST_PASSED;
    return status && strcmp(status, "SKIPPED") == 0 ? TEST_SKIPPED : TEST_FAILED;
}

static void read_document(struct log_reader *log, const char *bytes, size_t size)
{
    _cleanup_(json_release) json_object *document = NULL;
    struct error ignored = ERROR_INIT;
    json_object *tests = NULL;

    if (size > DOCUMENT_MAX || json_parse(bytes, size, &document, NULL, &ignored) < 0 ||
        !json_object_is_type(document, json_type_object) ||
        !json_object_object_get_ex(document, "tests", &tests) ||
        !json_object_is_type(tests, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(tests) && !log->is_over; i++) {
        json_object *test = json_object_array_get_idx(tests, i);
        const char *name = NULL;

        if (json_object_is_type(test, json_type_object))
            name = json_get_text(test, "name");
        if (name)
            log_case(log, NULL, name, strlen(name), outcome_of(json_get_text(test, "status")));
    }
    log_end(log, 0);
}

const struct log_parser log_named_json = {
    .name = "named-json",
    .document = read_document,
};
