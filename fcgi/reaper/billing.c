#include "reaper/billing.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "reaper/await.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/registry.h"
#include "reaper/rounds.h"
#include "settings.h"
#include "store/settlement.h"

#include "base/banned.h"

#define SETTLED_A_STEP 256
#define EXPIRED_A_STEP 100
/* A look takes place a little later than it was due. */
#define METER_SLACK_SECONDS 1

/* One look at what is due; on a thread of the pool, which touches nothing else. */
struct step {
    struct billing *billing;
    const struct billing_settings *settings;
    bool meters;
    int64_t settled;
    struct id_list exhausted;
};

struct billing {
    struct context *context;
    const struct billing_settings *settings;
    struct event *timer;
    struct step *step;  /* NULL: none is under way */
    int64_t metered_at; /* monotonic */
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

/* --- what is told, on the thread; log_event may be called there ------------------------------- */

static void tell_charged(const struct id *session_id, int64_t seconds, int64_t cents, void *arg)
{
    (void)arg;
    log_event(LOG_INFO, "session_charged", "session=%s seconds=%lld cents=%lld", session_id->text,
              (long long)seconds, (long long)cents);
}

static void tell_low(const struct id *user_id, int64_t balance_cents, int64_t threshold_cents,
                     void *arg)
{
    (void)arg;
    METRIC_COUNT(BALANCE_FALLS, metric_program());
    log_event(LOG_WARNING, "balance_low", "user=%s balance_cents=%lld threshold_cents=%lld",
              user_id->text, (long long)balance_cents, (long long)threshold_cents);
}

struct ledger_watch billing_watch(const struct billing_settings *settings)
{
    return (struct ledger_watch){.low_balance_cents = settings->low_balance_cents, .low = tell_low};
}

static void tell_exhausted(const struct id *session_id, const struct id *user_id, void *arg)
{
    struct step *step = arg;

    log_event(LOG_INFO, "credits_exhausted", "session=%s user=%s", session_id->text, user_id->text);
    id_list_add(session_id, &step->exhausted);
}

static void tell_expired(const struct id *grant_id, const struct id *user_id, int64_t cents,
                         void *arg)
{
    (void)arg;
    log_event(LOG_INFO, "grant_expired", "grant=%s user=%s cents=%lld", grant_id->text,
              user_id->text, (long long)cents);
}

static void tell_failed(const struct id *user_id, const struct error *err, void *arg)
{
    (void)arg;
    log_event(LOG_ERROR, "billing_failed", "user=%s message=\"%s\"", user_id->text, err->message);
}

/* --- a step ---------------------------------------------------------------------------------- */

static int run_step(struct db *db, void *arg, struct error *err)
{
    struct step *step = arg;
    const struct billing_settings *settings = step->settings;
    const struct settlement_events events = {
        .arg = step,
        .charged = tell_charged,
        .exhausted = tell_exhausted,
        .expired = tell_expired,
        .failed = tell_failed,
    };

    if (!settings->enabled)
        return store_settle_for_nothing(db, SETTLED_A_STEP, &step->settled, err);
    if ((step->meters &&
         store_meter(db, settings->meter_seconds + METER_SLACK_SECONDS, &events, err) < 0) ||
        store_grants_expire(db, EXPIRED_A_STEP, &events, err) < 0)
        return -1;
    return store_settle(db, SETTLED_A_STEP, &events, &step->settled, err);
}

static void step_free(struct step *step)
{
    id_list_release(&step->exhausted);
    free(step);
}

static void step_done(const struct error *err, void *arg)
{
    struct step *step = arg;
    struct billing *billing = step->billing;
    struct context *context = billing->context;
    bool more = !err && step->settled == SETTLED_A_STEP;

    billing->step = NULL;
    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("billing_failed", err);
    for (size_t i = 0; i < step->exhausted.count; i++)
        await_wake(context->await, &step->exhausted.ids[i]);
    if (step->exhausted.count > 0)
        rounds_soon(context); /* their containers are to be stopped */
    if (step->meters && !err)
        billing->metered_at = clock_monotonic();
    step_free(step);
    context_timer(context, &billing->timer, more ? 0 : context->settings->sweep_ms, on_timer,
                  billing);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct billing *billing = arg;
    struct context *context = billing->context;
    struct step *step;

    (void)fd;
    (void)what;
    if (context->stopping)
        return;
    billing->step = step = xcalloc(1, sizeof(*step));
    *step = (struct step){
        .billing = billing,
        .settings = billing->settings,
        .meters = clock_monotonic() - billing->metered_at >=
                  billing->settings->meter_seconds * CLOCK_SECOND,
    };
    db_pool_submit(context->pool, DB_LARGE, NULL, run_step, step_done, step);
}

struct billing *billing_new(struct context *context, const struct billing_settings *settings)
{
    struct billing *billing = xcalloc(1, sizeof(*billing));

    billing->context = context;
    billing->settings = settings;
    billing->metered_at = clock_monotonic() - settings->meter_seconds * CLOCK_SECOND;
    context_timer(context, &billing->timer, context->settings->sweep_ms, on_timer, billing);
    return billing;
}

void billing_free(struct billing *billing)
{
    if (!billing)
        return;
    event_free(billing->timer);
    if (billing->step)
        step_free(billing->step);
    free(billing);
}
