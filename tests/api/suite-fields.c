/* Bodies: every field missing, of the wrong type, out of range, over-long, and bytes that are no
 * JSON. All faults are listed, in pydantic 2's words. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define STRING_TYPE " string_type: Input should be a valid string"
#define INT_PARSING                                                                                \
    " int_parsing: Input should be a valid integer, unable to parse string as an integer"
#define MISSING " missing: Field required"

struct case_of {
    const char *body, *faults;
};

/* The route's body is refused with these faults. `path` may hold %s for the shared session. */
static void faults_of(const char *path, const struct case_of *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_(free_ptr) char *full = xasprintf("%s%s%s", path[0] == '/' ? "" : "/sessions/",
                                                   path[0] == '/' ? "" : fixture_session(), path);
        _cleanup_(answer_release) struct answer *answer = NULL;

        if (path[0] != '/') {
            free(full);
            full = xasprintf("/sessions/%s/%s", fixture_session(), path);
        }
        answer = SEND(.path = full, .body = cases[i].body);
        if (!FAULTS(answer, cases[i].faults))
            fprintf(stderr, "    body was: %.200s\n", cases[i].body);
    }
}

static void faults_of_a_new_session(void)
{
    static const struct case_of cases[] = {
        {"{}", "body.dataset" MISSING "; body.sample_id" MISSING},
        {"{\"dataset\":\"x\"}", "body.sample_id" MISSING},
        {"{\"dataset\":1,\"sample_id\":null,\"ttl_minutes\":\"x\"}",
         "body.dataset" STRING_TYPE "; body.sample_id" STRING_TYPE
         "; body.ttl_minutes" INT_PARSING},
        {"{\"dataset\":[],\"sample_id\":{}}",
         "body.dataset" STRING_TYPE "; body.sample_id" STRING_TYPE},
        {"{\"dataset\":true,\"sample_id\":1.5}",
         "body.dataset" STRING_TYPE "; body.sample_id" STRING_TYPE},
        {"{\"dataset\":\"x\",\"sample_id\":\"y\",\"ttl_minutes\":0}",
         "body.ttl_minutes greater_than_equal: Input should be greater than or equal to 1"},
        {"{\"dataset\":\"x\",\"sample_id\":\"y\",\"ttl_minutes\":-1}",
         "body.ttl_minutes greater_than_equal"},
        {"{\"dataset\":\"x\",\"sample_id\":\"y\",\"ttl_minutes\":1441}",
         "body.ttl_minutes less_than_equal: Input should be less than or equal to 1440"},
        {"{\"dataset\":\"x\",\"sample_id\":\"y\",\"ttl_minutes\":1.5}",
         "body.ttl_minutes int_from_float: Input should be a valid integer, got a number with a "
         "fractional part"},
        {"{\"dataset\":\"x\",\"sample_id\":\"y\",\"ttl_minutes\":null}",
         "body.ttl_minutes int_type: Input should be a valid integer"},
        {"{\"dataset\":\"x\",\"sample_id\":\"y\",\"ttl_minutes\":[30]}",
         "body.ttl_minutes int_type"},
    };

    faults_of("/sessions", cases, ARRAY_SIZE(cases));
}

static void faults_of_an_exec(void)
{
    static const struct case_of cases[] = {
        {"{}", "body.command" MISSING},
        {"{\"command\":5}", "body.command" STRING_TYPE},
        {"{\"command\":null}", "body.command" STRING_TYPE},
        {"{\"command\":[\"ls\"]}", "body.command" STRING_TYPE},
        {"{\"command\":\"true\",\"command_timeout\":0}",
         "body.command_timeout greater_than_equal: Input should be greater than or equal to 1"},
        {"{\"command\":\"true\",\"command_timeout\":3601}",
         "body.command_timeout less_than_equal: Input should be less than or equal to 3600"},
        {"{\"command\":\"true\",\"command_timeout\":\"soon\"}", "body.command_timeout" INT_PARSING},
        {"{\"command_timeout\":{}}", "body.command" MISSING "; body.command_timeout int_type"},
    };

    faults_of("exec", cases, ARRAY_SIZE(cases));
}

