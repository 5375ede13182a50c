#include "store/retention.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "store/db.h"
#include "store/once.h"

#include "base/banned.h"

#define SESSIONS_A_STEP 20 /* looked into; their rows count against the limit */

/* Outputs and results may be large: of them goes what fits, looked at a few rows at a time. */
#define STEP_BYTES (INT64_C(16) << 20)
#define LOOKED_AT 16
#define OLD_ROWS 8    /* of the release before: up to 2 MiB each, not looked at */
#define TRACE_ROWS 64 /* up to 192 KiB each, not looked at */

/* What may still go in a step of one kind. */
struct step {
    int64_t rows, bytes;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool has_room(const struct step *step)
{
    return step->rows > 0 && step->bytes > 0;
}

/* Frees rows, whose first column are sizes: how many of them may go, at least one. */
static int64_t take_sizes(struct db_rows *rows, struct step *step)
{
    int64_t taken = 0;

    while (step->bytes > 0 && db_next(rows)) {
        step->bytes -= db_row_int(rows, 0);
        taken++;
    }
    db_rows_free(rows);
    return taken;
}

/* changed: where the statement, which is an argument too, put the number of its rows. */
static int count(int status, const int64_t *changed, struct step *step)
{
    if (status == 0)
        step->rows -= *changed;
    return status;
}

/* --- outputs --------------------------------------------------------------------------------- */

/* Those of interactions. *ret_all: none is left. */
static int delete_outputs(struct db *db, const struct id *id, struct step *step, bool *ret_all,
                          struct error *err)
{
#define OUTPUTS                                                                                    \
    "FROM interactions i STRAIGHT_JOIN interaction_outputs x USING (interaction_id) "              \
    "WHERE i.session_id=? LIMIT ?"
    static const struct query sizes = {
        "SELECT IFNULL(OCTET_LENGTH(x.stdout), 0) + IFNULL(OCTET_LENGTH(x.stderr), 0) " OUTPUTS};
    static const struct query delete_some = {
        "DELETE o FROM (SELECT i.interaction_id " OUTPUTS ") p "
        "STRAIGHT_JOIN interaction_outputs o USING (interaction_id)"};
    int64_t taken = 1, changed = 0;

    while (has_room(step)) {
        struct db_rows *rows =
            DB_SELECT(db, &sizes, err, db_id(id), db_int(least(step->rows, LOOKED_AT)));

        if (!rows)
            return -1;
        taken = take_sizes(rows, step);
        if (taken == 0)
            break;
        if (count(DB_RUN(db, &delete_some, &changed, err, db_id(id), db_int(taken)), &changed,
                  step) < 0)
            return -1;
    }
    *ret_all = taken == 0;
    return 0;
}

/* What the release before kept in the interaction's own row. */
static int empty_old_outputs(struct db *db, const struct id *id, struct step *step, bool *ret_all,
                             struct error *err)
{
    static const struct query empty = {
        "UPDATE interactions SET stdout=NULL, stderr=NULL, content=NULL WHERE session_id=? AND "
        "(stdout IS NOT NULL OR stderr IS NOT NULL OR content IS NOT NULL) LIMIT ?"};
    int64_t most = least(step->rows, OLD_ROWS), changed = 0;

    if (count(DB_RUN(db, &empty, &changed, err, db_id(id), db_int(most)), &changed, step) < 0)
        return -1;
    *ret_all = changed < most;
    return 0;
}

/* Those of verifiers. */
static int empty_traces(struct db *db, const struct id *id, struct step *step, bool *ret_all,
                        struct error *err)
{
    static const struct query empty = {
        "UPDATE (SELECT v.job_id FROM verifications v STRAIGHT_JOIN verifier_runs r USING (job_id) "
        "WHERE v.session_id=? AND (r.stdout IS NOT NULL OR r.stderr IS NOT NULL) LIMIT ?) p "
        "STRAIGHT_JOIN verifier_runs x USING (job_id) SET x.stdout=NULL, x.stderr=NULL"};
    int64_t most = least(step->rows, TRACE_ROWS), changed = 0;

    if (count(DB_RUN(db, &empty, &changed, err, db_id(id), db_int(most)), &changed, step) < 0)
        return -1;
    *ret_all = changed < most;
    return 0;
}

static int prune_outputs_of(struct db *db, const struct id *id, struct step *step, bool *ret_all,
                            struct error *err)
{
    static int (*const parts[])(struct db * db, const struct id *id, struct step *step,
                                bool *ret_all, struct error *err) = {
        delete_outputs, empty_old_outputs, empty_traces};

    *ret_all = false;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        bool all = false;

        if (!has_room(step))
            return 0;
        if (parts[i](db, id, step, &all, err) < 0)
            return -1;
        if (!all)
            return 0;
    }
    *ret_all = true;
    return 0;
}

