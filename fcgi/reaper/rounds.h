/*
 * rounds.h - what happens by the clock: finding work whose doorbell was lost, expiry, containers
 * whose rows have ended or that have none, hosts that are lost, and the pruning of old rows.
 *
 * Knows kinds of work by their table only (reaper/kinds.h).
 */
#ifndef CODESET_REAPER_ROUNDS_H
#define CODESET_REAPER_ROUNDS_H

struct context;
struct retention;
struct rounds;

/*
 * The run has begun. Takes over what an earlier run left (context->open is true from then on), and
 * begins the rounds: one each settings.reaper.sweep_ms, a look at the whole host each thirty of
 * them. retention: what is pruned; lives on.
 */
struct rounds *rounds_new(struct context *context, const struct retention *retention);
void rounds_free(struct rounds *rounds); /* behind the pool and the engine, which use it */

/* A round as soon as possible. Before the rounds have begun: nothing. */
void rounds_soon(struct context *context);

#endif
