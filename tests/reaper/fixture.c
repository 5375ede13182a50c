#include "fixture.h"

#include <event2/event.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/db_pool.h"
#include "reaper/interactions.h"
#include "reaper/job_results.h"
#include "reaper/jobs.h"
#include "reaper/rounds.h"
#include "reaper/sessions.h"
#include "reaper/verifications.h"
#include "store/users.h"

#include "base/banned.h"

#define WAIT (120 * CLOCK_SECOND)
#define MACHINES_MAX 4
#define BOOT "0b0072c0-0000-4000-8000-000000000001"

struct settings fixture_settings;
struct db *fixture_admin, *fixture_api;
struct id fixture_user, fixture_other_user;

static struct machine *machines[MACHINES_MAX];

/* --- the beginning --------------------------------------------------------------------------- */

/* The sample's repository is a folder of its own below the machines' hosts' roof: /tmp. */
static const char samples[] =
    "INSERT INTO datasets (name) VALUES ('d');"
    "INSERT INTO samples (dataset, sample_id, version, latest, instance_id, language, verifier,"
    " image, repo_path, verifier_command, report_paths, fail_to_pass, pass_to_pass, fail_to_fail,"
    " content_hash, json, deflated, json_length, json_crc32) VALUES"
    " ('d','runnable',1,1,'o__r-1','c','custom','image','/tmp','true','[\"no-such-report\"]',"
    " '[]','[]','[]',REPEAT('x',32),'{}',X'000200fdff7b7d',2,CRC32('{}'))";

int fixture_open(void)
{
    const char *config = getenv("CODESET_CONFIG");
    struct error err = ERROR_INIT;

    if (!config)
        error_set(&err, ERROR_INVALID, NULL, "CODESET_CONFIG names the configuration");
    else if (settings_load(config, &fixture_settings, &err) == 0 &&
             (fixture_admin = db_new(&fixture_settings.database, DB_ADMIN, &err)) &&
             (fixture_api = db_new(&fixture_settings.database, DB_API, &err)) &&
             store_user_create(fixture_admin, "One", "one@example.com", &fixture_user, &err) == 0 &&
             store_user_create(fixture_admin, "Other", "other@example.com", &fixture_other_user,
                               &err) == 0 &&
             db_run_script(fixture_admin, samples, strlen(samples), &err) == 0)
        return 0;
    fprintf(stderr, "%s\n", err.message);
    return -1;
}

void fixture_close(void)
{
    db_free(fixture_api);
    db_free(fixture_admin);
    settings_release(&fixture_settings);
}

/* --- machines -------------------------------------------------------------------------------- */

/* Of a test that failed half-way. */
static void leave_the_test_before(void)
{
    for (size_t i = 0; i < MACHINES_MAX; i++) {
        if (machines[i] && machines[i]->test != CU_get_number_of_tests_run())
            machine_close(machines[i]);
    }
}

void machine_open(struct machine *machine, const char *node)
{
    size_t place = 0;

    leave_the_test_before();
    tell("UPDATE datasets SET egress='none'"); /* a test that failed may have left another */
    *machine = (struct machine){.node = node, .base = event_base_new()};
    machine->host = scripted_host_new(machine->base);
    machine->settings = fixture_settings.reaper;
    machine->settings.sweep_ms = 20;
    machine->settings.usage_seconds = 0; /* tests count what the engine is asked */
    machine->settings.db_threads = 2;
    machine->settings.lease_seconds = 0; /* others are judged at once; the run's is as configured */
    machine->settings.await_socket = machine->await_socket;
    snprintf(machine->await_socket, sizeof(machine->await_socket), "%s/await.sock",
             scripted_folder(machine->host));
    machine->jobs = fixture_settings.jobs;
    machine->jobs.results_dir = xasprintf("%s/results", scripted_folder(machine->host));
    machine->jobs.git_url = xasprintf("file://%s/git", scripted_folder(machine->host));
    machine->jobs.egress_socket = xasprintf("%s/egress.sock", scripted_folder(machine->host));
    machine->job_folder = xasprintf("%s/workspace", scripted_folder(machine->host));
    while (place < MACHINES_MAX && machines[place])
        place++;
    CU_ASSERT_FATAL(place < MACHINES_MAX);
    machine->test = CU_get_number_of_tests_run();
    machines[place] = machine;
}

