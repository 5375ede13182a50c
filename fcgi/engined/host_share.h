/*
 * host_share.h - what all containers together may have of the host's memory and processes.
 *
 * Each container has its limits, and their sum may exceed what the host has. So the cgroup above
 * them all has limits too: at its own the kernel ends a process of some container, and never one of
 * the host's.
 */
#ifndef CODESET_ENGINED_HOST_SHARE_H
#define CODESET_ENGINED_HOST_SHARE_H

#include <stdint.h>

#include "base/error.h"

struct cgroup_fs;
struct engine_settings;

struct host_share {
    int64_t memory_bytes;
    int64_t processes;
};

/* What the settings say; where they say 0, seven eighths of the host's memory, and half of the
 * processes that its kernel can have. */
int host_share_find(const struct engine_settings *settings, struct host_share *ret_share,
                    struct error *err);

/* Makes cgroup_parent with these limits. Where more is in use already than a limit allows, that
 * limit is left as it is, with a line in the log. */
int host_share_set(const struct engine_settings *settings, const struct cgroup_fs *fs,
                   struct error *err);

#endif
