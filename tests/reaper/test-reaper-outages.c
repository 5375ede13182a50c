/*
 * MariaDB goes away, with work in every phase, and comes back.
 */
#include "fixture.h"
#include "suites.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/budget.h"
#include "reaper/db_pool.h"

#include "base/banned.h"

#define MIB (INT64_C(1) << 20)

static struct machine m;

static void mariadb(const char *verb)
{
    const char *tool = getenv("CODESET_MARIADB"), *dir = getenv("CODESET_MARIADB_DIR");
    int status = -1;
    pid_t child = fork();

    CU_ASSERT_FATAL(child >= 0 && tool && dir);
    if (child == 0) {
        execl(tool, tool, verb, dir, (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    CU_ASSERT_EQUAL_FATAL(status, 0);
}

/* Back, and the test's own connections with it. */
static void mariadb_is_back(void)
{
    struct error failure;

    mariadb("resume");
    UNTIL(db_ping(fixture_admin, &failure) == 0 && db_ping(fixture_api, &failure) == 0);
}

/* One in each phase: creating and starting, ready with a command that runs, with a verification
 * that runs, closed and being stopped. All that happens to them happens while MariaDB is away. */
static void every_phase_outlives_the_database(void)
{
    _cleanup_(free_ptr) char *text = NULL, *ended = NULL, *verifier = NULL, *repo = NULL;
    struct id ready, closed, starting, closed_container, command, job;

    machine_open(&m, "alone");
    repo = scripted_path(m.host, "repo");
    ended = xasprintf("touch %s/ended; echo kept", scripted_folder(m.host));
    text = scripted_wait(m.host, "go", ended);
    free(ended);
    ended = scripted_wait(m.host, "go", "true");
    verifier = xasprintf("UPDATE samples SET repo_path='%s', verifier_command='touch %s/verifying; "
                         "%s'",
                         repo, scripted_folder(m.host), ended);
    mkdir(repo, 0755);
    tell(verifier);
    daemon_begin(&m);
    ready = ready_session();
    closed = ready_session();
    closed_container = container_of(&closed);
    command = start_command(&ready, text);
    job = start_verification(&ready);
    UNTIL(interaction_is(&command, "processing") && scripted_has_file(m.host, "verifying"));
    scripted_hold(m.host, SCRIPTED_START);
    scripted_hold(m.host, SCRIPTED_STOP);
    starting = create_session(&fixture_user);
    close_session(&closed);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1 && scripted_held(m.host, SCRIPTED_STOP) == 1);
    mariadb("kill");
    scripted_release(m.host, SCRIPTED_START);
    scripted_release(m.host, SCRIPTED_STOP);
    scripted_touch(m.host, "go");
    UNTIL(scripted_has_file(m.host, "ended") && !scripted_has(m.host, &closed_container));
    UNTIL(!db_pool_available(m.context.pool) && db_pool_pending(m.context.pool) >= 4);
    mariadb_is_back();
    UNTIL(interaction_is(&command, "completed"));
    UNTIL(session_is(&starting, "ready"));
    UNTIL(container_is(&closed_container, "gone"));
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT_STRING_EQUAL(
        ask("SELECT stdout FROM interaction_outputs WHERE interaction_id=?", &command), "kept\n");
    CU_ASSERT(session_is(&ready, "ready"));
    close_session(&ready);
    close_session(&starting);
    machine_is_clean(&m);
    tell("UPDATE samples SET repo_path='/tmp', verifier_command='true'");
    machine_close(&m);
}

#define COMMANDS 10

/* What has no room in memory stays where it is. */
static void results_wait_in_the_agents_for_the_database(void)
{
    _cleanup_(free_ptr) char *text = NULL;
    struct id session, commands[COMMANDS];

    machine_open(&m, "alone");
    m.settings.results_bytes = 4 * MIB;
    daemon_begin(&m);
    session = ready_session();
    text = scripted_wait(m.host, "go", "head -c 1000000 /dev/zero | tr '\\0' x");
    for (size_t i = 0; i < COMMANDS; i++) {
        commands[i] = start_command(&session, text);
        UNTIL(interaction_is(&commands[i], "processing"));
    }
    UNTIL(db_pool_pending(m.context.pool) == 0);
    mariadb("kill");
    scripted_touch(m.host, "go");
    UNTIL(budget_waiting(m.context.budget) == COMMANDS - 3);
    CU_ASSERT(budget_held(m.context.budget) <= 4 * MIB);
    mariadb_is_back();
    for (size_t i = 0; i < COMMANDS; i++)
        UNTIL(interaction_is(&commands[i], "completed"));
    close_session(&session);
    machine_is_clean(&m);
    machine_close(&m);
}

static const struct unit_test tests[] = {
    {"work in every phase outlives the database", every_phase_outlives_the_database},
    {"results wait in the agents for the database", results_wait_in_the_agents_for_the_database},
};

const struct suite suite_outages = {tests, ARRAY_SIZE(tests)};
