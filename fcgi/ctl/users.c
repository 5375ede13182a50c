/*
 * users.c - codesetctl user, codesetctl key.
 */
#include "store/users.h"
#include "store/identity.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "ctl/commands.h"
#include "ctl/output.h"

#include "base/banned.h"

#define NAME_MOST 255
#define EMAIL_MOST 320
#define DAYS_MOST 36500
#define CREDIT_MOST 100000000
#define DAY (86400 * CLOCK_SECOND)

static json_object *user_object(const struct user *user)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "user_id", user->user_id.text);
    json_add_text(object, "name", user->is_deleted ? NULL : user->name);
    json_add_text(object, "email", user->is_deleted ? NULL : user->email);
    json_add_bool(object, "is_deleted", user->is_deleted);
    json_add_text(object, "github_id", user->github_id);
    json_add_text(object, "github_login", user->github_login);
    json_add_bool(object, "is_active", user->is_active);
    json_add_time(object, "created_at", user->created_at);
    return object;
}

static void add_hold(json_object *object, int64_t seconds)
{
    if (seconds >= 0)
        json_add_int(object, "hold_seconds", seconds);
    else
        json_add_text(object, "hold_seconds", NULL);
}

static json_object *key_object(const struct api_key *key)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "key_id", key->key_id.text);
    json_add_text(object, "user_id", key->user_id.text);
    json_add_text(object, "key", key->masked);
    json_add_text(object, "name", key->name);
    json_add_bool(object, "is_active", key->is_active);
    json_add_time(object, "created_at", key->created_at);
    json_add_time(object, "expires_at", key->expires_at);
    json_add_time(object, "last_used_at", key->last_used_at);
    add_hold(object, key->hold_seconds);
    return object;
}

/* One line of text, without control characters. */
static bool is_plain(const char *text, size_t most)
{
    size_t length = strlen(text);

    if (!utf8_valid(text, length) || utf8_count(text, length) > most || length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return true;
}

static bool is_email(const char *text)
{
    const char *at = strrchr(text, '@');

    return is_plain(text, EMAIL_MOST) && !strchr(text, ' ') && at && at > text && at[1];
}

int ctl_user_add(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0), *email = ctl_argument(ctl, 1);
    struct error err = ERROR_INIT;
    struct db *db;
    struct id user_id;
    int64_t credit;
    _cleanup_(user_release) struct user user = {0};

    if (ctl_option_int(ctl, "credit", 0, CREDIT_MOST,
                       ctl_settings(ctl)->accounts.signup_credit_cents, &credit) != CTL_OK)
        return CTL_USAGE;
    if (!is_plain(name, NAME_MOST))
        return ctl_usage(ctl, "a name must be one line of 1 to %d characters", NAME_MOST);
    if (!is_email(email))
        return ctl_usage(ctl, "'%s' is not an e-mail address", email);
    db = ctl_db(ctl, &err);
    if (!db)
        return ctl_fail(ctl, &err);
    if (store_user_find(db, email, &user, &err) == 0)
        error_set(&err, ERROR_CONFLICT, NULL, "user %s already has the e-mail address %s",
                  user.user_id.text, email);
    if (err.kind != ERROR_NOT_FOUND || store_user_create(db, name, email, &user_id, &err) < 0 ||
        (credit > 0 && ctl_give(db, &user_id, credit, "Sign-up credit", &err) < 0) ||
        store_user_find(db, user_id.text, &user, &err) < 0)
        return ctl_fail(ctl, &err);
    if (ctl_json(ctl)) {
        _cleanup_(json_release) json_object *object = user_object(&user);

        output_object(true, object);
    } else {
        puts(user_id.text);
    }
    return CTL_OK;
}

static void add_user(const struct user *user, void *arg)
{
    json_object_array_add(arg, user_object(user));
}

int ctl_user_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"USER ID", "user_id"},     {"ACTIVE", "is_active"}, {"CREATED", "created_at"},
        {"GITHUB", "github_login"}, {"E-MAIL", "email"},     {"NAME", "name"}};
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (!db || store_user_list(db, add_user, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                "there are no users yet; add one with 'codesetctl user add'");
    return CTL_OK;
}

struct db *ctl_find_user(struct ctl *ctl, const char *who, struct user *ret_user, struct error *err)
{
    struct db *db = ctl_db(ctl, err);

    if (!db || store_user_find(db, who, ret_user, err) == 0)
        return db;
    if (err->kind == ERROR_NOT_FOUND)
        error_set(err, ERROR_NOT_FOUND, NULL,
                  "there is no user '%s'; list them with 'codesetctl user list'", who);
    return NULL;
}

