/*
 * session_rows.h - the columns of a struct session, and how they are read; for store/ only.
 */
#ifndef CODESET_STORE_SESSION_ROWS_H
#define CODESET_STORE_SESSION_ROWS_H

#include "store/db.h"
#include "store/sessions.h"

/* Of sessions s. */
#define SESSION_COLUMNS                                                                            \
    "s.session_id, s.user_id, s.dataset, s.sample_id, s.status, s.requested_at, s.created_at, "    \
    "s.expires_at, s.ended_at, s.error_code, s.error_message, s.container_name, s.location "
#define SELECT_SESSION "SELECT NOW(6), " SESSION_COLUMNS "FROM sessions s "

/* When a session that ends now has ended: no later than its time to live, though nobody may have
 * been there to end it then; for its seconds cost money. */
#define SESSION_END_NOW "LEAST(NOW(6), GREATEST(expires_at, IFNULL(created_at, expires_at)))"

/* The row's SESSION_COLUMNS begin at column `first`. */
void session_read(const struct db_rows *rows, int64_t now, unsigned first, struct session *session);

#endif
