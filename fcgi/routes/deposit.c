/*
 * POST /billing/deposit: a page of Stripe's on which the user pays.
 *
 * The deposit's row is committed before Stripe hears of it, under an id that is the idempotency key
 * of the request to Stripe. So whoever clicks often, or comes again behind an error, is sent to the
 * same page; and no credit is given here, nor when the browser comes back: only by what Stripe
 * tells the server.
 */
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/checkouts.h"
#include "store/identity.h"
#include "stripe/stripe.h"

#include "base/banned.h"

#define URL_MOST 2048
#define BUSY_TRIES 40
#define BUSY_PAUSE_NS 100000000L /* while another worker asks Stripe for the same page */
/* What Stripe may need in the worst case then still ends before nginx gives up, after 60 s. */
#define WAITED_MOST_MS 20000

struct deposit_values {
    int64_t amount_cents;
    int currency;
    struct field_text success_url, cancel_url;
};

static const char *const currencies[] = {"usd", NULL};

static const struct field deposit_body[] = {
    {"amount_cents", FIELD_INT, .required = true, .fallback = -1,
     .least_setting = FIELD_SETTING(struct settings, stripe.deposit_cents_min),
     .most_setting = FIELD_SETTING(struct settings, stripe.deposit_cents_max),
     .offset = offsetof(struct deposit_values, amount_cents)},
    {"currency", FIELD_WORD, .words = currencies,
     .offset = offsetof(struct deposit_values, currency)},
    {"success_url", FIELD_TEXT, .nullable = true, .most = URL_MOST,
     .offset = offsetof(struct deposit_values, success_url)},
    {"cancel_url", FIELD_TEXT, .nullable = true, .most = URL_MOST,
     .offset = offsetof(struct deposit_values, cancel_url)},
};

/* --- where to return to ---------------------------------------------------------------------- */

/* Is the origin the URL's own? What follows it must end the host, for browsers as for us: they take
 * a backslash for a slash, and drop control bytes. */
static bool has_origin(const char *url, const char *origin, size_t length)
{
    char next;

    if (length == 0 || strncmp(url, origin, length) != 0)
        return false;
    next = url[length];
    return next == '\0' || next == '/' || next == '?' || next == '#';
}

static bool returns_home(const struct stripe_settings *settings, const struct field_text *url)
{
    for (size_t i = 0; i < url->length; i++) {
        if (url->bytes[i] <= 0x20 || url->bytes[i] > 0x7e || url->bytes[i] == '\\')
            return false;
    }
    if (has_origin(url->bytes, settings->console_url, strlen(settings->console_url)))
        return true;
    for (const char *at = settings->return_origins; *at;) {
        size_t length = strcspn(at, " ");

        if (has_origin(url->bytes, at, length))
            return true;
        at += length;
        at += strspn(at, " ");
    }
    return false;
}

/* The one that was sent, if it may be; or the console's page. */
static int choose_url(const struct stripe_settings *settings, const struct field_text *url,
                      const char *name, const char *page, char **ret_url, struct error *err)
{
    if (!url->bytes || url->length == 0) {
        *ret_url = xasprintf("%s/dashboard/credits?payment=%s", settings->console_url, page);
        return 0;
    }
    if (!returns_home(settings, url))
        return error_set(err, ERROR_INVALID, "RETURN_URL_NOT_ALLOWED",
                         "The field %s must begin with an origin that this server accepts; the "
                         "operator sets console_url and return_origins.",
                         name);
    *ret_url = xstrdup(url->bytes);
    return 0;
}

/* --- the page -------------------------------------------------------------------------------- */

static int new_customer(struct api *api, const struct profile *profile, const char *lost,
                        char **ret_customer, struct error *err)
{
    char customer[STRIPE_ID_MOST + 1];

    if (stripe_customer_create(api->stripe, &profile->user_id, profile->name, profile->email, lost,
                               customer, err) < 0 ||
        store_customer_set(api->db, &profile->user_id, customer, err) < 0)
        return -1;
    *ret_customer = xstrdup(customer);
    return 0;
}

static int create_session(struct api *api, const struct profile *profile,
                          const struct checkout *checkout, struct stripe_facts *ret_session,
                          struct error *err)
{
    _cleanup_(free_ptr) char *customer = NULL;
    struct stripe_order order = {
        .checkout_id = checkout->checkout_id,
        .amount_cents = checkout->amount_cents,
        .email = profile->email,
        .success_url = checkout->success_url,
        .cancel_url = checkout->cancel_url,
        .expires_at = checkout->expires_at / CLOCK_SECOND,
        .allows_promotions = checkout->allows_promotions,
        .allows_tax = checkout->allows_tax,
    };

    if (store_customer_get(api->db, &profile->user_id, &customer, err) < 0 ||
        (!customer && new_customer(api, profile, NULL, &customer, err) < 0))
        return -1;
    order.customer = customer;
    return stripe_session_create(api->stripe, &order, ret_session, err);
}

/* Stripe has lost the customer: deleted, or of the other mode. The user gets another one. */
static int replace_customer(struct api *api, const struct profile *profile, struct error *err)
{
    _cleanup_(free_ptr) char *lost = NULL;
    _cleanup_(free_ptr) char *customer = NULL;

    log_event(LOG_WARNING, "stripe_customer_replaced", "user=%s", profile->user_id.text);
    if (store_customer_get(api->db, &profile->user_id, &lost, err) < 0)
        return -1;
    return new_customer(api, profile, lost, &customer, err);
}

