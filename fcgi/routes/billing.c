/* /billing: balance, pricing, usage. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/db.h"
#include "store/usage.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 25
#define LIMIT_MOST 1000
#define ITEMS_MOST 1000000
#define CSV_ROWS_MOST 10000
#define TYPES_MOST 32
#define DAY (86400 * CLOCK_SECOND)

/* --- GET /billing/balance -------------------------------------------------------------------- */

static int get_balance(void *app, const struct request *request, const void *values,
                       struct answer *answer, struct error *err)
{
    struct api *api = app;
    struct balance balance;
    struct buf *body;

    (void)request;
    (void)values;
    if (store_balance_get_as(api->db, &api->credential, &balance, &api->caller, err) < 0)
        return -1;
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "user_id", balance.user_id.text);
    render_int(body, "balance", balance.balance_cents);
    render_int(body, "total_deposited", balance.total_deposited_cents);
    render_int(body, "total_spent", balance.total_spent_cents);
    if (balance.stripe_customer_id[0])
        render_text(body, "stripe_customer_id", balance.stripe_customer_id);
    else
        render_null(body, "stripe_customer_id");
    render_time(body, "last_updated", balance.updated_at);
    render_close(body, '}');
    return 0;
}

/* --- GET /billing/pricing -------------------------------------------------------------------- */

static void render_price(struct buf *out, const char *cents_key, const char *dollars_key,
                         int64_t cents)
{
    render_int(out, cents_key, cents);
    render_double(out, dollars_key, (double)cents / 100);
}

static int get_pricing(void *app, const struct request *request, const void *values,
                       struct answer *answer, struct error *err)
{
    const struct api *api = app;
    const struct billing_settings *billing = &api->settings->billing;
    struct buf *body = answer_json(answer, 200);

    (void)request;
    (void)values;
    (void)err;
    render_open(body, NULL, '{');
    render_price(body, "cost_per_minute_cents", "cost_per_minute_dollars",
                 billing->enabled ? billing->cents_per_minute : 0);
    render_price(body, "agent_job_cost_cents", "agent_job_cost_dollars",
                 billing->enabled ? billing->agent_job_cents : 0);
    render_bool(body, "billing_enabled", billing->enabled);
    render_close(body, '}');
    return 0;
}

/* --- GET /billing/usage ---------------------------------------------------------------------- */

enum format { FORMAT_JSON, FORMAT_CSV };

struct usage_values {
    int64_t page, limit; /* limit 0: not given */
    int64_t start_date, end_date;
    struct field_texts transaction_types;
    int64_t max_items; /* 0: not given */
    int format;
};

static const char *const formats[] = {"json", "csv", NULL};

static const struct field usage_query_fields[] = {
    {"page", FIELD_INT, .least = 1, .most = 1000000000, .fallback = 1,
     .offset = offsetof(struct usage_values, page)},
    {"limit", FIELD_INT, .least = 1, .most = LIMIT_MOST,
     .offset = offsetof(struct usage_values, limit)},
    {"start_date", FIELD_DATE, .offset = offsetof(struct usage_values, start_date)},
    {"end_date", FIELD_DATE, .offset = offsetof(struct usage_values, end_date)},
    {"transaction_types", FIELD_TEXTS, .most = 256, .items_most = TYPES_MOST,
     .offset = offsetof(struct usage_values, transaction_types)},
    {"max_items", FIELD_INT, .least = 1, .most = ITEMS_MOST,
     .offset = offsetof(struct usage_values, max_items)},
    {"format", FIELD_WORD, .words = formats, .offset = offsetof(struct usage_values, format)},
};

/* A word with no meaning selects nothing. `usage` is the dashboard's word for sessions. */
static unsigned type_of(const char *word, size_t length)
{
    static const char usage[] = "usage";

    if (length == sizeof(usage) - 1 && memcmp(word, usage, length) == 0)
        return 1U << USAGE_SESSION;
    for (int type = 0; type < USAGE_TYPES; type++) {
        const char *name = usage_type_name((enum usage_type)type);

        if (strlen(name) == length && memcmp(word, name, length) == 0)
            return 1U << type;
    }
    return 0;
}

