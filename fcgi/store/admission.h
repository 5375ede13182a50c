/*
 * admission.h - may this user begin another session? For store/ only.
 */
#ifndef CODESET_STORE_ADMISSION_H
#define CODESET_STORE_ADMISSION_H

#include "store/sessions.h"

/*
 * Within a transaction, whose locks make the answer hold until its end: the user's row, and where
 * the session costs something, the balance. Limits of the user's own replace those in `wanted`.
 * Whether one more session may be open is not asked here: the statement that inserts it does so.
 * Codes SESSION_RATE_LIMIT, SPENDING_LIMIT and INSUFFICIENT_CREDITS.
 */
int session_admit(struct db *db, struct new_session *wanted, struct error *err);

#endif
