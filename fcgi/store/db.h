/*
 * db.h - one connection to MariaDB and its prepared statements. Only store/ uses the second half
 * of this file; others hold a `struct db *` and hand it to store functions.
 *
 * A db connects when it is first used, and again after the connection broke, but not more often
 * than a growing pause allows (0.1 s to 2 s); in between every call fails at once with
 * ERROR_UNAVAILABLE and the code DATABASE_UNAVAILABLE. Not for two threads at once.
 *
 * A read that found the connection broken is sent once more. A write is not: it may have been
 * carried out. Then the error's code is DATABASE_UNAVAILABLE too, and db_lost(db) is true until
 * the next statement; the caller looks its row up by the id that it made. A statement that waited
 * too long for a lock is DATABASE_BUSY: nothing was written.
 */
#ifndef CODESET_STORE_DB_H
#define CODESET_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct database_settings;
struct db;

enum db_account { DB_API, DB_REAPER, DB_ADMIN };

/* Reads the account's password file; does not connect yet. The settings must outlive the db. */
struct db *db_new(const struct database_settings *settings, enum db_account account,
                  struct error *err);
void db_free(struct db *db);

/* Who the administrator's account acts for, as the audit log tells it (audit_log.h): the operator's
 * name in the system. Before the first statement. */
void db_set_operator(struct db *db, const char *name);

/* Is the server there? One round trip. */
int db_ping(struct db *db, struct error *err);

/* Waits until the server is in reach again, for ms at most. Where it is, it returns at once. */
int db_await(struct db *db, int64_t ms, struct error *err);

/* For several reads that have to add up: until the handle is given to db_end_snapshot, reads by it
 * see the database as it is now, and writes are refused. NULL: there is none, and err says why. */
struct db *db_snapshot(struct db *db, struct error *err);
void db_end_snapshot(struct db **snapshot);

/* Call once in every thread that uses a db, before and after. */
void db_thread_begin(void);
void db_thread_end(void);

/* --- for store/ ------------------------------------------------------------------------------ */

/* A statement: a literal with ? for values. Lives in static storage; its address is its name in
 * the connection's cache of prepared statements. */
struct query {
    const char *sql;
};

/*
 * Several statements in one round trip, all of them or none, with ? for values as elsewhere. Not
 * within a transaction of db_begin. Each statement ends in a semicolon; `variables` are DECLAREs,
 * which MariaDB wants first. db_run tells the sum of the changed rows; with a `select`, which is
 * run behind the commit, db_select brings its rows.
 */
#define DB_ATOMIC(body) DB_ATOMIC_SELECT("", body, "")
#define DB_ATOMIC_SELECT(variables, body, select)                                                  \
    "BEGIN NOT ATOMIC " variables                                                                  \
    "DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; "                        \
    "START TRANSACTION; " body " COMMIT; " select " END"

enum db_type { DB_TYPE_NULL, DB_TYPE_INT, DB_TYPE_DOUBLE, DB_TYPE_BYTES, DB_TYPE_TIME };

struct db_value {
    enum db_type type;
    int64_t integer; /* DB_TYPE_TIME: microseconds since 1970 */
    double real;
    const char *data;
    size_t length;
};

struct db_value db_null(void);
struct db_value db_int(int64_t number);
struct db_value db_double(double number);
struct db_value db_text(const char *text); /* NULL gives NULL */
struct db_value db_bytes(const void *data, size_t length);
struct db_value db_time(int64_t when); /* 0 gives NULL */
struct db_value db_id(const struct id *id);

/* Runs a statement without rows. *ret_changed (may be NULL): rows changed or inserted; an UPDATE
 * counts the rows that matched (CLIENT_FOUND_ROWS). A duplicate key is ERROR_CONFLICT; a deadlock
 * is tried again (not within a transaction). */
int db_run(struct db *db, const struct query *query, const struct db_value *values, size_t count,
           int64_t *ret_changed, struct error *err);

#define DB_RUN(db, query, ret_changed, err, ...)                                                   \
    db_run((db), (query), (const struct db_value[]){__VA_ARGS__},                                  \
           sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value),               \
           (ret_changed), (err))

/* The statement once for each row of values, row behind row, in one round trip. Within a
 * transaction only. A column's values have one type, or are NULL; texts are sent in one packet, so
 * the caller keeps them all together well below MariaDB's max_allowed_packet. Where it fails, some
 * rows may have been written: the caller goes back to a savepoint, or ends the transaction. */
int db_run_rows(struct db *db, const struct query *query, const struct db_value *values,
                size_t columns, size_t rows, struct error *err);

/* Rows, all fetched to this side: they stay good whatever becomes of the statement and the
 * connection. Columns are counted from 0; what db_row_text returns lives until db_rows_free. */
struct db_rows;
struct db_rows *db_select(struct db *db, const struct query *query, const struct db_value *values,
                          size_t count, struct error *err);
void db_rows_free(struct db_rows *rows);

#define DB_SELECT(db, query, err, ...)                                                             \
    db_select((db), (query), (const struct db_value[]){__VA_ARGS__},                               \
              sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value), (err))

static inline void db_rows_release(struct db_rows **rows)
{
    db_rows_free(*rows);
}

int64_t db_rows_count(const struct db_rows *rows);
bool db_next(struct db_rows *rows); /* to the next row; false behind the last */
bool db_is_null(const struct db_rows *rows, unsigned column);
int64_t db_row_int(const struct db_rows *rows, unsigned column); /* NULL gives 0 */
double db_row_double(const struct db_rows *rows, unsigned column);
int64_t db_row_time(const struct db_rows *rows, unsigned column);     /* NULL gives 0 */
const char *db_row_text(const struct db_rows *rows, unsigned column); /* NULL gives NULL */
char *db_row_copy(const struct db_rows *rows, unsigned column);       /* to free(); NULL: NULL */
size_t db_row_length(const struct db_rows *rows, unsigned column);    /* of text or bytes */
struct id db_row_id(const struct db_rows *rows, unsigned column);     /* NULL gives "" */

/* Calls each with every id of their first column, then frees rows; `each` may run statements. */
void db_each_id(struct db_rows *rows, void (*each)(const struct id *id, void *arg), void *arg);

/* A transaction; every path ends in commit or rollback. db_rollback does nothing without one. */
int db_begin(struct db *db, struct error *err);
int db_commit(struct db *db, struct error *err);
void db_rollback(struct db *db);

/* Within a transaction: tell(note) is called once it is committed, not where it ends otherwise;
 * note is freed behind either. */
typedef void db_tell(struct db *db, void *note);
void db_after_commit(struct db *db, db_tell *tell, void *note);

/* The note that this transaction has for tell; NULL: none. */
void *db_noted(const struct db *db, db_tell *tell);

/* Who is told what follows from movements of money (store/ledger.h); NULL: nobody. */
struct ledger_watch;
void db_set_watch(struct db *db, const struct ledger_watch *watch);
const struct ledger_watch *db_watch(const struct db *db);

/* Did the last statement lose the connection after it may have been delivered? */
bool db_lost(const struct db *db);

/* Text of several statements, as in sql/ files; for migrations only. */
int db_run_script(struct db *db, const char *script, size_t length, struct error *err);

/* One statement of such a text; a second one in it is refused as a syntax error. */
int db_run_statement(struct db *db, const char *text, size_t length, struct error *err);

#endif
