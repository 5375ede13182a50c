/*
 * claims.c - what concerns sessions, interactions and verifications alike: leases, the settling
 * of what an ended session leaves, whether a wait is over (sessions.h), and claims (claims.h).
 */
#include <string.h>

#include "base/cleanup.h"
#include "store/claims.h"

#include "base/banned.h"

int store_lease_renew(struct db *db, const struct claimant *claimant, const char *location,
                      const char *version, struct error *err)
{
    static const struct query renewals[] = {
        {"UPDATE sessions SET lease_until=NOW(6) + INTERVAL ? SECOND "
         "WHERE status IN ('creating','ready') AND owner=?"},
        {"UPDATE interactions SET lease_until=NOW(6) + INTERVAL ? SECOND "
         "WHERE status='processing' AND owner=?"},
        {"UPDATE verifications SET lease_until=NOW(6) + INTERVAL ? SECOND "
         "WHERE status IN ('starting','running') AND owner=?"},
    };
    static const struct query heartbeat = {
        "INSERT INTO nodes (name, location, version, heartbeat_at) VALUES (?, ?, ?, NOW(6)) "
        "ON DUPLICATE KEY UPDATE location=VALUES(location), version=VALUES(version), "
        "heartbeat_at=VALUES(heartbeat_at)"};

    for (size_t i = 0; i < ARRAY_SIZE(renewals); i++) {
        if (DB_RUN(db, &renewals[i], NULL, err, db_int(claimant->lease_seconds),
                   db_id(&claimant->owner)) < 0)
            return -1;
    }
    return DB_RUN(db, &heartbeat, NULL, err, db_text(claimant->node), db_text(location),
                  db_text(version));
}

int store_daemon_alive(struct db *db, int64_t seconds, bool *ret_alive, struct error *err)
{
    static const struct query alive = {
        "SELECT COUNT(*) FROM nodes WHERE heartbeat_at > NOW(6) - INTERVAL ? SECOND"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &alive, err, db_int(seconds));

    if (!rows || !db_next(rows))
        return -1;
    *ret_alive = db_row_int(rows, 0) > 0;
    return 0;
}

int store_is_finished(struct db *db, const char *kind, const struct id *id, bool *ret_finished,
                      struct error *err)
{
    static const struct {
        const char *kind;
        struct query query;
    } kinds[] = {
        {"session", {"SELECT status <> 'creating' FROM sessions WHERE session_id=?"}},
        {"interaction",
         {"SELECT status IN ('completed','failed') FROM interactions WHERE interaction_id=?"}},
        {"verification",
         {"SELECT status IN ('completed','error','cancelled') FROM verifications "
          "WHERE job_id=?"}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        _cleanup_(db_rows_release) struct db_rows *rows = NULL;

        if (strcmp(kinds[i].kind, kind) != 0)
            continue;
        rows = DB_SELECT(db, &kinds[i].query, err, db_id(id));
        if (!rows)
            return -1;
        *ret_finished = !db_next(rows) || db_row_int(rows, 0);
        return 0;
    }
    return error_set(err, ERROR_INVALID, NULL, "there is nothing like a %s to wait for", kind);
}

#define OF_ENDED_SESSIONS                                                                          \
    "JOIN sessions s USING (session_id) WHERE s.status IN ('error','closed','terminated') AND "    \
    "(? IS NULL OR session_id=?) AND "

/* Runs `settle`, whose only value is the id, on every row that `select` finds. */
static int settle_each(struct db *db, const struct id *id, const struct query *select,
                       const struct query *settle, void (*each)(const struct id *id, void *arg),
                       void *arg, struct error *err)
{
    struct db_value session = db_text(id ? id->text : NULL);
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, select, err, session, session);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct id row_id = db_row_id(rows, 0);

        if (DB_RUN(db, settle, NULL, err, db_id(&row_id)) < 0)
            return -1;
        each(&row_id, arg);
    }
    return 0;
}

int store_session_settle(struct db *db, const struct id *id,
                         void (*each)(const struct id *id, void *arg), void *arg, struct error *err)
{
    static const struct query select_interactions = {
        "SELECT i.interaction_id FROM interactions i " OF_ENDED_SESSIONS
        "i.status IN ('pending','processing')"};
    static const struct query fail_interaction = {
        "UPDATE interactions i JOIN sessions s USING (session_id) SET i.status='failed', "
        "i.exit_code=-1000, i.success=FALSE, i.ended_at=NOW(6), i.content=NULL, i.message=CONCAT("
        "'the session ended (', s.status, ') before this did') "
        "WHERE i.interaction_id=? AND i.status IN ('pending','processing')"};
    static const struct query select_verifications = {
        "SELECT i.job_id FROM verifications i " OF_ENDED_SESSIONS
        "i.status IN ('pending','starting','running')"};
    static const struct query cancel_verification = {
        "UPDATE verifications SET status='cancelled', completed_at=NOW(6) "
        "WHERE job_id=? AND status IN ('pending','starting','running')"};

    if (settle_each(db, id, &select_interactions, &fail_interaction, each, arg, err) < 0)
        return -1;
    return settle_each(db, id, &select_verifications, &cancel_verification, each, arg, err);
}

struct db_rows *claim_row(struct db *db, const struct claimant *claimant, const struct id *id,
                          const struct query *claim, const struct query *select, struct error *err)
{
    struct db_rows *rows = NULL;
    int64_t changed;

    if (DB_RUN(db, claim, &changed, err, db_int(claimant->lease_seconds), db_text(claimant->node),
               db_id(&claimant->owner), db_id(id), db_text(claimant->node)) < 0)
        return NULL;
    if (changed > 0) {
        rows = DB_SELECT(db, select, err, db_id(id), db_id(&claimant->owner));
        if (!rows)
            return NULL;
    }
    if (rows && db_next(rows))
        return rows;
    db_rows_free(rows);
    error_set(err, ERROR_NOT_FOUND, NULL, "nothing to claim");
    return NULL;
}

int claimable_rows(struct db *db, const struct claimant *claimant, const struct query *select,
                   int64_t limit, void (*each)(const struct id *id, void *arg), void *arg,
                   struct error *err)
{
    struct db_rows *rows =
        DB_SELECT(db, select, err, db_text(claimant->node), db_id(&claimant->owner), db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

int work_refused(struct db *db, const struct id *user_id, const char *session_id,
                 const char *limit_code, const char *what, int64_t unfinished_max,
                 struct error *err)
{
    _cleanup_(session_release) struct session session = {0};

    if (store_session_get(db, user_id, session_id, &session, err) < 0)
        return -1;
    switch (session.status) {
    case SESSION_CREATING:
        return error_set(err, ERROR_CONFLICT, "SESSION_NOT_READY",
                         "the session is still being created; GET it and wait for ready");
    case SESSION_READY:
        return error_set(err, ERROR_LIMIT, limit_code,
                         "the limit of unfinished %s per session is %lld and that many are under "
                         "way; wait for one to end",
                         what, (long long)unfinished_max);
    case SESSION_ERROR:
    case SESSION_CLOSED:
    case SESSION_TERMINATED:
        break;
    }
    return error_set(err, ERROR_CONFLICT, "SESSION_CLOSED",
                     "the session has ended (%s); create another",
                     session_status_name(session.status));
}
