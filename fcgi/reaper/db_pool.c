#include "reaper/db_pool.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/fair_queue.h"
#include "settings.h"
#include "store/db.h"
#include "store/ledger.h"

#include "base/banned.h"

#define PAUSE_FIRST (CLOCK_SECOND / 10)
#define PAUSE_MOST (2 * CLOCK_SECOND)
#define BACK_AFTER (3 * CLOCK_SECOND)
#define IDLE_SECONDS 60 /* then a thread looks whether its connection still lives */

struct work {
    struct fair_item item; /* first: an item's address is its work's */
    TAILQ_ENTRY(work) next;
    struct db_pool *pool;
    enum db_lane lane;
    struct id user; /* "": the daemon's own */
    db_pool_run *run;
    db_pool_done *done;
    void *arg;
    bool insist;
    int tries;
    int64_t pause;
    struct event *timer; /* while it pauses */
    struct error err;
    bool failed;
};

TAILQ_HEAD(work_list, work);

struct worker {
    pthread_t thread;
    struct db_pool *pool;
    struct db *db;
};

struct db_pool {
    struct event_base *base;
    struct event *finished_event;
    int finished_fd;
    size_t pending;
    bool unavailable;
    int64_t unavailable_at;   /* lately */
    struct work_list pausing; /* of the loop's thread alone */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t given;
    struct fair_queue lanes[2]; /* by enum db_lane */
    size_t on_large;            /* threads that are at large work */
    bool large_was_last;        /* of what was taken */
    struct work_list finished;
    bool ending;

    size_t size;  /* of workers */
    size_t count; /* of threads that run */
    struct worker workers[];
};

static bool may_take_large(const struct db_pool *pool)
{
    size_t half = pool->size < 2 ? 1 : pool->size / 2;

    if (pool->lanes[DB_LARGE].count == 0 || pool->on_large >= half)
        return false;
    if (pool->lanes[DB_SMALL].count == 0)
        return true;
    return pool->on_large == 0 && !pool->large_was_last;
}

static struct work *take(struct db_pool *pool)
{
    bool large = may_take_large(pool);
    struct work *work = (struct work *)fair_pop(&pool->lanes[large ? DB_LARGE : DB_SMALL]);

    if (!work)
        return NULL;
    pool->large_was_last = large;
    if (large)
        pool->on_large++;
    return work;
}

/* The next work, or NULL when the pool ends. An idle connection is kept warm, so that no write
 * finds it closed by the server. */
static struct work *next_work(struct worker *worker)
{
    struct db_pool *pool = worker->pool;
    struct work *work = NULL;
    struct timespec until;
    struct error ignored;

    pthread_mutex_lock(&pool->mutex);
    while (!pool->ending && !(work = take(pool))) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += IDLE_SECONDS;
        if (pthread_cond_timedwait(&pool->given, &pool->mutex, &until) == 0)
            continue;
        pthread_mutex_unlock(&pool->mutex);
        db_ping(worker->db, &ignored); /* what it finds out the next statement will too */
        pthread_mutex_lock(&pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return work;
}

static void hand_back(struct db_pool *pool, struct work *work)
{
    bool first;

    pthread_mutex_lock(&pool->mutex);
    if (work->lane == DB_LARGE) {
        pool->on_large--;
        pthread_cond_signal(&pool->given); /* another may go on with it */
    }
    first = TAILQ_EMPTY(&pool->finished);
    TAILQ_INSERT_TAIL(&pool->finished, work, next);
    pthread_mutex_unlock(&pool->mutex);
    if (first && eventfd_write(pool->finished_fd, 1) < 0)
        abort(); /* an eventfd that is ours and far from its limit can't fail */
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct work *work;

    db_thread_begin();
    while ((work = next_work(worker))) {
        error_clear(&work->err);
        work->failed = work->run(worker->db, work->arg, &work->err) < 0;
        hand_back(worker->pool, work);
    }
    db_thread_end();
    return NULL;
}

static void give(struct db_pool *pool, struct work *work)
{
    pthread_mutex_lock(&pool->mutex);
    fair_push(&pool->lanes[work->lane], &work->user, &work->item);
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->mutex);
}

static void work_free(struct work *work)
{
    if (work->timer)
        event_free(work->timer);
    free(work);
}

static void pause_is_over(evutil_socket_t fd, short what, void *arg)
{
    struct work *work = arg;

    (void)fd;
    (void)what;
    TAILQ_REMOVE(&work->pool->pausing, work, next);
    give(work->pool, work);
}

static void pause_work(struct work *work)
{
    struct timeval pause;

    work->pause = work->pause ? work->pause * 2 : PAUSE_FIRST;
    if (work->pause > PAUSE_MOST)
        work->pause = PAUSE_MOST;
    pause.tv_sec = work->pause / CLOCK_SECOND;
    pause.tv_usec = work->pause % CLOCK_SECOND;
    if (!work->timer)
        work->timer = evtimer_new(work->pool->base, pause_is_over, work);
    evtimer_add(work->timer, &pause);
    TAILQ_INSERT_TAIL(&work->pool->pausing, work, next);
}

/* One line when the database goes and one when it is back for good: each thread notices for itself,
 * and the last some seconds after the first. */
