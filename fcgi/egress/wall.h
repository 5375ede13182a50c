/*
 * wall.h - the second wall: rules of the kernel (nftables, codeset-egress-wall(8)) by which the
 * user of this process can send nothing to this host and to private networks, whatever it is that
 * runs as that user. Whether it stands is not read but tried.
 */
#ifndef CODESET_EGRESS_WALL_H
#define CODESET_EGRESS_WALL_H

#include "base/error.h"

/*
 * Is this process kept from a port of this host's loopback (of IPv4; and of IPv6 where there is
 * one)? It listens on one and connects to it: 0 where that fails, -1 with the reason where it
 * succeeds, or could not be tried. Takes no time. Root is not kept from anything.
 */
int wall_check(struct error *err);

#endif
