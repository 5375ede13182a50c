/*
 * heartbeat.h - the row of this run of the daemon, kept fresh by a thread and a connection of its
 * own: however much other work waits for the database, no other host takes this one for dead.
 *
 * The run begins when the database is first in reach, and ends with heartbeat_end. If somebody
 * else has ended it (another daemon of this node began, or took this host for lost), its claims
 * are not its own any more: `ended` is called, and the daemon must stop and begin as a new run.
 */
#ifndef CODESET_REAPER_HEARTBEAT_H
#define CODESET_REAPER_HEARTBEAT_H

#include <stdint.h>

#include "base/error.h"

struct database_settings;
struct event_base;
struct heartbeat;
struct run;

/* From the loop. */
struct heartbeat_events {
    /* Once. err: NULL, or why this run may never begin: NODE_TAKEN, or NODE_RUNNING (another daemon
     * of this node is at work on this machine, with other folders). */
    void (*begun)(const struct error *err, void *arg);
    /* At most once, before that: the database was not in reach when it was first asked, and is
     * asked again and again. */
    void (*waiting)(void *arg);
    /* At most once, after `begun`. */
    void (*ended)(void *arg);
};

/* run, the settings, events and arg must outlive it. NULL on failure. */
struct heartbeat *heartbeat_new(struct event_base *base, const struct database_settings *settings,
                                const struct run *run, const struct heartbeat_events *events,
                                void *arg, struct error *err);

/* Milliseconds since the row was last written; -1: never. */
int64_t heartbeat_age_ms(struct heartbeat *heartbeat);

/* The daemon has written all that it had to: heartbeat_free will write the run's end, if the
 * database takes it at once, and the run's claims are free from then on. */
void heartbeat_end(struct heartbeat *heartbeat);

void heartbeat_free(struct heartbeat *heartbeat);

#endif
