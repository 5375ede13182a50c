/*
 * Sessions whose sample has a command of its own, which runs before they are ready.
 */
#include "fixture.h"
#include "suites.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/sessions.h"

#include "base/banned.h"

static struct machine m;

/* Its command says that it began, and waits for the file `go`. */
static void begin_with_setup(const char *then)
{
    _cleanup_(free_ptr) char *begun = NULL, *wait = NULL, *script = NULL;

    machine_open(&m, "alone");
    begun = scripted_path(m.host, "begun");
    wait = scripted_wait(m.host, "go", then);
    script = xasprintf("UPDATE samples SET setup_command=\"touch '%s'; %s\" "
                       "WHERE sample_id='runnable'",
                       begun, wait);
    tell(script);
    daemon_begin(&m);
}

static void finish_with_setup(void)
{
    tell("UPDATE samples SET setup_command=NULL");
    machine_is_clean(&m);
    machine_close(&m);
}

static void it_is_not_ready_before_its_sample_s_command_has_ended(void)
{
    struct id session;

    begin_with_setup("true");
    session = create_session(&fixture_user);
    UNTIL(scripted_has_file(m.host, "begun"));
    CU_ASSERT(session_is(&session, "creating"));
    scripted_touch(m.host, "go");
    UNTIL(session_is(&session, "ready"));
    close_session(&session);
    finish_with_setup();
}

static void a_sample_s_command_that_fails_ends_the_session(void)
{
    struct id session;

    begin_with_setup("echo no >&2; exit 3");
    scripted_touch(m.host, "go");
    session = create_session(&fixture_user);
    UNTIL(session_is(&session, "error"));
    CU_ASSERT(session_error_is(&session, "SETUP_FAILED"));
    finish_with_setup();
}

/* A login shell is an interactive one. */
static void a_sample_s_command_is_run_as_the_session_s_commands_are(void)
{
    struct id session;

    machine_open(&m, "alone");
    tell("UPDATE datasets SET profile='{\"shell\":\"login\"}'");
    tell("UPDATE samples SET setup_command='case $- in *i*) ;; *) exit 1 ;; esac' "
         "WHERE sample_id='runnable'");
    daemon_begin(&m);
    session = create_session(&fixture_user);
    UNTIL(session_is(&session, "ready") || session_is(&session, "error"));
    CU_ASSERT(session_is(&session, "ready"));
    close_session(&session);
    tell("UPDATE datasets SET profile='{}'");
    finish_with_setup();
}

static void a_sample_s_command_has_its_time(void)
{
    struct id session;

    machine_open(&m, "alone");
    m.settings.setup_timeout_seconds = 1;
    tell("UPDATE samples SET setup_command='sleep 1000' WHERE sample_id='runnable'");
    daemon_begin(&m);
    session = create_session(&fixture_user);
    UNTIL(session_is(&session, "error"));
    CU_ASSERT(session_error_is(&session, "SETUP_FAILED"));
    finish_with_setup();
}

static void closed_while_its_sample_s_command_runs(void)
{
    struct id session, container;

    begin_with_setup("true");
    session = create_session(&fixture_user);
    UNTIL(scripted_has_file(m.host, "begun"));
    container = container_of(&session);
    close_session(&session);
    UNTIL(container_is(&container, "gone"));
    CU_ASSERT(session_is(&session, "closed"));
    finish_with_setup();
}

static void lost_while_its_sample_s_command_runs(void)
{
    struct id session, container;

    begin_with_setup("true");
    session = create_session(&fixture_user);
    UNTIL(scripted_has_file(m.host, "begun"));
    container = container_of(&session);
    scripted_end(m.host, &container, NULL, NULL);
    UNTIL(session_is(&session, "error"));
    CU_ASSERT(session_error_is(&session, "CONTAINER_LOST"));
    finish_with_setup();
}

static void killed_while_a_sample_s_command_runs(void)
{
    struct id session, container;

    begin_with_setup("true");
    session = create_session(&fixture_user);
    UNTIL(scripted_has_file(m.host, "begun"));
    container = container_of(&session);
    daemon_kill(&m);
    scripted_touch(m.host, "go");
    daemon_begin(&m);
    UNTIL(session_is(&session, "ready"));
    CU_ASSERT(container_is(&container, "gone") || container_is(&container, "ended"));
    close_session(&session);
    finish_with_setup();
}

static const struct unit_test tests[] = {
    {"a session is not ready before its sample's command has ended",
     it_is_not_ready_before_its_sample_s_command_has_ended},
    {"a sample's command that fails ends the session",
     a_sample_s_command_that_fails_ends_the_session},
    {"a sample's command is run as the session's commands are",
     a_sample_s_command_is_run_as_the_session_s_commands_are},
    {"a sample's command has its time", a_sample_s_command_has_its_time},
    {"closed while its sample's command runs: it is stopped",
     closed_while_its_sample_s_command_runs},
    {"lost while its sample's command runs: it ends", lost_while_its_sample_s_command_runs},
    {"killed while a sample's command runs: another container is set up",
     killed_while_a_sample_s_command_runs},
};

const struct suite suite_setups = {tests, ARRAY_SIZE(tests)};
