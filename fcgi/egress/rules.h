/*
 * rules.h - the firewall's rules for agents, as text for nft(8): what codeset-egress's user, and
 * the host ids of containers, may send. The same ranges as address.h's, and the host's own
 * addresses.
 */
#ifndef CODESET_EGRESS_RULES_H
#define CODESET_EGRESS_RULES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

#define RULES_TABLE "codeset_egress"

struct rules {
    uid_t user;                       /* codeset-egress's */
    uint32_t first_id, last_id;       /* the containers' */
    const char *always, *resolv_conf; /* setting egress_always; a file's path */
};

/*
 * Appends the rules: a table of their own, which replaces itself in one step, and touches no other.
 * Allowed are name servers (port 53 of those in resolv_conf), the pairs of `always` at the
 * addresses that their names have now, and what is neither this host's nor in a range that is not
 * public. Blocks while names are looked up; one that has no address is logged and left out.
 */
int rules_write(const struct rules *rules, struct buf *out, struct error *err);

#endif
