/*
 * users.h - users and their API keys.
 *
 * A key is "codeset_", 30 random base62 digits, and 6 base62 digits of checksum over what stands
 * before them (the CRC-32, RFC 1952). Only its SHA-256 is stored; `masked` is its first 12
 * and last 4 characters with "..." between.
 */
#ifndef CODESET_STORE_USERS_H
#define CODESET_STORE_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/id.h"

struct db;

#define API_KEY_PREFIX "codeset_"
#define API_KEY_LENGTH (8 + 30 + 6)

struct api_key_text {
    char text[API_KEY_LENGTH + 1];
};

/* A new random key. */
struct api_key_text api_key_new(void);

/* Prefix, length, digits and checksum: what fails here costs no query. */
bool api_key_well_formed(const char *text);

/* First 12 and last 4 characters with "..." between, and a NUL. */
#define API_KEY_MASKED_SIZE (12 + 3 + 4 + 1)
void api_key_mask(const struct api_key_text *key, char masked[API_KEY_MASKED_SIZE]);

#define TERMS_VERSION_MAX 32

struct caller {
    struct id user_id;
    struct id key_id;                          /* "": by a token */
    char terms_version[TERMS_VERSION_MAX + 1]; /* accepted last; "" : none */
    int64_t hold_seconds;                      /* of the key; -1: it has none of its own */
};

/* Who somebody says to be: the holder of a key, or of a token that was checked already. */
struct credential {
    bool by_key;
    unsigned char key_hash[SHA256_SIZE];
    struct id user_id;
};

/* -1 for a text that is no key (api_key_well_formed). */
int credential_of_key(const char *key, struct credential *ret_credential);
struct credential credential_of_user(const struct id *user_id);

/* One query: an active key of an active user, not expired; or an active user. Otherwise
 * ERROR_NOT_FOUND, INVALID_CREDENTIALS. Marks the key as used, but at most once a minute. Where a
 * route is polled, the check is part of what it reads instead (the `_as` functions). */
int store_authenticate(struct db *db, const struct credential *credential,
                       struct caller *ret_caller, struct error *err);

struct user {
    struct id user_id;
    char *name;
    char *email;
    char *github_id, *github_login; /* NULL: never signed in by GitHub */
    bool is_active;
    bool is_deleted; /* erasure.h: name and email are "" */
    int64_t created_at;
};

void user_release(struct user *user);

int store_user_create(struct db *db, const char *name, const char *email, struct id *ret_user_id,
                      struct error *err);

/* who: a user id, or an e-mail address that only one user has. ERROR_NOT_FOUND, ERROR_CONFLICT. */
int store_user_find(struct db *db, const char *who, struct user *ret_user, struct error *err);
int store_user_list(struct db *db, void (*each)(const struct user *user, void *arg), void *arg,
                    struct error *err);
int store_user_set_active(struct db *db, const struct id *user_id, bool active, struct error *err);

/* name, email: NULL leaves it as it is. ERROR_NOT_FOUND: no such user, or a deleted one. */
int store_user_rename(struct db *db, const struct id *user_id, const char *name, const char *email,
                      struct error *err);

struct api_key {
    struct id key_id;
    struct id user_id;
    char *masked;
    char *name; /* NULL: none */
    bool is_active;
    int64_t created_at, expires_at, last_used_at; /* 0: null */
    int64_t hold_seconds;                         /* -1: none of its own */
};

struct new_key {
    struct id key_id; /* made by the caller, the same for the same request */
    struct id user_id;
    const char *name;   /* NULL: none */
    int64_t expires_at; /* 0: never */
    int64_t active_max; /* a user's active keys; 0: as many as he likes */
    bool repeatable;    /* another request may have made the key of this id, and shown its text */
};

/*
 * Makes a key and returns its text, which can't be had again. Codes: API_KEY_LIMIT (ERROR_LIMIT),
 * OUTCOME_UNKNOWN (once.h). A key of this id that is there already gets another text, for nobody
 * has seen the first; but with `repeatable` somebody may have, and it is API_KEY_SHOWN_ONCE.
 */
int store_key_create(struct db *db, const struct new_key *wanted, struct api_key_text *ret_key,
                     int64_t *ret_created_at, struct error *err);
int store_key_list(struct db *db, const struct id *user_id,
                   void (*each)(const struct api_key *key, void *arg), void *arg,
                   struct error *err);

/* Calls each with the user's key, unless there is no such one: ERROR_NOT_FOUND. */
int store_key_get(struct db *db, const struct id *user_id, const struct id *key_id,
                  void (*each)(const struct api_key *key, void *arg), void *arg, struct error *err);

/* How long requests by the key are held; -1: as all others. ERROR_NOT_FOUND. */
#define KEY_HOLD_SECONDS_MAX 60
int store_key_set_hold(struct db *db, const char *key_id, int64_t seconds, struct error *err);

/* The revoked keys that a user is still shown, the newest first. */
#define REVOKED_KEYS_SHOWN 100
int store_key_list_revoked(struct db *db, const struct id *user_id,
                           void (*each)(const struct api_key *key, void *arg), void *arg,
                           struct error *err);

/* ERROR_NOT_FOUND unless the key is the user's (user_id NULL: anybody's); again is success. */
int store_key_revoke(struct db *db, const struct id *user_id, const char *key_id,
                     struct error *err);

#endif
