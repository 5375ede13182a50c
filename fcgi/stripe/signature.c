#include "stripe/signature.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"

#include "base/banned.h"

#define HEADER_MOST 4096
#define SIGNATURES_MOST 16
#define TIME_DIGITS_MOST 12
#define SECRET_LEAST 8 /* Stripe's have 38 */

/* --- the secrets ----------------------------------------------------------------------------- */

void stripe_secrets_release(struct stripe_secrets *secrets)
{
    buf_release(&secrets->text);
    secrets->count = 0;
}

int stripe_secrets_split(struct buf *text, struct stripe_secrets *ret_secrets, struct error *err)
{
    struct stripe_secrets secrets = {.text = *text};
    const char *at = text->data;
    const char *end = text->data + text->length;

    for (; at < end; at++) {
        size_t length = strcspn(at, "\n");
        size_t size = length > 0 && at[length - 1] == '\r' ? length - 1 : length;

        if (size > 0 && (size < SECRET_LEAST || secrets.count == STRIPE_SECRETS_MOST))
            return error_set(err, ERROR_INVALID, NULL,
                             "write at most %d webhook secrets, one a line, each of at least %d "
                             "characters (Stripe's begin with whsec_)",
                             STRIPE_SECRETS_MOST, SECRET_LEAST);
        if (size > 0) {
            secrets.items[secrets.count].bytes = at;
            secrets.items[secrets.count++].size = size;
        }
        at += length;
    }
    *text = (struct buf)BUF_INIT;
    *ret_secrets = secrets;
    return 0;
}

int stripe_secrets_read(const char *path, struct stripe_secrets *ret_secrets, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (!path[0]) {
        *ret_secrets = (struct stripe_secrets){.text = BUF_INIT};
        return 0;
    }
    if (file_read_secret(path, &text, err) < 0 || stripe_secrets_split(&text, ret_secrets, err) < 0)
        return error_wrap(err, "Stripe: %s", path);
    return 0;
}

/* --- the header ------------------------------------------------------------------------------ */

struct header {
    const char *time; /* its digits, as they were signed */
    size_t time_length;
    int64_t seconds;
    unsigned char signatures[SIGNATURES_MOST][SHA256_SIZE];
    size_t count;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_signature(const char *text, size_t length, unsigned char *bytes)
{
    if (length != (size_t)SHA256_SIZE * 2)
        return false;
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool read_time(const char *text, size_t length, struct header *header)
{
    int64_t seconds = 0;

    if (header->time || length == 0 || length > TIME_DIGITS_MOST)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        seconds = seconds * 10 + (text[i] - '0');
    }
    header->time = text;
    header->time_length = length;
    header->seconds = seconds;
    return true;
}

/* One time, and a signature of the scheme at least; what is none of ours is passed over. */
static bool read_header(const char *text, struct header *header)
{
    if (strnlen(text, HEADER_MOST + 1) > HEADER_MOST)
        return false;
    for (;;) {
        size_t length = strcspn(text, ",");

        if (length > 2 && strncmp(text, "t=", 2) == 0) {
            if (!read_time(text + 2, length - 2, header))
                return false;
        } else if (length > 3 && strncmp(text, "v1=", 3) == 0 && header->count < SIGNATURES_MOST &&
                   read_signature(text + 3, length - 3, header->signatures[header->count])) {
            header->count++;
        }
        if (!text[length])
            break;
        text += length + 1;
    }
    return header->time && header->count > 0;
}

static bool is_signed(const struct header *header, const struct buf *signed_text,
                      const struct stripe_secrets *secrets)
{
    bool fits = false;

    for (size_t i = 0; i < secrets->count; i++) {
        unsigned char mac[SHA256_SIZE];

        hmac_sha256(secrets->items[i].bytes, secrets->items[i].size, signed_text->data,
                    signed_text->length, mac);
        for (size_t j = 0; j < header->count; j++)
            fits |= equal_in_constant_time(mac, header->signatures[j], SHA256_SIZE);
    }
    return fits;
}

static int refuse(struct error *err, const char *why)
{
    return error_set(err, ERROR_INVALID, "STRIPE_SIGNATURE_INVALID", "%s", why);
}

int stripe_signature_check(const char *header_text, const char *body, size_t length,
                           const struct stripe_secrets *secrets, int64_t now, struct error *err)
{
    _cleanup_(buf_release) struct buf signed_text = BUF_INIT;
    struct header header = {0};

    if (!header_text || !read_header(header_text, &header))
        return refuse(err, "Send the header Stripe-Signature as Stripe does: t=SECONDS,v1=HEX.");
    buf_add(&signed_text, header.time, header.time_length);
    buf_add_char(&signed_text, '.');
    buf_add(&signed_text, body, length);
    if (!is_signed(&header, &signed_text, secrets))
        return refuse(err, "The signature is of none of this server's webhook secrets, or the "
                           "body is not the one that was signed.");
    if (header.seconds < now - STRIPE_TOLERANCE_SECONDS ||
        header.seconds > now + STRIPE_TOLERANCE_SECONDS)
        return refuse(err, "The signature is more than 300 seconds away from this server's clock; "
                           "check the clock, or send the event again.");
    return 0;
}
