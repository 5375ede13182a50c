/*
 * stripe.h - requests to Stripe. Blocking; called by the `outbound` pool of workers, and by a
 * thread of the daemon's own that does nothing else.
 *
 * The API version is pinned, so that what Stripe changes later is no change here. Every request has
 * a time limit and a cap on its answer, verifies TLS, and follows no redirect; every POST has an
 * idempotency key, so that one whose answer was lost is sent again without harm. If Stripe refuses
 * this server rather than its user, that is logged as stripe_refused_us, with Stripe's words and
 * never its sentences. Sources: Stripe's API reference (Checkout Sessions, Customers, Events,
 * Idempotent requests, Errors), of the version below.
 *
 * Codes: STRIPE_UNAVAILABLE (down, or refusing us: then the kind is ERROR_INVALID, and the same
 * request again is pointless), STRIPE_TIMEOUT, STRIPE_BAD_ANSWER.
 */
#ifndef CODESET_STRIPE_STRIPE_H
#define CODESET_STRIPE_STRIPE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "stripe/event.h"

#define STRIPE_API_VERSION "2025-09-30.clover"

struct stripe_settings;
struct stripe;

/* Reads the key that the settings name, which must outlive it. */
struct stripe *stripe_new(const struct stripe_settings *settings, struct error *err);
void stripe_free(struct stripe *stripe);

/* From another thread: a request under way fails within a second or so, and so do all that follow.
 */
void stripe_interrupt(struct stripe *stripe);

/* Is there a key? If not, nothing below may be called. */
bool stripe_configured(const struct stripe *stripe);

/* Does the key move real money? */
bool stripe_livemode(const struct stripe *stripe);

/* Makes a customer for a user; the same again gives the same one. lost: the one that Stripe does
 * not know any more, which another is made for; NULL: none. */
int stripe_customer_create(struct stripe *stripe, const struct id *user_id, const char *name,
                           const char *email, const char *lost,
                           char ret_customer[STRIPE_ID_MOST + 1], struct error *err);

struct stripe_order {
    struct id checkout_id; /* the idempotency key, and in the metadata */
    int64_t amount_cents;
    const char *customer; /* Stripe's id */
    const char *email;    /* for the receipt */
    const char *success_url, *cancel_url;
    int64_t expires_at; /* seconds; 30 minutes to 24 hours from now */
    bool allows_promotions, allows_tax;
};

/* A Checkout Session in payment mode; the same order again gives the same one. ERROR_CONFLICT:
 * another worker is at this very order; ERROR_NOT_FOUND: Stripe has no such customer any more. */
int stripe_session_create(struct stripe *stripe, const struct stripe_order *order,
                          struct stripe_facts *ret_session, struct error *err);

/* ERROR_NOT_FOUND: Stripe has none of this id. */
int stripe_session_get(struct stripe *stripe, const char *session, struct stripe_facts *ret_session,
                       struct error *err);

/* Events of the types that there is work for, created at or after `since` (seconds), the newest
 * first: each page calls each for its events. At most STRIPE_PAGES_MOST pages. */
#define STRIPE_PAGES_MOST 1000
int stripe_events_list(struct stripe *stripe, int64_t since,
                       int (*each)(json_object *event, void *arg, struct error *err), void *arg,
                       struct error *err);

#endif
