/*
 * doorbell.h - where workers ring: a unix datagram socket. See docs/held-requests.md.
 *
 * A datagram is a hint. What can't be understood is counted and forgotten.
 */
#ifndef CODESET_REAPER_DOORBELL_H
#define CODESET_REAPER_DOORBELL_H

#include "base/error.h"
#include "base/id.h"
#include "wire/doorbell.h"

struct event_base;
struct doorbell;

typedef void doorbell_rung(enum work_kind kind, const struct id *id, void *arg);

/* Binds the socket at path, in place of one that an earlier run left. It gets the daemon's group
 * and mode 0660: who may ring is said by the group that the daemon is started with. */
struct doorbell *doorbell_new(struct event_base *base, const char *path, doorbell_rung *rung,
                              void *arg, struct error *err);
void doorbell_free(struct doorbell *doorbell); /* removes the socket */

/* A unix socket bound at path as above; stream sockets listen. Returns the fd, non-blocking. */
int bind_socket(const char *path, int type, struct error *err);

#endif
