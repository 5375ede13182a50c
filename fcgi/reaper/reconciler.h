/*
 * reconciler.h - Stripe is asked for what no webhook told: how deposits stand that should have been
 * heard of, and which events there were. A thread with a connection and an HTTPS client of its own,
 * so that a Stripe that is slow delays nothing else.
 *
 * Of all daemons one asks at a time. What it learns goes the way of a webhook: events are kept
 * under their ids, and sessions are applied as they are. So it does no harm to ask too often.
 */
#ifndef CODESET_REAPER_RECONCILER_H
#define CODESET_REAPER_RECONCILER_H

#include "base/error.h"

struct database_settings;
struct ledger_watch;
struct reconciler;
struct stripe_settings;

/* Starts the thread, unless no key is configured, or it can't be used, which is logged: then NULL
 * without an error. The settings and the watch, which hears of movements on the thread, must
 * outlive it. */
int reconciler_new(const struct stripe_settings *settings, const struct database_settings *database,
                   const struct ledger_watch *watch, struct reconciler **ret_reconciler,
                   struct error *err);

/* Ends the thread; a request under way is broken off. */
void reconciler_free(struct reconciler *reconciler);

#endif
