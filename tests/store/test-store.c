/*
 * The store's promises that no single process can see from outside: claims fence, races are
 * decided once, money moves once. Against a MariaDB of its own (tests/store/run).
 */
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "fixture.h"
#include "store/identity.h"
#include "store/interactions.h"
#include "store/ledger.h"
#include "store/verifications.h"

#include "base/banned.h"

/* The one daemon of these tests; begun by main. */
static const struct run first = {
    {"01900000-0000-7000-8000-00000000000a"}, "node-a", "m-a", "boot", "local", "1", 60};

#define REFUSED(call, expected_kind)                                                               \
    do {                                                                                           \
        struct error err = ERROR_INIT;                                                             \
        CU_ASSERT_EQUAL_FATAL((call), -1);                                                         \
        CU_ASSERT_EQUAL(err.kind, (expected_kind));                                                \
    } while (0)

static void count_id(const struct id *id, void *arg)
{
    (void)id;
    ++*(int *)arg;
}

static struct id create_session(int64_t open_max)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = user_id,
                                 .dataset = "d",
                                 .sample_id = "runnable",
                                 .ttl_minutes = 30,
                                 .open_max = open_max};
    int64_t expires_at;

    OK(store_session_create(api, &wanted, &expires_at, &err));
    return wanted.session_id;
}

static struct id ready_session(const struct run *run)
{
    struct id id = create_session(100000);
    _cleanup_(session_work_release) struct session_work work = {0};

    struct id container_id = id_new();

    OK(store_session_claim(reaper, run, &id, &container_id, &work, &err));
    OK(store_session_ready(reaper, run, &id, work.attempt, "cs-x", "unix:/x", &err));
    return id;
}

static struct new_interaction exec_in(const struct id *session_id)
{
    static char command[] = {'a', '\0', 'b'};

    return (struct new_interaction){
        .interaction_id = id_new(),
        .user_id = user_id,
        .session_id = session_id->text,
        .type = INTERACTION_EXEC,
        .command = {command, sizeof(command)},
        .command_timeout = 5,
        .unfinished_max = 1,
    };
}

