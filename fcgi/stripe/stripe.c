#include "stripe/stripe.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "outbound/outbound.h"
#include "settings.h"

#include "base/banned.h"

#define PAGE_SIZE 100 /* Stripe's largest */

struct stripe {
    const struct stripe_settings *settings;
    struct outbound *outbound;
    struct buf key;
};

static const struct outbound_party party = {
    .name = "Stripe",
    .timeout = "STRIPE_TIMEOUT",
    .bad_answer = "STRIPE_BAD_ANSWER",
    .unavailable = "STRIPE_UNAVAILABLE",
    .answer_most = 16 * 1024 * 1024, /* a page of events; each may hold a large object */
};

/* sk_ is a secret key, rk_ a restricted one; anything else would fail at the first request. */
static int check_key(const struct stripe *stripe, struct error *err)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    const char *key = stripe->key.data;

    if ((strncmp(key, "sk_test_", 8) == 0 || strncmp(key, "sk_live_", 8) == 0 ||
         strncmp(key, "rk_test_", 8) == 0 || strncmp(key, "rk_live_", 8) == 0) &&
        strspn(key, plain) == stripe->key.length)
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "Stripe: %s holds no secret key; Stripe's begin with sk_live_, sk_test_, "
                     "rk_live_ or rk_test_",
                     stripe->settings->api_key_file);
}

static int check_console(const struct stripe_settings *settings, struct error *err)
{
    if (settings->console_url[0])
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "Stripe: set console_url of [stripe]: where users return to from a payment");
}

struct stripe *stripe_new(const struct stripe_settings *settings, struct error *err)
{
    struct stripe *stripe = xcalloc(1, sizeof(*stripe));
    const char *path = settings->api_key_file;

    stripe->settings = settings;
    stripe->key = (struct buf)BUF_INIT;
    stripe->outbound = outbound_new(&party, settings->ca_file);
    if (path[0] && (file_read_secret(path, &stripe->key, err) < 0 || check_key(stripe, err) < 0 ||
                    check_console(settings, err) < 0)) {
        error_wrap(err, "api_key_file");
        stripe_free(stripe);
        return NULL;
    }
    return stripe;
}

void stripe_free(struct stripe *stripe)
{
    if (!stripe)
        return;
    outbound_free(stripe->outbound);
    buf_release(&stripe->key);
    free(stripe);
}

void stripe_interrupt(struct stripe *stripe)
{
    outbound_interrupt(stripe->outbound);
}

bool stripe_configured(const struct stripe *stripe)
{
    return stripe->key.length > 0;
}

bool stripe_livemode(const struct stripe *stripe)
{
    return strncmp(stripe->key.data + 3, "live_", 5) == 0;
}

/* --- one request ----------------------------------------------------------------------------- */

struct call {
    const char *path;        /* "/v1/..." with its query */
    const char *form;        /* NULL: GET; else POST of this */
    const char *idempotency; /* of a POST */
};

static int perform(struct stripe *stripe, const struct call *call, long *ret_status,
                   json_object **ret_json, struct error *err)
{
    _cleanup_(free_ptr) char *url = xasprintf("%s%s", stripe->settings->api_url, call->path);
    _cleanup_(free_ptr) char *bearer = xasprintf("Bearer %s", stripe->key.data);
    const struct outbound_header headers[] = {
        {"Authorization", bearer},
        {"Stripe-Version", STRIPE_API_VERSION},
        {"Idempotency-Key", call->idempotency},
    };
    const struct outbound_request request = {
        .url = url,
        .form = call->form,
        .headers = headers,
        .header_count = ARRAY_SIZE(headers),
        .time_ms = stripe->settings->timeout_seconds * 1000,
    };
    int64_t start = clock_monotonic();
    int sent;

    *ret_status = 0;
    sent = outbound_send(stripe->outbound, &request, ret_status, ret_json, err);
    METRIC_COUNT(STRIPE_CALLS, metric_program(), metric_call_outcome(*ret_status));
    metric_observe(STRIPE_SECONDS, clock_monotonic() - start, METRIC_AT(metric_program()));
    return sent;
}

static const char *error_word(json_object *json, const char *key)
{
    return outbound_word(json_get_text(json_object_object_get(json, "error"), key));
}

/* Statuses of Stripe's: 409 is a request with the same key under way (or a lock that could not be
 * had), 429 too many requests; 5xx is kept under the key, as any answer of a request that was
 * begun. */
