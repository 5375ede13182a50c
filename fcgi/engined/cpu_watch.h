/*
 * cpu_watch.h - lets those who use the processors all the time come after the others.
 *
 * The kernel divides the processors between containers by what each has used of late. So one that
 * has just run a command waits for its neighbours' turns before it may run the next, several times
 * in one command, and 10 to 25 ms each time where a neighbour never stops. While there are
 * containers, this looks four times a second at what each has used since. One that used more than
 * half a processor, since or over the last two seconds, comes last (cgroup_set_last): it has what
 * the others leave. With less than a quarter since, and no more than half over the two seconds, it
 * is their equal again: so one that gets nothing does not wait for longer than these.
 *
 * A verification never comes last: sessions must not hold it up until its time is over. Nor does a
 * container that is being frozen, or is frozen (containers_set_last).
 */
#ifndef CODESET_ENGINED_CPU_WATCH_H
#define CODESET_ENGINED_CPU_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct containers;
struct cpu_watch;
struct event_base;

/* What was used of the processors in some time. */
struct cpu_use {
    int64_t used_us, passed_us;
};

/* Is it to come last, who was last before or not, and has used that much since the last look, and
 * over the last two seconds? */
bool cpu_watch_is_last(bool before, struct cpu_use since, struct cpu_use lately);

/* Both must outlive it. */
struct cpu_watch *cpu_watch_new(struct event_base *base, struct containers *containers);
void cpu_watch_free(struct cpu_watch *watch);

/* A container was started: it looks, as long as there are any. */
void cpu_watch_begin(struct cpu_watch *watch);

#endif
