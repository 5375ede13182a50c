/* Sessions: create, get, list, close. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define NOBODY "01890000-0000-7000-8000-000000000000"

static void a_session_is_created_and_becomes_ready(void)
{
    _cleanup_(answer_release) struct answer *created = client_post(
        "{\"dataset\":\"" DATASET "\",\"sample_id\":\"" SOLVABLE "\",\"ttl_minutes\":7}",
        "/sessions");
    _cleanup_(answer_release) struct answer *ready = NULL;
    int64_t requested, expires;

    STATUS(created, 201);
    SHAPE(created->json, "session_id:u status:s expires_at:t");
    TEXT(created, "status", "creating");
    ready = session_wait(NULL, answer_text(created, "session_id"), 60);
    STATUS(ready, 200);
    SHAPE(ready->json, SHAPE_SESSION);
    TEXT(ready, "status", "ready");
    TEXT(ready, "dataset", DATASET);
    TEXT(ready, "sample_id", SOLVABLE);
    CHECK(answer_at(ready, "error") == NULL);
    SHAPE(answer_at(ready, "container_info"), SHAPE_CONTAINER);
    TEXT(ready, "container_info.sample_id", SOLVABLE);
    CHECK(strstr(answer_text(ready, "container_info.service_url"), "://") != NULL);
    CHECK(*answer_text(ready, "container_info.location"));
    TEXT(ready, "expires_at", answer_text(created, "expires_at"));
    CHECK(clock_parse(answer_text(ready, "requested_at"), &requested) == 0);
    CHECK(clock_parse(answer_text(ready, "expires_at"), &expires) == 0);
    CHECK_MSG(expires - requested >= 7 * 60 * CLOCK_SECOND - CLOCK_SECOND &&
                  expires - requested <= 8 * 60 * CLOCK_SECOND,
              "7 minutes are %lld s", (long long)((expires - requested) / CLOCK_SECOND));
    session_close(NULL, answer_text(created, "session_id"));
}

static void the_time_to_live_is_30_minutes_unless_said(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *answer = client_get("/sessions/%s", id.text);
    int64_t requested = 0, expires = 0;

    clock_parse(answer_text(answer, "requested_at"), &requested);
    clock_parse(answer_text(answer, "expires_at"), &expires);
    CHECK(expires - requested >= 30 * 60 * CLOCK_SECOND - CLOCK_SECOND &&
          expires - requested <= 31 * 60 * CLOCK_SECOND);
    session_close(NULL, id.text);
}

static void closing_ends_a_session_and_again_says_the_same(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *closed = client_delete("/sessions/%s", id.text);
    _cleanup_(answer_release) struct answer *again = client_delete("/sessions/%s", id.text);
    _cleanup_(answer_release) struct answer *after = client_get("/sessions/%s", id.text);

    STATUS(closed, 200);
    SHAPE(closed->json, "message:s duration_seconds:n");
    STATUS(again, 200);
    CHECK_MSG(strcmp(closed->body.data, again->body.data) == 0, "%s then %s", closed->body.data,
              again->body.data);
    STATUS(after, 200);
    TEXT(after, "status", "closed");
    SHAPE(after->json, SHAPE_SESSION);
    CHECK(json_object_get_double(answer_at(after, "duration_seconds")) ==
          json_object_get_double(answer_at(closed, "duration_seconds")));
}

static void a_closed_session_takes_nothing(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *exec = NULL, *replaced = NULL, *uploaded = NULL,
                                            *verify = NULL;

    session_close(NULL, id.text);
    exec = client_post("{\"command\":\"true\"}", "/sessions/%s/exec", id.text);
    replaced = replace(id.text, "lines", "one", "1");
    uploaded = upload(id.text, "x", "x", 1, false);
    verify = client_post(NULL, "/sessions/%s/verify", id.text);
    REFUSED(exec, 409, "SESSION_CLOSED");
    REFUSED(replaced, 409, "SESSION_CLOSED");
    REFUSED(uploaded, 409, "SESSION_CLOSED");
    REFUSED(verify, 409, "SESSION_CLOSED");
}

static void a_session_closed_at_once_never_becomes_ready(void)
{
    struct ident id = session_create(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *closed = client_delete("/sessions/%s", id.text);
    _cleanup_(answer_release) struct answer *after = session_wait(NULL, id.text, 60);

    STATUS(closed, 200);
    TEXT(after, "status", "closed");
}

static void a_command_running_at_close_ends_as_the_platforms_fault(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    struct ident command = exec_start(id.text, "sleep 300", 0);
    _cleanup_(answer_release) struct answer *started =
        SEND(.path = "/health"); /* the command may or may not have begun */
    _cleanup_(answer_release) struct answer *end = NULL;

    STATUS(started, 200);
    session_close(NULL, id.text);
    end = interaction_wait(NULL, id.text, command.text, 60);
    SHAPE(end->json, SHAPE_EXEC);
    INT(end, "exit_code", -1000);
    CHECK(*answer_text(end, "message"));
    CHECK(!json_object_get_boolean(answer_at(end, "success")));
}

