/*
 * usage.h - what sessions use, written down now and then (store/session_usage.h).
 *
 * A sample is taken soon after the session is ready, then each settings.reaper.usage_seconds, and
 * more seldom as the session grows old: after h hours it has some hundred rows, not h thousands.
 * A sample that fails is left out, and the next one taken.
 */
#ifndef CODESET_REAPER_USAGE_H
#define CODESET_REAPER_USAGE_H

#include "base/id.h"

struct context;
struct usage;

/* The session's container is up. NULL where the settings want no samples. */
struct usage *usage_begin(struct context *context, const struct id *session_id,
                          const struct id *container_id, const struct id *user_id);

/* The session ends; NULL is fine. */
void usage_end(struct usage *usage);

/* All that are left; behind the pool and the engine, which call back no more. */
void usage_close(struct context *context);

#endif
