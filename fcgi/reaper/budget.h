/*
 * budget.h - how many bytes of results and of uploads' contents are in memory at once.
 *
 * Who is about to receive such bytes asks first, and holds its share until they are written. What
 * does not fit waits where it is: a result in its agent, an upload's content in the database. Those
 * that wait come in turns between users. One that is larger than the whole budget is let through
 * when nothing else is held.
 *
 * What is small (BUDGET_SMALL bytes at most) has an eighth of the budget to itself, so that it
 * waits for no large one.
 */
#ifndef CODESET_REAPER_BUDGET_H
#define CODESET_REAPER_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "reaper/fair_queue.h"

#define BUDGET_SMALL INT64_C(65536)

struct budget;

/* From within budget_return of another share: the share is held now. */
typedef void budget_granted(void *arg);

/* A member of the asker's struct; zeroed it is neither waiting nor held. */
struct budget_share {
    struct fair_item item; /* first: an item's address is its share's */
    int64_t bytes;
    bool held;
    budget_granted *granted;
    void *arg;
};

struct budget *budget_new(int64_t bytes);
void budget_stop(struct budget *budget); /* nothing that waits is granted any more */
void budget_free(struct budget *budget); /* shares that wait must have been returned */

/* True: the share is held at once, and `granted` is not called. False: it waits, and `granted` is
 * called when its turn has come, unless it is returned before. */
bool budget_ask(struct budget *budget, struct budget_share *share, const struct id *user,
                int64_t bytes, budget_granted *granted, void *arg);

/* What is in memory already is held, whether it fits or not. */
void budget_force(struct budget *budget, struct budget_share *share, int64_t bytes);

/* More is held than there is: nothing that would be forced should be begun. */
bool budget_overdrawn(const struct budget *budget);

/* Gives back what is held, or asks no longer. One that is neither: nothing happens. */
void budget_return(struct budget *budget, struct budget_share *share);

int64_t budget_held(const struct budget *budget); /* bytes */
size_t budget_waiting(const struct budget *budget);

#endif
