/*
 * Lists of sessions by number, whatever was pruned among them; and what is pruned when. Against a
 * MariaDB of its own (tests/store/run).
 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "fixture.h"
#include "store/containers.h"
#include "store/identity.h"
#include "store/interactions.h"
#include "store/retention.h"
#include "store/sessions.h"
#include "store/verifications.h"

#include "base/banned.h"

static struct id lister; /* a user with thousands of sessions */

static int64_t number(struct db *db, const struct query *query, const struct id *id)
{
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, query, &error, db_id(id));

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_int(rows, 0);
}

/* --- lists ----------------------------------------------------------------------------------- */

/* A page's ids, in a row. */
static void add_session(const struct session *session, void *arg)
{
    buf_add_str(arg, session->session_id.text);
}

static void add_id(const struct id *id, void *arg)
{
    buf_add_str(arg, id->text);
}

/* Compares a page with what counting and sorting all rows gives. */
static void check_page(int status, int64_t offset, int64_t limit)
{
    static const struct query all = {
        "SELECT session_id FROM sessions WHERE user_id = ? AND (? IS NULL OR status = ?) "
        "ORDER BY user_seq DESC LIMIT ? OFFSET ?"};
    static const struct query count = {
        "SELECT COUNT(*) FROM sessions WHERE user_id = ? AND (? IS NULL OR status = ?)"};
    struct db_value word =
        db_text(status < 0 ? NULL : session_status_name((enum session_status)status));
    struct error error = ERROR_INIT;
    _cleanup_(buf_release) struct buf page = BUF_INIT;
    _cleanup_(buf_release) struct buf expected = BUF_INIT;
    _cleanup_(db_rows_release) struct db_rows *total =
        DB_SELECT(admin, &count, &error, db_id(&lister), word, word);
    struct db_rows *rows =
        DB_SELECT(admin, &all, &error, db_id(&lister), word, word, db_int(limit), db_int(offset));
    int64_t told;

    CU_ASSERT_FATAL(rows && total && db_next(total));
    db_each_id(rows, add_id, &expected);
    OK(store_session_list(api, &lister, status, offset, limit, add_session, &page, &told, &err));
    if (told != db_row_int(total, 0) || page.length != expected.length)
        fprintf(stderr, "status %d offset %" PRId64 " limit %" PRId64 "\n", status, offset, limit);
    CU_ASSERT_EQUAL(told, db_row_int(total, 0));
    CU_ASSERT_EQUAL_FATAL(page.length, expected.length);
    CU_ASSERT_TRUE(page.length == 0 || memcmp(page.data, expected.data, page.length) == 0);
}

static void check_pages(void)
{
    static const int64_t offsets[] = {0, 1, 99, 500, 999, 1000, 1001, 1999, 2500, 3499, 3500, 9999};

    for (int status = -1; status <= SESSION_TERMINATED; status++) {
        for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
            check_page(status, offsets[i], 1);
            check_page(status, offsets[i], 100);
            check_page(status, offsets[i], 1000);
        }
    }
}

static void pages_are_those_that_counting_gives(void)
{
    check_pages();
}

static void gaps_of_pruned_sessions_change_nothing(void)
{
    static const struct query gap = {
        "DELETE FROM sessions WHERE user_id = ? AND status <> 'ready' AND "
        "(user_seq BETWEEN 1000 AND 1999 OR user_seq % 7 = 3)"};

    OK(DB_RUN(admin, &gap, NULL, &err, db_id(&lister)));
    check_pages();
}

static void numbers_follow_creation_and_ends_are_counted(void)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = lister,
                                 .dataset = "d",
                                 .sample_id = "runnable",
                                 .ttl_minutes = 30,
                                 .open_max = 100000};
    static const struct query newest = {
        "SELECT user_seq = (SELECT MAX(user_seq) FROM sessions o WHERE o.user_id = s.user_id) "
        "FROM sessions s WHERE session_id = ?"};
    int64_t expires_at;
    double duration;
    bool changed;

    OK(store_session_create(api, &wanted, &expires_at, &err));
    CU_ASSERT_EQUAL(number(admin, &newest, &wanted.session_id), 1);
    check_page(-1, 0, 3);
    check_page(SESSION_CREATING, 0, 3);
    OK(store_session_close(api, &lister, wanted.session_id.text, &duration, &changed, &err));
    check_page(SESSION_CREATING, 0, 3);
    check_page(SESSION_CLOSED, 0, 3);
}

