/*
 * credential.h - how a statement of store/ checks who asks, along with what it reads: the tables
 * api_keys k and users u, the columns that tell the caller, and the condition.
 *
 *     "SELECT " CREDENTIAL_COLUMNS ", s.status " CREDENTIAL_BY_KEY
 *     "LEFT JOIN sessions s ON s.session_id=? AND s.user_id=u.user_id WHERE " KEY_IS_GOOD
 *
 * No row: the credential is not good. By a token (already checked) it is CREDENTIAL_BY_USER and
 * USER_IS_GOOD, where k is all NULL. The condition's one value is credential_value's.
 */
#ifndef CODESET_STORE_CREDENTIAL_H
#define CODESET_STORE_CREDENTIAL_H

#include "store/db.h"
#include "store/users.h"

#define CREDENTIAL_COLUMNS                                                                         \
    "k.key_id, u.user_id, k.last_used_at, "                                                        \
    "k.key_id IS NOT NULL AND (k.last_used_at IS NULL OR "                                         \
    "k.last_used_at < NOW(6) - INTERVAL 1 MINUTE), IFNULL(u.terms_version, '')"
#define CREDENTIAL_COLUMN_COUNT 5 /* theirs begin here */

#define CREDENTIAL_BY_KEY "FROM api_keys k JOIN users u ON u.user_id=k.user_id "
#define KEY_IS_GOOD                                                                                \
    "k.key_hash=? AND k.is_active AND u.is_active AND "                                            \
    "(k.expires_at IS NULL OR k.expires_at > NOW(6)) "

#define CREDENTIAL_BY_USER "FROM users u LEFT JOIN api_keys k ON FALSE "
#define USER_IS_GOOD "u.user_id=? AND u.is_active "

struct db_value credential_value(const struct credential *credential);

/* To the first row, and from it the caller; marks the key as used. No row: ERROR_NOT_FOUND,
 * INVALID_CREDENTIALS. The rows stay where they are. */
int credential_read(struct db *db, struct db_rows *rows, struct caller *ret_caller,
                    struct error *err);

#endif
