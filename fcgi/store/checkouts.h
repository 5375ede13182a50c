/*
 * checkouts.h - deposits that were asked for, and who their users are to Stripe.
 *
 * A checkout's row is there before Stripe hears of it. States: creating (Stripe has not answered)
 * -> open -> processing (a payment that takes days) -> paid; or failed, expired. Money that comes
 * after all makes a failed or expired one paid; nothing makes a paid one anything else. `reusable`
 * is the one that a user is given again for the same amount and the same pages to return to.
 */
#ifndef CODESET_STORE_CHECKOUTS_H
#define CODESET_STORE_CHECKOUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

enum checkout_state {
    CHECKOUT_CREATING,
    CHECKOUT_OPEN,
    CHECKOUT_PROCESSING,
    CHECKOUT_PAID,
    CHECKOUT_FAILED,
    CHECKOUT_EXPIRED,
};
const char *checkout_state_name(enum checkout_state state);

/* Texts are NULL where the database has none. */
struct checkout {
    struct id checkout_id, user_id;
    int64_t amount_cents; /* asked for */
    bool livemode, allows_promotions, allows_tax;
    char *success_url, *cancel_url;
    enum checkout_state state;
    char *stripe_session, *payment_intent, *url;
    int64_t total_cents, credited_cents; /* paid, and what of it became credit; 0 before */
    int64_t refunded_cents;              /* of what was paid, by all refunds */
    int64_t taken_cents;                 /* of the credit, taken back by them */
    int64_t expires_at;
};
void checkout_release(struct checkout *checkout);

/* --- the workers' ---------------------------------------------------------------------------- */

struct checkout_wish {
    struct id user_id;
    int64_t amount_cents;
    bool livemode, allows_promotions, allows_tax;
    const char *success_url, *cancel_url;
    int64_t expires_at;
};

#define CHECKOUTS_OPEN_MOST 20 /* of a user, for different amounts or pages */

/* The user's open checkout for this amount and these pages; else a new row. However many ask at the
 * same time, all get the same one. Code DEPOSIT_LIMIT (ERROR_LIMIT). */
int store_checkout_open(struct db *db, const struct checkout_wish *wish,
                        struct checkout *ret_checkout, struct error *err);

/* ERROR_NOT_FOUND. */
int store_checkout_get(struct db *db, const struct id *checkout_id, struct checkout *ret_checkout,
                       struct error *err);

/* Stripe has made the session, which can be paid at the url. ask_at: when it is asked how it
 * stands, if nothing was heard. Again is no harm. */
int store_checkout_opened(struct db *db, const struct id *checkout_id, const char *stripe_session,
                          const char *url, int64_t ask_at, struct error *err);

/* Nobody was or will be sent to it; the next wish makes a new one. */
int store_checkout_abandon(struct db *db, const struct id *checkout_id, struct error *err);

/* Stripe's customer of the user; *ret_customer is NULL where there is none yet. */
int store_customer_get(struct db *db, const struct id *user_id, char **ret_customer,
                       struct error *err);
int store_customer_set(struct db *db, const struct id *user_id, const char *customer,
                       struct error *err);

/* --- the daemon's ---------------------------------------------------------------------------- */

/* Within a transaction: the row of this id, or of this session or payment where that is NULL or
 * unknown, locked until its end. *ret_found: false without a row. */
int store_checkout_lock(struct db *db, const struct id *checkout_id, const char *stripe_session,
                        const char *payment_intent, struct checkout *ret_checkout, bool *ret_found,
                        struct error *err);

/* Writes what may change of a row that is locked. */
int store_checkout_save(struct db *db, const struct checkout *checkout, struct error *err);

/* Those that Stripe is to be asked about now, at most `limit`. */
int store_checkout_to_ask(struct db *db, int64_t limit,
                          void (*each)(const struct id *checkout_id, const char *stripe_session,
                                       void *arg),
                          void *arg, struct error *err);

/* It was asked about: again in `seconds` at the earliest, later the older it is, and not any more a
 * week behind its expiry. */
int store_checkout_asked(struct db *db, const struct id *checkout_id, int64_t seconds,
                         struct error *err);

/* --- the operator's -------------------------------------------------------------------------- */

/* Texts live until `each` returns. */
struct checkout_row {
    struct id checkout_id, user_id;
    const char *email;
    enum checkout_state state;
    int64_t amount_cents;                        /* asked for */
    int64_t total_cents, credited_cents;         /* -1: not paid */
    int64_t refunded_cents, taken_cents;         /* as of struct checkout */
    const char *stripe_session, *payment_intent; /* NULL: none yet */
    int64_t created_at, expires_at;
};

/* The newest first. state -1: all; user_id NULL: everybody's. */
int store_checkout_list(struct db *db, int state, const struct id *user_id, int64_t limit,
                        void (*each)(const struct checkout_row *row, void *arg), void *arg,
                        struct error *err);

/* -1: there is no such state. */
int checkout_state_parse(const char *name);

#endif
