#include "accounts/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jwt.h"
#include "base/mem.h"
#include "settings.h"

#include "base/banned.h"

struct token_issuer {
    const struct accounts_settings *settings;
    struct buf texts[2];
    struct jwt_secret secrets[2];
    size_t count;
};

static const char *const type_names[] = {[TOKEN_ACCESS] = "access", [TOKEN_REFRESH] = "refresh"};

static int read_secret(struct token_issuer *issuer, const char *path, struct error *err)
{
    struct buf *text = &issuer->texts[issuer->count];

    if (!path[0])
        return 0;
    if (file_read_secret(path, text, err) < 0)
        return error_wrap(err, "token secret");
    if (text->length < JWT_SECRET_LEAST)
        return error_set(err, ERROR_INVALID, NULL,
                         "token secret: %s must contain at least %d bytes; create one with "
                         "`openssl rand -hex 32`",
                         path, JWT_SECRET_LEAST);
    issuer->secrets[issuer->count++] = (struct jwt_secret){text->data, text->length};
    return 0;
}

struct token_issuer *token_issuer_new(const struct accounts_settings *settings, struct error *err)
{
    struct token_issuer *issuer = xcalloc(1, sizeof(*issuer));

    issuer->settings = settings;
    issuer->texts[0] = issuer->texts[1] = (struct buf)BUF_INIT;
    if (read_secret(issuer, settings->token_secret_file, err) < 0 ||
        (issuer->count > 0 && read_secret(issuer, settings->token_previous_secret_file, err) < 0)) {
        token_issuer_free(issuer);
        return NULL;
    }
    return issuer;
}

void token_issuer_free(struct token_issuer *issuer)
{
    if (!issuer)
        return;
    buf_release(&issuer->texts[0]);
    buf_release(&issuer->texts[1]);
    free(issuer);
}

bool token_issuer_can(const struct token_issuer *issuer)
{
    return issuer->count > 0;
}

void token_issue(const struct token_issuer *issuer, enum token_type type, const struct id *user_id,
                 int64_t now, struct token *ret_token, struct buf *text)
{
    const struct accounts_settings *settings = issuer->settings;
    _cleanup_(json_release) json_object *claims = json_object_new_object();
    struct token token = {
        .user_id = *user_id,
        .jti = id_new(),
        .issued_at = now,
        .expires_at = now + (type == TOKEN_ACCESS ? settings->access_token_seconds
                                                  : settings->refresh_token_seconds),
    };

    json_add_text(claims, "iss", settings->token_issuer);
    json_add_text(claims, "aud", settings->token_audience);
    json_add_text(claims, "sub", token.user_id.text);
    json_add_text(claims, "type", type_names[type]);
    json_add_int(claims, "iat", token.issued_at);
    json_add_int(claims, "exp", token.expires_at);
    json_add_text(claims, "jti", token.jti.text);
    jwt_sign_hs256(claims, &issuer->secrets[0], text);
    *ret_token = token;
}

static bool claim_is(json_object *claims, const char *name, const char *expected)
{
    const char *text = json_get_text(claims, name);

    return text && strcmp(text, expected) == 0;
}

static bool claim_id(json_object *claims, const char *name, struct id *ret_id)
{
    const char *text = json_get_text(claims, name);

    if (!text || !id_valid(text))
        return false;
    memcpy(ret_id->text, text, sizeof(ret_id->text));
    return true;
}

int token_check(const struct token_issuer *issuer, enum token_type type, const char *text,
                int64_t now, struct token *ret_token, struct error *err)
{
    const struct accounts_settings *settings = issuer->settings;
    _cleanup_(json_release) json_object *claims = NULL;
    struct token token;

    if (jwt_verify_hs256(text, issuer->secrets, issuer->count, &claims, err) < 0)
        goto refuse;
    token.issued_at = json_get_int(claims, "iat", -1);
    token.expires_at = json_get_int(claims, "exp", -1);
    if (!claim_is(claims, "iss", settings->token_issuer) ||
        !claim_is(claims, "aud", settings->token_audience) ||
        !claim_is(claims, "type", type_names[type]) || !claim_id(claims, "sub", &token.user_id) ||
        !claim_id(claims, "jti", &token.jti) || token.issued_at < 0 || token.expires_at < 0 ||
        token.issued_at > now + TOKEN_SKEW_SECONDS)
        goto refuse;
    /* Our tokens have no `nbf`, but if there is one it must be obeyed (RFC 7519, 4.1.5). */
    if (json_object_object_get_ex(claims, "nbf", NULL) &&
        json_get_int(claims, "nbf", INT64_MAX) > now + TOKEN_SKEW_SECONDS)
        goto refuse;
    if (now - TOKEN_SKEW_SECONDS >= token.expires_at)
        return error_set(err, ERROR_INVALID, "TOKEN_EXPIRED",
                         "the token has expired; get a new one from POST /auth/refresh");
    *ret_token = token;
    return 0;
refuse:
    return error_set(err, ERROR_INVALID, "INVALID_CREDENTIALS",
                     "the token is not valid; sign in again, or use an API key");
}
