/*
 * ways.h - the containers' ways out: for each its listening socket, its policy and the connections
 * that were taken there. Nobody's load is another's: a container has so many connections, and what
 * is more waits in its own socket.
 */
#ifndef CODESET_EGRESS_WAYS_H
#define CODESET_EGRESS_WAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "wire/egress.h"

struct event_base;
struct resolver;
struct ways;

#define WAYS_MAX 1024
#define WAYS_CONNECTIONS_MAX 64 /* of a container */

/* always: setting egress_always, checked; most: connections of all together. All must outlive it.
 */
struct ways *ways_new(struct event_base *base, struct resolver *resolver, const char *always,
                      size_t most);
void ways_free(struct ways *ways);

/*
 * The container has this policy from now on; connections that it does not allow end. fd: its
 * listening socket, or -1 where an earlier call gave it. It is the callee's, also on failure. One
 * that is not a listening socket at EGRESS_PORT of the loopback of another network than this
 * process's is EGRESS_REFUSED, with the reason.
 */
enum egress_status ways_set(struct ways *ways, const char *container, const char *policy, int fd,
                            struct error *err);
void ways_drop(struct ways *ways, const char *container);

/* closed: nobody is served, and all connections end, until it is called with false. */
void ways_close(struct ways *ways, bool closed);
bool ways_are_closed(const struct ways *ways);

/* Lives as long as the ways do. */
const struct egress_counts *ways_counts(const struct ways *ways);

#endif
