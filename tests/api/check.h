/*
 * check.h - expectations of the black-box suites. Each tells the request's answer when it fails,
 * and lets the test go on. All return whether they held.
 */
#ifndef CODESET_TESTS_CHECK_H
#define CODESET_TESTS_CHECK_H

#include <CUnit/CUnit.h>

#include "client.h"

struct test {
    const char *behaviour; /* a sentence */
    void (*run)(void);
};

struct suite {
    const char *name;
    const struct test *tests;
    size_t count;
};

#define SUITE(suite_name, table)                                                                   \
    const struct suite suite_##suite_name = {#suite_name, table, ARRAY_SIZE(table)}

bool check_true(bool held, const char *file, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define CHECK(condition) check_true((condition), __FILE__, __LINE__, "%s", #condition)
#define CHECK_MSG(condition, ...) check_true((condition), __FILE__, __LINE__, __VA_ARGS__)
#define FAIL(...) check_true(false, __FILE__, __LINE__, __VA_ARGS__)

bool check_status(const struct answer *answer, long status, const char *file, unsigned line);
#define STATUS(answer, status) check_status((answer), (status), __FILE__, __LINE__)

/* The status, and exactly {"detail": {"code": CODE, "message": a sentence}}. */
bool check_refused(const struct answer *answer, long status, const char *code, const char *file,
                   unsigned line);
#define REFUSED(answer, status, code) check_refused((answer), (status), (code), __FILE__, __LINE__)

/*
 * 422 with exactly these faults: "LOC TYPE[: MSG]" separated by "; ", LOC with dots, in any order.
 *     FAULTS(answer, "body.dataset missing: Field required; body.ttl_minutes int_parsing");
 */
bool check_faults(const struct answer *answer, const char *faults, const char *file, unsigned line);
#define FAULTS(answer, faults) check_faults((answer), (faults), __FILE__, __LINE__)

/*
 * Exactly these members, each of its type: s string, i integer, n number, b boolean, t time (UTC,
 * Z), o object, a array, u UUID; ? after it: or null.
 *     SHAPE(answer->json, "session_id:u error:o?");
 */
bool check_shape(json_object *object, const char *spec, const char *file, unsigned line);
#define SHAPE(object, spec) check_shape((object), (spec), __FILE__, __LINE__)

bool check_text(const struct answer *answer, const char *path, const char *expected,
                const char *file, unsigned line);
#define TEXT(answer, path, expected) check_text((answer), (path), (expected), __FILE__, __LINE__)

bool check_int(const struct answer *answer, const char *path, int64_t expected, const char *file,
               unsigned line);
#define INT(answer, path, expected) check_int((answer), (path), (expected), __FILE__, __LINE__)

/* Two answers that a client could not tell apart but for the request id, date and length of hold.
 */
bool check_same(const struct answer *one, const struct answer *other, const char *file,
                unsigned line);
#define SAME(one, other) check_same((one), (other), __FILE__, __LINE__)

#define SHAPE_SESSION                                                                              \
    "session_id:u user_id:u dataset:s sample_id:s status:s requested_at:t created_at:t? "          \
    "expires_at:t duration_seconds:n? container_info:o? error:o?"
#define SHAPE_CONTAINER                                                                            \
    "container_name:s service_url:s sample_id:s status:s created_at:t expires_at:t location:s"
#define SHAPE_INTERACTION                                                                          \
    "interaction_id:u session_id:u interaction_type:s created_at:t exit_code:i? stdout:s? "        \
    "stderr:s? execution_time_seconds:n? success:b? message:s? "
#define SHAPE_EXEC SHAPE_INTERACTION "command:s command_timeout:i"
#define SHAPE_REPLACE SHAPE_INTERACTION "file_path:s str_to_replace:s str_to_insert:s"
#define SHAPE_UPLOAD SHAPE_INTERACTION "file_path:s size_bytes:i? make_executable:b"
#define SHAPE_JOB                                                                                  \
    "job_id:u sample_id:s session_id:u status:s created_at:t started_at:t? completed_at:t? "       \
    "result:o? error:o? container_info:o?"
#define SHAPE_RESULT                                                                               \
    "tool:s is_success:b execution_duration_seconds:n total:i passed:i failed:i skipped:i "        \
    "passes:a failures:a skips:a stdout:s stderr:s"
#define SHAPE_SAMPLE                                                                               \
    "sample_id:s description:s? language:s verifier:s dataset:s? version:i? "                      \
    "version_description:s? latest:b? created_at:t? instance_id:s repo:s base_commit:s patch:s "   \
    "non_code_patch:s test_patch:s problem_statement:s hints_text:s environment_setup_commit:s "   \
    "fail_to_pass:a pass_to_pass:a fail_to_fail:a"
#define SHAPE_DATASET "name:s description:s? sample_count:i created_at:t?"

#endif
