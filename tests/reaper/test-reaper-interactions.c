/*
 * Commands and file operations: results, the budget of bytes, turns between users.
 */
#include "fixture.h"
#include "suites.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "reaper/budget.h"
#include "reaper/db_pool.h"

#include "base/banned.h"

#define MIB (INT64_C(1) << 20)

static struct machine m;

static void begin(void)
{
    machine_open(&m, "alone");
    daemon_begin(&m);
}

static void finish(const struct id *session)
{
    close_session(session);
    machine_is_clean(&m);
    machine_close(&m);
}

static void file_holds(const char *path, const char *expected)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    OK(file_read(AT_FDCWD, path, 1 << 20, &text, &err));
    CU_ASSERT_STRING_EQUAL(text.data, expected);
}

static const char *out_of(const struct id *interaction)
{
    return ask("SELECT stdout FROM interaction_outputs WHERE interaction_id=?", interaction);
}

static void a_command_s_result_is_written(void)
{
    struct id session, command;

    begin();
    session = ready_session();
    command = start_command(&session, "echo out; echo errors >&2; exit 3");
    UNTIL(interaction_is(&command, "completed"));
    CU_ASSERT(answers("SELECT exit_code FROM interactions WHERE interaction_id=?", &command, "3"));
    CU_ASSERT_STRING_EQUAL(out_of(&command), "out\n");
    finish(&session);
}

static void an_upload_of_any_size_arrives(void)
{
    static const size_t sizes[] = {0, 4, 3 * MIB};
    _cleanup_(free_ptr) char *bytes = xcalloc(1, 3 * MIB);
    struct id session;

    begin();
    session = ready_session();
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        _cleanup_(free_ptr) char *path = scripted_path(m.host, "uploaded");
        struct id upload = start_upload(&session, path, bytes, sizes[i]);
        struct stat st;

        UNTIL(interaction_is(&upload, "completed"));
        CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
        CU_ASSERT_EQUAL(st.st_size, (off_t)sizes[i]);
    }
    UNTIL(budget_held(m.context.budget) == 0);
    finish(&session);
}

static void a_running_command_survives_its_daemon(void)
{
    _cleanup_(free_ptr) char *path = NULL;
    _cleanup_(free_ptr) char *text = NULL;
    _cleanup_(free_ptr) char *command_text = NULL;
    struct id session, command;

    begin();
    session = ready_session();
    path = scripted_path(m.host, "ran");
    text = xasprintf("echo kept");
    command_text = scripted_wait(m.host, "go", text);
    free(text);
    text = xasprintf("echo once >>%s; %s", path, command_text);
    command = start_command(&session, text);
    UNTIL(scripted_has_file(m.host, "ran"));
    daemon_kill(&m);
    scripted_touch(m.host, "go"); /* it ends while nobody is there */
    daemon_begin(&m);
    UNTIL(interaction_is(&command, "completed"));
    CU_ASSERT_STRING_EQUAL(out_of(&command), "kept\n");
    file_holds(path, "once\n");
    finish(&session);
}

/* The new text holds the old one: done again, it would succeed again. */
static void an_edit_is_done_once_whatever_dies(void)
{
    _cleanup_(free_ptr) char *path = NULL;
    struct id session, edit;

    begin();
    session = ready_session();
    path = scripted_path(m.host, "file");
    OK(file_write_atomic(AT_FDCWD, path, "a b c", 5, 0600, &err));
    edit = start_replace(&session, path, "b", "b b2");
    /* The agent has just done it; most likely its answer has not been heard. */
    UNTIL(({
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;

        file_read(AT_FDCWD, path, 100, &text, &err) == 0 && strcmp(text.data, "a b b2 c") == 0;
    }));
    daemon_kill(&m);
    daemon_begin(&m);
    UNTIL(interaction_is(&edit, "completed"));
    CU_ASSERT(answers("SELECT success FROM interactions WHERE interaction_id=?", &edit, "1"));
    file_holds(path, "a b b2 c");
    finish(&session);
}

