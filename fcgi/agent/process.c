#include "agent/process.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
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
