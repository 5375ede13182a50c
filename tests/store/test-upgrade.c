/*
 * A database of the release before, brought up to date while sessions run (tests/store/run, with
 * the rows of before-0004.sql): its programs go on until they are restarted, and the next run of
 * the same host's daemon goes on with all that was there.
 */
#include <string.h>

#include "base/cleanup.h"
#include "fixture.h"
#include "store/audit.h"
#include "store/containers.h"
#include "store/interactions.h"
#include "store/ledger.h"
#include "store/retention.h"
#include "store/sessions.h"
#include "store/usage.h"
#include "store/verifications.h"

#include "base/banned.h"

#define ID(kind, number)                                                                           \
    {                                                                                              \
        "01900000-0000-7000-8000-" kind "000000000" number                                         \
    }

static const struct id user = ID("0a", "1"), old_run = ID("0e", "1");
static const struct id ready = ID("05", "1"), starting = ID("05", "2"), unclaimed = ID("05", "3"),
                       uncleaned = ID("05", "4"), on_b = ID("05", "6");
static const struct id command = ID("06", "1"), upload = ID("06", "2"), ended = ID("06", "3"),
                       half_upload = ID("06", "4");
static const struct id grading = ID("07", "1"), preparing = ID("07", "2"), waiting = ID("07", "3");

static const struct run run = {
    {"01900000-0000-7000-8000-00000000000a"}, "a", "machine-a", "boot", "here", "2", 60};

/* --- between the migration and the restart: statements of the release before, word by word --- */

static void its_workers_go_on(void)
{
    static const struct query insert_session = {
        "INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, expires_at) "
        "SELECT ?, ?, s.dataset, s.sample_id, s.version, NOW(6) + INTERVAL ? MINUTE FROM samples s "
        "WHERE s.dataset=? AND s.sample_id=? AND s.latest AND s.image IS NOT NULL AND "
        "(SELECT COUNT(*) FROM sessions o WHERE o.user_id=? AND "
        "o.status IN ('creating','ready')) < ?"};
    static const struct query insert_upload = {
        "INSERT INTO interactions (interaction_id, session_id, interaction_type, command, "
        "command_timeout, file_path, str_to_replace, str_to_insert, content, make_executable, "
        "size_bytes) SELECT ?, s.session_id, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM sessions s "
        "WHERE s.session_id=? AND s.user_id=? AND s.status='ready' AND "
        "(SELECT COUNT(*) FROM interactions o WHERE o.session_id=s.session_id AND "
        "o.status IN ('pending','processing')) < ? FOR UPDATE"};
    static const struct query select_interaction = {
        "SELECT i.exit_code, i.stdout, i.stderr, i.content FROM interactions i "
        "JOIN sessions s USING (session_id) "
        "WHERE i.interaction_id=? AND s.session_id=? AND s.user_id=?"};
    static const struct query close_session = {
        "UPDATE sessions SET status='closed', ended_at=NOW(6) "
        "WHERE session_id=? AND (? IS NULL OR user_id=?) AND status IN ('creating','ready')"};
    static const struct query alive = {
        "SELECT COUNT(*) FROM nodes WHERE heartbeat_at > NOW(6) - INTERVAL ? SECOND"};
    struct id session_id = id_new(), upload_id = id_new();
    struct error error = ERROR_INIT;
    struct db_rows *rows;
    int64_t changed;

    OK(DB_RUN(api, &insert_session, &changed, &err, db_id(&session_id), db_id(&user), db_int(5),
              db_text("d"), db_text("runnable"), db_id(&user), db_int(100)));
    CU_ASSERT_EQUAL(changed, 1);
    OK(DB_RUN(api, &close_session, &changed, &err, db_id(&session_id), db_id(&user), db_id(&user)));
    CU_ASSERT_EQUAL(changed, 1);
    OK(DB_RUN(api, &insert_upload, &changed, &err, db_id(&upload_id), db_text("file_upload"),
              db_null(), db_null(), db_text("/x"), db_null(), db_null(), db_text("old"), db_int(0),
              db_int(3), db_id(&ready), db_id(&user), db_int(100)));
    CU_ASSERT_EQUAL(changed, 1);
    rows = DB_SELECT(api, &select_interaction, &error, db_id(&ended), db_id(&ready), db_id(&user));
    CU_ASSERT_FATAL(rows && db_next(rows));
    CU_ASSERT_STRING_EQUAL(db_row_text(rows, 1), "said");
    db_rows_free(rows);
    rows = DB_SELECT(api, &alive, &error, db_int(15));
    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    db_rows_free(rows);
}

