/*
 * service.h - what a program that runs as a service needs of its host: to be the only one, enough
 * descriptors, and systemd's watchdog.
 */
#ifndef CODESET_SERVICE_SERVICE_H
#define CODESET_SERVICE_SERVICE_H

#include "base/error.h"

struct event;
struct event_base;

/* Locks the file path, which is opened with `flags` beside the usual ones (O_CREAT: made if it is
 * missing), and returns a descriptor that holds the lock. Waits up to two seconds, as one that was
 * just killed may still be dying. ERROR_CONFLICT: another `program` holds it. Without O_CREAT and
 * without the file err->sys_errno is ENOENT. */
int service_lock(const char *program, const char *path, int flags, struct error *err);

/* As many descriptors as the hard limit allows. */
void service_raise_descriptors(void);

/* Tells systemd that the loop is alive, twice as often as it asks for; for event_free. NULL:
 * systemd does not ask. */
struct event *service_watchdog_new(struct event_base *base);

#endif
