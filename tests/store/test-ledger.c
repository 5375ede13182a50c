/*
 * What the store promises about the ledger, each by name: what is given and taken back, the lists
 * of a user, what an audit finds. Against a MariaDB of its own (tests/store/run).
 */
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "money/money.h"
#include "payer.h"
#include "store/audit.h"

#include "base/banned.h"

/* --- what is given and taken back ------------------------------------------------------------ */

static void grants_are_used_first_and_never_go_back_to_a_card(void)
{
    struct balance balance;

    deposit("m:d1", 100);
    give(30);
    MOVE(.event_key = "m:j1", .kind = LEDGER_AGENT_JOB_USAGE, .amount_cents = -50);
    OK(store_balance_get(api, &payer, &balance, &err));
    CU_ASSERT_EQUAL(balance.granted_cents, 0);
    CU_ASSERT_EQUAL(balance.paid_cents, 80);
    MOVE(.event_key = "m:r1", .kind = LEDGER_AGENT_JOB_REFUND, .amount_cents = 50,
         .of_event = "m:j1");
    OK(store_balance_get(api, &payer, &balance, &err));
    CU_ASSERT_EQUAL(balance.granted_cents, 30);
    CU_ASSERT_EQUAL(balance.paid_cents, 100);
    CU_ASSERT_EQUAL(balance.total_spent_cents, 0);
}

static void no_more_is_refunded_than_was_paid(void)
{
    deposit("m:d2", 100);
    MOVE(.event_key = "m:c1", .kind = LEDGER_CARD_REFUND, .amount_cents = -60, .of_event = "m:d2");
    REFUSED("LEDGER_EXCEEDED", .event_key = "m:c2", .kind = LEDGER_CARD_REFUND, .amount_cents = -41,
            .of_event = "m:d2");
    REFUSED("LEDGER_EXCEEDED", .event_key = "m:c3", .kind = LEDGER_DISPUTE, .amount_cents = -41,
            .of_event = "m:d2");
    MOVE(.event_key = "m:c4", .kind = LEDGER_DISPUTE, .amount_cents = -40, .of_event = "m:d2");
    MOVE(.event_key = "m:c5", .kind = LEDGER_DISPUTE_WON, .amount_cents = 40, .of_event = "m:d2");
    REFUSED("LEDGER_EXCEEDED", .event_key = "m:c6", .kind = LEDGER_DISPUTE_WON, .amount_cents = 61,
            .of_event = "m:d2");
    MOVE(.event_key = "m:j2", .kind = LEDGER_AGENT_JOB_USAGE, .amount_cents = -10);
    REFUSED("LEDGER_EXCEEDED", .event_key = "m:r2", .kind = LEDGER_REFUND, .amount_cents = 11,
            .of_event = "m:j2");
    CU_ASSERT_EQUAL(balance_of(&payer), 30);
}

static void a_dispute_behind_the_spending_leaves_a_debt_and_no_new_session(void)
{
    deposit("m:d3", 100);
    MOVE(.event_key = "m:j3", .kind = LEDGER_AGENT_JOB_USAGE, .amount_cents = -90);
    MOVE(.event_key = "m:x3", .kind = LEDGER_DISPUTE, .amount_cents = -100, .of_event = "m:d3");
    CU_ASSERT_EQUAL(balance_of(&payer), -90);
    NOT_BEGUN("INSUFFICIENT_CREDITS", "balance is -90 cents");
}

static void amounts_of_the_wrong_sign_or_of_nothing_are_refused(void)
{
    deposit("m:d4", 100);
    REFUSED("LEDGER_AMOUNT", .event_key = "m:a1", .kind = LEDGER_DEPOSIT, .amount_cents = 0);
    REFUSED("LEDGER_AMOUNT", .event_key = "m:a2", .kind = LEDGER_DEPOSIT, .amount_cents = -5);
    REFUSED("LEDGER_AMOUNT", .event_key = "m:a3", .kind = LEDGER_AGENT_JOB_USAGE,
            .amount_cents = 5);
    REFUSED("LEDGER_AMOUNT", .event_key = "m:a4", .kind = LEDGER_CARD_REFUND, .amount_cents = 5,
            .of_event = "m:d4");
    REFUSED("LEDGER_ORIGIN", .event_key = "m:a5", .kind = LEDGER_CARD_REFUND, .amount_cents = -5,
            .of_event = "m:nothing");
    REFUSED("LEDGER_ORIGIN", .event_key = "m:a6", .kind = LEDGER_REFUND, .amount_cents = 5,
            .of_event = "m:d4");
    new_payer(); /* somebody else's */
    REFUSED("LEDGER_ORIGIN", .event_key = "m:a7", .kind = LEDGER_CARD_REFUND, .amount_cents = -5,
            .of_event = "m:d4");
}

