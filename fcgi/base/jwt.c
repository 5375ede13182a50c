#include "base/jwt.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

DEFINE_CLEANUP(EVP_PKEY *, release_key, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_MD_CTX *, release_digest, EVP_MD_CTX_free)
DEFINE_CLEANUP(BIO *, release_bio, BIO_free)

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(const void *bytes, size_t size, struct buf *out)
{
    const unsigned char *in = bytes;
    uint32_t bits = 0;
    int held = 0;

    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | in[i];
        for (held += 8; held >= 6; held -= 6)
            buf_add_char(out, digits[bits >> (held - 6) & 63]);
    }
    if (held > 0)
        buf_add_char(out, digits[bits << (6 - held) & 63]);
}

int base64url_decode(const char *text, size_t length, struct buf *out)
{
    uint32_t bits = 0;
    int held = 0;

    if (length % 4 == 1)
        return -1;
    for (size_t i = 0; i < length; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

        if (!digit)
            return -1;
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            buf_add_char(out, (char)(bits >> held));
        }
    }
    /* If one token could be written in two ways, its text would not identify it. */
    return (bits & ((1u << held) - 1)) ? -1 : 0;
}

static void add_signing_input(const char *header, json_object *claims, struct buf *token)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    json_write(&text, claims);
    base64url_encode(header, strlen(header), token);
    buf_add_char(token, '.');
    base64url_encode(text.data, text.length, token);
}

void jwt_sign_hs256(json_object *claims, const struct jwt_secret *secret, struct buf *token)
{
    unsigned char mac[SHA256_SIZE];
    size_t start = token->length;

    add_signing_input("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims, token);
    hmac_sha256(secret->bytes, secret->size, token->data + start, token->length - start, mac);
    buf_add_char(token, '.');
    base64url_encode(mac, sizeof(mac), token);
}

static int decode_object(const char *text, size_t length, json_object **ret_object)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    _cleanup_(json_release) json_object *value = NULL;
    struct error ignored;

    if (base64url_decode(text, length, &bytes) < 0 ||
        json_parse(bytes.data, bytes.length, &value, NULL, &ignored) < 0 ||
        !json_object_is_type(value, json_type_object))
        return -1;
    *ret_object = TAKE_PTR(value);
    return 0;
}

/* alg is HS256, typ is JWT or absent, and nothing is marked as critical (RFC 7515, 4.1.11). */
static bool header_is_ours(const char *text, size_t length)
{
    _cleanup_(json_release) json_object *header = NULL;
    const char *alg, *typ;

    if (decode_object(text, length, &header) < 0)
        return false;
    alg = json_get_text(header, "alg");
    typ = json_get_text(header, "typ");
    if (!alg || strcmp(alg, "HS256") != 0)
        return false;
    if (json_object_object_get_ex(header, "typ", NULL) && (!typ || strcmp(typ, "JWT") != 0))
        return false;
    return !json_object_object_get_ex(header, "crit", NULL);
}

static bool signature_fits(const char *token, size_t input_length, const struct buf *signature,
                           const struct jwt_secret *secrets, size_t count)
{
    bool fits = false;

    if (signature->length != SHA256_SIZE)
        return false;
    for (size_t i = 0; i < count; i++) {
        unsigned char mac[SHA256_SIZE];

        hmac_sha256(secrets[i].bytes, secrets[i].size, token, input_length, mac);
        fits |= equal_in_constant_time(mac, signature->data, SHA256_SIZE);
    }
    return fits;
}

int jwt_verify_hs256(const char *token, const struct jwt_secret *secrets, size_t count,
                     json_object **ret_claims, struct error *err)
{
    _cleanup_(buf_release) struct buf signature = BUF_INIT;
    size_t length = strnlen(token, JWT_MAX + 1);
    const char *first = length <= JWT_MAX ? strchr(token, '.') : NULL;
    const char *second = first ? strchr(first + 1, '.') : NULL;

    if (!second || strchr(second + 1, '.') ||
        base64url_decode(second + 1, (size_t)(token + length - second - 1), &signature) < 0 ||
        !signature_fits(token, (size_t)(second - token), &signature, secrets, count) ||
        !header_is_ours(token, (size_t)(first - token)) ||
        decode_object(first + 1, (size_t)(second - first - 1), ret_claims) < 0)
        return error_set(err, ERROR_INVALID, NULL, "not a token of this server");
    return 0;
}

int jwt_sign_rs256(json_object *claims, const char *pem, size_t pem_size, struct buf *token,
                   struct error *err)
{
    char no_passphrase[] = "";
    _cleanup_(release_bio) BIO *bio = BIO_new_mem_buf(pem, (int)pem_size);
    _cleanup_(release_key) EVP_PKEY *key =
        bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase) : NULL;
    _cleanup_(release_digest) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    _cleanup_(buf_release) struct buf input = BUF_INIT;
    _cleanup_(free_ptr) unsigned char *signature = NULL;
    size_t size = 0;

    if (!key || EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
        return error_set(err, ERROR_INVALID, NULL, "the key is not an RSA private key in PEM");
    add_signing_input("{\"alg\":\"RS256\",\"typ\":\"JWT\"}", claims, &input);
    if (EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(digest, NULL, &size, (unsigned char *)input.data, input.length) != 1)
        return error_set(err, ERROR_INTERNAL, NULL, "OpenSSL cannot sign with this key");
    signature = xmalloc(size);
    if (EVP_DigestSign(digest, signature, &size, (unsigned char *)input.data, input.length) != 1)
        return error_set(err, ERROR_INTERNAL, NULL, "OpenSSL cannot sign with this key");
    buf_add(token, input.data, input.length);
    buf_add_char(token, '.');
    base64url_encode(signature, size, token);
    return 0;
}
