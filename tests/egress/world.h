/*
 * world.h - a world of its own to leave into: the program's network namespace becomes the host,
 * with public and private addresses, and another one is everything else, at any address there is:
 * the internet, private networks, the metadata service, a neighbour, and a name server.
 *
 * Every TCP port of WORLD_PORTS answers at every address of the world: "reached ADDRESS PORT\n",
 * and then says again what it is told, until the end.
 *
 * Names (below .test): a-10-9-0-2.test has that address, six-fd00--1.test that of IPv6 ("-" for
 * ":"); both.test has one public address of each; mixed.test a public one of IPv4 and a private one
 * of IPv6, hidden.test the other way round; alias.test is a CNAME of public.test by two steps,
 * trap.test one of a private address; rebind.test is public when it is asked for the first time,
 * and private then; long.test has too many for a datagram; silent.test is not answered; other names
 * do not exist.
 */
#ifndef CODESET_TESTS_EGRESS_WORLD_H
#define CODESET_TESTS_EGRESS_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#define WORLD_PUBLIC "93.184.216.34"
#define WORLD_PUBLIC6 "2606:4700::34"
#define WORLD_HOST "93.184.216.1" /* the host's own public address */
#define WORLD_HOST6 "2606:4700::1"
#define WORLD_SERVER "93.184.216.53" /* the name server */
#define WORLD_SERVER_PORT 53

/* Unshares the network. Aborts when something is missing. */
void world_open(void);
void world_close(void);

/* How often somebody was reached at an address that is not public, in the world or on the host. */
size_t world_trespasses(void);

/* Name server, name queries so far that were for this name. */
size_t world_asked(const char *name);

#endif
