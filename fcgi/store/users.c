#include "store/users.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/db.h"
#include "store/once.h"

#include "base/banned.h"

#define PREFIX_LENGTH 8
#define RANDOM_LENGTH 30
#define CHECKSUM_LENGTH 6
#define COVERED_LENGTH (PREFIX_LENGTH + RANDOM_LENGTH) /* what the checksum is made of */
#define MASK_HEAD 12
#define MASK_TAIL 4

_Static_assert(sizeof(API_KEY_PREFIX) - 1 == PREFIX_LENGTH, "the prefix has its length");
_Static_assert(COVERED_LENGTH + CHECKSUM_LENGTH == API_KEY_LENGTH, "a key has its length");

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* The checksum of the first COVERED_LENGTH bytes, its highest digit first. */
static void checksum_of(const char *key, char digits[CHECKSUM_LENGTH])
{
    unsigned long sum = crc32(0, (const unsigned char *)key, COVERED_LENGTH);

    for (int i = CHECKSUM_LENGTH - 1; i >= 0; i--) {
        digits[i] = base62[sum % 62];
        sum /= 62;
    }
}

struct api_key_text api_key_new(void)
{
    struct api_key_text key = {API_KEY_PREFIX};

    random_base62(key.text + PREFIX_LENGTH, RANDOM_LENGTH);
    checksum_of(key.text, key.text + COVERED_LENGTH);
    key.text[API_KEY_LENGTH] = '\0';
    return key;
}

bool api_key_well_formed(const char *text)
{
    char checksum[CHECKSUM_LENGTH];

    if (strnlen(text, API_KEY_LENGTH + 1) != API_KEY_LENGTH ||
        memcmp(text, API_KEY_PREFIX, PREFIX_LENGTH) != 0 ||
        strspn(text + PREFIX_LENGTH, base62) != API_KEY_LENGTH - PREFIX_LENGTH)
        return false;
    checksum_of(text, checksum);
    return memcmp(text + COVERED_LENGTH, checksum, CHECKSUM_LENGTH) == 0;
}

void api_key_mask(const struct api_key_text *key, char masked[API_KEY_MASKED_SIZE])
{
    memcpy(masked, key->text, MASK_HEAD);
    memcpy(masked + MASK_HEAD, "...", 3);
    memcpy(masked + MASK_HEAD + 3, key->text + API_KEY_LENGTH - MASK_TAIL, MASK_TAIL + 1);
}

static int no_such_user(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "USER_NOT_FOUND", "there is no such user");
}

static int no_such_key(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "API_KEY_NOT_FOUND", "there is no such API key");
}

void user_release(struct user *user)
{
    free(user->name);
    free(user->email);
    free(user->github_id);
    free(user->github_login);
    user->name = user->email = user->github_id = user->github_login = NULL;
}

int store_user_create(struct db *db, const char *name, const char *email, struct id *ret_user_id,
                      struct error *err)
{
    static const struct query query = {"INSERT INTO users (user_id, name, email) VALUES (?, ?, ?)"};
    struct id user_id = id_new();

    if (DB_RUN(db, &query, NULL, err, db_id(&user_id), db_text(name), db_text(email)) < 0)
        return -1;
    *ret_user_id = user_id;
    return 0;
}

#define USER_COLUMNS                                                                               \
    "SELECT user_id, name, email, github_id, github_login, is_active, created_at FROM users"

static struct user user_of_row(const struct db_rows *rows)
{
    return (struct user){
        .user_id = db_row_id(rows, 0),
        .name = db_row_copy(rows, 1),
        .email = db_row_copy(rows, 2),
        .github_id = db_row_copy(rows, 3),
        .github_login = db_row_copy(rows, 4),
        .is_active = db_row_int(rows, 5) != 0,
        .is_deleted = db_row_length(rows, 2) == 0,
        .created_at = db_row_time(rows, 6),
    };
}

int store_user_find(struct db *db, const char *who, struct user *ret_user, struct error *err)
{
    static const struct query by_id = {USER_COLUMNS " WHERE user_id = ?"};
    static const struct query by_email = {USER_COLUMNS " WHERE email = ? AND email <> '' LIMIT 2"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, id_valid(who) ? &by_id : &by_email, err, db_text(who));

    if (!rows)
        return -1;
    if (db_rows_count(rows) > 1)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "several users have this e-mail address; use the user id");
    if (!db_next(rows))
        return no_such_user(err);
    *ret_user = user_of_row(rows);
    return 0;
}

int store_user_list(struct db *db, void (*each)(const struct user *user, void *arg), void *arg,
                    struct error *err)
{
    static const struct query query = {USER_COLUMNS " ORDER BY created_at, user_id"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(user_release) struct user user = user_of_row(rows);

        each(&user, arg);
    }
    return 0;
}

