#include "store/audit.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

/* Rows of a query: an id, and what is wrong with it; or, where there are names of columns, the id
 * and so many numbers that tell. */
struct rule {
    const char *rule;
    const char *object;
    struct query query;
    const char *columns[5];
};

#define LIMIT " LIMIT 100" /* AUDIT_FINDINGS_MAX */

/*
 * One pass over all transactions and their entries, in the order of their ids: millions of rows, so
 * that accounts are compared by their numbers (user_paid is 5, user_granted 6), each sum is made
 * once, and moves of grants are looked for only where there is an entry of granted money.
 */
#define SUMS                                                                                       \
    "IFNULL(SUM(e.amount_cents), 0) AS total, "                                                    \
    "IFNULL(SUM(IF(e.account+0 > 4, e.amount_cents, 0)), 0) AS users, "                            \
    "IFNULL(SUM(IF(e.account+0 = 6, e.amount_cents, 0)), 0) AS granted, "                          \
    "BIT_OR(1 << e.account+0) AS accounts"

/* Which accounts a kind touches, and its sign: what fcgi/store/ledger.c writes, said again. 2:
 * revenue, 3: stripe, 4: promotion. */
#define ACCOUNTS                                                                                   \
    "CASE WHEN t.kind IN ('deposit','card_refund','dispute','dispute_won') THEN 1 << 5 | 1 << 3 "  \
    "WHEN t.kind IN ('promotion','expiry') THEN 1 << 6 | 1 << 4 "                                  \
    "ELSE 1 << 5 | 1 << 6 | 1 << 2 END"
#define SIGN                                                                                       \
    "IF(t.kind IN ('session_usage','agent_job_usage','card_refund','dispute','expiry'), "          \
    "t.amount_cents <= 0, t.amount_cents >= 0)"
#define MOVED                                                                                      \
    "IFNULL((SELECT SUM(m.amount_cents) FROM grant_moves m "                                       \
    "WHERE m.transaction_id=t.transaction_id), 0)"

#define SPENT_KINDS "'session_usage','agent_job_usage','agent_job_refund','refund'"
#define SESSION_SECONDS "TIMESTAMPDIFF(SECOND, s.created_at, GREATEST(s.created_at, s.ended_at))"

