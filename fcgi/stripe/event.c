#include "stripe/event.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

#include "base/banned.h"

static const struct {
    const char *name;
    enum stripe_object object;
} types[STRIPE_TYPES] = {
    [STRIPE_SESSION_COMPLETED] = {"checkout.session.completed", STRIPE_SESSION},
    [STRIPE_SESSION_PAID_LATER] = {"checkout.session.async_payment_succeeded", STRIPE_SESSION},
    [STRIPE_SESSION_FAILED] = {"checkout.session.async_payment_failed", STRIPE_SESSION},
    [STRIPE_SESSION_EXPIRED] = {"checkout.session.expired", STRIPE_SESSION},
    [STRIPE_CHARGE_REFUNDED] = {"charge.refunded", STRIPE_CHARGE},
    [STRIPE_DISPUTE_CREATED] = {"charge.dispute.created", STRIPE_DISPUTE},
    [STRIPE_DISPUTE_WITHDRAWN] = {"charge.dispute.funds_withdrawn", STRIPE_DISPUTE},
    [STRIPE_DISPUTE_CLOSED] = {"charge.dispute.closed", STRIPE_DISPUTE},
    [STRIPE_DISPUTE_REINSTATED] = {"charge.dispute.funds_reinstated", STRIPE_DISPUTE},
    [STRIPE_REFUND_FAILED] = {"refund.failed", STRIPE_CHARGE},
};

const char *stripe_type_name(enum stripe_type type)
{
    return types[type].name;
}

static int faulty(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "STRIPE_EVENT_INVALID",
                     "Stripe's object has no usable member '%s'", what);
}

/* --- members --------------------------------------------------------------------------------- */

static json_object *member(json_object *json, const char *key)
{
    json_object *value = NULL;

    if (json_object_is_type(json, json_type_object))
        json_object_object_get_ex(json, key, &value);
    return value;
}

/* Printable ASCII only, which all of Stripe's words and ids are, and so are the URLs that it makes.
 */
static bool copy_text(json_object *value, char *out, size_t size)
{
    const char *text;
    size_t length;

    if (!json_object_is_type(value, json_type_string))
        return false;
    text = json_object_get_string(value);
    length = (size_t)json_object_get_string_len(value);
    if (length == 0 || length >= size)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= 0x20 || text[i] > 0x7e)
            return false;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

static int need_text(json_object *json, const char *key, char *out, size_t size, struct error *err)
{
    return copy_text(member(json, key), out, size) ? 0 : faulty(err, key);
}

/* Absent or null: "". */
static int take_text(json_object *json, const char *key, char *out, size_t size, struct error *err)
{
    json_object *value = member(json, key);

    out[0] = '\0';
    return !value || copy_text(value, out, size) ? 0 : faulty(err, key);
}

/* Stripe sends the id of what belongs to an object, or the object itself where it was asked to. */
static int take_reference(json_object *json, const char *key, char *out, size_t size,
                          struct error *err)
{
    json_object *value = member(json, key);

    if (json_object_is_type(value, json_type_object))
        return need_text(value, "id", out, size, err);
    return take_text(json, key, out, size, err);
}

static bool is_number(json_object *value, int64_t most, int64_t *ret_number)
{
    int64_t number;

    if (!json_object_is_type(value, json_type_int))
        return false;
    number = json_object_get_int64(value);
    if (number < 0 || number > most)
        return false;
    *ret_number = number;
    return true;
}

static int need_number(json_object *json, const char *key, int64_t most, int64_t *ret_number,
                       struct error *err)
{
    return is_number(member(json, key), most, ret_number) ? 0 : faulty(err, key);
}

/* Absent or null: 0. */
static int take_number(json_object *json, const char *key, int64_t most, int64_t *ret_number,
                       struct error *err)
{
    *ret_number = 0;
    return member(json, key) ? need_number(json, key, most, ret_number, err) : 0;
}

static int need_bool(json_object *json, const char *key, bool *ret_truth, struct error *err)
{
    json_object *value = member(json, key);

    if (!json_object_is_type(value, json_type_boolean))
        return faulty(err, key);
    *ret_truth = json_object_get_boolean(value);
    return 0;
}

/* --- objects --------------------------------------------------------------------------------- */

static void read_metadata(json_object *json, struct stripe_facts *facts)
{
    json_object *value = member(member(json, "metadata"), STRIPE_METADATA_KEY);

    facts->names_checkout = value != NULL;
    if (!json_object_is_type(value, json_type_string) ||
        id_parse(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                 &facts->checkout_id) < 0)
        facts->checkout_id.text[0] = '\0';
}

