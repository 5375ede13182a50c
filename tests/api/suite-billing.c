/* Balance, pricing, usage; sessions that cost something. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define PATIENCE (60 * CLOCK_SECOND)
#define CREATE "{\"dataset\":\"" DATASET "\",\"sample_id\":\"" SOLVABLE "\"}"
#define SHAPE_USAGE                                                                                \
    "current_balance_cents:i total_deposits_cents:i total_usage_cents:i transactions:a "           \
    "summary:o pagination:o"
#define SHAPE_TRANSACTION                                                                          \
    "id:u type:s amount_cents:i description:s created_at:t session_id:u? duration_minutes:n? "     \
    "job_id:u?"
#define SHAPE_SUMMARY                                                                              \
    "total_sessions:i total_deposits:i total_agent_jobs:i average_session_cost_cents:n "           \
    "average_agent_job_cost_cents:n total_session_duration_minutes:n "                             \
    "average_session_duration_minutes:n"
#define SHAPE_PAGINATION                                                                           \
    "current_page:i total_pages:i total_items:i items_per_page:i has_previous:b has_next:b"

/* A user of a test's own. */
struct payer {
    char id[IDENT_SIZE], key[128];
};

static void first_line(const struct buf *out, char *line, size_t size)
{
    snprintf(line, size, "%.*s", (int)strcspn(out->data, "\n"), out->data);
}

/* options: of `user add`. */
static struct payer new_payer(const char *options)
{
    _cleanup_(buf_release) struct buf user = BUF_INIT, key = BUF_INIT;
    struct payer payer = {"", ""};
    char unique[9];

    random_base62(unique, 8);
    CHECK(ctl(&user, "user add Payer payer-%s@example.com %s", unique, options) == 0);
    first_line(&user, payer.id, sizeof(payer.id));
    CHECK(ctl(&key, "key add %s --name billing", payer.id) == 0);
    first_line(&key, payer.key, sizeof(payer.key));
    return payer;
}

static struct answer *get(const struct payer *payer, const char *path)
{
    return SEND(.path = path, .key = payer->key);
}

static int64_t balance_of(const struct payer *payer)
{
    _cleanup_(answer_release) struct answer *answer = get(payer, "/billing/balance");

    STATUS(answer, 200);
    return answer_int(answer, "balance");
}

/* The usage, as soon as it has so many transactions. */
static struct answer *usage_of(const struct payer *payer, int64_t transactions)
{
    int64_t until = clock_monotonic() + PATIENCE;

    for (;;) {
        struct answer *answer = get(payer, "/billing/usage");

        if (answer_int(answer, "pagination.total_items") >= transactions ||
            clock_monotonic() > until)
            return answer;
        answer_free(answer);
    }
}

/* Transactions of all types, an hour apart; the newest has 1 cent, the next 2 ... */
static void lay_history(const struct payer *payer, int count)
{
    CHECK(sql("INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, "
              "amount_cents, description, seconds, created_at) SELECT UUID(), CONCAT('%s:', n), "
              "ELT(1 + n %% 4, 'session_usage', 'deposit', 'agent_job_usage', 'refund'), '%s', "
              "IF(n %% 2, 1, -1) * (%d - n), CONCAT('no. ', CHAR(34), n, CHAR(34)), "
              "IF(n %% 4 = 0, 90, NULL), NOW(6) - INTERVAL (%d - n) HOUR "
              "FROM (SELECT CAST(seq AS INT) AS n FROM seq_1_to_%d) s",
              payer->id, payer->id, count + 1, count + 1, count) == 0);
}

/* So that the ledger of the stack adds up again. */
static void unlay_history(const struct payer *payer)
{
    CHECK(sql("DELETE FROM ledger_transactions WHERE user_id='%s' AND event_key LIKE '%s:%%'; "
              "DELETE FROM ledger_counts WHERE user_id='%s'",
              payer->id, payer->id, payer->id) == 0);
}

static void a_new_user_has_the_credit_of_the_settings(void)
{
    struct payer payer = new_payer("");
    _cleanup_(answer_release) struct answer *answer = get(&payer, "/billing/balance");

    STATUS(answer, 200);
    SHAPE(answer->json, "user_id:u balance:i total_deposited:i total_spent:i "
                        "stripe_customer_id:s? last_updated:t");
    TEXT(answer, "user_id", payer.id);
    INT(answer, "balance", 500);
    INT(answer, "total_deposited", 0);
    INT(answer, "total_spent", 0);
}

static void prices_need_no_credentials(void)
{
    _cleanup_(answer_release) struct answer *answer = SEND(.path = "/billing/pricing", .key = "");

    STATUS(answer, 200);
    SHAPE(answer->json, "cost_per_minute_cents:i cost_per_minute_dollars:n "
                        "agent_job_cost_cents:i agent_job_cost_dollars:n billing_enabled:b");
    INT(answer, "cost_per_minute_cents", 5);
}