int store_user_set_active(struct db *db, const struct id *user_id, bool active, struct error *err)
{
    static const struct query query = {"UPDATE users SET is_active = ? WHERE user_id = ?"};
    int64_t changed;

    if (DB_RUN(db, &query, &changed, err, db_int(active), db_id(user_id)) < 0)
        return -1;
    return changed ? 0 : no_such_user(err);
}

int store_user_rename(struct db *db, const struct id *user_id, const char *name, const char *email,
                      struct error *err)
{
    static const struct query query = {"UPDATE users SET name = IFNULL(?, name), email = IFNULL(?, "
                                       "email) WHERE user_id = ? AND email <> ''"};
    int64_t changed;

    if (DB_RUN(db, &query, &changed, err, db_text(name), db_text(email), db_id(user_id)) < 0)
        return -1;
    return changed ? 0 : no_such_user(err);
}

/* Behind the insert: a key that an earlier attempt made is counted once. */
static int check_key_limit(struct db *db, const struct new_key *wanted, struct error *err)
{
    static const struct query count_keys = {
        "SELECT COUNT(*) FROM api_keys WHERE user_id = ? AND is_active"
        "   AND (expires_at IS NULL OR expires_at > NOW(6))"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &count_keys, err, db_id(&wanted->user_id));

    if (!rows || !db_next(rows))
        return -1;
    if (wanted->active_max == 0 || db_row_int(rows, 0) <= wanted->active_max)
        return 0;
    return error_set(err, ERROR_LIMIT, "API_KEY_LIMIT",
                     "a user may have %lld active API keys, and %lld are in use; revoke "
                     "one first",
                     (long long)wanted->active_max, (long long)db_row_int(rows, 0) - 1);
}

struct key_creation {
    const struct new_key *wanted;
    struct api_key_text text;
    int64_t created_at;
};

