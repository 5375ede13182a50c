#include "store/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "settings.h"
#include "store/db.h"

#include "base/banned.h"

#define SCRIPT_MOST (4 * 1024 * 1024)
#define MIGRATIONS_MOST 9999
#define LOCK_TRY_SECONDS 5
#define LOCK_WAIT (300 * CLOCK_SECOND)
/* For a table. Within a file longer: half a file is worse than a long wait. */
#define TABLE_WAIT (300 * CLOCK_SECOND)
#define TABLE_WAIT_WITHIN (3600 * CLOCK_SECOND)
#define TABLE_PAUSE_US 2000000
#define BEGINNING 120 /* characters of a statement that are told */

struct migration {
    char *name;
    struct buf script;
    unsigned char checksum[SHA256_SIZE];
};

/* Number n is at n - 1. */
struct migrations {
    struct migration *list;
    size_t count;
};

static void migrations_release(struct migrations *migrations)
{
    for (size_t i = 0; i < migrations->count; i++) {
        free(migrations->list[i].name);
        buf_release(&migrations->list[i].script);
    }
    free(migrations->list);
}

/* "0001_schema.sql" gives 1, another name 0. */
static long number_of(const char *name)
{
    size_t length = strlen(name);

    if (length < sizeof("0001_a.sql") - 1 || strspn(name, "0123456789") != 4 || name[4] != '_' ||
        strcmp(name + length - 4, ".sql") != 0)
        return 0;
    return strtol(name, NULL, 10);
}

static int is_migration(const struct dirent *entry)
{
    return number_of(entry->d_name) > 0;
}

static void free_entries(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static int read_migration(int dir_fd, const char *name, struct migration *migration,
                          struct error *err)
{
    *migration = (struct migration){.name = xstrdup(name), .script = BUF_INIT};
    if (file_read(dir_fd, name, SCRIPT_MOST, &migration->script, err) < 0)
        return -1;
    sha256(migration->script.data, migration->script.length, migration->checksum);
    return 0;
}

/* Reads NNNN_words.sql of the folder, which must be numbered from 1 without a gap. */
static int read_migrations(const char *sql_dir, struct migrations *migrations, struct error *err)
{
    _cleanup_(close_fd) int dir_fd = open(sql_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **entries;
    int count, status = -1;

    if (dir_fd < 0)
        return error_errno(err, errno, "cannot open the migrations folder %s", sql_dir);
    count = scandirat(dir_fd, ".", &entries, is_migration, alphasort);
    if (count < 0)
        return error_errno(err, errno, "cannot read the migrations folder %s", sql_dir);
    if (count > 0)
        migrations->list = xcalloc((size_t)count, sizeof(*migrations->list));
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (number_of(name) != i + 1) {
            error_set(err, ERROR_INVALID, NULL, "%s/%s should have the number %04d", sql_dir, name,
                      i + 1);
            goto out;
        }
        migrations->count = (size_t)i + 1;
        if (read_migration(dir_fd, name, &migrations->list[i], err) < 0)
            goto out;
    }
    status = count > 0 ? 0
                       : error_set(err, ERROR_INVALID, NULL,
                                   "there are no migrations (NNNN_words.sql) in %s", sql_dir);
out:
    free_entries(entries, count);
    return status;
}

static int check_record(const struct migrations *migrations, const struct db_rows *rows,
                        int64_t expected, struct error *err)
{
    int64_t version = db_row_int(rows, 0);
    const struct migration *file;

    if (version > (int64_t)migrations->count)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "the database has migration %" PRId64 " (%s), but the newest file here is "
                         "%zu: it belongs to a newer release; upgrade codeset instead",
                         version, db_row_text(rows, 1), migrations->count);
    if (version != expected)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "schema_migrations has no record of migration %" PRId64
                         "; restore the database from a backup",
                         expected);
    file = &migrations->list[version - 1];
    if (db_is_null(rows, 3))
        return error_set(err, ERROR_CONFLICT, NULL,
                         "migration %s was interrupted; restore the database from a backup "
                         "(or drop it, if it is still empty) and migrate again",
                         file->name);
    if (db_row_length(rows, 2) != SHA256_SIZE ||
        memcmp(db_row_text(rows, 2), file->checksum, SHA256_SIZE) != 0)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "%s is not the file that was applied as migration %" PRId64
                         "; restore the original file, and put changes into a new one",
                         file->name, version);
    return 0;
}

/* Compares records and files. *ret_applied: how many are applied. */
static int read_records(struct db *db, const struct migrations *migrations, int64_t *ret_applied,
                        struct error *err)
{
    static const struct query is_there = {
        "SELECT COUNT(*) FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'"};
    static const struct query records = {
        "SELECT version, name, checksum, finished_at FROM schema_migrations ORDER BY version"};
    _cleanup_(db_rows_release) struct db_rows *there = db_select(db, &is_there, NULL, 0, err);
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    int64_t applied = 0;