static void note_availability(struct db_pool *pool, const struct work *work)
{
    int64_t now = clock_monotonic();

    if (work->failed && work->err.kind == ERROR_UNAVAILABLE) {
        if (!pool->unavailable)
            log_error("database_lost", &work->err);
        pool->unavailable = true;
        pool->unavailable_at = now;
    } else if (pool->unavailable && now - pool->unavailable_at > BACK_AFTER) {
        log_event(LOG_INFO, "database_back", "waiting=%zu", pool->pending);
        pool->unavailable = false;
    }
}

static void conclude(struct work *work)
{
    struct db_pool *pool = work->pool;

    note_availability(pool, work);
    if (work->failed && work->insist && work->err.kind == ERROR_UNAVAILABLE) {
        pause_work(work);
        return;
    }
    if (work->failed && work->insist && work->err.kind == ERROR_INTERNAL &&
        ++work->tries < DB_POOL_TRIES) {
        log_error("database_refused", &work->err);
        pause_work(work);
        return;
    }
    pool->pending--;
    work->done(work->failed ? &work->err : NULL, work->arg);
    work_free(work);
}

static void work_is_finished(evutil_socket_t fd, short what, void *arg)
{
    struct db_pool *pool = arg;
    struct work_list finished = TAILQ_HEAD_INITIALIZER(finished);
    struct work *work;
    eventfd_t count;

    (void)what;
    if (eventfd_read(fd, &count) < 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    TAILQ_CONCAT(&finished, &pool->finished, next);
    pthread_mutex_unlock(&pool->mutex);
    while ((work = TAILQ_FIRST(&finished))) {
        TAILQ_REMOVE(&finished, work, next);
        conclude(work);
    }
}

static int start_threads(struct db_pool *pool, const struct database_settings *settings,
                         const struct ledger_watch *watch, struct error *err)
{
    sigset_t all, before;
    int failed = 0;

    for (size_t i = 0; i < pool->size; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].db = db_new(settings, DB_REAPER, err);
        if (!pool->workers[i].db)
            return -1;
        store_ledger_watch(pool->workers[i].db, watch);
    }
    /* Signals are the loop's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!failed && pool->count < pool->size) {
        struct worker *worker = &pool->workers[pool->count];

        failed = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (!failed)
            pool->count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? error_errno(err, failed, "cannot start a database thread") : 0;
}

struct db_pool *db_pool_new(struct event_base *base, const struct database_settings *settings,
                            const struct ledger_watch *watch, size_t threads, struct error *err)
{
    struct db_pool *pool = xcalloc(1, sizeof(*pool) + threads * sizeof(pool->workers[0]));
    pthread_condattr_t attributes;

    pool->base = base;
    pool->size = threads;
    TAILQ_INIT(&pool->pausing);
    fair_init(&pool->lanes[DB_SMALL]);
    fair_init(&pool->lanes[DB_LARGE]);
    TAILQ_INIT(&pool->finished);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->given, &attributes);
    pthread_condattr_destroy(&attributes);
    pool->finished_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->finished_fd < 0) {
        error_errno(err, errno, "eventfd");
        db_pool_free(pool);
        return NULL;
    }
    pool->finished_event =
        event_new(base, pool->finished_fd, EV_READ | EV_PERSIST, work_is_finished, pool);
    event_add(pool->finished_event, NULL);
    if (start_threads(pool, settings, watch, err) < 0) {
        db_pool_free(pool);
        return NULL;
    }
    return pool;
}

static void submit(struct db_pool *pool, struct work work, const struct id *user)
{
    struct work *copy = xmemdup(&work, sizeof(work));

    copy->pool = pool;
    if (user)
        copy->user = *user;
    pool->pending++;
    give(pool, copy);
}

void db_pool_submit(struct db_pool *pool, enum db_lane lane, const struct id *user,
                    db_pool_run *run, db_pool_done *done, void *arg)
{
    submit(pool, (struct work){.lane = lane, .run = run, .done = done, .arg = arg}, user);
}

void db_pool_insist(struct db_pool *pool, enum db_lane lane, const struct id *user,
                    db_pool_run *run, db_pool_done *done, void *arg)
{
    submit(pool, (struct work){.lane = lane, .run = run, .done = done, .arg = arg, .insist = true},
           user);
}

bool db_pool_available(const struct db_pool *pool)
{
    return !pool->unavailable;
}

size_t db_pool_pending(const struct db_pool *pool)
{
    return pool->pending;
}

static void free_list(struct work_list *list)
{
    struct work *work;

    while ((work = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, work, next);
        work_free(work);
    }
}

static void free_lane(struct fair_queue *lane)
{
    struct work *work;

    while ((work = (struct work *)fair_pop(lane)))
        work_free(work);
}

void db_pool_free(struct db_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->ending = true;
    pthread_cond_broadcast(&pool->given);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->count; i++)
        pthread_join(pool->workers[i].thread, NULL);
    free_list(&pool->pausing);
    free_lane(&pool->lanes[DB_SMALL]);
    free_lane(&pool->lanes[DB_LARGE]);
    free_list(&pool->finished);
    if (pool->finished_event)
        event_free(pool->finished_event);
    if (pool->finished_fd >= 0)
        close(pool->finished_fd);
    for (size_t i = 0; i < pool->size; i++)
        db_free(pool->workers[i].db);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