/* Was it made by this very attempt, whose answer was lost? */
static int is_this_text(struct db *db, const struct id *key_id, const unsigned char *hash,
                        bool *ret_same, struct error *err)
{
    static const struct query query = {
        "SELECT key_id FROM api_keys WHERE key_id = ? AND key_hash = ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(key_id), db_bytes(hash, SHA256_SIZE));

    if (!rows)
        return -1;
    *ret_same = db_next(rows);
    return 0;
}

/* The same request has made the key before, and died before its text was told to anybody. So there
 * is nobody whose key would change; unless another request was quicker with the same
 * Idempotency-Key. */
static int replace_key(struct db *db, const struct new_key *wanted, const unsigned char *hash,
                       const char *masked, struct error *err)
{
    static const struct query query = {
        "UPDATE api_keys SET key_hash = ?, masked = ? WHERE key_id = ? AND user_id = ?"};
    int64_t changed;
    bool same = false;

    if (wanted->repeatable && is_this_text(db, &wanted->key_id, hash, &same, err) < 0)
        return -1;
    if (same)
        return 0;
    if (wanted->repeatable)
        return error_set(
            err, ERROR_CONFLICT, "API_KEY_SHOWN_ONCE",
            "An earlier request with this Idempotency-Key made the API key %s, and its "
            "text is shown once only. If you don't have it, revoke that key, and make "
            "another with another Idempotency-Key.",
            wanted->key_id.text);
    if (DB_RUN(db, &query, &changed, err, db_bytes(hash, SHA256_SIZE), db_text(masked),
               db_id(&wanted->key_id), db_id(&wanted->user_id)) < 0)
        return -1;
    return changed ? 0 : error_set(err, ERROR_INTERNAL, NULL, "two API keys have one hash");
}

static int insert_key(struct db *db, const struct new_key *wanted, const struct api_key_text *key,
                      struct error *err)
{
    static const struct query query = {
        "INSERT INTO api_keys (key_id, user_id, key_hash, masked, name, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)"};
    unsigned char hash[SHA256_SIZE];
    char masked[API_KEY_MASKED_SIZE];

    sha256(key->text, API_KEY_LENGTH, hash);
    api_key_mask(key, masked);
    if (DB_RUN(db, &query, NULL, err, db_id(&wanted->key_id), db_id(&wanted->user_id),
               db_bytes(hash, sizeof(hash)), db_text(masked), db_text(wanted->name),
               db_time(wanted->expires_at)) == 0)
        return 0;
    return err->kind == ERROR_CONFLICT ? replace_key(db, wanted, hash, masked, err) : -1;
}

static int read_key_time(struct db *db, const struct id *key_id, int64_t *ret_created_at,
                         struct error *err)
{
    static const struct query query = {"SELECT created_at FROM api_keys WHERE key_id = ?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(key_id));

    if (!rows || !db_next(rows))
        return -1;
    *ret_created_at = db_row_time(rows, 0);
    return 0;
}

/* Under the user's row lock, so that the limit holds against racing requests. */
static int insert_locked(struct db *db, struct key_creation *creation, struct error *err)
{
    static const struct query lock_user = {
        "SELECT user_id FROM users WHERE user_id = ? FOR UPDATE"};
    const struct new_key *wanted = creation->wanted;
    _cleanup_(db_rows_release) struct db_rows *locked =
        DB_SELECT(db, &lock_user, err, db_id(&wanted->user_id));

    if (!locked || insert_key(db, wanted, &creation->text, err) < 0 ||
        check_key_limit(db, wanted, err) < 0)
        return -1;
    return read_key_time(db, &wanted->key_id, &creation->created_at, err);
}

static int attempt_key(struct db *db, void *arg, bool *maybe, struct error *err)
{
    if (db_begin(db, err) < 0)
        return -1;
    if (insert_locked(db, arg, err) == 0) {
        *maybe = true;
        if (db_commit(db, err) == 0)
            return 0;
    }
    db_rollback(db);
    return -1;
}

int store_key_create(struct db *db, const struct new_key *wanted, struct api_key_text *ret_key,
                     int64_t *ret_created_at, struct error *err)
{
    struct key_creation creation = {.wanted = wanted, .text = api_key_new()};

    if (store_once(db, attempt_key, &creation, err) < 0)
        return -1;
    *ret_key = creation.text;
    *ret_created_at = creation.created_at;
    return 0;
}

#define KEY_LIST                                                                                   \
    "SELECT key_id, user_id, masked, name, is_active, created_at, expires_at, last_used_at,"       \
    "       hold_seconds FROM api_keys WHERE user_id = ? "

static void each_key(struct db_rows *rows, void (*each)(const struct api_key *key, void *arg),
                     void *arg)
{
    while (db_next(rows)) {
        _cleanup_(free_ptr) char *masked = db_row_copy(rows, 2);
        _cleanup_(free_ptr) char *name = db_row_copy(rows, 3);
        struct api_key key = {
            .key_id = db_row_id(rows, 0),
            .user_id = db_row_id(rows, 1),
            .masked = masked,
            .name = name,
            .is_active = db_row_int(rows, 4) != 0,
            .created_at = db_row_time(rows, 5),
            .expires_at = db_row_time(rows, 6),
            .last_used_at = db_row_time(rows, 7),
            .hold_seconds = db_is_null(rows, 8) ? -1 : db_row_int(rows, 8),
        };

        each(&key, arg);
    }
}

int store_key_list(struct db *db, const struct id *user_id,
                   void (*each)(const struct api_key *key, void *arg), void *arg, struct error *err)
{
    static const struct query query = {KEY_LIST "ORDER BY created_at, key_id"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(user_id));

    if (!rows)
        return -1;
    each_key(rows, each, arg);
    return 0;
}

int store_key_list_revoked(struct db *db, const struct id *user_id,
                           void (*each)(const struct api_key *key, void *arg), void *arg,
                           struct error *err)
{
    static const struct query query = {
        KEY_LIST "AND is_active = FALSE ORDER BY created_at DESC, key_id DESC LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(user_id), db_int(REVOKED_KEYS_SHOWN));

    if (!rows)
        return -1;
    each_key(rows, each, arg);
    return 0;
}

int store_key_get(struct db *db, const struct id *user_id, const struct id *key_id,
                  void (*each)(const struct api_key *key, void *arg), void *arg, struct error *err)
{
    static const struct query query = {KEY_LIST "AND key_id = ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(user_id), db_id(key_id));

    if (!rows)
        return -1;
    if (db_rows_count(rows) == 0)
        return no_such_key(err);
    each_key(rows, each, arg);
    return 0;
}

int store_key_set_hold(struct db *db, const char *key_id, int64_t seconds, struct error *err)
{
    static const struct query query = {"UPDATE api_keys SET hold_seconds = ? WHERE key_id = ?"};
    int64_t changed;

    if (!id_valid(key_id))
        return no_such_key(err);
    if (DB_RUN(db, &query, &changed, err, seconds < 0 ? db_null() : db_int(seconds),
               db_text(key_id)) < 0)
        return -1;
    return changed ? 0 : no_such_key(err);
}

int store_key_revoke(struct db *db, const struct id *user_id, const char *key_id, struct error *err)
{
    static const struct query of_user = {
        "UPDATE api_keys SET is_active = FALSE WHERE key_id = ? AND user_id = ?"};
    static const struct query of_anybody = {
        "UPDATE api_keys SET is_active = FALSE WHERE key_id = ?"};
    int64_t changed;
    int done;

    if (!id_valid(key_id))
        return no_such_key(err);
    done = user_id ? DB_RUN(db, &of_user, &changed, err, db_text(key_id), db_id(user_id))
                   : DB_RUN(db, &of_anybody, &changed, err, db_text(key_id));
    if (done < 0)
        return -1;
    return changed ? 0 : no_such_key(err);
}