static int refused(long status, json_object *json, struct error *err)
{
    const char *code = error_word(json, "code");

    if (status == 409)
        return error_set(err, ERROR_CONFLICT, "STRIPE_UNAVAILABLE",
                         "Stripe is at the same request; try again");
    if (status == 404 || strcmp(code, "resource_missing") == 0)
        return error_set(err, ERROR_NOT_FOUND, "STRIPE_UNAVAILABLE",
                         "Stripe does not know what it is asked for ('%s')",
                         error_word(json, "param"));
    log_event(LOG_ERROR, "stripe_refused_us", "status=%ld type=%s code=%s param=%s", status,
              error_word(json, "type"), code, error_word(json, "param"));
    return error_set(err, status == 429 ? ERROR_UNAVAILABLE : ERROR_INVALID, "STRIPE_UNAVAILABLE",
                     "Stripe refuses this server or fails (status %ld); try again later. The "
                     "operator finds Stripe's reason in the server's log",
                     status);
}

static int ask(struct stripe *stripe, const struct call *call, json_object **ret_json,
               struct error *err)
{
    _cleanup_(json_release) json_object *json = NULL;
    long status;

    if (perform(stripe, call, &status, &json, err) < 0)
        return -1;
    if (status != 200)
        return refused(status, json, err);
    *ret_json = TAKE_PTR(json);
    return 0;
}

/* What is missing in Stripe's answer is the third party's fault, not the caller's. */
static int bad_answer(struct error *err)
{
    err->kind = ERROR_UNAVAILABLE;
    err->code = "STRIPE_BAD_ANSWER";
    return -1;
}

static void add_number(struct buf *form, const char *name, int64_t number)
{
    buf_addf(form, "%s%s=%lld", form->length ? "&" : "", name, (long long)number);
}

/* --- resources ------------------------------------------------------------------------------- */

/* A key with other parameters is an error to Stripe: a user who changed the address since gets
 * another key; and so does one whose customer is lost, for the old key would give that one again.
 */
static void customer_key(const struct id *user_id, const struct buf *form, const char *lost,
                         struct buf *key)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    char digest[2 * SHA256_SIZE + 1];

    buf_addf(&text, "%s\n%s", form->data, lost ? lost : "");
    sha256_hex(text.data, text.length, digest);
    buf_addf(key, "customer-%s-%.16s", user_id->text, digest);
}

int stripe_customer_create(struct stripe *stripe, const struct id *user_id, const char *name,
                           const char *email, const char *lost,
                           char ret_customer[STRIPE_ID_MOST + 1], struct error *err)
{
    _cleanup_(json_release) json_object *json = NULL;
    _cleanup_(buf_release) struct buf form = BUF_INIT;
    _cleanup_(buf_release) struct buf key = BUF_INIT;
    const char *id;

    outbound_add_field(&form, "name", name);
    outbound_add_field(&form, "email", email);
    outbound_add_field(&form, "metadata[codeset_user]", user_id->text);
    customer_key(user_id, &form, lost, &key);
    if (ask(stripe,
            &(struct call){.path = "/v1/customers", .form = form.data, .idempotency = key.data},
            &json, err) < 0)
        return -1;
    id = json_get_text(json, "id");
    if (!id || !id[0] || strlen(id) > STRIPE_ID_MOST) {
        error_set(err, ERROR_UNAVAILABLE, NULL, "Stripe's customer has no id");
        return bad_answer(err);
    }
    snprintf(ret_customer, STRIPE_ID_MOST + 1, "%s", id);
    return 0;
}

static void write_order(const struct stripe *stripe, const struct stripe_order *order,
                        struct buf *form)
{
    const struct stripe_settings *settings = stripe->settings;

    outbound_add_field(form, "mode", "payment");
    outbound_add_field(form, "customer", order->customer);
    outbound_add_field(form, "client_reference_id", order->checkout_id.text);
    outbound_add_field(form, "line_items[0][quantity]", "1");
    outbound_add_field(form, "line_items[0][price_data][currency]", "usd");
    add_number(form, "line_items[0][price_data][unit_amount]", order->amount_cents);
    outbound_add_field(form, "line_items[0][price_data][product_data][name]",
                       settings->product_name);
    outbound_add_field(form, "metadata[" STRIPE_METADATA_KEY "]", order->checkout_id.text);
    outbound_add_field(form, "payment_intent_data[metadata][" STRIPE_METADATA_KEY "]",
                       order->checkout_id.text);
    if (settings->receipts)
        outbound_add_field(form, "payment_intent_data[receipt_email]", order->email);
    outbound_add_field(form, "success_url", order->success_url);
    outbound_add_field(form, "cancel_url", order->cancel_url);
    add_number(form, "expires_at", order->expires_at);
    outbound_add_field(form, "adaptive_pricing[enabled]", "false"); /* amounts are in US dollars */
    if (order->allows_promotions)
        outbound_add_field(form, "allow_promotion_codes", "true");
    if (order->allows_tax) {
        outbound_add_field(form, "automatic_tax[enabled]", "true");
        outbound_add_field(form, "customer_update[address]", "auto"); /* tax needs one */
    }
}