static void tries_have_an_end(void)
{
    _cleanup_(free_ptr) char *text = NULL;
    struct id session, command;

    begin();
    session = ready_session();
    text = scripted_wait(m.host, "go", "true");
    command = start_command(&session, text);
    UNTIL(interaction_is(&command, "processing"));
    daemon_kill(&m);
    tell("UPDATE interactions SET attempt=1000 WHERE status='processing'");
    daemon_begin(&m);
    UNTIL(interaction_is(&command, "failed"));
    CU_ASSERT(
        answers("SELECT exit_code FROM interactions WHERE interaction_id=?", &command, "-1000"));
    scripted_touch(m.host, "go");
    finish(&session);
}

static void closed_while_a_claim_is_told(void)
{
    struct id session, command;

    begin();
    session = ready_session();
    command = start_command(&session, "echo never");
    kinds_take(&m.context.kinds, WORK_INTERACTION, &command);
    STANDING_STILL_UNTIL(
        !answers("SELECT owner FROM interactions WHERE interaction_id=?", &command, ""));
    finish(&session);
    CU_ASSERT(interaction_is(&command, "failed") || interaction_is(&command, "completed"));
}

/* --- the budget ------------------------------------------------------------------------------ */

#define LARGE_COMMANDS 12

/* Results of 1 MiB each end together; three fit. They arrive all the same, and a small one of
 * another user does not wait for them. */
static void results_wait_in_the_agents_for_their_turn(void)
{
    _cleanup_(free_ptr) char *text = NULL;
    struct id session, other, small, commands[LARGE_COMMANDS];
    int64_t most = 0;

    machine_open(&m, "alone");
    m.settings.results_bytes = 4 * MIB;
    daemon_begin(&m);
    session = ready_session();
    other = create_session(&fixture_other_user);
    UNTIL(session_is(&other, "ready"));
    text = scripted_wait(m.host, "go", "head -c 1048576 /dev/zero | tr '\\0' x");
    for (size_t i = 0; i < LARGE_COMMANDS; i++) {
        commands[i] = start_command(&session, text);
        UNTIL(interaction_is(&commands[i], "processing"));
    }
    scripted_touch(m.host, "go");
    UNTIL(budget_waiting(m.context.budget) > 0);
    small = start_command(&other, "echo small");
    for (size_t i = 0; i < LARGE_COMMANDS; i++) {
        UNTIL(({
            int64_t held = budget_held(m.context.budget);

            most = held > most ? held : most;
            interaction_is(&commands[i], "completed");
        }));
        CU_ASSERT(answers("SELECT LENGTH(stdout) FROM interaction_outputs WHERE interaction_id=?",
                          &commands[i], "1048576"));
    }
    UNTIL(interaction_is(&small, "completed"));
    CU_ASSERT(most <= 4 * MIB);
    UNTIL(budget_held(m.context.budget) == 0);
    close_session(&other);
    finish(&session);
}

/* More than all: alone, it goes through. */
static void a_result_larger_than_the_budget_goes_through(void)
{
    struct id session, command;

    machine_open(&m, "alone");
    m.settings.results_bytes = 100000;
    daemon_begin(&m);
    session = ready_session();
    command = start_command(&session, "head -c 1000000 /dev/zero | tr '\\0' x");
    UNTIL(interaction_is(&command, "completed"));
    finish(&session);
}

static void a_session_that_ends_gives_its_share_back(void)
{
    _cleanup_(free_ptr) char *text = NULL;
    struct id session, next, command;

    machine_open(&m, "alone");
    m.settings.results_bytes = 100000;
    daemon_begin(&m);
    session = ready_session();
    text = scripted_wait(m.host, "go", "head -c 500000 /dev/zero | tr '\\0' x");
    for (int i = 0; i < 3; i++) {
        command = start_command(&session, text);
        UNTIL(interaction_is(&command, "processing"));
    }
    scripted_touch(m.host, "go");
    UNTIL(budget_waiting(m.context.budget) > 0 || budget_held(m.context.budget) > 0);
    close_session(&session);
    next = ready_session();
    command = start_command(&next, "head -c 500000 /dev/zero | tr '\\0' x");
    UNTIL(interaction_is(&command, "completed"));
    UNTIL(budget_held(m.context.budget) == 0 && budget_waiting(m.context.budget) == 0);
    finish(&next);
}

/* --- turns ----------------------------------------------------------------------------------- */