static void faults_of_a_replacement(void)
{
    static const struct case_of cases[] = {
        {"{}",
         "body.file_path" MISSING "; body.str_to_replace" MISSING "; body.str_to_insert" MISSING},
        {"{\"file_path\":\"lines\",\"str_to_replace\":\"\",\"str_to_insert\":\"x\"}",
         "body.str_to_replace string_too_short: String should have at least 1 character"},
        {"{\"file_path\":\"\",\"str_to_replace\":\"x\",\"str_to_insert\":\"x\"}",
         "body.file_path string_too_short"},
        {"{\"file_path\":1,\"str_to_replace\":2,\"str_to_insert\":3}",
         "body.file_path" STRING_TYPE "; body.str_to_replace" STRING_TYPE
         "; body.str_to_insert" STRING_TYPE},
    };

    faults_of("str_replace", cases, ARRAY_SIZE(cases));
}

static void faults_of_an_upload(void)
{
    static const struct case_of cases[] = {
        {"{}", "body.file_path" MISSING "; body.content_base64" MISSING},
        {"{\"file_path\":\"\",\"content_base64\":\"\"}", "body.file_path string_too_short"},
        {"{\"file_path\":\"x\",\"content_base64\":7}", "body.content_base64" STRING_TYPE},
        {"{\"file_path\":\"x\",\"content_base64\":\"eA==\",\"make_executable\":\"perhaps\"}",
         "body.make_executable bool_parsing: Input should be a valid boolean, unable to interpret "
         "input"},
        {"{\"file_path\":\"x\",\"content_base64\":\"eA==\",\"make_executable\":null}",
         "body.make_executable bool_type: Input should be a valid boolean"},
    };

    faults_of("upload", cases, ARRAY_SIZE(cases));
}

/* A number may come as a string of digits, and 30.0 is 30: pydantic reads both. */
static void lax_numbers_are_read(void)
{
    static const char *const timeouts[] = {"\"7\"", "7.0", "7e0"};

    for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
        _cleanup_(free_ptr) char *body =
            xasprintf("{\"command\":\"true\",\"command_timeout\":%s}", timeouts[i]);
        _cleanup_(answer_release) struct answer *answer =
            client_post(body, "/sessions/%s/exec", fixture_session());
        _cleanup_(answer_release) struct answer *end = NULL;

        STATUS(answer, 202);
        end = interaction_wait(NULL, fixture_session(), answer_text(answer, "interaction_id"), 60);
        INT(end, "command_timeout", 7);
    }
}

static void the_body_must_be_an_object(void)
{
    static const char *const bodies[] = {"[]", "5", "\"text\"", "true", "[{}]"};

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = "/sessions", .body = bodies[i], .direct = true);

        FAULTS(answer, "body model_attributes_type: Input should be a valid dictionary or object "
                       "to extract fields from");
    }
}

static void a_missing_body_is_a_missing_field(void)
{
    _cleanup_(answer_release) struct answer *none =
        SEND(.method = "POST", .path = "/sessions", .direct = true,
             .headers = {"Content-Type: application/json"});
    _cleanup_(answer_release) struct answer *null =
        SEND(.path = "/sessions", .body = "null", .direct = true);

    FAULTS(none, "body" MISSING);
    FAULTS(null, "body" MISSING);
}

/* What is no JSON: 422 json_invalid, with the place where reading stopped. */
static void what_is_no_json_is_told(void)
{
    static const char *const bodies[] = {
        "{",
        "{\"dataset\":",
        "{\"dataset\":\"x\"",
        "{'dataset':'x'}",
        "{\"dataset\":\"x\",}",
        "{\"dataset\":\"x\"} trailing",
        "{\"dataset\":\"x\"}{}",
        "{\"dataset\":\"tab\there\"}",
        "{\"dataset\":\"\\x41\"}",
        "{\"dataset\":\"\\ud83\"}",
        "{\"dataset\":01}",
        "{\"dataset\":+1}",
        "{\"dataset\":.5}",
        "{dataset:\"x\"}",
        "{\"dataset\":\"x\" /* note */}",
        "{\"dataset\":\"\xff\xfe\",\"sample_id\":\"x\"}",
        "{\"dataset\":\"\xed\xa0\x80\",\"sample_id\":\"x\"}",
        "{\"dataset\":\"\xc0\xaf\",\"sample_id\":\"x\"}",
        "\xef\xbb\xbf{\"dataset\":\"x\",\"sample_id\":\"y\"}",
        "nul",
        " ",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = "/sessions", .body = bodies[i], .direct = true);

        CHECK_MSG(answer->status == 422 || answer->status == 400, "%s: %ld %s", bodies[i],
                  answer->status, answer->body.data);
        if (answer->status == 422)
            CHECK_MSG(strcmp(answer_text(answer, "detail.0.type"), "json_invalid") == 0 ||
                          strcmp(answer_text(answer, "detail.0.type"), "missing") == 0,
                      "%s: %s", bodies[i], answer->body.data);
    }
}