/* In the row; of settings tests/ctl/run says it, of Stripe's amounts tests/stripe. */
static void a_negative_or_zero_price_is_in_no_row_of_a_session(void)
{
    static const struct query change = {"UPDATE sessions SET price_cents=? WHERE session_id=?"};
    static const int64_t prices[] = {0, -1, -PRICE, INT64_MIN};
    struct id session = lay_session(60, PRICE, true);

    give(100);
    for (size_t i = 0; i < ARRAY_SIZE(prices); i++) {
        struct error refused = ERROR_INIT;

        CU_ASSERT_EQUAL(DB_RUN(admin, &change, NULL, &refused, db_int(prices[i]), db_id(&session)),
                        -1);
        CU_ASSERT_EQUAL(money_session_cost(600, prices[i]), 0);
        REFUSED("LEDGER_AMOUNT", .event_key = "m:price", .kind = LEDGER_SESSION_USAGE,
                .amount_cents = PRICE, .session_id = &session);
    }
    CU_ASSERT_EQUAL(settle().cents, PRICE);
    CU_ASSERT_EQUAL(balance_of(&payer), 100 - PRICE);
}

static void an_expired_grant_is_not_spent_and_goes_back(void)
{
    static const struct query expire = {
        "UPDATE credit_grants SET expires_at=NOW(6) WHERE user_id=?"};
    struct told told = {0};
    struct settlement_events events = events_to(&told);

    give(40);
    OK(DB_RUN(admin, &expire, NULL, &err, db_id(&payer)));
    deposit("m:d5", 100);
    MOVE(.event_key = "m:j5", .kind = LEDGER_AGENT_JOB_USAGE, .amount_cents = -10);
    OK(store_grants_expire(reaper, 10, &events, &err));
    CU_ASSERT_EQUAL(told.expired, 1);
    CU_ASSERT_EQUAL(told.cents, 40);
    CU_ASSERT_EQUAL(balance_of(&payer), 90);
}

/* 75 cents are used by the end of the grant; it ends a minute ago, and the session goes on. */
static void a_grant_that_ends_bears_what_sessions_had_used_by_then(void)
{
    static const struct query expire = {
        "UPDATE credit_grants SET expires_at=NOW(6) - INTERVAL 60 SECOND WHERE user_id=?"};
    static const struct query paid = {"SELECT paid_cents FROM balances WHERE user_id=?"};
    struct told told = {0};
    struct settlement_events events = events_to(&told);
    struct id session = lay_session(960, PRICE, false);

    give(200);
    deposit("m:d6", 100);
    OK(DB_RUN(admin, &expire, NULL, &err, db_id(&payer)));
    for (int i = 0; i < 2; i++)
        OK(store_grants_expire(reaper, 1, &events, &err));
    CU_ASSERT_EQUAL(told.expired, 1);
    CU_ASSERT_EQUAL(balance_of(&payer), 175);
    CU_ASSERT_EQUAL(meter(4).exhausted, 0);
    MOVE(.event_key = "m:j6", .kind = LEDGER_AGENT_JOB_USAGE, .amount_cents = -10);
    CU_ASSERT_EQUAL(number_of(&paid, &payer), 90);
    end_session(&session);
    CU_ASSERT_EQUAL(settle().cents, 80);
    CU_ASSERT_EQUAL(number_of(&paid, &payer), 85);
    CU_ASSERT_EQUAL(balance_of(&payer), 85);
}

