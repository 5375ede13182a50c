#include "store/once.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/db.h"

#include "base/banned.h"

static int unknown(const struct error *reason, struct error *err)
{
    log_error("outcome_unknown", reason);
    return error_set(
        err, ERROR_CONFLICT, "OUTCOME_UNKNOWN",
        "The database went away while this was recorded, so nobody can tell whether it "
        "was. Look at the state of what you asked for before you send it again; with "
        "an Idempotency-Key it can be sent again at once.");
}

int store_once(struct db *db, once_attempt *attempt, void *arg, struct error *err)
{
    int64_t deadline;
    bool maybe = false;
    struct error reason;

    if (attempt(db, arg, &maybe, err) == 0)
        return 0;
    if (!maybe || !db_lost(db))
        return -1;
    deadline = clock_monotonic() + ONCE_WAIT_MS * INT64_C(1000);
    do {
        reason = *err;
        error_clear(err);
        if (db_await(db, (deadline - clock_monotonic()) / 1000, err) == 0 &&
            attempt(db, arg, &maybe, err) == 0)
            return 0;
        if (err->kind != ERROR_UNAVAILABLE)
            return -1; /* it was not made, and this is why it can't be */
    } while (clock_monotonic() < deadline);
    return unknown(&reason, err);
}

/* --- Idempotency-Key ------------------------------------------------------------------------- */

/* Assigned from the left: what was kept long enough is overwritten, its age last. */
#define IS_OVER "created_at < NOW(6) - INTERVAL ? HOUR"
#define UNLESS_KEPT(column) column "=IF(" IS_OVER ", VALUE(" column "), " column "), "

static int record(struct db *db, const struct idempotency *new, struct error *err)
{
    static const struct query query = {
        "INSERT INTO idempotency_keys (scope_hash, body_hash, request_ms, request_seed, "
        "created_at) VALUES (?, ?, ?, ?, NOW(6)) ON DUPLICATE KEY UPDATE " UNLESS_KEPT("body_hash")
            UNLESS_KEPT("request_ms") UNLESS_KEPT("request_seed") "created_at=IF(" IS_OVER
                                                                  ", NOW(6), created_at)"};

    return DB_RUN(db, &query, NULL, err, db_bytes(new->scope, sizeof(new->scope)),
                  db_bytes(new->body, sizeof(new->body)), db_int(new->ms),
                  db_bytes(new->seed, sizeof(new->seed)), db_int(IDEMPOTENCY_HOURS),
                  db_int(IDEMPOTENCY_HOURS), db_int(IDEMPOTENCY_HOURS), db_int(IDEMPOTENCY_HOURS));
}

int store_idempotency_recall(struct db *db, struct idempotency *idempotency, bool *ret_replay,
                             struct error *err)
{
    static const struct query select_first = {
        "SELECT body_hash, request_ms, request_seed FROM idempotency_keys WHERE scope_hash=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    const char *seed;

    if (record(db, idempotency, err) < 0)
        return -1;
    rows =
        DB_SELECT(db, &select_first, err, db_bytes(idempotency->scope, sizeof(idempotency->scope)));
    if (!rows)
        return -1;
    if (!db_next(rows) || db_row_length(rows, 0) != SHA256_SIZE ||
        db_row_length(rows, 2) != IDEMPOTENCY_SEED_SIZE)
        return error_set(err, ERROR_INTERNAL, NULL, "an Idempotency-Key was not kept");
    if (memcmp(db_row_text(rows, 0), idempotency->body, SHA256_SIZE) != 0)
        return error_set(err, ERROR_CONFLICT, "IDEMPOTENCY_KEY_REUSED",
                         "This Idempotency-Key came with another body before. Use a new key for a "
                         "new request, and the same body to send one again.");
    seed = db_row_text(rows, 2);
    *ret_replay = memcmp(seed, idempotency->seed, IDEMPOTENCY_SEED_SIZE) != 0;
    idempotency->ms = db_row_int(rows, 1);
    memcpy(idempotency->seed, seed, IDEMPOTENCY_SEED_SIZE);
    return 0;
}
