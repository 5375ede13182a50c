/*
 * kernel_memory.h - what the kernel holds for a container and does not count to its memory.
 *
 * Most of what the kernel allocates for a process is charged to the process's cgroup. These are not
 * (Linux 6.18), and a guest gets them for the asking:
 *
 *     netlink     sockets, and answers in them that nobody reads
 *     connections of TCP that nobody accepts
 *     multicast   memberships of sockets in IPv6 groups
 *     poll        a place for each descriptor that somebody waits for in poll(2) or select(2)
 *     locks       of ranges of files, fcntl(2)
 *     timers      of timerfd_create(2), epoll instances, who is to get a file's signals (F_SETOWN)
 *     directories that were listed and are still open: overlayfs keeps the names of those that an
 *                 image and its container both have, and anew each time one has changed
 *
 * Each can be told from /proc: how much, and of which container.
 */
#ifndef CODESET_CONTAINER_KERNEL_MEMORY_H
#define CODESET_CONTAINER_KERNEL_MEMORY_H

#include "base/error.h"
#include "container/container.h"

/*
 * Looks at all containers in job->state_dir, and ends (container/evict.h) each for which more than
 * job->memory_bytes are held. job->cgroup: the cgroup above theirs. 0: there was none; ERROR_LIMIT:
 * one was ended, or several, and the message says which. Takes milliseconds, some hundred where
 * there is much to count.
 */
int kernel_memory_end_takers(const struct container_job *job, struct error *err);

#endif
