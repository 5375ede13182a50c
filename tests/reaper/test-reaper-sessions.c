/*
 * A session's life on one machine.
 */
#include "egress_standin.h"
#include "fixture.h"
#include "suites.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/db_pool.h"
#include "reaper/sessions.h"
#include "wire/egress.h"

#include "base/banned.h"

static struct machine m;

static void begin(void)
{
    machine_open(&m, "alone");
    daemon_begin(&m);
}

static void finish(void)
{
    machine_is_clean(&m);
    machine_close(&m);
}

static bool all_rest(void)
{
    return m.context.rounds && db_pool_pending(m.context.pool) == 0;
}

static void a_session_becomes_ready_and_leaves_nothing(void)
{
    struct id session, container;

    begin();
    session = ready_session();
    container = container_of(&session);
    CU_ASSERT(container_is(&container, "running"));
    CU_ASSERT(scripted_has(m.host, &container));
    close_session(&session);
    UNTIL(container_is(&container, "gone"));
    CU_ASSERT(session_is(&session, "closed"));
    finish();
}

/* --- the way out ----------------------------------------------------------------------------- */

static struct egress_standin *egress;

static void begin_with_egress(void)
{
    machine_open(&m, "alone");
    egress = egress_standin_new(m.jobs.egress_socket);
    tell("UPDATE datasets SET egress='allow:a.example'");
}

static void finish_with_egress(void)
{
    tell("UPDATE datasets SET egress='none'");
    finish();
    egress_standin_free(egress);
}

static bool was_told(const char *text)
{
    _cleanup_(free_ptr) char *told = egress_standin_told(egress);

    return strstr(told, text) != NULL;
}

static bool prints_the_proxy(const struct id *session)
{
    struct id command = start_command(session, "echo $HTTPS_PROXY $NO_PROXY");

    UNTIL(interaction_is(&command, "completed"));
    return answers("SELECT stdout FROM interaction_outputs WHERE interaction_id=?", &command,
                   "http://127.0.0.1:3128 127.0.0.1,localhost\n");
}

static void a_session_reaches_what_its_data_set_says(void)
{
    struct id session, verification;

    begin_with_egress();
    daemon_begin(&m);
    session = ready_session();
    CU_ASSERT(was_told("set allow:a.example;"));
    CU_ASSERT(prints_the_proxy(&session));
    /* What is told to those that come later does not change it. */
    tell("UPDATE datasets SET egress='public'");
    daemon_kill(&m);
    daemon_begin(&m);
    UNTIL(was_told("set allow:a.example;set allow:a.example;"));
    CU_ASSERT(prints_the_proxy(&session));
    egress_standin_free(egress);
    egress = egress_standin_new(m.jobs.egress_socket);
    UNTIL(was_told("set allow:a.example;"));
    CU_ASSERT_EQUAL(scripted_egresses(m.host), 2);
    verification = start_verification(&session);
    UNTIL(!job_is(&verification, "pending") && !job_is(&verification, "starting"));
    CU_ASSERT_EQUAL(scripted_egresses(m.host), 2);
    close_session(&session);
    UNTIL(was_told("drop;"));
    CU_ASSERT(!was_told("public"));
    finish_with_egress();
}

static void it_is_not_ready_before_its_way_is_open(void)
{
    struct id session;

    begin_with_egress();
    egress_standin_say(egress, EGRESS_CLOSED);
    daemon_begin(&m);
    session = create_session(&fixture_user);
    UNTIL(was_told("closed;closed;"));
    CU_ASSERT(session_is(&session, "creating"));
    egress_standin_say(egress, EGRESS_OK);
    UNTIL(session_is(&session, "ready"));
    close_session(&session);
    egress_standin_say(egress, EGRESS_REFUSED);
    session = create_session(&fixture_user);
    UNTIL(session_is(&session, "error"));
    CU_ASSERT(session_error_is(&session, "EGRESS_UNAVAILABLE"));
    finish_with_egress();
}