static void nan_and_infinity_are_no_json(void)
{
    static const char *const numbers[] = {"NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        _cleanup_(free_ptr) char *body =
            xasprintf("{\"dataset\":\"x\",\"sample_id\":\"y\",\"ttl_minutes\":%s}", numbers[i]);
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = "/sessions", .body = body, .direct = true);

        STATUS(answer, 422);
    }
}

static void huge_numbers_are_out_of_range(void)
{
    static const char *const numbers[] = {"99999999999999999999999999",
                                          "1e400",
                                          "-1e400",
                                          "1e19",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "\"99999999999999999999\""};

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        _cleanup_(free_ptr) char *body =
            xasprintf("{\"dataset\":\"x\",\"sample_id\":\"y\",\"ttl_minutes\":%s}", numbers[i]);
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = "/sessions", .body = body, .direct = true);

        CHECK_MSG(answer->status == 422, "%s: %ld %s", numbers[i], answer->status,
                  answer->body.data);
        CHECK_MSG(strcmp(answer_text(answer, "detail.0.loc.1"), "ttl_minutes") == 0, "%s: %s",
                  numbers[i], answer->body.data);
    }
}

static void nesting_has_a_bound(void)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", fixture_session());
    struct buf body = BUF_INIT;
    _cleanup_(answer_release) struct answer *deep = NULL, *unclosed = NULL;

    buf_add_str(&body, "{\"command\":\"true\",\"more\":");
    for (int i = 0; i < 20000; i++)
        buf_add_str(&body, "[");
    unclosed = SEND(.path = path, .body = body.data, .direct = true);
    for (int i = 0; i < 20000; i++)
        buf_add_str(&body, "]");
    buf_add_str(&body, "}");
    deep = SEND(.path = path, .body = body.data, .direct = true);
    STATUS(unclosed, 422);
    STATUS(deep, 422);
    buf_release(&body);
}

static char *filled(const char *format, size_t size)
{
    char *text = xmalloc(size + 1), *body;

    memset(text, 'x', size);
    text[size] = '\0';
    body = xasprintf(format, text);
    free(text);
    return body;
}

static void texts_have_a_length(void)
{
    static const struct {
        const char *path, *format, *fault;
        size_t size;
    } cases[] = {
        {"/sessions", "{\"dataset\":\"%s\",\"sample_id\":\"x\"}", "body.dataset string_too_long",
         200},
        {"/sessions", "{\"dataset\":\"x\",\"sample_id\":\"%s\"}", "body.sample_id string_too_long",
         200},
        {"exec", "{\"command\":\"%s\"}", "body.command string_too_long", 130000},
        {"str_replace", "{\"file_path\":\"%s\",\"str_to_replace\":\"a\",\"str_to_insert\":\"b\"}",
         "body.file_path string_too_long", 100000},
        {"str_replace", "{\"file_path\":\"f\",\"str_to_replace\":\"%s\",\"str_to_insert\":\"b\"}",
         "body.str_to_replace string_too_long", 1100000},
        {"upload", "{\"file_path\":\"%s\",\"content_base64\":\"\"}",
         "body.file_path string_too_long", 100000},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(free_ptr) char *body = filled(cases[i].format, cases[i].size);
        struct case_of one = {body, cases[i].fault};

        faults_of(cases[i].path, &one, 1);
    }
}

/* Decided: the last of two equal keys counts. */
static void the_last_of_repeated_keys_counts(void)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", fixture_session());
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = path, .body = "{\"command\":\"echo first\",\"command\":\"echo last\"}",
             .direct = true);
    _cleanup_(answer_release) struct answer *end =
        interaction_wait(NULL, fixture_session(), answer_text(answer, "interaction_id"), 60);

    STATUS(answer, 202);
    TEXT(end, "stdout", "last\n");
}

