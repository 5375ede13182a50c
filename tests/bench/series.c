#include "series.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#include "base/banned.h"

struct series series_new(size_t count)
{
    return (struct series){xcalloc(count, sizeof(int64_t)), count};
}

void series_release(struct series *series)
{
    free(series->us);
    series->us = NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int64_t series_quantile(struct series *series, double part)
{
    size_t index = (size_t)((double)series->count * part);

    qsort(series->us, series->count, sizeof(*series->us), compare);
    return series->us[index < series->count ? index : series->count - 1];
}

static double ms(int64_t us)
{
    return (double)us / 1000;
}

void series_compare(const char *name, struct series *ours, const char *peer_name,
                    struct series *peer, double target)
{
    double ratio = (double)series_quantile(ours, 0.5) / (double)series_quantile(peer, 0.5);

    printf("%-44s %8.2f %8.2f ms   %-36s %8.2f %8.2f ms   %5.2f  (<= %.2f)%s\n", name,
           ms(series_quantile(ours, 0.5)), ms(series_quantile(ours, 0.99)), peer_name,
           ms(series_quantile(peer, 0.5)), ms(series_quantile(peer, 0.99)), ratio, target,
           ratio <= target ? "" : "  SHORT");
    fflush(stdout);
}
