/*
 * fastcgi.h - the worker's loop over libfcgi: one request at a time, from a socket that somebody
 * else opened (spawn-fcgi), until SIGTERM.
 */
#ifndef CODESET_HTTP_FASTCGI_H
#define CODESET_HTTP_FASTCGI_H

#include "base/error.h"
#include "http/router.h"

/* Serves requests that arrive at fd 0. Returns 0 after SIGTERM or SIGINT, when the request at hand
 * has been answered; -1 if fd 0 is no listening socket, or accepting fails for good. */
int fastcgi_serve(const struct router *router, struct error *err);

#endif
