/* Idempotency-Key: what comes several times with one key is done once. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define CROWD 8

struct header {
    char text[400];
};

static struct header key_header(const char *key)
{
    struct header header;

    snprintf(header.text, sizeof(header.text), "Idempotency-Key: %s", key);
    return header;
}

static struct header new_key(void)
{
    char random[25];

    random_base62(random, 24);
    return key_header(random);
}

static bool is_hit(const struct answer *answer)
{
    char value[16];

    return strcmp(answer_header(answer, "Idempotency-Hit", value, sizeof(value)), "true") == 0;
}

/* The path behind /sessions/{fixture_session}. */
static struct answer *post(const char *verb, const char *body, const struct header *key)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/%s", fixture_session(), verb);

    return SEND(.method = "POST", .path = path, .body = body, .headers = {key->text});
}

/* Sends it twice: the same answer, and the second says that it is a replay. The first one's. */
static struct answer *post_twice(const char *verb, const char *body, long status)
{
    struct header key = new_key();
    struct answer *first = post(verb, body, &key);
    _cleanup_(answer_release) struct answer *again = post(verb, body, &key);

    STATUS(first, status);
    STATUS(again, status);
    CHECK(!answer_has_header(first, "Idempotency-Hit"));
    CHECK(is_hit(again));
    CHECK_MSG(strcmp(first->body.data, again->body.data) == 0, "%s then %s", first->body.data,
              again->body.data);
    return first;
}

static void a_command_with_a_key_runs_once(void)
{
    _cleanup_(answer_release) struct answer *started =
        post_twice("exec", "{\"command\":\"echo x >> /tmp/once\"}", 202);
    _cleanup_(answer_release) struct answer *ended =
        interaction_wait(NULL, fixture_session(), answer_text(started, "interaction_id"), 60);
    _cleanup_(answer_release) struct answer *count = NULL;

    INT(ended, "exit_code", 0);
    count = exec_run(fixture_session(), "wc -l < /tmp/once; rm /tmp/once", 0);
    TEXT(count, "stdout", "1\n");
}

static void a_session_with_a_key_is_created_once(void)
{
    static const char body[] = "{\"dataset\":\"" DATASET "\",\"sample_id\":\"" SOLVABLE "\"}";
    struct header key = new_key();
    _cleanup_(answer_release) struct answer *first =
        SEND(.path = "/sessions", .body = body, .headers = {key.text});
    _cleanup_(answer_release) struct answer *again = NULL;

    STATUS(first, 201);
    session_close(NULL, answer_text(first, "session_id"));
    again = SEND(.path = "/sessions", .body = body, .headers = {key.text});
    STATUS(again, 201);
    CHECK(is_hit(again));
    CHECK_MSG(strcmp(first->body.data, again->body.data) == 0, "%s then %s", first->body.data,
              again->body.data);
}

static void an_edit_with_a_key_is_made_once(void)
{
    _cleanup_(answer_release) struct answer *upload =
        post_twice("upload", "{\"file_path\":\"/tmp/edited\",\"content_base64\":\"b25l\"}", 200);
    _cleanup_(answer_release) struct answer *edit = post_twice(
        "str_replace",
        "{\"file_path\":\"/tmp/edited\",\"str_to_replace\":\"one\",\"str_to_insert\":\"one one\"}",
        200);
    _cleanup_(answer_release) struct answer *content = NULL;

    CHECK(json_object_get_boolean(answer_at(upload, "success")));
    CHECK(json_object_get_boolean(answer_at(edit, "success")));
    content = exec_run(fixture_session(), "cat /tmp/edited; rm /tmp/edited", 0);
    TEXT(content, "stdout", "one one");
}

static void a_verification_with_a_key_is_asked_for_once(void)
{
    _cleanup_(answer_release) struct answer *job = post_twice("verify", NULL, 202);

    answer_free(verification_wait(NULL, fixture_session(), answer_text(job, "job_id"), 90));
}

