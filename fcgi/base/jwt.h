/*
 * jwt.h - JSON Web Tokens (RFC 7519) in their compact form (RFC 7515, section 3.1), by OpenSSL.
 *
 * Two algorithms, each with functions of its own, so that a token's header never chooses how it
 * is checked (RFC 8725, section 3.1): HS256 for our own tokens, RS256 for signing as a GitHub App.
 * Claims are JSON objects; what they mean is the caller's business.
 */
#ifndef CODESET_BASE_JWT_H
#define CODESET_BASE_JWT_H

#include <json-c/json.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define JWT_MAX 4096        /* longest token in bytes; longer ones are refused */
#define JWT_SECRET_LEAST 32 /* bytes; RFC 7518, section 3.2: as long as the hash at least */

struct jwt_secret {
    const void *bytes;
    size_t size;
};

/* Appends the signed token. */
void jwt_sign_hs256(json_object *claims, const struct jwt_secret *secret, struct buf *token);

/*
 * Checks form, algorithm and signature against each of the secrets, and gives the claims, which
 * the caller must still check (exp, iss, aud, ...) and json_object_put. Every fault is
 * ERROR_INVALID, and which one it was is not said.
 */
int jwt_verify_hs256(const char *token, const struct jwt_secret *secrets, size_t count,
                     json_object **ret_claims, struct error *err);

/* pem: an RSA private key, PKCS #1 or #8. */
int jwt_sign_rs256(json_object *claims, const char *pem, size_t pem_size, struct buf *token,
                   struct error *err);

/* base64url without padding (RFC 4648, section 5). Decoding is strict: no padding, no other
 * characters, no stray bits. Returns -1 on bad input. */
void base64url_encode(const void *bytes, size_t size, struct buf *out);
int base64url_decode(const char *text, size_t length, struct buf *out);

#endif