void machine_close(struct machine *machine)
{
    struct error ignored;

    if (machine->up)
        daemon_kill(machine);
    /* No other test's daemon counts on this one. */
    store_run_end(fixture_admin, &machine->run, &ignored);
    scripted_host_free(machine->host);
    event_base_free(machine->base);
    free(machine->jobs.results_dir);
    free(machine->jobs.git_url);
    free(machine->jobs.egress_socket);
    free(machine->job_folder);
    for (size_t i = 0; i < MACHINES_MAX; i++) {
        if (machines[i] == machine)
            machines[i] = NULL;
    }
}

void daemon_begin(struct machine *machine)
{
    static const struct kind *const kinds[] = {&session_kind, &interaction_kind, &verification_kind,
                                               &job_kind, &job_result_kind};
    struct context_parts parts = {
        .base = machine->base,
        .settings = &machine->settings,
        .jobs = &machine->jobs,
        .accounts = &fixture_settings.accounts,
        .job_folder = machine->job_folder,
        .database = &fixture_settings.database,
        .run = &machine->run,
        .engine = scripted_engine(machine->host),
        .agent_path = BUILD_DIR "/codeset-agent",
        .kinds = kinds,
        .kind_count = ARRAY_SIZE(kinds),
    };

    machine->run = (struct run){
        .run_id = id_new(),
        .node = machine->node,
        .machine_id = machine->node, /* a machine a node */
        .boot_id = BOOT,
        .location = "local",
        .version = "test",
        .lease_seconds = fixture_settings.reaper.lease_seconds,
    };
    OK(store_run_begin(fixture_admin, &machine->run, &err));
    OK(context_open(&machine->context, &parts, &err));
    machine->context.rounds = rounds_new(&machine->context, &machine->retention);
    machine->up = true;
}

void daemon_kill(struct machine *machine)
{
    context_close(&machine->context);
    machine->up = false;
}

void daemon_falls_silent(struct machine *machine)
{
    static const struct query query = {"UPDATE runs SET heartbeat_at=NOW(6) - INTERVAL 1 DAY, "
                                       "ended_at=ended_at - INTERVAL 1 DAY WHERE node=?"};

    OK(DB_RUN(fixture_admin, &query, NULL, &err, db_text(machine->node)));
}

int64_t fixture_deadline(void)
{
    return clock_monotonic() + WAIT;
}

bool fixture_late(int64_t deadline)
{
    return clock_monotonic() > deadline;
}

void fixture_turn(void)
{
    for (size_t i = 0; i < MACHINES_MAX; i++) {
        if (machines[i] && !machines[i]->asleep)
            event_base_loop(machines[i]->base, EVLOOP_NONBLOCK);
    }
    poll(NULL, 0, 1); /* agents and threads want the processor as well */
}

/* --- the database ---------------------------------------------------------------------------- */

/* A connection knows a statement by the address of its query. */
static const struct query *query_of(const char *sql)
{
    static struct query queries[128];
    size_t place = 0;

    while (queries[place].sql && strcmp(queries[place].sql, sql) != 0)
        place++;
    CU_ASSERT_FATAL(place < ARRAY_SIZE(queries) - 1);
    queries[place].sql = sql;
    return &queries[place];
}

const char *ask(const char *sql, const struct id *id)
{
    static char text[2048];
    struct error err = ERROR_INIT;
    struct db_value value = db_id(id ? id : &fixture_user);
    struct db_rows *rows = db_select(fixture_admin, query_of(sql), &value, id ? 1 : 0, &err);

    text[0] = '\0';
    if (rows && db_next(rows) && !db_is_null(rows, 0)) {
        if (db_row_text(rows, 0)[0])
            snprintf(text, sizeof(text), "%s", db_row_text(rows, 0));
        else /* a number, or an empty text */
            snprintf(text, sizeof(text), "%lld", (long long)db_row_int(rows, 0));
    }
    db_rows_free(rows);
    return text;
}

bool answers(const char *sql, const struct id *id, const char *expected)
{
    return strcmp(ask(sql, id), expected) == 0;
}

void tell(const char *script)
{
    OK(db_run_script(fixture_admin, script, strlen(script), &err));
}

bool session_is(const struct id *session, const char *status)
{
    return answers("SELECT status FROM sessions WHERE session_id=?", session, status);
}

bool session_error_is(const struct id *session, const char *code)
{
    return answers("SELECT error_code FROM sessions WHERE session_id=?", session, code);
}

bool interaction_is(const struct id *interaction, const char *status)
{
    return answers("SELECT status FROM interactions WHERE interaction_id=?", interaction, status);
}

bool job_is(const struct id *job, const char *status)
{
    return answers("SELECT status FROM verifications WHERE job_id=?", job, status);
}

