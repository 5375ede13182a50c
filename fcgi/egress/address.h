/*
 * address.h - which addresses are the public internet's: a pure function over a table of the ranges
 * that are not (the registries of special-purpose addresses, RFC 6890, and what has been added to
 * them since).
 */
#ifndef CODESET_EGRESS_ADDRESS_H
#define CODESET_EGRESS_ADDRESS_H

#include <sys/socket.h>

/* NULL where nothing is known against it; else what it is, for people: "a private address (RFC
 * 1918)". An address that carries one of IPv4 (mapped, NAT64) is judged by that. What is neither
 * IPv4 nor IPv6 is refused. Ports play no part. */
const char *address_refused(const struct sockaddr *address);

/* Of IPv6 nothing but these is public, and of these not all; as nft(8) writes them. */
#define ADDRESS_V6_PUBLIC "2000::/3, 64:ff9b::/96"

/* Calls `each` for every range that is refused, as "10.0.0.0/8"; of IPv6 those within
 * ADDRESS_V6_PUBLIC. They don't overlap. */
void address_each_refused(void (*each)(int family, const char *prefix, void *arg), void *arg);

#endif