static const struct rule rules[] = {
    {.rule = "the entries of a transaction sum to zero, to its amount, and are those of its kind",
     .object = "transaction",
     .query =
         {"SELECT t.transaction_id, t.amount_cents, " SUMS ", t.kind FROM ledger_transactions t "
          "FORCE INDEX (PRIMARY) LEFT JOIN ledger_entries e ON e.transaction_id=t.transaction_id "
          "GROUP BY t.transaction_id HAVING total <> 0 OR users <> t.amount_cents OR "
          "accounts & ~(" ACCOUNTS ") <> 0 OR NOT " SIGN " OR "
          "(granted <> 0 AND granted <> " MOVED ")" LIMIT},
     .columns = {"amount", "its entries sum to", "those of the user to", "granted"}},
    {.rule = "what moved to or from grants has its entry",
     .object = "transaction",
     .query =
         {"SELECT m.transaction_id, CONCAT(SUM(m.amount_cents), ' cents moved, no entry of granted "
          "money') FROM grant_moves m LEFT JOIN ledger_entries e ON "
          "e.transaction_id=m.transaction_id "
          "AND e.account='user_granted' WHERE e.transaction_id IS NULL GROUP BY "
          "m.transaction_id" LIMIT}},
    {.rule = "a balance is what the user's transactions sum to",
     .object = "user",
     .query =
         {"SELECT q.user_id, CONCAT('balance ', IFNULL(b.balance_cents, 'none'), ', deposited ', "
          "IFNULL(b.total_deposited_cents, 'none'), ', spent ', IFNULL(b.total_spent_cents, "
          "'none'), "
          "'; the transactions say ', q.cents, ', ', q.deposited, ', ', q.spent) FROM "
          "(SELECT user_id, SUM(amount_cents) AS cents, SUM(IF(kind='deposit', amount_cents, 0)) "
          "AS "
          "deposited, -SUM(IF(kind IN (" SPENT_KINDS "), amount_cents, 0)) AS spent "
          "FROM ledger_transactions FORCE INDEX (by_type) GROUP BY user_id) q "
          "LEFT JOIN balances b ON b.user_id=q.user_id WHERE b.user_id IS NULL OR "
          "b.balance_cents <> q.cents OR b.total_deposited_cents <> q.deposited OR "
          "b.total_spent_cents <> q.spent" LIMIT}},
    {.rule = "a balance without a transaction is zero",
     .object = "user",
     .query = {"SELECT b.user_id, CONCAT('balance ', b.balance_cents) FROM balances b WHERE "
               "(b.balance_cents <> 0 OR b.paid_cents <> 0) AND NOT EXISTS (SELECT 1 FROM "
               "ledger_transactions t WHERE t.user_id=b.user_id)" LIMIT}},
    {.rule = "granted money is what is left of the user's grants",
     .object = "user",
     .query =
         {"SELECT b.user_id, CONCAT('granted ', b.granted_cents, ', left of grants ', "
          "IFNULL(g.cents, 0)) FROM balances b LEFT JOIN (SELECT user_id, SUM(remaining_cents) AS "
          "cents FROM credit_grants GROUP BY user_id) g ON g.user_id=b.user_id "
          "WHERE b.granted_cents <> IFNULL(g.cents, 0)" LIMIT}},
    {.rule = "what is left of a grant is what its moves sum to, and from 0 to its amount",
     .object = "grant",
     .query = {"SELECT g.grant_id, CONCAT('left ', g.remaining_cents, ' of ', g.amount_cents, ', "
               "moved ', "
               "IFNULL(m.cents, 0)) FROM credit_grants g LEFT JOIN (SELECT grant_id, "
               "SUM(amount_cents) AS "
               "cents FROM grant_moves FORCE INDEX (by_grant) GROUP BY grant_id) m ON "
               "m.grant_id=g.grant_id "
               "WHERE g.remaining_cents <> IFNULL(m.cents, 0) OR g.remaining_cents < 0 OR "
               "g.remaining_cents > g.amount_cents" LIMIT}},
    {.rule = "no more is given back than was charged, nor taken back than was deposited",
     .object = "transaction",
     .query =
         {"SELECT o.transaction_id, CONCAT(o.kind, ' of ', o.amount_cents, ', of which ', r.cents, "
          "' were given or taken back') FROM (SELECT of_transaction, SUM(amount_cents) AS cents, "
          "COUNT(DISTINCT user_id) AS users, MAX(user_id) AS user_id FROM ledger_transactions "
          "WHERE of_transaction IS NOT NULL GROUP BY of_transaction) r LEFT JOIN "
          "ledger_transactions o "
          "ON o.transaction_id=r.of_transaction WHERE o.transaction_id IS NULL OR r.users > 1 OR "
          "o.user_id <> r.user_id OR r.cents + o.amount_cents NOT BETWEEN LEAST(0, o.amount_cents) "
          "AND GREATEST(0, o.amount_cents)" LIMIT}},
    {.rule = "a session is charged once, what its seconds cost",
     .object = "transaction",
     .query =
         {"SELECT t.transaction_id, CONCAT(t.amount_cents, ' cents for ', IFNULL(t.seconds, 'no'), "
          "' seconds; the session had ', IFNULL(" SESSION_SECONDS ", 'no'), ' at ', "
          "IFNULL(s.price_cents, 'no'), ' cents a minute') FROM ledger_transactions t "
          "JOIN sessions s ON s.session_id=t.session_id WHERE t.kind='session_usage' AND "
          "(s.unsettled IS NOT NULL OR s.user_id <> t.user_id OR s.price_cents IS NULL OR "
          "t.seconds <> " SESSION_SECONDS " OR "
          "-t.amount_cents <> (t.seconds * s.price_cents + 30) DIV 60)" LIMIT}},
    {.rule = "a session that is marked as charged has its transaction",
     .object = "session",
     .query = {"SELECT s.session_id, 'no transaction' FROM sessions s WHERE s.price_cents IS NOT "
               "NULL AND "
               "s.unsettled IS NULL AND s.created_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "
               "ledger_transactions t WHERE t.event_key=CONCAT('session:', s.session_id))" LIMIT}},
    {.rule = "a session is charged within an hour of its end",
     .object = "session",
     .query =
         {"SELECT session_id, CONCAT('ended at ', ended_at) FROM sessions WHERE unsettled=TRUE AND "
          "ended_at < NOW(6) - INTERVAL 1 HOUR" LIMIT}},
    {.rule = "a deposit that was paid is in the ledger, as what Stripe took and gave back",
     .object = "deposit",
     .query =
         {"SELECT c.checkout_id, CONCAT(c.state, ', credited ', IFNULL(c.credited_cents, 0), "
          "' of ', c.amount_cents, ', taken back ', c.taken_cents, '; in the ledger deposited ', "
          "IFNULL(d.amount_cents, 0), ', granted ', IFNULL(p.amount_cents, 0), ', refunded ', "
          "IFNULL(r.cents, 0)) FROM stripe_checkouts c "
          "LEFT JOIN ledger_transactions d ON d.event_key=CONCAT('checkout:', c.stripe_session) "
          "LEFT JOIN ledger_transactions p "
          "ON p.event_key=CONCAT('checkout-promotion:', c.stripe_session) "
          "LEFT JOIN (SELECT of_transaction, -SUM(amount_cents) AS cents FROM ledger_transactions "
          "WHERE of_transaction IS NOT NULL AND kind='card_refund' GROUP BY of_transaction) r ON "
          "r.of_transaction=d.transaction_id "
          "WHERE IFNULL(d.amount_cents, 0) <> IF(c.state='paid', c.credited_cents, 0) OR "
          "IFNULL(p.amount_cents, 0) <> IF(c.state='paid', c.amount_cents - c.credited_cents, 0) "
          "OR IFNULL(d.user_id, c.user_id) <> c.user_id OR "
          "IFNULL(p.user_id, c.user_id) <> c.user_id OR IFNULL(d.kind, 'deposit') <> 'deposit' OR "
          "IFNULL(r.cents, 0) <> c.taken_cents" LIMIT}},
    {.rule = "a deposit in the ledger is one that was asked for",
     .object = "transaction",
     .query = {"SELECT t.transaction_id, CONCAT(t.amount_cents, ' cents, ', t.event_key) "
               "FROM ledger_transactions t WHERE t.event_key LIKE 'checkout:%' AND NOT EXISTS "
               "(SELECT 1 FROM stripe_checkouts c WHERE c.stripe_session=SUBSTR(t.event_key, 10) "
               "AND c.state='paid')" LIMIT}},
    {.rule = "an agent job is charged once, what it costs",
     .object = "job",
     .query =
         {"SELECT j.job_id, CONCAT('costs ', j.price_cents, ', charged ', IFNULL(-t.amount_cents, "
          "'nothing')) FROM agent_jobs j LEFT JOIN ledger_transactions t ON "
          "t.event_key=CONCAT('job:', j.job_id) WHERE IFNULL(-t.amount_cents, 0) <> j.price_cents "
          "OR t.user_id <> j.user_id OR NOT t.job_id <=> IF(t.transaction_id IS NULL, NULL, "
          "j.job_id)" LIMIT}},
    {.rule = "an agent job that ended in error was paid back",
     .object = "job",
     .query = {"SELECT j.job_id, CONCAT('charged ', j.price_cents, ', paid back ', "
               "IFNULL(SUM(r.amount_cents), 0)) FROM agent_jobs j JOIN ledger_transactions t ON "
               "t.event_key=CONCAT('job:', j.job_id) LEFT JOIN ledger_transactions r ON "
               "r.of_transaction=t.transaction_id WHERE j.status='error' GROUP BY j.job_id, "
               "j.price_cents HAVING IFNULL(SUM(r.amount_cents), 0) <> j.price_cents" LIMIT}},
    {.rule = "only an agent job that ended in error was paid back by itself",
     .object = "job",
     .query =
         {"SELECT t.job_id, CONCAT('paid back ', t.amount_cents, ', but the job is ', "
          "IFNULL(j.status, 'unknown')) FROM ledger_transactions t JOIN users u USING "
          "(user_id) LEFT JOIN agent_jobs j ON j.job_id=t.job_id WHERE "
          "t.kind='agent_job_refund' AND t.job_id IS NOT NULL AND NOT j.status <=> 'error' AND "
          "(j.job_id IS NOT NULL OR u.email<>'')" LIMIT}},
    {.rule = "a user's transactions are numbered without a gap",
     .object = "user",
     .query = {"SELECT user_id, CONCAT(COUNT(*), ' transactions, the last has the number ', "
               "MAX(user_seq)) "
               "FROM ledger_transactions FORCE INDEX (by_number) GROUP BY user_id "
               "HAVING COUNT(*) <> MAX(user_seq) OR MIN(user_seq) <> 1" LIMIT}},
    {.rule = "the counts of lists are those of the transactions",
     .object = "user",
     .query = {"SELECT q.user_id, CONCAT('thousand ', q.chunk) FROM (SELECT user_id, "
               "user_seq DIV 1000 AS chunk, SUM(type=0) AS a, SUM(type=1) AS b, SUM(type=2) AS c, "
               "SUM(type=3) AS d, SUM(type=4) AS e, SUM(IF(type=2, amount_cents, 0)) AS f, "
               "SUM(IF(type=3, amount_cents, 0)) AS g, SUM(IF(type=2, IFNULL(seconds, 0), 0)) AS h "
               "FROM ledger_transactions FORCE INDEX (by_type) GROUP BY user_id, chunk) q "
               "LEFT JOIN ledger_counts n ON n.user_id=q.user_id AND n.chunk=q.chunk WHERE NOT "
               "(n.n_deposit <=> q.a AND n.n_refund <=> q.b AND n.n_session_usage <=> q.c AND "
               "n.n_agent_job_usage <=> q.d AND n.n_agent_job_refund <=> q.e AND "
               "n.session_usage_cents <=> q.f AND n.agent_job_usage_cents <=> q.g AND "
               "n.session_seconds <=> q.h)" LIMIT}},
};