static void an_operator_sees_all(void)
{
    static const struct query all = {"SELECT COUNT(*) FROM sessions WHERE session_id <> ?"};
    _cleanup_(buf_release) struct buf page = BUF_INIT;
    struct id nobody = id_new();
    int64_t total;

    OK(store_session_list(admin, NULL, -1, 0, 5, add_session, &page, &total, &err));
    CU_ASSERT_EQUAL(page.length, 5 * (size_t)ID_LENGTH);
    CU_ASSERT_EQUAL(total, number(admin, &all, &nobody));
}

/* --- retention ------------------------------------------------------------------------------- */

static struct run run = {{"01900000-0000-7000-8000-00000000000a"}, "a", "m", "b", "l", "1", 60};

static struct id ready_session(void)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = user_id,
                                 .dataset = "d",
                                 .sample_id = "runnable",
                                 .ttl_minutes = 30,
                                 .open_max = 100000};
    _cleanup_(session_work_release) struct session_work work = {0};
    struct id container_id = id_new();
    int64_t expires_at;

    OK(store_session_create(api, &wanted, &expires_at, &err));
    OK(store_session_claim(reaper, &run, &wanted.session_id, &container_id, 1000, &work, &err));
    OK(store_session_ready(reaper, &run, &wanted.session_id, work.attempt, "cs", "unix:/", &err));
    return wanted.session_id;
}

static struct id finished_command(const struct id *session_id, const char *message)
{
    struct new_interaction wanted = {
        .interaction_id = id_new(),
        .user_id = user_id,
        .session_id = session_id->text,
        .type = INTERACTION_EXEC,
        .command = {(char[]){"x"}, 1},
        .command_timeout = 5,
        .unfinished_max = 1000,
    };
    const struct interaction_result result = {.out = "said",
                                              .out_length = 4,
                                              .err = "",
                                              .success = true,
                                              .message = message,
                                              .size_bytes = -1};
    _cleanup_(interaction_work_release) struct interaction_work work = {0};

    OK(store_interaction_create(api, &wanted, &err));
    OK(store_interaction_claim(reaper, &run, &wanted.interaction_id, &work, &err));
    OK(store_interaction_finish(reaper, &run, &wanted.interaction_id, work.attempt, &result, &err));
    return wanted.interaction_id;
}

static struct interaction shown(const struct id *session_id, const struct id *interaction_id)
{
    struct interaction interaction = {0};

    OK(store_interaction_get(api, &user_id, session_id->text, interaction_id->text, &interaction,
                             &err));
    return interaction;
}

static void end_days_ago(const struct id *session_id, int64_t days)
{
    static const struct query age = {
        "UPDATE sessions SET ended_at = NOW(6) - INTERVAL ? DAY WHERE session_id = ?"};
    double duration;
    bool changed;

    OK(store_session_close(api, &user_id, session_id->text, &duration, &changed, &err));
    OK(DB_RUN(admin, &age, NULL, &err, db_int(days), db_id(session_id)));
}

/* Steps until there is nothing left to do; no step takes more than its limit of each kind. */
static int prune(const struct retention *retention, int64_t limit)
{
    int64_t removed = 1;
    int steps = 0;

    while (removed > 0) {
        OK(store_prune(reaper, retention, limit, &removed, &err));
        CU_ASSERT_TRUE(removed <= 10 * limit);
        steps++;
    }
    return steps;
}

static void old_outputs_go_and_their_interactions_say_so(void)
{
    const struct retention retention = {.outputs_days = 30};
    struct id old = ready_session(), young = ready_session(), open = ready_session();
    struct id ids[8], of_young = finished_command(&young, NULL),
                      of_open = finished_command(&open, NULL);
    _cleanup_(interaction_release) struct interaction first = {0}, last = {0}, kept = {0},
                                                      current = {0};

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        ids[i] = finished_command(&old, i == 0 ? "timed out after 5 s" : NULL);
    end_days_ago(&old, 31);
    end_days_ago(&young, 29);
    CU_ASSERT_TRUE(prune(&retention, 3) > 3); /* in steps */
    first = shown(&old, &ids[0]);
    last = shown(&old, &ids[7]);
    CU_ASSERT_EQUAL(first.out.length, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first.out.bytes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first.err.bytes);
    CU_ASSERT_PTR_NOT_NULL(strstr(first.message, "timed out after 5 s"));
    CU_ASSERT_PTR_NOT_NULL(strstr(first.message, "deleted"));
    CU_ASSERT_PTR_NOT_NULL(strstr(last.message, "deleted"));
    CU_ASSERT_EQUAL(last.exit_code, 0);
    kept = shown(&young, &of_young);
    CU_ASSERT_STRING_EQUAL(kept.out.bytes, "said");
    current = shown(&open, &of_open);
    CU_ASSERT_STRING_EQUAL(current.out.bytes, "said");
}

