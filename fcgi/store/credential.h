/*
 * credential.h - how a statement of store/ checks who asks, along with what it reads: the tables
 * api_keys k and users u, and the columns by which credential_read decides.
 *
 *     "SELECT " KEY_COLUMNS ", s.status " KEY_FROM
 *     "LEFT JOIN sessions s ON s.session_id=? AND s.user_id=u.user_id WHERE " KEY_IS
 *
 * By a token (already checked) it is TOKEN_COLUMNS, TOKEN_FROM and TOKEN_IS, without k. The
 * condition's one value is credential_value's. That the key is active and not expired is no part
 * of it: MariaDB plans a statement each time, and a condition costs it more than a column.
 */
#ifndef CODESET_STORE_CREDENTIAL_H
#define CODESET_STORE_CREDENTIAL_H

#include "store/db.h"
#include "store/users.h"

#define KEY_COLUMNS                                                                                \
    "NOW(6), u.user_id, u.is_active, k.is_active, k.expires_at, k.last_used_at, k.hold_seconds, "  \
    "k.key_id"
#define KEY_FROM "FROM api_keys k JOIN users u ON u.user_id=k.user_id "
#define KEY_IS "k.key_hash=? "

#define TOKEN_COLUMNS "NOW(6), u.user_id, u.is_active, NULL, NULL, NULL, NULL, NULL"
#define TOKEN_FROM "FROM users u "
#define TOKEN_IS "u.user_id=? "

#define CREDENTIAL_NOW 0
#define CREDENTIAL_COLUMN_COUNT 8 /* the statement's own begin here */

struct db_value credential_value(const struct credential *credential);

/* To the first row, and from it the caller, without the terms; marks the key as used. No row, or
 * one that tells of a key or user that is not good: ERROR_NOT_FOUND, INVALID_CREDENTIALS. The rows
 * stay where they are. */
int credential_read(struct db *db, const struct credential *credential, struct db_rows *rows,
                    struct caller *ret_caller, struct error *err);

#endif
