/*
 * fair_queue.h - a queue in which users take turns: however much one has put in, the first thing of
 * another comes after at most one thing of each.
 *
 * Of one user's things the oldest comes first. Things are members of the caller's structs, and
 * stay the caller's. Not for two threads at once.
 */
#ifndef CODESET_REAPER_FAIR_QUEUE_H
#define CODESET_REAPER_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/id.h"
#include "reaper/registry.h"

struct fair_turn; /* a user's place */

/* In a queue from fair_push to fair_pop or fair_remove. */
struct fair_item {
    TAILQ_ENTRY(fair_item) next;
    struct fair_turn *turn; /* NULL: in no queue */
};

struct fair_queue {
    TAILQ_HEAD(fair_turns, fair_turn) turns; /* whose turn is next comes first */
    struct registry users;
    size_t count; /* of items */
};

void fair_init(struct fair_queue *queue);

/* user NULL: the daemon's own, which takes turns like a user. */
void fair_push(struct fair_queue *queue, const struct id *user, struct fair_item *item);

/* The next one, which stays; NULL when it is empty. */
struct fair_item *fair_first(const struct fair_queue *queue);

/* Takes the next one out, and lets its user wait for the others. */
struct fair_item *fair_pop(struct fair_queue *queue);

/* One that need not be there. */
void fair_remove(struct fair_queue *queue, struct fair_item *item);

#endif
