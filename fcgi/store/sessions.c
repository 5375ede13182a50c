#include "store/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/admission.h"
#include "store/credential.h"
#include "store/db.h"
#include "store/once.h"
#include "store/session_rows.h"

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

static const struct query insert_session = {
    "INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, expires_at, key_id, "
    "price_cents, unsettled) SELECT ?, ?, s.dataset, s.sample_id, s.version, "
    "NOW(6) + INTERVAL ? MINUTE, ?, ?, ? FROM samples s "
    "WHERE s.dataset=? AND s.sample_id=? AND s.latest AND s.image IS NOT NULL AND "
    "(SELECT COUNT(*) FROM sessions o WHERE o.user_id=? AND o.status IN ('creating','ready')) < ?"};

static const struct query select_expiry = {"SELECT expires_at FROM sessions WHERE session_id=?"};

/* *ret_expires_at 0: there is no such row. */
static int read_expiry(struct db *db, const struct id *id, int64_t *ret_expires_at,
                       struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &select_expiry, err, db_id(id));

    if (!rows)
        return -1;
    *ret_expires_at = db_next(rows) ? db_row_time(rows, 0) : 0;
    return 0;
}

/* Why nothing was inserted. */
static int explain_refusal(struct db *db, const struct new_session *wanted, int64_t open_max,
                           struct error *err)
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
                     "the limit of open sessions per user is %lld, and %lld are open; %s",
                     (long long)open_max, (long long)db_row_int(rows, 1),
                     open_max > 0 ? "close one first" : "ask the operator to raise it");
}

/* Under the user's row lock and the balance's, so that the limits hold against racing requests. */
static int insert_locked(struct db *db, const struct new_session *wanted, int64_t *ret_expires_at,
                         struct error *err)
{
    struct admission admission = {
        .kind = ADMIT_SESSION,
        .user_id = wanted->user_id,
        .key_id = wanted->key_id,
        .price_cents = wanted->price_cents,
        .open_max = wanted->open_max,
        .creates_per_minute = wanted->creates_per_minute,
        .cents_per_day = wanted->cents_per_day,
        .key_cents_per_day = wanted->key_cents_per_day,
    };
    bool costs = wanted->price_cents > 0;
    int64_t inserted;

    if (admit(db, &admission, err) < 0 ||
        DB_RUN(db, &insert_session, &inserted, err, db_id(&wanted->session_id),
               db_id(&wanted->user_id), db_int(wanted->ttl_minutes),
               db_text(wanted->key_id ? wanted->key_id->text : NULL),
               costs ? db_int(wanted->price_cents) : db_null(), costs ? db_int(1) : db_null(),
               db_text(wanted->dataset), db_text(wanted->sample_id), db_id(&wanted->user_id),
               db_int(admission.open_max)) < 0)
        return -1;
    if (inserted == 0)
        return explain_refusal(db, wanted, admission.open_max, err);
    return read_expiry(db, &wanted->session_id, ret_expires_at, err);
}

struct creation {
    const struct new_session *wanted;
    int64_t *ret_expires_at;
};

/* Whatever speaks against it now: an earlier attempt may have made it, and answered, or died. */
static bool is_made(struct db *db, const struct creation *creation, const struct error *refusal)
{
    struct error ignored;

    return refusal->kind != ERROR_UNAVAILABLE &&
           read_expiry(db, &creation->wanted->session_id, creation->ret_expires_at, &ignored) ==
               0 &&
           *creation->ret_expires_at;
}

static int attempt(struct db *db, void *arg, bool *maybe, struct error *err)
{
    const struct creation *creation = arg;
    int outcome = -1;

    if (db_begin(db, err) < 0)
        return -1;
    if (insert_locked(db, creation->wanted, creation->ret_expires_at, err) == 0) {
        *maybe = true;
        outcome = db_commit(db, err);
    } else if (is_made(db, creation, err)) {
        outcome = 0;
    }
    db_rollback(db);
    return outcome;
}

int store_session_create(struct db *db, const struct new_session *new_session,
                         int64_t *ret_expires_at, struct error *err)
{
    int64_t expires_at = 0;
    struct creation creation = {new_session, &expires_at};

    if (store_once(db, attempt, &creation, err) < 0)
        return -1;
    *ret_expires_at = expires_at;
    return 0;
}

/* --- read ------------------------------------------------------------------------------------ */

void session_read(const struct db_rows *rows, int64_t now, unsigned first, struct session *session)
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
    session_read(rows, db_row_time(rows, CREDENTIAL_NOW), CREDENTIAL_COLUMN_COUNT, ret_session);
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
    session_read(rows, db_row_time(rows, 0), 1, ret_session);
    return 0;
}

/* --- end ------------------------------------------------------------------------------------- */

int store_session_close(struct db *db, const struct id *user_id, const char *session_id,
                        double *ret_duration, bool *ret_changed, struct error *err)
{
    static const struct query close_session = {
        "UPDATE sessions SET status='closed', ended_at=" SESSION_END_NOW " "
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