static int64_t bytes_of_outputs(const struct id *session)
{
    static const struct query sum = {
        "SELECT IFNULL(SUM(OCTET_LENGTH(x.stdout)), 0) FROM interactions i "
        "JOIN interaction_outputs x USING (interaction_id) WHERE i.session_id = ?"};

    return number(admin, &sum, session);
}

/* Twenty outputs of 2 MiB: no step may take them all, though they are few rows. */
static void large_outputs_go_in_steps_of_so_many_bytes(void)
{
    static const struct query fill = {
        "UPDATE interactions i JOIN interaction_outputs x USING (interaction_id) "
        "SET x.stdout = REPEAT('x', 2097152) WHERE i.session_id = ?"};
    const struct retention retentions[] = {{.outputs_days = 30}, {.sessions_days = 30}};

    for (size_t i = 0; i < ARRAY_SIZE(retentions); i++) {
        struct id old = ready_session();
        int64_t left, removed = 1, before;
        int steps = 0;

        for (int k = 0; k < 20; k++)
            finished_command(&old, NULL);
        OK(DB_RUN(admin, &fill, NULL, &err, db_id(&old)));
        end_days_ago(&old, 31);
        for (left = bytes_of_outputs(&old); removed > 0; steps++) {
            before = left;
            OK(store_prune(reaper, &retentions[i], 200, &removed, &err));
            left = bytes_of_outputs(&old);
            CU_ASSERT_TRUE(before - left <= 18 << 20);
        }
        CU_ASSERT_EQUAL(left, 0);
        CU_ASSERT_TRUE(steps >= 3);
    }
}

static void changes_go_after_their_days_and_with_their_verification(void)
{
    static const struct query lay = {
        "INSERT INTO verifications (job_id, session_id, status, created_at, completed_at) "
        "SELECT UUID(), ?, 'completed', NOW(6), NOW(6) FROM seq_1_to_5"};
    static const struct query keep = {
        "INSERT INTO verification_changes (job_id, created_at, bytes, stored_bytes, archive) "
        "SELECT job_id, NOW(6) - INTERVAL ROW_NUMBER() OVER () * 2 DAY, 9, 8388608, 'x' "
        "FROM verifications WHERE session_id = ?"};
    static const struct query kept = {"SELECT COUNT(*) FROM verification_changes JOIN "
                                      "verifications USING (job_id) WHERE session_id = ?"};
    static const struct query delete_jobs = {"DELETE FROM verifications WHERE session_id = ?"};
    struct retention retention = {.changes_days = 7};
    struct id session = ready_session();
    int64_t removed;

    OK(DB_RUN(admin, &lay, NULL, &err, db_id(&session)));
    OK(DB_RUN(admin, &keep, NULL, &err, db_id(&session)));
    prune(&retention, 200);
    CU_ASSERT_EQUAL(number(admin, &kept, &session), 3); /* 2, 4 and 6 days old */
    retention.changes_days = 1;
    OK(store_prune(reaper, &retention, 200, &removed, &err));
    CU_ASSERT_EQUAL(number(admin, &kept, &session), 1); /* a step is 16 MiB */
    OK(DB_RUN(admin, &delete_jobs, NULL, &err, db_id(&session)));
    CU_ASSERT_EQUAL(number(admin, &kept, &session), 0);
}

