/*
 * tokens.h - our access and refresh tokens: JWTs by HS256 with the claims iss, aud, sub (the
 * user's id), type ("access" or "refresh"), iat, exp, jti.
 *
 * Two secrets may be in use: the first signs, both verify, so that a secret can be replaced
 * without signing everybody out. Times are checked with TOKEN_SKEW_SECONDS to either side.
 * Apart from reading the secrets, it has no side effects.
 */
#ifndef CODESET_ACCOUNTS_TOKENS_H
#define CODESET_ACCOUNTS_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"

struct accounts_settings;
struct token_issuer;

#define TOKEN_SKEW_SECONDS 60

enum token_type { TOKEN_ACCESS, TOKEN_REFRESH };

/* Reads token_secret_file and token_previous_secret_file. Without a token_secret_file no token is
 * issued and none is accepted: token_issuer_can says so. The settings must outlive it. */
struct token_issuer *token_issuer_new(const struct accounts_settings *settings, struct error *err);
void token_issuer_free(struct token_issuer *issuer);
bool token_issuer_can(const struct token_issuer *issuer);

struct token {
    struct id user_id;
    struct id jti;
    int64_t issued_at;  /* seconds since 1970 */
    int64_t expires_at; /* seconds since 1970 */
};

/* Fills in jti and times, and appends the token's text. now: seconds since 1970. */
void token_issue(const struct token_issuer *issuer, enum token_type type, const struct id *user_id,
                 int64_t now, struct token *ret_token, struct buf *text);

/* Signature, issuer, audience, type, times and the form of every claim. ERROR_INVALID, with the
 * code TOKEN_EXPIRED if only the time is wrong, otherwise INVALID_CREDENTIALS. */
int token_check(const struct token_issuer *issuer, enum token_type type, const char *text,
                int64_t now, struct token *ret_token, struct error *err);

#endif