/* A definite no is kept by Stripe under the deposit's key, so that this deposit can't come to
 * anything; the next request makes a new one. */
static int give_up(struct api *api, const struct checkout *checkout, struct error *err)
{
    struct error ignored = ERROR_INIT;

    if (err->kind == ERROR_INVALID || err->kind == ERROR_NOT_FOUND)
        store_checkout_abandon(api->db, &checkout->checkout_id, &ignored);
    return -1;
}

static int wait_for_other(struct api *api, struct checkout *checkout, struct error *err)
{
    const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};
    struct id id = checkout->checkout_id;

    for (int i = 0; i < BUSY_TRIES && !checkout->url; i++) {
        nanosleep(&pause, NULL);
        checkout_release(checkout);
        if (store_checkout_get(api->db, &id, checkout, err) < 0)
            return -1;
    }
    if (checkout->url)
        return 0;
    return error_set(err, ERROR_UNAVAILABLE, "STRIPE_TIMEOUT",
                     "Stripe did not answer in time; try again");
}

/* Where the deposit has no page yet: gets it from Stripe. */
static int open_page(struct api *api, struct checkout *checkout, struct error *err)
{
    _cleanup_(profile_release) struct profile profile = {0};
    struct stripe_facts session;
    int64_t ask_at = clock_now() + api->settings->stripe.reconcile_seconds * CLOCK_SECOND;
    int outcome;

    if (checkout->url)
        return 0;
    if (store_profile_get(api->db, &checkout->user_id, &profile, err) < 0)
        return -1;
    outcome = create_session(api, &profile, checkout, &session, err);
    if (outcome < 0 && err->kind == ERROR_CONFLICT)
        return wait_for_other(api, checkout, err);
    if (outcome < 0)
        return give_up(api, checkout, err);
    if (store_checkout_opened(api->db, &checkout->checkout_id, session.id, session.url, ask_at,
                              err) < 0)
        return -1;
    checkout->url = xstrdup(session.url);
    return 0;
}

/* A customer that Stripe does not know is found out by the first try; the answer that it gave is
 * kept under the deposit's key, and so the second is another deposit. */
static int find_page(struct api *api, const struct checkout_wish *wish, struct checkout *checkout,
                     struct error *err)
{
    _cleanup_(profile_release) struct profile profile = {0};

    if (store_checkout_open(api->db, wish, checkout, err) < 0)
        return -1;
    if (open_page(api, checkout, err) == 0)
        return 0;
    if (err->kind != ERROR_NOT_FOUND)
        return -1;
    error_clear(err);
    checkout_release(checkout);
    if (store_profile_get(api->db, &wish->user_id, &profile, err) < 0 ||
        replace_customer(api, &profile, err) < 0 ||
        store_checkout_open(api->db, wish, checkout, err) < 0)
        return -1;
    return open_page(api, checkout, err);
}

static int post_deposit(void *app, const struct request *request, const void *values,
                        struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct deposit_values *form = values;
    const struct stripe_settings *settings = &api->settings->stripe;
    _cleanup_(checkout_release) struct checkout checkout = {0};
    _cleanup_(free_ptr) char *success_url = NULL;
    _cleanup_(free_ptr) char *cancel_url = NULL;
    struct checkout_wish wish = {.user_id = api->caller.user_id,
                                 .amount_cents = form->amount_cents,
                                 .allows_promotions = settings->promotion_codes,
                                 .allows_tax = settings->automatic_tax};
    struct buf *body;

    if (!api->settings->billing.enabled)
        return error_set(err, ERROR_CONFLICT, "BILLING_OFF",
                         "This server charges nothing; no deposit is needed.");
    if (!stripe_configured(api->stripe))
        return error_set(err, ERROR_UNAVAILABLE, "STRIPE_NOT_CONFIGURED",
                         "This server takes no payments; ask the operator for credit, or to set "
                         "api_key_file of [stripe].");
    if (request_waited_ms(request) > WAITED_MOST_MS)
        return error_set(err, ERROR_UNAVAILABLE, "UNAVAILABLE",
                         "too many requests waited before this one; try again in a moment");
    if (require_terms(api, err) < 0 ||
        choose_url(settings, &form->success_url, "success_url", "success", &success_url, err) < 0 ||
        choose_url(settings, &form->cancel_url, "cancel_url", "cancelled", &cancel_url, err) < 0)
        return -1;
    wish.livemode = stripe_livemode(api->stripe);
    wish.success_url = success_url;
    wish.cancel_url = cancel_url;
    wish.expires_at = (clock_now() / CLOCK_SECOND + settings->checkout_minutes * 60) * CLOCK_SECOND;
    if (find_page(api, &wish, &checkout, err) < 0)
        return -1;
    log_event(LOG_INFO, "deposit_opened", "user=%s checkout=%s cents=%lld", wish.user_id.text,
              checkout.checkout_id.text, (long long)wish.amount_cents);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "checkout_url", checkout.url);
    render_int(body, "amount_cents", wish.amount_cents);
    render_text(body, "currency", "usd");
    render_close(body, '}');
    return 0;
}

static const struct route rows[] = {
    {"POST", API "/billing/deposit", post_deposit, ROUTE_BEARER, .pool = "outbound",
     ROUTE_BODY(struct deposit_values, deposit_body)},
};
const struct route_list deposit_routes = {rows, ARRAY_SIZE(rows)};
