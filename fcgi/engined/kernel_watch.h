/*
 * kernel_watch.h - keeps guests from memory of the kernel's that is counted to nobody.
 *
 * While there are containers it reads ten times a second what of the host's memory is neither free
 * nor a process's or a file's. Where that has grown by 32 MiB since it last did so, it has those
 * containers ended for which more than 16 MiB are held that way (container/kernel_memory.h).
 */
#ifndef CODESET_ENGINED_KERNEL_WATCH_H
#define CODESET_ENGINED_KERNEL_WATCH_H

#include <stdint.h>

struct containers;
struct event_base;
struct kernel_watch;

/* What the text of /proc/meminfo leaves to the kernel, in bytes; -1: it does not say. */
int64_t kernel_watch_parse(const char *meminfo);

/* Both must outlive it. */
struct kernel_watch *kernel_watch_new(struct event_base *base, struct containers *containers);
void kernel_watch_free(struct kernel_watch *watch);

/* A container is about to be started: it looks, as long as there are any. */
void kernel_watch_begin(struct kernel_watch *watch);

#endif
