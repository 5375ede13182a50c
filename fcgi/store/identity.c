#include "store/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/credential.h"
#include "store/db.h"
#include "store/ledger.h"

#include "base/banned.h"

static int not_valid(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "INVALID_CREDENTIALS",
                     "the token is not valid; sign in again, or use an API key");
}

/* --- sign-in --------------------------------------------------------------------------------- */

static int update_known(struct db *db, const struct sign_in *sign_in, struct id *ret_user_id,
                        bool *ret_found, struct error *err)
{
    static const struct query select_user = {
        "SELECT user_id, is_active FROM users WHERE github_id=?"};
    static const struct query update_user = {
        "UPDATE users SET github_login=?, name=?, last_login_at=NOW(6) WHERE user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_user, err, db_text(sign_in->github_id));
    struct id user_id;

    if (!rows)
        return -1;
    *ret_found = db_next(rows);
    if (!*ret_found)
        return 0;
    if (!db_row_int(rows, 1))
        return error_set(err, ERROR_CONFLICT, "ACCOUNT_DEACTIVATED",
                         "this account is deactivated; ask the operator");
    user_id = db_row_id(rows, 0);
    if (DB_RUN(db, &update_user, NULL, err, db_text(sign_in->github_login), db_text(sign_in->name),
               db_id(&user_id)) < 0)
        return -1;
    *ret_user_id = user_id;
    return 0;
}

static int insert_with_credit(struct db *db, const struct sign_in *sign_in,
                              const struct id *user_id, struct error *err)
{
    static const struct query insert_user = {
        "INSERT INTO users (user_id, name, email, github_id, github_login, last_login_at) "
        "VALUES (?, ?, ?, ?, ?, NOW(6))"};
    _cleanup_(free_ptr) char *event = xasprintf("signup:%s", user_id->text);
    struct ledger_movement credit = {
        .event_key = event,
        .kind = LEDGER_PROMOTION,
        .user_id = *user_id,
        .amount_cents = sign_in->signup_credit_cents,
        .description = "Sign-up credit",
        .expires_at = sign_in->signup_credit_days
                          ? clock_now() + sign_in->signup_credit_days * 86400 * CLOCK_SECOND
                          : 0,
    };

    if (DB_RUN(db, &insert_user, NULL, err, db_id(user_id), db_text(sign_in->name),
               db_text(sign_in->email), db_text(sign_in->github_id),
               db_text(sign_in->github_login)) < 0)
        return -1;
    if (sign_in->signup_credit_cents == 0)
        return 0;
    return store_ledger_move(db, &credit, NULL, err);
}

/* The unique github_id decides a race: the loser's insert is a conflict, and the user known. */
static int create_user(struct db *db, const struct sign_in *sign_in, struct id *ret_user_id,
                       struct error *err)
{
    struct id user_id = id_new();

    if (db_begin(db, err) < 0)
        return -1;
    if (insert_with_credit(db, sign_in, &user_id, err) < 0 || db_commit(db, err) < 0) {
        db_rollback(db);
        return -1;
    }
    *ret_user_id = user_id;
    return 0;
}

int store_sign_in(struct db *db, const struct sign_in *sign_in, struct id *ret_user_id,
                  bool *ret_is_new, struct error *err)
{
    struct id user_id;
    bool found = false;

    if (update_known(db, sign_in, &user_id, &found, err) < 0)
        return -1;
    if (!found && create_user(db, sign_in, ret_user_id, err) == 0) {
        *ret_is_new = true;
        return 0;
    }
    if (!found &&
        (err->kind != ERROR_CONFLICT || update_known(db, sign_in, &user_id, &found, err) < 0))
        return -1;
    if (!found)
        return error_set(err, ERROR_INTERNAL, NULL, "cannot find a user that exists");
    *ret_user_id = user_id;
    *ret_is_new = false;
    return 0;
}

/* --- tokens ---------------------------------------------------------------------------------- */

int store_refresh_token_add(struct db *db, const struct id *jti, const struct id *user_id,
                            int64_t expires_at, struct error *err)
{
    /* What has expired is of no use to anybody; a user's old rows go as new ones come. */
    static const struct query delete_expired = {
        "DELETE FROM refresh_tokens WHERE user_id=? AND expires_at < NOW(6)"};
    static const struct query insert_token = {
        "INSERT INTO refresh_tokens (jti, user_id, expires_at) VALUES (?, ?, ?)"};

    if (DB_RUN(db, &delete_expired, NULL, err, db_id(user_id)) < 0)
        return -1;
    return DB_RUN(db, &insert_token, NULL, err, db_id(jti), db_id(user_id), db_time(expires_at));
}

int store_refresh_token_check(struct db *db, const struct id *jti, const struct id *user_id,
                              struct error *err)
{
    static const struct query select_token = {
        "SELECT t.jti FROM refresh_tokens t JOIN users u USING (user_id) "
        "WHERE t.jti=? AND t.user_id=? AND t.revoked_at IS NULL AND u.is_active"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_token, err, db_id(jti), db_id(user_id));

    if (!rows)
        return -1;
    return db_next(rows) ? 0 : not_valid(err);
}

int store_refresh_tokens_revoke(struct db *db, const struct id *user_id, int64_t *ret_count,
                                struct error *err)
{
    static const struct query revoke = {
        "UPDATE refresh_tokens SET revoked_at=NOW(6) WHERE user_id=? AND revoked_at IS NULL"};

    return DB_RUN(db, &revoke, ret_count, err, db_id(user_id));
}

/* --- profile and terms ----------------------------------------------------------------------- */

void profile_release(struct profile *profile)
{
    free(profile->name);
    free(profile->email);
    free(profile->github_id);
    free(profile->github_login);
    free(profile->terms_version);
    memset(profile, 0, sizeof(*profile));
}

#define PROFILE_COLUMNS                                                                            \
    "u.name, u.email, u.github_id, u.github_login, u.created_at, u.last_login_at, "                \
    "u.terms_accepted_at, u.terms_version "
#define PROFILE_COLUMN_COUNT 8

static void read_profile(const struct db_rows *rows, unsigned first, const struct id *user_id,
                         struct profile *profile)
{
    *profile = (struct profile){
        .user_id = *user_id,
        .name = db_row_copy(rows, first),
        .email = db_row_copy(rows, first + 1),
        .github_id = db_row_copy(rows, first + 2),
        .github_login = db_row_copy(rows, first + 3),
        .created_at = db_row_time(rows, first + 4),
        .last_login_at = db_row_time(rows, first + 5),
        .terms_accepted_at = db_row_time(rows, first + 6),
        .terms_version = db_row_copy(rows, first + 7),
    };
}

int store_profile_get(struct db *db, const struct id *user_id, struct profile *ret_profile,
                      struct error *err)
{
    static const struct query select_profile = {"SELECT " PROFILE_COLUMNS
                                                "FROM users u WHERE u.user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_profile, err, db_id(user_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return not_valid(err);
    read_profile(rows, 0, user_id, ret_profile);
    return 0;
}

#define FIRST_OF_PROFILE CREDENTIAL_COLUMN_COUNT
#define HAS_REVOKED (FIRST_OF_PROFILE + PROFILE_COLUMN_COUNT)
#define FIRST_OF_KEY (HAS_REVOKED + 1)
/* Unsorted: an ORDER BY would make a temporary table of each answer. The index that the rows come
 * by has them as they were made. */
#define KEYS_OF_USER "LEFT JOIN api_keys a ON a.user_id=u.user_id AND a.is_active=TRUE "
#define PROFILE_AND_KEYS                                                                           \
    ", " PROFILE_COLUMNS                                                                           \
    ", EXISTS (SELECT 1 FROM api_keys r WHERE r.user_id=u.user_id AND r.is_active=FALSE), "        \
    "a.key_id, a.masked, a.name, a.created_at, a.expires_at, a.last_used_at "

static void read_key(const struct db_rows *rows, const struct id *user_id,
                     void (*each_key)(const struct api_key *key, void *arg), void *arg)
{
    _cleanup_(free_ptr) char *masked = db_row_copy(rows, FIRST_OF_KEY + 1);
    _cleanup_(free_ptr) char *name = db_row_copy(rows, FIRST_OF_KEY + 2);
    const struct api_key key = {
        .key_id = db_row_id(rows, FIRST_OF_KEY),
        .user_id = *user_id,
        .masked = masked,
        .name = name,
        .is_active = true,
        .created_at = db_row_time(rows, FIRST_OF_KEY + 3),
        .expires_at = db_row_time(rows, FIRST_OF_KEY + 4),
        .last_used_at = db_row_time(rows, FIRST_OF_KEY + 5),
    };

    each_key(&key, arg);
}

int store_profile_get_as(struct db *db, const struct credential *credential,
                         struct profile *ret_profile,
                         void (*each_key)(const struct api_key *key, void *arg), void *arg,
                         struct error *err)
{
    static const struct query by_key = {"SELECT " KEY_COLUMNS PROFILE_AND_KEYS KEY_FROM KEYS_OF_USER
                                        "WHERE " KEY_IS};
    static const struct query by_token = {
        "SELECT " TOKEN_COLUMNS PROFILE_AND_KEYS TOKEN_FROM KEYS_OF_USER "WHERE " TOKEN_IS};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, credential->by_key ? &by_key : &by_token, err, credential_value(credential));
    struct caller caller;
    bool has_revoked;

    if (!rows || credential_read(db, credential, rows, &caller, err) < 0)
        return -1;
    has_revoked = db_row_int(rows, HAS_REVOKED) != 0;
    read_profile(rows, FIRST_OF_PROFILE, &caller.user_id, ret_profile);
    do {
        if (!db_is_null(rows, FIRST_OF_KEY))
            read_key(rows, &caller.user_id, each_key, arg);
    } while (db_next(rows));
    if (has_revoked && store_key_list_revoked(db, &caller.user_id, each_key, arg, err) < 0) {
        profile_release(ret_profile);
        return -1;
    }
    return 0;
}

int store_terms_accept(struct db *db, const struct id *user_id, const char *version,
                       struct error *err)
{
    /* Assigned from the left: the time is looked at while the version is still the old one. */
    static const struct query accept = {
        "UPDATE users SET terms_accepted_at=IF(terms_version <=> ?, terms_accepted_at, NOW(6)), "
        "terms_version=? WHERE user_id=?"};

    return DB_RUN(db, &accept, NULL, err, db_text(version), db_text(version), db_id(user_id));
}
