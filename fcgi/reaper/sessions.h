/*
 * sessions.h - the daemon's half of a session's life: claim, start, make ready, watch, end.
 *
 *     CLAIMING -> STARTING -> READY -> ENDING        ATTACHING -> READY (adopted)
 *
 * An entry exists from the claim (or the adoption) until its rows have ended and are settled; its
 * container goes its own way from there (reaper/containers.h). There are at most
 * settings.reaper.sessions_max containers of sessions, and at most settings.reaper.starts_per_user
 * of one user being started; what is more stays `creating` in the database, and is claimed when
 * there is room.
 */
#ifndef CODESET_REAPER_SESSIONS_H
#define CODESET_REAPER_SESSIONS_H

#include <stdbool.h>

#include "base/id.h"
#include "reaper/kinds.h"

struct container;
struct live_session;
struct sessions;

extern const struct kind session_kind;

/* NULL: this run has no such session. */
struct live_session *sessions_find(struct sessions *sessions, const struct id *id);

/* Its container, whose agent may be asked; NULL: not now. `ready` and `drop` of the kinds tell when
 * that changes. */
struct container *session_container(const struct live_session *session);

/* It ends, or has ended; its rows will be settled, and `drop` called. */
bool session_is_ending(const struct live_session *session);

#endif