static void describe(const struct rule *rule, const struct db_rows *rows, struct buf *out)
{
    if (!rule->columns[0])
        buf_add_str(out, db_is_null(rows, 1) ? "" : db_row_text(rows, 1));
    for (unsigned i = 0; i < ARRAY_SIZE(rule->columns) && rule->columns[i]; i++) {
        buf_addf(out, "%s%s %lld", i > 0 ? ", " : "", rule->columns[i],
                 (long long)db_row_int(rows, i + 1));
    }
}

static int apply(struct db *db, const struct rule *rule,
                 void (*each)(const struct audit_finding *finding, void *arg), void *arg,
                 struct audit_totals *totals, struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &rule->query, NULL, 0, err);

    if (!rows)
        return error_wrap(err, "looking whether %s", rule->rule);
    totals->rules++;
    while (db_next(rows)) {
        _cleanup_(buf_release) struct buf detail = BUF_INIT;
        const struct id id = db_row_id(rows, 0);
        struct audit_finding finding = {rule->rule, rule->object, id.text, NULL};

        describe(rule, rows, &detail);
        finding.detail = detail.data;

        totals->findings++;
        each(&finding, arg);
    }
    return 0;
}

static int read_totals(struct db *db, struct audit_totals *totals, struct error *err)
{
    static const struct query query = {
        "SELECT (SELECT COUNT(*) FROM ledger_transactions), COUNT(*), "
        "IFNULL(SUM(balance_cents), 0), (SELECT COUNT(*) FROM sessions) FROM balances"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows || !db_next(rows))
        return -1;
    totals->transactions = db_row_int(rows, 0);
    totals->users = db_row_int(rows, 1);
    totals->balance_cents = db_row_int(rows, 2);
    totals->sessions = db_row_int(rows, 3);
    return 0;
}

int store_ledger_audit(struct db *db, void (*each)(const struct audit_finding *finding, void *arg),
                       void *arg, struct audit_totals *ret_totals, struct error *err)
{
    _cleanup_(db_end_snapshot) struct db *snapshot = db_snapshot(db, err);
    struct audit_totals totals = {0};

    if (!snapshot || read_totals(snapshot, &totals, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (apply(snapshot, &rules[i], each, arg, &totals, err) < 0)
            return -1;
    }
    *ret_totals = totals;
    return 0;
}
