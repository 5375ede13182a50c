/*
 * way_out.h - the policy of one container at codeset-egress. That may be restarted at any time, and
 * then has forgotten it: then the container's socket is opened anew. Nothing blocks, and no
 * function calls back from within.
 */
#ifndef CODESET_REAPER_WAY_OUT_H
#define CODESET_REAPER_WAY_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "wire/container.h"

struct context;
struct way_out;

/* err: NULL where the policy holds; else why it could not be set within a minute, or never can. */
typedef void way_out_done(const struct error *err, void *arg);

/* Opens and closes the connection to codeset-egress, which is made when it is needed. Behind the
 * close no way out is left. */
void way_outs_open(struct context *context);
void way_outs_close(struct context *context);

/* lost: codeset-egress was, and with it the container's connections; the policy is being set again.
 * May be NULL. public_: as engine_egress. */
struct way_out *way_out_new(struct context *context, enum container_kind kind,
                            const struct id *container, bool public_, void (*lost)(void *arg),
                            void *arg);

/* Sets the policy, now and whenever it is forgotten. done: told once; NULL: nobody waits, and it is
 * tried until it succeeds. What was set before is not told of any more. */
void way_out_set(struct way_out *way, const char *policy, way_out_done *done, void *arg);

/* How long it waits after a socket that is there already, in ms; before: the pause before that one,
 * 0: none. What has the socket may go soon, or only with the container. */
int64_t way_out_conflict_pause(int64_t before);

/* Sets nothing any more; done is not called. The policy stays. */
void way_out_halt(struct way_out *way);

/* The same, and frees it. NULL: nothing. */
void way_out_free(struct way_out *way);

#endif
