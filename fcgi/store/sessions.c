#include "store/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/claims.h"
#include "store/credential.h"
#include "store/db.h"

#include "base/banned.h"

static const char *const status_names[] = {
    [SESSION_CREATING] = "creating", [SESSION_READY] = "ready",           [SESSION_ERROR] = "error",
    [SESSION_CLOSED] = "closed",     [SESSION_TERMINATED] = "terminated",
};

const char *session_status_name(enum session_status status)
{
    return status_names[status];
}

int session_status_parse(const char *name, enum session_status *ret_status)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
        if (strcmp(status_names[i], name) == 0) {
            *ret_status = (enum session_status)i;
            return 0;
        }
    }
    return -1;
}

void session_release(struct session *session)
{
    free(session->dataset);
    free(session->sample_id);
    free(session->error_code);
    free(session->error_message);
    free(session->container_name);
    free(session->location);
    memset(session, 0, sizeof(*session));
}

double session_duration_seconds(const struct session *session)
{
    int64_t end = session->ended_at ? session->ended_at : session->now;

    if (!session->created_at || end < session->created_at)
        return 0;
    return (double)(end - session->created_at) / CLOCK_SECOND;
}

static int session_not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "SESSION_NOT_FOUND",
                     "there is no such session; GET /sessions lists yours");
}

/* --- create ---------------------------------------------------------------------------------- */

static const struct query lock_user = {"SELECT user_id FROM users WHERE user_id=? FOR UPDATE"};

static const struct query insert_session = {
    "INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, expires_at) "
    "SELECT ?, ?, s.dataset, s.sample_id, s.version, NOW(6) + INTERVAL ? MINUTE FROM samples s "
    "WHERE s.dataset=? AND s.sample_id=? AND s.latest AND s.image IS NOT NULL AND "
    "(SELECT COUNT(*) FROM sessions o WHERE o.user_id=? AND o.status IN ('creating','ready')) < ?"};

static const struct query select_expiry = {"SELECT expires_at FROM sessions WHERE session_id=?"};

static int read_expiry(struct db *db, const struct id *id, int64_t *ret_expires_at,
                       struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &select_expiry, err, db_id(id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "no such row");
    *ret_expires_at = db_row_time(rows, 0);
    return 0;
}

