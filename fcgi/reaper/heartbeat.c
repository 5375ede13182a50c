#include "reaper/heartbeat.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "settings.h"
#include "store/db.h"
#include "store/runs.h"

#include "base/banned.h"

#define BEAT_MS 2000
#define AGAIN_MS 200 /* after a beat that the database did not take */
#define LOCK_SECONDS 1
/* Whoever holds the node's lock and does not beat for so long is not there any more: the connection
 * of a daemon that was cut off, which MariaDB has not given up yet. */
#define RIVAL_SILENT (5 * BEAT_MS * INT64_C(1000))

enum state { RUN_NEW, RUN_REFUSED, RUN_BEGUN, RUN_ENDED };

struct heartbeat {
    const struct run *run;
    const struct heartbeat_events *events;
    void *arg;
    struct event *changed_event;
    int changed_fd;
    enum state told; /* what the loop knows */
    bool told_waiting;

    /* The thread's. */
    struct db *db;
    int64_t rival_beat, rival_since; /* of another daemon of this node; 0: none was seen */
    pthread_t thread;
    bool threaded;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t stop;
    bool stopping, ending;
    bool waiting; /* the database was not in reach when the run was to begin */
    enum state state;
    struct error reason; /* of RUN_REFUSED */
    int64_t beat_at;     /* monotonic; 0: never */
};

/* --- the thread ------------------------------------------------------------------------------ */

/* Another daemon of this node, on this machine, would be ended by this one's beginning. */
static enum state look_for_rival(struct heartbeat *heartbeat, struct error *err)
{
    const struct run *run = heartbeat->run;
    int64_t rival_beat;

    if (store_run_lock(heartbeat->db, run, LOCK_SECONDS, &rival_beat, err) < 0)
        return RUN_NEW;
    if (rival_beat == 0)
        return RUN_BEGUN;
    if (heartbeat->rival_since == 0) {
        heartbeat->rival_since = clock_monotonic();
        heartbeat->rival_beat = rival_beat;
    }
    if (rival_beat != heartbeat->rival_beat) {
        error_set(err, ERROR_CONFLICT, "NODE_RUNNING",
                  "another codeset-reaper with the node name '%s' runs on this machine, on the "
                  "same database. Stop it, or give this one a name of its own ([reaper] node)",
                  run->node);
        return RUN_REFUSED;
    }
    if (clock_monotonic() - heartbeat->rival_since > RIVAL_SILENT)
        return RUN_BEGUN;
    error_set(err, ERROR_UNAVAILABLE, NULL, "another daemon of the node may be at work");
    return RUN_NEW;
}

/* Begins, or beats. What a beat can't say for want of a database is as it was. */
static enum state beat(struct heartbeat *heartbeat, enum state state, struct error *err)
{
    bool alive = true;
    int64_t ignored;

    if (state == RUN_NEW) {
        state = look_for_rival(heartbeat, err);
        if (state != RUN_BEGUN)
            return state;
        if (store_run_begin(heartbeat->db, heartbeat->run, err) == 0)
            return RUN_BEGUN;
        return err->kind == ERROR_CONFLICT ? RUN_REFUSED : RUN_NEW;
    }
    if (store_run_beat(heartbeat->db, heartbeat->run, &alive, err) < 0)
        return state;
    /* A connection that is a new one takes the lock again. */
    if (alive && store_run_lock(heartbeat->db, heartbeat->run, 0, &ignored, err) < 0)
        return state;
    return alive ? state : RUN_ENDED;
}

static void note(struct heartbeat *heartbeat, enum state state, const struct error *err)
{
    bool waits = state == RUN_NEW && err->code && !heartbeat->waiting;
    bool changed = state != heartbeat->state || waits;

    if (err->kind == ERROR_NONE)
        heartbeat->beat_at = clock_monotonic();
    else if (err->kind == ERROR_INTERNAL)
        log_error("heartbeat_failed", err);
    heartbeat->state = state;
    heartbeat->waiting = heartbeat->waiting || waits;
    heartbeat->reason = *err;
    if (changed && eventfd_write(heartbeat->changed_fd, 1) < 0)
        abort(); /* an eventfd that is ours and far from its limit can't fail */
}

static void pause_thread(struct heartbeat *heartbeat, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!heartbeat->stopping &&
           pthread_cond_timedwait(&heartbeat->stop, &heartbeat->mutex, &until) != ETIMEDOUT)
        ;
}

