/* What holds for every route: methods, unknown paths, headers, sizes, request ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define NOBODY "01890000-0000-7000-8000-000000000000"

struct route {
    const char *path;
    const char *methods; /* separated by blanks */
};

static const struct route routes[] = {
    {"/health", "GET HEAD OPTIONS"},
    {"/datasets", "GET HEAD OPTIONS"},
    {"/samples", "GET HEAD OPTIONS"},
    {"/samples/blackbox/calc__calc-1/download", "GET HEAD OPTIONS"},
    {"/sessions", "GET HEAD OPTIONS POST"},
    {"/sessions/" NOBODY, "DELETE GET HEAD OPTIONS"},
    {"/sessions/" NOBODY "/exec", "OPTIONS POST"},
    {"/sessions/" NOBODY "/str_replace", "OPTIONS POST"},
    {"/sessions/" NOBODY "/upload", "OPTIONS POST"},
    {"/sessions/" NOBODY "/verify", "OPTIONS POST"},
    {"/sessions/" NOBODY "/interactions/" NOBODY, "GET HEAD OPTIONS"},
    {"/sessions/" NOBODY "/verify/" NOBODY, "GET HEAD OPTIONS"},
};

/* Is `word` one of the words of `list`, which are separated by blanks or commas? */
static bool holds_word(const char *list, const char *word, size_t length)
{
    for (const char *next = list; *next;) {
        size_t here = strcspn(next, " ,");

        if (here == length && memcmp(next, word, length) == 0)
            return true;
        next += here;
        next += strspn(next, " ,");
    }
    return false;
}

static bool all_within(const char *words, const char *list)
{
    for (const char *next = words; *next;) {
        size_t length = strcspn(next, " ,");

        if (!holds_word(list, next, length))
            return false;
        next += length;
        next += strspn(next, " ,");
    }
    return true;
}

static void other_methods_get_405_and_allow(void)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};

    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        for (size_t m = 0; m < ARRAY_SIZE(methods); m++) {
            _cleanup_(answer_release) struct answer *answer = NULL;
            char allow[256];

            if (holds_word(routes[i].methods, methods[m], strlen(methods[m])))
                continue;
            answer = SEND(.method = methods[m], .path = routes[i].path, .direct = true);
            REFUSED(answer, 405, "METHOD_NOT_ALLOWED");
            answer_header(answer, "Allow", allow, sizeof(allow));
            CHECK_MSG(all_within(allow, routes[i].methods) && all_within(routes[i].methods, allow),
                      "%s %s: Allow is '%s'", methods[m], routes[i].path, allow);
        }
    }
}

static void options_answers_cors(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.method = "OPTIONS", .path = routes[i].path, .key = "",
                 .headers = {"Origin: https://example.com", "Access-Control-Request-Method: GET"});
        char allow[256];

        CHECK_MSG(answer->status == 204 || answer->status == 200, "OPTIONS %s: %ld", routes[i].path,
                  answer->status);
        CHECK_MSG(answer->body.length == 0, "OPTIONS %s has a body", routes[i].path);
        answer_header(answer, "Allow", allow, sizeof(allow));
        CHECK_MSG(all_within(routes[i].methods, allow), "OPTIONS %s: Allow is '%s'", routes[i].path,
                  allow);
    }
}

static void head_answers_as_get_without_body(void)
{
    static const char *const paths[] = {"/health",   "/datasets",        "/samples?page_size=2",
                                        "/sessions", "/sessions/nobody", "/samples?page=0"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *get = SEND(.path = paths[i], .direct = true);
        _cleanup_(answer_release) struct answer *head = SEND(.method = "HEAD", .path = paths[i]);
        char of_get[64], of_head[64];

        CHECK_MSG(head->status == get->status, "HEAD %s: %ld, not %ld %s", paths[i], head->status,
                  get->status, head->failure);
        CHECK(head->body.length == 0);
        answer_header(get, "Content-Type", of_get, sizeof(of_get));
        answer_header(head, "Content-Type", of_head, sizeof(of_head));
        CHECK_MSG(strcmp(of_get, of_head) == 0, "HEAD %s: '%s', not '%s'", paths[i], of_head,
                  of_get);
    }
}

