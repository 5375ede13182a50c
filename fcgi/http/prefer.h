/*
 * prefer.h - how long a request is held (docs/held-requests.md) and RFC 7240's Prefer: wait.
 */
#ifndef CODESET_HTTP_PREFER_H
#define CODESET_HTTP_PREFER_H

#include <stdint.h>

#define HOLD_LEAST_MS 1000
#define HOLD_MOST_MS 25000
#define PREFER_WAIT_MOST 60

/* Seconds that the Prefer header asks for, at most PREFER_WAIT_MOST; -1 if it asks for none.
 * Other preferences, and waits that are no number, are passed over; the first wait counts. */
int prefer_wait(const char *header);

/* Milliseconds to hold: what Prefer asks for (-1: nothing), else the age of the thing, within
 * bounds. Times in microseconds. */
int64_t hold_ms(int prefer, int64_t created_at, int64_t now);

#endif
