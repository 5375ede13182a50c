#include "store/session_log.h"

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

int store_session_log(struct db *db, const struct id *session_id, int64_t limit,
                      void (*each)(const struct session_event *event, void *arg), void *arg,
                      struct error *err)
{
    /* No index has the order: each half reads all rows of its session (index by_session), sorts
     * them, and passes on no more than can be among the newest. */
    static const struct query query = {
        "SELECT id, kind, status, created_at, started_at, ended_at, exit_code, success, subject, "
        "message FROM (SELECT * FROM ("
        "(SELECT interaction_id AS id, CAST(interaction_type AS CHAR) AS kind, "
        "CAST(status AS CHAR) AS status, created_at, started_at, ended_at, exit_code, success, "
        "LEFT(IFNULL(command, file_path), ?) AS subject, message FROM interactions "
        "WHERE session_id=? ORDER BY created_at DESC, interaction_id DESC LIMIT ?) UNION ALL "
        "(SELECT job_id, ?, CAST(status AS CHAR), created_at, started_at, completed_at, NULL, "
        "is_success, NULL, error_message FROM verifications "
        "WHERE session_id=? ORDER BY created_at DESC, job_id DESC LIMIT ?)"
        ") events ORDER BY created_at DESC, id DESC LIMIT ?) newest ORDER BY created_at, id"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &query, err, db_int(SESSION_EVENT_SUBJECT), db_id(session_id), db_int(limit),
        db_text(SESSION_EVENT_VERIFICATION), db_id(session_id), db_int(limit), db_int(limit));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        const struct session_event event = {
            .id = db_row_id(rows, 0),
            .kind = db_row_text(rows, 1),
            .status = db_row_text(rows, 2),
            .created_at = db_row_time(rows, 3),
            .started_at = db_row_time(rows, 4),
            .ended_at = db_row_time(rows, 5),
            .has_exit_code = !db_is_null(rows, 6),
            .exit_code = db_row_int(rows, 6),
            .success = db_is_null(rows, 7) ? -1 : db_row_int(rows, 7) != 0,
            .subject = db_row_text(rows, 8),
            .subject_length = db_row_length(rows, 8),
            .message = db_row_text(rows, 9),
        };

        each(&event, arg);
    }
    return 0;
}
