/*
 * billing.h - charges what has ended, ends what nobody can pay for any more, and takes back grants
 * whose time is over: rounds of its own, on the lane for large work, so that nobody's small
 * statement waits for them.
 */
#ifndef CODESET_REAPER_BILLING_H
#define CODESET_REAPER_BILLING_H

#include "store/ledger.h"

struct billing;
struct billing_settings;
struct context;

/* Logs balance_low; for all connections of the daemon. */
struct ledger_watch billing_watch(const struct billing_settings *settings);

/* The settings must outlive it. Every host's daemon does this for all hosts. */
struct billing *billing_new(struct context *context, const struct billing_settings *settings);

/* Behind context_close, which ends the thread that may be at it, and before the event loop goes. */
void billing_free(struct billing *billing);

#endif