static void unknown_paths_are_404(void)
{
    static const char *const paths[] = {
        "/",        "/nothing",        "/sessions/",        "/session",        "/samples/blackbox",
        "/health/", "/sessions/a/b/c", "/../../etc/passwd", "/sessions//exec", "/%2e%2e/health",
    };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *answer = SEND(.path = paths[i], .direct = true);

        CHECK_MSG(answer->status == 404, "%s: %ld %s", paths[i], answer->status, answer->body.data);
        CHECK_MSG(*answer_text(answer, "detail.code") && *answer_text(answer, "detail.message"),
                  "%s: %s", paths[i], answer->body.data);
    }
}

static void internal_locations_are_not_reached(void)
{
    static const char *const paths[] = {
        "/-/await/session/" NOBODY "?hold=1000&back=/-/answer/health",
        "/-/answer/api/v1/health",
        "/-/pages/x",
        "/-/error/503",
    };
    char *root = xstrdup(client_base());

    *strstr(root, "/api/v1") = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(free_ptr) char *url = xasprintf("%s%s", root, paths[i]);
        _cleanup_(answer_release) struct answer *answer = SEND(.path = url);

        REFUSED(answer, 404, "NOT_FOUND");
    }
    free(root);
}

/* The paths of awaited answers exist only behind an X-Accel-Redirect. */
static void awaited_routes_are_not_for_clients(void)
{
    _cleanup_(answer_release) struct answer *one =
        client_get("/sessions/%s/str_replace/" NOBODY, fixture_session());
    _cleanup_(answer_release) struct answer *two =
        SEND(.path = "/sessions/" NOBODY "/upload/" NOBODY, .headers = {"CODESET_AWAITED: 1"});

    STATUS(one, 404);
    STATUS(two, 404);
}

static void every_answer_has_its_own_request_id(void)
{
    static const char *const paths[] = {"/health", "/nothing", "/sessions/" NOBODY,
                                        "/samples?page=0"};
    char seen[ARRAY_SIZE(paths)][128];

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *answer = SEND(.path = paths[i], .direct = true);

        answer_header(answer, "X-Request-Id", seen[i], sizeof(seen[i]));
        CHECK_MSG(strlen(seen[i]) >= 16, "%s: X-Request-Id '%s'", paths[i], seen[i]);
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(seen[i], seen[j]) != 0);
    }
}

static void the_request_id_is_in_the_logs(void)
{
    _cleanup_(answer_release) struct answer *answer = client_get("/sessions/" NOBODY);
    char id[128];

    answer_header(answer, "X-Request-Id", id, sizeof(id));
    CHECK(*id && strspn(id, "0123456789abcdef-") == strlen(id));
    CHECK_MSG(shell(NULL, "grep -rq -- '%s' \"$CODESET_LOGS\"", id) == 0, "%s is in no log", id);
}

static void a_body_that_is_too_large_is_413(void)
{
    size_t size = 40u << 20;
    char *body = xmalloc(size + 1);
    _cleanup_(answer_release) struct answer *answer = NULL;

    memset(body, ' ', size);
    body[0] = '{';
    body[size - 1] = '}';
    answer = SEND(.path = "/sessions", .body = body, .body_length = size, .direct = true);
    free(body);
    /* The server may close before it has read it all; what counts is that it goes on. */
    if (answer->status)
        REFUSED(answer, 413, "BODY_TOO_LARGE");
    else
        CHECK_MSG(strstr(answer->failure, "Send") || strstr(answer->failure, "send"), "%s",
                  answer->failure);
    answer_free(answer);
    answer = client_get("/health");
    STATUS(answer, 200);
}

static void a_body_of_another_type_is_refused(void)
{
    static const char *const types[] = {"Content-Type: text/plain",
                                        "Content-Type: application/x-www-form-urlencoded"};

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = "/sessions", .body = "{\"dataset\":\"x\",\"sample_id\":\"y\"}",
                 .headers = {types[i]}, .direct = true);

        CHECK_MSG(answer->status == 422 || answer->status == 415 || answer->status == 400,
                  "%s: %ld %s", types[i], answer->status, answer->body.data);
    }
}

