/*
 * admission.h - may this user begin another session, or have another job? For store/ only.
 */
#ifndef CODESET_STORE_ADMISSION_H
#define CODESET_STORE_ADMISSION_H

#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

enum admission_kind { ADMIT_SESSION, ADMIT_JOB };

struct admission {
    enum admission_kind kind;
    struct id user_id;
    const struct id *key_id;    /* that asks; NULL: a token */
    int64_t price_cents;        /* what it costs now: a session's minute, a job; 0: nothing */
    int64_t open_max;           /* of sessions: how many may be open */
    int64_t creates_per_minute; /* of this kind; 0: any number */
    int64_t cents_per_day, key_cents_per_day; /* 0: any sum */
};

/*
 * Within a transaction, whose locks make the answer hold until its end: the user's row, and where
 * it costs something, the balance. Limits of the user's own replace those in `wanted`. Whether one
 * more may be open is not asked here: the statement that inserts it does so. Codes
 * SESSION_RATE_LIMIT or JOB_RATE_LIMIT, SPENDING_LIMIT and INSUFFICIENT_CREDITS.
 */
int admit(struct db *db, struct admission *wanted, struct error *err);

#endif