/* As its worker signed somebody up. */
static void sign_up_as_before(const struct id *new_user)
{
    static const struct query insert_user = {
        "INSERT INTO users (user_id, name, email, github_id, github_login, last_login_at) "
        "VALUES (?, ?, ?, ?, ?, NOW(6))"};
    static const struct query ensure = {
        "INSERT INTO balances (user_id) VALUES (?) ON DUPLICATE KEY UPDATE user_id=user_id"};
    static const struct query insert_transaction = {
        "INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, "
        "amount_cents, description) VALUES (?, ?, ?, ?, ?, ?)"};
    static const struct query insert_entries = {
        "INSERT INTO ledger_entries (transaction_id, account, amount_cents) "
        "VALUES (?, 'user', ?), (?, ?, ?)"};
    static const struct query change = {
        "UPDATE balances SET balance_cents=balance_cents+?, "
        "total_deposited_cents=total_deposited_cents+?, total_spent_cents=total_spent_cents+?, "
        "updated_at=NOW(6) WHERE user_id=?"};
    struct id transaction_id = id_new();

    OK(db_begin(api, &err));
    OK(DB_RUN(api, &insert_user, NULL, &err, db_id(new_user), db_text("N"), db_text("n@x"),
              db_text("4712"), db_text("n")));
    OK(DB_RUN(api, &ensure, NULL, &err, db_id(new_user)));
    OK(DB_RUN(api, &insert_transaction, NULL, &err, db_id(&transaction_id), db_text("signup:n"),
              db_text("promotion"), db_id(new_user), db_int(500), db_text("Sign-up credit")));
    OK(DB_RUN(api, &insert_entries, NULL, &err, db_id(&transaction_id), db_int(500),
              db_id(&transaction_id), db_text("promotion"), db_int(-500)));
    OK(DB_RUN(api, &change, NULL, &err, db_int(500), db_int(0), db_int(0), db_id(new_user)));
    OK(db_commit(api, &err));
}

static void tell_finding(const struct audit_finding *finding, void *arg)
{
    (void)arg;
    fprintf(stderr, "%s %s: %s\n", finding->object, finding->id, finding->detail);
}

static void credits_of_before_are_grants_and_add_up(void)
{
    const struct id users[] = {user, id_new()};
    struct audit_totals totals;
    struct balance balance;

    sign_up_as_before(&users[1]);
    for (int i = 0; i < 2; i++) {
        struct ledger_movement usage = {
            .event_key = i ? "job:1" : "job:2",
            .kind = LEDGER_AGENT_JOB_USAGE,
            .user_id = users[i],
            .amount_cents = -100,
            .description = "Job",
        };

        OK(db_begin(api, &err));
        OK(store_ledger_move(api, &usage, NULL, &err));
        OK(db_commit(api, &err));
        OK(store_balance_get(api, &users[i], &balance, &err));
        CU_ASSERT_EQUAL(balance.granted_cents, i ? 400 : 200);
        CU_ASSERT_EQUAL(balance.paid_cents, 0);
    }
    OK(store_ledger_audit(admin, tell_finding, NULL, &totals, &err));
    CU_ASSERT_EQUAL(totals.findings, 0);
    CU_ASSERT_EQUAL(totals.transactions, 4);
}

