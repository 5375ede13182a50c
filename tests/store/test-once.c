/*
 * Once: what is asked for again under the same id is there once, whatever broke in between; and the
 * table of Idempotency-Keys. Against a MariaDB of its own (tests/store/run).
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fixture.h"
#include "store/interactions.h"
#include "store/once.h"
#include "store/retention.h"
#include "store/verifications.h"

#include "base/banned.h"

static const struct run run = {
    {"01900000-0000-7000-8000-00000000000a"}, "node-a", "m-a", "boot", "local", "1", 60};

static int64_t number(const struct query *query, const struct id *id)
{
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(admin, query, &error, db_id(id));

    return rows && db_next(rows) ? db_row_int(rows, 0) : -1;
}

static struct id new_user(const char *name)
{
    struct id id = {""};

    OK(store_user_create(admin, name, "once@example.com", &id, &err));
    return id;
}

static struct id ready_session(const struct id *user)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = *user,
                                 .dataset = "d",
                                 .sample_id = "runnable",
                                 .ttl_minutes = 30,
                                 .open_max = 100};
    _cleanup_(session_work_release) struct session_work work = {0};
    struct id container_id = id_new();
    int64_t expires_at;

    OK(store_session_create(api, &wanted, &expires_at, &err));
    OK(store_session_claim(reaper, &run, &wanted.session_id, &container_id, 100, &work, &err));
    OK(store_session_ready(reaper, &run, &wanted.session_id, work.attempt, "cs-x", "unix:/x",
                           &err));
    return wanted.session_id;
}

/* --- the same id ----------------------------------------------------------------------------- */

static void a_session_that_is_created_again_is_one_session(void)
{
    static const struct query count = {"SELECT COUNT(*) FROM sessions WHERE user_id=?"};
    static const struct query counted = {"SELECT SUM(n_total) FROM session_counts WHERE user_id=?"};
    struct id user = new_user("sessions");
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = user,
                                 .dataset = "d",
                                 .sample_id = "runnable",
                                 .ttl_minutes = 30,
                                 .open_max = 1};
    int64_t first = 0, again = 0;
    double duration;
    bool changed;

    /* The first one is all that the limit allows. */
    OK(store_session_create(api, &wanted, &first, &err));
    OK(store_session_create(api, &wanted, &again, &err));
    CU_ASSERT_EQUAL(first, again);
    OK(store_session_close(api, &user, wanted.session_id.text, &duration, &changed, &err));
    OK(store_session_create(api, &wanted, &again, &err));
    CU_ASSERT_EQUAL(first, again);
    CU_ASSERT_EQUAL(number(&count, &user), 1);
    CU_ASSERT_EQUAL(number(&counted, &user), 1);
}

static struct new_interaction interaction_in(const struct id *session, const struct id *user,
                                             enum interaction_type type)
{
    static char text[] = "x";

    return (struct new_interaction){
        .interaction_id = id_new(),
        .user_id = *user,
        .session_id = session->text,
        .type = type,
        .command = {text, 1},
        .command_timeout = 1,
        .file_path = {text, 1},
        .content = {text, 1},
        .unfinished_max = 2,
    };
}

static void work_that_is_asked_for_again_is_there_once(void)
{
    static const struct query interactions = {
        "SELECT COUNT(*) FROM interactions WHERE session_id=?"};
    static const struct query contents = {
        "SELECT COUNT(*) FROM interaction_contents JOIN interactions USING (interaction_id) "
        "WHERE session_id=?"};
    static const struct query jobs = {"SELECT COUNT(*) FROM verifications WHERE session_id=?"};
    struct id user = new_user("work"), session = ready_session(&user), job = id_new();
    struct new_interaction exec = interaction_in(&session, &user, INTERACTION_EXEC);
    struct new_interaction upload = interaction_in(&session, &user, INTERACTION_UPLOAD);
    int64_t first = 0, again = 0;
    double duration;
    bool changed;

    for (int round = 0; round < 3; round++) {
        /* The last round finds the session closed, and answers as the first. */
        if (round == 2)
            OK(store_session_close(api, &user, session.text, &duration, &changed, &err));
        OK(store_interaction_create(api, &exec, &err));
        OK(store_interaction_create(api, &upload, &err));
        OK(store_verification_create(api, &job, &user, session.text, 1,
                                     round == 0 ? &first : &again, &err));
    }
    CU_ASSERT_EQUAL(first, again);
    CU_ASSERT_EQUAL(number(&interactions, &session), 2);
    CU_ASSERT_EQUAL(number(&contents, &session), 1);
    CU_ASSERT_EQUAL(number(&jobs, &session), 1);
}

