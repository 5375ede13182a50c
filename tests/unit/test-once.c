/* Once: the ids that a request makes, and the router's side of the Idempotency-Key. */
#include <string.h>

#include "asked.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "http/render.h"
#include "http/request.h"
#include "http/router.h"
#include "unit.h"

#include "base/banned.h"

#define REQUEST_ID "CODESET_REQUEST_ID=0123456789abcdef0123456789abcdef"
#define REQUEST_TIME "CODESET_REQUEST_TIME=1700000000.123"

/* --- the ids of a request -------------------------------------------------------------------- */

static struct id id_made_by(const char *request_id, const char *request_time, const char *what)
{
    _cleanup_(request_release) struct request request;
    char *parameters[] = {xstrdup("REQUEST_URI=/"), xstrdup(request_id), xstrdup(request_time),
                          NULL};
    struct error err = ERROR_INIT;
    struct id id;

    CU_ASSERT_EQUAL(request_init(&request, parameters, &err), 0);
    id = request_make_id(&request, what);
    CU_ASSERT_TRUE(request_made(&request, what, &id));
    for (size_t i = 0; parameters[i]; i++)
        free(parameters[i]);
    return id;
}

static bool same(const struct id *one, const struct id *other)
{
    return strcmp(one->text, other->text) == 0;
}

static void the_same_request_makes_the_same_ids(void)
{
    struct id first = id_made_by(REQUEST_ID, REQUEST_TIME, "session");
    struct id again = id_made_by(REQUEST_ID, REQUEST_TIME, "session");

    CU_ASSERT_TRUE(same(&first, &again));
    CU_ASSERT_TRUE(id_valid(first.text));
    /* 1700000000123 ms; version 7, variant 2. */
    CU_ASSERT_EQUAL(strncmp(first.text, "018bcfe5-687b-7", 15), 0);
    CU_ASSERT_PTR_NOT_NULL(strchr("89ab", first.text[19]));
}

static int64_t waited_since(int64_t ms)
{
    _cleanup_(request_release) struct request request;
    _cleanup_(free_ptr) char *uri = xstrdup("REQUEST_URI=/");
    _cleanup_(free_ptr) char *time =
        xasprintf("CODESET_REQUEST_TIME=%lld.%03lld", (long long)ms / 1000, (long long)ms % 1000);
    char *parameters[] = {uri, time, NULL};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(request_init(&request, parameters, &err), 0);
    request.origin.ms = 1; /* what an Idempotency-Key does */
    return request_waited_ms(&request);
}

static void a_request_knows_how_long_it_waited(void)
{
    int64_t now = clock_now() / 1000, waited = waited_since(now - 3000);

    CU_ASSERT_TRUE(waited >= 3000 && waited <= clock_now() / 1000 - now + 3000);
    CU_ASSERT_EQUAL(waited_since(now + 3600000), 0);
    CU_ASSERT_EQUAL(waited_since(now - 2 * 86400000), 86400000);
}

static void another_request_or_kind_makes_another_id(void)
{
    struct id first = id_made_by(REQUEST_ID, REQUEST_TIME, "session");
    struct id kind = id_made_by(REQUEST_ID, REQUEST_TIME, "interaction");
    struct id request =
        id_made_by("CODESET_REQUEST_ID=0123456789abcdef0123456789abcdee", REQUEST_TIME, "session");

    CU_ASSERT_FALSE(id_same_bits(&first, &kind));
    CU_ASSERT_FALSE(id_same_bits(&first, &request));
}

/* nginx gives the awaited request another time, and the same id. */
static void a_request_knows_its_ids_at_another_time(void)
{
    struct id first = id_made_by(REQUEST_ID, REQUEST_TIME, "interaction");
    struct id later = id_made_by(REQUEST_ID, "CODESET_REQUEST_TIME=1700000030.000", "interaction");

    CU_ASSERT_FALSE(same(&first, &later));
    CU_ASSERT_TRUE(id_same_bits(&first, &later));
}

