/*
 * POST /billing/webhook: what Stripe tells. Verified over the raw body, kept under its id,
 * answered; the daemon does the rest. Nobody else's word is kept, and nothing is answered before it
 * is kept.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/stripe_events.h"
#include "stripe/event.h"
#include "stripe/signature.h"

#include "base/banned.h"

#define EVENT_MOST (512 * 1024) /* Stripe's are a few KiB */

static int keep(struct api *api, const struct request *request, const struct id *row_id,
                bool *ret_new, struct error *err)
{
    _cleanup_(json_release) json_object *json = NULL;
    struct stripe_event_row row = {.row_id = *row_id, .payload = request->body.data};
    struct stripe_event event;

    if (json_parse(request->body.data, request->body.length, &json, NULL, err) < 0) {
        err->code = "STRIPE_EVENT_INVALID";
        return -1;
    }
    if (stripe_envelope_read(json, &event, err) < 0)
        return -1;
    row.event_id = event.id;
    row.type = event.type_name;
    row.created_at = event.created * CLOCK_SECOND;
    if (store_stripe_event_add(api->db, &row, request->body.length, ret_new, err) < 0)
        return -1;
    log_event(LOG_INFO, "stripe_event_kept", "id=%s type=%s new=%d", event.id, event.type_name,
              *ret_new);
    return 0;
}

static int post_webhook(void *app, const struct request *request, const void *values,
                        struct answer *answer, struct error *err)
{
    struct api *api = app;
    struct id row_id = id_new();
    struct buf *body;
    bool is_new;

    (void)values;
    if (api->webhook_secrets.count == 0)
        return error_set(err, ERROR_UNAVAILABLE, "STRIPE_NOT_CONFIGURED",
                         "This server takes no webhooks of Stripe's; the operator sets "
                         "webhook_secrets_file of [stripe].");
    if (stripe_signature_check(request_parameter(request, "HTTP_STRIPE_SIGNATURE"),
                               request->body.data, request->body.length, &api->webhook_secrets,
                               clock_now() / CLOCK_SECOND, err) < 0 ||
        keep(api, request, &row_id, &is_new, err) < 0)
        return -1;
    if (is_new)
        doorbell_ring(&api->doorbell, WORK_STRIPE_EVENT, &row_id);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_bool(body, "received", true);
    render_close(body, '}');
    return 0;
}

static const struct route rows[] = {
    {"POST", API "/billing/webhook", post_webhook, .pool = "api", .raw_body_most = EVENT_MOST},
};
const struct route_list webhook_routes = {rows, ARRAY_SIZE(rows)};
