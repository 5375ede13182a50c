/*
 * Two hosts on one database: what one does late, while the other has gone on.
 */
#include "fixture.h"
#include "suites.h"

#include <event2/event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "reaper/containers.h"
#include "reaper/db_pool.h"
#include "reaper/heartbeat.h"

#include "base/banned.h"

static struct machine a, b;

static void open_both(void)
{
    machine_open(&a, "node-a");
    machine_open(&b, "node-b");
    daemon_begin(&a);
}

static void close_both(void)
{
    tell("UPDATE sessions SET status='closed', ended_at=NOW(6) WHERE status='ready'");
    machine_is_clean(&a);
    machine_is_clean(&b);
    machine_close(&a);
    machine_close(&b);
}

/* A claims and starts a session, falls silent, and B takes it over and makes it ready. */
static struct id taken_over(struct id *ret_first)
{
    struct id session;

    open_both();
    scripted_hold(a.host, SCRIPTED_START);
    session = create_session(&fixture_user);
    UNTIL(scripted_held(a.host, SCRIPTED_START) == 1);
    *ret_first = container_of(&session);
    daemon_falls_silent(&a);
    a.asleep = true;
    daemon_begin(&b);
    UNTIL(session_is(&session, "ready"));
    a.asleep = false;
    return session;
}

static void still_b_s(const struct id *session, const struct id *first)
{
    struct id container = container_of(session);

    UNTIL(!scripted_has(a.host, first) && container_is(first, "gone"));
    CU_ASSERT_STRING_NOT_EQUAL(first->text, container.text);
    CU_ASSERT(session_is(session, "ready"));
    CU_ASSERT(container_is(&container, "running"));
    CU_ASSERT(scripted_has(b.host, &container));
    CU_ASSERT_EQUAL(scripted_count(b.host), 1);
    close_both();
}

static void a_start_that_fails_late_ends_nobody_s_session(void)
{
    struct id first, session = taken_over(&first);

    scripted_fail(a.host, SCRIPTED_START, 1, ERROR_INTERNAL, NULL);
    scripted_release(a.host, SCRIPTED_START);
    still_b_s(&session, &first);
}

static void a_start_that_succeeds_late_takes_nothing_over(void)
{
    struct id first, session = taken_over(&first);

    scripted_release(a.host, SCRIPTED_START);
    still_b_s(&session, &first);
}

/* B may end a session of a host that sleeps; the container is A's to stop, when it wakes. */
static void expiry_while_the_owner_sleeps_leaves_the_container_to_it(void)
{
    struct id session, container, command;

    open_both();
    session = ready_session();
    container = container_of(&session);
    command = start_command(&session, "sleep 1000");
    UNTIL(interaction_is(&command, "processing"));
    a.asleep = true;
    daemon_begin(&b);
    tell("UPDATE sessions SET expires_at=NOW(6) WHERE status='ready'");
    UNTIL(session_is(&session, "terminated"));
    UNTIL(interaction_is(&command, "failed"));
    CU_ASSERT(container_is(&container, "ended"));
    CU_ASSERT(scripted_has(a.host, &container));
    a.asleep = false;
    UNTIL(container_is(&container, "gone"));
    CU_ASSERT_FALSE(scripted_has(a.host, &container));
    close_both();
}

static void a_result_of_a_run_that_is_over_is_not_written(void)
{
    struct id session, command;

    open_both();
    session = ready_session();
    command = start_command(&session, "echo first");
    a.asleep = true;
    close_session(&session);
    daemon_begin(&b);
    UNTIL(interaction_is(&command, "failed"));
    a.asleep = false;
    close_both();
    CU_ASSERT(interaction_is(&command, "failed"));
}

/* A host that is never heard of again: its sessions end, and end at its last heartbeat. */
static void a_lost_host_s_sessions_end(void)
{
    struct id ready, creating;

    open_both();
    b.settings.node_lost_seconds = 30;
    ready = ready_session();
    scripted_hold(a.host, SCRIPTED_START);
    creating = create_session(&fixture_user);
    UNTIL(scripted_held(a.host, SCRIPTED_START) == 1);
    a.asleep = true;
    tell("UPDATE sessions SET created_at=NOW(6) - INTERVAL 2 DAY WHERE status='ready'");
    daemon_falls_silent(&a);
    daemon_begin(&b);
    UNTIL(session_is(&ready, "error"));
    CU_ASSERT(session_error_is(&ready, "HOST_LOST"));
    CU_ASSERT(answers("SELECT s.ended_at=r.heartbeat_at FROM sessions s JOIN runs r ON "
                      "r.run_id=s.owner WHERE s.session_id=?",
                      &ready, "1"));
    UNTIL(session_is(&creating, "ready")); /* on B */
    CU_ASSERT_EQUAL(scripted_count(b.host), 1);
    CU_ASSERT_EQUAL(scripted_count(a.host), 1);
    /* It comes back as a new run, and finds that its containers are to be stopped. */
    daemon_kill(&a);
    scripted_release(a.host, SCRIPTED_START);
    a.asleep = false;
    daemon_begin(&a);
    UNTIL(scripted_count(a.host) == 0);
    CU_ASSERT(session_is(&creating, "ready"));
    close_both();
}