/* The key may be repeated, and a value may hold several words with commas between. */
static unsigned types_of(const struct field_texts *texts)
{
    unsigned types = 0;

    if (texts->count == 0)
        return USAGE_ALL_TYPES;
    for (size_t i = 0; i < texts->count; i++) {
        const char *at = texts->items[i].bytes, *end = at + texts->items[i].length;

        while (at < end) {
            size_t length = strcspn(at, ",");

            types |= type_of(at, length);
            at += length + 1;
        }
    }
    return types;
}

static int64_t at_most(int64_t number, int64_t most)
{
    return number < most ? number : most;
}

/* Of all that is selected the newest max_items are shown. A file without page and limit has all of
 * these. */
static struct usage_query query_of(const struct api *api, const struct usage_values *values,
                                   int64_t *ret_limit, int64_t *ret_items_most)
{
    bool whole = values->format == FORMAT_CSV && values->limit == 0;
    int64_t items = values->max_items ? values->max_items : ITEMS_MOST;
    int64_t limit = values->limit ? values->limit : LIMIT_DEFAULT;
    struct usage_query query = {
        .user_id = api->caller.user_id,
        .types = types_of(&values->transaction_types),
        .from = values->start_date,
        .before = values->end_date >= 0 ? values->end_date + DAY : -1,
    };

    if (whole)
        limit = at_most(items, CSV_ROWS_MOST);
    query.offset = (values->page - 1) * limit;
    query.limit = query.offset < items ? at_most(limit, items - query.offset) : 0;
    *ret_limit = limit;
    *ret_items_most = values->max_items ? items : INT64_MAX;
    return query;
}

static double minutes_of(int64_t seconds)
{
    return (double)seconds / 60;
}

static void render_transaction(const struct usage_transaction *transaction, void *arg)
{
    struct buf *out = arg;

    render_open(out, NULL, '{');
    render_text(out, "id", transaction->transaction_id.text);
    render_text(out, "type", usage_type_name(transaction->type));
    render_int(out, "amount_cents", transaction->amount_cents);
    render_text(out, "description", transaction->description);
    render_time(out, "created_at", transaction->created_at);
    render_text(out, "session_id", transaction->session_id);
    if (transaction->seconds >= 0)
        render_double(out, "duration_minutes", minutes_of(transaction->seconds));
    else
        render_null(out, "duration_minutes");
    render_text(out, "job_id", transaction->job_id);
    render_close(out, '}');
}

static double average(int64_t sum, int64_t count)
{
    return count ? (double)sum / (double)count : 0;
}

/* Costs are told as they are spoken of: not below 0. */
static void render_summary(struct buf *out, const struct usage_summary *summary)
{
    int64_t sessions = summary->count[USAGE_SESSION], jobs = summary->count[USAGE_AGENT_JOB];
    double minutes = minutes_of(summary->session_seconds);

    render_open(out, "summary", '{');
    render_int(out, "total_sessions", sessions);
    render_int(out, "total_deposits", summary->count[USAGE_DEPOSIT]);
    render_int(out, "total_agent_jobs", jobs);
    render_double(out, "average_session_cost_cents", average(-summary->session_cents, sessions));
    render_double(out, "average_agent_job_cost_cents", average(-summary->agent_job_cents, jobs));
    render_double(out, "total_session_duration_minutes", minutes);
    render_double(out, "average_session_duration_minutes",
                  sessions ? minutes / (double)sessions : 0);
    render_close(out, '}');
}

static void render_pagination(struct buf *out, int64_t page, int64_t limit, int64_t items)
{
    int64_t pages = (items + limit - 1) / limit;

    render_open(out, "pagination", '{');
    render_int(out, "current_page", page);
    render_int(out, "total_pages", pages);
    render_int(out, "total_items", items);
    render_int(out, "items_per_page", limit);
    render_bool(out, "has_previous", page > 1);
    render_bool(out, "has_next", page < pages);
    render_close(out, '}');
}

