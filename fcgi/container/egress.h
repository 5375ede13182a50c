/*
 * egress.h - opens a container's way out: a socket that listens within its own network, where
 * nothing else is, for somebody outside of it who accepts.
 */
#ifndef CODESET_CONTAINER_EGRESS_H
#define CODESET_CONTAINER_EGRESS_H

#include "base/error.h"
#include "container/container.h"

/*
 * Sends on `line`, a unix socket, one byte with the descriptor of a TCP socket that listens on
 * 127.0.0.1:EGRESS_PORT (wire/egress.h) of the container's network. Not of a verification
 * (ERROR_INVALID). ERROR_UNAVAILABLE: somebody else works on it; ERROR_NOT_FOUND: there
 * is none, or it is dead; ERROR_CONFLICT: something listens there already.
 */
int container_egress(const struct container_job *job, int line, struct error *err);

/* Sends one byte with the descriptor, as codeset-engined awaits it. */
int container_send_fd(int line, int fd, struct error *err);

#endif