static void large_results_go_in_steps_of_so_many_bytes(void)
{
    static const struct query lay = {
        "INSERT INTO verifications (job_id, session_id, status, created_at, completed_at, result) "
        "SELECT UUID(), ?, 'completed', NOW(6) - INTERVAL 9 DAY, NOW(6) - INTERVAL 8 DAY, "
        "REPEAT('x', 8388608) FROM seq_1_to_5"};
    static const struct query jobs = {"SELECT COUNT(*) FROM verifications WHERE session_id = ?"};
    const struct retention retention = {.verifications_days = 7};
    struct id session = ready_session();
    int64_t removed;

    OK(DB_RUN(admin, &lay, NULL, &err, db_id(&session)));
    OK(store_prune(reaper, &retention, 200, &removed, &err));
    CU_ASSERT_EQUAL(number(admin, &jobs, &session), 3);
    prune(&retention, 200);
    CU_ASSERT_EQUAL(number(admin, &jobs, &session), 0);
}

static void outputs_of_verifiers_go_with_their_sessions_outputs(void)
{
    static const struct query lay = {
        "INSERT INTO verifier_runs (job_id, exit_status, reason, stdout, stderr) "
        "VALUES (?, 1, 'why', 'said', 'told')"};
    static const struct query emptied = {
        "SELECT COUNT(*) FROM verifier_runs WHERE job_id = ? AND stdout IS NULL AND "
        "stderr IS NULL AND reason = 'why'"};
    const struct retention retention = {.outputs_days = 30};
    struct id old = ready_session(), young = ready_session(), jobs[] = {id_new(), id_new()};
    int64_t created_at;

    OK(store_verification_create(api, &jobs[0], &user_id, old.text, 9, &created_at, &err));
    OK(store_verification_create(api, &jobs[1], &user_id, young.text, 9, &created_at, &err));
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        OK(DB_RUN(admin, &lay, NULL, &err, db_id(&jobs[i])));
    end_days_ago(&old, 31);
    end_days_ago(&young, 29);
    prune(&retention, 3);
    CU_ASSERT_EQUAL(number(admin, &emptied, &jobs[0]), 1);
    CU_ASSERT_EQUAL(number(admin, &emptied, &jobs[1]), 0);
}