static void samples_decide_what_can_be_a_session(void)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = user_id,
                                 .dataset = "d",
                                 .sample_id = "readable",
                                 .ttl_minutes = 30,
                                 .open_max = 10};
    struct error err = ERROR_INIT;
    int64_t expires_at;

    CU_ASSERT_EQUAL(store_session_create(api, &wanted, &expires_at, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "SAMPLE_NOT_RUNNABLE");
    wanted.sample_id = "absent";
    CU_ASSERT_EQUAL(store_session_create(api, &wanted, &expires_at, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "SAMPLE_NOT_FOUND");
}

static void an_interaction_is_finished_by_its_claim_only(void)
{
    struct id session_id = ready_session(&first);
    struct new_interaction wanted = exec_in(&session_id);
    _cleanup_(interaction_work_release) struct interaction_work work = {0}, again = {0};
    _cleanup_(interaction_release) struct interaction read = {0};
    const struct interaction_result result = {.out = "x\0y",
                                              .out_length = 3,
                                              .err = "",
                                              .seconds = 0.5,
                                              .success = true,
                                              .size_bytes = -1};
    struct interaction_result other = result;

    other.out = "other";
    OK(store_interaction_create(api, &wanted, &err));
    OK(store_interaction_claim(reaper, &first, &wanted.interaction_id, &work, &err));
    CU_ASSERT_EQUAL(work.command.length, 3);
    CU_ASSERT_STRING_EQUAL(work.user_id.text, user_id.text);
    OK(store_interaction_claim(reaper, &first, &wanted.interaction_id, &again, &err));
    CU_ASSERT_EQUAL(again.attempt, 2);
    REFUSED(store_interaction_finish(reaper, &first, &wanted.interaction_id, work.attempt, &other,
                                     &err),
            ERROR_NOT_FOUND);
    OK(store_interaction_finish(reaper, &first, &wanted.interaction_id, again.attempt, &result,
                                &err));
    REFUSED(store_interaction_finish(reaper, &first, &wanted.interaction_id, again.attempt, &other,
                                     &err),
            ERROR_NOT_FOUND);
    OK(store_interaction_get(api, &user_id, session_id.text, wanted.interaction_id.text, &read,
                             &err));
    CU_ASSERT_TRUE(read.finished);
    CU_ASSERT_EQUAL(read.exit_code, 0);
    CU_ASSERT_EQUAL(read.out.length, 3);
    CU_ASSERT_EQUAL(memcmp(read.out.bytes, "x\0y", 3), 0);
    CU_ASSERT_STRING_EQUAL(read.err.bytes, "");
}

static void a_command_that_said_nothing_has_empty_outputs(void)
{
    struct id session_id = ready_session(&first);
    struct new_interaction wanted = exec_in(&session_id);
    const struct interaction_result silent = {.out = "", .err = "", .size_bytes = -1};
    _cleanup_(interaction_work_release) struct interaction_work work = {0};
    _cleanup_(interaction_release) struct interaction before = {0}, read = {0};

    OK(store_interaction_create(api, &wanted, &err));
    OK(store_interaction_claim(reaper, &first, &wanted.interaction_id, &work, &err));
    OK(store_interaction_get(api, &user_id, session_id.text, wanted.interaction_id.text, &before,
                             &err));
    CU_ASSERT_PTR_NULL(before.out.bytes);
    OK(store_interaction_finish(reaper, &first, &wanted.interaction_id, work.attempt, &silent,
                                &err));
    REFUSED(store_interaction_finish(reaper, &first, &wanted.interaction_id, work.attempt, &silent,
                                     &err),
            ERROR_NOT_FOUND);
    OK(store_interaction_get(api, &user_id, session_id.text, wanted.interaction_id.text, &read,
                             &err));
    CU_ASSERT_PTR_NOT_NULL_FATAL(read.out.bytes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(read.err.bytes);
    CU_ASSERT_EQUAL(read.out.length + read.err.length, 0);
}

static int64_t count_contents(void)
{
    static const struct query query = {"SELECT COUNT(*) FROM interaction_contents"};
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(admin, &query, NULL, 0, &error);

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_int(rows, 0);
}

static void an_uploads_bytes_are_read_apart_and_kept_until_its_end(void)
{
    static char bytes[200000];
    struct id session_id = ready_session(&first);
    struct new_interaction wanted = exec_in(&session_id);
    _cleanup_(interaction_work_release) struct interaction_work work = {0};
    _cleanup_(interaction_release) struct interaction read = {0};
    const struct interaction_result result = {.success = true, .size_bytes = -1};
    struct text content = {0};

    memset(bytes, '\xff', sizeof(bytes));
    wanted.type = INTERACTION_UPLOAD;
    wanted.command = (struct text){0};
    wanted.file_path = (struct text){(char[]){"/f"}, 2};
    wanted.content = (struct text){bytes, sizeof(bytes)};
    OK(store_interaction_create(api, &wanted, &err));
    OK(store_interaction_claim(reaper, &first, &wanted.interaction_id, &work, &err));
    CU_ASSERT_EQUAL(work.content_bytes, sizeof(bytes));
    OK(store_interaction_content(reaper, &wanted.interaction_id, &content, &err));
    CU_ASSERT_EQUAL_FATAL(content.length, sizeof(bytes));
    CU_ASSERT_EQUAL(memcmp(content.bytes, bytes, sizeof(bytes)), 0);
    free(content.bytes);
    CU_ASSERT_EQUAL(count_contents(), 1);
    OK(store_interaction_finish(reaper, &first, &wanted.interaction_id, work.attempt, &result,
                                &err));
    CU_ASSERT_EQUAL(count_contents(), 0);
    REFUSED(store_interaction_content(reaper, &wanted.interaction_id, &content, &err),
            ERROR_NOT_FOUND);
    OK(store_interaction_get(api, &user_id, session_id.text, wanted.interaction_id.text, &read,
                             &err));
    CU_ASSERT_EQUAL(read.size_bytes, sizeof(bytes));
}

static void limits_are_named(void)
{
    struct id session_id = ready_session(&first);
    struct new_interaction wanted = exec_in(&session_id);
    struct error refusal = ERROR_INIT;

    OK(store_interaction_create(api, &wanted, &err));
    wanted.interaction_id = id_new();
    CU_ASSERT_EQUAL(store_interaction_create(api, &wanted, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "INTERACTION_LIMIT");
}

static void a_closed_session_leaves_nothing_unfinished(void)
{
    struct id session_id = ready_session(&first);
    struct new_interaction wanted = exec_in(&session_id);
    struct id job_id = id_new();
    _cleanup_(interaction_release) struct interaction read = {0};
    _cleanup_(verification_release) struct verification job = {0};
    _cleanup_(verification_work_release) struct verification_work work = {0};
    int64_t created_at;
    double duration, again;
    bool changed;
    int settled = 0;

    OK(store_interaction_create(api, &wanted, &err));
    OK(store_verification_create(api, &job_id, &user_id, session_id.text, 1, &created_at, &err));
    OK(store_verification_claim(reaper, &first, &job_id, 100, &work, &err));
    OK(store_session_close(api, &user_id, session_id.text, &duration, &changed, &err));
    CU_ASSERT_TRUE(changed);
    OK(store_session_close(api, &user_id, session_id.text, &again, &changed, &err));
    CU_ASSERT_FALSE(changed);
    CU_ASSERT_EQUAL(duration, again);
    OK(store_session_settle(reaper, &session_id, count_id, &settled, &err));
    CU_ASSERT_EQUAL(settled, 2);
    OK(store_interaction_get(api, &user_id, session_id.text, wanted.interaction_id.text, &read,
                             &err));
    CU_ASSERT_EQUAL(read.exit_code, EXIT_CODE_PLATFORM);
    OK(store_verification_get(api, &user_id, session_id.text, job_id.text, &job, &err));
    CU_ASSERT_EQUAL(job.status, JOB_CANCELLED);
    REFUSED(store_verification_finish(reaper, &first, &job_id, work.attempt, "{}", 2, true, NULL,
                                      NULL, &err),
            ERROR_NOT_FOUND);
}

static void what_never_became_ready_ends_in_error(void)
{
    struct id id = create_session(100000), container_id = id_new();
    _cleanup_(session_work_release) struct session_work work = {0};
    _cleanup_(session_release) struct session session = {0};

    OK(store_session_claim(reaper, &first, &id, &container_id, &work, &err));
    OK(store_session_end(reaper, &first, &id, work.attempt, SESSION_TERMINATED, "NO_CREDIT", "late",
                         &err));
    OK(store_session_get(api, &user_id, id.text, &session, &err));
    CU_ASSERT_EQUAL(session.status, SESSION_ERROR);
    CU_ASSERT_STRING_EQUAL(session.error_code, "NO_CREDIT");
    REFUSED(store_session_end(reaper, &first, &id, work.attempt, SESSION_ERROR, "X", "x", &err),
            ERROR_NOT_FOUND);
}

static void others_see_nothing(void)
{
    struct id session_id = ready_session(&first);
    struct id stranger = id_new();
    struct session session;
    double duration;
    bool changed;

    REFUSED(store_session_get(api, &stranger, session_id.text, &session, &err), ERROR_NOT_FOUND);
    REFUSED(store_session_close(api, &stranger, session_id.text, &duration, &changed, &err),
            ERROR_NOT_FOUND);
}

static void kill_connection(int64_t connection_id)
{
    char script[64];
    int length = snprintf(script, sizeof(script), "KILL %lld", (long long)connection_id);

    OK(db_run_script(admin, script, (size_t)length, &err));
}

static void rows_outlive_the_connection_that_brought_them(void)
{
    static const struct query select_some = {
        "SELECT CONNECTION_ID(), name, created_at FROM datasets"};
    static const struct query write = {"UPDATE users SET last_login_at=NOW(6) WHERE user_id=?"};
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(api, &select_some, NULL, 0, &error);

    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    CU_ASSERT_TRUE_FATAL(db_next(rows));
    kill_connection(db_row_int(rows, 0));
    CU_ASSERT_EQUAL(DB_RUN(api, &write, NULL, &error, db_id(&user_id)), -1);
    CU_ASSERT_EQUAL(error.kind, ERROR_UNAVAILABLE);
    CU_ASSERT_TRUE(db_lost(api));
    CU_ASSERT_STRING_EQUAL(db_row_text(rows, 1), "d");
    CU_ASSERT_TRUE(db_row_time(rows, 2) > 0);
    CU_ASSERT_FALSE(db_next(rows));
    OK(DB_RUN(api, &write, NULL, &err, db_id(&user_id)));
}

static void names_with_blanks_are_other_names(void)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = user_id,
                                 .dataset = "d",
                                 .sample_id = "runnable ",
                                 .ttl_minutes = 30,
                                 .open_max = 10};
    struct error refusal = ERROR_INIT;
    int64_t expires_at;

    CU_ASSERT_EQUAL(store_session_create(api, &wanted, &expires_at, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "SAMPLE_NOT_FOUND");
}

/* --- races ----------------------------------------------------------------------------------- */

#define RACERS 8

struct race {
    void (*run)(struct db *db, int *ret_successes);
    int successes;
};

static void *race_thread(void *arg)
{
    struct race *race = arg;
    struct error err = ERROR_INIT;
    struct db *db;

    db_thread_begin();
    db = db_new(&settings.database, DB_API, &err);
    if (db)
        race->run(db, &race->successes);
    db_free(db);
    db_thread_end();
    return NULL;
}

static int run_race(void (*run)(struct db *db, int *ret_successes))
{
    struct race races[RACERS] = {0};
    pthread_t threads[RACERS];
    int successes = 0;

    for (int i = 0; i < RACERS; i++) {
        races[i].run = run;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, race_thread, &races[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        successes += races[i].successes;
    }
    return successes;
}

static struct id racing_user;

static void sign_in_once(struct db *db, int *ret_successes)
{
    const struct sign_in sign_in = {"4711", "octo", "Octo", "octo@example.com", 500, 0};
    struct error err = ERROR_INIT;
    bool is_new = false;

    if (store_sign_in(db, &sign_in, &racing_user, &is_new, &err) < 0)
        fprintf(stderr, "sign-in: %s\n", err.message);
    else if (is_new)
        ++*ret_successes;
}

static int64_t read_number(const struct query *query)
{
    struct error err = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(admin, query, &err, db_id(&racing_user));

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_int(rows, 0);
}

static void racing_sign_ins_make_one_user_and_one_credit(void)
{
    static const struct query balance = {"SELECT balance_cents FROM balances WHERE user_id=?"};
    static const struct query entries = {
        "SELECT COUNT(*) FROM ledger_entries JOIN ledger_transactions USING (transaction_id) "
        "WHERE user_id=?"};
    static const struct query sum = {
        "SELECT SUM(e.amount_cents) FROM ledger_entries e JOIN ledger_transactions "
        "USING (transaction_id) WHERE user_id=?"};

    CU_ASSERT_EQUAL(run_race(sign_in_once), 1);
    CU_ASSERT_EQUAL(read_number(&balance), 500);
    CU_ASSERT_EQUAL(read_number(&entries), 2);
    CU_ASSERT_EQUAL(read_number(&sum), 0);
}

static void create_within_limit(struct db *db, int *ret_successes)
{
    for (int i = 0; i < 4; i++) {
        struct new_session wanted = {.session_id = id_new(),
                                     .user_id = racing_user,
                                     .dataset = "d",
                                     .sample_id = "runnable",
                                     .ttl_minutes = 30,
                                     .open_max = 5};
        struct error err = ERROR_INIT;
        int64_t expires_at;

        *ret_successes += store_session_create(db, &wanted, &expires_at, &err) == 0;
    }
}

static void racing_creations_keep_the_limit(void)
{
    CU_ASSERT_EQUAL(run_race(create_within_limit), 5);
}

static void create_keys(struct db *db, int *ret_successes)
{
    for (int i = 0; i < 4; i++) {
        struct error err = ERROR_INIT;
        struct api_key_text key;
        struct id key_id;

        *ret_successes += store_key_create(db, &racing_user, NULL, 0, 3, &key_id, &key, &err) == 0;
    }
}

static void racing_key_creations_keep_the_limit(void)
{
    CU_ASSERT_EQUAL(run_race(create_keys), 3);
}

static struct id racing_session;

static void start_interactions(struct db *db, int *ret_successes)
{
    for (int i = 0; i < 8; i++) {
        struct new_interaction wanted = exec_in(&racing_session);
        struct error err = ERROR_INIT;

        wanted.unfinished_max = 16;
        *ret_successes += store_interaction_create(db, &wanted, &err) == 0;
    }
}

static void start_verifications(struct db *db, int *ret_successes)
{
    for (int i = 0; i < 8; i++) {
        struct id job_id = id_new();
        struct error err = ERROR_INIT;
        int64_t created_at;

        *ret_successes += store_verification_create(db, &job_id, &user_id, racing_session.text, 2,
                                                    &created_at, &err) == 0;
    }
}

static void racing_requests_keep_the_limits_of_a_session(void)
{
    for (int round = 0; round < 20; round++) {
        racing_session = ready_session(&first);
        CU_ASSERT_EQUAL(run_race(start_interactions), 16);
        CU_ASSERT_EQUAL(run_race(start_verifications), 2);
    }
}

static void a_repeated_event_moves_no_money(void)
{
    struct ledger_movement movement = {
        .event_key = "test:1",
        .kind = LEDGER_SESSION_USAGE,
        .user_id = racing_user,
        .amount_cents = -120,
        .description = "Session",
    };
    static const struct query balance = {"SELECT balance_cents FROM balances WHERE user_id=?"};
    static const struct query spent = {"SELECT total_spent_cents FROM balances WHERE user_id=?"};
    bool moved;

    for (int round = 0; round < 2; round++) {
        OK(db_begin(api, &err));
        OK(store_ledger_move(api, &movement, &moved, &err));
        CU_ASSERT_EQUAL(moved, round == 0);
        OK(db_commit(api, &err));
    }
    CU_ASSERT_EQUAL(read_number(&balance), 380);
    CU_ASSERT_EQUAL(read_number(&spent), 120);
}

static void refresh_tokens_end_when_revoked(void)
{
    struct id jti = id_new();

    OK(store_refresh_token_add(api, &jti, &racing_user, INT64_C(4000000000000000), &err));
    OK(store_refresh_token_check(api, &jti, &racing_user, &err));
    REFUSED(store_refresh_token_check(api, &jti, &user_id, &err), ERROR_NOT_FOUND);
    OK(store_refresh_tokens_revoke(admin, &racing_user, NULL, &err));
    REFUSED(store_refresh_token_check(api, &jti, &racing_user, &err), ERROR_NOT_FOUND);
}

/* --- the connection -------------------------------------------------------------------------- */

static void a_connection_prepares_as_many_statements_as_it_takes(void)
{
    static struct query queries[300];

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
            struct error error = ERROR_INIT;

            queries[i].sql = "SELECT ?";
            db_rows_free(DB_SELECT(api, &queries[i], &error, db_int(1)));
            CU_ASSERT_STRING_EQUAL(error.message, "");
        }
    }
}

static int lay(struct error *err)
{
    return fixture_lay_samples(err) < 0 ? -1 : store_run_begin(reaper, &first, err);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"samples decide what can be a session", samples_decide_what_can_be_a_session},
        {"an interaction is finished by its claim only",
         an_interaction_is_finished_by_its_claim_only},
        {"a command that said nothing has empty outputs",
         a_command_that_said_nothing_has_empty_outputs},
        {"an upload's bytes are read apart, and kept until its end",
         an_uploads_bytes_are_read_apart_and_kept_until_its_end},
        {"limits are named", limits_are_named},
        {"a closed session leaves nothing unfinished", a_closed_session_leaves_nothing_unfinished},
        {"what never became ready ends in error", what_never_became_ready_ends_in_error},
        {"others see nothing", others_see_nothing},
        {"rows outlive the connection that brought them",
         rows_outlive_the_connection_that_brought_them},
        {"names with blanks at their end are other names", names_with_blanks_are_other_names},
        {"racing sign-ins make one user and one credit",
         racing_sign_ins_make_one_user_and_one_credit},
        {"racing creations keep the limit", racing_creations_keep_the_limit},
        {"racing key creations keep the limit", racing_key_creations_keep_the_limit},
        {"racing requests keep the limits of a session",
         racing_requests_keep_the_limits_of_a_session},
        {"a repeated event moves no money", a_repeated_event_moves_no_money},
        {"refresh tokens end when revoked", refresh_tokens_end_when_revoked},
        {"a connection prepares as many statements as it takes",
         a_connection_prepares_as_many_statements_as_it_takes},
    };

    return fixture_main("store", tests, ARRAY_SIZE(tests), lay);
}