/* Why nothing was inserted. */
static int explain_refusal(struct db *db, const struct new_session *wanted, struct error *err)
{
    static const struct query select_sample = {
        "SELECT s.image IS NOT NULL, (SELECT COUNT(*) FROM sessions o WHERE o.user_id=? AND "
        "o.status IN ('creating','ready')) FROM samples s "
        "WHERE s.dataset=? AND s.sample_id=? AND s.latest"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_sample, err, db_id(&wanted->user_id), db_text(wanted->dataset),
                  db_text(wanted->sample_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "SAMPLE_NOT_FOUND",
                         "there is no such sample in that data set; GET /samples lists them");
    if (!db_row_int(rows, 0))
        return error_set(err, ERROR_CONFLICT, "SAMPLE_NOT_RUNNABLE",
                         "this sample has no image, so no session can be made from it; ask the "
                         "operator to import one");
    return error_set(err, ERROR_LIMIT, "SESSION_LIMIT",
                     "the limit of open sessions per user is %lld and %lld are open; close one "
                     "first",
                     (long long)wanted->open_max, (long long)db_row_int(rows, 1));
}

/* Under the user's row lock, so that the limit holds against racing requests. */
static int insert_locked(struct db *db, const struct new_session *wanted, struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *locked =
        DB_SELECT(db, &lock_user, err, db_id(&wanted->user_id));
    int64_t inserted;

    if (!locked ||
        DB_RUN(db, &insert_session, &inserted, err, db_id(&wanted->session_id),
               db_id(&wanted->user_id), db_int(wanted->ttl_minutes), db_text(wanted->dataset),
               db_text(wanted->sample_id), db_id(&wanted->user_id), db_int(wanted->open_max)) < 0)
        return -1;
    if (inserted == 0)
        return explain_refusal(db, wanted, err);
    return 0;
}

int store_session_create(struct db *db, const struct new_session *new_session,
                         int64_t *ret_expires_at, struct error *err)
{
    struct error ignored;

    if (db_begin(db, err) < 0)
        return -1;
    if (insert_locked(db, new_session, err) == 0 && db_commit(db, err) == 0)
        return read_expiry(db, &new_session->session_id, ret_expires_at, err);
    /* A connection lost at COMMIT says nothing about the row; the row does. */
    if (db_lost(db) && read_expiry(db, &new_session->session_id, ret_expires_at, &ignored) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

/* --- read ------------------------------------------------------------------------------------ */

#define SESSION_COLUMNS                                                                            \
    "s.session_id, s.user_id, s.dataset, s.sample_id, s.status, s.requested_at, s.created_at, "    \
    "s.expires_at, s.ended_at, s.error_code, s.error_message, s.container_name, s.location "
#define SELECT_SESSION "SELECT NOW(6), " SESSION_COLUMNS "FROM sessions s "

static void read_session(const struct db_rows *rows, int64_t now, unsigned first,
                         struct session *session)
{
    *session = (struct session){
        .session_id = db_row_id(rows, first),
        .user_id = db_row_id(rows, first + 1),
        .dataset = db_row_copy(rows, first + 2),
        .sample_id = db_row_copy(rows, first + 3),
        .requested_at = db_row_time(rows, first + 5),
        .created_at = db_row_time(rows, first + 6),
        .expires_at = db_row_time(rows, first + 7),
        .ended_at = db_row_time(rows, first + 8),
        .now = now,
        .error_code = db_row_copy(rows, first + 9),
        .error_message = db_row_copy(rows, first + 10),
        .container_name = db_row_copy(rows, first + 11),
        .location = db_row_copy(rows, first + 12),
    };
    session_status_parse(db_row_text(rows, first + 4), &session->status);
}

/* A row of SELECT_SESSION. */
static void read_row(const struct db_rows *rows, struct session *session)
{
    read_session(rows, db_row_time(rows, 0), 1, session);
}

#define SESSION_BY_ID "LEFT JOIN sessions s ON s.session_id=? "

int store_session_get_as(struct db *db, const struct credential *credential, const char *session_id,
                         struct session *ret_session, struct caller *ret_caller, struct error *err)
{
    static const struct query by_key = {
        "SELECT " KEY_COLUMNS ", " SESSION_COLUMNS KEY_FROM SESSION_BY_ID "WHERE " KEY_IS};
    static const struct query by_token = {
        "SELECT " TOKEN_COLUMNS ", " SESSION_COLUMNS TOKEN_FROM SESSION_BY_ID "WHERE " TOKEN_IS};
    /* What is no id is nobody's; the credential is looked at all the same. */
    struct db_value id = db_text(id_valid(session_id) ? session_id : NULL);
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, credential->by_key ? &by_key : &by_token, err, id, credential_value(credential));
    const char *owner;

    if (!rows || credential_read(db, credential, rows, ret_caller, err) < 0)
        return -1;
    owner = db_row_text(rows, CREDENTIAL_COLUMN_COUNT + 1);
    if (!owner || strcmp(owner, ret_caller->user_id.text) != 0)
        return session_not_found(err); /* somebody else's is like nobody's */
    read_session(rows, db_row_time(rows, CREDENTIAL_NOW), CREDENTIAL_COLUMN_COUNT, ret_session);
    return 0;
}

int store_session_get(struct db *db, const struct id *user_id, const char *session_id,
                      struct session *ret_session, struct error *err)
{
    static const struct query select_session = {SELECT_SESSION "WHERE session_id=? AND user_id=?"};
    static const struct query select_any = {SELECT_SESSION "WHERE session_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (!id_valid(session_id))
        return session_not_found(err);
    rows = user_id ? DB_SELECT(db, &select_session, err, db_text(session_id), db_id(user_id))
                   : DB_SELECT(db, &select_any, err, db_text(session_id));
    if (!rows)
        return -1;
    if (!db_next(rows))
        return session_not_found(err);
    read_row(rows, ret_session);
    return 0;
}

int store_session_list(struct db *db, const struct id *user_id, int status, int64_t offset,
                       int64_t limit, void (*each)(const struct session *session, void *arg),
                       void *arg, int64_t *ret_total, struct error *err)
{
    static const struct query count_sessions = {
        "SELECT COUNT(*) FROM sessions WHERE (? IS NULL OR user_id=?) AND (? IS NULL OR status=?)"};
    static const struct query select_sessions = {
        SELECT_SESSION
        "WHERE (? IS NULL OR user_id=?) AND "
        "(? IS NULL OR status=?) ORDER BY requested_at DESC, session_id DESC LIMIT ? OFFSET ?"};
    struct db_value user = db_text(user_id ? user_id->text : NULL);
    struct db_value word =
        db_text(status < 0 ? NULL : session_status_name((enum session_status)status));
    _cleanup_(db_rows_release) struct db_rows *total =
        DB_SELECT(db, &count_sessions, err, user, user, word, word);
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (!total || !db_next(total))
        return -1;
    rows =
        DB_SELECT(db, &select_sessions, err, user, user, word, word, db_int(limit), db_int(offset));
    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(session_release) struct session session;

        read_row(rows, &session);
        each(&session, arg);
    }
    *ret_total = db_row_int(total, 0);
    return 0;
}

/* --- end ------------------------------------------------------------------------------------- */

int store_session_close(struct db *db, const struct id *user_id, const char *session_id,
                        double *ret_duration, bool *ret_changed, struct error *err)
{
    static const struct query close_session = {
        "UPDATE sessions SET status='closed', ended_at=NOW(6) "
        "WHERE session_id=? AND (? IS NULL OR user_id=?) AND status IN ('creating','ready')"};
    struct db_value user = db_text(user_id ? user_id->text : NULL);
    _cleanup_(session_release) struct session session = {0};
    int64_t changed = 0;

    if (!id_valid(session_id))
        return session_not_found(err);
    /* Closing twice is closing once, so a lost answer is no reason not to look. */
    if (DB_RUN(db, &close_session, &changed, err, db_text(session_id), user, user) < 0 &&
        !db_lost(db))
        return -1;
    if (store_session_get(db, user_id, session_id, &session, err) < 0)
        return -1;
    if (!session.ended_at)
        return error_set(err, ERROR_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                         "the database did not answer; the session is still open");
    *ret_duration = session_duration_seconds(&session);
    *ret_changed = changed > 0;
    return 0;
}

int store_session_end(struct db *db, const struct id *id, enum session_status status,
                      const char *code, const char *message, struct error *err)
{
    static const struct query end_session = {
        "UPDATE sessions SET status=IF(created_at IS NULL, 'error', ?), ended_at=NOW(6), "
        "error_code=?, error_message=? WHERE session_id=? AND status IN ('creating','ready')"};
    int64_t changed;

    if (DB_RUN(db, &end_session, &changed, err, db_text(session_status_name(status)), db_text(code),
               db_text(message), db_id(id)) < 0)
        return -1;
    if (changed == 0)
        return error_set(err, ERROR_NOT_FOUND, NULL, "the session has ended already");
    return 0;
}

int store_session_expire(struct db *db, const struct claimant *claimant,
                         void (*each)(const struct id *id, void *arg), void *arg, struct error *err)
{
    static const struct query select_expired = {
        "SELECT session_id FROM sessions WHERE status IN ('creating','ready') AND "
        "expires_at <= NOW(6) AND (node=? OR expires_at <= NOW(6) - INTERVAL 1 MINUTE)"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_expired, err, db_text(claimant->node));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct id id = db_row_id(rows, 0);

        if (store_session_end(db, &id, SESSION_TERMINATED, "SESSION_EXPIRED",
                              "the session reached its time to live; create it with a larger "
                              "ttl_minutes if it needs longer",
                              err) == 0)
            each(&id, arg);
        else if (err->kind != ERROR_NOT_FOUND)
            return -1;
    }
    return 0;
}

/* --- the daemon's claims --------------------------------------------------------------------- */

void session_work_release(struct session_work *work)
{
    free(work->image);
    free(work->repo_path);
    memset(work, 0, sizeof(*work));
}

#define FREE_FOR_US                                                                                \
    "status='creating' AND (owner IS NULL OR lease_until < NOW(6) OR (node=? AND owner<>?)) "

int store_session_claim(struct db *db, const struct claimant *claimant, const struct id *id,
                        struct session_work *ret_work, struct error *err)
{
    static const struct query claim = {
        "UPDATE sessions SET attempt=attempt+1, lease_until=NOW(6) + INTERVAL ? SECOND, node=?, "
        "owner=? WHERE session_id=? AND status='creating' AND "
        "(owner IS NULL OR lease_until < NOW(6) OR node=?)"};
    static const struct query select_work = {
        "SELECT w.session_id, w.attempt, s.image, s.repo_path, w.expires_at FROM sessions w "
        "JOIN samples s USING (dataset, sample_id, version) "
        "WHERE w.session_id=? AND w.owner=? AND w.status='creating'"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        claim_row(db, claimant, id, &claim, &select_work, err);

    if (!rows)
        return -1;
    *ret_work = (struct session_work){
        .session_id = db_row_id(rows, 0),
        .attempt = db_row_int(rows, 1),
        .image = db_row_copy(rows, 2),
        .repo_path = db_row_copy(rows, 3),
        .expires_at = db_row_time(rows, 4),
    };
    return 0;
}

int store_session_claimable(struct db *db, const struct claimant *claimant, int64_t limit,
                            void (*each)(const struct id *id, void *arg), void *arg,
                            struct error *err)
{
    static const struct query select_claimable = {
        "SELECT session_id FROM sessions WHERE " FREE_FOR_US "ORDER BY requested_at LIMIT ?"};

    return claimable_rows(db, claimant, &select_claimable, limit, each, arg, err);
}

int store_session_ready(struct db *db, const struct claimant *claimant, const struct id *id,
                        int64_t attempt, const char *container_name, const char *location,
                        struct error *err)
{
    static const struct query ready = {
        "UPDATE sessions SET status='ready', created_at=NOW(6), container_name=?, location=? "
        "WHERE session_id=? AND owner=? AND attempt=? AND status='creating'"};
    int64_t changed;

    if (DB_RUN(db, &ready, &changed, err, db_text(container_name), db_text(location), db_id(id),
               db_id(&claimant->owner), db_int(attempt)) < 0)
        return -1;
    if (changed == 0)
        return error_set(err, ERROR_NOT_FOUND, NULL, "the session is no longer ours to make ready");
    return 0;
}

int store_session_adopt(struct db *db, const struct claimant *claimant,
                        void (*each)(const struct id *id, void *arg), void *arg, struct error *err)
{
    static const struct query take_over = {
        "UPDATE sessions SET owner=?, lease_until=NOW(6) + INTERVAL ? SECOND "
        "WHERE node=? AND status='ready'"};
    static const struct query select_ready = {
        "SELECT session_id FROM sessions WHERE node=? AND status='ready'"};
    struct db_rows *rows;

    if (DB_RUN(db, &take_over, NULL, err, db_id(&claimant->owner), db_int(claimant->lease_seconds),
               db_text(claimant->node)) < 0)
        return -1;
    rows = DB_SELECT(db, &select_ready, err, db_text(claimant->node));
    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

int store_session_uncleaned(struct db *db, const struct claimant *claimant, int64_t limit,
                            void (*each)(const struct id *id, void *arg), void *arg,
                            struct error *err)
{
    /* One that no daemon ever claimed has no container. */
    static const struct query select_uncleaned = {
        "SELECT session_id FROM sessions WHERE NOT cleaned AND node=? AND "
        "status IN ('error','closed','terminated') LIMIT ?"};
    struct db_rows *rows =
        DB_SELECT(db, &select_uncleaned, err, db_text(claimant->node), db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

int store_session_cleaned(struct db *db, const struct id *id, struct error *err)
{
    static const struct query cleaned = {"UPDATE sessions SET cleaned=TRUE WHERE session_id=?"};

    return DB_RUN(db, &cleaned, NULL, err, db_id(id));
}
