/*
 * await.h - held requests: GET /-/await/KIND/ID?hold=MS&back=PATH on a unix socket is answered with
 * X-Accel-Redirect: /-/answer + PATH when the thing ends or the hold runs out, whichever is first.
 * What can't be held, now or any longer, gets 503: nginx knows what to do without a daemon. See
 * docs/held-requests.md. Only nginx reaches the socket; what does not have this form gets 400.
 *
 * A held request costs a connection, an event and a few small allocations, no thread.
 */
#ifndef CODESET_REAPER_AWAIT_H
#define CODESET_REAPER_AWAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "wire/doorbell.h"

struct await;
struct event_base;
struct db_pool;
struct kinds;

/* holds_max is cut to what the descriptors allow. The pool must end before the await does. kinds
 * say who is expected to call await_wake, and otherwise what has ended (reaper/kinds.h). */
struct await *await_new(struct event_base *base, const char *path, int64_t holds_max,
                        struct db_pool *pool, const struct kinds *kinds, struct error *err);
void await_free(struct await *await); /* removes the socket */

/* Answers whoever waits for it. */
void await_wake(struct await *await, const struct id *id);

/* Refuses everybody, and takes no more requests. */
void await_release(struct await *await);

/* Connections that have not been answered yet, and how many there may be. */
size_t await_held(const struct await *await);
size_t await_most(const struct await *await);

/* The hold that is granted, in milliseconds: what was asked for while at most half of `most` are
 * held, from there on less in proportion, nothing at `most`. */
int64_t await_hold(int64_t asked_ms, size_t held, size_t most);

#endif
