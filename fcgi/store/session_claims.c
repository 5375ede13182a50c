/*
 * session_claims.c - the daemon's half of sessions.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/claims.h"
#include "store/session_rows.h"
#include "store/sessions.h"

#include "base/banned.h"

void session_work_release(struct session_work *work)
{
    free(work->image);
    free(work->repo_path);
    free(work->setup_command);
    free(work->egress);
    free(work->profile);
    memset(work, 0, sizeof(*work));
}

/* --- claims ---------------------------------------------------------------------------------- */

/* A run that was ended by others (runs.h) claims nothing: it does not know yet what became of it.
 */
#define IS_FREE                                                                                    \
    "status='creating' AND (owner IS NULL OR owner=? OR " OWNER_IS_DEAD(                           \
        "sessions.owner") ") AND "                                                                 \
                          "EXISTS (SELECT 1 FROM runs r WHERE r.run_id=? AND r.ended_at IS NULL) " \
                          "AND NOT EXISTS "                                                        \
                          "(SELECT 1 FROM session_declines d WHERE "                               \
                          "d.session_id=sessions.session_id AND d.node=?)"

/* Claims of a run on sessions are made one after the other (its row's lock), so that the cap on one
 * user's starts holds. */
#define CLAIM                                                                                      \
    "SELECT run_id INTO mine FROM runs WHERE run_id=? FOR UPDATE; "                                \
    "SELECT container_id, user_id, TRUE INTO earlier, whose, free FROM sessions "                  \
    "WHERE session_id=? AND " IS_FREE " FOR UPDATE; "                                              \
    "IF free AND NOT earlier <=> ? THEN "                                                          \
    "SELECT COUNT(*) >= ? INTO limited FROM sessions o WHERE o.user_id=whose AND "                 \
    "o.status='creating' AND o.owner=mine AND o.session_id<>?; "                                   \
    "IF NOT limited THEN "                                                                         \
    "UPDATE sessions SET attempt=attempt+1, owner=?, container_id=? WHERE session_id=?; "          \
    "UPDATE containers SET state='ended', ended_at=NOW(6) "                                        \
    "WHERE container_id=earlier AND state IN ('starting','running'); "                             \
    "INSERT INTO containers (container_id, node, run_id, kind, work_id, image, egress, profile) "  \
    "SELECT w.container_id, ?, w.owner, 'session', w.session_id, p.image, d.egress, d.profile "    \
    "FROM sessions w JOIN samples p USING (dataset, sample_id, version) "                          \
    "JOIN datasets d ON d.name=w.dataset WHERE w.session_id=?; "                                   \
    "END IF; END IF;"

int store_session_claim(struct db *db, const struct run *run, const struct id *id,
                        const struct id *container_id, int64_t user_max,
                        struct session_work *ret_work, struct error *err)
{
    static const struct query claim = {DB_ATOMIC_SELECT(
        "DECLARE free, limited BOOLEAN DEFAULT FALSE; DECLARE earlier, mine, whose UUID; ", CLAIM,
        "SELECT limited, w.session_id, w.user_id, w.container_id, w.attempt, p.image, "
        "p.repo_path, w.expires_at, c.egress, c.profile, p.setup_command FROM sessions w "
        "JOIN samples p USING (dataset, sample_id, version) "
        "LEFT JOIN containers c ON c.container_id=w.container_id WHERE w.session_id=? AND "
        "w.status='creating' AND (limited OR (w.owner=? AND w.container_id=?));")};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &claim, err, db_id(&run->run_id), db_id(id), db_id(&run->run_id),
        db_int(run->lease_seconds), db_id(&run->run_id), db_text(run->node), db_id(container_id),
        db_int(user_max), db_id(id), db_id(&run->run_id), db_id(container_id), db_id(id),
        db_text(run->node), db_id(id), db_id(id), db_id(&run->run_id), db_id(container_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "nothing to claim");
    if (db_row_int(rows, 0))
        return error_set(err, ERROR_LIMIT, NULL,
                         "%lld sessions of its user are being started, which is the limit",
                         (long long)user_max);
    *ret_work = (struct session_work){
        .session_id = db_row_id(rows, 1),
        .user_id = db_row_id(rows, 2),
        .container_id = db_row_id(rows, 3),
        .attempt = db_row_int(rows, 4),
        .image = db_row_copy(rows, 5),
        .repo_path = db_row_copy(rows, 6),
        .expires_at = db_row_time(rows, 7),
        .egress = db_row_copy(rows, 8),
        .profile = db_row_copy(rows, 9),
        .setup_command = db_row_copy(rows, 10),
    };
    return 0;
}