static void old_sessions_go_with_all_that_is_theirs(void)
{
    static const struct query outputs = {
        "SELECT COUNT(*) FROM interaction_outputs WHERE interaction_id = ?"};
    const struct retention retention = {.sessions_days = 60};
    struct id old = ready_session(), young = ready_session(), job = id_new();
    struct id interaction = finished_command(&old, NULL);
    struct session session;
    struct error gone = ERROR_INIT;
    int64_t created_at;

    OK(store_verification_create(api, &job, &user_id, old.text, 9, &created_at, &err));
    for (int i = 0; i < 5; i++)
        finished_command(&old, NULL);
    end_days_ago(&old, 61);
    end_days_ago(&young, 59);
    prune(&retention, 2);
    CU_ASSERT_EQUAL(store_session_get(api, &user_id, old.text, &session, &gone), -1);
    CU_ASSERT_EQUAL(gone.kind, ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(number(admin, &outputs, &interaction), 0);
    OK(store_session_get(api, &user_id, young.text, &session, &err));
    session_release(&session);
}

static void old_jobs_tokens_containers_and_runs_go(void)
{
    static const struct query jobs = {"SELECT COUNT(*) FROM verifications WHERE job_id = ?"};
    static const struct query tokens = {"SELECT COUNT(*) FROM refresh_tokens WHERE jti = ?"};
    static const struct query runs = {
        "SELECT COUNT(*) FROM runs WHERE node = 'old' AND run_id <> ?"};
    static const struct query containers = {
        "SELECT COUNT(*) FROM containers WHERE container_id = ?"};
    static const struct query lay = {
        "INSERT INTO verifications (job_id, session_id, status, created_at, completed_at) VALUES "
        "(?, ?, 'completed', NOW(6) - INTERVAL 9 DAY, NOW(6) - INTERVAL 8 DAY)"};
    static const struct query lay_containers = {
        "INSERT INTO containers (container_id, node, kind, work_id, state, gone_at) VALUES "
        "(?, 'a', 'session', ?, 'gone', NOW(6) - INTERVAL 31 DAY)"};
    static const struct query lay_runs = {
        "INSERT INTO runs (run_id, node, machine_id, boot_id, location, version, heartbeat_at, "
        "ended_at) SELECT UUID(), 'old', '', '', '', '', NOW(6) - INTERVAL 40 + seq DAY, "
        "NOW(6) - INTERVAL 40 DAY FROM seq_1_to_3 WHERE ? <> ''"};
    const struct retention retention = {.verifications_days = 7, .tokens_days = 30};
    struct id session = ready_session(), job = id_new(), jti = id_new(), fresh = id_new(),
              container = id_new();
    int64_t expired = clock_now() - INT64_C(31) * 24 * 3600 * CLOCK_SECOND;

    OK(DB_RUN(admin, &lay, NULL, &err, db_id(&job), db_id(&session)));
    OK(DB_RUN(admin, &lay_containers, NULL, &err, db_id(&container), db_id(&session)));
    OK(DB_RUN(admin, &lay_runs, NULL, &err, db_id(&session)));
    OK(store_refresh_token_add(api, &jti, &user_id, expired, &err));
    OK(store_refresh_token_add(api, &fresh, &user_id, clock_now(), &err));
    prune(&retention, 2);
    CU_ASSERT_EQUAL(number(admin, &jobs, &job), 0);
    CU_ASSERT_EQUAL(number(admin, &tokens, &jti), 0);
    CU_ASSERT_EQUAL(number(admin, &tokens, &fresh), 1);
    CU_ASSERT_EQUAL(number(admin, &containers, &container), 0);
    CU_ASSERT_EQUAL(number(admin, &runs, &session), 1); /* tells when the node was heard of */
}

static void events_of_stripe_go_when_they_were_settled_and_never_before(void)
{
    static const struct query lay = {
        "INSERT INTO stripe_events (row_id, event_id, type, created_at, payload, state, "
        "received_at, settled_at) SELECT UUID(), CONCAT(ELT(seq, 'due', 'applied', 'ignored', "
        "'quarantined', 'dismissed'), ?), 't', NOW(6), '', ELT(seq, 'due', 'applied', 'ignored', "
        "'quarantined', 'dismissed'), NOW(6) - INTERVAL ? DAY, "
        "IF(seq=1, NULL, NOW(6) - INTERVAL ? DAY) FROM seq_1_to_5"};
    static const struct query all = {
        "SELECT COUNT(*) FROM stripe_events WHERE event_id LIKE CONCAT('%', ?)"};
    static const struct query unsettled = {
        "SELECT COUNT(*) FROM stripe_events WHERE state IN "
        "('due','quarantined') AND event_id LIKE CONCAT('%', ?)"};
    static const struct query by_hand = {"DELETE FROM stripe_events WHERE state=?"};
    static const char *const kept[] = {"due", "quarantined"};
    const struct retention retention = {.stripe_events_days = 400};
    struct id old = id_new(), young = id_new();

    OK(DB_RUN(admin, &lay, NULL, &err, db_id(&old), db_int(401), db_int(401)));
    OK(DB_RUN(admin, &lay, NULL, &err, db_id(&young), db_int(399), db_int(399)));
    prune(&retention, 2);
    CU_ASSERT_EQUAL(number(admin, &all, &old), 2);
    CU_ASSERT_EQUAL(number(admin, &unsettled, &old), 2);
    CU_ASSERT_EQUAL(number(admin, &all, &young), 5);
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        struct error refused = ERROR_INIT;

        CU_ASSERT_EQUAL(DB_RUN(reaper, &by_hand, NULL, &refused, db_text(kept[i])), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(refused.message, "is not deleted"));
    }
}

static void pruning_waits_for_no_request(void)
{
    static const struct query lock_session = {
        "SELECT session_id FROM sessions WHERE session_id = ? FOR UPDATE"};
    static const struct query lock_user = {
        "SELECT user_id FROM users WHERE user_id = ? FOR UPDATE"};
    static const struct query impatient = {"SET SESSION innodb_lock_wait_timeout = 0"};
    const struct retention retention = {1, 1, 1, 1, 1, 1};
    struct id open = ready_session(), old = ready_session();
    struct error error = ERROR_INIT;
    int64_t removed;

    finished_command(&old, NULL);
    end_days_ago(&old, 2);
    OK(db_run(reaper, &impatient, NULL, 0, NULL, &err));
    OK(db_begin(admin, &err));
    db_rows_free(DB_SELECT(admin, &lock_user, &error, db_id(&user_id)));
    db_rows_free(DB_SELECT(admin, &lock_session, &error, db_id(&open)));
    OK(store_prune(reaper, &retention, 200, &removed, &err));
    CU_ASSERT_TRUE(removed > 0);
    db_rollback(admin);
}