static int prune_outputs(struct db *db, int64_t days, struct step *step, struct error *err)
{
    static const struct query select_sessions = {
        "SELECT session_id FROM sessions WHERE outputs_pruned=FALSE AND "
        "ended_at < NOW(6) - INTERVAL ? DAY ORDER BY ended_at LIMIT ?"};
    static const struct query mark = {"UPDATE sessions SET outputs_pruned=TRUE WHERE session_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_sessions, err, db_int(days), db_int(SESSIONS_A_STEP));

    if (!rows)
        return -1;
    while (has_room(step) && db_next(rows)) {
        struct id id = db_row_id(rows, 0);
        bool all;

        if (prune_outputs_of(db, &id, step, &all, err) < 0 ||
            (all && DB_RUN(db, &mark, NULL, err, db_id(&id)) < 0))
            return -1;
        step->rows--; /* a session without any is progress as well */
    }
    return 0;
}

/* --- sessions -------------------------------------------------------------------------------- */

static int delete_verifications_of(struct db *db, const struct id *id, struct step *step,
                                   bool *ret_all, struct error *err)
{
    static const struct query sizes = {
        "SELECT IFNULL(OCTET_LENGTH(result), 0) FROM verifications WHERE session_id=? LIMIT ?"};
    static const struct query delete_some = {
        "DELETE FROM verifications WHERE session_id=? LIMIT ?"};
    int64_t taken = 1, changed = 0;

    while (has_room(step)) {
        struct db_rows *rows =
            DB_SELECT(db, &sizes, err, db_id(id), db_int(least(step->rows, LOOKED_AT)));

        if (!rows)
            return -1;
        taken = take_sizes(rows, step);
        if (taken == 0)
            break;
        if (count(DB_RUN(db, &delete_some, &changed, err, db_id(id), db_int(taken)), &changed,
                  step) < 0)
            return -1;
    }
    *ret_all = taken == 0;
    return 0;
}

static int prune_session(struct db *db, const struct id *id, struct step *step, struct error *err)
{
    /* Contents go along by their foreign keys, declines with the session. */
    static const struct query delete_interactions = {
        "DELETE FROM interactions WHERE session_id=? LIMIT ?"};
    static const struct query delete_session = {"DELETE FROM sessions WHERE session_id=?"};
    int64_t most, changed = 0;
    bool all;

    if (prune_outputs_of(db, id, step, &all, err) < 0)
        return -1;
    if (!all || !has_room(step))
        return 0;
    if (delete_verifications_of(db, id, step, &all, err) < 0)
        return -1;
    if (!all || !has_room(step))
        return 0;
    most = step->rows;
    if (count(DB_RUN(db, &delete_interactions, &changed, err, db_id(id), db_int(most)), &changed,
              step) < 0)
        return -1;
    return changed < most
               ? count(DB_RUN(db, &delete_session, &changed, err, db_id(id)), &changed, step)
               : 0;
}

static int prune_sessions(struct db *db, int64_t days, struct step *step, struct error *err)
{
    static const struct query select_sessions = {
        "SELECT session_id FROM sessions WHERE outputs_pruned IN (FALSE, TRUE) AND "
        "ended_at < NOW(6) - INTERVAL ? DAY AND unsettled IS NULL LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_sessions, err, db_int(days), db_int(step->rows));

    if (!rows)
        return -1;
    while (has_room(step) && db_next(rows)) {
        struct id id = db_row_id(rows, 0);

        if (prune_session(db, &id, step, err) < 0)
            return -1;
    }
    return 0;
}

/* --- the rest -------------------------------------------------------------------------------- */

static int prune_verifications(struct db *db, int64_t days, struct step *step, struct error *err)
{
#define OLD_VERIFICATIONS                                                                          \
    "FROM verifications WHERE status IN ('completed','error','cancelled') AND "                    \
    "created_at < NOW(6) - INTERVAL ? DAY AND completed_at < NOW(6) - INTERVAL ? DAY LIMIT ?"
    static const struct query sizes = {"SELECT IFNULL(OCTET_LENGTH(result), 0) " OLD_VERIFICATIONS};
    static const struct query delete_some = {"DELETE " OLD_VERIFICATIONS};
    int64_t taken, changed = 0;

    while (has_room(step)) {
        struct db_rows *rows = DB_SELECT(db, &sizes, err, db_int(days), db_int(days),
                                         db_int(least(step->rows, LOOKED_AT)));

        if (!rows)
            return -1;
        taken = take_sizes(rows, step);
        if (taken == 0)
            return 0;
        if (count(
                DB_RUN(db, &delete_some, &changed, err, db_int(days), db_int(days), db_int(taken)),
                &changed, step) < 0)
            return -1;
    }
    return 0;
}

/* What goes by one statement, told the days and how many rows. */
static int delete_old(struct db *db, const struct query *query, int64_t days, struct step *step,
                      struct error *err)
{
    int64_t changed = 0;

    return count(DB_RUN(db, query, &changed, err, db_int(days), db_int(step->rows)), &changed,
                 step);
}

static int prune_changes(struct db *db, int64_t days, struct step *step, struct error *err)
{
#define OLD_CHANGES                                                                                \
    "FROM verification_changes WHERE created_at < NOW(6) - INTERVAL ? DAY "                        \
    "ORDER BY created_at LIMIT ?"
    static const struct query sizes = {"SELECT stored_bytes " OLD_CHANGES};
    static const struct query delete_some = {"DELETE " OLD_CHANGES};
    int64_t taken, changed = 0;

    while (has_room(step)) {
        struct db_rows *rows =
            DB_SELECT(db, &sizes, err, db_int(days), db_int(least(step->rows, LOOKED_AT)));

        if (!rows)
            return -1;
        taken = take_sizes(rows, step);
        if (taken == 0)
            return 0;
        if (count(DB_RUN(db, &delete_some, &changed, err, db_int(days), db_int(taken)), &changed,
                  step) < 0)
            return -1;
    }
    return 0;
}

static int prune_tokens(struct db *db, int64_t days, struct step *step, struct error *err)
{
    static const struct query delete_tokens = {
        "DELETE FROM refresh_tokens WHERE expires_at < NOW(6) - INTERVAL ? DAY LIMIT ?"};

    return delete_old(db, &delete_tokens, days, step, err);
}

static int prune_idempotency_keys(struct db *db, int64_t days, struct step *step, struct error *err)
{
    static const struct query delete_keys = {
        "DELETE FROM idempotency_keys WHERE created_at < NOW(6) - INTERVAL ? DAY LIMIT ?"};

    return delete_old(db, &delete_keys, days, step, err);
}

static int prune_spending(struct db *db, int64_t days, struct step *step, struct error *err)
{
    static const struct query delete_days = {
        "DELETE FROM spending WHERE day < DATE(NOW(6)) - INTERVAL ? DAY LIMIT ?"};

    return delete_old(db, &delete_days, days, step, err);
}

/* A trigger keeps what is due or quarantined. */
static int prune_stripe_events(struct db *db, int64_t days, struct step *step, struct error *err)
{
    static const struct query delete_events = {
        "DELETE FROM stripe_events WHERE state IN ('applied','ignored','dismissed') AND "
        "settled_at < NOW(6) - INTERVAL ? DAY LIMIT ?"};

    return delete_old(db, &delete_events, days, step, err);
}

static int prune_runs(struct db *db, int64_t days, struct step *step, struct error *err)
{
    static const struct query delete_containers = {
        "DELETE FROM containers WHERE gone_at < NOW(6) - INTERVAL ? DAY LIMIT ?"};
    /* Not a node's last: it tells when the node was heard of. */
    static const struct query select_runs = {
        "SELECT r.run_id FROM runs r WHERE r.ended_at < NOW(6) - INTERVAL ? DAY AND "
        "EXISTS (SELECT 1 FROM runs x WHERE x.node=r.node AND x.heartbeat_at > r.heartbeat_at) "
        "LIMIT ?"};
    static const struct query delete_run = {"DELETE FROM runs WHERE run_id=?"};
    int64_t changed = 0;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_runs, err, db_int(days), db_int(step->rows));

    if (!rows || delete_old(db, &delete_containers, days, step, err) < 0)
        return -1;
    while (db_next(rows)) {
        struct id id = db_row_id(rows, 0);

        if (count(DB_RUN(db, &delete_run, &changed, err, db_id(&id)), &changed, step) < 0)
            return -1;
    }
    return 0;
}

int store_prune(struct db *db, const struct retention *retention, int64_t limit,
                int64_t *ret_removed, struct error *err)
{
    const struct {
        int64_t days;
        int (*prune)(struct db *db, int64_t days, struct step *step, struct error *err);
    } kinds[] = {
        {retention->outputs_days, prune_outputs},
        {retention->sessions_days, prune_sessions},
        {retention->verifications_days, prune_verifications},
        {retention->changes_days, prune_changes},
        {retention->tokens_days, prune_tokens},
        {retention->stripe_events_days, prune_stripe_events},
        {RETENTION_SPENDING_DAYS, prune_spending},
        {RETENTION_RUNS_DAYS, prune_runs},
        {IDEMPOTENCY_HOURS / 24, prune_idempotency_keys},
    };
    struct step step = {.rows = limit, .bytes = STEP_BYTES};
    int64_t removed = 0;

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        step.rows = limit;
        if (kinds[i].days > 0 && kinds[i].prune(db, kinds[i].days, &step, err) < 0)
            return -1;
        removed += limit - step.rows;
    }
    *ret_removed = removed;
    return 0;
}
