#include "reaper/stripe_events.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/registry.h"
#include "store/stripe_events.h"
#include "stripe/apply.h"

#include "base/banned.h"

#define AT_ONCE 16

struct stripe_events {
    struct context *context;
    struct registry all;
};

struct application {
    struct id row_id; /* first: the registry's */
    struct stripe_events *room;
    struct stripe_applied applied;
};

static void *stripe_events_open(struct context *context)
{
    struct stripe_events *room = xcalloc(1, sizeof(*room));

    room->context = context;
    return room;
}

static void application_free(struct application *application)
{
    registry_remove(&application->room->all, application);
    free(application);
}

static void stripe_events_close(void *arg)
{
    struct stripe_events *room = arg;
    struct application *application;

    while ((application = registry_any(&room->all)))
        application_free(application);
    free(room);
}

static int64_t stripe_events_space(const void *arg)
{
    const struct stripe_events *room = arg;

    return AT_ONCE - (int64_t)room->all.count;
}

static int apply(struct db *db, void *arg, struct error *err)
{
    struct application *application = arg;

    return stripe_apply_event(db, &application->row_id, &application->applied, err);
}

void stripe_applied_log(const struct stripe_applied *applied)
{
    enum log_level level = applied->state == STRIPE_QUARANTINED ? LOG_ERROR : LOG_INFO;

    METRIC_COUNT(STRIPE_EVENTS_DONE, (size_t)applied->state);
    log_event(level, "stripe_event", "id=%s type=%s state=%s user=%s cents=%lld%s%s%s",
              applied->event_id, applied->type_name, stripe_state_name(applied->state),
              applied->user_id.text, (long long)applied->moved_cents,
              applied->reason[0] ? " reason=\"" : "", applied->reason,
              applied->reason[0] ? "\"" : "");
}

static void applied(const struct error *err, void *arg)
{
    struct application *application = arg;

    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("stripe_event_failed", err);
    if (!err && application->applied.event_id[0])
        stripe_applied_log(&application->applied);
    application_free(application);
}

static void stripe_events_take(void *arg, const struct id *row_id)
{
    struct stripe_events *room = arg;
    struct application *application;

    if (!context_takes(room->context) || stripe_events_space(room) <= 0 ||
        registry_find(&room->all, row_id))
        return;
    application = xcalloc(1, sizeof(*application));
    application->row_id = *row_id;
    application->room = room;
    registry_insert(&room->all, application);
    db_pool_submit(room->context->pool, DB_SMALL, NULL, apply, applied, application);
}

static int stripe_events_find(struct db *db, const struct kind_search *search, struct error *err)
{
    return store_stripe_event_find(db, search->limit, search->each, search->arg, err);
}

static bool stripe_events_expected(const void *arg, const struct id *row_id)
{
    (void)arg;
    (void)row_id;
    return false; /* nobody is held for one */
}

static size_t stripe_events_count(const void *arg)
{
    const struct stripe_events *room = arg;

    return room->all.count;
}

const struct kind stripe_event_kind = {
    .word = WORK_STRIPE_EVENT,
    .open = stripe_events_open,
    .close = stripe_events_close,
    .take = stripe_events_take,
    .space = stripe_events_space,
    .find = stripe_events_find,
    .expected = stripe_events_expected,
    .finished = store_stripe_event_settled,
    .count = stripe_events_count,
};
