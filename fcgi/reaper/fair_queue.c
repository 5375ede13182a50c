#include "reaper/fair_queue.h"

#include <stdlib.h>

#include "base/mem.h"

#include "base/banned.h"

/* Exists while the user has something in the queue. */
struct fair_turn {
    struct id user; /* first */
    TAILQ_ENTRY(fair_turn) next;
    TAILQ_HEAD(fair_items, fair_item) items;
};

static const struct id nobody; /* whose things are the daemon's own */

void fair_init(struct fair_queue *queue)
{
    *queue = (struct fair_queue){.count = 0};
    TAILQ_INIT(&queue->turns);
}

static struct fair_turn *ensure_turn(struct fair_queue *queue, const struct id *user)
{
    struct fair_turn *turn = registry_find(&queue->users, user);

    if (turn)
        return turn;
    turn = xcalloc(1, sizeof(*turn));
    turn->user = *user;
    TAILQ_INIT(&turn->items);
    registry_insert(&queue->users, turn);
    TAILQ_INSERT_TAIL(&queue->turns, turn, next);
    return turn;
}

void fair_push(struct fair_queue *queue, const struct id *user, struct fair_item *item)
{
    item->turn = ensure_turn(queue, user ? user : &nobody);
    TAILQ_INSERT_TAIL(&item->turn->items, item, next);
    queue->count++;
}

struct fair_item *fair_first(const struct fair_queue *queue)
{
    const struct fair_turn *turn = TAILQ_FIRST(&queue->turns);

    return turn ? TAILQ_FIRST(&turn->items) : NULL;
}

void fair_remove(struct fair_queue *queue, struct fair_item *item)
{
    struct fair_turn *turn = item->turn;

    if (!turn)
        return;
    TAILQ_REMOVE(&turn->items, item, next);
    item->turn = NULL;
    queue->count--;
    if (!TAILQ_EMPTY(&turn->items))
        return;
    TAILQ_REMOVE(&queue->turns, turn, next);
    registry_remove(&queue->users, turn);
    free(turn);
}

struct fair_item *fair_pop(struct fair_queue *queue)
{
    struct fair_item *item = fair_first(queue);
    struct fair_turn *turn;

    if (!item)
        return NULL;
    turn = item->turn;
    TAILQ_REMOVE(&queue->turns, turn, next);
    TAILQ_INSERT_TAIL(&queue->turns, turn, next);
    fair_remove(queue, item);
    return item;
}
