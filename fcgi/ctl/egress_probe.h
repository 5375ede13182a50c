/*
 * egress_probe.h - what codeset-egress meets on this host, tried as its user, in a process of its
 * own; and whether it answers.
 */
#ifndef CODESET_CTL_EGRESS_PROBE_H
#define CODESET_CTL_EGRESS_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "wire/egress.h"

struct egress_user {
    uid_t uid;
    gid_t gid;
};

struct egress_name {
    char host[EGRESS_HOST_SIZE];
    uint16_t port;
};

#define EGRESS_NAMES_MAX 256

/* Does codeset-egress answer at that path? As root, or the daemon's user. -1 with the reason. */
int egress_probe_answers(const char *path, struct error *err);

/* Do the firewall's rules keep that user from this host? As root. -1 with the reason. */
int egress_probe_wall(const struct egress_user *user, struct error *err);

/*
 * Looks the names up as codeset-egress does, at most some ten seconds, and appends a line for each
 * that no agent can reach, with the reason. always: the setting egress_always. As root. Returns how
 * many lines there are, or -1.
 */
int egress_probe_names(const struct egress_user *user, const struct egress_name *names,
                       size_t count, const char *always, struct buf *faults, struct error *err);

#endif
