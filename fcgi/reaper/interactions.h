/*
 * interactions.h - the daemon's half of an interaction: claim, hand to the agent, write the end.
 *
 * The command belongs to the agent: it survives this daemon, and an id that was started is never
 * started again in the same container. Its result is kept here, up to KEPT_MAX bytes over all,
 * until it is written, and there until it is forgotten.
 */
#ifndef CODESET_REAPER_INTERACTIONS_H
#define CODESET_REAPER_INTERACTIONS_H

#include "base/id.h"
#include "reaper/daemon.h"

#define KEPT_MAX (INT64_C(256) << 20)

struct live_session;

/* Claims and runs it, unless it is known. */
void interactions_claim(struct daemon *daemon, const struct id *id);

/* What waited for the session's container to be known goes on. */
void interactions_begin(struct live_session *session);

/* The session has ended, its rows are settled: forgets its interactions and wakes who waits. */
void interactions_drop(struct live_session *session);

/* Those whose claim is still under way belong to no session yet. At the daemon's end. */
void interactions_free_all(struct daemon *daemon);

#endif
