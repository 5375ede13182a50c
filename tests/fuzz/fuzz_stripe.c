/*
 * A webhook from a stranger: a line that is the header Stripe-Signature, then the body. None is
 * taken that was not signed with our secret; one that is signed is. Whatever a body says of a
 * deposit, no more is credited than was asked for, and no more taken back than was credited.
 *
 * fuzz-sources: fcgi/stripe/signature.c fcgi/stripe/event.c fcgi/stripe/judge.c fcgi/base/json.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c
 * fuzz-sources: fcgi/base/clock.c fcgi/base/crypto.c fcgi/base/file.c fcgi/base/id.c
 * fuzz-sources: fcgi/base/random.c
 * fuzz-packages: libcrypto json-c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "stripe/event.h"
#include "stripe/judge.h"
#include "stripe/signature.h"

#include "base/banned.h"

#define NOW INT64_C(1800000000)
#define ASKED 1000

static const char secret_text[] = "whsec_0123456789abcdef0123456789abcdef\nwhsec_other_one";

static void sign(const char *body, size_t length, char header[128])
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    unsigned char mac[SHA256_SIZE];
    int at = snprintf(header, 128, "t=%lld,v1=", (long long)NOW);

    buf_addf(&text, "%lld.", (long long)NOW);
    buf_add(&text, body, length);
    hmac_sha256(secret_text, strcspn(secret_text, "\n"), text.data, text.length, mac);
    for (int i = 0; i < SHA256_SIZE; i++)
        at += snprintf(header + at, (size_t)(128 - at), "%02x", mac[i]);
}

static void check_signatures(const char *header, const char *body, size_t length)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct stripe_secrets secrets = {.text = BUF_INIT};
    struct error err = ERROR_INIT;
    char good[128];

    buf_add_str(&text, secret_text);
    if (stripe_secrets_split(&text, &secrets, &err) < 0 || secrets.count != 2)
        abort();
    /* A forged MAC of 256 bits is not found by trying. */
    if (stripe_signature_check(header, body, length, &secrets, NOW, &err) == 0)
        abort();
    sign(body, length, good);
    if (stripe_signature_check(good, body, length, &secrets, NOW, &err) < 0)
        abort();
    stripe_secrets_release(&secrets);
}

static struct checkout new_row(const struct stripe_facts *facts, enum checkout_state state)
{
    struct checkout row = {.amount_cents = ASKED, .state = state, .allows_promotions = true};

    if (state == CHECKOUT_PAID) {
        row.stripe_session = xstrdup("cs_1");
        row.total_cents = 1190;
        row.credited_cents = ASKED;
    }
    row.livemode = facts->livemode;
    return row;
}

static void check_judgement(const struct stripe_event *event, enum checkout_state state)
{
    struct checkout row = new_row(&event->facts, state);
    struct stripe_judgement judgement = stripe_judge(event->type, &event->facts, &row);
    int64_t sum = 0;

    for (size_t i = 0; i < judgement.count; i++) {
        if (judgement.word != STRIPE_TAKE || judgement.moves[i].cents == 0)
            abort();
        sum += judgement.moves[i].cents;
    }
    if (sum > ASKED || sum < -ASKED || row.credited_cents > ASKED ||
        row.taken_cents > row.credited_cents ||
        (judgement.word != STRIPE_TAKE && !judgement.reason))
        abort();
    free(row.stripe_session);
    free(row.payment_intent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(free_ptr) char *text = xstrndup((const char *)data, size);
    _cleanup_(json_release) json_object *json = NULL;
    size_t line = strcspn(text, "\n");
    const char *body = text[line] ? text + line + 1 : text + line;
    size_t length = strlen(body);
    struct stripe_event event;
    struct error err = ERROR_INIT;

    text[line] = '\0';
    check_signatures(text, body, length);
    if (json_parse(body, length, &json, NULL, &err) == 0 &&
        stripe_event_read(json, &event, &err) == 0 && event.type != STRIPE_OTHER &&
        event.type != STRIPE_REFUND_FAILED) {
        check_judgement(&event, CHECKOUT_OPEN);
        check_judgement(&event, CHECKOUT_PAID);
    }
    return 0;
}