static void closed_before_it_is_claimed(void)
{
    struct id session;

    machine_open(&m, "alone");
    session = create_session(&fixture_user);
    close_session(&session);
    daemon_begin(&m);
    UNTIL(m.context.open && all_rest());
    CU_ASSERT_EQUAL(scripted_starts(m.host), 0);
    CU_ASSERT_STRING_EQUAL(container_of(&session).text, "");
    finish();
}

/* The claim is in the database, and the loop has not heard of it. */
static void closed_while_the_claim_is_told(void)
{
    struct id session;

    begin();
    UNTIL(m.context.open);
    session = create_session(&fixture_user);
    kinds_take(&m.context.kinds, WORK_SESSION, &session);
    STANDING_STILL_UNTIL(!answers("SELECT owner FROM sessions WHERE session_id=?", &session, ""));
    close_session(&session);
    finish();
    CU_ASSERT(session_is(&session, "closed"));
}

static void closed_while_it_starts(void)
{
    struct id session;

    begin();
    scripted_hold(m.host, SCRIPTED_START);
    session = create_session(&fixture_user);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1);
    close_session(&session);
    /* It is noticed while the start goes on, and the start is not waited for in vain. */
    UNTIL(m.context.kinds.rows[0]->count(m.context.kinds.rooms[0]) == 0);
    CU_ASSERT_EQUAL(containers_count(&m.context, CONTAINER_SESSION), 1);
    scripted_release(m.host, SCRIPTED_START);
    finish();
    CU_ASSERT(session_is(&session, "closed"));
}

/* The container is up, `ready` is on its way. */
static void closed_while_it_is_made_ready(void)
{
    struct id session;

    begin();
    scripted_hold(m.host, SCRIPTED_START);
    session = create_session(&fixture_user);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1);
    scripted_release(m.host, SCRIPTED_START);
    UNTIL(scripted_count(m.host) == 1);
    close_session(&session);
    finish();
    CU_ASSERT(session_is(&session, "closed"));
}

static void a_start_that_fails_ends_in_error(void)
{
    static const struct {
        enum error_kind kind;
        const char *code, *told;
    } failures[] = {
        {ERROR_NOT_FOUND, "IMAGE_MISSING", "IMAGE_MISSING"},
        {ERROR_INVALID, "IMAGE_REFUSED", "IMAGE_REFUSED"},
        {ERROR_UNAVAILABLE, NULL, "HOST_FULL"},
        {ERROR_UNAVAILABLE, "DISK_SHORT", "HOST_FULL"},
        {ERROR_INTERNAL, NULL, "CONTAINER_START_FAILED"},
    };

    begin();
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        struct id session;

        scripted_fail(m.host, SCRIPTED_START, 1, failures[i].kind, failures[i].code);
        session = create_session(&fixture_user);
        UNTIL(session_is(&session, "error"));
        CU_ASSERT(session_error_is(&session, failures[i].told));
    }
    finish();
}

static void a_lost_container_ends_its_session_and_what_runs_in_it(void)
{
    struct id session, command, container;

    begin();
    session = ready_session();
    container = container_of(&session);
    command = start_command(&session, "sleep 1000");
    UNTIL(interaction_is(&command, "processing"));
    scripted_end(m.host, &container, NULL, NULL);
    UNTIL(interaction_is(&command, "failed"));
    CU_ASSERT(session_error_is(&session, "CONTAINER_LOST"));
    finish();
}

static void what_the_engine_ended_says_why(void)
{
    struct id session, container;

    begin();
    session = ready_session();
    container = container_of(&session);
    scripted_end(m.host, &container, "HOST_DISK_FULL", "it wrote more than the host has");
    UNTIL(session_is(&session, "error"));
    CU_ASSERT(session_error_is(&session, "HOST_DISK_FULL"));
    CU_ASSERT(answers("SELECT error_message FROM sessions WHERE session_id=?", &session,
                      "it wrote more than the host has"));
    finish();
}

static void a_stop_that_fails_is_repeated(void)
{
    struct id session, container;

    begin();
    session = ready_session();
    container = container_of(&session);
    scripted_fail(m.host, SCRIPTED_STOP, 2, ERROR_INTERNAL, NULL);
    close_session(&session);
    UNTIL(container_is(&container, "ended"));
    UNTIL(container_is(&container, "gone"));
    CU_ASSERT_FALSE(scripted_has(m.host, &container));
    finish();
}

