#include "base/descriptors.h"

#include <limits.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"

static int compare(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

void descriptors_close_all_but(const int *kept, size_t count)
{
    int sorted[8] = {0}, next = 3;

    for (size_t i = 0; i < count; i++)
        sorted[i] = kept[i];
    qsort(sorted, count, sizeof(sorted[0]), compare);
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] < next)
            continue;
        if (sorted[i] > next)
            (void)close_range((unsigned)next, (unsigned)sorted[i] - 1, 0);
        next = sorted[i] + 1;
    }
    (void)close_range((unsigned)next, UINT_MAX, 0);
}

void descriptors_cloexec_from(int first)
{
    /* An old kernel refuses; every descriptor of ours is close-on-exec from birth anyway. */
    (void)close_range((unsigned)first, UINT_MAX, CLOSE_RANGE_CLOEXEC);
}
