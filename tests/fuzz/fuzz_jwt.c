/*
 * A token from a stranger's header: none is taken that was not signed with our secret, and one that
 * was is taken with whatever claims it has.
 *
 * fuzz-sources: fcgi/base/jwt.c fcgi/base/json.c fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c
 * fuzz-sources: fcgi/base/utf8.c fcgi/base/clock.c fcgi/base/crypto.c
 * fuzz-packages: libcrypto json-c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/jwt.h"
#include "base/mem.h"

#include "base/banned.h"

static const struct jwt_secret secret = {"0123456789abcdef0123456789abcdef", 32};

static bool verifies(const char *token)
{
    _cleanup_(json_release) json_object *claims = NULL;
    struct error err;

    return jwt_verify_hs256(token, &secret, 1, &claims, &err) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(free_ptr) char *text = xstrndup((const char *)data, size);
    _cleanup_(json_release) json_object *claims = NULL;
    _cleanup_(buf_release) struct buf token = BUF_INIT;
    _cleanup_(buf_release) struct buf decoded = BUF_INIT;
    struct error err;

    /* A forged MAC of 256 bits is not found by trying. */
    if (verifies(text))
        abort();
    base64url_decode(text, strlen(text), &decoded);
    if (json_parse(text, size, &claims, NULL, &err) == 0 &&
        json_object_is_type(claims, json_type_object)) {
        jwt_sign_hs256(claims, &secret, &token);
        if (token.length <= JWT_MAX && !verifies(token.data))
            abort();
    }
    return 0;
}
