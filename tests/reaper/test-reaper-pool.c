/*
 * Work for the database: lanes and turns.
 */
#include "fixture.h"
#include "suites.h"

#include <pthread.h>

#include "base/cleanup.h"
#include "reaper/db_pool.h"

#include "base/banned.h"

static struct machine m;
static struct db_pool *pool;

/* Work that waits for the gate, on its thread, and tells the order in which it was begun. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool open;
static int begun;

struct piece {
    bool gated;
    int place; /* in which it was begun; 0: not yet */
    bool done;
};

static int run(struct db *db, void *arg, struct error *err)
{
    struct piece *piece = arg;

    (void)db;
    (void)err;
    pthread_mutex_lock(&mutex);
    piece->place = ++begun;
    while (piece->gated && !open)
        pthread_cond_wait(&opened, &mutex);
    pthread_mutex_unlock(&mutex);
    return 0;
}

static void done(const struct error *err, void *arg)
{
    CU_ASSERT_PTR_NULL(err);
    ((struct piece *)arg)->done = true;
}

static void give(struct piece *piece, enum db_lane lane, const struct id *user)
{
    db_pool_submit(pool, lane, user, run, done, piece);
}

static int begun_now(void)
{
    int now;

    pthread_mutex_lock(&mutex);
    now = begun;
    pthread_mutex_unlock(&mutex);
    return now;
}

static void open_gate(void)
{
    pthread_mutex_lock(&mutex);
    open = true;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&mutex);
}

static void begin(size_t threads)
{
    machine_open(&m, "alone");
    open = false;
    begun = 0;
    pool = NULL;
    OK((pool = db_pool_new(m.base, &fixture_settings.database, NULL, threads, &err)) ? 0 : -1);
}

static void finish(void)
{
    UNTIL(db_pool_pending(pool) == 0);
    db_pool_free(pool);
    machine_close(&m);
}

/* However many large ones there are, half of the threads are for small ones. */
static void small_work_does_not_wait_for_large_work(void)
{
    struct piece large[6] = {0}, small[20] = {0};

    begin(4);
    for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
        large[i].gated = true;
        give(&large[i], DB_LARGE, &fixture_user);
    }
    UNTIL(begun_now() == 2);
    for (size_t i = 0; i < ARRAY_SIZE(small); i++)
        give(&small[i], DB_SMALL, &fixture_user);
    for (size_t i = 0; i < ARRAY_SIZE(small); i++)
        UNTIL(small[i].done);
    CU_ASSERT_EQUAL(begun_now(), 2 + (int)ARRAY_SIZE(small));
    open_gate();
    finish();
    for (size_t i = 0; i < ARRAY_SIZE(large); i++)
        CU_ASSERT(large[i].done);
}

/* And the other way round: a flood of small ones does not hold up the large ones for ever. */
static void large_work_does_not_wait_for_small_work(void)
{
    struct piece first = {.gated = true}, large = {0}, small[20] = {0};

    begin(1);
    give(&first, DB_SMALL, NULL);
    UNTIL(begun_now() == 1);
    for (size_t i = 0; i < ARRAY_SIZE(small); i++)
        give(&small[i], DB_SMALL, &fixture_user);
    give(&large, DB_LARGE, &fixture_user);
    open_gate();
    finish();
    CU_ASSERT_EQUAL(large.place, 2);
}

static void a_user_s_long_queue_is_not_before_another_s_one(void)
{
    struct piece first = {.gated = true}, own[20] = {0}, others = {0}, daemons = {0};

    begin(1);
    give(&first, DB_SMALL, NULL);
    UNTIL(begun_now() == 1);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        give(&own[i], DB_SMALL, &fixture_user);
    give(&others, DB_SMALL, &fixture_other_user);
    give(&daemons, DB_SMALL, NULL);
    open_gate();
    finish();
    CU_ASSERT(others.place <= 4);
    CU_ASSERT(daemons.place <= 4);
    CU_ASSERT_EQUAL(own[0].place, 2);
    for (size_t i = 1; i < ARRAY_SIZE(own); i++)
        CU_ASSERT(own[i].place > own[i - 1].place);
}

static const struct unit_test tests[] = {
    {"small work does not wait for large work", small_work_does_not_wait_for_large_work},
    {"large work does not wait for all small work", large_work_does_not_wait_for_small_work},
    {"a user's long queue is not before another's one piece",
     a_user_s_long_queue_is_not_before_another_s_one},
};

const struct suite suite_pool = {tests, ARRAY_SIZE(tests)};
