#include "store/sample_checks.h"

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

const char *sample_state_name(enum sample_state state)
{
    static const char *const names[] = {"good", "slow", "flaky", "broken"};

    return names[state];
}

int store_sample_check_set(struct db *db, const struct sample_check *check, struct error *err)
{
    static const struct query query = {
        "REPLACE INTO sample_checks (dataset, sample_id, version, state, repeats, detail)"
        " VALUES (?, ?, ?, ?, ?, ?)"};

    return DB_RUN(db, &query, NULL, err, db_text(check->dataset), db_text(check->sample_id),
                  db_int(check->version), db_text(sample_state_name(check->state)),
                  db_int(check->repeats), db_text(check->detail));
}

int store_sample_check_detail(struct db *db, const char *dataset, const char *sample_id,
                              int64_t version, struct buf *detail, struct error *err)
{
    static const struct query query = {
        "SELECT detail FROM sample_checks WHERE dataset = ? AND sample_id = ? AND version = ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(dataset), db_text(sample_id), db_int(version));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return 0;
    buf_add(detail, db_row_text(rows, 0), db_row_length(rows, 0));
    return 1;
}
