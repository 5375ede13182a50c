#include "reaper/reconciler.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/stripe_events.h"
#include "settings.h"
#include "store/checkouts.h"
#include "store/db.h"
#include "store/ledger.h"
#include "store/stripe_events.h"
#include "stripe/apply.h"
#include "stripe/stripe.h"

#include "base/banned.h"

#define LOOK_SECONDS 1 /* between two looks whether it is time */
#define SESSIONS_AT_ONCE 50
/* An event may be listed later than it is dated, and clocks differ. Stripe keeps events for 30
 * days. */
#define OVERLAP_SECONDS 900
#define EVENTS_DAYS 29

struct reconciler {
    const struct stripe_settings *settings;
    struct stripe *stripe;
    struct db *db;
    pthread_t thread;
    bool threaded;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t stop;
    bool stopping;
};

static bool is_stopping(struct reconciler *reconciler)
{
    bool stopping;

    pthread_mutex_lock(&reconciler->mutex);
    stopping = reconciler->stopping;
    pthread_mutex_unlock(&reconciler->mutex);
    return stopping;
}

/* --- deposits -------------------------------------------------------------------------------- */

struct asked {
    struct id checkout_id;
    char session[STRIPE_ID_MOST + 1];
};

struct asked_list {
    struct asked items[SESSIONS_AT_ONCE];
    size_t count;
};

static void asked_add(const struct id *checkout_id, const char *session, void *arg)
{
    struct asked_list *list = arg;
    struct asked *asked = &list->items[list->count];

    if (list->count == SESSIONS_AT_ONCE || strlen(session) > STRIPE_ID_MOST)
        return;
    asked->checkout_id = *checkout_id;
    memcpy(asked->session, session, strlen(session) + 1);
    list->count++;
}

/* One that Stripe does not know (any more, or under this key) is asked for again, until it is old.
 * Its turn is over before it is asked for: one that always fails must not keep the others waiting.
 */
static int ask_session(struct reconciler *reconciler, const struct asked *asked, struct error *err)
{
    struct stripe_applied applied;
    struct stripe_facts facts;

    if (store_checkout_asked(reconciler->db, &asked->checkout_id,
                             reconciler->settings->reconcile_seconds, err) < 0)
        return -1;
    if (stripe_session_get(reconciler->stripe, asked->session, &facts, err) < 0) {
        if (err->kind != ERROR_NOT_FOUND)
            return -1;
        log_event(LOG_WARNING, "stripe_session_unknown", "checkout=%s", asked->checkout_id.text);
        error_clear(err);
    } else if (stripe_apply_session(reconciler->db, &facts, &applied, err) < 0) {
        return -1;
    } else if (applied.moved_cents != 0 || applied.state == STRIPE_QUARANTINED) {
        snprintf(applied.type_name, sizeof(applied.type_name), "asked");
        snprintf(applied.event_id, sizeof(applied.event_id), "%s", asked->session);
        stripe_applied_log(&applied);
    }
    return 0;
}

