#include "store/checkouts.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "store/db.h"

#include "base/banned.h"

#define TRIES 5 /* a row that is found may be paid before it is read */

static const char *const state_names[] = {
    [CHECKOUT_CREATING] = "creating",     [CHECKOUT_OPEN] = "open",
    [CHECKOUT_PROCESSING] = "processing", [CHECKOUT_PAID] = "paid",
    [CHECKOUT_FAILED] = "failed",         [CHECKOUT_EXPIRED] = "expired",
};

const char *checkout_state_name(enum checkout_state state)
{
    return state_names[state];
}

void checkout_release(struct checkout *checkout)
{
    free(checkout->success_url);
    free(checkout->cancel_url);
    free(checkout->stripe_session);
    free(checkout->payment_intent);
    free(checkout->url);
    memset(checkout, 0, sizeof(*checkout));
}

int checkout_state_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
        if (strcmp(state_names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

static enum checkout_state state_of(const struct db_rows *rows, unsigned column)
{
    int state = checkout_state_parse(db_row_text(rows, column));

    if (state < 0)
        abort(); /* the column has no other */
    return (enum checkout_state)state;
}

#define COLUMNS                                                                                    \
    "checkout_id, user_id, amount_cents, livemode, allows_promotions, allows_tax, success_url, "   \
    "cancel_url, state, stripe_session, payment_intent, url, total_cents, credited_cents, "        \
    "refunded_cents, taken_cents, expires_at"

static void read_row(const struct db_rows *rows, struct checkout *ret_checkout)
{
    *ret_checkout = (struct checkout){
        .checkout_id = db_row_id(rows, 0),
        .user_id = db_row_id(rows, 1),
        .amount_cents = db_row_int(rows, 2),
        .livemode = db_row_int(rows, 3) != 0,
        .allows_promotions = db_row_int(rows, 4) != 0,
        .allows_tax = db_row_int(rows, 5) != 0,
        .success_url = db_row_copy(rows, 6),
        .cancel_url = db_row_copy(rows, 7),
        .state = state_of(rows, 8),
        .stripe_session = db_row_copy(rows, 9),
        .payment_intent = db_row_copy(rows, 10),
        .url = db_row_copy(rows, 11),
        .total_cents = db_row_int(rows, 12),
        .credited_cents = db_row_int(rows, 13),
        .refunded_cents = db_row_int(rows, 14),
        .taken_cents = db_row_int(rows, 15),
        .expires_at = db_row_time(rows, 16),
    };
}

/* --- the workers' ---------------------------------------------------------------------------- */

/* Stripe takes no expiry of less than half an hour, and a page that is about to close is no use. */
static int let_go_of_old(struct db *db, const struct id *user_id, struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_checkouts SET reusable=NULL WHERE user_id=? AND reusable=TRUE AND "
        "expires_at < NOW(6) + INTERVAL IF(state='creating', 31, 5) MINUTE"};

    return DB_RUN(db, &query, NULL, err, db_id(user_id));
}

static int count_open(struct db *db, const struct id *user_id, struct error *err)
{
    static const struct query query = {
        "SELECT COUNT(*) FROM stripe_checkouts WHERE user_id=? AND reusable=TRUE"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(user_id));

    if (!rows)
        return -1;
    if (db_next(rows) && db_row_int(rows, 0) >= CHECKOUTS_OPEN_MOST)
        return error_set(err, ERROR_LIMIT, "DEPOSIT_LIMIT",
                         "You have %lld open deposits (limit: %d). Pay or leave one of them; they "
                         "end by themselves.",
                         (long long)db_row_int(rows, 0), CHECKOUTS_OPEN_MOST);
    return 0;
}

/* *ret_found: false without one. */
static int find_reusable(struct db *db, const struct checkout_wish *wish,
                         const unsigned char *urls_hash, struct checkout *ret_checkout,
                         bool *ret_found, struct error *err)
{
    static const struct query query = {
        "SELECT " COLUMNS " FROM stripe_checkouts WHERE user_id=? AND amount_cents=? AND "
        "urls_hash=? AND reusable=TRUE AND livemode=? AND allows_promotions=? AND allows_tax=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(&wish->user_id), db_int(wish->amount_cents),
                  db_bytes(urls_hash, SHA256_SIZE), db_int(wish->livemode),
                  db_int(wish->allows_promotions), db_int(wish->allows_tax));

    if (!rows)
        return -1;
    *ret_found = db_next(rows);
    if (*ret_found)
        read_row(rows, ret_checkout);
    return 0;
}

/* One that is there already is no error: then it is found next. */
static int insert(struct db *db, const struct checkout_wish *wish, const unsigned char *urls_hash,
                  struct error *err)
{
    static const struct query query = {
        "INSERT INTO stripe_checkouts (checkout_id, user_id, amount_cents, livemode, "
        "allows_promotions, allows_tax, success_url, cancel_url, urls_hash, reusable, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, TRUE, ?)"};
    struct id checkout_id = id_new();

    if (DB_RUN(db, &query, NULL, err, db_id(&checkout_id), db_id(&wish->user_id),
               db_int(wish->amount_cents), db_int(wish->livemode), db_int(wish->allows_promotions),
               db_int(wish->allows_tax), db_text(wish->success_url), db_text(wish->cancel_url),
               db_bytes(urls_hash, SHA256_SIZE), db_time(wish->expires_at)) == 0)
        return 0;
    if (err->kind != ERROR_CONFLICT)
        return -1;
    error_clear(err);
    return 0;
}

/* One that was made with other settings is nobody's any more. */
static int let_go_of_other(struct db *db, const struct checkout_wish *wish,
                           const unsigned char *urls_hash, struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_checkouts SET reusable=NULL WHERE user_id=? AND amount_cents=? AND "
        "urls_hash=? AND reusable=TRUE AND NOT (livemode=? AND allows_promotions=? AND "
        "allows_tax=?)"};

    return DB_RUN(db, &query, NULL, err, db_id(&wish->user_id), db_int(wish->amount_cents),
                  db_bytes(urls_hash, SHA256_SIZE), db_int(wish->livemode),
                  db_int(wish->allows_promotions), db_int(wish->allows_tax));
}

