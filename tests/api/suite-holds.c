/* Waiting without polling: how long a GET of something unfinished is held. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

static char *interaction_path(char *path, size_t size, const char *session,
                              const struct ident *interaction)
{
    snprintf(path, size, "/sessions/%s/interactions/%s", session, interaction->text);
    return path;
}

/* Runs until its session is closed. */
static struct ident endless(const struct ident *session)
{
    return exec_start(session->text, "sleep 3000", 3600);
}

static void unfinished(const struct answer *answer)
{
    STATUS(answer, 200);
    SHAPE(answer->json, SHAPE_EXEC);
    CHECK(answer_at(answer, "exit_code") == NULL);
    CHECK(answer_at(answer, "success") == NULL);
}

static void the_first_get_answers_within_a_second_or_so(void)
{
    struct ident session = session_ready(NULL, DATASET, SOLVABLE);
    double took = 100;

    for (int i = 0; i < TRIES && took > 1.7; i++) {
        struct ident id = endless(&session);
        _cleanup_(answer_release) struct answer *answer =
            client_get("/sessions/%s/interactions/%s", session.text, id.text);

        unfinished(answer);
        took = answer->seconds;
        CHECK_MSG(took >= 0.8, "%.3f s", took);
    }
    CHECK_MSG(took <= 1.7, "%.3f s", took);
    session_close(NULL, session.text);
}

static void a_hold_ends_with_the_command(void)
{
    double took = 100;

    for (int i = 0; i < TRIES && took >= 0.9; i++) {
        struct ident id = exec_start(fixture_session(), "sleep 0.5", 0);
        _cleanup_(answer_release) struct answer *answer =
            client_get("/sessions/%s/interactions/%s", fixture_session(), id.text);

        STATUS(answer, 200);
        if (answer_int(answer, "exit_code") == 0)
            took = answer->seconds;
    }
    CHECK_MSG(took < 0.9, "%.3f s", took);
}

/* As the public client asks: at once, then after pauses of three seconds. Seconds from the request
 * to the answer that tells the end. The pause is the client's, and what makes an end come late. */
static double end_as_the_public_client_sees_it(const char *key, const char *command)
{
    const struct timespec pause = {.tv_sec = 3};
    int64_t begun = clock_monotonic();
    struct ident id = exec_start(fixture_session(), command, 0);
    char path[192];

    interaction_path(path, sizeof(path), fixture_session(), &id);
    for (int i = 0; i < 20; i++) {
        _cleanup_(answer_release) struct answer *answer = SEND(.path = path, .key = key);
        json_object *code = answer_at(answer, "exit_code");

        if (!STATUS(answer, 200) || code)
            return (double)(clock_monotonic() - begun) / CLOCK_SECOND;
        nanosleep(&pause, NULL);
    }
    return 100;
}

static void the_public_client_hears_of_an_end_from_its_second_get_on(void)
{
    double took = 100;

    /* The second GET is sent after four seconds. */
    for (int i = 0; i < TRIES && took > 9.7; i++)
        took = end_as_the_public_client_sees_it(NULL, "sleep 9");
    CHECK_MSG(took >= 9 && took <= 9.7, "%.3f s", took);
}

static void a_key_with_a_hold_of_its_own_never_polls(void)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    _cleanup_(json_release) json_object *made = NULL;
    _cleanup_(answer_release) struct answer *at_once = NULL;
    struct ident session = session_ready(NULL, DATASET, SOLVABLE), id = endless(&session);
    struct error err = ERROR_INIT;
    const char *key, *key_id;
    double took = 100;
    char path[192];

    CHECK(ctl(&out, "key add %s --name trainer --json", fixture_user()) == 0);
    if (!CHECK_MSG(json_parse(out.data, out.length, &made, NULL, &err) == 0, "%s", out.data))
        return;
    key = json_get_text(made, "key");
    key_id = json_get_text(made, "key_id");
    CHECK(ctl(NULL, "key set %s --hold 25", key_id) == 0);
    for (int i = 0; i < TRIES && took > 2.7; i++)
        took = end_as_the_public_client_sees_it(key, "sleep 2");
    CHECK_MSG(took >= 2 && took <= 2.7, "%.3f s", took);

    CHECK(ctl(NULL, "key set %s --hold 0", key_id) == 0);
    at_once = SEND_PROMPTLY(0.3, .path = interaction_path(path, sizeof(path), session.text, &id),
                            .key = key);
    unfinished(at_once);
    CHECK_MSG(at_once->seconds < 0.3, "%.3f s", at_once->seconds);
    session_close(NULL, session.text);
    CHECK(ctl(NULL, "key revoke %s", key_id) == 0);
}

static void prefer_wait_0_answers_at_once(void)
{
    struct ident session = session_ready(NULL, DATASET, SOLVABLE), id = endless(&session);
    char path[192], applied[64];
    _cleanup_(answer_release) struct answer *answer =
        SEND_PROMPTLY(0.3, .path = interaction_path(path, sizeof(path), session.text, &id),
                      .headers = {"Prefer: wait=0"});

    unfinished(answer);
    CHECK_MSG(answer->seconds < 0.3, "%.3f s", answer->seconds);
    answer_header(answer, "Preference-Applied", applied, sizeof(applied));
    CHECK_MSG(strcmp(applied, "wait=0") == 0, "Preference-Applied '%s'", applied);
    session_close(NULL, session.text);
}

