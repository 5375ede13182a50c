/*
 * agent-trees.h - the steps of agent_copy_changes by themselves, each from or to a descriptor, as
 * the agent answers them. They block, and fail the test where the agent does not answer in time.
 */
#ifndef CODESET_TESTS_AGENT_TREES_H
#define CODESET_TESTS_AGENT_TREES_H

#include "agent-rig.h"

/* Writes to fd what is below root. outcome->err says what came of it, here as below. */
void trees_get_listing(const struct rig *rig, const char *root, int fd, struct outcome *outcome);

/* Writes to fd an archive of what is not as the listing says, or changed since then. */
void trees_get_changes(const struct rig *rig, const char *root, int64_t since, int listing_fd,
                       int fd, struct outcome *outcome);

/* Lays such an archive. */
void trees_put_changes(const struct rig *rig, const char *root, int fd, struct outcome *outcome);

#endif
