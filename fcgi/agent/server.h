/*
 * server.h - the agent's routes (docs/agent-protocol.md) on libevent's HTTP server.
 */
#ifndef CODESET_AGENT_SERVER_H
#define CODESET_AGENT_SERVER_H

#include "base/error.h"

struct event_base;

/* Serves a listening socket, which it takes over, as long as the process lives. token NULL:
 * whoever can connect may ask; otherwise requests must bear it. The token is not copied. */
int server_start(struct event_base *base, int listen_fd, const char *token, struct error *err);

#endif
