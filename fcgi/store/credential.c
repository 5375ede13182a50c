#include "store/credential.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include "base/banned.h"

#define USE_SECONDS 60 /* last_used_at is no older than that */

int credential_of_key(const char *key, struct credential *ret_credential)
{
    if (!api_key_well_formed(key))
        return -1;
    *ret_credential = (struct credential){.by_key = true};
    sha256(key, API_KEY_LENGTH, ret_credential->key_hash);
    return 0;
}

struct credential credential_of_user(const struct id *user_id)
{
    return (struct credential){.by_key = false, .user_id = *user_id};
}

struct db_value credential_value(const struct credential *credential)
{
    /* The hash is of 178 random bits: how long an index takes to miss it tells nothing of use, so
     * the lookup itself is the comparison. */
    return credential->by_key ? db_bytes(credential->key_hash, sizeof(credential->key_hash))
                              : db_id(&credential->user_id);
}

/* last_used_at is for people to read: to the minute will do, and a write that fails is no reason
 * to refuse the request. Of several workers that read the same old value, one writes. */
static void mark_used(struct db *db, const struct credential *credential, int64_t read_last_used_at)
{
    static const struct query query = {
        "UPDATE api_keys SET last_used_at = NOW(6) WHERE key_hash = ? AND last_used_at <=> ?"};
    struct error err = ERROR_INIT;

    if (DB_RUN(db, &query, NULL, &err, credential_value(credential), db_time(read_last_used_at)) <
        0)
        log_error("key_use_not_recorded", &err);
}

/* In the order of KEY_COLUMNS. */
enum column {
    NOW = CREDENTIAL_NOW,
    USER_ID,
    USER_ACTIVE,
    KEY_ACTIVE,
    KEY_EXPIRES,
    KEY_LAST_USED,
    KEY_HOLD,
    KEY_ID
};
_Static_assert(KEY_ID + 1 == CREDENTIAL_COLUMN_COUNT, "the columns are counted right");

static bool is_good(const struct credential *credential, const struct db_rows *rows)
{
    int64_t expires_at = db_row_time(rows, KEY_EXPIRES);

    if (!db_row_int(rows, USER_ACTIVE))
        return false;
    if (!credential->by_key)
        return true;
    return db_row_int(rows, KEY_ACTIVE) && (!expires_at || expires_at > db_row_time(rows, NOW));
}

int credential_read(struct db *db, const struct credential *credential, struct db_rows *rows,
                    struct caller *ret_caller, struct error *err)
{
    int64_t used_at;

    if (!db_next(rows) || !is_good(credential, rows))
        return error_set(err, ERROR_NOT_FOUND, "INVALID_CREDENTIALS",
                         "The API key or token is unknown, expired or revoked. Make a new key, or "
                         "sign in again.");
    used_at = db_row_time(rows, KEY_LAST_USED);
    if (credential->by_key && used_at < db_row_time(rows, NOW) - USE_SECONDS * CLOCK_SECOND)
        mark_used(db, credential, used_at);
    *ret_caller = (struct caller){
        .user_id = db_row_id(rows, USER_ID),
        .key_id = db_row_id(rows, KEY_ID),
        .hold_seconds = db_is_null(rows, KEY_HOLD) ? -1 : db_row_int(rows, KEY_HOLD),
    };
    return 0;
}

int store_authenticate(struct db *db, const struct credential *credential,
                       struct caller *ret_caller, struct error *err)
{
    static const struct query by_key = {"SELECT " KEY_COLUMNS ", u.terms_version " KEY_FROM
                                        "WHERE " KEY_IS};
    static const struct query by_token = {"SELECT " TOKEN_COLUMNS ", u.terms_version " TOKEN_FROM
                                          "WHERE " TOKEN_IS};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, credential->by_key ? &by_key : &by_token, err, credential_value(credential));
    const char *terms_version;

    if (!rows || credential_read(db, credential, rows, ret_caller, err) < 0)
        return -1;
    terms_version = db_row_text(rows, CREDENTIAL_COLUMN_COUNT);
    snprintf(ret_caller->terms_version, sizeof(ret_caller->terms_version), "%s",
             terms_version ? terms_version : "");
    return 0;
}