static void prefer_wait_n_holds_n_seconds(void)
{
    struct ident session = session_ready(NULL, DATASET, SOLVABLE), id = endless(&session);
    char path[192], applied[64];
    _cleanup_(answer_release) struct answer *answer =
        SEND_PROMPTLY(2.7, .path = interaction_path(path, sizeof(path), session.text, &id),
                      .headers = {"Prefer: respond-async, wait=2"});

    unfinished(answer);
    CHECK_MSG(answer->seconds > 1.8 && answer->seconds < 2.7, "%.3f s", answer->seconds);
    answer_header(answer, "Preference-Applied", applied, sizeof(applied));
    CHECK_MSG(strcmp(applied, "wait=2") == 0, "Preference-Applied '%s'", applied);
    session_close(NULL, session.text);
}

static void preferences_may_stand_in_two_headers(void)
{
    struct ident session = session_ready(NULL, DATASET, SOLVABLE), id = endless(&session);
    char path[192], applied[64];
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = interaction_path(path, sizeof(path), session.text, &id),
             .headers = {"Prefer: respond-async", "Prefer: wait=0"}, .direct = true);

    unfinished(answer);
    answer_header(answer, "Preference-Applied", applied, sizeof(applied));
    CHECK_MSG(strcmp(applied, "wait=0") == 0, "Preference-Applied '%s'", applied);
    session_close(NULL, session.text);
}

static void a_preference_that_is_none_is_ignored(void)
{
    static const char *const headers[] = {"Prefer: wait=61",  "Prefer: wait=-1", "Prefer: wait=x",
                                          "Prefer: wait=1e3", "Prefer: waiting", "Prefer: wait="};

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        struct ident id = exec_start(fixture_session(), "true", 0);
        char path[192];
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = interaction_path(path, sizeof(path), fixture_session(), &id),
                 .headers = {headers[i]});

        CHECK_MSG(answer->status == 200, "%s: %ld %s", headers[i], answer->status,
                  answer->body.data);
    }
}

static void what_has_ended_is_answered_at_once(void)
{
    struct ident id = exec_start(fixture_session(), "true", 0);
    _cleanup_(answer_release) struct answer *end =
        interaction_wait(NULL, fixture_session(), id.text, 60);
    char path[192];
    _cleanup_(answer_release) struct answer *again =
        SEND_PROMPTLY(0.3, .path = interaction_path(path, sizeof(path), fixture_session(), &id),
                      .headers = {"Prefer: wait=30"});
    _cleanup_(free_ptr) char *session_path = xasprintf("/sessions/%s", fixture_session());
    _cleanup_(answer_release) struct answer *session = SEND_PROMPTLY(0.3, .path = session_path);

    INT(end, "exit_code", 0);
    INT(again, "exit_code", 0);
    CHECK_MSG(again->seconds < 0.3, "%.3f s", again->seconds);
    CHECK_MSG(session->seconds < 0.3, "%.3f s", session->seconds);
}

static void closing_ends_the_hold_of_a_command(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    struct ident command = endless(&id);
    char path[192];
    struct background *held = background_send(
        &(struct call){.path = interaction_path(path, sizeof(path), id.text, &command),
                       .headers = {"Prefer: wait=50"}});
    _cleanup_(answer_release) struct answer *once =
        SEND(.path = path, .headers = {"Prefer: wait=1"});
    _cleanup_(answer_release) struct answer *answer = NULL;

    STATUS(once, 200);
    session_close(NULL, id.text);
    answer = background_join(held);
    INT(answer, "exit_code", -1000);
    CHECK_MSG(answer->seconds < 25, "%.3f s", answer->seconds);
}

/* Did they hold a worker each, the GETs between them would wait for their end. */
static void many_holds_leave_the_workers_free(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    struct ident command = exec_start(id.text, "until [ -e /tmp/go ]; do sleep 0.1; done", 0);
    struct background *held[64];
    _cleanup_(answer_release) struct answer *go = NULL;
    char path[192];

    interaction_path(path, sizeof(path), id.text, &command);
    for (size_t i = 0; i < ARRAY_SIZE(held); i++)
        held[i] = background_send(
            &(struct call){.path = path, .headers = {"Prefer: wait=60"}, .direct = true});
    for (int i = 0; i < 20; i++) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = "/sessions?page_size=1", .direct = true);

        STATUS(answer, 200);
        CHECK_MSG(answer->seconds < 25, "%.3f s", answer->seconds);
    }
    go = exec_run(id.text, "touch /tmp/go", 0);
    INT(go, "exit_code", 0);
    for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
        _cleanup_(answer_release) struct answer *answer = background_join(held[i]);

        INT(answer, "exit_code", 0);
    }
    session_close(NULL, id.text);
}

static const struct test tests[] = {
    {"a first GET of something unfinished answers after a second",
     the_first_get_answers_within_a_second_or_so},
    {"a hold ends when the command does", a_hold_ends_with_the_command},
    {"the public client hears of an end from its second GET on",
     the_public_client_hears_of_an_end_from_its_second_get_on},
    {"a key with a hold of its own never polls", a_key_with_a_hold_of_its_own_never_polls},
    {"Prefer: wait=0 answers at once and says so", prefer_wait_0_answers_at_once},
    {"Prefer: wait=N holds N seconds and says so", prefer_wait_n_holds_n_seconds},
    {"preferences may stand in two headers", preferences_may_stand_in_two_headers},
    {"a preference that is none is ignored", a_preference_that_is_none_is_ignored},
    {"what has ended is answered at once", what_has_ended_is_answered_at_once},
    {"closing a session ends the holds of its commands", closing_ends_the_hold_of_a_command},
    {"many held requests leave the workers free", many_holds_leave_the_workers_free},
};

SUITE(holds, tests);
