/*
 * server.h - answers the daemon's requests (wire/engined.h).
 *
 * Whoever asks is believed nothing: the kernel says who it is, and each message is checked as if
 * the daemon had been taken over. One that is not as it should be ends its connection, and nothing
 * else. When a connection ends, what it asked for is still done; only the answer is dropped.
 */
#ifndef CODESET_ENGINED_SERVER_H
#define CODESET_ENGINED_SERVER_H

#include <sys/types.h>

#include "base/error.h"
#include "wire/engined.h"

struct containers;
struct cpu_watch;
struct disk_watch;
struct kernel_watch;
struct engine_settings;
struct event_base;
struct server;

#define SERVER_CONNECTIONS_MAX 16
/* Requests under way of connections that have gone: with more than one can leave, nobody may
 * connect. Who asks, goes and comes again would else be bounded by nothing, and whoever comes then
 * waits behind them. */
#define SERVER_ABANDONED_MAX ENGINED_UNDER_WAY_MAX

/* listener: a listening SOCK_SEQPACKET socket, non-blocking; stays the caller's. asker: the user
 * who may ask, besides root. The others must outlive it, but for the containers: they go first, and
 * call back nobody then. */
struct server *server_new(struct event_base *base, const struct engine_settings *settings,
                          struct containers *containers, struct disk_watch *disk,
                          struct kernel_watch *kernel, struct cpu_watch *cpu, int listener,
                          uid_t asker);
void server_free(struct server *server);

#endif
