#include "store/backup.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "store/db.h"
#include "store/migrate.h"

#include "base/banned.h"

int store_commits_hold(struct db *db, struct error *err)
{
    /* Other statements than commits go on. A long one may be waited for, but not for ever. */
    static const char sql[] = "SET lock_wait_timeout=10; BACKUP STAGE START; "
                              "BACKUP STAGE BLOCK_COMMIT";

    if (db_run_script(db, sql, sizeof(sql) - 1, err) == 0)
        return 0;
    error_wrap(err, "cannot hold commits for the moment in which a backup begins");
    store_commits_release(db);
    return -1;
}

void store_commits_release(struct db *db)
{
    static const char end[] = "BACKUP STAGE END";
    struct error ignored, *err = &ignored;

    db_run_script(db, end, sizeof(end) - 1, err);
}

static int each_number(struct db_rows *rows,
                       void (*each)(const char *name, int64_t number, void *arg), void *arg)
{
    while (db_next(rows))
        each(db_row_text(rows, 0), db_row_int(rows, 1), arg);
    return 0;
}

int store_table_counts(struct db *db, void (*each)(const char *table, int64_t rows, void *arg),
                       void *arg, struct error *err)
{
    static const struct query query = {
        "BEGIN NOT ATOMIC DECLARE counts LONGTEXT; "
        "SELECT GROUP_CONCAT('SELECT ''', table_name, ''' AS t, COUNT(*) AS n FROM `', table_name, "
        "'`' ORDER BY table_name SEPARATOR ' UNION ALL ') INTO counts "
        "FROM information_schema.tables WHERE table_schema=DATABASE() AND table_type='BASE TABLE'; "
        "EXECUTE IMMEDIATE counts; END"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    return rows ? each_number(rows, each, arg) : error_wrap(err, "counting the rows");
}

int store_ledger_sums(struct db *db, void (*each)(const char *name, int64_t cents, void *arg),
                      void *arg, struct error *err)
{
    static const struct query query = {
        "SELECT CONCAT('account ', account) AS name, SUM(amount_cents) FROM ledger_entries "
        "GROUP BY account "
        "UNION ALL SELECT 'balances', IFNULL(SUM(balance_cents), 0) FROM balances "
        "UNION ALL SELECT 'balances paid', IFNULL(SUM(paid_cents), 0) FROM balances "
        "UNION ALL SELECT 'deposited', IFNULL(SUM(total_deposited_cents), 0) FROM balances "
        "UNION ALL SELECT 'spent', IFNULL(SUM(total_spent_cents), 0) FROM balances "
        "UNION ALL SELECT 'grants', IFNULL(SUM(remaining_cents), 0) FROM credit_grants "
        "ORDER BY name"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    return rows ? each_number(rows, each, arg) : error_wrap(err, "summing the ledger");
}

int store_database_empty(struct db *db, const char *name, bool *ret_empty, struct error *err)
{
    static const struct query query = {
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(name));

    if (!rows || !db_next(rows))
        return -1;
    *ret_empty = db_row_int(rows, 0) == 0;
    return 0;
}

int store_database_create(struct db *db, const char *name, struct error *err)
{
    return migrate_use_database(db, name, err);
}

int store_packet_max_set(struct db *db, int64_t bytes, int64_t *ret_before, struct error *err)
{
    static const struct query read = {"SELECT @@GLOBAL.max_allowed_packet"};
    static const struct query set = {"SET GLOBAL max_allowed_packet=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &read, NULL, 0, err);
    int64_t before;

    if (!rows || !db_next(rows))
        return -1;
    before = db_row_int(rows, 0);
    if (DB_RUN(db, &set, NULL, err, db_int(bytes)) < 0)
        return -1;
    *ret_before = before;
    return 0;
}