bool job_error_is(const struct id *job, const char *code)
{
    return answers("SELECT error_code FROM verifications WHERE job_id=?", job, code);
}

struct id container_of(const struct id *work)
{
    const char *text = ask("SELECT c.container_id FROM containers c WHERE c.container_id=IFNULL("
                           "(SELECT s.container_id FROM sessions s WHERE s.session_id=?), NULL)",
                           work);
    struct id id = {""};

    if (!text[0])
        text = ask("SELECT v.container_id FROM verifications v WHERE v.job_id=?", work);
    if (!text[0])
        text = ask("SELECT j.container_id FROM agent_jobs j WHERE j.job_id=?", work);
    snprintf(id.text, sizeof(id.text), "%s", text);
    return id;
}

bool container_is(const struct id *container, const char *state)
{
    return answers("SELECT state FROM containers WHERE container_id=?", container, state);
}

/* --- what users do --------------------------------------------------------------------------- */

struct id create_session(const struct id *user)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = *user,
                                 .dataset = "d",
                                 .sample_id = "runnable",
                                 .ttl_minutes = 30,
                                 .open_max = 100000};
    int64_t expires_at;

    OK(store_session_create(fixture_api, &wanted, &expires_at, &err));
    return wanted.session_id;
}

void close_session(const struct id *session)
{
    double duration;
    bool changed;

    OK(store_session_close(fixture_api, NULL, session->text, &duration, &changed, &err));
}

static struct id owner_of(const struct id *session)
{
    struct id user;

    snprintf(user.text, sizeof(user.text), "%s",
             ask("SELECT user_id FROM sessions WHERE session_id=?", session));
    return user;
}

static struct id start(const struct id *session, struct new_interaction wanted)
{
    wanted.interaction_id = id_new();
    wanted.user_id = owner_of(session);
    wanted.session_id = session->text;
    wanted.unfinished_max = 1000;
    OK(store_interaction_create(fixture_api, &wanted, &err));
    return wanted.interaction_id;
}

static struct text text_of(const char *text)
{
    return (struct text){(char *)text, strlen(text)};
}

struct id start_command_within(const struct id *session, const char *command, int64_t seconds)
{
    return start(session, (struct new_interaction){.type = INTERACTION_EXEC,
                                                   .command = text_of(command),
                                                   .command_timeout = seconds});
}

struct id start_command(const struct id *session, const char *command)
{
    return start_command_within(session, command, 100);
}

struct id start_upload(const struct id *session, const char *path, const char *bytes, size_t length)
{
    return start(session, (struct new_interaction){.type = INTERACTION_UPLOAD,
                                                   .file_path = text_of(path),
                                                   .content = {(char *)bytes, length}});
}

struct id start_replace(const struct id *session, const char *path, const char *old_text,
                        const char *new_text)
{
    return start(session, (struct new_interaction){.type = INTERACTION_REPLACE,
                                                   .file_path = text_of(path),
                                                   .str_to_replace = text_of(old_text),
                                                   .str_to_insert = text_of(new_text)});
}

struct id start_verification(const struct id *session)
{
    struct id job = id_new();
    struct id user = owner_of(session);
    int64_t created_at;

    OK(store_verification_create(fixture_api, &job, &user, session->text, 1000, &created_at, &err));
    return job;
}

struct id ready_session(void)
{
    struct id session = create_session(&fixture_user);

    UNTIL(session_is(&session, "ready"));
    return session;
}

static size_t under_way(const struct machine *machine)
{
    const struct kinds *kinds = &machine->context.kinds;
    size_t count = 0;

    for (size_t i = 0; i < kinds->count; i++)
        count += kinds->rows[i]->count(kinds->rooms[i]);
    return count;
}

void machine_is_clean(struct machine *machine)
{
    UNTIL(scripted_count(machine->host) == 0);
    UNTIL(under_way(machine) == 0);
    UNTIL(containers_count(&machine->context, CONTAINER_SESSION) == 0);
    UNTIL(containers_count(&machine->context, CONTAINER_GRADING) == 0);
    UNTIL(containers_count(&machine->context, CONTAINER_JOB) == 0);
    UNTIL(answers("SELECT COUNT(*) FROM containers WHERE state<>'gone'", NULL, "0"));
    CU_ASSERT(answers("SELECT COUNT(*) FROM interactions WHERE status IN "
                      "('pending','processing')",
                      NULL, "0"));
    CU_ASSERT(answers("SELECT COUNT(*) FROM verifications WHERE status IN "
                      "('pending','starting','running')",
                      NULL, "0"));
}
