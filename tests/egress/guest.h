/*
 * guest.h - codeset-egress as its own user, the daemon's side of it, and guests: network namespaces
 * with nothing in them but their loopback and a listening socket, as containers have them.
 */
#ifndef CODESET_TESTS_EGRESS_GUEST_H
#define CODESET_TESTS_EGRESS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/id.h"
#include "wire/egress.h"

#define GUEST_EGRESS_USER 60888 /* codeset-egress's */
#define GUEST_STRANGER 60889

struct guest {
    struct id id;
    int network; /* its namespace */
};

/* Starts codeset-egress with these lines more in [jobs], and connects to it. Aborts on failure. */
void egress_start(const char *more);
bool egress_stop(void); /* true: it ended well */
pid_t egress_pid(void);
const char *egress_conf(void); /* the path of its configuration */

/* A connection to it as that user; -1: refused or closed at once. */
int egress_connect(uid_t user);

/* An order of the daemon and its answer; 999: the connection was closed. fd may be -1. */
unsigned egress_order(int connection, enum egress_verb verb, const char *container,
                      const char *policy, int fd);

/* What codeset-egress has counted so far. */
struct egress_counts egress_counted(void);

/* A guest that is served from now on. */
struct guest guest_open(const char *policy);
void guest_close(struct guest *guest);
void guest_set(const struct guest *guest, const char *policy);

/* A listening socket in that network, or with -1 in the host's. */
int guest_listen(int network, const char *address, int port, int type);

/* A connection from the guest to the proxy, or -1 with errno. */
int guest_connect(const struct guest *guest);

/* Sends the text, closes this direction, and reads until the end. The caller frees it. NULL when
 * there is no end within a minute. */
char *guest_ask(const struct guest *guest, const char *text);

/* The same with CONNECT of "host:port" and nothing behind it. */
char *guest_reach(const struct guest *guest, const char *target);

/* Reads until the text has come, or the end. False: it did not come within a minute. */
bool guest_wait_for(int fd, const char *text);

/* Reads until the end; false: there is none within a minute. */
bool guest_ends(int fd);

/* Tries to connect as that user from the host, without the proxy. 0 or errno. */
int direct_connect(uid_t user, const char *address, int port);

#endif