static void unknown_sessions_are_404(void)
{
    static const char *const ids[] = {
        NOBODY, "not-an-id", "0", "x'y", "01890000-0000-7000-8000", "%F0%9F%98%80"};

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        _cleanup_(answer_release) struct answer *get = client_get("/sessions/%s", ids[i]);
        _cleanup_(answer_release) struct answer *closed = client_delete("/sessions/%s", ids[i]);
        _cleanup_(answer_release) struct answer *exec =
            client_post("{\"command\":\"true\"}", "/sessions/%s/exec", ids[i]);

        REFUSED(get, 404, "SESSION_NOT_FOUND");
        REFUSED(closed, 404, "SESSION_NOT_FOUND");
        REFUSED(exec, 404, "SESSION_NOT_FOUND");
    }
}

static void what_can_not_run_is_refused(void)
{
    static const struct {
        const char *dataset, *sample, *code;
        long status;
    } cases[] = {
        {DATASET, "calc__calc-noimage", "SAMPLE_NOT_RUNNABLE", 409},
        {DATASET, "nonesuch", "SAMPLE_NOT_FOUND", 404},
        {"nonesuch", SOLVABLE, "SAMPLE_NOT_FOUND", 404},
        {PAGING, "acme__Page-001", "SAMPLE_NOT_RUNNABLE", 409},
        {PAGING, "acme__page-001", "SAMPLE_NOT_FOUND", 404},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(free_ptr) char *body = xasprintf("{\"dataset\":\"%s\",\"sample_id\":\"%s\"}",
                                                   cases[i].dataset, cases[i].sample);
        _cleanup_(answer_release) struct answer *answer = client_post(body, "/sessions");

        REFUSED(answer, cases[i].status, cases[i].code);
    }
}

static void an_image_that_vanished_is_an_error_that_says_so(void)
{
    struct ident id = session_create(NULL, DATASET, "calc__calc-vanished");
    _cleanup_(answer_release) struct answer *answer = session_wait(NULL, id.text, 60);
    _cleanup_(answer_release) struct answer *exec = NULL, *closed = NULL;

    SHAPE(answer->json, SHAPE_SESSION);
    TEXT(answer, "status", "error");
    SHAPE(answer_at(answer, "error"), "code:s message:s");
    TEXT(answer, "error.code", "IMAGE_MISSING");
    CHECK(answer_at(answer, "created_at") == NULL);
    exec = client_post("{\"command\":\"true\"}", "/sessions/%s/exec", id.text);
    STATUS(exec, 409);
    closed = client_delete("/sessions/%s", id.text);
    STATUS(closed, 200);
}

static size_t list_length(const struct answer *answer)
{
    json_object *sessions = answer_at(answer, "sessions");

    return sessions ? json_object_array_length(sessions) : 0;
}

