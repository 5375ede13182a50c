/*
 * stripe_events.h - the kind of work that makes money of what Stripe told (stripe/apply.h).
 *
 * No claim is needed: an event's row is locked while it is applied, and what is not due any more is
 * not applied again. Any host's daemon may do any event.
 */
#ifndef CODESET_REAPER_STRIPE_EVENTS_H
#define CODESET_REAPER_STRIPE_EVENTS_H

#include "reaper/kinds.h"

struct stripe_applied;

extern const struct kind stripe_event_kind;

/* Logs what came of an event, or of a session that was asked for (event_id ""). */
void stripe_applied_log(const struct stripe_applied *applied);

#endif
