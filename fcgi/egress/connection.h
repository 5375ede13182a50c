/*
 * connection.h - one connection of a guest: its request's head, the name, the addresses, the
 * server, and then bytes in both directions until one end closes.
 *
 * Everything that a guest controls is capped: the head, the time for each step, the bytes that wait
 * in either direction. What is refused is answered with a status and a sentence.
 */
#ifndef CODESET_EGRESS_CONNECTION_H
#define CODESET_EGRESS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/egress.h"

struct connection;
struct event_base;
struct resolver;

/* What holds for all connections of a container. Lives longer than they do. */
struct connection_rules {
    struct event_base *base;
    struct resolver *resolver;
    struct egress_counts *counts; /* of all containers */
    const char *always;           /* setting egress_always */
    bool closed;                  /* nobody is served: the second wall is missing */
    char container[ID_LENGTH + 1];
    char policy[EGRESS_POLICY_MAX + 1];
    int64_t log_tokens, log_at, log_left_out; /* how much may still be logged */
};

#define CONNECTION_HEAD_SECONDS 15      /* for the whole head */
#define CONNECTION_CONNECT_SECONDS 10   /* for each address */
#define CONNECTION_TRIES_MAX 4          /* addresses of a name */
#define CONNECTION_IDLE_SECONDS 3600    /* a model may think long before it says something */
#define CONNECTION_HALF_SECONDS 120     /* with one end closed */
#define CONNECTION_BYTES_MAX (64 << 10) /* that wait, in one direction */

/* It has come to its end, and is freed when this returns. */
typedef void connection_ended(struct connection *connection, void *arg);

/* fd is the connection's from now on. Never calls back from within. */
struct connection *connection_new(int fd, struct connection_rules *rules, connection_ended *ended,
                                  void *arg);

/* The rules have changed: may it go on? One whose request is not read yet may. False: it is to be
 * freed. */
bool connection_may_stay(const struct connection *connection);

/* At once, without calling back. */
void connection_free(struct connection *connection);

#endif