static void accepting_the_terms_with_a_key_says_the_same(void)
{
    struct header key = new_key();
    _cleanup_(answer_release) struct answer *first =
        SEND(.method = "POST", .path = "/users/me/accept-terms", .headers = {key.text});
    _cleanup_(answer_release) struct answer *again =
        SEND(.method = "POST", .path = "/users/me/accept-terms", .headers = {key.text});

    STATUS(first, 200);
    STATUS(again, 200);
    CHECK(is_hit(again));
    TEXT(again, "terms_accepted_at", answer_text(first, "terms_accepted_at"));
}

static void an_api_keys_text_is_shown_once(void)
{
    struct header key = new_key();
    _cleanup_(answer_release) struct answer *first =
        SEND(.path = "/users/me/api-keys", .body = "{\"name\":\"once\"}", .headers = {key.text});
    _cleanup_(answer_release) struct answer *again =
        SEND(.path = "/users/me/api-keys", .body = "{\"name\":\"once\"}", .headers = {key.text});
    _cleanup_(answer_release) struct answer *use = NULL, *revoked = NULL;
    _cleanup_(free_ptr) char *body =
        xasprintf("{\"key_id\":\"%s\"}", answer_text(first, "api_key.key_id"));

    STATUS(first, 200);
    REFUSED(again, 409, "API_KEY_SHOWN_ONCE");
    CHECK(is_hit(again));
    CHECK(strstr(answer_text(again, "detail.message"), answer_text(first, "api_key.key_id")));
    use = SEND(.path = "/users/me", .key = answer_text(first, "api_key.key"));
    STATUS(use, 200);
    revoked = SEND(.method = "DELETE", .path = "/users/me/api-keys", .body = body);
    STATUS(revoked, 200);
}

static void requests_that_race_with_one_key_do_it_once(void)
{
    struct header key = new_key();
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", fixture_session());
    struct background *requests[CROWD];
    char first[64] = "";
    int hits = 0;

    for (int i = 0; i < CROWD; i++)
        requests[i] = background_send(
            &(struct call){.path = path, .body = "{\"command\":\"true\"}", .headers = {key.text}});
    for (int i = 0; i < CROWD; i++) {
        _cleanup_(answer_release) struct answer *answer = background_join(requests[i]);

        STATUS(answer, 202);
        if (!*first)
            snprintf(first, sizeof(first), "%s", answer_text(answer, "interaction_id"));
        TEXT(answer, "interaction_id", first);
        hits += is_hit(answer);
    }
    CHECK_MSG(hits == CROWD - 1, "%d of %d are hits", hits, CROWD);
}

static void a_key_with_another_body_is_refused(void)
{
    struct header key = new_key();
    _cleanup_(answer_release) struct answer *first = post("exec", "{\"command\":\"true\"}", &key);
    _cleanup_(answer_release) struct answer *other = post("exec", "{\"command\":\"false\"}", &key);
    _cleanup_(answer_release) struct answer *again = post("exec", "{\"command\":\"true\"}", &key);

    STATUS(first, 202);
    REFUSED(other, 409, "IDEMPOTENCY_KEY_REUSED");
    CHECK(answer_has_header(other, "X-Should-Retry"));
    CHECK(!answer_has_header(other, "Idempotency-Hit"));
    STATUS(again, 202);
    TEXT(again, "interaction_id", answer_text(first, "interaction_id"));
}

/* Of another user, on another path, on another route. */
static void elsewhere_a_key_is_another_key(void)
{
    static const char body[] = "{\"dataset\":\"" DATASET "\",\"sample_id\":\"" SOLVABLE "\"}";
    struct header key = new_key();
    _cleanup_(answer_release) struct answer *mine =
        SEND(.path = "/sessions", .body = body, .headers = {key.text});
    _cleanup_(answer_release) struct answer *others =
        SEND(.path = "/sessions", .body = body, .key = fixture_other_key(), .headers = {key.text});
    _cleanup_(answer_release) struct answer *terms =
        SEND(.method = "POST", .path = "/users/me/accept-terms", .headers = {key.text});

    STATUS(mine, 201);
    STATUS(others, 201);
    STATUS(terms, 200);
    CHECK(!answer_has_header(others, "Idempotency-Hit"));
    CHECK(!answer_has_header(terms, "Idempotency-Hit"));
    CHECK(strcmp(answer_text(mine, "session_id"), answer_text(others, "session_id")) != 0);
    session_close(NULL, answer_text(mine, "session_id"));
    session_close(fixture_other_key(), answer_text(others, "session_id"));
}

