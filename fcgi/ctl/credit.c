/*
 * credit.c - codesetctl credit, codesetctl user limit.
 */
#include "store/credit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "settings.h"
#include "store/limits.h"
#include "store/usage.h"

#include "base/banned.h"

#define CENTS_MOST INT64_C(100000000)
#define DAYS_MOST 36500
#define DAY (86400 * CLOCK_SECOND)
#define REASON_MOST 255
#define KEY_MOST 100

static bool is_line(const char *text, size_t most)
{
    size_t length = strlen(text);

    if (!utf8_valid(text, length) || length == 0 || utf8_count(text, length) > most)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return true;
}

/* The option --reason, or the fallback; NULL: it is none, and that was said. */
static const char *reason_of(struct ctl *ctl, const char *fallback)
{
    const char *reason = ctl_option(ctl, "reason");

    if (!reason)
        return fallback;
    if (is_line(reason, REASON_MOST))
        return reason;
    ctl_usage(ctl, "a reason must be one line of 1 to %d characters", REASON_MOST);
    return NULL;
}

static int read_cents(const char *text, int64_t *ret_cents)
{
    char *end;
    long long cents = strtoll(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || cents < 1 || cents > CENTS_MOST)
        return -1;
    *ret_cents = cents;
    return 0;
}

/* --- credit grant ---------------------------------------------------------------------------- */

int ctl_give(struct db *db, const struct id *user_id, int64_t cents, const char *description,
             struct error *err)
{
    struct id id = id_new();
    _cleanup_(free_ptr) char *event = xasprintf("grant:%s", id.text);

    return store_credit_grant(db, user_id, event, cents, 0, description, NULL, err);
}

/* A key is its user's. */
static char *event_of(const struct id *user_id, const char *key)
{
    struct id id = id_new();

    return key ? xasprintf("grant:key:%s:%s", user_id->text, key) : xasprintf("grant:%s", id.text);
}

int ctl_credit_grant(struct ctl *ctl)
{
    const char *key = ctl_option(ctl, "once"), *reason = reason_of(ctl, "Credit");
    _cleanup_(free_ptr) char *event = NULL;
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    _cleanup_(json_release) json_object *object = NULL;
    struct balance balance;
    int64_t cents, days;
    bool moved;
    struct db *db;

    if (!reason || ctl_option_int(ctl, "expires", 1, DAYS_MOST, 0, &days) != CTL_OK)
        return CTL_USAGE;
    if (read_cents(ctl_argument(ctl, 1), &cents) < 0)
        return ctl_usage(ctl, "CENTS must be a whole number from 1 to %lld", (long long)CENTS_MOST);
    if (key && !is_line(key, KEY_MOST))
        return ctl_usage(ctl, "--once must be one line of 1 to %d characters", KEY_MOST);
    db = ctl_find_user(ctl, ctl_argument(ctl, 0), &user, &err);
    event = event_of(&user.user_id, key);
    if (!db ||
        store_credit_grant(db, &user.user_id, event, cents, days ? clock_now() + days * DAY : 0,
                           reason, &moved, &err) < 0 ||
        store_balance_get(db, &user.user_id, &balance, &err) < 0)
        return ctl_fail(ctl, &err);
    object = json_object_new_object();
    json_add_text(object, "user_id", user.user_id.text);
    json_add_int(object, "granted_cents", moved ? cents : 0);
    json_add_int(object, "balance_cents", balance.balance_cents);
    if (moved)
        output_done(ctl_json(ctl), object,
                    "%lld cents granted to user %s; the balance is %lld cents", (long long)cents,
                    user.user_id.text, (long long)balance.balance_cents);
    else
        output_done(ctl_json(ctl), object,
                    "nothing granted: user %s had a grant with the key '%s' before; the balance is "
                    "%lld cents",
                    user.user_id.text, key, (long long)balance.balance_cents);
    return CTL_OK;
}

/* --- credit expire, credit refund ------------------------------------------------------------ */

static int read_id(struct ctl *ctl, const char *what, struct id *ret_id)
{
    const char *text = ctl_argument(ctl, 0);

    if (id_parse(text, strlen(text), ret_id) == 0)
        return CTL_OK;
    return ctl_usage(ctl, "'%s' is not the id of a %s; 'codesetctl ledger show USER' shows them",
                     text, what);
}

int ctl_credit_expire(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    _cleanup_(json_release) json_object *object = NULL;
    struct id grant_id;
    int64_t cents;
    struct db *db;

    if (read_id(ctl, "grant", &grant_id) != CTL_OK)
        return CTL_USAGE;
    db = ctl_db(ctl, &err);
    if (!db || store_credit_expire(db, &grant_id, &cents, &err) < 0)
        return ctl_fail(ctl, &err);
    object = json_object_new_object();
    json_add_text(object, "grant_id", grant_id.text);
    json_add_int(object, "expired_cents", cents);
    output_done(ctl_json(ctl), object, "grant %s has ended; %lld cents were left of it",
                grant_id.text, (long long)cents);
    return CTL_OK;
}

