/*
 * route.h - what the host's own tables say of an address: whether it is one of the host's.
 */
#ifndef CODESET_EGRESS_ROUTE_H
#define CODESET_EGRESS_ROUTE_H

#include <sys/socket.h>

#include "base/error.h"

/*
 * Where a packet to this address would go: NULL if it leaves the host to one other; else what the
 * address is, for people: "an address of this host". One that cannot be reached at all is no
 * reason: connecting to it fails by itself. Asks the kernel (rtnetlink(7)) each time, for addresses
 * come and go. What cannot be asked counts as the host's own.
 */
const char *route_refused(const struct sockaddr *address);

#endif
