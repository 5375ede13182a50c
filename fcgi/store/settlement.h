/*
 * settlement.h - what the daemon does about money: charges sessions that have ended, ends those
 * that nobody can pay any more, takes back grants that have expired.
 *
 * Each of them works through what is due in a database transaction a user, so that whatever is
 * killed when, all of a step is there or nothing, and the next round finds what is left. Several
 * daemons may do it at once. A user whose step fails is told of and passed over, the others go on;
 * but ERROR_UNAVAILABLE ends the call.
 */
#ifndef CODESET_STORE_SETTLEMENT_H
#define CODESET_STORE_SETTLEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

struct settlement_events {
    void *arg;
    /* seconds and cents: what was charged. */
    void (*charged)(const struct id *session_id, int64_t seconds, int64_t cents, void *arg);
    void (*exhausted)(const struct id *session_id, const struct id *user_id, void *arg);
    void (*expired)(const struct id *grant_id, const struct id *user_id, int64_t cents, void *arg);
    void (*failed)(const struct id *user_id, const struct error *err, void *arg);
};

/*
 * Charges at most `limit` sessions that have ended. A session costs from ready to its end, to the
 * whole second; one that never was ready costs nothing, and leaves no transaction. *ret_settled:
 * how many; less than limit: there are no more for now but those that failed.
 */
int store_settle(struct db *db, int64_t limit, const struct settlement_events *events,
                 int64_t *ret_settled, struct error *err);

/* Billing was turned off: sessions that are not charged yet, open or ended, lose their price, at
 * most `limit`. They cost nothing, then and when it is turned on again. */
int store_settle_for_nothing(struct db *db, int64_t limit, int64_t *ret_settled, struct error *err);

/* Ends ready sessions, the longest running first, of users whose balance does not last `ahead`
 * seconds more: terminated, CREDITS_EXHAUSTED. */
int store_meter(struct db *db, int64_t ahead, const struct settlement_events *events,
                struct error *err);

/* Takes back what is left of grants whose time is over, `limit` at once. What the user's sessions
 * had used by then is left for them until they are charged. */
int store_grants_expire(struct db *db, int64_t limit, const struct settlement_events *events,
                        struct error *err);

/* One of them, within the caller's transaction. *ret_cents: what was taken back; 0 where nothing
 * was, or its time is not over. */
int store_grant_expire(struct db *db, const struct id *grant_id, const struct id *user_id,
                       int64_t *ret_cents, struct error *err);

#endif
