/*
 * signature.h - Was this said by Stripe? Pure: no clock, no file but the one with the secrets.
 *
 * Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX...]; each v1 is the HMAC-SHA-256 of "SECONDS.BODY"
 * under a secret of the endpoint. Other schemes (v0) and unknown keys are passed over. Source:
 * "Receive Stripe events in your webhook endpoint", verify webhook signatures manually.
 */
#ifndef CODESET_STRIPE_SIGNATURE_H
#define CODESET_STRIPE_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define STRIPE_SECRETS_MOST 8
#define STRIPE_TOLERANCE_SECONDS 300 /* between the signature and now, to both sides */

/* While a secret is rolled, two are good. */
struct stripe_secrets {
    struct buf text; /* what the items point into */
    struct {
        const char *bytes;
        size_t size;
    } items[STRIPE_SECRETS_MOST];
    size_t count; /* 0: none is configured, and nothing is ever good */
};

/* Reads the file: a secret a line. path "": none. */
int stripe_secrets_read(const char *path, struct stripe_secrets *ret_secrets, struct error *err);

/* The same from text that was read before; the secrets are its owner from now on. */
int stripe_secrets_split(struct buf *text, struct stripe_secrets *ret_secrets, struct error *err);
void stripe_secrets_release(struct stripe_secrets *secrets);

/* 0: one of the v1 signatures is one of our secrets', over exactly these bytes, and its time is
 * within the tolerance of now (seconds since 1970). header NULL: there was none. Otherwise code
 * STRIPE_SIGNATURE_INVALID. Compares in constant time. */
int stripe_signature_check(const char *header, const char *body, size_t length,
                           const struct stripe_secrets *secrets, int64_t now, struct error *err);

#endif
