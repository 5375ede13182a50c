/*
 * limits.h - limits that a user has of his own, in place of the settings.
 */
#ifndef CODESET_STORE_LIMITS_H
#define CODESET_STORE_LIMITS_H

#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

/* Each: -1, the setting counts; 0, there is none (sessions: none may be open). */
struct user_limits {
    int64_t sessions, creates_per_minute;
    int64_t cents_per_day, key_cents_per_day;
    int64_t low_balance_cents;
};

#define USER_LIMITS_NONE                                                                           \
    {                                                                                              \
        -1, -1, -1, -1, -1                                                                         \
    }

int store_user_limits_get(struct db *db, const struct id *user_id, struct user_limits *ret_limits,
                          struct error *err);
int store_user_limits_set(struct db *db, const struct id *user_id, const struct user_limits *limits,
                          struct error *err);

#endif
