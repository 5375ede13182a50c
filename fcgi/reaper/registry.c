#include "reaper/registry.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

void *registry_find(const struct registry *registry, const struct id *id)
{
    void *node = tfind(id, &registry->tree, compare);

    return node ? *(void **)node : NULL;
}

void registry_insert(struct registry *registry, void *entry)
{
    if (!tsearch(entry, &registry->tree, compare))
        abort(); /* out of memory */
    registry->count++;
}

void registry_remove(struct registry *registry, void *entry)
{
    tdelete(entry, &registry->tree, compare);
    registry->count--;
}

void *registry_any(const struct registry *registry)
{
    return registry->tree ? *(void **)registry->tree : NULL; /* the root */
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
