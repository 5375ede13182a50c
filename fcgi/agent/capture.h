/*
 * capture.h - one output stream of a command, as the text that is kept of it.
 *
 * Bytes go in as they are read; what is kept is valid UTF-8 (each byte that belongs to no
 * character becomes U+FFFD) and at most CAPTURE_CAP bytes: of a longer text the head and the tail,
 * with a mark of the cut between them. Memory stays near the cap however much goes in.
 */
#ifndef CODESET_AGENT_CAPTURE_H
#define CODESET_AGENT_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ring.h"
#include "base/buf.h"
#include "wire/agent_protocol.h"

#define CAPTURE_CAP ((size_t)AGENT_OUTPUT_CAP)
#define CAPTURE_PARTS 4

#define CAPTURE_HEAD_CAP (CAPTURE_CAP / 2)
#define CAPTURE_TAIL_CAP (CAPTURE_CAP - CAPTURE_HEAD_CAP)

/* What came of several captures, in the order in which it was read: the last of it, and how many
 * bytes that was in all. */
struct printed {
    struct ring last;
    uint64_t total;
};

#define PRINTED_INIT                                                                               \
    {                                                                                              \
        .last = RING_INIT(AGENT_TAIL_CAP)                                                          \
    }

struct capture {
    struct buf head;
    struct ring tail;
    uint64_t total;        /* bytes of text seen */
    struct printed *along; /* gets all of the text, too; NULL: nobody does */
    char carry[4];         /* the beginning of a character whose rest has not come yet */
    size_t carry_length;
};

#define CAPTURE_INIT                                                                               \
    {                                                                                              \
        .head = BUF_INIT, .tail = RING_INIT(CAPTURE_TAIL_CAP)                                      \
    }

/* The text as runs that follow one another, in the capture's memory. */
struct capture_text {
    struct {
        const char *data;
        size_t length;
    } parts[CAPTURE_PARTS];
    size_t length; /* of all parts */
    bool truncated;
    char mark[64];
};

void capture_release(struct capture *capture);
void capture_add(struct capture *capture, const char *bytes, size_t length);

/* No more bytes follow. `text` must stay where it is: a part points into it. */
void capture_end(struct capture *capture, struct capture_text *text);

#endif
