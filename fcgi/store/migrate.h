/*
 * migrate.h - the schema's versions: numbered files sql/NNNN_words.sql, applied in order, each
 * recorded in schema_migrations with the SHA-256 of the file.
 *
 * A record is begun before a file is applied and finished behind it, for MariaDB can't take back
 * half a file (DDL commits by itself): where a record was never finished, nothing goes on before
 * somebody looked. For the administrator's account (DB_ADMIN).
 *
 * The server goes on working meanwhile. A statement that changes a table waits until no transaction
 * has it, and each new statement on that table queues behind it: so it gives up after a second,
 * lets the others through, and is tried again. Therefore the statements of a file are told apart,
 * by how they are written: each begins in the first column, ends with a semicolon at a line's end,
 * and has nothing else in the first column but BEGIN and END. One that is a block (BEGIN NOT
 * ATOMIC) must bear to be begun anew.
 */
#ifndef CODESET_STORE_MIGRATE_H
#define CODESET_STORE_MIGRATE_H

#include <stdint.h>

#include "base/error.h"
#include "store/accounts.h"

struct migration_state {
    int64_t applied;   /* the database's version; 0: no schema yet */
    int64_t available; /* the newest file's number */
};

/* Called before a file is applied (name: the file's), and now and then while something is waited
 * for: with the beginning of a statement whose table a transaction has, or with both NULL for
 * another migration of this database. */
typedef void migrate_progress(const char *name, const char *statement, void *arg);

/*
 * Makes the database if it is missing, brings it to the newest version, and sees to the accounts
 * (accounts.h). One at a time: who comes second waits, and finds nothing to do. *ret_state: before.
 * Refuses when a file that was applied has changed, when the database is newer than the files, when
 * a number is missing among them, and when an earlier run was interrupted within a file.
 * DATABASE_BUSY: minutes were not enough to get a table.
 */
int store_migrate(struct db *db, const struct database_settings *settings, const char *sql_dir,
                  migrate_progress *progress, account_change *change, void *arg,
                  struct migration_state *ret_state, struct error *err);

/* Makes the database if it is missing, without a table, and the connection's. */
int migrate_use_database(struct db *db, const char *name, struct error *err);

/* Looks, changes nothing, and finds the same faults. */
int store_migration_state(struct db *db, const char *sql_dir, struct migration_state *ret_state,
                          struct error *err);

#endif