/* The database was away: every host has been silent, and one of them is the first to be back. */
static void who_is_just_back_judges_no_other_host(void)
{
    struct id ready, orphan = id_new();

    open_both();
    b.settings.node_lost_seconds = 30;
    b.settings.lease_seconds = 60;
    ready = ready_session();
    a.asleep = true;
    daemon_falls_silent(&a);
    scripted_plant(b.host, CONTAINER_SESSION, &orphan);
    daemon_begin(&b);
    UNTIL(!scripted_has(b.host, &orphan)); /* it has looked at all */
    CU_ASSERT(session_is(&ready, "ready"));
    a.asleep = false;
    close_both();
}

static void what_one_host_can_t_start_another_does(void)
{
    struct id session;

    open_both();
    scripted_fail(a.host, SCRIPTED_START, 1000, ERROR_NOT_FOUND, "IMAGE_MISSING");
    b.asleep = true;
    daemon_begin(&b);
    session = create_session(&fixture_user);
    UNTIL(answers("SELECT COUNT(*) FROM session_declines WHERE session_id=?", &session, "1"));
    CU_ASSERT(session_is(&session, "creating"));
    b.asleep = false;
    UNTIL(session_is(&session, "ready"));
    CU_ASSERT_EQUAL(scripted_count(b.host), 1);
    close_both();
}

static void what_no_host_can_start_ends_in_error(void)
{
    struct id session;

    open_both();
    daemon_begin(&b);
    scripted_fail(a.host, SCRIPTED_START, 1000, ERROR_NOT_FOUND, "IMAGE_MISSING");
    scripted_fail(b.host, SCRIPTED_START, 1000, ERROR_NOT_FOUND, "IMAGE_MISSING");
    session = create_session(&fixture_user);
    UNTIL(session_is(&session, "error"));
    CU_ASSERT(session_error_is(&session, "IMAGE_MISSING"));
    close_both();
}

/* --- runs ------------------------------------------------------------------------------------ */

struct told {
    int begun, waiting, ended;
    struct error err;
};

static void on_begun(const struct error *err, void *arg)
{
    struct told *told = arg;

    told->begun++;
    told->err = err ? *err : (struct error)ERROR_INIT;
}

static void on_ended(void *arg)
{
    ((struct told *)arg)->ended++;
}

static void on_waiting(void *arg)
{
    ((struct told *)arg)->waiting++;
}

static const struct heartbeat_events told_events = {
    .begun = on_begun, .waiting = on_waiting, .ended = on_ended};

static struct run run_of(const char *node, const char *machine)
{
    return (struct run){.run_id = id_new(),
                        .node = node,
                        .machine_id = machine,
                        .boot_id = "boot",
                        .location = "local",
                        .version = "test",
                        .lease_seconds = 60};
}

static struct heartbeat *heartbeat_of(const struct run *run, struct told *told)
{
    struct error failure = ERROR_INIT;
    struct heartbeat *heartbeat =
        heartbeat_new(a.base, &fixture_settings.database, run, &told_events, told, &failure);

    CU_ASSERT_PTR_NOT_NULL_FATAL(heartbeat);
    return heartbeat;
}

static void a_name_belongs_to_one_machine(void)
{
    struct run first = run_of("named", "machine-1"), second = run_of("named", "machine-2");
    struct told told = {0};
    struct heartbeat *heartbeat;

    machine_open(&a, "node-a");
    OK(store_run_begin(fixture_admin, &first, &err));
    heartbeat = heartbeat_of(&second, &told);
    UNTIL(told.begun == 1);
    CU_ASSERT(told.err.code && strcmp(told.err.code, "NODE_TAKEN") == 0);
    heartbeat_free(heartbeat);
    machine_close(&a);
}

/* Their folders differ, so no lock file tells them of each other. */
static void two_daemons_of_one_node_do_not_end_each_other(void)
{
    struct run first = run_of("twins", "machine-5"), second = run_of("twins", "machine-5");
    struct run third = run_of("twins", "machine-5");
    struct told told_first = {0}, told_second = {0}, told_third = {0};
    struct heartbeat *heartbeat, *other;

    machine_open(&a, "node-a");
    heartbeat = heartbeat_of(&first, &told_first);
    UNTIL(told_first.begun == 1);
    other = heartbeat_of(&second, &told_second);
    UNTIL(told_second.begun == 1);
    CU_ASSERT(told_second.err.code && strcmp(told_second.err.code, "NODE_RUNNING") == 0);
    CU_ASSERT_EQUAL(told_first.ended, 0);
    heartbeat_free(other);
    heartbeat_free(heartbeat); /* as kill -9: its end is not written */
    CU_ASSERT(answers("SELECT ended_at IS NULL FROM runs WHERE run_id=?", &first.run_id, "1"));
    other = heartbeat_of(&third, &told_third);
    UNTIL(told_third.begun == 1);
    CU_ASSERT_EQUAL(told_third.err.kind, ERROR_NONE);
    CU_ASSERT(answers("SELECT ended_at IS NULL FROM runs WHERE run_id=?", &first.run_id, "0"));
    heartbeat_free(other);
    machine_close(&a);
}