/* Two sessions, one of which ended; what they had used of a grant is taken of none but it. */
static void what_is_left_of_an_expired_grant_is_for_no_later_session(void)
{
    static const struct query expire = {
        "UPDATE credit_grants SET expires_at=NOW(6) - INTERVAL 60 SECOND WHERE user_id=?"};
    static const struct query paid = {"SELECT paid_cents FROM balances WHERE user_id=?"};
    struct told told = {0};
    struct settlement_events events = events_to(&told);
    struct id early = lay_session(660, PRICE, false), late = lay_session(36, PRICE, false);

    give(200);
    OK(DB_RUN(admin, &expire, NULL, &err, db_id(&payer)));
    OK(store_grants_expire(reaper, 100, &events, &err));
    CU_ASSERT_EQUAL(told.cents, 150);
    end_session(&late);
    CU_ASSERT_EQUAL(settle().cents, 3);
    CU_ASSERT_EQUAL(number_of(&paid, &payer), -3);
    end_session(&early);
    CU_ASSERT_EQUAL(settle().cents, 55);
    CU_ASSERT_EQUAL(number_of(&paid, &payer), -8);
    CU_ASSERT_EQUAL(balance_of(&payer), -8);
}

static void *deposit_fifty(void *arg)
{
    struct error err = ERROR_INIT;
    struct db *db;

    db_thread_begin();
    db = db_new(&settings.database, DB_API, &err);
    for (int i = 0; db && i < 50; i++) {
        struct id id = id_new();
        struct ledger_movement movement = {
            .event_key = id.text, .kind = LEDGER_DEPOSIT, .amount_cents = 1};

        if (moved(db, &movement, &err) < 0)
            *(bool *)arg = true;
    }
    db_free(db);
    db_thread_end();
    return NULL;
}

/* Each writes by difference. */
static void movements_at_once_lose_none(void)
{
    pthread_t threads[8];
    bool failed[8] = {false};

    for (int i = 0; i < 8; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, deposit_fifty, &failed[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_FALSE(failed[i]);
    }
    CU_ASSERT_EQUAL(balance_of(&payer), 400);
}

static void no_account_of_a_program_changes_or_deletes_an_entry(void)
{
    static const struct query changes[] = {
        {"UPDATE ledger_entries SET amount_cents=0"},
        {"DELETE FROM ledger_entries"},
        {"UPDATE ledger_transactions SET amount_cents=0"},
        {"DELETE FROM ledger_transactions"},
        {"UPDATE grant_moves SET amount_cents=0"},
        {"DELETE FROM grant_moves"},
        {"UPDATE ledger_counts SET n_deposit=0"},
        {"DELETE FROM balances"},
        {"DELETE FROM credit_grants"},
        {"UPDATE credit_grants SET amount_cents=0"},
        {"UPDATE credit_grants SET expires_at=NULL"},
    };
    struct db *accounts[] = {api, reaper};

    for (size_t i = 0; i < 2 * ARRAY_SIZE(changes); i++) {
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL(db_run(accounts[i % 2], &changes[i / 2], NULL, 0, NULL, &err), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "denied"));
    }
}

/* --- lists ----------------------------------------------------------------------------------- */

#define LAID 3500

/* Transactions of all types, an hour apart, the last one an hour ago. */
static void lay_history(void)
{
    static const struct query insert = {
        "INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, amount_cents, "
        "description, seconds, created_at) SELECT UUID(), CONCAT(?, ':', seq), "
        "ELT(1 + seq * 7 % 97 % 7, 'session_usage', 'deposit', 'agent_job_usage', 'refund', "
        "'session_usage', 'agent_job_refund', 'promotion'), ?, "
        "IF(seq * 7 % 97 % 7 IN (0, 2, 4), -seq, seq), 'laid', IF(seq * 7 % 97 % 7 IN (0, 4), "
        "seq, NULL), NOW(6) - INTERVAL (? - seq) HOUR FROM seq_1_to_3500"};

    OK(DB_RUN(admin, &insert, NULL, &err, db_id(&payer), db_id(&payer), db_int(LAID + 1)));
}

struct seen {
    int64_t rows, cents;
    struct id first, last;
};

static void see(const struct usage_transaction *transaction, void *arg)
{
    struct seen *seen = arg;

    if (seen->rows++ == 0)
        seen->first = transaction->transaction_id;
    seen->last = transaction->transaction_id;
    seen->cents += transaction->amount_cents;
}