static void a_compressed_body_is_refused(void)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/sessions", .body = "{}", .headers = {"Content-Encoding: gzip"},
             .direct = true);
    _cleanup_(answer_release) struct answer *plain =
        SEND(.path = "/sessions", .body = "{}", .headers = {"Content-Encoding: identity"},
             .direct = true);

    REFUSED(answer, 415, "CONTENT_ENCODING_UNSUPPORTED");
    STATUS(plain, 422);
}

static void answers_are_json_in_utf8(void)
{
    static const char *const paths[] = {"/health", "/datasets", "/samples?page_size=1", "/nothing",
                                        "/sessions"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *answer = SEND(.path = paths[i], .direct = true);
        char type[128];

        answer_header(answer, "Content-Type", type, sizeof(type));
        CHECK_MSG(strncmp(type, "application/json", 16) == 0, "%s: %s", paths[i], type);
        CHECK_MSG(answer->json != NULL, "%s: %.200s", paths[i], answer->body.data);
    }
}

/* Long addresses, long headers and odd escapes: a clear 4xx, never a 500. */
static void odd_requests_are_refused_clearly(void)
{
    char *deep = xmalloc(30001), *header = xmalloc(70001);
    const char *const paths[] = {"/sessions/%00",        "/sessions/%zz",  "/sessions/%ff%fe",
                                 "/samples?search=%00",  "/samples?%",     "/samples?search=%ff",
                                 "/samples?page=%31%00", "/sessions/a%2fb"};
    _cleanup_(answer_release) struct answer *long_path = NULL, *long_header = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *answer = SEND(.path = paths[i], .direct = true);

        CHECK_MSG((answer->status >= 400 && answer->status < 500) ||
                      (answer->status == 200 && strstr(paths[i], "?%")),
                  "%s: %ld %.200s %s", paths[i], answer->status, answer->body.data,
                  answer->failure);
    }
    memset(deep, 'a', 30000);
    deep[0] = '/';
    deep[30000] = '\0';
    long_path = SEND(.path = deep, .direct = true);
    REFUSED(long_path, 414, "URI_TOO_LONG");
    memset(header, 'a', 70000);
    header[70000] = '\0';
    header[1] = ':';
    long_header = SEND(.path = "/health", .headers = {header}, .direct = true);
    REFUSED(long_header, 431, "HEADERS_TOO_LARGE");
    free(deep);
    free(header);
}

static void the_description_is_served(void)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/openapi.json", .key = "", .direct = true);
    json_object *paths;

    STATUS(answer, 200);
    CHECK(strncmp(answer_text(answer, "openapi"), "3.", 2) == 0);
    paths = answer_at(answer, "paths");
    CHECK(paths && json_object_object_length(paths) >= 12);
    CHECK(answer_at(answer, "components.schemas.Session") != NULL);
}

static const struct test tests[] = {
    {"a method that a path does not take gets 405 and Allow", other_methods_get_405_and_allow},
    {"OPTIONS answers without credentials", options_answers_cors},
    {"HEAD answers as GET does, without a body", head_answers_as_get_without_body},
    {"an unknown path is 404", unknown_paths_are_404},
    {"internal locations are not reached from outside", internal_locations_are_not_reached},
    {"routes of awaited answers are not for clients", awaited_routes_are_not_for_clients},
    {"every answer carries a request id of its own", every_answer_has_its_own_request_id},
    {"the request id is in the logs", the_request_id_is_in_the_logs},
    {"a body that is too large is 413", a_body_that_is_too_large_is_413},
    {"a body that is not said to be JSON is refused", a_body_of_another_type_is_refused},
    {"a compressed body is refused", a_compressed_body_is_refused},
    {"answers and refusals are JSON", answers_are_json_in_utf8},
    {"odd addresses and headers get a clear refusal", odd_requests_are_refused_clearly},
    {"the OpenAPI document is served", the_description_is_served},
};

SUITE(protocol, tests);