static void a_container_nobody_has_a_row_for_is_stopped(void)
{
    struct id kept, orphan = id_new();

    begin();
    kept = ready_session();
    scripted_plant(m.host, CONTAINER_SESSION, &orphan);
    UNTIL(!scripted_has(m.host, &orphan));
    CU_ASSERT(session_is(&kept, "ready"));
    CU_ASSERT_EQUAL(scripted_count(m.host), 1);
    close_session(&kept);
    finish();
}

static void a_session_past_its_time_is_terminated(void)
{
    struct id ready, creating;

    begin();
    ready = ready_session();
    scripted_hold(m.host, SCRIPTED_START);
    creating = create_session(&fixture_user);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1);
    tell("UPDATE sessions SET expires_at=NOW(6) WHERE status IN ('creating','ready')");
    UNTIL(session_is(&ready, "terminated"));
    UNTIL(session_is(&creating, "error"));
    scripted_release(m.host, SCRIPTED_START);
    CU_ASSERT(session_error_is(&creating, "SESSION_EXPIRED"));
    finish();
}

/* As when somebody changes the schema. */
static void an_end_that_the_database_refuses_is_written_later(void)
{
    struct id session, container;

    begin();
    session = ready_session();
    container = container_of(&session);
    tell("RENAME TABLE session_counts TO session_counts_aside");
    scripted_end(m.host, &container, NULL, NULL);
    UNTIL(session_is_ending(sessions_find(m.context.sessions, &session)));
    UNTIL(db_pool_pending(m.context.pool) == 0); /* it is not tried any more, for now */
    tell("RENAME TABLE session_counts_aside TO session_counts");
    CU_ASSERT(session_is(&session, "ready"));
    UNTIL(session_is(&session, "error"));
    finish();
}

/* --- restarts -------------------------------------------------------------------------------- */

static void killed_behind_a_claim_it_is_claimed_again(void)
{
    struct id session;

    begin();
    UNTIL(m.context.open);
    session = create_session(&fixture_user);
    kinds_take(&m.context.kinds, WORK_SESSION, &session);
    STANDING_STILL_UNTIL(!answers("SELECT owner FROM sessions WHERE session_id=?", &session, ""));
    daemon_kill(&m);
    daemon_begin(&m);
    UNTIL(session_is(&session, "ready"));
    CU_ASSERT_EQUAL(scripted_count(m.host), 1);
    close_session(&session);
    finish();
}

static void killed_while_one_starts_it_starts_another(void)
{
    struct id session, first, second;

    begin();
    scripted_hold(m.host, SCRIPTED_START);
    session = create_session(&fixture_user);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1);
    first = container_of(&session);
    daemon_kill(&m);
    scripted_release(m.host, SCRIPTED_START); /* the engine goes on with it */
    daemon_begin(&m);
    UNTIL(session_is(&session, "ready"));
    second = container_of(&session);
    CU_ASSERT_STRING_NOT_EQUAL(first.text, second.text);
    UNTIL(!scripted_has(m.host, &first));
    UNTIL(container_is(&first, "gone"));
    CU_ASSERT(container_is(&second, "running"));
    close_session(&session);
    finish();
}

static void killed_with_one_ready_it_is_adopted(void)
{
    struct id session, container, command;

    begin();
    session = ready_session();
    container = container_of(&session);
    daemon_kill(&m);
    daemon_begin(&m);
    command = start_command(&session, "echo on");
    UNTIL(interaction_is(&command, "completed"));
    CU_ASSERT(session_is(&session, "ready"));
    CU_ASSERT(container_is(&container, "running"));
    CU_ASSERT_EQUAL(scripted_starts(m.host), 1);
    close_session(&session);
    finish();
}

