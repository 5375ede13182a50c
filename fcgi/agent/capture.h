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

#include "base/buf.h"
#include "wire/agent_protocol.h"

#define CAPTURE_CAP ((size_t)AGENT_OUTPUT_CAP)
#define CAPTURE_PARTS 4

struct capture {
    struct buf head;
    struct buf tail;   /* a ring once it holds its most */
    size_t tail_start; /* where the ring begins */
    uint64_t total;    /* bytes of text seen */
    char carry[4];     /* the beginning of a character whose rest has not come yet */
    size_t carry_length;
};

#define CAPTURE_INIT                                                                               \
    {                                                                                              \
        .head = BUF_INIT, .tail = BUF_INIT                                                         \
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
