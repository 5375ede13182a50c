/*
 * clock.h - time as int64_t microseconds since 1970-01-01T00:00:00Z, and as RFC 3339 text.
 */
#ifndef CODESET_BASE_CLOCK_H
#define CODESET_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_TEXT_SIZE 32

/* The wall clock. */
int64_t clock_now(void);

/* The wall clock as the kernel stamps files by it: it moves once a tick (1 to 10 ms), and is never
 * ahead of what a file gets later. clock_gettime(2), CLOCK_REALTIME_COARSE. */
int64_t clock_of_files(void);

/* Waits until what gets a time from now on is later by clock_of_files than all that has one
 * (Linux 6.13 and newer may have stamped that by the finer clock): for a tick, at most. False: it
 * is not after 50 ms, so the clock was set back. */
bool clock_pass_files(void);

/* A clock that never goes back, to measure durations; when it was zero means nothing. */
int64_t clock_monotonic(void);

/* "2026-11-21T19:05:00.123456Z" into text[CLOCK_TEXT_SIZE]; years 1970 to 9999. Returns text. */
char *clock_format(int64_t when, char *text);

/* Reads RFC 3339 ("2022-03-03T15:14:54Z", any offset, any fraction) or the form
 * "2023-01-23 04:10:47", taken as UTC. Returns 0, or -1 if it is neither. */
int clock_parse(const char *text, int64_t *ret_when);

/* Reads a day, "2026-11-21", or what clock_parse reads, as the beginning of that day in UTC.
 * Returns 0, or -1 if there is no such day. */
int clock_parse_day(const char *text, int64_t *ret_when);

#endif
