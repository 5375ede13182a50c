/* Requests, routes and error codes. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "asked.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "http/answer.h"
#include "http/codes.h"
#include "http/gzip.h"
#include "http/prefer.h"
#include "http/render.h"
#include "http/request.h"
#include "http/router.h"
#include "unit.h"

#include "base/banned.h"

/* --- requests -------------------------------------------------------------------------------- */

static char *uri_parameters[3];

static int read_uri(const char *uri, const char *query, struct request *request, struct error *err)
{
    free(uri_parameters[0]);
    free(uri_parameters[1]);
    uri_parameters[0] = xasprintf("REQUEST_URI=%s", uri);
    uri_parameters[1] = xasprintf("QUERY_STRING=%s", query);
    return request_init(request, uri_parameters, err);
}

static void a_path_is_split_then_decoded(void)
{
    _cleanup_(request_release) struct request request;
    struct error err;

    CU_ASSERT_EQUAL(read_uri("/api/a%20b/c%2Fd%c3%a9/?x=%2", "", &request, &err), 0);
    CU_ASSERT_EQUAL(request.segment_count, 4);
    CU_ASSERT_STRING_EQUAL(request.segments[0], "api");
    CU_ASSERT_STRING_EQUAL(request.segments[1], "a b");
    CU_ASSERT_STRING_EQUAL(request.segments[2], "c/d\xc3\xa9");
    CU_ASSERT_STRING_EQUAL(request.segments[3], "");
}

static void a_query_is_split_then_decoded(void)
{
    _cleanup_(request_release) struct request request;
    struct error err;

    CU_ASSERT_EQUAL(read_uri("/", "a=1+2&&b&=c&a=%26%3D&d=e=f", &request, &err), 0);
    CU_ASSERT_EQUAL(request.query_count, 5);
    CU_ASSERT_STRING_EQUAL(request.query[0].value, "1 2");
    CU_ASSERT_STRING_EQUAL(request.query[1].name, "b");
    CU_ASSERT_STRING_EQUAL(request.query[1].value, "");
    CU_ASSERT_STRING_EQUAL(request.query[2].name, "");
    CU_ASSERT_STRING_EQUAL(request.query[3].value, "&=");
    CU_ASSERT_STRING_EQUAL(request.query[4].value, "e=f");
}

static void a_header_that_came_twice_is_a_list(void)
{
    static char first[] = "HTTP_PREFER=respond-async", other[] = "HTTP_PREFERENCE=wait=1",
                second[] = "HTTP_PREFER=wait=7";
    char *parameters[] = {first, other, second, NULL};
    struct request request = {.parameters = parameters};
    _cleanup_(buf_release) struct buf list = BUF_INIT, none = BUF_INIT;

    request_list(&request, "HTTP_PREFER", &list);
    CU_ASSERT_STRING_EQUAL(list.data, "respond-async, wait=7");
    CU_ASSERT_EQUAL(prefer_wait(list.data), 7);
    request_list(&request, "HTTP_OTHER", &none);
    CU_ASSERT_STRING_EQUAL(none.data, "");
}