/* A hundred are announced; the other user's single one is not behind them all. */
static void one_user_s_hundred_are_not_before_another_s_one(void)
{
    struct id session, other, commands[100], single;
    size_t done = 0;

    begin();
    session = ready_session();
    other = create_session(&fixture_other_user);
    UNTIL(session_is(&other, "ready"));
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        commands[i] = start_command(&session, "true");
    single = start_command(&other, "true");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        kinds_take(&m.context.kinds, WORK_INTERACTION, &commands[i]);
    kinds_take(&m.context.kinds, WORK_INTERACTION, &single);
    UNTIL(interaction_is(&single, "completed"));
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        done += interaction_is(&commands[i], "completed");
    CU_ASSERT(done < 80);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        UNTIL(interaction_is(&commands[i], "completed"));
    close_session(&other);
    finish(&session);
}

/* Each says that it runs, and what it is: what waited has its text from the database again. */
static void one_user_runs_so_many_commands_at_once(void)
{
    struct id session, other, commands[5], neighbour;
    size_t begun = 0;

    machine_open(&m, "alone");
    m.settings.commands_per_user = 2;
    daemon_begin(&m);
    session = ready_session();
    other = create_session(&fixture_other_user);
    UNTIL(session_is(&other, "ready"));
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        _cleanup_(free_ptr) char *then = xasprintf("echo %zu", i);
        _cleanup_(free_ptr) char *waiting = scripted_wait(m.host, "go", then);
        _cleanup_(free_ptr) char *text =
            xasprintf("touch %s/begun-%zu; %s", scripted_folder(m.host), i, waiting);

        commands[i] = start_command(&session, text);
        UNTIL(interaction_is(&commands[i], "processing"));
    }
    UNTIL(scripted_has_file(m.host, "begun-0") && scripted_has_file(m.host, "begun-1"));
    neighbour = start_command(&other, "echo mine");
    UNTIL(interaction_is(&neighbour, "completed"));
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        _cleanup_(free_ptr) char *name = xasprintf("begun-%zu", i);

        begun += scripted_has_file(m.host, name);
    }
    CU_ASSERT_EQUAL(begun, 2);
    scripted_touch(m.host, "go");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        _cleanup_(free_ptr) char *expected = xasprintf("%zu\n", i);

        UNTIL(interaction_is(&commands[i], "completed"));
        CU_ASSERT_STRING_EQUAL(out_of(&commands[i]), expected);
    }
    close_session(&other);
    finish(&session);
}

/* Of two sessions, whichever is there again first: what runs has the only place, and what waited
 * for it goes on waiting. */
static void a_daemon_s_restart_lets_nobody_pass_who_waits(void)
{
    _cleanup_(free_ptr) char *text = NULL;
    _cleanup_(free_ptr) char *begun = NULL;
    _cleanup_(free_ptr) char *after = NULL;
    struct id sessions[2], running, waiting[2];

    machine_open(&m, "alone");
    m.settings.commands_per_user = 1;
    daemon_begin(&m);
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
        sessions[i] = ready_session();
    begun = scripted_path(m.host, "begun");
    text = scripted_wait(m.host, "go", "echo first");
    running = start_command(&sessions[0], text);
    UNTIL(interaction_is(&running, "processing"));
    free(text);
    text = scripted_wait(m.host, "leave", "echo later");
    after = xasprintf("touch %s; %s", begun, text);
    for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
        waiting[i] = start_command(&sessions[i], after);
        UNTIL(interaction_is(&waiting[i], "processing"));
    }
    daemon_kill(&m);
    daemon_begin(&m);
    for (size_t i = 0; i < ARRAY_SIZE(waiting); i++)
        UNTIL(answers("SELECT attempt FROM interactions WHERE interaction_id=?", &waiting[i], "2"));
    scripted_touch(m.host, "go");
    UNTIL(interaction_is(&running, "completed"));
    CU_ASSERT_STRING_EQUAL(out_of(&running), "first\n");
    UNTIL(scripted_has_file(m.host, "begun"));
    scripted_touch(m.host, "leave");
    for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
        UNTIL(interaction_is(&waiting[i], "completed"));
        CU_ASSERT_STRING_EQUAL(out_of(&waiting[i]), "later\n");
    }
    close_session(&sessions[1]);
    finish(&sessions[0]);
}

