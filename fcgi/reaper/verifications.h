/*
 * verifications.h - the daemon's half of a verification: what changed in the session's repository
 * is copied into a new container of the sample's original image, the verifier runs there, and its
 * reports are graded. The session is not disturbed.
 *
 *     claim -> container -> the session's changes are copied -> run -> reports -> verdict;
 *     the container is stopped in any case
 *
 * So many at once as there are places (reaper/places.h), and of them at most verifications_per_user
 * of one user; what is more stays pending. A daemon that comes after finds a verifier that still
 * runs and waits for it; anything else it does over.
 *
 * verifications.c claims and ends jobs, verification_run.c does their steps up to the verifier's
 * end, verification_copy.c that of the changes, verification_verdict.c has the reports graded,
 * verification_end.c writes down how it ended.
 */
#ifndef CODESET_REAPER_VERIFICATIONS_H
#define CODESET_REAPER_VERIFICATIONS_H

#include "reaper/kinds.h"

struct reaper_settings;

extern const struct kind verification_kind;

/* How many run at once: the setting, or what the processors suggest (reaper/places.h: more where
 * they have time to spare). */
int64_t verifications_most(const struct reaper_settings *settings);

#endif