/* A refused request did nothing, so that its key is still good for the same body. */
static void what_was_refused_is_done_when_it_comes_again(void)
{
    struct header key = new_key();
    struct ident session = session_create(NULL, DATASET, SOLVABLE);
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", session.text);
    _cleanup_(answer_release) struct answer *early =
        SEND(.path = path, .body = "{\"command\":1}", .headers = {key.text});
    _cleanup_(answer_release) struct answer *later = NULL;

    STATUS(early, 422);
    answer_free(session_wait(NULL, session.text, 60));
    later = SEND(.path = path, .body = "{\"command\":\"true\"}", .headers = {key.text});
    STATUS(later, 202);
    session_close(NULL, session.text);
}

static void a_key_that_is_none_is_refused(void)
{
    char digits[257];
    struct header longest, empty = {"Idempotency-Key;"};
    _cleanup_(answer_release) struct answer *none =
        SEND(.method = "POST", .path = "/users/me/accept-terms", .headers = {empty.text},
             .direct = true);
    _cleanup_(answer_release) struct answer *fits = NULL, *too_long = NULL;

    random_base62(digits, 256);
    longest = key_header(digits);
    REFUSED(none, 400, "IDEMPOTENCY_KEY_INVALID");
    too_long = SEND(.method = "POST", .path = "/users/me/accept-terms", .headers = {longest.text},
                    .direct = true);
    REFUSED(too_long, 400, "IDEMPOTENCY_KEY_INVALID");
    longest.text[strlen(longest.text) - 1] = '\0';
    fits = SEND(.method = "POST", .path = "/users/me/accept-terms", .headers = {longest.text});
    STATUS(fits, 200);
}

/* What nginx gives the workers can't be given by a header. */
static void a_client_cannot_choose_the_id_of_a_request(void)
{
    char first[64] = "";

    for (int i = 0; i < 2; i++) {
        _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", fixture_session());
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = path, .body = "{\"command\":\"true\"}", .direct = true,
                 .headers = {"X-Request-Id: 0123456789abcdef0123456789abcdef",
                             "CODESET_REQUEST_ID: 0123456789abcdef0123456789abcdef",
                             "Codeset-Request-Id: 0123456789abcdef0123456789abcdef",
                             "CODESET_REQUEST_TIME: 1700000000.000"});

        STATUS(answer, 202);
        CHECK(strcmp(first, answer_text(answer, "interaction_id")) != 0);
        CHECK(strncmp(answer_text(answer, "interaction_id"), "018bcfe5", 8) != 0);
        snprintf(first, sizeof(first), "%s", answer_text(answer, "interaction_id"));
    }
}

static const struct test tests[] = {
    {"a command with a key runs once", a_command_with_a_key_runs_once},
    {"a session with a key is created once", a_session_with_a_key_is_created_once},
    {"an edit with a key is made once", an_edit_with_a_key_is_made_once},
    {"a verification with a key is asked for once", a_verification_with_a_key_is_asked_for_once},
    {"accepting the terms with a key says the same", accepting_the_terms_with_a_key_says_the_same},
    {"an API key's text is shown once", an_api_keys_text_is_shown_once},
    {"requests that race with one key do it once", requests_that_race_with_one_key_do_it_once},
    {"a key with another body is refused", a_key_with_another_body_is_refused},
    {"elsewhere a key is another key", elsewhere_a_key_is_another_key},
    {"what was refused is done when it comes again", what_was_refused_is_done_when_it_comes_again},
    {"a key that is none is refused", a_key_that_is_none_is_refused},
    {"a client can't choose the id of a request", a_client_cannot_choose_the_id_of_a_request},
};

SUITE(once, tests);