static void nothing_goes_where_it_is_for_ever(void)
{
    const struct retention retention = {0};
    struct id old = ready_session(), interaction = finished_command(&old, NULL);
    _cleanup_(interaction_release) struct interaction kept = {0};

    end_days_ago(&old, 3000);
    prune(&retention, 100);
    kept = shown(&old, &interaction);
    CU_ASSERT_STRING_EQUAL(kept.out.bytes, "said");
}

/* --- settings and columns -------------------------------------------------------------------- */

static void a_setting_is_no_longer_than_the_columns_that_keep_it(void)
{
    static const struct query narrowest = {
        "SELECT MIN(character_maximum_length) FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND (column_name = ? OR (? = 'node' AND "
        "table_name = 'nodes' AND column_name = 'name'))"};
    int checked = 0;

    for (size_t i = 0; i < settings_count; i++) {
        const struct config_row *row = &settings_rows[i];
        struct error error = ERROR_INIT;
        _cleanup_(db_rows_release) struct db_rows *rows = NULL;

        if (strcmp(row->section, "reaper") != 0 ||
            (strcmp(row->name, "node") != 0 && strcmp(row->name, "location") != 0))
            continue;
        rows = DB_SELECT(admin, &narrowest, &error, db_text(row->name), db_text(row->name));
        CU_ASSERT_FATAL(rows && db_next(rows));
        CU_ASSERT_TRUE(db_row_int(rows, 0) > 0);
        CU_ASSERT_TRUE(row->most <= db_row_int(rows, 0));
        checked++;
    }
    CU_ASSERT_EQUAL(checked, 2);
}

/* --- the rows -------------------------------------------------------------------------------- */

static int lay(struct error *err)
{
    static const struct query many = {
        "INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, status, "
        "requested_at, created_at, expires_at, ended_at) SELECT UUID(), ?, 'd', 'runnable', 1, "
        "ELT(1 + seq % 5 + (seq % 97 = 0), 'closed', 'closed', 'error', 'terminated', 'closed', "
        "'ready'), NOW(6), NOW(6), NOW(6) + INTERVAL 1 DAY, IF(seq % 97 = 0, NULL, NOW(6)) "
        "FROM seq_1_to_3500"};

    if (fixture_lay_samples(err) < 0 ||
        store_user_create(admin, "Lister", "lister@example.com", &lister, err) < 0)
        return -1;
    return DB_RUN(admin, &many, NULL, err, db_id(&lister)) < 0 ? -1
                                                               : store_run_begin(reaper, &run, err);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"pages are those that counting gives", pages_are_those_that_counting_gives},
        {"gaps of pruned sessions change nothing", gaps_of_pruned_sessions_change_nothing},
        {"numbers follow creation, and ends are counted",
         numbers_follow_creation_and_ends_are_counted},
        {"an operator sees all", an_operator_sees_all},
        {"old outputs go, and their interactions say so",
         old_outputs_go_and_their_interactions_say_so},
        {"large outputs go in steps of so many bytes", large_outputs_go_in_steps_of_so_many_bytes},
        {"changes go after their days, and with their verification",
         changes_go_after_their_days_and_with_their_verification},
        {"large results go in steps of so many bytes", large_results_go_in_steps_of_so_many_bytes},
        {"outputs of verifiers go with their sessions' outputs",
         outputs_of_verifiers_go_with_their_sessions_outputs},
        {"old sessions go with all that is theirs", old_sessions_go_with_all_that_is_theirs},
        {"old jobs, tokens, containers and runs go", old_jobs_tokens_containers_and_runs_go},
        {"events of Stripe's go when they were settled, and never before",
         events_of_stripe_go_when_they_were_settled_and_never_before},
        {"nothing goes where it is for ever", nothing_goes_where_it_is_for_ever},
        {"pruning waits for no request", pruning_waits_for_no_request},
        {"a setting is no longer than the columns that keep it",
         a_setting_is_no_longer_than_the_columns_that_keep_it},
    };

    return fixture_main("lists", tests, ARRAY_SIZE(tests), lay);
}
