#include "agent/ring.h"

#include <string.h>

#include "base/banned.h"

void ring_release(struct ring *ring)
{
    buf_release(&ring->bytes);
}

void ring_add(struct ring *ring, const char *text, size_t length)
{
    size_t fits = ring->most - ring->bytes.length;

    if (fits > length)
        fits = length;
    buf_add(&ring->bytes, text, fits);
    text += fits;
    length -= fits;
    while (length > 0) {
        size_t run = ring->most - ring->start;

        if (run > length)
            run = length;
        memcpy(ring->bytes.data + ring->start, text, run);
        ring->start = (ring->start + run) % ring->most;
        text += run;
        length -= run;
    }
}

struct ring_runs ring_runs(const struct ring *ring, size_t skip)
{
    const char *data = ring->bytes.data;
    size_t first = ring->bytes.length - ring->start;

    if (skip < first)
        return (struct ring_runs){.first = data + ring->start + skip,
                                  .first_length = first - skip,
                                  .second = data,
                                  .second_length = ring->start};
    return (struct ring_runs){.first = data + (skip - first),
                              .first_length = ring->start - (skip - first)};
}

size_t ring_cut(const struct ring *ring, size_t from)
{
    size_t skip = from;

    while (skip < ring->bytes.length &&
           (ring->bytes.data[(ring->start + skip) % ring->bytes.length] & 0xc0) == 0x80)
        skip++;
    return skip - from;
}
