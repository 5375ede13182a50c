/*
 * service.h - what a program needs that serves a unix socket, with systemd or without it.
 *
 * For programs with a main loop of libevent; they link libsystemd and libevent.
 */
#ifndef CODESET_BASE_SERVICE_H
#define CODESET_BASE_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct event_base;

/* The user of that name, or number, and its group. setting: for the message. */
int service_user(const char *setting, const char *user, uid_t *ret_uid, gid_t *ret_gid,
                 struct error *err);

/* As many descriptors as the process may have. Returns how many. */
long service_raise_descriptors(void);

/*
 * A listening SOCK_SEQPACKET socket, non-blocking: systemd's, if it has passed one, else one that
 * is made at `path` with that mode and group ((gid_t)-1: as it comes). What was there before is
 * removed. Returns the descriptor or -1.
 */
int service_listen(const char *path, mode_t mode, gid_t group, struct error *err);

/* Says that the program is ready, and runs the loop until SIGTERM or SIGINT. Keeps systemd's
 * watchdog quiet meanwhile. SIGPIPE is ignored from then on. */
void service_run(struct event_base *base);

#endif
