#include "reaper/daemon.h"

#include <event2/event.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

int daemon_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

void *daemon_find(void *tree, const struct id *id)
{
    void *node = tfind(id, &tree, daemon_compare);

    return node ? *(void **)node : NULL;
}

void daemon_insert(void **tree, void *entry)
{
    if (!tsearch(entry, tree, daemon_compare))
        abort(); /* out of memory */
}

void daemon_remove(void **tree, void *entry)
{
    tdelete(entry, tree, daemon_compare);
}

void id_list_add(const struct id *id, void *arg)
{
    struct id_list *list = arg;

    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->ids = xrealloc(list->ids, list->capacity * sizeof(*list->ids));
    }
    list->ids[list->count++] = *id;
}

void id_list_release(struct id_list *list)
{
    free(list->ids);
    memset(list, 0, sizeof(*list));
}

void daemon_timer(struct daemon *daemon, struct event **timer, int64_t ms,
                  void (*callback)(int fd, short what, void *arg), void *arg)
{
    struct timeval pause = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (!*timer)
        *timer = evtimer_new(daemon->base, callback, arg);
    evtimer_add(*timer, &pause);
}
