#include "store/retention.h"

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

#define SESSIONS_A_STEP 20 /* looked into; their rows count against the limit */

static int count(int status, int64_t changed, int64_t *removed)
{
    if (status == 0)
        *removed += changed;
    return status;
}

/* --- outputs --------------------------------------------------------------------------------- */

/* Of one ended session. What the release before kept in the interaction's own row goes too. */
static int prune_outputs_of(struct db *db, const struct id *id, int64_t limit, int64_t *removed,
                            struct error *err)
{
    static const struct query delete_outputs = {
        "DELETE o FROM (SELECT i.interaction_id FROM interactions i STRAIGHT_JOIN "
        "interaction_outputs x USING (interaction_id) WHERE i.session_id=? LIMIT ?) p "
        "STRAIGHT_JOIN interaction_outputs o USING (interaction_id)"};
    static const struct query empty_old = {
        "UPDATE interactions SET stdout=NULL, stderr=NULL, content=NULL WHERE session_id=? AND "
        "(stdout IS NOT NULL OR stderr IS NOT NULL OR content IS NOT NULL) LIMIT ?"};
    static const struct query mark = {"UPDATE sessions SET outputs_pruned=TRUE WHERE session_id=?"};
    int64_t deleted, emptied;

    if (DB_RUN(db, &delete_outputs, &deleted, err, db_id(id), db_int(limit)) < 0 ||
        DB_RUN(db, &empty_old, &emptied, err, db_id(id), db_int(limit)) < 0)
        return -1;
    *removed += deleted + emptied;
    return deleted < limit && emptied < limit ? DB_RUN(db, &mark, NULL, err, db_id(id)) : 0;
}

static int prune_outputs(struct db *db, int64_t days, int64_t limit, int64_t *removed,
                         struct error *err)
{
    static const struct query select_sessions = {
        "SELECT session_id FROM sessions WHERE outputs_pruned=FALSE AND "
        "ended_at < NOW(6) - INTERVAL ? DAY ORDER BY ended_at LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_sessions, err, db_int(days), db_int(SESSIONS_A_STEP));
    int64_t before = *removed;

    if (!rows)
        return -1;
    while (*removed - before < limit && db_next(rows)) {
        struct id id = db_row_id(rows, 0);

        if (prune_outputs_of(db, &id, limit, removed, err) < 0)
            return -1;
        ++*removed; /* a session without any is progress as well */
    }
    return 0;
}

/* --- sessions -------------------------------------------------------------------------------- */

static int prune_session(struct db *db, const struct id *id, int64_t limit, int64_t *removed,
                         struct error *err)
{
    /* Outputs and contents go along by their foreign keys, declines with the session. */
    static const struct query delete_interactions = {
        "DELETE FROM interactions WHERE session_id=? LIMIT ?"};
    static const struct query delete_verifications = {
        "DELETE FROM verifications WHERE session_id=? LIMIT ?"};
    static const struct query delete_session = {"DELETE FROM sessions WHERE session_id=?"};
    int64_t interactions, verifications, sessions = 0;

    if (DB_RUN(db, &delete_interactions, &interactions, err, db_id(id), db_int(limit)) < 0 ||
        DB_RUN(db, &delete_verifications, &verifications, err, db_id(id), db_int(limit)) < 0 ||
        (interactions < limit && verifications < limit &&
         DB_RUN(db, &delete_session, &sessions, err, db_id(id)) < 0))
        return -1;
    *removed += interactions + verifications + sessions;
    return 0;
}

static int prune_sessions(struct db *db, int64_t days, int64_t limit, int64_t *removed,
                          struct error *err)
{
    static const struct query select_sessions = {
        "SELECT session_id FROM sessions WHERE outputs_pruned IN (FALSE, TRUE) AND "
        "ended_at < NOW(6) - INTERVAL ? DAY AND unsettled IS NULL LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_sessions, err, db_int(days), db_int(limit));
    int64_t before = *removed;

    if (!rows)
        return -1;
    while (*removed - before < limit && db_next(rows)) {
        struct id id = db_row_id(rows, 0);

        if (prune_session(db, &id, limit, removed, err) < 0)
            return -1;
    }
    return 0;
}

/* --- the rest -------------------------------------------------------------------------------- */

static int prune_verifications(struct db *db, int64_t days, int64_t limit, int64_t *removed,
                               struct error *err)
{
    static const struct query delete_verifications = {
        "DELETE FROM verifications WHERE status IN ('completed','error','cancelled') AND "
        "created_at < NOW(6) - INTERVAL ? DAY AND completed_at < NOW(6) - INTERVAL ? DAY LIMIT ?"};
    int64_t changed = 0;

    return count(
        DB_RUN(db, &delete_verifications, &changed, err, db_int(days), db_int(days), db_int(limit)),
        changed, removed);
}

static int prune_tokens(struct db *db, int64_t days, int64_t limit, int64_t *removed,
                        struct error *err)
{
    static const struct query delete_tokens = {
        "DELETE FROM refresh_tokens WHERE expires_at < NOW(6) - INTERVAL ? DAY LIMIT ?"};
    int64_t changed = 0;

    return count(DB_RUN(db, &delete_tokens, &changed, err, db_int(days), db_int(limit)), changed,
                 removed);
}

static int prune_spending(struct db *db, int64_t limit, int64_t *removed, struct error *err)
{
    static const struct query delete_days = {
        "DELETE FROM spending WHERE day < DATE(NOW(6)) - INTERVAL ? DAY LIMIT ?"};
    int64_t changed = 0;

    return count(
        DB_RUN(db, &delete_days, &changed, err, db_int(RETENTION_SPENDING_DAYS), db_int(limit)),
        changed, removed);
}

static int prune_runs(struct db *db, int64_t limit, int64_t *removed, struct error *err)
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
        DB_SELECT(db, &select_runs, err, db_int(RETENTION_RUNS_DAYS), db_int(limit));

    if (!rows || count(DB_RUN(db, &delete_containers, &changed, err, db_int(RETENTION_RUNS_DAYS),
                              db_int(limit)),
                       changed, removed) < 0)
        return -1;
    while (db_next(rows)) {
        struct id id = db_row_id(rows, 0);

        if (count(DB_RUN(db, &delete_run, &changed, err, db_id(&id)), changed, removed) < 0)
            return -1;
    }
    return 0;
}

int store_prune(struct db *db, const struct retention *retention, int64_t limit,
                int64_t *ret_removed, struct error *err)
{
    int64_t removed = 0;

    if ((retention->outputs_days > 0 &&
         prune_outputs(db, retention->outputs_days, limit, &removed, err) < 0) ||
        (retention->sessions_days > 0 &&
         prune_sessions(db, retention->sessions_days, limit, &removed, err) < 0) ||
        (retention->verifications_days > 0 &&
         prune_verifications(db, retention->verifications_days, limit, &removed, err) < 0) ||
        (retention->tokens_days > 0 &&
         prune_tokens(db, retention->tokens_days, limit, &removed, err) < 0) ||
        prune_runs(db, limit, &removed, err) < 0 || prune_spending(db, limit, &removed, err) < 0)
        return -1;
    *ret_removed = removed;
    return 0;
}