int ctl_user_show(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    _cleanup_(json_release) json_object *object = NULL;

    if (!ctl_find_user(ctl, ctl_argument(ctl, 0), &user, &err))
        return ctl_fail(ctl, &err);
    object = user_object(&user);
    output_object(ctl_json(ctl), object);
    return CTL_OK;
}

/* As ctl_find_user, but one who was deleted is refused. */
static struct db *find_living(struct ctl *ctl, struct user *ret_user, struct error *err)
{
    struct db *db = ctl_find_user(ctl, ctl_argument(ctl, 0), ret_user, err);

    if (!db || !ret_user->is_deleted)
        return db;
    error_set(err, ERROR_CONFLICT, NULL, "user %s was deleted, and cannot be brought back",
              ret_user->user_id.text);
    return NULL;
}

/* Nobody else has the address. */
static int check_email_free(struct db *db, const char *email, const struct id *user_id,
                            struct error *err)
{
    _cleanup_(user_release) struct user other = {0};

    if (store_user_find(db, email, &other, err) < 0)
        return err->kind == ERROR_NOT_FOUND ? 0 : -1;
    if (strcmp(other.user_id.text, user_id->text) == 0)
        return 0;
    return error_set(err, ERROR_CONFLICT, NULL, "user %s already has the e-mail address %s",
                     other.user_id.text, email);
}

int ctl_user_rename(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 1), *email = ctl_option(ctl, "email");
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0}, renamed = {0};
    _cleanup_(json_release) json_object *object = NULL;
    struct db *db;

    if (!name && !email)
        return ctl_usage(ctl, "nothing to change; give a NAME, or --email EMAIL");
    if (name && !is_plain(name, NAME_MOST))
        return ctl_usage(ctl, "a name must be one line of 1 to %d characters", NAME_MOST);
    if (email && !is_email(email))
        return ctl_usage(ctl, "'%s' is not an e-mail address", email);
    db = find_living(ctl, &user, &err);
    if (!db || (email && check_email_free(db, email, &user.user_id, &err) < 0) ||
        store_user_rename(db, &user.user_id, name, email, &err) < 0 ||
        store_user_find(db, user.user_id.text, &renamed, &err) < 0)
        return ctl_fail(ctl, &err);
    if (name && user.github_id)
        ctl_warn(ctl, "this user signs in with GitHub: the name comes from there at each sign-in");
    object = user_object(&renamed);
    output_done(ctl_json(ctl), object, "user %s is now %s, %s", renamed.user_id.text, renamed.name,
                renamed.email);
    return CTL_OK;
}

static int set_active(struct ctl *ctl, bool active)
{
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    _cleanup_(json_release) json_object *object = NULL;
    struct db *db = find_living(ctl, &user, &err);

    if (!db || store_user_set_active(db, &user.user_id, active, &err) < 0)
        return ctl_fail(ctl, &err);
    user.is_active = active;
    object = user_object(&user);
    output_done(ctl_json(ctl), object, "user %s %s", user.user_id.text,
                active ? "activated" : "deactivated; the user's keys and sign-ins no longer work");
    return CTL_OK;
}

int ctl_user_activate(struct ctl *ctl)
{
    return set_active(ctl, true);
}

int ctl_user_deactivate(struct ctl *ctl)
{
    return set_active(ctl, false);
}

int ctl_user_revoke(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    int64_t count;
    struct db *db = ctl_find_user(ctl, ctl_argument(ctl, 0), &user, &err);

    if (!db || store_refresh_tokens_revoke(db, &user.user_id, &count, &err) < 0)
        return ctl_fail(ctl, &err);
    if (ctl_json(ctl)) {
        _cleanup_(json_release) json_object *object = json_object_new_object();

        json_add_text(object, "user_id", user.user_id.text);
        json_add_int(object, "revoked", count);
        output_object(true, object);
    } else {
        printf("%lld refresh token%s revoked\n", (long long)count, count == 1 ? "" : "s");
    }
    return CTL_OK;
}

int ctl_user_accept_terms(struct ctl *ctl)
{
    const char *version = ctl_settings(ctl)->accounts.terms_version;
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    _cleanup_(json_release) json_object *object = NULL;
    struct db *db;

    if (!version[0]) {
        error_set(&err, ERROR_CONFLICT, NULL,
                  "no terms are in force: terms_version of [accounts] is empty");
        return ctl_fail(ctl, &err);
    }
    db = find_living(ctl, &user, &err);
    if (!db || store_terms_accept(db, &user.user_id, version, &err) < 0)
        return ctl_fail(ctl, &err);
    object = json_object_new_object();
    json_add_text(object, "user_id", user.user_id.text);
    json_add_text(object, "terms_version", version);
    output_done(ctl_json(ctl), object, "terms %s accepted for user %s", version, user.user_id.text);
    return CTL_OK;
}

