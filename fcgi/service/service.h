/*
 * service.h - what a program that runs as a service needs of its host: to be the only one, enough
 * descriptors, a unix socket, a loop that ends when it is told to, and systemd's watchdog.
 */
#ifndef CODESET_SERVICE_SERVICE_H
#define CODESET_SERVICE_SERVICE_H

#include <sys/types.h>

#include "base/error.h"

struct event;
struct event_base;

/* Locks the file path, which is opened with `flags` beside the usual ones (O_CREAT: made if it is
 * missing), and returns a descriptor that holds the lock. Waits up to two seconds, as one that was
 * just killed may still be dying. ERROR_CONFLICT: another `program` holds it. Without O_CREAT and
 * without the file err->sys_errno is ENOENT. */
int service_lock(const char *program, const char *path, int flags, struct error *err);

/* The user of that name, or number, and its group. setting: for the message. */
int service_user(const char *setting, const char *user, uid_t *ret_uid, gid_t *ret_gid,
                 struct error *err);

/* As many descriptors as the hard limit allows. Returns how many. */
long service_raise_descriptors(void);

/*
 * A listening SOCK_SEQPACKET socket, non-blocking: systemd's, if it has passed one, else one that
 * is made at `path` with that mode and group ((gid_t)-1: as it comes). What was there before is
 * removed. Returns the descriptor or -1.
 */
int service_listen(const char *path, mode_t mode, gid_t group, struct error *err);

/* Tells systemd that the loop is alive, twice as often as it asks for; for event_free. NULL:
 * systemd does not ask. */
struct event *service_watchdog_new(struct event_base *base);

/* Says that the program is ready, and runs the loop until SIGTERM or SIGINT. Keeps systemd's
 * watchdog quiet meanwhile. SIGPIPE is ignored from then on. */
void service_run(struct event_base *base);

#endif