static void without_funds_a_session_is_402_and_named(void)
{
    struct payer payer = new_payer("--credit 9");
    _cleanup_(answer_release) struct answer *first =
        SEND(.path = "/sessions", .key = payer.key, .body = CREATE);
    _cleanup_(answer_release) struct answer *second =
        SEND(.path = "/sessions", .key = payer.key, .body = CREATE);

    STATUS(first, 201);
    REFUSED(second, 402, "INSUFFICIENT_CREDITS");
    CHECK(strstr(answer_text(second, "detail.message"), "balance is 9 cents") != NULL);
    CHECK(strstr(answer_text(second, "detail.message"), "needs 10") != NULL);
    session_close(payer.key, answer_text(first, "session_id"));
}

/* Brought forward: the session has been ready for 66 s, which cost 5.5 cents. */
static void a_session_is_charged_once_when_it_ends(void)
{
    struct payer payer = new_payer("--credit 100");
    struct ident id = session_ready(payer.key, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *usage = NULL;

    CHECK(sql("UPDATE sessions SET status='closed', ended_at=created_at + INTERVAL 66500 * 1000 "
              "MICROSECOND WHERE session_id='%s'",
              id.text) == 0);
    usage = usage_of(&payer, 2);
    STATUS(usage, 200);
    TEXT(usage, "transactions.0.type", "session_usage");
    TEXT(usage, "transactions.0.session_id", id.text);
    INT(usage, "transactions.0.amount_cents", -6);
    CHECK(json_object_get_double(answer_at(usage, "transactions.0.duration_minutes")) == 1.1);
    TEXT(usage, "transactions.1.type", "deposit");
    INT(usage, "transactions.1.amount_cents", 100);
    INT(usage, "current_balance_cents", 94);
    INT(usage, "total_usage_cents", 6);
    INT(usage, "summary.total_sessions", 1);
    CHECK(balance_of(&payer) == 94);
}

static void when_credits_end_the_session_is_terminated(void)
{
    struct payer payer = new_payer("--credit 20");
    struct ident id = session_ready(payer.key, DATASET, SOLVABLE);
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", id.text);
    _cleanup_(free_ptr) char *session = xasprintf("/sessions/%s", id.text);
    _cleanup_(answer_release) struct answer *command =
        SEND(.path = path, .key = payer.key, .body = "{\"command\":\"sleep 300\"}");
    _cleanup_(answer_release) struct answer *ended = NULL, *after = NULL, *usage = NULL;

    CHECK(sql("UPDATE sessions SET created_at = created_at - INTERVAL 4 MINUTE WHERE "
              "session_id='%s'",
              id.text) == 0);
    ended = interaction_wait(payer.key, id.text, answer_text(command, "interaction_id"), 60);
    INT(ended, "exit_code", -1000);
    after = get(&payer, session);
    TEXT(after, "status", "terminated");
    TEXT(after, "error.code", "CREDITS_EXHAUSTED");
    usage = usage_of(&payer, 2);
    CHECK(answer_int(usage, "current_balance_cents") <= 0);
    CHECK(answer_int(usage, "current_balance_cents") > -5);
}

static void limits_of_a_user_are_named(void)
{
    struct payer payer = new_payer("--credit 1000");
    _cleanup_(answer_release) struct answer *first = NULL, *fast = NULL, *dear = NULL;

    CHECK(ctl(NULL, "user limit %s --creates-per-minute 1", payer.id) == 0);
    first = SEND(.path = "/sessions", .key = payer.key, .body = CREATE);
    STATUS(first, 201);
    fast = SEND(.path = "/sessions", .key = payer.key, .body = CREATE);
    REFUSED(fast, 429, "SESSION_RATE_LIMIT");
    CHECK(answer_has_header(fast, "Retry-After"));
    CHECK(ctl(NULL, "user limit %s --creates-per-minute default --cents-per-day 4", payer.id) == 0);
    dear = SEND(.path = "/sessions", .key = payer.key, .body = CREATE);
    REFUSED(dear, 402, "SPENDING_LIMIT");
    session_close(payer.key, answer_text(first, "session_id"));
}

/* --- usage ----------------------------------------------------------------------------------- */

static void usage_is_paged_and_summed_up(void)
{
    struct payer payer = new_payer("--credit 0");
    _cleanup_(answer_release) struct answer *first = NULL, *last = NULL, *few = NULL;

    lay_history(&payer, 60);
    first = get(&payer, "/billing/usage?limit=25");
    STATUS(first, 200);
    SHAPE(first->json, SHAPE_USAGE);
    SHAPE(answer_at(first, "transactions.0"), SHAPE_TRANSACTION);
    SHAPE(answer_at(first, "summary"), SHAPE_SUMMARY);
    SHAPE(answer_at(first, "pagination"), SHAPE_PAGINATION);
    CHECK(json_object_array_length(answer_at(first, "transactions")) == 25);
    INT(first, "transactions.0.amount_cents", -1);
    INT(first, "pagination.total_items", 60);
    INT(first, "pagination.total_pages", 3);
    INT(first, "summary.total_sessions", 15);
    INT(first, "summary.total_agent_jobs", 15);
    CHECK(json_object_get_double(answer_at(first, "summary.average_session_duration_minutes")) ==
          1.5);
    last = get(&payer, "/billing/usage?limit=25&page=3&max_items=10000");
    CHECK(json_object_array_length(answer_at(last, "transactions")) == 10);
    INT(last, "transactions.9.amount_cents", 60);
    CHECK(!json_object_get_boolean(answer_at(last, "pagination.has_next")));
    few = get(&payer, "/billing/usage?limit=25&page=2&max_items=30");
    CHECK(json_object_array_length(answer_at(few, "transactions")) == 5);
    INT(few, "pagination.total_items", 30);
    unlay_history(&payer);
}

static int64_t items(const struct payer *payer, const char *query)
{
    _cleanup_(free_ptr) char *path = xasprintf("/billing/usage?%s", query);
    _cleanup_(answer_release) struct answer *answer = get(payer, path);

    STATUS(answer, 200);
    return answer_int(answer, "pagination.total_items");
}

static void usage_is_filtered_by_type_and_day(void)
{
    struct payer payer = new_payer("--credit 0");
    char today[CLOCK_TEXT_SIZE], yesterday[CLOCK_TEXT_SIZE];
    _cleanup_(free_ptr) char *of_today = NULL, *until_yesterday = NULL, *of_yesterday = NULL;
    int64_t now = clock_now();

    lay_history(&payer, 60);
    clock_format(now, today)[10] = '\0';
    clock_format(now - 86400 * CLOCK_SECOND, yesterday)[10] = '\0';
    of_today = xasprintf("start_date=%s", today);
    until_yesterday = xasprintf("end_date=%s", yesterday);
    of_yesterday = xasprintf("start_date=%s&end_date=%sT23:59:59Z", yesterday, yesterday);
    CHECK(items(&payer, "transaction_types=usage") == 15);
    CHECK(items(&payer, "transaction_types=deposit&transaction_types=refund") == 30);
    CHECK(items(&payer, "transaction_types=deposit,usage,charge,refund,agent_job_usage") == 60);
    CHECK(items(&payer, "transaction_types=charge") == 0);
    CHECK(items(&payer, of_today) + items(&payer, until_yesterday) == 60);
    CHECK(items(&payer, of_yesterday) == 24);
    CHECK(items(&payer, "start_date=&end_date=") == 60);
    unlay_history(&payer);
}

static void usage_is_a_file_on_demand(void)
{
    struct payer payer = new_payer("--credit 0");
    _cleanup_(answer_release) struct answer *answer = NULL;
    char value[128];
    size_t lines = 0;

    lay_history(&payer, 60);
    answer = SEND(.path = "/billing/usage?format=csv", .key = payer.key, .direct = true);
    STATUS(answer, 200);
    CHECK(strncmp(answer_header(answer, "Content-Type", value, sizeof(value)), "text/csv", 8) == 0);
    CHECK(strstr(answer_header(answer, "Content-Disposition", value, sizeof(value)),
                 "attachment") != NULL);
    for (const char *at = answer->body.data; (at = strstr(at, "\r\n")); at += 2)
        lines++;
    CHECK(lines == 61);
    CHECK(strncmp(answer->body.data, "id,type,amount_cents,description,", 33) == 0);
    CHECK(strstr(answer->body.data, ",session_usage,-1,\"no. \"\"60\"\"\",") != NULL);
    unlay_history(&payer);
}

static void faults_of_a_usage_query_are_named(void)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/billing/usage?page=0&limit=1001&start_date=2026-02-31&end_date=soon&"
                     "max_items=x&format=xml",
             .direct = true);

    FAULTS(answer, "query.page greater_than_equal; query.limit less_than_equal; "
                   "query.start_date date_from_datetime_parsing; "
                   "query.end_date date_from_datetime_parsing; query.max_items int_parsing; "
                   "query.format enum");
}