/* Compares with what sorting and counting all rows gives. */
static void check_list(const struct usage_query *query)
{
    static const struct query page = {
        "SELECT COUNT(*), IFNULL(SUM(amount_cents), 0), IFNULL(MAX(n), 0) FROM (SELECT "
        "amount_cents, COUNT(*) OVER () AS n FROM ledger_transactions WHERE user_id=? AND "
        "? & (1 << type) AND created_at >= ? AND created_at < ? "
        "ORDER BY user_seq DESC LIMIT ? OFFSET ?) p"};
    struct usage_summary summary;
    struct seen seen = {0};
    struct error told = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(admin, &page, &told, db_id(&payer), db_int(query->types),
                  db_time(query->from >= 0 ? query->from : 1),
                  db_time(query->before >= 0 ? query->before : INT64_C(4000000000000000)),
                  db_int(query->limit), db_int(query->offset));

    OK(store_usage_list(api, query, see, &seen, &summary, &err));
    CU_ASSERT_FATAL(rows && db_next(rows));
    CU_ASSERT_EQUAL(seen.rows, db_row_int(rows, 0));
    CU_ASSERT_EQUAL(seen.cents, db_row_int(rows, 1));
    if (seen.rows > 0)
        CU_ASSERT_EQUAL(summary.transactions, db_row_int(rows, 2));
}

static void pages_are_what_sorting_all_rows_would_give(void)
{
    int64_t now = clock_now(), day = 86400 * CLOCK_SECOND;

    lay_history();
    for (unsigned types = 0; types <= USAGE_ALL_TYPES; types++) {
        for (int64_t offset = 0; offset < LAID; offset += 1 + offset * 2 + types * 13) {
            struct usage_query query = {payer, types, -1, -1, offset, 20};

            check_list(&query);
            query.from = now - 100 * day;
            check_list(&query);
            query.before = now - 50 * day;
            check_list(&query);
            query.from = -1;
            check_list(&query);
        }
    }
    check_list(&(struct usage_query){payer, USAGE_ALL_TYPES, now + day, -1, 0, 20});
    check_list(&(struct usage_query){payer, USAGE_ALL_TYPES, -1, now - 1000 * day, 0, 20});
}

static int64_t rows_read(void)
{
    static const struct query query = {
        "SELECT SUM(variable_value) FROM information_schema.session_status WHERE "
        "variable_name LIKE 'HANDLER_READ%'"};
    struct error err = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(api, &query, NULL, 0, &err);

    if (!rows || !db_next(rows))
        CU_FAIL_FATAL("no answer");
    return db_row_int(rows, 0);
}

static int64_t reads_of(unsigned types, int64_t offset)
{
    struct usage_query query = {payer, types, -1, -1, offset, 10};
    struct usage_summary summary;
    struct seen seen = {0};
    int64_t before = rows_read();

    OK(store_usage_list(api, &query, see, &seen, &summary, &err));
    return rows_read() - before;
}

static void a_deep_page_reads_no_more_than_a_thousand_rows_more_than_the_first(void)
{
    int64_t first, rare;

    lay_history();
    first = reads_of(USAGE_ALL_TYPES, 0);
    rare = reads_of(1U << USAGE_REFUND, 0);
    CU_ASSERT(reads_of(USAGE_ALL_TYPES, 3400) <= first + 1000);
    CU_ASSERT(first < 400);
    CU_ASSERT(rare < 400);
    CU_ASSERT(reads_of(1U << USAGE_REFUND, 400) <= rare + 1000);
}

/* --- the audit ------------------------------------------------------------------------------- */

static void note_finding(const struct audit_finding *finding, void *arg)
{
    struct buf *out = arg;

    buf_addf(out, "%s %s: %s: %s\n", finding->object, finding->id, finding->rule, finding->detail);
}

static int64_t audit(struct buf *out)
{
    struct audit_totals totals = {0};

    buf_clear(out);
    OK(store_ledger_audit(admin, note_finding, out, &totals, &err));
    return totals.findings;
}

/* Breaks something by hand, and is named for it. */
static void check_broken(const struct query *harm, const struct query *mend, const char *named)
{
    _cleanup_(buf_release) struct buf findings = BUF_INIT;

    OK(db_run(admin, harm, NULL, 0, NULL, &err));
    CU_ASSERT(audit(&findings) > 0);
    if (!strstr(findings.data, named)) {
        fprintf(stderr, "%s: found %s\n", harm->sql, findings.data);
        CU_FAIL("the audit does not name it");
    }
    OK(db_run(admin, mend, NULL, 0, NULL, &err));
}

