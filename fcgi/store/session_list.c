/*
 * session_list.c - pages of sessions (sessions.h), in bounded time whatever their number.
 *
 * A user's sessions are numbered, and for each thousand numbers session_counts says how many there
 * are and how many have ended how: their sum is the total, and a page begins in the thousand where
 * the sum from the newest on passes its offset. Gaps (pruned sessions) change nothing. Open ones
 * are few, and counted by their index.
 */
#include "base/cleanup.h"
#include "store/session_rows.h"

#include "base/banned.h"

#define CHUNK 1000 /* as sql/0004 has it */

struct page {
    int64_t total;
    int64_t below; /* the page's sessions have numbers below this */
    int64_t skip;  /* so many of them are not on it yet */
};

static void each_row(struct db_rows *rows, void (*each)(const struct session *session, void *arg),
                     void *arg)
{
    while (db_next(rows)) {
        _cleanup_(session_release) struct session session;

        session_read(rows, db_row_time(rows, 0), 1, &session);
        each(&session, arg);
    }
}

static bool is_open(int status)
{
    return status == SESSION_CREATING || status == SESSION_READY;
}

static int find_open_page(struct db *db, const struct id *user_id, int status, int64_t offset,
                          struct page *ret_page, struct error *err)
{
    static const struct query count = {
        "SELECT COUNT(*) FROM sessions WHERE user_id=? AND status=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &count, err, db_id(user_id), db_text(session_status_name((enum session_status)status)));

    if (!rows || !db_next(rows))
        return -1;
    *ret_page = (struct page){
        .total = db_row_int(rows, 0), .below = (int64_t)UINT32_MAX + 1, .skip = offset};
    return 0;
}

#define OF_USER " FROM session_counts WHERE user_id=? ORDER BY chunk DESC"

static int find_page(struct db *db, const struct id *user_id, int status, int64_t offset,
                     struct page *ret_page, struct error *err)
{
    static const struct query all = {"SELECT chunk, n_total" OF_USER};
    static const struct query by_status[] = {
        [SESSION_ERROR] = {"SELECT chunk, n_error" OF_USER},
        [SESSION_CLOSED] = {"SELECT chunk, n_closed" OF_USER},
        [SESSION_TERMINATED] = {"SELECT chunk, n_terminated" OF_USER},
    };
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    struct page page = {.total = 0};

    if (is_open(status))
        return find_open_page(db, user_id, status, offset, ret_page, err);
    rows = DB_SELECT(db, status < 0 ? &all : &by_status[status], err, db_id(user_id));
    if (!rows)
        return -1;
    while (db_next(rows)) {
        int64_t count = db_row_int(rows, 1);

        if (page.total <= offset && page.total + count > offset) {
            page.below = (db_row_int(rows, 0) + 1) * CHUNK;
            page.skip = offset - page.total;
        }
        page.total += count;
    }
    *ret_page = page;
    return 0;
}

/* The page's ids come from an index alone, so that those that are skipped cost nothing else. */
#define PAGE_OF(condition)                                                                         \
    "SELECT NOW(6), " SESSION_COLUMNS                                                              \
    "FROM (SELECT session_id FROM sessions WHERE user_id=? AND " condition                         \
    "user_seq < ? ORDER BY user_seq DESC LIMIT ? OFFSET ?) p "                                     \
    "STRAIGHT_JOIN sessions s ON s.session_id=p.session_id ORDER BY s.user_seq DESC"

static int list_of_user(struct db *db, const struct id *user_id, int status, int64_t offset,
                        int64_t limit, void (*each)(const struct session *session, void *arg),
                        void *arg, int64_t *ret_total, struct error *err)
{
    static const struct query of_all = {PAGE_OF("")};
    static const struct query of_status = {PAGE_OF("status=? AND ")};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    struct page page;

    if (find_page(db, user_id, status, offset, &page, err) < 0)
        return -1;
    if (offset < page.total) {
        rows = status < 0 ? DB_SELECT(db, &of_all, err, db_id(user_id), db_int(page.below),
                                      db_int(limit), db_int(page.skip))
                          : DB_SELECT(db, &of_status, err, db_id(user_id),
                                      db_text(session_status_name((enum session_status)status)),
                                      db_int(page.below), db_int(limit), db_int(page.skip));
        if (!rows)
            return -1;
        each_row(rows, each, arg);
    }
    *ret_total = page.total;
    return 0;
}

/* An operator's, who can wait. */
static int list_of_all(struct db *db, int status, int64_t offset, int64_t limit,
                       void (*each)(const struct session *session, void *arg), void *arg,
                       int64_t *ret_total, struct error *err)
{
    static const struct query count = {"SELECT COUNT(*) FROM sessions WHERE ? IS NULL OR status=?"};
    static const struct query select_page = {
        SELECT_SESSION "WHERE ? IS NULL OR status=? "
                       "ORDER BY requested_at DESC, session_id DESC LIMIT ? OFFSET ?"};
    struct db_value word =
        db_text(status < 0 ? NULL : session_status_name((enum session_status)status));
    _cleanup_(db_rows_release) struct db_rows *total = DB_SELECT(db, &count, err, word, word);
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (!total || !db_next(total))
        return -1;
    rows = DB_SELECT(db, &select_page, err, word, word, db_int(limit), db_int(offset));
    if (!rows)
        return -1;
    each_row(rows, each, arg);
    *ret_total = db_row_int(total, 0);
    return 0;
}

int store_session_list(struct db *db, const struct id *user_id, int status, int64_t offset,
                       int64_t limit, void (*each)(const struct session *session, void *arg),
                       void *arg, int64_t *ret_total, struct error *err)
{
    return user_id ? list_of_user(db, user_id, status, offset, limit, each, arg, ret_total, err)
                   : list_of_all(db, status, offset, limit, each, arg, ret_total, err);
}