static int read_session(json_object *json, struct stripe_facts *facts, struct error *err)
{
    json_object *details = member(json, "total_details");

    if (need_text(json, "status", facts->status, sizeof(facts->status), err) < 0 ||
        need_text(json, "mode", facts->mode, sizeof(facts->mode), err) < 0 ||
        need_text(json, "payment_status", facts->payment_status, sizeof(facts->payment_status),
                  err) < 0 ||
        take_text(json, "url", facts->url, sizeof(facts->url), err) < 0 ||
        take_number(json, "amount_subtotal", STRIPE_AMOUNT_MOST, &facts->amount, err) < 0 ||
        take_number(json, "amount_total", STRIPE_AMOUNT_MOST, &facts->total, err) < 0 ||
        take_number(details, "amount_discount", STRIPE_AMOUNT_MOST, &facts->discount, err) < 0 ||
        take_number(details, "amount_tax", STRIPE_AMOUNT_MOST, &facts->tax, err) < 0)
        return -1;
    return take_number(json, "expires_at", INT32_MAX * INT64_C(4), &facts->expires_at, err);
}

static int read_charge(json_object *json, struct stripe_facts *facts, struct error *err)
{
    if (need_number(json, "amount", STRIPE_AMOUNT_MOST, &facts->amount, err) < 0)
        return -1;
    return need_number(json, "amount_refunded", STRIPE_AMOUNT_MOST, &facts->refunded, err);
}

static int read_dispute(json_object *json, struct stripe_facts *facts, struct error *err)
{
    if (need_text(json, "status", facts->status, sizeof(facts->status), err) < 0)
        return -1;
    return need_number(json, "amount", STRIPE_AMOUNT_MOST, &facts->amount, err);
}

int stripe_facts_read(json_object *json, enum stripe_object object, struct stripe_facts *ret_facts,
                      struct error *err)
{
    static const struct {
        const char *name;
        int (*read)(json_object *json, struct stripe_facts *facts, struct error *err);
    } objects[] = {
        [STRIPE_SESSION] = {"checkout.session", read_session},
        [STRIPE_CHARGE] = {"charge", read_charge},
        [STRIPE_DISPUTE] = {"dispute", read_dispute},
    };
    struct stripe_facts facts = {.object = object};
    char name[32];

    if (need_text(json, "object", name, sizeof(name), err) < 0)
        return -1;
    if (strcmp(name, objects[object].name) != 0)
        return faulty(err, "object");
    if (need_text(json, "id", facts.id, sizeof(facts.id), err) < 0 ||
        take_reference(json, "payment_intent", facts.payment_intent, sizeof(facts.payment_intent),
                       err) < 0 ||
        take_text(json, "currency", facts.currency, sizeof(facts.currency), err) < 0 ||
        need_bool(json, "livemode", &facts.livemode, err) < 0 ||
        objects[object].read(json, &facts, err) < 0)
        return -1;
    read_metadata(json, &facts);
    *ret_facts = facts;
    return 0;
}

/* --- events ---------------------------------------------------------------------------------- */

static enum stripe_type type_of(const char *name)
{
    for (size_t i = STRIPE_OTHER + 1; i < STRIPE_TYPES; i++) {
        if (strcmp(types[i].name, name) == 0)
            return (enum stripe_type)i;
    }
    return STRIPE_OTHER;
}

int stripe_envelope_read(json_object *json, struct stripe_event *ret_event, struct error *err)
{
    struct stripe_event event = {0};
    char name[32];

    if (need_text(json, "object", name, sizeof(name), err) < 0)
        return -1;
    if (strcmp(name, "event") != 0)
        return faulty(err, "object");
    if (need_text(json, "id", event.id, sizeof(event.id), err) < 0 ||
        need_text(json, "type", event.type_name, sizeof(event.type_name), err) < 0 ||
        need_number(json, "created", INT32_MAX * INT64_C(4), &event.created, err) < 0)
        return -1;
    event.type = type_of(event.type_name);
    *ret_event = event;
    return 0;
}

int stripe_event_read(json_object *json, struct stripe_event *ret_event, struct error *err)
{
    struct stripe_event event;

    if (stripe_envelope_read(json, &event, err) < 0)
        return -1;
    if (event.type != STRIPE_OTHER && event.type != STRIPE_REFUND_FAILED &&
        stripe_facts_read(member(member(json, "data"), "object"), types[event.type].object,
                          &event.facts, err) < 0)
        return -1;
    *ret_event = event;
    return 0;
}