int store_checkout_open(struct db *db, const struct checkout_wish *wish,
                        struct checkout *ret_checkout, struct error *err)
{
    _cleanup_(buf_release) struct buf urls = BUF_INIT;
    unsigned char urls_hash[SHA256_SIZE];
    bool found = false;

    buf_addf(&urls, "%s\n%s", wish->success_url, wish->cancel_url);
    sha256(urls.data, urls.length, urls_hash);
    if (let_go_of_old(db, &wish->user_id, err) < 0)
        return -1;
    for (int try = 0; try < TRIES; try++) {
        if (find_reusable(db, wish, urls_hash, ret_checkout, &found, err) < 0)
            return -1;
        if (found)
            return 0;
        if (let_go_of_other(db, wish, urls_hash, err) < 0 ||
            count_open(db, &wish->user_id, err) < 0 || insert(db, wish, urls_hash, err) < 0)
            return -1;
    }
    return error_set(err, ERROR_UNAVAILABLE, NULL, "checkouts come and go too fast");
}

int store_checkout_get(struct db *db, const struct id *checkout_id, struct checkout *ret_checkout,
                       struct error *err)
{
    static const struct query query = {"SELECT " COLUMNS
                                       " FROM stripe_checkouts WHERE checkout_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(checkout_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "there is no such checkout");
    read_row(rows, ret_checkout);
    return 0;
}

int store_checkout_opened(struct db *db, const struct id *checkout_id, const char *stripe_session,
                          const char *url, int64_t ask_at, struct error *err)
{
    /* An event may have been quicker. */
    static const struct query query = {
        "UPDATE stripe_checkouts SET stripe_session=?, url=?, ask_at=?, state='open' "
        "WHERE checkout_id=? AND state='creating'"};

    return DB_RUN(db, &query, NULL, err, db_text(stripe_session), db_text(url), db_time(ask_at),
                  db_id(checkout_id));
}

int store_checkout_abandon(struct db *db, const struct id *checkout_id, struct error *err)
{
    static const struct query query = {"UPDATE stripe_checkouts SET state='failed', reusable=NULL "
                                       "WHERE checkout_id=? AND state='creating'"};

    return DB_RUN(db, &query, NULL, err, db_id(checkout_id));
}

int store_customer_get(struct db *db, const struct id *user_id, char **ret_customer,
                       struct error *err)
{
    static const struct query query = {"SELECT customer_id FROM stripe_customers WHERE user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(user_id));

    if (!rows)
        return -1;
    *ret_customer = db_next(rows) ? db_row_copy(rows, 0) : NULL;
    return 0;
}

int store_customer_set(struct db *db, const struct id *user_id, const char *customer,
                       struct error *err)
{
    static const struct query insert_row = {
        "INSERT INTO stripe_customers (user_id, customer_id) VALUES (?, ?)"};
    static const struct query update_row = {
        "UPDATE stripe_customers SET customer_id=? WHERE user_id=?"};

    if (DB_RUN(db, &insert_row, NULL, err, db_id(user_id), db_text(customer)) == 0)
        return 0;
    if (err->kind != ERROR_CONFLICT)
        return -1;
    error_clear(err);
    return DB_RUN(db, &update_row, NULL, err, db_text(customer), db_id(user_id));
}

/* --- the daemon's ---------------------------------------------------------------------------- */

static int lock_by(struct db *db, const struct query *query, const char *value,
                   struct checkout *ret_checkout, bool *ret_found, struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, query, err, db_text(value));

