/*
 * user_limit.h - so many things of one user at once; the next one of the same user waits, and no
 * other's does.
 *
 * Whoever is about to begin such a thing asks, and gives its place back when the thing is over. Of
 * those that wait, the one that asked first comes first.
 */
#ifndef CODESET_REAPER_USER_LIMIT_H
#define CODESET_REAPER_USER_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/id.h"
#include "reaper/registry.h"

struct limited_user;

/* From within user_limit_return of another place: this one is held now. */
typedef void user_limit_granted(void *arg);

/* A member of the asker's struct; zeroed it is neither waiting nor held. */
struct user_place {
    TAILQ_ENTRY(user_place) next;
    struct limited_user *user; /* NULL: neither waiting nor held */
    bool held;
    user_limit_granted *granted;
    void *arg;
};

struct user_limit {
    struct registry users; /* who hold a place */
    int64_t most;          /* of one user; at least 1 */
    bool stopped;          /* nothing that waits is granted any more */
};

/* For one that neither waits nor holds. True: it is held at once, and `granted` is not called.
 * False: it waits, and `granted` is called when there is room, unless it is returned before. */
bool user_limit_ask(struct user_limit *limit, struct user_place *place, const struct id *user,
                    user_limit_granted *granted, void *arg);

/* For one that has begun already, and neither waits nor holds: it is held, even above the limit. */
void user_limit_take(struct user_limit *limit, struct user_place *place, const struct id *user);

/* Gives back what is held, or asks no longer. One that is neither: nothing happens. */
void user_limit_return(struct user_limit *limit, struct user_place *place);

#endif
