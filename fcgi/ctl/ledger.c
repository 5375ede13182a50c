/*
 * ledger.c - codesetctl ledger.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "store/audit.h"
#include "store/credit.h"
#include "store/db.h"
#include "store/numbers.h"
#include "store/usage.h"

#include "base/banned.h"

#define PAGE 1000
#define LIMIT_DEFAULT 1000
#define LIMIT_MOST 10000000

/* --- ledger audit ---------------------------------------------------------------------------- */

static void add_finding(const struct audit_finding *finding, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "object", finding->object);
    json_add_text(object, "id", finding->id);
    json_add_text(object, "detail", finding->detail);
    json_add_text(object, "rule", finding->rule);
    json_object_array_add(arg, object);
}

static void print_audit(const struct audit_totals *totals, json_object *findings)
{
    static const struct output_column columns[] = {
        {"WHAT", "object"}, {"ID", "id"}, {"FOUND", "detail"}, {"RULE THAT IS BROKEN", "rule"}};

    if (totals->findings > 0)
        output_rows(false, findings, columns, ARRAY_SIZE(columns), "");
    output_count(totals->transactions, "transaction", ", ");
    output_count(totals->users, "user", " with ");
    output_count(totals->balance_cents, "cent", ", ");
    output_count(totals->sessions, "session", ": ");
    output_count(totals->rules, "rule", " checked, ");
    if (totals->findings > 0)
        output_count(totals->findings, "fault", " found\n");
    else
        puts("all hold");
}

int ctl_ledger_audit(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *findings = json_object_new_array();
    struct audit_totals totals;

    if (!db || store_ledger_audit(db, add_finding, findings, &totals, &err) < 0 ||
        store_audit_note(db, totals.findings, &err) < 0)
        return ctl_fail(ctl, &err);
    if (ctl_json(ctl)) {
        _cleanup_(json_release) json_object *object = json_object_new_object();

        json_add_int(object, "transactions", totals.transactions);
        json_add_int(object, "users", totals.users);
        json_add_int(object, "sessions", totals.sessions);
        json_add_int(object, "balance_cents", totals.balance_cents);
        json_add_int(object, "rules", totals.rules);
        json_object_object_add(object, "findings", json_object_get(findings));
        output_object(true, object);
    } else {
        print_audit(&totals, findings);
    }
    return totals.findings > 0 ? CTL_FAILED : CTL_OK;
}

/* --- ledger show ----------------------------------------------------------------------------- */

static json_object *transaction_object(const struct usage_transaction *transaction)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "transaction_id", transaction->transaction_id.text);
    json_add_time(object, "created_at", transaction->created_at);
    json_add_text(object, "kind", transaction->kind);
    json_add_text(object, "type", usage_type_name(transaction->type));
    json_add_int(object, "amount_cents", transaction->amount_cents);
    json_add_text(object, "description", transaction->description);
    json_add_text(object, "session_id", transaction->session_id);
    json_add_text(object, "job_id", transaction->job_id);
    if (transaction->seconds >= 0)
        json_add_int(object, "seconds", transaction->seconds);
    else
        json_add_text(object, "seconds", NULL);
    return object;
}

static void add_transaction(const struct usage_transaction *transaction, void *arg)
{
    json_object_array_add(arg, transaction_object(transaction));
}

static void print_csv_text(const char *text)
{
    putchar('"');
    if (*text && strchr("=+-@\t\r", *text)) /* no formula for a spreadsheet */
        putchar('\'');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_csv(const struct usage_transaction *transaction, void *arg)
{
    char when[CLOCK_TEXT_SIZE];

    (void)arg;
    printf("%s,%s,%s,%lld,", transaction->transaction_id.text,
           clock_format(transaction->created_at, when), transaction->kind,
           (long long)transaction->amount_cents);
    print_csv_text(transaction->description);
    printf(",%s,%s,", transaction->session_id ? transaction->session_id : "",
           transaction->job_id ? transaction->job_id : "");
    if (transaction->seconds >= 0)
        printf("%lld", (long long)transaction->seconds);
    fputs("\r\n", stdout);
}

/* In pieces, so that no number of transactions needs much memory. Of one snapshot: a movement
 * between two pieces would show a row of the first again. */
static int list(struct db *db, struct usage_query *query, int64_t limit,
                void (*each)(const struct usage_transaction *transaction, void *arg), void *arg,
                int64_t *ret_total, struct error *err)
{
    struct usage_summary summary;

    for (query->offset = 0;; query->offset += PAGE) {
        query->limit = limit - query->offset < PAGE ? limit - query->offset : PAGE;
        if (store_usage_list(db, query, each, arg, &summary, err) < 0)
            return -1;
        *ret_total = summary.transactions;
        if (query->offset + PAGE >= limit || query->offset + PAGE >= summary.transactions)
            return 0;
    }
}

/* "2026-11" as its first moment and that of the month behind it. */
static int read_month(const char *text, struct usage_query *query)
{
    int year, month, used = 0;
    char day[32];

    if (sscanf(text, "%4d-%2d%n", &year, &month, &used) != 2 || text[used] || used != 7 ||
        month < 1 || month > 12)
        return -1;
    snprintf(day, sizeof(day), "%s-01", text);
    if (clock_parse_day(day, &query->from) < 0)
        return -1;
    snprintf(day, sizeof(day), "%04d-%02d-01", month == 12 ? year + 1 : year, month % 12 + 1);
    return clock_parse_day(day, &query->before);
}

static void add_grant(const struct credit_grant *grant, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "grant_id", grant->grant_id.text);
    json_add_int(object, "amount_cents", grant->amount_cents);
    json_add_int(object, "remaining_cents", grant->remaining_cents);
    json_add_time(object, "created_at", grant->created_at);
    json_add_time(object, "expires_at", grant->expires_at);
    json_add_text(object, "description", grant->description);
    json_object_array_add(arg, object);
}

