#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bench.h"

#include "base/banned.h"

void series_add(struct series *series, double value)
{
    series->values = xrealloc(series->values, (series->count + 1) * sizeof(*series->values));
    series->values[series->count++] = value;
}

void series_release(struct series *series)
{
    free(series->values);
    *series = (struct series){0};
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return (one > other) - (one < other);
}

double series_percentile(const struct series *series, double percent)
{
    double *sorted, value;
    size_t at;

    if (series->count == 0)
        bench_fail("nothing was measured");
    sorted = xmemdup(series->values, series->count * sizeof(*sorted));
    qsort(sorted, series->count, sizeof(*sorted), compare);
    at = (size_t)(percent / 100 * (double)(series->count - 1) + 0.5);
    value = sorted[at];
    free(sorted);
    return value;
}

void table_begin(void)
{
    printf("%-44s %10s %10s %10s %10s %-5s %7s  %s\n", "what", "ours", "p99", "peer", "p99", "unit",
           "ratio", "target");
}

void table_row(const char *what, const struct series *ours, const struct series *theirs,
               const char *unit, double scale, const char *target)
{
    double median = series_percentile(ours, 50), other = series_percentile(theirs, 50);

    printf("%-44s %10.2f %10.2f %10.2f %10.2f %-5s %7.2f  %s\n", what, median * scale,
           series_percentile(ours, 99) * scale, other * scale,
           series_percentile(theirs, 99) * scale, unit, median / other, target);
    fflush(stdout);
}

void table_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

void bench_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}