static void its_daemon_ends_what_it_began_and_begins_nothing(void)
{
    static const struct query claim = {
        "UPDATE interactions i JOIN sessions s USING (session_id) SET i.status='processing', "
        "i.started_at=IFNULL(i.started_at, NOW(6)), i.attempt=i.attempt+1, "
        "i.lease_until=NOW(6) + INTERVAL ? SECOND, i.node=?, i.owner=? "
        "WHERE i.interaction_id=? AND i.status IN ('pending','processing') AND "
        "s.status='ready' AND s.node=? "};
    static const struct query claim_session = {
        "UPDATE sessions SET attempt=attempt+1, lease_until=NOW(6) + INTERVAL ? SECOND, node=?, "
        "owner=? WHERE session_id=? AND status='creating' AND "
        "(owner IS NULL OR lease_until < NOW(6) OR node=?)"};
    static const struct query finish = {
        "UPDATE interactions SET status=?, exit_code=?, stdout=?, stderr=?, "
        "execution_time_seconds=?, success=?, message=?, size_bytes=IFNULL(?, size_bytes), "
        "content=NULL, ended_at=NOW(6) "
        "WHERE interaction_id=? AND owner=? AND attempt=? AND status='processing'"};
    static const struct query make_ready = {
        "UPDATE sessions SET status='ready', created_at=NOW(6), container_name=?, location=? "
        "WHERE session_id=? AND owner=? AND attempt=? AND status='creating'"};
    struct error refusal = ERROR_INIT;
    _cleanup_(interaction_release) struct interaction read = {0};
    int64_t changed;

    CU_ASSERT_EQUAL(DB_RUN(reaper, &claim, NULL, &refusal, db_int(60), db_text("a"),
                           db_id(&old_run), db_id(&upload), db_text("a")),
                    -1);
    CU_ASSERT_EQUAL(DB_RUN(reaper, &claim_session, NULL, &refusal, db_int(60), db_text("a"),
                           db_id(&old_run), db_id(&unclaimed), db_text("a")),
                    -1);
    OK(DB_RUN(reaper, &finish, &changed, &err, db_text("completed"), db_int(0), db_null(),
              db_null(), db_double(0.5), db_int(1), db_text("Done."), db_null(),
              db_id(&half_upload), db_id(&old_run), db_int(1)));
    CU_ASSERT_EQUAL(changed, 1);
    OK(DB_RUN(reaper, &make_ready, &changed, &err,
              db_text("cs-01900000-0000-7000-8000-050000000002"), db_text("here"), db_id(&starting),
              db_id(&old_run), db_int(1)));
    CU_ASSERT_EQUAL(changed, 1);
    OK(store_interaction_get(api, &user, ready.text, half_upload.text, &read, &err));
    CU_ASSERT_TRUE(read.finished);
}

/* --- the restart ----------------------------------------------------------------------------- */

struct listed {
    struct container_row rows[16];
    size_t count;
};

static void keep_row(const struct container_row *row, void *arg)
{
    struct listed *listed = arg;

    CU_ASSERT_FATAL(listed->count < ARRAY_SIZE(listed->rows));
    listed->rows[listed->count++] = *row;
}

/* Is there one of this id and kind, for the session or job of the same id? */
static bool lists(const struct listed *listed, const struct id *id, enum container_kind kind)
{
    for (size_t i = 0; i < listed->count; i++) {
        const struct container_row *row = &listed->rows[i];

        if (strcmp(row->container_id.text, id->text) == 0)
            return row->kind == kind && strcmp(row->work_id.text, id->text) == 0 &&
                   strcmp(row->user_id.text, user.text) == 0 &&
                   row->attempt == (strcmp(id->text, ready.text) == 0 ? 2 : 1);
    }
    return false;
}

static void the_next_run_adopts_every_container_by_its_old_name(void)
{
    struct listed running = {.count = 0}, to_stop = {.count = 0};

    OK(store_run_begin(reaper, &run, &err));
    OK(store_container_adopt(reaper, &run, keep_row, &running, &err));
    CU_ASSERT_TRUE(lists(&running, &ready, CONTAINER_SESSION));
    /* Made ready behind the migration, by the daemon of the release before. */
    CU_ASSERT_TRUE(lists(&running, &starting, CONTAINER_SESSION));
    CU_ASSERT_TRUE(lists(&running, &grading, CONTAINER_GRADING));
    CU_ASSERT_EQUAL(running.count, 3);
    OK(store_container_ended(reaper, &run, 100, keep_row, &to_stop, &err));
    CU_ASSERT_TRUE(lists(&to_stop, &uncleaned, CONTAINER_SESSION));
    CU_ASSERT_TRUE(lists(&to_stop, &preparing, CONTAINER_GRADING)); /* begun anew */
    CU_ASSERT_EQUAL(to_stop.count, 2);                              /* none of what was cleaned */
}

static void the_next_run_goes_on_with_interactions(void)
{
    _cleanup_(interaction_work_release) struct interaction_work first = {0}, second = {0};
    _cleanup_(interaction_release) struct interaction read = {0};
    struct text content = {0};

    OK(store_interaction_claim(reaper, &run, &command, &first, &err));
    CU_ASSERT_EQUAL(first.attempt, 2);
    CU_ASSERT_EQUAL(first.command.length, 7);
    OK(store_interaction_claim(reaper, &run, &upload, &second, &err));
    CU_ASSERT_EQUAL(second.content_bytes, 5);
    OK(store_interaction_content(reaper, &upload, &content, &err));
    CU_ASSERT_STRING_EQUAL(content.bytes, "bytes");
    free(content.bytes);
    OK(store_interaction_get(api, &user, ready.text, ended.text, &read, &err));
    CU_ASSERT_STRING_EQUAL(read.out.bytes, "said");
}

