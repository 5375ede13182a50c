/* Somebody else's objects answer exactly like ones that do not exist. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define NOBODY "01890000-0000-7000-8000-000000000000"

static void same_as_missing(const char *method, const char *theirs, const char *missing,
                            const char *body)
{
    _cleanup_(answer_release) struct answer *one =
        SEND(.method = method, .path = theirs, .body = body, .key = fixture_other_key(),
             .direct = true);
    _cleanup_(answer_release) struct answer *other =
        SEND(.method = method, .path = missing, .body = body, .key = fixture_other_key(),
             .direct = true);

    STATUS(one, 404);
    SAME(one, other);
}

static void other_users_sessions_do_not_exist(void)
{
    static const struct {
        const char *method, *behind, *body;
    } routes[] = {
        {"GET", "", NULL},
        {"DELETE", "", NULL},
        {"POST", "/exec", "{\"command\":\"true\"}"},
        {"POST", "/str_replace",
         "{\"file_path\":\"lines\",\"str_to_replace\":\"one\",\"str_to_insert\":\"1\"}"},
        {"POST", "/upload", "{\"file_path\":\"x\",\"content_base64\":\"eA==\"}"},
        {"POST", "/verify", NULL},
        {"GET", "/interactions/" NOBODY, NULL},
        {"GET", "/verify/" NOBODY, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        _cleanup_(free_ptr) char *theirs =
            xasprintf("/sessions/%s%s", fixture_session(), routes[i].behind);
        _cleanup_(free_ptr) char *missing = xasprintf("/sessions/" NOBODY "%s", routes[i].behind);

        same_as_missing(routes[i].method, theirs, missing, routes[i].body);
    }
}

static void other_users_interactions_do_not_exist(void)
{
    struct ident mine = session_ready(fixture_other_key(), DATASET, SOLVABLE);
    struct ident theirs = exec_start(fixture_session(), "sleep 3", 0);
    _cleanup_(free_ptr) char *in_theirs =
        xasprintf("/sessions/%s/interactions/%s", fixture_session(), theirs.text);
    _cleanup_(free_ptr) char *in_mine =
        xasprintf("/sessions/%s/interactions/%s", mine.text, theirs.text);
    _cleanup_(free_ptr) char *missing = xasprintf("/sessions/%s/interactions/" NOBODY, mine.text);

    same_as_missing("GET", in_theirs, missing, NULL);
    same_as_missing("GET", in_mine, missing, NULL);
    answer_free(interaction_wait(NULL, fixture_session(), theirs.text, 60));
    session_close(fixture_other_key(), mine.text);
}

static void other_users_sessions_are_not_listed(void)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/sessions", .key = fixture_other_key());

    STATUS(answer, 200);
    CHECK(strstr(answer->body.data, fixture_session()) == NULL);
}

static void the_session_is_unharmed(void)
{
    _cleanup_(answer_release) struct answer *closed = NULL, *answer = NULL;

    fixture_session();
    closed = SEND(.method = "DELETE", .path = "/sessions/" NOBODY, .key = fixture_other_key());
    STATUS(closed, 404);
    answer = exec_run(fixture_session(), "grep -c one lines; ls x 2>/dev/null", 0);
    TEXT(answer, "stdout", "1\n");
}

static const struct test tests[] = {
    {"somebody else's session answers like one that is not there",
     other_users_sessions_do_not_exist},
    {"somebody else's interaction answers like one that is not there",
     other_users_interactions_do_not_exist},
    {"somebody else's sessions are not listed", other_users_sessions_are_not_listed},
    {"strangers' attempts leave a session unharmed", the_session_is_unharmed},
};

SUITE(strangers, tests);
