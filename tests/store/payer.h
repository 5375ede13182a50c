/*
 * payer.h - a user whose money tests move, sessions that cost, and what the daemon does about them:
 * for the one file of a test program, as fixture.h is.
 */
#ifndef CODESET_TESTS_STORE_PAYER_H
#define CODESET_TESTS_STORE_PAYER_H

#include <string.h>

#include "base/cleanup.h"
#include "fixture.h"
#include "store/ledger.h"
#include "store/sessions.h"
#include "store/settlement.h"
#include "store/usage.h"

#define PRICE 5

static struct id payer; /* a new one for each test */

static inline int64_t number_of(const struct query *query, const struct id *id)
{
    struct error err = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(admin, query, &err, db_id(id));

    if (!rows || !db_next(rows))
        CU_FAIL_FATAL("no answer");
    return db_row_int(rows, 0);
}

static inline int64_t balance_of(const struct id *id)
{
    struct balance balance;

    OK(store_balance_get(api, id, &balance, &err));
    return balance.balance_cents;
}

static inline int moved(struct db *db, struct ledger_movement *movement, struct error *err)
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

static inline struct told settle(void);

/* What the test before left ends, and is charged. */
static inline void new_payer(void)
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

static inline void give(int64_t cents)
{
    struct id id = id_new();

    MOVE(.event_key = id.text, .kind = LEDGER_PROMOTION, .amount_cents = cents);
}

static inline void deposit(const char *key, int64_t cents)
{
    MOVE(.event_key = key, .kind = LEDGER_DEPOSIT, .amount_cents = cents);
}

/* A session that became ready so many seconds ago; ended: and ended now. Without a price where
 * that is 0. */
static inline struct id lay_session(int64_t seconds, int64_t price, bool ended)
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

static inline void end_session(const struct id *id)
{
    static const struct query end = {
        "UPDATE sessions SET status='closed', ended_at=NOW(6) WHERE session_id=?"};

    OK(DB_RUN(admin, &end, NULL, &err, db_id(id)));
}

/* --- what the daemon tells ------------------------------------------------------------------- */

static inline void tell_charged(const struct id *id, int64_t seconds, int64_t cents, void *arg)
{
    struct told *told = arg;

    (void)seconds;
    told->charged++;
    told->cents = cents;
    told->last = *id;
}

static inline void tell_exhausted(const struct id *id, const struct id *user, void *arg)
{
    struct told *told = arg;

    (void)user;
    told->exhausted++;
    told->last = *id;
}

static inline void tell_expired(const struct id *id, const struct id *user, int64_t cents,
                                void *arg)
{
    struct told *told = arg;

    (void)id;
    (void)user;
    told->expired++;
    told->cents = cents;
}

static inline void tell_failed(const struct id *user, const struct error *err, void *arg)
{
    struct told *told = arg;

    fprintf(stderr, "%s: %s\n", user->text, err->message);
    told->failed++;
}

static inline struct settlement_events events_to(struct told *told)
{
    return (struct settlement_events){told, tell_charged, tell_exhausted, tell_expired,
                                      tell_failed};
}

static inline struct told settle(void)
{
    struct told told = {0};
    struct settlement_events events = events_to(&told);
    int64_t settled = 1;

    while (settled > 0)
        OK(store_settle(reaper, 100, &events, &settled, &err));
    return told;
}

static inline struct told meter(int64_t ahead)
{
    struct told told = {0};
    struct settlement_events events = events_to(&told);

    OK(store_meter(reaper, ahead, &events, &err));
    return told;
}

/* --- who may begin a session ----------------------------------------------------------------- */

static inline int begin(struct db *db, const struct id *key, struct new_session wanted,
                        struct error *err)
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

#endif