static void a_session_that_ends_takes_its_waiting_commands_along(void)
{
    _cleanup_(free_ptr) char *text = NULL;
    struct id session, next, command, waiting;

    machine_open(&m, "alone");
    m.settings.commands_per_user = 1;
    daemon_begin(&m);
    session = ready_session();
    next = ready_session();
    text = scripted_wait(m.host, "go", "true");
    command = start_command(&session, text);
    UNTIL(interaction_is(&command, "processing"));
    start_command(&session, "true");
    waiting = start_command(&next, "echo next");
    UNTIL(interaction_is(&waiting, "processing"));
    close_session(&session);
    UNTIL(interaction_is(&waiting, "completed"));
    CU_ASSERT_STRING_EQUAL(out_of(&waiting), "next\n");
    finish(&next);
}

/* --- texts ----------------------------------------------------------------------------------- */

#define LONG_COMMANDS 100
#define LONG_COMMAND (120 * 1024)

#if defined(__SANITIZE_ADDRESS__)
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

static size_t memory_in_use(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return __sanitizer_get_current_allocated_bytes();
#else
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#endif
}

/* A comment makes it long. Freed by the caller. */
static char *long_command(const char *then)
{
    _cleanup_(free_ptr) char *waiting = scripted_wait_long(m.host, "go", then);
    char *text = xcalloc(1, LONG_COMMAND + 1);

    memset(text, 'x', LONG_COMMAND);
    memcpy(text, waiting, strlen(waiting));
    memcpy(text + strlen(waiting), " #", 2);
    return text;
}

/* Each costs a call and its buffers, about 50 KiB, and not a text of 120 KiB twice. */
static void long_commands_that_run_are_not_kept_in_memory(void)
{
    _cleanup_(free_ptr) char *text = NULL;
    _cleanup_(free_ptr) char *small = NULL;
    struct id session, commands[LONG_COMMANDS];
    size_t before, after;

    machine_open(&m, "alone");
    daemon_begin(&m);
    session = ready_session();
    small = scripted_wait(m.host, "go", "true");
    commands[0] = start_command_within(&session, small, 1000);
    UNTIL(interaction_is(&commands[0], "processing"));
    text = long_command("echo long");
    before = memory_in_use();
    for (size_t i = 1; i < LONG_COMMANDS; i++) {
        commands[i] = start_command_within(&session, text, 1000);
        UNTIL(interaction_is(&commands[i], "processing"));
    }
    UNTIL(budget_held(m.context.budget) == 0 && db_pool_pending(m.context.pool) == 0);
    after = memory_in_use();
    CU_ASSERT(after < before + (size_t)LONG_COMMANDS * 64 * 1024);
    scripted_touch(m.host, "go");
    for (size_t i = 0; i < LONG_COMMANDS; i++)
        UNTIL(interaction_is(&commands[i], "completed"));
    CU_ASSERT_STRING_EQUAL(out_of(&commands[1]), "long\n");
    finish(&session);
}

/* Takes the agent's place at its address. */
static int stand_in_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    CU_ASSERT_FATAL(fd >= 0 && strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 8), 0);
    return fd;
}

/* What came is read as long as there is something; true at the text's last bytes. */
static bool has_read_all(int fd, struct buf *received)
{
    char bytes[65536];
    ssize_t got;

    while ((got = read(fd, bytes, sizeof(bytes))) > 0)
        buf_add(received, bytes, (size_t)got);
    return received->length > LONG_COMMAND && received->data[received->length - 1] == '}';
}

