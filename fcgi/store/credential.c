#include "store/credential.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#include "base/banned.h"

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
static void mark_used(struct db *db, const struct id *key_id, int64_t read_last_used_at)
{
    static const struct query query = {
        "UPDATE api_keys SET last_used_at = NOW(6) WHERE key_id = ? AND last_used_at <=> ?"};
    struct error err = ERROR_INIT;

    if (DB_RUN(db, &query, NULL, &err, db_id(key_id), db_time(read_last_used_at)) < 0)
        log_error("key_use_not_recorded", &err);
}

int credential_read(struct db *db, struct db_rows *rows, struct caller *ret_caller,
                    struct error *err)
{
    struct caller caller;

    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "INVALID_CREDENTIALS",
                         "The API key or token is unknown, expired or revoked. Make a new key, or "
                         "sign in again.");
    caller = (struct caller){.key_id = db_row_id(rows, 0), .user_id = db_row_id(rows, 1)};
    snprintf(caller.terms_version, sizeof(caller.terms_version), "%s", db_row_text(rows, 4));
    if (db_row_int(rows, 3))
        mark_used(db, &caller.key_id, db_row_time(rows, 2));
    *ret_caller = caller;
    return 0;
}

int store_authenticate(struct db *db, const struct credential *credential,
                       struct caller *ret_caller, struct error *err)
{
    static const struct query by_key = {"SELECT " CREDENTIAL_COLUMNS " " CREDENTIAL_BY_KEY
                                        "WHERE " KEY_IS_GOOD};
    static const struct query by_user = {"SELECT " CREDENTIAL_COLUMNS " " CREDENTIAL_BY_USER
                                         "WHERE " USER_IS_GOOD};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, credential->by_key ? &by_key : &by_user, err, credential_value(credential));

    return rows ? credential_read(db, rows, ret_caller, err) : -1;
}
