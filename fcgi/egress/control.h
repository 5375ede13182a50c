/*
 * control.h - takes the daemon's orders (wire/egress.h).
 *
 * Who may give them is the daemon's user and root; the kernel says who it is. A message that is not
 * as it should be ends its connection, and nothing else. What was ordered stays when the connection
 * ends: the daemon may be restarted while its containers run.
 */
#ifndef CODESET_EGRESS_CONTROL_H
#define CODESET_EGRESS_CONTROL_H

#include <sys/types.h>

struct control;
struct event_base;
struct ways;

#define CONTROL_CONNECTIONS_MAX 16

/* listener: a listening SOCK_SEQPACKET socket, non-blocking; stays the caller's. look: called ahead
 * of each SET, to see whether the ways are still to be open. */
struct control *control_new(struct event_base *base, struct ways *ways, int listener, uid_t asker,
                            void (*look)(void *arg), void *arg);
void control_free(struct control *control);

#endif