int store_session_claimable(struct db *db, const struct run *run, int64_t user_max, int64_t limit,
                            void (*each)(const struct id *id, void *arg), void *arg,
                            struct error *err)
{
    static const struct query select_claimable = {
        "WITH held AS (SELECT o.user_id, COUNT(*) AS n, "
        "SUM(o.status='creating' AND o.owner=?) AS begun FROM sessions o "
        "WHERE o.status IN ('creating','ready') AND o.owner IS NOT NULL GROUP BY o.user_id) "
        "SELECT q.session_id FROM (SELECT w.session_id, w.requested_at, "
        "ROW_NUMBER() OVER (PARTITION BY w.user_id ORDER BY w.requested_at, w.session_id) AS nth, "
        "IFNULL(h.n, 0) AS held, IFNULL(h.begun, 0) AS begun "
        "FROM sessions w LEFT JOIN held h ON h.user_id=w.user_id "
        "WHERE w.status='creating' AND (w.owner IS NULL OR "
        "(w.owner<>? AND " OWNER_IS_DEAD(
            "w.owner") ")) AND NOT EXISTS (SELECT 1 FROM "
                       "session_declines d WHERE d.session_id=w.session_id AND d.node=?)) q "
                       "WHERE q.nth + q.begun <= ? "
                       "ORDER BY q.nth + q.held, q.requested_at, q.session_id LIMIT ?"};
    struct db_rows *rows =
        DB_SELECT(db, &select_claimable, err, db_id(&run->run_id), db_id(&run->run_id),
                  db_int(run->lease_seconds), db_text(run->node), db_int(user_max), db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

/* --- what becomes of a claim ----------------------------------------------------------------- */

int store_session_ready(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                        const char *container_name, const char *address, struct error *err)
{
    static const struct query ready = {DB_ATOMIC(
        "UPDATE sessions SET status='ready', created_at=IFNULL(created_at, NOW(6)), "
        "container_name=?, location=? WHERE session_id=? AND owner=? AND attempt=? AND "
        "status IN ('creating','ready'); "
        "IF ROW_COUNT() > 0 THEN "
        "UPDATE containers SET state='running', started_at=IFNULL(started_at, NOW(6)), address=? "
        "WHERE container_id=(SELECT s.container_id FROM sessions s WHERE s.session_id=?) AND "
        "state IN ('starting','running'); END IF;")};
    int64_t changed = 0;
    int status =
        DB_RUN(db, &ready, &changed, err, db_text(container_name), db_text(run->location),
               db_id(id), db_id(&run->run_id), db_int(attempt), db_text(address), db_id(id));

    return fenced(status, changed, "session", err);
}

int store_session_end(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                      enum session_status status, const char *code, const char *message,
                      struct error *err)
{
    static const struct query end = {
        "UPDATE sessions SET status=IF(created_at IS NULL, 'error', ?), ended_at=NOW(6), "
        "error_code=?, error_message=? WHERE session_id=? AND owner=? AND attempt=? AND "
        "status IN ('creating','ready')"};
    int64_t changed = 0;
    int ran = DB_RUN(db, &end, &changed, err, db_text(session_status_name(status)), db_text(code),
                     db_text(message), db_id(id), db_id(&run->run_id), db_int(attempt));

    return fenced(ran, changed, "session", err);
}

#define DECLINE                                                                                    \
    "SELECT container_id, TRUE INTO container, ours FROM sessions WHERE session_id=? AND "         \
    "owner=? AND attempt=? AND status='creating' FOR UPDATE; "                                     \
    "IF ours THEN "                                                                                \
    "INSERT INTO session_declines (session_id, node, code) VALUES (?, ?, ?); "                     \
    "UPDATE containers SET state='ended', ended_at=NOW(6) "                                        \
    "WHERE container_id=container AND state IN ('starting','running'); "                           \
    "SELECT COUNT(*) INTO others FROM runs r WHERE r.ended_at IS NULL AND "                        \
    "r.heartbeat_at > NOW(6) - INTERVAL ? SECOND AND r.node<>? AND NOT EXISTS (SELECT 1 FROM "     \
    "session_declines d WHERE d.session_id=? AND d.node=r.node); "                                 \
    "IF others > 0 THEN UPDATE sessions SET owner=NULL WHERE session_id=?; "                       \
    "ELSE UPDATE sessions SET status='error', ended_at=NOW(6), error_code=?, error_message=? "     \
    "WHERE session_id=?; END IF; END IF;"

int store_session_decline(struct db *db, const struct run *run, const struct id *id,
                          int64_t attempt, const char *code, const char *message, bool *ret_ended,
                          struct error *err)
{
    static const struct query decline = {
        DB_ATOMIC_SELECT("DECLARE ours BOOLEAN DEFAULT FALSE; DECLARE container UUID; "
                         "DECLARE others INT DEFAULT 0; ",
                         DECLINE, "SELECT ours, others;")};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &decline, err, db_id(id), db_id(&run->run_id), db_int(attempt), db_id(id),
                  db_text(run->node), db_text(code), db_int(run->lease_seconds), db_text(run->node),
                  db_id(id), db_id(id), db_text(code), db_text(message), db_id(id));

    if (!rows || !db_next(rows))
        return -1;
    if (fenced(0, db_row_int(rows, 0), "session", err) < 0)
        return -1;
    *ret_ended = db_row_int(rows, 1) == 0;
    return 0;
}

/* Of a session s: everybody who is left has declined it. Its one value: lease_seconds. */
#define NOBODY_IS_LEFT                                                                             \
    "NOT EXISTS (SELECT 1 FROM runs r WHERE r.ended_at IS NULL AND "                               \
    "r.heartbeat_at > NOW(6) - INTERVAL ? SECOND AND NOT EXISTS (SELECT 1 FROM "                   \
    "session_declines x WHERE x.session_id=s.session_id AND x.node=r.node))"

int store_session_give_up(struct db *db, const struct run *run,
                          void (*each)(const struct id *id, void *arg), void *arg,
                          struct error *err)
{
    static const struct query select_declined = {
        "SELECT s.session_id, MIN(d.code) FROM sessions s JOIN session_declines d "
        "USING (session_id) WHERE s.status='creating' AND (s.owner IS NULL OR " OWNER_IS_DEAD(
            "s.owner") ") AND " NOBODY_IS_LEFT " GROUP BY s.session_id"};
    static const struct query give_up = {
        "UPDATE sessions SET status='error', ended_at=NOW(6), error_code=?, error_message='no host "
        "could start it, and none is left to try; create another later' WHERE session_id=? AND "
        "status='creating' AND (owner IS NULL OR " OWNER_IS_DEAD("sessions.owner") ")"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &select_declined, err, db_int(run->lease_seconds), db_int(run->lease_seconds));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct id id = db_row_id(rows, 0);
        int64_t changed;

