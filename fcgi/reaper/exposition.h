/*
 * exposition.h - GET /metrics, for Prometheus: what the workers and this daemon counted, and how
 * the installation stands (store/numbers.h).
 *
 * Each request asks the database once, several at the same time together. If it does not answer
 * within EXPOSITION_PATIENCE_MS the answer goes without its numbers. Whoever reaches the port may
 * read; there is nothing in it of one user or session.
 */
#ifndef CODESET_REAPER_EXPOSITION_H
#define CODESET_REAPER_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define EXPOSITION_PATIENCE_MS 2000
#define EXPOSITION_WAITING_MOST 16 /* requests; more are answered without the numbers */

struct context;
struct exposition;
struct metrics_settings;

/* On the socket that systemd handed over (named `metrics`), or at the settings' address. Neither:
 * NULL without an error. now: sets the daemon's own gauges, before each answer. */
int exposition_new(struct context *context, const struct metrics_settings *settings,
                   int64_t low_balance_cents, void (*now)(void *arg), void *arg,
                   struct exposition **ret_exposition, struct error *err);

/* Behind context_close, before the event loop goes. */
void exposition_free(struct exposition *exposition);

#endif