    if (!rows)
        return -1;
    *ret_found = db_next(rows);
    if (*ret_found)
        read_row(rows, ret_checkout);
    return 0;
}

int store_checkout_lock(struct db *db, const struct id *checkout_id, const char *stripe_session,
                        const char *payment_intent, struct checkout *ret_checkout, bool *ret_found,
                        struct error *err)
{
    static const struct query by_id = {"SELECT " COLUMNS
                                       " FROM stripe_checkouts WHERE checkout_id=? FOR UPDATE"};
    static const struct query by_session = {
        "SELECT " COLUMNS " FROM stripe_checkouts WHERE stripe_session=? FOR UPDATE"};
    static const struct query by_payment = {
        "SELECT " COLUMNS " FROM stripe_checkouts WHERE payment_intent=? FOR UPDATE"};
    const struct {
        const struct query *query;
        const char *value;
    } ways[] = {{&by_id, checkout_id ? checkout_id->text : NULL},
                {&by_session, stripe_session},
                {&by_payment, payment_intent}};
    bool found = false;

    for (size_t i = 0; i < ARRAY_SIZE(ways) && !found; i++) {
        if (ways[i].value && ways[i].value[0] &&
            lock_by(db, ways[i].query, ways[i].value, ret_checkout, &found, err) < 0)
            return -1;
    }
    *ret_found = found;
    return 0;
}

int store_checkout_save(struct db *db, const struct checkout *checkout, struct error *err)
{
    /* In the order of the columns: `state` is compared before it is set. */
    static const struct query query = {
        "UPDATE stripe_checkouts SET reusable=IF(? IN ('creating','open'), reusable, NULL), "
        "ask_at=IF(? IN ('creating','open','processing'), ask_at, NULL), state=?, "
        "stripe_session=?, payment_intent=?, total_cents=?, credited_cents=?, refunded_cents=?, "
        "taken_cents=? WHERE checkout_id=?"};
    const char *state = state_names[checkout->state];

    return DB_RUN(db, &query, NULL, err, db_text(state), db_text(state), db_text(state),
                  db_text(checkout->stripe_session), db_text(checkout->payment_intent),
                  db_int(checkout->total_cents), db_int(checkout->credited_cents),
                  db_int(checkout->refunded_cents), db_int(checkout->taken_cents),
                  db_id(&checkout->checkout_id));
}

int store_checkout_to_ask(struct db *db, int64_t limit,
                          void (*each)(const struct id *checkout_id, const char *stripe_session,
                                       void *arg),
                          void *arg, struct error *err)
{
    static const struct query query = {
        "SELECT checkout_id, stripe_session FROM stripe_checkouts WHERE ask_at <= NOW(6) AND "
        "stripe_session IS NOT NULL ORDER BY ask_at LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_int(limit));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct id checkout_id = db_row_id(rows, 0);

        each(&checkout_id, db_row_text(rows, 1), arg);
    }
    return 0;
}

int store_checkout_asked(struct db *db, const struct id *checkout_id, int64_t seconds,
                         struct error *err)
{
    static const struct query query = {
        "UPDATE stripe_checkouts SET ask_at=IF(expires_at < NOW(6) - INTERVAL 7 DAY, NULL, NOW(6) "
        "+ "
        "INTERVAL GREATEST(?, LEAST(3600, TIMESTAMPDIFF(SECOND, created_at, NOW(6)) DIV 4)) "
        "SECOND) "
        "WHERE checkout_id=? AND state IN ('creating','open','processing')"};

    return DB_RUN(db, &query, NULL, err, db_int(seconds), db_id(checkout_id));
}

/* --- the operator's -------------------------------------------------------------------------- */

/* Their ids sort by time. */
int store_checkout_list(struct db *db, int state, const struct id *user_id, int64_t limit,
                        void (*each)(const struct checkout_row *row, void *arg), void *arg,
                        struct error *err)
{
    static const struct query query = {
        "SELECT c.checkout_id, c.user_id, u.email, c.state, c.amount_cents, "
        "IF(c.state='paid', c.total_cents, -1), IF(c.state='paid', c.credited_cents, -1), "
        "c.refunded_cents, c.taken_cents, "
        "c.stripe_session, c.payment_intent, c.created_at, c.expires_at "
        "FROM stripe_checkouts c JOIN users u ON u.user_id=c.user_id "
        "WHERE (? IS NULL OR c.state=?) AND (? IS NULL OR c.user_id=?) "
        "ORDER BY c.checkout_id DESC LIMIT ?"};
    struct db_value word = db_text(state < 0 ? NULL : state_names[state]);
    struct db_value user = db_text(user_id ? user_id->text : NULL);
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, word, word, user, user, db_int(limit));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        const struct checkout_row row = {
            .checkout_id = db_row_id(rows, 0),
            .user_id = db_row_id(rows, 1),
            .email = db_row_text(rows, 2),
            .state = state_of(rows, 3),
            .amount_cents = db_row_int(rows, 4),
            .total_cents = db_row_int(rows, 5),
            .credited_cents = db_row_int(rows, 6),
            .refunded_cents = db_row_int(rows, 7),
            .taken_cents = db_row_int(rows, 8),
            .stripe_session = db_row_text(rows, 9),
            .payment_intent = db_row_text(rows, 10),
            .created_at = db_row_time(rows, 11),
            .expires_at = db_row_time(rows, 12),
        };

        each(&row, arg);
    }
    return 0;
}
