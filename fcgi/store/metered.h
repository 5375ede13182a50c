/*
 * metered.h - a user's sessions that are not charged yet. For store/ only.
 */
#ifndef CODESET_STORE_METERED_H
#define CODESET_STORE_METERED_H

#include "base/error.h"
#include "base/id.h"
#include "money/money.h"

struct db;

/* The longest running first. Arrays of `count`. */
struct metered_list {
    struct metered_session *sessions;
    struct id *ids;
    struct id *keys; /* "": created by a token */
    size_t count;
};

void metered_list_release(struct metered_list *list);

/* Those that are still being created are open and have used nothing; ready_only: not those. */
int metered_of_user(struct db *db, const struct id *user_id, bool ready_only,
                    struct metered_list *ret_list, struct error *err);

/* What they have used, in cents; key_id NULL: by whatever key. */
int64_t metered_cost(const struct metered_list *list, const struct id *key_id);

#endif
