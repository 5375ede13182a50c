#include "engined/cpu_watch.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "engined/containers.h"

#include "base/banned.h"

#define LOOK_MS 250

struct candidate {
    LIST_ENTRY(candidate) next;
    char *name;
    int64_t used_us, at; /* at the last look, on the monotonic clock */
    bool last, seen;
};

struct cpu_watch {
    struct containers *containers;
    struct event *timer;
    bool armed;
    LIST_HEAD(, candidate) candidates;
};

bool cpu_watch_is_last(bool before, int64_t used_us, int64_t passed_us)
{
    return before ? used_us * 4 >= passed_us : used_us * 2 > passed_us;
}

static struct candidate *find(struct cpu_watch *watch, const char *name)
{
    struct candidate *candidate;

    LIST_FOREACH(candidate, &watch->candidates, next)
    if (strcmp(candidate->name, name) == 0)
        return candidate;
    candidate = xcalloc(1, sizeof(*candidate));
    candidate->name = xstrdup(name);
    LIST_INSERT_HEAD(&watch->candidates, candidate, next);
    return candidate;
}

static void forget(struct candidate *candidate)
{
    LIST_REMOVE(candidate, next);
    free(candidate->name);
    free(candidate);
}

/* A kernel before 5.15 knows no last ones; then nothing changes. */
static void look_at(const char *name, void *arg)
{
    struct cpu_watch *watch = arg;
    const int64_t now = clock_monotonic();
    struct error ignored;
    int64_t used;
    struct candidate *candidate;
    bool last = false;

    if (containers_cpu(watch->containers, name, &used, &ignored) < 0)
        return;
    candidate = find(watch, name);
    if (candidate->at > 0)
        last = cpu_watch_is_last(candidate->last, used - candidate->used_us, now - candidate->at);
    /* What an earlier codeset-engined made of it is not known. */
    if ((candidate->at == 0 || last != candidate->last) &&
        containers_set_last(watch->containers, name, last, &ignored) == 0)
        candidate->last = last;
    candidate->used_us = used;
    candidate->at = now;
    candidate->seen = true;
}

/* False: there is none. */
static bool look(struct cpu_watch *watch)
{
    struct error err = ERROR_INIT;
    struct candidate *candidate, *next;

    if (containers_list(watch->containers, look_at, watch, &err) < 0)
        log_error("cpu_watch_failed", &err);
    for (candidate = LIST_FIRST(&watch->candidates); candidate != NULL; candidate = next) {
        next = LIST_NEXT(candidate, next);
        if (!candidate->seen)
            forget(candidate);
        else
            candidate->seen = false;
    }
    return !LIST_EMPTY(&watch->candidates);
}

static void look_again(struct cpu_watch *watch)
{
    const struct timeval pause = {.tv_usec = LOOK_MS * 1000};

    watch->armed = true;
    evtimer_add(watch->timer, &pause);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cpu_watch *watch = arg;

    (void)fd;
    (void)what;
    watch->armed = false;
    if (look(watch))
        look_again(watch);
}

void cpu_watch_begin(struct cpu_watch *watch)
{
    if (!watch->armed)
        look_again(watch);
}

struct cpu_watch *cpu_watch_new(struct event_base *base, struct containers *containers)
{
    struct cpu_watch *watch = xcalloc(1, sizeof(*watch));

    watch->containers = containers;
    watch->timer = evtimer_new(base, on_timer, watch);
    LIST_INIT(&watch->candidates);
    cpu_watch_begin(watch); /* for those that are there */
    return watch;
}

void cpu_watch_free(struct cpu_watch *watch)
{
    if (watch == NULL)
        return;
    /* clang-tidy does not see that what is freed leaves the list first. */
    while (!LIST_EMPTY(&watch->candidates))
        forget(LIST_FIRST(&watch->candidates)); // NOLINT
    event_free(watch->timer);
    free(watch);
}