static json_object *balance_object(const struct balance *balance)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "user_id", balance->user_id.text);
    json_add_int(object, "balance_cents", balance->balance_cents);
    json_add_int(object, "paid_cents", balance->paid_cents);
    json_add_int(object, "granted_cents", balance->granted_cents);
    json_add_int(object, "total_deposited_cents", balance->total_deposited_cents);
    json_add_int(object, "total_spent_cents", balance->total_spent_cents);
    return object;
}

static void print_ledger(json_object *balance, json_object *grants, json_object *transactions)
{
    static const struct output_column grant_columns[] = {{"ID OF GRANT", "grant_id"},
                                                         {"CENTS", "amount_cents"},
                                                         {"LEFT", "remaining_cents"},
                                                         {"EXPIRES", "expires_at"},
                                                         {"DESCRIPTION", "description"}};
    static const struct output_column columns[] = {{"WHEN", "created_at"},
                                                   {"KIND", "kind"},
                                                   {"CENTS", "amount_cents"},
                                                   {"TRANSACTION ID", "transaction_id"},
                                                   {"DESCRIPTION", "description"}};

    output_object(false, balance);
    if (json_object_array_length(grants) > 0) {
        putchar('\n');
        output_rows(false, grants, grant_columns, ARRAY_SIZE(grant_columns), "");
    }
    putchar('\n');
    output_rows(false, transactions, columns, ARRAY_SIZE(columns), "no transaction matches");
}

static int show(struct ctl *ctl, struct db *db, struct usage_query *query, int64_t limit)
{
    struct error err = ERROR_INIT;
    _cleanup_(db_end_snapshot) struct db *snapshot = db_snapshot(db, &err);
    struct balance balance;
    int64_t total;
    _cleanup_(json_release) json_object *object = NULL;
    _cleanup_(json_release) json_object *grants = json_object_new_array();
    _cleanup_(json_release) json_object *transactions = json_object_new_array();

    if (!snapshot || store_balance_get(snapshot, &query->user_id, &balance, &err) < 0 ||
        store_credit_grants(snapshot, &query->user_id, add_grant, grants, &err) < 0 ||
        list(snapshot, query, limit, add_transaction, transactions, &total, &err) < 0)
        return ctl_fail(ctl, &err);
    object = balance_object(&balance);
    if (ctl_json(ctl)) {
        json_object_object_add(object, "grants", json_object_get(grants));
        json_object_object_add(object, "transactions", json_object_get(transactions));
        output_object(true, object);
    } else {
        print_ledger(object, grants, transactions);
    }
    if (total > limit)
        ctl_warn(ctl, "showing the newest %lld of %lld transactions; use --limit to see more",
                 (long long)limit, (long long)total);
    return CTL_OK;
}

static int show_csv(struct ctl *ctl, struct db *db, struct usage_query *query)
{
    struct error err = ERROR_INIT;
    _cleanup_(db_end_snapshot) struct db *snapshot = db_snapshot(db, &err);
    int64_t total;

    if (!snapshot)
        return ctl_fail(ctl, &err);
    fputs("transaction_id,created_at,kind,amount_cents,description,session_id,job_id,seconds\r\n",
          stdout);
    if (list(snapshot, query, INT64_MAX, print_csv, NULL, &total, &err) < 0)
        return ctl_fail(ctl, &err);
    return CTL_OK;
}

int ctl_ledger_show(struct ctl *ctl)
{
    const char *month = ctl_option(ctl, "month");
    struct usage_query query = {.types = USAGE_ALL_TYPES, .from = -1, .before = -1};
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    int64_t limit;
    struct db *db;

    if (ctl_option_int(ctl, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &limit) != CTL_OK)
        return CTL_USAGE;
    if (month && read_month(month, &query) < 0)
        return ctl_usage(ctl, "--month must be like 2026-11");
    if (ctl_option(ctl, "csv") && (ctl_json(ctl) || ctl_option(ctl, "limit")))
        return ctl_usage(ctl, "--csv shows all transactions, and goes without --json and --limit");
    db = ctl_find_user(ctl, ctl_argument(ctl, 0), &user, &err);
    if (!db)
        return ctl_fail(ctl, &err);
    query.user_id = user.user_id;
    return ctl_option(ctl, "csv") ? show_csv(ctl, db, &query) : show(ctl, db, &query, limit);
}