static void credentials_come_before_the_query(void)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/billing/usage?page=0",
             .key = "codeset_00000000000000000000000000000000000000", .direct = true);

    REFUSED(answer, 401, "INVALID_CREDENTIALS");
}

static void the_ledger_adds_up(void)
{
    CHECK(ctl(NULL, "ledger audit >&2") == 0);
}

static const struct test tests[] = {
    {"a new user has the credit of the settings", a_new_user_has_the_credit_of_the_settings},
    {"prices need no credentials", prices_need_no_credentials},
    {"without funds a session is 402, with balance and need",
     without_funds_a_session_is_402_and_named},
    {"a session is charged once, when it ends", a_session_is_charged_once_when_it_ends},
    {"when credits end, the session is terminated", when_credits_end_the_session_is_terminated},
    {"limits of a user are named", limits_of_a_user_are_named},
    {"usage is paged and summed up", usage_is_paged_and_summed_up},
    {"usage is filtered by type and day", usage_is_filtered_by_type_and_day},
    {"usage is a file on demand", usage_is_a_file_on_demand},
    {"faults of a usage query are named", faults_of_a_usage_query_are_named},
    {"credentials come before the query", credentials_come_before_the_query},
    {"the ledger adds up", the_ledger_adds_up},
};

SUITE(billing, tests);
