#include "reaper/budget.h"

#include <stdlib.h>

#include "base/mem.h"

#include "base/banned.h"

#define SMALL_PART 8 /* of the budget: one eighth */

/* Small and large have a purse each. */
struct purse {
    int64_t most;
    int64_t held;
    struct fair_queue waiting;
    bool granting; /* a `granted` is running, which may return shares in its turn */
};

struct budget {
    struct purse small, large;
};

struct budget *budget_new(int64_t bytes)
{
    struct budget *budget = xcalloc(1, sizeof(*budget));

    budget->small.most = bytes / SMALL_PART;
    budget->large.most = bytes - budget->small.most;
    fair_init(&budget->small.waiting);
    fair_init(&budget->large.waiting);
    return budget;
}

void budget_free(struct budget *budget)
{
    free(budget);
}

void budget_stop(struct budget *budget)
{
    budget->small.granting = budget->large.granting = true; /* and never over */
}

static struct purse *purse_of(struct budget *budget, const struct budget_share *share)
{
    return share->bytes <= BUDGET_SMALL ? &budget->small : &budget->large;
}

static bool fits(const struct purse *purse, int64_t bytes)
{
    return purse->held == 0 || bytes <= purse->most - purse->held;
}

static void hold(struct purse *purse, struct budget_share *share)
{
    share->held = true;
    purse->held += share->bytes;
}

bool budget_ask(struct budget *budget, struct budget_share *share, const struct id *user,
                int64_t bytes, budget_granted *granted, void *arg)
{
    struct purse *purse;

    *share = (struct budget_share){.bytes = bytes, .granted = granted, .arg = arg};
    purse = purse_of(budget, share);
    /* Whoever waits goes first. */
    if (purse->waiting.count == 0 && fits(purse, bytes)) {
        hold(purse, share);
        return true;
    }
    fair_push(&purse->waiting, user, &share->item);
    return false;
}

void budget_force(struct budget *budget, struct budget_share *share, int64_t bytes)
{
    *share = (struct budget_share){.bytes = bytes};
    hold(purse_of(budget, share), share);
}

bool budget_overdrawn(const struct budget *budget)
{
    return budget->small.held > budget->small.most || budget->large.held > budget->large.most;
}

/* The next one in turn is not passed by a smaller one behind it, or it might wait for ever. */
static void grant(struct purse *purse)
{
    struct budget_share *share;

    if (purse->granting)
        return;
    purse->granting = true;
    while ((share = (struct budget_share *)fair_first(&purse->waiting)) &&
           fits(purse, share->bytes)) {
        fair_pop(&purse->waiting);
        hold(purse, share);
        share->granted(share->arg);
    }
    purse->granting = false;
}

void budget_return(struct budget *budget, struct budget_share *share)
{
    struct purse *purse = purse_of(budget, share);

    if (share->held) {
        share->held = false;
        purse->held -= share->bytes;
    } else if (share->item.turn) {
        fair_remove(&purse->waiting, &share->item);
    } else {
        return;
    }
    grant(purse);
}

int64_t budget_held(const struct budget *budget)
{
    return budget->small.held + budget->large.held;
}

size_t budget_waiting(const struct budget *budget)
{
    return budget->small.waiting.count + budget->large.waiting.count;
}