static void *thread_main(void *arg)
{
    struct heartbeat *heartbeat = arg;
    struct error err = ERROR_INIT;
    enum state state = RUN_NEW;
    bool ending;

    db_thread_begin();
    pthread_mutex_lock(&heartbeat->mutex);
    while (!heartbeat->stopping && state != RUN_REFUSED && state != RUN_ENDED) {
        pthread_mutex_unlock(&heartbeat->mutex);
        error_clear(&err);
        state = beat(heartbeat, state, &err);
        pthread_mutex_lock(&heartbeat->mutex);
        note(heartbeat, state, &err);
        pause_thread(heartbeat, err.kind == ERROR_NONE ? BEAT_MS : AGAIN_MS);
    }
    ending = heartbeat->ending;
    pthread_mutex_unlock(&heartbeat->mutex);
    error_clear(&err);
    if (state == RUN_BEGUN && ending && store_run_end(heartbeat->db, heartbeat->run, &err) < 0)
        log_error("run_end_failed", &err); /* it is taken for dead when its lease is over */
    db_thread_end();
    return NULL;
}

/* --- the loop -------------------------------------------------------------------------------- */

static void state_changed(evutil_socket_t fd, short what, void *arg)
{
    struct heartbeat *heartbeat = arg;
    struct error reason;
    bool waiting;
    enum state state;
    eventfd_t count;

    (void)what;
    if (eventfd_read(fd, &count) < 0)
        return;
    pthread_mutex_lock(&heartbeat->mutex);
    state = heartbeat->state;
    waiting = heartbeat->waiting && !heartbeat->told_waiting;
    reason = heartbeat->reason;
    pthread_mutex_unlock(&heartbeat->mutex);
    if (heartbeat->told == RUN_NEW && state == RUN_NEW && waiting) {
        heartbeat->told_waiting = true;
        heartbeat->events->waiting(heartbeat->arg);
    }
    if (heartbeat->told == RUN_NEW && state != RUN_NEW) {
        heartbeat->told = state == RUN_REFUSED ? RUN_REFUSED : RUN_BEGUN;
        heartbeat->events->begun(state == RUN_REFUSED ? &reason : NULL, heartbeat->arg);
    }
    if (heartbeat->told == RUN_BEGUN && state == RUN_ENDED) {
        heartbeat->told = RUN_ENDED;
        heartbeat->events->ended(heartbeat->arg);
    }
}

static int start_thread(struct heartbeat *heartbeat, struct error *err)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&heartbeat->thread, NULL, thread_main, heartbeat);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    heartbeat->threaded = !failed;
    return failed ? error_errno(err, failed, "cannot start the heartbeat thread") : 0;
}

static void init_locks(struct heartbeat *heartbeat)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&heartbeat->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&heartbeat->stop, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct heartbeat *heartbeat_new(struct event_base *base, const struct database_settings *settings,
                                const struct run *run, const struct heartbeat_events *events,
                                void *arg, struct error *err)
{
    struct heartbeat *heartbeat = xcalloc(1, sizeof(*heartbeat));

    heartbeat->run = run;
    heartbeat->events = events;
    heartbeat->arg = arg;
    init_locks(heartbeat);
    heartbeat->changed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (heartbeat->changed_fd < 0) {
        error_errno(err, errno, "eventfd");
        heartbeat_free(heartbeat);
        return NULL;
    }
    heartbeat->changed_event =
        event_new(base, heartbeat->changed_fd, EV_READ | EV_PERSIST, state_changed, heartbeat);
    event_add(heartbeat->changed_event, NULL);
    heartbeat->db = db_new(settings, DB_REAPER, err);
    if (!heartbeat->db || start_thread(heartbeat, err) < 0) {
        heartbeat_free(heartbeat);
        return NULL;
    }
    return heartbeat;
}

int64_t heartbeat_age_ms(struct heartbeat *heartbeat)
{
    int64_t beat_at;

    pthread_mutex_lock(&heartbeat->mutex);
    beat_at = heartbeat->beat_at;
    pthread_mutex_unlock(&heartbeat->mutex);
    return beat_at ? (clock_monotonic() - beat_at) / 1000 : -1;
}

void heartbeat_end(struct heartbeat *heartbeat)
{
    pthread_mutex_lock(&heartbeat->mutex);
    heartbeat->ending = true;
    pthread_mutex_unlock(&heartbeat->mutex);
}

void heartbeat_free(struct heartbeat *heartbeat)
{
    if (!heartbeat)
        return;
    pthread_mutex_lock(&heartbeat->mutex);
    heartbeat->stopping = true;
    pthread_cond_signal(&heartbeat->stop);
    pthread_mutex_unlock(&heartbeat->mutex);
    if (heartbeat->threaded)
        pthread_join(heartbeat->thread, NULL);
    if (heartbeat->changed_event)
        event_free(heartbeat->changed_event);
    if (heartbeat->changed_fd >= 0)
        close(heartbeat->changed_fd);
    db_free(heartbeat->db);
    pthread_cond_destroy(&heartbeat->stop);
    pthread_mutex_destroy(&heartbeat->mutex);
    free(heartbeat);
}
