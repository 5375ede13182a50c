/*
 * identity.h - signing in: users as GitHub knows them, refresh tokens, terms, the sign-up credit.
 */
#ifndef CODESET_STORE_IDENTITY_H
#define CODESET_STORE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "store/users.h"

struct db;

struct sign_in {
    const char *github_id, *github_login, *name, *email;
    int64_t signup_credit_cents; /* 0: none */
    int64_t signup_credit_days;  /* until it expires; 0: never */
};

/* Finds the user by github_id, or makes one and grants the credit, both exactly once however
 * many sign-ins race; updates login, name and last_login_at. Code ACCOUNT_DEACTIVATED. */
int store_sign_in(struct db *db, const struct sign_in *sign_in, struct id *ret_user_id,
                  bool *ret_is_new, struct error *err);

/* expires_at: microseconds since 1970. */
int store_refresh_token_add(struct db *db, const struct id *jti, const struct id *user_id,
                            int64_t expires_at, struct error *err);

/* Is it stored, not revoked, of that user, and is the user active? Code INVALID_CREDENTIALS
 * (ERROR_NOT_FOUND) otherwise. */
int store_refresh_token_check(struct db *db, const struct id *jti, const struct id *user_id,
                              struct error *err);

/* All refresh tokens of a user. *ret_count (may be NULL): how many were valid. */
int store_refresh_tokens_revoke(struct db *db, const struct id *user_id, int64_t *ret_count,
                                struct error *err);

struct profile {
    struct id user_id;
    char *name, *email;
    char *github_id, *github_login;                       /* NULL: never signed in by GitHub */
    int64_t created_at, last_login_at, terms_accepted_at; /* 0: null */
    char *terms_version;                                  /* accepted last; NULL: none */
};

void profile_release(struct profile *profile);
int store_profile_get(struct db *db, const struct id *user_id, struct profile *ret_profile,
                      struct error *err);

/* Checks the credential, reads the profile, and calls each_key with the user's active keys, then
 * with the revoked ones that are still shown: one query, two where there are such. Code
 * INVALID_CREDENTIALS. */
int store_profile_get_as(struct db *db, const struct credential *credential,
                         struct profile *ret_profile,
                         void (*each_key)(const struct api_key *key, void *arg), void *arg,
                         struct error *err);

/* Accepting the same version again keeps the time of the first. */
int store_terms_accept(struct db *db, const struct id *user_id, const char *version,
                       struct error *err);

#endif
