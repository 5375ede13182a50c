/*
 * Money that does not slow down: balance and usage of a user with 10,000 transactions against the
 * same queries in FastAPI; a thousand sessions that end at once, while somebody runs commands; an
 * audit of a million transactions.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench.h"
#include "client.h"
#include "fixture.h"

#include "base/banned.h"

#define CONNECTIONS 16
#define ENDED 1000
#define AUDITED 1000000

/* Statements are run one by one, as an operator's. */
static void must(int status, const char *what)
{
    if (status != 0)
        bench_fail("%s failed", what);
}

/* Usage of the user's paid money, five cents each, as it would have been written; the user's
 * balance follows it. numbers: a sequence with a column n. */
static void lay_usage(const char *user, const char *mark, const char *numbers)
{
    must(sql("INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, "
             "amount_cents, description, seconds) SELECT UUID(), CONCAT('%s:', u.user_id, ':', "
             "s.seq), 'session_usage', u.user_id, -5, 'Session', 60 FROM users u JOIN %s s "
             "WHERE %s",
             mark, numbers, user),
         "laying transactions");
    must(sql("INSERT INTO ledger_entries (transaction_id, account, amount_cents) "
             "SELECT transaction_id, 'user_paid', -5 FROM ledger_transactions "
             "WHERE event_key LIKE '%s:%%' UNION ALL SELECT transaction_id, 'revenue', 5 "
             "FROM ledger_transactions WHERE event_key LIKE '%s:%%'",
             mark, mark),
         "laying entries");
    must(sql("INSERT INTO balances (user_id, balance_cents, paid_cents, total_spent_cents) "
             "SELECT user_id, SUM(amount_cents), SUM(amount_cents), -SUM(amount_cents) "
             "FROM ledger_transactions WHERE event_key LIKE '%s:%%' GROUP BY user_id "
             "ON DUPLICATE KEY UPDATE balance_cents=balance_cents+VALUE(balance_cents), "
             "paid_cents=paid_cents+VALUE(paid_cents), "
             "total_spent_cents=total_spent_cents+VALUE(total_spent_cents)",
             mark),
         "laying balances");
}

static void compare(const char *what, const char *path, const char *peer)
{
    _cleanup_(free_ptr) char *headers = xasprintf("Authorization: Bearer %s\r\n", client_key());
    struct load *ours = load_new(path, headers, CONNECTIONS);
    struct load *theirs = load_new(peer, headers, CONNECTIONS);
    struct series of_ours = {0}, of_theirs = {0};

    for (int round = 0; round < bench_rounds; round++) {
        series_add(&of_ours, load_run(ours, 10));
        series_add(&of_theirs, load_run(theirs, 10));
    }
    table_row(what, &of_ours, &of_theirs, "1/s", 1, ">= 3");
    series_release(&of_ours);
    series_release(&of_theirs);
    load_free(ours);
    load_free(theirs);
}

static void bench_reading(void)
{
    _cleanup_(free_ptr) char *me = xasprintf("u.user_id='%s'", fixture_user());

    lay_usage(me, "mine", "seq_1_to_10000");
    compare("GET /billing/balance : the same in FastAPI", "/api/v1/billing/balance",
            "/bench/fastapi/billing/balance");
    compare("GET /billing/usage of 10,000 : FastAPI", "/api/v1/billing/usage",
            "/bench/fastapi/billing/usage");
}

/* --- settlement ------------------------------------------------------------------------------ */

static int64_t unsettled(void)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    must(shell(&out, "mariadb --no-defaults -S \"$CODESET_STACK/run/mysqld/mysqld.sock\" -u root "
                     "codeset -BNe 'SELECT COUNT(*) FROM sessions WHERE unsettled=TRUE AND "
                     "ended_at IS NOT NULL'"),
         "counting sessions");
    return strtoll(out.data, NULL, 10);
}

/* Of a hundred users with a grant each. */
static void lay_open_sessions(void)
{
    must(sql("INSERT INTO users (user_id, name, email) SELECT UUID(), 'Bench', "
             "CONCAT('bench-', seq, '@example.com') FROM seq_1_to_100"),
         "laying users");
    must(sql("INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, "
             "amount_cents, description) SELECT UUID(), CONCAT('bench:', user_id), 'promotion', "
             "user_id, 100000, 'Grant' FROM users WHERE name='Bench'"),
         "laying grants");
    must(sql("INSERT INTO ledger_entries (transaction_id, account, amount_cents) "
             "SELECT transaction_id, 'user', 100000 FROM ledger_transactions WHERE event_key LIKE "
             "'bench:%%' UNION ALL SELECT transaction_id, 'promotion', -100000 "
             "FROM ledger_transactions WHERE event_key LIKE 'bench:%%'"),
         "laying entries");
    must(sql("INSERT INTO balances (user_id, balance_cents) SELECT user_id, 100000 FROM users "
             "WHERE name='Bench'"),
         "laying balances");
    must(sql("INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, status, "
             "created_at, expires_at, price_cents, unsettled) SELECT UUID(), u.user_id, '" DATASET
             "', '" SOLVABLE "', 1, 'ready', NOW(6), NOW(6) + INTERVAL 1 DAY, 5, TRUE "
             "FROM users u JOIN seq_1_to_10 WHERE u.name='Bench'"),
         "laying sessions");
}

static void bench_settlement(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    struct series calm = {0}, busy = {0};
    int64_t begun, ended;

    for (int round = 0; round < bench_rounds; round++)
        series_add(&calm, bench_exec_once(id.text));
    lay_open_sessions();
    begun = clock_monotonic();
    must(sql("UPDATE sessions SET status='closed', ended_at=NOW(6) WHERE status='ready' AND "
             "user_id IN (SELECT user_id FROM users WHERE name='Bench')"),
         "ending sessions");
    do {
        for (int i = 0; i < 10; i++)
            series_add(&busy, bench_exec_once(id.text));
    } while (unsettled() > 0);
    ended = clock_monotonic();
    table_row("exec while 1,000 sessions are charged : calm", &busy, &calm, "ms", 1e3,
              "p99 <= 2.0");
    table_note("%d sessions that ended at once were charged within %.1f s; target <= 5; exec's p99 "
               "meanwhile : calm = %.2f",
               ENDED, (double)(ended - begun) / CLOCK_SECOND,
               series_percentile(&busy, 99) / series_percentile(&calm, 99));
    series_release(&calm);
    series_release(&busy);
    session_close(NULL, id.text);
}

/* --- the audit ------------------------------------------------------------------------------- */

static void bench_audit(void)
{
    int64_t begun = clock_monotonic();

    lay_usage("u.name='Bench'", "audit", "seq_1_to_10000");
    table_note("%d transactions laid in %lld s", AUDITED,
               (long long)((clock_monotonic() - begun) / CLOCK_SECOND));
    begun = clock_monotonic();
    must(ctl(NULL, "ledger audit >&2"), "the audit");
    table_note("ledger audit of %d transactions: %.1f s; target <= 10", AUDITED,
               (double)(clock_monotonic() - begun) / CLOCK_SECOND);
}

void bench_money(void)
{
    bench_reading();
    bench_settlement();
    bench_audit();
}
