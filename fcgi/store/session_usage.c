#include "store/session_usage.h"

#include "base/cleanup.h"
#include "store/db.h"
#include "store/sessions.h"

#include "base/banned.h"

int store_session_usage_add(struct db *db, const struct id *session_id,
                            const struct session_usage *usage, struct error *err)
{
    static const struct query query = {
        "INSERT IGNORE INTO session_usage (session_id, at, memory_bytes, cpu_us, disk_bytes, "
        "processes, oom_kills) SELECT session_id, NOW(3), ?, ?, ?, ?, ? FROM sessions "
        "WHERE session_id=? AND status='ready'"};

    return DB_RUN(db, &query, NULL, err, db_int(usage->memory_bytes), db_int(usage->cpu_us),
                  db_int(usage->disk_bytes), db_int(usage->processes), db_int(usage->oom_kills),
                  db_id(session_id));
}

/* A session without a sample has one row. */
int store_session_usage_list(struct db *db, const struct id *user_id, const struct id *session_id,
                             void (*each)(const struct session_usage *usage, void *arg), void *arg,
                             int *ret_status, struct error *err)
{
    static const struct query query = {
        "SELECT s.status, u.at, u.memory_bytes, u.cpu_us, u.disk_bytes, u.processes, u.oom_kills "
        "FROM sessions s LEFT JOIN (SELECT * FROM session_usage WHERE session_id=? "
        "ORDER BY at DESC LIMIT ?) u ON u.session_id=s.session_id "
        "WHERE s.session_id=? AND (? IS NULL OR s.user_id=?) ORDER BY u.at"};
    struct db_value user = user_id ? db_id(user_id) : db_null();
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(session_id), db_int(SESSION_USAGE_MAX), db_id(session_id),
                  user, user);
    enum session_status status;

    if (!rows)
        return -1;
    if (db_rows_count(rows) == 0)
        return error_set(err, ERROR_NOT_FOUND, "SESSION_NOT_FOUND", "there is no such session");
    while (db_next(rows)) {
        struct session_usage usage = {.at = db_row_time(rows, 1),
                                      .memory_bytes = db_row_int(rows, 2),
                                      .cpu_us = db_row_int(rows, 3),
                                      .disk_bytes = db_row_int(rows, 4),
                                      .processes = db_row_int(rows, 5),
                                      .oom_kills = db_row_int(rows, 6)};

        if (session_status_parse(db_row_text(rows, 0), &status) < 0)
            return error_set(err, ERROR_INTERNAL, NULL, "a session has an unknown status");
        *ret_status = (int)status;
        if (!db_is_null(rows, 1))
            each(&usage, arg);
    }
    return 0;
}

#define NEWEST_BUT(condition)                                                                      \
    "(SELECT MAX(x.at) FROM session_usage x WHERE x.session_id=s.session_id" condition ")"

int store_session_loads(struct db *db, void (*each)(const struct session_load *load, void *arg),
                        void *arg, struct error *err)
{
    static const struct query query = {
        "SELECT s.session_id, IFNULL(NULLIF(o.email, ''), CAST(o.user_id AS CHAR)), s.dataset, "
        "s.sample_id, TIMESTAMPDIFF(SECOND, s.created_at, NOW(6)), a.at, a.memory_bytes, a.cpu_us, "
        "a.disk_bytes, a.processes, a.oom_kills, "
        "IFNULL((a.cpu_us - b.cpu_us) / TIMESTAMPDIFF(MICROSECOND, b.at, a.at), 0) AS cores "
        "FROM sessions s JOIN users o ON o.user_id=s.user_id "
        "LEFT JOIN session_usage a ON a.session_id=s.session_id AND a.at=" NEWEST_BUT(
            "") " "
                "LEFT JOIN session_usage b ON b.session_id=s.session_id AND "
                "b.at=" NEWEST_BUT(" AND x.at < a.at") " AND b.cpu_us <= a.cpu_us "
                                                       "WHERE s.status='ready' ORDER BY cores "
                                                       "DESC, a.memory_bytes DESC, s.session_id"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct session_load load = {
            .session_id = db_row_id(rows, 0),
            .user = db_row_text(rows, 1),
            .dataset = db_row_text(rows, 2),
            .sample_id = db_row_text(rows, 3),
            .age_seconds = db_row_int(rows, 4),
            .usage = {.at = db_row_time(rows, 5),
                      .memory_bytes = db_row_int(rows, 6),
                      .cpu_us = db_row_int(rows, 7),
                      .disk_bytes = db_row_int(rows, 8),
                      .processes = db_row_int(rows, 9),
                      .oom_kills = db_row_int(rows, 10)},
            .cores = db_row_double(rows, 11),
        };

        each(&load, arg);
    }
    return 0;
}
