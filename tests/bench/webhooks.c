/* A webhook beside a bare worker that inserts the same bytes by one statement, over one connection
 * each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "bench.h"
#include "client.h"

#include <fcntl.h>

#include "base/banned.h"

#define METADATA 40 /* entries, so that the event has the size of Stripe's: some 3 KiB */

static unsigned events;

static void write_event(struct buf *body)
{
    buf_addf(body,
             "{\"id\":\"evt_bench_%d_%u\",\"object\":\"event\",\"type\":\"customer.updated\","
             "\"created\":%lld,\"livemode\":false,\"data\":{\"object\":{\"id\":\"cus_1\",",
             (int)getpid(), events++, (long long)time(NULL));
    for (int i = 0; i < METADATA; i++)
        buf_addf(body, "\"member_%d\":{\"object\":\"of no interest\",\"amount\":%d},", i, i * 100);
    buf_add_str(body, "\"object\":\"customer\"}}}");
}

static void sign(const struct buf *secret, const struct buf *body, char header[256])
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    unsigned char mac[SHA256_SIZE];
    long long now = (long long)time(NULL);
    int at = snprintf(header, 256, "Stripe-Signature: t=%lld,v1=", now);

    buf_addf(&text, "%lld.%s", now, body->data);
    hmac_sha256(secret->data, secret->length, text.data, text.length, mac);
    for (int i = 0; i < SHA256_SIZE; i++)
        at += snprintf(header + at, (size_t)(256 - at), "%02x", mac[i]);
}

static double post(const char *path, const char *header, const struct buf *body)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.method = "POST", .path = path, .key = "", .body = body->data, .headers = {header},
             .direct = true);

    if (answer->status != 200)
        bench_fail("%s: %ld %.300s%s", path, answer->status, answer->body.data, answer->failure);
    return answer->seconds;
}

void bench_webhooks(void)
{
    _cleanup_(free_ptr) char *file =
        xasprintf("%s/etc/stripe/webhook-secrets", getenv("CODESET_STACK"));
    _cleanup_(free_ptr) char *peer = xasprintf(
        "%.*s/bench/peer/insert", (int)(strlen(client_base()) - strlen("/api/v1")), client_base());
    _cleanup_(buf_release) struct buf secret = BUF_INIT;
    struct series ours = {0}, theirs = {0};
    struct error err = ERROR_INIT;
    char header[256];

    if (file_read_secret(file, &secret, &err) < 0)
        bench_fail("%s", err.message);
    for (int round = 0; round < 2 * bench_rounds; round++) {
        _cleanup_(buf_release) struct buf body = BUF_INIT;

        write_event(&body);
        sign(&secret, &body, header);
        series_add(&ours, post("/billing/webhook", header, &body));
        series_add(&theirs, post(peer, "X-Bench: 1", &body));
    }
    table_row("POST /billing/webhook : worker with one INSERT", &ours, &theirs, "ms", 1e3,
              "<= 2.0");
    series_release(&ours);
    series_release(&theirs);
}
