/*
 * egress.h - what a container may reach: the policy's text, and what the daemon says to
 * codeset-egress, the proxy through which jobs' containers leave.
 *
 * A container has no way out but a listening TCP socket on 127.0.0.1:EGRESS_PORT of its own network
 * namespace. codeset-engined opens it there, the daemon gets the descriptor and gives it, with a
 * policy, to codeset-egress, which accepts on it: HTTP's CONNECT, and requests with an absolute
 * http:// address. A policy may be replaced at any time; connections that the new one does not
 * allow end. So what a job may reach while it clones and what its agent may reach are two policies
 * of one container.
 *
 * A policy: "none", "public", or "allow:HOST[:PORT],…". A host is a DNS name in lower case, or
 * "*.NAME" for every name below NAME; without a port 443 and 80. No policy reaches an address that
 * is not a public one (private, loopback, link-local, shared, multicast, documentation, metadata,
 * this host's own; IPv4, IPv6, mapped and translated), whatever a name resolves to; but for the
 * pairs HOST:PORT of the operator's setting egress_always, which are how an agent calls back. They
 * go with every policy but "none", which reaches nothing at all.
 */
#ifndef CODESET_WIRE_EGRESS_H
#define CODESET_WIRE_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

#define EGRESS_PORT 3128
#define EGRESS_POLICY_MAX 4096
#define EGRESS_HOSTS_MAX 64

/* Is this a policy? Code EGRESS_POLICY (ERROR_INVALID), with the reason. */
int egress_policy_check(const char *policy, struct error *err);

/* Calls `each` for every name of an "allow:" that is one, and not "*.NAME". port: 0 where none is
 * written. */
void egress_policy_each(const char *policy,
                        void (*each)(const char *host, uint16_t port, void *arg), void *arg);

#define EGRESS_HOST_SIZE 254 /* of a name, with its NUL */

/* A DNS name in lower case: letters, digits, "-", "_" and "."; its last label begins with a letter,
 * so that nobody takes it for an address. */
bool egress_name_valid(const char *name);

/* Does a policy that is one reach this host? host: a name, or an address as text, which only
 * "public" reaches. */
bool egress_policy_allows(const char *policy, const char *host, uint16_t port);

/* Is this a list of pairs HOST:PORT, separated by blanks? A host is a name or an address, of IPv6
 * as [ADDRESS]. ERROR_INVALID says which is none. */
int egress_always_check(const char *list, struct error *err);
void egress_always_each(const char *list, void (*each)(const char *host, uint16_t port, void *arg),
                        void *arg);
bool egress_always_has(const char *list, const char *host, uint16_t port);

/*
 * A SOCK_SEQPACKET unix socket. SET: this container has this policy from now on; with the listening
 * socket as the message's descriptor, or without one, where an earlier SET gave it: EGRESS_UNKNOWN
 * is answered if none did. DROP: its socket is closed, its connections end; unknown is success.
 * Each is answered by one struct egress_answer with its number.
 */
enum egress_verb { EGRESS_SET = 1, EGRESS_DROP };

struct egress_request {
    uint32_t verb, zero;
    uint64_t number;
    char container[ID_LENGTH + 1];
    char policy[EGRESS_POLICY_MAX + 3]; /* filled up with NUL */
};

/* EGRESS_CLOSED: nobody is served now, as the firewall's rules are missing; to be asked again. */
enum egress_status { EGRESS_OK, EGRESS_UNKNOWN, EGRESS_REFUSED, EGRESS_CLOSED };

/* Of all containers, since it was started; for metrics. */
struct egress_counts {
    uint64_t connected; /* connections to a server */
    uint64_t refused;   /* what a policy, or an address that is not public, kept from one */
    uint64_t failed;    /* names that have no address, servers that did not answer */
    uint64_t bytes_sent, bytes_received; /* by guests */
};

/* Every answer tells the counts, so whoever wants to know them drops a container that is none. */
struct egress_answer {
    uint32_t status, zero;
    uint64_t number;
    struct egress_counts counts; /* not there where the two programs are of different releases */
};
#define EGRESS_ANSWER_LEAST offsetof(struct egress_answer, counts)

_Static_assert(sizeof(struct egress_request) == 4152, "there is no unnamed byte in it");

/* Fills a request. policy: a valid one; NULL with DROP. */
void egress_request_make(enum egress_verb verb, uint64_t number, const char *container,
                         const char *policy, struct egress_request *request);

/* Is this one message of the daemon? Checked as hostile. Returns 0, or -1 with the reason for the
 * log. */
int egress_request_check(const void *bytes, size_t length, struct egress_request *ret_request,
                         struct error *err);

#endif
