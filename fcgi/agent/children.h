/*
 * children.h - tells of the agent's children that ended or were stopped; it alone waits for them.
 */
#ifndef CODESET_AGENT_CHILDREN_H
#define CODESET_AGENT_CHILDREN_H

#include <sys/types.h>

#include "base/error.h"

struct event_base;

struct children_listener {
    /* Some are about to be told of: what they have said is to be heard first. Repeated before each
     * one that a signal ended. */
    void (*listen)(void *arg);
    void (*stopped)(pid_t pid, void *arg);
    void (*ended)(pid_t pid, int wait_status, void *arg); /* the number is free from here on */
};

/* For as long as the process lives. SIGCHLD must be blocked. */
int children_watch(struct event_base *base, const struct children_listener *listener, void *arg,
                   struct error *err);

#endif
