/*
 * claims.c - what concerns sessions, interactions and verifications alike: the settling of what an
 * ended session leaves, whether a wait is over (sessions.h), and claims (claims.h).
 */
#include "store/claims.h"

#include <string.h>

#include "base/cleanup.h"
#include "store/sessions.h"

#include "base/banned.h"

int fenced(int status, int64_t changed, const char *what, struct error *err)
{
    if (status < 0)
        return -1;
    if (changed == 0)
        return error_set(err, ERROR_NOT_FOUND, NULL,
                         "the %s has ended, or another daemon has claimed it", what);
    return 0;
}

int claimable(struct db *db, const struct query *query, const struct run *run, int64_t user_max,
              int64_t limit, void (*each)(const struct id *id, void *arg), void *arg,
              struct error *err)
{
    struct db_rows *rows = DB_SELECT(db, query, err, db_id(&run->run_id), db_id(&run->run_id),
                                     db_id(&run->run_id), db_int(user_max), db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
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
        {"job", {"SELECT status IN ('completed','error') FROM agent_jobs WHERE job_id=?"}},
        {"job-result", {"SELECT status <> 'pending' FROM agent_job_uploads WHERE upload_id=?"}},
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
    return error_set(err, ERROR_INVALID, NULL, "unknown kind of thing to wait for: %s", kind);
}

/* Two ways to ask: of one session by its own index, of all by the index of what is unfinished. */
#define ENDED_SESSION "JOIN sessions s USING (session_id) WHERE s.session_id=? AND "
#define ENDED_SESSIONS "JOIN sessions s USING (session_id) WHERE "
#define HAS_ENDED "s.status IN ('error','closed','terminated') AND "
#define INTERACTION_UNFINISHED "i.status IN ('pending','processing')"
#define VERIFICATION_UNFINISHED                                                                    \
    "v.status IN ('pending','starting','running') AND v.regrade_of IS NULL"

/* id NULL: of all sessions. */
static struct db_rows *select_unfinished(struct db *db, const struct id *id,
                                         const struct query queries[2], struct error *err)
{
    return id ? DB_SELECT(db, &queries[0], err, db_id(id))
              : db_select(db, &queries[1], NULL, 0, err);
}

static int settle_interactions(struct db *db, const struct id *id,
                               void (*each)(const struct id *id, void *arg), void *arg,
                               struct error *err)
{
    static const struct query select[2] = {
        {"SELECT i.interaction_id, s.status FROM interactions i " ENDED_SESSION HAS_ENDED
             INTERACTION_UNFINISHED},
        {"SELECT i.interaction_id, s.status FROM interactions i " ENDED_SESSIONS HAS_ENDED
             INTERACTION_UNFINISHED},
    };
    static const struct query fail = {
        DB_ATOMIC("UPDATE interactions SET status='failed', exit_code=-1000, success=FALSE, "
                  "ended_at=NOW(6), content=NULL, message=CONCAT('the session ended (', ?, "
                  "') before this did') WHERE interaction_id=? AND "
                  "status IN ('pending','processing'); "
                  "IF ROW_COUNT() > 0 THEN "
                  "DELETE FROM interaction_contents WHERE interaction_id=?; END IF;")};
    _cleanup_(db_rows_release) struct db_rows *rows = select_unfinished(db, id, select, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct id row_id = db_row_id(rows, 0);

        if (DB_RUN(db, &fail, NULL, err, db_text(db_row_text(rows, 1)), db_id(&row_id),
                   db_id(&row_id)) < 0)
            return -1;
        each(&row_id, arg);
    }
    return 0;
}

static int settle_verifications(struct db *db, const struct id *id,
                                void (*each)(const struct id *id, void *arg), void *arg,
                                struct error *err)
{
    static const struct query select[2] = {
        {"SELECT v.job_id FROM verifications v " ENDED_SESSION HAS_ENDED VERIFICATION_UNFINISHED},
        {"SELECT v.job_id FROM verifications v " ENDED_SESSIONS HAS_ENDED VERIFICATION_UNFINISHED},
    };
    static const struct query cancel = {
        "UPDATE verifications SET status='cancelled', completed_at=NOW(6) "
        "WHERE job_id=? AND status IN ('pending','starting','running')"};
    _cleanup_(db_rows_release) struct db_rows *rows = select_unfinished(db, id, select, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct id row_id = db_row_id(rows, 0);

        if (DB_RUN(db, &cancel, NULL, err, db_id(&row_id)) < 0)
            return -1;
        each(&row_id, arg);
    }
    return 0;
}

int store_session_settle(struct db *db, const struct id *id,
                         void (*each)(const struct id *id, void *arg), void *arg, struct error *err)
{
    if (settle_interactions(db, id, each, arg, err) < 0)
        return -1;
    return settle_verifications(db, id, each, arg, err);
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
        return error_set(
            err, ERROR_LIMIT, limit_code,
            "a session may have %lld unfinished %s, and it has that many; wait for one to "
            "end",
            (long long)unfinished_max, what);
    case SESSION_ERROR:
    case SESSION_CLOSED:
    case SESSION_TERMINATED:
        break;
    }
    return error_set(err, ERROR_CONFLICT, "SESSION_CLOSED",
                     "the session has ended (%s); create a new one",
                     session_status_name(session.status));
}
