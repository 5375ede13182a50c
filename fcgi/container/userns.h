/*
 * userns.h - user namespaces: the one that a container lives in, and those that only tell how a
 * mount shows the owners of its files.
 *
 * The engine makes them itself, so that each is owned by the first id of its container's range. The
 * kernel charges what is used in a namespace to its owner as well (POSIX timers, queued signals,
 * message queues, inotify), and a runtime's namespaces would all be root's.
 *
 * A namespace is kept by its descriptor, and by a process in it that does nothing until it is told
 * to, and ends when it is let go or when whoever made it is gone.
 */
#ifndef CODESET_CONTAINER_USERNS_H
#define CODESET_CONTAINER_USERNS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define USERNS_IDS 65536 /* users, and as many groups, of a namespace */

struct userns {
    int fd; /* as of /proc/PID/ns/user; owned */
    pid_t keeper;
    int line; /* to the keeper; owned */
};

#define USERNS_INIT                                                                                \
    {                                                                                              \
        -1, 0, -1                                                                                  \
    }

/* The ids from `inside` on are the host's from `outside` on. */
int userns_make(int64_t inside, int64_t outside, struct userns *ret_space, struct error *err);

/* Lets the keeper go, where the descriptor is all that is wanted. */
void userns_let_go(struct userns *space);

/* From now on no namespace of any kind can be made in it; those that are there stay. The keeper
 * does it, and goes. */
int userns_close(struct userns *space, struct error *err);

void userns_release(struct userns *space);

#endif