        if (DB_RUN(db, &give_up, &changed, err, db_text(db_row_text(rows, 1)), db_id(&id),
                   db_int(run->lease_seconds)) < 0)
            return -1;
        if (changed > 0)
            each(&id, arg);
    }
    return 0;
}

/* --- expiry ---------------------------------------------------------------------------------- */

int store_session_expire(struct db *db, int64_t limit, void (*each)(const struct id *id, void *arg),
                         void *arg, struct error *err)
{
    static const struct query select_expired = {
        "SELECT session_id FROM sessions WHERE status IN ('creating','ready') AND "
        "expires_at <= NOW(6) LIMIT ?"};
    static const struct query expire = {
        "UPDATE sessions SET status=IF(created_at IS NULL, 'error', 'terminated'), "
        "ended_at=" SESSION_END_NOW
        ", error_code='SESSION_EXPIRED', error_message='the session reached its "
        "time to live; create it with a larger ttl_minutes if it needs longer' "
        "WHERE session_id=? AND status IN ('creating','ready') AND expires_at <= NOW(6)"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_expired, err, db_int(limit));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct id id = db_row_id(rows, 0);
        int64_t changed;

        if (DB_RUN(db, &expire, &changed, err, db_id(&id)) < 0)
            return -1;
        if (changed > 0)
            each(&id, arg);
    }
    return 0;
}