static void sessions_are_listed_newest_first(void)
{
    struct ident first = session_ready(fixture_other_key(), DATASET, SOLVABLE);
    struct ident second = session_ready(fixture_other_key(), DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *all =
        SEND(.path = "/sessions", .key = fixture_other_key());
    _cleanup_(answer_release) struct answer *page = NULL, *next = NULL, *ready = NULL,
                                            *closed = NULL;

    STATUS(all, 200);
    SHAPE(all->json, "sessions:a total_count:i has_more:b");
    TEXT(all, "sessions.0.session_id", second.text);
    TEXT(all, "sessions.1.session_id", first.text);
    for (size_t i = 0; i < list_length(all); i++)
        SHAPE(json_object_array_get_idx(answer_at(all, "sessions"), i), SHAPE_SESSION);
    page = SEND(.path = "/sessions?page=1&page_size=1", .key = fixture_other_key());
    TEXT(page, "sessions.0.session_id", second.text);
    CHECK(list_length(page) == 1);
    CHECK(json_object_get_boolean(answer_at(page, "has_more")));
    next = SEND(.path = "/sessions?page=2&page_size=1", .key = fixture_other_key());
    TEXT(next, "sessions.0.session_id", first.text);
    session_close(fixture_other_key(), first.text);
    ready = SEND(.path = "/sessions?status=ready", .key = fixture_other_key());
    CHECK(list_length(ready) == 1);
    TEXT(ready, "sessions.0.session_id", second.text);
    closed = SEND(.path = "/sessions?status=closed", .key = fixture_other_key());
    TEXT(closed, "sessions.0.session_id", first.text);
    session_close(fixture_other_key(), second.text);
}

static void faults_of_a_list_query_are_named(void)
{
    _cleanup_(answer_release) struct answer *status = client_get("/sessions?status=running");
    _cleanup_(answer_release) struct answer *page = client_get("/sessions?page=0&page_size=x");

    FAULTS(status, "query.status enum");
    FAULTS(page, "query.page greater_than_equal; query.page_size int_parsing");
}

/* An operator may close what a user opened. */
static void an_operator_closes_a_session(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(buf_release) struct buf shown = BUF_INIT;
    _cleanup_(answer_release) struct answer *answer = NULL;

    CHECK(ctl(&shown, "session show %s", id.text) == 0);
    CHECK(strstr(shown.data, "ready") != NULL);
    CHECK(ctl(NULL, "session close %s >&2", id.text) == 0);
    answer = client_get("/sessions/%s", id.text);
    CHECK_MSG(strcmp(answer_text(answer, "status"), "closed") == 0 ||
                  strcmp(answer_text(answer, "status"), "terminated") == 0,
              "%s", answer->body.data);
}

static void sessions_do_not_see_each_other(void)
{
    struct ident other = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *write =
        exec_run(other.text, "echo mine > /tmp/mine; echo mine > mine", 0);
    _cleanup_(answer_release) struct answer *look =
        exec_run(fixture_session(), "ls /tmp/mine mine", 0);

    INT(write, "exit_code", 0);
    CHECK(answer_int(look, "exit_code") > 0);
    session_close(NULL, other.text);
}

/* A limit of 256 is the default; the refusal names limit and use. */
static void too_many_open_sessions_are_429(void)
{
    const char *limit = getenv("CODESET_SESSIONS_PER_USER");
    int most = limit ? (int)strtol(limit, NULL, 10) : 0;
    struct ident *ids;
    _cleanup_(answer_release) struct answer *refused = NULL, *again = NULL;
    char number[16];

    if (!CHECK_MSG(most > 0 && most <= 32,
                   "CODESET_SESSIONS_PER_USER must tell the stack's small limit"))
        return;
    ids = xcalloc((size_t)most, sizeof(*ids));
    for (int i = 0; i < most; i++)
        ids[i] = session_create(fixture_other_key(), DATASET, SOLVABLE);
    refused = SEND(.path = "/sessions", .key = fixture_other_key(),
                   .body = "{\"dataset\":\"" DATASET "\",\"sample_id\":\"" SOLVABLE "\"}");
    REFUSED(refused, 429, "SESSION_LIMIT");
    CHECK(answer_has_header(refused, "Retry-After"));
    snprintf(number, sizeof(number), "%d", most);
    CHECK_MSG(strstr(answer_text(refused, "detail.message"), number) != NULL, "%s",
              refused->body.data);
    session_close(fixture_other_key(), ids[0].text);
    again = SEND(.path = "/sessions", .key = fixture_other_key(),
                 .body = "{\"dataset\":\"" DATASET "\",\"sample_id\":\"" SOLVABLE "\"}");
    STATUS(again, 201);
    session_close(fixture_other_key(), answer_text(again, "session_id"));
    for (int i = 1; i < most; i++)
        session_close(fixture_other_key(), ids[i].text);
    free(ids);
}

/* The shortest time to live is a minute; the test brings the end forward. */
static void a_session_past_its_time_is_terminated(void)
{
    _cleanup_(answer_release) struct answer *created = client_post(
        "{\"dataset\":\"" DATASET "\",\"sample_id\":\"" SOLVABLE "\",\"ttl_minutes\":1}",
        "/sessions");
    const char *id = answer_text(created, "session_id");
    _cleanup_(answer_release) struct answer *ready = session_wait(NULL, id, 60), *after = NULL,
                                            *command = NULL;
    struct ident interaction;

    TEXT(ready, "status", "ready");
    interaction = exec_start(id, "sleep 300", 0);
    CHECK(sql("UPDATE sessions SET expires_at = NOW(6) WHERE session_id = '%s'", id) == 0);
    command = interaction_wait(NULL, id, interaction.text, 60);
    INT(command, "exit_code", -1000);
    after = client_get("/sessions/%s", id);
    TEXT(after, "status", "terminated");
    TEXT(after, "error.code", "SESSION_EXPIRED");
    SHAPE(after->json, SHAPE_SESSION);
}

#define SHAPE_USAGE "at:t memory_bytes:i cpu_seconds:n disk_bytes:i processes:i oom_kills:i"
#define LOOKS_MOST 300

/* Asks until there is a sample with so much of all; NULL where none came. */
static struct answer *stats_await(const char *session, int64_t disk, int64_t memory, double cpu)
{
    for (int i = 0; i < LOOKS_MOST; i++) {
        struct answer *stats = client_get("/sessions/%s/stats", session);
        json_object *now = answer_at(stats, "current");

        if (now && json_get_int(now, "disk_bytes", 0) >= disk &&
            json_get_int(now, "memory_bytes", 0) >= memory &&
            json_object_get_double(json_at(now, "cpu_seconds")) >= cpu)
            return stats;
        answer_release(&stats);
        stats = exec_run(session, "sleep 0.2", 0);
        answer_release(&stats);
    }
    return NULL;
}

static void what_a_session_uses_is_told(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    struct ident busy = exec_start(id.text,
                                   "dd if=/dev/urandom of=/tmp/large bs=1M count=32 2>/dev/null; "
                                   "sync; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; "
                                   "sleep 300",
                                   0);
    _cleanup_(answer_release) struct answer *stats = stats_await(id.text, 32 << 20, 1 << 20, 0.1);
    _cleanup_(answer_release) struct answer *ended = NULL, *other = NULL;
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/stats", id.text);
    json_object *samples;
    size_t count;

    CHECK(busy.text[0]);
    if (!CHECK(stats != NULL))
        return;
    STATUS(stats, 200);
    SHAPE(stats->json, "session_id:u status:s current:o samples:a");
    TEXT(stats, "status", "ready");
    SHAPE(answer_at(stats, "current"), SHAPE_USAGE);
    CHECK(answer_int(stats, "current.processes") >= 2);
    INT(stats, "current.oom_kills", 0);
    samples = answer_at(stats, "samples");
    count = json_object_array_length(samples);
    for (size_t i = 1; i < count; i++) {
        json_object *before = json_object_array_get_idx(samples, i - 1);
        json_object *after = json_object_array_get_idx(samples, i);

        SHAPE(after, SHAPE_USAGE);
        CHECK(strcmp(json_get_text(before, "at"), json_get_text(after, "at")) < 0);
        CHECK(json_object_get_double(json_at(before, "cpu_seconds")) <=
              json_object_get_double(json_at(after, "cpu_seconds")));
    }
    CHECK(json_object_equal(json_object_array_get_idx(samples, count - 1),
                            answer_at(stats, "current")));
    other = SEND(.path = path, .key = fixture_other_key());
    REFUSED(other, 404, "SESSION_NOT_FOUND");
    session_close(NULL, id.text);
    ended = client_get("/sessions/%s/stats", id.text);
    TEXT(ended, "status", "closed");
    CHECK(json_object_array_length(answer_at(ended, "samples")) >= count);
}

static void memory_that_ran_out_is_counted(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *killed =
        exec_run(id.text, "head -c 600000000 /dev/zero | tail", 60);
    _cleanup_(answer_release) struct answer *stats = NULL;

    INT(killed, "exit_code", 137);
    for (int i = 0; i < LOOKS_MOST; i++) {
        answer_release(&stats);
        stats = exec_run(id.text, "sleep 0.2", 0);
        answer_release(&stats);
        stats = client_get("/sessions/%s/stats", id.text);
        if (answer_int(stats, "current.oom_kills") > 0)
            break;
    }
    CHECK(answer_int(stats, "current.oom_kills") > 0);
    session_close(NULL, id.text);
}

static const struct test tests[] = {
    {"a session is created and becomes ready", a_session_is_created_and_becomes_ready},
    {"the time to live is 30 minutes unless said", the_time_to_live_is_30_minutes_unless_said},
    {"closing ends a session, and again says the same",
     closing_ends_a_session_and_again_says_the_same},
    {"a closed session takes nothing", a_closed_session_takes_nothing},
    {"a session closed at once never becomes ready", a_session_closed_at_once_never_becomes_ready},
    {"a command running at close ends with -1000",
     a_command_running_at_close_ends_as_the_platforms_fault},
    {"unknown sessions are 404", unknown_sessions_are_404},
    {"what can't run is refused", what_can_not_run_is_refused},
    {"an image that vanished is an error that says so",
     an_image_that_vanished_is_an_error_that_says_so},
    {"sessions are listed newest first, by page and status", sessions_are_listed_newest_first},
    {"faults of a list's query are named", faults_of_a_list_query_are_named},
    {"an operator closes a session", an_operator_closes_a_session},
    {"sessions do not see each other", sessions_do_not_see_each_other},
    {"too many open sessions are 429", too_many_open_sessions_are_429},
    {"what a session uses is told, now and over time", what_a_session_uses_is_told},
    {"memory that ran out is counted", memory_that_ran_out_is_counted},
    {"a session past its time is terminated", a_session_past_its_time_is_terminated},
};

SUITE(sessions, tests);
