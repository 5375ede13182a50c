#include "reaper/user_limit.h"

#include <stdlib.h>

#include "base/mem.h"

#include "base/banned.h"

/* Exists while the user holds a place; nobody waits otherwise. */
struct limited_user {
    struct id id; /* first */
    int64_t held;
    TAILQ_HEAD(, user_place) waiting;
};

static struct limited_user *ensure_user(struct user_limit *limit, const struct id *id)
{
    struct limited_user *user = registry_find(&limit->users, id);

    if (user)
        return user;
    user = xcalloc(1, sizeof(*user));
    user->id = *id;
    TAILQ_INIT(&user->waiting);
    registry_insert(&limit->users, user);
    return user;
}

bool user_limit_ask(struct user_limit *limit, struct user_place *place, const struct id *user,
                    user_limit_granted *granted, void *arg)
{
    *place = (struct user_place){
        .user = ensure_user(limit, user), .granted = granted, .arg = arg, .held = false};
    if (place->user->held < limit->most) {
        place->held = true;
        place->user->held++;
        return true;
    }
    TAILQ_INSERT_TAIL(&place->user->waiting, place, next);
    return false;
}

void user_limit_take(struct user_limit *limit, struct user_place *place, const struct id *user)
{
    *place = (struct user_place){.user = ensure_user(limit, user), .held = true};
    place->user->held++;
}

void user_limit_return(struct user_limit *limit, struct user_place *place)
{
    struct limited_user *user = place->user;
    struct user_place *following;

    if (!user)
        return;
    place->user = NULL;
    following = place->held && !limit->stopped && user->held <= limit->most
                    ? TAILQ_FIRST(&user->waiting)
                    : NULL;
    if (following) { /* it gets this very place */
        place->held = false;
        TAILQ_REMOVE(&user->waiting, following, next);
        following->held = true;
        following->granted(following->arg);
        return;
    }
    if (place->held)
        user->held--;
    else
        TAILQ_REMOVE(&user->waiting, place, next);
    place->held = false;
    if (user->held > 0 || !TAILQ_EMPTY(&user->waiting))
        return;
    registry_remove(&limit->users, user);
    free(user);
}
