/*
 * What the store promises about money, each by name: who may begin a session, what is charged, what
 * is ended, what an audit finds. Against a MariaDB of its own (tests/store/run).
 */
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "fixture.h"
#include "money/money.h"
#include "store/audit.h"
#include "store/identity.h"
#include "store/ledger.h"
#include "store/limits.h"
#include "store/sessions.h"
#include "store/settlement.h"
#include "store/usage.h"

#include "base/banned.h"

#define PRICE 5

static struct id payer; /* a new one for each test */

static int64_t number_of(const struct query *query, const struct id *id)
{
    struct error err = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(admin, query, &err, db_id(id));

    if (!rows || !db_next(rows))
        CU_FAIL_FATAL("no answer");
    return db_row_int(rows, 0);
}

static int64_t balance_of(const struct id *id)
{
    struct balance balance;

    OK(store_balance_get(api, id, &balance, &err));
    return balance.balance_cents;
}

static int moved(struct db *db, struct ledger_movement *movement, struct error *err)
{
    if (!movement->description)
        movement->description = "test";
    if (!movement->user_id.text[0])
        movement->user_id = payer;
    if (db_begin(db, err) < 0)
        return -1;
    if (store_ledger_move(db, movement, NULL, err) == 0 && db_commit(db, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

#define MOVE(...) OK(moved(api, &(struct ledger_movement){__VA_ARGS__}, &err))
#define REFUSED(wanted, ...)                                                                       \
    do {                                                                                           \
        struct error refusal = ERROR_INIT;                                                         \
        int status = moved(api, &(struct ledger_movement){__VA_ARGS__}, &refusal);                 \
        CU_ASSERT_EQUAL(status, -1);                                                               \
        CU_ASSERT(refusal.code &&strcmp(refusal.code, (wanted)) == 0);                             \
    } while (0)

struct told {
    int charged, exhausted, expired, failed;
    int64_t cents;
    struct id last;
};

static struct told settle(void);

/* What the test before left ends, and is charged. */
static void new_payer(void)
{
    static const struct query end = {
        "UPDATE sessions SET status=IF(created_at IS NULL, 'error', 'closed'), ended_at=NOW(6) "
        "WHERE ended_at IS NULL"};
    static int count;
    char email[64];

    OK(db_run(admin, &end, NULL, 0, NULL, &err));
    settle();
    snprintf(email, sizeof(email), "payer-%d@example.com", ++count);
    OK(store_user_create(admin, "Payer", email, &payer, &err));
}

static void give(int64_t cents)
{
    struct id id = id_new();

    MOVE(.event_key = id.text, .kind = LEDGER_PROMOTION, .amount_cents = cents);
}

static void deposit(const char *key, int64_t cents)
{
    MOVE(.event_key = key, .kind = LEDGER_DEPOSIT, .amount_cents = cents);
}

/* A session that became ready so many seconds ago; ended: and ended now. Without a price where
 * that is 0. */
static struct id lay_session(int64_t seconds, int64_t price, bool ended)
{
    static const struct query insert = {
        "INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, status, "
        "created_at, ended_at, expires_at, price_cents, unsettled) SELECT ?, ?, 'd', 'runnable', "
        "1, IF(?, 'closed', 'ready'), NOW(6) - INTERVAL ? SECOND, IF(?, NOW(6), NULL), "
        "NOW(6) + INTERVAL 1 DAY, NULLIF(?, 0), IF(?, TRUE, NULL)"};
    struct id id = id_new();

    OK(DB_RUN(admin, &insert, NULL, &err, db_id(&id), db_id(&payer), db_int(ended), db_int(seconds),
              db_int(ended), db_int(price), db_int(price > 0)));
    return id;
}

static void end_session(const struct id *id)
{
    static const struct query end = {
        "UPDATE sessions SET status='closed', ended_at=NOW(6) WHERE session_id=?"};

    OK(DB_RUN(admin, &end, NULL, &err, db_id(id)));
}

/* --- what the daemon tells ------------------------------------------------------------------- */

static void tell_charged(const struct id *id, int64_t seconds, int64_t cents, void *arg)
{
    struct told *told = arg;

    (void)seconds;
    told->charged++;
    told->cents = cents;
    told->last = *id;
}

static void tell_exhausted(const struct id *id, const struct id *user, void *arg)
{
    struct told *told = arg;

    (void)user;
    told->exhausted++;
    told->last = *id;
}

static void tell_expired(const struct id *id, const struct id *user, int64_t cents, void *arg)
{
    struct told *told = arg;

    (void)id;
    (void)user;
    told->expired++;
    told->cents = cents;
}

static void tell_failed(const struct id *user, const struct error *err, void *arg)
{
    struct told *told = arg;

    fprintf(stderr, "%s: %s\n", user->text, err->message);
    told->failed++;
}

static struct settlement_events events_to(struct told *told)
{
    return (struct settlement_events){told, tell_charged, tell_exhausted, tell_expired,
                                      tell_failed};
}

static struct told settle(void)
{
    struct told told = {0};
    struct settlement_events events = events_to(&told);
    int64_t settled = 1;

    while (settled > 0)
        OK(store_settle(reaper, 100, &events, &settled, &err));
    return told;
}

static struct told meter(int64_t ahead)
{
    struct told told = {0};
    struct settlement_events events = events_to(&told);

    OK(store_meter(reaper, ahead, &events, &err));
    return told;
}

/* --- who may begin a session ----------------------------------------------------------------- */

static int begin(struct db *db, const struct id *key, struct new_session wanted, struct error *err)
{
    int64_t expires_at;

    if (!wanted.session_id.text[0])
        wanted.session_id = id_new();
    wanted.user_id = payer;
    wanted.dataset = "d";
    wanted.sample_id = "runnable";
    wanted.ttl_minutes = 30;
    wanted.open_max = wanted.open_max ? wanted.open_max : 1000;
    wanted.price_cents = PRICE;
    wanted.key_id = key;
    return store_session_create(db, &wanted, &expires_at, err);
}

#define NOT_BEGUN(wanted, part, ...)                                                               \
    do {                                                                                           \
        struct error not_begun = ERROR_INIT;                                                       \
        CU_ASSERT_EQUAL(begin(api, NULL, (struct new_session){__VA_ARGS__}, &not_begun), -1);      \
        CU_ASSERT(not_begun.code &&strcmp(not_begun.code, (wanted)) == 0);                         \
        CU_ASSERT_PTR_NOT_NULL(strstr(not_begun.message, part));                                   \
    } while (0)

#define BEGUN(...) OK(begin(api, NULL, (struct new_session){__VA_ARGS__}, &err))

static void a_session_needs_a_minute_on_top_of_what_others_have_used(void)
{
    NOT_BEGUN("INSUFFICIENT_CREDITS", "balance is 0 cents");
    give(100);
    lay_session(600, PRICE, false); /* 50 cents */
    lay_session(60, PRICE, true);   /* ended, not charged: 5 */
    lay_session(1, PRICE, false);   /* a minute at least: 5 */
    for (int i = 0; i < 8; i++)
        BEGUN();
    NOT_BEGUN("INSUFFICIENT_CREDITS", "needs 105");
}

static void *begin_ten(void *arg)
{
    struct error err = ERROR_INIT;
    struct db *db;

    db_thread_begin();
    db = db_new(&settings.database, DB_API, &err);
    for (int i = 0; db && i < 10; i++) {
        if (begin(db, NULL, (struct new_session){0}, &err) == 0)
            ++*(int *)arg;
        else if (!err.code || strcmp(err.code, "INSUFFICIENT_CREDITS") != 0)
            *(int *)arg += 1000;
    }
    db_free(db);
    db_thread_end();
    return NULL;
}

/* The balance checked outside of the lock would let more in. */
static void of_a_hundred_creates_at_once_with_funds_for_ten_ten_succeed(void)
{
    pthread_t threads[10];
    int begun[10] = {0}, all = 0;

    give(10 * PRICE);
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, begin_ten, &begun[i]), 0);
    for (int i = 0; i < 10; i++) {
        pthread_join(threads[i], NULL);
        all += begun[i];
    }
    CU_ASSERT_EQUAL(all, 10);
}

static void limits_name_their_value_and_what_is_in_use(void)
{
    struct id key = id_new();
    struct error refusal = ERROR_INIT;
    struct id job = id_new();

    give(100000);
    for (int i = 0; i < 3; i++)
        BEGUN(.creates_per_minute = 3);
    NOT_BEGUN("SESSION_RATE_LIMIT", "is 3 a minute", .creates_per_minute = 3);
    NOT_BEGUN("SESSION_LIMIT", "is 3, and 3 are open; close one", .open_max = 3);
    MOVE(.event_key = job.text, .kind = LEDGER_AGENT_JOB_USAGE, .amount_cents = -90,
         .key_id = &key);
    NOT_BEGUN("SPENDING_LIMIT", "94 cents a day (UTC), 90 are spent", .cents_per_day = 94);
    BEGUN(.cents_per_day = 95);
    CU_ASSERT_EQUAL(begin(api, &key, (struct new_session){.key_cents_per_day = 94}, &refusal), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(refusal.message, "per API key is 94"));
    BEGUN(.key_cents_per_day = 94); /* by a token */
}

static void a_user_may_have_limits_of_his_own(void)
{
    struct user_limits limits = USER_LIMITS_NONE;

    give(100000);
    limits.sessions = 1;
    OK(store_user_limits_set(admin, &payer, &limits, &err));
    BEGUN(.open_max = 100, .creates_per_minute = 1);
    NOT_BEGUN("SESSION_LIMIT", "is 1, and 1 are open; close one", .open_max = 100);
    limits.sessions = 5;
    limits.creates_per_minute = 0; /* none, whatever the setting says */
    OK(store_user_limits_set(admin, &payer, &limits, &err));
    BEGUN(.creates_per_minute = 1);
    limits.cents_per_day = 4;
    OK(store_user_limits_set(admin, &payer, &limits, &err));
    NOT_BEGUN("SPENDING_LIMIT", "is 4 cents");
}

struct crossing {
    bool settles;
    int bad;
};

/* Creates and closes sessions, or charges what has ended. */
static void *cross(void *arg)
{
    struct crossing *crossing = arg;
    struct told told = {0};
    struct settlement_events events = events_to(&told);
    struct db *db;
    struct error err = ERROR_INIT;
    static const struct query end = {
        "UPDATE sessions SET status='closed', created_at=requested_at, ended_at=NOW(6) "
        "WHERE session_id=?"};
    int64_t settled;

    db_thread_begin();
    db = db_new(&settings.database, crossing->settles ? DB_REAPER : DB_ADMIN, &err);
    for (int i = 0; db && i < 60; i++) {
        struct id id = id_new();

        if (crossing->settles)
            crossing->bad += store_settle(db, 10, &events, &settled, &err) < 0;
        else if (begin(db, NULL, (struct new_session){.session_id = id}, &err) < 0 ||
                 DB_RUN(db, &end, NULL, &err, db_id(&id)) < 0)
            crossing->bad++;
        if (crossing->bad > 0 && *err.message) {
            fprintf(stderr, "%s\n", err.message);
            break;
        }
    }
    crossing->bad += told.failed;
    db_free(db);
    db_thread_end();
    return NULL;
}

/* Locks are taken in one order: else MariaDB would end one of two that wait for each other. */
static void creating_closing_and_charging_at_once_never_wait_for_each_other_for_ever(void)
{
    pthread_t threads[6];
    struct crossing crossings[6] = {{false, 0}};

    give(1000000);
    for (int i = 0; i < 6; i++) {
        crossings[i].settles = i % 3 == 2;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, cross, &crossings[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(crossings[i].bad, 0);
    }
}

/* --- charging -------------------------------------------------------------------------------- */

static void a_session_is_charged_by_the_second_to_the_nearest_cent_once(void)
{
    static const struct query count = {
        "SELECT COUNT(*) FROM ledger_transactions WHERE session_id=?"};
    struct told told;
    struct id id;

    give(1000);
    id = lay_session(66, PRICE, true); /* 5.5 cents: up */
    told = settle();
    CU_ASSERT_EQUAL(told.charged, 1);
    CU_ASSERT_EQUAL(told.cents, 6);
    CU_ASSERT_EQUAL(settle().charged, 0);
    CU_ASSERT_EQUAL(number_of(&count, &id), 1);
    CU_ASSERT_EQUAL(balance_of(&payer), 994);
    lay_session(65, PRICE, true); /* 5.42 cents */
    CU_ASSERT_EQUAL(settle().cents, 5);
}

static void what_was_never_ready_or_has_no_price_costs_nothing(void)
{
    static const struct query never_ready = {
        "UPDATE sessions SET created_at=NULL, status='error' WHERE session_id=?"};
    static const struct query count = {"SELECT COUNT(*) FROM ledger_transactions WHERE user_id=?"};
    struct id id = lay_session(600, PRICE, true);

    OK(DB_RUN(admin, &never_ready, NULL, &err, db_id(&id)));
    lay_session(600, 0, true); /* older than prices, or billing was off */
    CU_ASSERT_EQUAL(settle().charged, 0);
    CU_ASSERT_EQUAL(number_of(&count, &payer), 0);
}

/* What no ledger takes: more than a movement may be. */
static void a_user_who_can_not_be_charged_holds_nobody_up(void)
{
    static const struct query mend = {
        "UPDATE sessions SET price_cents=5 WHERE user_id=? AND price_cents > 1000000"};
    static const struct query unsettled = {
        "SELECT COUNT(*) FROM sessions WHERE user_id=? AND unsettled=TRUE"};
    struct told told = {0};
    struct settlement_events events = events_to(&told);
    struct id broken = payer;
    int64_t settled;

    for (int i = 0; i < 20; i++)
        lay_session(3000000, 4000000000, true);
    new_payer();
    lay_session(60, PRICE, true);
    for (int i = 0; i < 2; i++)
        OK(store_settle(reaper, 4, &events, &settled, &err));
    CU_ASSERT_EQUAL(told.charged, 1);
    CU_ASSERT(told.failed > 0);
    CU_ASSERT_EQUAL(balance_of(&payer), -PRICE);
    CU_ASSERT_EQUAL(number_of(&unsettled, &broken), 20);
    OK(DB_RUN(admin, &mend, NULL, &err, db_id(&broken)));
    CU_ASSERT_EQUAL(settle().charged, 20);
}

static void *settle_all(void *arg)
{
    struct told *told = arg;
    struct settlement_events events = events_to(told);
    struct error err = ERROR_INIT;
    struct db *db;
    int64_t settled = 1;

    db_thread_begin();
    db = db_new(&settings.database, DB_REAPER, &err);
    while (db && settled > 0 && store_settle(db, 16, &events, &settled, &err) == 0)
        continue;
    db_free(db);
    db_thread_end();
    return NULL;
}

static void daemons_that_settle_at_once_charge_each_session_once(void)
{
    pthread_t threads[4];
    struct told told[4] = {0};
    int charged = 0;

    give(10000);
    for (int i = 0; i < 200; i++)
        lay_session(60, PRICE, true);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, settle_all, &told[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        charged += told[i].charged;
    }
    charged += settle().charged; /* of one that gave way to another */
    CU_ASSERT_EQUAL(charged, 200);
    CU_ASSERT_EQUAL(balance_of(&payer), 10000 - 200 * PRICE);
}

/* --- balances that fall ---------------------------------------------------------------------- */

struct fallen {
    int count;
    int64_t balance, threshold;
    struct id user;
};

static void note_fall(const struct id *id, int64_t balance, int64_t threshold, void *arg)
{
    struct fallen *fallen = arg;

    fallen->count++;
    fallen->balance = balance;
    fallen->threshold = threshold;
    fallen->user = *id;
}

/* How often it fell since it was asked for. */
static int falls(struct fallen *fallen)
{
    int count = fallen->count;

    fallen->count = 0;
    return count;
}

static void a_balance_that_falls_below_a_threshold_is_told_once(void)
{
    struct user_limits limits = USER_LIMITS_NONE;
    struct fallen fallen = {0};
    const struct ledger_watch watch = {95, note_fall, &fallen};

    store_ledger_watch(reaper, &watch);
    give(100);
    lay_session(60, PRICE, true); /* 95 */
    settle();
    CU_ASSERT_EQUAL(falls(&fallen), 0);
    lay_session(60, PRICE, true); /* 90 */
    settle();
    CU_ASSERT_EQUAL(falls(&fallen), 1);
    CU_ASSERT_EQUAL(fallen.balance, 90);
    CU_ASSERT_EQUAL(fallen.threshold, 95);
    CU_ASSERT_STRING_EQUAL(fallen.user.text, payer.text);
    lay_session(60, PRICE, true);
    settle();
    CU_ASSERT_EQUAL(falls(&fallen), 0);
    limits.low_balance_cents = 81;
    OK(store_user_limits_set(admin, &payer, &limits, &err));
    lay_session(60, PRICE, true); /* 80 */
    settle();
    CU_ASSERT_EQUAL(falls(&fallen), 1);
    CU_ASSERT_EQUAL(fallen.threshold, 81);
    store_ledger_watch(reaper, NULL);
}

/* A dispute that is won in the transaction that takes its money has moved nothing. */
static void whatever_moves_money_tells_of_a_fall_behind_its_commit(void)
{
    static const struct query expire = {
        "UPDATE credit_grants SET expires_at=NOW(6) WHERE user_id=?"};
    struct ledger_movement taken = {.event_key = "f:x1",
                                    .kind = LEDGER_DISPUTE,
                                    .amount_cents = -50,
                                    .of_event = "f:d1",
                                    .description = "t"};
    struct ledger_movement won = {.event_key = "f:w1",
                                  .kind = LEDGER_DISPUTE_WON,
                                  .amount_cents = 50,
                                  .of_event = "f:d1",
                                  .description = "t"};
    struct fallen fallen = {0};
    const struct ledger_watch watch = {100, note_fall, &fallen};
    struct told told = {0};
    struct settlement_events events = events_to(&told);

    store_ledger_watch(api, &watch);
    store_ledger_watch(reaper, &watch);
    deposit("f:d1", 100);
    taken.user_id = won.user_id = payer;
    OK(db_begin(api, &err));
    OK(store_ledger_move(api, &taken, NULL, &err));
    CU_ASSERT_EQUAL(falls(&fallen), 0);
    db_rollback(api);
    CU_ASSERT_EQUAL(falls(&fallen), 0);
    OK(db_begin(api, &err));
    OK(store_ledger_move(api, &taken, NULL, &err));
    OK(store_ledger_move(api, &won, NULL, &err));
    OK(db_commit(api, &err));
    CU_ASSERT_EQUAL(falls(&fallen), 0);
    MOVE(.event_key = "f:r1", .kind = LEDGER_CARD_REFUND, .amount_cents = -10, .of_event = "f:d1");
    CU_ASSERT_EQUAL(falls(&fallen), 1); /* 90 */
    give(10);
    OK(DB_RUN(admin, &expire, NULL, &err, db_id(&payer)));
    OK(store_grants_expire(reaper, 10, &events, &err));
    CU_ASSERT_EQUAL(told.expired, 1);
    CU_ASSERT_EQUAL(falls(&fallen), 1);
    store_ledger_watch(api, NULL);
    store_ledger_watch(reaper, NULL);
}

static void sessions_cost_nothing_once_billing_was_off_even_when_it_is_on_again(void)
{
    static const struct query priced = {
        "SELECT COUNT(*) FROM sessions WHERE user_id=? AND price_cents IS NOT NULL"};
    int64_t settled;
    struct id open;

    give(100);
    lay_session(600, PRICE, true);
    open = lay_session(600, PRICE, false);
    OK(store_settle_for_nothing(reaper, 100, &settled, &err)); /* off */
    CU_ASSERT_EQUAL(settled, 2);
    CU_ASSERT_EQUAL(number_of(&priced, &payer), 0);
    CU_ASSERT_EQUAL(meter(100000).exhausted, 0); /* on again */
    end_session(&open);
    CU_ASSERT_EQUAL(settle().charged, 0);
    CU_ASSERT_EQUAL(balance_of(&payer), 100);
    lay_session(60, PRICE, true); /* a new one has its price */
    CU_ASSERT_EQUAL(settle().charged, 1);
    CU_ASSERT_EQUAL(balance_of(&payer), 95);
}

/* --- metering -------------------------------------------------------------------------------- */

static void when_funds_end_sessions_end_the_oldest_first_until_the_rest_fits(void)
{
    struct id oldest;
    _cleanup_(session_release) struct session session = {0};
    struct told told;

    give(100);
    lay_session(360, PRICE, false);
    oldest = lay_session(720, PRICE, false); /* 90 cents in all */
    CU_ASSERT_EQUAL(meter(30).exhausted, 0); /* and 5 within half a minute */
    told = meter(90);                        /* one of them lasts that long, not both */
    CU_ASSERT_EQUAL(told.exhausted, 1);
    CU_ASSERT_STRING_EQUAL(told.last.text, oldest.text);
    OK(store_session_get(api, &payer, oldest.text, &session, &err));
    CU_ASSERT_EQUAL(session.status, SESSION_TERMINATED);
    CU_ASSERT_STRING_EQUAL(session.error_code, "CREDITS_EXHAUSTED");
    CU_ASSERT_EQUAL(meter(90).exhausted, 0);
    CU_ASSERT_EQUAL(meter(600).exhausted, 1);
    settle();
    CU_ASSERT_EQUAL(balance_of(&payer), 10);
}

static void a_session_without_a_price_is_never_ended_for_money(void)
{
    lay_session(100000, 0, false);
    CU_ASSERT_EQUAL(meter(60).exhausted, 0);
}

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

static void pass_over(const struct id *id, void *arg)
{
    (void)id;
    (void)arg;
}

/* Nobody looked for two hours, in which the time to live was over. */
static void nobody_pays_for_more_than_the_time_to_live(void)
{
    static const struct query overdue = {
        "UPDATE sessions SET expires_at=created_at + INTERVAL 30 MINUTE WHERE user_id=?"};
    double duration;
    bool changed;
    struct id id;

    give(1000);
    lay_session(7200, PRICE, false);
    id = lay_session(7200, PRICE, false);
    OK(DB_RUN(admin, &overdue, NULL, &err, db_id(&payer)));
    CU_ASSERT_EQUAL(meter(4).exhausted, 0);
    OK(begin(api, NULL, (struct new_session){.open_max = 0}, &err));
    OK(store_session_close(api, &payer, id.text, &duration, &changed, &err));
    CU_ASSERT_EQUAL(duration, 1800);
    OK(store_session_expire(reaper, 1000, pass_over, NULL, &err));
    CU_ASSERT_EQUAL(settle().charged, 2);
    CU_ASSERT_EQUAL(balance_of(&payer), 1000 - 2 * 30 * PRICE);
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
        {"a session needs a minute on top of what others have used",
         a_session_needs_a_minute_on_top_of_what_others_have_used},
        {"the balance is not checked outside of the lock: of a hundred creates at once with funds "
         "for ten, ten succeed",
         of_a_hundred_creates_at_once_with_funds_for_ten_ten_succeed},
        {"creating, closing and charging at once never wait for each other for ever",
         creating_closing_and_charging_at_once_never_wait_for_each_other_for_ever},
        {"limits name their value and what is in use", limits_name_their_value_and_what_is_in_use},
        {"a user may have limits of their own", a_user_may_have_limits_of_his_own},
        {"a session is charged by the second, to the nearest cent, once",
         a_session_is_charged_by_the_second_to_the_nearest_cent_once},
        {"what was never ready, or has no price, costs nothing",
         what_was_never_ready_or_has_no_price_costs_nothing},
        {"a user who can't be charged holds nobody up",
         a_user_who_can_not_be_charged_holds_nobody_up},
        {"daemons that settle at once charge each session once",
         daemons_that_settle_at_once_charge_each_session_once},
        {"nobody pays for more than the time to live", nobody_pays_for_more_than_the_time_to_live},
        {"a balance that falls below a threshold is told once",
         a_balance_that_falls_below_a_threshold_is_told_once},
        {"whatever moves money tells of a fall behind its commit",
         whatever_moves_money_tells_of_a_fall_behind_its_commit},
        {"sessions cost nothing once billing was off, even when it is on again",
         sessions_cost_nothing_once_billing_was_off_even_when_it_is_on_again},
        {"when funds end, sessions end, the oldest first, until the rest fits",
         when_funds_end_sessions_end_the_oldest_first_until_the_rest_fits},
        {"a session without a price is never ended for money",
         a_session_without_a_price_is_never_ended_for_money},
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

    return fixture_main_with("money", tests, ARRAY_SIZE(tests), fixture_lay_samples, new_payer);
}