static void without_a_good_origin_each_request_is_its_own(void)
{
    static const struct {
        const char *id, *time;
    } cases[] = {
        {"A=b", REQUEST_TIME},
        {"CODESET_REQUEST_ID=", REQUEST_TIME},
        {"CODESET_REQUEST_ID=0123456789abcdef0123456789abcde", REQUEST_TIME},
        {"CODESET_REQUEST_ID=0123456789abcdef0123456789abcdefa", REQUEST_TIME},
        {"CODESET_REQUEST_ID=0123456789abcdef0123456789abcdeg", REQUEST_TIME},
    };
    static const char *const times[] = {"A=b",
                                        "CODESET_REQUEST_TIME=",
                                        "CODESET_REQUEST_TIME=1700000000",
                                        "CODESET_REQUEST_TIME=1700000000.12",
                                        "CODESET_REQUEST_TIME=1700000000.1234",
                                        "CODESET_REQUEST_TIME=-170000000.123",
                                        "CODESET_REQUEST_TIME=999999999999.123"};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct id one = id_made_by(cases[i].id, cases[i].time, "session");
        struct id other = id_made_by(cases[i].id, cases[i].time, "session");

        CU_ASSERT_FALSE(same(&one, &other));
    }
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct id now = id_new(), made = id_made_by(REQUEST_ID, times[i], "session");

        CU_ASSERT_EQUAL(strncmp(now.text, made.text, 6), 0); /* about this hour */
    }
}

/* --- the router ------------------------------------------------------------------------------ */

struct app {
    char key[2048];
    int recalls, calls;
    bool replay;
};

static int handle(void *arg, const struct request *request, const void *values,
                  struct answer *answer, struct error *err)
{
    struct app *app = arg;

    (void)values;
    (void)err;
    app->calls++;
    app->replay = request->replay;
    render_text(answer_json(answer, 200), NULL, "fine");
    return 0;
}

static int break_down(void *arg, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    (void)arg;
    (void)request;
    (void)values;
    (void)answer;
    return error_set(err, ERROR_UNAVAILABLE, "DATABASE_UNAVAILABLE", "gone");
}

static const struct route routes[] = {
    {"POST", "/things", handle, .flags = ROUTE_BEARER, .pool = "api"},
    {"GET", "/things", handle, .flags = ROUTE_BEARER, .pool = "api"},
    {"POST", "/open", handle, .pool = "api"},
    {"GET", "/held", break_down, .flags = ROUTE_AWAITED, .pool = "api"},
    {"GET", "/broken", break_down, .pool = "api"},
};
static const struct route_list list = {routes, ARRAY_SIZE(routes)};
static const struct route_list *const lists[] = {&list};

static int check_token(void *arg, const char *token, bool joined, struct error *err)
{
    (void)arg;
    (void)token;
    (void)joined;
    (void)err;
    return 0;
}

static int recall(void *arg, const char *key, struct request *request, struct error *err)
{
    struct app *app = arg;

    app->recalls++;
    snprintf(app->key, sizeof(app->key), "%s", key);
    if (strcmp(key, "reused") == 0)
        return error_set(err, ERROR_CONFLICT, "IDEMPOTENCY_KEY_REUSED", "Other body.");
    request->replay = strcmp(key, "seen") == 0;
    return 0;
}

static size_t give_nothing(void *arg, char *out, size_t size)
{
    (void)arg;
    (void)out;
    (void)size;
    return 0;
}

/* The head of the answer, to free(). key NULL: none. */
static char *ask(struct app *app, const char *method, const char *path, const char *key)
{
    struct router router = {
        .lists = lists, .list_count = 1, .app = app, .authenticate = check_token, .recall = recall};
    char *parameters[] = {xasprintf("REQUEST_METHOD=%s", method),
                          xasprintf("REQUEST_URI=%s", path),
                          xasprintf("DOCUMENT_URI=%s", path),
                          xstrdup("HTTP_AUTHORIZATION=Bearer x"),
                          xstrdup(strcmp(path, "/held") == 0 ? "CODESET_AWAITED=1" : "A=b"),
                          key ? xasprintf("HTTP_IDEMPOTENCY_KEY=%s", key) : xstrdup("A=b"),
                          NULL};
    struct body_source source = {give_nothing, NULL};

    return asked(&router, parameters, &source);
}

