/*
 * address.h - which addresses are the public internet's: a pure function over a table of the ranges
 * that are not (the registries of special-purpose addresses, RFC 6890, and what has been added to
 * them since).
 */
#ifndef CODESET_EGRESS_ADDRESS_H
#define CODESET_EGRESS_ADDRESS_H

#include <sys/socket.h>

#define ADDRESS_TEXT_SIZE 64

/* NULL where nothing is known against it; else what it is, for people: "a private address (RFC
 * 1918)". An address that carries one of IPv4 (mapped, NAT64) is judged by that. What is neither
 * IPv4 nor IPv6 is refused. Ports play no part. */
const char *address_refused(const struct sockaddr *address);

/* As inet_ntop(3), with brackets around IPv6. Returns text. */
char *address_text(const struct sockaddr *address, char text[ADDRESS_TEXT_SIZE]);

#endif
