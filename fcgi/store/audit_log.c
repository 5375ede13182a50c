#include "store/audit_log.h"

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

int store_audit_log_add(struct db *db, const char *kind, const char *object, const char *detail,
                        struct error *err)
{
    static const struct query query = {
        "INSERT INTO audit_log (kind, object, detail) VALUES (?, LEFT(?, 255), LEFT(?, 1000))"};

    return DB_RUN(db, &query, NULL, err, db_text(kind), db_text(object), db_text(detail));
}

#define COLUMNS                                                                                    \
    "SELECT a.seq, a.at, a.actor, a.name, a.account, a.kind, a.user_id, u.email, a.object, "       \
    "a.detail FROM audit_log a LEFT JOIN users u ON u.user_id=a.user_id "
#define SINCE_AND_KIND                                                                             \
    "a.at >= IFNULL(?, '1970-01-01') AND (? IS NULL OR a.kind=? OR a.kind LIKE CONCAT(?, '.%')) "  \
    "ORDER BY a.seq DESC LIMIT ?"

static struct db_rows *select_entries(struct db *db, const struct audit_filter *filter,
                                      struct error *err)
{
    static const struct query all = {COLUMNS "WHERE " SINCE_AND_KIND};
    static const struct query of_user = {COLUMNS "WHERE a.user_id=? AND " SINCE_AND_KIND};
    struct db_value since = db_time(filter->since), kind = db_text(filter->kind);

    if (filter->user_id)
        return DB_SELECT(db, &of_user, err, db_id(filter->user_id), since, kind, kind, kind,
                         db_int(filter->limit));
    return DB_SELECT(db, &all, err, since, kind, kind, kind, db_int(filter->limit));
}

int store_audit_log_list(struct db *db, const struct audit_filter *filter,
                         void (*each)(const struct audit_entry *entry, void *arg), void *arg,
                         struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = select_entries(db, filter, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct audit_entry entry = {
            .seq = db_row_int(rows, 0),
            .at = db_row_time(rows, 1),
            .actor = db_row_text(rows, 2),
            .name = db_row_text(rows, 3),
            .account = db_row_text(rows, 4),
            .kind = db_row_text(rows, 5),
            .user_id = db_row_id(rows, 6),
            .email = db_row_text(rows, 7),
            .object = db_row_text(rows, 8),
            .detail = db_row_text(rows, 9),
        };

        each(&entry, arg);
    }
    return 0;
}
