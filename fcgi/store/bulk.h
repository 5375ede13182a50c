/*
 * bulk.h - the values of a statement that is run for several rows at once (db_run_rows), as
 * Connector/C wants them. For store/db.c only.
 */
#ifndef CODESET_STORE_BULK_H
#define CODESET_STORE_BULK_H

#include <mysql.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db.h"

/* Microseconds since 1970, in UTC. */
MYSQL_TIME bulk_time(int64_t when);

/* Runs the statement for two rows or more; -1: the statement has the error. */
int bulk_execute(MYSQL_STMT *handle, const struct db_value *values, size_t columns, size_t rows);

#endif