    if (!there)
        return -1;
    if (!db_next(there) || db_row_int(there, 0) == 0) {
        *ret_applied = 0;
        return 0;
    }
    rows = db_select(db, &records, NULL, 0, err);
    if (!rows)
        return -1;
    for (; db_next(rows); applied++) {
        if (check_record(migrations, rows, applied + 1, err) < 0)
            return -1;
    }
    *ret_applied = applied;
    return 0;
}

/* Behind blank lines and comments, which begin in the first column. */
static const char *next_statement(const char *text)
{
    while (*text == '\n' || strncmp(text, "--", 2) == 0) {
        text = strchrnul(text, '\n');
        text += *text == '\n';
    }
    return text;
}

static size_t statement_length(const char *text)
{
    for (const char *end = text; (end = strstr(end, ";\n")) != NULL;) {
        const char *next = end + 1 + strspn(end + 1, "\n");

        end += 2;
        if (*next == '\0' || (*next != ' ' && *next != '\t' && strncmp(next, "END", 3) != 0))
            return (size_t)(end - text);
    }
    return strlen(text);
}

/* For a line of text. */
static void beginning_of(const char *statement, size_t length, char ret_text[BEGINNING + 1])
{
    size_t used = 0;

    for (size_t i = 0; i < length && used < BEGINNING; i++) {
        const char c = statement[i] == '\n' || statement[i] == '\t' ? ' ' : statement[i];

        if (c != ' ' || (used > 0 && ret_text[used - 1] != ' '))
            ret_text[used++] = c;
    }
    ret_text[used] = '\0';
}

/* Again and again, where a transaction has a table that it needs. */
static int apply_statement(struct db *db, const char *statement, size_t length, int64_t patience,
                           migrate_progress *progress, void *arg, struct error *err)
{
    const int64_t give_up = clock_monotonic() + patience;
    char beginning[BEGINNING + 1];

    beginning_of(statement, length, beginning);
    while (db_run_statement(db, statement, length, err) < 0) {
        if (!err->code || strcmp(err->code, "DATABASE_BUSY") != 0)
            return -1;
        if (clock_monotonic() > give_up)
            return error_wrap(err, "no transaction let go of the table for minutes: %s", beginning);
        progress(NULL, beginning, arg);
        usleep(TABLE_PAUSE_US);
        error_clear(err);
    }
    return 0;
}

/* *ret_begun: something of it is in the database now. */
static int apply_script(struct db *db, const struct migration *migration,
                        migrate_progress *progress, void *arg, bool *ret_begun, struct error *err)
{
    const char *text = migration->script.data ? migration->script.data : "";

    *ret_begun = false;
    if (strlen(text) != migration->script.length)
        return error_set(err, ERROR_INVALID, NULL, "it holds a NUL byte");
    for (text = next_statement(text); *text != '\0'; text = next_statement(text)) {
        const size_t length = statement_length(text);

        if (apply_statement(db, text, length, *ret_begun ? TABLE_WAIT_WITHIN : TABLE_WAIT, progress,
                            arg, err) < 0) {
            *ret_begun = *ret_begun || !err->code || strcmp(err->code, "DATABASE_BUSY") != 0;
            return -1;
        }
        *ret_begun = true;
        text += length;
    }
    return 0;
}