/* The engine's own trouble is no container's end. */
static void an_adopted_one_that_the_engine_can_t_tell_of_is_asked_for_again(void)
{
    struct id session, command;

    begin();
    session = ready_session();
    daemon_kill(&m);
    scripted_fail(m.host, SCRIPTED_DESCRIBE, 2, ERROR_INTERNAL, NULL);
    daemon_begin(&m);
    command = start_command(&session, "echo here");
    UNTIL(interaction_is(&command, "completed"));
    CU_ASSERT(session_is(&session, "ready"));
    close_session(&session);
    finish();
}

static void closed_while_the_engine_is_asked_again_it_is_stopped(void)
{
    struct id session;

    begin();
    session = ready_session();
    daemon_kill(&m);
    scripted_fail(m.host, SCRIPTED_DESCRIBE, 1, ERROR_INTERNAL, NULL);
    scripted_hold(m.host, SCRIPTED_DESCRIBE);
    daemon_begin(&m);
    UNTIL(scripted_held(m.host, SCRIPTED_DESCRIBE) == 1);
    close_session(&session);
    scripted_release(m.host, SCRIPTED_DESCRIBE);
    UNTIL(!scripted_count(m.host));
    CU_ASSERT(session_is(&session, "closed"));
    finish();
}

static void killed_while_one_ends_it_is_stopped(void)
{
    struct id session, container;

    begin();
    session = ready_session();
    container = container_of(&session);
    scripted_hold(m.host, SCRIPTED_STOP);
    close_session(&session);
    UNTIL(scripted_held(m.host, SCRIPTED_STOP) == 1);
    daemon_kill(&m);
    CU_ASSERT(scripted_has(m.host, &container));
    daemon_begin(&m);
    scripted_release(m.host, SCRIPTED_STOP);
    UNTIL(container_is(&container, "gone"));
    finish();
}

static void closed_while_nobody_is_there_it_is_stopped(void)
{
    struct id session, container;

    begin();
    session = ready_session();
    container = container_of(&session);
    daemon_kill(&m);
    close_session(&session);
    CU_ASSERT(container_is(&container, "ended"));
    daemon_begin(&m);
    UNTIL(container_is(&container, "gone"));
    CU_ASSERT_FALSE(scripted_has(m.host, &container));
    finish();
}

static void lost_while_nobody_is_there_it_ends(void)
{
    struct id session, container;

    begin();
    session = ready_session();
    container = container_of(&session);
    daemon_kill(&m);
    scripted_end(m.host, &container, NULL, NULL);
    daemon_begin(&m);
    UNTIL(session_is(&session, "error"));
    CU_ASSERT(session_error_is(&session, "CONTAINER_LOST"));
    finish();
}

static void no_more_than_the_host_takes(void)
{
    struct id sessions[3];
    size_t ready = 0;

    machine_open(&m, "alone");
    m.settings.sessions_max = 2;
    daemon_begin(&m);
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
        sessions[i] = create_session(&fixture_user);
    UNTIL(answers("SELECT COUNT(*) FROM sessions WHERE status='ready'", NULL, "2"));
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
        ready += session_is(&sessions[i], "ready");
    CU_ASSERT_EQUAL(ready, 2);
    CU_ASSERT(session_is(&sessions[2], "creating"));
    close_session(&sessions[0]);
    UNTIL(session_is(&sessions[2], "ready"));
    CU_ASSERT_EQUAL(scripted_count(m.host), 2);
    close_session(&sessions[1]);
    close_session(&sessions[2]);
    finish();
}

/* --- turns ----------------------------------------------------------------------------------- */

static size_t count_of(const char *sql, const struct id *id)
{
    return (size_t)strtoull(ask(sql, id), NULL, 10);
}

static bool all_ready(const struct id *sessions, size_t count)
{
    size_t ready = 0;

    for (size_t i = 0; i < count; i++)
        ready += session_is(&sessions[i], "ready");
    return ready == count;
}

static void close_all(const struct id *sessions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close_session(&sessions[i]);
}

