/*
 * proxy_head.h - the head of a request to a proxy, as a guest sends it: checked as hostile. Pure.
 *
 * Two forms are served (RFC 9112, section 3.2): "CONNECT host:port", and a method with an absolute
 * http:// address. Everything else is refused with a status and a sentence.
 */
#ifndef CODESET_EGRESS_PROXY_HEAD_H
#define CODESET_EGRESS_PROXY_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/egress.h"

#define PROXY_HEAD_BYTES_MAX (16 << 10)
#define PROXY_HEAD_LINES_MAX 100

struct proxy_head {
    bool connect;
    bool literal;                /* host is an address, without brackets */
    char host[EGRESS_HOST_SIZE]; /* in lower case, without a dot at the end */
    uint16_t port;
    struct buf forward; /* what the server gets instead; with CONNECT nothing */
};

struct proxy_refusal {
    int status; /* of HTTP */
    char message[256];
};

/* The length of the head with its empty line, 0 where that has not come yet. */
size_t proxy_head_length(const char *bytes, size_t length);

/*
 * Reads a whole head (proxy_head_length bytes). Returns 0, or -1 with the refusal. What is
 * forwarded has the same method, path and fields, but for Host, which is made of the address, and
 * for those between client and proxy (Proxy-*, Connection and what it names, Keep-Alive, Upgrade);
 * it asks the server to close after its answer, so that there is one request a connection.
 */
int proxy_head_read(const char *bytes, size_t length, struct proxy_head *ret_head,
                    struct proxy_refusal *ret_refusal);
void proxy_head_release(struct proxy_head *head);

/* "Forbidden", of 403. */
const char *proxy_head_reason(int status);

#endif
