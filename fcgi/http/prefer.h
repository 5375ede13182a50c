/*
 * prefer.h - how long a request is held (docs/held-requests.md) and RFC 7240's Prefer: wait.
 */
#ifndef CODESET_HTTP_PREFER_H
#define CODESET_HTTP_PREFER_H

#include <stdint.h>

#define HOLD_FIRST_MS 1000 /* while the thing is younger than that: a client's first GET */
#define HOLD_LATER_MS 25000
#define PREFER_WAIT_MOST 60

/* Seconds that the Prefer header asks for, at most PREFER_WAIT_MOST; -1 if it asks for none.
 * Other preferences, and waits that are no number, are passed over; the first wait counts. */
int prefer_wait(const char *header);

/* Milliseconds to hold: what Prefer asks for, else the caller's own hold (in seconds both; -1:
 * none), else by the age of the thing. Times in microseconds. */
int64_t hold_ms(int prefer, int64_t own, int64_t created_at, int64_t now);

#endif
