/*
 * event.h - what Stripe says, as facts of fixed size. Pure.
 *
 * An event is an envelope (id, type, time, mode) around an object: a Checkout Session, a charge or
 * a dispute. The same object comes when it is asked for. What is too long, of the wrong type or
 * missing is an error, never a guess. Only what decisions need is kept. Sources: "The Event
 * object", "The Checkout Session object", "The Charge object", "The Dispute object".
 */
#ifndef CODESET_STRIPE_EVENT_H
#define CODESET_STRIPE_EVENT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

#define STRIPE_ID_MOST 160 /* real ones have about 70; they are parts of event keys */
#define STRIPE_TYPE_MOST 127
#define STRIPE_AMOUNT_MOST INT64_C(99999999999) /* cents; far above what a card is charged */

/* The key of our id in the metadata of session, payment and charge. */
#define STRIPE_METADATA_KEY "codeset_checkout"

/* Which types there are work for; the rest is STRIPE_OTHER. */
enum stripe_type {
    STRIPE_OTHER,
    STRIPE_SESSION_COMPLETED,
    STRIPE_SESSION_PAID_LATER, /* async_payment_succeeded */
    STRIPE_SESSION_FAILED,     /* async_payment_failed */
    STRIPE_SESSION_EXPIRED,
    STRIPE_CHARGE_REFUNDED,
    STRIPE_DISPUTE_CREATED,
    STRIPE_DISPUTE_WITHDRAWN, /* funds_withdrawn: an inquiry that became a dispute */
    STRIPE_DISPUTE_CLOSED,
    STRIPE_DISPUTE_REINSTATED, /* funds_reinstated */
    STRIPE_REFUND_FAILED,
};

/* NULL behind the last; for asking for just these. */
const char *stripe_type_name(enum stripe_type type);
#define STRIPE_TYPES (STRIPE_REFUND_FAILED + 1)

enum stripe_object { STRIPE_SESSION, STRIPE_CHARGE, STRIPE_DISPUTE };

struct stripe_facts {
    enum stripe_object object;
    char id[STRIPE_ID_MOST + 1];             /* cs_..., ch_..., dp_... or du_... */
    char payment_intent[STRIPE_ID_MOST + 1]; /* "": none yet */
    bool names_checkout;                     /* metadata has our key */
    struct id checkout_id;                   /* ""; or what it says, if that is an id */
    char currency[8];
    bool livemode;
    char status[32];       /* of a session or a dispute */
    int64_t amount;        /* of a charge or a dispute; of a session amount_subtotal */
    int64_t total;         /* of a session: amount_total */
    int64_t discount, tax; /* of a session */
    int64_t refunded;      /* of a charge: amount_refunded, all refunds together */
    char mode[16];         /* of a session: payment, ... */
    char payment_status[32];
    char url[2049];     /* of a session: where it is paid; "" when it can't be any more */
    int64_t expires_at; /* of a session, in seconds */
};

struct stripe_event {
    char id[STRIPE_ID_MOST + 1];
    char type_name[STRIPE_TYPE_MOST + 1];
    enum stripe_type type;
    int64_t created;           /* seconds */
    struct stripe_facts facts; /* unless type is STRIPE_OTHER or STRIPE_REFUND_FAILED */
};

/* The envelope alone; facts stay zeroed. Code STRIPE_EVENT_INVALID. */
int stripe_envelope_read(json_object *json, struct stripe_event *ret_event, struct error *err);

/* The envelope, and the object of a type that there is work for. */
int stripe_event_read(json_object *json, struct stripe_event *ret_event, struct error *err);

/* An object by itself. */
int stripe_facts_read(json_object *json, enum stripe_object object, struct stripe_facts *ret_facts,
                      struct error *err);

#endif
