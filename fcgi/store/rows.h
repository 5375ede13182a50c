/*
 * rows.h - the rows of a SELECT, taken out of the statement that fetched them: they stay good when
 * the statement runs again, or is closed with a connection that broke. Read through db.h.
 */
#ifndef CODESET_STORE_ROWS_H
#define CODESET_STORE_ROWS_H

#include <mysql.h>

#include "store/db.h"

/* Fetches all rows of the executed statement's first result, and frees it and what follows. NULL:
 * the statement's own error says why. */
struct db_rows *rows_take(MYSQL_STMT *statement);

#endif