/* All are claimed before the other user's, and the engine is busy with the first of them. */
static void starts_take_turns_between_users(void)
{
    size_t most = containers_starts_most(), count = most + 10;
    _cleanup_(free_ptr) struct id *sessions = xcalloc(count, sizeof(*sessions));
    struct id other, container;

    machine_open(&m, "alone");
    m.settings.starts_per_user = 1000;
    daemon_begin(&m);
    scripted_hold(m.host, SCRIPTED_START);
    for (size_t i = 0; i < count; i++)
        sessions[i] = create_session(&fixture_user);
    UNTIL(containers_count(&m.context, CONTAINER_SESSION) == count && all_rest());
    CU_ASSERT_EQUAL(scripted_held(m.host, SCRIPTED_START), most);
    other = create_session(&fixture_other_user);
    UNTIL(containers_count(&m.context, CONTAINER_SESSION) == count + 1 && all_rest());
    CU_ASSERT_EQUAL(scripted_held(m.host, SCRIPTED_START), most);
    scripted_step(m.host, SCRIPTED_START);
    scripted_step(m.host, SCRIPTED_START);
    /* Two are done, so two more have gone to the engine: one of each user. */
    UNTIL(scripted_starts(m.host) == 2 && scripted_held(m.host, SCRIPTED_START) == most);
    container = container_of(&other);
    CU_ASSERT(scripted_holds(m.host, SCRIPTED_START, &container));
    scripted_release(m.host, SCRIPTED_START);
    UNTIL(session_is(&other, "ready") && all_ready(sessions, count));
    close_session(&other);
    close_all(sessions, count);
    finish();
}

static void a_start_that_waits_and_is_not_wanted_is_not_made(void)
{
    size_t most = containers_starts_most(), count = most + 1;

    machine_open(&m, "alone");
    m.settings.starts_per_user = 1000;
    daemon_begin(&m);
    scripted_hold(m.host, SCRIPTED_START);
    for (size_t i = 0; i < count; i++)
        create_session(&fixture_user);
    UNTIL(containers_count(&m.context, CONTAINER_SESSION) == count && all_rest());
    tell("UPDATE sessions SET expires_at=NOW(6) WHERE status='creating'");
    UNTIL(count_of("SELECT COUNT(*) FROM sessions WHERE status='creating'", NULL) == 0);
    UNTIL(containers_count(&m.context, CONTAINER_SESSION) == most);
    scripted_release(m.host, SCRIPTED_START);
    machine_is_clean(&m);
    CU_ASSERT_EQUAL(scripted_starts(m.host), most);
    finish();
}

static void one_user_starts_so_many_at_once(void)
{
    struct id sessions[6], other, container;

    machine_open(&m, "alone");
    m.settings.starts_per_user = 2;
    daemon_begin(&m);
    UNTIL(m.context.open);
    scripted_hold(m.host, SCRIPTED_START);
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
        sessions[i] = create_session(&fixture_user);
        kinds_take(&m.context.kinds, WORK_SESSION, &sessions[i]);
    }
    other = create_session(&fixture_other_user);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 3 && all_rest());
    container = container_of(&other);
    CU_ASSERT(scripted_holds(m.host, SCRIPTED_START, &container));
    CU_ASSERT_EQUAL(count_of("SELECT COUNT(*) FROM sessions WHERE owner IS NOT NULL AND "
                             "user_id=? AND status='creating'",
                             &fixture_user),
                    2);
    scripted_release(m.host, SCRIPTED_START);
    UNTIL(session_is(&other, "ready") && all_ready(sessions, ARRAY_SIZE(sessions)));
    close_session(&other);
    close_all(sessions, ARRAY_SIZE(sessions));
    finish();
}

#define SAMPLES "SELECT COUNT(*) FROM session_usage WHERE session_id=?"

static void begin_with_samples(void)
{
    machine_open(&m, "alone");
    m.settings.usage_seconds = 1;
    daemon_begin(&m);
}

/* An engine that can't tell is asked again. */
static void what_a_session_uses_is_written_down(void)
{
    struct id session;

    begin_with_samples();
    scripted_fail(m.host, SCRIPTED_DESCRIBE, 1, ERROR_UNAVAILABLE, NULL);
    session = ready_session();
    UNTIL(answers(SAMPLES, &session, "2"));
    close_session(&session);
    finish();
}

