/*
 * cage.h - where an archive is read: a process that can write to one folder, and nothing else.
 *
 * It is root of a user namespace that is mapped to the image store's ids and so can give files to
 * these only. Its root is the import's folder; of the host it has no file, no network, no process.
 * A filter leaves it the system calls that reading and laying files take; on any other the kernel
 * kills it.
 */
#ifndef CODESET_IMAGES_CAGE_H
#define CODESET_IMAGES_CAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* A child in pid, mount, IPC and UTS namespaces of its own, as whose first process it takes its
 * children along when it ends; and in a network of its own, where nobody is, unless it has the
 * host's. Returns as fork(2), with errno. */
pid_t cage_fork(bool host_network);

/* For such a child, before it becomes another program: no signal is blocked, ignored or caught. */
void cage_reset_signals(void);

struct cage {
    const char *folder; /* absolute; what is to be its root */
    int userns_fd;      /* the user namespace; closed when in */
    int told_fd;        /* a pipe's end: when nobody reads it, the process ends */
    int64_t file_bytes; /* of the largest file that it may write */
    bool read_only;     /* it may write none */
    bool git;           /* libgit2 is used: it has calls of its own to reach files by path */
};

/*
 * For a child of cage_fork, root, with one thread. Descriptors are the caller's matter: a folder
 * among them would lead out by its parents, unless it is the root of a mount. It ends when its
 * parent does. Limits: 1 GiB of address space, 4 processes, 256 descriptors, no core. On failure it
 * must end: it is confined only in part.
 */
int cage_enter(const struct cage *cage, struct error *err);

#endif