static void a_key_is_recalled_and_a_replay_says_so(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *first = ask(&app, "POST", "/things", "new one");
    _cleanup_(free_ptr) char *again = NULL;

    CU_ASSERT(has(first, "Status: 200"));
    CU_ASSERT_PTR_NULL(strstr(first, "Idempotency-Hit"));
    CU_ASSERT_STRING_EQUAL(app.key, "new one");
    CU_ASSERT_FALSE(app.replay);
    again = ask(&app, "POST", "/things", "seen");
    CU_ASSERT(has(again, "Status: 200"));
    CU_ASSERT(has(again, "Idempotency-Hit: true\r\n"));
    CU_ASSERT_TRUE(app.replay);
}

static void a_key_with_another_body_does_nothing(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *answer = ask(&app, "POST", "/things", "reused");

    CU_ASSERT(has(answer, "Status: 409"));
    CU_ASSERT(has(answer, "IDEMPOTENCY_KEY_REUSED"));
    CU_ASSERT(has(answer, "X-Should-Retry: false\r\n"));
    CU_ASSERT_EQUAL(app.calls, 0);
}

static void only_a_post_of_somebody_has_a_key(void)
{
    static const char *const others[][2] = {{"GET", "/things"}, {"POST", "/open"}};

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        struct app app = {0};
        _cleanup_(free_ptr) char *answer = ask(&app, others[i][0], others[i][1], "seen");

        CU_ASSERT(has(answer, "Status: 200"));
        CU_ASSERT_PTR_NULL(strstr(answer, "Idempotency-Hit"));
        CU_ASSERT_EQUAL(app.recalls, 0);
        CU_ASSERT_EQUAL(app.calls, 1);
    }
}

static void a_key_has_1_to_255_printable_characters(void)
{
    _cleanup_(buf_release) struct buf longest = BUF_INIT;
    struct app app = {0};
    _cleanup_(free_ptr) char *fits = NULL, *too_long = NULL;
    static const char *const bad[] = {"", "a\nb", "a\x7f", "\xff", "\xed\xa0\x80"};

    for (int i = 0; i < 255; i++)
        buf_add_str(&longest, "\xe2\x82\xac");
    fits = ask(&app, "POST", "/things", longest.data);
    CU_ASSERT(has(fits, "Status: 200"));
    CU_ASSERT_STRING_EQUAL(app.key, longest.data);
    buf_add_char(&longest, 'a');
    too_long = ask(&app, "POST", "/things", longest.data);
    CU_ASSERT(has(too_long, "IDEMPOTENCY_KEY_INVALID"));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(free_ptr) char *answer = ask(&app, "POST", "/things", bad[i]);

        CU_ASSERT(has(answer, "Status: 400"));
        CU_ASSERT(has(answer, "IDEMPOTENCY_KEY_INVALID"));
    }
    CU_ASSERT_EQUAL(app.calls, 1);
}

static void what_was_held_is_never_to_be_sent_again(void)
{
    struct app app = {0};
    _cleanup_(free_ptr) char *held = ask(&app, "GET", "/held", NULL);
    _cleanup_(free_ptr) char *other = ask(&app, "GET", "/broken", NULL);

    CU_ASSERT(has(held, "Status: 409"));
    CU_ASSERT(has(held, "OUTCOME_UNKNOWN"));
    CU_ASSERT(has(held, "X-Should-Retry: false\r\n"));
    CU_ASSERT_PTR_NULL(strstr(held, "Retry-After"));
    CU_ASSERT(has(other, "Status: 503"));
    CU_ASSERT(has(other, "Retry-After: "));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"the same request makes the same ids", the_same_request_makes_the_same_ids},
        {"another request or kind makes another id", another_request_or_kind_makes_another_id},
        {"a request knows how long it waited", a_request_knows_how_long_it_waited},
        {"a request knows its ids at another time", a_request_knows_its_ids_at_another_time},
        {"without a good origin each request is its own",
         without_a_good_origin_each_request_is_its_own},
        {"a key is recalled, and a replay says so", a_key_is_recalled_and_a_replay_says_so},
        {"a key with another body does nothing", a_key_with_another_body_does_nothing},
        {"only a POST of somebody has a key", only_a_post_of_somebody_has_a_key},
        {"a key has 1 to 255 printable characters", a_key_has_1_to_255_printable_characters},
        {"what was held is never to be sent again", what_was_held_is_never_to_be_sent_again},
    };

    return UNIT_MAIN("once", tests);
}
