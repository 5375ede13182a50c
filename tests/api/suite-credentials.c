/* No, malformed, wrong, expired and revoked credentials, on every route that asks for them. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define NOBODY "01890000-0000-7000-8000-000000000000"

struct guarded {
    const char *method;
    const char *path;
    const char *body;
};

static const struct guarded routes[] = {
    {"GET", "/samples/blackbox/calc__calc-1/download", NULL},
    {"GET", "/sessions", NULL},
    {"POST", "/sessions", "{}"},
    {"GET", "/sessions/" NOBODY, NULL},
    {"DELETE", "/sessions/" NOBODY, NULL},
    {"POST", "/sessions/" NOBODY "/exec", "{}"},
    {"POST", "/sessions/" NOBODY "/str_replace", "{}"},
    {"POST", "/sessions/" NOBODY "/upload", "{}"},
    {"POST", "/sessions/" NOBODY "/verify", NULL},
    {"GET", "/sessions/" NOBODY "/interactions/" NOBODY, NULL},
    {"GET", "/sessions/" NOBODY "/verify/" NOBODY, NULL},
};

static void refused_401(const struct answer *answer, const char *what)
{
    char challenge[256];

    CHECK_MSG(answer->status == 401, "%s: %ld %.200s", what, answer->status, answer->body.data);
    answer_header(answer, "WWW-Authenticate", challenge, sizeof(challenge));
    CHECK_MSG(strncasecmp(challenge, "Bearer", 6) == 0, "%s: WWW-Authenticate '%s'", what,
              challenge);
    SHAPE(answer->json, "detail:o");
    SHAPE(answer_at(answer, "detail"), "code:s message:s");
}

static void on_every_route(const char *header, const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.method = routes[i].method, .path = routes[i].path, .body = routes[i].body,
                 .key = key, .headers = {header});
        char what[256];

        snprintf(what, sizeof(what), "%s %s with '%s%s'", routes[i].method, routes[i].path,
                 header ? header : "", key);
        refused_401(answer, what);
    }
}

static void no_credentials(void)
{
    on_every_route(NULL, "");
}

static void malformed_credentials(void)
{
    static const char *const headers[] = {
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Basic dXNlcjpwYXNz",
        "Authorization: bogus",
        "Authorization: Bearer a b",
        "Authorization: Bearer \xff\xfe",
        "Authorization: Bearer codeset_",
        "Authorization: Bearer ' OR 1=1 --",
        "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    };

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = "/sessions", .key = "", .headers = {headers[i]}, .direct = true);

        refused_401(answer, headers[i]);
    }
}

/* A key of the right form whose last digit is another fails its checksum; one whose checksum is
 * right was never given out. */
static void keys_that_nobody_has(void)
{
    _cleanup_(free_ptr) char *key = xstrdup(client_key());
    size_t last = strlen(key) - 1;

    key[last] = key[last] == 'a' ? 'b' : 'a';
    on_every_route(NULL, key);
    key[last] = '\0';
    on_every_route(NULL, key);
}

static void the_scheme_is_read_in_any_case(void)
{
    _cleanup_(free_ptr) char *header = xasprintf("Authorization: bEARER %s", client_key());
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/sessions?page_size=1", .key = "", .headers = {header});

    STATUS(answer, 200);
}

static void the_key_in_another_place_is_no_key(void)
{
    _cleanup_(free_ptr) char *header = xasprintf("X-Api-Key: %s", client_key());
    _cleanup_(free_ptr) char *path = xasprintf("/sessions?api_key=%s", client_key());
    _cleanup_(answer_release) struct answer *one =
        SEND(.path = "/sessions", .key = "", .headers = {header});
    _cleanup_(answer_release) struct answer *two = SEND(.path = path, .key = "");

    refused_401(one, "X-Api-Key");
    refused_401(two, "api_key=");
}

/* A new key of the second user; its id into id (may be NULL). */
static void add_key(char *key, size_t size, char *id, size_t id_size)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    _cleanup_(json_release) json_object *made = NULL;
    struct error err = ERROR_INIT;

    CHECK(ctl(&out, "key add %s --name temporary --json", fixture_other_user()) == 0);
    if (!CHECK_MSG(json_parse(out.data, out.length, &made, NULL, &err) == 0, "%s", out.data))
        return;
    snprintf(key, size, "%s", json_get_text(made, "key"));
    snprintf(id, id_size, "%s", json_get_text(made, "key_id"));
}

static void a_revoked_key_is_refused(void)
{
    char key[128] = "", id[IDENT_SIZE] = "";
    _cleanup_(answer_release) struct answer *before = NULL, *after = NULL;

    add_key(key, sizeof(key), id, sizeof(id));
    before = SEND(.path = "/sessions", .key = key);
    STATUS(before, 200);
    CHECK(ctl(NULL, "key revoke %s >&2", id) == 0);
    after = SEND(.path = "/sessions", .key = key);
    refused_401(after, "a revoked key");
}

/* codesetctl counts in days; the test can't wait for one. */
static void an_expired_key_is_refused(void)
{
    char key[128] = "", id[IDENT_SIZE] = "";
    _cleanup_(answer_release) struct answer *before = NULL, *after = NULL;

    add_key(key, sizeof(key), id, sizeof(id));
    CHECK(sql("UPDATE api_keys SET expires_at = NOW(6) + INTERVAL 1 HOUR WHERE key_id = '%s'",
              id) == 0);
    before = SEND(.path = "/sessions", .key = key);
    STATUS(before, 200);
    CHECK(sql("UPDATE api_keys SET expires_at = NOW(6) - INTERVAL 1 SECOND WHERE key_id = '%s'",
              id) == 0);
    after = SEND(.path = "/sessions", .key = key);
    refused_401(after, "an expired key");
}

static void a_locked_user_is_refused(void)
{
    _cleanup_(buf_release) struct buf user = BUF_INIT, key = BUF_INIT;
    _cleanup_(answer_release) struct answer *answer = NULL;

    CHECK(ctl(&user, "user add 'Locked user' locked-%d@example.com", (int)getpid()) == 0);
    user.data[strcspn(user.data, "\n")] = '\0';
    CHECK(ctl(&key, "key add %s", user.data) == 0);
    key.data[strcspn(key.data, "\n")] = '\0';
    CHECK(ctl(NULL, "user deactivate %s >&2", user.data) == 0);
    answer = SEND(.path = "/sessions", .key = key.data);
    refused_401(answer, "a locked user's key");
}

static void keys_are_never_logged(void)
{
    on_every_route(NULL, fixture_other_key() + 1);
    CHECK_MSG(shell(NULL, "! grep -rqF -e '%s' -e '%s' \"$CODESET_LOGS\"", client_key(),
                    fixture_other_key() + 1) == 0,
              "a key is in the logs");
}

static const struct test tests[] = {
    {"no credentials: 401 on every guarded route", no_credentials},
    {"malformed credentials: 401", malformed_credentials},
    {"keys that nobody has: 401", keys_that_nobody_has},
    {"the word Bearer is read in any case", the_scheme_is_read_in_any_case},
    {"a key in another place is no key", the_key_in_another_place_is_no_key},
    {"a revoked key: 401", a_revoked_key_is_refused},
    {"an expired key: 401", an_expired_key_is_refused},
    {"a locked user's key: 401", a_locked_user_is_refused},
    {"keys are never logged", keys_are_never_logged},
};

SUITE(credentials, tests);
