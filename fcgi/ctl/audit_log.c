/*
 * audit_log.c - codesetctl audit log.
 */
#include "store/audit_log.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "ctl/commands.h"
#include "ctl/output.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MOST 1000000

void ctl_record(struct ctl *ctl, const char *kind, const char *object, const char *detail)
{
    _cleanup_(buf_release) struct buf shown_object = BUF_INIT, shown_detail = BUF_INIT;
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);

    /* A path may be no text. */
    utf8_printable(&shown_object, object, strlen(object));
    if (detail)
        utf8_printable(&shown_detail, detail, strlen(detail));
    if (!db || store_audit_log_add(db, kind, shown_object.data, detail ? shown_detail.data : NULL,
                                   &err) < 0)
        ctl_warn(ctl, "this is not in the audit log: %s", err.message);
}

static void add_entry(const struct audit_entry *entry, void *arg)
{
    json_object *object = json_object_new_object();
    bool named = entry->email && entry->email[0];
    const char *user = entry->user_id.text[0] ? entry->user_id.text : NULL;
    bool is_user = strcmp(entry->actor, "user") == 0;

    json_add_int(object, "seq", entry->seq);
    json_add_time(object, "at", entry->at);
    json_add_text(object, "actor", entry->actor);
    json_add_text(object, "name", entry->name);
    json_add_text(object, "who",
                  is_user && named ? entry->email
                  : entry->name    ? entry->name
                                   : entry->actor);
    json_add_text(object, "account", entry->account);
    json_add_text(object, "kind", entry->kind);
    json_add_text(object, "user_id", user);
    json_add_text(object, "user", named ? entry->email : user);
    json_add_text(object, "object", entry->object);
    json_add_text(object, "detail", entry->detail);
    json_object_array_add(arg, object);
}

static bool is_kind(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length <= AUDIT_KIND_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz_.") == length;
}

int ctl_audit_log(struct ctl *ctl)
{
    static const struct output_column columns[] = {{"TIME", "at"},       {"WHO", "who"},
                                                   {"WHAT", "kind"},     {"USER", "user"},
                                                   {"OBJECT", "object"}, {"DETAIL", "detail"}};
    const char *who = ctl_option(ctl, "user"), *since = ctl_option(ctl, "since");
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    _cleanup_(user_release) struct user user = {0};
    struct audit_filter filter = {.kind = ctl_option(ctl, "kind")};
    struct error err = ERROR_INIT;
    struct db *db;

    if (filter.kind && !is_kind(filter.kind))
        return ctl_usage(ctl,
                         "--kind must be a kind of act, such as key.revoked, or key for all of "
                         "them, not '%s'",
                         filter.kind);
    if (since && clock_parse(since, &filter.since) < 0 && clock_parse_day(since, &filter.since) < 0)
        return ctl_usage(ctl,
                         "--since must be a day (2026-11-21) or a time "
                         "(2026-11-21T19:05:00Z), not '%s'",
                         since);
    if (ctl_option_int(ctl, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &filter.limit) != CTL_OK)
        return CTL_USAGE;
    db = who ? ctl_find_user(ctl, who, &user, &err) : ctl_db(ctl, &err);
    filter.user_id = who ? &user.user_id : NULL;
    if (!db || store_audit_log_list(db, &filter, add_entry, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns), "no act matches");
    return CTL_OK;
}