static int ask_sessions(struct reconciler *reconciler, struct error *err)
{
    struct asked_list list = {.count = 0};

    if (store_checkout_to_ask(reconciler->db, SESSIONS_AT_ONCE, asked_add, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count && !is_stopping(reconciler); i++) {
        if (ask_session(reconciler, &list.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* --- events ---------------------------------------------------------------------------------- */

static int keep_event(json_object *json, void *arg, struct error *err)
{
    struct reconciler *reconciler = arg;
    _cleanup_(buf_release) struct buf payload = BUF_INIT;
    struct stripe_event event;
    struct stripe_event_row row = {.row_id = id_new()};
    bool is_new = false;

    if (is_stopping(reconciler))
        return error_set(err, ERROR_UNAVAILABLE, NULL, "stopping");
    if (stripe_envelope_read(json, &event, err) < 0)
        return -1;
    json_write(&payload, json);
    row.event_id = event.id;
    row.type = event.type_name;
    row.created_at = event.created * CLOCK_SECOND;
    row.payload = payload.data;
    if (store_stripe_event_add(reconciler->db, &row, payload.length, &is_new, err) < 0)
        return -1;
    if (is_new)
        log_event(LOG_WARNING, "stripe_event_undelivered", "id=%s type=%s", event.id,
                  event.type_name);
    return 0;
}

static int ask_events(struct reconciler *reconciler, int64_t since, struct error *err)
{
    int64_t now = clock_now();
    int64_t oldest = now - EVENTS_DAYS * 86400 * CLOCK_SECOND;
    int64_t from = since > oldest ? since : oldest;

    if (stripe_events_list(reconciler->stripe, from / CLOCK_SECOND, keep_event, reconciler, err) <
        0)
        return -1;
    return store_stripe_read_until(reconciler->db, now - OVERLAP_SECONDS * CLOCK_SECOND, err);
}

/* --- the thread ------------------------------------------------------------------------------ */

/* The database's absence is told by others. */
static void tell_failure(struct reconciler *reconciler, const struct error *err)
{
    if (!is_stopping(reconciler) && !error_has_code(err, "DATABASE_UNAVAILABLE"))
        log_error("stripe_not_asked", err);
}

/* A deposit that can't be asked about is no reason to leave the events alone. */
static int step(struct reconciler *reconciler, struct error *err)
{
    int64_t since = 0;
    bool mine = false;

    if (store_stripe_turn(reconciler->db, reconciler->settings->reconcile_seconds, &mine, &since,
                          err) < 0)
        return -1;
    if (!mine)
        return 0;
    if (ask_sessions(reconciler, err) < 0) {
        tell_failure(reconciler, err);
        error_clear(err);
    }
    return is_stopping(reconciler) ? 0 : ask_events(reconciler, since, err);
}

static void pause_thread(struct reconciler *reconciler)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_SECONDS;
    pthread_mutex_lock(&reconciler->mutex);
    while (!reconciler->stopping &&
           pthread_cond_timedwait(&reconciler->stop, &reconciler->mutex, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&reconciler->mutex);
}

static void *thread_main(void *arg)
{
    struct reconciler *reconciler = arg;
    struct error err = ERROR_INIT;

    db_thread_begin();
    while (!is_stopping(reconciler)) {
        error_clear(&err);
        if (step(reconciler, &err) < 0)
            tell_failure(reconciler, &err);
        pause_thread(reconciler);
    }
    db_thread_end();
    return NULL;
}

static void init_locks(struct reconciler *reconciler)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&reconciler->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&reconciler->stop, &attributes);
    pthread_condattr_destroy(&attributes);
}

static int start_thread(struct reconciler *reconciler, struct error *err)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&reconciler->thread, NULL, thread_main, reconciler);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    reconciler->threaded = !failed;
    return failed ? error_errno(err, failed, "starting the thread that asks Stripe") : 0;
}

int reconciler_new(const struct stripe_settings *settings, const struct database_settings *database,
                   const struct ledger_watch *watch, struct reconciler **ret_reconciler,
                   struct error *err)
{
    struct reconciler *reconciler = xcalloc(1, sizeof(*reconciler));
    struct error refused = ERROR_INIT;
    bool failed;

    reconciler->settings = settings;
    init_locks(reconciler);
    reconciler->stripe = stripe_new(settings, &refused);
    if (!reconciler->stripe)
        log_error("stripe_not_asked", &refused); /* no reason to leave the sessions alone */
    reconciler->db = reconciler->stripe ? db_new(database, DB_REAPER, err) : NULL;
    if (reconciler->db)
        store_ledger_watch(reconciler->db, watch);
    failed = reconciler->stripe && (!reconciler->db || (stripe_configured(reconciler->stripe) &&
                                                        start_thread(reconciler, err) < 0));
    if (!reconciler->threaded)
        reconciler_free(TAKE_PTR(reconciler));
    *ret_reconciler = reconciler;
    return failed ? -1 : 0;
}

void reconciler_free(struct reconciler *reconciler)
{
    if (!reconciler)
        return;
    pthread_mutex_lock(&reconciler->mutex);
    reconciler->stopping = true;
    pthread_cond_signal(&reconciler->stop);
    pthread_mutex_unlock(&reconciler->mutex);
    if (reconciler->stripe)
        stripe_interrupt(reconciler->stripe);
    if (reconciler->threaded)
        pthread_join(reconciler->thread, NULL);
    stripe_free(reconciler->stripe);
    db_free(reconciler->db);
    pthread_cond_destroy(&reconciler->stop);
    pthread_mutex_destroy(&reconciler->mutex);
    free(reconciler);
}
