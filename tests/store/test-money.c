/*
 * What the store promises about the money of sessions, each by name: who may begin one, what is
 * charged, what is ended. Against a MariaDB of its own (tests/store/run).
 */
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "payer.h"
#include "store/identity.h"
#include "store/limits.h"

#include "base/banned.h"

/* --- who may begin a session ----------------------------------------------------------------- */

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
    NOT_BEGUN("SPENDING_LIMIT", "94 cents a day (UTC) and has spent 90 today", .cents_per_day = 94);
    BEGUN(.cents_per_day = 95);
    CU_ASSERT_EQUAL(begin(api, &key, (struct new_session){.key_cents_per_day = 94}, &refusal), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(refusal.message, "this API key may spend 94"));
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
    NOT_BEGUN("SPENDING_LIMIT", "this user may spend 4 cents");
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
    };

    return fixture_main_with("money", tests, ARRAY_SIZE(tests), fixture_lay_samples, new_payer);
}