int stripe_session_create(struct stripe *stripe, const struct stripe_order *order,
                          struct stripe_facts *ret_session, struct error *err)
{
    _cleanup_(json_release) json_object *json = NULL;
    _cleanup_(buf_release) struct buf form = BUF_INIT;
    struct stripe_facts session;

    write_order(stripe, order, &form);
    if (ask(stripe,
            &(struct call){.path = "/v1/checkout/sessions",
                           .form = form.data,
                           .idempotency = order->checkout_id.text},
            &json, err) < 0)
        return -1;
    if (stripe_facts_read(json, STRIPE_SESSION, &session, err) < 0)
        return bad_answer(err);
    if (!session.url[0] || session.amount != order->amount_cents) {
        error_set(err, ERROR_UNAVAILABLE, NULL, "Stripe's session has no url or another amount");
        return bad_answer(err);
    }
    *ret_session = session;
    return 0;
}

int stripe_session_get(struct stripe *stripe, const char *session, struct stripe_facts *ret_session,
                       struct error *err)
{
    _cleanup_(json_release) json_object *json = NULL;
    _cleanup_(outbound_release_escaped) char *escaped = outbound_escape(session);
    _cleanup_(free_ptr) char *path = xasprintf("/v1/checkout/sessions/%s", escaped);

    if (ask(stripe, &(struct call){.path = path}, &json, err) < 0)
        return -1;
    return stripe_facts_read(json, STRIPE_SESSION, ret_session, err) < 0 ? bad_answer(err) : 0;
}

/* --- events ---------------------------------------------------------------------------------- */

static void write_query(int64_t since, const char *after, struct buf *path)
{
    buf_addf(path, "/v1/events?limit=%d&created%%5Bgte%%5D=%lld", PAGE_SIZE, (long long)since);
    for (size_t i = STRIPE_OTHER + 1; i < STRIPE_TYPES; i++)
        buf_addf(path, "&types%%5B%%5D=%s", stripe_type_name((enum stripe_type)i));
    if (after[0])
        buf_addf(path, "&starting_after=%s", after);
}

/* after: the page's last event, for the next page; "" when it was the last page. */
static int take_page(json_object *json, char after[STRIPE_ID_MOST + 1],
                     int (*each)(json_object *event, void *arg, struct error *err), void *arg,
                     struct error *err)
{
    json_object *data = json_object_object_get(json, "data");
    struct stripe_event event;
    size_t count;

    if (!json_object_is_type(data, json_type_array)) {
        error_set(err, ERROR_UNAVAILABLE, NULL, "Stripe's list of events has no data");
        return bad_answer(err);
    }
    count = json_object_array_length(data);
    after[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        json_object *item = json_object_array_get_idx(data, i);

        if (stripe_envelope_read(item, &event, err) < 0)
            return bad_answer(err);
        if (each(item, arg, err) < 0)
            return -1;
    }
    if (count > 0 && json_object_get_boolean(json_object_object_get(json, "has_more")))
        snprintf(after, STRIPE_ID_MOST + 1, "%s", event.id);
    return 0;
}

int stripe_events_list(struct stripe *stripe, int64_t since,
                       int (*each)(json_object *event, void *arg, struct error *err), void *arg,
                       struct error *err)
{
    char after[STRIPE_ID_MOST + 1] = "";

    for (int page = 0; page < STRIPE_PAGES_MOST; page++) {
        _cleanup_(json_release) json_object *json = NULL;
        _cleanup_(buf_release) struct buf path = BUF_INIT;

        write_query(since, after, &path);
        if (ask(stripe, &(struct call){.path = path.data}, &json, err) < 0 ||
            take_page(json, after, each, arg, err) < 0)
            return -1;
        if (!after[0])
            return 0;
    }
    return error_set(err, ERROR_LIMIT, NULL, "Stripe lists more than %d events",
                     STRIPE_PAGES_MOST * PAGE_SIZE);
}