static void the_next_run_goes_on_with_verifications(void)
{
    _cleanup_(verification_work_release) struct verification_work running = {0}, again = {0},
                                                                  fresh = {0};

    OK(store_verification_claim(reaper, &run, &grading, 9, &running, &err));
    CU_ASSERT_STRING_EQUAL(running.container_id.text, grading.text);
    CU_ASSERT_EQUAL(running.attempt, 2);
    OK(store_verification_claim(reaper, &run, &preparing, 9, &again, &err));
    CU_ASSERT_STRING_EQUAL(again.container_id.text, "");
    OK(store_verification_claim(reaper, &run, &waiting, 9, &fresh, &err));
    CU_ASSERT_EQUAL(fresh.attempt, 1);
}

static void add_total(const struct session *session, void *arg)
{
    (void)session;
    ++*(int *)arg;
}

static void its_lists_are_whole(void)
{
    int64_t total;
    int count = 0;

    OK(store_session_list(api, &user, -1, 0, 100, add_total, &count, &total, &err));
    CU_ASSERT_EQUAL(total, 8); /* seven, and one of a worker of the release before */
    CU_ASSERT_EQUAL(count, 8);
    OK(store_session_list(api, &user, SESSION_CLOSED, 0, 100, add_total, &count, &total, &err));
    CU_ASSERT_EQUAL(total, 4);
}

static void count_node(const char *node, void *arg)
{
    CU_ASSERT_STRING_EQUAL(node, "b");
    ++*(int *)arg;
}

/* Its daemon of the release before may still be up: it keeps no heartbeat any more. */
static void a_host_that_is_restarted_late_is_not_lost(void)
{
    static const struct query later = {
        "UPDATE runs SET heartbeat_at = heartbeat_at - INTERVAL 1 HOUR WHERE node = ?"};
    static const struct run judge = {.node = "judge"};
    struct error gone = ERROR_INIT;
    _cleanup_(session_release) struct session session = {0};
    int lost = 0;

    OK(store_runs_lost(reaper, &judge, 300, count_node, &lost, &err));
    CU_ASSERT_EQUAL(lost, 0);
    OK(DB_RUN(admin, &later, NULL, &err, db_text("b")));
    OK(store_runs_lost(reaper, &judge, 300, count_node, &lost, &err));
    CU_ASSERT_EQUAL(lost, 1);
    OK(store_session_get(api, &user, on_b.text, &session, &gone));
    CU_ASSERT_STRING_EQUAL(session.error_code, "HOST_LOST");
}

static void old_outputs_are_pruned_from_where_they_are(void)
{
    static const struct query age = {
        "UPDATE sessions SET ended_at = NOW(6) - INTERVAL 31 DAY, status = 'closed' "
        "WHERE session_id = ?"};
    static const struct query left = {
        "SELECT COUNT(*) FROM interactions WHERE session_id = ? AND stdout IS NOT NULL"};
    const struct retention retention = {.outputs_days = 30};
    struct error error = ERROR_INIT;
    struct db_rows *rows;
    int64_t removed = 1;

    OK(DB_RUN(admin, &age, NULL, &err, db_id(&ready)));
    while (removed > 0)
        OK(store_prune(reaper, &retention, 100, &removed, &err));
    rows = DB_SELECT(admin, &left, &error, db_id(&ready));
    CU_ASSERT_FATAL(rows && db_next(rows));
    CU_ASSERT_EQUAL(db_row_int(rows, 0), 0);
    db_rows_free(rows);
}

static int lay_nothing(struct error *err)
{
    (void)err;
    return 0;
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"its workers go on", its_workers_go_on},
        {"credits of before, and of its workers' sign-ups, are grants and add up",
         credits_of_before_are_grants_and_add_up},
        {"its daemon ends what it began, and begins nothing",
         its_daemon_ends_what_it_began_and_begins_nothing},
        {"the next run adopts every container by its old name",
         the_next_run_adopts_every_container_by_its_old_name},
        {"the next run goes on with interactions", the_next_run_goes_on_with_interactions},
        {"the next run goes on with verifications", the_next_run_goes_on_with_verifications},
        {"its lists are whole", its_lists_are_whole},
        {"a host that is restarted late is not lost", a_host_that_is_restarted_late_is_not_lost},
        {"old outputs are pruned from where they are", old_outputs_are_pruned_from_where_they_are},
    };

    return fixture_main("upgrade", tests, ARRAY_SIZE(tests), lay_nothing);
}
