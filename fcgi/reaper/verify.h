/*
 * verify.h - the daemon's half of a verification: what changed in the session's repository is laid
 * into a fresh container of the sample's pristine image, the verifier runs there, its reports are
 * graded. The session goes on undisturbed.
 *
 *     claim -> start cv-<job> -> list its tree -> how the session's differs -> lay that -> run
 *           -> reports -> verdict;  the container is stopped in any case
 *
 * At most settings.reaper.verifications_max at once; what is more stays pending. A daemon that
 * comes after finds a verifier that still runs and waits for it; anything else it does over.
 */
#ifndef CODESET_REAPER_VERIFY_H
#define CODESET_REAPER_VERIFY_H

#include <stdbool.h>

#include "base/id.h"
#include "reaper/daemon.h"

struct live_session;

/* Claims and runs it, unless it is known or there is no room. */
void verify_claim(struct daemon *daemon, const struct id *id);
bool verify_has_room(const struct daemon *daemon);

/* What waited for the session's container to be known goes on. */
void verify_begin(struct live_session *session);

/* The session has ended, its rows are settled: stops its verifications and wakes who waits. */
void verify_drop(struct live_session *session);

void verify_free_all(struct daemon *daemon);

#endif
