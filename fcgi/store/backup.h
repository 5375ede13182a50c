/*
 * backup.h - what a backup needs of the database: a moment without commits, counts and sums to
 * check it by, and an empty database to restore into. For the administrator's account.
 */
#ifndef CODESET_STORE_BACKUP_H
#define CODESET_STORE_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct db;

/* From now until store_commits_release commits wait, so that snapshots which begin in between by
 * other connections show the same. For moments only: workers wait 2 s for a commit. */
int store_commits_hold(struct db *db, struct error *err);
void store_commits_release(struct db *db);

/* Calls each with every table, sorted by name, and how many rows it has. */
int store_table_counts(struct db *db, void (*each)(const char *table, int64_t rows, void *arg),
                       void *arg, struct error *err);

/* Calls each with every sum by which two states of the money are compared: what the entries of each
 * account come to, and the users' balances. */
int store_ledger_sums(struct db *db, void (*each)(const char *name, int64_t cents, void *arg),
                      void *arg, struct error *err);

/* Has the database no table, or is there no such database? */
int store_database_empty(struct db *db, const char *name, bool *ret_empty, struct error *err);

int store_database_create(struct db *db, const char *name, struct error *err);

/* max_allowed_packet of the server, for connections that begin afterwards. *ret_before: what it
 * was. */
int store_packet_max_set(struct db *db, int64_t bytes, int64_t *ret_before, struct error *err);

#endif
