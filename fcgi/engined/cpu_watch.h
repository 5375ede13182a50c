/*
 * cpu_watch.h - lets those who use the processors all the time come after the others.
 *
 * The kernel divides the processors between containers by what each has used of late. So one that
 * has just run a command waits for its neighbours' turns before it may run the next, several times
 * in one command, and 10 to 25 ms each time where a neighbour never stops. While there are
 * containers, this looks four times a second at what each has used since. One that used more than
 * half a processor comes last (cgroup_set_last): it has what the others leave. With less than a
 * quarter it is their equal again: so one that gets nothing does not wait for long.
 */
#ifndef CODESET_ENGINED_CPU_WATCH_H
#define CODESET_ENGINED_CPU_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct containers;
struct cpu_watch;
struct event_base;

/* Is it to come last, who was last before or not, and has used that much in that time? */
bool cpu_watch_is_last(bool before, int64_t used_us, int64_t passed_us);

/* Both must outlive it. */
struct cpu_watch *cpu_watch_new(struct event_base *base, struct containers *containers);
void cpu_watch_free(struct cpu_watch *watch);

/* A container was started: it looks, as long as there are any. */
void cpu_watch_begin(struct cpu_watch *watch);

#endif