/* Its host was cut off, and MariaDB still keeps its connection. */
static void a_lock_whose_holder_is_silent_holds_nobody_up(void)
{
    struct run first = run_of("silent", "machine-6"), second = run_of("silent", "machine-6");
    struct told told = {0};
    struct heartbeat *heartbeat;
    int64_t rival_beat;

    machine_open(&a, "node-a");
    OK(store_run_lock(fixture_admin, &first, 0, &rival_beat, &err));
    CU_ASSERT_EQUAL(rival_beat, 0);
    OK(store_run_begin(fixture_admin, &first, &err));
    heartbeat = heartbeat_of(&second, &told);
    UNTIL(told.begun == 1);
    CU_ASSERT_EQUAL(told.err.kind, ERROR_NONE);
    heartbeat_free(heartbeat);
    machine_close(&a);
}

static void a_run_waits_for_the_database_and_says_so(void)
{
    struct database_settings nowhere = fixture_settings.database;
    struct run run = run_of("waiting", "machine-7");
    struct told told = {0};
    struct error failure = ERROR_INIT;
    struct heartbeat *heartbeat;

    machine_open(&a, "node-a");
    nowhere.db_socket = (char *)"/nowhere/sock";
    heartbeat = heartbeat_new(a.base, &nowhere, &run, &told_events, &told, &failure);
    CU_ASSERT_PTR_NOT_NULL_FATAL(heartbeat);
    UNTIL(told.waiting == 1);
    CU_ASSERT_EQUAL(told.begun, 0);
    heartbeat_free(heartbeat);
    machine_close(&a);
}

static void a_run_that_others_end_learns_of_it(void)
{
    struct run run = run_of("beating", "machine-3"), next = run_of("beating", "machine-3");
    struct told told = {0};
    struct heartbeat *heartbeat;

    machine_open(&a, "node-a");
    heartbeat = heartbeat_of(&run, &told);
    UNTIL(told.begun == 1);
    CU_ASSERT_EQUAL(told.err.kind, ERROR_NONE);
    CU_ASSERT(heartbeat_age_ms(heartbeat) >= 0);
    OK(store_run_begin(fixture_admin, &next, &err));
    UNTIL(told.ended == 1);
    heartbeat_end(heartbeat);
    heartbeat_free(heartbeat);
    machine_close(&a);
}

static void a_polite_end_frees_the_run_s_claims(void)
{
    struct run run = run_of("polite", "machine-4");
    struct told told = {0};
    struct heartbeat *heartbeat;

    machine_open(&a, "node-a");
    heartbeat = heartbeat_of(&run, &told);
    UNTIL(told.begun == 1);
    heartbeat_end(heartbeat);
    heartbeat_free(heartbeat);
    CU_ASSERT(answers("SELECT ended_at IS NOT NULL FROM runs WHERE run_id=?", &run.run_id, "1"));
    machine_close(&a);
}

static const struct unit_test tests[] = {
    {"a start that fails late ends nobody's session",
     a_start_that_fails_late_ends_nobody_s_session},
    {"a start that succeeds late takes nothing over",
     a_start_that_succeeds_late_takes_nothing_over},
    {"expiry while the owner sleeps leaves the container to it",
     expiry_while_the_owner_sleeps_leaves_the_container_to_it},
    {"a result of what has ended is not written", a_result_of_a_run_that_is_over_is_not_written},
    {"a lost host's sessions end, and it finds so when it is back", a_lost_host_s_sessions_end},
    {"a host that is just back at the database takes no other for lost",
     who_is_just_back_judges_no_other_host},
    {"what one host can't start, another does", what_one_host_can_t_start_another_does},
    {"what no host can start ends in error", what_no_host_can_start_ends_in_error},
    {"a name belongs to one machine", a_name_belongs_to_one_machine},
    {"two daemons of one node do not end each other",
     two_daemons_of_one_node_do_not_end_each_other},
    {"a lock whose holder is silent holds nobody up",
     a_lock_whose_holder_is_silent_holds_nobody_up},
    {"a run waits for the database, and says so", a_run_waits_for_the_database_and_says_so},
    {"a run that others end learns of it", a_run_that_others_end_learns_of_it},
    {"a polite end frees the run's claims", a_polite_end_frees_the_run_s_claims},
};

const struct suite suite_nodes = {tests, ARRAY_SIZE(tests)};