/* A key that nobody got to see is of no use, so it is revoked. */
static int take_back(struct ctl *ctl, struct db *db, const struct id *key_id, int why)
{
    struct error err = ERROR_INIT;

    if (store_key_revoke(db, NULL, key_id->text, &err) < 0)
        error_wrap(&err, "cannot print the key: %s; key %s is active and could not be revoked",
                   strerror(why), key_id->text);
    else
        error_set(&err, ERROR_INTERNAL, NULL, "cannot print the key: %s; key %s has been revoked",
                  strerror(why), key_id->text);
    return ctl_fail(ctl, &err);
}

int ctl_key_add(struct ctl *ctl)
{
    const char *name = ctl_option(ctl, "name");
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    struct new_key wanted = {.key_id = id_new(), .name = name};
    struct id key_id = wanted.key_id;
    struct api_key_text key;
    int64_t days, expires_at, created_at;
    struct db *db;

    if (ctl_option_int(ctl, "expires", 1, DAYS_MOST, 0, &days) != CTL_OK)
        return CTL_USAGE;
    if (name && !is_plain(name, NAME_MOST))
        return ctl_usage(ctl, "a name must be one line of 1 to %d characters", NAME_MOST);
    expires_at = days ? clock_now() + days * DAY : 0;
    wanted.expires_at = expires_at;
    db = find_living(ctl, &user, &err);
    wanted.user_id = user.user_id;
    if (!db || store_key_create(db, &wanted, &key, &created_at, &err) < 0)
        return ctl_fail(ctl, &err);
    if (!user.is_active)
        ctl_warn(ctl, "the user is deactivated, so the key does not work until 'codesetctl user "
                      "activate'");
    signal(SIGPIPE, SIG_IGN); /* if the reader is gone, take_back must still run */
    if (ctl_json(ctl)) {
        _cleanup_(json_release) json_object *object = json_object_new_object();

        json_add_text(object, "key_id", key_id.text);
        json_add_text(object, "user_id", user.user_id.text);
        json_add_text(object, "key", key.text);
        json_add_text(object, "name", name);
        json_add_time(object, "expires_at", expires_at);
        output_object(true, object);
    } else {
        puts(key.text);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        return take_back(ctl, db, &key_id, errno);
    return CTL_OK;
}

static void add_key(const struct api_key *key, void *arg)
{
    json_object_array_add(arg, key_object(key));
}

int ctl_key_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"KEY ID", "key_id"},      {"KEY", "key"},
        {"ACTIVE", "is_active"},   {"CREATED", "created_at"},
        {"EXPIRES", "expires_at"}, {"LAST USED", "last_used_at"},
        {"NAME", "name"}};
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    struct db *db = ctl_find_user(ctl, ctl_argument(ctl, 0), &user, &err);

    if (!db || store_key_list(db, &user.user_id, add_key, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns), "the user has no keys");
    return CTL_OK;
}

static int fail_with_key(struct ctl *ctl, struct error *err)
{
    if (err->kind == ERROR_NOT_FOUND)
        error_set(err, ERROR_NOT_FOUND, NULL,
                  "there is no key with the id '%s'; list them with 'codesetctl key list USER'",
                  ctl_argument(ctl, 0));
    return ctl_fail(ctl, err);
}

int ctl_key_set(struct ctl *ctl)
{
    const char *hold = ctl_option(ctl, "hold");
    int64_t seconds = -1;
    struct error err = ERROR_INIT;
    _cleanup_(json_release) json_object *object = NULL;
    struct db *db;

    if (!hold)
        return ctl_usage(ctl, "nothing to change; use --hold SECONDS");
    if (strcmp(hold, "default") != 0 &&
        ctl_option_int(ctl, "hold", 0, KEY_HOLD_SECONDS_MAX, -1, &seconds) != CTL_OK)
        return CTL_USAGE;
    db = ctl_db(ctl, &err);
    if (!db || store_key_set_hold(db, ctl_argument(ctl, 0), seconds, &err) < 0)
        return fail_with_key(ctl, &err);
    object = json_object_new_object();
    json_add_text(object, "key_id", ctl_argument(ctl, 0));
    add_hold(object, seconds);
    output_done(ctl_json(ctl), object, "key %s: hold %s", ctl_argument(ctl, 0), hold);
    return CTL_OK;
}

int ctl_key_revoke(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    _cleanup_(json_release) json_object *object = NULL;
    struct db *db = ctl_db(ctl, &err);

    if (!db || store_key_revoke(db, NULL, ctl_argument(ctl, 0), &err) < 0)
        return fail_with_key(ctl, &err);
    object = json_object_new_object();
    json_add_text(object, "key_id", ctl_argument(ctl, 0));
    json_add_bool(object, "is_active", false);
    output_done(ctl_json(ctl), object, "key %s revoked", ctl_argument(ctl, 0));
    return CTL_OK;
}