/* Decided: a lone surrogate becomes U+FFFD. */
static void a_lone_surrogate_becomes_the_replacement_character(void)
{
    _cleanup_(answer_release) struct answer *answer =
        client_post("{\"command\":\"printf '\\ud800|\\udc00x|\\ud83d\\ude00'\"}",
                    "/sessions/%s/exec", fixture_session());
    _cleanup_(answer_release) struct answer *end =
        interaction_wait(NULL, fixture_session(), answer_text(answer, "interaction_id"), 60);

    STATUS(answer, 202);
    TEXT(end, "stdout", "\xef\xbf\xbd|\xef\xbf\xbdx|😀");
}

/* execve(2) can't pass a NUL on; it must be refused, not cut there. */
static void nul_in_a_command_is_refused(void)
{
    _cleanup_(answer_release) struct answer *answer = client_post(
        "{\"command\":\"echo one\\u0000; echo two\"}", "/sessions/%s/exec", fixture_session());

    if (answer->status == 202) {
        _cleanup_(answer_release) struct answer *end =
            interaction_wait(NULL, fixture_session(), answer_text(answer, "interaction_id"), 60);

        CHECK_MSG(answer_int(end, "exit_code") == -1000, "%s", end->body.data);
    } else {
        STATUS(answer, 422);
        TEXT(answer, "detail.0.loc.1", "command");
    }
}

/* Decided: a library that reads keys as C strings would take it for another. */
static void nul_in_a_key_is_no_json(void)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", fixture_session());
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = path, .body = "{\"command\\u0000x\":\"echo one\",\"command\":\"true\"}",
             .direct = true);

    STATUS(answer, 422);
    TEXT(answer, "detail.0.type", "json_invalid");
}

static void unknown_members_are_ignored(void)
{
    _cleanup_(answer_release) struct answer *answer =
        client_post("{\"command\":\"true\",\"colour\":\"red\",\"__proto__\":{}}",
                    "/sessions/%s/exec", fixture_session());
    _cleanup_(answer_release) struct answer *end =
        interaction_wait(NULL, fixture_session(), answer_text(answer, "interaction_id"), 60);

    STATUS(answer, 202);
    INT(end, "exit_code", 0);
}

/* Faults come before the session is looked at, and nothing is recorded. */
static void a_refusal_shows_no_inside(void)
{
    static const char *const bodies[] = {
        "{\"dataset\":\"' OR '1'='1\",\"sample_id\":\"x\"}",
        "{\"dataset\":\"x\",\"sample_id\":\"../../../etc/passwd\"}",
        "{\"dataset\":\"x\",\"sample_id\":\"%s%n%x\"}",
        "{\"dataset\":\"x\\u0000y\",\"sample_id\":\"x\"}",
        "{\"dataset\":\"\\ud800\",\"sample_id\":\"😀\"}",
    };
    static const char *const words[] = {"SELECT", "SQL", "mysql", "/usr", "/work", ".c:", "errno"};

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        _cleanup_(answer_release) struct answer *answer = client_post(bodies[i], "/sessions");

        CHECK_MSG(answer->status == 404 || answer->status == 422, "%s: %ld %s", bodies[i],
                  answer->status, answer->body.data);
        for (size_t w = 0; w < ARRAY_SIZE(words); w++)
            CHECK_MSG(!strstr(answer->body.data, words[w]), "%s", answer->body.data);
    }
}

static const struct test tests[] = {
    {"faults of a new session", faults_of_a_new_session},
    {"faults of an exec", faults_of_an_exec},
    {"faults of a replacement", faults_of_a_replacement},
    {"faults of an upload", faults_of_an_upload},
    {"digits in a string and 7.0 are numbers", lax_numbers_are_read},
    {"the body must be an object", the_body_must_be_an_object},
    {"a missing body is a missing field", a_missing_body_is_a_missing_field},
    {"what is no JSON is told", what_is_no_json_is_told},
    {"NaN and Infinity are no JSON", nan_and_infinity_are_no_json},
    {"huge numbers are faults of their field", huge_numbers_are_out_of_range},
    {"nesting has a bound", nesting_has_a_bound},
    {"texts have a greatest length", texts_have_a_length},
    {"the last of repeated keys counts", the_last_of_repeated_keys_counts},
    {"a lone surrogate becomes U+FFFD", a_lone_surrogate_becomes_the_replacement_character},
    {"NUL in a command is refused, not cut at", nul_in_a_command_is_refused},
    {"NUL in a key is no JSON", nul_in_a_key_is_no_json},
    {"unknown members are ignored", unknown_members_are_ignored},
    {"a refusal shows nothing of the inside", a_refusal_shows_no_inside},
};

SUITE(fields, tests);