/* RFC 4180. A spreadsheet takes a text that begins like a formula for one, unless it begins with an
 * apostrophe. */
static void add_csv_text(struct buf *out, const char *text)
{
    buf_add_char(out, '"');
    if (*text && strchr("=+-@\t\r", *text))
        buf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '"')
            buf_add_char(out, '"');
        buf_add_char(out, *text);
    }
    buf_add_char(out, '"');
}

static void add_csv_row(const struct usage_transaction *transaction, void *arg)
{
    struct buf *out = arg;
    char when[CLOCK_TEXT_SIZE];

    buf_addf(out, "%s,%s,%" PRId64 ",", transaction->transaction_id.text,
             usage_type_name(transaction->type), transaction->amount_cents);
    add_csv_text(out, transaction->description);
    buf_addf(out, ",%s,%s,", clock_format(transaction->created_at, when),
             transaction->session_id ? transaction->session_id : "");
    if (transaction->seconds >= 0)
        buf_addf(out, "%.3f", minutes_of(transaction->seconds));
    buf_addf(out, ",%s\r\n", transaction->job_id ? transaction->job_id : "");
}

static int answer_csv(struct api *api, const struct usage_query *query, struct answer *answer,
                      struct error *err)
{
    struct usage_summary summary;

    answer->status = 200;
    answer_header(answer, "Content-Type", "text/csv; charset=utf-8; header=present");
    answer_header(answer, "Content-Disposition", "attachment; filename=\"codeset-usage.csv\"");
    buf_add_str(&answer->body, "id,type,amount_cents,description,created_at,session_id,"
                               "duration_minutes,job_id\r\n");
    return store_usage_list(api->db, query, add_csv_row, &answer->body, &summary, err);
}

static int answer_json_page(struct api *api, const struct usage_query *query, int64_t page,
                            int64_t limit, int64_t items_most, struct answer *answer,
                            struct error *err)
{
    struct balance balance;
    struct usage_summary summary;
    struct buf *body;

    if (store_balance_get(api->db, &api->caller.user_id, &balance, err) < 0)
        return -1;
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_int(body, "current_balance_cents", balance.balance_cents);
    render_int(body, "total_deposits_cents", balance.total_deposited_cents);
    render_int(body, "total_usage_cents", balance.total_spent_cents);
    render_open(body, "transactions", '[');
    if (store_usage_list(api->db, query, render_transaction, body, &summary, err) < 0)
        return -1;
    render_close(body, ']');
    render_summary(body, &summary);
    render_pagination(body, page, limit, at_most(summary.transactions, items_most));
    render_close(body, '}');
    return 0;
}

/* Balance, totals and transactions are of one moment, so that they add up. */
static int get_usage(void *app, const struct request *request, const void *values,
                     struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct usage_values *form = values;
    int64_t limit, items_most;
    struct usage_query query = query_of(api, form, &limit, &items_most);
    _cleanup_(db_end_snapshot) struct db *snapshot = db_snapshot(api->db, err);

    (void)request;
    if (!snapshot)
        return -1;
    return form->format == FORMAT_CSV
               ? answer_csv(api, &query, answer, err)
               : answer_json_page(api, &query, form->page, limit, items_most, answer, err);
}

static const struct route rows[] = {
    {"GET", API "/billing/balance", get_balance, .flags = ROUTE_BEARER | ROUTE_JOINED,
     .pool = "api"},
    {"GET", API "/billing/pricing", get_pricing, .pool = "api"},
    /* Not joined: who asks is known before anything is said about the query. */
    {"GET", API "/billing/usage", get_usage, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_QUERY(struct usage_values, usage_query_fields)},
};
const struct route_list billing_routes = {rows, ARRAY_SIZE(rows)};