static void it_ends_while_the_engine_is_asked_what_it_uses(void)
{
    struct id session, container;

    begin_with_samples();
    session = ready_session();
    container = container_of(&session);
    UNTIL(answers(SAMPLES, &session, "1"));
    scripted_hold(m.host, SCRIPTED_DESCRIBE);
    UNTIL(scripted_held(m.host, SCRIPTED_DESCRIBE) == 1);
    close_session(&session);
    UNTIL(container_is(&container, "gone"));
    scripted_release(m.host, SCRIPTED_DESCRIBE);
    UNTIL(LIST_EMPTY(&m.context.usages));
    CU_ASSERT(answers(SAMPLES, &session, "1"));
    finish();
}

static void killed_while_the_engine_is_asked_what_one_uses(void)
{
    struct id session;

    begin_with_samples();
    session = ready_session();
    scripted_hold(m.host, SCRIPTED_DESCRIBE);
    UNTIL(scripted_held(m.host, SCRIPTED_DESCRIBE) == 1);
    daemon_kill(&m);
    scripted_release(m.host, SCRIPTED_DESCRIBE);
    daemon_begin(&m);
    UNTIL(answers(SAMPLES, &session, "2"));
    close_session(&session);
    finish();
}

static const struct unit_test tests[] = {
    {"a session reaches what its data set says", a_session_reaches_what_its_data_set_says},
    {"a session is not ready before its way is open", it_is_not_ready_before_its_way_is_open},
    {"a session becomes ready, and leaves nothing", a_session_becomes_ready_and_leaves_nothing},
    {"a session closed before it is claimed is nothing to start", closed_before_it_is_claimed},
    {"a session closed while its claim is told leaves nothing", closed_while_the_claim_is_told},
    {"a session closed while it starts is stopped when it has", closed_while_it_starts},
    {"a session closed while it is made ready is stopped", closed_while_it_is_made_ready},
    {"a start that fails ends in error, and says why", a_start_that_fails_ends_in_error},
    {"a lost container ends its session and what runs in it",
     a_lost_container_ends_its_session_and_what_runs_in_it},
    {"what the engine ended says why", what_the_engine_ended_says_why},
    {"a stop that fails is repeated", a_stop_that_fails_is_repeated},
    {"a container that nobody has a row for is stopped",
     a_container_nobody_has_a_row_for_is_stopped},
    {"a session past its time is terminated", a_session_past_its_time_is_terminated},
    {"starts take turns between users", starts_take_turns_between_users},
    {"a start that waits and is not wanted any more is not made",
     a_start_that_waits_and_is_not_wanted_is_not_made},
    {"one user has so many sessions being started, and no more", one_user_starts_so_many_at_once},
    {"no more sessions than the host takes", no_more_than_the_host_takes},
    {"an end that the database refuses is written later",
     an_end_that_the_database_refuses_is_written_later},
    {"killed behind a claim: it is claimed again", killed_behind_a_claim_it_is_claimed_again},
    {"killed while one starts: another is started", killed_while_one_starts_it_starts_another},
    {"killed with one ready: it is adopted", killed_with_one_ready_it_is_adopted},
    {"an adopted one that the engine can't tell of is asked for again",
     an_adopted_one_that_the_engine_can_t_tell_of_is_asked_for_again},
    {"closed while the engine is asked again: it is stopped",
     closed_while_the_engine_is_asked_again_it_is_stopped},
    {"killed while one ends: it is stopped", killed_while_one_ends_it_is_stopped},
    {"closed while no daemon is there: it is stopped", closed_while_nobody_is_there_it_is_stopped},
    {"what a session uses is written down", what_a_session_uses_is_written_down},
    {"it ends while the engine is asked what it uses",
     it_ends_while_the_engine_is_asked_what_it_uses},
    {"killed while the engine is asked what one uses: the next goes on",
     killed_while_the_engine_is_asked_what_one_uses},
    {"lost while no daemon is there: it ends", lost_while_nobody_is_there_it_ends},
};

const struct suite suite_sessions = {tests, ARRAY_SIZE(tests)};
