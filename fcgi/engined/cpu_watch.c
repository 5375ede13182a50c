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
#include "wire/container.h"

#include "base/banned.h"

#define LOOK_MS 250
#define LOOKS 8 /* in two seconds */

/* What a container had used by then, on the monotonic clock. */
struct reading {
    int64_t used_us, at;
};

struct candidate {
    LIST_ENTRY(candidate) next;
    char *name;
    struct reading readings[LOOKS]; /* the last ones; look n is in place n % LOOKS */
    unsigned looks;
    bool last, seen;
};

struct cpu_watch {
    struct containers *containers;
    struct event *timer;
    bool armed;
    bool blind; /* the last look failed, and that was told */
    LIST_HEAD(, candidate) candidates;
};

bool cpu_watch_is_last(bool before, struct cpu_use since, struct cpu_use lately)
{
    if (lately.used_us * 2 > lately.passed_us)
        return true;
    return before ? since.used_us * 4 >= since.passed_us : since.used_us * 2 > since.passed_us;
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

static bool is_verification(const char *name)
{
    enum container_kind kind;
    struct id id;

    return container_name_parse(name, &kind, &id) == 0 && kind == CONTAINER_GRADING;
}

/* Of a candidate that was looked at before. */
static bool is_last(const struct candidate *candidate, const struct reading *now)
{
    const unsigned looks = candidate->looks;
    const struct reading *before = &candidate->readings[(looks - 1) % LOOKS];
    const struct reading *first = &candidate->readings[looks < LOOKS ? 0 : looks % LOOKS];

    if (is_verification(candidate->name))
        return false;
    return cpu_watch_is_last(candidate->last,
                             (struct cpu_use){now->used_us - before->used_us, now->at - before->at},
                             (struct cpu_use){now->used_us - first->used_us, now->at - first->at});
}

/* A kernel before 5.15 knows no last ones; then nothing changes. */
static void look_at(const char *name, void *arg)
{
    struct cpu_watch *watch = arg;
    struct reading now = {.at = clock_monotonic()};
    struct error ignored;
    struct candidate *candidate;
    bool last;

    if (containers_cpu(watch->containers, name, &now.used_us, &ignored) < 0)
        return;
    candidate = find(watch, name);
    last = candidate->looks > 0 && is_last(candidate, &now);
    /* What an earlier codeset-engined made of it is not known, and a freeze makes a last one
     * everybody's equal. */
    if ((candidate->looks == 0 || last || candidate->last) &&
        containers_set_last(watch->containers, name, last, &ignored) == 0)
        candidate->last = last;
    candidate->readings[candidate->looks++ % LOOKS] = now;
    candidate->seen = true;
}

/* False: there is none. Of a look that fails nothing follows. */
static bool look(struct cpu_watch *watch)
{
    struct error err = ERROR_INIT;
    struct candidate *candidate, *next;
    bool blind = containers_list(watch->containers, look_at, watch, &err) < 0;

    if (blind && !watch->blind)
        log_error("cpu_watch_failed", &err);
    watch->blind = blind;
    if (blind)
        return true;
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
