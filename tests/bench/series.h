/*
 * series.h - measured times, and a row of the table of ratios.
 */
#ifndef CODESET_TESTS_BENCH_SERIES_H
#define CODESET_TESTS_BENCH_SERIES_H

#include <stddef.h>
#include <stdint.h>

struct series {
    int64_t *us; /* microseconds */
    size_t count;
};

struct series series_new(size_t count);
void series_release(struct series *series);

/* Sorts it. part: 0 to 1, 0.5 is the median. */
int64_t series_quantile(struct series *series, double part);

/* "name | ours: median p99 | peer: median p99 | ratio | target", the ratio that of the medians. */
void series_compare(const char *name, struct series *ours, const char *peer_name,
                    struct series *peer, double target);

#endif
