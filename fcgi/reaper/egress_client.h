/*
 * egress_client.h - says to codeset-egress which container may reach what (wire/egress.h).
 *
 * One connection for all, made when it is needed. Nothing blocks; no function calls back from
 * within. When the connection breaks, codeset-egress may have forgotten all policies: then `lost`
 * tells, and whoever needs one sets it again.
 */
#ifndef CODESET_REAPER_EGRESS_CLIENT_H
#define CODESET_REAPER_EGRESS_CLIENT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/id.h"

struct egress_client;
struct egress_call;
struct event_base;

typedef void egress_lost(void *arg);

/* path lives on. Need not be there yet. */
struct egress_client *egress_client_new(struct event_base *base, const char *path,
                                        egress_lost *lost, void *arg);
void egress_client_free(struct egress_client *client); /* calls nobody back */

/* err is NULL on success. ERROR_UNAVAILABLE: nobody answers; ERROR_NOT_FOUND: it has no socket of
 * this container, so the policy is to be set with one; ERROR_INVALID: it refused the policy. */
typedef void egress_set_done(const struct error *err, void *arg);

/* Sets the container's policy. fd: its listening socket, which is taken; -1: codeset-egress has it.
 */
struct egress_call *egress_set(struct egress_client *client, const struct id *container,
                               const char *policy, int fd, egress_set_done *done, void *arg);
void egress_cancel(
    struct egress_call *call); /* NULL: nothing. It may be carried out all the same. */

/* Has it tell what it counted, for metrics; where there is a connection. NULL:
 * nothing. */
void egress_look(struct egress_client *client);

/* The container has gone, or is about to. Nobody is told what comes of it. */
void egress_drop(struct egress_client *client, const struct id *container);

#endif