static void what_cannot_be_read_is_refused(void)
{
    static const struct {
        const char *uri, *query, *code;
    } cases[] = {
        {"/%", "", "BAD_REQUEST"},
        {"/%4", "", "BAD_REQUEST"},
        {"/%zz", "", "BAD_REQUEST"},
        {"/%00", "", "BAD_REQUEST"},
        {"/a%ff", "", "BAD_REQUEST"},
        {"/%c0%80", "", "BAD_REQUEST"},
        {"*", "", "BAD_REQUEST"},
        {"", "", "BAD_REQUEST"},
        {"/", "a=%", "BAD_REQUEST"},
        {"/", "%00=1", "BAD_REQUEST"},
        {"/", "a=%ed%a0%80", "BAD_REQUEST"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(request_release) struct request request;
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL(read_uri(cases[i].uri, cases[i].query, &request, &err), -1);
        CU_ASSERT_STRING_EQUAL(err.code, cases[i].code);
        CU_ASSERT_EQUAL(request.segment_count, 0);
    }
}

static void paths_and_queries_are_bounded(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    struct request request;

    for (int i = 0; i < REQUEST_SEGMENTS_MAX + 1; i++)
        buf_add_str(&text, "/a");
    CU_ASSERT_EQUAL(read_uri(text.data, "", &request, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "NOT_FOUND");
    request_release(&request);
    buf_clear(&text);
    for (int i = 0; i < REQUEST_QUERY_MAX + 1; i++)
        buf_add_str(&text, "a=1&");
    CU_ASSERT_EQUAL(read_uri("/", text.data, &request, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "BAD_REQUEST");
    request_release(&request);
    while (text.length <= REQUEST_URI_MAX)
        buf_add_str(&text, "&&&&&&&&&&&&&&&&");
    CU_ASSERT_EQUAL(read_uri("/", text.data, &request, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "URI_TOO_LONG");
    request_release(&request);
}

static void an_awaited_request_is_for_the_path_nginx_names(void)
{
    static char uri[] = "REQUEST_URI=/api/v1/other?x=1", path[] = "DOCUMENT_URI=/api/v1/a%20b",
                awaited[] = "CODESET_AWAITED=1", id[] = "CODESET_REQUEST_ID=abc";
    char *parameters[] = {uri, path, awaited, id, NULL};
    _cleanup_(request_release) struct request request;
    struct error err;

    CU_ASSERT_EQUAL(request_init(&request, parameters, &err), 0);
    CU_ASSERT_TRUE(request.awaited);
    CU_ASSERT_STRING_EQUAL(request.id, "abc");
    /* nginx has undone the escapes; undoing them twice would be another path. */
    CU_ASSERT_STRING_EQUAL(request.segments[2], "a%20b");
}

struct bytes {
    const char *text;
    size_t left, step;
};

static size_t give(void *arg, char *out, size_t size)
{
    struct bytes *bytes = arg;
    size_t count = bytes->left < bytes->step ? bytes->left : bytes->step;

    if (count > size)
        count = size;
    memcpy(out, bytes->text, count);
    bytes->text += count;
    bytes->left -= count;
    return count;
}

static const char *read_body(const char *length, const char *text, int64_t most, size_t *ret_left)
{
    _cleanup_(free_ptr) char *parameter = xasprintf("CONTENT_LENGTH=%s", length);
    char *parameters[] = {parameter, NULL};
    struct request request = {.parameters = parameters, .body = BUF_INIT};
    struct bytes bytes = {text, strlen(text), 7};
    struct error err = ERROR_INIT;
    int outcome = request_read_body(&request, most, give, &bytes, &err);

    if (outcome == 0)
        CU_ASSERT_STRING_EQUAL(request.body.data, text);
    *ret_left = bytes.left;
    buf_release(&request.body);
    return outcome == 0 ? "" : err.code;
}

static void a_body_is_bounded_before_it_is_read(void)
{
    static const char text[] = "0123456789012345678901234567890123456789";
    size_t left;

    CU_ASSERT_STRING_EQUAL(read_body("40", text, 40, &left), "");
    CU_ASSERT_STRING_EQUAL(read_body("", text, 40, &left), "");
    CU_ASSERT_STRING_EQUAL(read_body("40", text, 39, &left), "BODY_TOO_LARGE");
    CU_ASSERT_EQUAL(left, 40);
    CU_ASSERT_STRING_EQUAL(read_body("", text, 39, &left), "BODY_TOO_LARGE");
    CU_ASSERT_STRING_EQUAL(read_body("41", text, 100, &left), "BAD_REQUEST");
    CU_ASSERT_STRING_EQUAL(read_body("-1", text, 100, &left), "BAD_REQUEST");
    CU_ASSERT_STRING_EQUAL(read_body("4x", text, 100, &left), "BAD_REQUEST");
    CU_ASSERT_STRING_EQUAL(read_body("99999999999999999999", text, 100, &left), "BAD_REQUEST");
    CU_ASSERT_STRING_EQUAL(read_body("0", "", 0, &left), "");
}

/* --- routes ---------------------------------------------------------------------------------- */

struct app {
    const char *pool; /* of the worker */
    int calls;
    int authentications;
    char param[32];
    int64_t number;
};

struct numbers {
    int64_t number;
};

static const struct field number_field[] = {
    {"number", FIELD_INT, .required = true, .most = 9, .offset = offsetof(struct numbers, number)}};

static int handle(void *arg, const struct request *request, const void *values,
                  struct answer *answer, struct error *err)
{
    struct app *app = arg;

    (void)err;
    app->calls++;
    app->number = values ? ((const struct numbers *)values)->number : 0;
    snprintf(app->param, sizeof(app->param), "%s", request->params[0] ? request->params[0] : "");
    render_text(answer_json(answer, 200), NULL, "fine");
    return 0;
}

static int fail(void *arg, const struct request *request, const void *values, struct answer *answer,
                struct error *err)
{
    (void)arg;
    (void)request;
    (void)values;
    answer_header(answer, "Content-Encoding", "gzip");
    buf_add_str(answer_json(answer, 200), "half an ans");
    return error_set(err, ERROR_INTERNAL, NULL, "SELECT secret FROM /var/lib/secrets");
}

static int handle_raw(void *arg, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    (void)arg;
    (void)err;
    CU_ASSERT_PTR_NULL(values);
    render_bytes(answer_json(answer, 200), NULL, request->body.data, request->body.length);
    return 0;
}

static int handle_sixth(void *arg, const struct request *request, const void *values,
                        struct answer *answer, struct error *err)
{
    (void)arg;
    (void)values;
    (void)err;
    render_text(answer_json(answer, 200), NULL, request->params[5]);
    return 0;
}

static const struct route routes[] = {
    {"GET", "/things/{thing_id}", handle, .flags = ROUTE_BEARER, .pool = "api"},
    {"POST", "/things/{thing_id}", handle, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_BODY(struct numbers, number_field)},
    {"GET", "/things/{thing_id}/await/{id}", handle, .flags = ROUTE_AWAITED, .pool = "api"},
    {"GET", "/open", handle, .pool = "api", ROUTE_QUERY(struct numbers, number_field)},
    {"GET", "/failing", fail, .pool = "outbound"},
    {"PUT", "/raw", handle_raw, .pool = "api", .raw_body_most = 8},
    {"GET", "/{a}/{b}/{c}/{d}/{e}/{f}", handle_sixth, .pool = "api"},
};
static const struct route_list list = {routes, ARRAY_SIZE(routes)};
static const struct route_list *const lists[] = {&list};

static int check_token(void *arg, const char *token, bool joined, struct error *err)
{
    struct app *app = arg;

    (void)joined;
    app->authentications++;
    if (strcmp(token, "good") == 0)
        return 0;
    return error_set(err, ERROR_INVALID, "INVALID_CREDENTIALS", "No.");
}

static size_t give_text(void *arg, char *out, size_t size)
{
    const char **text = arg;
    size_t length = strlen(*text);

    if (length > size)
        length = size;
    memcpy(out, *text, length);
    *text += length;
    return length;
}

/* One request; further parameters as "NAME=value", ended by NULL. The head and body, to free(). */
static char *ask(struct app *app, const char *method, const char *uri, const char *body,
                 const char *more, const char *still_more)
{
    struct router router = {.lists = lists,
                            .list_count = 1,
                            .app = app,
                            .pool = app->pool,
                            .authenticate = check_token,
                            .cors_origins = "https://a.example https://b.example"};
    const char *mark = strchr(uri, '?');
    char *parameters[] = {xasprintf("REQUEST_METHOD=%s", method),
                          xasprintf("REQUEST_URI=%s", uri),
                          xasprintf("DOCUMENT_URI=%s", uri),
                          xasprintf("QUERY_STRING=%s", mark ? mark + 1 : ""),
                          xstrdup(more ? more : "A=b"),
                          xstrdup(still_more ? still_more : "A=b"),
                          NULL};
    struct body_source source = {give_text, &body};

    return asked(&router, parameters, &source);
}

#define GOOD "HTTP_AUTHORIZATION=Bearer good"

static void a_route_is_found_with_its_parameter(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *get = ask(&app, "GET", "/things/a%2Fb", "", GOOD, NULL);
    _cleanup_(free_ptr) char *head = NULL;

    CU_ASSERT(has(get, "Status: 200 OK\r\n"));
    CU_ASSERT(has(get, "\r\n\r\n\"fine\""));
    CU_ASSERT_STRING_EQUAL(app.param, "a/b");
    head = ask(&app, "HEAD", "/things/x", "", "HTTP_AUTHORIZATION=bearer  good", NULL);
    CU_ASSERT(has(head, "Status: 200"));
    CU_ASSERT_EQUAL(app.calls, 2);
}

static void an_unknown_path_is_404_without_credentials(void)
{
    static const char *const paths[] = {
        "/",         "/things",  "/things/",          "/things/a/", "/things//",    "//things/a",
        "/Things/a", "/thing/a", "/things/a/await/b", "/../open",   "/open/../open"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct app app = {0};
        _cleanup_(free_ptr) char *answer = ask(&app, "GET", paths[i], "", NULL, NULL);

        CU_ASSERT(has(answer, "Status: 404 Not Found\r\n"));
        CU_ASSERT(has(answer, "{\"detail\":{\"code\":\"NOT_FOUND\","));
        CU_ASSERT_EQUAL(app.calls + app.authentications, 0);
    }
}

static void an_awaited_path_exists_for_awaited_requests(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *answer =
        ask(&app, "GET", "/things/a/await/b", "", "CODESET_AWAITED=1", NULL);

    CU_ASSERT(has(answer, "Status: 200"));
}

static void a_worker_answers_no_route_of_another_pool(void)
{
    static const char *const pools[] = {"outbound", "api"};

    for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
        struct app app = {.pool = pools[i]};
        _cleanup_(free_ptr) char *answer = ask(&app, "GET", "/things/a", "", GOOD, NULL);

        CU_ASSERT(has(answer, i == 0 ? "Status: 503" : "Status: 200"));
        CU_ASSERT_EQUAL(app.calls, (int)i);
        CU_ASSERT_EQUAL(app.authentications, (int)i);
        CU_ASSERT_PTR_NULL(strstr(answer, "outbound"));
    }
}

static void another_method_is_405_with_allow(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *answer = ask(&app, "PUT", "/things/a", "", NULL, NULL);

    CU_ASSERT(has(answer, "Status: 405 Method Not Allowed\r\n"));
    CU_ASSERT(has(answer, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
    CU_ASSERT(has(answer, "METHOD_NOT_ALLOWED"));
}

static void credentials_come_before_the_body(void)
{
    static const char *const headers[] = {"A=b",
                                          "HTTP_AUTHORIZATION=",
                                          "HTTP_AUTHORIZATION=Bearer",
                                          "HTTP_AUTHORIZATION=Bearer ",
                                          "HTTP_AUTHORIZATION=Basic good",
                                          "HTTP_AUTHORIZATION=good",
                                          "HTTP_AUTHORIZATION=Bearer good good"};

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        struct app app = {0};
        _cleanup_(free_ptr) char *answer =
            ask(&app, "POST", "/things/a", "not JSON", headers[i], NULL);

        CU_ASSERT(has(answer, "Status: 401"));
        CU_ASSERT(has(answer, "WWW-Authenticate: Bearer\r\n"));
        CU_ASSERT(has(answer, "AUTHENTICATION_REQUIRED"));
        CU_ASSERT_EQUAL(app.calls + app.authentications, 0);
    }
}

static void bad_credentials_are_refused(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *answer =
        ask(&app, "POST", "/things/a", "", "HTTP_AUTHORIZATION=Bearer bad", NULL);

    CU_ASSERT(has(answer, "Status: 401"));
    CU_ASSERT(has(answer, "WWW-Authenticate: Bearer\r\n"));
    CU_ASSERT(has(answer, "INVALID_CREDENTIALS"));
    CU_ASSERT_EQUAL(app.calls, 0);
}

static void fields_reach_the_handler_checked(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *good =
        ask(&app, "POST", "/things/a", "{\"number\":\"7\"}", GOOD, NULL);
    _cleanup_(free_ptr) char *bad = NULL, *query = NULL;

    CU_ASSERT(has(good, "Status: 200"));
    CU_ASSERT_EQUAL(app.number, 7);
    bad = ask(&app, "POST", "/things/a", "{\"number\":10}", GOOD, NULL);
    CU_ASSERT(has(bad, "Status: 422"));
    CU_ASSERT(has(bad, "{\"detail\":[{\"loc\":[\"body\",\"number\"],"));
    query = ask(&app, "GET", "/open?number=x", "", NULL, NULL);
    CU_ASSERT(has(query, "Status: 422"));
    CU_ASSERT(has(query, "{\"detail\":[{\"loc\":[\"query\",\"number\"],"));
    CU_ASSERT_EQUAL(app.calls, 1);
}

static void a_route_without_fields_gets_the_body_as_it_is(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *raw = ask(&app, "PUT", "/raw", "{not JSO", NULL, NULL);
    _cleanup_(free_ptr) char *none = ask(&app, "PUT", "/raw", "", NULL, NULL);
    _cleanup_(free_ptr) char *long_one = ask(&app, "PUT", "/raw", "{not JSON", NULL, NULL);
    _cleanup_(free_ptr) char *packed =
        ask(&app, "PUT", "/raw", "x", "HTTP_CONTENT_ENCODING=gzip", NULL);

    CU_ASSERT(has(raw, "\r\n\r\n\"{not JSO\""));
    CU_ASSERT(has(none, "\r\n\r\n\"\""));
    CU_ASSERT(has(long_one, "Status: 413"));
    CU_ASSERT(has(packed, "Status: 415"));
}

static void a_path_may_have_as_many_parameters_as_segments(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *answer = ask(&app, "GET", "/1/2/3/4/5/6", "", NULL, NULL);

    CU_ASSERT(has(answer, "Status: 200"));
    CU_ASSERT(has(answer, "\r\n\r\n\"6\""));
}

static void a_failure_says_nothing_of_its_reason(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *answer = ask(&app, "GET", "/failing", "", NULL, NULL);

    CU_ASSERT(has(answer, "Status: 500"));
    CU_ASSERT(has(answer, "INTERNAL_ERROR"));
    CU_ASSERT_PTR_NULL(strstr(answer, "secret"));
    CU_ASSERT_PTR_NULL(strstr(answer, "half"));
    CU_ASSERT_PTR_NULL(strstr(answer, "gzip"));
}

static void only_listed_origins_may_read_answers(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *listed =
        ask(&app, "GET", "/open?number=1", "", "HTTP_ORIGIN=https://b.example", NULL);
    _cleanup_(free_ptr) char *other =
        ask(&app, "GET", "/open?number=1", "", "HTTP_ORIGIN=https://b.exampl", NULL);
    _cleanup_(free_ptr) char *null =
        ask(&app, "GET", "/open?number=1", "", "HTTP_ORIGIN=null", NULL);
    _cleanup_(free_ptr) char *refused =
        ask(&app, "GET", "/nowhere", "", "HTTP_ORIGIN=https://a.example", NULL);

    CU_ASSERT(has(listed, "Access-Control-Allow-Origin: https://b.example\r\n"));
    CU_ASSERT(has(listed, "Vary: Origin\r\n"));
    CU_ASSERT_PTR_NULL(strstr(listed, "Allow-Credentials"));
    CU_ASSERT(has(other, "Vary: Origin\r\n"));
    CU_ASSERT_PTR_NULL(strstr(other, "Access-Control"));
    CU_ASSERT_PTR_NULL(strstr(null, "Access-Control"));
    CU_ASSERT(has(refused, "Access-Control-Allow-Origin: https://a.example\r\n"));
}

static void a_preflight_is_answered(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *preflight =
        ask(&app, "OPTIONS", "/things/a", "", "HTTP_ORIGIN=https://a.example",
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD=POST");
    _cleanup_(free_ptr) char *plain = ask(&app, "OPTIONS", "/things/a", "", NULL, NULL);
    _cleanup_(free_ptr) char *nowhere = ask(&app, "OPTIONS", "/nowhere", "", NULL, NULL);

    CU_ASSERT(has(preflight, "Status: 204"));
    CU_ASSERT(has(preflight, "Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n"));
    CU_ASSERT(has(preflight, "Access-Control-Allow-Headers: Authorization, Content-Type"));
    CU_ASSERT(has(preflight, "Access-Control-Max-Age: "));
    CU_ASSERT(has(plain, "Status: 204"));
    CU_ASSERT(has(plain, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
    CU_ASSERT_PTR_NULL(strstr(plain, "Access-Control"));
    CU_ASSERT(has(nowhere, "Status: 404"));
    CU_ASSERT_EQUAL(app.calls + app.authentications, 0);
}

static void a_page_may_read_why_it_was_refused(void)
{
    static const char *const paths[] = {"/nowhere", "/%00", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct app app = {0};
        _cleanup_(free_ptr) char *listed =
            ask(&app, "OPTIONS", paths[i], "", "HTTP_ORIGIN=https://a.example",
                "HTTP_ACCESS_CONTROL_REQUEST_METHOD=POST");
        _cleanup_(free_ptr) char *other =
            ask(&app, "OPTIONS", paths[i], "", "HTTP_ORIGIN=https://c.example",
                "HTTP_ACCESS_CONTROL_REQUEST_METHOD=POST");

        CU_ASSERT(has(listed, "Status: 204"));
        CU_ASSERT(has(listed, "Access-Control-Allow-Origin: https://a.example\r\n"));
        CU_ASSERT(has(listed, "Access-Control-Allow-Methods: "));
        CU_ASSERT(has(listed, "Access-Control-Allow-Headers: Authorization, Content-Type"));
        CU_ASSERT(has(other, "Status: 40"));
        CU_ASSERT_PTR_NULL(strstr(other, "Access-Control"));
    }
}

static void a_header_cannot_be_split(void)
{
    _cleanup_(answer_release) struct answer answer = ANSWER_INIT;

    answer_header(&answer, "X-Name", "%s", "a\r\nSet-Cookie: b\x80");
    CU_ASSERT_STRING_EQUAL(answer.headers.data, "X-Name: aSet-Cookie: b\r\n");
}

static void a_long_header_is_not_cut(void)
{
    _cleanup_(answer_release) struct answer answer = ANSWER_INIT;
    _cleanup_(buf_release) struct buf value = BUF_INIT;

    while (value.length < 100000)
        buf_add_str(&value, "0123456789");
    answer_header(&answer, "X-Name", "%s", value.data);
    CU_ASSERT_EQUAL(answer.headers.length, strlen("X-Name: \r\n") + value.length);
}

/* --- codes ----------------------------------------------------------------------------------- */

static void the_document_lists_every_code(void)
{
    _cleanup_(buf_release) struct buf document = BUF_INIT, row = BUF_INIT;
    struct error err = ERROR_INIT;
    size_t rows = 0;

    CU_ASSERT_EQUAL(file_read(AT_FDCWD, DOCS_DIR "/errors.md", 1 << 20, &document, &err), 0);
    for (size_t i = 0; i < codes_count; i++) {
        buf_clear(&row);
        buf_addf(&row, "\n| `%s` | %d |", codes[i].name, codes[i].status);
        if (codes[i].retry_after == RETRY_NEVER)
            buf_add_str(&row, " never");
        else if (codes[i].retry_after)
            buf_addf(&row, " %d", codes[i].retry_after);
        buf_addf(&row, " | %s |\n", codes[i].help);
        CU_ASSERT(has(document.data, row.data));
        CU_ASSERT_PTR_EQUAL(code_find(codes[i].name), &codes[i]);
        CU_ASSERT((codes[i].status != 503 && codes[i].status != 429) || codes[i].retry_after > 0);
    }
    for (const char *at = document.data; (at = strstr(at, "\n| `")) != NULL; at++)
        rows++;
    CU_ASSERT_EQUAL(rows, codes_count);
}

static void nginx_answers_with_codes_of_the_table(void)
{
    static const char key[] = "\"code\":\"";
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    int found = 0;

    CU_ASSERT_EQUAL(
        file_read(AT_FDCWD, DOCS_DIR "/../nginx/codeset-server.conf.in", 1 << 20, &text, &err), 0);
    for (char *at = text.data; (at = strstr(at, key)) != NULL; found++) {
        char *name = at + sizeof(key) - 1;

        at = name + strcspn(name, "\"");
        CU_ASSERT_EQUAL(*at, '"');
        *at++ = '\0';
        CU_ASSERT_PTR_NOT_NULL(code_find(name));
    }
    CU_ASSERT(found > 10);
}

static void errors_without_a_code_go_by_kind(void)
{
    static const struct {
        enum error_kind kind;
        int status;
    } cases[] = {
        {ERROR_INVALID, 400},     {ERROR_NOT_FOUND, 404}, {ERROR_CONFLICT, 409}, {ERROR_LIMIT, 429},
        {ERROR_UNAVAILABLE, 503}, {ERROR_INTERNAL, 500},  {ERROR_NONE, 500},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct error err;
        const char *message;

        error_set(&err, cases[i].kind, i % 2 ? "NO_SUCH_CODE" : NULL, "/etc/secret");
        CU_ASSERT_EQUAL(code_of_error(&err, &message)->status, cases[i].status);
        CU_ASSERT_PTR_NULL(strstr(message, "secret"));
    }
}

static void an_error_with_a_code_says_what_to_do(void)
{
    struct error err;
    const char *message;

    error_set(&err, ERROR_LIMIT, "SESSION_LIMIT", "3 of 3 sessions are open.");
    CU_ASSERT_EQUAL(code_of_error(&err, &message)->status, 429);
    CU_ASSERT_STRING_EQUAL(message, "3 of 3 sessions are open.");
    error_set(&err, ERROR_UNAVAILABLE, "DATABASE_UNAVAILABLE", "no /run/mysqld/mysqld.sock");
    CU_ASSERT_EQUAL(code_of_error(&err, &message)->status, 503);
    CU_ASSERT_PTR_NULL(strstr(message, "/run"));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a path is split, then decoded", a_path_is_split_then_decoded},
        {"a query is split, then decoded", a_query_is_split_then_decoded},
        {"a header that came twice is a list", a_header_that_came_twice_is_a_list},
        {"what cannot be read is refused", what_cannot_be_read_is_refused},
        {"paths and queries are bounded", paths_and_queries_are_bounded},
        {"an awaited request is for the path that nginx names",
         an_awaited_request_is_for_the_path_nginx_names},
        {"a body is bounded before it is read", a_body_is_bounded_before_it_is_read},
        {"a route is found with its parameter", a_route_is_found_with_its_parameter},
        {"an unknown path is 404 without credentials", an_unknown_path_is_404_without_credentials},
        {"an awaited path exists for awaited requests",
         an_awaited_path_exists_for_awaited_requests},
        {"a worker answers no route of another pool", a_worker_answers_no_route_of_another_pool},
        {"another method is 405 with Allow", another_method_is_405_with_allow},
        {"credentials come before the body", credentials_come_before_the_body},
        {"bad credentials are refused", bad_credentials_are_refused},
        {"fields reach the handler checked", fields_reach_the_handler_checked},
        {"a route without fields gets the body as it is",
         a_route_without_fields_gets_the_body_as_it_is},
        {"a path may have as many parameters as segments",
         a_path_may_have_as_many_parameters_as_segments},
        {"a long header is not cut", a_long_header_is_not_cut},
        {"a failure says nothing of its reason", a_failure_says_nothing_of_its_reason},
        {"only listed origins may read answers", only_listed_origins_may_read_answers},
        {"a preflight is answered", a_preflight_is_answered},
        {"a page may read why it was refused", a_page_may_read_why_it_was_refused},
        {"a header cannot be split", a_header_cannot_be_split},
        {"the document lists every code", the_document_lists_every_code},
        {"nginx answers with codes of the table", nginx_answers_with_codes_of_the_table},
        {"errors without a code go by kind", errors_without_a_code_go_by_kind},
        {"an error with a code says what to do", an_error_with_a_code_says_what_to_do},
    };

    return UNIT_MAIN("http", tests);
}
