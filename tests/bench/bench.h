/*
 * bench.h - pairs of measurements, taken in turns, and the table of their ratios.
 *
 * A pair is "ours" and "theirs" (the bare peer). Each round measures both, one after the other, so
 * that what else the machine does weighs on both alike. What counts is the median.
 */
#ifndef CODESET_TESTS_BENCH_H
#define CODESET_TESTS_BENCH_H

#include <stddef.h>

#include "client.h"

extern int bench_rounds; /* 200, unless --rounds says otherwise */

struct series {
    double *values; /* seconds, or requests a second */
    size_t count;
};

void series_add(struct series *series, double value);
double series_percentile(const struct series *series, double percent); /* of a copy, sorted */
void series_release(struct series *series);

/* A line of the table: medians and 99th percentiles in the unit, the ratio ours : theirs. */
void table_begin(void);
void table_row(const char *what, const struct series *ours, const struct series *theirs,
               const char *unit, double scale, const char *target);
void table_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the program: a figure that could not be taken is no figure. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- the bare peers of containers (bare.c) -----------------------------------------------------
 */

/* Makes a root and bundles like those of a session's container, given by its name, but with `echo`
 * and `sleep` in place of the agent; starts the one that sleeps. */
void bare_prepare(const char *container);
void bare_end(void);

/* Seconds from the start of `crun exec CONTAINER true` to its end. */
double bare_exec(void);

/* Seconds from the start of `crun run` to the first byte of its output. */
double bare_run(void);

/* Seconds from the start of `crun run` of the task's verifier to its end. */
double bare_verify(void);

/* A session that is ready, and the name of such a session's container. */
struct ident bench_ready(void);
struct ident bench_container_of(const char *session);

/* POST exec of `true`, and its end: seconds. */
double bench_exec_once(const char *session);

/* Exec beside another session that wants all it can get (neighbour.c). */
void bench_neighbour(void);

/* Verifications beside bare runs of their verifier (verification.c). */
void bench_verification(void);

/* --- long lists (lists.c) ----------------------------------------------------------------------
 */

/* Loads a million sessions, which stay: the last part of all. */
void bench_lists(void);

/* Balance, usage, settlement, audit (money.c); lays a million transactions. */
void bench_money(void);

/* --- webhooks (webhooks.c) ---------------------------------------------------------------------
 */
void bench_webhooks(void);

/* --- many requests at once (load.c) ------------------------------------------------------------
 */

struct load; /* connections kept alive over TLS, each sending one prepared request again and again
              */

/* headers: lines that end in \r\n, or "". Checks that the answer is 200. */
struct load *load_new(const char *path, const char *headers, unsigned connections);

/* Each connection asks so many times; requests a second. */
double load_run(struct load *load, unsigned times);

/* The body of one answer, as it came. */
const char *load_body(const struct load *load, size_t *ret_length);
void load_free(struct load *load);

#endif
