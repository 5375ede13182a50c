#include "reaper/masks.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define MASK "***"
#define TOKEN_LEAST 24
#define PART_LEAST 4 /* bytes of a secret at a border that are masked; fewer tell nothing */

static bool is_known(const struct masks *masks, const struct buf *needle)
{
    for (size_t i = 0; i < masks->count; i++) {
        if (masks->needles[i].length == needle->length &&
            memcmp(masks->needles[i].data, needle->data, needle->length) == 0)
            return true;
    }
    return false;
}

static void wipe(struct buf *text)
{
    OPENSSL_cleanse(text->data, text->length);
    buf_release(text);
}

/* Takes the text, unless it is known or too short. */
static void add(struct masks *masks, struct buf *needle)
{
    if (needle->length < MASKS_LEAST || is_known(masks, needle)) {
        wipe(needle);
        return;
    }
    masks->needles = xrealloc(masks->needles, (masks->count + 1) * sizeof(*masks->needles));
    masks->needles[masks->count++] = *needle;
}

static void add_as_it_is(struct masks *masks, const char *secret)
{
    struct buf needle = BUF_INIT;

    buf_add_str(&needle, secret);
    add(masks, &needle);
}

static void add_as_json(struct masks *masks, const char *secret)
{
    _cleanup_(wipe) struct buf quoted = BUF_INIT;
    struct buf needle = BUF_INIT;

    json_write_string(&quoted, secret, strlen(secret));
    buf_add(&needle, quoted.data + 1, quoted.length - 2);
    add(masks, &needle);
}

static void add_percent_encoded(struct masks *masks, const char *secret, const char *format)
{
    struct buf needle = BUF_INIT;

    for (const char *c = secret; *c; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
            strchr("-._~", *c))
            buf_add_char(&needle, *c);
        else if (strcmp(format, "%X") == 0)
            buf_addf(&needle, "%%%02X", (unsigned char)*c);
        else
            buf_addf(&needle, "%%%02x", (unsigned char)*c);
    }
    add(masks, &needle);
}

/* Of what stands `before` bytes into the encoded text: without the digits that its neighbours have
 * a part in. */
static void add_base64(struct masks *masks, const char *secret, size_t before)
{
    size_t length = strlen(secret);
    size_t room = 4 * ((length + before) / 3 + 1) + 1;
    _cleanup_(free_ptr) unsigned char *bytes = xcalloc(1, length + before + 1);
    _cleanup_(free_ptr) unsigned char *digits = xcalloc(1, room);
    size_t first = before * 8 / 6 + (before * 8 % 6 != 0), last = (length + before) * 8 / 6;
    struct buf needle = BUF_INIT;

    memcpy(bytes + before, secret, length);
    EVP_EncodeBlock(digits, bytes, (int)(length + before));
    if (last > first)
        buf_add(&needle, digits + first, last - first);
    OPENSSL_cleanse(bytes, length + before);
    OPENSSL_cleanse(digits, room);
    add(masks, &needle);
}

void masks_add(struct masks *masks, const char *secret)
{
    if (strlen(secret) < MASKS_LEAST)
        return;
    add_as_it_is(masks, secret);
    add_as_json(masks, secret);
    add_percent_encoded(masks, secret, "%X");
    add_percent_encoded(masks, secret, "%x");
    for (size_t before = 0; before < 3; before++)
        add_base64(masks, secret, before);
}

void masks_release(struct masks *masks)
{
    for (size_t i = 0; i < masks->count; i++)
        wipe(&masks->needles[i]);
    free(masks->needles);
    *masks = (struct masks){.count = 0};
}

/* --- masking --------------------------------------------------------------------------------- */

/* Of what is made to be known: a job's secret, a token of GitHub's. A daemon that was restarted
 * does not know those of the agents that it finds. */
static size_t match_token(const char *text, size_t length)
{
    static const char *const beginnings[] = {"cjs_", "ghs_"};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t end = 0;

    for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
        if (length > 4 && memcmp(text, beginnings[i], 4) == 0)
            end = 4;
    }
    while (end > 0 && end < length && memchr(letters, text[end], sizeof(letters) - 1))
        end++;
    return end >= TOKEN_LEAST ? end : 0;
}

/* The length of the longest needle that the text begins with; 0: none. */
static size_t match(const struct masks *masks, const char *text, size_t length)
{
    size_t longest = match_token(text, length);

    for (size_t i = 0; i < masks->count; i++) {
        const struct buf *needle = &masks->needles[i];

        if (needle->length > longest && needle->length <= length && needle->data[0] == text[0] &&
            memcmp(needle->data, text, needle->length) == 0)
            longest = needle->length;
    }
    return longest;
}

/* How much of the text's beginning may be the rest of a needle. */
static size_t rest_at_beginning(const struct masks *masks, const char *text, size_t length)
{
    size_t longest = 0;

    for (size_t i = 0; i < masks->count; i++) {
        const struct buf *needle = &masks->needles[i];

        for (size_t most = needle->length - 1; most >= PART_LEAST && most > longest; most--) {
            if (most <= length && memcmp(needle->data + needle->length - most, text, most) == 0)
                longest = most;
        }
    }
    return longest;
}

/* How much of the text's end may be the beginning of a needle. */
static size_t beginning_at_end(const struct masks *masks, const char *text, size_t length)
{
    size_t longest = 0;

    for (size_t i = 0; i < masks->count; i++) {
        const struct buf *needle = &masks->needles[i];

        for (size_t most = needle->length - 1; most >= PART_LEAST && most > longest; most--) {
            if (most <= length && memcmp(needle->data, text + length - most, most) == 0)
                longest = most;
        }
    }
    return longest;
}

void masks_apply(const struct masks *masks, const char *text, size_t length, bool begins, bool ends,
                 struct buf *out)
{
    size_t at = begins ? 0 : rest_at_beginning(masks, text, length);
    size_t end = length;
    size_t from;

    if (at > 0)
        buf_add_str(out, MASK);
    from = at;
    while (at < end) {
        size_t masked = match(masks, text + at, length - at);

        if (masked == 0) {
            at++;
            continue;
        }
        buf_add(out, text + from, at - from);
        buf_add_str(out, MASK);
        at += masked;
        from = at;
    }
    if (!ends) {
        size_t cut = beginning_at_end(masks, text + from, length - from);

        buf_add(out, text + from, length - from - cut);
        if (cut > 0)
            buf_add_str(out, MASK);
    } else {
        buf_add(out, text + from, length - from);
    }
}