int ctl_credit_refund(struct ctl *ctl)
{
    const char *reason = reason_of(ctl, "Refund");
    struct error err = ERROR_INIT;
    _cleanup_(json_release) json_object *object = NULL;
    struct id transaction_id;
    int64_t wanted, cents;
    struct db *db;

    if (!reason || read_id(ctl, "transaction", &transaction_id) != CTL_OK ||
        ctl_option_int(ctl, "cents", 1, CENTS_MOST, 0, &wanted) != CTL_OK)
        return CTL_USAGE;
    db = ctl_db(ctl, &err);
    if (!db || store_credit_refund(db, &transaction_id, wanted, reason, &cents, &err) < 0)
        return ctl_fail(ctl, &err);
    object = json_object_new_object();
    json_add_text(object, "transaction_id", transaction_id.text);
    json_add_int(object, "refunded_cents", cents);
    output_done(ctl_json(ctl), object, "%lld cents of transaction %s given back", (long long)cents,
                transaction_id.text);
    return CTL_OK;
}

/* --- user limit ------------------------------------------------------------------------------ */

struct limit_option {
    const char *option, *key;
    size_t offset;
    int64_t most;
    const char *setting; /* of users without a limit of their own */
    size_t setting_offset;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): a member in parentheses is none */
#define LIMIT(option, member, most, section, setting)                                              \
    {                                                                                              \
        option, #member, offsetof(struct user_limits, member), most, "[" #section "] " #setting,   \
            offsetof(struct settings, section.setting)                                             \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct limit_option limit_options[] = {
    LIMIT("sessions", sessions, 100000, api, sessions_per_user),
    LIMIT("creates-per-minute", creates_per_minute, 1000000, billing, creates_per_minute),
    LIMIT("cents-per-day", cents_per_day, CENTS_MOST, billing, cents_per_day),
    LIMIT("key-cents-per-day", key_cents_per_day, CENTS_MOST, billing, key_cents_per_day),
    LIMIT("low-balance-cents", low_balance_cents, CENTS_MOST, billing, low_balance_cents),
};

static int64_t *limit_of(struct user_limits *limits, const struct limit_option *option)
{
    return (int64_t *)(void *)((char *)limits + option->offset);
}

/* *ret_changes: how many options were given. Returns CTL_OK or CTL_USAGE. */
static int read_limits(struct ctl *ctl, struct user_limits *limits, size_t *ret_changes)
{
    *ret_changes = 0;
    for (size_t i = 0; i < ARRAY_SIZE(limit_options); i++) {
        const struct limit_option *option = &limit_options[i];
        const char *text = ctl_option(ctl, option->option);
        int64_t *limit = limit_of(limits, option);

        if (!text)
            continue;
        ++*ret_changes;
        if (strcmp(text, "default") == 0)
            *limit = -1;
        else if (ctl_option_int(ctl, option->option, 0, option->most, 0, limit) != CTL_OK)
            return CTL_USAGE;
    }
    return CTL_OK;
}

static json_object *limits_object(const struct user *user, struct user_limits *limits)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "user_id", user->user_id.text);
    for (size_t i = 0; i < ARRAY_SIZE(limit_options); i++) {
        int64_t limit = *limit_of(limits, &limit_options[i]);

        if (limit < 0)
            json_add_text(object, limit_options[i].key, NULL);
        else
            json_add_int(object, limit_options[i].key, limit);
    }
    return object;
}

/* For people: what holds for a user without a limit of their own, and where that is set. */
static void name_settings(const struct settings *settings, json_object *object)
{
    for (size_t i = 0; i < ARRAY_SIZE(limit_options); i++) {
        const struct limit_option *option = &limit_options[i];
        const int64_t *number = (const void *)((const char *)settings + option->setting_offset);
        _cleanup_(free_ptr) char *text = NULL;

        if (json_object_object_get(object, option->key))
            continue;
        text = xasprintf("%lld (the setting %s)", (long long)*number, option->setting);
        json_add_text(object, option->key, text);
    }
}

int ctl_user_limit(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    _cleanup_(json_release) json_object *object = NULL;
    struct user_limits limits = USER_LIMITS_NONE;
    size_t changes;
    struct db *db;

    if (read_limits(ctl, &limits, &changes) != CTL_OK)
        return CTL_USAGE;
    db = ctl_find_user(ctl, ctl_argument(ctl, 0), &user, &err);
    if (!db || store_user_limits_get(db, &user.user_id, &limits, &err) < 0)
        return ctl_fail(ctl, &err);
    if (changes > 0 && (read_limits(ctl, &limits, &changes) != CTL_OK ||
                        store_user_limits_set(db, &user.user_id, &limits, &err) < 0))
        return ctl_fail(ctl, &err);
    object = limits_object(&user, &limits);
    if (!ctl_json(ctl))
        name_settings(ctl_settings(ctl), object);
    output_object(ctl_json(ctl), object);
    return CTL_OK;
}
