/*
 * resolver.h - names to addresses (c-ares), on the event loop.
 *
 * A name is taken as it is written: no search list is tried. The host's /etc/hosts and
 * /etc/resolv.conf are read, and read again when the latter has changed.
 */
#ifndef CODESET_EGRESS_RESOLVER_H
#define CODESET_EGRESS_RESOLVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

struct event_base;
struct resolver;
struct resolver_query;

#define RESOLVER_ADDRESSES_MAX 16 /* of an answer; more are not looked at */
#define RESOLVER_QUERIES_MAX 512  /* at once */
#define RESOLVER_SECONDS 10       /* at most, with all tries */

/* The best address first (RFC 6724), each with the port that was asked for; they live until the
 * callback returns. err is NULL on success, and then count is at least 1. ERROR_NOT_FOUND: there is
 * no such name, or it has no address; ERROR_UNAVAILABLE: nobody could tell. */
typedef void resolver_done(const struct error *err, const struct sockaddr_storage *addresses,
                           size_t count, void *arg);

/* resolv_conf: another file than the host's, or NULL. NULL on failure. */
struct resolver *resolver_new(struct event_base *base, const char *resolv_conf, struct error *err);
void resolver_free(struct resolver *resolver); /* calls nobody back */

/* Calls back once from the loop, never from within the call. NULL with ERROR_LIMIT: too many at
 * once. */
struct resolver_query *resolver_ask(struct resolver *resolver, const char *name, uint16_t port,
                                    resolver_done *done, void *arg, struct error *err);

/* Nobody is called back for it any more. It is not to be touched after its callback. */
void resolver_forget(struct resolver_query *query);

#endif
