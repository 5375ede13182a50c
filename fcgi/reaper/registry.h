/*
 * registry.h - what is under way, by id.
 *
 * A registry holds pointers to structs that begin with their `struct id`, and owns none of them.
 */
#ifndef CODESET_REAPER_REGISTRY_H
#define CODESET_REAPER_REGISTRY_H

#include <stddef.h>

#include "base/id.h"

/* Zeroed is empty. */
struct registry {
    void *tree; /* tsearch(3)'s */
    size_t count;
};

/* NULL where there is none. */
void *registry_find(const struct registry *registry, const struct id *id);

/* The id must not be in it. */
void registry_insert(struct registry *registry, void *entry);
void registry_remove(struct registry *registry, void *entry);

/* Any one of them, NULL when it is empty: for ending them all. */
void *registry_any(const struct registry *registry);

/* A growing list of ids, to be filled by the `each` of store functions. Zeroed is empty. */
struct id_list {
    struct id *ids;
    size_t count, capacity;
};
void id_list_add(const struct id *id, void *list);
void id_list_release(struct id_list *list);

#endif