/* Of 1000 a promotion code took 200; 300 went back. */
static void lay_deposit(void)
{
    static const struct query lay = {
        "INSERT INTO stripe_checkouts (checkout_id, user_id, amount_cents, livemode, "
        "allows_promotions, allows_tax, success_url, cancel_url, urls_hash, expires_at, state, "
        "stripe_session, total_cents, credited_cents, refunded_cents, taken_cents) VALUES "
        "(UUID(), ?, 1000, 0, 1, 0, '', '', REPEAT('x', 32), NOW(6), 'paid', 'cs_audit', 800, 800, "
        "300, 300), (UUID(), ?, 1000, 0, 1, 0, '', '', REPEAT('x', 32), NOW(6), 'open', 'cs_open', "
        "NULL, NULL, 0, 0), (UUID(), ?, 1000, 0, 1, 0, '', '', REPEAT('x', 32), NOW(6), "
        "'creating', NULL, NULL, NULL, 0, 0)"};

    deposit("checkout:cs_audit", 800);
    MOVE(.event_key = "checkout-promotion:cs_audit", .kind = LEDGER_PROMOTION, .amount_cents = 200);
    MOVE(.event_key = "refund:pi:300", .kind = LEDGER_CARD_REFUND, .amount_cents = -300,
         .of_event = "checkout:cs_audit");
    OK(DB_RUN(admin, &lay, NULL, &err, db_id(&payer), db_id(&payer), db_id(&payer)));
}

