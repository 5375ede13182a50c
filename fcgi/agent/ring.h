/*
 * ring.h - the last bytes of a text that goes on.
 */
#ifndef CODESET_AGENT_RING_H
#define CODESET_AGENT_RING_H

#include <stddef.h>

#include "base/buf.h"

struct ring {
    size_t most;
    struct buf bytes;
    size_t start; /* where the oldest byte is */
};

#define RING_INIT(size)                                                                            \
    {                                                                                              \
        .most = (size), .bytes = BUF_INIT                                                          \
    }

void ring_release(struct ring *ring);
void ring_add(struct ring *ring, const char *text, size_t length);

/* What is kept, without its first `skip` bytes (no more than there are), as two runs that follow
 * one another; either may be empty. */
struct ring_runs {
    const char *first, *second;
    size_t first_length, second_length;
};
struct ring_runs ring_runs(const struct ring *ring, size_t skip);

/* How many bytes from there on belong to a character that begins before; the text is UTF-8. */
size_t ring_cut(const struct ring *ring, size_t from);

#endif