static bool opens(const struct api_key_text *key)
{
    struct credential credential;
    struct caller caller;
    struct error err = ERROR_INIT;

    return credential_of_key(key->text, &credential) == 0 &&
           store_authenticate(api, &credential, &caller, &err) == 0;
}

static void a_key_whose_text_nobody_saw_gets_another_one(void)
{
    static const struct query count = {"SELECT COUNT(*) FROM api_keys WHERE user_id=?"};
    struct new_key wanted = {.key_id = id_new(), .user_id = new_user("keys"), .active_max = 1};
    struct api_key_text lost, shown, third;
    struct error refusal = ERROR_INIT;
    int64_t created_at;

    OK(store_key_create(api, &wanted, &lost, &created_at, &err));
    OK(store_key_create(api, &wanted, &shown, &created_at, &err));
    CU_ASSERT_EQUAL(number(&count, &wanted.user_id), 1);
    CU_ASSERT_FALSE(opens(&lost));
    CU_ASSERT_TRUE(opens(&shown));
    /* Somebody may have seen it: it stays. */
    wanted.repeatable = true;
    CU_ASSERT_EQUAL(store_key_create(api, &wanted, &third, &created_at, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "API_KEY_SHOWN_ONCE");
    CU_ASSERT_PTR_NOT_NULL(strstr(refusal.message, wanted.key_id.text));
    CU_ASSERT_TRUE(opens(&shown));
}

static void a_key_over_the_limit_leaves_nothing(void)
{
    static const struct query count = {"SELECT COUNT(*) FROM api_keys WHERE user_id=?"};
    struct new_key wanted = {.key_id = id_new(), .user_id = new_user("limit"), .active_max = 1};
    struct error refusal = ERROR_INIT;
    struct api_key_text key;
    int64_t created_at;

    OK(store_key_create(api, &wanted, &key, &created_at, &err));
    wanted.key_id = id_new();
    CU_ASSERT_EQUAL(store_key_create(api, &wanted, &key, &created_at, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "API_KEY_LIMIT");
    CU_ASSERT_EQUAL(number(&count, &wanted.user_id), 1);
}

/* --- a connection that breaks ---------------------------------------------------------------- */

struct plan {
    struct id user;
    int attempts;
    int breaks;   /* so many attempts end in a broken connection */
    bool is_sent; /* they break when it may have been made */
};

static void kill_connection_of(struct db *db)
{
    static const struct query which = {"SELECT CONNECTION_ID()"};
    static const struct query kill = {"KILL CONNECTION ?"};
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &which, NULL, 0, &error);

    CU_ASSERT_FATAL(rows != NULL && db_next(rows));
    OK(DB_RUN(admin, &kill, NULL, &err, db_int(db_row_int(rows, 0))));
}

static int attempt(struct db *db, void *arg, bool *maybe, struct error *err)
{
    static const struct query use = {
        "UPDATE users SET last_login_at=NOW(6) WHERE user_id=?"}; /* anything that writes */
    struct plan *plan = arg;

    if (plan->attempts++ < plan->breaks)
        kill_connection_of(db);
    *maybe = plan->is_sent;
    return DB_RUN(db, &use, NULL, err, db_id(&plan->user));
}

static void a_snapshot_outlives_a_connection_that_broke_before_it(void)
{
    static const struct query count = {"SELECT COUNT(*) FROM users"};
    _cleanup_(db_end_snapshot) struct db *snapshot = NULL;
    _cleanup_(db_rows_release) struct db_rows *before = NULL, *after = NULL;
    struct id another;

    OK(db_ping(api, &err));
    kill_connection_of(api);
    OK((snapshot = db_snapshot(api, &err)) ? 0 : -1);
    OK((before = db_select(snapshot, &count, NULL, 0, &err)) ? 0 : -1);
    OK(store_user_create(admin, "U", "snapshot@example.com", &another, &err));
    OK((after = db_select(snapshot, &count, NULL, 0, &err)) ? 0 : -1);
    CU_ASSERT(db_next(before) && db_next(after));
    CU_ASSERT_EQUAL(db_row_int(before, 0), db_row_int(after, 0));
}

static void a_write_that_may_have_been_made_is_made_again(void)
{
    struct plan plan = {.user = user_id, .breaks = 2, .is_sent = true};

    OK(store_once(api, attempt, &plan, &err));
    CU_ASSERT_EQUAL(plan.attempts, 3);
}

static void a_write_that_was_not_made_is_refused_at_once(void)
{
    struct plan plan = {.user = user_id, .breaks = 1};
    struct error refusal = ERROR_INIT;

    CU_ASSERT_EQUAL(store_once(api, attempt, &plan, &refusal), -1);
    CU_ASSERT_EQUAL(plan.attempts, 1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "DATABASE_UNAVAILABLE");
}

/* The connection stands when the server's place changes, and can't be made again. */
static void a_database_that_stays_away_leaves_the_outcome_unknown(void)
{
    static char nowhere[] = "/nonexistent/socket";
    struct database_settings moved = settings.database;
    struct plan plan = {.user = user_id, .breaks = 1, .is_sent = true};
    struct error refusal = ERROR_INIT;
    struct db *db = db_new(&moved, DB_API, &refusal);

    OK(db_ping(db, &err));
    moved.db_socket = nowhere;
    CU_ASSERT_EQUAL(store_once(db, attempt, &plan, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "OUTCOME_UNKNOWN");
    CU_ASSERT_EQUAL(refusal.kind, ERROR_CONFLICT);
    CU_ASSERT_EQUAL(plan.attempts, 1);
    db_free(db);
}

/* --- Idempotency-Key ------------------------------------------------------------------------- */

static struct idempotency request(const char *scope, const char *body, int64_t ms)
{
    struct idempotency idempotency = {.ms = ms};

    sha256(scope, strlen(scope), idempotency.scope);
    sha256(body, strlen(body), idempotency.body);
    memset(idempotency.seed, (int)(ms & 0xff), sizeof(idempotency.seed));
    return idempotency;
}

static void the_first_request_with_a_key_is_what_later_ones_are(void)
{
    struct idempotency first = request("one", "body", 1), again = request("one", "body", 2),
                       retried = request("one", "body", 1), other = request("two", "body", 3);
    bool replay = true;

    OK(store_idempotency_recall(api, &first, &replay, &err));
    CU_ASSERT_FALSE(replay);
    CU_ASSERT_EQUAL(first.ms, 1);
    OK(store_idempotency_recall(api, &again, &replay, &err));
    CU_ASSERT_TRUE(replay);
    CU_ASSERT_EQUAL(again.ms, 1);
    CU_ASSERT_EQUAL(memcmp(again.seed, first.seed, sizeof(again.seed)), 0);
    OK(store_idempotency_recall(api, &retried, &replay, &err)); /* by another worker */
    CU_ASSERT_FALSE(replay);
    OK(store_idempotency_recall(api, &other, &replay, &err));
    CU_ASSERT_FALSE(replay);
    CU_ASSERT_EQUAL(other.ms, 3);
}

static void another_body_is_refused(void)
{
    struct idempotency first = request("three", "body", 1), other = request("three", "other", 2);
    struct error refusal = ERROR_INIT;
    bool replay;

    OK(store_idempotency_recall(api, &first, &replay, &err));
    CU_ASSERT_EQUAL(store_idempotency_recall(api, &other, &replay, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "IDEMPOTENCY_KEY_REUSED");
    CU_ASSERT_EQUAL(refusal.kind, ERROR_CONFLICT);
}

static void age(const char *scope, int hours)
{
    static const struct query query = {"UPDATE idempotency_keys SET created_at=NOW(6) - INTERVAL ? "
                                       "HOUR WHERE scope_hash=?"};
    struct idempotency which = request(scope, "", 0);
    int64_t changed = 0;

    OK(DB_RUN(admin, &query, &changed, &err, db_int(hours),
              db_bytes(which.scope, sizeof(which.scope))));
    CU_ASSERT_EQUAL(changed, 1);
}

static void a_key_is_free_again_after_24_hours(void)
{
    struct idempotency first = request("four", "body", 1), kept = request("four", "body", 2),
                       later = request("four", "other", 3), again = request("four", "other", 4);
    bool replay;

    OK(store_idempotency_recall(api, &first, &replay, &err));
    age("four", 23);
    OK(store_idempotency_recall(api, &kept, &replay, &err));
    CU_ASSERT_TRUE(replay);
    age("four", 25);
    OK(store_idempotency_recall(api, &later, &replay, &err));
    CU_ASSERT_FALSE(replay);
    CU_ASSERT_EQUAL(later.ms, 3);
    OK(store_idempotency_recall(api, &again, &replay, &err)); /* kept from now on */
    CU_ASSERT_TRUE(replay);
    CU_ASSERT_EQUAL(again.ms, 3);
}

static int64_t keys_in_table(void)
{
    static const struct query count = {"SELECT COUNT(*) FROM idempotency_keys WHERE ? <> ''"};

    return number(&count, &user_id);
}

static void old_keys_are_pruned_in_small_steps(void)
{
    static const struct query lay = {
        "INSERT INTO idempotency_keys (scope_hash, body_hash, request_ms, request_seed, "
        "created_at) "
        "SELECT UNHEX(SHA2(seq, 256)), REPEAT('b', 32), 1, REPEAT('s', 16), "
        "NOW(6) - INTERVAL 25 HOUR FROM seq_1_to_10 WHERE ? <> ''"};
    const struct retention retention = {0};
    int64_t before = keys_in_table(), removed = 0;

    OK(DB_RUN(admin, &lay, NULL, &err, db_id(&user_id)));
    OK(store_prune(reaper, &retention, 4, &removed, &err));
    CU_ASSERT_EQUAL(removed, 4);
    CU_ASSERT_EQUAL(keys_in_table(), before + 6);
    for (int step = 0; step < 3; step++)
        OK(store_prune(reaper, &retention, 4, &removed, &err));
    CU_ASSERT_EQUAL(removed, 0);
    CU_ASSERT_EQUAL(keys_in_table(), before);
}

static int lay(struct error *err)
{
    return fixture_lay_samples(err) < 0 ? -1 : store_run_begin(reaper, &run, err);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a session that is created again is one session",
         a_session_that_is_created_again_is_one_session},
        {"work that is asked for again is there once", work_that_is_asked_for_again_is_there_once},
        {"a key whose text nobody saw gets another one",
         a_key_whose_text_nobody_saw_gets_another_one},
        {"a key over the limit leaves nothing", a_key_over_the_limit_leaves_nothing},
        {"a write that may have been made is made again",
         a_write_that_may_have_been_made_is_made_again},
        {"a snapshot outlives a connection that broke before it",
         a_snapshot_outlives_a_connection_that_broke_before_it},
        {"a write that was not made is refused at once",
         a_write_that_was_not_made_is_refused_at_once},
        {"a database that stays away leaves the outcome unknown",
         a_database_that_stays_away_leaves_the_outcome_unknown},
        {"the first request with a key is what later ones are",
         the_first_request_with_a_key_is_what_later_ones_are},
        {"another body is refused", another_body_is_refused},
        {"a key is free again after 24 hours", a_key_is_free_again_after_24_hours},
        {"old keys are pruned in small steps", old_keys_are_pruned_in_small_steps},
    };

    return fixture_main("once", tests, ARRAY_SIZE(tests), lay);
}
