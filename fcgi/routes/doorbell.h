/*
 * doorbell.h - tells the daemon that there is work: one datagram, which may get lost.
 */
#ifndef CODESET_ROUTES_DOORBELL_H
#define CODESET_ROUTES_DOORBELL_H

#include "base/id.h"
#include "wire/doorbell.h"

struct doorbell {
    const char *path; /* of the daemon's socket; not ours */
    int fd;           /* -1 until it is first rung */
};

#define DOORBELL_INIT(socket_path)                                                                 \
    {                                                                                              \
        .path = (socket_path), .fd = -1                                                            \
    }

void doorbell_release(struct doorbell *bell);

/* Never waits. A datagram that can't be
 * delivered is no error: the daemon sweeps. */
void doorbell_ring(struct doorbell *bell, enum work_kind kind, const struct id *id);

#endif