static void an_audit_names_what_breaks_a_rule(void)
{
    static const struct query unlay = {"DELETE FROM ledger_transactions WHERE description='laid'"};
    static const struct query recount = {"DELETE FROM ledger_counts WHERE user_id NOT IN "
                                         "(SELECT user_id FROM balances)"};
    static const struct {
        struct query harm, mend;
        const char *named;
    } cases[] = {
        {{"UPDATE ledger_entries SET amount_cents=amount_cents+1 WHERE account='stripe'"},
         {"UPDATE ledger_entries SET amount_cents=amount_cents-1 WHERE account='stripe'"},
         "its entries sum to 1"},
        {{"UPDATE balances SET balance_cents=balance_cents+7 WHERE paid_cents<>0"},
         {"UPDATE balances SET balance_cents=balance_cents-7 WHERE paid_cents<>0"},
         "a balance is what the user's transactions sum to"},
        {{"UPDATE balances SET paid_cents=paid_cents+3 WHERE balance_cents<>0"},
         {"UPDATE balances SET paid_cents=paid_cents-3 WHERE balance_cents<>0"},
         "granted money is what is left of the user's grants"},
        {{"UPDATE credit_grants SET amount_cents=amount_cents+1, "
          "remaining_cents=remaining_cents+1"},
         {"UPDATE credit_grants SET remaining_cents=remaining_cents-1, "
          "amount_cents=amount_cents-1"},
         "what is left of a grant"},
        {{"UPDATE ledger_transactions SET amount_cents=amount_cents-1 WHERE kind='session_usage'"},
         {"UPDATE ledger_transactions SET amount_cents=amount_cents+1 WHERE kind='session_usage'"},
         "a session is charged once"},
        {{"UPDATE ledger_transactions SET event_key=CONCAT('x', event_key) "
          "WHERE kind='session_usage'"},
         {"UPDATE ledger_transactions SET event_key=SUBSTR(event_key, 2) "
          "WHERE kind='session_usage'"},
         "no transaction"},
        {{"UPDATE ledger_transactions SET amount_cents=amount_cents*2 WHERE kind='card_refund'"},
         {"UPDATE ledger_transactions SET amount_cents=amount_cents/2 WHERE kind='card_refund'"},
         "no more is given back"},
        {{"UPDATE ledger_counts SET n_deposit=n_deposit+1"},
         {"UPDATE ledger_counts SET n_deposit=n_deposit-1"},
         "the counts of lists"},
        {{"UPDATE ledger_transactions SET user_seq=user_seq+100000 WHERE kind='dispute'"},
         {"UPDATE ledger_transactions SET user_seq=user_seq-100000 WHERE kind='dispute'"},
         "numbered without a gap"},
        {{"UPDATE stripe_checkouts SET credited_cents=credited_cents+1 WHERE state='paid'"},
         {"UPDATE stripe_checkouts SET credited_cents=credited_cents-1 WHERE state='paid'"},
         "credited 801 of 1000, taken back 300; in the ledger deposited 800, granted 200"},
        {{"UPDATE stripe_checkouts SET state='expired' WHERE state='paid'"},
         {"UPDATE stripe_checkouts SET state='paid' WHERE state='expired'"},
         "a deposit in the ledger is one that was asked for"},
        {{"UPDATE stripe_checkouts SET taken_cents=0 WHERE state='paid'"},
         {"UPDATE stripe_checkouts SET taken_cents=300 WHERE state='paid'"},
         "taken back 0; in the ledger deposited 800, granted 200, refunded 300"},
        {{"UPDATE stripe_checkouts SET user_id=(SELECT user_id FROM users LIMIT 1) "
          "WHERE state='paid'"},
         {"UPDATE stripe_checkouts SET user_id=(SELECT user_id FROM ledger_transactions "
          "WHERE event_key='checkout:cs_audit') WHERE state='paid'"},
         "a deposit that was paid is in the ledger"},
        {{"UPDATE ledger_transactions SET event_key='checkout:cs_none' "
          "WHERE event_key='checkout:cs_audit'"},
         {"UPDATE ledger_transactions SET event_key='checkout:cs_audit' "
          "WHERE event_key='checkout:cs_none'"},
         "in the ledger deposited 0"},
        {{"UPDATE sessions SET unsettled=TRUE, ended_at=ended_at-INTERVAL 2 HOUR "
          "WHERE price_cents IS NOT NULL AND ended_at IS NOT NULL"},
         {"UPDATE sessions SET unsettled=NULL, ended_at=ended_at+INTERVAL 2 HOUR "
          "WHERE price_cents IS NOT NULL AND ended_at IS NOT NULL"},
         "within an hour"},
    };
    _cleanup_(buf_release) struct buf findings = BUF_INIT;

    settle();
    lay_deposit();
    OK(db_run(admin, &unlay, NULL, 0, NULL, &err));
    OK(db_run(admin, &recount, NULL, 0, NULL, &err));
    if (audit(&findings) != 0) {
        fprintf(stderr, "%s", findings.data);
        CU_FAIL_FATAL("what the tests before did does not add up");
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        check_broken(&cases[i].harm, &cases[i].mend, cases[i].named);
    CU_ASSERT_EQUAL(audit(&findings), 0);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"grants are used first, and never go back to a card",
         grants_are_used_first_and_never_go_back_to_a_card},
        {"no more is refunded than was paid", no_more_is_refunded_than_was_paid},
        {"a dispute behind the spending leaves a debt, and no new session",
         a_dispute_behind_the_spending_leaves_a_debt_and_no_new_session},
        {"amounts of the wrong sign, or of nothing, are refused",
         amounts_of_the_wrong_sign_or_of_nothing_are_refused},
        {"a negative or zero price is in no row of a session, and credits nobody",
         a_negative_or_zero_price_is_in_no_row_of_a_session},
        {"an expired grant is not spent, and goes back",
         an_expired_grant_is_not_spent_and_goes_back},
        {"a grant that ends bears what sessions had used by then",
         a_grant_that_ends_bears_what_sessions_had_used_by_then},
        {"what is left of an expired grant is for no later session",
         what_is_left_of_an_expired_grant_is_for_no_later_session},
        {"a balance is not written by value, but by difference: movements at once lose none",
         movements_at_once_lose_none},
        {"no account of a program changes or deletes an entry",
         no_account_of_a_program_changes_or_deletes_an_entry},
        {"pages are what sorting all rows would give", pages_are_what_sorting_all_rows_would_give},
        {"a deep page reads no more than a thousand rows more than the first",
         a_deep_page_reads_no_more_than_a_thousand_rows_more_than_the_first},
        {"an audit names what breaks a rule", an_audit_names_what_breaks_a_rule},
    };

    return fixture_main_with("ledger", tests, ARRAY_SIZE(tests), fixture_lay_samples, new_payer);
}
