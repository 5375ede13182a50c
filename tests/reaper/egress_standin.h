/*
 * egress_standin.h - codeset-egress as its clients see it (wire/egress.h): it remembers which
 * container's socket it has and the policies that it was told, and forwards nothing.
 */
#ifndef CODESET_TESTS_EGRESS_STANDIN_H
#define CODESET_TESTS_EGRESS_STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct egress_standin;

/* A thread of its own. */
struct egress_standin *egress_standin_new(const char *path);
void egress_standin_free(struct egress_standin *standin); /* it is gone, with what it knew */

/* Answers so to every policy from now on: EGRESS_OK, EGRESS_REFUSED, EGRESS_CLOSED. */
void egress_standin_say(struct egress_standin *standin, uint32_t status);

/* Forgets the next socket that it is given as soon as it has answered, as one that was started anew
 * does; but its connections stay. */
void egress_standin_forget_next(struct egress_standin *standin);

/* All that it was told, in order: "set allow:host;set none;drop;". The caller's. */
char *egress_standin_told(struct egress_standin *standin);
size_t egress_standin_sockets(struct egress_standin *standin); /* that it holds */

#endif
