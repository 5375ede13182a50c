#include "engined/kernel_watch.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "engined/commitments.h"
#include "engined/containers.h"

#include "base/banned.h"

#define LOOK_MS 100
#define GROWN (INT64_C(32) << 20)
/* Without a look at the containers: growth may hide in what others gave back. */
#define TICKS_MOST 50
#define MOST (INT64_C(16) << 20)
#define MEMINFO_MAX (64 << 10)

#define REASON                                                                                     \
    "KERNEL_MEMORY_LIMIT the session made the kernel hold more than 16 MiB that count to no "      \
    "limit: "                                                                                      \
    "answers that nobody reads, connections that nobody accepts, locks, waits for very many "      \
    "descriptors, timers, or open directories"

struct kernel_watch {
    struct containers *containers;
    struct event *timer;
    bool armed, busy;
    int ticks;    /* since containers were last looked at */
    int64_t mark; /* the least since containers were last looked at; -1: none */
};

/* -1: it is not there. */
static int64_t field(const char *meminfo, const char *name)
{
    const char *at = strstr(meminfo, name);

    return at ? strtoll(at + strlen(name), NULL, 10) * 1024 : -1;
}

int64_t kernel_watch_parse(const char *meminfo)
{
    static const char *const others[] = {
        "MemFree:",      "\nActive:",   "\nInactive:",  "\nUnevictable:",
        "SReclaimable:", "PageTables:", "KernelStack:", "Percpu:"};
    int64_t left = field(meminfo, "MemTotal:");

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        int64_t value = field(meminfo, others[i]);

        left -= value < 0 ? 0 : value;
    }
    return left < 0 ? -1 : left;
}

static void look_again(struct kernel_watch *watch)
{
    const struct timeval pause = {.tv_usec = LOOK_MS * 1000};

    watch->armed = true;
    evtimer_add(watch->timer, &pause);
}

static void looked(const struct error *err, void *arg)
{
    struct kernel_watch *watch = arg;

    watch->busy = false;
    if (err != NULL && err->kind == ERROR_LIMIT)
        log_event(LOG_WARNING, "kernel_memory_taken", "ended=\"%s\"", err->message);
    else if (err != NULL)
        log_error("kernel_memory_unknown", err);
}

static void look(struct kernel_watch *watch)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;
    int64_t held = -1;

    if (file_read(AT_FDCWD, "/proc/meminfo", MEMINFO_MAX, &text, &ignored) == 0)
        held = kernel_watch_parse(text.data);
    if (held < 0)
        return;
    if (watch->mark < 0 || held < watch->mark)
        watch->mark = held;
    watch->ticks++;
    if (watch->busy || (held - watch->mark < GROWN && watch->ticks < TICKS_MOST))
        return;
    watch->ticks = 0;
    watch->mark = held;
    watch->busy = true;
    containers_end_takers(watch->containers, MOST, REASON, looked, watch);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct kernel_watch *watch = arg;

    (void)fd;
    (void)what;
    watch->armed = false;
    if (commitments_count(containers_commitments(watch->containers)) == 0) {
        watch->mark = -1;
        return;
    }
    look(watch);
    look_again(watch);
}

void kernel_watch_begin(struct kernel_watch *watch)
{
    if (!watch->armed)
        look_again(watch);
}

struct kernel_watch *kernel_watch_new(struct event_base *base, struct containers *containers)
{
    struct kernel_watch *watch = xcalloc(1, sizeof(*watch));

    watch->containers = containers;
    watch->timer = evtimer_new(base, on_timer, watch);
    watch->mark = -1;
    kernel_watch_begin(watch); /* for those that are there */
    return watch;
}

void kernel_watch_free(struct kernel_watch *watch)
{
    if (watch == NULL)
        return;
    event_free(watch->timer);
    free(watch);
}
