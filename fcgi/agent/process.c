#include "agent/process.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/banned.h"

#define SHORT_TURN_NS 100000 /* the least that the kernel knows */

/* struct sched_attr, which not every C library has, and which some headers have twice. */
struct turns {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static int compare(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

void process_close_all_but(const int *kept, size_t count)
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

void process_cloexec_from(int first)
{
    /* An old kernel refuses; every descriptor of ours is close-on-exec from birth anyway. */
    (void)close_range((unsigned)first, UINT_MAX, CLOSE_RANGE_CLOEXEC);
}

int process_drop_capability(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    const __u32 others = ~(UINT32_C(1) << CAP_SETPCAP);

    if (prctl(PR_CAPBSET_DROP, CAP_SETPCAP, 0, 0, 0) < 0 && errno != EPERM)
        return -1;
    if (syscall(SYS_capget, &head, sets) < 0)
        return -1;
    sets[0].effective &= others;
    sets[0].permitted &= others;
    sets[0].inheritable &= others;
    return (int)syscall(SYS_capset, &head, sets);
}

void process_short_turns(bool on)
{
    struct turns turns = {.size = sizeof(turns)};

    if (syscall(SYS_sched_getattr, 0, &turns, sizeof(turns), 0) < 0 || turns.policy != SCHED_OTHER)
        return;
    turns.runtime = on ? SHORT_TURN_NS : 0;
    (void)syscall(SYS_sched_setattr, 0, &turns, 0);
}