/* Whoever took the text dies with it; the text is read once more, for the agent knows nothing. */
static void a_text_that_did_not_arrive_is_sent_again(void)
{
    _cleanup_(buf_release) struct buf received = BUF_INIT;
    _cleanup_(free_ptr) char *path = NULL;
    _cleanup_(free_ptr) char *aside = NULL;
    _cleanup_(free_ptr) char *text = NULL;
    _cleanup_(free_ptr) char *small = NULL;
    struct id session, first, command;
    int listener, peer = -1;

    begin();
    session = ready_session();
    small = scripted_wait(m.host, "go", "true");
    first = start_command(&session, small); /* on the connection that there is */
    UNTIL(interaction_is(&first, "processing") && budget_held(m.context.budget) == 0);
    path = xstrdup(ask("SELECT SUBSTR(c.address, 6) FROM containers c JOIN sessions s "
                       "USING (container_id) WHERE s.session_id=?",
                       &session));
    aside = xasprintf("%s-aside", path);
    CU_ASSERT_EQUAL_FATAL(rename(path, aside), 0);
    listener = stand_in_at(path);
    text = long_command("echo arrived");
    command = start_command(&session, text);
    UNTIL((peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
    UNTIL(has_read_all(peer, &received));
    CU_ASSERT_EQUAL_FATAL(rename(aside, path), 0);
    close(peer);
    close(listener);
    scripted_touch(m.host, "go");
    UNTIL(interaction_is(&command, "completed"));
    CU_ASSERT_STRING_EQUAL(out_of(&command), "arrived\n");
    finish(&session);
}

/* A polite stop waits for what takes a moment only. */
static void file_operations_are_brief_and_commands_are_not(void)
{
    _cleanup_(free_ptr) char *text = NULL;
    struct id session, command;

    begin();
    session = ready_session();
    text = scripted_wait(m.host, "go", "true");
    command = start_command(&session, text);
    UNTIL(interaction_is(&command, "processing") && db_pool_pending(m.context.pool) == 0);
    CU_ASSERT_EQUAL(kinds_brief(&m.context.kinds), 0);
    scripted_touch(m.host, "go");
    UNTIL(interaction_is(&command, "completed"));
    finish(&session);
}

/* Neither the result nor a failure in its place: as when somebody changes the schema. */
static void an_end_that_the_database_refuses_is_written_later(void)
{
    struct id session, command;

    machine_open(&m, "alone");
    daemon_begin(&m);
    session = ready_session();
    tell("CREATE SEQUENCE refusals NOCACHE; "
         "CREATE TRIGGER refuse BEFORE UPDATE ON interactions FOR EACH ROW "
         "IF NEW.status IN ('completed','failed') THEN "
         "DO NEXTVAL(refusals); SIGNAL SQLSTATE '45000'; END IF");
    CU_ASSERT_EQUAL(2 * DB_POOL_TRIES, 10); /* the tries of a result and of a failure */
    command = start_command(&session, "echo said");
    UNTIL(answers("SELECT next_not_cached_value > 10 FROM refusals", NULL, "1"));
    tell("DROP TRIGGER refuse; DROP SEQUENCE refusals");
    UNTIL(interaction_is(&command, "failed"));
    close_session(&session);
    machine_is_clean(&m);
    machine_close(&m);
}

static void a_command_s_time_is_kept_from_outside(void)
{
    _cleanup_(free_ptr) char *begun = NULL;
    _cleanup_(free_ptr) char *text = NULL;
    struct id session, command;

    begin();
    session = ready_session();
    begun = scripted_path(m.host, "begun");
    text = xasprintf("touch %s; sleep 987", begun);
    command = start_command_within(&session, text, 5);
    UNTIL(scripted_has_file(m.host, "begun"));
    scripted_starve(m.host);
    UNTIL(interaction_is(&command, "completed"));
    CU_ASSERT_EQUAL(scripted_clears(m.host), 1);
    CU_ASSERT(
        answers("SELECT exit_code FROM interactions WHERE interaction_id=?", &command, "124"));
    CU_ASSERT_STRING_EQUAL(ask("SELECT message FROM interactions WHERE interaction_id=?", &command),
                           "timed out after 5 s");
    command = start_command(&session, "echo on");
    UNTIL(interaction_is(&command, "completed"));
    CU_ASSERT_STRING_EQUAL(out_of(&command), "on\n");
    finish(&session);
}

/* Nothing outside tells whose a process is, so the others of the container end as well. */
static void who_ends_with_a_late_command_is_told_why(void)
{
    static const char why[] =
        "killed together with another command of this session, which ran past "
        "its time limit and could not be ended alone; run it again";
    _cleanup_(free_ptr) char *late_begun = NULL, *late_text = NULL;
    _cleanup_(free_ptr) char *other_begun = NULL, *other_text = NULL;
    struct id session, neighbour, late, other, apart;

    begin();
    session = ready_session();
    neighbour = ready_session();
    late_begun = scripted_path(m.host, "late");
    other_begun = scripted_path(m.host, "other");
    late_text = xasprintf("touch %s; sleep 987", late_begun);
    other_text = xasprintf("touch %s; sleep 988", other_begun);
    late = start_command_within(&session, late_text, 5);
    other = start_command(&session, other_text);
    apart = start_command(&neighbour, "kill -9 $$");
    UNTIL(scripted_has_file(m.host, "late") && scripted_has_file(m.host, "other"));
    UNTIL(interaction_is(&apart, "completed"));
    scripted_starve(m.host);
    UNTIL(interaction_is(&late, "completed") && interaction_is(&other, "completed"));
    CU_ASSERT_EQUAL(scripted_clears(m.host), 1);
    CU_ASSERT(answers("SELECT exit_code FROM interactions WHERE interaction_id=?", &late, "124"));
    CU_ASSERT(answers("SELECT exit_code FROM interactions WHERE interaction_id=?", &other, "137"));
    CU_ASSERT_STRING_EQUAL(ask("SELECT message FROM interactions WHERE interaction_id=?", &other),
                           why);
    CU_ASSERT(
        answers("SELECT message IS NULL FROM interactions WHERE interaction_id=?", &apart, "1"));
    scripted_wake(m.host);
    close_session(&neighbour);
    finish(&session);
}

/* Whoever ended in time is not ended again, however late its daemon hears of it. */
static void a_daemon_that_slept_takes_nobody_for_late(void)
{
    _cleanup_(free_ptr) char *ended = NULL;
    _cleanup_(free_ptr) char *text = NULL;
    struct id session, command;
    int64_t slept;

    begin();
    session = ready_session();
    ended = scripted_path(m.host, "ended");
    text = xasprintf("touch %s", ended);
    command = start_command_within(&session, text, 5);
    UNTIL(scripted_has_file(m.host, "ended"));
    slept = clock_monotonic();
    STANDING_STILL_UNTIL(clock_monotonic() - slept > 8 * CLOCK_SECOND);
    UNTIL(interaction_is(&command, "completed"));
    CU_ASSERT_EQUAL(scripted_clears(m.host), 0);
    finish(&session);
}

static const struct unit_test tests[] = {
    {"a command's result is written", a_command_s_result_is_written},
    {"an upload of any size arrives", an_upload_of_any_size_arrives},
    {"a running command survives its daemon", a_running_command_survives_its_daemon},
    {"a command's time is kept from outside when its agent comes to nothing",
     a_command_s_time_is_kept_from_outside},
    {"who ends together with a late command is told why", who_ends_with_a_late_command_is_told_why},
    {"a daemon that slept takes nobody for late", a_daemon_that_slept_takes_nobody_for_late},
    {"an edit is done once, whatever dies", an_edit_is_done_once_whatever_dies},
    {"tries have an end", tries_have_an_end},
    {"closed while a command's claim is told: it ends", closed_while_a_claim_is_told},
    {"results wait in the agents for their turn", results_wait_in_the_agents_for_their_turn},
    {"a result larger than the budget goes through alone",
     a_result_larger_than_the_budget_goes_through},
    {"a session that ends gives its share of the budget back",
     a_session_that_ends_gives_its_share_back},
    {"one user's hundred are not before another's one",
     one_user_s_hundred_are_not_before_another_s_one},
    {"one user runs so many commands at once, and the rest wait",
     one_user_runs_so_many_commands_at_once},
    {"a daemon's restart lets nobody pass who waits",
     a_daemon_s_restart_lets_nobody_pass_who_waits},
    {"a session that ends takes its waiting commands along",
     a_session_that_ends_takes_its_waiting_commands_along},
    {"long commands that run are not kept in memory",
     long_commands_that_run_are_not_kept_in_memory},
    {"a command's text that did not arrive is sent again",
     a_text_that_did_not_arrive_is_sent_again},
    {"commands are not what a polite stop waits for",
     file_operations_are_brief_and_commands_are_not},
    {"an end that the database refuses is written later",
     an_end_that_the_database_refuses_is_written_later},
};

const struct suite suite_interactions = {tests, ARRAY_SIZE(tests)};