static int apply(struct db *db, int64_t version, const struct migration *migration,
                 migrate_progress *progress, void *arg, struct error *err)
{
    static const struct query begin = {
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (?, ?, ?)"};
    static const struct query finish = {
        "UPDATE schema_migrations SET finished_at = NOW(6) WHERE version = ?"};
    static const struct query forget = {"DELETE FROM schema_migrations WHERE version = ?"};
    struct error ignored;
    bool begun;

    if (DB_RUN(db, &begin, NULL, err, db_int(version), db_text(migration->name),
               db_bytes(migration->checksum, SHA256_SIZE)) < 0)
        return error_wrap(err, "migration %s", migration->name);
    if (apply_script(db, migration, progress, arg, &begun, err) == 0 &&
        DB_RUN(db, &finish, NULL, err, db_int(version)) == 0)
        return 0;
    if (!begun) /* so that it can be tried again */
        DB_RUN(db, &forget, NULL, &ignored, db_int(version));
    return error_wrap(err, "migration %s", migration->name);
}

/* Identifiers can't be bound: MariaDB puts the statement together from a bound variable. */
int migrate_use_database(struct db *db, const char *name, struct error *err)
{
    static const struct query set = {"SET @codeset_schema = ?"};
    static const char create[] =
        "EXECUTE IMMEDIATE CONCAT('CREATE DATABASE IF NOT EXISTS `',"
        " REPLACE(@codeset_schema, '`', '``'), '` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin');"
        "EXECUTE IMMEDIATE CONCAT('USE `', REPLACE(@codeset_schema, '`', '``'), '`')";

    if (DB_RUN(db, &set, NULL, err, db_text(name)) < 0 ||
        db_run_script(db, create, sizeof(create) - 1, err) < 0)
        return error_wrap(err, "cannot create the database %s", name);
    return 0;
}

#define LOCK_NAME "CONCAT('codeset_migrate_', MD5(?))"

/* MariaDB's user-level lock: it is gone with the connection, so a run that died holds up nobody. */
static int lock(struct db *db, const char *name, migrate_progress *progress, void *arg,
                struct error *err)
{
    static const struct query query = {"SELECT GET_LOCK(" LOCK_NAME ", ?)"};
    int64_t give_up = clock_monotonic() + LOCK_WAIT;

    for (;;) {
        _cleanup_(db_rows_release) struct db_rows *rows =
            DB_SELECT(db, &query, err, db_text(name), db_int(LOCK_TRY_SECONDS));

        if (!rows)
            return -1;
        if (db_next(rows) && db_row_int(rows, 0) == 1)
            return 0;
        if (clock_monotonic() > give_up)
            return error_set(err, ERROR_UNAVAILABLE, NULL,
                             "another migration of %s has been running for minutes; find out why, "
                             "then try again",
                             name);
        progress(NULL, NULL, arg);
    }
}

/* A connection that broke and came back has no lock any more. */
static int still_locked(struct db *db, const char *name, struct error *err)
{
    static const struct query query = {"SELECT IS_USED_LOCK(" LOCK_NAME ") <=> CONNECTION_ID()"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(name));

    if (!rows)
        return -1;
    if (!db_next(rows) || db_row_int(rows, 0) == 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL,
                         "the connection to MariaDB was lost; migrate again");
    return 0;
}

static void unlock(struct db *db, const char *name)
{
    static const struct query query = {"SELECT RELEASE_LOCK(" LOCK_NAME ")"};
    struct error ignored;

    db_rows_free(DB_SELECT(db, &query, &ignored, db_text(name)));
}

static int apply_missing(struct db *db, const struct database_settings *settings,
                         const struct migrations *migrations, migrate_progress *progress, void *arg,
                         int64_t *ret_applied, struct error *err)
{
    static const struct query create = {
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " version INT UNSIGNED NOT NULL PRIMARY KEY,"
        " name VARCHAR(190) NOT NULL,"
        " checksum BINARY(32) NOT NULL COMMENT 'SHA-256 of the file',"
        " started_at DATETIME(6) NOT NULL DEFAULT NOW(6),"
        " finished_at DATETIME(6) NULL COMMENT 'NULL: interrupted within'"
        ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"};
    static const struct query short_waits = {"SET lock_wait_timeout=1"};
    int64_t applied;

    if (db_run(db, &short_waits, NULL, 0, NULL, err) < 0 ||
        migrate_use_database(db, settings->db_name, err) < 0 ||
        db_run(db, &create, NULL, 0, NULL, err) < 0 ||
        read_records(db, migrations, &applied, err) < 0)
        return -1;
    for (int64_t i = applied; i < (int64_t)migrations->count; i++) {
        if (still_locked(db, settings->db_name, err) < 0)
            return -1;
        progress(migrations->list[i].name, NULL, arg);
        if (apply(db, i + 1, &migrations->list[i], progress, arg, err) < 0)
            return -1;
    }
    *ret_applied = applied;
    return 0;
}

int store_migrate(struct db *db, const struct database_settings *settings, const char *sql_dir,
                  migrate_progress *progress, account_change *change, void *arg,
                  struct migration_state *ret_state, struct error *err)
{
    _cleanup_(migrations_release) struct migrations migrations = {0};
    int64_t applied;
    int status;

    if (read_migrations(sql_dir, &migrations, err) < 0 ||
        lock(db, settings->db_name, progress, arg, err) < 0)
        return -1;
    status = apply_missing(db, settings, &migrations, progress, arg, &applied, err);
    if (status == 0)
        status = store_accounts_ensure(db, settings, change, arg, err);
    unlock(db, settings->db_name);
    if (status == 0)
        *ret_state =
            (struct migration_state){.applied = applied, .available = (int64_t)migrations.count};
    return status;
}

int store_migration_state(struct db *db, const char *sql_dir, struct migration_state *ret_state,
                          struct error *err)
{
    _cleanup_(migrations_release) struct migrations migrations = {0};
    int64_t applied;

    if (read_migrations(sql_dir, &migrations, err) < 0 ||
        read_records(db, &migrations, &applied, err) < 0)
        return -1;
    *ret_state =
        (struct migration_state){.applied = applied, .available = (int64_t)migrations.count};
    return 0;
}
