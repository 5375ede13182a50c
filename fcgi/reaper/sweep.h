/*
 * sweep.h - what happens by the clock: finding work whose doorbell was lost, expiry, leases, and
 * containers that nobody wants.
 */
#ifndef CODESET_REAPER_SWEEP_H
#define CODESET_REAPER_SWEEP_H

#include <stdbool.h>

#include "reaper/daemon.h"

struct sweep;

/*
 * Says to the database that this run is here, takes over what an earlier run left (daemon->adopted
 * is true from then on), and begins the rounds: a sweep each settings.reaper.sweep_ms, a look at
 * some containers each second, leases and heartbeat each two seconds.
 */
struct sweep *sweep_new(struct daemon *daemon);
void sweep_free(struct sweep *sweep);

/* A round as soon as possible. */
void sweep_soon(struct daemon *daemon);

/* The container's row says that it is gone. A round that asked before may say otherwise. */
void sweep_cleaned(struct daemon *daemon, const struct id *id);

/* Work of this kind was announced, or found: takes it unless it is at work already. */
void sweep_take(struct daemon *daemon, int kind, const struct id *id);

#endif
